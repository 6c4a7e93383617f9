// Who a thread is and what it may: ids, capabilities, session, name, limits, memory.

#include "replay/tables.h"

namespace gyr::replay {

namespace {

constexpr std::uint8_t kLimitFiles = 7;                         // rlimit_resources of the schema
constexpr std::uint32_t kSetName = 15, kSetChildSubreaper = 36; // prctl_options of the schema
constexpr std::size_t kMaxName = 255;

void set_uid(Step& s, Uid uid) {
    if (uid == kNoId || s.thread->image->credentials.uid == uid) return;
    s.tables.threads.change(*s.thread, [&](ProcessImage& image) {
        Credentials& c = image.credentials;
        c.uid = c.euid = c.suid = c.fsuid = uid;
    });
}

void set_gid(Step& s, Gid gid) {
    if (gid == kNoId || s.thread->image->credentials.gid == gid) return;
    s.tables.threads.change(*s.thread, [&](ProcessImage& image) {
        Credentials& c = image.credentials;
        c.gid = c.egid = c.sgid = c.fsgid = gid;
    });
}

void set_limit(Step& s, Thread& thread, std::int64_t limit) {
    if (limit < 0) return;
    Thread& owner = thread.owner();
    if (owner.image->fd_limit == static_cast<std::uint64_t>(limit)) return;
    s.tables.threads.change(owner, [&](ProcessImage& image) { image.fd_limit = static_cast<std::uint64_t>(limit); });
    ++owner.shared_version;
}

} // namespace

void apply_setuid(Step& s) {
    if (s.succeeded() && s.has(1)) set_uid(s, s.number<std::uint32_t>(1));
}
// setresuid, setreuid: the effective one is second.
void apply_setresuid(Step& s) {
    if (s.succeeded() && s.has(2)) set_uid(s, s.number<std::uint32_t>(2));
}
void apply_setgid(Step& s) {
    if (s.succeeded() && s.has(1)) set_gid(s, s.number<std::uint32_t>(1));
}
void apply_setresgid(Step& s) {
    if (s.succeeded() && s.has(2)) set_gid(s, s.number<std::uint32_t>(2));
}

void apply_capset(Step& s) {
    if (!s.succeeded()) return;
    s.tables.threads.change(*s.thread, [&](ProcessImage& image) {
        image.credentials.cap_inheritable = s.number<std::uint64_t>(1);
        image.credentials.cap_permitted = s.number<std::uint64_t>(2);
        image.credentials.cap_effective = s.number<std::uint64_t>(3);
    });
}

void apply_setsid(Step& s) {
    if (!s.succeeded()) return;
    s.tables.threads.change(*s.thread,
                            [&](ProcessImage& image) { image.sid = image.vsid = static_cast<Pid>(s.result()); });
}

void apply_prctl(Step& s) {
    if (!s.succeeded()) return;
    const auto option = s.number<std::uint32_t>(1);
    if (option == kSetName && s.has(2)) {
        const std::string_view name = s.text(2).substr(0, kMaxName);
        if (s.thread->image->comm == name) return;
        s.tables.threads.change(*s.thread, [&](ProcessImage& image) { image.comm = name; });
    } else if (option == kSetChildSubreaper && s.thread->group) {
        s.thread->group->reaper = s.number<std::int64_t>(3) != 0 || s.thread->pid == 1;
    }
}

// getrlimit, setrlimit.
void apply_rlimit(Step& s) {
    if (s.succeeded() && s.number<std::uint8_t>(3) == kLimitFiles) set_limit(s, *s.thread, s.number<std::int64_t>(1));
}

void apply_prlimit(Step& s) {
    if (!s.succeeded() || s.number<std::uint8_t>(6) != kLimitFiles) return;
    const auto pid = s.number<std::int64_t>(5);
    Thread* target = pid == 0 ? s.thread : s.tables.threads.find_tid(pid);
    if (target) set_limit(s, *target, s.number<std::int64_t>(1));
}

void apply_memory(Step& s) {
    if (!s.thread || s.raw.params.size() < 4) return;
    s.thread->vm_size_kb = s.number<std::uint32_t>(1);
    s.thread->vm_rss_kb = s.number<std::uint32_t>(2);
    s.thread->vm_swap_kb = s.number<std::uint32_t>(3);
}

void apply_switch(Step& s) {
    if (!s.thread || !s.has(1)) return;
    s.thread->major_faults = s.number<std::uint64_t>(1);
    s.thread->minor_faults = s.number<std::uint64_t>(2);
    Thread& main = s.thread->group && s.thread->group->leader ? *s.thread->group->leader : *s.thread;
    main.vm_size_kb = s.number<std::uint32_t>(3);
    main.vm_rss_kb = s.number<std::uint32_t>(4);
    main.vm_swap_kb = s.number<std::uint32_t>(5);
}

} // namespace gyr::replay
