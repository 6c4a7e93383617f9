#include "recording/process_events.h"

#include "event/clone_flags.h"
#include "event/schema.h"
#include "recording/image_text.h"

#include <cstring>
#include <sys/wait.h>
#include <utility>

namespace gyr::recording {
namespace {

constexpr std::size_t kMostText = 60'000;    // of one parameter: an event block holds 64 KiB
constexpr std::size_t kMostThreads = 65'536; // remembered
constexpr std::uint32_t kThread = 0x2000, kFiles = 0x1, kFs = 0x2, kSighand = 0x800, kVm = 0x8000; // PPM_CL_CLONE_*

std::string with_nul(std::string_view text) {
    std::string out(text.substr(0, kMostText));
    out += '\0';
    return out;
}

std::string as_bytes(std::uint64_t value, std::size_t width) {
    std::string out(width, '\0');
    std::memcpy(out.data(), &value, width);
    return out;
}

std::string exit_param(const Event& event, std::string_view name) {
    const int status = event.exit_code;
    if (name == "status") return as_bytes(static_cast<std::uint64_t>(status), 8);
    if (name == "ret") return as_bytes(WIFEXITED(status) ? static_cast<std::uint64_t>(WEXITSTATUS(status)) : 0, 8);
    if (name == "sig") return as_bytes(WIFSIGNALED(status) ? static_cast<std::uint64_t>(WTERMSIG(status)) : 0, 1);
    if (name == "core") return as_bytes(WCOREDUMP(status) ? 1 : 0, 1);
    return as_bytes(static_cast<std::uint64_t>(event.reaper), 8); // reaper_tid
}

struct Facts {
    Tid tid;
    std::int64_t result;
    std::uint32_t flags;
};

std::string image_param(const ProcessImage& p, const Facts& f, std::string_view name) {
    const auto word = [](auto x) { return as_bytes(static_cast<std::uint64_t>(static_cast<std::int64_t>(x)), 8); };
    const auto half = [](auto x) { return as_bytes(static_cast<std::uint64_t>(x), 4); };
    if (name == "res") return word(f.result);
    if (name == "exe") return with_nul(argv0(p));
    if (name == "args") return items(p.exec->argv, 1, kMostText / 3);
    if (name == "env") return items(p.exec->env, 0, kMostText / 3);
    if (name == "tid") return word(f.tid);
    if (name == "pid") return word(p.key.pid);
    if (name == "ptid") return word(p.parent.pid);
    if (name == "cwd") return with_nul(p.cwd == "/" || p.cwd.empty() ? p.cwd : p.cwd + "/");
    if (name == "fdlimit") return word(p.fd_limit);
    if (name == "pgft_maj") return word(p.major_faults);
    if (name == "pgft_min") return word(p.minor_faults);
    if (name == "vm_size") return half(p.vm_size_kb);
    if (name == "vm_rss") return half(p.vm_rss_kb);
    if (name == "vm_swap") return half(p.vm_swap_kb);
    if (name == "comm") return with_nul(p.comm);
    if (name == "cgroups") return cgroups(p, kMostText / 6);
    if (name == "flags") return half(f.flags);
    if (name == "uid") return half(p.credentials.uid);
    if (name == "gid") return half(p.credentials.gid);
    if (name == "vtid") return word(f.tid == p.key.pid ? p.vpid : f.tid);
    if (name == "vpid") return word(p.vpid);
    if (name == "pidns_init_start_ts") return word(p.pidns_init_start);
    if (name == "tty") return half(p.tty);
    if (name == "vpgid") return word(p.vpgid);
    if (name == "pgid") return word(p.pgid);
    if (name == "loginuid") return half(p.credentials.login_uid);
    if (name == "cap_inheritable") return word(p.credentials.cap_inheritable);
    if (name == "cap_permitted") return word(p.credentials.cap_permitted);
    if (name == "cap_effective") return word(p.credentials.cap_effective);
    if (name == "exe_ino") return word(p.exec->exe_file.ino);
    if (name == "exe_ino_ctime") return word(p.exec->exe_file.ctime);
    if (name == "exe_ino_mtime") return word(p.exec->exe_file.mtime);
    if (name == "trusted_exepath") return with_nul(p.exec->exe_path);
    if (name == "filename") return with_nul(p.exec->script_path.empty() ? p.exec->exe_path : p.exec->script_path);
    return {};
}

bool is_clone(EventCode code) { return code == kClone || code == kFork || code == kVfork || code == kClone3; }

} // namespace

void ProcessEvents::fill(const ProcessImage& image, const Event& event, Tid tid, std::int64_t result,
                         std::uint32_t flags, RawEvent& out) {
    const EventInfo* info = find_event(out.code);
    std::array<std::size_t, kMaxParams + 1> starts{};
    area_.clear();
    for (std::size_t i = 0; i < info->params.size(); ++i) {
        starts[i] = area_.size();
        area_ += out.code == kProcExit ? exit_param(event, info->params[i].name)
                                       : image_param(image, {tid, result, flags}, info->params[i].name);
    }
    starts[info->params.size()] = area_.size();
    for (std::size_t i = 0; i < info->params.size(); ++i)
        params_[i] = std::string_view(area_).substr(starts[i], starts[i + 1] - starts[i]);
    out.params = std::span(params_.data(), info->params.size());
    out.time = event.time;
    out.cpu = event.cpu;
    out.tid = tid;
    out.process = image.key;
}

bool ProcessEvents::encode(const Event& event, RawEvent& out) {
    if (!event.process) return false;
    out = RawEvent{};
    out.code = event.code;
    const ProcessImage& p = *event.process;
    if (event.code == kProcExit) {
        forget_threads(p.key.pid);
        fill(p, event, event.tid, 0, 0, out);
        return true;
    }
    if (event.code == kExecve || event.code == kExecveat) {
        forget_threads(p.key.pid); // an exec ends all others
        fill(p, event, event.tid, 0, exec_flags(p), out);
        return true;
    }
    if (!is_clone(event.code) || !event.child) return false;
    fill(p, event, event.tid, event.child.pid, capture_clone_flags(event.clone_flags), out);
    return true;
}

bool ProcessEvents::encode_child(const Event& fork, const ProcessView& processes, RawEvent& out) {
    const ProcessImage* child = fork.child ? processes.find(fork.child) : nullptr;
    if (child == nullptr || !is_clone(fork.code)) return false;
    out = RawEvent{};
    out.code = fork.code;
    fill(*child, fork, child->key.pid, 0, capture_clone_flags(fork.clone_flags), out);
    return true;
}

void ProcessEvents::forget_threads(Pid process) {
    const auto found = by_process_.find(process);
    if (found == by_process_.end()) return;
    for (const Tid tid : found->second)
        if (const auto t = threads_.find(tid); t != threads_.end() && t->second == process) threads_.erase(t);
    by_process_.erase(found);
}

bool ProcessEvents::encode_thread_exit(const Event& exit, RawEvent& out) {
    if (exit.code != kProcExit || !exit.process) return false;
    const auto found = by_process_.find(exit.process->key.pid);
    if (found == by_process_.end()) return false;
    while (!found->second.empty()) {
        const Tid tid = found->second.back();
        found->second.pop_back();
        const auto t = threads_.find(tid);
        if (t == threads_.end() || t->second != exit.process->key.pid) continue; // somebody else's by now
        threads_.erase(t);
        if (tid == exit.tid) continue;
        out = RawEvent{};
        out.code = kProcExit;
        fill(*exit.process, exit, tid, 0, 0, out);
        return true;
    }
    return false;
}

bool ProcessEvents::encode_thread(const Event& event, RawEvent& out) {
    if (!event.process || event.tid == event.process->key.pid || event.tid == 0) return false;
    const Pid pid = event.process->key.pid;
    if (threads_.size() >= kMostThreads) threads_.clear(), by_process_.clear(); // told twice is no harm
    Pid& owner = threads_[event.tid];
    if (owner == pid) return false;
    owner = pid;
    by_process_[pid].push_back(event.tid);
    out = RawEvent{};
    out.code = kClone;
    fill(*event.process, event, event.tid, 0, kThread | kFiles | kFs | kSighand | kVm, out);
    return true;
}

} // namespace gyr::recording
