/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The process lane's records as they lie in the ring buffer: written by bpf/, read by
 * src/sources/live_bpf/decode.cpp. Compiled as C, C++ and BPF, so fixed-width integers only; native byte order.
 *
 * A record is one struct gyr_process_record followed by an area of bytes. What has no fixed size lies in the area
 * and is named by a struct gyr_blob (offset from the start of the area). All ids are those of the initial
 * namespaces unless a name begins with v.
 *
 * A path is written the way the kernel finds it, leaf first: every component ended by a NUL ("ls\0bin\0usr\0"). Nothing
 * at all means "/". The reader turns it round.
 */
#ifndef GYR_ABI_PROCESS_WIRE_H
#define GYR_ABI_PROCESS_WIRE_H

#ifdef __bpf__
typedef unsigned char gyr_u8;
typedef unsigned short gyr_u16;
typedef unsigned int gyr_u32;
typedef int gyr_s32;
typedef unsigned long long gyr_u64;
typedef long long gyr_s64;
#else
#include <stdint.h>
typedef uint8_t gyr_u8;
typedef uint16_t gyr_u16;
typedef uint32_t gyr_u32;
typedef int32_t gyr_s32;
typedef uint64_t gyr_u64;
typedef int64_t gyr_s64;
#endif

#ifdef __cplusplus
#define GYR_ABI_ASSERT(what, why) static_assert(what, why)
#else
#define GYR_ABI_ASSERT(what, why) _Static_assert(what, why)
#endif

#define GYR_RECORD_MAGIC 0x52594732u /* "2GYR"; changes with the layout */

/* Sizes of the parts that lie in the area, in bytes. */
#define GYR_ARGV_MAX (128u * 1024u) /* longer argument blocks keep a head and a tail */
#define GYR_ARGV_HEAD (64u * 1024u)
#define GYR_ARGV_TAIL (64u * 1024u)
#define GYR_ENV_MAX (32u * 1024u)
#define GYR_NAME_MAX 256u    /* one path component, NUL included */
#define GYR_PATH_DEPTH 2048u /* components of one path */
#define GYR_PATH_BYTES                                                                                                 \
    (8u * 1024u)              /* more than the kernel takes in a call; deeper folders are reached step by step         \
                               */
#define GYR_CGROUP_DEPTH 128u /* folders of one cgroup path */
#define GYR_GROUPS_MAX 256u
#define GYR_HIERARCHIES_MAX 24u
#define GYR_AREA_SIZE (256u * 1024u)

/* gyr_process_record.kind, also the index of gyr_loss */
#define GYR_FORK 0u
#define GYR_EXEC 1u
#define GYR_EXIT 2u
#define GYR_SNAPSHOT 3u
#define GYR_CHANGE 4u
#define GYR_KINDS 5u

/* gyr_process_record.changes, the bits of ChangeMask */
#define GYR_CHANGE_CREDENTIALS 1u
#define GYR_CHANGE_COMM 2u
#define GYR_CHANGE_CGROUP 4u
#define GYR_CHANGE_SESSION 8u
#define GYR_CHANGE_REFRESH 16u

/* gyr_process_record.flags */
#define GYR_PROC_KERNEL_THREAD 1u
#define GYR_PROC_HAS_IMAGE 2u
#define GYR_PROC_COMPAT 4u             /* entered the kernel through a 32-bit call */
#define GYR_PROC_INIT_USERNS 8u        /* credentials belong to the initial user namespace */
#define GYR_PROC_HAS_BEFORE 32u        /* exec: before_* are set */
#define GYR_PROC_FILE_OWNER_MAPPED 16u /* the executable's owner and group exist in the process's user namespace */

/* gyr_file.flags */
#define GYR_FILE_OVERLAY_UPPER 1u
#define GYR_FILE_OVERLAY_LOWER 2u
#define GYR_FILE_READ_ONLY 4u /* read-only mount or file system, or an immutable file */
#define GYR_FILE_PRESENT 8u

/* gyr_blob.flags */
#define GYR_BLOB_CUT 1u        /* did not fit or was too deep */
#define GYR_BLOB_UNREADABLE 2u /* memory could not be read */
#define GYR_BLOB_PSEUDO 4u     /* a path that hangs in no directory tree: memfd, pipe, socket, anonymous inode */

struct gyr_blob {
    gyr_u32 offset;
    gyr_u32 length;
    gyr_u32 flags;
};

struct gyr_namespaces {
    gyr_u32 mnt, pid, net, uts, ipc, cgroup, user, time;
};

struct gyr_credentials {
    gyr_u32 uid, euid, suid, fsuid;
    gyr_u32 gid, egid, sgid, fsgid;
    gyr_u64 cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
    gyr_u32 securebits;
    gyr_u32 login_uid;
    gyr_u32 session_id;
    gyr_u32 reserved;
};

struct gyr_file {
    gyr_u64 ino;
    gyr_s64 ctime_sec, mtime_sec;
    gyr_u32 ctime_nsec, mtime_nsec;
    gyr_u32 dev;  /* kernel's encoding: major << 20 | minor */
    gyr_u32 rdev; /* of device files, same encoding */
    gyr_u32 mode, uid, gid, nlink;
    gyr_u32 magic; /* of the file system */
    gyr_u32 flags;
};

/* In the area, for a descriptor that is a socket; addresses and ports in network byte order. */
struct gyr_socket {
    gyr_u16 family;
    gyr_u16 local_port; /* network byte order too */
    gyr_u16 remote_port;
    gyr_u16 unix_length; /* bytes of unix_path that are set */
    gyr_u8 local[16];
    gyr_u8 remote[16];
    gyr_u8 unix_path[108];
};

/* stdin, stdout, stderr. mode 0: not open. name: a path, or a struct gyr_socket when mode says socket. */
struct gyr_stdio {
    gyr_u64 ino;
    gyr_u32 mode, rdev, magic, reserved;
    struct gyr_blob name;
    gyr_u32 reserved2;
};

struct gyr_process_record {
    gyr_u32 magic;
    gyr_u32 size; /* of the whole record, area included */
    gyr_u16 kind;
    gyr_u16 flags;
    gyr_u32 changes;
    gyr_u64 boottime_ns; /* taken before anything else was read */
    gyr_s32 cpu;
    gyr_s32 tid;
    gyr_s32 tgid;
    gyr_s32 ptgid; /* real parent */
    gyr_u64 start_boottime_ns;
    gyr_u64 parent_start_boottime_ns;
    gyr_s32 tracer;
    gyr_s32 pgid, sid;
    gyr_s32 vpid, vtid, vppid, vpgid, vsid;
    gyr_u64 exec_id;
    gyr_u64 pidns_init_start_boottime_ns;
    gyr_u64 clone_flags;
    gyr_u64 cgroup_id;  /* of the unified hierarchy */
    gyr_u64 cgroup_set; /* of all hierarchies together; the same number for the same cgroups */
    gyr_u64 fd_limit;
    gyr_u64 vm_size_pages, vm_rss_pages, vm_swap_pages;
    gyr_u64 major_faults, minor_faults;
    gyr_u64 argv_total, env_total, argv_hash;
    gyr_s32 syscall_nr;
    gyr_s32 exit_code;
    gyr_u32 threads;
    gyr_u32 tty;
    gyr_s32 reaper; /* exit: who adopts the children; 0: there are none */
    gyr_u32 reserved;
    char comm[16];
    gyr_u32 before_euid, before_egid; /* exec: what the caller had */
    gyr_u64 before_cap_effective;
    struct gyr_credentials credentials;
    struct gyr_namespaces namespaces;
    struct gyr_file exe;
    struct gyr_blob exe_path, script, cwd, root;
    struct gyr_blob argv, env;
    struct gyr_blob groups; /* gyr_u32 each */
    struct gyr_blob
        cgroups; /* per hierarchy: subsystem NUL, path as above, one more NUL; unified has no subsystem name */
    struct gyr_stdio stdio[3];
};

#define GYR_RECORD_MAX (sizeof(struct gyr_process_record) + GYR_AREA_SIZE)

GYR_ABI_ASSERT(sizeof(struct gyr_blob) == 12, "blob layout");
GYR_ABI_ASSERT(sizeof(struct gyr_credentials) == 88, "credentials layout");
GYR_ABI_ASSERT(sizeof(struct gyr_file) == 64, "file layout");
GYR_ABI_ASSERT(sizeof(struct gyr_socket) == 148, "socket layout");
GYR_ABI_ASSERT(sizeof(struct gyr_stdio) == 40, "stdio layout");
GYR_ABI_ASSERT(sizeof(struct gyr_process_record) == 656, "record layout");
GYR_ABI_ASSERT(sizeof(struct gyr_process_record) % 8 == 0, "records stay aligned");

#endif
