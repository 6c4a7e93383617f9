#include "event/event_type.h"
#include "sources/live_bpf/event_writer.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>

namespace gyr {
namespace {

// A sockaddr as a caller gave it.
struct GivenAddress {
    std::uint16_t family = 0, port = 0; // host order
    gyr_u8 bytes[16] = {};
    std::string_view path;
};

GivenAddress parse_address(std::span<const std::byte> raw) {
    GivenAddress a;
    if (raw.size() < 2) return a;
    std::memcpy(&a.family, raw.data(), 2);
    if ((a.family == AF_INET && raw.size() < 8) || (a.family == AF_INET6 && raw.size() < 24)) return {};
    if (a.family == AF_INET) {
        std::memcpy(&a.port, raw.data() + 2, 2);
        std::memcpy(a.bytes, raw.data() + 4, 4);
    } else if (a.family == AF_INET6) {
        std::memcpy(&a.port, raw.data() + 2, 2);
        std::memcpy(a.bytes, raw.data() + 8, 16);
    } else if (a.family == AF_UNIX) {
        a.path = as_text(raw.subspan(2, std::min<std::size_t>(raw.size() - 2, 108)));
        if (!a.path.empty() && a.path.front() != '\0') a.path = a.path.substr(0, a.path.find('\0'));
    }
    a.port = ntohs(a.port);
    return a;
}

std::string_view unix_text(const gyr_u8* path, std::size_t length) {
    std::string_view text(reinterpret_cast<const char*>(path), std::min<std::size_t>(length, 108));
    if (!text.empty() && text.front() != '\0') return text.substr(0, text.find('\0'));
    return text;
}

// A socket whose connection was refused knows no port any more, and maybe no address: what was asked for says where it
// was to go.
void take_asked(const GivenAddress& asked, gyr_endpoints& e) {
    if (asked.family == AF_INET && e.family == AF_INET6) { // a socket for both: as the kernel writes it there
        std::memset(e.remote, 0, 10);
        std::memset(e.remote + 10, 0xff, 2);
        std::memcpy(e.remote + 12, asked.bytes, 4);
    } else if (asked.family == e.family && (asked.family == AF_INET || asked.family == AF_INET6)) {
        std::memcpy(e.remote, asked.bytes, sizeof e.remote);
    } else {
        return;
    }
    e.remote_port = htons(asked.port);
}

void take_asked_path(const GivenAddress& asked, gyr_endpoints& e) {
    if (asked.family != AF_UNIX || asked.path.empty()) return;
    std::memset(e.remote_path, 0, sizeof e.remote_path);
    std::ranges::copy(asked.path.substr(0, sizeof e.remote_path), reinterpret_cast<char*>(e.remote_path));
    e.remote_length = static_cast<gyr_u16>(std::min(asked.path.size(), sizeof e.remote_path));
}

bool is_accept(EventCode code) { return code == kAccept || code == kAccept4; }

void connection_to(std::span<const std::byte> address, KernelObject& out) {
    const GivenAddress end = parse_address(address);
    out = KernelObject{};
    out.present = true;
    out.object.flags = GYR_OBJECT_PRESENT | GYR_OBJECT_SOCKET;
    out.object.mode = S_IFSOCK;
    out.endpoints.family = end.family;
    out.endpoints.type = SOCK_STREAM;
    out.endpoints.protocol = IPPROTO_TCP;
    take_asked(end, out.endpoints);
}

bool is_datagram(const gyr_endpoints& e) { return e.type == SOCK_DGRAM || e.type == SOCK_RAW; }

} // namespace

void EventDecoder::read_objects(const CollectedEvent& event, const gyr_event_header& header) {
    for (std::size_t i = 0; i < objects_.size(); ++i) {
        objects_[i].present = false;
        const unsigned op = items_[i].op;
        if (items_[i].present && (op == GYR_FETCH_OBJECT || op == GYR_FETCH_OBJECT_AT))
            read_object(items_[i].bytes, items_[i].flags, objects_[i]);
    }
    // The descriptor stands for another file by now; where the connection went the kernel knows.
    if (!objects_[0].present && (header.flags & GYR_EVENT_KERNEL_END) != 0) connection_to(items_[1].bytes, objects_[0]);
    if (!objects_[0].present) return;
    SocketSide side = SocketSide::unknown;
    if (is_accept(header.code)) side = SocketSide::server;
    if (header.code == kConnect) {
        side = SocketSide::client;
        gyr_endpoints& e = objects_[0].endpoints;
        const GivenAddress asked = parse_address(items_[1].bytes);
        if (e.family == AF_UNIX && e.peer == 0) take_asked_path(asked, e);
        if (e.family != AF_UNIX && e.remote_port == 0) take_asked(asked, e);
    }
    describe_object(objects_[0], side, fd_);
    describe_datagram(header);
    if (event.fetches[0].arg == GYR_FROM_RESULT) fd_.creator_pid = header.tgid;
}

// A datagram whose other end is in the call, whatever the socket is connected to: that of this datagram alone.
void EventDecoder::describe_datagram(const gyr_event_header& header) {
    const bool to = header.code == kSendto || header.code == kSendmsg || header.code == kSendmmsg,
               from = header.code == kRecvfrom || header.code == kRecvmsg || header.code == kRecvmmsg;
    if ((!to && !from) || (from && header.result < 0)) return;
    const gyr_endpoints& e = objects_[0].endpoints;
    if ((e.family != AF_INET && e.family != AF_INET6 && e.family != AF_UNIX) || !is_datagram(e)) return;
    std::span<const std::byte> address = items_[2].bytes;
    if (header.code != kSendto && header.code != kRecvfrom) {
        const gyr_message m = message(1);
        address = items_[1].bytes.subspan(std::min(sizeof m, items_[1].bytes.size()), m.address);
    }
    const GivenAddress given = parse_address(address);
    KernelObject object = objects_[0];
    if (e.family == AF_UNIX) {
        if (!to || given.family != AF_UNIX || given.path.empty()) return;
        object.endpoints.peer = 0; // which socket has that name is not known
        object.endpoints.walked = 0;
        take_asked_path(given, object.endpoints);
    } else {
        // Raw sockets and those of ICMP have no ports.
        static constexpr gyr_u8 kNowhere[16] = {};
        if (given.family != AF_INET && given.family != AF_INET6) return;
        if (given.port == 0 && std::memcmp(given.bytes, kNowhere, sizeof kNowhere) == 0) return;
        take_asked(given, object.endpoints);
    }
    describe_object(object, to ? SocketSide::client : SocketSide::server, fd_);
    fd_.marks = static_cast<std::uint16_t>(fd_.marks & ~kFdConnected);
}

void EventDecoder::write_socket_param(const ParamSource& p, const gyr_event_header& h, Writer& w) {
    const auto put_path = [&w](std::string_view path) {
        // An abstract name begins with NUL; captures show it with an at sign.
        if (!path.empty() && path.front() == '\0') {
            w.part('@');
            path.remove_prefix(1);
            path = path.substr(0, path.find('\0'));
        }
        w.part(path);
        w.part('\0');
    };
    const auto put_address = [&](const GivenAddress& a) {
        if (a.family != AF_INET && a.family != AF_INET6 && a.family != AF_UNIX) return w.none();
        w.begin();
        w.part(static_cast<std::uint8_t>(a.family));
        if (a.family == AF_UNIX) {
            put_path(a.path);
        } else {
            w.part(std::string_view(reinterpret_cast<const char*>(a.bytes), a.family == AF_INET ? 4 : 16));
            w.part(a.port);
        }
        w.end();
    };
    // other: the remote end where the socket itself has none. outgoing: we are the source.
    const auto put_tuple = [&](std::uint8_t k, const GivenAddress& other, bool outgoing) {
        const KernelObject& o = objects_[k];
        if (!o.present || !o.is_socket()) return w.none();
        gyr_endpoints as_asked = o.endpoints;
        if (as_asked.remote_port == 0 || (is_datagram(as_asked) && other.port != 0)) take_asked(other, as_asked);
        const gyr_endpoints e = unmapped(as_asked);
        if (e.family == AF_UNIX) {
            w.begin();
            w.part(static_cast<std::uint8_t>(AF_UNIX));
            w.part(outgoing ? e.self : e.peer);
            w.part(outgoing ? e.peer : e.self);
            if (other.family == AF_UNIX)
                put_path(other.path);
            else
                put_path(outgoing ? unix_text(e.remote_path, e.remote_length)
                                  : unix_text(e.local_path, e.local_length));
            return w.end();
        }
        if (e.family != AF_INET && e.family != AF_INET6) return w.none();
        const std::size_t length = e.family == AF_INET ? 4 : 16;
        const auto* remote = e.remote;
        const std::uint16_t remote_port = ntohs(e.remote_port), local_port = ntohs(e.local_port);
        if (remote_port == 0 && local_port == 0) return w.none();
        const std::string_view local_text(reinterpret_cast<const char*>(e.local), length),
            remote_text(reinterpret_cast<const char*>(remote), length);
        w.begin();
        w.part(static_cast<std::uint8_t>(e.family));
        w.part(outgoing ? local_text : remote_text);
        w.part(outgoing ? local_port : remote_port);
        w.part(outgoing ? remote_text : local_text);
        w.part(outgoing ? remote_port : local_port);
        w.end();
    };
    const auto message_part = [this](std::uint8_t k, std::size_t skip, std::size_t length) {
        return items_[k].bytes.subspan(std::min(sizeof(gyr_message) + skip, items_[k].bytes.size()), length);
    };
    const auto given = [this](std::uint8_t k) {
        return k < items_.size() ? parse_address(items_[k].bytes) : GivenAddress{};
    };
    const auto outgoing = [&](std::uint8_t k) {
        if (is_accept(h.code)) return false;
        return h.code == kConnect || is_client(objects_[k].endpoints, SocketSide::unknown);
    };
    const auto& end = objects_[p.index].endpoints;
    const bool there = objects_[p.index].present;
    switch (p.from) {
    case ParamFrom::socket_address: return put_address(given(p.index));
    case ParamFrom::tuple: return put_tuple(p.index, given(p.second), outgoing(p.index));
    case ParamFrom::tuple_from: return put_tuple(p.index, given(p.second), false);
    case ParamFrom::message_tuple:
    case ParamFrom::message_tuple_from: {
        const gyr_message m = message(p.second);
        const bool out = p.from == ParamFrom::message_tuple ? outgoing(p.index) : false;
        return put_tuple(p.index, parse_address(message_part(p.second, 0, m.address)), out);
    }
    case ParamFrom::message_size: return w.number(message(p.index).total, 4);
    case ParamFrom::message_data: {
        const gyr_message m = message(p.index);
        return w.view(as_text(message_part(p.index, m.address, m.data)));
    }
    case ParamFrom::message_control: {
        const gyr_message m = message(p.index);
        return w.view(as_text(message_part(p.index, std::size_t{m.address} + m.data, m.control)));
    }
    case ParamFrom::endpoint_self: return w.number(there ? end.self : 0, 8);
    case ParamFrom::endpoint_peer: return w.number(there ? end.peer : 0, 8);
    case ParamFrom::queue_length: return w.number(there ? end.queue_length : 0, 4);
    case ParamFrom::queue_max: return w.number(there ? end.queue_max : 0, 4);
    case ParamFrom::queue_percent:
        return w.number(there && end.queue_max != 0 ? std::uint64_t{end.queue_length} * 100 / end.queue_max : 0, 1);
    case ParamFrom::socket_option:
        return w.number(
            h.args[p.index] == SOL_SOCKET ? translate(Flags::socket_option, h.args[p.second] & 0xffffffff) : 0, 1);
    case ParamFrom::option_value: return write_option_value(p.index, h, w);
    default: return w.none();
    }
}

void EventDecoder::write_option_value(std::uint8_t k, const gyr_event_header& h, Writer& w) {
    enum : std::uint8_t { as_bytes, as_errno, as_uint32, as_uint64, as_time }; // variants of the capture format
    // Of four or eight bytes, and yet no number.
    static constexpr int kNoNumbers[] = {SO_LINGER,   SO_PEERCRED, SO_BINDTODEVICE, SO_ATTACH_FILTER,
                                         SO_PEERNAME, SO_PEERSEC,  SO_PEERGROUPS,   SO_TXTIME};
    const auto bytes = items_[k].bytes;
    const int option = h.args[1] == SOL_SOCKET ? static_cast<int>(h.args[2]) : -1;
    const bool number = option != -1 && std::ranges::find(kNoNumbers, option) == std::end(kNoNumbers);
    const bool wide = option == SO_RCVTIMEO_NEW || option == SO_SNDTIMEO_NEW;
    const std::size_t word = wide || !compat_ ? 8 : 4;
    w.begin();
    if (option == SO_ERROR && bytes.size() >= 4) {
        w.part(as_errno);
        w.part(-static_cast<std::int64_t>(item_number(k, 0, 4)));
    } else if ((wide || option == SO_RCVTIMEO || option == SO_SNDTIMEO) && bytes.size() >= 2 * word) {
        w.part(as_time);
        w.part(item_number(k, 0, word) * 1'000'000'000 + item_number(k, word, word) * 1000);
    } else if (number && bytes.size() == 8) {
        w.part(as_uint64);
        w.part(item_number(k, 0, 8));
    } else if (number && bytes.size() == 4) {
        w.part(as_uint32);
        w.part(static_cast<std::uint32_t>(item_number(k, 0, 4)));
    } else {
        w.part(as_bytes);
        w.part(as_text(bytes));
    }
    w.end();
}

} // namespace gyr
