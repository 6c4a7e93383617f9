// evt.* and syscall.type: the event itself. What is the same for all events of a type has scope constant and is folded
// away when a rule is compiled.

#include "event/raw_event.h"
#include "event/schema.h"
#include "fields/event_args.h"
#include "fields/process_text.h"
#include "fields/registry.h"

#include <ctime>

namespace gyr::fields {
namespace {

using lang::ArgKind;
using lang::FieldType;
using enum Scope;

constexpr std::uint64_t kSecond = 1'000'000'000;

const EventInfo* info_of(const Context& c) { return find_event(c.event.code); }
std::uint64_t event_ns(const Context& c) { return static_cast<std::uint64_t>(c.event.time); }
unsigned long long ull(std::uint64_t x) { return x; }

Value num(const Context& c, const Argument&) { return Value::of_u64(c.event.number); }

std::string_view clock_text(const Context& c, const char* format, bool fraction, bool utc) {
    const std::time_t seconds = static_cast<std::time_t>(event_ns(c) / kSecond);
    std::tm tm{};
    utc ? ::gmtime_r(&seconds, &tm) : ::localtime_r(&seconds, &tm);
    char text[64];
    std::strftime(text, sizeof text, format, &tm);
    if (!fraction) return print(c.arena, "%s", text);
    return print(c.arena, utc ? "%s.%09llu+0000" : "%s.%09llu", text, ull(event_ns(c) % kSecond));
}
Value time_of_day(const Context& c, const Argument&) { return Value::of_text(clock_text(c, "%H:%M:%S", true, false)); }
Value time_of_day_s(const Context& c, const Argument&) {
    return Value::of_text(clock_text(c, "%H:%M:%S", false, false));
}
Value iso8601(const Context& c, const Argument&) {
    return Value::of_text(clock_text(c, "%Y-%m-%dT%H:%M:%S", true, true));
}
Value datetime(const Context& c, const Argument&) {
    return Value::of_text(clock_text(c, "%Y-%m-%d %H:%M:%S", true, false));
}
Value datetime_s(const Context& c, const Argument&) {
    return Value::of_text(clock_text(c, "%Y-%m-%d %H:%M:%S", false, false));
}
Value rawtime(const Context& c, const Argument&) { return Value::of_u64(event_ns(c)); }
Value rawtime_s(const Context& c, const Argument&) { return Value::of_u64(event_ns(c) / kSecond); }
Value rawtime_ns(const Context& c, const Argument&) { return Value::of_u64(event_ns(c) % kSecond); }

template <std::uint64_t kDivide, std::uint64_t kModulo>
Value reltime(const Context& c, const Argument&) {
    if (c.world.first_event_time <= 0) return Value::missing(Missing::not_applicable);
    const auto ns = static_cast<std::uint64_t>(c.event.time - c.world.first_event_time);
    return Value::of_u64(kModulo ? ns % kModulo : ns / kDivide);
}

Value source(const Context& c, const Argument&) {
    if (c.event.code == kAsync && c.event.number == 0) return Value::missing(Missing::pending);
    if (is_of_plugin(c.event.code, c.event.params)) return Value::missing(Missing::unsupported); // it is not here
    return Value::of_text(c.event.code == kPluginEvent ? "k8s_audit" : "syscall");
}
Value plugin_name(const Context& c, const Argument&) {
    return c.event.code == kPluginEvent ? Value::of_text("k8saudit") : Value::missing(Missing::not_applicable);
}
Value none(const Context&, const Argument&) { return Value::missing(Missing::not_applicable); }
Value never(const Context&, const Argument&) { return Value::missing(Missing::unsupported); }
Value zero(const Context&, const Argument&) { return Value::of_u64(0); }
Value one(const Context&, const Argument&) { return Value::of_u64(1); }
Value zero_text(const Context&, const Argument&) { return Value::of_text("0ns"); }
bool is_notification(const EventInfo* e) { return e && e->kind == EventKind::metaevent && e->code < kSnapshot; }
Value is_async(const Context& c, const Argument&) { return Value::of_bool(is_notification(info_of(c))); }
Value hostname(const Context& c, const Argument&) {
    return c.world.hostname ? Value::of_text(*c.world.hostname) : Value::missing(Missing::unsupported);
}

Value direction(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    if (!e) return none(c, {});
    return Value::of_text(e->direction == EventDirection::enter ? ">" : "<");
}
// The name an event goes by: of system calls without an event of their own that of the call, of notifications their
// own. Empty when no event in particular is asked about (rules being compiled) and it is another for each.
std::string_view name_of(const Context& c, const EventInfo& e) {
    if (e.code <= kGenericExit) {
        if (c.event.params.empty() && e.code != kGenericExit && c.event.number == 0) return {};
        const std::string_view name = syscall_name(generic_call(c.event.params));
        return name.empty() ? e.name : name;
    }
    if (e.code == kAsync) {
        if (c.event.number == 0) return {};
        return c.event.params.size() > 1 ? text_of_param(c.event.params[1]) : e.name;
    }
    return e.name;
}
Value name_value(const Context& c, const EventInfo& e) {
    const std::string_view name = name_of(c, e);
    return name.empty() && c.event.number == 0 ? Value::missing(Missing::pending) : Value::of_text(name);
}
Value type(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    return e ? name_value(c, *e) : none(c, {});
}
Value asynctype(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    return is_notification(e) ? name_value(c, *e) : none(c, {});
}
Value type_is(const Context& c, const Argument& a) {
    const EventInfo* e = info_of(c);
    if (!e) return none(c, a);
    if (a.is_index) return Value::of_u64(a.index == c.event.code ? 1 : 0);
    const Value name = name_value(c, *e);
    return name.is_missing() ? name : Value::of_u64(name.text() == a.text ? 1 : 0);
}
Result<> type_is_name(Argument& a, FieldType&) {
    if (!a.is_index && event_codes(a.text).empty()) return fail(ErrorKind::invalid, "unknown event type " + a.text);
    return {};
}
Value syscall_type(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    return e && e->kind == EventKind::syscall ? name_value(c, *e) : none(c, {});
}
Value cpu(const Context& c, const Argument&) {
    return c.event.cpu >= 0 ? Value::of_i64(c.event.cpu) : Value::missing(Missing::unsupported);
}

Value args(const Context& c, const Argument&) { return all_params(c); }
int index_of(const Context& c, const Argument& a) {
    if (a.is_index) return static_cast<int>(std::min<std::uint64_t>(a.index, INT_MAX));
    return static_cast<const ParamIndex*>(a.prepared.get())->of(c.event);
}
Value arg(const Context& c, const Argument& a) {
    const int i = index_of(c, a);
    return i < 0 ? none(c, a) : text_param(c, static_cast<std::size_t>(i));
}
// What the type that the rule was compiled with makes of a number.
enum RawKind : int { kUnsigned = 1, kSigned = 2, kText = 3, kBytes = 4, kOther = 5 };

// Events disagree on the type of some parameters (fdlimit, flags); the one the rule was compiled with decides.
Value rawarg(const Context& c, const Argument& a) {
    const int i = index_of(c, a);
    if (i < 0) return none(c, a);
    const Value v = raw_param(c, static_cast<std::size_t>(i));
    const bool number = v.kind == ValueKind::u64 || v.kind == ValueKind::i64;
    if (a.code == kSigned && v.kind == ValueKind::u64) return Value::of_i64(static_cast<std::int64_t>(v.u));
    // A negative number stays one: the event has it signed.
    if (a.code == kUnsigned && v.kind == ValueKind::i64 && v.i >= 0)
        return Value::of_u64(static_cast<std::uint64_t>(v.i));
    if ((a.code == kSigned || a.code == kUnsigned) && !number && !v.is_missing()) return none(c, a);
    // A text that the event has no value for reads as one; a number or bytes do not.
    const bool told = static_cast<std::size_t>(i) < c.event.params.size();
    if (a.code == kText && v.is_missing() && told) return Value::of_text("<NA>", Missing::not_applicable);
    if ((a.code == kSigned || a.code == kUnsigned) && v.is_missing() && told) return Value::blank();
    if ((a.code == kText || a.code == kBytes) && v.kind != ValueKind::text && !v.is_missing()) return none(c, a);
    return v;
}
// "evt.arg.name" takes the longest parameter name the text begins with, as the language has it.
Result<> param_name(Argument& a, FieldType&) {
    if (a.is_index) return {}; // one that no event has is missing from all
    std::string_view best;
    for (const std::string_view name : param_names())
        if (a.text.starts_with(name) && name.size() > best.size()) best = name;
    if (best.size() != a.text.size())
        return fail(ErrorKind::invalid, "no event has a parameter named '" + a.text + "'");
    a.prepared = std::make_shared<const ParamIndex>(a.text);
    return {};
}
Result<> raw_param_name(Argument& a, FieldType& t) {
    if (a.is_index) return fail(ErrorKind::invalid, "evt.rawarg takes the name of a parameter, not its number");
    if (auto ok = param_name(a, t); !ok) return ok;
    // The type is that of the parameter; where events disagree, of the first event that has it.
    const ParamInfo* found = nullptr;
    for (const EventInfo& e : event_schema())
        for (const ParamInfo& p : e.params)
            if (p.name == a.text && !found) found = &p;
    t = field_type(found->type);
    a.hex = found->format == ParamFormat::hex;
    switch (lang::class_of(t)) {
    case lang::TypeClass::number:
        a.code = found->type == ParamType::int8 || found->type == ParamType::int16 || found->type == ParamType::int32 ||
                         found->type == ParamType::int64 || found->type == ParamType::errno_code ||
                         found->type == ParamType::fd || found->type == ParamType::fd32 ||
                         found->type == ParamType::pid || found->type == ParamType::pid32
                     ? kSigned
                     : kUnsigned;
        break;
    case lang::TypeClass::string: a.code = kText; break;
    case lang::TypeClass::buffer: a.code = kBytes; break;
    default: a.code = kOther; break;
    }
    return {};
}

Value res(const Context& c, const Argument&) {
    if (!c.event.has_result) return none(c, {});
    if (c.event.result >= 0) return Value::of_text("SUCCESS");
    const std::string_view name = errno_name(c.event.result);
    return Value::of_text(name.empty() ? print(c.arena, "%llu", 0 - static_cast<unsigned long long>(c.event.result))
                                       : name);
}
Value rawres(const Context& c, const Argument&) {
    return c.event.has_result ? Value::of_i64(c.event.result) : none(c, {});
}
Value failed(const Context& c, const Argument&) {
    return c.event.has_result ? Value::of_bool(c.event.result < 0) : none(c, {});
}
Value count_exit(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    return e && e->direction == EventDirection::exit ? Value::of_u64(1) : none(c, {});
}

constexpr EventCode kProcInfo = 234;

Value count_procinfo(const Context& c, const Argument&) {
    const bool main = c.event.thread ? c.event.thread->is_main : c.process() && c.event.tid == c.process()->key.pid;
    return Value::of_u64(c.event.code == kProcInfo && c.process() && main ? 1 : 0);
}
Value count_threadinfo(const Context& c, const Argument&) { return Value::of_u64(c.event.code == kProcInfo ? 1 : 0); }

template <unsigned kMask>
Value has_flag(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    return Value::of_bool(e && (e->flags & kMask) != 0);
}
Value io_dir(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    if (e && (e->flags & kReadsFromFd)) return Value::of_text("read");
    if (e && (e->flags & kWritesToFd)) return Value::of_text("write");
    return none(c, {});
}

// Our own.
Value missing(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    std::array<Value, 4> found;
    std::size_t n = 0;
    if (!p || p->incomplete) found[n++] = Value::of_text("process:lost");
    if (p && p->container && p->container->why != Missing::none) {
        if (p->container->pending()) return Value::missing(Missing::pending);
        const std::string_view why = to_string(p->container->why);
        found[n++] = Value::of_text(
            join_items(c.arena, 2, ':', [&](std::size_t i) { return i == 0 ? std::string_view("container") : why; }));
    }
    const std::span<Value> kept = c.arena.make_array<Value>(n);
    std::copy_n(found.begin(), n, kept.begin());
    return Value::of_list(kept);
}

} // namespace

std::span<const Field> evt_fields() {
    constexpr auto kText = FieldType::charbuf;
    constexpr auto u32 = FieldType::uint32, u64 = FieldType::uint64;
    static const Field table[] = {
        make_field("evt.num", u64, event, "Number of the event in this run, from 1", num).as(Format::id).everywhere(),
        make_field("evt.time", kText, event, "Local time of day with nanoseconds", time_of_day).everywhere(),
        make_field("evt.time.s", kText, event, "Local time of day", time_of_day_s).everywhere(),
        make_field("evt.time.iso8601", kText, event, "Date and time, UTC, with nanoseconds", iso8601).everywhere(),
        make_field("evt.datetime", kText, event, "Local date and time with nanoseconds", datetime).everywhere(),
        make_field("evt.datetime.s", kText, event, "Local date and time", datetime_s).everywhere(),
        make_field("evt.rawtime", FieldType::abstime, event, "Nanoseconds since the epoch", rawtime)
            .as(Format::decimal)
            .everywhere(),
        make_field("evt.rawtime.s", FieldType::abstime, event, "Seconds since the epoch", rawtime_s)
            .as(Format::decimal)
            .everywhere(),
        make_field("evt.rawtime.ns", FieldType::abstime, event, "Nanoseconds of evt.rawtime within its second",
                   rawtime_ns)
            .as(Format::padded)
            .everywhere(),
        make_field("evt.reltime", FieldType::reltime, event, "Nanoseconds since the first event of this run",
                   reltime<1, 0>)
            .as(Format::padded)
            .everywhere(),
        make_field("evt.reltime.s", FieldType::reltime, event, "Seconds of evt.reltime", reltime<kSecond, 0>)
            .as(Format::decimal)
            .everywhere(),
        make_field("evt.reltime.ns", FieldType::reltime, event, "Nanoseconds of evt.reltime within its second",
                   reltime<1, kSecond>)
            .as(Format::padded)
            .everywhere(),
        make_field("evt.pluginname", kText, constant, "Plugin the event comes from, missing for system calls",
                   plugin_name)
            .everywhere(),
        make_field("evt.plugininfo", kText, constant, "The event as its plugin describes it, missing for system calls",
                   none)
            .everywhere(),
        make_field("evt.source", kText, constant, "Where the event comes from: syscall or a plugin's source", source)
            .everywhere(),
        make_field("evt.is_async", FieldType::boolean, constant,
                   "The event reports something that happened outside the stream", is_async)
            .everywhere(),
        make_field("evt.asynctype", kText, constant, "Name of such an event", asynctype).everywhere(),
        make_field("evt.hostname", kText, event, "Name of the host", hostname).everywhere(),
        make_field("evt.latency", FieldType::reltime, constant, "Always 0; kept so that old rules load", zero)
            .as(Format::decimal)
            .old(),
        make_field("evt.latency.s", FieldType::reltime, constant, "Always 0; kept so that old rules load", zero)
            .as(Format::decimal)
            .old(),
        make_field("evt.latency.ns", FieldType::reltime, constant, "Always 0; kept so that old rules load", zero)
            .as(Format::padded)
            .old(),
        make_field("evt.latency.quantized", u64, constant, "Always 0; kept so that old rules load", zero)
            .as(Format::decimal)
            .old()
            .hide(),
        make_field("evt.latency.human", kText, constant, "Always 0ns; kept so that old rules load", zero_text).old(),
        make_field("evt.outputtime", kText, event, "Time as alerts print it", time_of_day).printing(),
        make_field("evt.dir", kText, constant, "> for an event taken on entry, < on exit", direction).old(),
        make_field("evt.type", kText, constant, "Name of the event, mostly that of a system call", type),
        make_field("evt.type.is", u32, constant, "1 when the event has this name or number, as in evt.type.is.execve",
                   type_is)
            .suffix(ArgKind::required, type_is_name),
        make_field("syscall.type", kText, constant, "Name of the system call; missing for events that are none",
                   syscall_type),
        make_field("evt.cpu", FieldType::int16, event, "Processor the event happened on", cpu).as(Format::id),
        make_field("evt.args", kText, event, "All parameters as name=value joined by blanks", args),
        make_field("evt.arg", kText, event, "One parameter as text, by name (evt.arg.uid) or number (evt.arg[0])", arg)
            .suffix(ArgKind::required, param_name, true),
        make_field("evt.rawarg", FieldType::dyn, event, "One parameter as it is, by name", rawarg)
            .suffix(ArgKind::required, raw_param_name)
            .plain(),
        make_field("evt.info", kText, event, "Same as evt.args", args),
        make_field("evt.res", kText, event, "SUCCESS or the name of the error", res),
        make_field("evt.rawres", FieldType::int64, event, "Return value, negative for an error", rawres)
            .as(Format::decimal),
        make_field("evt.failed", FieldType::boolean, event, "The call failed", failed),
        make_field("evt.is_io", FieldType::boolean, constant, "The event reads or writes",
                   has_flag<kReadsFromFd | kWritesToFd>),
        make_field("evt.is_io_read", FieldType::boolean, constant, "The event reads", has_flag<kReadsFromFd>),
        make_field("evt.is_io_write", FieldType::boolean, constant, "The event writes", has_flag<kWritesToFd>),
        make_field("evt.io_dir", kText, constant, "read or write, missing for other events", io_dir),
        make_field("evt.is_wait", FieldType::boolean, constant, "The event waits for something", has_flag<kWaits>),
        make_field("evt.wait_latency", FieldType::reltime, constant, "Always 0; kept so that old rules load", zero)
            .as(Format::decimal)
            .old(),
        make_field("evt.count", u32, constant, "Always 1", one).as(Format::decimal),
        make_field("evt.count.exit", u32, constant, "1 for an event taken on exit, else missing", count_exit)
            .as(Format::decimal),
        make_field("evt.count.procinfo", u32, event, "1 for a report on a process, else 0", count_procinfo)
            .as(Format::decimal)
            .hide(),
        make_field("evt.count.threadinfo", u32, event, "1 for a report on a thread, else 0", count_threadinfo)
            .as(Format::decimal)
            .hide(),
        make_field("evt.infra.docker.name", kText, constant, "Never had a value; kept so that old rules load", never)
            .hide(),
        make_field("evt.infra.docker.container.id", kText, constant, "Never had a value; kept so that old rules load",
                   never)
            .hide(),
        make_field("evt.infra.docker.container.name", kText, constant, "Never had a value; kept so that old rules load",
                   never)
            .hide(),
        make_field("evt.infra.docker.container.image", kText, constant,
                   "Never had a value; kept so that old rules load", never)
            .hide(),
        make_field("evt.cause", kText, constant,
                   "The event that made a process rule true: execve, procchange, snapshot …", type)
            .ours(),
        make_field("evt.missing", kText, container,
                   "What is not known about this event and why, such as container:runtime_timeout", missing)
            .list()
            .ours(),
    };
    return table;
}

} // namespace gyr::fields
