#include "fields/fd_text.h"

#include <arpa/inet.h>

#include <cstring>

namespace gyr::fields {
namespace {

struct Kind {
    char letter;
    std::string_view name;
};

// By FdType.
constexpr Kind kKinds[] = {
    {'o', ""},        {'f', "file"},     {'d', "directory"}, {'4', "ipv4"},        {'6', "ipv6"},
    {'4', "ipv4"},    {'6', "ipv6"},     {'p', "pipe"},      {'u', "unix"},        {'e', "event"},
    {'X', ""},        {'s', "signalfd"}, {'l', "eventpoll"}, {'i', "inotify"},     {'t', "timerfd"},
    {'n', "netlink"}, {'f', "file"},     {'b', "bpf"},       {'u', "userfaultfd"}, {'r', "io_uring"},
    {'m', "memfd"},   {'P', "pidfd"},
};

const Kind& kind_of(FdType type) {
    const auto i = static_cast<std::size_t>(type);
    return i < std::size(kKinds) ? kKinds[i] : kKinds[0];
}

} // namespace

std::string_view fd_type_name(FdType type) { return kind_of(type).name; }
char fd_type_char(FdType type) { return kind_of(type).letter; }

std::string_view l4_name(L4Protocol l4) {
    switch (l4) {
    case L4Protocol::tcp: return "tcp";
    case L4Protocol::udp: return "udp";
    case L4Protocol::icmp: return "icmp";
    case L4Protocol::raw: return "raw";
    case L4Protocol::unknown:
    case L4Protocol::not_applicable: break;
    }
    return "";
}

const FdInfo* find_fd(const Context& c, std::int64_t number) {
    if (c.event.fd && number == c.event.fd_number) return c.event.fd;
    if (c.event.other_fd && number == c.event.other_fd_number) return c.event.other_fd;
    return c.event.fds && number >= 0 ? c.event.fds->find_fd(number) : nullptr;
}

L4Protocol shown_protocol(const Context& c, const FdInfo& fd) {
    const bool idle = c.event.fds && (fd.type == FdType::ipv4 || fd.type == FdType::ipv6) &&
                      (fd.marks & (kFdRoleClient | kFdRoleServer)) == 0;
    return idle && fd.l4 != L4Protocol::raw ? L4Protocol::not_applicable : fd.l4;
}

std::string_view fd_label(const Context& c, const FdInfo& fd) {
    const std::string_view protocol =
        is_ipv4(fd.type) || is_ipv6(fd.type) ? l4_name(shown_protocol(c, fd)).substr(0, 1) : "";
    const std::size_t size = 3 + protocol.size() + fd.name.size();
    char* out = c.arena.allocate(size);
    char* at = out;
    *at++ = '<';
    *at++ = fd_type_char(fd.type);
    if (!protocol.empty()) *at++ = protocol[0];
    *at++ = '>';
    std::memcpy(at, fd.name.data(), fd.name.size());
    return {out, size};
}

std::string_view ip_text(const std::uint8_t* bytes, bool v6, Arena& arena) {
    char buffer[INET6_ADDRSTRLEN];
    const char* text = ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes, buffer, sizeof buffer);
    return text ? arena.copy(text) : std::string_view("");
}

std::string_view directory_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos || slash == 0 ? "/" : path.substr(0, slash);
}

std::string_view filename_of(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? "/" : path.substr(slash + 1);
}

} // namespace gyr::fields
