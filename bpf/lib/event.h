/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Records of the system-call collector: the plan, the lanes, and how a record is begun, filled and sent. A record is
 * put together in a scratch slot, header first.
 */
#ifndef GYR_EVENT_H
#define GYR_EVENT_H

#include "abi/syscall_wire.h"
#include "lib/cgroup.h"
#include "lib/emit.h"

struct gyr_wanted wanted SEC(".data.wanted"); /* written by user space while the programs run */
const volatile gyr_u32 buffer_bytes = 80;

/* The entry of the plan that a slot has, or NULL. */
static __always_inline struct gyr_plan* plan_of(u32 slot) {
    if (slot >= GYR_SLOTS) return NULL;
    u32 key = slot < GYR_CALLS ? wanted.calls[slot] : wanted.more_calls[slot - GYR_CALLS];
    return key ? &wanted.plans[key % GYR_PLANS] : NULL;
}

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4u << 20);
} network SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8u << 20);
} bulk SEC(".maps");

#define GYR_UNTOLD 4u
#define GYR_MADE_FILE 8u
#define GYR_REPLACED 16u

/* The call an event is made of. Functions that are not static are verified once, by themselves, not for each caller. */
struct call {
    u64 args[6];
    s64 result;
    u32 compat;
    u32 phase; /* GYR_FETCH_ENTER or 0; GYR_UNTOLD: the result is not known, or no descriptor; GYR_MADE_FILE;
                  GYR_REPLACED: the first argument stands for another file than when the call began */
    u64 file;  /* what the first argument stands for where that is no descriptor of the process, or with GYR_MADE_FILE
                  what the result does; else 0 */
    u64 other_file; /* likewise of another argument: what an operation of io_uring writes to; else 0 */
    u64 regs;       /* where the arguments still are; 0: in args */
    u64 address;    /* where the kernel keeps the socket address of the call, 28 bytes; 0: where the arguments say */
};

#define AT(member) bpf_core_field_offset(struct pt_regs, member)
static __always_inline u64 argument_in(u64 regs, bool compat, u32 n) {
    u64 at = compat ? AT(bp) : AT(r9);
    switch (n) {
    case 0: at = compat ? AT(bx) : AT(di); break;
    case 1: at = compat ? AT(cx) : AT(si); break;
    case 2: at = AT(dx); break;
    case 3: at = compat ? AT(si) : AT(r10); break;
    case 4: at = compat ? AT(di) : AT(r8); break;
    default: break;
    }
    u64 value = kernel_word((void*)(regs + at));
    return compat ? (u32)value : value;
}

static __always_inline u64 argument_of(struct call* c, u32 n) {
    if (c->regs) return argument_in(c->regs, c->compat, n);
    return n < 6 ? c->args[n] : 0;
}

static __always_inline void read_arguments(struct call* c) {
    if (!c->regs) return;
    for (u32 i = 0; i < 6; i++) c->args[i] = argument_in(c->regs, c->compat, i);
    c->regs = 0;
}

/* By event class. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, GYR_CLASSES);
    __type(key, u32);
    __type(value, struct gyr_clause_counters);
} clause_counters SEC(".maps");

static __always_inline struct gyr_clause_counters* counters_of(u32 event_class) {
    return bpf_map_lookup_elem(&clause_counters, &event_class);
}

/* By CPU: a map that is per CPU by itself has one more page to be looked at, which counts where most events end. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE); /* from the beginning of a page */
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct gyr_stopped);
} stopped_events SEC(".maps");

/* Begins to look at their page beside what else is looked at: later, all would wait for it. */
static __always_inline void touch_stopped(void) {
    u32 cpu = bpf_get_smp_processor_id();
    volatile struct gyr_stopped* counts = bpf_map_lookup_elem(&stopped_events, &cpu);
    if (counts) (void)counts->by_class[0];
}

/* All losses of a class; and by who made what was lost, as far as there is room to tell them apart. */
struct gyr_loss event_losses[GYR_CLASSES] SEC(".data.counters");
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, GYR_LOSS_KEYS);
    __type(key, struct gyr_loss_key);
    __type(value, struct gyr_loss);
} losses_by_cgroups SEC(".maps");

static __always_inline void add_loss(struct gyr_loss* l, u64 now) {
    __sync_fetch_and_add(&l->count, 1);
    __sync_val_compare_and_swap(&l->first_boottime_ns, 0, now);
    l->last_boottime_ns = now;
}

/* Of an event of current. */
__noinline int count_event_loss(u32 event_class, u32 reason) {
    if (event_class >= GYR_CLASSES) return 0;
    u64 now = bpf_ktime_get_boot_ns();
    add_loss(&event_losses[event_class], now);
    struct task_struct* leader = READ(current_task(), group_leader);
    struct gyr_loss_key key = {.event_class = event_class, .reason = reason};
    key.cgroup_set = cgroup_set((u64)BPF_CORE_READ(leader, cgroups));
    struct gyr_loss* l = bpf_map_lookup_elem(&losses_by_cgroups, &key);
    if (!l) {
        struct gyr_loss none = {};
        bpf_map_update_elem(&losses_by_cgroups, &key, &none, BPF_NOEXIST);
        l = bpf_map_lookup_elem(&losses_by_cgroups, &key);
    }
    if (l) add_loss(l, now);
    count_process_loss(event_class, reason, bpf_get_current_pid_tgid() >> 32, BPF_CORE_READ(leader, start_boottime),
                       key.cgroup_set);
    return 0;
}

/* Starts a record in s. */
static __always_inline void begin_event(struct scratch* s, struct gyr_plan* plan, struct call* c, u32 slot, u32 flags) {
    struct task_struct* task = current_task();
    struct gyr_event_header* h = (void*)s->area;
    u64 id = bpf_get_current_pid_tgid();
    h->magic = GYR_EVENT_MAGIC;
    h->code = plan->code;
    h->call_id = plan->call_id;
    h->flags = flags;
    h->slot = slot;
    h->boottime_ns = bpf_ktime_get_boot_ns();
    h->tid = (u32)id;
    h->tgid = id >> 32;
    h->start_boottime_ns = READ(task, group_leader, start_boottime);
    h->cgroup_id = READ(task, cgroups, dfl_cgrp, kn, id);
    h->result = c->result;
    for (u32 i = 0; i < 6; i++) h->args[i] = c->args[i];
    h->cpu = bpf_get_smp_processor_id();
    h->items = 0;
    const struct cred* cred = READ(task, cred);
    h->uid = READ(cred, uid.val);
    h->euid = READ(cred, euid.val);
    h->gid = READ(cred, gid.val);
    h->egid = READ(cred, egid.val);
    s->fill = sizeof *h;
}

/* Read from memory each time: the verifier must see the very value that was checked. */
static __always_inline u32 area_end(struct scratch* s) { return *(volatile u32*)&s->fill; }

static __always_inline struct gyr_item* item_begin(struct scratch* s, u32 op, u32 fetch) {
    u32 at = area_end(s);
    if (at > GYR_AREA_SIZE - sizeof(struct gyr_item)) return NULL;
    struct gyr_item* item = (void*)&s->area[at];
    item->op = op;
    item->fetch = fetch;
    item->flags = 0;
    item->length = 0;
    s->fill = at + sizeof *item;
    return item;
}

static __always_inline void item_end(struct scratch* s, struct gyr_item* item, u32 begin) {
    item->length = s->fill - begin;
    s->fill = (s->fill + 7) & ~7u;
    struct gyr_event_header* h = (void*)s->area;
    h->items++;
}

/* Sends the record and gives the slot back. The waiting reader is woken: what comes here is what a rule may want. */
static __always_inline void emit_event(struct scratch* s, struct gyr_plan* plan) {
    struct gyr_event_header* h = (void*)s->area;
    u32 event_class = plan->event_class;
    u32 lane = plan->lane;
    u64 size = s->fill;
    if (size > GYR_AREA_SIZE) size = GYR_AREA_SIZE;
    h->size = size;
    u64 flags = BPF_RB_NO_WAKEUP;
    if (control.consumer_sleeps) {
        control.consumer_sleeps = 0;
        flags = BPF_RB_FORCE_WAKEUP;
    }
    long err;
    if (lane == GYR_LANE_CRITICAL)
        err = bpf_ringbuf_output(&critical, s->area, size, flags);
    else if (lane == GYR_LANE_NETWORK)
        err = bpf_ringbuf_output(&network, s->area, size, flags);
    else
        err = bpf_ringbuf_output(&bulk, s->area, size, flags);
    if (err) {
        count_error(GYR_ERROR_RING_FULL);
        count_event_loss(event_class, GYR_LOSS_FULL);
        control.consumer_sleeps = GYR_SLEEPS_LIGHTLY;
    } else {
        struct gyr_clause_counters* counters = counters_of(event_class);
        if (counters) counters->sent++;
    }
    scratch_put(s);
    if (!err && control.consumer_sleeps && flags == BPF_RB_NO_WAKEUP) wake_consumer();
}

#endif
