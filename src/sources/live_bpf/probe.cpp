#include "sources/live_bpf/probe.h"

#include "sources/live_bpf/kernel_facts.h"
#include "sources/live_bpf/proc_connector.h"
#include "sources/live_bpf/programs.h"

#include <array>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/utsname.h>
#include <utility>

namespace gyr {
namespace {

void probe_privilege(std::vector<ProbeResult>& out) {
    const std::uint64_t caps = effective_capabilities();
    const auto has = [caps](unsigned c) { return (caps & (std::uint64_t{1} << c)) != 0; };
    const bool bpf = has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON));
    out.push_back(
        {"privilege", bpf, true, bpf ? "may load BPF programs" : explain_refusal(), bpf ? "" : "everything live"});
    struct Wanted {
        unsigned cap;
        const char* name;
        const char* lost;
    };
    constexpr std::array kWanted{
        Wanted{CAP_NET_ADMIN, "CAP_NET_ADMIN", "changes of user, group and session without an exec"},
        Wanted{CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "files of containers through /proc/PID/root"},
        Wanted{CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "container metadata in directories closed to others"},
        Wanted{CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE",
               "nothing; oom_score_adj stays as it is, so the agent may be ended early when memory runs out"},
    };
    for (const Wanted& w : kWanted)
        out.push_back({w.name, has(w.cap), false, has(w.cap) ? "held" : "not held", has(w.cap) ? "" : w.lost});
}

void probe_kernel(std::vector<ProbeResult>& out) {
    utsname name{};
    ::uname(&name);
    out.push_back({"kernel", true, false, fmt::format("{} {} {}", name.sysname, name.release, name.machine), ""});
    const KernelTypes types = read_kernel_types();
    out.push_back({"BTF", types.present, true,
                   types.present ? "/sys/kernel/btf/vmlinux" : "no type information (CONFIG_DEBUG_INFO_BTF)",
                   types.present ? "" : "everything live"});
    if (!types.present) return;
    out.push_back({"bpf_loop", types.loop_helper, true, types.loop_helper ? "there" : "needs Linux 5.17",
                   types.loop_helper ? "" : "everything live"});
    out.push_back({"bpf_rdonly_cast", types.casts, false, types.casts ? "there" : "needs Linux 6.2",
                   types.casts ? "" : "nothing; every event costs more"});
    const std::string lockdown = lockdown_mode();
    const bool open = lockdown != "confidentiality";
    out.push_back({"lockdown", open, true, lockdown.empty() ? "not known (securityfs is not mounted)" : lockdown,
                   open ? "" : "everything live"});
    const bool pid_ns = in_initial_namespace("pid");
    out.push_back({"pid namespace", pid_ns, false, pid_ns ? "initial" : "not the host's",
                   pid_ns ? "" : "processes outside this namespace that were there before"});
}

} // namespace

std::vector<ProbeResult> probe_host() {
    std::vector<ProbeResult> out;
    probe_kernel(out);
    probe_privilege(out);
    auto programs = Programs::load({.ring_bytes = 4096}, {});
    if (programs) {
        auto attached = (*programs)->attach();
        if (!attached) out.push_back({"hooks", false, true, attached.error().message, "everything live"});
        // What is otherwise attached only while rules need it; nothing is wanted of it here.
        std::string refused;
        if (auto calls = (*programs)->attach_on_demand({.calls = true,
                                                        .enter = true,
                                                        .connections = true,
                                                        .uring = true,
                                                        .signals = true,
                                                        .page_faults = true});
            !calls)
            refused = calls.error().message;
        for (const Hook& h : (*programs)->hooks())
            out.push_back({h.name, h.active, false, h.active ? h.kind + ", works" : h.kind,
                           h.active           ? ""
                           : h.detail.empty() ? refused
                                              : h.detail});
        out.push_back({"ring buffer", true, true, "works", ""});
    } else {
        out.push_back({"hooks", false, true, programs.error().message, "everything live"});
    }
    const auto connector = ProcConnector::create();
    out.push_back({"process connector", connector.has_value(), false, connector ? "works" : connector.error().message,
                   connector ? "" : "changes of user, group and session without an exec"});
    return out;
}

} // namespace gyr
