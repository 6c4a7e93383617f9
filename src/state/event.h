#pragma once
// One event with everything a rule may ask of it. Holds the images of its process by shared_ptr, so it can be kept
// (an alert that waits for metadata) after the process has gone.

#include "base/ids.h"
#include "event/event_type.h"
#include "state/process.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gyr {

struct Event {
    EventCode code = kEventNone;
    std::uint64_t number = 0;          // counts events of this run from 1
    Nanos time = 0;                    // wall clock
    Tid tid = 0;
    std::int16_t cpu = -1;
    bool has_result = false;
    std::int64_t result = 0;           // return value; negative errno
    ProcessImagePtr process;           // the process after the event; null when unknown
    ProcessImagePtr before;            // exec, change: the image it had; null otherwise
    RecordKind record = RecordKind::snapshot; // process-lane events
    std::uint64_t clone_flags = 0;     // fork
    ProcessKey child;                  // fork: the new process (event is the parent's); else empty
    std::int32_t exit_code = 0;        // exit: wait status word
};

} // namespace gyr
