/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Events that are no system calls: a signal that reaches a process, a page fault. */

static __always_inline void tell_notice(u32 slot, u64 first, u64 second, u64 third) {
    struct gyr_plan* plan = plan_of(slot);
    if (!plan || (s32)(bpf_get_current_pid_tgid() >> 32) == wanted.own_tgid) return;
    struct call c = {.args = {first, second, third}};
    tell_call(plan, &c, slot, 0);
}

/* siginfo: signo, errno and code are ints, then, 8-aligned, what the code says; of kill(2) and its kin the sender's
 * pid. */
SEC("tp_btf/signal_deliver")
int BPF_PROG(signal_deliver, int sig, struct kernel_siginfo* info, struct k_sigaction* action) {
    int head[5] = {};
    if ((u64)info > 2) bpf_probe_read_kernel(head, sizeof head, info);
    bool from_process =
        head[2] <= 0 || sig == 17; /* SI_USER, SI_QUEUE, SI_TKILL …; SIGCHLD has the child's pid there */
    tell_notice(GYR_SLOT_SIGNAL, from_process ? head[4] : 0, (u32)bpf_get_current_pid_tgid(), sig);
    return 0;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(page_fault, unsigned long address, struct pt_regs* regs, unsigned long error) {
    tell_notice(GYR_SLOT_FAULT, address, BPF_CORE_READ(regs, ip), error);
    return 0;
}
