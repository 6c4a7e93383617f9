#include "base/path.h"
#include "event/long_path.h"
#include "replay/tables.h"

namespace gyr::replay {

namespace {

constexpr std::int64_t kWorkingDirectory = -100; // AT_FDCWD in captures

} // namespace

FdEntry* Step::add_fd(std::int64_t number) {
    take_over(number, pool().take());
    if (fd) fd->info.creator_pid = static_cast<std::int32_t>(thread->pid);
    return fd;
}

FdEntry* Step::add_fd_like(std::int64_t number, const FdEntry& entry) {
    take_over(number, pool().take_copy(entry.info));
    return fd;
}

void Step::take_over(std::int64_t number, FdEntry* entry) {
    fd_number = number;
    fd = entry;
    if (entry)
        fds().set(number, *entry, pool());
    else
        fds().erase(number, pool());
}

FdEntry* Step::change_fd() {
    if (!thread || !fd) return nullptr;
    fd = fds().writable(fd_number, pool());
    return fd;
}

void Step::set_name(FdEntry& entry, std::string_view name) {
    if (entry.info.name == name) return;
    entry.info.name = name;
    fd_name_changed = true;
    pool().recount(entry);
}

std::string_view Step::cwd() const { return thread->owner().image->cwd; }

std::string_view Step::resolve(std::int64_t dirfd, std::string_view path) {
    std::string_view base = "<UNKNOWN>";
    if (path.starts_with('/') || dirfd == kWorkingDirectory)
        base = cwd();
    else if (const FdEntry* directory = fds().find(dirfd))
        base = directory->info.name;
    if (is_too_long(base, path)) return tables.path = kTooLongPath;
    join_path(base, path, tables.path);
    return tables.path;
}

void Step::set_cwd(std::string_view path) {
    Thread& owner = thread->owner();
    tables.text = path;
    if (!tables.text.ends_with('/')) tables.text += '/';
    if (owner.image->cwd == tables.text) return;
    tables.threads.change(owner, [&](ProcessImage& image) { image.cwd = tables.text; });
    ++owner.shared_version;
}

} // namespace gyr::replay
