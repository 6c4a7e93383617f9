#pragma once
// What the files of proc.* share.

#include "fields/registry.h"

namespace gyr::fields {

// A property of a process, for the process itself, its parent, ancestors and leaders alike.
using ProcessProperty = Value (*)(const Context&, const ProcessImage&);

template <ProcessProperty kProperty>
Value self(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    return p ? kProperty(c, *p) : Value::missing(Missing::lost);
}

// Only a source that follows descriptors knows how many are open (captures).
inline Value open_descriptors(const Context& c, const Argument&) {
    if (!c.process()) return Value::missing(Missing::lost);
    return c.event.thread ? Value::of_u64(c.event.thread->open_fds) : Value::missing(Missing::unsupported);
}

inline Field own_field(std::string_view name, lang::FieldType type, Scope scope, std::string_view doc, Extractor e) {
    return make_field(name, type, scope, doc, e).ours();
}

} // namespace gyr::fields
