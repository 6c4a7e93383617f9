// A new thread or process. Two events tell of it: one of the caller, whose result is the number of the child, and one
// of the child, whose result is 0. Either may come first, or alone. Inside a pid namespace the caller's result is a
// number of that namespace, which names nobody here: then only the child's event counts.

#include "replay/tables.h"

namespace gyr::replay {

namespace {

// Numbers of parameters.
constexpr std::size_t kExe = 1, kArgs = 2, kPid = 4, kPtid = 5, kFdLimit = 7, kMajor = 8, kMinor = 9, kVmSize = 10,
                      kVmRss = 11, kVmSwap = 12, kComm = 13, kCgroups = 14, kFlags = 15, kUid = 16, kGid = 17,
                      kVtid = 18, kVpid = 19, kNamespaceStart = 20;
constexpr std::uint32_t kCloneNewPid = 1u << 6, kCloneParent = 1u << 8, kCloneThread = 1u << 13,
                        kChildInNamespace = 1u << 29; // clone_flags of the schema
constexpr Nanos kStale = 2'000'000'000; // an entry older than this belonged to somebody else of the same number
constexpr std::size_t kMaxName = 255;

struct Birth {
    std::int64_t tid = 0, pid = 0, ptid = 0, vtid = 0, vpid = 0;
    bool is_thread = false;
};

// The entry that the other event of this clone made. A caller that made its child for another pid namespace did not
// know that, and took the number for one of its own: only the child knows.
bool known_already(Step& s, const Birth& b) {
    Thread* existing = s.tables.threads.find_tid(b.tid);
    if (!existing) return false;
    // Unsigned, so that no made-up time can overflow.
    const auto age =
        static_cast<Nanos>(static_cast<std::uint64_t>(s.raw.time) - static_cast<std::uint64_t>(existing->clone_time));
    if (!existing->incomplete() && !existing->dead && existing->clone_time != 0 && age < kStale &&
        (s.result() != 0 || existing->image->vtid == b.vtid))
        return true;
    s.tables.threads.discard(*existing);
    return false;
}

// The child's image is the parent's with what the event tells.
void set_image(Step& s, ProcessImage& image, const Birth& b) {
    image.key = {static_cast<Pid>(b.pid), static_cast<std::uint64_t>(s.raw.time)};
    image.tid = static_cast<Tid>(b.tid);
    image.parent.pid = static_cast<Pid>(b.ptid);
    image.vtid = static_cast<Pid>(b.vtid), image.vpid = static_cast<Pid>(b.vpid);
    image.start_time = s.raw.time;
    image.incomplete = false;
    image.gained = {};
    const std::string_view comm = s.text(kComm), exe = s.text(kExe);
    if (!comm.empty() || !exe.empty()) image.comm = (comm.empty() ? exe : comm).substr(0, kMaxName);
    image.exec = s.tables.images.exec_with(image.exec, exe, s.bytes(kArgs));
    if (s.has(kFdLimit) && !b.is_thread) image.fd_limit = s.number<std::uint64_t>(kFdLimit);
    Credentials& c = image.credentials;
    if (s.has(kUid)) c.uid = c.euid = c.suid = c.fsuid = s.number<std::uint32_t>(kUid);
    if (s.has(kGid)) c.gid = c.egid = c.sgid = c.fsgid = s.number<std::uint32_t>(kGid);
    if (s.has(kNamespaceStart)) {
        image.pidns_init_start = s.number<std::int64_t>(kNamespaceStart);
        image.pidns_number = static_cast<std::uint64_t>(image.pidns_init_start);
    }
    if (s.has(kCgroups)) s.tables.images.set_cgroups(image, s.bytes(kCgroups));
}

// model: the parent of a process, the main thread of a thread.
Thread* give_birth(Step& s, const Birth& b, Thread& model) {
    ThreadTable& threads = s.tables.threads;
    const std::shared_ptr<ProcessImage> image = s.tables.images.copy(*model.image);
    image->cwd = model.owner().image->cwd;
    set_image(s, *image, b);
    Thread* child = threads.add(b.tid, image);
    if (!child) return nullptr;
    child->pid = b.pid, child->ptid = b.ptid;
    child->clone_time = s.raw.time;
    if (s.has(kMajor)) child->major_faults = s.number<std::uint64_t>(kMajor);
    if (s.has(kMinor)) child->minor_faults = s.number<std::uint64_t>(kMinor);
    child->vm_size_kb = s.number<std::uint32_t>(kVmSize);
    child->vm_rss_kb = s.number<std::uint32_t>(kVmRss);
    child->vm_swap_kb = s.number<std::uint32_t>(kVmSwap);
    if (!b.is_thread) child->fds.share_from(model.owner().fds, s.pool());
    threads.link(*child);
    return child;
}

// Of a thread of which nothing was known, an event that involves it tells enough to give it a place.
void complete(Step& s, Thread& t, const Birth& b) {
    t.pid = b.pid, t.ptid = b.ptid;
    s.tables.threads.change(t, [&](ProcessImage& image) {
        image.key = {static_cast<Pid>(b.pid), 0};
        image.parent = {static_cast<Pid>(b.ptid), 0};
        image.vtid = static_cast<Pid>(b.vtid), image.vpid = static_cast<Pid>(b.vpid);
        image.fd_limit = static_cast<std::uint64_t>(-1); // not known
    });
    s.tables.threads.link(t);
}

void from_caller(Step& s) {
    if (!s.thread) return;
    Thread& caller = *s.thread;
    const auto flags = s.number<std::uint32_t>(kFlags);
    if (caller.incomplete()) {
        Birth b{.tid = caller.tid, .pid = s.number<std::int64_t>(kPid), .ptid = s.number<std::int64_t>(kPtid)};
        b.vtid = s.has(kVtid) ? s.number<std::int64_t>(kVtid) : b.tid;
        b.vpid = s.has(kVpid) ? s.number<std::int64_t>(kVpid) : b.pid;
        complete(s, caller, b);
    }
    if ((flags & (kChildInNamespace | kCloneNewPid)) != 0 || caller.image->vtid != caller.tid) return;
    Birth b;
    b.tid = s.result();
    b.is_thread = (flags & kCloneThread) != 0;
    if (b.tid == caller.tid || known_already(s, b)) return;
    // The old owner of the number may have been the caller's own process.
    Thread* parent = s.tables.threads.find_tid(s.raw.tid);
    if (!parent) {
        s.thread = nullptr;
        return;
    }
    b.pid = b.is_thread ? parent->pid : b.tid;
    b.ptid = b.is_thread || (flags & kCloneParent) != 0 ? parent->ptid : parent->tid;
    b.vtid = b.tid;
    b.vpid = b.pid;
    give_birth(s, b, *parent);
}

// Whom a child takes after; made up from what the event says when nobody knows it.
Thread* model_of(Step& s, const Birth& b) {
    const std::int64_t tid = b.is_thread ? b.pid : b.ptid;
    Thread* model = s.tables.threads.find_tid(tid);
    if (!model) model = s.tables.threads.add(tid);
    if (!model || !model->incomplete()) return model;
    if (b.is_thread)
        complete(s, *model, {.tid = tid, .pid = b.pid, .ptid = b.ptid, .vtid = b.vpid, .vpid = b.vpid});
    else
        complete(s, *model, {.tid = tid, .pid = tid, .ptid = 0, .vtid = tid, .vpid = tid});
    return model;
}

void from_child(Step& s) {
    Birth b{.tid = s.raw.tid, .pid = s.number<std::int64_t>(kPid), .ptid = s.number<std::int64_t>(kPtid)};
    b.is_thread = (s.number<std::uint32_t>(kFlags) & kCloneThread) != 0;
    b.vtid = s.has(kVtid) ? s.number<std::int64_t>(kVtid) : b.tid;
    b.vpid = s.has(kVpid) ? s.number<std::int64_t>(kVpid) : b.pid;
    if (known_already(s, b)) return;
    s.thread = nullptr;
    if (b.tid < 0 || b.pid < 0 || b.ptid < 0) return;
    if (!b.is_thread) b.pid = b.tid;
    if (b.ptid == b.tid) b.ptid = 0;
    Thread* model = model_of(s, b);
    if (model && model->tid != b.tid) s.thread = give_birth(s, b, *model);
}

} // namespace

void apply_clone(Step& s) {
    if (!s.has(0)) return;
    const std::int64_t result = s.result();
    if (result == 0)
        from_child(s);
    else if (result > 0)
        from_caller(s);
    s.event.clone_flags = s.number<std::uint32_t>(kFlags);
}

} // namespace gyr::replay
