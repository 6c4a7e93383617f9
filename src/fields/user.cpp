// user.*: who runs the process, named by the user database of its own container.

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

// A property of the entry of a uid. Pending stays pending; an id that is nobody's gives the text <NA> (which rules
// compare with), with the reason beside it. Root is known without any file.
template <auto kUid, auto kMember>
Value entry(const Context& c, std::string_view of_root) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    const Uid uid = p->credentials.*kUid;
    if (uid == kNoId) return Value::of_text("<NA>", Missing::not_applicable);
    Missing why = Missing::not_applicable;
    if (c.world.users) {
        const UserAnswer answer = c.world.users->user(*p, uid);
        if (answer.entry) return Value::of_text(c.arena.copy(answer.entry->*kMember));
        if (answer.why == Missing::pending) return Value::missing(Missing::pending);
        why = answer.why;
    }
    if (uid == 0 && !of_root.empty()) return Value::of_text(of_root);
    return Value::of_text("<NA>", why);
}

// Of a container event the user that the container is made for.
Value name(const Context& c, const Argument&) {
    if (c.event.container && c.event.container->info) return Value::of_text(c.event.container->info->user);
    return entry<&Credentials::uid, &UserEntry::name>(c, "root");
}
Value euid_name(const Context& c, const Argument&) { return entry<&Credentials::euid, &UserEntry::name>(c, "root"); }
Value homedir(const Context& c, const Argument&) { return entry<&Credentials::uid, &UserEntry::home>(c, "/root"); }
Value shell(const Context& c, const Argument&) { return entry<&Credentials::uid, &UserEntry::shell>(c, ""); }
Value login_name(const Context& c, const Argument&) {
    return entry<&Credentials::login_uid, &UserEntry::name>(c, "root");
}

Value login_uid(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    const Uid uid = p->credentials.login_uid;
    return Value::of_i64(uid == kNoId ? -1 : static_cast<std::int64_t>(uid));
}

Value name_source(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    if (!c.world.users) return Value::missing(Missing::unsupported);
    const UserAnswer answer = c.world.users->user(*p, p->credentials.uid);
    if (answer.entry || !answer.source.empty()) return Value::of_text(c.arena.copy(answer.source));
    return Value::missing(answer.why);
}

Value groups(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    const std::span<Value> out = c.arena.make_array<Value>(p->groups.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = Value::of_u64(p->groups[i]);
    return Value::of_list(out);
}

} // namespace

std::span<const Field> user_fields() {
    constexpr auto kText = FieldType::charbuf;
    static const Field table[] = {
        make_field("user.uid", FieldType::uint32, image, "Real user id", id<&Credentials::uid>).as(Format::id),
        make_field("user.name", kText, world,
                   "Name of the user, from the container's own user file for a process in a container; the text <NA> "
                   "when nobody has the id",
                   name),
        make_field("user.homedir", kText, world, "Home directory of the user, <NA> when unknown", homedir),
        make_field("user.shell", kText, world, "Login shell of the user, <NA> when unknown", shell),
        make_field("user.loginuid", FieldType::int64, image,
                   "User id of the login that led to this process, -1 without one", login_uid)
            .as(Format::id),
        make_field("user.loginname", kText, world, "Name of user.loginuid, <NA> when unknown", login_name),
        make_field("user.euid", FieldType::uint32, image, "Effective user id", id<&Credentials::euid>)
            .as(Format::id)
            .ours(),
        make_field("user.ename", kText, world, "Name of user.euid", euid_name).ours(),
        make_field("user.suid", FieldType::uint32, image, "Saved user id", id<&Credentials::suid>)
            .as(Format::id)
            .ours(),
        make_field("user.fsuid", FieldType::uint32, image, "User id for file access", id<&Credentials::fsuid>)
            .as(Format::id)
            .ours(),
        make_field("user.groups", FieldType::uint64, image, "Supplementary group ids", groups)
            .list()
            .as(Format::id)
            .ours(),
        make_field("user.name_source", kText, world, "Where user.name comes from: host, container or default",
                   name_source)
            .ours(),
    };
    return table;
}

} // namespace gyr::fields
