/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Where a record is put together before it goes to the ring in its exact size. A record can be 256 KiB, too much to
 * reserve in the ring for everyone; so there is a small pool of slots, each taken by a compare-and-swap. Tracepoints
 * run with preemption off (or nearly so) and hold a slot for microseconds, so one slot a CPU is plenty; the sleepable
 * iterator, which may wait for a page in the middle, merely holds one of them longer.
 */
#ifndef GYR_SCRATCH_H
#define GYR_SCRATCH_H

#include "abi/counters.h"
#include "abi/process_wire.h"
#include "lib/kernel_types.h"

#include <bpf/bpf_helpers.h>

const volatile gyr_u32 scratch_slots = 4; /* max_entries of the map, set before load */

/* Written by both sides; see abi/counters.h. */
struct gyr_loss losses[GYR_KINDS];
gyr_u64 errors[GYR_ERRORS];
struct gyr_control control;

#define GYR_CHUNK 256u

struct scratch {
    u32 in_use;
    u32 fill;            /* bytes of the area that are set */
    u8 chunk[GYR_CHUNK]; /* bytes on their way through the hash */
    struct gyr_process_record record;
    u8 area[GYR_AREA_SIZE];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, u32);
    __type(value, struct scratch);
} scratch_pool SEC(".maps");

static __always_inline void count_error(u32 kind) {
    if (kind < GYR_ERRORS) __sync_fetch_and_add(&errors[kind], 1);
}

static __noinline int count_loss(u32 kind, u64 boottime_ns, u64 cgroup_id) {
    if (kind >= GYR_KINDS) return 0;
    struct gyr_loss* l = &losses[kind];
    __sync_fetch_and_add(&l->count, 1);
    __sync_val_compare_and_swap(&l->first_boottime_ns, 0, boottime_ns);
    l->last_boottime_ns = boottime_ns;
    l->cgroup_id = cgroup_id;
    return 0;
}

static __always_inline struct scratch* scratch_get(void) {
    u32 start = bpf_get_smp_processor_id();
    for (u32 i = 0; i < 8; i++) {
        u32 key = (start + i) % (scratch_slots ? scratch_slots : 1);
        struct scratch* s = bpf_map_lookup_elem(&scratch_pool, &key);
        if (s && __sync_val_compare_and_swap(&s->in_use, 0, 1) == 0) {
            s->fill = 0;
            return s;
        }
    }
    count_error(GYR_ERROR_SCRATCH_BUSY);
    return NULL;
}

static __always_inline void scratch_put(struct scratch* s) { __sync_lock_test_and_set(&s->in_use, 0); }

static __always_inline void blob_begin(struct scratch* s, struct gyr_blob* b) {
    b->offset = s->fill;
    b->length = 0;
    b->flags = 0;
}

static __always_inline void blob_end(struct scratch* s, struct gyr_blob* b) { b->length = s->fill - b->offset; }

/* Appends a NUL-terminated kernel string of up to GYR_NAME_MAX bytes, NUL included. False when it did not fit. */
static __always_inline bool append_name(struct scratch* s, const void* name) {
    u32 at = s->fill;
    if (at > GYR_AREA_SIZE - GYR_NAME_MAX) {
        count_error(GYR_ERROR_AREA_FULL);
        return false;
    }
    long n = bpf_probe_read_kernel_str(&s->area[at], GYR_NAME_MAX, name);
    if (n <= 0) {
        count_error(GYR_ERROR_KERNEL_READ);
        return false;
    }
    s->fill = at + n;
    return true;
}

static __always_inline bool append_nul(struct scratch* s) {
    u32 at = s->fill;
    if (at > GYR_AREA_SIZE - 1) return false;
    s->area[at] = 0;
    s->fill = at + 1;
    return true;
}

/* Numbers in the area are read in place by user space. */
static __always_inline void align_area(struct scratch* s) { s->fill = (s->fill + 7) & ~7u; }

#endif
