/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The cgroup of a task in every hierarchy, from that hierarchy's root. The unified one is always told; another only
 * when the task is not in its root, under the name of its first controller, or "name=x" for a hierarchy without any.
 */
#ifndef GYR_CGROUP_H
#define GYR_CGROUP_H

#include "lib/kernel_compat.h"
#include "lib/scratch.h"

struct kernfs_walk {
    struct scratch* s;
    struct kernfs_node* node;
    u32 cut;
};

static long kernfs_step(u32 index, struct kernfs_walk* w) {
    struct kernfs_node* node = w->node;
    struct kernfs_node* parent = kernfs_parent(node);
    if (!parent) return 1; /* the root has no name of its own */
    if (!append_name(w->s, BPF_CORE_READ(node, name))) {
        w->cut = 1;
        return 1;
    }
    w->node = parent;
    return 0;
}

struct hierarchy_walk {
    struct scratch* s;
    struct list_head *head, *at;
    struct cgroup* unified;
    u32 flags;
};

static __always_inline bool append_cgroup_path(struct scratch* s, struct cgroup* cg) {
    struct kernfs_walk k = {.s = s, .node = BPF_CORE_READ(cg, kn)};
    bpf_loop(GYR_CGROUP_DEPTH, kernfs_step, &k, 0);
    return append_nul(s) && !k.cut;
}

static long hierarchy_step(u32 index, struct hierarchy_walk* w) {
    struct list_head* at = w->at;
    if (at == w->head || !at) return 1;
    struct cgrp_cset_link* link = (void*)((u8*)at - bpf_core_field_offset(struct cgrp_cset_link, cgrp_link));
    w->at = BPF_CORE_READ(at, next);
    struct cgroup* cg = BPF_CORE_READ(link, cgrp);
    if (cg == w->unified) return 0;
    if (!kernfs_parent(BPF_CORE_READ(cg, kn))) return 0;

    struct scratch* s = w->s;
    struct cgroup_root* root = BPF_CORE_READ(cg, root);
    u32 mask = BPF_CORE_READ(root, subsys_mask);
    if (mask) {
        u32 id = 0;
        for (; id < 16; id++)
            if (mask & (1u << id)) break;
        struct cgroup_subsys_state* css = NULL;
        bpf_probe_read_kernel(&css, sizeof css,
                              (u8*)cg + bpf_core_field_offset(struct cgroup, subsys) + id * sizeof(void*));
        struct cgroup_subsys* ss = BPF_CORE_READ(css, ss);
        const char* name = BPF_CORE_READ(ss, legacy_name);
        if (!name) name = BPF_CORE_READ(ss, name);
        if (!append_name(s, name)) goto cut;
    } else {
        u32 p = s->fill;
        if (p > GYR_AREA_SIZE - 80) goto cut;
        s->area[p] = 'n';
        s->area[p + 1] = 'a';
        s->area[p + 2] = 'm';
        s->area[p + 3] = 'e';
        s->area[p + 4] = '=';
        long n = bpf_probe_read_kernel_str(&s->area[p + 5], 64, &root->name);
        if (n <= 0) goto cut;
        s->fill = p + 5 + n;
    }
    if (append_cgroup_path(s, cg)) return 0;
cut:
    w->flags |= GYR_BLOB_CUT;
    return 1;
}

#define MIX_SEED 0x9e3779b97f4a7c15ull

static __always_inline u64 mix(u64 h, u64 word) {
    h = (h ^ word) * 0xff51afd7ed558ccdull;
    return h ^ (h >> 32);
}

struct set_walk {
    struct list_head *head, *at;
    u64 sum;
};

static long set_step(u32 index, struct set_walk* w) {
    struct list_head* at = w->at;
    if (at == w->head || !at) return 1;
    u64 link = (u64)at - bpf_core_field_offset(struct cgrp_cset_link, cgrp_link);
    struct cgroup* cg = kernel_pointer(cgrp_cset_link, (void*)link)->cgrp;
    w->sum += mix(MIX_SEED ^ (u64)cg->root->hierarchy_id, cg->kn->id); /* in whichever order they are linked */
    w->at = kernel_pointer(list_head, at)->next;
    return 0;
}

/* One number for a task's cgroups in all hierarchies. */
__noinline u64 cgroup_set(u64 css_set) {
    if (!css_set) return 0;
    struct css_set* cset = kernel_pointer(css_set, (void*)css_set);
    struct set_walk w = {.head = (void*)(css_set + bpf_core_field_offset(struct css_set, cgrp_links))};
    w.at = cset->cgrp_links.next;
    bpf_loop(GYR_HIERARCHIES_MAX, set_step, &w, 0);
    return w.sum;
}

static __noinline int append_cgroups(struct scratch* s, struct css_set* cset) {
    if (!s || !cset) return 0;
    struct gyr_blob* b = &s->record.cgroups;
    struct cgroup* unified = BPF_CORE_READ(cset, dfl_cgrp);
    s->record.cgroup_id = BPF_CORE_READ(unified, kn, id);
    s->record.cgroup_set = cgroup_set((u64)cset);
    blob_begin(s, b);
    if (!append_nul(s) || !append_cgroup_path(s, unified)) b->flags |= GYR_BLOB_CUT;
    struct hierarchy_walk w = {.s = s, .unified = unified};
    struct list_head* head = (void*)((u8*)cset + bpf_core_field_offset(struct css_set, cgrp_links));
    w.head = head;
    w.at = BPF_CORE_READ(head, next);
    bpf_loop(GYR_HIERARCHIES_MAX, hierarchy_step, &w, 0);
    b->flags |= w.flags;
    blob_end(s, b);
    return 0;
}

#endif
