#include "deeds/program.h"

// GYR_DEEDS_FILE comes from CMake.
asm(".pushsection .rodata\n"
    "gyr_deeds_begin:\n"
    ".incbin \"" GYR_DEEDS_FILE "\"\n"
    "gyr_deeds_end:\n"
    ".popsection\n");

extern "C" {
extern const std::byte gyr_deeds_begin[], gyr_deeds_end[]; // NOLINT(modernize-avoid-c-arrays): names of places
}

namespace gyr::deeds {

std::span<const std::byte> program() {
    return {gyr_deeds_begin, static_cast<std::size_t>(gyr_deeds_end - gyr_deeds_begin)};
}

} // namespace gyr::deeds
