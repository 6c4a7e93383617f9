#include "replay/tables.h"

#include "event/schema.h"

#include <string_view>

namespace gyr::replay {

namespace {

// Codes by the names of the schema, where they are written down once.
struct Named {
    EventCode code;
    std::string_view name;
    EventDirection direction;
    bool old;
};
constexpr Named kSchema[] = {
#define GYR_EVENT(code, name, direction, category, kind, flags, ...)                                                   \
    {code, name, EventDirection::direction, ((flags)&kOldVersion) != 0},
#include "event/schema_events.inc"
#undef GYR_EVENT
};

consteval EventCode code_of(std::string_view name, EventDirection direction) {
    EventCode code = kEventNone;
    for (const Named& n : kSchema) {
        if (n.name != name || n.direction != direction || n.old) continue;
        if (code != kEventNone) throw "two current events of that name";
        code = n.code;
    }
    if (code == kEventNone) throw "no event of that name";
    return code;
}
consteval EventCode begin(std::string_view name) { return code_of(name, EventDirection::enter); }
consteval EventCode end(std::string_view name) { return code_of(name, EventDirection::exit); }

// No current events, and not converted: the first form of containers in JSON, and the beginning of execveat.
constexpr EventCode kOldContainer = 272, kOldExecveatBegin = 330;

struct Entry {
    EventCode code;
    Apply apply;
};

// Codes of the current schema; events of older captures come converted.
constexpr Entry kEntries[] = {
    {begin("open"), apply_open_enter},
    {end("open"), apply_open},
    {end("close"), apply_close},
    {end("socket"), apply_socket},
    {end("bind"), apply_bind},
    {begin("connect"), apply_connect_enter},
    {end("connect"), apply_connect},
    {end("send"), apply_transfer},
    {end("sendto"), apply_transfer},
    {end("recv"), apply_transfer},
    {end("recvfrom"), apply_transfer},
    {end("socketpair"), apply_socketpair},
    {end("sendmsg"), apply_transfer},
    {end("sendmmsg"), apply_transfer},
    {end("recvmsg"), apply_transfer},
    {end("recvmmsg"), apply_transfer},
    {begin("creat"), apply_open_enter},
    {end("creat"), apply_creat},
    {end("pipe"), apply_pipe},
    {end("eventfd"), apply_eventfd},
    {end("chdir"), apply_chdir},
    {end("fchdir"), apply_fchdir},
    {end("signalfd"), apply_signalfd},
    {end("timerfd_create"), apply_timerfd},
    {end("inotify_init"), apply_inotify},
    {end("getrlimit"), apply_rlimit},
    {end("setrlimit"), apply_rlimit},
    {end("prlimit"), apply_prlimit},
    {end("fcntl"), apply_fcntl},
    {begin("switch"), apply_switch},
    {end("brk"), apply_memory},
    {end("mmap"), apply_memory},
    {end("mmap2"), apply_memory},
    {end("munmap"), apply_memory},
    {begin("procexit"), apply_exit},
    {end("setresuid"), apply_setresuid},
    {end("setresgid"), apply_setresgid},
    {end("setuid"), apply_setuid},
    {end("setgid"), apply_setgid},
    {end("clone"), apply_clone},
    {end("fork"), apply_clone},
    {end("vfork"), apply_clone},
    {end("accept"), apply_accept},
    {end("chroot"), apply_chroot},
    {kOldContainer, apply_container},
    {end("setsid"), apply_setsid},
    {end("execve"), apply_exec},
    {begin("openat"), apply_openat_enter},
    {end("openat"), apply_openat},
    {end("userfaultfd"), apply_userfaultfd},
    {begin("container"), apply_container},
    {begin("openat2"), apply_openat_enter},
    {end("openat2"), apply_openat2},
    {kOldExecveatBegin, apply_execveat_enter},
    {end("execveat"), apply_exec},
    {end("clone3"), apply_clone},
    {end("open_by_handle_at"), apply_open_by_handle},
    {end("io_uring_setup"), apply_io_uring},
    {end("capset"), apply_capset},
    {begin("useradded"), apply_user_added},
    {begin("userdeleted"), apply_user_deleted},
    {begin("groupadded"), apply_group_added},
    {begin("groupdeleted"), apply_group_deleted},
    {end("dup2"), apply_dup},
    {end("dup3"), apply_dup3},
    {end("dup"), apply_dup},
    {end("bpf"), apply_bpf},
    {end("epoll_create"), apply_epoll},
    {end("epoll_create1"), apply_epoll},
    {end("accept4"), apply_accept},
    {end("pipe2"), apply_pipe2},
    {end("inotify_init1"), apply_inotify},
    {end("eventfd2"), apply_eventfd},
    {end("signalfd4"), apply_signalfd},
    {end("prctl"), apply_prctl},
    {begin("asyncevent"), apply_async},
    {end("memfd_create"), apply_memfd},
    {end("pidfd_getfd"), apply_pidfd_getfd},
    {end("pidfd_open"), apply_pidfd_open},
    {end("setreuid"), apply_setresuid},
    {end("setregid"), apply_setresgid},
    {end("close_range"), apply_close_range},
};

constexpr std::array<Apply, 454> by_code() {
    std::array<Apply, 454> table{};
    for (const Entry& e : kEntries) table[e.code] = e.apply;
    return table;
}

constexpr std::array<Apply, 454> kTable = by_code();

} // namespace

const std::array<Apply, 454>& appliers() { return kTable; }

} // namespace gyr::replay
