#pragma once
// Whole files from disk.

#include "base/result.h"

#include <cstddef>
#include <string>

namespace gyr::rules {

// The content of a regular file (or a pipe: "/dev/stdin"); an error names path and reason. Directories and files of
// more than max_bytes are errors.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes);

} // namespace gyr::rules
