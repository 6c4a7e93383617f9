// The description of this very host, read back: this process, and what it has open, must be in it.

#include "recording/host_description.h"

#include "base/fd.h"
#include "capfile/test_support.h"
#include "recording/proc_fds.h"
#include "recording/proc_sockets.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace gyr::recording {
namespace {

using capfile::ThreadRecord;
using capfile::Whole;

std::string described(const HostPlaces& places = {}) {
    std::string bytes;
    auto writer = capfile::Writer::to_string(bytes, {.compress = false});
    EXPECT_TRUE(describe_host(*writer, places));
    EXPECT_TRUE(writer->close());
    return bytes;
}

Whole read(const std::string& bytes) {
    auto reader = capfile::Reader::from_bytes(capfile::as_bytes(bytes));
    return Whole(*reader);
}

TEST(HostDescription, HasThisProcessWithWhatItIs) {
    const std::string bytes = described();
    const Whole w = read(bytes);
    EXPECT_TRUE(w.damages.empty());
    const auto me = std::ranges::find(w.threads, ::getpid(), &ThreadRecord::tid);
    ASSERT_NE(me, w.threads.end());
    EXPECT_EQ(me->pid, ::getpid());
    EXPECT_EQ(me->ptid, ::getppid());
    EXPECT_EQ(me->sid, ::getsid(0));
    EXPECT_EQ(me->pgid, ::getpgid(0));
    EXPECT_EQ(me->uid, ::geteuid());
    EXPECT_EQ(me->gid, ::getegid());
    EXPECT_EQ(me->cwd, std::filesystem::current_path().string());
    EXPECT_EQ(me->exepath, std::filesystem::read_symlink("/proc/self/exe").string());
    EXPECT_EQ(me->root, "/");
    struct stat st {};
    ASSERT_EQ(::stat("/proc/self/exe", &st), 0);
    EXPECT_EQ(me->exe_ino, st.st_ino);
    EXPECT_EQ(me->exe_ino_mtime / 1'000'000'000, static_cast<std::uint64_t>(st.st_mtim.tv_sec));
    EXPECT_NE(me->env.find("PATH="), std::string_view::npos);
    EXPECT_FALSE(me->cgroups.empty());
    EXPECT_GT(me->fdlimit, 0);
    EXPECT_GT(me->vmsize_kb, 0u);
    const auto init = std::ranges::find(w.threads, 1, &ThreadRecord::tid);
    ASSERT_NE(init, w.threads.end());
    EXPECT_EQ(init->ptid, 0);
    EXPECT_GT(w.machine.max_pid, 1000u);
    EXPECT_GT(w.machine.boot_time, 1'500'000'000'000'000'000);
    const auto root = std::ranges::find(w.users, 0u, &capfile::UserRecord::uid);
    ASSERT_NE(root, w.users.end());
    EXPECT_EQ(root->name, "root");
    EXPECT_TRUE(std::ranges::any_of(w.interfaces, [](const auto& i) { return i.name == "lo" && i.address[0] == 127; }));
}

TEST(HostDescription, HasTheThreadsOfAProcess) {
    std::atomic<pid_t> tid = 0;
    std::atomic<bool> over = false;
    std::jthread other([&] {
        tid = ::gettid();
        tid.notify_all();
        over.wait(false);
    });
    tid.wait(0);
    const std::string bytes = described();
    over = true;
    over.notify_all();
    const Whole w = read(bytes);
    const auto thread = std::ranges::find(w.threads, static_cast<std::int64_t>(tid.load()), &ThreadRecord::tid);
    ASSERT_NE(thread, w.threads.end());
    EXPECT_EQ(thread->pid, ::getpid());
    EXPECT_EQ(thread->flags & (1u << 13), 1u << 13) << "a thread, not a process";
}

TEST(HostDescription, HasWhatAProcessHasOpen) {
    const auto path = std::filesystem::temp_directory_path() / ("gyr-described-" + std::to_string(::getpid()));
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    const UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd read_end(ends[0]), write_end(ends[1]);
    const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    socklen_t length = sizeof address;
    ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);

    const std::string bytes = described();
    const Whole w = read(bytes);
    std::filesystem::remove(path);
    const auto find = [&](const UniqueFd& fd) -> const FdInfo* {
        for (const auto& list : w.fds)
            for (const auto& record : list)
                if (record.tid == ::getpid() && record.fd == fd.get()) return record.info;
        return nullptr;
    };
    for (const UniqueFd* fd : {&file, &folder, &event, &read_end, &write_end, &listener, &client})
        ASSERT_NE(find(*fd), nullptr);
    EXPECT_EQ(find(file)->type, FdType::file_v2);
    EXPECT_EQ(find(file)->name, path.string());
    EXPECT_EQ(find(file)->open_flags & ~0x800u, 0x3u | 0x8u | 0x1000u) << "O_RDWR, O_APPEND, O_CLOEXEC";
    EXPECT_EQ(find(folder)->type, FdType::directory);
    EXPECT_EQ(find(event)->type, FdType::event);
    EXPECT_EQ(find(read_end)->type, FdType::fifo);
    EXPECT_EQ(find(read_end)->ino, find(write_end)->ino);
    EXPECT_EQ(find(listener)->type, FdType::ipv4_server);
    EXPECT_EQ(find(listener)->destination_port, ntohs(address.sin_port));
    EXPECT_EQ(find(listener)->destination_address[0], 127);
    EXPECT_EQ(find(client)->type, FdType::ipv4);
    EXPECT_EQ(find(client)->destination_port, ntohs(address.sin_port));
    EXPECT_EQ(find(client)->l4, L4Protocol::tcp);
}

// In the kernel's tables they have the number of their protocol, or of an echo request, where others have a port.
TEST(HostDescription, SocketsWithoutPortsServeNobody) {
    SocketTable sockets;
    constexpr std::string_view kHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when ...\n",
                               kRest = " 07 00000000:00000000 00:00000000 00000000     0        0 ";
    const auto parse = [&](std::string_view ends, int inode, L4Protocol protocol) {
        sockets.parse_internet(fmt::format("{}   1: {}{}{} 2\n", kHead, ends, kRest, inode), false, protocol);
        return sockets.find(static_cast<std::uint64_t>(inode));
    };
    const FdInfo* raw = parse("0100007F:0001 00000000:0000", 5, L4Protocol::raw);
    ASSERT_NE(raw, nullptr);
    EXPECT_EQ(raw->type, FdType::ipv4);
    EXPECT_EQ(raw->source_address[0], 127);
    EXPECT_EQ(raw->source_port, 0);
    EXPECT_FALSE(has_destination(*raw));
    const FdInfo* echo = parse("00000000:0012 0100007F:0000", 6, L4Protocol::icmp);
    ASSERT_NE(echo, nullptr);
    EXPECT_EQ(echo->type, FdType::ipv4);
    EXPECT_EQ(echo->destination_address[0], 127);
    const FdInfo* udp = parse("0100007F:0035 00000000:0000", 7, L4Protocol::udp);
    ASSERT_NE(udp, nullptr);
    EXPECT_EQ(udp->type, FdType::ipv4_server);
    EXPECT_EQ(udp->destination_port, 53);
}

TEST(HostDescription, LeavesOutWhatIsNotThere) {
    const Whole w = read(described({.proc = "/nothing/here", .etc = "/nothing/here"}));
    EXPECT_TRUE(w.damages.empty());
    EXPECT_TRUE(w.threads.empty());
    EXPECT_TRUE(w.users.empty());
}

TEST(HostDescription, TakesOddFilesAsTheyCome) {
    const auto folder = std::filesystem::temp_directory_path() / ("gyr-odd-proc-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder / "42");
    std::filesystem::create_directories(folder / "43");
    std::ofstream(folder / "42" / "status")
        << "Name:\tx\nTgid:\t42\nPid:\t42\nPPid:\tnonsense\nUid:\t1\n\n:::\nNSpid:\n";
    std::ofstream(folder / "42" / "stat") << "42 (a) (b) S 1 7";
    std::ofstream(folder / "42" / "cgroup") << "0::/one\n3:cpu,cpuacct:/two\nx\n1:name=systemd:/three\n";
    std::ofstream(folder / "43" / "status") << "garbage";
    std::ofstream(folder / "passwd") << "root:x:0:0::/root:/bin/sh\nbroken\n::::::\nann:x:1000:1000\n";
    const Whole w = read(described({.proc = folder.string(), .etc = folder.string()}));
    std::filesystem::remove_all(folder);
    ASSERT_EQ(w.threads.size(), 1u);
    EXPECT_EQ(w.threads[0].comm, "a) (b");
    EXPECT_EQ(w.threads[0].pgid, 7);
    EXPECT_NE(w.threads[0].cgroups.find(std::string_view("cpuacct=/two\0", 13)), std::string_view::npos);
    EXPECT_NE(w.threads[0].cgroups.find("memory=/one"), std::string_view::npos);
    EXPECT_EQ(w.threads[0].cgroups.find("three"), std::string_view::npos);
    ASSERT_EQ(w.users.size(), 2u);
    EXPECT_EQ(w.users[1].name, "ann");
}

} // namespace
} // namespace gyr::recording
