#include "replay/test_support.h"

#include <gtest/gtest.h>

namespace gyr::replay::test {
namespace {

constexpr std::int64_t kCloseOnExec = 4096, kDirectory = 1024; // file_flags of the schema

struct Shell : Script {
    Shell() {
        process(1, 0, "init", "/");
        process(100, 1, "sh");
        file(100, 0, "/dev/pts/0");
    }
    const Event& exec(std::int64_t pid) {
        return event("execve", pid, {{"res", 0}, {"exe", "x"}, {"comm", "x"}, {"pid", pid}, {"ptid", 1}});
    }
    const FdInfo* fd(std::int64_t pid, std::int64_t number) { return look(pid).fds->find_fd(number); }
};

TEST(ReplayFds, OpenIsSeenWithItsNewDescriptor) {
    Shell s;
    const Event& e =
        s.event("openat", 100,
                {{"fd", 3}, {"dirfd", -100}, {"name", "../etc//passwd"}, {"flags", 1}, {"dev", 0x801}, {"ino", 77}});
    ASSERT_TRUE(e.fd);
    EXPECT_EQ(e.fd_number, 3);
    EXPECT_EQ(e.fd->name, "/etc/passwd");
    EXPECT_EQ(e.fd->name_raw, "../etc//passwd");
    EXPECT_EQ(e.fd->dev, 0x801U);
    EXPECT_EQ(e.fd->ino, 77U);
    EXPECT_EQ(e.fd->type, FdType::file_v2);
    EXPECT_TRUE(e.fd_name_changed);
    EXPECT_TRUE(e.has_result);
    EXPECT_EQ(e.result, 3);
    EXPECT_FALSE(s.read(100, 3).fd_name_changed);
}

TEST(ReplayFds, ACopyHasTwoDescriptors) {
    Shell s;
    s.open(100, 3, "/from");
    s.open(100, 4, "/to");
    const Event& copy = s.event("copy_file_range", 100, {{"res", 1}, {"fdout", 4}, {"fdin", 3}});
    ASSERT_TRUE(copy.fd && copy.other_fd);
    EXPECT_EQ(copy.fd_number, 3);
    EXPECT_EQ(copy.fd->name, "/from");
    EXPECT_EQ(copy.other_fd_number, 4);
    EXPECT_EQ(copy.other_fd->name, "/to");
    const Event& sent = s.event("sendfile", 100, {{"res", 1}, {"out_fd", 4}, {"in_fd", 3}});
    ASSERT_TRUE(sent.fd && sent.other_fd);
    EXPECT_EQ(sent.fd->name, "/to");
    EXPECT_EQ(sent.other_fd->name, "/from");
    EXPECT_EQ(s.read(100, 3).other_fd, nullptr);
    EXPECT_EQ(s.event("dup2", 100, {{"res", 4}, {"oldfd", 3}, {"newfd", 4}}).other_fd, nullptr);
}

TEST(ReplayFds, FailedOpenMakesNone) {
    Shell s;
    const Event& e = s.open(100, -2, "/none");
    EXPECT_EQ(e.fd, nullptr);
    EXPECT_EQ(e.fd_number, -1);
    EXPECT_EQ(e.result, -2);
}

TEST(ReplayFds, PathsBelowADirectoryDescriptor) {
    Shell s;
    s.open(100, 3, "/tmp/", kDirectory);
    EXPECT_EQ(s.fd(100, 3)->type, FdType::directory);
    EXPECT_EQ(s.fd(100, 3)->name, "/tmp");
    EXPECT_EQ(s.event("openat", 100, {{"fd", 4}, {"dirfd", 3}, {"name", "a/../b"}}).fd->name, "/tmp/b");
    EXPECT_EQ(s.event("openat", 100, {{"fd", 5}, {"dirfd", 99}, {"name", "b"}}).fd->name, "<UNKNOWN>/b");
    EXPECT_EQ(s.event("openat", 100, {{"fd", 5}, {"dirfd", 99}, {"name", "/b"}}).fd->name, "/b");
    // Into the place of its own directory.
    EXPECT_EQ(s.event("openat2", 100, {{"fd", 3}, {"dirfd", 3}, {"name", "c"}}).fd->name, "/tmp/c");
    s.open(100, 6, "/var", kDirectory);
    EXPECT_EQ(s.event("fchdir", 100, {{"res", 0}, {"fd", 6}}).process->cwd, "/var/");
    EXPECT_EQ(s.event("creat", 100, {{"fd", 7}, {"name", "new"}}).fd->name, "/var/new");
}

// As gyr record writes it of an open over a link.
TEST(ReplayFds, ABeginMayTellWhereTheCallLed) {
    Shell s;
    s.event("openat", 100, {{"dirfd", -100}, {"name", "/etc/shadow"}}, EventDirection::enter);
    const Event& e = s.event("openat", 100, {{"fd", 3}, {"dirfd", -100}, {"name", "/tmp/link"}});
    ASSERT_TRUE(e.fd);
    EXPECT_EQ(e.fd->name, "/etc/shadow");
    EXPECT_EQ(e.fd->name_raw, "/tmp/link") << "what was asked for stays";
    // It is told of one call.
    EXPECT_EQ(s.event("openat", 100, {{"fd", 4}, {"dirfd", -100}, {"name", "/tmp/link"}}).fd->name, "/tmp/link");
}

// Killed within its call, or the machine is another by then: what was asked for is not that of the number's next owner.
TEST(ReplayFds, ABeginWithoutAnEndIsForgotten) {
    Shell s;
    const auto begin = [&] {
        s.event("openat", 100, {{"dirfd", -100}, {"name", "/etc/shadow"}}, EventDirection::enter);
    };
    begin();
    s.event("procexit", 100, {{"status", 9}});
    s.fork(1, 100);
    EXPECT_EQ(s.open(100, 3, "/tmp/mine").fd->name, "/tmp/mine");
    begin();
    s.state.on_section();
    s.process(100, 1, "sh");
    EXPECT_EQ(s.open(100, 3, "/tmp/mine").fd->name, "/tmp/mine");
}

TEST(ReplayFds, UnixSocketsOfTheListsHaveRoles) {
    Shell s;
    FdInfo info;
    info.type = FdType::unix_socket;
    s.state.on_fd({.tid = 100, .fd = 5, .info = &info});
    info.name = "/run/d.sock";
    s.state.on_fd({.tid = 100, .fd = 6, .info = &info});
    EXPECT_EQ(s.fd(100, 5)->marks & (kFdRoleClient | kFdRoleServer), kFdRoleClient);
    EXPECT_EQ(s.fd(100, 6)->marks & (kFdRoleClient | kFdRoleServer), kFdRoleServer) << "only who listens has a name";
}

TEST(ReplayFds, CloseIsSeenWithWhatWasClosed) {
    Shell s;
    s.open(100, 3, "/a");
    const Event& e = s.event("close", 100, {{"res", 0}, {"fd", 3}});
    ASSERT_TRUE(e.fd);
    EXPECT_EQ(e.fd->name, "/a");
    EXPECT_EQ(e.thread->open_fds, 2U);
    EXPECT_EQ(s.read(100, 3).fd, nullptr);
    EXPECT_EQ(s.read(100, 3).fd_number, 3);
    // A close that failed closes nothing.
    s.event("close", 100, {{"res", -5}, {"fd", 0}});
    EXPECT_TRUE(s.read(100, 0).fd);
}

TEST(ReplayFds, ExecClosesWhatIsMarked) {
    Shell s;
    s.open(100, 3, "/kept");
    s.open(100, 4, "/closed", kCloseOnExec);
    s.open(100, 5, "/marked");
    s.event("fcntl", 100, {{"res", 0}, {"fd", 5}, {"cmd", 3}, {"arg", 1}});
    s.event("socket", 100, {{"fd", 6}, {"domain", 2}, {"type", 02000001}, {"proto", 0}});
    s.event("pipe2", 100, {{"res", 0}, {"fd1", 7}, {"fd2", 8}, {"ino", 5}, {"flags", kCloseOnExec}});
    EXPECT_EQ(s.exec(100).thread->open_fds, 2U);
    EXPECT_TRUE(s.fd(100, 0));
    EXPECT_TRUE(s.fd(100, 3));
}

TEST(ReplayFds, MarkOfASharedDescriptorStaysWithTheProcess) {
    Shell s;
    s.open(100, 3, "/a");
    s.fork(100, 200);
    s.event("fcntl", 200, {{"res", 0}, {"fd", 3}, {"cmd", 3}, {"arg", 1}});
    s.exec(200);
    EXPECT_FALSE(s.fd(200, 3));
    s.exec(100);
    EXPECT_TRUE(s.fd(100, 3));
}

TEST(ReplayFds, DuplicatesStandForTheSame) {
    Shell s;
    s.open(100, 3, "/a", kCloseOnExec);
    EXPECT_EQ(s.event("dup", 100, {{"res", 4}, {"oldfd", 3}}).fd_number, 4);
    EXPECT_EQ(s.fd(100, 4)->name, "/a");
    EXPECT_EQ(s.event("dup2", 100, {{"res", 0}, {"oldfd", 3}, {"newfd", 0}}).fd->name, "/a");
    s.event("dup3", 100, {{"res", 5}, {"oldfd", 4}, {"newfd", 5}, {"flags", kCloseOnExec}});
    s.event("fcntl", 100, {{"res", 6}, {"fd", 3}, {"cmd", 1}, {"arg", 6}});
    s.event("fcntl", 100, {{"res", 7}, {"fd", 3}, {"cmd", 26}, {"arg", 6}});
    s.event("dup2", 100, {{"res", 3}, {"oldfd", 3}, {"newfd", 3}});
    s.event("close", 100, {{"res", 0}, {"fd", 3}});
    EXPECT_EQ(s.read(100, 4).fd->name, "/a") << "duplicates live on";
    EXPECT_EQ(s.exec(100).thread->open_fds, 3U) << "0, 4 and 6 are not marked";
    EXPECT_FALSE(s.fd(100, 5));
    EXPECT_FALSE(s.fd(100, 7));
    // Of a descriptor that is not known nothing is known.
    EXPECT_EQ(s.event("dup", 100, {{"res", 9}, {"oldfd", 88}}).fd, nullptr);
}

TEST(ReplayFds, CloseRange) {
    Shell s;
    for (std::int64_t fd : {3, 4, 5, 2000, 70000}) s.open(100, fd, "/a");
    s.event("close_range", 100, {{"res", 0}, {"first", 4}, {"last", 2000}, {"flags", 0}});
    EXPECT_EQ(s.look(100).thread->open_fds, 3U);
    EXPECT_TRUE(s.fd(100, 70000));
    s.event("close_range", 100, {{"res", 0}, {"first", 3}, {"last", 0xffffffff}, {"flags", 4}});
    EXPECT_EQ(s.look(100).thread->open_fds, 3U);
    s.exec(100);
    EXPECT_EQ(s.look(100).thread->open_fds, 1U);
}

TEST(ReplayFds, KindsWithoutAName) {
    Shell s;
    EXPECT_EQ(s.event("eventfd2", 100, {{"res", 3}}).fd->type, FdType::event);
    EXPECT_EQ(s.event("epoll_create1", 100, {{"res", 4}}).fd->type, FdType::eventpoll);
    EXPECT_EQ(s.event("inotify_init1", 100, {{"res", 5}}).fd->type, FdType::inotify);
    EXPECT_EQ(s.event("timerfd_create", 100, {{"res", 6}}).fd->type, FdType::timerfd);
    EXPECT_EQ(s.event("signalfd4", 100, {{"res", 7}}).fd->type, FdType::signal);
    EXPECT_EQ(s.event("userfaultfd", 100, {{"res", 8}}).fd->type, FdType::userfaultfd);
    EXPECT_EQ(s.event("io_uring_setup", 100, {{"res", 9}}).fd->type, FdType::io_uring);
    const Event& memory = s.event("memfd_create", 100, {{"fd", 10}, {"name", "payload"}});
    EXPECT_EQ(memory.fd->type, FdType::memfd);
    EXPECT_EQ(memory.fd->name, "payload");
    const Event& pipe = s.event("pipe", 100, {{"res", 0}, {"fd1", 11}, {"fd2", 12}, {"ino", 99}});
    EXPECT_EQ(pipe.fd_number, 12);
    EXPECT_EQ(s.fd(100, 11)->ino, 99U);
    std::vector<FdType> types;
    s.look(100).fds->fd_types(types);
    EXPECT_EQ(types.size(), 10U);
}

TEST(ReplayFds, AnotherProcessesDescriptorByPidfd) {
    Shell s;
    s.process(200, 1, "other");
    s.file(200, 5, "/secret");
    EXPECT_EQ(s.event("pidfd_open", 100, {{"fd", 3}, {"pid", 200}}).fd->type, FdType::pidfd);
    EXPECT_EQ(s.event("pidfd_getfd", 100, {{"fd", 4}, {"pid_fd", 3}, {"target_fd", 5}}).fd->name, "/secret");
    EXPECT_EQ(s.event("pidfd_getfd", 100, {{"fd", 6}, {"pid_fd", 3}, {"target_fd", 99}}).fd, nullptr);
}

TEST(ReplayFds, ClientConnects) {
    Shell s;
    const Event& made = s.event("socket", 100, {{"fd", 3}, {"domain", 2}, {"type", 1}, {"proto", 0}});
    EXPECT_EQ(made.fd->type, FdType::ipv4);
    EXPECT_EQ(made.fd->l4, L4Protocol::tcp);
    EXPECT_EQ(made.fd->name, "");
    s.event("connect", 100, {{"fd", 3}, {"addr", ipv4_address({10, 0, 0, 2}, 443)}}, EventDirection::enter);
    EXPECT_EQ(s.fd(100, 3)->name, "10.0.0.2:443");
    const Event& e = s.event(
        "connect", 100, {{"res", -115}, {"fd", 3}, {"tuple", ipv4_tuple({10, 0, 0, 1}, 4000, {10, 0, 0, 2}, 443)}});
    EXPECT_EQ(e.fd->name, "10.0.0.1:4000->10.0.0.2:443");
    EXPECT_EQ(e.fd->destination_port, 443);
    EXPECT_EQ(e.fd->source_address[3], 1);
    EXPECT_TRUE(e.fd->marks & kFdRoleClient);
    EXPECT_TRUE(e.fd->marks & kFdConnectPending);
    EXPECT_TRUE(s.event("connect", 100, {{"res", -111}, {"fd", 3}}).fd->marks & kFdConnectFailed);
}

TEST(ReplayFds, ServerListensAndAccepts) {
    Shell s;
    s.event("socket", 100, {{"fd", 3}, {"domain", 2}, {"type", 1}, {"proto", 6}});
    const Event& bound = s.event("bind", 100, {{"res", 0}, {"fd", 3}, {"addr", ipv4_address({0, 0, 0, 0}, 80)}});
    EXPECT_EQ(bound.fd->type, FdType::ipv4_server);
    EXPECT_EQ(bound.fd->name, "0.0.0.0:80");
    const Event& e = s.event("accept4", 100, {{"fd", 4}, {"tuple", ipv4_tuple({1, 2, 3, 4}, 5, {9, 9, 9, 9}, 80)}});
    EXPECT_EQ(e.fd_number, 4);
    EXPECT_EQ(e.fd->name, "1.2.3.4:5->9.9.9.9:80");
    EXPECT_TRUE(e.fd->marks & kFdRoleServer);
    EXPECT_EQ(s.event("accept4", 100, {{"fd", -11}}).fd_number, -1);
}

TEST(ReplayFds, DatagramsTellTheirEnds) {
    Shell s;
    s.state.on_interface({.ipv6 = false, .address = {10, 0, 2, 15}, .netmask = {255, 255, 255, 0}, .name = "eth0"});
    s.event("socket", 100, {{"fd", 3}, {"domain", 2}, {"type", 2}, {"proto", 17}});
    const Event& e =
        s.event("sendto", 100, {{"res", 1}, {"fd", 3}, {"tuple", ipv4_tuple({0, 0, 0, 0}, 7, {8, 8, 8, 8}, 53)}});
    EXPECT_EQ(e.fd->name, "10.0.2.15:7->8.8.8.8:53") << "zeroes stand for the interface's address";
    EXPECT_TRUE(e.fd->marks & kFdRoleClient);
    EXPECT_TRUE(e.fd_name_changed);
    // The answer comes from the other end; the connection keeps its direction.
    EXPECT_EQ(
        s.event("recvfrom", 100, {{"res", 1}, {"fd", 3}, {"tuple", ipv4_tuple({8, 8, 8, 8}, 53, {10, 0, 2, 15}, 7)}})
            .fd->name,
        "10.0.2.15:7->8.8.8.8:53");
    // A socket whose making nobody saw.
    EXPECT_EQ(
        s.event("sendto", 100, {{"res", 1}, {"fd", 9}, {"tuple", ipv4_tuple({10, 0, 2, 15}, 8, {1, 1, 1, 1}, 53)}})
            .fd->l4,
        L4Protocol::udp);
}

TEST(ReplayFds, TcpOverSeveralPathsIsTcp) {
    Shell s;
    EXPECT_EQ(s.event("socket", 100, {{"fd", 3}, {"domain", 2}, {"type", 1}, {"proto", 262}}).fd->l4, L4Protocol::tcp);
}

TEST(ReplayFds, ASocketOfTheListsWithoutAnotherEndIsNotConnected) {
    Script s;
    s.process(1, 0, "init", "/");
    s.process(100, 1, "ping");
    FdInfo raw;
    raw.type = FdType::ipv4;
    raw.l4 = L4Protocol::raw;
    s.state.on_fd({.tid = 100, .fd = 3, .info = &raw});
    const Event& e = s.read(100, 3);
    EXPECT_EQ(e.fd->name, "");
    EXPECT_EQ(e.fd->marks & (kFdRoleClient | kFdRoleServer | kFdConnected), 0);
}

TEST(ReplayFds, IncomingConnectionsOfTheListsAreTurnedRound) {
    Script s;
    s.process(1, 0, "init", "/");
    s.process(100, 1, "httpd");
    FdInfo server;
    server.type = FdType::ipv4_server;
    server.destination_port = 80;
    s.state.on_fd({.tid = 100, .fd = 3, .info = &server});
    FdInfo peer;
    peer.type = FdType::ipv4;
    peer.l4 = L4Protocol::tcp;
    peer.source_address = {9, 9, 9, 9}, peer.source_port = 80;
    peer.destination_address = {1, 2, 3, 4}, peer.destination_port = 5000;
    s.state.on_fd({.tid = 100, .fd = 4, .info = &peer});
    const Event& e = s.read(100, 4);
    EXPECT_EQ(e.fd->name, "1.2.3.4:5000->9.9.9.9:80");
    EXPECT_TRUE(e.fd->marks & kFdRoleServer);
}

TEST(ReplayFds, UnixSockets) {
    Shell s;
    EXPECT_EQ(s.event("socket", 100, {{"fd", 3}, {"domain", 1}, {"type", 1}, {"proto", 0}}).fd->type,
              FdType::unix_socket);
    std::string tuple(1, '\x01');
    tuple += std::string("\x10\0\0\0\0\0\0\0", 8) + std::string("\x20\0\0\0\0\0\0\0", 8) + "/run/log" + '\0';
    const Event& e = s.event("connect", 100, {{"res", 0}, {"fd", 3}, {"tuple", Raw{tuple}}});
    EXPECT_EQ(e.fd->name, "/run/log");
    EXPECT_EQ(e.fd->unix_destination, 0x20U);
    EXPECT_EQ(s.event("accept4", 100, {{"fd", 4}, {"tuple", Raw{tuple}}}).fd->name, "10->20 /run/log");
    s.event("socketpair", 100, {{"res", 0}, {"fd1", 5}, {"fd2", 6}, {"source", 1}, {"peer", 2}});
    EXPECT_EQ(s.fd(100, 6)->unix_source, 2U);
}

TEST(ReplayFds, MappedAddressesAreIpv4) {
    Shell s;
    std::string tuple(1, '\x0a');
    const std::string prefix = std::string(10, '\0') + "\xff\xff";
    tuple += prefix + std::string("\x01\x02\x03\x04\x05\x00", 6) + prefix + std::string("\x09\x09\x09\x09\x50\x00", 6);
    const Event& e = s.event("accept", 100, {{"fd", 4}, {"tuple", Raw{tuple}}});
    EXPECT_EQ(e.fd->type, FdType::ipv4);
    EXPECT_EQ(e.fd->name, "1.2.3.4:5->9.9.9.9:80");
}

} // namespace
} // namespace gyr::replay::test
