#include "http/listener.h"

#include "base/name_lookup.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace gyr::http {
namespace {

constexpr int kBacklog = 512;

Result<> listen_unix(Listener& listener) {
    const std::string& path = listener.address.path;
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof local.sun_path)
        return fail(ErrorKind::invalid, "the path of the socket is empty or too long");
    std::memcpy(local.sun_path, path.data(), path.size());
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, error);
    const auto* where = reinterpret_cast<const sockaddr*>(&local);
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    listener.fd = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe || !listener.fd) return fail(ErrorKind::io, std::strerror(errno));
    if (::connect(probe.get(), where, sizeof local) == 0 || errno == EAGAIN)
        return fail(ErrorKind::io, "somebody else listens there");
    if (struct stat info{}; ::lstat(path.c_str(), &info) == 0) {
        if (!S_ISSOCK(info.st_mode)) return fail(ErrorKind::io, "there is a file that is no socket");
        ::unlink(path.c_str());
    }
    // Nobody can connect before listen().
    if (::bind(listener.fd.get(), where, sizeof local) != 0 || ::chmod(path.c_str(), 0600) != 0 ||
        ::listen(listener.fd.get(), kBacklog) != 0)
        return fail(ErrorKind::io, std::strerror(errno));
    return {};
}

// The first of them that this host has; errno of the last attempt, or 0.
int bind_first(Listener& listener, const addrinfo& addresses) {
    int why = 0;
    for (const addrinfo* at = &addresses; at != nullptr; at = at->ai_next) {
        UniqueFd fd(::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const int on = 1, off = 0;
        if (fd) {
            ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
            if (listener.address.host.empty() && at->ai_family == AF_INET6)
                ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        }
        if (fd && ::bind(fd.get(), at->ai_addr, at->ai_addrlen) == 0 && ::listen(fd.get(), kBacklog) == 0) {
            listener.fd = std::move(fd);
            return 0;
        }
        why = errno;
        if (why != EAFNOSUPPORT && why != EADDRNOTAVAIL) return why;
    }
    return why;
}

Result<> listen_tcp(Listener& listener) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const std::string& host = listener.address.host;
    const auto look_up = [&](int family) {
        hints.ai_family = family;
        return ::getaddrinfo(host.empty() ? nullptr : host.c_str(), listener.address.port.c_str(), &hints, &found);
    };
    // All addresses of this host are IPv6's, which take IPv4 too; where the kernel has none, IPv4's.
    const auto families = host.empty() ? std::vector{AF_INET6, AF_INET} : std::vector{AF_UNSPEC};
    int why = 0;
    for (const int family : families) {
        if (const int code = look_up(family); code != 0) return fail(ErrorKind::invalid, ::gai_strerror(code));
        const Addresses addresses(found);
        why = bind_first(listener, *addresses);
        if (why != EAFNOSUPPORT && why != EADDRNOTAVAIL) break;
    }
    if (why != 0) return fail(ErrorKind::io, std::strerror(why));
    sockaddr_storage at{};
    socklen_t size = sizeof at;
    ::getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&at), &size);
    listener.port = ntohs(at.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&at)->sin6_port
                                                   : reinterpret_cast<sockaddr_in*>(&at)->sin_port);
    return {};
}

} // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
    ListenAddress address;
    if (text.starts_with("unix://")) {
        address.path = text.substr(7);
        if (!address.path.starts_with('/'))
            return fail(ErrorKind::invalid, fmt::format("'{}': a socket's path begins with /", text));
        return address;
    }
    address.tls = text.starts_with("https://");
    if (!address.tls && !text.starts_with("http://"))
        return fail(ErrorKind::invalid, fmt::format("'{}' begins with neither http://, https:// nor unix://", text));
    std::string rest = text.substr(address.tls ? 8 : 7);
    if (rest.ends_with('/')) rest.pop_back();
    const std::size_t colon = rest.rfind(':');
    if (colon == std::string::npos || colon + 1 == rest.size() ||
        rest.find_first_not_of("0123456789", colon + 1) != std::string::npos)
        return fail(ErrorKind::invalid, fmt::format("'{}': the port is missing", text));
    address.port = rest.substr(colon + 1);
    std::uint16_t port = 0;
    if (std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), port).ec != std::errc())
        return fail(ErrorKind::invalid, fmt::format("'{}': there is no such port", text));
    address.host = rest.substr(0, colon);
    if (address.host.starts_with('[') && address.host.ends_with(']'))
        address.host = address.host.substr(1, address.host.size() - 2);
    return address;
}

bool is_local(const ListenAddress& address) {
    if (!address.path.empty() || address.host == "localhost" || address.host == "::1") return true;
    in_addr v4{};
    return ::inet_pton(AF_INET, address.host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

Result<Listener> listen_on(const std::string& text) {
    auto address = parse_listen_address(text);
    if (!address) return std::unexpected(address.error());
    Listener listener{.fd = {}, .address = std::move(*address), .port = 0};
    const Result<> ok = listener.address.path.empty() ? listen_tcp(listener) : listen_unix(listener);
    if (!ok) return fail(ok.error().kind, fmt::format("cannot listen on {}: {}", text, ok.error().message));
    return listener;
}

} // namespace gyr::http
