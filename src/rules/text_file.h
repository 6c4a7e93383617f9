#pragma once
// Whole files from disk.

#include "base/result.h"

#include <cstddef>
#include <string>

namespace gyr::rules {

// A pipe is read to its end, however long that takes: only one that somebody named ("/dev/stdin") can be worth it.
enum class Pipes : bool { refused, read };

// The content of a file; an error names path and reason. Directories and files of more than max_bytes are errors.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes, Pipes pipes);

} // namespace gyr::rules
