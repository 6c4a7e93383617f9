/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Members that moved or changed their name between kernel versions. Each function hides one such change; checks for
 * kernel differences live here and nowhere else.
 */
#ifndef GYR_KERNEL_COMPAT_H
#define GYR_KERNEL_COMPAT_H

#include "abi/kernel_casts.h"
#include "abi/process_wire.h"
#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/*
 * kernel_pointer(type, p): p, known to the verifier for a pointer to that structure. READ(p, a, b): p->a->b. Both may
 * be given what is stale or wrong: it reads as zero. Such reads are plain loads, by bpf_rdonly_cast (6.2). Kernels
 * before that get an object of their own, where each of them is a call of bpf_probe_read_kernel().
 */
#ifdef GYR_WITHOUT_CASTS
/* A function that is verified by itself: the ways through it do not multiply with those through its caller, which
 * verifiers of these kernels lose themselves in. Pointers into the kernel go in as numbers. */
#define APART __noinline
#define kernel_pointer(type, pointer) ((struct type*)(pointer))
#define READ(pointer, ...)                                                                                             \
    ({                                                                                                                 \
        typeof(pointer) from_ = (pointer); /* in which nothing is to be moved to where the kernel has it */            \
        BPF_CORE_READ(from_, __VA_ARGS__);                                                                             \
    })
#else
#define APART static __always_inline
extern void* bpf_rdonly_cast(const void* object, u32 type) __ksym;
#define kernel_pointer(type, pointer) ((struct type*)bpf_rdonly_cast((pointer), kernel_type_##type))
#define READ(pointer, ...) (___arrow((pointer), __VA_ARGS__))
#endif

#define GYR_KERNEL_TYPE(type) const volatile gyr_u32 kernel_type_##type = 0;
GYR_KERNEL_CASTS(GYR_KERNEL_TYPE)
#undef GYR_KERNEL_TYPE

/* A word of the kernel's memory; of a pointer: as the number that functions take, which the verifier thinks nothing of.
 */
static __always_inline u64 kernel_word(const void* at) {
#ifdef GYR_WITHOUT_CASTS
    u64 word = 0;
    bpf_probe_read_kernel(&word, sizeof word, at);
#else
    u64 word = kernel_pointer(pt_regs, at)->r15;
    asm volatile("" : "+r"(word)); /* one load for it and for one of another kind would be refused */
#endif
    return word;
}

/* As a plain pointer, too: for one that it trusts, the verifier goes through all of the kernel's types at each member.
 */
static __always_inline struct task_struct* current_task(void) {
#ifdef GYR_WITHOUT_CASTS
    return (struct task_struct*)bpf_get_current_task();
#else
    return kernel_pointer(task_struct, bpf_get_current_task_btf());
#endif
}

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* 6.15 renamed kernfs_node.parent to __parent when it came under RCU. */
struct kernfs_node___renamed {
    struct kernfs_node* __parent;
};
struct kernfs_node___before {
    struct kernfs_node* parent;
};

/* inode times: two scalars since 6.11, __i_ctime since 6.6 (mtime 6.7), a timespec before. */
struct timespec64___any {
    s64 tv_sec;
    long tv_nsec;
};
struct inode___scalar {
    s64 i_ctime_sec, i_mtime_sec;
    u32 i_ctime_nsec, i_mtime_nsec;
};
struct inode___underscored {
    struct timespec64___any __i_ctime, __i_mtime;
};
struct inode___plain {
    struct timespec64___any i_ctime, i_mtime;
};

/* mm_struct.rss_stat: an array of per-CPU counters since 6.2, one structure of counters before. */
struct percpu_counter___rss {
    s64 count;
};
struct mm_struct___percpu {
    struct percpu_counter___rss rss_stat[4];
};
struct mm_rss_stat___before {
    atomic_long_t count[4];
};
struct mm_struct___before {
    struct mm_rss_stat___before rss_stat;
};
struct mm_rss_stat {
    atomic_long_t count[4];
};

struct ovl_inode___known {
    struct inode vfs_inode;
    struct dentry* __upperdentry;
};

#pragma clang attribute pop

static __always_inline u64 kernfs_parent(u64 node) {
    void* at = (void*)node;
    if (bpf_core_field_exists(((struct kernfs_node___renamed*)at)->__parent))
        return kernel_word((u8*)at + bpf_core_field_offset(struct kernfs_node___renamed, __parent));
    return kernel_word((u8*)at + bpf_core_field_offset(struct kernfs_node___before, parent));
}

static __always_inline void read_inode_times(struct inode* inode, struct gyr_file* out) {
    if (bpf_core_field_exists(((struct inode___scalar*)inode)->i_ctime_sec)) {
        struct inode___scalar* i = (void*)inode;
        out->ctime_sec = READ(i, i_ctime_sec);
        out->ctime_nsec = READ(i, i_ctime_nsec);
        out->mtime_sec = READ(i, i_mtime_sec);
        out->mtime_nsec = READ(i, i_mtime_nsec);
        return;
    }
    if (bpf_core_field_exists(((struct inode___underscored*)inode)->__i_ctime)) {
        struct inode___underscored* i = (void*)inode;
        out->ctime_sec = READ(i, __i_ctime.tv_sec);
        out->ctime_nsec = READ(i, __i_ctime.tv_nsec);
    } else {
        struct inode___plain* i = (void*)inode;
        out->ctime_sec = READ(i, i_ctime.tv_sec);
        out->ctime_nsec = READ(i, i_ctime.tv_nsec);
    }
    if (bpf_core_field_exists(((struct inode___underscored*)inode)->__i_mtime)) {
        struct inode___underscored* i = (void*)inode;
        out->mtime_sec = READ(i, __i_mtime.tv_sec);
        out->mtime_nsec = READ(i, __i_mtime.tv_nsec);
    } else {
        struct inode___plain* i = (void*)inode;
        out->mtime_sec = READ(i, i_mtime.tv_sec);
        out->mtime_nsec = READ(i, i_mtime.tv_nsec);
    }
}

/* Pages of a kind: 0 file, 1 anonymous, 2 swapped out, 3 shared. Approximate, as the kernel's own counters are. */
static __always_inline u64 mm_pages(struct mm_struct* mm, int kind) {
    u64 at = (u64)mm;
    if (bpf_core_type_exists(struct mm_rss_stat))
        at += bpf_core_field_offset(struct mm_struct___before, rss_stat) + kind * sizeof(s64);
    else
        at += bpf_core_field_offset(struct mm_struct___percpu, rss_stat) +
              kind * bpf_core_type_size(struct percpu_counter___rss) +
              bpf_core_field_offset(struct percpu_counter___rss, count);
    s64 n = kernel_word((void*)at);
    return n > 0 ? n : 0;
}

/* Overlayfs may be a module, its types then unknown here; the upper dentry has always followed the inode. */
static __always_inline u64 overlay_members(u64 inode) {
    u64 offset = bpf_core_type_size(struct inode);
    if (bpf_core_field_exists(struct ovl_inode___known, __upperdentry))
        offset = bpf_core_field_offset(struct ovl_inode___known, __upperdentry) -
                 bpf_core_field_offset(struct ovl_inode___known, vfs_inode);
    return inode + offset;
}

static __always_inline u64 overlay_upper_dentry(u64 inode) { return kernel_word((void*)overlay_members(inode)); }

#define OVERLAY_MOST_LAYERS 512u /* the kernel takes 500 */

/*
 * The dentry of the lower file that has the data. Behind the upper one since 6.5: where {u32 number of lowers; {layer,
 * dentry} of each} is, the last of which has the data; before (5.19): {layer, dentry}. The two are told apart by the
 * number, as a layer begins with a pointer. What is wrong is no dentry and found out by overlay_real().
 */
static __always_inline u64 overlay_lower_dentry(u64 inode) {
    u64 members = overlay_members(inode);
    u64 next = kernel_word((void*)(members + sizeof(u64)));
    u32 lowers = kernel_word((void*)next);
    if (lowers > OVERLAY_MOST_LAYERS) return kernel_word((void*)(members + 2 * sizeof(u64)));
    return lowers ? kernel_word((void*)(next + lowers * 2 * sizeof(u64))) : 0;
}

/* The inode of a dentry that was guessed; 0 when it is none. */
static __always_inline u64 overlay_real(u64 dentry) {
    struct dentry* d = kernel_pointer(dentry, (void*)dentry);
    u64 inode = kernel_word(&d->d_inode);
    return kernel_word(&kernel_pointer(inode, (void*)inode)->i_sb) == kernel_word(&d->d_sb) ? inode : 0;
}

#endif
