#pragma once
// What a source says about one process at one moment, complete, as the kernel knew it: the only input of the
// process table (state/process_table.h). Live records come from the BPF process lane, scripted ones from tests.
//
// All string_views and spans point into the source's buffer and are valid only during the call that delivers the
// record. Strings are raw bytes (any byte but NUL inside argv and env items).

#include "base/ids.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace gyr {

enum class RecordKind : std::uint8_t {
    fork,     // a new process (thread group), seen from its parent; describes the child
    exec,     // a new program image, just before its first instruction
    exit,     // the last thread of the process is gone
    snapshot, // the process was already there when the source looked
    change,   // something about the process changed without a new image; see ChangeMask
};

// What made a change record. Several may be set.
enum ChangeMask : std::uint32_t {
    kChangeCredentials = 1u << 0, // uid/gid/capabilities/login uid
    kChangeComm = 1u << 1,        // prctl(PR_SET_NAME) or a write to /proc/PID/comm
    kChangeCgroup = 1u << 2,      // moved to another cgroup
    kChangeSession = 1u << 3,     // setsid, controlling terminal
    kChangeRefresh = 1u << 4,     // read again after a loss; anything may differ
};

// Inode numbers of the namespaces (as in /proc/PID/ns/*); 0 when not known.
struct NamespaceInodes {
    std::uint32_t mnt = 0, pid = 0, net = 0, uts = 0, ipc = 0, cgroup = 0, user = 0, time = 0;
    friend bool operator==(const NamespaceInodes&, const NamespaceInodes&) = default;
};

// Ids as numbers in the initial user namespace.
struct Credentials {
    Uid uid = 0, euid = 0, suid = 0, fsuid = 0;
    Gid gid = 0, egid = 0, sgid = 0, fsgid = 0;
    std::uint64_t cap_inheritable = 0, cap_permitted = 0, cap_effective = 0, cap_bounding = 0, cap_ambient = 0;
    std::uint32_t securebits = 0;
    Uid login_uid = kNoId;            // audit login uid
    std::uint32_t session_id = kNoId; // audit session
    friend bool operator==(const Credentials&, const Credentials&) = default;
};

enum FileMark : std::uint32_t {
    kFileUpperLayer = 1u << 0, // overlayfs: lives in the writable upper layer
    kFileLowerLayer = 1u << 1, // overlayfs: lives in a lower (image) layer
    kFileMemfd = 1u << 2,
    kFileDeleted = 1u << 3,  // no link left
    kFileWritable = 1u << 4, // the process that executes it may write it
    kFileSetUid = 1u << 5,
    kFileSetGid = 1u << 6,
    kFileTmpfs = 1u << 7, // on tmpfs or ramfs (/dev/shm, memfd)
};

struct FileIdentity {
    std::uint32_t dev_major = 0, dev_minor = 0;
    std::uint64_t ino = 0;
    Nanos ctime = 0, mtime = 0; // wall clock
    std::uint32_t mode = 0;     // S_IFMT and permissions
    Uid owner_uid = 0;
    Gid owner_gid = 0;
    std::uint32_t marks = 0; // FileMark
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

enum class StdioKind : std::uint8_t {
    none,
    file,
    directory,
    pipe,
    tty,
    character_device,
    block_device,
    ipv4,
    ipv6,
    unix_socket,
    netlink,
    other_socket,
    event,
    eventpoll,
    memfd,
    other,
};

// stdin, stdout or stderr. name: resolved path for files, ttys and devices; "pipe:[ino]"-like for pipes; for
// internet sockets "src:port->dst:port" (text made by the source); a unix socket's bound path, if any.
struct StdioRecord {
    StdioKind kind = StdioKind::none;
    std::string_view name;
    std::uint64_t ino = 0;
};

// A cgroup path in one hierarchy, from that hierarchy's root ("/docker/…"). subsystem is "" for the unified (v2)
// hierarchy, else the controller's name as in /proc/PID/cgroup ("memory", "name=systemd").
struct CgroupRecord {
    std::string_view subsystem;
    std::string_view path;
};

// argv or env as laid out in memory: items separated by NUL. complete: total bytes in the process; when bytes is
// shorter, the middle was cut: the first head_bytes of bytes are the head, the rest is the tail.
struct StringBlock {
    std::string_view bytes;
    std::uint64_t total_bytes = 0;
    std::uint32_t head_bytes = 0;
    std::uint64_t hash = 0; // FNV-1a 64 of what could be read of the whole block, when cut; else 0
    bool truncated = false;
    bool unreadable = false; // paged out or gone; bytes is what could be read
};

struct ProcessRecord {
    RecordKind kind = RecordKind::snapshot;
    std::uint32_t changes = 0;     // ChangeMask, for RecordKind::change
    Nanos time = 0;                // wall clock of the event
    std::uint64_t boottime_ns = 0; // same moment, ns since boot
    std::int16_t cpu = -1;

    ProcessKey key;         // the process (for fork: the child)
    Tid tid = 0;            // the thread it happened on; exec: the tid before the kernel made it the leader
    ProcessKey real_parent; // as the kernel has it now (after reparenting)
    Pid tracer = 0;         // thread group that traces it (ptrace), 0 for none
    Pid pgid = 0, sid = 0;  // process group and session, host pid namespace
    Pid vpid = 0, vtid = 0, vppid = 0, vpgid = 0, vsid = 0; // the same as seen in the process's own pid namespace
    std::uint32_t exec_id = 0;                              // task_struct.self_exec_id: counts images of this process
    std::uint64_t pidns_init_start_boottime_ns = 0;         // start of pid 1 of the process's pid namespace
    std::int32_t syscall_nr = -1;  // of the thread's current system call: tells clone from vfork, execve from execveat
    bool compat = false;           // that call came through the 32-bit entry
    std::uint64_t clone_flags = 0; // fork only
    std::int32_t exit_code = 0;    // exit only: wait(2) status word (low 7 bits signal, bit 7 core, next 8 status)
    Pid reaper = 0;                // exit only: who adopts the children, as the kernel would choose then; 0: has none
    std::uint32_t threads = 1;

    Credentials credentials;
    // exec: what the caller had when it asked for the new program, when the kernel tells (has_before).
    bool has_before = false;
    Uid before_euid = 0;
    Gid before_egid = 0;
    std::uint64_t before_cap_effective = 0;
    std::span<const Gid> groups; // supplementary
    NamespaceInodes namespaces;
    std::uint32_t tty = 0;        // controlling terminal, device number as in Falco's proc.tty (34816 = pts/0); 0 none
    std::uint64_t cgroup_id = 0;  // unified hierarchy
    std::uint64_t cgroup_set = 0; // of all hierarchies together; 0: not known
    std::span<const CgroupRecord> cgroups;
    std::uint64_t fd_limit = 0; // RLIMIT_NOFILE soft
    std::uint64_t vm_size_kb = 0, vm_rss_kb = 0, vm_swap_kb = 0;
    std::uint64_t major_faults = 0, minor_faults = 0;

    std::string_view comm;     // empty in a change: as before, unless kChangeComm is set
    std::string_view exe_path; // resolved in the process's mount namespace; empty for kernel threads
    FileIdentity exe_file;
    std::string_view script_path; // exec of a "#!" script: the file given to exec (linux_binprm.filename); else empty
    std::string_view cwd;
    std::string_view root; // "/" unless chrooted
    StringBlock argv;
    StringBlock env;
    std::array<StdioRecord, 3> stdio;
    bool kernel_thread = false;
    bool has_image = true; // fork records leave exe_path, argv, env and exe_file to the parent's image
};

} // namespace gyr
