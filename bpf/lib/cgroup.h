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
    u64 node;
    u32 cut;
};

static long kernfs_step(u32 index, struct kernfs_walk* w) {
    u64 parent = kernfs_parent(w->node);
    if (!parent) return 1; /* the root has no name of its own */
    if (!append_name(w->s, READ(kernel_pointer(kernfs_node, (void*)w->node), name))) {
        w->cut = 1;
        return 1;
    }
    w->node = parent;
    return 0;
}

struct hierarchy_walk {
    struct scratch* s;
    u64 head, at;
    u64 unified;
    u32 flags;
};

static __always_inline bool append_cgroup_path(struct scratch* s, u64 node) {
    struct kernfs_walk k = {.s = s, .node = node};
    bpf_loop(GYR_CGROUP_DEPTH, kernfs_step, &k, 0);
    return append_nul(s) && !k.cut;
}

static long hierarchy_step(u32 index, struct hierarchy_walk* w) {
    u64 at = w->at;
    if (at == w->head || !at) return 1;
    u64 link = at - bpf_core_field_offset(struct cgrp_cset_link, cgrp_link);
    w->at = kernel_word(&kernel_pointer(list_head, (void*)at)->next);
    struct cgroup* cg = READ(kernel_pointer(cgrp_cset_link, (void*)link), cgrp);
    if ((u64)cg == w->unified) return 0;
    u64 node = kernel_word(&cg->kn);
    if (!kernfs_parent(node)) return 0;

    struct scratch* s = w->s;
    struct cgroup_root* root = READ(cg, root);
    u32 mask = READ(root, subsys_mask);
    if (mask) {
        u32 id = 0;
        for (; id < 16; id++)
            if (mask & (1u << id)) break;
        u64 css = kernel_word((u8*)cg + bpf_core_field_offset(struct cgroup, subsys) + id * sizeof(void*));
        struct cgroup_subsys* ss = READ(kernel_pointer(cgroup_subsys_state, (void*)css), ss);
        const char* name = READ(ss, legacy_name);
        if (!name) name = READ(ss, name);
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
    if (append_cgroup_path(s, node)) return 0;
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
    u64 head, at;
    u64 sum;
};

static long set_step(u32 index, struct set_walk* w) {
    u64 at = w->at;
    if (at == w->head || !at) return 1;
    u64 link = at - bpf_core_field_offset(struct cgrp_cset_link, cgrp_link);
    struct cgroup* cg = READ(kernel_pointer(cgrp_cset_link, (void*)link), cgrp);
    w->sum +=
        mix(MIX_SEED ^ (u64)READ(cg, root, hierarchy_id), READ(cg, kn, id)); /* in whichever order they are linked */
    w->at = kernel_word(&kernel_pointer(list_head, (void*)at)->next);
    return 0;
}

/* One number for a task's cgroups in all hierarchies. */
__noinline u64 cgroup_set(u64 css_set) {
    if (!css_set) return 0;
    struct css_set* cset = kernel_pointer(css_set, (void*)css_set);
    struct set_walk w = {.head = css_set + bpf_core_field_offset(struct css_set, cgrp_links),
                         .at = kernel_word(&cset->cgrp_links.next)};
    bpf_loop(GYR_HIERARCHIES_MAX, set_step, &w, 0);
    return w.sum;
}

static __noinline int append_cgroups(struct scratch* s, u64 css_set) {
    if (!s || !css_set) return 0;
    struct gyr_blob* b = &s->record.cgroups;
    struct css_set* cset = kernel_pointer(css_set, (void*)css_set);
    struct kernfs_node* node = READ(cset, dfl_cgrp, kn);
    s->record.cgroup_id = READ(node, id);
    s->record.cgroup_set = cgroup_set(css_set);
    blob_begin(s, b);
    if (!append_nul(s) || !append_cgroup_path(s, (u64)node)) b->flags |= GYR_BLOB_CUT;
    struct hierarchy_walk w = {.s = s,
                               .head = css_set + bpf_core_field_offset(struct css_set, cgrp_links),
                               .at = kernel_word(&cset->cgrp_links.next),
                               .unified = (u64)READ(cset, dfl_cgrp)};
    bpf_loop(GYR_HIERARCHIES_MAX, hierarchy_step, &w, 0);
    b->flags |= w.flags;
    blob_end(s, b);
    return 0;
}

#endif
