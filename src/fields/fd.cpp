// fd.*: the descriptor an event acted on, as a file. Sockets' ends are in fd_socket.cpp.

#include "fields/fd.h"

#include "event/raw_event.h"
#include "event/schema.h"
#include "fields/event_args.h"
#include "fields/fd_text.h"
#include "fields/param_text.h"
#include "fields/process_text.h"
#include "fields/registry.h"

#include <algorithm>
#include <ranges>

namespace gyr::fields {
namespace {

using lang::ArgKind;
using lang::FieldType;
using enum Scope;

// An event without a descriptor has no such field; one whose descriptor nobody saw being made lost it.
Value no_fd(const Context& c) { return Value::missing(has_fd(c) ? Missing::lost : Missing::not_applicable); }

using Property = Value (*)(const Context&, const FdInfo&);

template <Property kProperty>
Value of_fd(const Context& c, const Argument&) {
    return c.event.fd ? kProperty(c, *c.event.fd) : no_fd(c);
}

// What a call that makes a descriptor was asked to open, for when it failed: as it was asked, or resolved.
enum class Spelling : std::uint8_t { raw, resolved };
std::string_view wanted_name(const Context& c, Spelling spelling) {
    const EventInfo* e = find_event(c.event.code);
    if (!e || (e->flags & kCreatesFd) == 0) return {};
    const bool raw = spelling == Spelling::raw;
    if (c.event.path) return raw ? c.event.path->name_raw : c.event.path->name;
    for (std::size_t i = 1; i < e->params.size(); ++i) {
        const ParamType type = e->params[i].type;
        if (type != ParamType::fspath && type != ParamType::fsrelpath && type != ParamType::socktuple) continue;
        const auto p = wire_param(c.event, i);
        if (!p) return {};
        const std::string_view text = plain_text(c, *p, wire_value(*p));
        if (raw || type == ParamType::socktuple || text == "<NA>") return text;
        return absolute_path(base_of(c, *p), text, c.arena);
    }
    return {};
}

Value num(const Context& c, const Argument&) { return has_fd(c) ? Value::of_i64(c.event.fd_number) : no_fd(c); }

Value type(const Context&, const FdInfo& fd) {
    const std::string_view name = fd_type_name(fd.type);
    return name.empty() ? Value::missing(Missing::unsupported) : Value::of_text(name);
}

Value typechar(const Context& c, const Argument&) {
    static constexpr char kChars[] = "ofd46pueXslitnbrmP";
    if (!has_fd(c)) return no_fd(c);
    char letter = c.event.fd ? fd_type_char(c.event.fd->type) : 'o';
    const EventInfo* e = find_event(c.event.code);
    // A connection that did not come to be has no family.
    if (!c.event.fd && e && (e->flags & kCreatesFd) != 0 && e->category == EventCategory::net) letter = '4';
    const char* at = std::ranges::find(kChars, letter);
    return Value::of_text({at, 1});
}

Value name(const Context& c, const Argument&) {
    if (c.event.fd) return Value::of_text(c.event.fd->name);
    return has_fd(c) ? Value::of_text(wanted_name(c, Spelling::resolved), Missing::lost) : no_fd(c);
}

Value nameraw(const Context& c, const Argument&) {
    if (c.event.fd) return Value::of_text(c.event.fd->name_raw);
    return has_fd(c) ? Value::of_text(wanted_name(c, Spelling::raw), Missing::lost) : no_fd(c);
}

// The two sides of a call that moves bytes from one descriptor to another.
enum class Side : std::uint8_t { in, out };
template <Side kSide>
Value name_of_side(const Context& c, const Argument&) {
    constexpr EventCode kSendfile = 189;
    const FdParams at = fd_params(c.event.code, c.event.params);
    if (at.other < 0) return Value::missing(Missing::not_applicable);
    const bool acts_on_target = c.event.code == kSendfile; // the others are about what they read from
    const FdInfo* fd = (kSide == Side::out) == acts_on_target ? c.event.fd : c.event.other_fd;
    return fd ? Value::of_text(fd->name) : Value::missing(Missing::lost);
}

bool has_directory(const FdInfo& fd) { return is_file(fd.type) || fd.type == FdType::directory; }

std::string_view directory_text(const Context& c) {
    const FdInfo* fd = c.event.fd;
    if (fd && fd->type == FdType::directory) return fd->name;
    return directory_of(fd ? std::string_view(fd->name) : wanted_name(c, Spelling::resolved));
}
Value directory(const Context& c, const Argument&) {
    if (!has_fd(c)) return no_fd(c);
    if (c.event.fd && !has_directory(*c.event.fd)) return Value::missing(Missing::not_applicable);
    return Value::of_text(directory_text(c));
}
Value filename(const Context&, const FdInfo& fd) {
    return is_file(fd.type) ? Value::of_text(filename_of(fd.name)) : Value::missing(Missing::not_applicable);
}

Value uid(const Context& c, const Argument&) {
    if (!has_fd(c)) return no_fd(c);
    return Value::of_text(print(c.arena, "%d%lld", c.event.tid, static_cast<long long>(c.event.fd_number)));
}

std::string_view in_container(const Context& c, std::string_view path) {
    const ProcessImage* p = c.process();
    const std::string_view id = p && p->container ? std::string_view(p->container->id) : std::string_view("");
    return join_items(c.arena, 2, ':', [&](std::size_t i) { return i == 0 ? id : path; });
}
Value containername(const Context& c, const Argument&) {
    return has_fd(c) ? Value::of_text(in_container(c, fd_name(c))) : no_fd(c);
}
Value containerdirectory(const Context& c, const Argument& a) {
    const Value d = directory(c, a);
    return d.is_missing() ? d : Value::of_text(in_container(c, d.text()));
}

Value dev(const Context&, const FdInfo& fd) { return Value::of_i64(static_cast<std::int32_t>(fd.dev)); }
Value dev_major(const Context&, const FdInfo& fd) { return Value::of_i64((fd.dev & 0xfff00) >> 8); }
Value dev_minor(const Context&, const FdInfo& fd) {
    return Value::of_i64((fd.dev & 0xff) | ((fd.dev >> 12) & 0xfff00));
}
Value ino(const Context&, const FdInfo& fd) { return Value::of_i64(static_cast<std::int64_t>(fd.ino)); }
template <std::uint16_t kMarks>
Value mark(const Context&, const FdInfo& fd) {
    return Value::of_bool((fd.marks & kMarks) != 0);
}
Value name_changed(const Context& c, const FdInfo&) { return Value::of_bool(c.event.fd_name_changed); }
// Live, the name is the kernel's own unless a rule's name for the file has taken its place. A file that the kernel
// reached has a mount; an open that failed is about none.
Value realpath(const Context&, const FdInfo& fd) {
    if (!fd.real_path.empty()) return Value::of_text(fd.real_path);
    if (!has_directory(fd)) return Value::missing(Missing::not_applicable);
    return fd.mount_id != 0 ? Value::of_text(fd.name) : Value::missing(Missing::unsupported);
}
Value mount_id(const Context&, const FdInfo& fd) {
    return fd.mount_id ? Value::of_u64(fd.mount_id) : Value::missing(Missing::unsupported);
}
Value open_flags(const Context& c, const FdInfo& fd) {
    return Value::of_text(flag_names(fd.open_flags, "file_flags", false, c.arena));
}
Value creator(const Context&, const FdInfo& fd) {
    return fd.creator_pid > 0 ? Value::of_i64(fd.creator_pid) : Value::missing(Missing::unsupported);
}

Value types(const Context& c, const Argument& a) {
    const auto alone = [&](const FdInfo& fd) {
        const std::span<Value> one = c.arena.make_array<Value>(1);
        one[0] = type(c, fd);
        return one[0].is_missing() ? one[0] : Value::of_list(one);
    };
    if (!c.event.fds) {
        if (a.present && c.event.fd && c.event.fd_number == static_cast<std::int64_t>(a.index))
            return alone(*c.event.fd);
        return Value::missing(c.process() ? Missing::unsupported : Missing::lost);
    }
    if (a.present) {
        const FdInfo* fd = c.event.fds->find_fd(static_cast<std::int64_t>(a.index));
        return fd ? alone(*fd) : Value::missing(Missing::not_applicable);
    }
    if (!has_fd(c)) return no_fd(c);
    std::vector<FdType> found;
    c.event.fds->fd_types(found);
    const std::span<Value> all = c.arena.make_array<Value>(found.size());
    std::size_t n = 0;
    for (const FdType t : std::views::reverse(found)) { // the newest descriptors first, as the language has it
        const std::string_view word = fd_type_name(t);
        const bool known = std::ranges::any_of(all.first(n), [&](const Value& v) { return v.text() == word; });
        if (!word.empty() && !known) all[n++] = Value::of_text(word);
    }
    return n == 0 ? Value::missing(Missing::not_applicable) : Value::of_list(all.first(n));
}

} // namespace

bool has_fd(const Context& c) {
    if (c.event.fd) return true;
    const EventInfo* e = find_event(c.event.code, c.event.params);
    return e && (e->flags & (kCreatesFd | kUsesFd)) != 0 && (c.event.process || c.event.fd_number >= 0);
}

std::string_view fd_name(const Context& c) {
    return c.event.fd ? std::string_view(c.event.fd->name) : wanted_name(c, Spelling::resolved);
}

std::span<const Field> fd_fields() {
    constexpr auto kText = FieldType::charbuf;
    constexpr auto kBool = FieldType::boolean;
    static const Field table[] = {
        make_field("fd.num", FieldType::int64, event, "Number of the event's file descriptor", num).as(Format::id),
        make_field("fd.type", kText, event, "What the descriptor is: file, directory, ipv4, ipv6, unix, pipe …",
                   of_fd<type>),
        make_field("fd.typechar", kText, event, "fd.type as one character", typechar),
        make_field(
            "fd.name", kText, event,
            "Path of a file, or addresses and ports of a connection; of an open that failed the path it was asked for",
            name),
        make_field("fd.nameraw", kText, event, "Path as the program gave it", nameraw),
        make_field("fd.directory", kText, event, "Directory part of fd.name", directory),
        make_field("fd.filename", kText, event, "Last component of fd.name of a file", of_fd<filename>),
        make_field("fd.uid", kText, event, "Thread and descriptor number put together", uid),
        make_field("fd.containername", kText, event, "Container id and fd.name", containername),
        make_field("fd.containerdirectory", kText, event, "Container id and fd.directory", containerdirectory),
        make_field("fd.name_changed", kBool, event, "The event gave the descriptor another name", of_fd<name_changed>),
        make_field("fd.dev", FieldType::int32, event, "Device the file lies on", of_fd<dev>).as(Format::hex),
        make_field("fd.dev.major", FieldType::int32, event, "Major number of fd.dev", of_fd<dev_major>)
            .as(Format::decimal),
        make_field("fd.dev.minor", FieldType::int32, event, "Minor number of fd.dev", of_fd<dev_minor>)
            .as(Format::decimal),
        make_field("fd.ino", FieldType::int64, event, "Inode of the file, number of the pipe", of_fd<ino>)
            .as(Format::decimal),
        make_field("fd.is_upper_layer", kBool, event, "The file lies in the writable upper layer of an overlay",
                   of_fd<mark<kFdUpperLayer>>),
        make_field("fd.is_lower_layer", kBool, event, "The file lies in a lower layer of an overlay",
                   of_fd<mark<kFdLowerLayer>>),
        [] {
            Field f =
                make_field(
                    "fd.types", kText, event,
                    "Types of all open descriptors of the process, of an event with a descriptor; or of one by number",
                    types)
                    .list()
                    .arg(ArgKind::optional, ArgForm::index);
            f.info.no_rhs = true;
            return f;
        }(),
        make_field("fd.in.name", kText, event, "fd.name of what sendfile, splice, tee and copy_file_range read from",
                   name_of_side<Side::in>)
            .ours(),
        make_field("fd.out.name", kText, event, "fd.name of what sendfile, splice, tee and copy_file_range write to",
                   name_of_side<Side::out>)
            .ours(),
        make_field("fd.realpath", kText, event,
                   "Path of the file as it is mounted, where a rule knows it by another too", of_fd<realpath>)
            .ours(),
        make_field("fd.is_deleted", kBool, event, "The file has no name any more", of_fd<mark<kFdDeleted>>).ours(),
        make_field("fd.mount_id", FieldType::uint32, event, "Mount the file was reached by", of_fd<mount_id>)
            .as(Format::id)
            .ours(),
        make_field("fd.open_flags", kText, event, "Flags of the open that made the descriptor, names joined by |",
                   of_fd<open_flags>)
            .ours(),
        make_field("fd.creator", FieldType::int64, event, "Process that made the descriptor", of_fd<creator>)
            .as(Format::id)
            .ours(),
    };
    return table;
}

} // namespace gyr::fields
