/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Of what could not be written: how much of each kind was of which process, until user space takes it. */
#ifndef GYR_PROCESS_LOSS_H
#define GYR_PROCESS_LOSS_H

#include "abi/syscall_wire.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, GYR_LOSS_PROCESSES);
    __type(key, struct gyr_process_loss_key);
    __type(value, u64);
} losses_by_processes SEC(".maps");

/* When there are too many to tell apart, that of the others is only in the sums. */
__noinline int count_process_loss(u32 event_class, u32 reason, u32 tgid, u64 start_boottime_ns, u64 cgroup_set) {
    struct gyr_process_loss_key key = {.start_boottime_ns = start_boottime_ns,
                                       .cgroup_set = cgroup_set,
                                       .tgid = tgid,
                                       .event_class = event_class,
                                       .reason = reason};
    u64* count = bpf_map_lookup_elem(&losses_by_processes, &key);
    if (!count) {
        u64 none = 0;
        bpf_map_update_elem(&losses_by_processes, &key, &none, BPF_NOEXIST);
        count = bpf_map_lookup_elem(&losses_by_processes, &key);
    }
    if (count) __sync_fetch_and_add(count, 1);
    return 0;
}

#endif
