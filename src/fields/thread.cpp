// thread.*: the thread an event happened on, and capabilities and cgroups, which the language keeps under this name.

#include "fields/process_text.h"
#include "fields/registry.h"

namespace gyr::fields {
namespace {

using lang::ArgKind;
using lang::FieldType;
using enum Scope;

template <auto kMember>
Value caps(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    return Value::of_text(capabilities_text(p->credentials.*kMember, c.arena));
}

template <auto kMember, std::uint64_t kUnit>
Value number(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    return p ? Value::of_u64(p->*kMember * kUnit) : Value::missing(Missing::lost);
}

Value tid(const Context& c, const Argument&) { return Value::of_i64(c.event.tid); }
Value is_main(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    return p ? Value::of_bool(c.event.tid == p->key.pid) : Value::missing(Missing::lost);
}
Value vtid(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    return p && p->vtid > 0 ? Value::of_i64(p->vtid) : Value::missing(Missing::lost);
}
Value nametid(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    return p ? Value::of_text(print(c.arena, "%s%d", p->comm.c_str(), c.event.tid)) : Value::missing(Missing::lost);
}

Value cgroups(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    const std::string_view text = cgroups_text(*p, ' ', c.arena);
    return text.empty() ? Value::missing(Missing::not_applicable) : Value::of_text(text);
}
Value cgroup(const Context& c, const Argument& a) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    if (p->cgroups)
        for (const CgroupInfo& g : *p->cgroups)
            if (g.subsystem == a.text) return Value::of_text(g.path);
    return Value::missing(Missing::not_applicable);
}
Result<> cgroup_name(Argument& a, FieldType&) {
    for (const char ch : a.text)
        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_'))
            return fail(ErrorKind::invalid, "a cgroup controller's name has letters, digits and underscores only");
    return {};
}

} // namespace

std::span<const Field> thread_fields() {
    constexpr auto kText = FieldType::charbuf;
    static const Field table[] = {
        make_field("thread.cap_permitted", kText, image, "Permitted capabilities, names joined by blanks",
                   caps<&Credentials::cap_permitted>),
        make_field("thread.cap_inheritable", kText, image, "Inheritable capabilities",
                   caps<&Credentials::cap_inheritable>),
        make_field("thread.cap_effective", kText, image, "Effective capabilities", caps<&Credentials::cap_effective>),
        make_field("thread.cap_bounding", kText, image, "Bounding set of capabilities",
                   caps<&Credentials::cap_bounding>)
            .ours(),
        make_field("thread.cap_ambient", kText, image, "Ambient capabilities", caps<&Credentials::cap_ambient>).ours(),
        make_field("thread.pfmajor", FieldType::uint64, image, "Page faults that needed the disk",
                   number<&ProcessImage::major_faults, 1>)
            .as(Format::decimal),
        make_field("thread.pfminor", FieldType::uint64, image, "Page faults that did not",
                   number<&ProcessImage::minor_faults, 1>)
            .as(Format::decimal),
        make_field("thread.tid", FieldType::int64, event, "Thread id in the host's pid namespace", tid).as(Format::id),
        make_field("thread.ismain", FieldType::boolean, event, "The thread is the main one of its process", is_main),
        make_field("thread.vtid", FieldType::int64, image, "Thread id in the process's own pid namespace", vtid)
            .as(Format::id),
        make_field("thread.nametid", kText, event, "proc.name and thread.tid put together", nametid).hide(),
        make_absent("thread.exectime", FieldType::reltime, "Processor time of the last turn").as(Format::decimal),
        make_absent("thread.totexectime", FieldType::reltime, "Processor time so far").as(Format::decimal),
        make_field("thread.cgroups", kText, image, "All cgroups as controller=path, joined by blanks", cgroups),
        make_field("thread.cgroup", kText, image, "Cgroup of one controller, as in thread.cgroup.memory", cgroup)
            .suffix(ArgKind::required, cgroup_name),
        make_absent("thread.cpu", FieldType::floating, "Processor use in percent"),
        make_absent("thread.cpu.user", FieldType::floating, "Processor use in user mode in percent"),
        make_absent("thread.cpu.system", FieldType::floating, "Processor use in kernel mode in percent"),
        make_field("thread.vmsize", FieldType::uint64, image, "Virtual memory of the process in KiB",
                   number<&ProcessImage::vm_size_kb, 1>)
            .as(Format::decimal),
        make_field("thread.vmrss", FieldType::uint64, image, "Resident memory of the process in KiB",
                   number<&ProcessImage::vm_rss_kb, 1>)
            .as(Format::decimal),
        make_field("thread.vmsize.b", FieldType::uint64, image, "thread.vmsize in bytes",
                   number<&ProcessImage::vm_size_kb, 1024>)
            .as(Format::decimal)
            .hide(),
        make_field("thread.vmrss.b", FieldType::uint64, image, "thread.vmrss in bytes",
                   number<&ProcessImage::vm_rss_kb, 1024>)
            .as(Format::decimal)
            .hide(),
    };
    return table;
}

} // namespace gyr::fields
