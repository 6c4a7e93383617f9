// proc.*: the process, its image, its parents and leaders.

#include "fields/fd_text.h"
#include "fields/process_text.h"
#include "fields/registry.h"

#include <algorithm>

namespace gyr::fields {
namespace {

using lang::ArgKind;
using lang::FieldType;
using enum Scope;

// A property of a process, for the process itself, its parent, ancestors and leaders alike.
using Property = Value (*)(const Context&, const ProcessImage&);

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

template <Property kProperty>
Value self(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    return p ? kProperty(c, *p) : Value::missing(Missing::lost);
}

template <Property kProperty>
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

template <Property kProperty>
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

template <Property kProperty>
Value ancestors(const Context& c, const Argument& a) {
    if (!a.present) return collect<kProperty>(c, parent_of);
    Missing why{};
    const ProcessImage* p = ancestor(c, a.index, why);
    return p ? kProperty(c, *p) : Value::missing(why);
}

template <Property kProperty>
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
    const std::string_view v = env_value(*p, a.text);
    return Value::of_text(v.data() ? v : std::string_view(""));
}

Value aenv(const Context& c, const Argument& a) {
    if (!a.present || a.is_index) return ancestors<env_of>(c, a);
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    for (int n = 0; n < 20; ++n) {
        const ProcessImage* next = parent_of(c, *p);
        if (!next || next->key == p->key) break;
        const std::string_view v = env_value(*next, a.text);
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
template <Step kStep, Property kProperty>
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
template <auto kMember>
Value number(const Context&, const ProcessImage& p) {
    return Value::of_u64(p.*kMember);
}

template <std::uint32_t kMark>
Value mark(const Context&, const ProcessImage& p) {
    return Value::of_bool((p.exec->exe_file.marks & kMark) != 0);
}

Value exe_ino(const Context&, const ProcessImage& p) {
    return p.exec->exe_file.ino ? Value::of_i64(static_cast<std::int64_t>(p.exec->exe_file.ino))
                                : Value::missing(Missing::not_applicable);
}
Value time_value(Nanos t) {
    return t > 0 ? Value::of_u64(static_cast<std::uint64_t>(t)) : Value::missing(Missing::not_applicable);
}
Value exe_ctime(const Context&, const ProcessImage& p) { return time_value(p.exec->exe_file.ctime); }
Value exe_mtime(const Context&, const ProcessImage& p) { return time_value(p.exec->exe_file.mtime); }
Value ctime_to_start(const Context&, const ProcessImage& p) {
    const Nanos ctime = p.exec->exe_file.ctime;
    if (ctime <= 0 || p.start_time <= 0) return Value::missing(Missing::not_applicable);
    return Value::of_u64(static_cast<std::uint64_t>(std::max<Nanos>(0, p.start_time - ctime)));
}
Value pidns_to_ctime(const Context&, const ProcessImage& p) {
    const Nanos ctime = p.exec->exe_file.ctime;
    if (ctime <= 0 || p.pidns_init_start <= 0) return Value::missing(Missing::not_applicable);
    return Value::of_u64(static_cast<std::uint64_t>(std::max<Nanos>(0, ctime - p.pidns_init_start)));
}
Value pidns_start(const Context&, const ProcessImage& p) {
    if (p.pidns_init_start <= 0) return Value::missing(Missing::lost);
    return Value::of_u64(static_cast<std::uint64_t>(p.pidns_init_start));
}

// From the descriptors where a source follows them, else as the process had them when it was last told.
template <std::size_t kIndex>
Value stdio_type_of(const Context& c, const ProcessImage& p) {
    if (c.event.fds) {
        const FdInfo* fd = c.event.fds->find_fd(kIndex);
        const std::string_view type = fd ? fd_type_name(fd->type) : std::string_view("");
        return type.empty() ? Value::missing(Missing::not_applicable) : Value::of_text(type);
    }
    const StdioInfo& s = p.stdio[kIndex];
    return s.kind == StdioKind::none ? Value::missing(Missing::not_applicable) : Value::of_text(stdio_type(s.kind));
}
template <std::size_t kIndex>
Value stdio_name_of(const Context& c, const ProcessImage& p) {
    if (c.event.fds) {
        const FdInfo* fd = c.event.fds->find_fd(kIndex);
        return fd ? Value::of_text(fd->name) : Value::missing(Missing::not_applicable);
    }
    const StdioInfo& s = p.stdio[kIndex];
    return s.kind == StdioKind::none ? Value::missing(Missing::not_applicable) : Value::of_text(s.name);
}

Value ppid(const Context& c, const ProcessImage& p) {
    const ProcessView* processes = c.world.processes;
    if (processes && !processes->numbers_unknown_parents() && !parent_of(c, p)) return Value::missing(why_no_parent(p));
    return Value::of_i64(p.parent.pid);
}
Value tty(const Context&, const ProcessImage& p) { return Value::of_u64(p.tty); }
Value tty_name(const Context& c, const ProcessImage& p) {
    // The number is the kernel's packed device number: 12 bits of major at 8, minor split around it.
    const std::uint32_t major = (p.tty >> 8) & 0xfff;
    const std::uint32_t minor = (p.tty & 0xff) | ((p.tty >> 12) & 0xfff00);
    if (p.tty == 0) return Value::missing(Missing::not_applicable);
    if (major >= 136 && major <= 143) return Value::of_text(print(c.arena, "pts/%u", minor + (major - 136) * 256));
    if (major == 4)
        return Value::of_text(minor < 64 ? print(c.arena, "tty%u", minor) : print(c.arena, "ttyS%u", minor - 64));
    if (major == 5 && minor == 1) return Value::of_text("console");
    return Value::of_text(print(c.arena, "%u:%u", major, minor));
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
Value fdlimit(const Context&, const ProcessImage& p) { return Value::of_i64(static_cast<std::int64_t>(p.fd_limit)); }
Value nthreads(const Context&, const ProcessImage& p) { return Value::of_u64(p.threads); }
Value nchilds(const Context&, const ProcessImage& p) { return Value::of_u64(p.threads > 0 ? p.threads - 1 : 0); }

// What changes too often for an image: of the thread where a source follows threads, else as the process last told.
template <auto kFact, Property kProperty>
Value of_thread(const Context& c, const Argument& a) {
    return c.event.thread && c.process() ? Value::of_u64(c.event.thread->*kFact) : self<kProperty>(c, a);
}
Value fdopencount(const Context& c, const Argument&) {
    if (!c.process()) return Value::missing(Missing::lost);
    return c.event.thread ? Value::of_u64(c.event.thread->open_fds) : Value::missing(Missing::unsupported);
}
// A capture does not tell when the processes began that were there before it. Of such a parent Falco, whose rules this
// is for, gives proc.fdopencount instead.
Value parent_duration(const Context& c, const Argument& a) {
    const ProcessImage* p = c.process();
    const ProcessImage* other = p ? parent_of(c, *p) : nullptr;
    return other && other->start_time <= 0 && c.event.thread ? fdopencount(c, a) : parent<age_of>(c, a);
}
Value fdusage(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    if (!c.event.thread) return Value::missing(Missing::unsupported);
    const auto limit = static_cast<std::int64_t>(p->fd_limit);
    return Value::of_double(
        limit > 0 ? 100.0 * static_cast<double>(c.event.thread->open_fds) / static_cast<double>(limit) : 0.0);
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
Value exe_dev(const Context& c, const ProcessImage& p) {
    const FileIdentity& f = p.exec->exe_file;
    if (f.ino == 0) return Value::missing(Missing::not_applicable);
    return Value::of_text(print(c.arena, "%u:%u", f.dev_major, f.dev_minor));
}
Value exe_owner(const Context&, const ProcessImage& p) {
    return p.exec->exe_file.ino ? Value::of_u64(p.exec->exe_file.owner_uid) : Value::missing(Missing::not_applicable);
}
Value exe_mode(const Context&, const ProcessImage& p) {
    return p.exec->exe_file.ino ? Value::of_u64(p.exec->exe_file.mode) : Value::missing(Missing::not_applicable);
}
Value gained_uid(const Context&, const ProcessImage& p) { return Value::of_bool(p.gained.uid); }
Value gained_gid(const Context&, const ProcessImage& p) { return Value::of_bool(p.gained.gid); }
Value gained_caps(const Context& c, const ProcessImage& p) {
    return Value::of_text(capabilities_text(p.gained.caps, c.arena));
}
Value tracer(const Context&, const ProcessImage& p) { return Value::of_i64(p.tracer); }
Value audit_session(const Context&, const ProcessImage& p) {
    return p.credentials.session_id == kNoId ? Value::missing(Missing::not_applicable)
                                             : Value::of_u64(p.credentials.session_id);
}
Value root(const Context&, const ProcessImage& p) { return Value::of_text(p.root); }
Value kernel_thread(const Context&, const ProcessImage& p) { return Value::of_bool(p.kernel_thread); }
Value incomplete(const Context&, const ProcessImage& p) { return Value::of_bool(p.incomplete); }
Value compat(const Context&, const ProcessImage& p) { return Value::of_bool(p.exec->compat); }
Value exec_time(const Context&, const ProcessImage& p) { return time_value(p.exec->exec_time); }
template <auto kMember>
Value ns(const Context&, const ProcessImage& p) {
    const std::uint32_t inode = p.namespaces.*kMember;
    return inode ? Value::of_u64(inode) : Value::missing(Missing::not_applicable);
}

constexpr auto kText = FieldType::charbuf;

Field own(std::string_view name, FieldType type, Scope scope, std::string_view doc, Extractor e) {
    return make_field(name, type, scope, doc, e).ours();
}
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
        make_field("proc.env", kText, image,
                   "Environment joined by blanks; [NAME] the value of one variable, empty when it is not set", env)
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
        make_field("proc.tty", FieldType::uint32, image, "Device number of the controlling terminal, 0 without one",
                   self<tty>)
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
        make_field("proc.is_exe_writable", FieldType::boolean, image,
                   "The executable may be written by the user of the process", self<mark<kFileWritable>>),
        make_field("proc.is_exe_upper_layer", FieldType::boolean, image,
                   "The executable lies in the writable upper layer of an overlay", self<mark<kFileUpperLayer>>),
        make_field("proc.is_exe_lower_layer", FieldType::boolean, image,
                   "The executable lies in a lower (image) layer of an overlay", self<mark<kFileLowerLayer>>),
        make_field("proc.is_exe_from_memfd", FieldType::boolean, image,
                   "The executable is an anonymous file made by memfd_create", self<mark<kFileMemfd>>),
        make_field("proc.is_sid_leader", FieldType::boolean, image, "The process leads its session",
                   self<is_sid_leader>),
        make_field("proc.is_vpgid_leader", FieldType::boolean, image, "The process leads its group (own pid namespace)",
                   self<is_vpgid_leader>),
        make_field("proc.is_pgid_leader", FieldType::boolean, image,
                   "The process leads its group (host's pid namespace)", self<is_pgid_leader>),
        make_field("proc.exe_ino", FieldType::int64, image, "Inode of the executable", self<exe_ino>)
            .as(Format::decimal),
        make_field("proc.exe_ino.ctime", FieldType::abstime, image,
                   "Last status change of the executable, nanoseconds since the epoch", self<exe_ctime>)
            .as(Format::decimal),
        make_field("proc.exe_ino.mtime", FieldType::abstime, image,
                   "Last write to the executable, nanoseconds since the epoch", self<exe_mtime>)
            .as(Format::decimal),
        make_field("proc.exe_ino.ctime_duration_proc_start", FieldType::abstime, image,
                   "Nanoseconds from the last status change of the executable to the start of the process",
                   self<ctime_to_start>)
            .as(Format::decimal),
        make_field("proc.exe_ino.ctime_duration_pidns_start", FieldType::abstime, image,
                   "Nanoseconds from the start of the pid namespace to the last status change of the executable",
                   self<pidns_to_ctime>)
            .as(Format::decimal),
        make_field("proc.pidns_init_start_ts", FieldType::uint64, image,
                   "When the first process of the pid namespace started, nanoseconds since the epoch",
                   self<pidns_start>)
            .as(Format::decimal),
        make_field("proc.fdopencount", FieldType::uint64, world, "Open file descriptors of the process", fdopencount)
            .captures()
            .as(Format::decimal),
        make_field("proc.fdlimit", FieldType::int64, image, "Soft limit of open file descriptors", self<fdlimit>)
            .as(Format::decimal),
        make_field("proc.fdusage", FieldType::floating, world, "Open file descriptors in percent of the limit", fdusage)
            .captures(),
        make_field("proc.vmsize", FieldType::uint64, world, "Virtual memory in KiB",
                   of_thread<&ThreadFacts::vm_size_kb, number<&ProcessImage::vm_size_kb>>)
            .as(Format::decimal),
        make_field("proc.vmrss", FieldType::uint64, world, "Resident memory in KiB",
                   of_thread<&ThreadFacts::vm_rss_kb, number<&ProcessImage::vm_rss_kb>>)
            .as(Format::decimal),
        make_field("proc.vmswap", FieldType::uint64, world, "Swapped memory in KiB",
                   of_thread<&ThreadFacts::vm_swap_kb, number<&ProcessImage::vm_swap_kb>>)
            .as(Format::decimal),
        make_field("proc.nthreads", FieldType::uint64, world, "Threads, the main one included",
                   of_thread<&ThreadFacts::threads, nthreads>)
            .as(Format::decimal),
        make_field("proc.nchilds", FieldType::uint64, world, "Threads without the main one",
                   of_thread<&ThreadFacts::other_threads, nchilds>)
            .as(Format::decimal),
        make_field("proc.stdin.type", kText, world, "What standard input is: file, pipe, ipv4, ipv6, unix …",
                   self<stdio_type_of<0>>),
        make_field("proc.stdout.type", kText, world, "What standard output is, as proc.stdin.type",
                   self<stdio_type_of<1>>),
        make_field("proc.stderr.type", kText, world, "What standard error is, as proc.stdin.type",
                   self<stdio_type_of<2>>),
        make_field("proc.stdin.name", kText, world, "Path, pipe or connection behind standard input",
                   self<stdio_name_of<0>>),
        make_field("proc.stdout.name", kText, world, "Path, pipe or connection behind standard output",
                   self<stdio_name_of<1>>),
        make_field("proc.stderr.name", kText, world, "Path, pipe or connection behind standard error",
                   self<stdio_name_of<2>>),
        own("proc.key", kText, image,
            "Id of the process that no other process of this boot ever has: pid and start time", self<key_of>),
        own("proc.pkey", kText, image, "proc.key of the parent", self<pkey>),
        own("proc.ancestors.name", kText, world,
            "proc.name of any process in the line of those that started this one, however far up", creators<name_of>)
            .any(),
        own("proc.ancestors.exe", kText, world, "proc.exe of any process in that line", creators<exe_of>).any(),
        own("proc.ancestors.exepath", kText, world, "proc.exepath of any process in that line", creators<exepath_of>)
            .any(),
        own("proc.ancestors.cmdline", kText, world, "proc.cmdline of any process in that line", creators<cmdline_of>)
            .any(),
        own("proc.ancestors.pid", FieldType::int64, world, "proc.pid of any process in that line", creators<pid_of>)
            .any()
            .as(Format::id),
        own("proc.argv", kText, image, "All arguments as a list, argv[0] included", arguments<0>).list(),
        own("proc.arglist", kText, image, "Arguments after the first as a list, for getopt", arguments<1>).list(),
        own("proc.args_truncated", FieldType::boolean, image, "The arguments were too long to be kept whole",
            self<args_truncated>),
        own("proc.args_bytes", FieldType::uint64, image, "Bytes of all arguments in the process, kept or not",
            self<args_bytes>)
            .as(Format::decimal),
        own("proc.args_hash", FieldType::uint64, image,
            "FNV-1a of all arguments, when they were too long to be kept whole", self<args_hash>)
            .as(Format::decimal),
        own("proc.env_truncated", FieldType::boolean, image, "The environment was too long to be kept whole",
            self<env_truncated>),
        own("proc.script", kText, image, "The script given to exec when the executable is its interpreter",
            self<script>),
        own("proc.exe_dev", kText, image, "Device of the executable as major:minor", self<exe_dev>),
        own("proc.exe_mode", FieldType::mode, image, "Type and permission bits of the executable", self<exe_mode>)
            .as(Format::octal),
        own("proc.exe_owner", FieldType::uint32, image, "User id that owns the executable", self<exe_owner>)
            .as(Format::id),
        own("proc.is_exe_setuid", FieldType::boolean, image, "The executable has the set-user-id bit",
            self<mark<kFileSetUid>>),
        own("proc.is_exe_setgid", FieldType::boolean, image, "The executable has the set-group-id bit",
            self<mark<kFileSetGid>>),
        own("proc.is_exe_deleted", FieldType::boolean, image, "The executable had no name left when it was started",
            self<mark<kFileDeleted>>),
        own("proc.is_exe_from_tmpfs", FieldType::boolean, image,
            "The executable lies on a memory file system such as /dev/shm", self<mark<kFileTmpfs>>),
        own("proc.gained_uid", FieldType::boolean, image, "The exec changed the effective user", self<gained_uid>),
        own("proc.gained_gid", FieldType::boolean, image, "The exec changed the effective group", self<gained_gid>),
        own("proc.gained_caps", kText, image, "Capabilities that the program's file gave, joined by blanks",
            self<gained_caps>),
        own("proc.tracer", FieldType::int64, image, "Pid of the process that traces this one, 0 for none", self<tracer>)
            .as(Format::id),
        own("proc.sessionid", FieldType::uint32, image, "Audit session", self<audit_session>).as(Format::id),
        own("proc.tty.name", kText, image, "Name of the controlling terminal, such as pts/0", self<tty_name>),
        own("proc.root", kText, image, "Root directory of the process, / unless it was changed", self<root>),
        own("proc.exec_ts", FieldType::abstime, image,
            "When the running program was started, nanoseconds since the epoch", self<exec_time>)
            .as(Format::decimal),
        own("proc.is_kernel_thread", FieldType::boolean, image, "A thread of the kernel", self<kernel_thread>),
        own("proc.is_compat", FieldType::boolean, image, "The program was started through the 32-bit entry",
            self<compat>),
        own("proc.is_incomplete", FieldType::boolean, image,
            "Events of this process were lost; some fields are missing", self<incomplete>),
        own("proc.ns.mnt", FieldType::uint32, image, "Inode of the mount namespace", self<ns<&NamespaceInodes::mnt>>)
            .as(Format::id),
        own("proc.ns.pid", FieldType::uint32, image, "Inode of the pid namespace", self<ns<&NamespaceInodes::pid>>)
            .as(Format::id),
        own("proc.ns.net", FieldType::uint32, image, "Inode of the network namespace", self<ns<&NamespaceInodes::net>>)
            .as(Format::id),
        own("proc.ns.uts", FieldType::uint32, image, "Inode of the host name namespace",
            self<ns<&NamespaceInodes::uts>>)
            .as(Format::id),
        own("proc.ns.ipc", FieldType::uint32, image, "Inode of the IPC namespace", self<ns<&NamespaceInodes::ipc>>)
            .as(Format::id),
        own("proc.ns.cgroup", FieldType::uint32, image, "Inode of the cgroup namespace",
            self<ns<&NamespaceInodes::cgroup>>)
            .as(Format::id),
        own("proc.ns.user", FieldType::uint32, image, "Inode of the user namespace", self<ns<&NamespaceInodes::user>>)
            .as(Format::id),
    };
    return table;
}

} // namespace gyr::fields
