#include "fields/event_args.h"

#include "fields/image_params.h"
#include "fields/param_text.h"
#include "fields/process_text.h"
#include "fields/wire_params.h"

#include <algorithm>

namespace gyr::fields {

using lang::FieldType;

namespace {

struct Param {
    std::string_view name;
    WireParam wire; // without bytes for the process lane
    Value value;
};

std::optional<Param> param_at(const Context& c, std::size_t index) {
    const EventInfo* event = find_event(c.event.code, c.event.params);
    if (!event || index >= event->params.size()) return {};
    const ParamInfo& info = event->params[index];
    if (c.event.params.empty()) {
        const WireParam wire{info.type, info.format, info.info, {}, index};
        return Param{info.name, wire, image_param(c, info.name)};
    }
    const auto wire = wire_param(c.event, index);
    if (!wire) return {};
    return Param{info.name, *wire, wire_value(*wire)};
}

// Whether a process-lane event has parameters at all: computed ones.
bool is_computed(const Context& c) {
    if (!c.event.params.empty()) return false;
    switch (c.event.code) {
    case kProcExit:
    case kClone:
    case kFork:
    case kVfork:
    case kClone3:
    case kExecve:
    case kExecveat: return true;
    default: return false;
    }
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

int find_param(const EventInfo& event, std::string_view name) {
    const auto at = std::ranges::find(event.params, name, &ParamInfo::name);
    return at == event.params.end() ? -1 : static_cast<int>(at - event.params.begin());
}

int find_param(EventCode code, std::string_view name) {
    const EventInfo* event = find_event(code);
    return event ? find_param(*event, name) : -1;
}

ParamIndex::ParamIndex(std::string_view name) {
    for (const EventInfo& e : event_schema()) by_code_.push_back(static_cast<std::int8_t>(find_param(e, name)));
    for (const EventInfo& e : generic_schema()) by_generic_.push_back(static_cast<std::int8_t>(find_param(e, name)));
}

int ParamIndex::of(const Event& event) const {
    if (event.code >= by_code_.size()) return -1;
    const int generic = generic_index(event.code, event.params);
    return generic < 0 ? by_code_[event.code] : by_generic_[static_cast<std::size_t>(generic)];
}

Value raw_param(const Context& c, std::size_t index) {
    if (c.event.params.empty() && !is_computed(c)) return Value::missing(Missing::not_applicable);
    const auto p = param_at(c, index);
    return p ? p->value : Value::missing(Missing::not_applicable);
}

Value text_param(const Context& c, std::size_t index) {
    if (c.event.params.empty() && !is_computed(c)) return Value::missing(Missing::not_applicable);
    const auto p = param_at(c, index);
    if (!p) return Value::missing(Missing::not_applicable);
    if (p->value.is_missing()) {
        // The event has the parameter without a value: the language reads that as a text of its own.
        if (is_computed(c)) return p->value;
        return Value::of_text(plain_text(c, p->wire, p->value), p->value.why);
    }
    const Value word = word_for(c, p->wire, p->value);
    return word.is_missing() || !word.text().empty() ? word : Value::of_text(plain_text(c, p->wire, p->value));
}

Value all_params(const Context& c) {
    const EventInfo* event = find_event(c.event.code, c.event.params);
    if (!event) return Value::missing(Missing::not_applicable);
    const std::size_t count =
        is_computed(c) ? event->params.size() : std::min(c.event.params.size(), event->params.size());
    constexpr std::size_t kGenericParams = 2; // not told here: the generic event names its call by evt.type
    const std::size_t first = event->code <= kGenericExit ? kGenericParams : 0;
    std::array<std::string_view, 64> parts;
    std::size_t n = 0;
    for (std::size_t i = first; i < count && n < parts.size(); ++i) {
        const auto p = param_at(c, i);
        if (!p) break;
        if (p->value.is_pending()) return p->value;
        const Value word = word_for(c, p->wire, p->value);
        if (word.is_pending()) return word;
        const std::string_view pieces[] = {p->name, "=", plain_text(c, p->wire, p->value), "(", word.text(), ")"};
        const std::size_t used = word.text().empty() ? 3 : 6;
        std::size_t bytes = 0;
        for (std::size_t k = 0; k < used; ++k) bytes += pieces[k].size();
        char* out = c.arena.allocate(bytes);
        char* at = out;
        for (std::size_t k = 0; k < used; ++k) at = std::ranges::copy(pieces[k], at).out;
        parts[n++] = {out, bytes};
    }
    return Value::of_text(join_items(c.arena, n, ' ', [&](std::size_t i) { return parts[i]; }));
}

} // namespace gyr::fields
