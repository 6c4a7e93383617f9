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

/* Networks that ends of connections are looked up in; how many there are, so that nobody looks into an empty one. */
struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 8192);
    __type(key, struct gyr_network_key);
    __type(value, u32);
} networks SEC(".maps");
gyr_u32 network_count SEC(".data.wanted");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 16384);
    __type(key, struct gyr_file_key);
    __type(value, u32);
} files SEC(".maps");
gyr_u64 file_filter[GYR_FILE_FILTER / 64] SEC(".data.wanted");

/* By thread group. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 32768);
    __type(key, u32);
    __type(value, struct gyr_process_mask);
} process_masks SEC(".maps");

/* By kind: a bit for hash % 64 of every name, so that most are dismissed without a look into the map. */
gyr_u64 name_filter[GYR_NAME_KINDS] SEC(".data.wanted");

struct name_walk {
    u64 dentry, mnt;
    u64 name[5]; /* components: the last, the two before, the first, the second */
    u32 done;
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
    /* No counter: the verifier would follow each of its values. */
    if (!w->name[0])
        w->name[0] = w->dentry;
    else if (!w->name[1])
        w->name[1] = w->dentry;
    else if (!w->name[2])
        w->name[2] = w->dentry;
    w->name[4] = w->name[3];
    w->name[3] = w->dentry;
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

/* Eight bytes of a name of length bytes, from at on; zero behind its end. */
static __always_inline u64 name_word(s32 length, s32 at, u64 word) {
    s32 left = length - at;
    if (left <= 0) return 0;
    return left >= 8 ? word : word & ((1ull << (left * 8)) - 1);
}

/* Of at most the first GYR_NAME_BYTES - 1 bytes of a component. */
__noinline u64 hash_name(struct name_walk* w, u32 which) {
    if (!w || which > 4) return 0;
    u64 dentry = w->name[which];
    u64 h = MIX_SEED, a = 0, b = 0, c = 0, e = 0;
    if (dentry) {
        struct dentry* d = kernel_pointer(dentry, (void*)dentry);
        s32 length = d->d_name.len;
        if (length > (s32)GYR_NAME_BYTES - 1) length = GYR_NAME_BYTES - 1;
        struct pt_regs* words = kernel_pointer(pt_regs, (void*)d->d_name.name); /* as any row of words */
        a = name_word(length, 0, words->r15);
        b = name_word(length, 8, words->r14);
        c = name_word(length, 16, words->r13);
        e = name_word(length, 24, words->r12);
    }
    return mix(mix(mix(mix(h, a), b), c), e);
}

static __always_inline bool may_be(u32 kind, u64 hash) { return (name_filter[kind] >> (hash & 63)) & 1; }

__noinline u32 look_up_name(u32 kind, u32 h) {
    struct gyr_name_key key = {.kind = kind, .hash = h};
    u32* sets = bpf_map_lookup_elem(&names, &key);
    return sets ? *sets : 0;
}

static __always_inline u32 sets_of(u32 kind, u64 hash) { return may_be(kind, hash) ? look_up_name(kind, hash) : 0; }

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
    if (!w.name[0]) return kind == S_IFDIR ? 0 : ALL_SETS;
    u32 sets = 0;
    u64 ino = f->f_inode->i_ino;
    if ((file_filter[(ino >> 6) & 3] >> (ino & 63)) & 1) {
        struct gyr_file_key key = {.ino = ino, .dev = f->f_inode->i_sb->s_dev};
        u32* named = bpf_map_lookup_elem(&files, &key);
        if (named) sets |= *named;
    }
    if (name_filter[GYR_NAME_TOP] | name_filter[GYR_NAME_TOPS]) {
        u64 top = hash_name(&w, 3);
        sets |= sets_of(GYR_NAME_TOP, top);
        /* The bits of two first names are those of the first alone: most are dismissed by it. */
        if (may_be(GYR_NAME_TOPS, top)) sets |= look_up_name(GYR_NAME_TOPS, join(top, hash_name(&w, 4)));
    }
    bool pair = false;
    u64 base = 0;
    if (name_filter[GYR_NAME_BASE] | name_filter[GYR_NAME_LAST]) {
        base = hash_name(&w, 0);
        sets |= sets_of(GYR_NAME_BASE, base);
        pair = may_be(GYR_NAME_LAST, base);
    }
    if (pair || name_filter[GYR_NAME_DIRECTORY]) {
        u64 parent = hash_name(&w, 1);
        if (pair) sets |= sets_of(GYR_NAME_PAIR, join(parent, base));
        if (may_be(GYR_NAME_DIRECTORY, parent)) sets |= sets_of(GYR_NAME_PARENT, join(parent, hash_name(&w, 2)));
        if (kind == S_IFDIR) { /* fd.directory of a directory is its own path */
            u64 self = hash_name(&w, 0);
            if (may_be(GYR_NAME_DIRECTORY, self)) sets |= sets_of(GYR_NAME_PARENT, join(self, parent));
        }
    }
    return sets;
}

/* A process is where its leader is. */
static __always_inline bool of_host(void) {
    struct task_struct* leader = current_task()->group_leader;
    u64 id = cgroup_set((u64)BPF_CORE_READ(leader, cgroups));
    u8* how = bpf_map_lookup_elem(&host_cgroups, &id);
    if (!how) return false;
    if (*how == GYR_HOST_ALL) return true;
    struct nsproxy* namespaces = leader->nsproxy;
    return namespaces && leader->thread_pid->level == 0 && control.host_mnt_ns != 0 &&
           namespaces->mnt_ns->ns.inum == control.host_mnt_ns;
}

#define DOTS 0x2e2e2e2e2e2e2e2eull
#define LOWS 0x0101010101010101ull
#define HIGHS 0x8080808080808080ull

/* Two dots side by side; sometimes also where there are none, and in what is longer than can be looked at. */
__noinline u32 goes_up(u64 text) {
    u64 words[16] = {};
    long n = bpf_probe_read_user_str(words, sizeof words, (void*)text);
    if (n <= 0) return 0;
    if (n >= (long)sizeof words) return 1;
    u64 before = 0, found = 0;
    for (u32 i = 0; i < 16; i++) {
        if ((long)i * 8 >= n) break;
        u64 x = words[i] ^ DOTS;
        u64 dots = (x - LOWS) & ~x & HIGHS; /* the high bit of each byte that is a dot */
        found |= dots & (dots << 8 | before >> 56);
        before = dots;
    }
    return found != 0;
}

static __always_inline u32 network_sets(struct gyr_network_key* key) {
    key->prefix = 128;
    u32* sets = bpf_map_lookup_elem(&networks, key);
    return sets ? *sets : 0;
}

/* The sets of ends that those of a socket may belong to: both ends, as their roles are not asked here. */
__noinline u32 end_sets(u64 file) {
    struct file* f = kernel_pointer(file, (void*)file);
    if ((f->f_inode->i_mode & S_IFMT) != S_IFSOCK) return 0;
    struct socket* so = kernel_pointer(socket, f->private_data);
    struct sock* sk = so->sk;
    u16 family = sk->__sk_common.skc_family;
    if (family != AF_INET && family != AF_INET6) return 0;
    /* Where it has no other end, that is the one given with the call: a connection refused, a datagram. */
    if (!sk->__sk_common.skc_dport) return ALL_SETS;
    u32 sets = 0;
    if (name_filter[GYR_NAME_PORT]) {
        sets |= sets_of(GYR_NAME_PORT, sk->__sk_common.skc_num);
        sets |= sets_of(GYR_NAME_PORT, __builtin_bswap16(sk->__sk_common.skc_dport));
    }
    if (!network_count) return sets;
    struct gyr_network_key key = {};
    u64 at = (u64)BPF_CORE_READ(so, sk);
    struct sock* from = (void*)at;
    if (family == AF_INET) {
        key.address[10] = key.address[11] = 0xff;
        bpf_probe_read_kernel(&key.address[12], 4, &from->__sk_common.skc_rcv_saddr);
        sets |= network_sets(&key);
        bpf_probe_read_kernel(&key.address[12], 4, &from->__sk_common.skc_daddr);
        return sets | network_sets(&key);
    }
    if (!bpf_core_field_exists(from->__sk_common.skc_v6_daddr)) return ALL_SETS;
    bpf_probe_read_kernel(key.address, 16, &from->__sk_common.skc_v6_rcv_saddr);
    sets |= network_sets(&key);
    bpf_probe_read_kernel(key.address, 16, &from->__sk_common.skc_v6_daddr);
    return sets | network_sets(&key);
}

/* What rules may match the process; all of them unless what was decided about it still holds. */
__noinline u64 process_bits(void) {
    struct task_struct* task = current_task();
    struct task_struct* leader = task->group_leader;
    u32 key = task->tgid;
    struct gyr_process_mask* m = bpf_map_lookup_elem(&process_masks, &key);
    if (!m || m->start_boottime_ns != leader->start_boottime || m->exec_id != leader->self_exec_id ||
        m->uid != task->cred->uid.val)
        return ~0ull;
    u64 comm[2] = {}, *known = (void*)m->comm;
    bpf_probe_read_kernel(comm, sizeof comm, &leader->comm);
    return comm[0] == known[0] && comm[1] == known[1] ? m->bits : ~0ull;
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
    u64 bits;
    u32 sets, ends;
    u32 have_sets, have_ends, have_bits;
    u32 answer;
};

static __always_inline bool holds(struct question* q, struct gyr_clause* clause) {
    struct gyr_plan* plan = q->plan;
    struct call* c = q->c;
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
    if ((needs & GYR_CLAUSE_ENDS) && q->file) {
        if (!q->have_ends) {
            q->ends = end_sets(q->file);
            q->have_ends = 1;
        }
        if (!(q->ends & clause->end_sets)) return 0;
    }
    if ((needs & GYR_CLAUSE_PATH) && q->file) {
        if (!q->have_sets) {
            q->sets = path_sets(q->file);
            q->have_sets = 1;
        }
        if (!(q->sets & clause->path_sets)) return 0;
    }
    if (needs & GYR_CLAUSE_PROCESS) {
        if (!q->have_bits) {
            q->bits = process_bits();
            q->have_bits = 1;
        }
        if (!(q->bits & clause->process_bits)) return 0;
    }
    if ((needs & GYR_CLAUSE_CONTAINER) && of_host()) return 0;
    if (needs & GYR_CLAUSE_UPWARD) {
        u32 arg = plan->text_arg;
        if (arg < 6 && !goes_up(c->args[arg])) return 0;
    }
    return 1;
}

static long clause_step(u32 index, struct question* q) {
    struct gyr_plan* plan = q->plan;
    if (index >= GYR_CLAUSES || index >= plan->clauses) return 1;
    bool held = holds(q, &plan->clause[index]);
    if (control.count_clauses) {
        struct gyr_clause_counters* counters = counters_of(plan->event_class);
        if (counters) (held ? counters->let_through : counters->refused)[index]++;
    }
    q->answer = held;
    return held;
}

/* Of what no clause held for: whether it is sent to check them. Counts what is not told otherwise. */
__noinline int is_sample(struct gyr_plan* plan) {
    if (!plan) return 0;
    struct gyr_clause_counters* counters = counters_of(plan->event_class);
    if (!counters) return 0;
    u64 stopped = ++counters->stopped;
    if (!control.verify_every || stopped % control.verify_every) return 0;
    counters->sampled++;
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
