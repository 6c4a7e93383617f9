/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Ids, namespaces, terminal, limits and sizes of a task: what every record of the process lane carries. */
#ifndef GYR_TASK_H
#define GYR_TASK_H

#include "lib/cgroup.h"
#include "lib/cred.h"

/* The number that pid has in the namespace at level, or 0 where it has none. */
static __always_inline s32 pid_at_level(struct pid* pid, u32 level) {
    if (!pid || BPF_CORE_READ(pid, level) < level) return 0;
    struct upid* at =
        (void*)((u8*)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid));
    return BPF_CORE_READ(at, nr);
}

static __always_inline struct pid_namespace* pid_namespace_of(struct pid* pid) {
    u32 level = BPF_CORE_READ(pid, level);
    struct upid* at =
        (void*)((u8*)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid));
    return BPF_CORE_READ(at, ns);
}

/* A session or group led from outside the namespace has no number in it: 0, as getsid(2) would say. */
static __always_inline s32 id_in_namespace(struct pid* pid, u32 level, struct pid_namespace* ns) {
    if (!pid || BPF_CORE_READ(pid, level) < level) return 0;
    struct upid* at =
        (void*)((u8*)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid));
    return BPF_CORE_READ(at, ns) == ns ? BPF_CORE_READ(at, nr) : 0;
}

static __noinline int fill_ids(struct gyr_process_record* r, struct task_struct* task) {
    if (!r || !task) return 0;
    struct signal_struct* signal = BPF_CORE_READ(task, signal);
    struct task_struct* leader = BPF_CORE_READ(task, group_leader);
    struct task_struct* parent = BPF_CORE_READ(task, real_parent);
    struct task_struct* parent_leader = BPF_CORE_READ(parent, group_leader);
    r->tid = BPF_CORE_READ(task, pid);
    r->tgid = BPF_CORE_READ(task, tgid);
    r->start_boottime_ns = BPF_CORE_READ(leader, start_boottime);
    r->ptgid = BPF_CORE_READ(parent, tgid);
    r->parent_start_boottime_ns = BPF_CORE_READ(parent_leader, start_boottime);
    if (BPF_CORE_READ(task, ptrace)) r->tracer = BPF_CORE_READ(task, parent, tgid);

    struct pid* group = BPF_CORE_READ(signal, pids[GYR_PIDTYPE_PGID]);
    struct pid* session = BPF_CORE_READ(signal, pids[GYR_PIDTYPE_SID]);
    r->pgid = pid_at_level(group, 0);
    r->sid = pid_at_level(session, 0);
    struct pid* thread = BPF_CORE_READ(task, thread_pid);
    if (!thread) return 0; /* already reaped */
    u32 level = BPF_CORE_READ(thread, level);
    struct pid_namespace* ns = pid_namespace_of(thread);
    r->vtid = pid_at_level(thread, level);
    r->vpid = id_in_namespace(BPF_CORE_READ(signal, pids[GYR_PIDTYPE_TGID]), level, ns);
    r->vppid = id_in_namespace(BPF_CORE_READ(parent, signal, pids[GYR_PIDTYPE_TGID]), level, ns);
    r->vpgid = id_in_namespace(group, level, ns);
    r->vsid = id_in_namespace(session, level, ns);
    r->namespaces.pid = BPF_CORE_READ(ns, ns.inum);
    r->pidns_init_start_boottime_ns = BPF_CORE_READ(ns, child_reaper, start_boottime);
    return 0;
}

static __noinline int fill_namespaces(struct gyr_namespaces* out, struct task_struct* task) {
    if (!out || !task) return 0;
    out->user = BPF_CORE_READ(task, cred, user_ns, ns.inum);
    struct nsproxy* p = BPF_CORE_READ(task, nsproxy);
    if (!p) return 0;
    out->mnt = BPF_CORE_READ(p, mnt_ns, ns.inum);
    out->net = BPF_CORE_READ(p, net_ns, ns.inum);
    out->uts = BPF_CORE_READ(p, uts_ns, ns.inum);
    out->ipc = BPF_CORE_READ(p, ipc_ns, ns.inum);
    out->cgroup = BPF_CORE_READ(p, cgroup_ns, ns.inum);
    if (bpf_core_field_exists(p->time_ns)) out->time = BPF_CORE_READ(p, time_ns, ns.inum);
    return 0;
}

/* As the kernel's new_encode_dev() packs it, which is what tools show: 34816 is /dev/pts/0. */
static __always_inline u32 controlling_tty(struct signal_struct* signal) {
    struct tty_struct* tty = BPF_CORE_READ(signal, tty);
    if (!tty) return 0;
    u32 major = BPF_CORE_READ(tty, driver, major);
    u32 minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
    return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

static __noinline int fill_usage(struct gyr_process_record* r, struct task_struct* task) {
    if (!r || !task) return 0;
    struct signal_struct* signal = BPF_CORE_READ(task, signal);
    r->threads = BPF_CORE_READ(signal, nr_threads);
    r->tty = controlling_tty(signal);
    r->fd_limit = BPF_CORE_READ(signal, rlim[RLIMIT_NOFILE].rlim_cur);
    r->major_faults = BPF_CORE_READ(task, maj_flt) + BPF_CORE_READ(signal, maj_flt);
    r->minor_faults = BPF_CORE_READ(task, min_flt) + BPF_CORE_READ(signal, min_flt);
    r->exec_id = BPF_CORE_READ(task, self_exec_id);
    struct mm_struct* mm = BPF_CORE_READ(task, mm);
    if (!mm) return 0;
    r->vm_size_pages = BPF_CORE_READ(mm, total_vm);
    r->vm_rss_pages = mm_pages(mm, 0) + mm_pages(mm, 1) + mm_pages(mm, 3);
    r->vm_swap_pages = mm_pages(mm, 2);
    return 0;
}

/* Starts a record about task: everything that does not need its memory, files or paths. */
static __noinline int begin_record(struct scratch* s, struct task_struct* task, u32 kind) {
    if (!s || !task) return 0;
    struct gyr_process_record* r = &s->record;
    __builtin_memset(r, 0, sizeof *r);
    r->boottime_ns = bpf_ktime_get_boot_ns();
    r->magic = GYR_RECORD_MAGIC;
    r->kind = kind;
    r->cpu = bpf_get_smp_processor_id();
    r->syscall_nr = -1;
    if (BPF_CORE_READ(task, flags) & PF_KTHREAD) r->flags |= GYR_PROC_KERNEL_THREAD;
    bpf_probe_read_kernel(r->comm, sizeof r->comm, &task->comm);
    fill_ids(r, task);
    const struct cred* cred = BPF_CORE_READ(task, cred);
    fill_credentials(&r->credentials, cred);
    r->credentials.login_uid = r->credentials.session_id = 0xffffffffu;
    if (bpf_core_field_exists(task->loginuid)) r->credentials.login_uid = BPF_CORE_READ(task, loginuid.val);
    if (bpf_core_field_exists(task->sessionid)) r->credentials.session_id = BPF_CORE_READ(task, sessionid);
    fill_namespaces(&r->namespaces, task);
    fill_usage(r, task);
    append_groups(s, cred);
    append_cgroups(s, BPF_CORE_READ(task, cgroups));
    return 0;
}

/* The system call that current is in, with the entry's width. */
static __always_inline void fill_syscall(struct gyr_process_record* r, struct task_struct* task) {
    if (r->flags & GYR_PROC_KERNEL_THREAD) return;
    struct pt_regs* regs = (void*)bpf_task_pt_regs(task);
    r->syscall_nr = BPF_CORE_READ(regs, orig_ax);
    if (BPF_CORE_READ(task, thread_info.status) & TS_COMPAT) r->flags |= GYR_PROC_COMPAT;
}

#endif
