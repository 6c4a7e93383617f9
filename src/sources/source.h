#pragma once
// A source of process records: the kernel, a capture file, a script. One thread owns a source and calls everything.

#include "base/function_ref.h"
#include "base/result.h"
#include "event/process_record.h"
#include "event/raw_event.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace gyr {

inline constexpr std::size_t kRecordKinds = 5;

// Records of one kind that never reached us. Exact: every record is either delivered or counted here.
struct LossCounters {
    std::uint64_t count = 0;
    std::uint64_t first_boottime_ns = 0, last_boottime_ns = 0; // when the first and the last of them happened
    std::uint64_t cgroup_id = 0;                               // of the last
};

// By RecordKind.
using Losses = std::array<LossCounters, kRecordKinds>;

// One thing the source listens to in the kernel.
struct Hook {
    std::string name;
    std::string kind; // "tracepoint", "iterator", "netlink"
    bool active = false;
    std::string detail; // why it is not active, and what is then not seen
};

// What the kernel counts of a program of ours, while it counts (sysctl kernel.bpf_stats_enabled).
struct ProgramRuns {
    std::string name;
    std::uint64_t runs = 0, time_ns = 0;
};

// Events of one type that were wanted and never reached us.
struct EventLoss {
    EventCode code = kEventNone;
    LossCounters lost;
    std::uint64_t cgroup_set = 0; // of who made them (ProcessRecord::cgroup_set); 0: could not be told apart
    bool shed = false;            // left out on purpose (LiveSource::shed)
};

// The part of one process in what never reached us.
struct ProcessLoss {
    ProcessKey process;
    std::optional<RecordKind> record; // of which records; none: of events, of this type
    EventCode code = kEventNone;
    std::uint64_t cgroup_set = 0; // of events: as in EventLoss
    bool shed = false;
    std::uint64_t count = 0;
};

// A file, whatever it is called: device as in FdInfo and as the kernel has it (major << 20 | minor), inode.
struct FileId {
    std::uint32_t dev = 0, kernel_dev = 0;
    std::uint64_t ino = 0;
    bool kept = false; // lies below one of an overlay, or in a container: engines keep such files
    friend bool operator==(const FileId&, const FileId&) = default;
};

using EventSink = FunctionRef<void(const RawEvent&)>;
using RecordSink = FunctionRef<void(const ProcessRecord&)>;

} // namespace gyr
