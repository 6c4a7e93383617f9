// Files: open and its kin, the working directory and the root.

#include "base/path.h"
#include "replay/tables.h"

namespace gyr::replay {

namespace {

constexpr std::uint32_t kDirectory = 1u << 10, kCloseOnExec = 1u << 12; // file_flags of the schema
constexpr std::uint32_t kUpperLayer = 1u << 15, kLowerLayer = 1u << 16;
constexpr std::int64_t kWorkingDirectory = -100;

struct Opened {
    std::int64_t dirfd = kWorkingDirectory;
    std::size_t name = 1; // numbers of parameters
    std::uint32_t flags = 0;
    std::size_t dev = 0; // 0: the event does not tell; the inode comes after it
};

void set_layer(FdInfo& info, bool upper, bool lower) {
    if (upper) info.marks |= kFdUpperLayer | kFdOverlay;
    if (lower) info.marks |= kFdLowerLayer | kFdOverlay;
}

void opened(Step& s, const Opened& o) {
    if (!s.succeeded()) return;
    std::string_view name = s.text(o.name);
    std::int64_t dirfd = o.dirfd;
    // What the program asked for when the call began; it may have changed its memory since.
    if (const AskedPath* asked = s.tables.asked.find(s.raw); asked && !asked->path.empty())
        name = asked->path, dirfd = asked->dirfd;
    // Before the new descriptor: it may take the place of the directory's.
    if (name.data() && name != "<NA>")
        s.resolve(dirfd, name);
    else
        s.tables.path = "<NA>";
    FdEntry* entry = s.add_fd(s.result());
    if (!entry) return;
    FdInfo& info = entry->info;
    info.type = (o.flags & kDirectory) != 0 ? FdType::directory : FdType::file_v2;
    info.open_flags = o.flags;
    if ((o.flags & kCloseOnExec) != 0) info.marks |= kFdCloseOnExec;
    set_layer(info, (o.flags & kUpperLayer) != 0, (o.flags & kLowerLayer) != 0);
    if (o.dev != 0) {
        info.dev = s.number<std::uint32_t>(o.dev);
        info.ino = s.number<std::uint64_t>(o.dev + 1);
    }
    const std::string_view told = s.text(o.name); // the begin of the call may tell what it led to (gyr record)
    info.name_raw = told.empty() ? name : told;
    info.name = s.tables.path;
    s.fd_name_changed = !info.name.empty();
    s.pool().recount(*entry);
}

void asked(Step& s, std::int64_t dirfd, std::size_t name) {
    if (s.thread) s.tables.asked.keep(s.raw, dirfd, s.text(name));
}

} // namespace

void AskedPaths::keep(const RawEvent& raw, std::int64_t dirfd, std::string_view path) {
    AskedPath& a = slot(raw.tid);
    a.tid = raw.tid, a.exit_code = static_cast<EventCode>(raw.code + 1), a.dirfd = dirfd;
    a.path.assign(path.substr(0, kMaxPath));
}

const AskedPath* AskedPaths::find(const RawEvent& raw) {
    AskedPath& a = slot(raw.tid);
    if (a.tid != raw.tid || a.exit_code != raw.code) return nullptr;
    a.tid = -1; // one call
    return &a;
}

void AskedPaths::forget(std::int64_t tid) {
    if (AskedPath& a = slot(tid); a.tid == tid) a.tid = -1;
}

void apply_open_enter(Step& s) { asked(s, kWorkingDirectory, 0); } // creat too
void apply_openat_enter(Step& s) { asked(s, s.number<std::int64_t>(0), 1); }

void apply_open(Step& s) {
    opened(s, {.dirfd = kWorkingDirectory, .name = 1, .flags = s.number<std::uint32_t>(2), .dev = 4});
}

void apply_openat(Step& s) {
    opened(s, {.dirfd = s.number<std::int64_t>(1), .name = 2, .flags = s.number<std::uint32_t>(3), .dev = 5});
}

void apply_openat2(Step& s) {
    opened(s, {.dirfd = s.number<std::int64_t>(1), .name = 2, .flags = s.number<std::uint32_t>(3), .dev = 6});
}

void apply_creat(Step& s) {
    opened(s, {.dirfd = kWorkingDirectory, .name = 1, .flags = 0, .dev = 3});
    const auto layer = s.number<std::uint16_t>(5);
    if (s.succeeded() && s.fd) set_layer(s.fd->info, (layer & 1) != 0, (layer & 2) != 0);
}

void apply_open_by_handle(Step& s) {
    // The path is the kernel's, absolute.
    opened(s, {.dirfd = kWorkingDirectory, .name = 3, .flags = s.number<std::uint32_t>(2), .dev = 4});
}

void apply_memfd(Step& s) {
    if (!s.succeeded()) return;
    FdEntry* entry = s.add_fd(s.result());
    if (!entry) return;
    entry->info.type = FdType::memfd;
    if ((s.number<std::uint32_t>(2) & 1) != 0) entry->info.marks |= kFdCloseOnExec;
    s.set_name(*entry, s.text(1));
}

void apply_chdir(Step& s) {
    if (!s.succeeded() || s.text(1).empty()) return;
    join_path(s.cwd(), s.text(1), s.tables.path);
    s.set_cwd(s.tables.path);
}

void apply_fchdir(Step& s) {
    if (!s.succeeded() || !s.fd) return;
    s.tables.path = s.fd->info.name;
    s.set_cwd(s.tables.path);
}

void apply_chroot(Step& s) {
    if (!s.succeeded()) return;
    std::string_view path = s.resolve(kWorkingDirectory, s.text(1));
    // Below the root there was, as the process sees no other.
    const std::string& root = s.thread->image->root;
    std::string full = root.empty() || root == "/" ? std::string(path) : root + std::string(path);
    if (full.size() > kMaxPath) full.resize(kMaxPath);
    s.tables.threads.change(*s.thread, [&](ProcessImage& image) { image.root = std::move(full); });
}

} // namespace gyr::replay
