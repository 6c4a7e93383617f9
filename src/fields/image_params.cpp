#include "fields/image_params.h"

#include "event/clone_flags.h"
#include "fields/process_text.h"

#include <sys/wait.h>

namespace gyr::fields {
namespace {

enum ExecFlag : std::uint32_t { kExeWritable = 1, kExeUpperLayer = 2, kExeFromMemfd = 4, kExeLowerLayer = 8 };

std::uint64_t exec_flags(const ProcessImage& p) {
    const std::uint32_t m = p.exec->exe_file.marks;
    std::uint64_t flags = 0;
    if (m & kFileWritable) flags |= kExeWritable;
    if (m & kFileUpperLayer) flags |= kExeUpperLayer;
    if (m & kFileMemfd) flags |= kExeFromMemfd;
    if (m & kFileLowerLayer) flags |= kExeLowerLayer;
    return flags;
}

std::string_view items_from(const ItemList& items, std::size_t first) {
    if (items.size() <= first) return "";
    return std::string_view(items.bytes).substr(items.offsets[first]);
}

Value exit_param(const Context& c, std::string_view name) {
    const int status = c.event.exit_code;
    if (name == "status") return Value::of_i64(status);
    if (name == "ret") return Value::of_i64(WIFEXITED(status) ? WEXITSTATUS(status) : 0);
    if (name == "sig") return Value::of_u64(WIFSIGNALED(status) ? static_cast<std::uint64_t>(WTERMSIG(status)) : 0);
    if (name == "core") return Value::of_u64(WCOREDUMP(status) ? 1 : 0);
    return Value::of_i64(c.event.reaper); // reaper_tid
}

Value param_of(const Context& c, const ProcessImage& p, EventCode code, std::string_view name) {
    const auto number = [](auto x) { return Value::of_u64(static_cast<std::uint64_t>(x)); };
    const auto id = [](auto x) { return Value::of_i64(static_cast<std::int64_t>(x)); };
    const auto text = [](std::string_view s) { return Value::of_text(s); };
    const bool cloned = code == kClone || code == kFork || code == kVfork || code == kClone3;
    if (name == "res") return c.event.has_result ? id(c.event.result) : Value::missing(Missing::not_applicable);
    if (name == "exe") return text(argv0(p));
    if (name == "args") return text(items_from(p.exec->argv, 1));
    if (name == "env") return text(p.exec->env->bytes);
    if (name == "tid") return id(c.event.tid);
    if (name == "pid") return id(p.key.pid);
    if (name == "ptid") return id(p.parent.pid);
    if (name == "cwd") return text(cwd_text(p, c.arena));
    if (name == "fdlimit") return cloned ? id(p.fd_limit) : number(p.fd_limit);
    if (name == "pgft_maj") return number(p.major_faults);
    if (name == "pgft_min") return number(p.minor_faults);
    if (name == "vm_size") return number(p.vm_size_kb);
    if (name == "vm_rss") return number(p.vm_rss_kb);
    if (name == "vm_swap") return number(p.vm_swap_kb);
    if (name == "comm") return text(p.comm);
    if (name == "cgroups") return text(cgroups_text(p, '\0', c.arena));
    if (name == "flags") return number(cloned ? capture_clone_flags(c.event.clone_flags) : exec_flags(p));
    if (name == "uid") return number(p.credentials.uid);
    if (name == "gid") return number(p.credentials.gid);
    if (name == "vtid") return id(p.vtid);
    if (name == "vpid") return id(p.vpid);
    if (name == "pidns_init_start_ts") return number(p.pidns_init_start);
    if (name == "tty") return number(p.tty);
    if (name == "vpgid") return id(p.vpgid);
    if (name == "pgid") return id(p.pgid);
    if (name == "loginuid") return number(p.credentials.login_uid);
    if (name == "cap_inheritable") return number(p.credentials.cap_inheritable);
    if (name == "cap_permitted") return number(p.credentials.cap_permitted);
    if (name == "cap_effective") return number(p.credentials.cap_effective);
    if (name == "exe_ino") return number(p.exec->exe_file.ino);
    if (name == "exe_ino_ctime") return number(p.exec->exe_file.ctime);
    if (name == "exe_ino_mtime") return number(p.exec->exe_file.mtime);
    if (name == "trusted_exepath") return text(p.exec->exe_path);
    if (name == "filename") return text(p.exec->script_path.empty() ? p.exec->exe_path : p.exec->script_path);
    return Value::missing(Missing::unsupported);
}

} // namespace

Value image_param(const Context& c, std::string_view name) {
    if (c.event.code == kProcExit) return exit_param(c, name);
    const ProcessImage* p = c.process();
    return p ? param_of(c, *p, c.event.code, name) : Value::missing(Missing::lost);
}

} // namespace gyr::fields
