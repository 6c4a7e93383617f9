#include "sources/live_bpf/describe_object.h"

#include "sources/live_bpf/call_table.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>

namespace gyr {
namespace {

constexpr std::uint32_t kPipefs = 0x50495045, kAnonInodes = 0x09041934, kPidfs = 0x50494446;
constexpr std::uint32_t kCreated = 0x100000; // FMODE_CREATED
constexpr std::uint16_t kFirstEphemeral = 32'768;

void append_number(std::string& out, std::uint64_t value, int radix = 10) {
    char buf[24];
    const auto end = std::to_chars(buf, buf + sizeof buf, value, radix);
    out.append(buf, end.ptr);
}

void append_endpoint(std::string& out, int family, const std::uint8_t* address, std::uint16_t port) {
    char buf[INET6_ADDRSTRLEN] = {};
    ::inet_ntop(family, address, buf, sizeof buf);
    out += buf;
    out += ':';
    append_number(out, port);
}

L4Protocol protocol_of(const gyr_endpoints& e) {
    if (e.family != AF_INET && e.family != AF_INET6) return L4Protocol::not_applicable;
    if (e.type == SOCK_RAW) return L4Protocol::raw;
    switch (e.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_MPTCP: return L4Protocol::tcp;
    case IPPROTO_UDP: return L4Protocol::udp;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: return L4Protocol::icmp;
    default: return L4Protocol::unknown;
    }
}
// What the kernel has as a local port is then the protocol's number or that of an echo request.
bool has_ports(const gyr_endpoints& e) {
    return e.type != SOCK_RAW && e.protocol != IPPROTO_ICMP && e.protocol != IPPROTO_ICMPV6;
}

void append_unix_path(std::string& out, const gyr_u8* path, std::size_t length) {
    std::string_view text(reinterpret_cast<const char*>(path), std::min<std::size_t>(length, 108));
    if (!text.empty() && text.front() == '\0') {
        out += '@';
        text.remove_prefix(1);
        out += text.substr(0, text.find_last_not_of('\0') + 1);
    } else {
        out += text.substr(0, text.find('\0'));
    }
}

void describe_unix(const KernelObject& k, SocketSide side, FdInfo& out) {
    const gyr_endpoints& e = k.endpoints;
    out.type = FdType::unix_socket;
    // Without knowing, the end that has a name is the one that was connected to.
    const bool client = side == SocketSide::client || (side == SocketSide::unknown && e.local_length == 0);
    out.unix_source = client ? e.self : e.peer;
    out.unix_destination = client ? e.peer : e.self;
    out.marks |= e.peer != 0 ? kFdConnected | (client ? kFdRoleClient : kFdRoleServer) : 0;
    // What was bound or connected is known by the path alone; what was accepted, and datagrams, by both ends.
    const bool connects = side == SocketSide::client && e.type != SOCK_DGRAM;
    const bool path_alone = e.peer == 0 ? connects || e.remote_length == 0 : client && e.remote_length != 0;
    if (e.peer != 0 || e.local_length != 0 || e.remote_length != 0) {
        if (!path_alone) {
            append_number(out.name, out.unix_source, 16);
            out.name += "->";
            append_number(out.name, out.unix_destination, 16);
            out.name += ' ';
        }
        if (e.walked == (client ? GYR_WALKED_REMOTE : GYR_WALKED_LOCAL) && !k.path.empty())
            append_reversed_path(k.path, k.path_flags, out.name);
        else if (client)
            append_unix_path(out.name, e.remote_path, e.remote_length);
        else
            append_unix_path(out.name, e.local_path, e.local_length);
    }
}

void describe_internet(const gyr_endpoints& raw, SocketSide side, FdInfo& out) {
    const gyr_endpoints e = unmapped(raw);
    const bool v4 = e.family == AF_INET;
    const std::size_t length = v4 ? 4 : 16;
    const std::uint16_t local = ntohs(e.local_port), remote = ntohs(e.remote_port);
    static constexpr gyr_u8 kZero[16] = {};
    const bool connected = remote != 0 || std::memcmp(e.remote, kZero, length) != 0;
    if (!connected && local != 0 && has_ports(e)) {
        out.type = v4 ? FdType::ipv4_server : FdType::ipv6_server;
        std::memcpy(out.destination_address.data(), e.local, length);
        out.destination_port = local;
        append_endpoint(out.name, e.family, e.local, local);
        return;
    }
    out.type = v4 ? FdType::ipv4 : FdType::ipv6;
    if (!connected) return;
    const bool client = is_client(e, side);
    out.marks |= kFdConnected | (client ? kFdRoleClient : kFdRoleServer);
    const gyr_u8 *source = client ? e.local : e.remote, *destination = client ? e.remote : e.local;
    std::memcpy(out.source_address.data(), source, length);
    std::memcpy(out.destination_address.data(), destination, length);
    out.source_port = client ? local : remote;
    out.destination_port = client ? remote : local;
    append_endpoint(out.name, e.family, source, out.source_port);
    out.name += "->";
    append_endpoint(out.name, e.family, destination, out.destination_port);
}

// Rules have no word for its family: it is called what its link below /proc is.
void describe_other_socket(const gyr_object& o, FdInfo& out) {
    out.type = FdType::unsupported;
    out.name = "socket:[";
    append_number(out.name, o.ino);
    out.name += ']';
}

FdType anonymous_type(std::string_view name) {
    struct Known {
        std::string_view part;
        FdType type;
    };
    static constexpr Known kKnown[] = {
        {"eventfd", FdType::event},           {"eventpoll", FdType::eventpoll}, {"inotify", FdType::inotify},
        {"signalfd", FdType::signal},         {"timerfd", FdType::timerfd},     {"io_uring", FdType::io_uring},
        {"userfaultfd", FdType::userfaultfd}, {"pidfd", FdType::pidfd},         {"bpf", FdType::bpf},
    };
    for (const Known& k : kKnown)
        if (name.find(k.part) != std::string_view::npos) return k.type;
    return FdType::unsupported;
}

void describe_file(const KernelObject& k, FdInfo& out) {
    const gyr_object& o = k.object;
    if (o.magic == kPipefs) {
        out.type = FdType::fifo;
        out.name += "pipe:[";
        append_number(out.name, o.ino);
        out.name += ']';
        return;
    }
    if (o.magic == kPidfs) { // a file system of its own since 6.9; the name stayed
        out.type = FdType::pidfd;
        out.name += "anon_inode:[pidfd]";
        return;
    }
    if (o.magic == kAnonInodes) out.name += "anon_inode:";
    append_reversed_path(k.path, k.path_flags, out.name);
    if (o.magic == kAnonInodes) {
        out.type = anonymous_type(out.name);
        return;
    }
    switch (o.mode & S_IFMT) {
    case S_IFDIR: out.type = FdType::directory; break;
    case S_IFIFO: out.type = FdType::fifo; break;
    default:
        out.type =
            (k.path_flags & GYR_BLOB_PSEUDO) != 0 && out.name.starts_with("memfd:") ? FdType::memfd : FdType::file_v2;
    }
}

} // namespace

bool read_object(std::span<const std::byte> bytes, std::uint8_t flags, KernelObject& out) {
    out.present = false;
    if (bytes.size() < sizeof out.object) return false;
    std::memcpy(&out.object, bytes.data(), sizeof out.object);
    bytes = bytes.subspan(sizeof out.object);
    if ((out.object.flags & GYR_OBJECT_BELOW) != 0) {
        if (bytes.size() < sizeof out.below) return false;
        std::memcpy(&out.below, bytes.data(), sizeof out.below);
        bytes = bytes.subspan(sizeof out.below);
    }
    out.path_flags = flags;
    out.path = {};
    out.endpoints = {};
    if (out.is_socket()) {
        if (bytes.size() >= sizeof out.endpoints) {
            std::memcpy(&out.endpoints, bytes.data(), sizeof out.endpoints);
            bytes = bytes.subspan(sizeof out.endpoints);
            out.path = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
        }
    } else {
        out.path = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    out.present = true;
    return true;
}

std::span<const FileNumbers> files_below(const KernelObject& object, std::array<FileNumbers, GYR_FILES_BELOW>& out) {
    if ((object.object.flags & GYR_OBJECT_BELOW) == 0) return {};
    std::size_t count = 0;
    // As path_sets() in bpf/lib/names.h: it looks further only where the overlay's own number is that of the file
    // below.
    for (const gyr_file_key& f : object.below.files)
        if (f.ino != 0 && ((f.ino ^ object.object.ino) & (GYR_FILE_FILTER - 1)) == 0)
            out[count++] = {.dev = capture_device(f.dev), .ino = f.ino};
    return std::span(out).first(count);
}

void append_reversed_path(std::string_view reversed, std::uint8_t flags, std::string& out) {
    const bool rooted = (flags & (GYR_BLOB_PSEUDO | GYR_BLOB_CUT)) == 0;
    if (!reversed.empty() && reversed.back() == '\0') reversed.remove_suffix(1);
    if (reversed.empty()) {
        if (rooted) out += '/';
        return;
    }
    bool slash = rooted;
    while (true) {
        const std::size_t end = reversed.rfind('\0');
        if (slash) out += '/';
        slash = true;
        out += end == std::string_view::npos ? reversed : reversed.substr(end + 1);
        if (end == std::string_view::npos) return;
        reversed = reversed.substr(0, end);
    }
}

std::uint32_t capture_device(std::uint32_t kernel_device) {
    const std::uint32_t major = kernel_device >> 20, minor = kernel_device & 0xfffff;
    return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}

bool is_client(const gyr_endpoints& e, SocketSide side) {
    if (side != SocketSide::unknown) return side == SocketSide::client;
    if (e.made != 0) return e.made == GYR_SOCKET_BOUND;
    // The side whose port looks like one that somebody chose is the server's.
    return ntohs(e.local_port) >= kFirstEphemeral || ntohs(e.remote_port) < kFirstEphemeral;
}

gyr_endpoints unmapped(const gyr_endpoints& e) {
    static constexpr gyr_u8 kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static constexpr gyr_u8 kZero[16] = {};
    if (e.family != AF_INET6) return e;
    const auto mapped = [](const gyr_u8* a) { return std::memcmp(a, kPrefix, sizeof kPrefix) == 0; };
    const auto empty = [](const gyr_u8* a) { return std::memcmp(a, kZero, sizeof kZero) == 0; };
    if (!mapped(e.remote) || (!mapped(e.local) && !empty(e.local))) return e;
    gyr_endpoints out = e;
    out.family = AF_INET;
    std::memset(out.local, 0, sizeof out.local);
    std::memset(out.remote, 0, sizeof out.remote);
    std::memcpy(out.local, e.local + 12, 4);
    std::memcpy(out.remote, e.remote + 12, 4);
    return out;
}

void describe_object(const KernelObject& object, SocketSide side, FdInfo& out) {
    std::string name = std::move(out.name), raw = std::move(out.name_raw), real = std::move(out.real_path);
    out = FdInfo{};
    out.name = std::move(name);
    out.name_raw = std::move(raw);
    out.real_path = std::move(real);
    out.name.clear();
    out.name_raw.clear();
    out.real_path.clear();
    const gyr_object& o = object.object;
    out.dev = capture_device(o.dev);
    out.ino = o.ino;
    out.mount_id = o.mount_id;
    out.open_flags = static_cast<std::uint32_t>(translate(Flags::open, o.open_flags));
    if (o.file_mode & kCreated) out.open_flags |= 0x4000;
    const auto mark = [&out](bool set, unsigned m) { out.marks |= static_cast<std::uint16_t>(set ? m : 0U); };
    mark((o.flags & GYR_OBJECT_CLOEXEC) != 0, kFdCloseOnExec);
    mark((o.open_flags & 0x800) != 0, kFdNonBlocking);
    mark((o.flags & GYR_OBJECT_OVERLAY) != 0, kFdOverlay);
    mark((o.flags & GYR_OBJECT_UPPER) != 0, kFdUpperLayer);
    mark((o.flags & GYR_OBJECT_LOWER) != 0, kFdLowerLayer);
    mark(o.nlink == 0 && (object.path_flags & GYR_BLOB_PSEUDO) == 0 && !object.is_socket(), kFdDeleted);
    if (!object.is_socket()) {
        describe_file(object, out);
        return;
    }
    const gyr_endpoints& e = object.endpoints;
    out.l4 = protocol_of(e);
    if (e.family == AF_UNIX)
        describe_unix(object, side, out);
    else if (e.family == AF_INET || e.family == AF_INET6)
        describe_internet(e, side, out);
    else if (e.family == AF_NETLINK)
        out.type = FdType::netlink;
    else
        describe_other_socket(o, out);
}

} // namespace gyr
