#include "event/clone_flags.h"

namespace gyr {

std::uint32_t capture_clone_flags(std::uint64_t kernel) {
    static constexpr struct {
        std::uint64_t kernel;
        std::uint32_t format;
    } kMap[] = {
        {0x00000400, 0x1},       {0x00000200, 0x2},        {0x80000000, 0x4},       {0x08000000, 0x8},
        {0x40000000, 0x10},      {0x00020000, 0x20},       {0x20000000, 0x40},      {0x04000000, 0x80},
        {0x00008000, 0x100},     {0x00100000, 0x200},      {0x00002000, 0x400},     {0x00000800, 0x800},
        {0x00040000, 0x1000},    {0x00010000, 0x2000},     {0x00800000, 0x4000},    {0x00000100, 0x8000},
        {0x10000000, 0x100000},  {0x00200000, 0x800000},   {0x01000000, 0x1000000}, {0x00080000, 0x2000000},
        {0x00004000, 0x8000000}, {0x02000000, 0x10000000},
    };
    std::uint32_t out = 0;
    for (const auto& m : kMap)
        if (kernel & m.kernel) out |= m.format;
    return out;
}

} // namespace gyr
