/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Which path sets a file may belong to. Its path is not walked into text for this: its last components and its first
 * are looked up by hash, and most files are dismissed by a filter of these hashes. All of it is inlined where it runs
 * for every open: with the kernel's usual mitigations each return from a function costs more than a look at a name.
 */
#ifndef GYR_NAMES_H
#define GYR_NAMES_H

#include "lib/cgroup.h"
#include "lib/object.h"

#define GYR_NAME_BYTES 32u /* of a component; user space cuts names in the same way */
#define GYR_NAME_DEPTH 24u
#define GYR_STACKED_MOUNTS 3u /* more of them on one folder: nothing is known of the name */
#define ALL_SETS 0xffffffffu

/* Which sets a name belongs to. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, struct gyr_name_key);
    __type(value, u32);
} names SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 16384);
    __type(key, struct gyr_file_key);
    __type(value, u32);
} files SEC(".maps");

struct name_walk {
    u64 dentry, mnt;
    u64 first, second; /* dentries of the components passed last; of the path's first when the root is reached */
    u32 rooted;
};

#define WALK_ON 0u
#define WALK_ROOT 1u   /* no more components */
#define WALK_UNTREE 2u /* hangs in no directory tree */
#define WALK_UNKNOWN 3u

/* To where the file system of w is mounted, as long as w is at the root of one. */
static __always_inline u32 leave_mounts(struct name_walk* w) {
    for (u32 i = 0; i < GYR_STACKED_MOUNTS; i++) {
        struct vfsmount* mnt = kernel_pointer(vfsmount, (void*)w->mnt);
        if (w->dentry != kernel_word(&mnt->mnt_root)) return WALK_ON;
        struct mount* m = kernel_pointer(mount, (void*)(w->mnt - bpf_core_field_offset(struct mount, mnt)));
        u64 up = kernel_word(&m->mnt_parent);
        if (up + bpf_core_field_offset(struct mount, mnt) == w->mnt || !up) return WALK_ROOT;
        w->dentry = kernel_word(&m->mnt_mountpoint);
        w->mnt = up + bpf_core_field_offset(struct mount, mnt);
    }
    return WALK_UNKNOWN;
}

/* Past one component. */
static __always_inline u32 climb(struct name_walk* w) {
    u32 where = leave_mounts(w);
    if (where != WALK_ON) return where;
    struct dentry* dentry = kernel_pointer(dentry, (void*)w->dentry);
    u64 parent = kernel_word(&dentry->d_parent);
    w->second = w->first;
    w->first = w->dentry;
    if (parent == w->dentry || !parent) return WALK_UNTREE;
    w->dentry = parent;
    return WALK_ON;
}

static long climb_step(u32 index, struct name_walk* w) {
    u32 where = climb(w);
    w->rooted = where == WALK_ROOT;
    return where != WALK_ON;
}

/* Of two names, in this order. */
static __always_inline u64 join(u64 first, u64 second) { return mix(first * 3, second); }

/* Of at most the first GYR_NAME_BYTES - 1 bytes of a component, in words, zero behind the end; of no component: as of
 * an empty one. */
static __always_inline u64 hash_of(u64 dentry) {
    if (!dentry) return mix(MIX_SEED, 0);
    struct dentry* d = kernel_pointer(dentry, (void*)dentry);
    u32 length = READ(d, d_name.len);
    if (length > GYR_NAME_BYTES - 1) length = GYR_NAME_BYTES - 1;
    struct pt_regs* words = kernel_pointer(pt_regs, (void*)READ(d, d_name.name)); /* as any row of words */
    u64 last = ~0ull >> ((0 - length * 8) & 63);
    if (length <= 8) return mix(MIX_SEED, length ? READ(words, r15) & last : 0);
    u64 h = mix(MIX_SEED, READ(words, r15));
    if (length <= 16) return mix(h, READ(words, r14) & last);
    h = mix(h, READ(words, r14));
    if (length <= 24) return mix(h, READ(words, r13) & last);
    return mix(mix(h, READ(words, r13)), READ(words, r12) & last);
}

__noinline u64 hash_name(u64 dentry) { return hash_of(dentry); }

static __always_inline bool may_be(u32 kind, u64 hash) {
    return (wanted.names[kind][(hash >> 6) % (GYR_NAME_FILTER / 64)] >> (hash & 63)) & 1;
}

static __always_inline bool any_of(u32 kinds) { return (wanted.name_kinds & kinds) != 0; }

__noinline u32 look_up_name(u32 kind, u32 h) {
    struct gyr_name_key key = {.kind = kind, .hash = h};
    u32* sets = bpf_map_lookup_elem(&names, &key);
    return sets ? *sets : 0;
}

static __always_inline u32 sets_of(u32 kind, u64 hash) { return may_be(kind, hash) ? look_up_name(kind, hash) : 0; }

__noinline u32 sets_of_identity(u64 ino, u32 dev) {
    struct gyr_file_key key = {.ino = ino, .dev = dev};
    u32* named = bpf_map_lookup_elem(&files, &key);
    return named ? *named : 0;
}

static __always_inline bool may_be_named(u64 ino) { return (wanted.files[(ino >> 6) & 3] >> (ino & 63)) & 1; }

/* Of a regular file of an overlay: by the files below it. */
__noinline u32 sets_below(u64 inode) {
    struct gyr_below below;
    u32 sets = 0;
    files_below(inode, &below);
    for (u32 i = 0; i < GYR_FILES_BELOW; i++)
        if (may_be_named(below.files[i].ino)) sets |= sets_of_identity(below.files[i].ino, below.files[i].dev);
    return sets;
}

/* The path sets a file may belong to. */
APART u32 path_sets(u64 file) {
    struct file* f = kernel_pointer(file, (void*)file);
    struct inode* inode = READ(f, f_inode);
    u32 kind = READ(inode, i_mode) & S_IFMT, sets = 0;
    u64 ino = READ(inode, i_ino);
    if (may_be_named(ino)) {
        sets = sets_of_identity(ino, READ(inode, i_sb, s_dev));
        /* One of an overlay has the inode number of the file it was made for, which is below it; in the upper bits
         * there may be the layer's. */
        if (kind == S_IFREG && READ(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC)
            sets |= sets_below(kernel_word(&f->f_inode));
    }
    struct name_walk w = {.dentry = kernel_word(&f->f_path.dentry), .mnt = kernel_word(&f->f_path.mnt)};
    u32 where = climb(&w);
    if (where != WALK_ON) {
        /* The root of a tree, which may be the copy of another folder that hangs nowhere. */
        if (where == WALK_ROOT) return kind == S_IFDIR ? sets : ALL_SETS;
        /* The names of pipes and of anonymous inodes have no slash in them; those of sockets, memory files and the
         * like may. A mount that hangs nowhere and is a single file: its name is that in its file system. */
        u64 magic = READ(inode, i_sb, s_magic);
        bool slashless = magic == PIPEFS_MAGIC || magic == ANON_INODE_FS_MAGIC;
        return where == WALK_UNTREE && slashless ? 0 : ALL_SETS;
    }
    u64 above = 0, base = hash_of(w.first), parent = 0;
    sets |= sets_of(GYR_NAME_BASE, base);
    bool pair = may_be(GYR_NAME_LAST, base), tops = any_of(1u << GYR_NAME_TOP | 1u << GYR_NAME_TOPS);
    if (!pair && !tops && !any_of(1u << GYR_NAME_DIRECTORY)) return sets;
    where = climb(&w);
    if (where >= WALK_UNTREE) return ALL_SETS;
    if (where == WALK_ON) above = w.first;
    parent = hash_of(above);
    if (pair) sets |= sets_of(GYR_NAME_PAIR, join(parent, base));
    /* fd.directory of a directory is its own path */
    if (kind == S_IFDIR && may_be(GYR_NAME_DIRECTORY, base)) sets |= sets_of(GYR_NAME_PARENT, join(base, parent));
    bool folder = may_be(GYR_NAME_DIRECTORY, parent);
    if (!folder && !tops) return sets;
    u64 before = 0;
    if (where == WALK_ON) {
        where = climb(&w);
        if (where >= WALK_UNTREE) return ALL_SETS;
        if (where == WALK_ON) before = w.first;
    }
    if (folder) sets |= sets_of(GYR_NAME_PARENT, join(parent, hash_name(before)));
    if (tops) {
        if (where == WALK_ON) {
            bpf_loop(GYR_NAME_DEPTH, climb_step, &w, 0);
            if (!w.rooted) return ALL_SETS;
        }
        u64 first = w.first == above ? parent : hash_name(w.first);
        sets |= sets_of(GYR_NAME_TOP, first);
        /* The bits of two first names are those of the first alone: most are dismissed by it. */
        if (may_be(GYR_NAME_TOPS, first)) sets |= look_up_name(GYR_NAME_TOPS, join(first, hash_name(w.second)));
    }
    return sets;
}

/* Not inlined a second time. */
__noinline u32 other_path_sets(u64 file) { return file ? path_sets(file) : 0; }

#endif
