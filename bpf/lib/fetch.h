/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Carries out one fetch of a plan entry: reads what it names and appends it to the record as an item. */
#ifndef GYR_FETCH_H
#define GYR_FETCH_H

#include "lib/object.h"

#define GYR_TEXT_MAX 4096u
#define GYR_BUFFER_MAX 4096u
#define GYR_VECTORS_MAX 1024u  /* the kernel takes no more */
#define GYR_MESSAGES_MAX 1024u /* the kernel takes no more at once */

static __always_inline u64 source_of(struct call* c, u32 from) {
    if (from < 6) return c->args[from];
    return from == GYR_FROM_RESULT ? (u64)c->result : 0;
}

/* A pointer in the caller's own width. */
static __always_inline u64 user_word(struct call* c, u64 at, u32 index) {
    u64 value = 0;
    if (c->compat)
        bpf_probe_read_user(&value, 4, (void*)(at + index * 4));
    else
        bpf_probe_read_user(&value, 8, (void*)(at + index * 8));
    return value;
}

static __always_inline u32 fetch_text(struct scratch* s, u64 from) {
    u32 at = area_end(s);
    if (!from) return 0;
    if (at > GYR_AREA_SIZE - GYR_TEXT_MAX) return GYR_BLOB_CUT;
    long n = bpf_probe_read_user_str(&s->area[at], GYR_TEXT_MAX, (void*)from);
    if (n <= 0) return GYR_BLOB_UNREADABLE;
    s->fill = at + n;
    return n == GYR_TEXT_MAX ? GYR_BLOB_CUT : 0;
}

static __always_inline u32 fetch_bytes(struct scratch* s, u64 from, u64 length, u32 limit) {
    u32 at = area_end(s);
    u32 flags = 0;
    if (!from || (s64)length <= 0) return 0;
    if (limit > GYR_BUFFER_MAX) limit = GYR_BUFFER_MAX;
    u32 n = length < limit ? length : limit;
    if (n != length) flags = GYR_BLOB_CUT;
    asm volatile("" : "+r"(n)); /* so that the bound is asked of this very value */
    if (at > GYR_AREA_SIZE - GYR_BUFFER_MAX || n > GYR_BUFFER_MAX) return GYR_BLOB_CUT;
    if (bpf_probe_read_user(&s->area[at], n, (void*)from)) return GYR_BLOB_UNREADABLE;
    s->fill = at + n;
    return flags;
}

static __always_inline u32 fetch_address(struct scratch* s, struct call* c, u64 from, u64 length) {
    if (!c->address) return fetch_bytes(s, from, length, 128);
    u32 at = area_end(s);
    if (at > GYR_AREA_SIZE - 32) return GYR_BLOB_CUT;
    bpf_probe_read_kernel(&s->area[at], 28, (void*)c->address);
    s->fill = at + 28;
    return 0;
}

struct vector_walk {
    struct scratch* s;
    struct call* c;
    u64 at, total, left; /* left: bytes still to be copied */
    u32 count, flags;
};

static long vector_step(u32 index, struct vector_walk* w) {
    if (index >= w->count) return 1;
    u64 base = user_word(w->c, w->at, index * 2);
    u64 length = user_word(w->c, w->at, index * 2 + 1);
    w->total += length;
    if (w->left == 0 || length == 0) return 0;
    struct scratch* s = w->s;
    u64 n = length < w->left ? length : w->left;
    w->flags |= fetch_bytes(s, base, n, GYR_BUFFER_MAX);
    w->left -= n;
    return 0;
}

/* Appends the first bytes of the vectors; gives their total. */
__noinline u64 fetch_vectors(struct scratch* s, struct call* c, u64 at, u64 count, u64 limit) {
    if (!s || !c) return 0;
    struct vector_walk w = {
        .s = s, .c = c, .at = at, .left = limit, .count = count < GYR_VECTORS_MAX ? count : GYR_VECTORS_MAX};
    if (!at) return 0;
    bpf_loop(GYR_VECTORS_MAX, vector_step, &w, 0);
    return w.total;
}

static __always_inline u64 buffer_limit(struct call* c, struct gyr_fetch* f) {
    u64 limit = f->size ? f->size : buffer_bytes;
    if (!(f->flags & GYR_FETCH_LIMIT_RESULT)) return limit;
    u64 result = c->result < 0 ? 0 : c->result;
    return result < limit ? result : limit;
}

__noinline int fetch_vector_item(struct scratch* s, struct call* c, struct gyr_fetch* f) {
    if (!s || !c || !f) return 0;
    u32 at = area_end(s);
    if (at > GYR_AREA_SIZE - 8) return GYR_BLOB_CUT;
    s->fill = at + 8;
    u64 total = fetch_vectors(s, c, source_of(c, f->arg), source_of(c, f->len), buffer_limit(c, f));
    if (at <= GYR_AREA_SIZE - 8) __builtin_memcpy(&s->area[at], &total, 8);
    return 0;
}

__noinline int fetch_message(struct scratch* s, struct call* c, struct gyr_fetch* f) {
    if (!s || !c || !f) return 0;
    u64 header = source_of(c, f->arg);
    if (!header) return GYR_BLOB_UNREADABLE;
    /* name, namelen (padded), iov, iovlen, control, controllen */
    u64 name = user_word(c, header, 0), name_length = (u32)user_word(c, header, 1);
    u64 vectors = user_word(c, header, 2), count = user_word(c, header, 3);
    u64 control_at = user_word(c, header, 4), control_length = user_word(c, header, 5);
    u32 at = area_end(s);
    if (at > GYR_AREA_SIZE - sizeof(struct gyr_message)) return GYR_BLOB_CUT;
    s->fill = at + sizeof(struct gyr_message);
    struct gyr_message m = {};
    u32 mark = s->fill;
    fetch_address(s, c, name, name_length);
    m.address = s->fill - mark;
    u64 limit = buffer_limit(c, f);
    if (f->flags & GYR_FETCH_LIMIT_MESSAGE) { /* struct mmsghdr: the header, then how long the message was */
        u32 length = 0;
        if (c->result > 0) bpf_probe_read_user(&length, sizeof length, (void*)(header + (c->compat ? 28 : 56)));
        if (length < limit) limit = length;
    }
    mark = s->fill;
    m.total = fetch_vectors(s, c, vectors, count, limit);
    m.data = s->fill - mark;
    mark = s->fill;
    fetch_bytes(s, control_at, control_length, 256);
    m.control = s->fill - mark;
    if (at <= GYR_AREA_SIZE - sizeof m) __builtin_memcpy(&s->area[at], &m, sizeof m);
    return 0;
}

__noinline int fetch_object(struct scratch* s, struct call* c, struct gyr_fetch* f) {
    if (!s || !c || !f) return 0;
    bool made = (c->phase & GYR_MADE_FILE) != 0;
    if ((f->arg == GYR_FROM_RESULT || f->op == GYR_FETCH_OBJECT_AT) && (c->phase & GYR_UNTOLD)) return 0;
    s32 fd = (s32)source_of(c, f->arg);
    if (made && f->op == GYR_FETCH_OBJECT_AT) return 0;
    if ((c->phase & GYR_REPLACED) && f->arg == 0) return 0;
    if (made && f->arg == GYR_FROM_RESULT) fd = -1;
    if (f->op == GYR_FETCH_OBJECT_AT) {
        u64 at = source_of(c, f->arg);
        fd = -1;
        bpf_probe_read_user(&fd, sizeof fd, (void*)at);
    }
    struct file* file =
        f->arg == (made ? GYR_FROM_RESULT : 0) && c->file ? (void*)c->file : file_of(current_task(), fd);
    if (c->other_file && f->arg != 0) file = (void*)c->other_file;
    if (!file) return 0;
    return append_object(s, (u64)file, fd, !(f->flags & GYR_FETCH_NO_PATH));
}

/* Nothing for an absolute path. len: the path argument; arg: the directory's descriptor or GYR_FROM_NOTHING. */
__noinline int fetch_base(struct scratch* s, struct call* c, struct gyr_fetch* f) {
    if (!s || !c || !f) return 0;
    u8 first = 0;
    if (f->len < 6) bpf_probe_read_user(&first, 1, (void*)source_of(c, f->len));
    if (first == '/') return 0;
    s32 fd = f->arg < 6 ? (s32)source_of(c, f->arg) : -100;
    struct gyr_blob b = {};
    if (fd == -100) {
        struct fs_struct* fs = READ(current_task(), fs);
        if (fs) append_path(s, &b, &fs->pwd);
        return b.flags;
    }
    struct file* file = file_of(current_task(), fd);
    if (!file) return GYR_BLOB_UNREADABLE;
    append_path(s, &b, &kernel_pointer(file, file)->f_path);
    return b.flags;
}

__noinline int fetch_memory(struct scratch* s) {
    if (!s) return 0;
    u32 at = area_end(s);
    struct mm_struct* mm = READ(current_task(), mm);
    if (!mm || at > GYR_AREA_SIZE - 12) return 0;
    u32 pages[3] = {READ(mm, total_vm), mm_pages(mm, 0) + mm_pages(mm, 1) + mm_pages(mm, 3), mm_pages(mm, 2)};
    __builtin_memcpy(&s->area[at], pages, sizeof pages);
    s->fill = at + sizeof pages;
    return 0;
}

__noinline int fetch_plain(struct scratch* s, struct call* c, struct gyr_fetch* f) {
    if (!s || !c || !f) return 0;
    u64 from = source_of(c, f->arg);
    if (f->op == GYR_FETCH_TEXT) return fetch_text(s, from);
    if (f->op == GYR_FETCH_BYTES) return fetch_bytes(s, from, f->size, GYR_BUFFER_MAX);
    u64 length = source_of(c, f->len);
    if (f->flags & GYR_FETCH_LENGTH_AT) {
        u32 value = 0;
        bpf_probe_read_user(&value, sizeof value, (void*)length);
        length = value;
    }
    if (f->unit > 1 && length < 65536) length *= f->unit;
    if (f->op == GYR_FETCH_SOCKADDR) return fetch_address(s, c, from, length);
    return fetch_bytes(s, from, length, buffer_limit(c, f));
}

struct fetch_walk {
    struct scratch* s;
    struct gyr_plan* plan;
    struct call* c;
};

static long fetch_step(u32 index, struct fetch_walk* w) {
    struct gyr_plan* plan = w->plan;
    if (index >= GYR_FETCHES || index >= plan->fetches) return 1;
    struct scratch* s = w->s;
    struct call* c = w->c;
    struct gyr_fetch* f = &plan->fetch[index];
    u32 op = f->op;
    if ((f->flags & GYR_FETCH_ENTER) != (c->phase & GYR_FETCH_ENTER)) return 0;
    if ((f->flags & GYR_FETCH_ON_SUCCESS) && c->result < 0) return 0;
    struct gyr_item* item = item_begin(s, op, index);
    if (!item) return 1;
    u32 begin = s->fill;
    int flags = 0;
    switch (op) {
    case GYR_FETCH_TEXT:
    case GYR_FETCH_BYTES:
    case GYR_FETCH_BUFFER:
    case GYR_FETCH_SOCKADDR: flags = fetch_plain(s, c, f); break;
    case GYR_FETCH_VECTOR: flags = fetch_vector_item(s, c, f); break;
    case GYR_FETCH_MESSAGE: flags = fetch_message(s, c, f); break;
    case GYR_FETCH_OBJECT:
    case GYR_FETCH_OBJECT_AT: flags = fetch_object(s, c, f); break;
    case GYR_FETCH_BASE: flags = fetch_base(s, c, f); break;
    case GYR_FETCH_MEMORY: flags = fetch_memory(s); break;
    default: break;
    }
    item->flags = flags;
    item_end(s, item, begin);
    return 0;
}

/* Makes the record of a call: header, then every fetch of the phase. */
__noinline int tell_call(struct gyr_plan* plan, struct call* c, u32 slot, u32 flags) {
    if (!c || !plan) return 0;
    if (control.shed && plan->lane + control.shed >= GYR_LANES && plan->lane != GYR_LANE_CRITICAL) {
        count_event_loss(plan->event_class, GYR_LOSS_SHED);
        return 0;
    }
    struct scratch* s = scratch_get();
    if (!s) {
        count_event_loss(plan->event_class, GYR_LOSS_FULL);
        return 0;
    }
    begin_event(s, plan, c, slot, flags);
    struct fetch_walk w = {.s = s, .plan = plan, .c = c};
    bpf_loop(GYR_FETCHES, fetch_step, &w, 0);
    emit_event(s, plan);
    return 0;
}

struct message_walk {
    struct gyr_plan* plan;
    struct call* c;
    u32 slot, flags;
};

static long message_step(u32 index, struct message_walk* w) {
    struct call* c = w->c;
    if (index) c->args[1] += c->compat ? 32 : 64;
    tell_call(w->plan, c, w->slot, w->flags);
    return 0;
}

/* sendmmsg, recvmmsg: one event for each message that went or came; one for a call that failed. Part of its caller, as
 * functions may call each other to a depth of eight. */
static __always_inline void tell_messages(struct gyr_plan* plan, struct call* c, u32 slot, u32 flags) {
    struct message_walk w = {.plan = plan, .c = c, .slot = slot, .flags = flags};
    u32 count = c->result > 0 ? c->result : 1;
    bpf_loop(count < GYR_MESSAGES_MAX ? count : GYR_MESSAGES_MAX, message_step, &w, 0);
}

#endif
