#include "recording/proc_fds.h"

#include "recording/proc_text.h"

#include <algorithm>
#include <array>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <utility>

namespace gyr::recording {
namespace {

struct Flag {
    std::uint32_t from, to;
};

constexpr std::uint32_t kLargeFile = 0100000; // the kernel's; the C library's O_LARGEFILE is 0 on 64 bits
constexpr Flag kFlags[] = {
    {O_CREAT, 1u << 2}, {O_APPEND, 1u << 3}, {O_DSYNC, 1u << 4},      {O_EXCL, 1u << 5},      {O_NONBLOCK, 1u << 6},
    {O_TRUNC, 1u << 8}, {O_DIRECT, 1u << 9}, {O_DIRECTORY, 1u << 10}, {kLargeFile, 1u << 11}, {O_CLOEXEC, 1u << 12},
};

struct Kind {
    std::string_view prefix; // of what the link says
    FdType type;
};

constexpr Kind kKinds[] = {
    {"pipe:[", FdType::fifo},
    {"anon_inode:[eventfd]", FdType::event},
    {"anon_inode:[eventpoll]", FdType::eventpoll},
    {"anon_inode:[signalfd]", FdType::signal},
    {"anon_inode:[timerfd]", FdType::timerfd},
    {"anon_inode:[pidfd]", FdType::pidfd},
    {"anon_inode:[userfaultfd]", FdType::userfaultfd},
    {"anon_inode:[io_uring]", FdType::io_uring},
    {"anon_inode:inotify", FdType::inotify},
    {"anon_inode:[inotify]", FdType::inotify},
    {"anon_inode:bpf", FdType::bpf},
    {"anon_inode:[bpf", FdType::bpf},
    {"/memfd:", FdType::memfd},
};

// As the kernel packs a device number into 32 bits, which is how captures have it.
std::uint32_t packed_device(dev_t device) {
    const auto major = ::major(device), minor = ::minor(device);
    return (minor & 0xffu) | (major << 8) | ((minor & ~0xffu) << 12);
}

} // namespace

std::uint32_t capture_open_flags(std::uint32_t linux_flags) {
    std::uint32_t out = 0;
    switch (linux_flags & O_ACCMODE) {
    case O_RDONLY: out = 1; break;
    case O_WRONLY: out = 2; break;
    default: out = 3; break;
    }
    for (const Flag& flag : kFlags)
        if ((linux_flags & flag.from) != 0) out |= flag.to;
    if ((linux_flags & O_SYNC) == O_SYNC) out |= 1u << 7; // it has the bit of O_DSYNC and one of its own
    if ((linux_flags & O_TMPFILE) == O_TMPFILE) out |= 1u << 13;
    return out;
}

const SocketTable& ProcFds::sockets_of(const std::string& folder) {
    std::string name;
    static_cast<void>(read_link(folder + "/ns/net", name));
    const auto [it, fresh] = sockets_.try_emplace(name);
    if (fresh) it->second.read(folder + "/net");
    return it->second;
}

void ProcFds::read_one(const std::string& folder, std::int64_t pid, std::int64_t fd, FdInfo& info) {
    struct stat st {};
    const bool known = ::stat((folder + "/fd/" + std::to_string(fd)).c_str(), &st) == 0;
    info.ino = known ? st.st_ino : 0;
    info.creator_pid = static_cast<std::int32_t>(pid);
    info.name = target_;
    if (known && S_ISSOCK(st.st_mode)) {
        if (const FdInfo* socket = sockets_of(folder).find(st.st_ino))
            info = *socket;
        else
            info.type = FdType::unsupported;
        return;
    }
    const auto kind = std::ranges::find_if(kKinds, [&](const Kind& k) { return target_.starts_with(k.prefix); });
    if (kind != std::end(kKinds)) {
        info.type = kind->type;
        return;
    }
    if (known && S_ISFIFO(st.st_mode)) {
        info.type = FdType::fifo;
    } else if (known && S_ISDIR(st.st_mode)) {
        info.type = FdType::directory;
    } else if (!target_.starts_with('/')) {
        info.type = FdType::unsupported;
    } else {
        info.type = FdType::file_v2;
        info.dev = known ? packed_device(st.st_dev) : 0;
        if (!read_text(folder + "/fdinfo/" + std::to_string(fd), text_, 4096)) return;
        const std::size_t at = text_.find("flags:");
        if (at == std::string::npos) return;
        std::string_view rest = std::string_view(text_).substr(at + 6);
        info.open_flags = capture_open_flags(number<std::uint32_t>(take_word(rest), 8));
    }
}

std::span<const capfile::FdRecord> ProcFds::read(const std::string& folder, std::int64_t pid) {
    infos_.clear();
    records_.clear();
    std::vector<std::int64_t> numbers;
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir((folder + "/fd").c_str()), ::closedir);
    if (!dir) return {};
    while (const dirent* entry = ::readdir(dir.get())) {
        const std::string_view name(static_cast<const char*>(entry->d_name));
        if (name.starts_with('.') || numbers.size() >= kMost) continue;
        numbers.push_back(number<std::int64_t>(name));
    }
    std::vector<std::int64_t> there;
    for (const std::int64_t fd : numbers) {
        if (!read_link(folder + "/fd/" + std::to_string(fd), target_)) continue;
        read_one(folder, pid, fd, infos_.emplace_back());
        there.push_back(fd);
    }
    for (std::size_t i = 0; i < there.size(); ++i) records_.push_back({pid, there[i], &infos_[i]});
    return records_;
}

} // namespace gyr::recording
