#pragma once
// Paths in captures keep to the lengths that those who made them kept to: a longer one reads as this. Live paths are
// whole.

#include <cstddef>
#include <string_view>

namespace gyr {

inline constexpr std::size_t kCapturePathRoom = 1024;
inline constexpr std::string_view kTooLongPath = "/DIR_TOO_LONG/FILENAME_TOO_LONG";

// Whether path, below base unless it is absolute, is one of them.
[[nodiscard]] constexpr bool is_too_long(std::string_view base, std::string_view path) {
    return (path.starts_with('/') ? 0 : base.size()) + path.size() + 1 >= kCapturePathRoom;
}

} // namespace gyr
