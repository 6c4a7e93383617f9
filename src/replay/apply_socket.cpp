// Sockets: made, bound, connected, accepted, and what is sent and received through them.

#include "replay/sockets.h"
#include "replay/tables.h"

namespace gyr::replay {

namespace {

constexpr std::uint32_t kStream = 1, kDatagram = 2, kRaw = 3, kTypeMask = 0xff, kCloseOnExec = 02000000;
constexpr std::uint32_t kProtoIp = 0, kProtoIcmp = 1, kProtoTcp = 6, kProtoUdp = 17, kProtoIcmp6 = 58, kProtoRaw = 255,
                        kProtoMultipathTcp = 262;
constexpr std::int64_t kInProgress = -115;

L4Protocol protocol_of(std::uint32_t type, std::uint32_t protocol) {
    const bool raw = (type & kTypeMask) == kRaw;
    switch (protocol) {
    case kProtoTcp:
    case kProtoMultipathTcp: return raw ? L4Protocol::raw : L4Protocol::tcp;
    case kProtoUdp: return raw ? L4Protocol::raw : L4Protocol::udp;
    case kProtoIp:
        if ((type & kTypeMask) == kStream) return L4Protocol::tcp;
        return (type & kTypeMask) == kDatagram ? L4Protocol::udp : L4Protocol::unknown;
    case kProtoIcmp:
    case kProtoIcmp6: return raw ? L4Protocol::raw : L4Protocol::icmp;
    case kProtoRaw: return L4Protocol::raw;
    default: return L4Protocol::unknown;
    }
}

FdType type_of(std::uint32_t domain) {
    switch (domain) {
    case kFamilyUnix: return FdType::unix_socket;
    case kFamilyIpv4: return FdType::ipv4;
    case kFamilyIpv6: return FdType::ipv6;
    case kFamilyNetlink: return FdType::netlink;
    default: return FdType::unknown;
    }
}

void set_role(FdInfo& info, FdMark role) {
    info.marks = static_cast<std::uint16_t>((info.marks & ~(kFdRoleClient | kFdRoleServer)) | role);
}
bool has_role(const FdInfo& info) { return (info.marks & (kFdRoleClient | kFdRoleServer)) != 0; }

void set_connection(FdInfo& info, const SocketTuple& t) {
    info.type = t.family == kFamilyIpv6 ? FdType::ipv6 : FdType::ipv4;
    info.source_address = t.source, info.destination_address = t.destination;
    info.source_port = t.source_port, info.destination_port = t.destination_port;
}

void set_unix_ends(FdInfo& info, const SocketTuple& t) {
    info.type = FdType::unix_socket;
    info.unix_source = t.unix_source, info.unix_destination = t.unix_destination;
}

bool is_zero(const std::array<std::uint8_t, 16>& a) {
    for (const std::uint8_t b : a)
        if (b != 0) return false;
    return true;
}

void name_socket(Step& s, FdEntry& entry) {
    socket_name(entry.info, s.tables.text);
    s.set_name(entry, s.tables.text);
}

// Takes over what a datagram's ends tell beyond what is known: an address of zeroes tells nothing. Whether anything
// changed.
bool merge_ends(FdInfo& info, const SocketTuple& t) {
    if (t.family == kFamilyUnix) {
        const bool changed = info.unix_source != t.unix_source || info.unix_destination != t.unix_destination;
        set_unix_ends(info, t);
        return changed;
    }
    const FdType type = t.family == kFamilyIpv6 ? FdType::ipv6 : FdType::ipv4;
    bool changed = info.type != type;
    if (changed && is_server(info.type)) info.source_address = {}, info.source_port = 0;
    info.type = type;
    const auto take_address = [&](std::array<std::uint8_t, 16>& have, const std::array<std::uint8_t, 16>& told) {
        if (is_zero(told) || have == told) return;
        have = told;
        changed = true;
    };
    const auto take_port = [&](std::uint16_t& have, std::uint16_t told) {
        if (have == told) return;
        have = told;
        changed = true;
    };
    take_address(info.source_address, t.source);
    take_port(info.source_port, t.source_port);
    take_address(info.destination_address, t.destination);
    take_port(info.destination_port, t.destination_port);
    return changed;
}

// Who serves and who asks, when nothing but a packet tells: a process that owns the port at the destination serves.
void guess_role(Step& s, FdInfo& info, bool incoming) {
    bool bound = false, asks = false;
    s.fds().for_each([&](std::int64_t, const FdEntry& other) {
        const FdInfo& o = other.info;
        if (&o == &info) return;
        if (is_server(o.type))
            bound = bound || o.destination_port == info.destination_port;
        else if (o.type == FdType::ipv4 || o.type == FdType::ipv6) {
            if ((o.marks & kFdRoleServer) != 0) bound = bound || o.destination_port == info.destination_port;
            if ((o.marks & kFdRoleClient) != 0) asks = asks || o.source_port == info.source_port;
        }
    });
    if (!bound)
        set_role(info, kFdRoleClient);
    else if (!asks)
        set_role(info, kFdRoleServer);
    else
        set_role(info, incoming ? kFdRoleServer : kFdRoleClient);
}

std::size_t equal_bits(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b) {
    std::size_t n = 0;
    while (n < 8 && a[n] == b[n]) ++n;
    return n * 8;
}

// The machine's own address towards another one: that of the interface whose network it is in, else of the first one
// that leaves the machine. IPv6 networks are taken to be the first 64 bits.
const HostAddress* address_towards(const HostAddresses& mine, bool ipv6, const std::array<std::uint8_t, 16>& other) {
    const HostAddress* first = nullptr;
    for (const HostAddress& h : mine.all()) {
        if (h.ipv6 != ipv6) continue;
        bool near = true;
        if (ipv6)
            near = equal_bits(h.address, other) >= 64;
        else
            for (std::size_t i = 0; i < 4; ++i) near = near && ((h.address[i] ^ other[i]) & h.netmask[i]) == 0;
        if (near) return &h;
        const bool loopback = ipv6 ? h.address[0] == 0 && h.address[15] == 1 : h.address[0] == 127;
        if (!loopback && !first) first = &h;
    }
    return first;
}

// A socket that is not bound to an address has zeroes as its own; on the wire it has the interface's.
void fill_own_address(const Tables& tables, FdInfo& info) {
    const bool no_source = is_zero(info.source_address), no_destination = is_zero(info.destination_address);
    if (no_source == no_destination) return;
    auto& own = no_source ? info.source_address : info.destination_address;
    const auto& other = no_source ? info.destination_address : info.source_address;
    if (const HostAddress* h = address_towards(tables.addresses, is_ipv6(info.type), other)) own = h->address;
}

void swap_ends(FdInfo& info) {
    std::swap(info.source_address, info.destination_address);
    std::swap(info.source_port, info.destination_port);
}

// Where the tuple of a send or receive is; 0: it has none.
std::size_t tuple_param(EventCode code) {
    switch (code) {
    case kRecvfrom: return 2;
    case kRecvmsg: return 3;
    case kSend:
    case kSendto:
    case kSendmsg:
    case kSendmmsg:
    case kRecv:
    case kRecvmmsg: return 4;
    default: return 0;
    }
}
bool is_incoming(EventCode code) { return code == kRecv || code == kRecvfrom || code == kRecvmsg || code == kRecvmmsg; }

// A packet to an address goes through a datagram socket, whose making was missed.
void add_unseen_socket(Step& s, std::string_view tuple) {
    const std::optional<SocketTuple> t = parse_tuple(tuple);
    if (!t || t->family == kFamilyUnix || s.fd_number < 0) return;
    FdEntry* entry = s.add_fd(s.fd_number);
    if (!entry) return;
    entry->info.type = t->family == kFamilyIpv6 ? FdType::ipv6 : FdType::ipv4;
    entry->info.l4 = L4Protocol::udp;
}

} // namespace

void apply_socket(Step& s) {
    if (!s.succeeded()) return;
    FdEntry* entry = s.add_fd(s.result());
    if (!entry) return;
    const auto domain = s.number<std::uint32_t>(1), type = s.number<std::uint32_t>(2);
    entry->info.type = type_of(domain);
    if (domain == kFamilyIpv4 || domain == kFamilyIpv6) entry->info.l4 = protocol_of(type, s.number<std::uint32_t>(3));
    if ((type & kCloseOnExec) != 0) entry->info.marks |= kFdCloseOnExec;
}

void apply_socketpair(Step& s) {
    if (!s.succeeded()) return;
    const auto type = s.number<std::uint32_t>(6);
    const auto one = s.number<std::uint64_t>(3), other = s.number<std::uint64_t>(4);
    for (std::size_t i = 1; i <= 2; ++i) {
        FdEntry* entry = s.add_fd(s.number<std::int64_t>(i));
        if (!entry) return;
        entry->info.type = FdType::unix_socket;
        entry->info.unix_source = i == 1 ? one : other;
        entry->info.unix_destination = i == 1 ? other : one;
        if ((type & kCloseOnExec) != 0) entry->info.marks |= kFdCloseOnExec;
    }
}

void apply_bind(Step& s) {
    if (!s.succeeded() || !s.fd) return;
    const std::optional<SocketAddress> a = parse_address(s.bytes(1));
    FdEntry* entry = a ? s.change_fd() : nullptr;
    if (!entry) return;
    FdInfo& info = entry->info;
    if (a->family == kFamilyUnix) {
        s.set_name(*entry, a->path);
        return;
    }
    // A port of 0 is no address to be reached at.
    if (a->port > 0) {
        info.type = a->family == kFamilyIpv6 ? FdType::ipv6_server : FdType::ipv4_server;
        info.source_address = {}, info.source_port = 0;
        info.destination_address = a->address, info.destination_port = a->port;
        set_role(info, kFdRoleServer);
    }
    address_text(a->family == kFamilyIpv6, a->address, a->port, s.tables.text);
    s.set_name(*entry, s.tables.text);
}

void apply_connect_enter(Step& s) {
    if (!s.thread || !s.fd) return;
    const std::optional<SocketAddress> a = parse_address(s.bytes(1));
    FdEntry* entry = a ? s.change_fd() : nullptr;
    if (!entry) return;
    FdInfo& info = entry->info;
    if (a->family == kFamilyUnix) {
        s.set_name(*entry, a->path);
        return;
    }
    info.type = a->family == kFamilyIpv6 ? FdType::ipv6 : FdType::ipv4;
    info.destination_address = a->address, info.destination_port = a->port;
    address_text(a->family == kFamilyIpv6, a->address, a->port, s.tables.text);
    s.set_name(*entry, s.tables.text);
}

void apply_connect(Step& s) {
    if (!s.thread || !s.fd || !s.has(0)) return;
    const std::int64_t result = s.result();
    if (result < 0 && result != kInProgress) {
        if (FdEntry* entry = s.change_fd()) entry->info.marks |= kFdConnectFailed;
        return;
    }
    const std::optional<SocketTuple> t = parse_tuple(s.bytes(1));
    FdEntry* entry = s.change_fd();
    if (!entry) return;
    FdInfo& info = entry->info;
    info.marks = static_cast<std::uint16_t>(info.marks & ~(kFdConnectFailed | kFdConnectPending));
    info.marks |= kFdConnected;
    if (result == kInProgress) info.marks |= kFdConnectPending;
    if (!t) return;
    set_role(info, kFdRoleClient);
    if (t->family == kFamilyUnix) {
        set_unix_ends(info, *t);
        s.set_name(*entry, t->path);
        return;
    }
    set_connection(info, *t);
    fill_own_address(s.tables, info);
    name_socket(s, *entry);
}

void apply_accept(Step& s) {
    if (!s.succeeded()) return;
    const std::optional<SocketTuple> t = parse_tuple(s.bytes(1));
    if (!t) {
        s.fd_number = s.result();
        return;
    }
    FdEntry* entry = s.add_fd(s.result());
    if (!entry) return;
    FdInfo& info = entry->info;
    if (t->family == kFamilyUnix) {
        set_unix_ends(info, *t);
        unix_tuple_text(*t, s.tables.text);
        s.set_name(*entry, s.tables.text);
    } else {
        set_connection(info, *t);
        info.l4 = L4Protocol::tcp;
        name_socket(s, *entry);
    }
    set_role(info, kFdRoleServer);
    info.marks |= kFdConnected;
}

// A datagram tells its ends; so does a stream whose connect or accept was missed.
void apply_transfer(Step& s) {
    const std::size_t at = tuple_param(s.raw.code);
    const std::string_view param = s.bytes(at);
    if (!s.succeeded() || at == 0 || param.empty()) return;
    if (!s.fd && !is_incoming(s.raw.code)) add_unseen_socket(s, param);
    if (!s.fd) return;
    if (s.fd->info.l4 == L4Protocol::tcp && is_socket(s.fd->info.type) && !s.fd->info.name.empty()) return;
    const std::optional<SocketTuple> t = parse_tuple(param);
    FdEntry* entry = t ? s.change_fd() : nullptr;
    if (!entry) return;
    FdInfo& info = entry->info;
    const bool incoming = is_incoming(s.raw.code);
    if (!merge_ends(info, *t)) return;
    if (t->family == kFamilyUnix) {
        unix_tuple_text(*t, s.tables.text);
        s.set_name(*entry, s.tables.text);
        return;
    }
    if (!has_role(info)) guess_role(s, info, incoming);
    info.marks |= kFdConnected;
    fill_own_address(s.tables, info);
    // The one who asks is the source, whoever sent the packet.
    if ((info.marks & (incoming ? kFdRoleClient : kFdRoleServer)) != 0) swap_ends(info);
    name_socket(s, *entry);
}

} // namespace gyr::replay
