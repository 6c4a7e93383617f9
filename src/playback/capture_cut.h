#pragma once
// A smaller capture out of a larger one: the events that a filter matches, and of everything else what readers must
// know so that the fields of these events keep their values. For a bug report, a test, the demo.

#include "base/result.h"
#include "capfile/reader.h"
#include "capfile/writer.h"
#include "playback/event_printer.h"
#include "replay/state.h"

#include <cstdint>
#include <limits>
#include <optional>

namespace gyr::playback {

struct CutOptions {
    std::uint64_t until = std::numeric_limits<std::uint64_t>::max(); // the number of the last event that is looked at
    // Of the ancestors of a process so many are kept, the nearest; of further ones the file tells nothing.
    std::uint32_t ancestors = std::numeric_limits<std::uint32_t>::max();
};

struct CutEnd {
    std::uint64_t matched = 0;        // events that readers of the new file see
    std::uint64_t state_only = 0;     // further events, marked as being for the state alone
    replay::ReplayState::Stats state; // at the end of what was looked at
    std::optional<capfile::Damage> damage;
};

// Kept are the processes that events match of or name, their ancestors, the leaders of their groups, their descriptors,
// and what changed these. `once` and `again` read the same file from its beginning. A failure is the writer's.
[[nodiscard]] Result<CutEnd> cut_capture(capfile::Reader& once, capfile::Reader& again, EventPrinter& filter,
                                         const CutOptions& options, capfile::Writer& out);

} // namespace gyr::playback
