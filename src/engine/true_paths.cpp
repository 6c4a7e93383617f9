#include "engine/true_paths.h"

#include "base/fd.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gyr {
namespace {

constexpr std::uint64_t kCached = 0x20; // RESOLVE_CACHED, Linux 5.12
constexpr int kGenerations = 4;         // who may stand in for a process that is gone

// "/proc/self/root/etc" is walked by another process here: what is behind such a link is the process's own root.
std::string_view behind_own_root(std::string_view path) {
    for (bool again = true; again;) {
        again = false;
        for (const std::string_view link : {"/proc/self/root", "/proc/thread-self/root", "/proc/1/root"})
            if (path.starts_with(link) && (path.size() == link.size() || path[link.size()] == '/'))
                path.remove_prefix(link.size()), again = true;
    }
    return path;
}

} // namespace

// The root of the process, or, when it has gone, of somebody it descends from who sees the same file system.
int TruePaths::open_root(const ProcessImage& process, const ProcessView& others) const {
    const ProcessImage* image = &process;
    for (int i = 0; image != nullptr && i < kGenerations; ++i) {
        if (image->namespaces.mnt == process.namespaces.mnt && image->root == process.root) {
            const std::string path = fmt::format("{}/proc/{}/root", host_root_, image->key.pid);
            const int fd = ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (fd >= 0) return fd;
        }
        image = others.find(image->parent);
    }
    return -1;
}

std::string_view TruePaths::follow(const ProcessImage& process, const ProcessView& others, const FdInfo& path,
                                   bool follow_last) {
    // The text of an absolute path is walked as it was given; a relative one starts where the kernel said, and has a
    // folder of its own to be walked only when there is a slash in it.
    std::string_view given = path.name_raw;
    if (!given.starts_with('/')) {
        if (given.find('/') == std::string_view::npos && !follow_last) return {};
        if (given.find("..") != std::string_view::npos) return {};
        given = path.name;
    }
    while (given.size() > 1 && given.ends_with('/')) given.remove_suffix(1);
    given = behind_own_root(given);
    std::string_view last;
    if (!follow_last) {
        const std::size_t slash = given.rfind('/');
        if (slash == std::string_view::npos) return {};
        last = given.substr(slash + 1);
        given = given.substr(0, slash);
        if (last.empty() || last == "." || last == "..") return {};
    }
    const UniqueFd root(open_root(process, others));
    if (root.get() < 0) return {};
    folder_ = given.empty() ? "/" : given;
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | kCached;
    const UniqueFd folder(static_cast<int>(::syscall(SYS_openat2, root.get(), folder_.c_str(), &how, sizeof how)));
    if (folder.get() < 0) return {};
    std::array<char, 4096> text{};
    const std::string link = fmt::format("/proc/self/fd/{}", folder.get());
    const ssize_t n = ::readlink(link.c_str(), text.data(), text.size());
    if (n <= 0 || text[0] != '/' || static_cast<std::size_t>(n) == text.size()) return {};
    found_.assign(text.data(), static_cast<std::size_t>(n));
    if (!follow_last) {
        if (found_.back() != '/') found_ += '/';
        found_ += last;
    }
    return found_ == path.name ? std::string_view() : std::string_view(found_);
}

} // namespace gyr
