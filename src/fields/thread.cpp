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

// What only a source that follows threads knows (captures).
template <auto kMember>
Value turn(const Context& c, const Argument&) {
    return c.event.thread ? Value::of_u64(static_cast<std::uint64_t>(c.event.thread->*kMember))
                          : Value::missing(Missing::unsupported);
}
template <auto kMember>
Value total(const Context& c, const Argument& a) {
    return c.event.thread && !c.process() ? Value::missing(Missing::lost) : turn<kMember>(c, a);
}

// Told by events that say how much of the processor a thread had lately, and by no others.
Value cpu_part(const Context& c, double ThreadFacts::*first, double ThreadFacts::*second) {
    constexpr EventCode kProcInfo = 234;
    const ThreadFacts* t = c.event.thread;
    if (!t) return Value::missing(Missing::unsupported);
    if (c.event.code != kProcInfo) return Value::missing(Missing::not_applicable);
    if (!c.process()) return Value::missing(Missing::lost);
    return Value::of_double(t->*first + (second ? t->*second : 0));
}
Value cpu(const Context& c, const Argument&) { return cpu_part(c, &ThreadFacts::cpu_user, &ThreadFacts::cpu_system); }
Value cpu_user(const Context& c, const Argument&) { return cpu_part(c, &ThreadFacts::cpu_user, nullptr); }
Value cpu_system(const Context& c, const Argument&) { return cpu_part(c, &ThreadFacts::cpu_system, nullptr); }

// Of the thread where it is known, else as its process last told.
template <auto kMember, auto kFact>
Value faults(const Context& c, const Argument& a) {
    return c.event.thread && c.process() ? Value::of_u64(c.event.thread->*kFact) : number<kMember, 1>(c, a);
}
template <auto kMember, auto kFact, std::uint64_t kUnit>
Value memory(const Context& c, const Argument& a) {
    const ProcessImage* p = c.process();
    if (p && c.event.thread) return Value::of_u64(c.event.thread->*kFact / kUnit);
    if (p && c.event.tid != p->key.pid) return Value::of_u64(0);
    return number<kMember, 1024 / kUnit>(c, a);
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
        make_field("thread.pfmajor", FieldType::uint64, event, "Page faults that needed the disk",
                   faults<&ProcessImage::major_faults, &ThreadFacts::major_faults>)
            .as(Format::decimal),
        make_field("thread.pfminor", FieldType::uint64, event, "Page faults that did not",
                   faults<&ProcessImage::minor_faults, &ThreadFacts::minor_faults>)
            .as(Format::decimal),
        make_field("thread.tid", FieldType::int64, event, "Thread id in the host's pid namespace", tid).as(Format::id),
        make_field("thread.ismain", FieldType::boolean, event, "The thread is the main one of its process", is_main),
        make_field("thread.vtid", FieldType::int64, image, "Thread id in the process's own pid namespace", vtid)
            .as(Format::id),
        make_field("thread.nametid", kText, event, "proc.name and thread.tid put together", nametid).hide(),
        make_field("thread.exectime", FieldType::reltime, event, "Nanoseconds on the processor in the last turn",
                   turn<&ThreadFacts::exec_time>)
            .captures()
            .as(Format::decimal),
        make_field("thread.totexectime", FieldType::reltime, event,
                   "Nanoseconds on the processor since the capture began", total<&ThreadFacts::total_exec_time>)
            .captures()
            .as(Format::decimal),
        make_field("thread.cgroups", kText, image, "All cgroups as controller=path, joined by blanks", cgroups),
        make_field("thread.cgroup", kText, image, "Cgroup of one controller, as in thread.cgroup.memory", cgroup)
            .suffix(ArgKind::required, cgroup_name),
        make_field("thread.cpu", FieldType::floating, event, "Processor use in percent", cpu).captures(),
        make_field("thread.cpu.user", FieldType::floating, event, "Processor use in user mode in percent", cpu_user)
            .captures(),
        make_field("thread.cpu.system", FieldType::floating, event, "Processor use in kernel mode in percent",
                   cpu_system)
            .captures(),
        make_field("thread.vmsize", FieldType::uint64, event,
                   "Virtual memory of the process in KiB, 0 for all but its main thread",
                   memory<&ProcessImage::vm_size_kb, &ThreadFacts::vm_size_bytes, 1024>)
            .as(Format::decimal),
        make_field("thread.vmrss", FieldType::uint64, event,
                   "Resident memory of the process in KiB, 0 for all but its main thread",
                   memory<&ProcessImage::vm_rss_kb, &ThreadFacts::vm_rss_bytes, 1024>)
            .as(Format::decimal),
        make_field("thread.vmsize.b", FieldType::uint64, event, "thread.vmsize in bytes",
                   memory<&ProcessImage::vm_size_kb, &ThreadFacts::vm_size_bytes, 1>)
            .as(Format::decimal)
            .hide(),
        make_field("thread.vmrss.b", FieldType::uint64, event, "thread.vmrss in bytes",
                   memory<&ProcessImage::vm_rss_kb, &ThreadFacts::vm_rss_bytes, 1>)
            .as(Format::decimal)
            .hide(),
    };
    return table;
}

} // namespace gyr::fields
