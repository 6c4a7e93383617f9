/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * sched_process_exit: told once per process, by its last thread. Since 6.16 the tracepoint says itself that the group
 * is dead. Before, the count of live threads does, but two threads that die at once may both find it at zero, so the
 * first to enter the process in a map tells. Exactly one of the two programs is loaded.
 */
#include "lib/emit.h"
#include "lib/task.h"

/*
 * Who adopts the children of a process that ends, as find_new_reaper() chooses: the nearest ancestor of the same pid
 * namespace that asked to be a subreaper, else the namespace's first process. The kernel looks after this tracepoint.
 */
#define GYR_REAPER_STEPS 32
static __noinline s32 reaper_of(struct task_struct* task) {
    if (!task) return 0;
    struct list_head* children = (void*)((u8*)task + bpf_core_field_offset(struct task_struct, children));
    if (BPF_CORE_READ(task, children.next) == children) return 0;
    u64 pid = (u64)BPF_CORE_READ(task, thread_pid);
    if (!pid) return 0;
    u32 level = level_of(pid);
    struct signal_struct* signal = BPF_CORE_READ(task, signal);
    if (BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper)) {
        struct task_struct* at = BPF_CORE_READ(task, real_parent);
        for (int i = 0; i < GYR_REAPER_STEPS; i++) {
            if (BPF_CORE_READ(at, tgid) == 0 || BPF_CORE_READ(at, thread_pid, level) != level) break;
            signal = BPF_CORE_READ(at, signal);
            /* One that ends itself has no thread left to adopt them. */
            if (BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper) && BPF_CORE_READ(signal, live.counter) > 0)
                return BPF_CORE_READ(at, tgid);
            at = BPF_CORE_READ(at, real_parent);
        }
    }
    return READ(upid_at(pid, level), ns, child_reaper, tgid);
}

static __noinline int tell_exit(struct task_struct* task) {
    if (!task) return 0;
    struct scratch* s = scratch_get();
    if (!s) {
        count_loss(GYR_EXIT, bpf_ktime_get_boot_ns(), bpf_get_current_cgroup_id());
        return 0;
    }
    begin_record(s, task, GYR_EXIT);
    struct signal_struct* signal = BPF_CORE_READ(task, signal);
    /* What wait(2) will report. */
    s->record.exit_code = BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT
                              ? BPF_CORE_READ(signal, group_exit_code)
                              : BPF_CORE_READ(task, group_leader, exit_code);
    s->record.reaper = reaper_of(task);
    emit(s);
    return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct* task, bool group_dead) {
    if (group_dead) tell_exit(task);
    return 0;
}

struct process_key {
    u64 start_boottime_ns;
    u64 tgid;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, struct process_key);
    __type(value, u8);
} told_exits SEC(".maps");

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit_by_count, struct task_struct* task) {
    if (BPF_CORE_READ(task, signal, live.counter) != 0) return 0;
    struct process_key key = {.start_boottime_ns = BPF_CORE_READ(task, group_leader, start_boottime),
                              .tgid = BPF_CORE_READ(task, tgid)};
    u8 one = 1;
    if (bpf_map_update_elem(&told_exits, &key, &one, BPF_NOEXIST) == -17 /* EEXIST */) return 0;
    tell_exit(task);
    return 0;
}
