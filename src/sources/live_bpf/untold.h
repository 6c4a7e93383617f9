#pragma once
// What the kernel can be asked for and no event tells of, with the reason: the other side of call_numbers() and
// uring_operations(). Names are those of the kernel's headers (asm/unistd_64.h, unistd_32.h, linux/io_uring.h).

#include <span>
#include <string_view>

namespace gyr {

struct Untold {
    std::string_view name, why;
};
[[nodiscard]] std::span<const Untold> untold_calls(); // by the 64-bit or the 32-bit entry
[[nodiscard]] std::span<const Untold> untold_uring_operations();

} // namespace gyr
