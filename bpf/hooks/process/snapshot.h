/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Task iterator: the processes that are already there, or one of them read again (the link is then limited to its
 * tid). Records take the same ring as everything else, which is what puts them in order. Each task also leaves a
 * struct gyr_iter_item in the iterator's own output: user space reads that a few at a time, which paces the iterator,
 * empties the ring in between, and reads again whoever found no room.
 */
#include "lib/emit.h"
#include "lib/image.h"

static __always_inline bool same_rights(const struct cred* a, const struct cred* b) {
    return BPF_CORE_READ(a, uid.val) == BPF_CORE_READ(b, uid.val) &&
           BPF_CORE_READ(a, euid.val) == BPF_CORE_READ(b, euid.val) &&
           BPF_CORE_READ(a, suid.val) == BPF_CORE_READ(b, suid.val) &&
           BPF_CORE_READ(a, gid.val) == BPF_CORE_READ(b, gid.val) &&
           BPF_CORE_READ(a, egid.val) == BPF_CORE_READ(b, egid.val) &&
           BPF_CORE_READ(a, sgid.val) == BPF_CORE_READ(b, sgid.val) &&
           capability_set(&a->cap_effective) == capability_set(&b->cap_effective) &&
           capability_set(&a->cap_permitted) == capability_set(&b->cap_permitted);
}

SEC("iter.s/task")
int process_iterate(struct bpf_iter__task* ctx) {
    struct task_struct* task = ctx->task;
    struct seq_file* seq = ctx->meta->seq;
    if (!task) return 0;
    struct task_struct* leader = BPF_CORE_READ(task, group_leader);
    if (BPF_CORE_READ(task, signal, live.counter) == 0) return 0; /* exited, or telling so at this moment */
    if (task != leader) {
        if (control.iter_any_thread) {
            if (same_rights(BPF_CORE_READ(task, real_cred), BPF_CORE_READ(leader, real_cred))) return 0;
        } else if (BPF_CORE_READ(leader, mm) || !BPF_CORE_READ(task, mm)) {
            return 0; /* a leader without memory has left; another thread then stands for the process */
        }
    }
    struct gyr_iter_item item = {.tid = BPF_CORE_READ(task, pid), .outcome = GYR_ITER_NO_ROOM};
    if (!ring_over(1, 2)) {
        struct scratch* s = scratch_get();
        if (s) {
            begin_record(s, task, control.iter_kind);
            s->record.changes = control.iter_changes;
            /* In the midst of an exec the name may be the new image's already, whose own record is to come. */
            if (control.iter_kind == GYR_CHANGE && BPF_CORE_READ_BITFIELD_PROBED(task, in_execve))
                __builtin_memset(s->record.comm, 0, sizeof s->record.comm);
            if (control.iter_image && !(s->record.flags & GYR_PROC_KERNEL_THREAD))
                fill_image(s, task, BPF_CORE_READ(task, mm), 1);
            if (emit(s) == 0) item.outcome = GYR_ITER_SENT;
        }
    }
    bpf_seq_write(seq, &item, sizeof item);
    return 0;
}
