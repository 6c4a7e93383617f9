/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What changes about a process without a new image and has a tracepoint: its name and its cgroup. Only the leader
 * speaks for the process. A program can do either in a tight loop, so these give way when the ring is half full:
 * they must not push out a fork, exec or exit. What was left out is counted as a lost change.
 */
#include "lib/emit.h"
#include "lib/task.h"

static __noinline int tell_change(struct task_struct* task, u32 changes, const char* comm) {
    if (!task) return 0;
    if (ring_over(1, 2)) {
        count_error(GYR_ERROR_RING_RESERVED);
        count_loss(GYR_CHANGE, bpf_ktime_get_boot_ns(), BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id));
        count_process_loss(GYR_CLASSES + GYR_CHANGE, GYR_LOSS_FULL, BPF_CORE_READ(task, tgid),
                           BPF_CORE_READ(task, group_leader, start_boottime), 0);
        return 0;
    }
    struct scratch* s = scratch_get();
    if (!s) {
        count_loss(GYR_CHANGE, bpf_ktime_get_boot_ns(), bpf_get_current_cgroup_id());
        return 0;
    }
    begin_record(s, task, GYR_CHANGE);
    s->record.changes = changes;
    if (comm) {
        __builtin_memset(s->record.comm, 0, sizeof s->record.comm);
        bpf_probe_read_kernel_str(s->record.comm, sizeof s->record.comm, comm);
    }
    emit(s);
    return 0;
}

static __always_inline bool speaks_for_process(struct task_struct* task) {
    return BPF_CORE_READ(task, tgid) == BPF_CORE_READ(task, pid) && !(BPF_CORE_READ(task, flags) & PF_KTHREAD);
}

/* Comes before the name is set; an exec's own renaming is part of the exec. */
SEC("tp_btf/task_rename")
int BPF_PROG(process_rename, struct task_struct* task, const char* comm) {
    if (!speaks_for_process(task) || BPF_CORE_READ_BITFIELD_PROBED(task, in_execve)) return 0;
    char now[16] = {}, next[16] = {};
    bpf_probe_read_kernel_str(now, sizeof now, &task->comm);
    bpf_probe_read_kernel_str(next, sizeof next, comm);
    const u64 *a = (void*)now, *b = (void*)next;
    if (a[0] == b[0] && a[1] == b[1]) return 0;
    tell_change(task, GYR_CHANGE_COMM, next);
    return 0;
}

/* Comes after the move, once per hierarchy. */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(process_cgroup, struct cgroup* to, const char* path, struct task_struct* task, bool threadgroup) {
    if (speaks_for_process(task)) tell_change(task, GYR_CHANGE_CGROUP, NULL);
    return 0;
}
