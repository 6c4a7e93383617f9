// proc.*: what a process runs and holds: its executable, descriptors, memory, terminal, rights and namespaces.

#include "fields/fd_text.h"
#include "fields/proc.h"
#include "fields/process_text.h"

#include <algorithm>

namespace gyr::fields {
namespace {

using enum Scope;

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
Value exec_time(const Context&, const ProcessImage& p) { return time_value(p.exec->exec_time); }
Value compat(const Context&, const ProcessImage& p) { return Value::of_bool(p.exec->compat); }
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
Value fdlimit(const Context&, const ProcessImage& p) { return Value::of_i64(static_cast<std::int64_t>(p.fd_limit)); }
Value nthreads(const Context&, const ProcessImage& p) { return Value::of_u64(p.threads); }
Value nchilds(const Context&, const ProcessImage& p) { return Value::of_u64(p.threads > 0 ? p.threads - 1 : 0); }
// What changes too often for an image: of the thread where a source follows threads, else as the process last told.
template <auto kFact, ProcessProperty kProperty>
Value of_thread(const Context& c, const Argument& a) {
    return c.event.thread && c.process() ? Value::of_u64(c.event.thread->*kFact) : self<kProperty>(c, a);
}
Value fdusage(const Context& c, const Argument&) {
    const ProcessImage* p = c.process();
    if (!p) return Value::missing(Missing::lost);
    if (!c.event.thread) return Value::missing(Missing::unsupported);
    const auto limit = static_cast<std::int64_t>(p->fd_limit);
    return Value::of_double(
        limit > 0 ? 100.0 * static_cast<double>(c.event.thread->open_fds) / static_cast<double>(limit) : 0.0);
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
template <auto kMember>
Value ns(const Context&, const ProcessImage& p) {
    const std::uint32_t inode = p.namespaces.*kMember;
    return inode ? Value::of_u64(inode) : Value::missing(Missing::not_applicable);
}

constexpr auto kText = lang::FieldType::charbuf;

} // namespace

std::span<const Field> proc_state_fields() {
    using lang::FieldType;
    static const Field table[] = {
        make_field("proc.tty", FieldType::uint32, image, "Device number of the controlling terminal, 0 without one",
                   self<tty>)
            .as(Format::id),
        make_field("proc.is_exe_writable", FieldType::boolean, image,
                   "The executable may be written by the user of the process", self<mark<kFileWritable>>),
        make_field("proc.is_exe_upper_layer", FieldType::boolean, image,
                   "The executable lies in the writable upper layer of an overlay", self<mark<kFileUpperLayer>>),
        make_field("proc.is_exe_lower_layer", FieldType::boolean, image,
                   "The executable lies in a lower (image) layer of an overlay", self<mark<kFileLowerLayer>>),
        make_field("proc.is_exe_from_memfd", FieldType::boolean, image,
                   "The executable is an anonymous file made by memfd_create", self<mark<kFileMemfd>>),
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
        make_field("proc.fdopencount", FieldType::uint64, world, "Open file descriptors of the process",
                   open_descriptors)
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
        own_field("proc.exe_dev", kText, image, "Device of the executable as major:minor", self<exe_dev>),
        own_field("proc.exe_mode", FieldType::mode, image, "Type and permission bits of the executable", self<exe_mode>)
            .as(Format::octal),
        own_field("proc.exe_owner", FieldType::uint32, image, "User id that owns the executable", self<exe_owner>)
            .as(Format::id),
        own_field("proc.is_exe_setuid", FieldType::boolean, image, "The executable has the set-user-id bit",
                  self<mark<kFileSetUid>>),
        own_field("proc.is_exe_setgid", FieldType::boolean, image, "The executable has the set-group-id bit",
                  self<mark<kFileSetGid>>),
        own_field("proc.is_exe_deleted", FieldType::boolean, image,
                  "The executable had no name left when it was started", self<mark<kFileDeleted>>),
        own_field("proc.is_exe_from_tmpfs", FieldType::boolean, image,
                  "The executable lies on a memory file system such as /dev/shm", self<mark<kFileTmpfs>>),
        own_field("proc.gained_uid", FieldType::boolean, image, "The exec changed the effective user",
                  self<gained_uid>),
        own_field("proc.gained_gid", FieldType::boolean, image, "The exec changed the effective group",
                  self<gained_gid>),
        own_field("proc.gained_caps", kText, image, "Capabilities that the program's file gave, joined by blanks",
                  self<gained_caps>),
        own_field("proc.tracer", FieldType::int64, image, "Pid of the process that traces this one, 0 for none",
                  self<tracer>)
            .as(Format::id),
        own_field("proc.sessionid", FieldType::uint32, image, "Audit session", self<audit_session>).as(Format::id),
        own_field("proc.tty.name", kText, image, "Name of the controlling terminal, such as pts/0", self<tty_name>),
        own_field("proc.root", kText, image, "Root directory of the process, / unless it was changed", self<root>),
        own_field("proc.exec_ts", FieldType::abstime, image,
                  "When the running program was started, nanoseconds since the epoch", self<exec_time>)
            .as(Format::decimal),
        own_field("proc.is_kernel_thread", FieldType::boolean, image, "A thread of the kernel", self<kernel_thread>),
        own_field("proc.is_compat", FieldType::boolean, image, "The program was started through the 32-bit entry",
                  self<compat>),
        own_field("proc.is_incomplete", FieldType::boolean, image,
                  "Events of this process were lost; some fields are missing", self<incomplete>),
        own_field("proc.ns.mnt", FieldType::uint32, image, "Inode of the mount namespace",
                  self<ns<&NamespaceInodes::mnt>>)
            .as(Format::id),
        own_field("proc.ns.pid", FieldType::uint32, image, "Inode of the pid namespace",
                  self<ns<&NamespaceInodes::pid>>)
            .as(Format::id),
        own_field("proc.ns.net", FieldType::uint32, image, "Inode of the network namespace",
                  self<ns<&NamespaceInodes::net>>)
            .as(Format::id),
        own_field("proc.ns.uts", FieldType::uint32, image, "Inode of the host name namespace",
                  self<ns<&NamespaceInodes::uts>>)
            .as(Format::id),
        own_field("proc.ns.ipc", FieldType::uint32, image, "Inode of the IPC namespace",
                  self<ns<&NamespaceInodes::ipc>>)
            .as(Format::id),
        own_field("proc.ns.cgroup", FieldType::uint32, image, "Inode of the cgroup namespace",
                  self<ns<&NamespaceInodes::cgroup>>)
            .as(Format::id),
        own_field("proc.ns.user", FieldType::uint32, image, "Inode of the user namespace",
                  self<ns<&NamespaceInodes::user>>)
            .as(Format::id),
    };
    return table;
}

} // namespace gyr::fields
