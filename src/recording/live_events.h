#pragma once
// Live events as a capture has them: clone, exec and exit in the format's words instead of our records, the first
// appearance of each thread, and what is known of a container before the first event that happens in it.
//
// A container's metadata and users come some milliseconds after its first process. Events are held back until they are
// there, for a bounded time and in bounded memory, so that a reader of the capture, who only ever looks back, knows the
// container's name from its first event on. One thread only.

#include "base/function_ref.h"
#include "base/result.h"
#include "event/raw_event.h"
#include "recording/container_facts.h"
#include "recording/flight_recorder.h"
#include "recording/led_path.h"
#include "recording/process_events.h"
#include "state/event.h"
#include "state/process_table.h"
#include "state/process_view.h"
#include "state/users.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace gyr::recording {

struct LiveEventOptions {
    bool for_old_readers = false;                           // no numbers of system calls that they break on
    Nanos metadata_wait = 0;                                // how long events are held back, by their time; 0: not
    std::size_t held_bytes = std::size_t{16} * 1024 * 1024; // memory for that
};

class LiveEvents {
  public:
    // Gets an event of the capture; it is good during the call. The first failure ends the call that led to it.
    using Tell = FunctionRef<Result<>(const RawEvent&)>;
    // Who knows more about an event's process; either may be null.
    struct World {
        const ProcessView* processes = nullptr;
        const UserView* users = nullptr;
    };

    explicit LiveEvents(LiveEventOptions options);

    // dump_flags: of what the event becomes (RawEvent).
    Result<> take(const Event& event, const World& world, std::uint32_t dump_flags, Tell tell);
    // Everything that is still held back.
    Result<> release(const UserView* users, Tell tell);
    // All that is known of containers, for a file that begins now.
    Result<> containers(const ProcessTable& processes, const UserView* users, Tell tell);

  private:
    struct Waiting {
        ProcessImagePtr image;
        Nanos since = 0;
    };

    Result<> see_container(const Event& event, const UserView* users, Tell tell);
    [[nodiscard]] bool settled(const UserView* users, Nanos now);
    Result<> put(const RawEvent& event, const UserView* users, Tell tell);
    Result<> put_system_call(const Event& event, std::uint32_t dump_flags, const UserView* users, Tell tell);

    LiveEventOptions options_;
    ProcessEvents process_events_;
    ContainerFacts facts_;
    LedPath led_path_;
    FlightRecorder held_;
    std::vector<Waiting> waiting_;   // not empty: events are held back
    std::set<std::string> given_up_; // containers by id: their events are not held back any more
    Nanos newest_ = 0;
};

} // namespace gyr::recording
