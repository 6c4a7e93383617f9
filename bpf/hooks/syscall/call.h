/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * sys_exit and sys_enter: every system call of every process comes through here while they are attached, so the first
 * thing is a look into a table that dismisses what no rule names.
 */
#include "lib/clause.h"
#include "lib/fetch.h"

#define NR_SOCKETCALL 102

static __always_inline bool is_compat(void) { return bpf_get_current_task_btf()->thread_info.status & TS_COMPAT; }

/* The slot of the call current is in, or GYR_SLOTS when nobody wants it. */
static __always_inline u32 wanted_slot(u64 nr) {
    if (nr >= GYR_CALLS || !(wanted[nr] | wanted[GYR_COMPAT_BASE + nr])) return GYR_SLOTS;
    u32 slot = is_compat() ? GYR_COMPAT_BASE + nr : nr;
    return wanted[slot] ? slot : GYR_SLOTS;
}

static __always_inline void read_arguments(struct call* c, struct pt_regs* regs) {
    if (c->compat) {
        c->args[0] = (u32)regs->bx;
        c->args[1] = (u32)regs->cx;
        c->args[2] = (u32)regs->dx;
        c->args[3] = (u32)regs->si;
        c->args[4] = (u32)regs->di;
        c->args[5] = (u32)regs->bp;
        return;
    }
    c->args[0] = regs->di;
    c->args[1] = regs->si;
    c->args[2] = regs->dx;
    c->args[3] = regs->r10;
    c->args[4] = regs->r8;
    c->args[5] = regs->r9;
}

/* socketcall(2) of 32-bit programs: which operation it is, and its arguments, which lie in memory. */
__noinline u32 unpack_socketcall(struct call* c) {
    if (!c) return GYR_SLOTS;
    u64 operation = c->args[0];
    u32 words[6] = {};
    if (operation >= 32) return GYR_SLOTS;
    bpf_probe_read_user(words, sizeof words, (void*)c->args[1]);
    for (u32 i = 0; i < 6; i++) c->args[i] = words[i];
    return GYR_SOCKETCALL_BASE + operation;
}

/* Fills c in; the entry of the plan for the call, or NULL. */
static __always_inline struct gyr_plan* begin_call(struct call* c, u32* at) {
    u32 slot = *at;
    if ((s32)(bpf_get_current_pid_tgid() >> 32) == own_tgid) return NULL;
    c->compat = slot >= GYR_COMPAT_BASE;
    read_arguments(c, (struct pt_regs*)bpf_task_pt_regs(bpf_get_current_task_btf()));
    if (slot == GYR_COMPAT_BASE + NR_SOCKETCALL) {
        slot = unpack_socketcall(c);
        if (slot >= GYR_SLOTS || !wanted[slot]) return NULL;
    }
    if (slot >= GYR_SLOTS) return NULL;
    *at = slot;
    u32 key = wanted[slot];
    return bpf_map_lookup_elem(&plans, &key);
}

__noinline int handle_enter(u32 slot) {
    struct call c = {.phase = GYR_FETCH_ENTER};
    struct gyr_plan* plan = begin_call(&c, &slot);
    if (plan && (plan->flags & GYR_PLAN_ENTER))
        tell_call(plan, &c, slot, GYR_EVENT_ENTER | (c.compat ? GYR_EVENT_COMPAT : 0));
    return 0;
}

__noinline int handle_exit(u32 slot, s64 result) {
    struct call c = {.result = result};
    struct gyr_plan* plan = begin_call(&c, &slot);
    if (!plan) return 0;
    u32 flags = c.compat ? GYR_EVENT_COMPAT : 0;
    if (!may_matter(plan, &c)) {
        if (!is_sample(plan)) return 0;
        flags |= GYR_EVENT_UNWANTED;
    }
    tell_call(plan, &c, slot, flags);
    return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_exit, struct pt_regs* regs, long result) {
    u32 slot = wanted_slot(regs->orig_ax);
    if (slot >= GYR_SLOTS) return 0;
    handle_exit(slot, result);
    return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(call_enter, struct pt_regs* regs, long nr) {
    u32 slot = wanted_slot(nr);
    if (slot >= GYR_SLOTS) return 0;
    handle_enter(slot);
    return 0;
}
