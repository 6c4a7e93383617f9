// Descriptors as such: closing, duplicating, pipes, and the nameless kinds.

#include "replay/tables.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace gyr::replay {

namespace {

constexpr std::uint32_t kCloseOnExec = 1u << 12;                                    // file_flags of the schema
constexpr std::uint8_t kDuplicate = 1, kDuplicateCloseOnExec = 26, kSetFdFlags = 3; // fcntl_commands of the schema
constexpr EventCode kEventfd2 = 397;

void set_close_on_exec(FdInfo& info, bool on) {
    if (on) {
        info.marks |= kFdCloseOnExec;
        info.open_flags |= kCloseOnExec;
    } else {
        info.marks = static_cast<std::uint16_t>(info.marks & ~kFdCloseOnExec);
        info.open_flags &= ~kCloseOnExec;
    }
}

void anonymous(Step& s, FdType type, bool close_on_exec) {
    if (!s.succeeded()) return;
    FdEntry* entry = s.add_fd(s.result());
    if (!entry) return;
    entry->info.type = type;
    if (close_on_exec) set_close_on_exec(entry->info, true);
}

void add_pipe(Step& s, std::int64_t number, std::uint64_t ino, bool close_on_exec) {
    FdEntry* entry = s.add_fd(number);
    if (!entry) return;
    entry->info.type = FdType::fifo;
    entry->info.ino = ino;
    if (close_on_exec) set_close_on_exec(entry->info, true);
}

void pipe_made(Step& s, bool close_on_exec) {
    if (!s.succeeded()) return;
    const auto ino = s.number<std::uint64_t>(3);
    add_pipe(s, s.number<std::int64_t>(1), ino, close_on_exec);
    add_pipe(s, s.number<std::int64_t>(2), ino, close_on_exec);
}

} // namespace

void apply_close(Step& s) {
    if (!s.succeeded() || !s.fd) return;
    s.tables.close_in = &s.thread->owner();
    s.tables.close_fd = s.fd_number;
}

void apply_close_range(Step& s) {
    constexpr std::uint32_t kOnlyMark = 1u << 2; // close_range_flags of the schema
    if (!s.succeeded()) return;
    const std::int64_t first = s.number<std::uint32_t>(1), last = s.number<std::uint32_t>(2);
    const auto flags = s.number<std::uint32_t>(3);
    if ((flags & kOnlyMark) == 0) {
        s.fds().erase_range(first, last, s.pool());
        return;
    }
    std::vector<std::int64_t>& numbers = s.tables.numbers;
    numbers.clear();
    s.fds().for_each([&](std::int64_t number, const FdEntry&) {
        if (number >= first && number <= last) numbers.push_back(number);
    });
    for (const std::int64_t number : numbers)
        if (FdEntry* entry = s.fds().writable(number, s.pool())) set_close_on_exec(entry->info, true);
}

// dup and dup2: the new descriptor does not close on exec, whatever the old one does.
void apply_dup(Step& s) {
    if (!s.succeeded() || !s.fd) return;
    if (s.result() == s.fd_number) return;
    if (FdEntry* made = s.add_fd_like(s.result(), *s.fd)) set_close_on_exec(made->info, false);
}

void apply_dup3(Step& s) {
    if (!s.succeeded() || !s.fd) return;
    const bool close_on_exec = (s.number<std::uint32_t>(3) & kCloseOnExec) != 0;
    if (FdEntry* made = s.add_fd_like(s.result(), *s.fd)) set_close_on_exec(made->info, close_on_exec);
}

void apply_fcntl(Step& s) {
    if (!s.succeeded() || !s.fd) return;
    const auto command = s.number<std::uint8_t>(2);
    if (command == kSetFdFlags) {
        const bool on = (s.number<std::uint64_t>(3) & 1) != 0;
        if (on == ((s.fd->info.marks & kFdCloseOnExec) != 0)) return;
        if (FdEntry* entry = s.change_fd()) set_close_on_exec(entry->info, on);
        return;
    }
    if (command != kDuplicate && command != kDuplicateCloseOnExec) return;
    if (FdEntry* made = s.add_fd_like(s.result(), *s.fd))
        set_close_on_exec(made->info, command == kDuplicateCloseOnExec);
}

void apply_pipe(Step& s) { pipe_made(s, false); }
void apply_pipe2(Step& s) { pipe_made(s, (s.number<std::uint32_t>(4) & kCloseOnExec) != 0); }

void apply_pidfd_open(Step& s) {
    if (!s.succeeded()) return;
    FdEntry* entry = s.add_fd(s.result());
    if (!entry) return;
    entry->info.type = FdType::pidfd;
    entry->info.ino = s.number<std::uint64_t>(1); // whose it is, for pidfd_getfd
    set_close_on_exec(entry->info, true);
}

// The descriptor of another process, by a pidfd of it.
void apply_pidfd_getfd(Step& s) {
    if (!s.succeeded()) return;
    const std::int64_t made = s.result();
    const FdEntry* pidfd = s.fds().find(s.number<std::int64_t>(1));
    Thread* target = pidfd && pidfd->info.type == FdType::pidfd
                         ? s.tables.threads.find_tid(static_cast<std::int64_t>(pidfd->info.ino))
                         : nullptr;
    const FdEntry* theirs = target ? target->owner().fds.find(s.number<std::int64_t>(2)) : nullptr;
    if (theirs && s.add_fd_like(made, *theirs))
        set_close_on_exec(s.fd->info, true);
    else if (!theirs)
        s.fd_number = made;
}

void apply_eventfd(Step& s) {
    anonymous(s, FdType::event, s.raw.code == kEventfd2 && (s.number<std::uint16_t>(1) & kCloseOnExec) != 0);
}
void apply_epoll(Step& s) { anonymous(s, FdType::eventpoll, (s.number<std::uint32_t>(1) & 1) != 0); }
void apply_inotify(Step& s) { anonymous(s, FdType::inotify, (s.number<std::uint16_t>(1) & kCloseOnExec) != 0); }
void apply_timerfd(Step& s) { anonymous(s, FdType::timerfd, false); }
void apply_signalfd(Step& s) { anonymous(s, FdType::signal, (s.number<std::uint16_t>(1) & kCloseOnExec) != 0); }
void apply_userfaultfd(Step& s) { anonymous(s, FdType::userfaultfd, (s.number<std::uint32_t>(1) & kCloseOnExec) != 0); }
void apply_io_uring(Step& s) { anonymous(s, FdType::io_uring, true); }

// Only some commands give a descriptor; what others return is 0 or a number of another kind.
void apply_bpf(Step& s) {
    constexpr std::uint32_t kMakers[] = {0x00, 0x05, 0x07, 0x0d, 0x0e, 0x11, 0x12, 0x13, 0x1c, 0x1e, 0x20, 0x21};
    if (!s.has(1) || std::ranges::find(kMakers, s.number<std::uint32_t>(1)) != std::end(kMakers))
        anonymous(s, FdType::bpf, true);
}

} // namespace gyr::replay
