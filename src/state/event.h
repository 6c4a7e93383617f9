#pragma once
// One event with everything a rule may ask of it. Holds the images of its process by shared_ptr, so it can be kept
// (an alert that waits for metadata) after the process has gone.

#include "base/ids.h"
#include "event/event_type.h"
#include "event/fd_info.h"
#include "state/fd_view.h"
#include "state/process.h"
#include "state/thread_facts.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyr {

struct AuditEvent; // audit/audit_event.h

struct Event {
    EventCode code = kEventNone;
    std::uint64_t number = 0; // counts events of this run from 1
    Nanos time = 0;           // wall clock
    Nanos previous_time = 0;  // of the event before this one; 0: there was none
    Tid tid = 0;
    std::int16_t cpu = -1;
    bool has_result = false;
    std::int64_t result = 0;                  // return value; negative errno
    ProcessImagePtr process;                  // the process after the event; null when unknown
    ProcessImagePtr before;                   // exec, change: the image it had; null otherwise
    RecordKind record = RecordKind::snapshot; // process-lane events
    std::uint64_t clone_flags = 0;            // fork
    ProcessKey child;                         // fork: the new process (event is the parent's); else empty
    std::int32_t exit_code = 0;               // exit: wait status word
    Pid reaper = 0;                           // exit: who adopts the children; 0: has none

    // Events with parameters (system calls, captures). The views and pointers are the source's and the state's, good
    // until the next event; keep() makes them this event's own. Parameters are as event/raw_event.h describes.
    // Process-lane events have none: fields compute their parameters from the image.
    std::span<const std::string_view> params;
    const FdInfo* fd = nullptr; // the descriptor acted on; null when the event has none or it is not known
    std::int64_t fd_number = -1;
    const FdInfo* other_fd = nullptr; // of a call that moves bytes from one descriptor to another: the other one
    std::int64_t other_fd_number = -1;
    bool fd_name_changed = false;       // the event gave fd another name than it had
    const FdInfo* path = nullptr;       // live: what a path argument led to
    const FdInfo* other_path = nullptr; // live: of a call with two paths, the second one
    std::string_view base, other_base;  // live: the folders that path and other_path start from when they are relative
    const ThreadFacts* thread = nullptr;
    bool unwanted = false;       // live: no clause of the plan held for it; sent to check the plan
    const FdView* fds = nullptr; // replay: the process's other descriptors; not kept by keep()

    // What a container event of a capture tells of; null for all others.
    std::shared_ptr<const Container> container;

    // Events of the Kubernetes audit log; null for all others.
    std::shared_ptr<const AuditEvent> audit;

    // Copies what params, fd, other_fd, path, other_path, their bases and thread point to, so that the event outlives
    // its source's buffer. Allocates; only for the few events that are held.
    void keep();

  private:
    struct Kept;
    std::shared_ptr<const Kept> kept_;
};

} // namespace gyr
