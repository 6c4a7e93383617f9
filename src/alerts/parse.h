#pragma once
// The way back from a line of Gyr's native JSON to the record it was made of. What was printed from the result is the
// same line again. Foreign bytes are refused with a sentence, never trusted.

#include "alerts/alert.h"
#include "base/result.h"

#include <string_view>

namespace gyr {

[[nodiscard]] Result<AlertRecord> parse_record(std::string_view line);

// A time ("2026-01-31T10:30:00Z", base/rfc3339.h), or how long before `now` ("1h").
[[nodiscard]] Result<Nanos> parse_since(std::string_view text, Nanos now);

} // namespace gyr
