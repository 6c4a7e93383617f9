#include "fields/param_text.h"

#include "base/path.h"
#include "event/raw_event.h"
#include "fields/address_text.h"
#include "fields/buffer_text.h"
#include "fields/fd_text.h"
#include "fields/process_text.h"
#include "fields/system_names.h"

#include <algorithm>
#include <cstring>
#include <ctime>

namespace gyr::fields {
namespace {

std::string_view time_text(std::uint64_t ns, Arena& arena) {
    const std::time_t seconds = static_cast<std::time_t>(ns / 1'000'000'000);
    std::tm tm{};
    ::localtime_r(&seconds, &tm);
    char date[64], zone[16];
    std::strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
    std::strftime(zone, sizeof zone, "%z", &tm);
    return print(arena, "%s.%09llu %s", date, static_cast<unsigned long long>(ns % 1'000'000'000), zone);
}

// width: bytes of the parameter, 0 when it has none. A negative number has no more digits than these.
std::string_view number_text(const Value& v, ParamFormat format, std::size_t width, Arena& arena) {
    std::uint64_t bits = v.kind == ValueKind::i64 ? static_cast<std::uint64_t>(v.i) : v.u;
    if (width > 0 && width < sizeof bits && format != ParamFormat::dec && format != ParamFormat::na)
        bits &= (std::uint64_t{1} << (8 * width)) - 1;
    if (format == ParamFormat::hex) return print(arena, "%llX", static_cast<unsigned long long>(bits));
    if (format == ParamFormat::oct) return print(arena, "%#llo", static_cast<unsigned long long>(bits));
    return print(arena, "%lld", static_cast<long long>(bits)); // the language prints 64 bits as signed
}

std::string_view signals_text(std::uint32_t set, Arena& arena) {
    std::array<std::string_view, 32> names;
    std::size_t n = 0;
    for (int bit = 0; bit < 32; ++bit)
        if ((set >> bit & 1) != 0)
            if (const std::string_view name = signal_name(bit + 1); !name.empty()) names[n++] = name;
    return join_items(arena, n, ' ', [&](std::size_t i) { return names[i]; });
}

Value user_word(const Context& c, ParamType type, std::uint32_t number) {
    if (number == kNoId) return Value::of_text("<NONE>");
    const ProcessImage* p = c.process();
    if (!c.world.users || !p) return Value::of_text("<NA>");
    if (type == ParamType::uid) {
        const UserAnswer a = c.world.users->user(*p, number);
        if (a.entry) return Value::of_text(c.arena.copy(a.entry->name));
        return a.why == Missing::pending ? Value::missing(Missing::pending) : Value::of_text("<NA>");
    }
    const GroupAnswer a = c.world.users->group(*p, number);
    if (a.entry) return Value::of_text(c.arena.copy(a.entry->name));
    return a.why == Missing::pending ? Value::missing(Missing::pending) : Value::of_text("<NA>");
}

std::string_view process_word(const Context& c, std::int64_t pid) {
    const ProcessImage* p = c.process();
    const bool own = p && pid == p->key.pid;
    // In a capture a thread has an image of its own, and a name that may differ from its process's.
    if (p && (pid == c.event.tid || (own && !c.event.fds))) return p->comm;
    const ProcessImage* other =
        c.world.processes && pid > 0 ? c.world.processes->find_pid(static_cast<Pid>(pid)) : nullptr;
    if (!other && own) other = p;
    if (other) return other->comm;
    return c.world.processes && pid > 0 && c.world.processes->is_but_a_number(static_cast<Pid>(pid)) ? "<NA>" : "";
}

std::string_view fd_word(const Context& c, std::int64_t number) {
    if (number == kWorkingDirectory) return "AT_FDCWD";
    if (number < 0) return errno_name(number);
    const FdInfo* fd = find_fd(c, number);
    return fd ? fd_label(c, *fd) : std::string_view("");
}

std::string_view path_word(const Context& c, const WireParam& p, std::string_view path) {
    if (path.empty() || path.starts_with('/') || path == "<NA>") return "";
    return absolute_path(base_of(c, p), path, c.arena);
}

} // namespace

std::string_view flag_names(std::uint64_t value, std::string_view table, bool exact, Arena& arena) {
    std::array<std::string_view, 64> names;
    std::size_t n = 0;
    std::uint64_t left = value;
    for (const FlagInfo& f : flag_table(table)) {
        // Bits that have been named are gone, so that O_RDWR is not O_WRONLY and O_RDONLY as well.
        const bool set = exact || value == 0 ? f.value == value : f.value != 0 && (left & f.value) == f.value;
        if (!set || n == names.size()) continue;
        // A name for more of the bits says it all: S_IFBLK has the bits of S_IFCHR.
        const bool part = !exact && std::ranges::any_of(flag_table(table), [&](const FlagInfo& more) {
            return more.value != f.value && (more.value & f.value) == f.value && (left & more.value) == more.value;
        });
        if (part && value != 0) continue;
        names[n++] = f.name;
        left &= ~std::uint64_t{f.value};
    }
    return join_items(arena, n, '|', [&](std::size_t i) { return names[i]; });
}

namespace {

// The folder that the kernel named, of this path of the event; empty: it named none.
std::string_view told_base(const Context& c, const WireParam& p) {
    const auto is_path = [](ParamType type) { return type == ParamType::fspath || type == ParamType::fsrelpath; };
    if ((c.event.base.empty() && c.event.other_base.empty()) || !is_path(p.type)) return {};
    const EventInfo* e = find_event(c.event.code, c.event.params);
    const auto before = e->params.first(std::min(p.index, e->params.size()));
    const bool first = std::ranges::none_of(before, [&](const ParamInfo& q) { return is_path(q.type); });
    return first ? c.event.base : c.event.other_base;
}

} // namespace

std::string_view base_of(const Context& c, const WireParam& p) {
    if (const std::string_view told = told_base(c, p); !told.empty()) return told;
    const ProcessImage* process = c.process();
    const std::string_view cwd = process ? std::string_view(process->cwd) : std::string_view("");
    constexpr std::string_view kPrefix = "dirfd=param";
    if (p.type != ParamType::fsrelpath || !p.info.starts_with(kPrefix)) return cwd;
    const auto index = static_cast<std::size_t>(p.info[kPrefix.size()] - '0');
    if (index >= c.event.params.size()) return cwd;
    const auto dirfd = load_param<std::int64_t>(c.event.params[index]);
    if (dirfd == kWorkingDirectory) return cwd;
    const FdInfo* directory = find_fd(c, dirfd);
    return directory ? std::string_view(directory->name) : std::string_view("<UNKNOWN>");
}

std::string_view absolute_path(std::string_view base, std::string_view path, Arena& arena) {
    if (path.starts_with('/')) return path;
    return join_path(base, path, arena.allocate(join_path_room(base, path)));
}

std::string_view plain_text(const Context& c, const WireParam& p, const Value& v) {
    using enum ParamType;
    if (v.is_missing()) {
        const bool null = p.type == bytebuf || p.type == socktuple || p.type == fdlist || p.type == dyn;
        return null ? "NULL" : "<NA>";
    }
    switch (p.type) {
    case charbuf:
    case fspath:
    case fsrelpath: return v.text();
    case bytebuf: return buffer_text(v.text(), c.arena);
    case sockaddr: return sockaddr_text(v.text(), c.arena);
    case socktuple: return socktuple_text(v.text(), c.arena);
    case fdlist: return fdlist_text(c, v.text());
    case sigset: return signals_text(load_param<std::uint32_t>(v.text()), c.arena);
    case abstime: return time_text(v.u, c.arena);
    case boolean: return v.b ? "true" : "false";
    case floating: return print(c.arena, "%.1f", v.d);
    case uid:
    case gid: return print(c.arena, "%d", static_cast<int>(static_cast<std::uint32_t>(v.u)));
    case errno_code:
    case fd:
    case pid:
    case flags8:
    case flags16:
    case flags32:
    case enumflags8:
    case enumflags16:
    case enumflags32: return number_text(v, ParamFormat::dec, p.bytes.size(), c.arena);
    default: break;
    }
    if (v.kind == ValueKind::ip) return ip_text(v.ip.bytes.data(), v.ip.v6, c.arena);
    if (v.kind == ValueKind::text) return v.text();
    return number_text(v, p.format, p.bytes.size(), c.arena);
}

Value word_for(const Context& c, const WireParam& p, const Value& v) {
    using enum ParamType;
    if (v.is_missing()) return Value::of_text("");
    switch (p.type) {
    case uid:
    case gid: return user_word(c, p.type, static_cast<std::uint32_t>(v.u));
    case pid:
    case pid32: return Value::of_text(process_word(c, v.i));
    case fd: return Value::of_text(fd_word(c, v.i));
    case errno_code: return Value::of_text(v.i < 0 ? errno_name(v.i) : std::string_view(""));
    case sigtype: return Value::of_text(signal_name(static_cast<int>(v.u)));
    case syscallid: return Value::of_text(syscall_name(static_cast<std::uint16_t>(v.u)));
    case fspath:
    case fsrelpath: return Value::of_text(path_word(c, p, v.text()));
    case reltime:
        if (v.u == ~std::uint64_t{0}) return Value::of_text("none");
        return Value::of_text(print(c.arena, "%lgs", static_cast<double>(v.u) / 1e9));
    case flags8:
    case flags16:
    case flags32:
    case mode: return Value::of_text(flag_names(v.u, p.info, false, c.arena));
    case enumflags8:
    case enumflags16:
    case enumflags32: return Value::of_text(flag_names(v.u, p.info, true, c.arena));
    default: return Value::of_text("");
    }
}

} // namespace gyr::fields
