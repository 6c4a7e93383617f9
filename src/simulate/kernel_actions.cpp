// Actions for 83-kernel.yaml.

#include "simulate/action.h"

namespace gyr::simulate {
namespace {

using enum Where;

constexpr std::array kActions{
    RuleAction{"Kernel Module Loaded", {container, {"init-module"}}, {container, {"true"}}},
    RuleAction{"Kernel Module Removed", {container, {"delete-module"}}, {container, {"true"}}},
    RuleAction{"Another Kernel Prepared", {host, {"kexec"}}, {host, {"true"}}},
    RuleAction{"BPF Used in Container", {capable, {"bpf-load"}}, {capable, {"bpf-look"}}},
    RuleAction{"BPF Program Loaded by Unusual Program",
               {host, {"cp /usr/local/bin/gyr /opt/tool", "/opt/tool deed bpf-load"}},
               {host, {"as tool bpf-look"}}},
    RuleAction{"BPF Objects Tampered With", {host, {"as tool bpf-take"}}, {host, {"as tool bpf-look"}}},
    RuleAction{"Kernel Probe Set through Trace Files",
               {host, {"make /tmp/tracing/kprobe_events", "write /tmp/tracing/kprobe_events"}},
               {host, {"make /tmp/tracing/trace_marker", "write /tmp/tracing/trace_marker"}}},
    RuleAction{"io_uring Set Up in Container", {container, {"uring"}}, {host, {"uring"}}},
    RuleAction{"Page Faults Handled by Unprivileged Program", {container, {"page-faults"}}, {host, {"page-faults"}}},
    RuleAction{"Process Traced", {host, {"attach"}}, {host, {"trace-me"}}},
    RuleAction{"Guard against Debuggers", {host, {"trace-me"}}, {host, {"attach"}}},
    RuleAction{"Memory of Another Process Written", {host, {"write-memory"}}, {host, {"see-process"}}},
    RuleAction{"Descriptor Taken from Another Process", {host, {"take-descriptor"}}, {host, {"see-process"}}},
    RuleAction{"Kernel Keys Read in Container", {container, {"read-key"}}, {container, {"own-keyring"}}},
};

} // namespace

std::span<const RuleAction> kernel_actions() { return kActions; }

} // namespace gyr::simulate
