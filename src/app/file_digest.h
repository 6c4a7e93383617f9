#pragma once
// What a file holds, as a digest that others can compute too (sha256sum).

#include <optional>
#include <string>

namespace gyr::app {

// Hex; nothing when it is no regular file, or cannot be read.
[[nodiscard]] std::optional<std::string> sha256_of_file(const std::string& path);

} // namespace gyr::app
