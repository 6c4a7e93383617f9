#pragma once
// The tables that events change, and the event being applied to them.

#include "event/raw_event.h"
#include "event/schema.h"
#include "replay/containers.h"
#include "replay/fd_table.h"
#include "replay/images.h"
#include "replay/thread_table.h"
#include "replay/users.h"
#include "state/event.h"
#include "state/host_addresses.h"

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gyr::replay {

// The path an open asked for when it began, until it ends: the argument may be changed in between. Few at a time, so
// threads share the slots; who finds another's has the path of the end.
struct AskedPath {
    std::int64_t tid = -1;
    EventCode exit_code = kEventNone;
    std::int64_t dirfd = 0;
    std::string path;
};
class AskedPaths {
  public:
    void keep(const RawEvent& raw, std::int64_t dirfd, std::string_view path);
    // Null when nothing was kept for the call that raw ends.
    [[nodiscard]] const AskedPath* find(const RawEvent& raw);
    void forget(std::int64_t tid); // it has ended, perhaps within its call: its number may be another's soon

  private:
    [[nodiscard]] AskedPath& slot(std::int64_t tid) { return slots_[static_cast<std::uint64_t>(tid) % slots_.size()]; }
    std::array<AskedPath, 64> slots_;
};

struct Tables {
    Tables(std::size_t max_threads, std::size_t fd_budget_bytes, std::size_t image_budget_bytes)
        : images(image_budget_bytes, containers),
          threads({.max_threads = max_threads, .fd_budget_bytes = fd_budget_bytes}, images) {}

    Containers containers;
    ImageMaker images;
    ThreadTable threads;
    Users users;
    HostAddresses addresses;
    std::bitset<65536> server_ports; // of listening sockets in the descriptor lists
    std::string path, text;          // scratch
    std::vector<std::int64_t> numbers;
    AskedPaths asked;
    std::uint64_t bad_containers = 0;

    // Done when the next event comes.
    Thread* close_in = nullptr;
    std::int64_t close_fd = -1;
    std::int64_t exit_tid = -1;
};

// One event on its way into the tables. Parameters are numbered from 0, as in the schema.
class Step {
  public:
    Step(Tables& tables_in, const RawEvent& raw_in, Event& event_in)
        : tables(tables_in), raw(raw_in), event(event_in) {}

    Tables& tables;
    const RawEvent& raw;
    Event& event;
    Thread* thread = nullptr;
    std::int64_t fd_number = -1; // the descriptor the event is about
    FdEntry* fd = nullptr;       // what it stands for
    bool fd_name_changed = false;

    [[nodiscard]] std::string_view bytes(std::size_t i) const {
        return i < raw.params.size() ? raw.params[i] : std::string_view{};
    }
    [[nodiscard]] bool has(std::size_t i) const { return !bytes(i).empty(); }
    template <class T>
    [[nodiscard]] T number(std::size_t i) const {
        return load_param<T>(bytes(i));
    }
    // A text that is null, or was not told, is empty.
    [[nodiscard]] std::string_view text(std::size_t i) const {
        const std::string_view t = text_of_param(bytes(i));
        return t == "(NULL)" ? std::string_view{} : t;
    }
    [[nodiscard]] std::int64_t result() const { return number<std::int64_t>(0); }
    [[nodiscard]] bool succeeded() const { return thread && has(0) && result() >= 0; }

    [[nodiscard]] FdTable& fds() { return thread->owner().fds; }
    [[nodiscard]] FdPool& pool() { return tables.threads.fd_pool(); }
    // A new descriptor of the thread, which the event then is about. Null when there is no room.
    FdEntry* add_fd(std::int64_t number);
    // Another one for what entry stands for.
    FdEntry* add_fd_like(std::int64_t number, const FdEntry& entry);
    // The event's descriptor for writing; null when it is not known.
    FdEntry* change_fd();
    void set_name(FdEntry& entry, std::string_view name);

    [[nodiscard]] std::string_view cwd() const;
    // path below what a directory descriptor (or -100, the working directory) leads to; in tables.path.
    std::string_view resolve(std::int64_t dirfd, std::string_view path);
    void set_cwd(std::string_view path);

  private:
    // entry: null where there was no room; what had the number before is not there any more either way.
    void take_over(std::int64_t number, FdEntry* entry);
};

using Apply = void (*)(Step&);

// By event code; null where an event changes nothing.
[[nodiscard]] const std::array<Apply, 454>& appliers();

// One file each.
void apply_clone(Step& s);
void apply_exit(Step& s);
void apply_exec(Step& s);
void apply_execveat_enter(Step& s);

void apply_open_enter(Step& s);
void apply_openat_enter(Step& s);
void apply_open(Step& s);
void apply_openat(Step& s);
void apply_openat2(Step& s);
void apply_creat(Step& s);
void apply_open_by_handle(Step& s);
void apply_memfd(Step& s);
void apply_chdir(Step& s);
void apply_fchdir(Step& s);
void apply_chroot(Step& s);

void apply_close(Step& s);
void apply_close_range(Step& s);
void apply_dup(Step& s);
void apply_dup3(Step& s);
void apply_fcntl(Step& s);
void apply_pipe(Step& s);
void apply_pipe2(Step& s);
void apply_pidfd_open(Step& s);
void apply_pidfd_getfd(Step& s);
void apply_eventfd(Step& s);
void apply_epoll(Step& s);
void apply_inotify(Step& s);
void apply_timerfd(Step& s);
void apply_signalfd(Step& s);
void apply_userfaultfd(Step& s);
void apply_io_uring(Step& s);
void apply_bpf(Step& s);

void apply_socket(Step& s);
void apply_socketpair(Step& s);
void apply_bind(Step& s);
void apply_connect_enter(Step& s);
void apply_connect(Step& s);
void apply_accept(Step& s);
void apply_transfer(Step& s); // send*, recv*

void apply_setuid(Step& s);
void apply_setresuid(Step& s);
void apply_setgid(Step& s);
void apply_setresgid(Step& s);
void apply_capset(Step& s);
void apply_setsid(Step& s);
void apply_prctl(Step& s);
void apply_rlimit(Step& s);
void apply_prlimit(Step& s);
void apply_memory(Step& s); // brk, mmap, munmap
void apply_switch(Step& s);

void apply_user_added(Step& s);
void apply_user_deleted(Step& s);
void apply_group_added(Step& s);
void apply_group_deleted(Step& s);
void apply_container(Step& s);
void apply_async(Step& s);

} // namespace gyr::replay
