#include "capfile/list_entries.h"

#include "capfile/format.h"

#include <algorithm>
#include <string>

namespace gyr::capfile {
namespace {

// The part of a version 9 entry that grew over time. Each member is there only when the entry is long enough.
void decode_thread_extension(Cursor& in, ThreadRecord& out) {
    const auto take = [&]<class T>(T& member) {
        if (in.left() >= sizeof(T)) member = in.get<T>();
    };
    const auto take_bool = [&](bool& member) {
        if (in.left() >= 1) member = in.get<std::uint8_t>() != 0;
    };
    // The first extension came in front of what was there, so an entry that is too short to have it lacks both of
    // these.
    constexpr std::size_t kBeforeExtension = sizeof(std::uint32_t) + 1 + 3 * sizeof(std::uint64_t);
    if (in.left() > kBeforeExtension) {
        take(out.pidns_init_start);
        take(out.tty);
    }
    take(out.loginuid);
    take_bool(out.exe_writable);
    take(out.cap_inheritable);
    take(out.cap_permitted);
    take(out.cap_effective);
    take_bool(out.exe_upper_layer);
    take(out.exe_ino);
    take(out.exe_ino_ctime);
    take(out.exe_ino_mtime);
    take_bool(out.exe_from_memfd);
    take_bool(out.exe_lower_layer);
    take(out.pgid);
}

void take_address(Cursor& in, bool ipv6, std::array<std::uint8_t, 16>& out) {
    const std::string_view bytes = in.bytes(ipv6 ? 16 : 4);
    std::ranges::copy(bytes, out.begin());
}

void decode_socket(Cursor& in, FdType type, FdInfo& out) {
    const bool ipv6 = is_ipv6(type);
    if (is_server(type)) {
        take_address(in, ipv6, out.destination_address);
        out.destination_port = in.get<std::uint16_t>();
    } else {
        take_address(in, ipv6, out.source_address);
        take_address(in, ipv6, out.destination_address);
        out.source_port = in.get<std::uint16_t>();
        out.destination_port = in.get<std::uint16_t>();
    }
    out.l4 = static_cast<L4Protocol>(in.get<std::uint8_t>());
}

} // namespace

void decode_thread(Cursor& in, int version, ThreadRecord& out) {
    out = ThreadRecord{};
    out.tid = in.get<std::int64_t>();
    out.pid = in.get<std::int64_t>();
    out.ptid = in.get<std::int64_t>();
    if (version >= 6) out.sid = in.get<std::int64_t>();
    if (version >= 8) out.vpgid = in.get<std::int64_t>();
    out.comm = in.text();
    out.exe = in.text();
    if (version >= 7) out.exepath = in.text();
    out.args = in.text();
    out.cwd = in.text();
    out.fdlimit = in.get<std::int64_t>();
    out.flags = in.get<std::uint32_t>();
    out.uid = in.get<std::uint32_t>();
    out.gid = in.get<std::uint32_t>();
    if (version >= 2) {
        out.vmsize_kb = in.get<std::uint32_t>();
        out.vmrss_kb = in.get<std::uint32_t>();
        out.vmswap_kb = in.get<std::uint32_t>();
        out.pfmajor = in.get<std::uint64_t>();
        out.pfminor = in.get<std::uint64_t>();
    }
    if (version >= 3) out.env = in.text();
    if (version >= 4) {
        out.vtid = in.get<std::int64_t>();
        out.vpid = in.get<std::int64_t>();
        out.cgroups = in.text();
    }
    if (version >= 5) out.root = in.text();
    if (version >= 9) decode_thread_extension(in, out);
}

std::string_view decode_fd(Cursor& in, bool has_length, std::int64_t& fd, FdInfo& out) {
    // Assigned member by member so that the strings keep their memory.
    FdInfo fresh;
    std::swap(fresh.name, out.name);
    out = std::move(fresh);
    out.name.clear();
    fd = in.get<std::int64_t>();
    out.ino = in.get<std::uint64_t>();
    const std::uint8_t type = in.get<std::uint8_t>();
    if (!in.ok()) return {};
    out.marks = kFdFromProc;
    if (type > static_cast<std::uint8_t>(FdType::pidfd)) {
        if (!has_length) return "a descriptor of a type that is not known";
        out.type = FdType::unsupported;
        out.name = "unknown-type:" + std::to_string(type);
        return {};
    }
    out.type = static_cast<FdType>(type);
    switch (out.type) {
    case FdType::unknown: break;
    case FdType::ipv4:
    case FdType::ipv6:
    case FdType::ipv4_server:
    case FdType::ipv6_server: decode_socket(in, out.type, out); break;
    case FdType::unix_socket:
        out.unix_source = in.get<std::uint64_t>();
        out.unix_destination = in.get<std::uint64_t>();
        out.name = in.text();
        break;
    case FdType::file_v2:
        out.open_flags = in.get<std::uint32_t>();
        out.name = in.text();
        if (has_length && in.left() >= sizeof(std::uint32_t)) out.dev = in.get<std::uint32_t>();
        break;
    default: out.name = in.text(); break;
    }
    return {};
}

std::string_view decode_interface(Cursor& in, Interface& out) {
    enum : std::uint16_t { kIpv4 = 1, kIpv6 = 2, kIpv4NoSpeed = 3, kIpv6NoSpeed = 4 };
    out = Interface{};
    const auto kind = in.get<std::uint16_t>();
    const auto name_size = in.get<std::uint16_t>();
    if (!in.ok()) return {};
    if (kind < kIpv4 || kind > kIpv6NoSpeed) return "an interface of a kind that is not known";
    out.ipv6 = kind == kIpv6 || kind == kIpv6NoSpeed;
    out.has_link_speed = kind == kIpv4 || kind == kIpv6;
    take_address(in, out.ipv6, out.address);
    take_address(in, out.ipv6, out.netmask);
    take_address(in, out.ipv6, out.broadcast);
    if (out.has_link_speed) out.link_speed = in.get<std::uint64_t>();
    out.name = in.bytes(name_size);
    return {};
}

bool decode_user_or_group(Cursor& in, UserRecord& user, GroupRecord& group) {
    if (in.get<std::uint8_t>() == 0) {
        user.uid = in.get<std::uint32_t>();
        user.gid = in.get<std::uint32_t>();
        user.name = in.text();
        user.home = in.text();
        user.shell = in.text();
        return true;
    }
    group.gid = in.get<std::uint32_t>();
    group.name = in.text();
    return false;
}

MachineInfo decode_machine(Cursor& in) {
    MachineInfo out;
    out.cpus = in.get<std::uint32_t>();
    out.memory_bytes = in.get<std::uint64_t>();
    out.max_pid = in.get<std::uint64_t>();
    out.hostname = in.bytes(kHostname);
    out.hostname = out.hostname.substr(0, out.hostname.find('\0'));
    out.boot_time = in.get<std::int64_t>();
    out.flags = in.get<std::uint64_t>();
    return out;
}

} // namespace gyr::capfile
