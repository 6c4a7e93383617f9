#pragma once
// The events and system calls of the schema as `gyr list` prints them.

#include <string>
#include <string_view>

namespace gyr {

// format: "text", "json" or "markdown"; anything else is text. Events that only older captures have, and that are
// upgraded when read, are left out unless asked for.
[[nodiscard]] std::string list_events(std::string_view format, bool with_old);
[[nodiscard]] std::string list_syscalls(std::string_view format);

} // namespace gyr
