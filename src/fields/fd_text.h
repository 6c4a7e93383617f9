#pragma once
// Words and texts of descriptors. Texts are views into the descriptor or made in the arena.

#include "event/fd_info.h"
#include "fields/context.h"

#include <cstdint>
#include <string_view>

namespace gyr::fields {

inline constexpr std::int64_t kWorkingDirectory = -100; // AT_FDCWD

[[nodiscard]] std::string_view fd_type_name(FdType type); // "file", "ipv4" …; empty for unknown and unsupported
[[nodiscard]] char fd_type_char(FdType type);             // 'f', '4' …; 'o' for unknown
[[nodiscard]] std::string_view l4_name(L4Protocol l4);    // "tcp" …; empty when there is none

// What a number stands for in the process of the event; null when that is not known.
[[nodiscard]] const FdInfo* find_fd(const Context& c, std::int64_t number);

// The protocol that is told of a socket. Of a connection in a capture it shows once it is known who asks and who
// serves.
[[nodiscard]] L4Protocol shown_protocol(const Context& c, const FdInfo& fd);
// "<4t>10.0.0.1:80->…": kind, protocol and name.
[[nodiscard]] std::string_view fd_label(const Context& c, const FdInfo& fd);

// Address bytes as text.
[[nodiscard]] std::string_view ip_text(const std::uint8_t* bytes, bool v6, Arena& arena);

// The parts of a path: "/a" and "b" of "/a/b". Without a slash both are "/", as the
// language has it for a name that is no path.
[[nodiscard]] std::string_view directory_of(std::string_view path);
[[nodiscard]] std::string_view filename_of(std::string_view path);

} // namespace gyr::fields
