/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * sched_process_fork: in clone(2) and its kin, in the parent, before the child first runs. Threads are not told. The
 * child shares its parent's image, so a record carries none, except while the snapshot is being taken: the parent
 * may not have been seen yet, and may be gone before it is.
 */
#include "lib/emit.h"
#include "lib/image.h"

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct* parent, struct task_struct* child) {
    if (BPF_CORE_READ(child, tgid) != BPF_CORE_READ(child, pid)) return 0;
    struct scratch* s = scratch_get();
    if (!s) {
        count_loss(GYR_FORK, bpf_ktime_get_boot_ns(), bpf_get_current_cgroup_id());
        return 0;
    }
    begin_record(s, child, GYR_FORK);
    struct gyr_process_record* r = &s->record;
    fill_syscall(r, parent);
    if (!(r->flags & GYR_PROC_KERNEL_THREAD) && r->syscall_nr >= 0) {
        struct pt_regs* regs = (void*)bpf_task_pt_regs(parent);
        u64 flags = 0;
        if (r->syscall_nr == (r->flags & GYR_PROC_COMPAT ? NR_CLONE_COMPAT : NR_CLONE))
            flags = r->flags & GYR_PROC_COMPAT ? BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di);
        else if (r->syscall_nr == NR_CLONE3) /* struct clone_args begins with the flags */
            bpf_probe_read_user(
                &flags, sizeof flags,
                (void*)(r->flags & GYR_PROC_COMPAT ? BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di)));
        else if (r->syscall_nr == (r->flags & GYR_PROC_COMPAT ? NR_VFORK_COMPAT : NR_VFORK))
            flags = CLONE_VM | CLONE_VFORK;
        r->clone_flags = flags;
    }
    if (control.in_snapshot) fill_image(s, parent, BPF_CORE_READ(child, mm), 0);
    emit(s);
    return 0;
}
