/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * io_uring: operations that do what a system call does, without one. The arguments are read when an operation is
 * submitted and kept until it completes, which tells the result; by then the object is there too. An operation that
 * asked for no completion is told at once, without a result.
 */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct io_cqe {
    int fd;
};
struct io_cmd_data {
    struct file* file;
};
struct io_kiocb {
    struct io_cmd_data cmd;
    u8 opcode;
    u64 flags;
    struct io_cqe cqe;
};
struct io_uring_cqe {
    s32 res;
    u32 flags;
};
struct filename {
    const char* uptr;
};
struct open_how {
    u64 flags, mode;
};
struct io_open {
    int dfd;
    struct filename* filename;
    u32 file_slot;
    struct open_how how;
};
struct io_connect {
    void* addr;
    int addr_len;
};
struct io_sr_msg {
    void* buf;
    int len;
    unsigned int msg_flags;
};
struct io_unlink {
    int dfd, flags;
    struct filename* filename;
};
struct io_rename {
    int old_dfd, new_dfd;
    struct filename *oldpath, *newpath;
    int flags;
};
struct io_link {
    int old_dfd, new_dfd;
    struct filename *oldpath, *newpath;
    int flags;
};
struct io_mkdir {
    int dfd;
    u16 mode;
    struct filename* filename;
};
struct io_accept {
    int flags;
    u32 file_slot;
};
struct io_socket {
    int domain, type, protocol;
    u32 file_slot;
};
struct io_bind {
    int addr_len;
};
struct io_listen {
    int backlog;
};
struct io_rw {
    u64 addr;
    u32 len;
};
struct io_splice {
    u64 len;
    int splice_fd_in;
    unsigned int flags;
};
struct io_shutdown {
    int how;
};
#pragma clang attribute pop

#define OP_READV 1
#define OP_WRITEV 2
#define OP_READ_FIXED 4
#define OP_WRITE_FIXED 5
#define OP_SENDMSG 9
#define OP_RECVMSG 10
#define OP_ACCEPT 13
#define OP_CONNECT 16
#define OP_OPENAT 18
#define OP_READ 22
#define OP_WRITE 23
#define OP_SEND 26
#define OP_RECV 27
#define OP_OPENAT2 28
#define OP_SPLICE 30
#define OP_SHUTDOWN 34
#define OP_RENAMEAT 35
#define OP_UNLINKAT 36
#define OP_MKDIRAT 37
#define OP_SYMLINKAT 38
#define OP_LINKAT 39
#define OP_SOCKET 45
#define OP_SEND_ZC 47
#define OP_SENDMSG_ZC 48
#define OP_READ_MULTISHOT 49
#define OP_BIND 56
#define OP_LISTEN 57
#define OP_READV_FIXED 60
#define OP_WRITEV_FIXED 61
#define CQE_MORE 2u            /* IORING_CQE_F_MORE: the request goes on */
#define CQE_SKIP (1ull << 6)   /* IOSQE_CQE_SKIP_SUCCESS as a request has it */
#define FIXED_FILE (1ull << 0) /* IOSQE_FIXED_FILE: the number is an index into the ring's own table */

/* By request, from submission to completion. Nothing is pushed out for another: who submits enough could hide one so.
 * A request that finds no room is told at once. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8192);
    __type(key, u64);
    __type(value, struct call);
} uring_calls SEC(".maps");

static __always_inline u64 user_pointer(struct filename* name) { return name ? (u64)BPF_CORE_READ(name, uptr) : 0; }

static __always_inline void uring_paths(struct call* c, struct io_rename* r, bool with_old_directory) {
    u32 i = 0;
    if (with_old_directory) c->args[i++] = (s64)BPF_CORE_READ(r, old_dfd);
    c->args[i++] = user_pointer(BPF_CORE_READ(r, oldpath));
    c->args[i++] = (s64)BPF_CORE_READ(r, new_dfd);
    c->args[i++] = user_pointer(BPF_CORE_READ(r, newpath));
    c->args[i] = BPF_CORE_READ(r, flags);
}

/* The arguments that the system call of the same effect would have had. */
static __noinline int uring_arguments(struct call* c, struct io_kiocb* req) {
    if (!c) return 0;
    void* data = (u8*)req + bpf_core_field_offset(struct io_kiocb, cmd);
    u32 opcode = BPF_CORE_READ(req, opcode);
    c->args[0] = (s64)BPF_CORE_READ(req, cqe.fd);
    switch (opcode) {
    case OP_OPENAT:
    case OP_OPENAT2: {
        struct io_open* o = data;
        c->args[0] = (s64)BPF_CORE_READ(o, dfd);
        c->args[1] = user_pointer(BPF_CORE_READ(o, filename));
        c->args[2] = BPF_CORE_READ(o, how.flags);
        c->args[3] = BPF_CORE_READ(o, how.mode);
        break;
    }
    case OP_CONNECT: {
        struct io_connect* o = data;
        c->args[1] = (u64)BPF_CORE_READ(o, addr);
        c->args[2] = BPF_CORE_READ(o, addr_len);
        break;
    }
    case OP_SEND:
    case OP_RECV:
    case OP_SENDMSG:
    case OP_SEND_ZC:
    case OP_SENDMSG_ZC:
    case OP_RECVMSG: {
        struct io_sr_msg* o = data;
        c->args[1] = (u64)BPF_CORE_READ(o, buf);
        c->args[2] = BPF_CORE_READ(o, len);
        c->args[3] = BPF_CORE_READ(o, msg_flags);
        break;
    }
    case OP_READ:
    case OP_WRITE:
    case OP_READ_FIXED:
    case OP_WRITE_FIXED:
    case OP_READ_MULTISHOT:
    case OP_READV_FIXED:
    case OP_WRITEV_FIXED:
    case OP_READV:
    case OP_WRITEV: {
        struct io_rw* o = data;
        c->args[1] = BPF_CORE_READ(o, addr);
        c->args[2] = BPF_CORE_READ(o, len);
        break;
    }
    case OP_UNLINKAT: {
        struct io_unlink* o = data;
        c->args[0] = (s64)BPF_CORE_READ(o, dfd);
        c->args[1] = user_pointer(BPF_CORE_READ(o, filename));
        c->args[2] = BPF_CORE_READ(o, flags);
        break;
    }
    case OP_MKDIRAT: {
        struct io_mkdir* o = data;
        c->args[0] = (s64)BPF_CORE_READ(o, dfd);
        c->args[1] = user_pointer(BPF_CORE_READ(o, filename));
        c->args[2] = BPF_CORE_READ(o, mode);
        break;
    }
    case OP_RENAMEAT: uring_paths(c, data, true); break;
    case OP_LINKAT:
    case OP_SYMLINKAT: { /* struct io_link has the members of struct io_rename */
        struct io_link* o = data;
        u32 i = 0;
        if (opcode == OP_LINKAT) c->args[i++] = (s64)BPF_CORE_READ(o, old_dfd);
        c->args[i++] = user_pointer(BPF_CORE_READ(o, oldpath));
        c->args[i++] = (s64)BPF_CORE_READ(o, new_dfd);
        c->args[i++] = user_pointer(BPF_CORE_READ(o, newpath));
        c->args[i] = BPF_CORE_READ(o, flags);
        break;
    }
    case OP_SOCKET: {
        struct io_socket* o = data;
        c->args[0] = BPF_CORE_READ(o, domain);
        c->args[1] = BPF_CORE_READ(o, type);
        c->args[2] = BPF_CORE_READ(o, protocol);
        break;
    }
    case OP_ACCEPT: {
        struct io_accept* o = data;
        c->args[3] = BPF_CORE_READ(o, flags);
        break;
    }
    case OP_BIND: {
        struct io_bind* o = data;
        c->args[2] = BPF_CORE_READ(o, addr_len);
        break;
    }
    case OP_LISTEN: {
        struct io_listen* o = data;
        c->args[1] = BPF_CORE_READ(o, backlog);
        break;
    }
    case OP_SHUTDOWN: {
        struct io_shutdown* o = data;
        c->args[1] = BPF_CORE_READ(o, how);
        break;
    }
    case OP_SPLICE: {
        struct io_splice* o = data;
        c->args[2] = c->args[0];
        c->args[0] = (s64)BPF_CORE_READ(o, splice_fd_in);
        c->args[4] = BPF_CORE_READ(o, len);
        c->args[5] = BPF_CORE_READ(o, flags);
        break;
    }
    default: break;
    }
    return 0;
}

/* Operations whose first argument is the open file of the request: of connect, accept, bind, listen, shutdown, and of
 * all that read, write, send and receive. */
static __always_inline bool acts_on_file(u32 opcode) {
    const u64 low = 1ull << OP_READV | 1ull << OP_WRITEV | 1ull << OP_READ_FIXED | 1ull << OP_WRITE_FIXED |
                    1ull << OP_SENDMSG | 1ull << OP_RECVMSG | 1ull << OP_ACCEPT | 1ull << OP_CONNECT | 1ull << OP_READ |
                    1ull << OP_WRITE | 1ull << OP_SEND | 1ull << OP_RECV | 1ull << OP_SHUTDOWN | 1ull << OP_SEND_ZC |
                    1ull << OP_SENDMSG_ZC | 1ull << OP_READ_MULTISHOT | 1ull << OP_BIND | 1ull << OP_LISTEN |
                    1ull << OP_READV_FIXED | 1ull << OP_WRITEV_FIXED;
    return opcode < 64 && (low >> opcode & 1);
}

/* Whether what an operation makes goes into the ring's own table and not among the descriptors of the process. */
static __always_inline bool into_table(struct io_kiocb* req) {
    void* data = (u8*)req + bpf_core_field_offset(struct io_kiocb, cmd);
    switch (BPF_CORE_READ(req, opcode)) {
    case OP_OPENAT:
    case OP_OPENAT2: return BPF_CORE_READ((struct io_open*)data, file_slot) != 0;
    case OP_SOCKET: return BPF_CORE_READ((struct io_socket*)data, file_slot) != 0;
    case OP_ACCEPT: return BPF_CORE_READ((struct io_accept*)data, file_slot) != 0;
    default: return false;
    }
}

__noinline int tell_uring(struct call* c, u32 slot) {
    if (!c || slot >= GYR_SLOTS) return 0;
    u32 key = wanted[slot];
    struct gyr_plan* plan = bpf_map_lookup_elem(&plans, &key);
    if (!plan) return 0;
    bool matters = may_matter(plan, c, current_task());
    if (matters || is_sample(plan)) tell_call(plan, c, slot, GYR_EVENT_URING | (matters ? 0 : GYR_EVENT_UNWANTED));
    return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(uring_submit, struct io_kiocb* req) {
    u32 slot = GYR_URING_BASE + BPF_CORE_READ(req, opcode);
    if (slot >= GYR_SLOT_FAULT || !wanted[slot]) return 0;
    if ((s32)(bpf_get_current_pid_tgid() >> 32) == own_tgid) return 0;
    u64 key = (u64)req;
    struct call c = {};
    uring_arguments(&c, req);
    u64 flags = BPF_CORE_READ(req, flags);
    if (into_table(req)) c.phase = GYR_UNTOLD;
    if ((flags & FIXED_FILE) && acts_on_file(slot - GYR_URING_BASE)) c.args[0] = -1;
    c.compat = slot; /* told again when it completes */
    if (!(flags & CQE_SKIP) && !bpf_map_update_elem(&uring_calls, &key, &c, BPF_ANY)) return 0;
    /* Rare enough to be told whatever the plan says. */
    c.compat = 0;
    c.phase = GYR_UNTOLD;
    u32 entry = wanted[slot];
    struct gyr_plan* plan = bpf_map_lookup_elem(&plans, &entry);
    if (plan) tell_call(plan, &c, slot, GYR_EVENT_URING);
    return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_complete, void* context, void* req, struct io_uring_cqe* cqe) {
    u64 key = (u64)req;
    struct call* kept = bpf_map_lookup_elem(&uring_calls, &key);
    if (!kept) return 0;
    struct call c = *kept;
    struct io_kiocb* done = req;
    u32 slot = c.compat, opcode = BPF_CORE_READ(done, opcode);
    bool same = slot == GYR_URING_BASE + opcode; /* else what was kept is of an earlier use of the request */
    if (!same || !(BPF_CORE_READ(cqe, flags) & CQE_MORE)) bpf_map_delete_elem(&uring_calls, &key);
    if (!same) return 0;
    c.compat = 0;
    c.result = BPF_CORE_READ(cqe, res);
    /* The file the request holds: its number may stand for another by now. */
    if (acts_on_file(opcode)) c.file = (u64)BPF_CORE_READ(done, cmd.file);
    tell_uring(&c, slot);
    return 0;
}
