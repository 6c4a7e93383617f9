#include "containers/bounded_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gyr {

Result<std::string> read_bounded_fd(int fd, const std::string& name, std::size_t max_bytes, bool* cut) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return fail_errno(name, errno);
    if (!S_ISREG(status.st_mode)) return fail(ErrorKind::not_found, name + ": not a regular file");
    std::string bytes;
    const std::size_t expected = status.st_size > 0 ? static_cast<std::size_t>(status.st_size) : 0;
    bytes.resize(std::min(expected + 1, max_bytes + 1)); // one more than expected: the last read then sees the end
    std::size_t filled = 0;
    for (;;) {
        if (filled == bytes.size()) {
            if (filled > max_bytes) break;
            bytes.resize(std::min(filled + 4096 + filled / 2, max_bytes + 1));
        }
        const ssize_t n = ::pread(fd, bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(filled));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno(name, errno);
        if (n == 0) break;
        filled += static_cast<std::size_t>(n);
    }
    if (filled > max_bytes) {
        if (cut == nullptr)
            return fail(ErrorKind::invalid, name + ": larger than " + std::to_string(max_bytes) + " bytes");
        *cut = true;
        filled = max_bytes;
    }
    bytes.resize(filled);
    return bytes;
}

Result<std::string> read_bounded_file(const std::string& path, std::size_t max_bytes) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0) return fail_errno(path, errno);
    auto bytes = read_bounded_fd(fd, path, max_bytes);
    ::close(fd);
    return bytes;
}

} // namespace gyr
