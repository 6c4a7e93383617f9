// Real system calls of a child, and the events that tell of them: every parameter against what the child gave and the
// kernel answered.

#include "tests/kernel/live_fixture.h"
#include "tests/support/compat_entry.h"

#include "event/schema.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace gyr::test {
namespace {

// A directory of the test's own, gone with it.
class Folder {
  public:
    Folder() {
        char name[] = "/tmp/gyr-collector-XXXXXX";
        path_ = ::mkdtemp(name);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

#define STEP(number, condition)                                                                                        \
    if (!(condition)) return number

using Collector = LiveFixture;

TEST_F(Collector, TellsOfOpenedFilesByWhatWasOpened) {
    const Folder folder;
    const std::string path = folder.file("data");
    const std::string crooked =
        folder.path() + "/../" + std::filesystem::path(folder.path()).filename().string() + "//./data";
    const auto events = run([&] {
        const int fd = ::open(crooked.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
        STEP(1, fd >= 0);
        STEP(2, ::write(fd, "hello", 5) == 5);
        char buf[16];
        STEP(3, ::pread(fd, buf, sizeof buf, 1) == 4);
        STEP(4, ::fchmod(fd, 0600) == 0);
        STEP(5, ::close(fd) == 0);
        STEP(6, ::open("/no/such/file", O_RDONLY) < 0);
        return 0;
    });
    struct stat s {};
    ASSERT_EQ(::stat(path.c_str(), &s), 0);

    const auto opens = named(events, "openat");
    ASSERT_EQ(opens.size(), 2u);
    const SeenEvent& open = opens[0];
    const auto fd = open.number<std::int64_t>("fd");
    EXPECT_GE(fd, 0);
    EXPECT_EQ(open.number<std::int64_t>("dirfd"), AT_FDCWD);
    EXPECT_EQ(open.text("name"), crooked);
    // O_RDWR 3, O_CREAT 4, O_TRUNC 0x100, O_CLOEXEC 0x1000, O_F_CREATED 0x4000
    EXPECT_EQ(open.number<std::uint32_t>("flags") & 0x7fffU, 0x5107U);
    EXPECT_EQ(open.number<std::uint32_t>("mode"), 0640u);
    EXPECT_EQ(open.number<std::uint64_t>("ino"), s.st_ino);
    EXPECT_EQ(open.number<std::uint32_t>("dev"), s.st_dev); // 32 bits of it: the same form
    ASSERT_TRUE(open.fd);
    EXPECT_EQ(open.fd->name, path) << "the path that the kernel walked, not the one that was given";
    EXPECT_EQ(open.fd->name_raw, crooked);
    EXPECT_EQ(open.fd->ino, s.st_ino);
    EXPECT_EQ(open.fd->type, FdType::file_v2);
    EXPECT_TRUE(open.fd->marks & kFdCloseOnExec);

    EXPECT_EQ(opens[1].number<std::int64_t>("fd"), -ENOENT);
    EXPECT_EQ(opens[1].text("name"), "/no/such/file");
    EXPECT_EQ(opens[1].number<std::uint64_t>("ino"), 0u);

    const SeenEvent write = the_one(events, "write");
    EXPECT_EQ(write.number<std::int64_t>("res"), 5);
    EXPECT_EQ(write.bytes("data"), "hello");
    EXPECT_EQ(write.number<std::int64_t>("fd"), fd);
    EXPECT_EQ(write.number<std::uint32_t>("size"), 5u);
    EXPECT_EQ(write.fd->name, path);

    const SeenEvent pread = the_one(events, "pread");
    EXPECT_EQ(pread.bytes("data"), "ello");
    EXPECT_EQ(pread.number<std::uint32_t>("size"), 16u);
    EXPECT_EQ(pread.number<std::uint64_t>("pos"), 1u);

    const SeenEvent chmod = the_one(events, "fchmod");
    EXPECT_EQ(chmod.number<std::uint32_t>("mode"), 0600u);
    EXPECT_EQ(chmod.fd->name, path);

    bool closed = false;
    for (const SeenEvent& e : named(events, "close")) {
        if (e.number<std::int64_t>("fd") != fd || !e.fd || e.fd->name != path) continue;
        closed = true;
        EXPECT_EQ(e.number<std::int64_t>("res"), 0);
    }
    EXPECT_TRUE(closed) << "what a descriptor stood for is known after it is gone";
}

TEST_F(Collector, TellsOfNamesThatChange) {
    const Folder folder;
    const auto events = run([&] {
        STEP(1, ::chdir(folder.path().c_str()) == 0);
        const int fd = ::creat("a", 0644);
        STEP(2, fd >= 0);
        STEP(3, ::rename("a", "b") == 0);
        STEP(4, ::link("b", "c") == 0);
        STEP(5, ::symlink("b", "s") == 0);
        STEP(6, ::chmod("b", 04755) == 0);
        STEP(7, ::chown("b", 1, 2) == 0);
        STEP(8, ::mkdir("d", 0700) == 0);
        const int dir = ::open("d", O_RDONLY | O_DIRECTORY);
        STEP(9, dir >= 0);
        STEP(10, ::linkat(AT_FDCWD, "b", dir, "e", 0) == 0);
        STEP(11, ::unlinkat(dir, "e", 0) == 0);
        STEP(12, ::renameat2(AT_FDCWD, "c", dir, "f", RENAME_NOREPLACE) == 0);
        STEP(13, ::unlink("d/f") == 0);
        STEP(14, ::rmdir("d") == 0);
        STEP(15, ::mknod("p", S_IFIFO | 0600, 0) == 0);
        struct open_how how {};
        how.flags = O_RDONLY;
        how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
        STEP(16, ::syscall(SYS_openat2, AT_FDCWD, "b", &how, sizeof how) >= 0);
        return 0;
    });
    const SeenEvent creat = the_one(events, "creat");
    EXPECT_EQ(creat.text("name"), "a");
    EXPECT_EQ(creat.number<std::uint32_t>("mode"), 0644u);
    ASSERT_TRUE(creat.fd);
    const SeenEvent rename = the_one(events, "rename");
    EXPECT_EQ(rename.text("oldpath"), "a");
    EXPECT_EQ(rename.text("newpath"), "b");
    ASSERT_TRUE(rename.path);
    EXPECT_EQ(rename.path->name, folder.file("a"));
    EXPECT_EQ(the_one(events, "link").text("newpath"), "c");
    const SeenEvent symlink = the_one(events, "symlink");
    EXPECT_EQ(symlink.text("target"), "b");
    EXPECT_EQ(symlink.text("linkpath"), "s");
    EXPECT_EQ(symlink.path->name, folder.file("s"));
    EXPECT_EQ(the_one(events, "chmod").number<std::uint32_t>("mode"), 04755u);
    const SeenEvent chown = the_one(events, "chown");
    EXPECT_EQ(chown.number<std::uint32_t>("uid"), 1u);
    EXPECT_EQ(chown.number<std::uint32_t>("gid"), 2u);
    EXPECT_EQ(the_one(events, "mkdir").number<std::uint32_t>("mode"), 0700u);
    const SeenEvent linkat = the_one(events, "linkat");
    EXPECT_EQ(linkat.number<std::int64_t>("olddir"), AT_FDCWD);
    EXPECT_GE(linkat.number<std::int64_t>("newdir"), 0);
    EXPECT_EQ(linkat.text("newpath"), "e");
    const SeenEvent unlinkat = the_one(events, "unlinkat");
    EXPECT_EQ(unlinkat.text("name"), "e");
    EXPECT_EQ(unlinkat.path->name, folder.file("d/e")) << "below the directory that the descriptor stands for";
    EXPECT_EQ(the_one(events, "renameat2").number<std::uint32_t>("flags"), 1u);
    EXPECT_EQ(the_one(events, "unlink").path->name, folder.file("d/f"));
    EXPECT_EQ(the_one(events, "rmdir").text("path"), "d");
    EXPECT_EQ(the_one(events, "mknodat").number<std::uint32_t>("mode"), unsigned{S_IFIFO | 0600});
    const SeenEvent openat2 = the_one(events, "openat2");
    EXPECT_EQ(openat2.number<std::uint32_t>("resolve"), 0x1u | 0x8u); // BENEATH, NO_SYMLINKS
    EXPECT_EQ(openat2.number<std::uint32_t>("flags") & 3U, 1u);
    EXPECT_EQ(openat2.fd->name, folder.file("b"));
}

TEST_F(Collector, TellsOfConnectionsByTheirSockets) {
    const auto events = run([&] {
        const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        STEP(1, server >= 0);
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        STEP(2, ::bind(server, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0);
        STEP(3, ::listen(server, 7) == 0);
        socklen_t length = sizeof here;
        STEP(4, ::getsockname(server, reinterpret_cast<sockaddr*>(&here), &length) == 0);
        const int client = ::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
        STEP(5, ::connect(client, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0);
        const int peer = ::accept4(server, nullptr, nullptr, SOCK_NONBLOCK);
        STEP(6, peer >= 0);
        STEP(7, ::send(client, "ping", 4, 0) == 4);
        char buf[64];
        pollfd arrives{.fd = peer, .events = POLLIN, .revents = 0};
        STEP(8, ::poll(&arrives, 1, -1) == 1 && ::recv(peer, buf, sizeof buf, 0) == 4);
        STEP(9, ::shutdown(client, SHUT_RDWR) == 0);
        const int udp = ::socket(AF_INET, SOCK_DGRAM, 0);
        STEP(10, ::sendto(udp, "x", 1, 0, reinterpret_cast<sockaddr*>(&here), sizeof here) == 1);
        sockaddr_in nobody = here;
        nobody.sin_port = htons(1);
        const int failing = ::socket(AF_INET, SOCK_STREAM, 0);
        STEP(11, ::connect(failing, reinterpret_cast<sockaddr*>(&nobody), sizeof nobody) < 0);
        return 0;
    });
    const SeenEvent bind = the_one(events, "bind");
    ASSERT_EQ(bind.bytes("addr").size(), 7u);
    EXPECT_EQ(bind.bytes("addr").substr(0, 5), std::string("\x02\x7f\0\0\x01", 5));
    const SeenEvent listen = the_one(events, "listen");
    EXPECT_EQ(listen.number<std::int32_t>("backlog"), 7);
    ASSERT_TRUE(listen.fd);
    EXPECT_EQ(listen.fd->type, FdType::ipv4_server);
    const std::uint16_t port = listen.fd->destination_port;
    EXPECT_NE(port, 0);
    EXPECT_EQ(listen.fd->name, "127.0.0.1:" + std::to_string(port));

    const auto connects = named(events, "connect");
    ASSERT_EQ(connects.size(), 2u);
    EXPECT_EQ(connects[0].number<std::int64_t>("res"), 0);
    ASSERT_TRUE(connects[0].fd);
    EXPECT_EQ(connects[0].fd->type, FdType::ipv4);
    EXPECT_EQ(connects[0].fd->l4, L4Protocol::tcp);
    EXPECT_EQ(connects[0].fd->destination_port, port);
    EXPECT_TRUE(connects[0].fd->marks & kFdRoleClient);
    const std::string tuple = connects[0].bytes("tuple");
    ASSERT_EQ(tuple.size(), 13u);
    EXPECT_EQ(load_param<std::uint16_t>(std::string_view(tuple).substr(11)), port);
    EXPECT_EQ(connects[1].number<std::int64_t>("res"), -ECONNREFUSED);
    EXPECT_EQ(load_param<std::uint16_t>(std::string_view(connects[1].bytes("addr")).substr(5)), 1u);

    const SeenEvent accept = the_one(events, "accept4");
    EXPECT_GE(accept.number<std::int64_t>("fd"), 0);
    EXPECT_EQ(accept.bytes("tuple"), tuple) << "both ends tell the same connection";
    EXPECT_TRUE(accept.fd->marks & kFdRoleServer);
    EXPECT_EQ(accept.fd->name, connects[0].fd->name);
    EXPECT_EQ(accept.number<std::uint32_t>("queuemax"), 7u);

    const auto sends = named(events, "sendto");
    ASSERT_EQ(sends.size(), 2u);
    EXPECT_EQ(sends[0].bytes("data"), "ping");
    EXPECT_EQ(sends[0].bytes("tuple"), tuple);
    ASSERT_EQ(sends[1].bytes("tuple").size(), 13u);
    EXPECT_EQ(load_param<std::uint16_t>(std::string_view(sends[1].bytes("tuple")).substr(11)), port);
    const SeenEvent recv = the_one(events, "recvfrom");
    EXPECT_EQ(recv.bytes("data"), "ping");
    EXPECT_EQ(recv.fd->name, connects[0].fd->name) << "who accepted stays the server, whatever the ports look like";
    EXPECT_TRUE(recv.fd->marks & kFdRoleServer);
    EXPECT_EQ(the_one(events, "shutdown").number<std::uint8_t>("how"), 2u);
}

// The one whose port looks chosen is the client, and what the server listens on looks like a client's; on both sides,
// and where the listener keeps nobody waiting.
TEST_F(Collector, KnowsWhoConnectedWhenPortsLookOtherwise) {
    for (const int backlog : {0, 5}) {
        const auto events = run([&] {
            const int server = ::socket(AF_INET, SOCK_STREAM, 0);
            sockaddr_in there{};
            there.sin_family = AF_INET;
            there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            STEP(1, ::bind(server, reinterpret_cast<sockaddr*>(&there), sizeof there) == 0);
            STEP(2, ::listen(server, backlog) == 0);
            socklen_t length = sizeof there;
            STEP(3, ::getsockname(server, reinterpret_cast<sockaddr*>(&there), &length) == 0);
            const int client = ::socket(AF_INET, SOCK_STREAM, 0);
            sockaddr_in from = there;
            for (std::uint16_t port = 2000; port < 3000; ++port) {
                from.sin_port = htons(port);
                if (::bind(client, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0) break;
            }
            STEP(4, ::connect(client, reinterpret_cast<sockaddr*>(&there), sizeof there) == 0);
            const int peer = ::accept4(server, nullptr, nullptr, 0);
            STEP(5, peer >= 0);
            STEP(6, ::send(client, "ping", 4, 0) == 4);
            char buf[8];
            STEP(7, ::recv(peer, buf, 4, MSG_WAITALL) == 4);
            return 0;
        });
        const SeenEvent connect = the_one(events, "connect"), send = the_one(events, "sendto"),
                        recv = the_one(events, "recvfrom");
        EXPECT_EQ(send.fd->name, connect.fd->name) << backlog;
        EXPECT_TRUE(send.fd->marks & kFdRoleClient) << backlog;
        EXPECT_EQ(send.bytes("tuple"), connect.bytes("tuple")) << backlog;
        if (backlog == 0) continue; // nothing is left of who accepted: by the ports, the other way round
        EXPECT_EQ(recv.fd->name, connect.fd->name) << backlog;
        EXPECT_TRUE(recv.fd->marks & kFdRoleServer) << backlog;
    }
}

TEST_F(Collector, TellsOfUnixSocketsPipesAndOtherDescriptors) {
    const Folder folder;
    const std::string path = folder.file("socket");
    const auto events = run([&] {
        const int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un here{};
        here.sun_family = AF_UNIX;
        std::strcpy(here.sun_path, path.c_str());
        STEP(1, ::bind(server, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0);
        STEP(2, ::listen(server, 1) == 0);
        const int client = ::socket(AF_UNIX, SOCK_STREAM, 0);
        STEP(3, ::connect(client, reinterpret_cast<sockaddr*>(&here), sizeof here) == 0);
        int pipe[2], pair[2];
        STEP(4, ::pipe2(pipe, O_CLOEXEC) == 0);
        STEP(5, ::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
        STEP(6, ::dup2(pipe[0], 100) == 100);
        STEP(7, ::dup3(client, 101, O_CLOEXEC) == 101);
        STEP(8, ::eventfd(3, EFD_CLOEXEC) >= 0);
        STEP(9, ::epoll_create1(EPOLL_CLOEXEC) >= 0);
        STEP(10, ::memfd_create("secret", MFD_CLOEXEC) >= 0);
        STEP(11, ::fcntl(pipe[0], F_SETFL, O_NONBLOCK) == 0);
        const iovec parts[2] = {{const_cast<char*>("ab"), 2}, {const_cast<char*>("cde"), 3}};
        STEP(12, ::writev(pipe[1], parts, 2) == 5);
        char buf[3];
        const iovec into[2] = {{buf, 1}, {buf + 1, 2}};
        STEP(13, ::readv(pipe[0], into, 2) == 3);
        return 0;
    });
    const SeenEvent bind = the_one(events, "bind");
    EXPECT_EQ(bind.bytes("addr"), "\x01" + path + std::string(1, '\0'));
    const SeenEvent connect = the_one(events, "connect");
    EXPECT_EQ(connect.fd->type, FdType::unix_socket);
    EXPECT_NE(connect.fd->unix_destination, 0u);
    EXPECT_EQ(connect.fd->name, path);
    EXPECT_TRUE(connect.bytes("tuple").ends_with(path + std::string(1, '\0')));
    const SeenEvent pipe = the_one(events, "pipe2");
    EXPECT_GE(pipe.number<std::int64_t>("fd1"), 0);
    EXPECT_EQ(pipe.number<std::int64_t>("fd2"), pipe.number<std::int64_t>("fd1") + 1);
    EXPECT_NE(pipe.number<std::uint64_t>("ino"), 0u);
    EXPECT_EQ(pipe.number<std::uint32_t>("flags"), 0x1000u);
    const SeenEvent pair = the_one(events, "socketpair");
    EXPECT_NE(pair.number<std::uint64_t>("source"), 0u);
    EXPECT_NE(pair.number<std::uint64_t>("peer"), 0u);
    const SeenEvent dup = the_one(events, "dup2");
    EXPECT_EQ(dup.number<std::int64_t>("res"), 100);
    EXPECT_EQ(dup.number<std::int64_t>("oldfd"), pipe.number<std::int64_t>("fd1"));
    EXPECT_EQ(dup.fd->type, FdType::fifo);
    EXPECT_EQ(the_one(events, "dup3").fd->type, FdType::unix_socket);
    EXPECT_EQ(the_one(events, "eventfd2").fd->type, FdType::event);
    EXPECT_EQ(the_one(events, "epoll_create1").fd->type, FdType::eventpoll);
    const SeenEvent memfd = the_one(events, "memfd_create");
    EXPECT_EQ(memfd.text("name"), "secret");
    EXPECT_EQ(memfd.fd->type, FdType::memfd);
    const SeenEvent fcntl = the_one(events, "fcntl");
    EXPECT_EQ(fcntl.number<std::uint8_t>("cmd"), 5u); // F_SETFL
    EXPECT_EQ(fcntl.number<std::uint64_t>("arg"), std::uint64_t{O_NONBLOCK});
    const SeenEvent writev = the_one(events, "writev");
    EXPECT_EQ(writev.bytes("data"), "abcde");
    EXPECT_EQ(writev.number<std::uint32_t>("size"), 5u);
    EXPECT_EQ(the_one(events, "readv").bytes("data"), "abc");
}

// A server may have been started anywhere; what it is connected by has the place of its file all the same.
TEST_F(Collector, KnowsWhereARelativeNameOfAUnixSocketIs) {
    const Folder folder;
    const auto events = run([&] {
        STEP(1, ::chdir(folder.path().c_str()) == 0);
        sockaddr_un here{}, there{};
        here.sun_family = there.sun_family = AF_UNIX;
        std::strcpy(here.sun_path, "service");
        std::strcpy(there.sun_path, folder.file("service").c_str());
        const int server = ::socket(AF_UNIX, SOCK_STREAM, 0), client = ::socket(AF_UNIX, SOCK_STREAM, 0);
        STEP(2, ::bind(server, reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0);
        STEP(3, ::listen(server, 1) == 0);
        STEP(4, ::chdir("/") == 0);
        STEP(5, ::connect(client, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0);
        STEP(6, ::accept4(server, nullptr, nullptr, 0) >= 0);
        STEP(7, ::send(client, "x", 1, 0) == 1);
        return 0;
    });
    for (const char* name : {"bind", "listen", "connect", "accept4", "sendto"}) {
        const SeenEvent e = the_one(events, name);
        ASSERT_TRUE(e.fd) << name;
        // Both ends of what was accepted are told before it.
        const std::string path = folder.file("service");
        if (std::string_view(name) == "accept4")
            EXPECT_TRUE(e.fd->name.ends_with(" " + path)) << e.fd->name;
        else
            EXPECT_EQ(e.fd->name, path) << name;
    }
    EXPECT_EQ(the_one(events, "bind").bytes("addr"), std::string("\x01service\0", 9)) << "as it was given";
}

TEST_F(Collector, TellsOfSocketsThatHaveNoPorts) {
    const auto events = run([] {
        STEP(1, ::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0);
        STEP(2, ::socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6) >= 0);
        STEP(3, ::socket(AF_PACKET, SOCK_RAW, 0) >= 0);
        STEP(4, ::socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
        return 0;
    });
    const auto made = named(events, "socket");
    ASSERT_EQ(made.size(), 4u);
    constexpr FdType kTypes[] = {FdType::ipv4, FdType::ipv6, FdType::unsupported, FdType::netlink};
    for (std::size_t i = 0; i < made.size(); ++i) {
        ASSERT_TRUE(made[i].fd) << i;
        EXPECT_EQ(made[i].fd->type, kTypes[i]) << i;
        EXPECT_EQ(made[i].fd->marks & (kFdRoleClient | kFdRoleServer | kFdConnected), 0) << i;
        EXPECT_EQ(made[i].fd->name, i == 2 ? "socket:[" + std::to_string(made[i].fd->ino) + "]" : "") << i;
    }
    EXPECT_EQ(made[0].fd->l4, L4Protocol::raw);
    EXPECT_EQ(made[1].fd->l4, L4Protocol::raw);
}

TEST_F(Collector, TellsOfIdentityTracingMountsAndModules) {
    const Folder folder;
    const auto events = run([&] {
        STEP(1, ::unshare(CLONE_NEWNS) == 0);
        STEP(2, ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
        STEP(3, ::mount("gyr", folder.path().c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=4k") == 0);
        STEP(4, ::umount2(folder.path().c_str(), MNT_DETACH) == 0);
        STEP(5, ::prctl(PR_SET_NAME, "renamed") == 0);
        STEP(6, ::ptrace(PTRACE_ATTACH, 0x7ffffff, 0, 0) < 0);
        // On the stack: what a call never looks at, because it fails before, may not be in memory at all.
        char image[] = "not a module", arguments[] = "args", name[] = "no_such_module";
        STEP(7, ::syscall(SYS_init_module, image, 12UL, arguments) != 0);
        STEP(8, ::syscall(SYS_delete_module, name, O_NONBLOCK) != 0);
        STEP(9, ::kill(::getpid(), 0) == 0);
        rlimit limit{};
        STEP(10, ::getrlimit(RLIMIT_NOFILE, &limit) == 0);
        STEP(11, ::setregid(7, 7) == 0);
        STEP(12, ::setresuid(11, 12, 13) == 0);
        STEP(13, ::setuid(0) != 0);
        return 0;
    });
    EXPECT_EQ(the_one(events, "unshare").number<std::uint32_t>("flags"), 0x20u); // CLONE_NEWNS
    const auto mounts = named(events, "mount");
    ASSERT_EQ(mounts.size(), 2u);
    EXPECT_EQ(mounts[1].text("dev"), "gyr");
    EXPECT_EQ(mounts[1].text("dir"), folder.path());
    EXPECT_EQ(mounts[1].text("type"), "tmpfs");
    EXPECT_EQ(mounts[1].number<std::uint32_t>("flags"), 6u);
    EXPECT_EQ(the_one(events, "umount2").number<std::uint32_t>("flags"), 2u);
    const SeenEvent prctl = the_one(events, "prctl");
    EXPECT_EQ(prctl.number<std::uint32_t>("option"), 15u);
    EXPECT_EQ(prctl.text("arg2_str"), "renamed");
    const SeenEvent ptrace = the_one(events, "ptrace");
    EXPECT_EQ(ptrace.number<std::uint16_t>("request"), 0xbu); // PTRACE_ATTACH
    EXPECT_EQ(ptrace.number<std::int64_t>("pid"), 0x7ffffff);
    EXPECT_EQ(ptrace.number<std::int64_t>("res"), -ESRCH);
    const SeenEvent load = the_one(events, "init_module");
    EXPECT_EQ(load.bytes("img"), "not a module");
    EXPECT_EQ(load.number<std::uint64_t>("length"), 12u);
    EXPECT_EQ(load.text("uargs"), "args");
    const SeenEvent unload = the_one(events, "delete_module");
    EXPECT_EQ(unload.text("name"), "no_such_module");
    EXPECT_EQ(unload.number<std::uint32_t>("flags"), 2u);
    EXPECT_EQ(the_one(events, "kill").number<std::int64_t>("pid"), the_one(events, "kill").process.pid);
    const SeenEvent uids = the_one(events, "setresuid");
    EXPECT_EQ(uids.number<std::uint32_t>("ruid"), 11u);
    EXPECT_EQ(uids.number<std::uint32_t>("euid"), 12u);
    EXPECT_EQ(uids.number<std::uint32_t>("suid"), 13u);
    const SeenEvent uid = the_one(events, "setuid");
    EXPECT_EQ(uid.number<std::int64_t>("res"), -EPERM);
    EXPECT_EQ(uid.number<std::uint32_t>("uid"), 0u);
    EXPECT_EQ(the_one(events, "setregid").number<std::uint32_t>("rgid"), 7u);
}

TEST_F(Collector, GivesCallsWithoutAnEventOfTheirOwnByName) {
    const auto events = run([] {
        ::syscall(SYS_sched_yield);
        ::syscall(SYS_setfsuid, 5);
        return 0;
    });
    EXPECT_EQ(named(events, "sched_yield").size(), 1u);
    const SeenEvent e = the_one(events, "setfsuid");
    EXPECT_EQ(e.number<std::uint16_t>("nativeID"), SYS_setfsuid);
    EXPECT_EQ(e.result, 0) << "the id before";
}

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 // Linux 6.6
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463 // Linux 6.13
#define SYS_removexattrat 466
#endif

TEST_F(Collector, TellsOfRightsAndAttributesByCallsWithoutAnEventOfTheirOwn) {
    const Folder folder;
    bool newest = true; // the kernel has all of them
    {
        const std::string absent = folder.file("absent");
        newest = ::syscall(SYS_setxattrat, AT_FDCWD, absent.c_str(), 0, "user.x", nullptr, 0) < 0 && errno != ENOSYS;
    }
    const auto events = run([&] {
        STEP(1, ::chdir(folder.path().c_str()) == 0);
        const int fd = ::open("a", O_RDWR | O_CREAT, 0600);
        const int dir = ::open(".", O_RDONLY | O_DIRECTORY);
        STEP(2, fd >= 0 && dir >= 0);
        if (::syscall(SYS_fchmodat2, dir, "a", 04700, 0) < 0) STEP(3, errno == ENOSYS);
        ::syscall(SYS_fchmodat2, fd, "", 02700, AT_EMPTY_PATH);
        STEP(4, ::syscall(SYS_setxattr, "a", "trusted.one", "v", 1, 0) == 0);
        STEP(5, ::syscall(SYS_fsetxattr, fd, "trusted.two", "v", 1, 0) == 0);
        STEP(6, ::syscall(SYS_lremovexattr, "a", "trusted.one") == 0);
        STEP(7, ::syscall(SYS_removexattr, "a", "trusted.none") < 0);
        struct {
            std::uint64_t value;
            std::uint32_t size, flags;
        } value{reinterpret_cast<std::uintptr_t>("v"), 1, 0};
        if (newest) STEP(8, ::syscall(SYS_setxattrat, dir, "a", 0, "trusted.three", &value, sizeof value) == 0);
        if (newest) STEP(9, ::syscall(SYS_removexattrat, fd, "", AT_EMPTY_PATH, "trusted.three") == 0);
        STEP(10, ::truncate("a", 3) == 0);
        return 0;
    });
    const std::string a = folder.file("a");
    const auto rights = named(events, "fchmodat2");
    ASSERT_EQ(rights.size(), 2u);
    EXPECT_EQ(rights[0].number<std::uint32_t>("mode"), 04700u);
    EXPECT_EQ(rights[0].text("filename"), "a");
    ASSERT_TRUE(rights[0].path);
    EXPECT_EQ(rights[0].path->name, a);
    EXPECT_EQ(rights[0].result, rights[0].number<std::int64_t>("res"));
    if (rights[1].result == 0) {
        ASSERT_TRUE(rights[1].path);
        EXPECT_EQ(rights[1].path->name, a) << "the file of the directory's descriptor itself";
    }
    const SeenEvent by_path = the_one(events, "setxattr"), by_fd = the_one(events, "fsetxattr");
    EXPECT_EQ(by_path.path->name, a);
    EXPECT_EQ(by_path.text("path"), "a");
    EXPECT_EQ(by_path.text("name"), "trusted.one");
    EXPECT_EQ(by_path.result, 0);
    ASSERT_TRUE(by_fd.fd);
    EXPECT_EQ(by_fd.fd->name, a);
    EXPECT_EQ(by_fd.text("name"), "trusted.two");
    EXPECT_EQ(the_one(events, "lremovexattr").text("name"), "trusted.one");
    EXPECT_EQ(the_one(events, "removexattr").result, -ENODATA);
    EXPECT_EQ(the_one(events, "truncate").path->name, a);
    if (!newest) return;
    const SeenEvent at = the_one(events, "setxattrat"), empty = the_one(events, "removexattrat");
    EXPECT_EQ(at.path->name, a);
    EXPECT_EQ(at.text("name"), "trusted.three");
    EXPECT_EQ(empty.path->name, a);
    EXPECT_EQ(empty.text("name"), "trusted.three");
}

TEST_F(Collector, TellsOfLooksAndSignalsByCallsWithoutAnEventOfTheirOwn) {
    const Folder folder;
    const auto events = run([&] {
        constexpr unsigned kNoFollow = 0x2000000, kCloseWrite = 8; // IN_DONT_FOLLOW, IN_CLOSE_WRITE
        STEP(1, ::chdir(folder.path().c_str()) == 0);
        STEP(2, ::close(::open("a", O_RDWR | O_CREAT, 0600)) == 0 && ::symlink("a", "link") == 0);
        const int dir = ::open(".", O_RDONLY | O_DIRECTORY);
        char text[256];
        STEP(3, ::syscall(SYS_faccessat, dir, "a", R_OK | W_OK) == 0);
        if (::syscall(SYS_faccessat2, dir, "link", X_OK, AT_SYMLINK_NOFOLLOW) < 0) STEP(4, errno != EFAULT);
        STEP(5, ::syscall(SYS_statx, dir, "link", AT_SYMLINK_NOFOLLOW, 0x7ff, text) == 0);
        STEP(6, ::syscall(SYS_readlink, "link", text, sizeof text) == 1);
        STEP(7, ::syscall(SYS_readlinkat, dir, "link", text, sizeof text) == 1);
        STEP(8, ::syscall(SYS_getxattr, "link", "trusted.none", text, sizeof text) < 0);
        const auto watch = static_cast<int>(::syscall(SYS_inotify_init1, 0));
        STEP(9, ::syscall(SYS_inotify_add_watch, watch, "a", kCloseWrite | kNoFollow) > 0);
        ::signal(SIGUSR1, SIG_IGN);
        siginfo_t info{};
        info.si_code = SI_QUEUE;
        STEP(10, ::syscall(SYS_rt_sigqueueinfo, ::getpid(), SIGUSR1, &info) == 0);
        const auto process = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
        STEP(11, ::syscall(SYS_pidfd_send_signal, process, SIGUSR1, nullptr, 0) == 0);
        STEP(12, ::syscall(SYS_personality, 0xffffffffUL) >= 0);
        STEP(13, ::syscall(SYS_reboot, 1, 2, 0x1234, nullptr) < 0);
        ::syscall(SYS_add_key, "user", "of a test", "v", 1, 0); // where there are no keys, too
        ::syscall(SYS_perf_event_open, nullptr, ::getpid(), -1, -1, 0);
        return 0;
    });
    const std::string a = folder.file("a"), link = folder.file("link");
    EXPECT_EQ(the_one(events, "faccessat").path->name, a);
    EXPECT_EQ(the_one(events, "faccessat").number<std::uint32_t>("mode"), 6u);
    EXPECT_EQ(the_one(events, "faccessat2").path->name, link);
    EXPECT_EQ(the_one(events, "faccessat2").number<std::uint32_t>("flags"), 0x100u);
    EXPECT_EQ(the_one(events, "statx").path->name, link);
    EXPECT_EQ(the_one(events, "statx").number<std::uint32_t>("flags"), 0x100u);
    EXPECT_EQ(the_one(events, "readlink").path->name, link);
    EXPECT_EQ(the_one(events, "readlinkat").path->name, link);
    EXPECT_EQ(the_one(events, "getxattr").text("name"), "trusted.none");
    EXPECT_EQ(the_one(events, "getxattr").path->name, link);
    EXPECT_EQ(the_one(events, "inotify_add_watch").path->name, a);
    EXPECT_EQ(the_one(events, "inotify_add_watch").number<std::uint32_t>("flags"), 0x2000008u);
    const SeenEvent queued = the_one(events, "rt_sigqueueinfo");
    EXPECT_EQ(queued.number<std::int64_t>("pid"), queued.process.pid);
    EXPECT_EQ(queued.number<std::uint8_t>("sig"), SIGUSR1);
    const SeenEvent sent = the_one(events, "pidfd_send_signal");
    EXPECT_EQ(sent.fd->type, FdType::pidfd);
    EXPECT_EQ(sent.number<std::uint8_t>("sig"), SIGUSR1);
    EXPECT_EQ(the_one(events, "personality").number<std::uint32_t>("flags"), 0xffffffffu);
    EXPECT_EQ(the_one(events, "reboot").number<std::uint32_t>("cmd"), 0x1234u);
    EXPECT_EQ(the_one(events, "add_key").text("name"), "of a test");
    EXPECT_EQ(the_one(events, "perf_event_open").number<std::int64_t>("pid"), queued.process.pid);
    EXPECT_EQ(the_one(events, "perf_event_open").number<std::int32_t>("cpu"), -1);
}

TEST_F(Collector, TellsOfMountsByTheNewerCalls) {
    const Folder folder;
    const auto events = run([&] {
        constexpr unsigned kClone = 1, kCreate = 6, kFromEmpty = 4, kToLinks = 0x10;
        STEP(1, ::unshare(CLONE_NEWNS) == 0);
        STEP(2, ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
        STEP(3, ::chdir(folder.path().c_str()) == 0);
        STEP(4, ::mkdir("a", 0700) == 0 && ::mkdir("b", 0700) == 0);
        STEP(5, ::mount("none", "a", "tmpfs", 0, nullptr) == 0);
        const auto tree = static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, "a", kClone | O_CLOEXEC | AT_RECURSIVE));
        STEP(6, tree >= 0);
        STEP(7, ::syscall(SYS_move_mount, tree, "", AT_FDCWD, "b", kFromEmpty) == 0);
        STEP(8, ::syscall(SYS_move_mount, AT_FDCWD, "b", AT_FDCWD, folder.file("a").c_str(), kToLinks) == 0);
        const auto made = static_cast<int>(::syscall(SYS_fsopen, "tmpfs", 1));
        STEP(9, ::syscall(SYS_fsconfig, made, kCreate, nullptr, nullptr, 0) == 0);
        STEP(10, ::syscall(SYS_fspick, AT_FDCWD, "a", 2) >= 0);
        return 0;
    });
    const SeenEvent tree = the_one(events, "open_tree");
    EXPECT_EQ(tree.path->name, folder.file("a"));
    EXPECT_EQ(tree.number<std::uint32_t>("flags"), 0x88001u) << "as the kernel has them";
    const auto moves = named(events, "move_mount");
    ASSERT_EQ(moves.size(), 2u);
    EXPECT_EQ(moves[0].number<std::int64_t>("olddirfd"), tree.result);
    EXPECT_EQ(moves[0].text("oldpath"), "");
    EXPECT_EQ(moves[0].text("newpath"), "b");
    EXPECT_EQ(moves[0].other_path->name, folder.file("b"));
    EXPECT_EQ(moves[0].number<std::uint32_t>("flags"), 4u);
    EXPECT_EQ(moves[1].path->name, folder.file("b"));
    EXPECT_EQ(moves[1].other_path->name, folder.file("a"));
    EXPECT_EQ(moves[1].result, 0);
    EXPECT_EQ(the_one(events, "fsopen").text("type"), "tmpfs");
    const SeenEvent pick = the_one(events, "fspick");
    EXPECT_EQ(pick.path->name, folder.file("a"));
    EXPECT_EQ(pick.number<std::uint32_t>("flags"), 2u);
}

TEST_F(Collector, TellsOfBothSidesOfACopy) {
    const Folder folder;
    const auto events = run([&] {
        const int from = ::open(folder.file("from").c_str(), O_RDWR | O_CREAT, 0600);
        const int to = ::open(folder.file("to").c_str(), O_RDWR | O_CREAT, 0600);
        int ends[2], more[2];
        STEP(1, from >= 0 && to >= 0 && ::pipe(ends) == 0 && ::pipe(more) == 0);
        STEP(2, ::write(from, "hello", 5) == 5);
        loff_t in = 0, out = 0;
        STEP(3, ::syscall(SYS_copy_file_range, from, &in, to, &out, 5, 0) == 5);
        in = 0;
        STEP(4, ::syscall(SYS_sendfile, to, from, &in, 5) == 5);
        in = 0;
        STEP(5, ::syscall(SYS_splice, from, &in, ends[1], nullptr, 5, 0) == 5);
        STEP(6, ::syscall(SYS_tee, ends[0], more[1], 5, 0) == 5);
        iovec part{&in, 5};
        STEP(7, ::syscall(SYS_preadv2, from, &part, 1, 2, 0, 0) == 3);
        return 0;
    });
    const SeenEvent copy = the_one(events, "copy_file_range"), sent = the_one(events, "sendfile"),
                    spliced = the_one(events, "splice"), tee = the_one(events, "tee"),
                    read = the_one(events, "preadv2");
    ASSERT_TRUE(copy.fd && copy.other_fd && sent.fd && sent.other_fd && spliced.other_fd && tee.other_fd && read.fd);
    EXPECT_EQ(copy.fd->name, folder.file("from"));
    EXPECT_EQ(copy.other_fd->name, folder.file("to"));
    EXPECT_EQ(copy.other_fd_number, copy.number<std::int64_t>("fdout"));
    EXPECT_EQ(copy.number<std::uint64_t>("offout"), 0u);
    EXPECT_EQ(sent.fd->name, folder.file("to"));
    EXPECT_EQ(sent.other_fd->name, folder.file("from"));
    EXPECT_EQ(sent.other_fd_number, sent.number<std::int64_t>("in_fd"));
    EXPECT_EQ(sent.number<std::uint64_t>("offset"), 0u);
    EXPECT_EQ(spliced.fd->name, folder.file("from"));
    EXPECT_EQ(spliced.other_fd->type, FdType::fifo);
    EXPECT_EQ(tee.fd->name, spliced.other_fd->name) << "the two ends of a pipe have one name";
    EXPECT_NE(tee.other_fd->name, tee.fd->name);
    EXPECT_EQ(tee.result, 5);
    EXPECT_EQ(read.bytes("data"), "llo");
    EXPECT_EQ(read.number<std::uint64_t>("pos"), 2u);
    EXPECT_EQ(read.result, 3);
}

TEST_F(Collector, TellsOfPageFaultsByTheirAddress) {
    auto* page = static_cast<char*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(page, MAP_FAILED);
    EventPlan plan;
    plan.demands.push_back({.code = kPageFault, .calls = {}, .clauses = {}, .forced_by = {}});
    const auto events = run(plan, [&] {
        *static_cast<volatile char*>(page + 123) = 1; // the child's own: nobody has touched it
        return 0;
    });
    ::munmap(page, 4096);
    std::size_t there = 0;
    for (const SeenEvent& e : named(events, "page_fault")) {
        if (e.number<std::uint64_t>("addr") != reinterpret_cast<std::uintptr_t>(page) + 123) continue;
        ++there;
        EXPECT_EQ(e.number<std::uint32_t>("error"), 0x2u | 0x4u | 0x10u)
            << "PAGE_NOT_PRESENT, WRITE_ACCESS, USER_FAULT";
        EXPECT_NE(e.number<std::uint64_t>("ip"), 0u);
    }
    EXPECT_EQ(there, 1u);
}

TEST_F(Collector, CountsEveryPartOfAVector) {
    const Folder folder;
    const auto events = run([&] {
        const int fd = ::open(folder.file("parts").c_str(), O_RDWR | O_CREAT, 0600);
        STEP(1, fd >= 0);
        char text[] = "abc";
        std::vector<iovec> parts(IOV_MAX, iovec{text, 3});
        STEP(2, ::writev(fd, parts.data(), IOV_MAX) == 3L * IOV_MAX);
        STEP(3, ::writev(fd, parts.data(), 65) == 195);
        return 0;
    });
    const auto writes = named(events, "writev");
    ASSERT_EQ(writes.size(), 2u);
    EXPECT_EQ(writes[0].number<std::uint32_t>("size"), 3072u);
    EXPECT_EQ(writes[1].number<std::uint32_t>("size"), 195u);
}

// What lies behind the one operation is none, even where nothing may be read.
TEST_F(Collector, ReadsNoMoreSemaphoreOperationsThanThereAre) {
    const auto events = run([] {
        auto* pages =
            static_cast<char*>(::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        STEP(1, pages != MAP_FAILED && ::munmap(pages + 4096, 4096) == 0);
        sembuf one{.sem_num = 3, .sem_op = -2, .sem_flg = IPC_NOWAIT};
        char* at = pages + 4096 - sizeof one;
        std::memcpy(at, &one, sizeof one);
        ::syscall(SYS_semop, -1, at, 1);
        return 0;
    });
    const SeenEvent e = the_one(events, "semop");
    EXPECT_EQ(e.number<std::uint16_t>("sem_num_0"), 3u);
    EXPECT_EQ(e.number<std::int16_t>("sem_op_0"), -2);
    EXPECT_EQ(e.number<std::uint16_t>("sem_num_1"), 0u);
    EXPECT_EQ(e.number<std::int16_t>("sem_op_1"), 0);
}

// The 32-bit entry has numbers and argument registers of its own, and reaches 64-bit programs too.
TEST_F(Collector, HearsThe32BitEntry) {
#ifdef __x86_64__
    if (has_compat_entry() == 0) GTEST_SKIP() << "this kernel has no 32-bit entry: int 0x80 ends a program";
    const auto events = run([] {
        void* low = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        STEP(1, low != MAP_FAILED);
        std::strcpy(static_cast<char*>(low), "/etc/hostname");
        long result = 5; // open
        asm volatile("int $0x80"
                     : "+a"(result)
                     : "b"(low), "c"(long{O_RDONLY}), "d"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
        STEP(2, result >= 0);
        // socketcall(SYS_SOCKET, {AF_INET, SOCK_DGRAM, 0})
        auto* words = reinterpret_cast<std::uint32_t*>(static_cast<char*>(low) + 64);
        words[0] = AF_INET, words[1] = SOCK_DGRAM, words[2] = 0;
        result = 102;
        asm volatile("int $0x80" : "+a"(result) : "b"(1L), "c"(words) : "memory", "r8", "r9", "r10", "r11");
        STEP(3, result >= 0);
        return 0;
    });
    const SeenEvent open = the_one(events, "open");
    EXPECT_EQ(open.text("name"), "/etc/hostname");
    ASSERT_TRUE(open.fd);
    EXPECT_EQ(open.fd->name, std::filesystem::canonical("/etc/hostname").string());
    const SeenEvent socket = the_one(events, "socket");
    EXPECT_EQ(socket.number<std::uint32_t>("domain"), 2u);
    EXPECT_EQ(socket.number<std::uint32_t>("type"), 2u);
#endif
}

} // namespace
} // namespace gyr::test
