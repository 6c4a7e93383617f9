/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The system-call collector: what user space tells it to do for a call (a plan entry), and the records it writes. One
 * program serves every call; an entry says which event the call is, what of it is worth sending (clauses) and what has
 * to be fetched besides the six arguments and the return value, which always travel.
 *
 * A record is a struct gyr_event_header followed by items, each a struct gyr_item and its bytes, padded to 8.
 */
#ifndef GYR_ABI_SYSCALL_WIRE_H
#define GYR_ABI_SYSCALL_WIRE_H

#include "abi/process_wire.h"

#define GYR_EVENT_MAGIC 0x45594733u /* "3GYE"; changes with the layout */

/* Call numbers per table: 64-bit entry first, then 32-bit. Then the operations of socketcall(2) and of io_uring. */
#define GYR_CALLS 512u
#define GYR_COMPAT_BASE GYR_CALLS
#define GYR_SOCKETCALL_BASE (2u * GYR_CALLS)
#define GYR_URING_BASE (GYR_SOCKETCALL_BASE + 32u)
#define GYR_SLOTS (GYR_URING_BASE + 96u)

/* Tracepoints that are events by themselves use plan entries from here on. */
#define GYR_SLOT_SIGNAL (GYR_SLOTS - 1u)
#define GYR_SLOT_FAULT (GYR_SLOTS - 2u)

/*
 * Words in the text of the program for the end of calls, as they stand before user space writes others there: bits of
 * the numbers that have an entry, of either kind; the program's turn; and numbers of the 64-bit table whose clauses all
 * want another socket than one of TCP as their first argument (GYR_CALLS: none).
 */
#define GYR_TEXT_WORD 0x4759525445585400ull /* the first, and so on */
#define GYR_TEXT_TURN (GYR_CALLS / 64)
#define GYR_TEXT_NOT_TCP (GYR_TEXT_TURN + 1)
#define GYR_NOT_TCP 3u
#define GYR_TEXT_WORDS (GYR_TEXT_NOT_TCP + GYR_NOT_TCP)

#define GYR_PLANS 1024u    /* two generations of up to 512 entries; entry 0 is never used */
#define GYR_FIRST_PLANS 3u /* of each generation: those that lie where programs look first */

/* gyr_fetch.op */
#define GYR_FETCH_NONE 0u
#define GYR_FETCH_TEXT 1u      /* NUL-terminated, at arg */
#define GYR_FETCH_BYTES 2u     /* size bytes at arg */
#define GYR_FETCH_BUFFER 3u    /* at arg; as many as len says, at most size (0: the configured number) */
#define GYR_FETCH_SOCKADDR 4u  /* at arg; len: its length, or with GYR_FETCH_LENGTH_AT where its length is */
#define GYR_FETCH_VECTOR 5u    /* iovec array at arg, len: its count; u64 total, then the first bytes */
#define GYR_FETCH_MESSAGE 6u   /* msghdr at arg; struct gyr_message, address, first bytes, control */
#define GYR_FETCH_OBJECT 7u    /* struct gyr_object of the descriptor arg */
#define GYR_FETCH_OBJECT_AT 8u /* the same, the descriptor's number is in memory at arg */
#define GYR_FETCH_BASE 9u    /* directory that a relative path starts from: descriptor arg, or the working directory */
#define GYR_FETCH_MEMORY 10u /* u32 size, resident, swapped, in pages */
#define GYR_FETCH_OPS 11u

/* gyr_fetch.arg and .len: 0 to 5 are arguments */
#define GYR_FROM_RESULT 6u
#define GYR_FROM_NOTHING 7u

/* gyr_fetch.flags */
#define GYR_FETCH_ENTER 1u     /* when the call begins, not when it ends */
#define GYR_FETCH_LENGTH_AT 2u /* len points to the length */
#define GYR_FETCH_ON_SUCCESS 4u
#define GYR_FETCH_NO_PATH 8u        /* of an object, not its path: nothing asks for it */
#define GYR_FETCH_LIMIT_RESULT 16u  /* buffers: not more than the result */
#define GYR_FETCH_LIMIT_MESSAGE 32u /* a message: not more than what struct mmsghdr says came of it */

struct gyr_fetch {
    gyr_u8 op, arg, len, flags;
    gyr_u16 size;
    gyr_u16 unit; /* buffers: what len counts, in bytes; 0 as 1 */
};

/*
 * A clause says when an event may matter: all it asks for must hold. An entry without clauses sends everything;
 * otherwise one clause that holds is enough. What the kernel cannot decide is not asked. The clauses of an entry are
 * asked all at once: for each thing that can be asked, the entry has the bits of the clauses that ask it.
 */
#define GYR_ASK_SUCCESS 0u   /* result >= 0 */
#define GYR_ASK_FAILURE 1u   /* result < 0 */
#define GYR_ASK_READ 2u      /* opened for reading */
#define GYR_ASK_WRITE 3u     /* opened for writing */
#define GYR_ASK_PROTOCOL 4u  /* the object is a socket of the kinds that protocol[] leaves */
#define GYR_ASK_ENDS 5u      /* an end of the object, a socket, is in one of end_sets */
#define GYR_ASK_PATH 6u      /* the name of the object, or of the other one, is in one of path_sets */
#define GYR_ASK_PROCESS 7u   /* the process's mask has one of process_bits */
#define GYR_ASK_UPWARD 8u    /* the text argument has a ".." in it */
#define GYR_ASK_CONTAINER 9u /* not known to be a process of the host */
#define GYR_ASK_WHOLE 10u /* with GYR_ASK_PATH: of its path_sets, one has names that all of a path is looked at for */
#define GYR_ASKS 11u

/* What an object is to GYR_ASK_PROTOCOL. */
#define GYR_NO_INTERNET 0u /* anything but an IPv4 or IPv6 socket */
#define GYR_TCP 1u
#define GYR_UDP 2u
#define GYR_OTHER_PROTOCOL 3u /* and any raw socket */
#define GYR_PROTOCOLS 4u

struct gyr_clause {
    gyr_u32 path_sets;    /* bits, for GYR_ASK_PATH */
    gyr_u32 end_sets;     /* bits, for GYR_ASK_ENDS */
    gyr_u64 process_bits; /* for GYR_ASK_PROCESS */
};

#define GYR_FETCHES 6u
#define GYR_CLAUSES 12u

#define GYR_LANE_CRITICAL 0u
#define GYR_LANE_NETWORK 1u
#define GYR_LANE_BULK 2u
#define GYR_LANES 3u

/* gyr_plan.flags */
#define GYR_PLAN_ENTER 1u        /* something is fetched when the call begins */
#define GYR_PLAN_MESSAGES 2u     /* sendmmsg, recvmmsg: an event for each message */
#define GYR_PLAN_NAMES_END 4u    /* argument 4 is the other end of a datagram, when it is set */
#define GYR_PLAN_NAMES_END_AT 8u /* argument 1 is a struct msghdr, which may have it */
#define GYR_PLAN_CONNECTS 16u    /* connect: where it went is known although its descriptor may be another's by now */

struct gyr_plan {
    gyr_u16 code;    /* of the event */
    gyr_u16 call_id; /* architecture-neutral number of the call */
    gyr_u8 lane, flags, fetches, clauses;
    gyr_u8 object_arg; /* descriptor the clauses look at: as gyr_fetch.arg */
    gyr_u8 other_arg;  /* another one, whose name may be meant as well */
    gyr_u8 text_arg;   /* path argument the clauses look at */
    gyr_u8 reserved;
    gyr_u32 event_class;             /* index of the loss and statistics counters */
    gyr_u16 asks[GYR_ASKS];          /* by what is asked: bits of clauses */
    gyr_u16 protocol[GYR_PROTOCOLS]; /* by what the object is: bits of clauses that want another */
    gyr_u16 reserved_too;
    struct gyr_fetch fetch[GYR_FETCHES];
    struct gyr_clause clause[GYR_CLAUSES];
};

/* gyr_event_header.flags */
#define GYR_EVENT_COMPAT 1u
#define GYR_EVENT_ENTER                                                                                                \
    2u                     /* the half that was fetched when the call began; belongs to the next record of the thread  \
                            */
#define GYR_EVENT_URING 4u /* submitted through io_uring: no result yet */
#define GYR_EVENT_UNWANTED 8u    /* no clause held: sent to check that no rule matches it */
#define GYR_EVENT_KERNEL_END 16u /* the address is the kernel's own, not what memory held when the call ended */

struct gyr_event_header {
    gyr_u32 magic;
    gyr_u32 size; /* of the whole record */
    gyr_u16 code;
    gyr_u16 call_id;
    gyr_u16 flags;
    gyr_u16 slot;        /* where the call was found: its number and table */
    gyr_u64 boottime_ns; /* at the same place as in struct gyr_process_record */
    gyr_s32 tid, tgid;
    gyr_u64 start_boottime_ns; /* of the thread group's leader */
    gyr_u64 cgroup_id;
    gyr_s64 result;
    gyr_u64 args[6];
    gyr_s32 cpu;
    gyr_u32 items;
    gyr_u32 uid, euid, gid, egid; /* of the thread, when the record was made */
};

/* gyr_item.flags: GYR_BLOB_* */
struct gyr_item {
    gyr_u16 op;
    gyr_u8 fetch; /* index into the plan's fetches */
    gyr_u8 flags;
    gyr_u32 length; /* without padding */
};

struct gyr_message {
    gyr_u64 total;                  /* bytes that the vectors describe */
    gyr_u32 address, data, control; /* bytes of each that follow, in this order */
    gyr_u32 reserved;
};

/* A file, whatever it is called. */
struct gyr_file_key {
    gyr_u64 ino;
    gyr_u32 dev; /* kernel's encoding */
    gyr_u32 reserved;
};

/*
 * The files that lie below one of an overlay: its upper one, else its lower one, is what is read; a lower one beside an
 * upper one is what that was copied from. The lower one may be of an overlay again, and no more: the kernel allows two,
 * and an upper one never is. Zero where there is none.
 */
#define GYR_FILES_BELOW 4u /* upper, lower, upper and lower of the lower */
struct gyr_below {
    struct gyr_file_key files[GYR_FILES_BELOW];
};

/* What identify tells. */
struct gyr_identity {
    struct gyr_file_key file;
    struct gyr_below below;
};

/* What a descriptor stands for. A struct gyr_below (GYR_OBJECT_BELOW), then a path (leaf first, as in process_wire.h)
 * or a struct gyr_endpoints, with the path of an end where the name that it was bound to is relative, follow. */
#define GYR_OBJECT_PRESENT 1u
#define GYR_OBJECT_SOCKET 2u
#define GYR_OBJECT_UPPER 4u
#define GYR_OBJECT_LOWER 8u
#define GYR_OBJECT_CLOEXEC 16u
#define GYR_OBJECT_OVERLAY 32u
#define GYR_OBJECT_NO_PATH 64u
#define GYR_OBJECT_BELOW 128u /* regular files of overlays */

struct gyr_object {
    gyr_u64 ino;
    gyr_u32 dev, rdev; /* kernel's encoding: major << 20 | minor */
    gyr_u32 mode, nlink;
    gyr_u32 magic;      /* of the file system */
    gyr_u32 open_flags; /* the kernel's O_* */
    gyr_u32 flags;      /* GYR_OBJECT_* */
    gyr_s32 number;
    gyr_u32 mount_id;
    gyr_u32 file_mode; /* the kernel's FMODE_*: 0x100000 made by this open */
};

#define GYR_WALKED_LOCAL 1
#define GYR_WALKED_REMOTE 2

/* Of TCP, what the kernel has kept of how a connection was made: one that was accepted has its listener's backlog and
 * none of the locks that bind(2) leaves (sk_clone()). Neither is left of a listener without a backlog, nor of who
 * connected without having asked for a port. */
#define GYR_SOCKET_ACCEPTED 1
#define GYR_SOCKET_BOUND 2

struct gyr_endpoints {
    gyr_u16 family, protocol;
    gyr_u8 type, state;
    gyr_u8 made;                         /* GYR_SOCKET_*, or 0 */
    gyr_u8 walked;                       /* the end whose path follows, GYR_WALKED_* */
    gyr_u16 local_port, remote_port;     /* network byte order */
    gyr_u16 local_length, remote_length; /* bytes of a unix path that are set */
    gyr_u8 local[16], remote[16];
    gyr_u64 self, peer; /* kernel addresses of unix sockets */
    gyr_u32 queue_length, queue_max;
    gyr_u8 local_path[108], remote_path[108];
};

/* Counters of events have a class each, which is the event's code. */
#define GYR_CLASSES 512u

/* Events that no clause held for, on one CPU. */
struct gyr_stopped {
    gyr_u64 by_class[GYR_CLASSES];
};

/* What else the clauses of an event class made of its events, on one CPU. */
struct gyr_clause_counters {
    gyr_u64 sent;
    gyr_u64 sampled;                  /* of those stopped: sent all the same, to check */
    gyr_u64 let_through[GYR_CLAUSES]; /* by the first clause that held */
    gyr_u64 refused[GYR_CLAUSES];     /* asked and did not hold */
};

/* Events that were wanted and could not be taken, by class and by the cgroups (cgroup_set) of whoever made them. */
struct gyr_loss_key {
    gyr_u64 cgroup_set;
    gyr_u32 event_class;
    gyr_u32 reason; /* GYR_LOSS_* */
};
#define GYR_LOSS_FULL 0u
#define GYR_LOSS_SHED 1u
#define GYR_LOSS_KEYS 4096u

/* The same by process. A process record's class is GYR_CLASSES and its kind; it has no cgroup_set. */
struct gyr_process_loss_key {
    gyr_u64 start_boottime_ns; /* of the thread group's leader */
    gyr_u64 cgroup_set;
    gyr_u32 tgid;
    gyr_u32 event_class;
    gyr_u32 reason; /* GYR_LOSS_* */
    gyr_u32 reserved;
};
#define GYR_LOSS_PROCESSES 1024u

/* Names that a clause's path sets are made of, by a hash of one component or of two. */
#define GYR_NAME_BASE 1u   /* last component */
#define GYR_NAME_PAIR 2u   /* last two: "etc\0shadow\0" */
#define GYR_NAME_PARENT 3u /* the two above the last: "etc\0pam.d\0" */
#define GYR_NAME_TOP 4u    /* first */
/* Not looked up, only dismissed by: last components of pairs, names of the directories of parents. */
#define GYR_NAME_LAST 5u
#define GYR_NAME_DIRECTORY 6u
#define GYR_NAME_PORT 7u /* not a name: the hash is the port */
#define GYR_NAME_TOPS 8u /* first two: "etc\0ssh\0" */
#define GYR_NAME_ANY 9u  /* any of them */
#define GYR_NAME_KINDS 10u
#define GYR_NAME_FILTER 512u /* bits of each kind: of hash % 512 of every name */
struct gyr_name_key {
    gyr_u32 kind;
    gyr_u32 hash;
};

/* Of the files that path sets name by an exact path, however they are reached: struct gyr_file_key to sets. */
#define GYR_FILE_FILTER 1024u /* bits: of ino % 1024 of every key */

/* Two bytes, one behind the other in a component of the path: what all names with a longer text in them have. */
#define GYR_LETTERS 4u /* of each of two plans one half */
struct gyr_letters {
    gyr_u64 first, second; /* a word of each, eight times the byte */
    gyr_u32 sets;
    gyr_u32 reserved;
};

/*
 * What user space writes while the programs run, in memory that both see. Filters dismiss most names and files without
 * a look into their map. All that a call is judged by lies in one page where it can: where the kernel's own mappings
 * are flushed at every entry, the first look at a page costs as much as thirty instructions.
 */
struct gyr_wanted {
    gyr_s32 own_tgid;      /* whose calls are not told: user space's own */
    gyr_u32 turn;          /* whose it is, of the programs for the end of calls, to tell of them */
    gyr_u32 verify_every;  /* of so many events that no clause held for, one is sent; 0: none */
    gyr_u32 next_turn;     /* the one that is about to take the other's place, while both are attached; else 0 */
    gyr_u32 count_clauses; /* 1: what each clause makes of events is counted */
    gyr_u32 reserved;
    gyr_u16 calls[GYR_CALLS]; /* which of plans a call of the 64-bit table has, 0 for none; two bytes change at once */
    gyr_u64 names[GYR_NAME_KINDS][GYR_NAME_FILTER / 64];
    gyr_u64 files[GYR_FILE_FILTER / 64];
    gyr_u64 network_bytes[2][4]; /* bits: the first bytes of addresses in networks, of IPv4 and as IPv6 */
    gyr_u32 networks;            /* how many there are */
    gyr_u32 name_kinds;          /* that have any names, as bits */
    gyr_u32 letters_used;        /* which of them, as bits */
    gyr_u32 letter_sets;         /* of all of them */
    struct gyr_letters letters[GYR_LETTERS];
    struct gyr_plan plans[GYR_PLANS];          /* the first of both generations for calls that are made often */
    gyr_u16 more_calls[GYR_SLOTS - GYR_CALLS]; /* of the slots that follow */
    gyr_u64 numbers[GYR_CALLS / 64];           /* bits: numbers that have an entry, of either kind */
};

/* Networks that a clause's end sets are made of. IPv4 as ::ffff:a.b.c.d. The value: sets of this and all wider ones. */
struct gyr_network_key {
    gyr_u32 prefix; /* bits */
    gyr_u8 address[16];
};

/* What rules ask of a process, decided by user space: good for as long as all of this is the process's own. */
struct gyr_process_mask {
    gyr_u64 start_boottime_ns;
    gyr_u64 exec_id;
    char comm[16];
    gyr_u64 bits;
    gyr_u32 uid; /* real */
    gyr_u32 reserved;
};

GYR_ABI_ASSERT(sizeof(struct gyr_fetch) == 8, "fetch layout");
GYR_ABI_ASSERT(sizeof(struct gyr_clause) == 16, "clause layout");
GYR_ABI_ASSERT(sizeof(struct gyr_plan) == 48 + 8 * GYR_FETCHES + 16 * GYR_CLAUSES, "plan layout");
GYR_ABI_ASSERT(__builtin_offsetof(struct gyr_wanted, plans) + (1 + 2 * GYR_FIRST_PLANS) * sizeof(struct gyr_plan) <=
                   4096,
               "one page");
GYR_ABI_ASSERT(sizeof(struct gyr_event_header) == 128, "header layout");
GYR_ABI_ASSERT(sizeof(struct gyr_item) == 8, "item layout");
GYR_ABI_ASSERT(sizeof(struct gyr_message) == 24, "message layout");
GYR_ABI_ASSERT(sizeof(struct gyr_object) == 48, "object layout");
GYR_ABI_ASSERT(sizeof(struct gyr_below) == 16 * GYR_FILES_BELOW, "below layout");
GYR_ABI_ASSERT(sizeof(struct gyr_endpoints) == 288, "endpoints layout");
GYR_ABI_ASSERT(sizeof(struct gyr_network_key) == 20, "network layout");
GYR_ABI_ASSERT(sizeof(struct gyr_process_mask) == 48, "mask layout");
GYR_ABI_ASSERT(sizeof(struct gyr_loss_key) == 16, "loss key layout");
GYR_ABI_ASSERT(sizeof(struct gyr_process_loss_key) == 32, "process loss key layout");
GYR_ABI_ASSERT(sizeof(struct gyr_clause_counters) == 16 + 16 * GYR_CLAUSES, "counters layout");

#endif
