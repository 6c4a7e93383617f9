#pragma once
// Every number of both entries for system calls and every operation of io_uring, with the event that tells of it or the
// reason why none does.

#include <string>
#include <string_view>

namespace gyr::app {

// format: "text", "json" or "markdown"; anything else is text.
[[nodiscard]] std::string list_coverage(std::string_view format);

} // namespace gyr::app
