#pragma once
// Names of the kernel's numbers.

#include <cstdint>
#include <string_view>

namespace gyr::fields {

[[nodiscard]] std::string_view errno_name(std::int64_t result); // of -1 "EPERM"; empty when unknown
[[nodiscard]] std::string_view signal_name(int number);         // "SIGKILL"; empty when unknown

} // namespace gyr::fields
