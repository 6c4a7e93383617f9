/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What a descriptor stands for at this moment, as the kernel holds it: file with its path, socket with both ends. */
#ifndef GYR_OBJECT_H
#define GYR_OBJECT_H

#include "lib/event.h"
#include "lib/overlay.h"
#include "lib/path.h"

#define SOCKFS_MAGIC 0x534F434B
#define TCP_LISTEN 10
#define SOCK_BINDPORT_LOCK 8

/* The open file behind a descriptor of task. */
static __always_inline struct file* file_of(struct task_struct* task, s32 fd) {
    struct files_struct* files = READ(task, files);
    if (!files) return NULL;
    struct fdtable* table = READ(files, fdt);
    if (!table || fd < 0 || (u32)fd >= READ(table, max_fds)) return NULL;
    return (struct file*)kernel_word(READ(table, fd) + fd);
}

static __always_inline bool close_on_exec(s32 fd) {
    struct task_struct* task = current_task();
    struct files_struct* files = READ(task, files);
    if (!files) return false;
    struct fdtable* table = READ(files, fdt);
    if (!table || fd < 0 || (u32)fd >= READ(table, max_fds)) return false;
    u64 word = 0;
    bpf_probe_read_kernel(&word, sizeof word, READ(table, close_on_exec) + fd / 64);
    return (word >> (fd & 63)) & 1;
}

static __always_inline u16 unix_name(u8* to, struct sock* sk) {
    struct unix_address* addr = BPF_CORE_READ((struct unix_sock*)sk, addr);
    int len = addr ? BPF_CORE_READ(addr, len) - 2 : 0; /* len counts the family too */
    if (len <= 0) return 0;
    u32 n = len > 108 ? 108 : len;
    bpf_probe_read_kernel(to, n,
                          (u8*)addr + bpf_core_field_offset(struct unix_address, name) +
                              bpf_core_field_offset(struct sockaddr_un, sun_path));
    return n;
}

/* Neither abstract nor from the root, but from where somebody was when it was bound. */
static __always_inline bool is_relative(const u8* name) { return name[0] && name[0] != '/'; }

/* Of unix sockets: where the file of the one is whose name is relative, a struct path; 0: none is. */
__noinline u64 relative_path(struct gyr_endpoints* e) {
    if (!e) return 0;
    if (is_relative(e->remote_path)) {
        e->walked = GYR_WALKED_REMOTE;
        return e->peer + bpf_core_field_offset(struct unix_sock, path);
    }
    if (!is_relative(e->local_path)) return 0;
    e->walked = GYR_WALKED_LOCAL;
    return e->self + bpf_core_field_offset(struct unix_sock, path);
}

/* Returns what relative_path() does. */
__noinline u64 append_endpoints(struct scratch* s, u64 socket) {
    struct sock* sk = (void*)socket;
    if (!s || !sk) return 0;
    u32 at = area_end(s);
    if (at > GYR_AREA_SIZE - sizeof(struct gyr_endpoints)) return 0;
    struct gyr_endpoints* e = (void*)&s->area[at];
    __builtin_memset(e, 0, sizeof *e);
    u64 path = 0;
    struct sock* known = kernel_pointer(sock, sk);
    u16 family = READ(known, __sk_common.skc_family);
    e->family = family;
    e->type = READ(known, sk_type);
    e->protocol = READ(known, sk_protocol);
    e->state = READ(known, __sk_common.skc_state);
    e->self = (u64)sk;
    if (e->state == TCP_LISTEN) { /* of every family */
        e->queue_length = READ(known, sk_ack_backlog);
        e->queue_max = READ(known, sk_max_ack_backlog);
    }
    if (family == AF_INET || family == AF_INET6) {
        e->local_port = __builtin_bswap16(READ(known, __sk_common.skc_num));
        e->remote_port = READ(known, __sk_common.skc_dport);
        if (e->protocol == IPPROTO_TCP && e->state != TCP_LISTEN)
            e->made = READ(known, sk_max_ack_backlog)                                        ? GYR_SOCKET_ACCEPTED
                      : BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK ? GYR_SOCKET_BOUND
                                                                                             : 0;
    }
    if (family == AF_INET) {
        bpf_probe_read_kernel(e->local, 4, &sk->__sk_common.skc_rcv_saddr);
        bpf_probe_read_kernel(e->remote, 4, &sk->__sk_common.skc_daddr);
    } else if (family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
        bpf_probe_read_kernel(e->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
        bpf_probe_read_kernel(e->remote, 16, &sk->__sk_common.skc_v6_daddr);
    } else if (family == AF_UNIX) {
        e->local_length = unix_name(e->local_path, sk);
        struct sock* peer = BPF_CORE_READ((struct unix_sock*)sk, peer);
        if (peer) {
            e->peer = (u64)peer;
            e->remote_length = unix_name(e->remote_path, peer);
        }
        path = relative_path(e);
    }
    s->fill = at + sizeof *e;
    return path;
}

/* The item's bytes: struct gyr_object, struct gyr_below of a regular file of an overlay, then the path or the
 * endpoints with that of one end. */
__noinline int append_object(struct scratch* s, u64 file, s32 number, u32 with_path) {
    if (!s || !file) return 0;
    u32 at = area_end(s);
    if (at > GYR_AREA_SIZE - sizeof(struct gyr_object) - sizeof(struct gyr_below)) return 0;
    struct gyr_object* o = (void*)&s->area[at];
    struct file* f = kernel_pointer(file, (void*)file);
    struct inode* inode = READ(f, f_inode);
    struct super_block* sb = READ(inode, i_sb);
    o->ino = READ(inode, i_ino);
    o->dev = READ(sb, s_dev);
    o->rdev = READ(inode, i_rdev);
    o->mode = READ(inode, i_mode);
    o->nlink = READ(inode, i_nlink);
    o->magic = READ(sb, s_magic);
    o->open_flags = READ(f, f_flags);
    o->file_mode = READ(f, f_mode);
    o->number = number;
    u32 flags = GYR_OBJECT_PRESENT;
    if (number >= 0 && close_on_exec(number)) flags |= GYR_OBJECT_CLOEXEC;
    u32 end = at + sizeof *o;
    if (o->magic == OVERLAYFS_SUPER_MAGIC) {
        u64 overlaid = kernel_word(&f->f_inode);
        flags |= GYR_OBJECT_OVERLAY | (overlay_upper_dentry(overlaid) ? GYR_OBJECT_UPPER : GYR_OBJECT_LOWER);
        if ((o->mode & S_IFMT) == S_IFREG) {
            files_below(overlaid, (void*)&s->area[at + sizeof *o]);
            flags |= GYR_OBJECT_BELOW;
            end += sizeof(struct gyr_below);
        }
    }
    u64 mount = kernel_word(&f->f_path.mnt) - bpf_core_field_offset(struct mount, mnt);
    o->mount_id = READ(kernel_pointer(mount, (void*)mount), mnt_id);
    bool socket = (o->mode & S_IFMT) == S_IFSOCK && o->magic == SOCKFS_MAGIC;
    if (socket) flags |= GYR_OBJECT_SOCKET;
    if (!with_path) flags |= GYR_OBJECT_NO_PATH;
    o->flags = flags;
    s->fill = end;
    u64 path = (u64)&f->f_path;
    if (socket) {
        struct socket* so = kernel_pointer(socket, READ(f, private_data));
        path = append_endpoints(s, kernel_word(&so->sk));
    }
    if (!path || !with_path) return 0;
    struct gyr_blob b = {};
    append_path(s, &b, (void*)path);
    return b.flags;
}

#endif
