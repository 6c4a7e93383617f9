#include "event/schema.h"

#include "event/raw_event.h"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>
#include <utility>

namespace gyr {
namespace {

using enum ParamType;
using enum ParamFormat;

constexpr ParamInfo P(std::string_view name, ParamType type, ParamFormat format, std::string_view info) {
    return ParamInfo{name, type, format, info};
}

#define GYR_EVENT(code, name, direction, category, kind, flags, count, ...)                                            \
    constexpr std::array<ParamInfo, count> kParams##code{__VA_ARGS__};
#include "event/schema_events.inc"
#undef GYR_EVENT

constexpr EventInfo kEvents[] = {
#define GYR_EVENT(code, name, direction, category, kind, flags, count, ...)                                            \
    EventInfo{code,                                                                                                    \
              name,                                                                                                    \
              EventDirection::direction,                                                                               \
              EventCategory::category,                                                                                 \
              EventKind::kind,                                                                                         \
              static_cast<std::uint16_t>(flags),                                                                       \
              std::span<const ParamInfo>(kParams##code)},
#include "event/schema_events.inc"
#undef GYR_EVENT
};

constexpr bool codes_are_dense() {
    for (std::size_t i = 0; i < std::size(kEvents); ++i)
        if (kEvents[i].code != i) return false;
    return true;
}
static_assert(codes_are_dense(), "schema_events.inc must list every code once, in order");

constexpr EventInfo kOwnEvents[] = {
    {kSnapshot, "snapshot", EventDirection::exit, EventCategory::process, EventKind::metaevent, 0, {}},
    {kProcChange, "procchange", EventDirection::exit, EventCategory::process, EventKind::metaevent, 0, {}},
};

// The generic event as it is live, with the parameters of its call.
struct GenericCall {
    std::string_view name;
    std::array<ParamInfo, 8> params{};
    std::size_t count = 0;
};
constexpr GenericCall generic_params(std::string_view name, std::initializer_list<ParamInfo> more) {
    GenericCall out{.name = name};
    for (const ParamInfo& p : kParams1) out.params.at(out.count++) = p;
    for (const ParamInfo& p : more) out.params.at(out.count++) = p;
    return out;
}
constexpr GenericCall kGenericCalls[] = {
#define GYR_LIST(...)                                                                                                  \
    { __VA_ARGS__ }
#define GYR_GENERIC(name, params, fetches, sources) generic_params(name, GYR_LIST params),
#include "event/schema_generic.inc"
#undef GYR_GENERIC
#undef GYR_LIST
};
constexpr auto kGenericEvents = [] {
    std::array<EventInfo, std::size(kGenericCalls)> out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const GenericCall& call = kGenericCalls[i];
        out[i] = kEvents[kGenericExit];
        out[i].name = call.name;
        out[i].params = std::span(call.params).first(call.count);
        // A directory that a path starts from is not what the call is about.
        for (const ParamInfo& p : out[i].params)
            if (p.type == fd && p.name != "dirfd") out[i].flags |= kUsesFd;
    }
    return out;
}();

constexpr FdParams find_fd_params(const EventInfo& event) {
    FdParams out;
    if ((event.flags & (kUsesFd | kDestroysFd)) == 0) return out;
    // The result of an exit event is not one to act on.
    for (std::size_t i = event.direction == EventDirection::exit ? 1 : 0; i < event.params.size(); ++i) {
        if (event.params[i].type != fd) continue;
        if (out.fd >= 0) {
            out.other = static_cast<int>(i);
            break;
        }
        out.fd = static_cast<int>(i);
    }
    constexpr std::string_view kTwoSides[] = {"splice", "tee", "sendfile", "copy_file_range"};
    if (std::ranges::find(kTwoSides, event.name) == std::end(kTwoSides)) out.other = -1;
    // It tells of the one it writes to first, and acts on the one it reads from.
    if (event.name == "copy_file_range" && out.other >= 0) std::swap(out.fd, out.other);
    return out;
}
template <std::size_t kCount>
constexpr std::array<FdParams, kCount> find_fd_params(std::span<const EventInfo, kCount> events) {
    std::array<FdParams, kCount> out;
    for (std::size_t i = 0; i < kCount; ++i) out[i] = find_fd_params(events[i]);
    return out;
}
constexpr auto kFds = find_fd_params(std::span(kEvents));
constexpr auto kGenericFds = find_fd_params(std::span(kGenericEvents));

constexpr FlagInfo kFlags[] = {
#define GYR_FLAG(table, name, value) FlagInfo{table, name, value},
#include "event/schema_flags.inc"
#undef GYR_FLAG
};

// What a value of type dyn may be: the table its parameter names, then the variants by their number.
struct DynamicTable {
    std::string_view name;
    std::array<ParamInfo, 5> variants;
    std::size_t count;
};
constexpr DynamicTable kDynamic[] = {
    {"sockopt_dynamic_param",
     {P("", bytebuf, hex, ""), P("", errno_code, dec, ""), P("", uint32, dec, ""), P("", uint64, dec, ""),
      P("", reltime, dec, "")},
     5},
    {"ptrace_dynamic_param", {P("", uint64, hex, ""), P("", sigtype, dec, "")}, 2},
    {"bpf_dynamic_param", {P("", fd, dec, ""), P("", errno_code, dec, "")}, 2},
    {"keyctl_dynamic_param", {P("", int64, dec, ""), P("", charbuf, na, "")}, 2},
};

constexpr SyscallInfo kSyscalls[] = {
#define GYR_SYSCALL(number, name, generic, state) SyscallInfo{number, name, generic, state},
#include "event/schema_syscalls.inc"
#undef GYR_SYSCALL
};

// Architecture-neutral numbers by x86-64 number; 0: no such call.
constexpr auto kByNative = [] {
    std::array<std::uint16_t, 512> table{};
    const auto enter = [&table](std::uint16_t number, int native) {
        if (native >= 0) table.at(static_cast<std::size_t>(native)) = number;
    };
#define GYR_CALL(id, name, native, compat, code) enter(id, native);
#include "event/schema_calls.inc"
#undef GYR_CALL
    return table;
}();

constexpr auto kGenericByCall = [] {
    std::array<const EventInfo*, 512> table{};
    for (const EventInfo& e : kGenericEvents)
        for (const SyscallInfo& s : kSyscalls)
            if (s.name == e.name) table.at(s.number) = &e;
    return table;
}();

constexpr EventCode kLive[] = {
    kProcExit, kClone, kFork, kVfork, kExecve, kExecveat, kClone3, kSnapshot, kProcChange,
#define GYR_COLLECT(code, ...) code,
#include "event/schema_collect.inc"
#undef GYR_COLLECT
};

using CodesByName = std::unordered_map<std::string_view, std::vector<EventCode>>;

const CodesByName& codes_by_name() {
    static const CodesByName map = [] {
        CodesByName m;
        for (const EventInfo& e : kEvents)
            if (e.kind != EventKind::unused) m[e.name].push_back(e.code);
        for (const EventInfo& e : kOwnEvents) m[e.name].push_back(e.code);
        for (const SyscallInfo& s : kSyscalls)
            if (!m.contains(s.name)) m[s.name] = {0, 1};
        return m;
    }();
    return map;
}

void sort_unique(std::vector<std::string_view>& v) {
    std::ranges::sort(v);
    v.erase(std::ranges::unique(v).begin(), v.end());
}

} // namespace

std::span<const EventInfo> event_schema() { return kEvents; }

const EventInfo* find_event(EventCode code) {
    if (code < std::size(kEvents)) return kEvents[code].kind == EventKind::unused ? nullptr : &kEvents[code];
    for (const EventInfo& e : kOwnEvents)
        if (e.code == code) return &e;
    return nullptr;
}

std::span<const EventInfo> generic_schema() { return kGenericEvents; }

const EventInfo* find_generic(std::uint16_t call) {
    return call < kGenericByCall.size() ? kGenericByCall[call] : nullptr;
}

int generic_index(EventCode code, std::span<const std::string_view> params) {
    if (code != kGenericExit || params.size() <= kParams1.size()) return -1;
    const EventInfo* info = find_generic(generic_call(params));
    return info == nullptr ? -1 : static_cast<int>(info - std::data(kGenericEvents));
}

const EventInfo* find_event(EventCode code, std::span<const std::string_view> params) {
    const int generic = generic_index(code, params);
    return generic < 0 ? find_event(code) : &kGenericEvents[static_cast<std::size_t>(generic)];
}

FdParams fd_params(EventCode code, std::span<const std::string_view> params) {
    const int generic = generic_index(code, params);
    if (generic >= 0) return kGenericFds[static_cast<std::size_t>(generic)];
    return code < std::size(kEvents) ? kFds[code] : FdParams{};
}

std::vector<EventCode> event_codes(std::string_view name) {
    const auto it = codes_by_name().find(name);
    return it == codes_by_name().end() ? std::vector<EventCode>{} : it->second;
}

const std::vector<std::string_view>& event_names() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> v;
        for (const auto& [name, codes] : codes_by_name()) v.push_back(name);
        sort_unique(v);
        return v;
    }();
    return names;
}

const std::vector<std::string_view>& param_names() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> v;
        for (const EventInfo& e : kEvents)
            for (const ParamInfo& p : e.params) v.push_back(p.name);
        sort_unique(v);
        return v;
    }();
    return names;
}

bool is_param_name(std::string_view name) { return std::ranges::binary_search(param_names(), name); }

std::string_view to_string(ParamType type) {
    static constexpr std::array<std::string_view, 49> kNames = {"none",
                                                                "int8",
                                                                "int16",
                                                                "int32",
                                                                "int64",
                                                                "uint8",
                                                                "uint16",
                                                                "uint32",
                                                                "uint64",
                                                                "charbuf",
                                                                "bytebuf",
                                                                "errno",
                                                                "sockaddr",
                                                                "socktuple",
                                                                "fd",
                                                                "pid",
                                                                "fdlist",
                                                                "fspath",
                                                                "syscallid",
                                                                "sigtype",
                                                                "reltime",
                                                                "abstime",
                                                                "port",
                                                                "l4proto",
                                                                "sockfamily",
                                                                "bool",
                                                                "ipv4addr",
                                                                "dyn",
                                                                "flags8",
                                                                "flags16",
                                                                "flags32",
                                                                "uid",
                                                                "gid",
                                                                "double",
                                                                "sigset",
                                                                "charbufarray",
                                                                "charbuf_pair_array",
                                                                "ipv4net",
                                                                "ipv6addr",
                                                                "ipv6net",
                                                                "ipaddr",
                                                                "ipnet",
                                                                "mode",
                                                                "fsrelpath",
                                                                "enumflags8",
                                                                "enumflags16",
                                                                "enumflags32",
                                                                "fd32",
                                                                "pid32"};
    const auto number = static_cast<std::size_t>(type);
    return number < kNames.size() ? kNames[number] : "none";
}

std::string_view to_string(EventCategory category) {
    switch (category) {
    case EventCategory::unknown: return "unknown";
    case EventCategory::other: return "other";
    case EventCategory::file: return "file";
    case EventCategory::net: return "net";
    case EventCategory::ipc: return "IPC";
    case EventCategory::wait: return "wait";
    case EventCategory::signal: return "signal";
    case EventCategory::sleep: return "sleep";
    case EventCategory::time: return "time";
    case EventCategory::process: return "process";
    case EventCategory::scheduler: return "scheduler";
    case EventCategory::memory: return "memory";
    case EventCategory::user: return "user";
    case EventCategory::io_read:
    case EventCategory::io_write:
    case EventCategory::io_other: return "unknown"; // the kind of descriptor decides; see fields/evt.cpp
    case EventCategory::system: return "system";
    case EventCategory::internal: return "internal";
    }
    return "unknown";
}

std::span<const FlagInfo> flag_table(std::string_view table) {
    const auto first = std::ranges::find(kFlags, table, &FlagInfo::table);
    const auto last = std::find_if(first, std::end(kFlags), [&](const FlagInfo& f) { return f.table != table; });
    return {first, last};
}

std::span<const ParamInfo> dynamic_variants(std::string_view info) {
    const std::string_view name = info.substr(0, info.find('['));
    for (const DynamicTable& t : kDynamic)
        if (t.name == name) return std::span(t.variants).first(t.count);
    return {};
}

std::span<const SyscallInfo> syscall_table() { return kSyscalls; }
std::string_view syscall_name(std::uint16_t number) {
    const auto* found = std::ranges::lower_bound(kSyscalls, number, {}, &SyscallInfo::number);
    return found != std::end(kSyscalls) && found->number == number ? found->name : std::string_view{};
}
std::uint16_t generic_call(std::span<const std::string_view> params) {
    if (params.empty() || params[0].size() < sizeof(std::uint16_t)) return std::numeric_limits<std::uint16_t>::max();
    const auto number = load_param<std::uint16_t>(params[0]);
    if (number != 0 || params.size() < 2) return number;
    const auto native = load_param<std::uint16_t>(params[1]);
    return native < kByNative.size() ? kByNative[native] : number;
}

std::span<const EventCode> live_event_codes() { return kLive; }
bool is_live_event(EventCode code) { return std::ranges::find(kLive, code) != std::end(kLive); }

} // namespace gyr
