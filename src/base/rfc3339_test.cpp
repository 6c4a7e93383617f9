#include "base/rfc3339.h"

#include <gtest/gtest.h>

namespace gyr {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kAt = 1'769'855'400 * kSecond; // date -u -d 2026-01-31T10:30:00Z +%s

TEST(Rfc3339, AnyNumberOfDecimals) {
    EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
    EXPECT_EQ(parse_rfc3339("2026-01-31T10:30:00Z"), kAt);
    EXPECT_EQ(parse_rfc3339("2026-01-31t10:30:00.5z"), kAt + kSecond / 2);
    EXPECT_EQ(parse_rfc3339("2026-01-31T10:30:00.123456789Z"), kAt + 123'456'789);
    EXPECT_EQ(parse_rfc3339("2026-01-31T10:30:00.1234567899Z"), kAt + 123'456'789);
}

TEST(Rfc3339, Offsets) {
    EXPECT_EQ(parse_rfc3339("2026-01-31T12:30:00+02:00"), kAt);
    EXPECT_EQ(parse_rfc3339("2026-01-31T05:00:00.25-05:30"), kAt + kSecond / 4);
}

TEST(Rfc3339, NothingElse) {
    for (const char* bad :
         {"", "2026-01-31", "2026-13-31T10:30:00Z", "2026-01-32T10:30:00Z", "2026-01-31T24:30:00Z",
          "2026-01-31T10:30:00", "2026-01-31 10:30:00Z", "2026-01-31T10:30:00.Z", "2026-01-31T10:30:00Zx",
          "2026-01-31T1a:30:00Z", "2026-01-31T10:30:00+1:00", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z"})
        EXPECT_FALSE(parse_rfc3339(bad)) << bad;
}

} // namespace
} // namespace gyr
