// Roles: a program under another name, as another user, on a terminal, with a connection as its standard streams.

#include "deeds/deeds.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <iterator>
#include <netinet/in.h>
#include <pty.h>
#include <sched.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace gyr::deeds {
namespace {

constexpr const char* kSelf = "/usr/local/bin/gyr";
constexpr const char* kRoles = "/opt/roles/";

int run_over(const std::string& file, Words argv_words, const std::string& argv0) {
    std::vector<char*> argv{const_cast<char*>(argv0.c_str())};
    for (const std::string& word : argv_words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execve(file.c_str(), argv.data(), environ);
    return cannot(file);
}

// The file that really holds /bin/true, which takes any arguments and does nothing.
std::string idle_file(const char* name) {
    std::error_code error;
    for (const char* folder : {"/usr/bin/", "/bin/"}) {
        const auto real = std::filesystem::canonical(std::string(folder) + name, error);
        if (!error) return real;
    }
    return {};
}

std::string linked(const std::string& name, const std::string& to) {
    std::error_code error;
    std::filesystem::create_directories(kRoles, error);
    const std::string path = kRoles + name;
    if (std::filesystem::read_symlink(path, error) == to) return path; // for users who may make none
    ::unlink(path.c_str());
    return ::symlink(to.c_str(), path.c_str()) == 0 ? path : std::string();
}

// as NAME WORDS…: the words done by a process of that name.
int as(Words w) {
    if (w.size() < 2) return wrong_use("as");
    const std::string path = linked(w[0], kSelf);
    if (path.empty()) return cannot(w[0]);
    std::vector<std::string> argv{"deed"};
    argv.insert(argv.end(), w.begin() + 1, w.end());
    return run_over(path, argv, w[0]);
}

// call NAME ARG…: a program of that name that does nothing; refuse: one that ends with 1.
int idle_role(Words w, const char* program) {
    if (w.empty()) return wrong_use("call");
    const std::string path = linked(w[0], idle_file(program));
    return path.empty() ? cannot(w[0]) : run_over(path, w.subspan(1), w[0]);
}
int call(Words w) { return idle_role(w, "true"); }
int refuse(Words w) { return idle_role(w, "false"); }

// argv0 NAME FILE ARG…
int argv0(Words w) { return w.size() < 2 ? wrong_use("argv0") : run_over(w[1], w.subspan(2), w[0]); }

bool copy_idle(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    return std::filesystem::copy_file(idle_file("true"), path, std::filesystem::copy_options::overwrite_existing,
                                      error);
}

// copy PATH: a program that does nothing, as a file of its own.
int copy(Words w) { return w.size() == 1 && copy_idle(w[0]) ? 0 : cannot("copy"); }

// imitate PATH ARG…: the same, and runs it.
int imitate(Words w) {
    if (w.empty()) return wrong_use("imitate");
    return copy_idle(w[0]) ? run_over(w[0], w.subspan(1), w[0]) : cannot(w[0]);
}

int spawn(Words w) {
    const pid_t pid = ::fork();
    if (pid < 0) return cannot("fork");
    if (pid == 0) ::_exit(do_words(w));
    return wait_for(pid);
}

// orphan WORDS…: done by a process whose parent has ended.
int orphan(Words w) {
    std::array<int, 2> done{};
    if (::pipe(done.data()) < 0) return cannot("pipe");
    const pid_t pid = ::fork();
    if (pid < 0) return cannot("fork");
    if (pid == 0) {
        const pid_t parent = ::getpid();
        if (::fork() == 0) {
            while (::getppid() == parent) ::sched_yield();
            ::_exit(do_words(w));
        }
        ::_exit(0);
    }
    ::close(done[1]);
    const int status = wait_for(pid);
    char byte = 0;
    while (::read(done[0], &byte, 1) > 0) {
    }
    return status;
}

// terminal WORDS…: as leader of a session on a terminal of its own, on which "exit" has been typed.
int terminal(Words w) {
    int master = -1;
    const pid_t pid = ::forkpty(&master, nullptr, nullptr, nullptr);
    if (pid < 0) return cannot("forkpty");
    if (pid == 0) ::_exit(do_words(w));
    constexpr std::string_view kTyped = "exit\n";
    if (::write(master, kTyped.data(), kTyped.size()) < 0) return cannot("terminal");
    std::array<char, 4096> written{};
    while (::read(master, written.data(), written.size()) > 0) {
    }
    return wait_for(pid);
}

// user UID WORDS…; holding: keeps CAP_SETUID over the next program.
int become(Words w, bool holding) {
    if (w.size() < 2) return wrong_use("user");
    const auto id = static_cast<uid_t>(std::strtoul(w[0].c_str(), nullptr, 10));
    if (holding) ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (::setgroups(0, nullptr) < 0 || ::setresgid(id, id, id) < 0 || ::setresuid(id, id, id) < 0)
        return cannot("setresuid");
    if (holding) {
        constexpr std::uint32_t kSetUid = 1U << 7U;
        struct {
            std::uint32_t version = 0x20080522;
            int pid = 0;
        } header;
        std::array<std::uint32_t, 6> sets{kSetUid, kSetUid, kSetUid, 0, 0, 0};
        if (::syscall(SYS_capset, &header, sets.data()) < 0) return cannot("capset");
        if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 7, 0, 0) < 0) return cannot("ambient capability");
    }
    return do_words(w.subspan(1));
}
int user(Words w) { return become(w, false); }
int user_with_setuid(Words w) { return become(w, true); }

// grant PATH: the file gets the capability CAP_NET_RAW (revision 2 of the attribute, effective).
int grant(Words w) {
    if (w.size() != 1) return wrong_use("grant");
    const std::array<std::uint32_t, 5> value{0x02000001, 1U << 13U, 0, 0, 0};
    return ::setxattr(w[0].c_str(), "security.capability", value.data(), sizeof value, 0) == 0 ? 0 : cannot(w[0]);
}

int streams_from(int fd, Words w) {
    for (int i = 0; i < 3; ++i)
        if (::dup2(fd, i) < 0) return cannot("dup2");
    if (fd > 2) ::close(fd);
    return do_words(w);
}

// One end of a connection over the loopback, of which nothing comes; -1: none.
int loopback_end() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener, any, size) < 0 || ::listen(listener, 1) < 0 || ::getsockname(listener, any, &size) < 0 ||
        ::connect(client, any, size) < 0)
        return -1;
    const int server = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    ::shutdown(server, SHUT_WR); // a shell sees the end of its input
    return client;
}

// on-tcp WORDS…: with it as standard streams.
int on_tcp(Words w) {
    const int fd = loopback_end();
    return fd < 0 ? cannot("loopback") : streams_from(fd, w);
}

// on-passed WORDS…: the same, and nobody moved a descriptor: another process sends it, and it takes the numbers that
// are free.
int on_passed(Words w) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) < 0) return cannot("socketpair");
    alignas(cmsghdr) std::array<char, CMSG_SPACE(3 * sizeof(int))> control{};
    char byte = 0;
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const pid_t pid = ::fork();
    if (pid < 0) return cannot("fork");
    if (pid == 0) {
        const int fd = loopback_end();
        const std::array<int, 3> sent{fd, fd, fd};
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof sent);
        std::memcpy(CMSG_DATA(header), sent.data(), sizeof sent);
        ::_exit(fd >= 0 && ::sendmsg(ends[1], &message, 0) == 1 ? 0 : 1);
    }
    for (const int fd : {0, 1, 2}) ::close(fd);
    if (::recvmsg(ends[0], &message, 0) != 1 || wait_for(pid) != 0) return 125;
    ::close(ends[0]);
    ::close(ends[1]);
    return do_words(w);
}

int on_unix(Words w) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) < 0) return cannot("socketpair");
    ::shutdown(ends[1], SHUT_WR);
    return streams_from(ends[0], w);
}

int on_pipe(Words w) { // standard input only, at its end
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) < 0 || ::dup2(ends[0], 0) < 0) return cannot("pipe");
    ::close(ends[0]);
    ::close(ends[1]);
    return do_words(w);
}

int run_descriptor(int fd, Words w) {
    std::vector<char*> argv;
    for (const std::string& word : w) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::syscall(SYS_execveat, fd, "", argv.data(), environ, AT_EMPTY_PATH);
    return cannot("execveat");
}

// memory NAME ARG…: a program from an anonymous file in memory.
int memory(Words w) {
    if (w.empty()) return wrong_use("memory");
    const int fd = ::memfd_create(w[0].c_str(), MFD_CLOEXEC);
    const int from = ::open(idle_file("true").c_str(), O_RDONLY | O_CLOEXEC);
    std::array<char, 65536> part{};
    for (ssize_t n = 0; (n = ::read(from, part.data(), part.size())) > 0;)
        if (::write(fd, part.data(), static_cast<std::size_t>(n)) != n) return cannot("write");
    return run_descriptor(fd, w);
}

// The dynamic loader of this program's architecture; empty where there is none.
std::string loader_file() {
    std::error_code error;
    for (const char* path : {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"})
        if (std::filesystem::exists(path, error)) return path;
    return {};
}

// loader ARG…: the dynamic loader as a program.
int loader(Words w) { return run_over(loader_file(), w, "ld.so"); }

std::string in_memory(const std::string& content) {
    const int fd = ::memfd_create("tool", 0);
    if (fd < 0 || ::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size())) return {};
    return std::to_string(fd);
}

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// memory-loader: a program from memory, which the loader is told by its descriptor.
int memory_loader(Words) {
    const std::string fd = in_memory(content_of(idle_file("true")));
    return fd.empty() ? cannot("memory") : run_over(loader_file(), std::vector{"/proc/self/fd/" + fd}, "ld.so");
}

// memory-script: a script from memory, run by the kernel; memory-shell: told to a shell.
int memory_script(Words w) {
    const std::string fd = in_memory("#!/bin/sh\nexit 0\n");
    return fd.empty() ? cannot("memory") : run_descriptor(std::stoi(fd), w);
}
int memory_shell(Words) {
    const std::string fd = in_memory("exit 0\n");
    return fd.empty() ? cannot("memory") : run_over("/bin/sh", std::vector{"/proc/self/fd/" + fd}, "sh");
}

// twice NAME=VALUE WORDS…: with a variable that is there twice, at first with another value.
int twice(Words w) {
    if (w.size() < 2) return wrong_use("twice");
    std::string first = w[0].substr(0, w[0].find('=') + 1), last = w[0];
    std::vector<char*> all{first.data()};
    for (char** item = environ; *item != nullptr; ++item) all.push_back(*item);
    all.push_back(last.data());
    all.push_back(nullptr);
    environ = all.data();
    return do_words(w.subspan(1));
}

// unnamed ARG…: a program whose file has been removed.
int unnamed(Words w) {
    const std::string path = "/var/tmp/removed";
    if (!copy_idle(path)) return cannot(path);
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ::unlink(path.c_str()) < 0) return cannot(path);
    return run_descriptor(fd, w);
}

// descriptor FILE ARG…: a program by its open file, execveat(fd, "").
int descriptor(Words w) {
    if (w.empty()) return wrong_use("descriptor");
    const int fd = ::open(w[0].c_str(), O_PATH | O_CLOEXEC);
    return fd < 0 ? cannot(w[0]) : run_descriptor(fd, w);
}

// named NAME WORDS…: after prctl(PR_SET_NAME).
int named(Words w) {
    if (w.empty() || ::prctl(PR_SET_NAME, w[0].c_str()) < 0) return cannot("prctl");
    return w.size() > 1 ? do_words(w.subspan(1)) : 0;
}

int nothing(Words) { return 0; }

constexpr std::array kDeeds{
    NamedDeed{"as", as},
    NamedDeed{"call", call},
    NamedDeed{"refuse", refuse},
    NamedDeed{"argv0", argv0},
    NamedDeed{"copy", copy},
    NamedDeed{"imitate", imitate},
    NamedDeed{"spawn", spawn},
    NamedDeed{"orphan", orphan},
    NamedDeed{"terminal", terminal},
    NamedDeed{"user", user},
    NamedDeed{"user-with-setuid", user_with_setuid},
    NamedDeed{"grant", grant},
    NamedDeed{"on-tcp", on_tcp},
    NamedDeed{"on-passed", on_passed},
    NamedDeed{"on-unix", on_unix},
    NamedDeed{"on-pipe", on_pipe},
    NamedDeed{"memory", memory},
    NamedDeed{"unnamed", unnamed},
    NamedDeed{"loader", loader},
    NamedDeed{"memory-loader", memory_loader},
    NamedDeed{"memory-script", memory_script},
    NamedDeed{"memory-shell", memory_shell},
    NamedDeed{"twice", twice},
    NamedDeed{"descriptor", descriptor},
    NamedDeed{"named", named},
    NamedDeed{"nothing", nothing},
};

} // namespace

std::span<const NamedDeed> role_deeds() { return kDeeds; }

} // namespace gyr::deeds
