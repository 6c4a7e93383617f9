/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the kernel side counts, and what user space tells it while it runs. Both sides update these words atomically
 * in memory that they share (the object's .bss, mapped).
 */
#ifndef GYR_ABI_COUNTERS_H
#define GYR_ABI_COUNTERS_H

#include "abi/process_wire.h"

/* Records of one kind that could not be written. count never goes back; first is 0 when user space took note. */
struct gyr_loss {
    gyr_u64 count;
    gyr_u64 first_boottime_ns;
    gyr_u64 last_boottime_ns;
    gyr_u64 cgroup_id; /* of the last one lost */
};

/* Things that went wrong while a record was made; the record is sent all the same unless said otherwise. */
#define GYR_ERROR_SCRATCH_BUSY 0u  /* no scratch slot free; the record is lost (and counted as lost) */
#define GYR_ERROR_RING_FULL 1u     /* the record is lost (and counted as lost) */
#define GYR_ERROR_RING_RESERVED 2u /* a rename or cgroup move was left out to keep room for forks, execs and exits */
#define GYR_ERROR_AREA_FULL 3u
#define GYR_ERROR_PATH_DEPTH 4u
#define GYR_ERROR_USER_MEMORY 5u /* argv or env paged out or gone */
#define GYR_ERROR_KERNEL_READ 6u
#define GYR_ERRORS 7u

#define GYR_SLEEPS_LIGHTLY 1u /* the next exec or change wakes it, or an event of a call */
#define GYR_SLEEPS_DEEPLY 2u  /* any record does: it had nothing to do for a while */

struct gyr_control {
    gyr_u32 consumer_sleeps; /* GYR_SLEEPS_*: user space waits */
    gyr_u32 in_snapshot;     /* fork records carry the image too */
    gyr_u32 iter_kind;       /* what the task iterator makes: GYR_SNAPSHOT or GYR_CHANGE */
    gyr_u32 iter_changes;
    gyr_u32 iter_image;      /* 1: with executable, argv, env, cwd, stdio */
    gyr_u32 iter_any_thread; /* 1: also a thread that is not the leader, if its credentials differ from the leader's */
    gyr_u32 host_mnt_ns;     /* inode of the host's mount namespace; 0: not known */
    gyr_u32 shed;            /* events of lanes from the end that are not told: 1 bulk, 2 network too */
};

/* What is known of a cgroup: everything in it is the host's, or what is in the host's namespaces. */
#define GYR_HOST_ALL 1u
#define GYR_HOST_BY_NAMESPACES 2u

/* One item of the task iterator's own output, telling what became of a task. */
#define GYR_ITER_SENT 0u
#define GYR_ITER_NO_ROOM 1u
struct gyr_iter_item {
    gyr_s32 tid;
    gyr_u32 outcome;
};

GYR_ABI_ASSERT(sizeof(struct gyr_loss) == 32, "loss layout");
GYR_ABI_ASSERT(sizeof(struct gyr_control) == 32, "control layout");
GYR_ABI_ASSERT(sizeof(struct gyr_iter_item) == 8, "iterator item layout");

#endif
