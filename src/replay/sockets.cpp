#include "replay/sockets.h"

#include "event/raw_event.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

namespace gyr::replay {

namespace {

constexpr std::size_t kMaxUnixPath = 108;

void append_number(std::uint64_t n, int base, std::string& out) {
    std::array<char, 24> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), n, base);
    out.append(text.data(), error == std::errc() ? end : text.data());
}

std::array<std::uint8_t, 16> load_address(std::string_view bytes, std::size_t size) {
    std::array<std::uint8_t, 16> address{};
    std::memcpy(address.data(), bytes.data(), size);
    return address;
}

std::string_view load_path(std::string_view bytes) { return bytes.substr(0, std::min(bytes.find('\0'), kMaxUnixPath)); }

} // namespace

bool is_mapped_ipv4(const std::array<std::uint8_t, 16>& a) {
    return std::all_of(a.begin(), a.begin() + 10, [](std::uint8_t b) { return b == 0; }) && a[10] == 0xff &&
           a[11] == 0xff;
}

void unmap_ipv4(std::array<std::uint8_t, 16>& a) {
    std::array<std::uint8_t, 16> out{};
    std::copy_n(a.begin() + 12, 4, out.begin());
    a = out;
}

std::optional<SocketAddress> parse_address(std::string_view p) {
    if (p.empty()) return std::nullopt;
    SocketAddress a;
    a.family = static_cast<std::uint8_t>(p[0]);
    if (a.family == kFamilyIpv4 && p.size() >= 7) {
        a.address = load_address(p.substr(1), 4);
        a.port = load_param<std::uint16_t>(p.substr(5));
        return a;
    }
    if (a.family == kFamilyIpv6 && p.size() >= 19) {
        a.address = load_address(p.substr(1), 16);
        a.port = load_param<std::uint16_t>(p.substr(17));
        if (is_mapped_ipv4(a.address)) a.family = kFamilyIpv4, unmap_ipv4(a.address);
        return a;
    }
    if (a.family == kFamilyUnix) {
        a.path = load_path(p.substr(1));
        return a;
    }
    return std::nullopt;
}

std::optional<SocketTuple> parse_tuple(std::string_view p) {
    if (p.empty()) return std::nullopt;
    SocketTuple t;
    t.family = static_cast<std::uint8_t>(p[0]);
    if (t.family == kFamilyIpv4 && p.size() >= 13) {
        t.source = load_address(p.substr(1), 4);
        t.source_port = load_param<std::uint16_t>(p.substr(5));
        t.destination = load_address(p.substr(7), 4);
        t.destination_port = load_param<std::uint16_t>(p.substr(11));
        return t;
    }
    if (t.family == kFamilyIpv6 && p.size() >= 37) {
        t.source = load_address(p.substr(1), 16);
        t.source_port = load_param<std::uint16_t>(p.substr(17));
        t.destination = load_address(p.substr(19), 16);
        t.destination_port = load_param<std::uint16_t>(p.substr(35));
        if (is_mapped_ipv4(t.source) && is_mapped_ipv4(t.destination)) {
            t.family = kFamilyIpv4;
            unmap_ipv4(t.source), unmap_ipv4(t.destination);
        }
        return t;
    }
    if (t.family == kFamilyUnix && p.size() >= 17) {
        t.unix_source = load_param<std::uint64_t>(p.substr(1));
        t.unix_destination = load_param<std::uint64_t>(p.substr(9));
        t.path = load_path(p.substr(17));
        return t;
    }
    return std::nullopt;
}

void append_address(bool ipv6, const std::array<std::uint8_t, 16>& address, std::string& out) {
    if (!ipv6) {
        for (std::size_t i = 0; i < 4; ++i) {
            if (i > 0) out += '.';
            append_number(address[i], 10, out);
        }
        return;
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (inet_ntop(AF_INET6, address.data(), text.data(), text.size())) out += text.data();
}

void address_text(bool ipv6, const std::array<std::uint8_t, 16>& address, std::uint16_t port, std::string& out) {
    out.clear();
    append_address(ipv6, address, out);
    out += ':';
    append_number(port, 10, out);
}

void socket_name(const FdInfo& info, std::string& out) {
    const bool ipv6 = is_ipv6(info.type);
    if (is_server(info.type)) return address_text(ipv6, info.destination_address, info.destination_port, out);
    address_text(ipv6, info.source_address, info.source_port, out);
    out += "->";
    append_address(ipv6, info.destination_address, out);
    out += ':';
    append_number(info.destination_port, 10, out);
}

void unix_tuple_text(const SocketTuple& tuple, std::string& out) {
    out.clear();
    append_number(tuple.unix_source, 16, out);
    out += "->";
    append_number(tuple.unix_destination, 16, out);
    out += ' ';
    out += tuple.path;
}

} // namespace gyr::replay
