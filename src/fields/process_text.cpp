#include "fields/process_text.h"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace gyr::fields {
namespace {

std::string_view join_two(std::string_view head, const ItemList& argv, Arena& arena) {
    const std::size_t n = argv.size() > 0 ? argv.size() - 1 : 0;
    return join_items(arena, n + 1, ' ', [&](std::size_t i) { return i == 0 ? head : argv[i]; });
}

constexpr std::array<std::string_view, 41> kCapabilities{"CAP_CHOWN",
                                                         "CAP_DAC_OVERRIDE",
                                                         "CAP_DAC_READ_SEARCH",
                                                         "CAP_FOWNER",
                                                         "CAP_FSETID",
                                                         "CAP_KILL",
                                                         "CAP_SETGID",
                                                         "CAP_SETUID",
                                                         "CAP_SETPCAP",
                                                         "CAP_LINUX_IMMUTABLE",
                                                         "CAP_NET_BIND_SERVICE",
                                                         "CAP_NET_BROADCAST",
                                                         "CAP_NET_ADMIN",
                                                         "CAP_NET_RAW",
                                                         "CAP_IPC_LOCK",
                                                         "CAP_IPC_OWNER",
                                                         "CAP_SYS_MODULE",
                                                         "CAP_SYS_RAWIO",
                                                         "CAP_SYS_CHROOT",
                                                         "CAP_SYS_PTRACE",
                                                         "CAP_SYS_PACCT",
                                                         "CAP_SYS_ADMIN",
                                                         "CAP_SYS_BOOT",
                                                         "CAP_SYS_NICE",
                                                         "CAP_SYS_RESOURCE",
                                                         "CAP_SYS_TIME",
                                                         "CAP_SYS_TTY_CONFIG",
                                                         "CAP_MKNOD",
                                                         "CAP_LEASE",
                                                         "CAP_AUDIT_WRITE",
                                                         "CAP_AUDIT_CONTROL",
                                                         "CAP_SETFCAP",
                                                         "CAP_MAC_OVERRIDE",
                                                         "CAP_MAC_ADMIN",
                                                         "CAP_SYSLOG",
                                                         "CAP_WAKE_ALARM",
                                                         "CAP_BLOCK_SUSPEND",
                                                         "CAP_AUDIT_READ",
                                                         "CAP_PERFMON",
                                                         "CAP_BPF",
                                                         "CAP_CHECKPOINT_RESTORE"};

} // namespace

std::string_view args_text(const ProcessImage& p, Arena& arena) {
    const ItemList& argv = p.exec->argv;
    if (argv.size() < 2) return "";
    return join_items(arena, argv.size() - 1, ' ', [&](std::size_t i) { return argv[i + 1]; });
}

std::string_view cmdline_text(const ProcessImage& p, Arena& arena) { return join_two(p.comm, p.exec->argv, arena); }

std::string_view exeline_text(const ProcessImage& p, Arena& arena) {
    const std::string_view args = args_text(p, arena); // after a blank even when there are none
    return join_items(arena, 2, ' ', [&](std::size_t i) { return i == 0 ? argv0(p) : args; });
}

std::string_view env_text(const ProcessImage& p, Arena& arena) {
    const ItemList& env = p.exec->env;
    return join_items(arena, env.size(), ' ', [&](std::size_t i) { return env[i]; });
}

std::string_view argv0(const ProcessImage& p) {
    return p.exec->argv.size() > 0 ? p.exec->argv[0] : std::string_view("");
}

std::string_view env_value(const ProcessImage& p, std::string_view name, Arena& arena) {
    const ItemList& env = p.exec->env;
    std::string_view found;
    for (std::size_t i = 0; i < env.size(); ++i) {
        const std::string_view item = env[i];
        if (item.size() <= name.size() || item[name.size()] != '=' || !item.starts_with(name)) continue;
        const std::string_view value = item.substr(name.size() + 1);
        if (found.data() == nullptr || found.empty())
            found = value;
        else if (!value.empty() && value != found)
            found = join_items(arena, 2, ' ', [&](std::size_t part) { return part == 0 ? found : value; });
    }
    return found;
}

std::string_view cwd_text(const ProcessImage& p, Arena& arena) {
    if (p.cwd.empty() || p.cwd.back() == '/') return p.cwd;
    char* out = arena.allocate(p.cwd.size() + 1);
    std::memcpy(out, p.cwd.data(), p.cwd.size());
    out[p.cwd.size()] = '/';
    return {out, p.cwd.size() + 1};
}

std::string_view capabilities_text(std::uint64_t mask, Arena& arena) {
    std::array<std::string_view, kCapabilities.size()> names;
    std::size_t n = 0;
    for (std::size_t i = 0; i < kCapabilities.size(); ++i)
        if ((mask >> i) & 1) names[n++] = kCapabilities[i];
    return join_items(arena, n, ' ', [&](std::size_t i) { return names[i]; });
}

std::string_view cgroups_text(const ProcessImage& p, char between, Arena& arena) {
    if (!p.cgroups) return "";
    const std::vector<CgroupInfo>& all = *p.cgroups;
    std::size_t bytes = 0;
    for (const CgroupInfo& g : all) bytes += g.subsystem.size() + 1 + g.path.size() + 1;
    char* out = arena.allocate(bytes);
    char* at = out;
    const auto put = [&](std::string_view s) {
        if (!s.empty()) std::memcpy(at, s.data(), s.size());
        at += s.size();
    };
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i > 0) *at++ = between;
        put(all[i].subsystem);
        *at++ = '=';
        put(all[i].path);
    }
    return {out, static_cast<std::size_t>(at - out)};
}

std::string_view key_text(const ProcessKey& key, Arena& arena) {
    return print(arena, "%d-%llu", key.pid, static_cast<unsigned long long>(key.start_boottime_ns));
}

std::string_view stdio_type(StdioKind kind) {
    switch (kind) {
    case StdioKind::none: return "";
    case StdioKind::file:
    case StdioKind::tty: // the language has no word of its own for terminals and devices
    case StdioKind::character_device:
    case StdioKind::block_device: return "file";
    case StdioKind::directory: return "directory";
    case StdioKind::pipe: return "pipe";
    case StdioKind::ipv4: return "ipv4";
    case StdioKind::ipv6: return "ipv6";
    case StdioKind::unix_socket: return "unix";
    case StdioKind::netlink: return "netlink";
    case StdioKind::event: return "event";
    case StdioKind::eventpoll: return "eventpoll";
    case StdioKind::memfd: return "memfd";
    case StdioKind::other_socket:
    case StdioKind::other: return "unknown";
    }
    return "unknown";
}

std::string_view print(Arena& arena, const char* format, ...) {
    char buffer[256];
    std::va_list args;
    va_start(args, format);
    const int n = std::vsnprintf(buffer, sizeof buffer, format, args);
    va_end(args);
    if (n <= 0) return "";
    const auto size = static_cast<std::size_t>(n);
    return arena.copy(std::string_view(buffer, size < sizeof buffer ? size : sizeof buffer - 1));
}

const ProcessImage* parent_of(const Context& c, const ProcessImage& p) {
    return c.world.processes && p.parent ? c.world.processes->find(p.parent) : nullptr;
}

const ProcessImage* creator_of(const Context& c, const ProcessImage& p) {
    return c.world.processes ? c.world.processes->find_creator(p.key) : nullptr;
}

Missing why_no_parent(const ProcessImage& p) {
    if (p.parent) return Missing::gone;
    return p.incomplete ? Missing::lost : Missing::not_applicable;
}

} // namespace gyr::fields
