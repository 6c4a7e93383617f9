// group.*: the group the process runs with.

#include "fields/registry.h"

namespace gyr::fields {
namespace {

using lang::FieldType;
using enum Scope;

template <auto kMember>
Value id(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    return p ? Value::of_u64(p->credentials.*kMember) : Value::missing(Missing::lost);
}

template <auto kMember>
Value name(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    const Gid gid = p->credentials.*kMember;
    Missing why = Missing::not_applicable;
    if (c.world.users) {
        const GroupAnswer answer = c.world.users->group(*p, gid);
        if (answer.entry) return Value::of_text(c.arena.copy(answer.entry->name));
        if (answer.why == Missing::pending) return Value::missing(Missing::pending);
        why = answer.why;
    }
    return gid == 0 ? Value::of_text("root") : Value::of_text("<NA>", why);
}

} // namespace

std::span<const Field> group_fields() {
    static const Field table[] = {
        make_field("group.gid", FieldType::uint32, image, "Real group id", id<&Credentials::gid>).as(Format::id),
        make_field("group.name", FieldType::charbuf, world,
                   "Name of the group, from the container's own group file for a process in a container; the text <NA> "
                   "when no group has the id",
                   name<&Credentials::gid>),
        make_field("group.egid", FieldType::uint32, image, "Effective group id", id<&Credentials::egid>)
            .as(Format::id)
            .ours(),
        make_field("group.ename", FieldType::charbuf, world, "Name of group.egid", name<&Credentials::egid>).ours(),
        make_field("group.sgid", FieldType::uint32, image, "Saved group id", id<&Credentials::sgid>)
            .as(Format::id)
            .ours(),
        make_field("group.fsgid", FieldType::uint32, image, "Group id for file access", id<&Credentials::fsgid>)
            .as(Format::id)
            .ours(),
    };
    return table;
}

} // namespace gyr::fields
