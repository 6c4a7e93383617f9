#pragma once
// Times as RFC 3339 writes them: 2026-01-31T10:30:00.123456789Z, or with an offset (+02:00) in place of the Z. From
// 1970 to 2250; of the fraction the first nine digits count.

#include "base/ids.h"

#include <optional>
#include <string_view>

namespace gyr {

// Nothing when it is anything else.
[[nodiscard]] std::optional<Nanos> parse_rfc3339(std::string_view text);

} // namespace gyr
