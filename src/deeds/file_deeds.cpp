// Files opened in a certain way; nothing is written into one that was there.

#include "deeds/deeds.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <linux/openat2.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace gyr::deeds {
namespace {

int opened(const std::string& path, int flags, mode_t mode = 0644) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd < 0) return cannot(path);
    ::close(fd);
    return 0;
}

// read FILE / write FILE / empty FILE / executable FILE
int read_file(Words w) { return w.size() == 1 ? opened(w[0], O_RDONLY) : wrong_use("read"); }
int write_file(Words w) { return w.size() == 1 ? opened(w[0], O_WRONLY) : wrong_use("write"); }
int empty(Words w) { return w.size() == 1 ? opened(w[0], O_WRONLY | O_TRUNC | O_CREAT) : wrong_use("empty"); }
int executable(Words w) { return w.size() == 1 ? opened(w[0], O_WRONLY | O_CREAT, 0755) : wrong_use("executable"); }

// make FILE [TEXT]: with its folders.
int make(Words w) {
    if (w.empty()) return wrong_use("make");
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(w[0]).parent_path(), error);
    std::ofstream file(w[0], std::ios::app);
    file << (w.size() > 1 ? w[1] : "text") << '\n';
    return file.flush() ? 0 : cannot(w[0]);
}

// try FILE: open for reading, which may be refused.
int try_file(Words w) {
    if (w.size() != 1) return wrong_use("try");
    const int fd = ::open(w[0].c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) ::close(fd);
    return 0;
}

// handle FILE: opened by its handle, or tried.
int handle(Words w) {
    if (w.size() != 1) return wrong_use("handle");
    alignas(file_handle) std::array<unsigned char, sizeof(file_handle) + 128> room{};
    auto* head = reinterpret_cast<file_handle*>(room.data());
    head->handle_bytes = 128;
    int mount_id = 0;
    const int at = ::open(std::filesystem::path(w[0]).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (::name_to_handle_at(AT_FDCWD, w[0].c_str(), head, &mount_id, 0) < 0) head->handle_bytes = 8;
    const int fd = ::open_by_handle_at(at, head, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) ::close(fd);
    return 0;
}

// openat2 FILE, old-open FILE: for reading, by other system calls.
int by_openat2(Words w) {
    if (w.size() != 1) return wrong_use("openat2");
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC;
    return ::syscall(SYS_openat2, AT_FDCWD, w[0].c_str(), &how, sizeof how) < 0 ? cannot(w[0]) : 0;
}
int by_open(Words w) {
    if (w.size() != 1) return wrong_use("old-open");
    return ::syscall(SYS_open, w[0].c_str(), O_RDONLY, 0) < 0 ? cannot(w[0]) : 0;
}

// fchmodat2 MODE FILE: by the newer call, or by the older one where the kernel has none.
int by_fchmodat2(Words w) {
    constexpr long kFchmodat2 = 452; // Linux 6.6
    if (w.size() != 2) return wrong_use("fchmodat2");
    const auto mode = static_cast<mode_t>(std::strtoul(w[0].c_str(), nullptr, 8));
    if (::syscall(kFchmodat2, AT_FDCWD, w[1].c_str(), mode, 0) == 0) return 0;
    return errno == ENOSYS && ::chmod(w[1].c_str(), mode) == 0 ? 0 : cannot(w[1]);
}

// exchange ONE OTHER: each gets the other's name.
int exchange(Words w) {
    constexpr unsigned kExchange = 2;
    if (w.size() != 2) return wrong_use("exchange");
    return ::syscall(SYS_renameat2, AT_FDCWD, w[0].c_str(), AT_FDCWD, w[1].c_str(), kExchange) == 0 ? 0 : cannot(w[0]);
}

// rename-below FOLDER OLD NEW: both named below a descriptor of their folder, which becomes another folder at once.
int rename_below(Words w) {
    if (w.size() != 3) return wrong_use("rename-below");
    const int at = ::open(w[0].c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int other = ::open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int done = ::renameat(at, w[1].c_str(), at, w[2].c_str());
    ::dup2(other, at);
    return done == 0 ? 0 : cannot(w[2]);
}

// cut FILE: emptied by its name; cut-open FILE: by a descriptor that was opened for more than that.
int cut(Words w) { return w.size() == 1 && ::truncate(w[0].c_str(), 0) == 0 ? 0 : cannot("cut"); }
int cut_open(Words w) {
    if (w.size() != 1) return wrong_use("cut-open");
    const int fd = ::open(w[0].c_str(), O_RDWR | O_CLOEXEC);
    return fd >= 0 && ::ftruncate(fd, 0) == 0 ? 0 : cannot(w[0]);
}

// create MODE FILE: a new file that has the mode from the beginning; node MODE FILE: by mknod.
int create(Words w) {
    if (w.size() != 2) return wrong_use("create");
    ::umask(0);
    const auto mode = static_cast<mode_t>(std::strtoul(w[0].c_str(), nullptr, 8));
    const int fd = ::open(w[1].c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    struct stat made {};
    return fd >= 0 && ::fstat(fd, &made) == 0 && (made.st_mode & 07777U) == mode ? 0 : cannot(w[1]);
}
int node(Words w) {
    if (w.size() != 2) return wrong_use("node");
    ::umask(0);
    const auto mode = static_cast<mode_t>(std::strtoul(w[0].c_str(), nullptr, 8));
    return ::mknod(w[1].c_str(), S_IFREG | mode, 0) == 0 ? 0 : cannot(w[1]);
}

// own FILE: given to the user and group it has, by a descriptor.
int own(Words w) {
    if (w.size() != 1) return wrong_use("own");
    const int fd = ::open(w[0].c_str(), O_RDONLY | O_CLOEXEC);
    struct stat had {};
    if (fd < 0 || ::fstat(fd, &had) < 0) return cannot(w[0]);
    return ::fchown(fd, had.st_uid, had.st_gid) == 0 ? 0 : cannot(w[0]);
}

// share FILE: the user 65534 may read it, by an access list.
int share(Words w) {
    struct Entry {
        std::uint16_t tag, rights;
        std::uint32_t id;
    };
    struct List {
        std::uint32_t version;
        std::array<Entry, 5> entries;
    };
    constexpr std::uint32_t kNobody = ~0U;
    const List list{2, {{{1, 6, kNobody}, {2, 4, 65534}, {4, 4, kNobody}, {16, 4, kNobody}, {32, 0, kNobody}}}};
    if (w.size() != 1) return wrong_use("share");
    return ::setxattr(w[0].c_str(), "system.posix_acl_access", &list, sizeof list, 0) == 0 ? 0 : cannot(w[0]);
}

// below FOLDER NAME: opened relative to a descriptor, which becomes another folder at once.
int below(Words w) {
    if (w.size() != 2) return wrong_use("below");
    const int at = ::open(w[0].c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int other = ::open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int fd = ::openat(at, w[1].c_str(), O_RDONLY | O_CLOEXEC);
    ::dup2(other, at);
    return fd < 0 ? cannot(w[1]) : 0;
}

// passed FILE: one process opens it and hands it to another, which reads.
int passed(Words w) {
    if (w.size() != 1) return wrong_use("passed");
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) < 0) return cannot("socketpair");
    const pid_t opener = ::fork();
    char byte = 'x';
    iovec vector{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (opener == 0) {
        const int fd = ::open(w[0].c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) ::_exit(cannot(w[0]));
        cmsghdr* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
        ::_exit(::sendmsg(ends[1], &message, 0) == 1 ? 0 : 125);
    }
    if (::recvmsg(ends[0], &message, 0) != 1) return cannot("recvmsg");
    int fd = -1;
    if (const cmsghdr* head = CMSG_FIRSTHDR(&message); head != nullptr) std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
    std::array<char, 16> content{};
    const bool read_it = ::read(fd, content.data(), content.size()) > 0;
    return wait_for(opener) == 0 && read_it ? 0 : 125;
}

constexpr std::array kDeeds{
    NamedDeed{"read", read_file},
    NamedDeed{"write", write_file},
    NamedDeed{"empty", empty},
    NamedDeed{"make", make},
    NamedDeed{"try", try_file},
    NamedDeed{"executable", executable},
    NamedDeed{"handle", handle},
    NamedDeed{"openat2", by_openat2},
    NamedDeed{"old-open", by_open},
    NamedDeed{"fchmodat2", by_fchmodat2},
    NamedDeed{"below", below},
    NamedDeed{"passed", passed},
    NamedDeed{"rename-below", rename_below},
    NamedDeed{"exchange", exchange},
    NamedDeed{"cut", cut},
    NamedDeed{"cut-open", cut_open},
    NamedDeed{"create", create},
    NamedDeed{"node", node},
    NamedDeed{"own", own},
    NamedDeed{"share", share},
};

} // namespace

std::span<const NamedDeed> file_deeds() { return kDeeds; }

} // namespace gyr::deeds
