/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Structures of the kernel that programs look into by a plain pointer (bpf_rdonly_cast). That takes their numbers among
 * the kernel's types, which user space writes into constants named kernel_type_x before the programs are loaded.
 */
#ifndef GYR_ABI_KERNEL_CASTS_H
#define GYR_ABI_KERNEL_CASTS_H

#define GYR_KERNEL_CASTS(X)                                                                                            \
    X(cgroup_subsys_state)                                                                                             \
    X(cgrp_cset_link)                                                                                                  \
    X(cred)                                                                                                            \
    X(css_set)                                                                                                         \
    X(dentry)                                                                                                          \
    X(file)                                                                                                            \
    X(inode)                                                                                                           \
    X(kernfs_node)                                                                                                     \
    X(list_head)                                                                                                       \
    X(mm_struct)                                                                                                       \
    X(mount)                                                                                                           \
    X(pid)                                                                                                             \
    X(pt_regs)                                                                                                         \
    X(sock)                                                                                                            \
    X(socket)                                                                                                          \
    X(task_struct)                                                                                                     \
    X(upid)                                                                                                            \
    X(vfsmount)

#endif
