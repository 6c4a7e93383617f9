/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Which path sets a file may belong to. Its path is not walked into text for this: components are looked up by hash,
 * the last ones first, and most files are dismissed by a filter of these hashes. All of it is inlined where it runs
 * for every open: with the kernel's usual mitigations each return from a function costs more than a look at a name.
 */
#ifndef GYR_NAMES_H
#define GYR_NAMES_H

#include "lib/cgroup.h"
#include "lib/object.h"

#define GYR_NAME_BYTES 32u    /* of a component; user space cuts names in the same way */
#define GYR_NAME_USUAL 4u     /* components that are walked in line */
#define GYR_NAME_DEPTH 24u    /* those after them */
#define GYR_STACKED_MOUNTS 3u /* more of them on one folder: nothing is known of the name */
#define ALL_SETS 0xffffffffu
#define LOWS 0x0101010101010101ull
#define HIGHS 0x8080808080808080ull

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
    u64 passed;      /* dentry of the component passed last */
    u64 hash, below; /* of that, when the root is reached the path's first, and of the one before */
    u32 sets;        /* that some component is in */
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
    w->passed = w->dentry;
    if (parent == w->dentry || !parent) return WALK_UNTREE;
    w->dentry = parent;
    return WALK_ON;
}

/* Of two names, in this order. */
static __always_inline u64 join(u64 first, u64 second) { return mix(first * 3, second); }

#define NO_NAME mix(MIX_SEED, 0) /* the hash of an empty one */

/* Of at most the first GYR_NAME_BYTES - 1 bytes of a component, in words, zero behind the end. */
static __always_inline u64 hash_of(u64 dentry) {
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

/* The high bit of each byte that equals the one that `eight` is made of; sometimes of others, too. */
static __always_inline u64 same_bytes(u64 word, u64 eight) {
    u64 x = word ^ eight;
    return (x - LOWS) & ~x & HIGHS;
}

/* The sets of the letters that a component has; all of them of one that is too long to be looked at. What lies behind
 * its end in the last word may count as well. */
__noinline u32 letters_in(u64 dentry) {
    u32 used = wanted.letters_used, sets = 0;
    struct dentry* d = kernel_pointer(dentry, (void*)dentry);
    u32 length = READ(d, d_name.len);
    if (length >= GYR_NAME_BYTES) return wanted.letter_sets;
    u64 words[GYR_NAME_BYTES / 8] = {}; /* all of them lie in the dentry itself */
    u64 name = (u64)READ(d, d_name.name);
#ifdef GYR_WITHOUT_CASTS
    bpf_probe_read_kernel(words, sizeof words, (void*)name);
#else
    for (u32 i = 0; i < GYR_NAME_BYTES / 8; i++) words[i] = kernel_word((void*)(name + 8 * i));
#endif
    _Pragma("clang loop unroll(disable)") for (u32 i = 0; i < GYR_LETTERS; i++) {
        if (!(used >> i & 1)) continue;
        u64 first = wanted.letters[i].first, second = wanted.letters[i].second, before = 0, found = 0;
        for (u32 k = 0; k < GYR_NAME_BYTES / 8; k++) {
            u64 begins = same_bytes(words[k], first);
            found |= same_bytes(words[k], second) & (begins << 8 | before >> 56);
            before = begins;
            if (length <= 8 * (k + 1)) break;
        }
        if (found) sets |= wanted.letters[i].sets;
    }
    return sets;
}

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

/* The sets of letters of a component that is passed in a step of bpf_loop: one frame more than there is room for on the
 * stack where reads are calls, and all of them then. */
#ifdef GYR_WITHOUT_CASTS
#define letters_below(dentry) wanted.letter_sets
#else
#define letters_below(dentry) letters_in(dentry)
#endif

/* Notes a component; used: its letters as well. */
#define pass(w, component, used, letters)                                                                              \
    ({                                                                                                                 \
        (w)->below = (w)->hash;                                                                                        \
        (w)->hash = (component);                                                                                       \
        (w)->sets |= sets_of(GYR_NAME_ANY, (w)->hash);                                                                 \
        if (used) (w)->sets |= letters((w)->passed);                                                                   \
    })

static long climb_step(u32 index, struct name_walk* w) {
    u32 where = climb(w);
    if (where == WALK_ON) pass(w, hash_of(w->passed), wanted.letters_used, letters_below);
    w->rooted = where == WALK_ROOT;
    return where != WALK_ON;
}

__noinline u32 sets_of_identity(u64 ino, u32 dev) {
    struct gyr_file_key key = {.ino = ino, .dev = dev};
    u32* named = bpf_map_lookup_elem(&files, &key);
    return named ? *named : 0;
}

static __always_inline bool may_be_named(u64 ino) {
    return (wanted.files[(ino >> 6) % (GYR_FILE_FILTER / 64)] >> (ino & 63)) & 1;
}

/* Of a regular file of an overlay: by the files below it. */
__noinline u32 sets_below(u64 inode) {
    struct gyr_below below;
    u32 sets = 0;
    files_below(inode, &below);
    for (u32 i = 0; i < GYR_FILES_BELOW; i++)
        if (may_be_named(below.files[i].ino)) sets |= sets_of_identity(below.files[i].ino, below.files[i].dev);
    return sets;
}

/* The sets of the exact paths that lead to a file that may be named, whatever it was opened by. */
__noinline u32 identity_sets(u64 file) {
    struct file* f = kernel_pointer(file, (void*)file);
    struct inode* inode = READ(f, f_inode);
    u32 sets = sets_of_identity(READ(inode, i_ino), READ(inode, i_sb, s_dev));
    /* One of an overlay has the inode number of the file it was made for, which is below it; in the upper bits there
     * may be the layer's. */
    if ((READ(inode, i_mode) & S_IFMT) == S_IFREG && READ(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC)
        sets |= sets_below(kernel_word(&f->f_inode));
    return sets;
}

/* Those of its path's components; whole, all bits or none: also those that all of its path is looked at for. Verified
 * by itself: its ways would multiply with those of its callers. */
__noinline u32 component_sets(u64 file, u32 whole) {
    struct file* f = kernel_pointer(file, (void*)file);
    u32 sets = 0;
    struct name_walk w = {.dentry = kernel_word(&f->f_path.dentry),
                          .mnt = kernel_word(&f->f_path.mnt),
                          .hash = NO_NAME,
                          .below = NO_NAME};
    u64 base = NO_NAME, parent = NO_NAME;
    bool pair = false, folder = false;
    u32 where = WALK_ON, i = 0;
    _Pragma("clang loop unroll(disable)") for (; i < GYR_NAME_USUAL; i++) {
        where = climb(&w);
        if (where >= WALK_UNTREE || (i == 0 && where != WALK_ON)) break;
        u64 hash = where == WALK_ON ? hash_of(w.passed) : NO_NAME;
        if (i == 0) {
            base = hash;
            sets |= sets_of(GYR_NAME_BASE, base);
            pair = may_be(GYR_NAME_LAST, base);
            if (!pair && !whole && !any_of(1u << GYR_NAME_DIRECTORY)) return sets;
        } else if (i == 1) {
            parent = hash;
            if (pair) sets |= sets_of(GYR_NAME_PAIR, join(parent, base));
            /* fd.directory of a directory is its own path */
            if ((READ(f, f_inode, i_mode) & S_IFMT) == S_IFDIR && may_be(GYR_NAME_DIRECTORY, base))
                sets |= sets_of(GYR_NAME_PARENT, join(base, parent));
            folder = may_be(GYR_NAME_DIRECTORY, parent);
            if (!folder && !whole) return sets;
        } else if (i == 2) {
            if (folder) sets |= sets_of(GYR_NAME_PARENT, join(parent, hash));
            if (!whole) return sets;
        }
        if (where == WALK_ROOT) break;
        /* Read each time: kept, the verifier would follow the components with it and without. */
        pass(&w, hash, *(volatile u32*)&wanted.letters_used & whole, letters_in);
    }
    if (i == 0) {
        /* The root of a tree, which may be the copy of another folder that hangs nowhere. */
        if (where == WALK_ROOT) return (READ(f, f_inode, i_mode) & S_IFMT) == S_IFDIR ? sets : ALL_SETS;
        /* The names of pipes and of anonymous inodes have no slash in them; those of sockets, memory files and the
         * like may. A mount that hangs nowhere and is a single file: its name is that in its file system. */
        u64 magic = READ(f, f_inode, i_sb, s_magic);
        bool slashless = magic == PIPEFS_MAGIC || magic == ANON_INODE_FS_MAGIC;
        return where == WALK_UNTREE && slashless ? wanted.letter_sets : ALL_SETS;
    }
    if (where == WALK_ON) {
        bpf_loop(GYR_NAME_DEPTH, climb_step, &w, 0);
        where = w.rooted ? WALK_ROOT : WALK_UNKNOWN;
    }
    if (where != WALK_ROOT) return ALL_SETS;
    sets |= w.sets | sets_of(GYR_NAME_TOP, w.hash);
    /* The bits of two first names are those of the first alone: most are dismissed by it. */
    if (may_be(GYR_NAME_TOPS, w.hash)) sets |= look_up_name(GYR_NAME_TOPS, join(w.hash, w.below));
    return sets;
}

/* The path sets a file may belong to. */
static __always_inline u32 path_sets(u64 file, u32 whole) {
    struct file* f = kernel_pointer(file, (void*)file);
    u32 sets = may_be_named(READ(f, f_inode, i_ino)) ? identity_sets(file) : 0;
    return sets | component_sets(file, whole);
}

#endif
