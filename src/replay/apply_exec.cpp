// A new program image.

#include "base/path.h"
#include "replay/tables.h"

#include <vector>

namespace gyr::replay {

namespace {

// Numbers of parameters.
constexpr std::size_t kExe = 1, kArgs = 2, kPid = 4, kPtid = 5, kFdLimit = 7, kMajor = 8, kMinor = 9, kVmSize = 10,
                      kVmRss = 11, kVmSwap = 12, kComm = 13, kCgroups = 14, kEnv = 15, kTty = 16, kVpgid = 17,
                      kLoginUid = 18, kFlags = 19, kCapInheritable = 20, kCapPermitted = 21, kCapEffective = 22,
                      kIno = 23, kCtime = 24, kMtime = 25, kUid = 26, kTrustedPath = 27, kPgid = 28, kGid = 29,
                      kFilename = 30;
constexpr std::uint32_t kWritable = 1, kUpperLayer = 2, kMemfd = 4, kLowerLayer = 8; // execve_flags of the schema
constexpr std::uint32_t kEmptyPath = 1;                                              // execveat_flags of the schema
constexpr std::size_t kMaxName = 255;

FileIdentity file_of(const Step& s) {
    FileIdentity f;
    f.ino = s.number<std::uint64_t>(kIno);
    f.ctime = s.number<std::int64_t>(kCtime);
    f.mtime = s.number<std::int64_t>(kMtime);
    const auto flags = s.number<std::uint32_t>(kFlags);
    if ((flags & kWritable) != 0) f.marks |= kFileWritable;
    if ((flags & kUpperLayer) != 0) f.marks |= kFileUpperLayer;
    if ((flags & kLowerLayer) != 0) f.marks |= kFileLowerLayer;
    if ((flags & kMemfd) != 0) f.marks |= kFileMemfd;
    return f;
}

// The executable: as the kernel named it, else as the call did. In tables.path.
std::string_view executable(Step& s) {
    if (const std::string_view trusted = s.text(kTrustedPath); !trusted.empty()) return trusted;
    if (s.raw.code == kExecveat) return s.thread->exec_path;
    const std::string_view name = s.text(kFilename);
    if (name.empty()) return {};
    join_path(s.cwd(), name, s.tables.path);
    return s.tables.path;
}

std::uint64_t wide(const Step& s, std::size_t i) { return s.number<std::uint32_t>(i); }

void set_image(Step& s, ProcessImage& image) {
    const std::string_view comm = s.text(kComm);
    image.comm = (comm.empty() ? s.text(kExe) : comm).substr(0, kMaxName);
    image.exec = s.tables.images.make_exec({.exe = s.text(kExe),
                                            .args = s.bytes(kArgs),
                                            .env = s.bytes(kEnv),
                                            .exe_path = executable(s),
                                            .file = file_of(s)},
                                           s.raw.time);
    image.incomplete = false;
    if (s.has(kFdLimit)) image.fd_limit = s.number<std::uint64_t>(kFdLimit);
    if (s.has(kTty)) image.tty = s.number<std::uint32_t>(kTty);
    if (s.has(kVpgid)) image.vpgid = static_cast<Pid>(s.number<std::int64_t>(kVpgid));
    if (s.has(kPgid)) image.pgid = static_cast<Pid>(s.number<std::int64_t>(kPgid));
    Credentials& c = image.credentials;
    const Credentials before = c;
    if (s.has(kLoginUid)) c.login_uid = s.number<std::uint32_t>(kLoginUid);
    if (s.has(kUid)) c.uid = c.euid = c.suid = c.fsuid = s.number<std::uint32_t>(kUid);
    if (s.has(kGid)) c.gid = c.egid = c.sgid = c.fsgid = s.number<std::uint32_t>(kGid);
    if (s.has(kCapPermitted)) {
        c.cap_inheritable = s.number<std::uint64_t>(kCapInheritable);
        c.cap_permitted = s.number<std::uint64_t>(kCapPermitted);
        c.cap_effective = s.number<std::uint64_t>(kCapEffective);
    }
    image.gained = {};
    if (before.uid != kNoId) {
        image.gained.uid = c.uid != before.uid;
        image.gained.gid = c.gid != before.gid;
        image.gained.caps = c.cap_effective & ~before.cap_effective;
    }
    if (s.has(kCgroups)) s.tables.images.set_cgroups(image, s.bytes(kCgroups));
}

// Of a thread of which nothing was known, an exec tells enough to give it a place.
void complete(Step& s) {
    Thread& t = *s.thread;
    t.pid = s.has(kPid) ? s.number<std::int64_t>(kPid) : t.tid;
    t.ptid = s.has(kPtid) ? s.number<std::int64_t>(kPtid) : 0;
    s.tables.threads.change(t, [&](ProcessImage& image) {
        image.key = {static_cast<Pid>(t.pid), 0};
        image.parent = {static_cast<Pid>(t.ptid), 0};
        image.vtid = static_cast<Pid>(t.tid);
        image.vpid = static_cast<Pid>(t.pid);
    });
    s.tables.threads.link(t);
}

void close_on_exec(Step& s) {
    FdTable& fds = s.fds();
    if (fds.size() == 0) return;
    std::vector<std::int64_t>& closed = s.tables.numbers;
    closed.clear();
    fds.for_each([&](std::int64_t number, const FdEntry& entry) {
        if ((entry.info.marks & kFdCloseOnExec) != 0) closed.push_back(number);
    });
    for (const std::int64_t number : closed) fds.erase(number, s.pool());
}

// The exec of any thread ends all others of its process; what goes on has the number of the main thread.
void end_other_threads(Step& s) {
    ThreadGroup* group = s.thread->group;
    if (!group) return;
    if (Thread* leader = group->leader; leader && leader != s.thread) {
        s.tables.threads.mark_dead(*s.thread);
        s.thread = leader;
    }
    s.tables.threads.revive(*s.thread);
    for (Thread* member = group->first; member;) {
        Thread* next = member->next_member;
        if (member != s.thread) s.tables.threads.discard(*member, *s.thread);
        member = next;
    }
}

} // namespace

void apply_exec(Step& s) {
    if (!s.succeeded()) return;
    if (s.thread->incomplete()) complete(s);
    end_other_threads(s);
    Thread& t = *s.thread;
    // Whoever adopted it is not always known from how its parent ended.
    if (s.has(kPtid)) s.tables.threads.adopt(t, s.number<std::int64_t>(kPtid));
    s.event.before = t.image;
    s.tables.threads.change(t, [&](ProcessImage& image) { set_image(s, image); });
    std::string().swap(t.exec_path);
    if (s.has(kMajor)) t.major_faults = s.number<std::uint64_t>(kMajor);
    if (s.has(kMinor)) t.minor_faults = s.number<std::uint64_t>(kMinor);
    if (s.has(kVmSize)) t.vm_size_kb = wide(s, kVmSize), t.vm_rss_kb = wide(s, kVmRss), t.vm_swap_kb = wide(s, kVmSwap);
    close_on_exec(s);
    ++t.shared_version;
}

// What execveat is asked to run, for its end, which does not tell.
void apply_execveat_enter(Step& s) {
    if (!s.thread) return;
    const auto dirfd = s.number<std::int64_t>(0);
    const std::string_view name = s.text(1);
    if (name.empty() && (s.number<std::uint32_t>(2) & kEmptyPath) != 0) {
        const FdEntry* entry = s.fds().find(dirfd);
        s.thread->exec_path = entry ? std::string_view(entry->info.name) : std::string_view("<NA>");
        return;
    }
    s.thread->exec_path = name.empty() ? std::string_view("<NA>") : s.resolve(dirfd, name);
}

} // namespace gyr::replay
