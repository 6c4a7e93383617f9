/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Where a TCP connection goes, taken at the moment the kernel begins it. connect(2) may wait for seconds; by its end
 * another thread may have given the descriptor to a harmless file and written another address into memory.
 */
#define TCP_SYN_SENT 2
#define NR_CONNECT 42
#define NR_COMPAT_CONNECT 362
#define SOCKETCALL_CONNECT 3

struct connection {
    u16 family, port; /* network byte order; from here on a struct sockaddr_in or sockaddr_in6 of 28 bytes */
    u32 v4_address;   /* of IPv6: the flow */
    u8 v6_address[16];
    u32 scope;
    u32 begun;
};

/* By thread, so that nobody's is pushed out by another's. */
struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct connection);
} connections SEC(".maps");

/* Not in a send that opens a connection, nor for io_uring, whose request holds its socket. */
static __always_inline bool inside_connect(struct task_struct* task) {
    struct pt_regs* regs = (void*)bpf_task_pt_regs((void*)task);
    u64 nr = BPF_CORE_READ(regs, orig_ax);
    if (!(BPF_CORE_READ(task, thread_info.status) & TS_COMPAT)) return nr == NR_CONNECT;
    return nr == NR_COMPAT_CONNECT || (nr == NR_SOCKETCALL && BPF_CORE_READ(regs, bx) == SOCKETCALL_CONNECT);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock* sk, int before, int now) {
    /* A connection of several paths knows no address yet; its first path, a socket of TCP, does. */
    if (now != TCP_SYN_SENT || BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP) return 0;
    struct task_struct* task = bpf_get_current_task_btf();
    if (!inside_connect(task)) return 0;
    struct connection* c = bpf_task_storage_get(&connections, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!c) return 0;
    c->family = BPF_CORE_READ(sk, __sk_common.skc_family);
    c->port = BPF_CORE_READ(sk, __sk_common.skc_dport);
    c->v4_address = c->family == AF_INET ? BPF_CORE_READ(sk, __sk_common.skc_daddr) : 0;
    if (c->family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr))
        bpf_probe_read_kernel(c->v6_address, sizeof c->v6_address, &sk->__sk_common.skc_v6_daddr);
    c->begun = 1;
    return 0;
}

/* Whether the file is a socket with that other end, or with none, as after a refusal. */
static __always_inline bool leads_to(struct file* file, struct connection* to) {
    if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK) return false;
    struct socket* so = BPF_CORE_READ(file, private_data);
    struct sock* sk = BPF_CORE_READ(so, sk);
    u16 family = BPF_CORE_READ(sk, __sk_common.skc_family), port = BPF_CORE_READ(sk, __sk_common.skc_dport);
    if (family != to->family) return false;
    if (!port) return true;
    if (port != to->port) return false;
    if (family == AF_INET) return BPF_CORE_READ(sk, __sk_common.skc_daddr) == to->v4_address;
    u64 address[2] = {}, *wanted = (void*)to->v6_address;
    if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr))
        bpf_probe_read_kernel(address, sizeof address, &sk->__sk_common.skc_v6_daddr);
    return address[0] == wanted[0] && address[1] == wanted[1];
}

/* At the end of a connect: flags for its record. */
__noinline u32 follow_connection(struct call* c) {
    if (!c) return 0;
    struct connection* to = bpf_task_storage_get(&connections, bpf_get_current_task_btf(), NULL, 0);
    if (!to || !to->begun) return 0;
    to->begun = 0;
    c->address = (u64)to;
    if (!leads_to(file_of(current_task(), (s32)argument_of(c, 0)), to)) c->phase |= GYR_REPLACED;
    return GYR_EVENT_KERNEL_END;
}
