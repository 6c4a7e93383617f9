#pragma once
// What `rules check` says: per file, as text for people and as JSON in the shape of Falco's validation result. Lines
// and columns count from 1 in both.

#include "lang/diagnostic.h"

#include <string>
#include <string_view>
#include <vector>

namespace gyr::rules {

// The diagnostics whose place is in one file. Those of no file go with the first.
struct FileReport {
    std::string file;
    std::vector<const Diagnostic*> errors, warnings;
    [[nodiscard]] bool ok() const { return errors.empty(); }
};

// files in the order they were loaded; diagnostics must outlive the result.
[[nodiscard]] std::vector<FileReport> by_file(const std::vector<std::string>& files,
                                              const std::vector<Diagnostic>& diagnostics);

// One "<file>: Ok", "Ok, with warnings" or "Invalid" per file, with its problems below; ends with a newline.
[[nodiscard]] std::string check_text(const std::vector<FileReport>& reports, bool show_warnings = true);
// {"falco_load_results": [...]}, one line, no newline.
[[nodiscard]] std::string check_json(const std::vector<FileReport>& reports);

[[nodiscard]] std::string_view code_description(std::string_view code); // a few words on a LOAD_… code

} // namespace gyr::rules
