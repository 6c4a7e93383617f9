/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Blocks of strings in a process's memory: argv and environ. Up to the limit they are taken whole; a longer block
 * keeps its head and tail and a hash of all of it, so that padding cannot hide an argument without being noticed.
 *
 * REMOTE is a constant: 0 reads current's own memory without faulting, 1 (sleepable programs only) reads another
 * task's and brings pages in.
 */
#ifndef GYR_ARGV_H
#define GYR_ARGV_H

#include "lib/scratch.h"

#define GYR_PAGE 4096u
#define GYR_HASHED_MAX (8u << 20)
#define FNV_OFFSET 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

static __always_inline long read_user(void* to, u32 bytes, u64 from, struct task_struct* task, const int REMOTE) {
    if (REMOTE) return bpf_copy_from_user_task(to, bytes, (void*)from, task, 0);
    return bpf_probe_read_user(to, bytes, (void*)from);
}

struct page_walk {
    struct scratch* s;
    struct task_struct* task;
    u64 from, left;
};

static __always_inline long page_step(struct page_walk* w, const int REMOTE) {
    struct scratch* s = w->s;
    u32 at = s->fill;
    u64 piece = GYR_PAGE - (w->from & (GYR_PAGE - 1));
    if (piece > w->left) piece = w->left;
    if (piece == 0) return 1;
    asm volatile("" : "+r"(piece)); /* one comparison for both bounds would tell older verifiers nothing */
    if (piece > GYR_PAGE || at > GYR_AREA_SIZE - GYR_PAGE) return 1;
    if (read_user(&s->area[at], piece, w->from, w->task, REMOTE)) return 1;
    s->fill = at + piece;
    w->from += piece;
    w->left -= piece;
    return 0;
}
static long page_step_own(u32 index, struct page_walk* w) { return page_step(w, 0); }
static long page_step_remote(u32 index, struct page_walk* w) { return page_step(w, 1); }

/*
 * Appends bytes (at most MAX, a constant) from user memory. When a page is missing, takes what comes before it.
 * Gives the number of bytes appended.
 */
static __always_inline u32 append_user(struct scratch* s, u64 from, u32 bytes, struct task_struct* task, const u32 MAX,
                                       const int REMOTE) {
    u32 at = s->fill;
    if (at > GYR_AREA_SIZE - MAX) {
        count_error(GYR_ERROR_AREA_FULL);
        return 0;
    }
    if (bytes > MAX) bytes = MAX;
    if (read_user(&s->area[at], bytes, from, task, REMOTE) == 0) {
        s->fill = at + bytes;
        return bytes;
    }
    count_error(GYR_ERROR_USER_MEMORY);
    struct page_walk w = {.s = s, .task = task, .from = from, .left = bytes};
    if (REMOTE)
        bpf_loop(MAX / GYR_PAGE + 1, page_step_remote, &w, 0);
    else
        bpf_loop(MAX / GYR_PAGE + 1, page_step_own, &w, 0);
    return bytes - w.left;
}

struct hash_walk {
    struct scratch* s;
    struct task_struct* task;
    u64 at, end, hash;
};

__noinline u64 hash_chunk(struct scratch* s, u32 n, u64 h) {
    if (!s) return h;
    for (u32 i = 0; i < GYR_CHUNK; i++) {
        if (i >= n) break;
        h = (h ^ s->chunk[i]) * FNV_PRIME;
    }
    return h;
}

static __always_inline long hash_step(struct hash_walk* w, const int REMOTE) {
    u64 left = w->end - w->at;
    u32 n = left < GYR_CHUNK ? left : GYR_CHUNK;
    if (n == 0) return 1;
    /* Chunks never cross a page, so that one missing page costs no readable byte. */
    u32 in_page = GYR_PAGE - (w->at & (GYR_PAGE - 1));
    if (n > in_page) n = in_page;
    if (n > GYR_CHUNK) return 1;
    struct scratch* s = w->s;
    if (read_user(s->chunk, n, w->at, w->task, REMOTE) == 0) w->hash = hash_chunk(s, n, w->hash);
    w->at += n;
    return 0;
}
static long hash_step_own(u32 index, struct hash_walk* w) { return hash_step(w, 0); }
static long hash_step_remote(u32 index, struct hash_walk* w) { return hash_step(w, 1); }

static __always_inline u64 hash_user(struct scratch* s, u64 from, u64 bytes, struct task_struct* task,
                                     const int REMOTE) {
    struct hash_walk w = {.s = s, .task = task, .at = from, .end = from + bytes, .hash = FNV_OFFSET};
    if (bytes > GYR_HASHED_MAX) w.end = from + GYR_HASHED_MAX;
    if (REMOTE)
        bpf_loop(GYR_HASHED_MAX / GYR_CHUNK + 2, hash_step_remote, &w, 0);
    else
        bpf_loop(GYR_HASHED_MAX / GYR_CHUNK + 2, hash_step_own, &w, 0);
    return w.hash;
}

static __always_inline void fill_argv(struct scratch* s, struct task_struct* task, u64 start, u64 end,
                                      const int REMOTE) {
    struct gyr_blob* b = &s->record.argv;
    blob_begin(s, b);
    if (end <= start) return;
    u64 total = end - start;
    s->record.argv_total = total;
    if (total <= GYR_ARGV_MAX) {
        if (append_user(s, start, total, task, GYR_ARGV_MAX, REMOTE) != total) b->flags |= GYR_BLOB_UNREADABLE;
    } else {
        b->flags |= GYR_BLOB_CUT;
        if (append_user(s, start, GYR_ARGV_HEAD, task, GYR_ARGV_HEAD, REMOTE) != GYR_ARGV_HEAD)
            b->flags |= GYR_BLOB_UNREADABLE; /* the head is then short, and the tail is left out */
        else if (append_user(s, end - GYR_ARGV_TAIL, GYR_ARGV_TAIL, task, GYR_ARGV_TAIL, REMOTE) != GYR_ARGV_TAIL)
            b->flags |= GYR_BLOB_UNREADABLE;
        s->record.argv_hash = hash_user(s, start, total, task, REMOTE);
    }
    blob_end(s, b);
}

const volatile gyr_u32 env_bytes_max = 8192;

static __always_inline void fill_env(struct scratch* s, struct task_struct* task, u64 start, u64 end,
                                     const int REMOTE) {
    struct gyr_blob* b = &s->record.env;
    blob_begin(s, b);
    if (end <= start) return;
    u64 total = end - start;
    s->record.env_total = total;
    u32 want = env_bytes_max < GYR_ENV_MAX ? env_bytes_max : GYR_ENV_MAX;
    if (total <= want)
        want = total;
    else
        b->flags |= GYR_BLOB_CUT;
    if (want && append_user(s, start, want, task, GYR_ENV_MAX, REMOTE) != want) b->flags |= GYR_BLOB_UNREADABLE;
    blob_end(s, b);
}

#endif
