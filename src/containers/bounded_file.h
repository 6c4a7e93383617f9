#pragma once
// Reading small files of foreign making: regular files only, no waiting on a FIFO or device, no link as last component,
// bounded size.

#include "base/result.h"

#include <cstddef>
#include <string>

namespace gyr {

// Errors: not_found (also for a file that is no regular one), io, invalid when larger than max_bytes.
[[nodiscard]] Result<std::string> read_bounded_file(const std::string& path, std::size_t max_bytes);

// The same for an open descriptor, which is not closed. Stops at max_bytes when cut is given and sets it.
[[nodiscard]] Result<std::string> read_bounded_fd(int fd, const std::string& name, std::size_t max_bytes,
                                                  bool* cut = nullptr);

} // namespace gyr
