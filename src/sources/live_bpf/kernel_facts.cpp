#include "sources/live_bpf/kernel_facts.h"

#include <array>
#include <bpf/btf.h>
#include <charconv>
#include <fmt/format.h>
#include <fstream>
#include <linux/capability.h>
#include <sys/stat.h>

namespace gyr {
namespace {

const btf* types_of(const KernelTypes& t) { return static_cast<const btf*>(t.handle.get()); }

// The number of arguments of a tracepoint's probes, the private one included; 0 when there is no such tracepoint.
unsigned tracepoint_arguments(const btf* types, std::string_view name) {
    const int id = btf__find_by_name_kind(types, fmt::format("btf_trace_{}", name).c_str(), BTF_KIND_TYPEDEF);
    if (id < 0) return 0;
    const btf_type* t = btf__type_by_id(types, btf__type_by_id(types, static_cast<unsigned>(id))->type); // pointer
    t = btf__type_by_id(types, t->type);                                                                 // function
    return BTF_INFO_KIND(t->info) == BTF_KIND_FUNC_PROTO ? BTF_INFO_VLEN(t->info) : 0;
}

} // namespace

bool KernelTypes::has_tracepoint(std::string_view name) const {
    return present && tracepoint_arguments(types_of(*this), name) > 0;
}

KernelTypes read_kernel_types() {
    KernelTypes out;
    btf* types = btf__load_vmlinux_btf();
    if (types == nullptr) return out;
    out.handle = std::shared_ptr<void>(types, [](void* p) { btf__free(static_cast<btf*>(p)); });
    out.present = true;
    out.exit_tells_group = tracepoint_arguments(types, "sched_process_exit") >= 3;
    out.uring_request = tracepoint_arguments(types, "io_uring_submit_req") > 0;
    out.uring_entry = tracepoint_arguments(types, "io_uring_complete") == 4;
    const auto has_type = [&](const char* name, unsigned kind) {
        return btf__find_by_name_kind(types, name, kind) > 0;
    };
    // Each helper has a typedef "btf_bpf_x" where it is compiled in.
    out.sleepable_iterator =
        has_type("btf_bpf_copy_from_user_task", BTF_KIND_TYPEDEF) && has_type("bpf_iter__task", BTF_KIND_STRUCT);
    out.loop_helper = has_type("btf_bpf_loop", BTF_KIND_TYPEDEF);
    out.casts = has_type("bpf_rdonly_cast", BTF_KIND_FUNC);
    return out;
}

std::uint64_t effective_capabilities() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (!line.starts_with("CapEff:")) continue;
        const std::size_t digits = line.find_first_not_of(" \t", 7);
        if (digits == std::string::npos) return 0;
        std::uint64_t caps = 0;
        std::from_chars(line.data() + digits, line.data() + line.size(), caps, 16);
        return caps;
    }
    return 0;
}

std::string lockdown_mode() {
    std::ifstream file("/sys/kernel/security/lockdown");
    std::string line;
    if (!std::getline(file, line)) return {};
    const std::size_t open = line.find('['), close = line.find(']'); // "none [integrity] confidentiality"
    return open != std::string::npos && close != std::string::npos ? line.substr(open + 1, close - open - 1) : line;
}

bool in_initial_namespace(std::string_view kind) {
    const ino_t initial = kind == "pid" ? 0xeffffffcU : kind == "user" ? 0xeffffffdU : 0; // fixed by the kernel
    struct stat s {};
    return initial != 0 && ::stat(fmt::format("/proc/self/ns/{}", kind).c_str(), &s) == 0 && s.st_ino == initial;
}

std::string explain_refusal() {
    const std::uint64_t caps = effective_capabilities();
    const auto has = [caps](unsigned c) { return (caps & (std::uint64_t{1} << c)) != 0; };
    if (!has(CAP_SYS_ADMIN) && !(has(CAP_BPF) && has(CAP_PERFMON)))
        return "watching the kernel needs root, or CAP_BPF and CAP_PERFMON";
    if (!in_initial_namespace("user"))
        return "watching the kernel needs the capabilities of the initial user namespace";
    if (lockdown_mode() == "confidentiality")
        return "the kernel is locked down (confidentiality): it lets no program read its memory";
    return "the kernel does not permit BPF programs here (a security module, seccomp, or lockdown)";
}

} // namespace gyr
