#include "sources/live_bpf/program_facts.h"

#include "sources/live_bpf/kernel_facts.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace gyr {
namespace {

constexpr std::array kFacts{
    ProgramFact{"process_fork", "sched_process_fork", "tracepoint", true, "new processes; no rule can be relied on",
                "clone clone3 fork vfork"},
    ProgramFact{"process_exec", "sched_process_exec", "tracepoint", true,
                "new program images; no rule can be relied on", "execve execveat"},
    ProgramFact{"process_exit", "sched_process_exit", "tracepoint", true, "ends of processes; no rule can be relied on",
                "procexit"},
    ProgramFact{"process_exit_by_count", "sched_process_exit", "tracepoint", true,
                "ends of processes; no rule can be relied on", "procexit"},
    ProgramFact{"process_prepare_exec", "sched_prepare_exec", "tracepoint", false,
                "which execve is an execveat: rules that ask for evt.type execveat see execve", "execveat"},
    ProgramFact{"process_rename", "task_rename", "tracepoint", false,
                "names set by prctl or /proc/PID/comm: rules that ask for proc.name go by the one before",
                "procchange"},
    ProgramFact{"process_cgroup", "cgroup_attach_task", "tracepoint", false,
                "moves to another cgroup without an exec: rules that ask for container.* go by the one before",
                "procchange"},
    ProgramFact{
        "call_exit", "sys_exit", "tracepoint", false,
        "system calls (open, connect, mount and all others): rules that ask for evt.type of one never fire; those "
        "about processes do",
        "*", true},
    ProgramFact{"call_enter", "sys_enter", "tracepoint", false,
                "what a system call acts on and ends (close, ppoll): rules that ask for these never fire",
                "close ppoll", true},
    ProgramFact{"socket_state", "inet_sock_set_state", "tracepoint", false,
                "where a connect went whose descriptor is given to another file meanwhile: rules about connect can be "
                "evaded so",
                "connect", true},
    ProgramFact{"uring_submit", "io_uring_submit_req", "tracepoint", false,
                "what io_uring does (openat, connect, read, write and others): rules about these can be evaded so",
                "openat openat2 connect read write", true},
    ProgramFact{"uring_submit_before", "io_uring_submit_sqe", "tracepoint", false,
                "what io_uring does (openat, connect, read, write and others): rules about these can be evaded so",
                "openat openat2 connect read write", true},
    ProgramFact{
        "uring_complete", "io_uring_complete", "tracepoint", false,
        "results of what io_uring does (openat, connect, read, write and others): rules that ask for evt.res or "
        "evt.failed of these do not fire for it",
        "openat openat2 connect read write", true},
    ProgramFact{
        "uring_complete_before", "io_uring_complete", "tracepoint", false,
        "results of what io_uring does (openat, connect, read, write and others): rules that ask for evt.res or "
        "evt.failed of these do not fire for it",
        "openat openat2 connect read write", true},
    ProgramFact{"signal_deliver", "signal_deliver", "tracepoint", false,
                "signals that reach processes: rules that ask for evt.type signaldeliver never fire", "signaldeliver",
                true},
    ProgramFact{"page_fault", "page_fault_user", "tracepoint", false,
                "page faults: rules that ask for evt.type page_fault never fire", "page_fault", true},
    ProgramFact{"identify", "identify", "run by the agent", false,
                "files that rules name, by other names of theirs (hard links): rules about open can be evaded so",
                "open openat openat2"},
    ProgramFact{"process_iterate", "iter/task", "iterator", false,
                "processes that were there before, and what was missed when events are lost: rules do not know them",
                "snapshot"},
};

} // namespace

std::span<const ProgramFact> program_facts() { return kFacts; }

const ProgramFact* find_program_fact(std::string_view program) {
    const auto* found = std::ranges::find(kFacts, program, &ProgramFact::program);
    return found == kFacts.end() ? nullptr : found;
}

bool has_hook_of(const KernelTypes& types, const ProgramFact& fact) {
    if (fact.kind == "iterator") return types.sleepable_iterator;
    return fact.kind == "run by the agent" || types.has_tracepoint(fact.hook);
}

std::string not_seen(std::string_view reason, const ProgramFact& fact) {
    return fmt::format("{}; not seen: {}", reason, fact.coverage);
}

Result<std::vector<Hook>> expected_hooks(std::span<const std::string_view> unused,
                                         const std::function<bool(const ProgramFact&)>& there) {
    std::vector<Hook> hooks;
    for (const ProgramFact& f : kFacts) {
        if (std::ranges::find(unused, f.program) != unused.end()) continue;
        const bool has = there(f);
        if (!has && f.required)
            return fail(ErrorKind::unsupported,
                        fmt::format("this kernel has no {} {}; not seen: {}", f.kind, f.hook, f.coverage));
        hooks.push_back(
            {std::string(f.hook), std::string(f.kind), false, has ? "" : not_seen("not in this kernel", f)});
    }
    return hooks;
}

} // namespace gyr
