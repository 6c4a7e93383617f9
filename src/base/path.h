#pragma once
// Paths as text: joined and shortened by their spelling alone, for when nobody can look at the file system they came
// from any more.

#include <cstddef>
#include <string>
#include <string_view>

namespace gyr {

inline constexpr std::size_t kMaxPath = 4096;

// path, below base unless it is absolute, without ".", "..", "//" and a slash at the end. base may be empty (not
// known). Longer than kMaxPath: cut there.
void join_path(std::string_view base, std::string_view path, std::string& out);
// The same into memory of the caller, which must hold join_path_room(base, path) bytes.
[[nodiscard]] std::string_view join_path(std::string_view base, std::string_view path, char* out);
[[nodiscard]] constexpr std::size_t join_path_room(std::string_view base, std::string_view path) {
    return base.size() + path.size() + 2;
}

} // namespace gyr
