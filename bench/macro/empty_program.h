#pragma once
// The floor of anything that looks at system calls: a program at sys_exit that does nothing.

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <array>

namespace gyr::bench {

// A descriptor that keeps it attached until it is closed; -1 where the kernel takes none.
inline int attach_empty() {
    // r0 = 0; exit
    const std::array<bpf_insn, 2> program{
        {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}}};
    const int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "empty", "GPL", program.data(), program.size(), nullptr);
    return fd < 0 ? -1 : bpf_raw_tracepoint_open("sys_exit", fd);
}

} // namespace gyr::bench
