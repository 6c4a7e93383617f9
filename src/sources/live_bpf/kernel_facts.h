#pragma once
// What this kernel has, read from its type information, and what this process may do. Asking changes nothing.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gyr {

// The kernel's own type information (BTF).
struct KernelTypes {
    bool present = false;
    bool sleepable_iterator = false; // iterators that may wait for another task's memory
    bool exit_tells_group = false;   // sched_process_exit says whether the group is dead (6.16)
    bool loop_helper = false;        // bpf_loop (5.17)
    bool casts = false;              // bpf_rdonly_cast (6.2)
    bool uring_request = false;      // io_uring_submit_req, as io_uring_submit_sqe is called since 6.4
    bool uring_entry = false;        // io_uring_complete gives the entry of the completion queue

    [[nodiscard]] bool has_tracepoint(std::string_view name) const;

    std::shared_ptr<void> handle; // the parsed types
};
[[nodiscard]] KernelTypes read_kernel_types();

// Effective capabilities of this process.
[[nodiscard]] std::uint64_t effective_capabilities();
// "none", "integrity", "confidentiality", or empty where securityfs is not mounted.
[[nodiscard]] std::string lockdown_mode();
// This process is in the initial namespace of that kind ("pid", "user"; "net" has no fixed number and is not known).
[[nodiscard]] bool in_initial_namespace(std::string_view kind);
// One sentence: the most likely reason why the kernel does not let us load BPF programs.
[[nodiscard]] std::string explain_refusal();

} // namespace gyr
