#pragma once
// The one loop over a capture file: every item goes to the state, and every event that rules may see to the visitor.

#include "base/function_ref.h"
#include "capfile/reader.h"
#include "fields/context.h"
#include "replay/state.h"
#include "state/event.h"

#include <bitset>
#include <cstdint>
#include <limits>
#include <optional>
#include <stop_token>

namespace gyr::playback {

struct WalkEnd {
    std::uint64_t events = 0; // that rules may see
    Nanos last_time = 0;
    std::optional<capfile::Damage> damage; // the file is broken there; everything before was delivered
};

// Codes of events.
using EventCodes = std::bitset<capfile::kEventCodes>;

struct WalkLimits {
    std::uint64_t until = std::numeric_limits<std::uint64_t>::max(); // events after this number are not shown
    Nanos span = 0;            // of time, from the first event; later ones are not shown. 0: all
    std::stop_token stop = {}; // ends it at any item of the file, shown or not
};

// visit returns false to stop. The world is what the capture has told so far. The event is good during the call only.
// Numbers count the events of the file from 1, as evt.num does. With wanted, only events of these codes are made ready
// and shown; others count all the same.
[[nodiscard]] WalkEnd walk(capfile::Reader& reader, replay::ReplayState& state,
                           FunctionRef<bool(const Event&, const EvalWorld&)> visit, const WalkLimits& limits = {},
                           const EventCodes* wanted = nullptr);

} // namespace gyr::playback
