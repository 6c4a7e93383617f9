#include "fields/event_args.h"

#include "fields/process_text.h"

#include <cstring>
#include <ctime>
#include <sys/wait.h>

namespace gyr::fields {
namespace {

using lang::FieldType;

enum ExecFlag : std::uint32_t { kExeWritable = 1, kExeUpperLayer = 2, kExeFromMemfd = 4, kExeLowerLayer = 8 };

std::uint64_t exec_flags(const ProcessImage& p) {
    const std::uint32_t m = p.exec->exe_file.marks;
    std::uint64_t flags = 0;
    if (m & kFileWritable) flags |= kExeWritable;
    if (m & kFileUpperLayer) flags |= kExeUpperLayer;
    if (m & kFileMemfd) flags |= kExeFromMemfd;
    if (m & kFileLowerLayer) flags |= kExeLowerLayer;
    return flags;
}

// The kernel's clone flags in the capture format's numbering.
std::uint64_t clone_flags(std::uint64_t kernel) {
    static constexpr struct {
        std::uint64_t kernel, format;
    } kMap[] = {
        {0x00000400, 0x1},       {0x00000200, 0x2},        {0x80000000, 0x4},       {0x08000000, 0x8},
        {0x40000000, 0x10},      {0x00020000, 0x20},       {0x20000000, 0x40},      {0x04000000, 0x80},
        {0x00008000, 0x100},     {0x00100000, 0x200},      {0x00002000, 0x400},     {0x00000800, 0x800},
        {0x00040000, 0x1000},    {0x00010000, 0x2000},     {0x00800000, 0x4000},    {0x00000100, 0x8000},
        {0x10000000, 0x100000},  {0x00200000, 0x800000},   {0x01000000, 0x1000000}, {0x00080000, 0x2000000},
        {0x00004000, 0x8000000}, {0x02000000, 0x10000000},
    };
    std::uint64_t out = 0;
    for (const auto& m : kMap)
        if (kernel & m.kernel) out |= m.format;
    return out;
}

std::string_view items_from(const ItemList& items, std::size_t first) {
    if (items.size() <= first) return "";
    return std::string_view(items.bytes).substr(items.offsets[first]);
}

Value exit_param(const Context& c, std::string_view name) {
    const int status = c.event.exit_code;
    if (name == "status") return Value::of_i64(status);
    if (name == "ret") return Value::of_i64(WIFEXITED(status) ? WEXITSTATUS(status) : 0);
    if (name == "sig") return Value::of_u64(WIFSIGNALED(status) ? static_cast<std::uint64_t>(WTERMSIG(status)) : 0);
    if (name == "core") return Value::of_u64(WCOREDUMP(status) ? 1 : 0);
    return Value::missing(Missing::unsupported); // reaper_tid: who adopts the children is known only afterwards
}

Value image_param(const Context& c, const ProcessImage& p, EventCode code, std::string_view name) {
    const auto number = [](auto x) { return Value::of_u64(static_cast<std::uint64_t>(x)); };
    const auto id = [](auto x) { return Value::of_i64(static_cast<std::int64_t>(x)); };
    const auto text = [](std::string_view s) { return Value::of_text(s); };
    const bool cloned = code == kClone || code == kFork || code == kVfork || code == kClone3;
    if (name == "res") return c.event.has_result ? id(c.event.result) : Value::missing(Missing::not_applicable);
    if (name == "exe") return text(argv0(p));
    if (name == "args") return text(items_from(p.exec->argv, 1));
    if (name == "env") return text(p.exec->env.bytes);
    if (name == "tid") return id(c.event.tid);
    if (name == "pid") return id(p.key.pid);
    if (name == "ptid") return id(p.parent.pid);
    if (name == "cwd") return text(cwd_text(p, c.arena));
    if (name == "fdlimit") return cloned ? id(p.fd_limit) : number(p.fd_limit);
    if (name == "pgft_maj") return number(p.major_faults);
    if (name == "pgft_min") return number(p.minor_faults);
    if (name == "vm_size") return number(p.vm_size_kb);
    if (name == "vm_rss") return number(p.vm_rss_kb);
    if (name == "vm_swap") return number(p.vm_swap_kb);
    if (name == "comm") return text(p.comm);
    if (name == "cgroups") return text(cgroups_text(p, '\0', c.arena));
    if (name == "flags") return number(cloned ? clone_flags(c.event.clone_flags) : exec_flags(p));
    if (name == "uid") return number(p.credentials.uid);
    if (name == "gid") return number(p.credentials.gid);
    if (name == "vtid") return id(p.vtid);
    if (name == "vpid") return id(p.vpid);
    if (name == "pidns_init_start_ts") return number(p.pidns_init_start);
    if (name == "tty") return number(p.tty);
    if (name == "vpgid") return id(p.vpgid);
    if (name == "pgid") return id(p.pgid);
    if (name == "loginuid") return number(p.credentials.login_uid);
    if (name == "cap_inheritable") return number(p.credentials.cap_inheritable);
    if (name == "cap_permitted") return number(p.credentials.cap_permitted);
    if (name == "cap_effective") return number(p.credentials.cap_effective);
    if (name == "exe_ino") return number(p.exec->exe_file.ino);
    if (name == "exe_ino_ctime") return number(p.exec->exe_file.ctime);
    if (name == "exe_ino_mtime") return number(p.exec->exe_file.mtime);
    if (name == "trusted_exepath") return text(p.exec->exe_path);
    if (name == "filename") return text(p.exec->script_path.empty() ? p.exec->exe_path : p.exec->script_path);
    return Value::missing(Missing::unsupported);
}

const ParamInfo* param_info(const Context& c, std::size_t index) {
    const EventInfo* event = find_event(c.event.code);
    return event && index < event->params.size() ? &event->params[index] : nullptr;
}

// Bytes with everything that does not print as a dot.
std::string_view dotted(std::string_view bytes, Arena& arena) {
    char* out = arena.allocate(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) out[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.';
    return {out, bytes.size()};
}

std::string_view time_text(std::uint64_t ns, Arena& arena) {
    const std::time_t seconds = static_cast<std::time_t>(ns / 1'000'000'000);
    std::tm tm{};
    ::localtime_r(&seconds, &tm);
    char date[64], zone[16];
    std::strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
    std::strftime(zone, sizeof zone, "%z", &tm);
    return print(arena, "%s.%09llu %s", date, static_cast<unsigned long long>(ns % 1'000'000'000), zone);
}

std::string_view number_text(const Value& v, ParamFormat format, Arena& arena) {
    if (v.kind == ValueKind::i64) return print(arena, "%lld", static_cast<long long>(v.i));
    if (format == ParamFormat::hex) return print(arena, "%llX", static_cast<unsigned long long>(v.u));
    if (format == ParamFormat::oct) return print(arena, "%llo", static_cast<unsigned long long>(v.u));
    return print(arena, "%llu", static_cast<unsigned long long>(v.u));
}

std::string_view flag_names(std::uint64_t value, std::string_view table, bool exact, Arena& arena) {
    std::array<std::string_view, 64> names;
    std::size_t n = 0;
    for (const FlagInfo& f : flag_table(table)) {
        const bool set = exact ? f.value == value : f.value != 0 && (value & f.value) == f.value;
        if (set && n < names.size()) names[n++] = f.name;
    }
    return join_items(arena, n, '|', [&](std::size_t i) { return names[i]; });
}

// The word that stands for a number: user, group, process, signal, errno or flag names. Empty: none.
Value resolved(const Context& c, const ParamInfo& info, const Value& raw) {
    const ProcessImage* p = c.process();
    switch (info.type) {
    case ParamType::uid:
    case ParamType::gid: {
        const auto number = static_cast<std::uint32_t>(raw.u);
        if (number == kNoId) return Value::of_text("<NONE>");
        if (!c.world.users || !p) return number == 0 ? Value::of_text("root") : Value::of_text("<NA>");
        if (info.type == ParamType::uid) {
            const UserAnswer a = c.world.users->user(*p, number);
            if (a.entry) return Value::of_text(c.arena.copy(a.entry->name));
            if (a.why == Missing::pending) return Value::missing(Missing::pending);
        } else {
            const GroupAnswer a = c.world.users->group(*p, number);
            if (a.entry) return Value::of_text(c.arena.copy(a.entry->name));
            if (a.why == Missing::pending) return Value::missing(Missing::pending);
        }
        return number == 0 ? Value::of_text("root") : Value::of_text("<NA>");
    }
    case ParamType::pid: {
        const ProcessImage* other =
            c.world.processes && raw.i > 0 ? c.world.processes->find_pid(static_cast<Pid>(raw.i)) : nullptr;
        if (p && raw.i == p->key.pid) other = p;
        return Value::of_text(other ? std::string_view(other->comm) : std::string_view(""));
    }
    case ParamType::errno_code: return Value::of_text(raw.i < 0 ? errno_name(-raw.i) : std::string_view(""));
    case ParamType::sigtype: return Value::of_text(signal_name(static_cast<int>(raw.u)));
    case ParamType::flags8:
    case ParamType::flags16:
    case ParamType::flags32:
    case ParamType::mode: return Value::of_text(flag_names(raw.u, info.info, false, c.arena));
    case ParamType::enumflags8:
    case ParamType::enumflags16:
    case ParamType::enumflags32: return Value::of_text(flag_names(raw.u, info.info, true, c.arena));
    default: return Value::of_text("");
    }
}

Value raw_text(const Context& c, const ParamInfo& info, const Value& raw) {
    if (raw.kind == ValueKind::text)
        return info.type == ParamType::bytebuf ? Value::of_text(dotted(raw.text(), c.arena)) : raw;
    if (info.type == ParamType::abstime) return Value::of_text(time_text(raw.u, c.arena));
    if ((info.type == ParamType::uid || info.type == ParamType::gid) && raw.u == kNoId) return Value::of_text("-1");
    return Value::of_text(number_text(raw, info.format, c.arena));
}

} // namespace

FieldType field_type(ParamType type) {
    switch (type) {
    case ParamType::int8: return FieldType::int8;
    case ParamType::int16: return FieldType::int16;
    case ParamType::int32: return FieldType::int32;
    case ParamType::int64: return FieldType::int64;
    case ParamType::uint8: return FieldType::uint8;
    case ParamType::uint16: return FieldType::uint16;
    case ParamType::uint32: return FieldType::uint32;
    case ParamType::uint64: return FieldType::uint64;
    case ParamType::charbuf: return FieldType::charbuf;
    case ParamType::bytebuf: return FieldType::bytebuf;
    case ParamType::errno_code: return FieldType::errno_code;
    case ParamType::sockaddr: return FieldType::sockaddr;
    case ParamType::socktuple: return FieldType::socktuple;
    case ParamType::fd:
    case ParamType::fd32: return FieldType::fd;
    case ParamType::pid:
    case ParamType::pid32: return FieldType::pid;
    case ParamType::fdlist: return FieldType::fdlist;
    case ParamType::fspath: return FieldType::fspath;
    case ParamType::fsrelpath: return FieldType::fsrelpath;
    case ParamType::syscallid: return FieldType::syscallid;
    case ParamType::sigtype: return FieldType::sigtype;
    case ParamType::reltime: return FieldType::reltime;
    case ParamType::abstime: return FieldType::abstime;
    case ParamType::port: return FieldType::port;
    case ParamType::boolean: return FieldType::boolean;
    case ParamType::ipv4addr: return FieldType::ipv4addr;
    case ParamType::ipv6addr: return FieldType::ipv6addr;
    case ParamType::ipv4net: return FieldType::ipv4net;
    case ParamType::ipv6net: return FieldType::ipv6net;
    case ParamType::ipaddr: return FieldType::ipaddr;
    case ParamType::ipnet: return FieldType::ipnet;
    case ParamType::dyn: return FieldType::dyn;
    case ParamType::flags8: return FieldType::flags8;
    case ParamType::flags16: return FieldType::flags16;
    case ParamType::flags32: return FieldType::flags32;
    case ParamType::enumflags8: return FieldType::enumflags8;
    case ParamType::enumflags16: return FieldType::enumflags16;
    case ParamType::enumflags32: return FieldType::enumflags32;
    case ParamType::mode: return FieldType::mode;
    // An id is a number for comparisons of raw arguments.
    case ParamType::uid: return FieldType::uint32;
    case ParamType::gid: return FieldType::uint32;
    case ParamType::floating: return FieldType::floating;
    case ParamType::sigset: return FieldType::sigset;
    case ParamType::none:
    case ParamType::l4proto:
    case ParamType::sockfamily:
    case ParamType::charbufarray:
    case ParamType::charbuf_pair_array: return FieldType::none;
    }
    return FieldType::none;
}

int find_param(EventCode code, std::string_view name) {
    if (const EventInfo* event = find_event(code))
        for (std::size_t i = 0; i < event->params.size(); ++i)
            if (event->params[i].name == name) return static_cast<int>(i);
    return -1;
}

Value raw_param(const Context& c, std::size_t index) {
    const ParamInfo* info = param_info(c, index);
    if (!info) return Value::missing(Missing::not_applicable);
    if (c.event.code == kProcExit) return exit_param(c, info->name);
    const ProcessImage* p = c.process();
    return p ? image_param(c, *p, c.event.code, info->name) : Value::missing(Missing::lost);
}

Value text_param(const Context& c, std::size_t index) {
    const ParamInfo* info = param_info(c, index);
    if (!info) return Value::missing(Missing::not_applicable);
    const Value raw = raw_param(c, index);
    if (raw.is_missing()) return raw;
    const Value word = resolved(c, *info, raw);
    return word.is_missing() || !word.text().empty() ? word : raw_text(c, *info, raw);
}

Value all_params(const Context& c) {
    const EventInfo* event = find_event(c.event.code);
    if (!event) return Value::missing(Missing::not_applicable);
    std::array<std::string_view, 64> parts;
    std::size_t n = 0;
    for (std::size_t i = 0; i < event->params.size() && n < parts.size(); ++i) {
        const ParamInfo& info = event->params[i];
        const Value raw = raw_param(c, i);
        if (raw.is_missing()) {
            if (raw.is_pending()) return raw;
            parts[n++] = join_items(c.arena, 2, '=',
                                    [&](std::size_t k) { return k == 0 ? info.name : std::string_view("<NA>"); });
            continue;
        }
        const Value shown = raw_text(c, info, raw);
        const Value word = resolved(c, info, raw);
        if (word.is_pending()) return word;
        const std::string_view s = shown.text(), w = word.text();
        const std::size_t size = info.name.size() + 1 + s.size() + (w.empty() ? 0 : w.size() + 2);
        char* out = c.arena.allocate(size);
        char* at = out;
        const auto put = [&](std::string_view t) {
            if (!t.empty()) std::memcpy(at, t.data(), t.size());
            at += t.size();
        };
        put(info.name), put("="), put(s);
        if (!w.empty()) put("("), put(w), put(")");
        parts[n++] = {out, size};
    }
    return Value::of_text(join_items(c.arena, n, ' ', [&](std::size_t i) { return parts[i]; }));
}

std::string_view errno_name(std::int64_t number) {
    const char* name = number > 0 && number < 4096 ? ::strerrorname_np(static_cast<int>(number)) : nullptr;
    return name ? name : "";
}

std::string_view signal_name(int number) {
    static constexpr std::string_view kNames[] = {
        "",          "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
        "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
        "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
        "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};
    return number > 0 && static_cast<std::size_t>(number) < std::size(kNames) ? kNames[number] : "";
}

} // namespace gyr::fields
