#pragma once
// Lists whose entries live in a file of their own: one entry a line; blank lines and lines that begin with '#' do not
// count, blanks around an entry neither. Made for millions of entries.

#include "base/result.h"
#include "lang/ast.h"

#include <memory>
#include <string>
#include <string_view>

namespace gyr::rules {

// path as written in a rule file; relative ones start from the folder of that file.
[[nodiscard]] std::string resolve_items_path(std::string_view rule_file, std::string_view path);

[[nodiscard]] Result<std::shared_ptr<const lang::ExternalList>> load_items_file(const std::string& path,
                                                                                std::string name);
// The same from text at hand, which becomes the list's own memory.
[[nodiscard]] Result<std::shared_ptr<const lang::ExternalList>> parse_items(std::string text, std::string name,
                                                                            std::string path = {});

} // namespace gyr::rules
