/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Paths by walking dentries and mounts up to the root of the mount namespace, leaf first. A chroot is not a root
 * here: the path is the one a reader outside the chroot would use. bpf_loop keeps the verifier's work to one step.
 */
#ifndef GYR_PATH_H
#define GYR_PATH_H

#include "lib/kernel_compat.h"
#include "lib/scratch.h"

struct path_walk {
    struct scratch* s;
    u64 dentry, vfsmnt;
    u32 flags;
    u32 done;
    u32 start;    /* of the path in the area */
    u32 detached; /* the mount hangs nowhere any more: only the file system itself still knows where the file is */
};

static long path_step(u32 index, struct path_walk* w) {
    struct dentry* dentry = kernel_pointer(dentry, (void*)w->dentry);
    u64 parent = kernel_word(&dentry->d_parent);
    if (!w->detached && w->dentry == kernel_word(&kernel_pointer(vfsmount, (void*)w->vfsmnt)->mnt_root)) {
        u64 mount = w->vfsmnt - bpf_core_field_offset(struct mount, mnt);
        struct mount* m = kernel_pointer(mount, (void*)mount);
        u64 up = kernel_word(&m->mnt_parent);
        if (up == mount || !up) {
            /* A single file, bind-mounted and unmounted again, as runtimes do with their own executable. */
            if (w->s->fill == w->start && (READ(dentry, d_inode, i_mode) & S_IFMT) == S_IFREG) {
                w->detached = 1;
                return 0;
            }
            w->done = 1;
            return 1;
        }
        w->dentry = kernel_word(&m->mnt_mountpoint);
        w->vfsmnt = up + bpf_core_field_offset(struct mount, mnt);
        return 0;
    }
    if (w->detached && w->dentry == parent) {
        w->done = 1;
        return 1;
    }
    if (w->s->fill - w->start > GYR_PATH_BYTES || !append_name(w->s, READ(dentry, d_name.name))) {
        w->flags |= GYR_BLOB_CUT;
        w->done = 1;
        return 1;
    }
    if (w->dentry == parent || !parent) { /* a root that is not the mount's: not reachable from any directory */
        w->flags |= GYR_BLOB_PSEUDO;
        w->done = 1;
        return 1;
    }
    w->dentry = parent;
    return 0;
}

/* Not static: verified once, by itself, not for each caller. */
__noinline int walk_path(struct scratch* s, struct gyr_blob* b, u64 mnt, u64 dentry) {
    if (!s || !b) return 0;
    blob_begin(s, b);
    if (!mnt || !dentry) return 0;
    struct path_walk w = {.s = s, .dentry = dentry, .vfsmnt = mnt, .start = s->fill};
    bpf_loop(GYR_PATH_DEPTH, path_step, &w, 0);
    if (!w.done) {
        count_error(GYR_ERROR_PATH_DEPTH);
        w.flags |= GYR_BLOB_CUT;
    }
    b->flags = w.flags;
    blob_end(s, b);
    return 0;
}

static __always_inline void append_path(struct scratch* s, struct gyr_blob* b, const struct path* path) {
    walk_path(s, b, kernel_word(&path->mnt), kernel_word(&path->dentry));
}

#endif
