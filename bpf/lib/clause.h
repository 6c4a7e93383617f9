/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Whether any loaded rule could still want an event, decided before anything is copied. What cannot be decided here
 * holds. The clauses of a call are bits of a word: each thing that is found out strikes those that asked otherwise,
 * cheap things first, until none is left.
 */
#ifndef GYR_CLAUSE_H
#define GYR_CLAUSE_H

#include "lib/names.h"

/* Sets of cgroups (cgroup_set()) of which it is known that processes in them are the host's: GYR_HOST_*. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, u64);
    __type(value, u8);
} host_cgroups SEC(".maps");

/* Networks that ends of connections are looked up in. */
struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 8192);
    __type(key, struct gyr_network_key);
    __type(value, u32);
} networks SEC(".maps");

/* By thread group. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 32768);
    __type(key, u32);
    __type(value, struct gyr_process_mask);
} process_masks SEC(".maps");

/* A process is where its leader is. */
APART u32 of_host(u64 at) {
    struct task_struct* task = kernel_pointer(task_struct, (void*)at);
    struct task_struct* leader = READ(task, group_leader);
    u64 id = cgroup_set(kernel_word(&leader->cgroups));
    u8* how = bpf_map_lookup_elem(&host_cgroups, &id);
    if (!how) return false;
    if (*how == GYR_HOST_ALL) return true;
    struct nsproxy* namespaces = READ(leader, nsproxy);
    return namespaces && READ(leader, thread_pid, level) == 0 && control.host_mnt_ns != 0 &&
           READ(namespaces, mnt_ns, ns.inum) == control.host_mnt_ns;
}

#define DOTS 0x2e2e2e2e2e2e2e2eull

/* Two dots side by side in the text that an argument is; sometimes also where there are none, and in what is longer
 * than can be looked at. Not inlined: the stack of all that calls each other is 512 bytes before 6.13. */
__noinline u32 goes_up(struct call* c, u32 arg) {
    if (!c || arg >= 6) return true;
    u64 words[16];
    long n = bpf_probe_read_user_str(words, sizeof words, (void*)argument_of(c, arg));
    if (n <= 0) return false;
    if (n >= (long)sizeof words) return true;
    u64 before = 0, found = 0;
    for (u32 i = 0; i < 16; i++) {
        if ((long)i * 8 >= n) break;
        u64 dots = same_bytes(words[i], DOTS);
        found |= dots & (dots << 8 | before >> 56);
        before = dots;
    }
    return found != 0;
}

/* The networks of an address of IPv6, by its halves. */
__noinline u32 network_sets(u64 first, u64 second) {
    struct gyr_network_key key = {.prefix = 128};
    __builtin_memcpy(key.address, &first, 8);
    __builtin_memcpy(&key.address[8], &second, 8);
    u32* sets = bpf_map_lookup_elem(&networks, &key);
    return sets ? *sets : 0;
}

/* The second half of the one that stands for an address of IPv4; the first is 0. */
#define MAPPED(address) ((u64)(address) << 32 | 0xffff0000u)

/* Whether some network has an address's first byte in memory. */
static __always_inline u64 may_be_in_network(u32 v6, u64 address) {
    u32 byte = address & 0xff;
    return wanted.network_bytes[v6][byte / 64] >> (byte % 64) & 1;
}

/* The sets of ends that those of a socket may belong to: both ends, as their roles are not asked here. */
__noinline u32 end_sets(u64 file) {
    struct file* f = kernel_pointer(file, (void*)file);
    if ((READ(f, f_inode, i_mode) & S_IFMT) != S_IFSOCK) return 0;
    struct socket* so = kernel_pointer(socket, READ(f, private_data));
    struct sock* sk = READ(so, sk);
    u16 family = READ(sk, __sk_common.skc_family);
    if (family != AF_INET && family != AF_INET6) return 0;
    /* Where it has no other end, that is the one given with the call: a connection refused, a datagram. */
    if (!READ(sk, __sk_common.skc_dport)) return ALL_SETS;
    u32 sets = 0;
    if (any_of(1u << GYR_NAME_PORT)) {
        sets |= sets_of(GYR_NAME_PORT, READ(sk, __sk_common.skc_num));
        sets |= sets_of(GYR_NAME_PORT, __builtin_bswap16(READ(sk, __sk_common.skc_dport)));
    }
    if (!wanted.networks) return sets;
    if (family == AF_INET) {
        u64 local = READ(sk, __sk_common.skc_rcv_saddr), remote = READ(sk, __sk_common.skc_daddr);
        if (!(may_be_in_network(0, local) | may_be_in_network(0, remote))) return sets;
        return sets | network_sets(0, MAPPED(local)) | network_sets(0, MAPPED(remote));
    }
    struct sock* from = (void*)kernel_word(&so->sk);
    if (!bpf_core_field_exists(from->__sk_common.skc_v6_daddr)) return ALL_SETS;
    u64 at = (u64)from + bpf_core_field_offset(struct sock, __sk_common.skc_v6_rcv_saddr);
    u64 local = kernel_word((void*)at), local_end = kernel_word((void*)(at + 8));
    at = (u64)from + bpf_core_field_offset(struct sock, __sk_common.skc_v6_daddr);
    u64 remote = kernel_word((void*)at), remote_end = kernel_word((void*)(at + 8));
    if (!(may_be_in_network(1, local) | may_be_in_network(1, remote))) return sets;
    return sets | network_sets(local, local_end) | network_sets(remote, remote_end);
}

/* Whether the call itself says where a datagram goes or comes from, whatever the socket is connected to. */
__noinline u32 names_other_end(struct gyr_plan* plan, struct call* c) {
    if (!plan || !c) return 0;
    if (plan->flags & GYR_PLAN_NAMES_END) return argument_of(c, 4) != 0;
    if (!(plan->flags & GYR_PLAN_NAMES_END_AT)) return false;
    if ((plan->flags & GYR_PLAN_MESSAGES) || c->address) return true;
    u64 name = 0;
    bpf_probe_read_user(&name, c->compat ? 4 : 8, (void*)argument_of(c, 1));
    return name != 0;
}

/* What rules may match the process; all of them unless what was decided about it still holds. */
APART u64 process_bits(u64 at) {
    struct task_struct* task = kernel_pointer(task_struct, (void*)at);
    struct task_struct* leader = READ(task, group_leader);
    u32 key = READ(task, tgid);
    struct gyr_process_mask* m = bpf_map_lookup_elem(&process_masks, &key);
    if (!m || m->start_boottime_ns != READ(leader, start_boottime) || m->exec_id != READ(leader, self_exec_id) ||
        m->uid != READ(task, cred, uid.val))
        return ~0ull;
    u64* known = (void*)m->comm;
    struct pt_regs* comm = kernel_pointer(pt_regs, (void*)&leader->comm);
    return READ(comm, r15) == known[0] && READ(comm, r14) == known[1] ? m->bits : ~0ull;
}

/* What a file is to GYR_ASK_PROTOCOL. The protocol of TCP over several paths is TCP's, which it differs from in a bit
 * above those of a protocol's number. */
static __always_inline u32 protocol_in_place(u64 file) {
    struct file* f = kernel_pointer(file, (void*)file);
    if ((READ(f, f_inode, i_mode) & S_IFMT) != S_IFSOCK) return GYR_NO_INTERNET;
    struct socket* so = kernel_pointer(socket, READ(f, private_data));
    struct sock* sk = READ(so, sk);
    u16 family = READ(sk, __sk_common.skc_family);
    if (family != AF_INET && family != AF_INET6) return GYR_NO_INTERNET;
    if (READ(sk, sk_type) == SOCK_RAW) return GYR_OTHER_PROTOCOL;
    u8 protocol = READ(sk, sk_protocol);
    return protocol == IPPROTO_TCP ? GYR_TCP : protocol == IPPROTO_UDP ? GYR_UDP : GYR_OTHER_PROTOCOL;
}
__noinline u32 protocol_of(u64 file) { return protocol_in_place(file); }

/* Clauses of a kind of sets that meet one of these. */
#define MEETING(plan, member, have)                                                                                    \
    ({                                                                                                                 \
        u32 meeting = 0;                                                                                               \
        _Pragma("unroll") for (u32 i = 0; i < GYR_CLAUSES; i++) meeting |=                                             \
            (u32)(((plan)->clause[i].member & (have)) != 0) << i;                                                      \
        meeting;                                                                                                       \
    })

APART u32 meeting_bits(struct gyr_plan* plan, u64 have) { return plan ? MEETING(plan, process_bits, have) : 0; }
APART u32 meeting_paths(struct gyr_plan* plan, u32 have) { return plan ? MEETING(plan, path_sets, have) : 0; }
APART u32 meeting_ends(struct gyr_plan* plan, u32 have) { return plan ? MEETING(plan, end_sets, have) : 0; }

static __always_inline u64 object_of(struct gyr_plan* plan, struct call* c, struct task_struct* task) {
    u32 from = plan->object_arg;
    if (from == GYR_FROM_RESULT && (c->phase & GYR_MADE_FILE)) return c->file;
    if (from == GYR_FROM_RESULT)
        return c->result >= 0 && !(c->phase & GYR_UNTOLD) ? (u64)file_of(task, (s32)c->result) : 0;
    if (from >= 6 || (c->phase & GYR_REPLACED)) return 0;
    return from == 0 && c->file && !(c->phase & GYR_MADE_FILE) ? c->file
                                                               : (u64)file_of(task, (s32)argument_of(c, from));
}

static __always_inline u64 other_object_of(struct gyr_plan* plan, struct call* c, struct task_struct* task) {
    if (plan->other_arg >= 6) return 0;
    return c->other_file ? c->other_file : (u64)file_of(task, (s32)argument_of(c, plan->other_arg));
}

/* The bits of the clauses that hold; not all of them when some are known to and nobody counts them. */
static __always_inline u32 holding_clauses(struct gyr_plan* plan, struct call* c, struct task_struct* task) {
    const u16* asks = plan->asks;
    u32 left = (1u << (plan->clauses & 15)) - 1;
    left &= ~(u32)(c->result < 0 ? asks[GYR_ASK_SUCCESS] : asks[GYR_ASK_FAILURE]);
    if (!left) return 0;
    u64 object = object_of(plan, c, task);
    if (object) {
        struct file* f = kernel_pointer(file, (void*)object);
        /* By the flags, as rules see it; a descriptor that is only a path had its access mode taken away. */
        u32 access = READ(f, f_flags) & O_ACCMODE;
        if ((left & (asks[GYR_ASK_READ] | asks[GYR_ASK_WRITE])) && !(READ(f, f_mode) & FMODE_PATH)) {
            if (access != O_RDONLY && access != O_RDWR) left &= ~(u32)asks[GYR_ASK_READ];
            if (access != O_WRONLY && access != O_RDWR) left &= ~(u32)asks[GYR_ASK_WRITE];
        }
        if (left & asks[GYR_ASK_PROTOCOL]) {
            u32 protocol = protocol_of(object);
            barrier_var(protocol); /* the compiler knows that it is below four, the verifier does not */
            left &= ~(u32)plan->protocol[protocol & 3];
        }
        if (left & asks[GYR_ASK_ENDS]) {
            u32 sets = names_other_end(plan, c) ? ALL_SETS : end_sets(object);
            left &= (sets ? meeting_ends(plan, sets) : 0) | ~(u32)asks[GYR_ASK_ENDS];
        }
        /* First the text that was given, when the whole path is looked at for nothing else. */
        u32 whole_ones = left & asks[GYR_ASK_WHOLE];
        if (whole_ones && !(whole_ones & ~(u32)asks[GYR_ASK_UPWARD]) && !goes_up(c, plan->text_arg))
            left &= ~(u32)asks[GYR_ASK_UPWARD];
        if (left & asks[GYR_ASK_PATH]) {
            /* Of another object always the whole: eight more bytes of stack are too many for the calls below. */
            u32 sets = path_sets(object, left & asks[GYR_ASK_WHOLE] ? ~0u : 0);
            u64 other = other_object_of(plan, c, task);
            if (other) sets |= path_sets(other, ~0u);
            left &= (sets ? meeting_paths(plan, sets) : 0) | ~(u32)asks[GYR_ASK_PATH];
        }
    }
    u32 dear = asks[GYR_ASK_PROCESS] | asks[GYR_ASK_UPWARD] | asks[GYR_ASK_CONTAINER];
    if (!(left & dear) || ((left & ~dear) && !wanted.count_clauses)) return left;
    if (left & asks[GYR_ASK_UPWARD] && !goes_up(c, plan->text_arg)) left &= ~(u32)asks[GYR_ASK_UPWARD];
    if (left & asks[GYR_ASK_PROCESS]) {
        u64 bits = process_bits((u64)task);
        left &= meeting_bits(plan, bits) | ~(u32)asks[GYR_ASK_PROCESS];
    }
    if ((left & asks[GYR_ASK_CONTAINER]) && of_host((u64)task)) left &= ~(u32)asks[GYR_ASK_CONTAINER];
    return left;
}

/* As if they were asked one after the other until one holds. */
static __always_inline void count_clauses(struct gyr_plan* plan, u32 holding) {
    struct gyr_clause_counters* counters = counters_of(plan->event_class);
    if (!counters) return;
    for (u32 i = 0; i < GYR_CLAUSES; i++) {
        if (i >= plan->clauses) return;
        if (holding & (1u << i)) {
            counters->let_through[i]++;
            return;
        }
        counters->refused[i]++;
    }
}

/* Of what no clause held for: whether it is sent to check them. Counts what is not told otherwise. */
static __always_inline bool is_sample(struct gyr_plan* plan) {
    u32 cpu = bpf_get_smp_processor_id(), event_class = plan->event_class;
    struct gyr_stopped* counts = bpf_map_lookup_elem(&stopped_events, &cpu);
    if (!counts || event_class >= GYR_CLASSES) return false;
    u64 stopped = ++counts->by_class[event_class];
    if (!wanted.verify_every || stopped % wanted.verify_every) return false;
    struct gyr_clause_counters* counters = counters_of(event_class);
    if (!counters) return false;
    counters->sampled++;
    return true;
}

static __always_inline bool may_matter(struct gyr_plan* plan, struct call* c, struct task_struct* task) {
    if (plan->clauses == 0) return true;
    u32 holding = holding_clauses(plan, c, task);
    if (wanted.count_clauses) count_clauses(plan, holding);
    return holding != 0;
}

#endif
