#pragma once
// Numbers that name things. Plain integers as the kernel has them; the alias tells which one is meant.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace gyr {

using Pid = std::int32_t; // thread group id in the host's (initial) pid namespace
using Tid = std::int32_t; // thread id in the host's pid namespace
using Uid = std::uint32_t;
using Gid = std::uint32_t;
using Nanos = std::int64_t; // wall clock: ns since the epoch; durations: ns

inline constexpr std::uint32_t kNoId = 0xffffffffU; // an unset uid, gid, login uid or session (-1)

// A process for its whole life, whatever happens to its pid number afterwards: the thread group id and the start
// time of its leader in ns since boot (task_struct.start_boottime).
struct ProcessKey {
    Pid pid = 0;
    std::uint64_t start_boottime_ns = 0;

    friend bool operator==(const ProcessKey&, const ProcessKey&) = default;
    friend auto operator<=>(const ProcessKey&, const ProcessKey&) = default;
    [[nodiscard]] explicit operator bool() const { return pid != 0; }
};

} // namespace gyr

template <>
struct std::hash<gyr::ProcessKey> {
    std::size_t operator()(const gyr::ProcessKey& k) const noexcept {
        std::uint64_t x = k.start_boottime_ns ^ (static_cast<std::uint64_t>(static_cast<std::uint32_t>(k.pid)) << 32);
        x ^= x >> 31;
        x *= 0x9e3779b97f4a7c15ULL;
        return static_cast<std::size_t>(x ^ (x >> 29));
    }
};
