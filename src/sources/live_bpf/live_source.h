#pragma once
// Processes as the running kernel tells of them. One thread owns a LiveSource.
//
//     auto source = LiveSource::create({});
//     (*source)->start();                                   // attaches; the snapshot begins
//     for (;;) (*source)->poll(timeout, [&](const ProcessRecord& r) { … });
//
// poll() delivers the snapshot first-come among live records (see snapshot_merge.h for how they become one story) and
// snapshot_complete() tells when it is through. Execs and changes wake the poller at once; forks and exits do not, so
// poll again before most_wait() is over. To wait together with other descriptors, wait for fd() to be readable and then
// call poll(0); each poll() leaves the kernel told to wake fd() for whatever comes next.

#include "abi/syscall_wire.h"
#include "base/result.h"
#include "event/event_plan.h"
#include "sources/source.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gyr {

struct LiveOptions {
    std::uint32_t ring_bytes = 16U << 20; // rounded up to a power of two; raise it when records are lost
    std::uint32_t network_ring_bytes = 4U << 20, bulk_ring_bytes = 8U << 20; // of events that are not about processes
    std::uint32_t buffer_bytes = 80; // of what is read and written, at most 4 KiB
    std::uint32_t env_bytes = 8192;  // of each environment, at most 32 KiB
    bool exit_by_count = false;      // tell exits the way kernels before 6.16 need it (for tests)
    bool connector = true;           // listen for changes of ids and sessions
    // Of some calls, events about TCP that no clause wants are passed over before they are counted as stopped: not with
    // this, which count_clauses() and verify() need to see them all.
    bool every_one_is_judged = false;
};

class LiveSource {
  public:
    static constexpr std::chrono::milliseconds kMaxQuiet{200}, kMaxIdle{1000};
    static constexpr std::chrono::milliseconds kLinger{1};

    // Errors: unsupported, with what this host lacks. Loads, attaches nothing yet; what a plan of the first events will
    // need begins to be loaded too, in threads of its own.
    static Result<std::unique_ptr<LiveSource>> create(const LiveOptions& options, const EventPlan& first = {});
    ~LiveSource();
    LiveSource(const LiveSource&) = delete;
    LiveSource& operator=(const LiveSource&) = delete;

    Result<> start();
    // Delivers what there is; when there is nothing, waits up to timeout for something. Returns the number delivered,
    // at most a few thousand, so a flood does not keep the caller. Records are valid during the callback only.
    std::size_t poll(std::chrono::milliseconds timeout, RecordSink sink);
    // The same with events, in the order in which things happened.
    std::size_t poll(std::chrono::milliseconds timeout, RecordSink sink, EventSink events);
    // From here on these events are told too; an empty plan takes the system-call tracepoints away. Errors:
    // unsupported, when the kernel lets us see no system calls.
    Result<> set_events(const EventPlan& plan);
    // What takes long of set_events(plan), beforehand. Any thread.
    Result<> prepare_events(const EventPlan& plan);
    // Processes in these cgroups (ProcessRecord::cgroup_set) belong to the host: clauses about containers do not hold.
    // by_namespaces: only those in the initial pid namespace and the host's mount namespace.
    void set_host_cgroups(std::uint64_t cgroup_set, bool host, bool by_namespaces = false);
    void set_host_namespace(std::uint32_t mnt_inode);
    // What clauses' process_bits may hold for a process. Good until it execs, or its name or its user id (the real one
    // of the thread that acts) becomes another; without one, all may.
    struct ProcessMask {
        ProcessKey process;
        std::uint64_t exec_id = 0;
        std::string_view comm;
        std::uint32_t uid = 0;
        std::uint64_t bits = 0;
    };
    // Which file a descriptor of this process stands for, by the kernel's own numbers; behind it, those that lie below
    // one of an overlay. Any thread, one at a time.
    Result<std::vector<FileId>> identify(int fd);
    // The files that exact paths in the plan (PathName::path) lead to, so that they are told under any name.
    Result<> set_files(const std::map<std::string, std::vector<FileId>>& files);
    void set_process_mask(const ProcessMask& mask);
    void drop_process_mask(Pid pid);
    void drop_process_masks();
    [[nodiscard]] int fd() const;
    // How long to wait for fd() at most. After a poll() that found something that is kLinger, in which what happens
    // wakes nobody: to be woken costs whoever does it more than all that is told of an exec. Then an exec, a change or
    // an event wakes, and kMaxQuiet is for the rest; once nothing happens, kMaxIdle, and any record wakes.
    [[nodiscard]] std::chrono::milliseconds most_wait() const;
    [[nodiscard]] bool snapshot_complete() const;

    // Reads a thread again; its record (change with kChangeRefresh, image included) comes through poll().
    Result<> refresh(Tid tid);
    // Reads all processes again, as after a loss: change records with kChangeRefresh. snapshot_complete() is false
    // until they all came.
    Result<> refresh_all();

    // Ends the records: detaches everything. What is in the ring can still be polled.
    void stop();

    // Since start.
    [[nodiscard]] Losses losses() const;
    // Since the last call of this, with the first and last moment of just these.
    [[nodiscard]] Losses take_losses();
    [[nodiscard]] std::vector<Hook> hooks() const;
    // Since start, by event type and by who made what was lost.
    [[nodiscard]] std::vector<EventLoss> event_losses() const;
    [[nodiscard]] std::uint64_t events_lost() const; // their number
    // Since the last call of this, by process: as many as the kernel could tell apart.
    [[nodiscard]] std::vector<ProcessLoss> take_process_losses();
    struct EventCount {
        EventCode code = kEventNone;
        std::uint64_t sent = 0, stopped = 0; // stopped: by the plan's clauses, in the kernel
        std::uint64_t sampled = 0;           // of those stopped, sent all the same
        // By clause of the plan, while count_clauses(true) holds.
        std::array<std::uint64_t, GYR_CLAUSES> let_through{}, refused{};
    };
    // Since start. What several plans' clauses made of an event is added up.
    [[nodiscard]] std::vector<EventCount> event_counts() const;
    void count_clauses(bool on);
    // One in so many of the events that the clauses stop is sent all the same (RawEvent::unwanted); 0: none.
    void verify(std::uint32_t every);
    // Events of lanes that the kernel does not tell but counts as lost: 0 none, 1 bulk, 2 network too.
    void shed(unsigned lanes);
    // What went wrong inside the kernel programs, by kind; records that were lost by it are in losses() too.
    [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> kernel_errors() const;
    // Records that did not decode: a bug, and never expected.
    [[nodiscard]] std::uint64_t malformed() const;
    // Instructions that the kernel's verifier looked at, by program.
    [[nodiscard]] std::vector<std::pair<std::string, std::uint32_t>> verified_instructions() const;
    // Of programs that ran while the kernel counted. Any thread.
    [[nodiscard]] std::vector<ProgramRuns> program_runs() const;

  private:
    struct Impl;
    explicit LiveSource(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace gyr
