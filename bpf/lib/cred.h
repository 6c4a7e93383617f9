/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Credentials, supplementary groups, and whether a file's owner exists in the process's user namespace. */
#ifndef GYR_CRED_H
#define GYR_CRED_H

#include "lib/kernel_compat.h"
#include "lib/scratch.h"

static __always_inline u64 capability_set(const kernel_cap_t* from) { return kernel_word(from); }

static __noinline int fill_credentials(struct gyr_credentials* out, const struct cred* of) {
    if (!out || !of) return 0;
    const struct cred* c = kernel_pointer(cred, of);
    out->uid = READ(c, uid.val);
    out->euid = READ(c, euid.val);
    out->suid = READ(c, suid.val);
    out->fsuid = READ(c, fsuid.val);
    out->gid = READ(c, gid.val);
    out->egid = READ(c, egid.val);
    out->sgid = READ(c, sgid.val);
    out->fsgid = READ(c, fsgid.val);
    out->cap_inheritable = capability_set(&c->cap_inheritable);
    out->cap_permitted = capability_set(&c->cap_permitted);
    out->cap_effective = capability_set(&c->cap_effective);
    out->cap_bounding = capability_set(&c->cap_bset);
    out->cap_ambient = capability_set(&c->cap_ambient);
    out->securebits = READ(c, securebits);
    return 0;
}

static __noinline int append_groups(struct scratch* s, const struct cred* of) {
    if (!s || !of) return 0;
    const struct cred* c = kernel_pointer(cred, of);
    struct gyr_blob* b = &s->record.groups;
    align_area(s);
    blob_begin(s, b);
    struct group_info* info = READ(c, group_info);
    int n = READ(info, ngroups);
    if (n <= 0) return 0;
    if (n > (int)GYR_GROUPS_MAX) {
        n = GYR_GROUPS_MAX;
        b->flags = GYR_BLOB_CUT;
    }
    u32 at = s->fill;
    u32 bytes = (u32)n * 4;
    if (at > GYR_AREA_SIZE - GYR_GROUPS_MAX * 4 || bytes > GYR_GROUPS_MAX * 4) return 0;
    if (bpf_probe_read_kernel(&s->area[at], bytes, &info->gid) == 0) s->fill = at + bytes;
    blob_end(s, b);
    return 0;
}

/* Beyond the five extents kept inline (very unusual) an id counts as mapped. */
static __always_inline bool id_is_mapped(struct uid_gid_map* map, u32 id) {
    u32 extents = BPF_CORE_READ(map, nr_extents);
    if (extents > 5) return true;
    for (u32 i = 0; i < 5; i++) {
        if (i >= extents) break;
        u32 first = BPF_CORE_READ(map, extent[i].lower_first), count = BPF_CORE_READ(map, extent[i].count);
        if (id - first < count) return true;
    }
    return false;
}

static __noinline int user_namespace_flags(const struct cred* c, u32 file_uid, u32 file_gid) {
    if (!c) return 0;
    struct user_namespace* ns = BPF_CORE_READ(c, user_ns);
    if (BPF_CORE_READ(ns, level) == 0) return GYR_PROC_INIT_USERNS | GYR_PROC_FILE_OWNER_MAPPED;
    return id_is_mapped(&ns->uid_map, file_uid) && id_is_mapped(&ns->gid_map, file_gid) ? GYR_PROC_FILE_OWNER_MAPPED
                                                                                        : 0;
}

#endif
