// proc.*: names, numbers and arguments of the process, its ancestors and leaders.

#include "fields/proc.h"
#include "fields/process_text.h"
#include "fields/registry.h"

#include <algorithm>

namespace gyr::fields {
namespace {

using lang::ArgKind;
using lang::FieldType;
using enum Scope;

Value name_of(const Context&, const ProcessImage& p) { return Value::of_text(p.comm); }
Value exe_of(const Context&, const ProcessImage& p) { return Value::of_text(argv0(p)); }
Value exepath_of(const Context&, const ProcessImage& p) {
    return Value::of_text(p.exec->exe_path, p.exec->exe_path.empty() && p.incomplete ? Missing::lost : Missing::none);
}
Value cmdline_of(const Context& c, const ProcessImage& p) { return Value::of_text(cmdline_text(p, c.arena)); }
Value args_of(const Context& c, const ProcessImage& p) { return Value::of_text(args_text(p, c.arena)); }
Value env_of(const Context& c, const ProcessImage& p) { return Value::of_text(env_text(p, c.arena)); }
Value pid_of(const Context&, const ProcessImage& p) { return Value::of_i64(p.key.pid); }
Value vpid_of(const Context&, const ProcessImage& p) {
    return p.vpid > 0 ? Value::of_i64(p.vpid) : Value::missing(Missing::lost);
}
Value key_of(const Context& c, const ProcessImage& p) { return Value::of_text(key_text(p.key, c.arena)); }
Value start_of(const Context&, const ProcessImage& p) {
    return p.start_time > 0 ? Value::of_u64(static_cast<std::uint64_t>(p.start_time)) : Value::missing(Missing::lost);
}
Value start_or_zero(const Context&, const ProcessImage& p) {
    return Value::of_u64(static_cast<std::uint64_t>(std::max<Nanos>(0, p.start_time)));
}
Value age_of(const Context& c, const ProcessImage& p) {
    if (p.start_time <= 0) return Value::missing(Missing::lost);
    return Value::of_u64(static_cast<std::uint64_t>(std::max<Nanos>(0, c.event.time - p.start_time)));
}

template <ProcessProperty kProperty>
Value parent(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    const ProcessImage* other = parent_of(c, *p);
    return other ? kProperty(c, *other) : Value::missing(why_no_parent(*p));
}

using Step = const ProcessImage* (*)(const Context&, const ProcessImage&);

// The n-th ancestor, 0 being the process itself; null with the reason in why.
const ProcessImage* ancestor(const Context& c, std::uint64_t n, Missing& why) {
    const ProcessImage* p = c.process();
    why = Missing::lost;
    if (n > kMaxAncestors) {
        why = Missing::not_applicable;
        return nullptr;
    }
    if (p && p->key.pid < 0) return nullptr; // a thread's number is all that is known: nobody's line begins there
    for (; p && n > 0; --n) {
        const ProcessImage* next = parent_of(c, *p);
        if (!next || next->key == p->key) {
            why = next ? Missing::not_applicable : why_no_parent(*p);
            return nullptr;
        }
        p = next;
    }
    return p;
}

template <ProcessProperty kProperty>
Value collect(const Context& c, Step step) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    std::array<Value, kMaxAncestors> found;
    std::size_t n = 0;
    int steps = 0;
    const ProcessImage* at = p;
    while (n < found.size()) {
        const ProcessImage* next = step(c, *at);
        if (!next || next->key == at->key || next->key == p->key) break;
        at = next;
        if (++steps > kMaxAncestors) break;
        if (!next->incomplete) found[n++] = kProperty(c, *next); // of one that nothing told of there is nothing to say
    }
    if (n == 0) return Value::missing(why_no_parent(*p));
    const auto says_nothing = [](const Value& v) { return v.kind == ValueKind::text && v.text().empty(); };
    if (std::all_of(found.begin(), found.begin() + n, says_nothing)) return Value::missing(Missing::not_applicable);
    const std::span<Value> kept = c.arena.make_array<Value>(n);
    std::copy_n(found.begin(), n, kept.begin());
    return Value::of_list(kept);
}

template <ProcessProperty kProperty>
Value ancestors(const Context& c, const Argument& a) {
    if (!a.present) return collect<kProperty>(c, parent_of);
    Missing why{};
    const ProcessImage* p = ancestor(c, a.index, why);
    return p ? kProperty(c, *p) : Value::missing(why);
}

template <ProcessProperty kProperty>
Value creators(const Context& c, const Argument&) {
    return collect<kProperty>(c, creator_of);
}

Value args(const Context& c, const Argument& a) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    if (!a.present) return args_of(c, *p);
    const ItemList& argv = p->exec->argv;
    return Value::of_text(a.index < argv.size() && a.index + 1 < argv.size() ? argv[a.index + 1]
                                                                             : std::string_view(""));
}

// Without index: the arguments of all ancestors joined, one text.
Value aargs(const Context& c, const Argument& a) {
    if (a.present) return ancestors<args_of>(c, a);
    const Value all = collect<args_of>(c, parent_of);
    if (all.is_missing()) return all;
    auto items = all.list();
    while (!items.empty() && items.front().text().empty()) items = items.subspan(1); // no blank at the beginning
    return Value::of_text(join_items(c.arena, items.size(), ' ', [&](std::size_t i) { return items[i].text(); }));
}

Value env(const Context& c, const Argument& a) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    if (!a.present || a.is_index) return env_of(c, *p);
    const std::string_view v = env_value(*p, a.text, c.arena);
    return Value::of_text(v.data() ? v : std::string_view(""));
}

Value aenv(const Context& c, const Argument& a) {
    if (!a.present || a.is_index) return ancestors<env_of>(c, a);
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    for (int n = 0; n < 20; ++n) {
        const ProcessImage* next = parent_of(c, *p);
        if (!next || next->key == p->key) break;
        const std::string_view v = env_value(*next, a.text, c.arena);
        if (!v.empty()) return Value::of_text(v);
        p = next;
    }
    return Value::of_text("");
}

Value cwd(const Context& c, const ProcessImage& p) {
    return p.cwd.empty() && p.incomplete ? Value::of_text("./", Missing::lost) : Value::of_text(cwd_text(p, c.arena));
}

Value loginshellid(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    Pid found = 0;
    for (int n = 0; p && n < kMaxAncestors; ++n) {
        if (p->comm.ends_with("sh")) found = p->key.pid;
        const ProcessImage* next = parent_of(c, *p);
        if (next && next->key == p->key) break;
        p = next;
    }
    return found ? Value::of_i64(found) : Value::missing(Missing::not_applicable);
}

// Leaders. A session and a group are named by the leader's pid in the process's own pid namespace. Where a source does
// not tell namespaces apart (captures), the leader is the oldest forebear in the same session or group.
template <auto kId>
const ProcessImage* virtual_leader(const Context& c, const ProcessImage& p) {
    const Pid id = p.*kId;
    if (!c.world.processes || id < 0) return nullptr;
    if (p.namespaces.pid != 0) return id > 0 ? c.world.processes->find_vpid(p.namespaces.pid, id) : nullptr;
    const bool in_namespace = p.vtid > 0 && p.vtid != p.tid;
    if (!in_namespace && id > 0)
        if (const ProcessImage* found = c.world.processes->find_pid(id)) return found;
    const ProcessImage* leader = nullptr;
    const ProcessImage* at = &p;
    for (int n = 0; n < kMaxAncestors; ++n) {
        at = parent_of(c, *at);
        if (!at || at->*kId != id) break;
        leader = at;
    }
    return leader;
}
const ProcessImage* session_leader(const Context& c, const ProcessImage& p) {
    return virtual_leader<&ProcessImage::vsid>(c, p);
}
const ProcessImage* vgroup_leader(const Context& c, const ProcessImage& p) {
    return virtual_leader<&ProcessImage::vpgid>(c, p);
}
const ProcessImage* group_leader(const Context& c, const ProcessImage& p) {
    return c.world.processes && p.pgid > 0 ? c.world.processes->find_pid(p.pgid) : nullptr;
}

// The language has an empty text for a leader that is not known.
template <Step kStep, ProcessProperty kProperty>
Value leader(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    const ProcessImage* other = kStep(c, *p);
    return other ? kProperty(c, *other) : Value::of_text("", Missing::gone);
}

// -1 is a value of the language: not told.
template <auto kMember>
Value id_of(const Context&, const ProcessImage& p) {
    return Value::of_i64(p.*kMember);
}

Value ppid(const Context& c, const ProcessImage& p) {
    const ProcessView* processes = c.world.processes;
    if (processes && !processes->numbers_unknown_parents() && !parent_of(c, p)) return Value::missing(why_no_parent(p));
    return Value::of_i64(p.parent.pid);
}
Value cmdnargs(const Context&, const ProcessImage& p) {
    return Value::of_u64(p.exec->argv.size() > 0 ? p.exec->argv.size() - 1 : 0);
}
Value cmdlenargs(const Context&, const ProcessImage& p) {
    std::uint64_t bytes = 0;
    for (std::size_t i = 1; i < p.exec->argv.size(); ++i) bytes += p.exec->argv[i].size();
    return Value::of_u64(bytes);
}
Value exeline(const Context& c, const ProcessImage& p) { return Value::of_text(exeline_text(p, c.arena)); }
Value is_sid_leader(const Context&, const ProcessImage& p) { return Value::of_bool(p.vsid == p.vpid); }
Value is_vpgid_leader(const Context&, const ProcessImage& p) { return Value::of_bool(p.vpgid == p.vpid); }
Value is_pgid_leader(const Context&, const ProcessImage& p) { return Value::of_bool(p.pgid == p.key.pid); }

// A capture does not tell when the processes began that were there before it. Of such a parent Falco, whose rules this
// is for, gives proc.fdopencount instead.
Value parent_duration(const Context& c, const Argument& a) {
    const ProcessImage* p = c.process();
    const ProcessImage* other = p ? parent_of(c, *p) : nullptr;
    return other && other->start_time <= 0 && c.event.thread ? open_descriptors(c, a) : parent<age_of>(c, a);
}

// Our own.
template <std::size_t kFirst>
Value arguments(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    const ItemList& items = p->exec->argv;
    const std::span<Value> out = c.arena.make_array<Value>(items.size() > kFirst ? items.size() - kFirst : 0);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = Value::of_text(items[i + kFirst]);
    return Value::of_list(out);
}
Value pkey(const Context& c, const ProcessImage& p) {
    return p.parent ? Value::of_text(key_text(p.parent, c.arena)) : Value::missing(why_no_parent(p));
}
Value args_truncated(const Context&, const ProcessImage& p) { return Value::of_bool(p.exec->argv.truncated); }
Value env_truncated(const Context&, const ProcessImage& p) { return Value::of_bool(p.exec->env->truncated); }
Value args_hash(const Context&, const ProcessImage& p) {
    return p.exec->argv.truncated ? Value::of_u64(p.exec->argv.hash) : Value::missing(Missing::not_applicable);
}
Value args_bytes(const Context&, const ProcessImage& p) {
    return Value::of_u64(std::max<std::uint64_t>(p.exec->argv.total_bytes, p.exec->argv.bytes.size()));
}
Value script(const Context&, const ProcessImage& p) {
    return p.exec->script_path.empty() ? Value::missing(Missing::not_applicable) : Value::of_text(p.exec->script_path);
}
Value script_of(const Context&, const ProcessImage& p) { return Value::of_text(p.exec->script_path, Missing::none); }

constexpr auto kText = FieldType::charbuf;

Field up(std::string_view name, FieldType type, std::string_view doc, Extractor e) {
    return make_field(name, type, world, doc, e).arg(ArgKind::optional, ArgForm::index).any();
}

} // namespace

std::span<const Field> proc_fields() {
    static const Field table[] = {
        make_field("proc.exe", kText, image,
                   "First argument of the command (argv[0]), which the caller may set to anything", self<exe_of>),
        make_field("proc.pexe", kText, world, "proc.exe of the parent", parent<exe_of>),
        up("proc.aexe", kText, "proc.exe of an ancestor: [1] is the parent, [2] its parent; without index any ancestor",
           ancestors<exe_of>),
        make_field("proc.exepath", kText, image, "Path of the executable as the kernel resolved it", self<exepath_of>),
        make_field("proc.pexepath", kText, world, "proc.exepath of the parent", parent<exepath_of>),
        up("proc.aexepath", kText, "proc.exepath of an ancestor, as proc.aexe", ancestors<exepath_of>),
        make_field("proc.name", kText, image, "Name of the process as the kernel has it (comm, at most 15 bytes)",
                   self<name_of>),
        make_field("proc.pname", kText, world, "proc.name of the parent", parent<name_of>),
        up("proc.aname", kText, "proc.name of an ancestor, as proc.aexe", ancestors<name_of>),
        make_field("proc.args", kText, image,
                   "Arguments after the first joined by blanks; [n] the n-th of them from 0, empty when there is none",
                   args)
            .arg(ArgKind::optional, ArgForm::index),
        make_field("proc.aargs", kText, world, "proc.args of an ancestor; without index of all ancestors, joined",
                   aargs)
            .arg(ArgKind::optional, ArgForm::index),
        make_field("proc.cmdline", kText, image, "proc.name and proc.args", self<cmdline_of>),
        make_field("proc.pcmdline", kText, world, "proc.cmdline of the parent", parent<cmdline_of>),
        up("proc.acmdline", kText, "proc.cmdline of an ancestor, as proc.aexe", ancestors<cmdline_of>),
        make_field("proc.cmdnargs", FieldType::uint64, image, "Number of arguments after the first", self<cmdnargs>)
            .as(Format::decimal),
        make_field("proc.cmdlenargs", FieldType::uint64, image,
                   "Bytes of the arguments after the first, without the blanks between", self<cmdlenargs>)
            .as(Format::decimal),
        make_field("proc.exeline", kText, image, "proc.exe and proc.args", self<exeline>),
        make_field(
            "proc.env", kText, image,
            "Environment joined by blanks; [NAME] the value of one variable, empty when it is not set, all values when "
            "it is there several times",
            env)
            .arg(ArgKind::optional, ArgForm::index_or_key),
        make_field("proc.aenv", kText, world,
                   "proc.env of an ancestor by index, or the first value of a variable among the ancestors by name",
                   aenv)
            .arg(ArgKind::optional, ArgForm::index_or_key)
            .any()
            .printed_as("proc.env"),
        make_field("proc.cwd", kText, image, "Working directory, with a slash at the end", self<cwd>),
        make_field("proc.loginshellid", FieldType::int64, world,
                   "Pid of the oldest shell among the process and its ancestors", loginshellid)
            .as(Format::id),
        make_field("proc.pid", FieldType::int64, image, "Process id in the host's pid namespace", self<pid_of>)
            .as(Format::id),
        make_field("proc.ppid", FieldType::int64, world,
                   "Process id of the parent; in a capture missing when nothing else is known of it", self<ppid>)
            .as(Format::id),
        up("proc.apid", FieldType::int64, "Process id of an ancestor, as proc.aexe", ancestors<pid_of>)
            .as(Format::id)
            .printed_as("proc.apid", "0"),
        make_field("proc.vpid", FieldType::int64, image, "Process id in the process's own pid namespace", self<vpid_of>)
            .as(Format::id),
        make_field("proc.pvpid", FieldType::int64, world, "proc.vpid of the parent", parent<vpid_of>).as(Format::id),
        make_field("proc.sid", FieldType::int64, image, "Session id in the process's own pid namespace",
                   self<id_of<&ProcessImage::vsid>>)
            .as(Format::id),
        make_field("proc.sname", kText, world, "proc.name of the session leader, empty when it is not known",
                   leader<session_leader, name_of>),
        make_field("proc.sid.exe", kText, world, "proc.exe of the session leader", leader<session_leader, exe_of>),
        make_field("proc.sid.exepath", kText, world, "proc.exepath of the session leader",
                   leader<session_leader, exepath_of>),
        make_field("proc.vpgid", FieldType::int64, image, "Process group in the process's own pid namespace",
                   self<id_of<&ProcessImage::vpgid>>)
            .as(Format::id),
        make_field("proc.vpgid.name", kText, world, "proc.name of the leader of proc.vpgid",
                   leader<vgroup_leader, name_of>),
        make_field("proc.vpgid.exe", kText, world, "proc.exe of the leader of proc.vpgid",
                   leader<vgroup_leader, exe_of>),
        make_field("proc.vpgid.exepath", kText, world, "proc.exepath of the leader of proc.vpgid",
                   leader<vgroup_leader, exepath_of>),
        make_field("proc.pgid", FieldType::int64, image, "Process group in the host's pid namespace",
                   self<id_of<&ProcessImage::pgid>>)
            .as(Format::id),
        make_field("proc.pgid.name", kText, world, "proc.name of the leader of proc.pgid",
                   leader<group_leader, name_of>),
        make_field("proc.pgid.exe", kText, world, "proc.exe of the leader of proc.pgid", leader<group_leader, exe_of>),
        make_field("proc.pgid.exepath", kText, world, "proc.exepath of the leader of proc.pgid",
                   leader<group_leader, exepath_of>),
        make_field("proc.duration", FieldType::reltime, time, "Nanoseconds since the process was made", self<age_of>)
            .as(Format::decimal),
        make_field("proc.ppid.duration", FieldType::reltime, time,
                   "proc.duration of the parent; in a capture, of one that was there before it, proc.fdopencount",
                   parent_duration)
            .as(Format::decimal),
        make_field("proc.pid.ts", FieldType::reltime, image, "When the process was made, nanoseconds since the epoch",
                   self<start_of>)
            .as(Format::decimal),
        make_field("proc.ppid.ts", FieldType::reltime, world, "proc.pid.ts of the parent, 0 when it is not known",
                   parent<start_or_zero>)
            .as(Format::decimal),
        make_field("proc.is_sid_leader", FieldType::boolean, image, "The process leads its session",
                   self<is_sid_leader>),
        make_field("proc.is_vpgid_leader", FieldType::boolean, image, "The process leads its group (own pid namespace)",
                   self<is_vpgid_leader>),
        make_field("proc.is_pgid_leader", FieldType::boolean, image,
                   "The process leads its group (host's pid namespace)", self<is_pgid_leader>),
        own_field("proc.key", kText, image,
                  "Id of the process that no other process of this boot ever has: pid and start time", self<key_of>),
        own_field("proc.pkey", kText, image, "proc.key of the parent", self<pkey>),
        own_field("proc.ancestors.name", kText, world,
                  "proc.name of any process in the line of those that started this one, however far up",
                  creators<name_of>)
            .any(),
        own_field("proc.ancestors.exe", kText, world, "proc.exe of any process in that line", creators<exe_of>).any(),
        own_field("proc.ancestors.exepath", kText, world, "proc.exepath of any process in that line",
                  creators<exepath_of>)
            .any(),
        own_field("proc.ancestors.cmdline", kText, world, "proc.cmdline of any process in that line",
                  creators<cmdline_of>)
            .any(),
        own_field("proc.ancestors.pid", FieldType::int64, world, "proc.pid of any process in that line",
                  creators<pid_of>)
            .any()
            .as(Format::id),
        own_field("proc.argv", kText, image, "All arguments as a list, argv[0] included", arguments<0>).list(),
        own_field("proc.arglist", kText, image, "Arguments after the first as a list, for getopt", arguments<1>).list(),
        own_field("proc.args_truncated", FieldType::boolean, image, "The arguments were too long to be kept whole",
                  self<args_truncated>),
        own_field("proc.args_bytes", FieldType::uint64, image, "Bytes of all arguments in the process, kept or not",
                  self<args_bytes>)
            .as(Format::decimal),
        own_field("proc.args_hash", FieldType::uint64, image,
                  "FNV-1a of all arguments, when they were too long to be kept whole", self<args_hash>)
            .as(Format::decimal),
        own_field("proc.env_truncated", FieldType::boolean, image, "The environment was too long to be kept whole",
                  self<env_truncated>),
        own_field(
            "proc.script", kText, image,
            "The script given to exec when the executable is its interpreter; from below another root directory with "
            "that before it",
            self<script>),
        own_field("proc.ascript", kText, world,
                  "proc.script of an ancestor, as proc.aexe; empty of one that is no script", ancestors<script_of>)
            .arg(ArgKind::optional, ArgForm::index)
            .any(),
    };
    return table;
}

} // namespace gyr::fields
