/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Whether any loaded rule could still want an event, decided before anything is copied. What cannot be decided here
 * holds. A path is not walked into text for this: its last components and its first are looked up by hash.
 */
#ifndef GYR_CLAUSE_H
#define GYR_CLAUSE_H

#include "lib/cgroup.h"
#include "lib/object.h"

#define GYR_NAME_BYTES 32u /* of a component; user space cuts names in the same way */
#define GYR_NAME_DEPTH 24u
#define ALL_SETS 0xffffffffu

/* Which sets a name belongs to. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, struct gyr_name_key);
    __type(value, u32);
} names SEC(".maps");

/* Sets of cgroups (cgroup_set()) of which it is known that processes in them are the host's: GYR_HOST_*. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16384);
    __type(key, u64);
    __type(value, u8);
} host_cgroups SEC(".maps");

/* By kind: a bit for hash % 64 of every name, so that most are dismissed without a look into the map. */
gyr_u64 name_filter[8] SEC(".data.wanted");

struct name_walk {
    u64 dentry, mnt;
    u64 last[3];
    u64 top;
    u32 count, done;
    u32 detached; /* named by other means than folders */
};

static long name_step(u32 index, struct name_walk* w) {
    struct dentry* dentry = kernel_pointer(dentry, (void*)w->dentry);
    struct vfsmount* mnt = kernel_pointer(vfsmount, (void*)w->mnt);
    if (dentry == mnt->mnt_root) {
        struct mount* m = kernel_pointer(mount, (void*)(w->mnt - bpf_core_field_offset(struct mount, mnt)));
        struct mount* up = m->mnt_parent;
        if (up == m || !up) {
            w->done = 1;
            return 1;
        }
        w->dentry = (u64)m->mnt_mountpoint;
        w->mnt = (u64)up + bpf_core_field_offset(struct mount, mnt);
        return 0;
    }
    u64 parent = (u64)dentry->d_parent;
    if (w->count == 0) w->last[0] = w->dentry;
    if (w->count == 1) w->last[1] = w->dentry;
    if (w->count == 2) w->last[2] = w->dentry;
    w->count++;
    w->top = w->dentry;
    if (parent == w->dentry || !parent) { /* hangs in no directory tree */
        w->detached = 1;
        w->done = 1;
        return 1;
    }
    w->dentry = parent;
    return 0;
}

/* Of two names, in this order. */
static __always_inline u64 join(u64 first, u64 second) { return mix(first * 3, second); }

static __always_inline u64 hash_name(u64 dentry) {
    u64 words[GYR_NAME_BYTES / 8] = {};
    if (dentry) {
        struct dentry* d = kernel_pointer(dentry, (void*)dentry);
        bpf_probe_read_kernel_str(words, sizeof words, d->d_name.name);
    }
    u64 h = mix(MIX_SEED, words[0]);
    h = mix(h, words[1]);
    h = mix(h, words[2]);
    return mix(h, words[3]);
}

static __always_inline bool may_be(u32 kind, u64 hash) { return (name_filter[kind] >> (hash & 63)) & 1; }

static __always_inline u32 sets_of(u32 kind, u64 hash) {
    u32 h = hash;
    if (!may_be(kind, hash)) return 0;
    struct gyr_name_key key = {.kind = kind, .hash = h};
    u32* sets = bpf_map_lookup_elem(&names, &key);
    return sets ? *sets : 0;
}

/* The path sets a file may belong to. */
__noinline u32 path_sets(u64 file) {
    if (!file) return ALL_SETS;
    struct file* f = kernel_pointer(file, (void*)file);
    u32 kind = f->f_inode->i_mode & S_IFMT;
    struct name_walk w = {.dentry = (u64)f->f_path.dentry, .mnt = (u64)f->f_path.mnt};
    bpf_loop(GYR_NAME_DEPTH, name_step, &w, 0);
    if (!w.done) return ALL_SETS;
    /* The names of pipes and of anonymous inodes have no slash in them; those of sockets, memory files and the like
     * may. A mount that hangs nowhere and is a single file: its name is that in its file system. */
    u64 magic = f->f_inode->i_sb->s_magic;
    if (w.detached) return magic == PIPEFS_MAGIC || magic == ANON_INODE_FS_MAGIC ? 0 : ALL_SETS;
    if (w.count == 0) return kind == S_IFDIR ? 0 : ALL_SETS;
    u32 sets = 0;
    if (name_filter[GYR_NAME_TOP]) sets |= sets_of(GYR_NAME_TOP, hash_name(w.top));
    bool pair = false;
    u64 base = 0;
    if (name_filter[GYR_NAME_BASE] | name_filter[GYR_NAME_LAST]) {
        base = hash_name(w.last[0]);
        sets |= sets_of(GYR_NAME_BASE, base);
        pair = may_be(GYR_NAME_LAST, base);
    }
    if (pair || name_filter[GYR_NAME_DIRECTORY]) {
        u64 parent = hash_name(w.last[1]);
        if (pair) sets |= sets_of(GYR_NAME_PAIR, join(parent, base));
        if (may_be(GYR_NAME_DIRECTORY, parent)) sets |= sets_of(GYR_NAME_PARENT, join(parent, hash_name(w.last[2])));
        if (kind == S_IFDIR) { /* fd.directory of a directory is its own path */
            u64 self = hash_name(w.last[0]);
            if (may_be(GYR_NAME_DIRECTORY, self)) sets |= sets_of(GYR_NAME_PARENT, join(self, parent));
        }
    }
    return sets;
}

/* A process is where its leader is. */
static __always_inline bool of_host(void) {
    struct task_struct* leader = bpf_get_current_task_btf()->group_leader;
    u64 id = cgroup_set((u64)BPF_CORE_READ(leader, cgroups));
    u8* how = bpf_map_lookup_elem(&host_cgroups, &id);
    if (!how) return false;
    if (*how == GYR_HOST_ALL) return true;
    struct nsproxy* namespaces = leader->nsproxy;
    return namespaces && leader->thread_pid->level == 0 && control.host_mnt_ns != 0 &&
           namespaces->mnt_ns->ns.inum == control.host_mnt_ns;
}

/* Two dots at the beginning or after a slash. Looks at the first 256 bytes; what is longer may have them. */
__noinline u32 goes_up(u64 text) {
    char buf[128] = {};
    long n = bpf_probe_read_user_str(buf, sizeof buf, (void*)text);
    if (n <= 0) return 0;
    if (n >= (long)sizeof buf) return 1;
    for (u32 i = 0; i < sizeof buf - 1; i++) {
        if (i >= n) break;
        if (buf[i] == '.' && buf[i + 1] == '.') return 1;
    }
    return 0;
}

static __always_inline bool is_internet(struct file* f) {
    if ((f->f_inode->i_mode & S_IFMT) != S_IFSOCK) return false;
    struct socket* so = kernel_pointer(socket, f->private_data);
    u16 family = so->sk->__sk_common.skc_family;
    return family == AF_INET || family == AF_INET6;
}

struct question {
    struct gyr_plan* plan;
    struct call* c;
    u64 file;
    u32 sets, have_sets;
    u32 answer;
};

static long clause_step(u32 index, struct question* q) {
    struct gyr_plan* plan = q->plan;
    struct call* c = q->c;
    if (index >= GYR_CLAUSES || index >= plan->clauses) return 1;
    struct gyr_clause* clause = &plan->clause[index];
    u32 needs = clause->needs;
    if ((needs & GYR_CLAUSE_SUCCESS) && c->result < 0) return 0;
    if ((needs & GYR_CLAUSE_FAILURE) && c->result >= 0) return 0;
    if (needs & GYR_CLAUSE_ARGUMENT) {
        u32 arg = clause->value_arg;
        if (arg < 6 && (c->args[arg] & clause->value_mask) != clause->value) return 0;
    }
    if (q->file) {
        struct file* f = kernel_pointer(file, (void*)q->file);
        /* By the flags, as rules see it; a descriptor that is only a path had its access mode taken away. */
        u32 access = f->f_flags & O_ACCMODE;
        bool path_only = f->f_mode & FMODE_PATH;
        if ((needs & GYR_CLAUSE_READ) && access != O_RDONLY && access != O_RDWR && !path_only) return 0;
        if ((needs & GYR_CLAUSE_WRITE) && access != O_WRONLY && access != O_RDWR && !path_only) return 0;
        if ((needs & GYR_CLAUSE_INTERNET) && !is_internet(f)) return 0;
    }
    if ((needs & GYR_CLAUSE_CONTAINER) && of_host()) return 0;
    if ((needs & GYR_CLAUSE_PATH) && q->file) {
        if (!q->have_sets) {
            q->sets = path_sets(q->file);
            q->have_sets = 1;
        }
        if (!(q->sets & clause->path_sets)) return 0;
    }
    if (needs & GYR_CLAUSE_UPWARD) {
        u32 arg = plan->text_arg;
        if (arg < 6 && !goes_up(c->args[arg])) return 0;
    }
    q->answer = 1;
    return 1;
}

__noinline int may_matter(struct gyr_plan* plan, struct call* c) {
    if (!plan || !c) return 1;
    if (plan->clauses == 0) return 1;
    if ((plan->flags & GYR_PLAN_KEEP_SUCCESS) && c->result < 0) return 0;
    struct question q = {.plan = plan, .c = c};
    u32 from = plan->object_arg;
    if (from == GYR_FROM_RESULT) {
        if (c->result >= 0 && !(c->phase & GYR_UNTOLD)) q.file = (u64)file_of((s32)c->result);
    } else if (from < 6) {
        q.file = from == 0 && c->file ? c->file : (u64)file_of((s32)c->args[from]);
    }
    bpf_loop(GYR_CLAUSES, clause_step, &q, 0);
    return q.answer;
}

#endif
