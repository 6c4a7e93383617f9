#pragma once
// State from the events of a capture file, where there is no kernel to ask: threads, descriptors, users, containers.
//
//     ReplayState state;
//     while (…) switch (reader.next()) {
//         case Item::thread: state.on_thread(reader.thread()); break;
//         case Item::event: if (const Event* e = state.on_event(reader.event())) evaluate(*e); break;
//         …
//     }
//
// An event is applied and then looked at: a rule about an open sees the new descriptor, one about a close the
// descriptor that was, one about an exit the process that ends. What a close or an exit takes away goes when the next
// event comes.
//
// Meanings are Falco's, so that a rule gives the same answer: see docs/replay-state.md. Everything is bounded
// (Options); what found no room is counted in Stats. Not thread safe. What events point to is good until the next call.

#include "capfile/records.h"
#include "event/raw_event.h"
#include "replay/tables.h"
#include "state/event.h"

#include <cstdint>
#include <memory>
#include <string>

namespace gyr::replay {

class ReplayState {
  public:
    struct Options {
        std::size_t max_threads = 131'072;
        std::size_t fd_budget_bytes = 64U << 20;
        std::size_t image_budget_bytes = 64U << 20; // arguments and environments
    };
    struct Stats {
        std::uint64_t events = 0;
        std::uint64_t threads = 0, groups = 0, fd_bytes = 0, image_bytes = 0; // now
        std::uint64_t unknown_threads = 0; // events of threads of which nothing was known
        std::uint64_t refused_threads = 0, refused_fds = 0, refused_users = 0, refused_containers = 0; // no room
        std::uint64_t trimmed_images = 0; // kept without environment for want of room
        std::uint64_t bad_containers = 0; // container events whose JSON is none
    };

    ReplayState();
    explicit ReplayState(Options options);
    ~ReplayState();
    ReplayState(const ReplayState&) = delete;
    ReplayState& operator=(const ReplayState&) = delete;

    // What a capture tells before its events. A second section describes the machine anew.
    void on_section();
    void on_machine(const capfile::MachineInfo& machine);
    void on_interface(const capfile::Interface& interface);
    void on_user(const capfile::UserRecord& user);
    void on_group(const capfile::GroupRecord& group);
    void on_thread(const capfile::ThreadRecord& thread);
    void on_fd(const capfile::FdRecord& fd);

    // Never null. The same object each time. Of an event that nobody will look at (the begin of a call) only what it
    // changes and its number count: the object tells nothing else of it.
    [[nodiscard]] const Event* on_event(const RawEvent& raw, bool looked_at = true);

    [[nodiscard]] const ProcessView& processes() const;
    [[nodiscard]] const UserView& users() const;
    [[nodiscard]] const HostAddresses& addresses() const;
    [[nodiscard]] const std::string& hostname() const;
    [[nodiscard]] Nanos boot_time() const; // 0: not told
    [[nodiscard]] Stats stats() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace gyr::replay
