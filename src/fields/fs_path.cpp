// fs.path.* and fdlist.*: paths that a file operation was about, descriptors that a poll was about.

#include "event/schema.h"
#include "fields/address_text.h"
#include "fields/event_args.h"
#include "fields/fd.h"
#include "fields/fd_text.h"
#include "fields/param_text.h"
#include "fields/process_text.h"
#include "fields/registry.h"
#include "fields/wire_params.h"

#include <algorithm>

namespace gyr::fields {
namespace {

using lang::FieldType;
using enum Scope;

Value none() { return Value::missing(Missing::not_applicable); }

// Which parameters of a call hold its paths. A link's source is the new name, as the language has it.
struct Paths {
    std::string_view event, name, source, target;
};
constexpr Paths kPaths[] = {
    {"open", "name", "", ""},
    {"openat", "name", "", ""},
    {"openat2", "name", "", ""},
    {"creat", "name", "", ""},
    {"open_by_handle_at", "path", "", ""},
    {"mkdir", "path", "", ""},
    {"mkdirat", "path", "", ""},
    {"rmdir", "path", "", ""},
    {"unlink", "path", "", ""},
    {"unlinkat", "name", "", ""},
    {"chmod", "filename", "", ""},
    {"fchmodat", "filename", "", ""},
    {"fchmod", "fd", "", ""},
    {"chown", "path", "", ""},
    {"lchown", "path", "", ""},
    {"fchown", "fd", "", ""},
    {"fchownat", "pathname", "", ""},
    {"quotactl", "special", "", ""},
    {"umount", "name", "", ""},
    {"umount2", "name", "", ""},
    {"rename", "", "oldpath", "newpath"},
    {"renameat", "", "oldpath", "newpath"},
    {"renameat2", "", "oldpath", "newpath"},
    {"link", "", "newpath", "oldpath"},
    {"linkat", "", "newpath", "oldpath"},
    {"symlink", "", "linkpath", "target"},
    {"symlinkat", "", "linkpath", "target"},
    {"mount", "", "dev", "dir"},
    // Live only: in captures they have no parameters.
    {"fchmodat2", "filename", "", ""},
    {"setxattr", "path", "", ""},
    {"lsetxattr", "path", "", ""},
    {"fsetxattr", "fd", "", ""},
    {"setxattrat", "path", "", ""},
    {"removexattr", "path", "", ""},
    {"lremovexattr", "path", "", ""},
    {"fremovexattr", "fd", "", ""},
    {"removexattrat", "path", "", ""},
    {"file_setattr", "path", "", ""},
    {"truncate", "path", "", ""},
    {"ftruncate", "fd", "", ""},
    {"utime", "path", "", ""},
    {"utimes", "path", "", ""},
    {"futimesat", "path", "", ""},
    {"utimensat", "path", "", ""},
    {"acct", "path", "", ""},
    {"swapon", "path", "", ""},
    {"swapoff", "path", "", ""},
    {"pivot_root", "path", "", ""},
    {"open_tree", "path", "", ""},
    {"open_tree_attr", "path", "", ""},
    {"fspick", "path", "", ""},
    {"move_mount", "", "oldpath", "newpath"},
    {"mount_setattr", "path", "", ""},
    {"name_to_handle_at", "path", "", ""},
};

enum class Which : std::uint8_t { name, source, target };

// Indexes of the parameters by event code; -1 for an event that has none. Made once.
struct Row {
    std::int8_t name = -1, source = -1, target = -1;
    std::int8_t first = -1, second = -1; // those that the live source resolves, in the order of the call
    bool opens = false;                  // the descriptor has the name
};
Row row_of(const EventInfo& e) {
    Row row;
    if (e.direction != EventDirection::exit) return row;
    for (const Paths& p : kPaths) {
        if (p.event != e.name) continue;
        const auto index = [&](std::string_view param) {
            return static_cast<std::int8_t>(param.empty() ? -1 : find_param(e, param));
        };
        row = {index(p.name), index(p.source), index(p.target), -1, -1, (e.flags & kCreatesFd) != 0};
    }
    for (std::int8_t i = 0; const ParamInfo& p : e.params) {
        const bool is_path = p.type == ParamType::fspath || p.type == ParamType::fsrelpath;
        if (is_path && (i == row.name || i == row.source || i == row.target))
            (row.first < 0 ? row.first : row.second) = i;
        ++i;
    }
    return row;
}
std::vector<Row> rows_of(std::span<const EventInfo> events) {
    std::vector<Row> out;
    for (const EventInfo& e : events) out.push_back(row_of(e));
    return out;
}
const Row& row_of(const Event& event) {
    static const std::vector<Row> by_code = rows_of(event_schema()), by_generic = rows_of(generic_schema());
    static constexpr Row kNone;
    if (event.code >= by_code.size()) return kNone;
    const int generic = generic_index(event.code, event.params);
    return generic < 0 ? by_code[event.code] : by_generic[static_cast<std::size_t>(generic)];
}

Value path_text(const Context& c, const Row& row, int index, bool raw) {
    const auto p = wire_param(c.event, static_cast<std::size_t>(index));
    if (!p) return none();
    if (p->type == ParamType::fd)
        return c.event.fd ? Value::of_text(raw ? c.event.fd->name_raw : c.event.fd->name)
                          : Value::missing(Missing::lost);
    const Value given = wire_value(*p);
    if (given.is_missing()) return none();
    const std::string_view text = given.text();
    const FdInfo* led_to = index == row.first || index == row.name ? c.event.path
                           : index == row.second                   ? c.event.other_path
                                                                   : nullptr;
    if (led_to && !(raw && led_to->name_raw.empty())) return Value::of_text(raw ? led_to->name_raw : led_to->name);
    if (raw || text.starts_with('/') || text == "<NA>") return Value::of_text(text);
    // Where the directory is not known (a call with a directory descriptor, working directory unknown) it says so.
    const EventInfo* e = find_event(c.event.code, c.event.params);
    const bool at = std::ranges::any_of(e->params, [](const ParamInfo& q) { return q.type == ParamType::fsrelpath; });
    std::string_view base = base_of(c, *p);
    if (p->type != ParamType::fsrelpath && at)
        for (std::size_t i = 0; i < e->params.size(); ++i)
            if (e->params[i].type == ParamType::fsrelpath)
                if (const auto q = wire_param(c.event, i)) base = base_of(c, *q);
    if (base.empty() && at && (e->flags & kUsesFd) != 0) {
        constexpr std::string_view kUnknown = "<UNKNOWN>";
        char* out = c.arena.allocate(kUnknown.size() + text.size());
        std::ranges::copy(text, std::ranges::copy(kUnknown, out).out);
        return Value::of_text({out, kUnknown.size() + text.size()});
    }
    return Value::of_text(absolute_path(base, text, c.arena));
}

template <Which kWhich, bool kRaw>
Value path(const Context& c, const Argument&) {
    const Row& row = row_of(c.event);
    const int index = kWhich == Which::name ? row.name : kWhich == Which::source ? row.source : row.target;
    if (index < 0) return none();
    if (row.opens && !kRaw) {
        const std::string_view name = fd_name(c);
        return name.empty() ? none() : Value::of_text(name);
    }
    if (!row.opens && c.event.has_result && c.event.result < 0) return none(); // only of calls that did something
    return path_text(c, row, index, kRaw);
}

// ---- polled descriptors ----

std::string_view polled_bytes(const Context& c) {
    const EventInfo* e = find_event(c.event.code);
    if (!e) return {};
    for (std::size_t i = 0; i < e->params.size() && i < c.event.params.size(); ++i)
        if (e->params[i].type == ParamType::fdlist) return c.event.params[i];
    return {};
}

using Property = std::string_view (*)(const Context&, const FdInfo&);

bool has_ends(const FdInfo& fd) { return fd.type == FdType::ipv4 || fd.type == FdType::ipv6; }
std::string_view name_of(const Context&, const FdInfo& fd) { return fd.name; }
std::string_view cip_of(const Context& c, const FdInfo& fd) {
    return has_ends(fd) ? ip_text(fd.source_address.data(), is_ipv6(fd.type), c.arena) : std::string_view();
}
std::string_view sip_of(const Context& c, const FdInfo& fd) {
    return has_ends(fd) || is_server(fd.type) ? ip_text(fd.destination_address.data(), is_ipv6(fd.type), c.arena)
                                              : std::string_view();
}
std::string_view cport_of(const Context& c, const FdInfo& fd) {
    return has_ends(fd) ? print(c.arena, "%u", unsigned{fd.source_port}) : std::string_view();
}
std::string_view sport_of(const Context& c, const FdInfo& fd) {
    return has_ends(fd) || is_server(fd.type) ? print(c.arena, "%u", unsigned{fd.destination_port})
                                              : std::string_view();
}

Value joined(const Context& c, std::span<const std::string_view> texts) {
    if (texts.empty()) return none();
    return Value::of_text(join_items(c.arena, texts.size(), ',', [&](std::size_t i) { return texts[i]; }));
}

template <Property kProperty>
Value polled(const Context& c, const Argument&) {
    const PolledFds list(polled_bytes(c));
    const auto texts = c.arena.make_array<std::string_view>(list.size());
    std::size_t n = 0;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const FdInfo* fd = find_fd(c, list[i].fd);
        const std::string_view text = fd ? kProperty(c, *fd) : std::string_view();
        if (!text.empty()) texts[n++] = text;
    }
    return joined(c, texts.first(n));
}

Value polled_numbers(const Context& c, const Argument&) {
    const PolledFds list(polled_bytes(c));
    const auto texts = c.arena.make_array<std::string_view>(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) texts[i] = print(c.arena, "%lld", static_cast<long long>(list[i].fd));
    return joined(c, texts);
}

} // namespace

std::span<const Field> fs_path_fields() {
    constexpr auto kText = FieldType::charbuf;
    static const Field table[] = {
        make_field("fs.path.name", kText, event, "Path that was opened, made, removed, changed or unmounted",
                   path<Which::name, false>),
        make_field("fs.path.nameraw", kText, event, "fs.path.name as the program gave it", path<Which::name, true>),
        make_field("fs.path.source", kText, event,
                   "Old path of a rename or of what was mounted, new path of a link, device of a mount",
                   path<Which::source, false>),
        make_field("fs.path.sourceraw", kText, event, "fs.path.source as the program gave it",
                   path<Which::source, true>),
        make_field("fs.path.target", kText, event, "New path of a rename, what a link points to, directory of a mount",
                   path<Which::target, false>),
        make_field("fs.path.targetraw", kText, event, "fs.path.target as the program gave it",
                   path<Which::target, true>),
        make_field("fdlist.nums", kText, event, "Numbers of the polled descriptors, joined by commas", polled_numbers)
            .as(Format::id),
        make_field("fdlist.names", kText, event, "Names of the polled descriptors", polled<name_of>),
        make_field("fdlist.cips", kText, event, "Client addresses of the polled descriptors", polled<cip_of>),
        make_field("fdlist.sips", kText, event, "Server addresses of the polled descriptors", polled<sip_of>),
        make_field("fdlist.cports", kText, event, "Client ports of the polled descriptors", polled<cport_of>)
            .as(Format::decimal),
        make_field("fdlist.sports", kText, event, "Server ports of the polled descriptors", polled<sport_of>)
            .as(Format::decimal),
    };
    return table;
}

} // namespace gyr::fields
