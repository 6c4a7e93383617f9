#pragma once
// The kernel's clocks in nanoseconds.

#include "base/ids.h"

#include <ctime>

namespace gyr {

[[nodiscard]] inline Nanos clock_now(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return Nanos{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

[[nodiscard]] inline Nanos wall_now() { return clock_now(CLOCK_REALTIME); }
// For waiting: only its differences mean something.
[[nodiscard]] inline Nanos steady_now() { return clock_now(CLOCK_MONOTONIC); }

} // namespace gyr
