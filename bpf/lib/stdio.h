/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What descriptors 0, 1 and 2 are. Raw facts; which kind that makes is decided in user space. */
#ifndef GYR_STDIO_H
#define GYR_STDIO_H

#include "lib/path.h"

static __always_inline bool append_socket(struct scratch* s, struct sock* sk) {
    u32 at = s->fill;
    if (at > GYR_AREA_SIZE - sizeof(struct gyr_socket)) return false;
    struct gyr_socket* out = (void*)&s->area[at];
    __builtin_memset(out, 0, sizeof *out);
    u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
    out->family = family;
    if (family == AF_INET || family == AF_INET6) {
        out->local_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_num));
        out->remote_port = BPF_CORE_READ(sk, __sk_common.skc_dport);
    }
    if (family == AF_INET) {
        bpf_probe_read_kernel(out->local, 4, &sk->__sk_common.skc_rcv_saddr);
        bpf_probe_read_kernel(out->remote, 4, &sk->__sk_common.skc_daddr);
    } else if (family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
        bpf_probe_read_kernel(out->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
        bpf_probe_read_kernel(out->remote, 16, &sk->__sk_common.skc_v6_daddr);
    } else if (family == AF_UNIX) {
        struct unix_address* addr = BPF_CORE_READ((struct unix_sock*)sk, addr);
        int len = addr ? BPF_CORE_READ(addr, len) - 2 : 0; /* len counts the family too */
        if (len > 0) {
            u32 n = len > 108 ? 108 : len;
            bpf_probe_read_kernel(out->unix_path, n,
                                  (u8*)addr + bpf_core_field_offset(struct unix_address, name) +
                                      bpf_core_field_offset(struct sockaddr_un, sun_path));
            out->unix_length = n;
        }
    }
    s->fill = at + sizeof *out;
    return true;
}

static __noinline int fill_descriptor(struct scratch* s, struct gyr_stdio* out, u64 of) {
    if (!s || !out || !of) return 0;
    struct file* file = kernel_pointer(file, (void*)of);
    struct inode* inode = READ(file, f_inode);
    u32 mode = READ(inode, i_mode);
    out->ino = READ(inode, i_ino);
    out->rdev = READ(inode, i_rdev);
    out->magic = READ(inode, i_sb, s_magic);
    out->mode = mode | 0x80000000u; /* anonymous inodes may have no mode at all */
    if ((mode & S_IFMT) == S_IFSOCK) {
        align_area(s);
        blob_begin(s, &out->name);
        struct socket* socket = READ(file, private_data);
        append_socket(s, BPF_CORE_READ(socket, sk));
        blob_end(s, &out->name);
        return 0;
    }
    append_path(s, &out->name, &file->f_path);
    return 0;
}

static __noinline int fill_stdio(struct scratch* s, struct task_struct* of) {
    if (!s || !of) return 0;
    struct fdtable* table = READ(kernel_pointer(task_struct, of), files, fdt);
    u64 slots = kernel_word(&table->fd);
    if (!slots || READ(table, max_fds) < 3) return 0;
    fill_descriptor(s, &s->record.stdio[0], kernel_word((void*)slots));
    fill_descriptor(s, &s->record.stdio[1], kernel_word((void*)(slots + 8)));
    fill_descriptor(s, &s->record.stdio[2], kernel_word((void*)(slots + 16)));
    return 0;
}

#endif
