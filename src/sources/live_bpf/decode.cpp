#include "sources/live_bpf/decode.h"

#include "abi/process_wire.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gyr {
namespace {

constexpr std::uint32_t kRamfs = 0x858458f6;
constexpr std::uint32_t kTmpfs = 0x01021994;
constexpr std::uint32_t kPipefs = 0x50495045;
constexpr std::uint32_t kAnonInodes = 0x09041934;
constexpr std::size_t kTextSlack = 4096; // for names that are not in the record: "pipe:[…]", socket addresses

std::string_view as_text(std::span<const std::byte> b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

std::uint32_t major_of(std::uint32_t dev) { return dev >> 20; }
std::uint32_t minor_of(std::uint32_t dev) { return dev & 0xfffff; }

bool is_tty(std::uint32_t rdev) {
    const std::uint32_t major = major_of(rdev), minor = minor_of(rdev);
    switch (major) {
    case 4: return true;       // consoles and serial lines
    case 5: return minor != 2; // /dev/tty, /dev/console, printers' terminals; not the multiplexer ptmx
    case 166:
    case 188:
    case 204:
    case 229: return true;                        // modems, USB and embedded serial lines, hypervisor consoles
    default: return major >= 136 && major <= 143; // pseudo terminals
    }
}

bool may_write(const gyr_process_record& r, std::span<const Gid> groups) {
    const gyr_file& f = r.exe;
    const gyr_credentials& c = r.credentials;
    if ((f.flags & GYR_FILE_READ_ONLY) != 0) return false;
    if ((c.cap_effective & (std::uint64_t{1} << CAP_DAC_OVERRIDE)) != 0 && (r.flags & GYR_PROC_FILE_OWNER_MAPPED) != 0)
        return true;
    if (c.fsuid == f.uid) return (f.mode & S_IWUSR) != 0;
    if (c.fsgid == f.gid || std::ranges::find(groups, f.gid) != groups.end()) return (f.mode & S_IWGRP) != 0;
    return (f.mode & S_IWOTH) != 0;
}

StringBlock string_block(std::string_view bytes, const gyr_blob& b, std::uint64_t total) {
    StringBlock out;
    out.bytes = bytes;
    out.total_bytes = std::max<std::uint64_t>(total, bytes.size());
    out.truncated = (b.flags & GYR_BLOB_CUT) != 0;
    out.unreadable = (b.flags & GYR_BLOB_UNREADABLE) != 0;
    out.head_bytes = static_cast<std::uint32_t>(bytes.size());
    return out;
}

} // namespace

RecordDecoder::RecordDecoder() : page_kb_(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024) {
    cgroups_.reserve(GYR_HIERARCHIES_MAX + 1);
    groups_.reserve(GYR_GROUPS_MAX);
}

std::span<const std::byte> RecordDecoder::blob(const gyr_blob& b) const {
    if (b.offset > area_.size() || b.length > area_.size() - b.offset) return {};
    return area_.subspan(b.offset, b.length);
}

// Components come leaf first, each ended by a NUL. A path whose top was cut off begins with "...".
void RecordDecoder::append_path(std::string_view reversed, std::uint32_t flags) {
    if (reversed.empty()) {
        text_ += (flags & GYR_BLOB_CUT) != 0 ? "..." : "/";
        return;
    }
    bool separate = (flags & GYR_BLOB_PSEUDO) == 0;
    if ((flags & GYR_BLOB_CUT) != 0) text_ += "...";
    while (!reversed.empty()) {
        if (reversed.back() == '\0') reversed.remove_suffix(1);
        const std::size_t before = reversed.rfind('\0');
        const std::size_t start = before == std::string_view::npos ? 0 : before + 1;
        if (separate) text_ += '/';
        separate = true;
        text_ += reversed.substr(start);
        reversed = reversed.substr(0, start);
    }
}

std::string_view RecordDecoder::path(const gyr_blob& b) {
    const std::size_t start = text_.size();
    append_path(as_text(blob(b)), b.flags);
    return std::string_view(text_).substr(start);
}

void RecordDecoder::decode_ids(const gyr_process_record& r, ProcessRecord& out) const {
    out.kind = static_cast<RecordKind>(r.kind);
    out.changes = r.changes;
    out.boottime_ns = r.boottime_ns;
    out.time = static_cast<Nanos>(r.boottime_ns) + boot_offset_;
    out.cpu = static_cast<std::int16_t>(r.cpu);
    out.key = {r.tgid, r.start_boottime_ns};
    out.tid = r.tid;
    out.real_parent = {r.ptgid, r.parent_start_boottime_ns};
    out.tracer = r.tracer;
    out.pgid = r.pgid;
    out.sid = r.sid;
    out.vpid = r.vpid;
    out.vtid = r.vtid;
    out.vppid = r.vppid;
    out.vpgid = r.vpgid;
    out.vsid = r.vsid;
    out.exec_id = static_cast<std::uint32_t>(r.exec_id);
    out.pidns_init_start_boottime_ns = r.pidns_init_start_boottime_ns;
    out.syscall_nr = r.syscall_nr;
    out.compat = (r.flags & GYR_PROC_COMPAT) != 0;
    out.has_before = (r.flags & GYR_PROC_HAS_BEFORE) != 0;
    out.before_euid = r.before_euid;
    out.before_egid = r.before_egid;
    out.before_cap_effective = r.before_cap_effective;
    out.clone_flags = r.clone_flags;
    out.exit_code = r.exit_code;
    out.reaper = r.reaper;
    out.threads = r.threads;
    const gyr_credentials& c = r.credentials;
    out.credentials = {.uid = c.uid,
                       .euid = c.euid,
                       .suid = c.suid,
                       .fsuid = c.fsuid,
                       .gid = c.gid,
                       .egid = c.egid,
                       .sgid = c.sgid,
                       .fsgid = c.fsgid,
                       .cap_inheritable = c.cap_inheritable,
                       .cap_permitted = c.cap_permitted,
                       .cap_effective = c.cap_effective,
                       .cap_bounding = c.cap_bounding,
                       .cap_ambient = c.cap_ambient,
                       .securebits = c.securebits,
                       .login_uid = c.login_uid,
                       .session_id = c.session_id};
    const gyr_namespaces& n = r.namespaces;
    out.namespaces = {.mnt = n.mnt,
                      .pid = n.pid,
                      .net = n.net,
                      .uts = n.uts,
                      .ipc = n.ipc,
                      .cgroup = n.cgroup,
                      .user = n.user,
                      .time = n.time};
    out.tty = r.tty;
    out.cgroup_id = r.cgroup_id;
    out.cgroup_set = r.cgroup_set;
    out.fd_limit = r.fd_limit;
    out.vm_size_kb = r.vm_size_pages * page_kb_;
    out.vm_rss_kb = r.vm_rss_pages * page_kb_;
    out.vm_swap_kb = r.vm_swap_pages * page_kb_;
    out.major_faults = r.major_faults;
    out.minor_faults = r.minor_faults;
    out.comm = {r.comm, ::strnlen(r.comm, sizeof r.comm)};
    out.kernel_thread = (r.flags & GYR_PROC_KERNEL_THREAD) != 0;
    out.has_image = (r.flags & GYR_PROC_HAS_IMAGE) != 0;
}

void RecordDecoder::decode_executable(const gyr_process_record& r, ProcessRecord& out) {
    const gyr_file& f = r.exe;
    if ((f.flags & GYR_FILE_PRESENT) == 0) return;
    out.exe_path = path(r.exe_path);
    constexpr std::int64_t kSecond = 1'000'000'000;
    // Unsigned, so that no made-up time can overflow.
    const auto nanos = [](std::int64_t sec, std::uint32_t nsec) {
        return static_cast<Nanos>(static_cast<std::uint64_t>(sec) * kSecond + nsec);
    };
    out.exe_file = {.dev_major = major_of(f.dev),
                    .dev_minor = minor_of(f.dev),
                    .ino = f.ino,
                    .ctime = nanos(f.ctime_sec, f.ctime_nsec),
                    .mtime = nanos(f.mtime_sec, f.mtime_nsec),
                    .mode = f.mode,
                    .owner_uid = f.uid,
                    .owner_gid = f.gid,
                    .marks = 0};
    std::uint32_t& marks = out.exe_file.marks;
    const auto mark = [&marks](bool set, FileMark m) { marks |= set ? m : 0U; };
    mark((f.flags & GYR_FILE_OVERLAY_UPPER) != 0, kFileUpperLayer);
    mark((f.flags & GYR_FILE_OVERLAY_LOWER) != 0, kFileLowerLayer);
    mark(f.magic == kTmpfs || f.magic == kRamfs, kFileTmpfs);
    mark((r.exe_path.flags & GYR_BLOB_PSEUDO) != 0 && out.exe_path.starts_with("memfd:"), kFileMemfd);
    mark(f.nlink == 0, kFileDeleted);
    mark((f.mode & S_ISUID) != 0, kFileSetUid);
    mark((f.mode & S_ISGID) != 0, kFileSetGid);
    mark(may_write(r, groups_), kFileWritable);
}

void RecordDecoder::decode_strings(const gyr_process_record& r, ProcessRecord& out) const {
    out.argv = string_block(as_text(blob(r.argv)), r.argv, r.argv_total);
    if (out.argv.truncated) {
        out.argv.hash = r.argv_hash;
        out.argv.head_bytes = std::min<std::uint32_t>(out.argv.head_bytes, GYR_ARGV_HEAD);
    }
    out.env = string_block(as_text(blob(r.env)), r.env, r.env_total);
    std::string_view script = as_text(blob(r.script));
    if (!script.empty() && script.back() == '\0') script.remove_suffix(1);
    out.script_path = script;
}

// A path that an earlier hierarchy has too says nothing new.
void RecordDecoder::decode_cgroups(const gyr_process_record& r) {
    cgroups_.clear();
    std::string_view rest = as_text(blob(r.cgroups));
    while (!rest.empty() && cgroups_.size() <= GYR_HIERARCHIES_MAX) {
        const std::size_t name_end = rest.find('\0');
        if (name_end == std::string_view::npos) return;
        const std::string_view subsystem = rest.substr(0, name_end);
        rest.remove_prefix(name_end + 1);
        std::size_t length = 0;
        while (length < rest.size() && rest[length] != '\0') {
            const std::size_t end = rest.find('\0', length);
            length = end == std::string_view::npos ? rest.size() : end + 1;
        }
        const std::size_t start = text_.size();
        append_path(rest.substr(0, length), 0);
        const std::string_view path = std::string_view(text_).substr(start);
        rest.remove_prefix(std::min(length + 1, rest.size()));
        if (std::ranges::find(cgroups_, path, &CgroupRecord::path) == cgroups_.end())
            cgroups_.push_back({subsystem, path});
    }
}

StdioRecord RecordDecoder::decode_socket(const gyr_stdio& s) {
    StdioRecord out{.kind = StdioKind::other_socket, .name = {}, .ino = s.ino};
    const auto bytes = blob(s.name);
    gyr_socket sock{};
    if (bytes.size() < sizeof sock) return out;
    std::memcpy(&sock, bytes.data(), sizeof sock);
    const std::size_t start = text_.size();
    if (sock.family == AF_UNIX) {
        out.kind = StdioKind::unix_socket;
        std::string_view path(reinterpret_cast<const char*>(sock.unix_path),
                              std::min<std::size_t>(sock.unix_length, 108));
        if (!path.empty() && path.front() == '\0') {
            text_ += '@'; // an abstract name; every byte counts
            text_ += path.substr(1);
        } else {
            text_ += path.substr(0, path.find('\0'));
        }
    } else if (sock.family == AF_NETLINK) {
        out.kind = StdioKind::netlink;
    } else if (sock.family == AF_INET || sock.family == AF_INET6) {
        const auto mapped = [](const gyr_u8* a) {
            static constexpr gyr_u8 kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
            return std::memcmp(a, kPrefix, sizeof kPrefix) == 0;
        };
        const bool v4_in_v6 = sock.family == AF_INET6 && mapped(sock.local) && mapped(sock.remote);
        const int family = sock.family == AF_INET || v4_in_v6 ? AF_INET : AF_INET6;
        out.kind = family == AF_INET ? StdioKind::ipv4 : StdioKind::ipv6;
        const auto endpoint = [&](const gyr_u8* address, gyr_u16 port) {
            char buf[INET6_ADDRSTRLEN] = {};
            ::inet_ntop(family, address + (v4_in_v6 ? 12 : 0), buf, sizeof buf);
            text_ += buf;
            text_ += ':';
            const auto end = std::to_chars(buf, buf + sizeof buf, ntohs(port));
            text_.append(buf, end.ptr);
        };
        endpoint(sock.local, sock.local_port);
        if (sock.remote_port != 0) {
            text_ += "->";
            endpoint(sock.remote, sock.remote_port);
        }
    }
    out.name = std::string_view(text_).substr(start);
    return out;
}

StdioRecord RecordDecoder::decode_stdio(const gyr_stdio& s) {
    if (s.mode == 0) return {};
    if ((s.mode & S_IFMT) == S_IFSOCK) return decode_socket(s);
    const std::size_t start = text_.size();
    const bool pseudo = (s.name.flags & GYR_BLOB_PSEUDO) != 0;
    StdioKind kind = StdioKind::other;
    if (s.magic == kAnonInodes) {
        text_ += "anon_inode:";
        append_path(as_text(blob(s.name)), s.name.flags);
        const std::string_view name = std::string_view(text_).substr(start);
        kind = name.ends_with("[eventfd]")     ? StdioKind::event
               : name.ends_with("[eventpoll]") ? StdioKind::eventpoll
                                               : kind;
    } else if (s.magic == kPipefs) {
        kind = StdioKind::pipe;
        char buf[24];
        const auto end = std::to_chars(buf, buf + sizeof buf, s.ino);
        text_ += "pipe:[";
        text_.append(buf, end.ptr);
        text_ += ']';
    } else {
        append_path(as_text(blob(s.name)), s.name.flags);
        switch (s.mode & S_IFMT) {
        case S_IFREG:
            kind = pseudo && std::string_view(text_).substr(start).starts_with("memfd:") ? StdioKind::memfd
                                                                                         : StdioKind::file;
            break;
        case S_IFDIR: kind = StdioKind::directory; break;
        case S_IFIFO: kind = StdioKind::pipe; break;
        case S_IFBLK: kind = StdioKind::block_device; break;
        case S_IFCHR: kind = is_tty(s.rdev) ? StdioKind::tty : StdioKind::character_device; break;
        default: break;
        }
    }
    return {.kind = kind, .name = std::string_view(text_).substr(start), .ino = s.ino};
}

bool RecordDecoder::decode(std::span<const std::byte> bytes, ProcessRecord& out) {
    if (bytes.size() < sizeof(gyr_process_record)) return false;
    const auto& r = *reinterpret_cast<const gyr_process_record*>(bytes.data());
    if (r.magic != GYR_RECORD_MAGIC || r.kind >= GYR_KINDS || r.size != bytes.size()) return false;
    area_ = bytes.subspan(sizeof r);

    // Room for every name at once: a component gains at most one slash, so a blob no more than doubles.
    const auto used = [this](const gyr_blob& b) { return 2 * blob(b).size(); };
    text_.clear();
    text_.reserve(used(r.exe_path) + used(r.cwd) + used(r.root) + used(r.cgroups) + used(r.stdio[0].name) +
                  used(r.stdio[1].name) + used(r.stdio[2].name) + used(r.root) + used(r.script) + kTextSlack);

    out = ProcessRecord{};
    const auto group_bytes = blob(r.groups);
    groups_.resize(std::min<std::size_t>(group_bytes.size() / sizeof(Gid), GYR_GROUPS_MAX));
    if (!groups_.empty()) std::memcpy(groups_.data(), group_bytes.data(), groups_.size() * sizeof(Gid));

    decode_ids(r, out);
    decode_executable(r, out);
    decode_strings(r, out);
    decode_cgroups(r);
    out.groups = groups_;
    out.cgroups = cgroups_;
    if (out.has_image && !out.kernel_thread) {
        out.cwd = path(r.cwd);
        out.root = path(r.root);
        // As the executable's: a path that is meant below another root directory is not the host's.
        if (out.script_path.starts_with('/') && out.root != "/") {
            const std::size_t start = text_.size();
            text_ += out.root;
            text_ += out.script_path;
            out.script_path = std::string_view(text_).substr(start);
        }
        for (std::size_t i = 0; i < out.stdio.size(); ++i) out.stdio[i] = decode_stdio(r.stdio[i]);
    }
    return true;
}

} // namespace gyr
