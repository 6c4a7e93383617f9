#include "containers/file_root.h"

#include "containers/bounded_file.h"

#include <array>
#include <cerrno>
#include <climits>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <linux/openat2.h>
#include <memory>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gyr {
namespace {

// Of "/a/b", which openat2 would take for the caller's root without RESOLVE_IN_ROOT; "." for the root itself.
const char* below(const std::string& path) {
    const std::size_t begin = path.find_first_not_of('/');
    return begin == std::string::npos ? "." : path.c_str() + begin;
}

// By which what a descriptor holds is reached, whatever has become of its name.
std::string path_of(const UniqueFd& held) { return "/proc/self/fd/" + std::to_string(held.get()); }

bool has_type(int fd, mode_t type) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == type;
}

} // namespace

int open_in_root(int root, const char* path, int flags) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof how));
}

Result<std::string> read_in_root(int root, const char* path, std::size_t max_bytes, bool* cut) {
    // First by O_PATH, which opens nothing: a device or FIFO that the container put there is never touched. Then what
    // is held, not the path again: the container may have put one there in the meantime.
    const UniqueFd place(open_in_root(root, path, O_PATH));
    if (!place) {
        const bool absent = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
        return fail(absent ? ErrorKind::not_found : ErrorKind::io, path);
    }
    if (!has_type(place.get(), S_IFREG)) return fail(ErrorKind::not_found, path);
    const UniqueFd file(::open(path_of(place).c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!file) return fail(ErrorKind::io, path);
    return read_bounded_fd(file.get(), path, max_bytes, cut);
}

Result<FileRoot> FileRoot::of_process(const std::string& proc, Pid pid, std::uint32_t mnt) {
    const std::string process = proc + "/" + std::to_string(pid);
    UniqueFd root(::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return fail_errno(process + "/root", errno);
    // The root is held; if the process still is in that namespace now, it was when the root was opened.
    struct stat name_space {};
    if (::stat((process + "/ns/mnt").c_str(), &name_space) != 0 || (mnt != 0 && name_space.st_ino != mnt))
        return fail(ErrorKind::not_found, process + ": the process is gone");
    return FileRoot({}, std::move(root));
}

std::optional<std::string> FileRoot::read(const std::string& path, std::size_t max_bytes) const {
    if (is_host()) {
        auto bytes = read_bounded_file(prefix_ + path, max_bytes);
        if (!bytes) return std::nullopt;
        return std::move(*bytes);
    }
    auto bytes = read_in_root(root_.get(), below(path), max_bytes);
    if (!bytes) return std::nullopt;
    return std::move(*bytes);
}

std::string FileRoot::read_link(const std::string& path) const {
    std::error_code error;
    if (is_host()) return std::filesystem::read_symlink(prefix_ + path, error).string();
    const UniqueFd link(open_in_root(root_.get(), below(path), O_PATH | O_NOFOLLOW));
    if (!link) return {};
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(link.get(), "", target.data(), target.size());
    return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string{};
}

std::vector<std::string> FileRoot::list(const std::string& folder, std::size_t most) const {
    std::vector<std::string> names;
    const int fd = is_host() ? ::open((prefix_ + folder).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                             : open_in_root(root_.get(), below(folder), O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    if (fd < 0) return names;
    const std::unique_ptr<DIR, int (*)(DIR*)> open(::fdopendir(fd), ::closedir);
    if (!open) {
        ::close(fd);
        return names;
    }
    while (const dirent* entry = ::readdir(open.get())) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        if (names.size() == most) break;
        names.push_back(name);
    }
    return names;
}

std::optional<FileRoot::Socket> FileRoot::find_socket(const std::string& path) const {
    Socket out;
    if (is_host()) {
        out.path = prefix_ + path;
        struct stat status {};
        if (::stat(out.path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return std::nullopt;
        return out;
    }
    out.held = UniqueFd(open_in_root(root_.get(), below(path), O_PATH));
    if (!out.held || !has_type(out.held.get(), S_IFSOCK)) return std::nullopt;
    out.path = path_of(out.held);
    return out;
}

} // namespace gyr
