/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * sys_exit and sys_enter: every system call of every process comes through here while they are attached, so the first
 * thing is a look at a bit that dismisses what no rule names.
 */
#include "lib/clause.h"
#include "lib/fetch.h"

#define NR_OLD_MMAP 90
#define NR_SOCKETCALL 102

#include "hooks/syscall/connection.h"

static __always_inline bool is_wanted(u64 nr) { return nr < GYR_CALLS && wanted.numbers[nr / 64] >> (nr % 64) & 1; }

/* socketcall(2) and the first mmap(2) of 32-bit programs have their arguments in memory. The former's operation decides
 * which call it is. */
__noinline u32 unpack_arguments(struct call* c, u32 slot) {
    if (!c) return GYR_SLOTS;
    u64 operation = c->args[0], from = c->args[0];
    if (slot == GYR_COMPAT_BASE + NR_SOCKETCALL) {
        if (operation >= 32) return GYR_SLOTS;
        from = c->args[1];
        slot = GYR_SOCKETCALL_BASE + operation;
    }
    u32 words[6] = {};
    bpf_probe_read_user(words, sizeof words, (void*)from);
    for (u32 i = 0; i < 6; i++) c->args[i] = words[i];
    return slot;
}

/* Fills c in; the entry of the plan for the call that task is in, or NULL. */
static __always_inline struct gyr_plan* begin_call(struct call* c, struct task_struct* task, u64 regs, u64 nr,
                                                   u32* at) {
    c->compat = (READ(task, thread_info.status) & TS_COMPAT) != 0;
    u32 slot = c->compat ? GYR_COMPAT_BASE + nr : nr;
    asm volatile("" : "+r"(slot)); /* older verifiers do not know that it is in bounds already */
    if (slot >= GYR_SLOTS || !wanted.calls[slot] || READ(task, tgid) == wanted.own_tgid) return NULL;
    c->regs = regs;
    if (slot == GYR_COMPAT_BASE + NR_SOCKETCALL || slot == GYR_COMPAT_BASE + NR_OLD_MMAP) {
        read_arguments(c);
        slot = unpack_arguments(c, slot);
        if (slot >= GYR_SLOTS || !wanted.calls[slot]) return NULL;
    }
    *at = slot;
    u32 key = wanted.calls[slot];
    return bpf_map_lookup_elem(&plans, &key);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_exit, struct pt_regs* regs, long result) {
    u64 nr = regs->orig_ax;
    if (!is_wanted(nr)) return 0;
    struct task_struct* task = current_task();
    struct call c = {.result = result};
    u32 slot = 0;
    struct gyr_plan* plan = begin_call(&c, task, (u64)regs, nr, &slot);
    if (!plan) return 0;
    u32 flags = c.compat ? GYR_EVENT_COMPAT : 0;
    if (plan->flags & GYR_PLAN_CONNECTS) flags |= follow_connection(&c);
    if (!may_matter(plan, &c, task)) {
        if (!is_sample(plan)) return 0;
        flags |= GYR_EVENT_UNWANTED;
    }
    read_arguments(&c);
    if (plan->flags & GYR_PLAN_MESSAGES)
        tell_messages(plan, &c, slot, flags);
    else
        tell_call(plan, &c, slot, flags);
    return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(call_enter, struct pt_regs* regs, long nr) {
    if (!is_wanted(nr)) return 0;
    struct call c = {.phase = GYR_FETCH_ENTER};
    u32 slot = 0;
    struct gyr_plan* plan = begin_call(&c, current_task(), (u64)regs, nr, &slot);
    if (!plan || !(plan->flags & GYR_PLAN_ENTER)) return 0;
    read_arguments(&c);
    tell_call(plan, &c, slot, GYR_EVENT_ENTER | (c.compat ? GYR_EVENT_COMPAT : 0));
    return 0;
}
