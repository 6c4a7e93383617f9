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
    void* async_data;
};
struct msghdr {
    void* msg_name;
    int msg_namelen;
};
struct __kernel_sockaddr_storage {
    u16 ss_family;
};
struct io_async_msghdr {
    struct msghdr msg;
    struct __kernel_sockaddr_storage addr;
};
/* The table of files of a ring: a node for each (6.13), before that the file itself. */
struct io_rsrc_node {
    unsigned long file_ptr;
};
struct io_rsrc_data {
    unsigned int nr;
    struct io_rsrc_node** nodes;
};
struct io_file_table {
    struct io_rsrc_data data;
};
struct io_ring_ctx {
    struct io_file_table file_table;
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
struct io_xattr {
    struct filename* filename;
};
struct io_shutdown {
    int how;
};
struct io_pipe {
    int* fds;
    int flags;
    int file_slot;
};
#pragma clang attribute pop

#define OP_READV 1
#define OP_WRITEV 2
#define OP_FSYNC 3
#define OP_READ_FIXED 4
#define OP_WRITE_FIXED 5
#define OP_SYNC_FILE_RANGE 8
#define OP_SENDMSG 9
#define OP_RECVMSG 10
#define OP_ACCEPT 13
#define OP_CONNECT 16
#define OP_FALLOCATE 17
#define OP_OPENAT 18
#define OP_READ 22
#define OP_WRITE 23
#define OP_FADVISE 24
#define OP_SEND 26
#define OP_RECV 27
#define OP_OPENAT2 28
#define OP_SPLICE 30
#define OP_TEE 33
#define OP_SHUTDOWN 34
#define OP_RENAMEAT 35
#define OP_UNLINKAT 36
#define OP_MKDIRAT 37
#define OP_SYMLINKAT 38
#define OP_LINKAT 39
#define OP_FSETXATTR 41
#define OP_SETXATTR 42
#define OP_FGETXATTR 43
#define OP_SOCKET 45
#define OP_SEND_ZC 47
#define OP_SENDMSG_ZC 48
#define OP_READ_MULTISHOT 49
#define OP_FTRUNCATE 55
#define OP_BIND 56
#define OP_LISTEN 57
#define OP_RECV_ZC 58
#define OP_READV_FIXED 60
#define OP_WRITEV_FIXED 61
#define OP_PIPE 62
#define CQE_MORE 2u             /* IORING_CQE_F_MORE: the request goes on */
#define CQE_SKIP (1ull << 6)    /* IOSQE_CQE_SKIP_SUCCESS as a request has it */
#define FIXED_SOURCE (1u << 31) /* SPLICE_F_FD_IN_FIXED */
#define FIXED_FILE (1ull << 0)  /* IOSQE_FIXED_FILE: the number is an index into the ring's own table */

/* Of a request that waits: its call, and where a datagram goes, of which the kernel made its own copy. */
struct uring_call {
    struct call call;
    u32 address_length;
    u8 address[28];
};

/* By request, from submission to completion. Nothing is pushed out for another: who submits enough could hide one so.
 * A request that finds no room is told at once. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8192);
    __type(key, u64);
    __type(value, struct uring_call);
} uring_calls SEC(".maps");

/* Zero where this kernel has no such operation. */
#define OPERAND(operation, member) (bpf_core_field_exists((operation)->member) ? BPF_CORE_READ((operation), member) : 0)

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
        c->args[0] = (s64)OPERAND(o, dfd);
        c->args[1] = user_pointer(OPERAND(o, filename));
        c->args[2] = OPERAND(o, how.flags);
        c->args[3] = OPERAND(o, how.mode);
        break;
    }
    case OP_CONNECT: {
        struct io_connect* o = data;
        c->args[1] = (u64)OPERAND(o, addr);
        c->args[2] = OPERAND(o, addr_len);
        break;
    }
    case OP_SEND:
    case OP_RECV:
    case OP_SENDMSG:
    case OP_SEND_ZC:
    case OP_SENDMSG_ZC:
    case OP_RECVMSG: {
        struct io_sr_msg* o = data;
        c->args[1] = (u64)OPERAND(o, buf);
        c->args[2] = OPERAND(o, len);
        c->args[3] = OPERAND(o, msg_flags);
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
        c->args[1] = OPERAND(o, addr);
        c->args[2] = OPERAND(o, len);
        break;
    }
    case OP_SETXATTR: { /* the kernel has copied the name, and keeps no pointer to it */
        struct io_xattr* o = data;
        c->args[0] = user_pointer(OPERAND(o, filename));
        break;
    }
    case OP_UNLINKAT: {
        struct io_unlink* o = data;
        c->args[0] = (s64)OPERAND(o, dfd);
        c->args[1] = user_pointer(OPERAND(o, filename));
        c->args[2] = OPERAND(o, flags);
        break;
    }
    case OP_MKDIRAT: {
        struct io_mkdir* o = data;
        c->args[0] = (s64)OPERAND(o, dfd);
        c->args[1] = user_pointer(OPERAND(o, filename));
        c->args[2] = OPERAND(o, mode);
        break;
    }
    case OP_RENAMEAT: uring_paths(c, data, true); break;
    case OP_LINKAT:
    case OP_SYMLINKAT: { /* struct io_link has the members of struct io_rename */
        struct io_link* o = data;
        u32 i = 0;
        if (opcode == OP_LINKAT) c->args[i++] = (s64)OPERAND(o, old_dfd);
        c->args[i++] = user_pointer(OPERAND(o, oldpath));
        c->args[i++] = (s64)OPERAND(o, new_dfd);
        c->args[i++] = user_pointer(OPERAND(o, newpath));
        c->args[i] = OPERAND(o, flags);
        break;
    }
    case OP_SOCKET: {
        struct io_socket* o = data;
        c->args[0] = OPERAND(o, domain);
        c->args[1] = OPERAND(o, type);
        c->args[2] = OPERAND(o, protocol);
        break;
    }
    case OP_ACCEPT: {
        struct io_accept* o = data;
        c->args[3] = OPERAND(o, flags);
        break;
    }
    case OP_BIND: {
        struct io_bind* o = data;
        c->args[2] = OPERAND(o, addr_len);
        break;
    }
    case OP_LISTEN: {
        struct io_listen* o = data;
        c->args[1] = OPERAND(o, backlog);
        break;
    }
    case OP_SHUTDOWN: {
        struct io_shutdown* o = data;
        c->args[1] = OPERAND(o, how);
        break;
    }
    case OP_PIPE: {
        struct io_pipe* o = data;
        c->args[0] = (u64)OPERAND(o, fds);
        c->args[1] = OPERAND(o, flags);
        break;
    }
    case OP_SPLICE:
    case OP_TEE: {
        struct io_splice* o = data;
        u64 to = BPF_CORE_READ(req, flags) & FIXED_FILE ? -1 : c->args[0];
        u32 flags = OPERAND(o, flags);
        c->args[0] = flags & FIXED_SOURCE ? -1 : (s64)OPERAND(o, splice_fd_in);
        if (opcode == OP_SPLICE) {
            c->args[2] = to;
            c->args[4] = OPERAND(o, len);
            c->args[5] = flags;
        } else {
            c->args[1] = to;
            c->args[2] = OPERAND(o, len);
            c->args[3] = flags;
        }
        break;
    }
    default: break;
    }
    return 0;
}

/* Operations whose first argument is the open file of the request: of connect, accept, bind, listen, shutdown, and of
 * all that read, write, send and receive, and of those whose call has a name that begins with f. */
static __always_inline bool acts_on_file(u32 opcode) {
    const u64 low = 1ull << OP_READV | 1ull << OP_WRITEV | 1ull << OP_READ_FIXED | 1ull << OP_WRITE_FIXED |
                    1ull << OP_SENDMSG | 1ull << OP_RECVMSG | 1ull << OP_ACCEPT | 1ull << OP_CONNECT | 1ull << OP_READ |
                    1ull << OP_WRITE | 1ull << OP_SEND | 1ull << OP_RECV | 1ull << OP_SHUTDOWN | 1ull << OP_SEND_ZC |
                    1ull << OP_SENDMSG_ZC | 1ull << OP_READ_MULTISHOT | 1ull << OP_BIND | 1ull << OP_LISTEN |
                    1ull << OP_READV_FIXED | 1ull << OP_WRITEV_FIXED | 1ull << OP_RECV_ZC | 1ull << OP_FSYNC |
                    1ull << OP_SYNC_FILE_RANGE | 1ull << OP_FALLOCATE | 1ull << OP_FADVISE | 1ull << OP_FSETXATTR |
                    1ull << OP_FGETXATTR | 1ull << OP_FTRUNCATE;
    return opcode < 64 && (low >> opcode & 1);
}

/* Where in the ring's own table what an operation makes goes, from 1; 0: it becomes a descriptor of the process. */
static __always_inline u32 table_slot(struct io_kiocb* req) {
    void* data = (u8*)req + bpf_core_field_offset(struct io_kiocb, cmd);
    switch (BPF_CORE_READ(req, opcode)) {
    case OP_OPENAT:
    case OP_OPENAT2: return OPERAND((struct io_open*)data, file_slot);
    case OP_SOCKET: return OPERAND((struct io_socket*)data, file_slot);
    case OP_ACCEPT: return OPERAND((struct io_accept*)data, file_slot);
    case OP_PIPE: return OPERAND((struct io_pipe*)data, file_slot);
    default: return 0;
    }
}

#define ANY_SLOT 0xffffffffu /* IORING_FILE_INDEX_ALLOC: the result says which */
#define FILE_BITS 3ull       /* in the low bits of a pointer to a file */

static __always_inline u64 file_in_table(void* context, u32 index) {
    struct io_ring_ctx* ring = context;
    if (!bpf_core_field_exists(ring->file_table.data) || !bpf_core_field_exists(struct io_rsrc_node, file_ptr))
        return 0;
    if (index >= BPF_CORE_READ(ring, file_table.data.nr)) return 0;
    struct io_rsrc_node** nodes = BPF_CORE_READ(ring, file_table.data.nodes);
    struct io_rsrc_node* node = NULL;
    bpf_probe_read_kernel(&node, sizeof node, nodes + index);
    return node ? BPF_CORE_READ(node, file_ptr) & ~FILE_BITS : 0;
}

/* The address argument of sends and binds is no longer at hand, and a msghdr may change until it is read: the kernel's
 * copy counts. */
static __always_inline void keep_address(struct uring_call* kept, struct io_kiocb* req) {
    u32 opcode = BPF_CORE_READ(req, opcode);
    bool sends = opcode == OP_SEND || opcode == OP_SEND_ZC || opcode == OP_SENDMSG || opcode == OP_SENDMSG_ZC;
    if (!sends && opcode != OP_BIND) return;
    struct io_async_msghdr* copy = BPF_CORE_READ(req, async_data);
    if (!copy) return;
    void* name = sends ? BPF_CORE_READ(copy, msg.msg_name)
                       : (void*)((u8*)copy + bpf_core_field_offset(struct io_async_msghdr, addr));
    u32 length = sends ? (u32)BPF_CORE_READ(copy, msg.msg_namelen) : (u32)kept->call.args[2];
    if (!name || !length) return;
    if (length > sizeof kept->address) length = sizeof kept->address;
    bpf_probe_read_kernel(kept->address, length, name);
    kept->address_length = length;
    if (opcode != OP_SEND && opcode != OP_SEND_ZC) return;
    kept->call.args[4] = kept->call.args[1]; /* there is one */
    kept->call.args[5] = length;
}

__noinline int tell_uring(struct call* c, u32 slot) {
    struct gyr_plan* plan = plan_of(slot);
    if (!c || !plan) return 0;
    bool matters = may_matter(plan, c, current_task());
    if (matters || is_sample(plan)) tell_call(plan, c, slot, GYR_EVENT_URING | (matters ? 0 : GYR_EVENT_UNWANTED));
    return 0;
}

static __always_inline int submitted(struct io_kiocb* req) {
    u32 slot = GYR_URING_BASE + BPF_CORE_READ(req, opcode);
    if (slot >= GYR_SLOT_FAULT || !plan_of(slot)) return 0;
    if ((s32)(bpf_get_current_pid_tgid() >> 32) == wanted.own_tgid) return 0;
    u64 key = (u64)req;
    struct uring_call kept = {};
    struct call* c = &kept.call;
    uring_arguments(c, req);
    u64 flags = BPF_CORE_READ(req, flags);
    if (table_slot(req)) c->phase = GYR_UNTOLD;
    if ((flags & FIXED_FILE) && acts_on_file(slot - GYR_URING_BASE)) c->args[0] = -1;
    keep_address(&kept, req);
    if (!(flags & CQE_SKIP)) {
        c->compat = slot; /* told again when it completes */
        if (bpf_map_update_elem(&uring_calls, &key, &kept, BPF_ANY) == 0) return 0;
        c->compat = 0;
    }
    /* No completion that could be waited for, or no room: rare enough to be told whatever the plan says. */
    c->phase = GYR_UNTOLD;
    c->address = kept.address_length ? (u64)kept.address : 0;
    struct gyr_plan* plan = plan_of(slot);
    if (plan) tell_call(plan, c, slot, GYR_EVENT_URING);
    return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(uring_submit, struct io_kiocb* req) { return submitted(req); }

/* The same, as it was called before 6.4. */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(uring_submit_before, struct io_kiocb* req) { return submitted(req); }

/* What was kept is used where it lies: there is no room for another on the stack. */
static __always_inline int completed(void* context, void* req, s32 result, u32 result_flags) {
    u64 key = (u64)req;
    struct uring_call* kept = bpf_map_lookup_elem(&uring_calls, &key);
    if (!kept) return 0;
    struct call* c = &kept->call;
    struct io_kiocb* done = req;
    u32 slot = c->compat, opcode = BPF_CORE_READ(done, opcode);
    /* Else it is of an earlier use of the request. */
    if (slot == GYR_URING_BASE + opcode) {
        u32 place = table_slot(done);
        u32 phase = c->phase;
        c->compat = 0;
        c->result = result;
        c->address = kept->address_length ? (u64)kept->address : 0;
        c->file = 0;
        if (place && result >= 0) {
            c->file = file_in_table(context, place == ANY_SLOT ? (u32)result : place - 1);
            if (c->file) c->phase = GYR_MADE_FILE;
        } else if (acts_on_file(opcode)) { /* the file the request holds: its number may stand for another by now */
            c->file = (u64)BPF_CORE_READ(done, cmd.file);
        } else if (opcode == OP_SPLICE || opcode == OP_TEE) {
            struct io_splice* o = (void*)((u8*)done + bpf_core_field_offset(struct io_kiocb, cmd));
            if (BPF_CORE_READ(o, flags) & FIXED_SOURCE)
                c->file = file_in_table(context, BPF_CORE_READ(o, splice_fd_in));
            c->other_file = (u64)BPF_CORE_READ(done, cmd.file); /* of the request */
        }
        tell_uring(c, slot);
        if (result_flags & CQE_MORE) { /* there will be another */
            c->compat = slot;
            c->phase = phase;
            return 0;
        }
    }
    bpf_map_delete_elem(&uring_calls, &key);
    return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_complete, void* context, void* req, struct io_uring_cqe* cqe) {
    return completed(context, req, BPF_CORE_READ(cqe, res), BPF_CORE_READ(cqe, flags));
}

/* What came of it is not in an entry, but given one by one. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_complete_before, void* context, void* req, u64 user_data, int result, unsigned int result_flags) {
    return completed(context, req, result, result_flags);
}
