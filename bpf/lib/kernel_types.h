/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The few members of kernel types that Gyr reads. Every type keeps its kernel name, so libbpf moves each access to
 * where the running kernel has it; the order and the omissions here mean nothing. Members that kernels renamed are
 * in lib/kernel_compat.h.
 */
#ifndef GYR_KERNEL_TYPES_H
#define GYR_KERNEL_TYPES_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;
typedef __u16 __sum16;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;
typedef __s64 s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void*)0)

/* Kernel ABI constants. */
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0 };
enum {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_PROG_ARRAY = 3,
    BPF_MAP_TYPE_PERCPU_ARRAY = 6,
    BPF_MAP_TYPE_LRU_HASH = 9,
    BPF_MAP_TYPE_LPM_TRIE = 11,
    BPF_MAP_TYPE_RINGBUF = 27,
    BPF_MAP_TYPE_TASK_STORAGE = 29,
};
#define likely(x) __builtin_expect(!!(x), 1)
#define BPF_F_NO_PREALLOC 1u
#define BPF_F_MMAPABLE 1024u
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1ull
enum { GYR_PIDTYPE_PID = 0, GYR_PIDTYPE_TGID = 1, GYR_PIDTYPE_PGID = 2, GYR_PIDTYPE_SID = 3 };

#define PF_KTHREAD 0x00200000
#define TS_COMPAT 0x0002
#define SIGNAL_GROUP_EXIT 0x00000004
#define CLONE_VM 0x00000100
#define CLONE_VFORK 0x00004000
#define NR_CLONE 56
#define NR_VFORK 58
#define NR_CLONE3 435 /* also of 32-bit calls */
#define NR_CLONE_COMPAT 120
#define NR_VFORK_COMPAT 190
#define RLIMIT_NOFILE 7
#define S_IFMT 0170000
#define S_IFREG 0100000
#define SOCK_RAW 3
#define S_IFSOCK 0140000
#define S_IMMUTABLE (1 << 3)
#define SB_RDONLY 1
#define MNT_READONLY 0x40
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define S_IFDIR 0040000
#define O_ACCMODE 3
#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define FMODE_PATH (1u << 14)
#define PIPEFS_MAGIC 0x50495045
#define ANON_INODE_FS_MAGIC 0x09041934
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    u32 val;
} kuid_t;
typedef struct {
    u32 val;
} kgid_t;
typedef struct {
    u64 val;
} kernel_cap_t; /* 64 bits in every kernel, as one word or two */
typedef struct {
    int counter;
} atomic_t;
typedef struct {
    long counter;
} atomic_long_t;

struct list_head {
    struct list_head *next, *prev;
};
struct hlist_node {
    struct hlist_node *next, **pprev;
};

struct ns_common {
    unsigned int inum;
};
struct uid_gid_extent {
    u32 first, lower_first, count;
};
struct uid_gid_map {
    struct uid_gid_extent extent[5];
    u32 nr_extents;
};
struct user_namespace {
    struct uid_gid_map uid_map, gid_map;
    int level;
    struct ns_common ns;
};
struct task_struct;
struct pid_namespace {
    struct task_struct* child_reaper;
    unsigned int level;
    struct ns_common ns;
};
struct uts_namespace {
    struct ns_common ns;
};
struct ipc_namespace {
    struct ns_common ns;
};
struct mnt_namespace {
    struct ns_common ns;
};
struct net {
    struct ns_common ns;
};
struct time_namespace {
    struct ns_common ns;
};
struct cgroup_namespace {
    struct ns_common ns;
};
struct nsproxy {
    struct uts_namespace* uts_ns;
    struct ipc_namespace* ipc_ns;
    struct mnt_namespace* mnt_ns;
    struct net* net_ns;
    struct time_namespace* time_ns;
    struct cgroup_namespace* cgroup_ns;
};

struct upid {
    int nr;
    struct pid_namespace* ns;
};
struct pid {
    unsigned int level;
    struct upid numbers[1];
};

struct group_info {
    int ngroups;
    kgid_t gid[1];
};
struct cred {
    kuid_t uid, suid, euid, fsuid;
    kgid_t gid, sgid, egid, fsgid;
    unsigned int securebits;
    kernel_cap_t cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
    struct user_namespace* user_ns;
    struct group_info* group_info;
};

struct qstr {
    u32 len;
    const unsigned char* name;
};
struct super_block {
    u32 s_dev;
    unsigned long s_flags, s_magic;
};
struct inode {
    unsigned short i_mode;
    kuid_t i_uid;
    kgid_t i_gid;
    unsigned int i_flags;
    struct super_block* i_sb;
    unsigned long i_ino;
    unsigned int i_nlink;
    u32 i_rdev;
};
struct dentry {
    struct dentry* d_parent;
    struct qstr d_name;
    struct inode* d_inode;
    struct super_block* d_sb;
};
struct vfsmount {
    struct dentry* mnt_root;
    int mnt_flags;
};
struct mount {
    struct mount* mnt_parent;
    struct dentry* mnt_mountpoint;
    struct vfsmount mnt;
    int mnt_id;
};
struct path {
    struct vfsmount* mnt;
    struct dentry* dentry;
};
struct file {
    struct path f_path;
    struct inode* f_inode;
    void* private_data;
    unsigned int f_flags, f_mode;
};
struct fs_struct {
    struct path root, pwd;
};
struct fdtable {
    unsigned int max_fds;
    struct file** fd;
    unsigned long* close_on_exec;
};
struct files_struct {
    struct fdtable* fdt;
};

struct tty_driver {
    int major, minor_start;
};
struct tty_struct {
    int index;
    struct tty_driver* driver;
};

struct rlimit {
    unsigned long rlim_cur;
};
struct signal_struct {
    atomic_t live;
    int nr_threads;
    int group_exit_code;
    unsigned int flags;
    struct pid* pids[4];
    struct tty_struct* tty;
    unsigned int is_child_subreaper : 1;
    unsigned int has_child_subreaper : 1;
    unsigned long min_flt, maj_flt;
    struct rlimit rlim[16];
};

struct mm_struct {
    unsigned long total_vm;
    unsigned long arg_start, arg_end, env_start, env_end;
    struct file* exe_file;
};

struct kernfs_node {
    const char* name;
    u64 id;
};
struct cgroup_subsys {
    const char *name, *legacy_name;
};
struct cgroup_subsys_state {
    struct cgroup_subsys* ss;
};
struct cgroup_root;
struct cgroup {
    struct kernfs_node* kn;
    struct cgroup_subsys_state* subsys[1];
    struct cgroup_root* root;
};
struct cgroup_root {
    unsigned int subsys_mask;
    int hierarchy_id;
    char name[64];
};
struct cgrp_cset_link {
    struct cgroup* cgrp;
    struct list_head cgrp_link;
};
struct css_set {
    struct cgroup* dfl_cgrp;
    struct list_head cgrp_links;
};

struct thread_info {
    u32 status;
};
struct pt_regs {
    unsigned long r15, r14, r13, r12; /* first, in this order */
    unsigned long di, si, dx, cx, bx, bp, r8, r9, r10, orig_ax, ip;
};
struct task_struct {
    struct thread_info thread_info;
    unsigned int flags;
    unsigned int ptrace;
    struct mm_struct* mm;
    int exit_code;
    unsigned int in_execve : 1;
    int pid, tgid;
    struct task_struct *real_parent, *parent, *group_leader;
    struct list_head children;
    struct pid* thread_pid;
    u64 start_boottime;
    unsigned long min_flt, maj_flt;
    const struct cred* cred;
    const struct cred* real_cred;
    char comm[16];
    struct fs_struct* fs;
    struct files_struct* files;
    struct nsproxy* nsproxy;
    struct signal_struct* signal;
    kuid_t loginuid;
    unsigned int sessionid;
    u64 self_exec_id;
    struct css_set* cgroups;
};

struct linux_binprm {
    struct file* file;
    const char *filename, *interp;
};

struct in6_addr {
    u8 bytes[16];
};
struct sock_common {
    u32 skc_daddr, skc_rcv_saddr;
    u16 skc_dport, skc_num;
    unsigned short skc_family;
    volatile unsigned char skc_state;
    struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock {
    struct sock_common __sk_common;
    u16 sk_type, sk_protocol;
    u8 sk_userlocks : 4;
    u32 sk_ack_backlog, sk_max_ack_backlog;
};
struct socket {
    struct sock* sk;
};
struct sockaddr_un {
    char sun_path[108];
};
struct unix_address {
    int len;
    struct sockaddr_un name[1];
};
struct unix_sock {
    struct unix_address* addr;
    struct path path;
    struct sock* peer;
};

struct kernel_siginfo;
struct k_sigaction;

struct bpf_raw_tracepoint_args {
    u64 args[1];
};

struct seq_file;
struct bpf_iter_meta {
    struct seq_file* seq;
};
struct bpf_iter__task {
    struct bpf_iter_meta* meta;
    struct task_struct* task;
};

#pragma clang attribute pop

#endif
