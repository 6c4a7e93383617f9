// evt.*: what an event read, wrote, opened or failed at. Most of it depends on the kind of descriptor.

#include "event/long_path.h"
#include "event/raw_event.h"
#include "event/schema.h"
#include "fields/event_args.h"
#include "fields/fd_text.h"
#include "fields/param_text.h"
#include "fields/registry.h"
#include "fields/wire_params.h"

#include <atomic>

namespace gyr::fields {
namespace {

using lang::ArgKind;
using lang::FieldType;
using enum Scope;

Value none() { return Value::missing(Missing::not_applicable); }
const EventInfo* info_of(const Context& c) { return find_event(c.event.code); }

bool is_plain_file(FdType t) { return is_file(t) || t == FdType::directory; }
bool is_network(FdType t) { return is_ipv4(t) || is_ipv6(t); }

// ---- category ----

bool is_io(EventCategory c) {
    return c == EventCategory::io_read || c == EventCategory::io_write || c == EventCategory::io_other;
}

Value category(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    if (!e) return none();
    if (!is_io(e->category)) return Value::of_text(to_string(e->category));
    if (c.event.number == 0) return Value::missing(Missing::pending); // no event in particular: the descriptor decides
    if (c.event.fd) {
        const FdType t = c.event.fd->type;
        if (is_plain_file(t)) return Value::of_text("file");
        if (is_network(t)) return Value::of_text("net");
        if (t == FdType::unix_socket || t == FdType::fifo || t == FdType::event || t == FdType::signal)
            return Value::of_text("ipc");
    }
    return Value::of_text("unknown");
}

// ---- bytes ----

Value buffer(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    if (!e || (e->flags & (kReadsFromFd | kWritesToFd)) == 0) return none();
    const int i = find_param(e->code, "data");
    return i < 0 ? none() : raw_param(c, static_cast<std::size_t>(i));
}

enum class Way : std::uint8_t { any, in, out };
enum class Where : std::uint8_t { anywhere, file, net };

template <Way kWay, Where kWhere>
Value buflen(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    if (!e || !is_io(e->category) || !c.event.fd || !c.event.has_result || c.event.result < 0) return none();
    if (kWay == Way::in && e->category != EventCategory::io_read) return none();
    if (kWay == Way::out && e->category != EventCategory::io_write) return none();
    const FdType t = c.event.fd->type;
    if (kWhere == Where::file && !is_file(t)) return none(); // a directory has no bytes
    if (kWhere == Where::net && !is_network(t)) return none();
    return Value::of_u64(static_cast<std::uint64_t>(c.event.result));
}

Value is_syslog(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    const bool writes = e && (e->flags & kWritesToFd) != 0;
    return Value::of_bool(writes && c.event.fd && c.event.fd->name.find("/dev/log") != std::string::npos);
}

// ---- failures ----

bool opens_file(std::string_view name) {
    return name == "open" || name == "openat" || name == "openat2" || name == "creat" || name == "open_by_handle_at";
}
bool makes_socket(std::string_view name) {
    return name == "accept" || name == "accept4" || name == "connect" || name == "socket";
}

enum class Kind : std::uint8_t { file, net, memory, other };

bool is_kind(const Context& c, const EventInfo& e, Kind kind) {
    const bool file = c.event.fd ? is_plain_file(c.event.fd->type) : opens_file(e.name);
    const bool net =
        c.event.fd ? is_network(c.event.fd->type) || c.event.fd->type == FdType::unix_socket : makes_socket(e.name);
    const bool memory = e.category == EventCategory::memory;
    switch (kind) {
    case Kind::file: return file;
    case Kind::net: return net;
    case Kind::memory: return memory;
    case Kind::other: return !file && !net && !memory;
    }
    return false;
}

Value count_error(const Context& c, const Argument&) {
    return c.event.has_result ? Value::of_u64(c.event.result < 0 ? 1 : 0) : none();
}
template <Kind kKind>
Value count_error_of(const Context& c, const Argument& a) {
    const EventInfo* e = info_of(c);
    return e && c.event.has_result && is_kind(c, *e, kKind) ? count_error(c, a) : none();
}

// ---- opens ----

enum OpenFlag : std::uint64_t { kRead = 1, kWrite = 2, kCreate = 4, kTemporary = 0x2000, kCreated = 0x4000 };
constexpr std::uint64_t kExecutable = 0111;

// Where an open that succeeded or failed has its flags and mode; -1 for other events. Looked up once, not by name each
// time.
struct OpenParams {
    std::int8_t flags = -1, mode = -1;
};
OpenParams open_params(EventCode code) {
    static const std::vector<OpenParams> table = [] {
        std::vector<OpenParams> out;
        for (const EventInfo& e : event_schema()) {
            OpenParams& p = out.emplace_back();
            if (e.direction != EventDirection::exit || (e.flags & kCreatesFd) == 0 || !opens_file(e.name)) continue;
            p.flags = static_cast<std::int8_t>(find_param(e.code, "flags"));
            p.mode = static_cast<std::int8_t>(find_param(e.code, "mode"));
        }
        return out;
    }();
    return code < table.size() ? table[code] : OpenParams{};
}

std::optional<std::uint64_t> open_number(const Context& c, std::int8_t param) {
    if (param < 0) return {};
    if (const auto i = static_cast<std::size_t>(param); i < c.event.params.size()) { // both have 32 bits
        const std::string_view bytes = c.event.params[i];
        return bytes.size() < sizeof(std::uint32_t) ? std::nullopt
                                                    : std::optional<std::uint64_t>(load_param<std::uint32_t>(bytes));
    }
    const Value v = raw_param(c, static_cast<std::size_t>(param));
    return v.kind == ValueKind::u64 ? std::optional(v.u) : std::nullopt;
}
std::optional<std::uint64_t> open_flags(const Context& c) { return open_number(c, open_params(c.event.code).flags); }
std::optional<std::uint64_t> open_mode(const Context& c) { return open_number(c, open_params(c.event.code).mode); }

template <std::uint64_t kFlag>
Value is_open(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    if (e && e->name == "creat") return Value::of_bool(false);
    return Value::of_bool((open_flags(c).value_or(0) & kFlag) != 0);
}

Value is_open_exec(const Context& c, const Argument&) {
    const EventInfo* e = info_of(c);
    if (!e || e->name == "open_by_handle_at") return Value::of_bool(false);
    const bool creates = e->name == "creat" || (open_flags(c).value_or(0) & (kCreate | kTemporary)) != 0;
    return Value::of_bool(creates && (open_mode(c).value_or(0) & kExecutable) != 0);
}

Value is_open_create(const Context& c, const Argument&) {
    const std::uint64_t flags = open_flags(c).value_or(0);
    if ((flags & kCreated) != 0) return Value::of_bool(true);
    return Value::of_bool((flags & kTemporary) != 0 && c.event.has_result && c.event.result >= 0);
}

// ---- paths of calls with a directory descriptor ----

enum AbsoluteOf : int { kMain = 0, kSource = 1, kDestination = 2 };

Value abspath(const Context& c, const Argument& a) {
    const EventInfo* e = find_event(c.event.code, c.event.params);
    if (!e || e->direction != EventDirection::exit) return none();
    int nth = 0;
    for (std::size_t i = 0; i < e->params.size(); ++i) {
        // The path of a file handle is the kernel's, and no descriptor's.
        const bool by_handle = e->params[i].type == ParamType::fspath && e->name == "open_by_handle_at";
        if (e->params[i].type != ParamType::fsrelpath && !by_handle) continue;
        ++nth;
        // Without an argument the first; a source is the first and a destination the second of two.
        if (a.code == kDestination && nth == 1) continue;
        const auto p = wire_param(c.event, i);
        const Value given = p ? wire_value(*p) : none();
        if (given.is_missing()) return none();
        const std::string_view base = base_of(c, *p), path = given.text();
        if (path == "<NA>") return Value::of_text(path);
        if (c.event.fds && is_too_long(base, path)) return Value::of_text(kTooLongPath); // in a capture
        return Value::of_text(absolute_path(base, path, c.arena));
    }
    return none();
}
Result<> abspath_argument(Argument& a, FieldType&) {
    if (a.text == "src")
        a.code = kSource;
    else if (a.text == "dst")
        a.code = kDestination;
    else
        return fail(ErrorKind::invalid, "evt.abspath takes src or dst");
    return {};
}

// ---- time ----

constexpr std::uint64_t kSecond = 1'000'000'000;

template <std::uint64_t kDivide, std::uint64_t kModulo>
Value deltatime(const Context& c, const Argument&) {
    const Nanos before = c.event.previous_time;
    const auto ns = before > 0 && c.event.time > before ? static_cast<std::uint64_t>(c.event.time - before) : 0;
    return Value::of_u64(kModulo ? ns % kModulo : ns / kDivide);
}

// The distance between the event and the time in the argument, in milliseconds that it does not exceed.
Value around(const Context& c, const Argument& a) {
    const auto now = static_cast<std::uint64_t>(c.event.time);
    const std::uint64_t ns = now > a.index ? now - a.index : a.index - now;
    return Value::of_u64(ns / 1'000'000 + (ns % 1'000'000 != 0 ? 1 : 0));
}

// Counts its looks, those of all rules together.
Value looks(const Context&, const Argument&) {
    static std::atomic<std::uint64_t> count;
    return Value::of_u64(++count);
}

} // namespace

std::span<const Field> evt_io_fields() {
    constexpr auto u32 = FieldType::uint32, u64 = FieldType::uint64;
    constexpr auto kBool = FieldType::boolean;
    constexpr auto kTime = FieldType::reltime;
    static const Field table[] = {
        make_field("evt.category", FieldType::charbuf, constant,
                   "Group of the event: file, net, process …; of reads, writes and the like by the kind of descriptor",
                   category),
        make_field("evt.buffer", FieldType::bytebuf, event, "Bytes that were read or written, as many as were captured",
                   buffer),
        make_field("evt.buflen", u64, event, "Number of bytes that were read or written",
                   buflen<Way::any, Where::anywhere>)
            .as(Format::decimal),
        make_field("evt.buflen.in", u64, event, "Bytes read", buflen<Way::in, Where::anywhere>)
            .as(Format::decimal)
            .hide(),
        make_field("evt.buflen.out", u64, event, "Bytes written", buflen<Way::out, Where::anywhere>)
            .as(Format::decimal)
            .hide(),
        make_field("evt.buflen.file", u64, event, "Bytes of file operations", buflen<Way::any, Where::file>)
            .as(Format::decimal)
            .hide(),
        make_field("evt.buflen.file.in", u64, event, "Bytes read from files", buflen<Way::in, Where::file>)
            .as(Format::decimal)
            .hide(),
        make_field("evt.buflen.file.out", u64, event, "Bytes written to files", buflen<Way::out, Where::file>)
            .as(Format::decimal)
            .hide(),
        make_field("evt.buflen.net", u64, event, "Bytes of network operations", buflen<Way::any, Where::net>)
            .as(Format::decimal)
            .hide(),
        make_field("evt.buflen.net.in", u64, event, "Bytes received", buflen<Way::in, Where::net>)
            .as(Format::decimal)
            .hide(),
        make_field("evt.buflen.net.out", u64, event, "Bytes sent", buflen<Way::out, Where::net>)
            .as(Format::decimal)
            .hide(),
        make_field("evt.is_syslog", kBool, event, "A write to the system log", is_syslog),
        make_field("evt.count.error", u32, event,
                   "1 when the call failed, 0 when it did not, missing for events without a result", count_error)
            .as(Format::decimal),
        make_field("evt.count.error.file", u32, event, "evt.count.error of operations on files",
                   count_error_of<Kind::file>)
            .as(Format::decimal),
        make_field("evt.count.error.net", u32, event, "evt.count.error of operations on sockets",
                   count_error_of<Kind::net>)
            .as(Format::decimal),
        make_field("evt.count.error.memory", u32, event, "evt.count.error of operations on memory",
                   count_error_of<Kind::memory>)
            .as(Format::decimal),
        make_field("evt.count.error.other", u32, event, "evt.count.error of everything else",
                   count_error_of<Kind::other>)
            .as(Format::decimal),
        make_field("evt.is_open_read", kBool, event, "The file was opened for reading", is_open<kRead>),
        make_field("evt.is_open_write", kBool, event, "The file was opened for writing", is_open<kWrite>),
        make_field("evt.is_open_exec", kBool, event, "The open was to create a file with a right to execute",
                   is_open_exec),
        make_field("evt.is_open_create", kBool, event, "The open created the file", is_open_create),
        make_field("evt.abspath", FieldType::charbuf, event,
                   "Path of a call with a directory descriptor made absolute; .src and .dst for calls with two",
                   abspath)
            .suffix(ArgKind::optional, abspath_argument),
        make_field("evt.deltatime", kTime, event, "Nanoseconds since the event before", deltatime<1, 0>)
            .as(Format::decimal),
        make_field("evt.deltatime.s", kTime, event, "Seconds of evt.deltatime", deltatime<kSecond, 0>)
            .as(Format::decimal),
        make_field("evt.deltatime.ns", kTime, event, "Nanoseconds of evt.deltatime within its second",
                   deltatime<1, kSecond>)
            .as(Format::padded),
        make_field(
            "evt.around", u64, event,
            "Nearness to a time in nanoseconds: evt.around[T] = 100 holds for events at most 100 milliseconds from it",
            around)
            .as(Format::decimal)
            .arg(ArgKind::required, ArgForm::index)
            .filtering()
            .up_to()
            .plain(),
        make_field("util.cnt", u64, time, "A number that grows whenever it is looked at", looks).as(Format::id).hide(),
    };
    return table;
}

} // namespace gyr::fields
