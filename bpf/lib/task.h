/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Ids, namespaces, terminal, limits and sizes of a task: what every record of the process lane carries. */
#ifndef GYR_TASK_H
#define GYR_TASK_H

#include "lib/cgroup.h"
#include "lib/cred.h"

/* A pid's number and namespace at a level. Pointers are numbers here, as the place of these is reckoned. */
static __always_inline struct upid* upid_at(u64 pid, u32 level) {
    return kernel_pointer(
        upid, (void*)(pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid)));
}

static __always_inline u32 level_of(u64 pid) { return READ(kernel_pointer(pid, (void*)pid), level); }

/* The number that pid has in the namespace at level, or 0 where it has none. */
static __always_inline s32 pid_at_level(u64 pid, u32 level) {
    return !pid || level_of(pid) < level ? 0 : READ(upid_at(pid, level), nr);
}

static __always_inline u64 namespace_at(u64 pid, u32 level) { return kernel_word(&upid_at(pid, level)->ns); }

/* A session or group led from outside the namespace has no number in it: 0, as getsid(2) would say. */
static __always_inline s32 id_in_namespace(u64 pid, u32 level, u64 ns) {
    return !pid || level_of(pid) < level || namespace_at(pid, level) != ns ? 0 : READ(upid_at(pid, level), nr);
}

static __noinline int fill_ids(struct gyr_process_record* r, struct task_struct* of) {
    if (!r || !of) return 0;
    struct task_struct* task = kernel_pointer(task_struct, of);
    struct signal_struct* signal = READ(task, signal);
    struct task_struct* parent = READ(task, real_parent);
    r->tid = READ(task, pid);
    r->tgid = READ(task, tgid);
    r->start_boottime_ns = READ(task, group_leader, start_boottime);
    r->ptgid = READ(parent, tgid);
    r->parent_start_boottime_ns = READ(parent, group_leader, start_boottime);
    if (READ(task, ptrace)) r->tracer = READ(task, parent, tgid);

    u64 group = kernel_word(&signal->pids[GYR_PIDTYPE_PGID]);
    u64 session = kernel_word(&signal->pids[GYR_PIDTYPE_SID]);
    r->pgid = pid_at_level(group, 0);
    r->sid = pid_at_level(session, 0);
    u64 thread = kernel_word(&task->thread_pid);
    if (!thread) return 0; /* already reaped */
    u32 level = level_of(thread);
    u64 ns = namespace_at(thread, level);
    r->vtid = pid_at_level(thread, level);
    r->vpid = id_in_namespace(kernel_word(&signal->pids[GYR_PIDTYPE_TGID]), level, ns);
    r->vppid = id_in_namespace(kernel_word(&READ(parent, signal)->pids[GYR_PIDTYPE_TGID]), level, ns);
    r->vpgid = id_in_namespace(group, level, ns);
    r->vsid = id_in_namespace(session, level, ns);
    struct pid_namespace* numbers = READ(upid_at(thread, level), ns);
    r->namespaces.pid = READ(numbers, ns.inum);
    r->pidns_init_start_boottime_ns = READ(numbers, child_reaper, start_boottime);
    return 0;
}

static __noinline int fill_namespaces(struct gyr_namespaces* out, struct task_struct* of) {
    if (!out || !of) return 0;
    struct task_struct* task = kernel_pointer(task_struct, of);
    out->user = READ(task, cred, user_ns, ns.inum);
    struct nsproxy* p = READ(task, nsproxy);
    if (!p) return 0;
    out->mnt = READ(p, mnt_ns, ns.inum);
    out->net = READ(p, net_ns, ns.inum);
    out->uts = READ(p, uts_ns, ns.inum);
    out->ipc = READ(p, ipc_ns, ns.inum);
    out->cgroup = READ(p, cgroup_ns, ns.inum);
    if (bpf_core_field_exists(p->time_ns)) out->time = READ(p, time_ns, ns.inum);
    return 0;
}

/* As the kernel's new_encode_dev() packs it, which is what tools show: 34816 is /dev/pts/0. */
static __always_inline u32 controlling_tty(struct signal_struct* signal) {
    struct tty_struct* tty = READ(signal, tty);
    if (!tty) return 0;
    u32 major = READ(tty, driver, major);
    u32 minor = READ(tty, driver, minor_start) + READ(tty, index);
    return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

static __noinline int fill_usage(struct gyr_process_record* r, struct task_struct* of) {
    if (!r || !of) return 0;
    struct task_struct* task = kernel_pointer(task_struct, of);
    struct signal_struct* signal = READ(task, signal);
    r->threads = READ(signal, nr_threads);
    r->tty = controlling_tty(signal);
    r->fd_limit = READ(signal, rlim[RLIMIT_NOFILE].rlim_cur);
    r->major_faults = READ(task, maj_flt) + READ(signal, maj_flt);
    r->minor_faults = READ(task, min_flt) + READ(signal, min_flt);
    r->exec_id = READ(task, self_exec_id);
    struct mm_struct* mm = READ(task, mm);
    if (!mm) return 0;
    r->vm_size_pages = READ(mm, total_vm);
    r->vm_rss_pages = mm_pages(mm, 0) + mm_pages(mm, 1) + mm_pages(mm, 3);
    r->vm_swap_pages = mm_pages(mm, 2);
    return 0;
}

/* Starts a record about task: everything that does not need its memory, files or paths. */
static __noinline int begin_record(struct scratch* s, struct task_struct* of, u32 kind) {
    if (!s || !of) return 0;
    struct task_struct* task = kernel_pointer(task_struct, of);
    struct gyr_process_record* r = &s->record;
    __builtin_memset(r, 0, sizeof *r);
    r->boottime_ns = bpf_ktime_get_boot_ns();
    r->magic = GYR_RECORD_MAGIC;
    r->kind = kind;
    r->cpu = bpf_get_smp_processor_id();
    r->syscall_nr = -1;
    if (READ(task, flags) & PF_KTHREAD) r->flags |= GYR_PROC_KERNEL_THREAD;
    bpf_probe_read_kernel(r->comm, sizeof r->comm, &task->comm);
    fill_ids(r, of);
    /* The process's own. In cred are for a moment those of whoever mounted an overlay, while one of its files is
     * opened, and other processors read this one (iter/task) at any moment. */
    const struct cred* cred = READ(task, real_cred);
    fill_credentials(&r->credentials, cred);
    r->credentials.login_uid = r->credentials.session_id = 0xffffffffu;
    if (bpf_core_field_exists(task->loginuid)) r->credentials.login_uid = READ(task, loginuid.val);
    if (bpf_core_field_exists(task->sessionid)) r->credentials.session_id = READ(task, sessionid);
    fill_namespaces(&r->namespaces, of);
    fill_usage(r, of);
    append_groups(s, cred);
    append_cgroups(s, kernel_word(&task->cgroups));
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
