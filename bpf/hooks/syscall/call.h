/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * sys_exit and sys_enter: every system call of every process comes through here while they are attached, so the first
 * thing is a look at a bit that dismisses what no rule names. At the end of calls this bit is in the program's own
 * text, which is loaded for what is wanted: a table would be one more page to look at.
 */
#include "lib/clause.h"
#include "lib/fetch.h"

#define NR_OLD_MMAP 90
#define NR_SOCKETCALL 102

#include "hooks/syscall/connection.h"

/* GYR_TEXT_WORD + n. */
#define TEXT_WORD(n) "%[value] = 0x475952544558540" #n " ll\n"
#define TEXT_ROW(n, end) "if %[row] < " #n " goto +" #end "\n" TEXT_WORD(n)

/* Returns from the program unless bit nr of the program's words is set; here, and not on another page. */
#define LEAVE_UNLESS_IN_TEXT(nr)                                                                                       \
    ({                                                                                                                 \
        u64 row = (nr) >> 6, value;                                                                                    \
        asm volatile(TEXT_WORD(0) TEXT_ROW(1, 22) TEXT_ROW(2, 19) TEXT_ROW(3, 16) TEXT_ROW(4, 13) TEXT_ROW(5, 10)      \
                         TEXT_ROW(6, 7) TEXT_ROW(7, 4) "if %[row] < 8 goto +1\n%[value] = 0\n"                         \
                                                       "%[value] >>= %[number]\n%[value] &= 1\n"                       \
                                                       "if %[value] != 0 goto +2\nr0 = 0\nexit"                        \
                     : [value] "=&r"(value)                                                                            \
                     : [row] "r"(row), [number] "r"(nr)                                                                \
                     : "r0");                                                                                          \
    })

#define TEXT_VALUE(n)                                                                                                  \
    ({                                                                                                                 \
        u64 value;                                                                                                     \
        asm volatile(TEXT_WORD(n) : [value] "=r"(value));                                                              \
        value;                                                                                                         \
    })

/* Whether a call is about TCP where no clause wants that: what most servers do most. It is neither counted nor is the
 * plan looked at, which would be two more pages; all that is read here the call itself has just looked at. */
static __always_inline bool is_unwanted_tcp(u64 regs, u64 nr) {
    if (nr != TEXT_VALUE(9) && nr != TEXT_VALUE(a) && nr != TEXT_VALUE(b)) return false;
    struct task_struct* task = current_task();
    if (READ(task, thread_info.status) & TS_COMPAT) return false;
    u64 file = (u64)file_of(task, (s32)argument_in(regs, false, 0));
    return file && protocol_in_place(file) == GYR_TCP;
}

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
    struct gyr_plan* plan = plan_of(slot);
    if (!plan || READ(task, tgid) == wanted.own_tgid) return NULL;
    c->regs = regs;
    if (slot == GYR_COMPAT_BASE + NR_SOCKETCALL || slot == GYR_COMPAT_BASE + NR_OLD_MMAP) {
        read_arguments(c);
        slot = unpack_arguments(c, slot);
        plan = plan_of(slot);
    }
    *at = slot;
    return plan;
}

/* A program that could end in another one is not given a stack apart (Linux 6.13 and later), whose page it would wait
 * for; this one never does. */
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, u32);
} no_programs SEC(".maps");
const volatile gyr_u32 ends_in_another = 0;

/* Threads whose call the program that is about to go has told, or has found to be of no use. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 4096);
    __type(key, u32);
    __type(value, u8);
} handled SEC(".maps");

/*
 * While one of these programs takes another's place both run for each call, the one that goes first, and it may become
 * the other's turn in between: it leaves a mark then. Each clears the mark of a call that is not its own to tell.
 */
__noinline u32 is_mine(u32 turn) {
    u32 tid = bpf_get_current_pid_tgid();
    if (turn == wanted.next_turn || wanted.turn != turn)
        return bpf_map_delete_elem(&handled, &tid) != 0 && wanted.turn == turn;
    u8 mark = 1;
    bpf_map_update_elem(&handled, &tid, &mark, BPF_ANY);
    return true;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(call_exit, struct pt_regs* regs, long result) {
    u64 nr = regs->orig_ax;
    LEAVE_UNLESS_IN_TEXT(nr);
    if (is_unwanted_tcp((u64)regs, nr)) return 0;
    u64 turn = TEXT_VALUE(8);
    if (ends_in_another) bpf_tail_call(ctx, &no_programs, 0);
    touch_stopped();
    if (wanted.next_turn ? !is_mine(turn) : wanted.turn != turn) return 0;
    struct task_struct* task = current_task();
    struct call c = {.result = result};
    u32 slot = 0;
    struct gyr_plan* plan = begin_call(&c, task, (u64)regs, nr, &slot);
    if (!plan) return 0;
    u32 flags = c.compat ? GYR_EVENT_COMPAT : 0;
    if (plan->flags & GYR_PLAN_CONNECTS) flags |= follow_connection(&c);
    if (likely(!may_matter(plan, &c, task))) {
        if (likely(!is_sample(plan))) return 0;
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
