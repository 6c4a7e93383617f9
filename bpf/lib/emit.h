/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Sending a finished record. Who is woken: user space says in control.consumer_sleeps that it is about to wait; the
 * first record that is worth waking for clears the flag and forces the wake-up, all others are silent. Forks and exits
 * are not worth it until the ring is a quarter full: the exec that usually follows brings them along, and user
 * space looks by itself a few times a second; on a host so quiet that it found nothing it does not, and any record
 * wakes it. (The ring's own adaptive wake-up cannot be mixed with silent records:
 * it only fires when everything before has been consumed.)
 */
#ifndef GYR_EMIT_H
#define GYR_EMIT_H

#include "lib/process_loss.h"
#include "lib/scratch.h"

const volatile gyr_u32 ring_bytes = 16u << 20;

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 16u << 20);
} critical SEC(".maps");

static __always_inline bool ring_over(u32 numerator, u32 denominator) {
    return bpf_ringbuf_query(&critical, BPF_RB_AVAIL_DATA) > (u64)ring_bytes / denominator * numerator;
}

/*
 * The consumer went to sleep between the look at its flag and the record's arrival: an empty record that is thrown
 * away carries the wake-up.
 */
static __always_inline void wake_consumer(void) {
    void* nothing = bpf_ringbuf_reserve(&critical, 8, 0);
    if (!nothing) return;
    control.consumer_sleeps = 0;
    bpf_ringbuf_discard(nothing, BPF_RB_FORCE_WAKEUP);
}

/* Sends s->record with its area and gives the slot back. 0 or a negative errno. */
static __noinline int emit(struct scratch* s) {
    if (!s) return -22;
    struct gyr_process_record* r = &s->record;
    u32 kind = r->kind;
    u64 size = sizeof(*r) + ((s->fill + 7) & ~7u);
    if (size > GYR_RECORD_MAX) size = GYR_RECORD_MAX;
    r->size = size;
    u64 flags = BPF_RB_NO_WAKEUP;
    bool urgent = kind == GYR_EXEC || kind == GYR_CHANGE || control.consumer_sleeps == GYR_SLEEPS_DEEPLY;
    if (control.consumer_sleeps && (urgent || ring_over(1, 4))) {
        control.consumer_sleeps = 0;
        flags = BPF_RB_FORCE_WAKEUP;
    }
    long err = bpf_ringbuf_output(&critical, r, size, flags);
    if (err) {
        count_error(GYR_ERROR_RING_FULL);
        count_loss(kind, r->boottime_ns, r->cgroup_id);
        count_process_loss(GYR_CLASSES + kind, GYR_LOSS_FULL, r->tgid, r->start_boottime_ns, 0);
        control.consumer_sleeps = GYR_SLEEPS_LIGHTLY; /* nothing was sent, so the wake-up is still owed */
    }
    scratch_put(s);
    urgent |= control.consumer_sleeps == GYR_SLEEPS_DEEPLY;
    if (urgent && !err && control.consumer_sleeps && flags == BPF_RB_NO_WAKEUP) wake_consumer();
    return err;
}

#endif
