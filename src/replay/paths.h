#pragma once
// Paths in a capture are text: they are joined and shortened by their spelling alone, as nobody can look at the file
// system they came from any more.

#include <string>
#include <string_view>

namespace gyr::replay {

inline constexpr std::size_t kMaxPath = 4096;

// path, below base unless it is absolute, without ".", "..", "//" and a slash at the end. base may be empty (not
// known). Longer than kMaxPath: cut there.
void join_path(std::string_view base, std::string_view path, std::string& out);

} // namespace gyr::replay
