// Connections. The place has a loopback of its own, with some addresses of the internet that are kept for documents.

#include "deeds/deeds.h"

#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <string>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

namespace gyr::deeds {
namespace {

constexpr int kEthernetAll = 0x0300; // ETH_P_ALL in network order

// ADDRESS PORT of a step's words.
bool read_address(Words w, sockaddr_in& address) {
    if (w.size() != 2) return false;
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoul(w[1])));
    return ::inet_pton(AF_INET, w[0].c_str(), &address.sin_addr) == 1;
}

// connect ADDRESS PORT: refused, as nobody listens there.
int connect_to(Words w) {
    sockaddr_in address{};
    if (!read_address(w, address)) return wrong_use("connect");
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    [[maybe_unused]] const int done = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return 0;
}

// listen ADDRESS PORT
int listen_on(Words w) {
    sockaddr_in address{};
    if (!read_address(w, address)) return wrong_use("listen");
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) return cannot(w[0]);
    return ::listen(fd, 1) == 0 ? 0 : cannot("listen");
}

// datagram ADDRESS PORT: sent, not connected.
int datagram(Words w) {
    sockaddr_in address{};
    if (!read_address(w, address)) return wrong_use("datagram");
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return ::sendto(fd, "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 1 ? 0 : cannot(w[0]);
}

// in-pod WORDS…: with the environment that the kubelet gives, where the API server is 203.0.113.5:443.
int in_pod(Words w) {
    if (w.empty() || ::setenv("KUBERNETES_SERVICE_HOST", "203.0.113.5", 1) != 0 ||
        ::setenv("KUBERNETES_SERVICE_PORT", "443", 1) != 0)
        return wrong_use("in-pod");
    return do_words(w);
}

// connect-unix PATH
int connect_unix(Words w) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (w.size() != 1 || w[0].size() >= sizeof address.sun_path) return wrong_use("connect-unix");
    std::memcpy(address.sun_path, w[0].c_str(), w[0].size() + 1);
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* any = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(listener, any, sizeof address) < 0 || ::listen(listener, 1) < 0) return cannot(w[0]);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ::connect(fd, any, sizeof address) == 0 ? 0 : cannot(w[0]);
}

int packet_socket(Words) {
    return ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, kEthernetAll) < 0 ? cannot("socket") : 0;
}
int internet_socket(Words) { return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0 ? cannot("socket") : 0; }

// A connection over the loopback, its own end.
int connected() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener, any, size) < 0 || ::listen(listener, 1) < 0 || ::getsockname(listener, any, &size) < 0 ||
        ::connect(client, any, size) < 0)
        return -1;
    return client;
}

// redirect dup2|dup3|fcntl|fcntl-cloexec|dup|shared NUMBER: a connection under that descriptor number; shared: put
// there by another process that has the same table of descriptors.
int redirect(Words w) {
    if (w.size() != 2) return wrong_use("redirect");
    const int to = std::stoi(w[1]);
    const int fd = connected();
    if (fd < 0) return cannot("loopback");
    long done = -1;
    if (w[0] == "dup2")
        done = ::syscall(SYS_dup2, fd, to);
    else if (w[0] == "dup3")
        done = ::syscall(SYS_dup3, fd, to, 0);
    else if (w[0] == "shared") {
        const auto pid = static_cast<pid_t>(::syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
        if (pid == 0) ::_exit(::dup2(fd, to) == to ? 0 : 1);
        if (pid > 0 && wait_for(pid) == 0) done = to;
    } else {
        ::close(to);
        const int how = w[0] == "fcntl" ? F_DUPFD : F_DUPFD_CLOEXEC;
        done = w[0] == "dup" ? ::syscall(SYS_dup, fd) : ::fcntl(fd, how, to);
    }
    return done == to ? 0 : cannot(w[0]);
}

// The flags of a connection read and set: the results, 2 and 0, are no descriptors.
int connection_flags(Words) {
    const int fd = connected();
    if (fd < 0) return cannot("loopback");
    const int flags = ::fcntl(fd, F_GETFL);
    return flags == O_RDWR && ::fcntl(fd, F_SETFL, flags) == 0 ? 0 : cannot("fcntl");
}

constexpr std::array kDeeds{
    NamedDeed{"in-pod", in_pod},
    NamedDeed{"listen", listen_on},
    NamedDeed{"datagram", datagram},
    NamedDeed{"connect", connect_to},
    NamedDeed{"connect-unix", connect_unix},
    NamedDeed{"packet-socket", packet_socket},
    NamedDeed{"internet-socket", internet_socket},
    NamedDeed{"redirect", redirect},
    NamedDeed{"connection-flags", connection_flags},
};

} // namespace

std::span<const NamedDeed> network_deeds() { return kDeeds; }

} // namespace gyr::deeds
