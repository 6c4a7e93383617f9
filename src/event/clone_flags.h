#pragma once
// clone(2)'s flags in the numbering of the capture format (table clone_flags of schema_flags.inc).

#include <cstdint>

namespace gyr {

// Flags the format does not know are left out.
[[nodiscard]] std::uint32_t capture_clone_flags(std::uint64_t kernel);

} // namespace gyr
