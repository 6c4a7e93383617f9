#include "rules/text_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gyr::rules {

namespace {

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

constexpr std::size_t kStep = 64UL * 1024;

} // namespace

Result<std::string> read_text_file(const std::string& path, std::size_t max_bytes, Pipes pipes) {
    struct stat named {};
    if (pipes == Pipes::refused && ::stat(path.c_str(), &named) == 0 && !S_ISREG(named.st_mode) &&
        !S_ISDIR(named.st_mode))
        return fail(ErrorKind::invalid, path + " is no file, but a pipe, a socket or a device");
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0) return fail_errno("cannot open " + path, errno);
    struct stat info {};
    if (::fstat(file.fd, &info) != 0) return fail_errno("cannot read " + path, errno);
    if (S_ISDIR(info.st_mode)) return fail(ErrorKind::invalid, path + " is a folder, not a file");
    std::string text;
    const auto size = static_cast<std::size_t>(info.st_size < 0 ? 0 : info.st_size);
    if (size > max_bytes) return fail(ErrorKind::invalid, path + " is too large");
    text.reserve(size + 1 + kStep); // the last read finds nothing, and must not move the rest
    while (true) {
        const std::size_t have = text.size();
        text.resize(have + std::max(kStep, size > have ? size - have + 1 : 0));
        const ssize_t got = ::read(file.fd, text.data() + have, text.size() - have);
        if (got < 0 && errno == EINTR) {
            text.resize(have);
            continue;
        }
        if (got < 0) return fail_errno("cannot read " + path, errno);
        text.resize(have + static_cast<std::size_t>(got));
        if (got == 0) return text;
        if (text.size() > max_bytes) return fail(ErrorKind::invalid, path + " is too large");
    }
}

} // namespace gyr::rules
