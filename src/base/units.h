#pragma once
// Durations ("1s", "500ms", "30d") and sizes ("64MiB", "1GB", "4096") as people write them.

#include "base/ids.h"
#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace gyr {

// Whole or decimal number and unit: ns, us, ms, s, m, h, d, w; several may follow each other ("1h30m"). "0" needs none.
[[nodiscard]] Result<Nanos> parse_duration(std::string_view text);
// Bytes, or a number with k, M, G (powers of 1024, also written Ki, KiB, …) or kB, KB, MB, GB (powers of 1000).
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

// The shortest exact spelling: "1s", "1500ms", "64MiB".
[[nodiscard]] std::string format_duration(Nanos value);
[[nodiscard]] std::string format_size(std::uint64_t bytes);

} // namespace gyr
