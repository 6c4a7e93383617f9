#include "http/listener.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>

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

Result<> listen_tcp(Listener& listener) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const std::string& host = listener.address.host;
    if (const int code =
            ::getaddrinfo(host.empty() ? nullptr : host.c_str(), listener.address.port.c_str(), &hints, &found);
        code != 0)
        return fail(ErrorKind::invalid, ::gai_strerror(code));
    listener.fd = UniqueFd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    ::setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool bound =
        ::bind(listener.fd.get(), found->ai_addr, found->ai_addrlen) == 0 && ::listen(listener.fd.get(), kBacklog) == 0;
    const int why = errno;
    ::freeaddrinfo(found);
    if (!bound) return fail(ErrorKind::io, std::strerror(why));
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
    Result<> ok;
    if (listener.address.path.empty()) {
        ok = listen_tcp(listener);
    } else {
        listener.fd = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        ok = listen_unix(listener);
    }
    if (!ok) return fail(ok.error().kind, fmt::format("cannot listen on {}: {}", text, ok.error().message));
    return listener;
}

} // namespace gyr::http
