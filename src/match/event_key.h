#pragma once
// What programs are kept by: the type of an event, and of the generic type the system call, too.

#include "event/schema.h"
#include "state/event.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace gyr {

struct EventKey {
    EventCode code = kEventNone;
    std::uint16_t call = 0; // architecture-neutral number, for kGenericExit
    // Small and distinct; kEventKeys for what is no event.
    [[nodiscard]] constexpr std::size_t number() const;
    friend bool operator==(const EventKey&, const EventKey&) = default;
};

inline constexpr std::size_t kCalls = 512; // greater numbers, which no system call has, count as the last of these
inline constexpr std::size_t kOwnEventKeys = 512, kCallKeys = 520, kEventKeys = kCallKeys + kCalls;

constexpr std::size_t EventKey::number() const {
    if (code == kGenericExit) return kCallKeys + (call < kCalls ? call : kCalls - 1);
    if (code >= kSnapshot) return code <= kProcChange ? kOwnEventKeys + (code - kSnapshot) : kEventKeys;
    return code < kOwnEventKeys ? code : kEventKeys;
}

[[nodiscard]] inline EventKey key_of(const Event& event) {
    if (event.code != kGenericExit) return {event.code, 0};
    return {event.code, std::min(generic_call(event.params), static_cast<std::uint16_t>(kCalls - 1))};
}

} // namespace gyr
