/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * sched_process_exec: the new image is in place, credentials are committed, nothing of it has run yet.
 * sched_prepare_exec (6.11) comes before the point of no return and is the only place that still knows which system
 * call it was (loading a binary overwrites the saved number with execve's) and what the caller was allowed.
 */
#include "lib/emit.h"
#include "lib/image.h"

struct exec_entry {
    s32 syscall_nr;
    u32 compat;
    u32 euid, egid;
    u64 cap_effective;
};

/* By task, from prepare to exec. LRU: an exec that dies in between leaves its entry to be pushed out. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, u64);
    __type(value, struct exec_entry);
} exec_entries SEC(".maps");

SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(process_prepare_exec, struct task_struct* task, struct linux_binprm* bprm) {
    u64 key = (u64)task;
    struct pt_regs* regs = (void*)bpf_task_pt_regs(task);
    struct exec_entry e = {.syscall_nr = BPF_CORE_READ(regs, orig_ax),
                           .compat = BPF_CORE_READ(task, thread_info.status) & TS_COMPAT};
    const struct cred* cred = BPF_CORE_READ(task, cred);
    e.euid = BPF_CORE_READ(cred, euid.val);
    e.egid = BPF_CORE_READ(cred, egid.val);
    e.cap_effective = capability_set(&cred->cap_effective);
    bpf_map_update_elem(&exec_entries, &key, &e, BPF_ANY);
    return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct* task, int old_pid, struct linux_binprm* bprm) {
    struct scratch* s = scratch_get();
    if (!s) {
        count_loss(GYR_EXEC, bpf_ktime_get_boot_ns(), bpf_get_current_cgroup_id());
        return 0;
    }
    begin_record(s, task, GYR_EXEC);
    struct gyr_process_record* r = &s->record;
    r->tid = old_pid;
    r->flags &= ~GYR_PROC_KERNEL_THREAD; /* a helper that the kernel starts is a kernel thread until now */
    u64 key = (u64)task;
    struct exec_entry* entry = bpf_map_lookup_elem(&exec_entries, &key);
    if (entry) {
        r->syscall_nr = entry->syscall_nr;
        if (entry->compat) r->flags |= GYR_PROC_COMPAT;
        r->before_euid = entry->euid;
        r->before_egid = entry->egid;
        r->before_cap_effective = entry->cap_effective;
        r->flags |= GYR_PROC_HAS_BEFORE;
        bpf_map_delete_elem(&exec_entries, &key);
    } else {
        fill_syscall(r, task);
    }
    const char* filename = BPF_CORE_READ(bprm, filename);
    if (filename != BPF_CORE_READ(bprm, interp)) {
        blob_begin(s, &r->script);
        u32 at = s->fill;
        if (at <= GYR_AREA_SIZE - GYR_PAGE) {
            long n = bpf_probe_read_kernel_str(&s->area[at], GYR_PAGE, filename);
            if (n > 0) s->fill = at + n;
        }
        blob_end(s, &r->script);
    }
    fill_image(s, task, BPF_CORE_READ(task, mm), 0);
    emit(s);
    return 0;
}
