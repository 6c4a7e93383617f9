#!/usr/bin/env python3
"""What a live recording says of calls is what strace prints for the same ones: a program makes one call after the other
while both look on, and results, numbers, flags by name, paths, addresses and structures are compared, call by call. In
the end it makes every call of both tables with nonsense. What cannot be compared is listed with the reason; the lists
together have to be all parameters of all events that are collected, and each that is compared has to have been.

    sudo tests/e2e/strace_comparison.py --table     prints it: event, parameter, how often it was compared or why not
"""

import collections
import difflib
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402
import strace  # noqa: E402

# Events that are called otherwise than the call.
NAMES = {"pread64": "pread", "pwrite64": "pwrite", "prlimit64": "prlimit", "fcntl64": "fcntl", "_llseek": "llseek",
         "sendfile64": "sendfile", "ugetrlimit": "getrlimit", "truncate64": "truncate", "ftruncate64": "ftruncate",
         "fadvise64_64": "fadvise64", "clock_gettime64": "clock_gettime", "clock_settime64": "clock_settime",
         "clock_adjtime64": "clock_adjtime", "timer_gettime64": "timer_gettime", "timer_settime64": "timer_settime",
         "timerfd_gettime64": "timerfd_gettime", "timerfd_settime64": "timerfd_settime", "getpgid": "getpgid",
         "vm86old": "vm86"}
# By event: the parameter of the event that has the result ("": none), and parameter, kind and where strace has it: the
# number of an argument, or a member of a structure by its name, (name, n) for the n-th of that name. Kinds: KINDS below.
FILE = (("dev", "hex", "st_dev"), ("ino", "num", "st_ino"))  # after the fstat that follows
SIZE = ("vm_size", "size", "read")  # after /proc/self/statm, where it is read next
ENDS = ("tuple", "ends", "ends")
WAITING = (ENDS, ("queuelen", "num", "queuelen"), ("queuemax", "num", "queuemax"), ("queuepct", "num", "queuepct"))
OF_PROGRAM = (("pid", "num", "own pid"), ("tid", "num", "own pid"))
QUOTA_NUMBERS = ("dqb_bhardlimit", "dqb_bsoftlimit", "dqb_curspace", "dqb_ihardlimit", "dqb_isoftlimit", "dqb_btime",
                 "dqb_itime", "dqi_bgrace", "dqi_igrace")
CALLS = {
    "openat": ("fd", ("dirfd", "num", 0), ("name", "path", 1), ("flags", "names", 2), ("mode", "oct", 3), *FILE),
    "open": ("fd", ("name", "path", 0), ("flags", "names", 1), ("mode", "oct", 2), *FILE),
    "openat2": ("fd", ("dirfd", "num", 0), ("name", "path", 1), ("flags", "names", "flags"), ("mode", "oct", "mode"),
                ("resolve", "names", "resolve"), *FILE),
    "creat": ("fd", ("name", "path", 0), ("mode", "oct", 1), *FILE),
    "write": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2)),
    "read": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2)),
    "pread": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2), ("pos", "num", 3)),
    "pwrite": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2), ("pos", "num", 3)),
    "lseek": ("res", ("fd", "num", 0), ("offset", "num", 1), ("whence", "names", 2)),
    "llseek": ("res", ("fd", "num", 0), ("offset", "num", 1), ("whence", "names", 3)),
    "close": ("res", ("fd", "num", 0)),
    "dup": ("res", ("oldfd", "num", 0)),
    "dup2": ("res", ("oldfd", "num", 0), ("newfd", "num", 1)),
    "dup3": ("res", ("oldfd", "num", 0), ("newfd", "num", 1), ("flags", "names", 2)),
    "fcntl": ("res", ("fd", "num", 0), ("cmd", "names", 1), ("arg", "hex", 2)),
    "rename": ("res", ("oldpath", "path", 0), ("newpath", "path", 1)),
    "renameat": ("res", ("olddirfd", "num", 0), ("oldpath", "path", 1), ("newdirfd", "num", 2), ("newpath", "path", 3)),
    "renameat2": ("res", ("olddirfd", "num", 0), ("oldpath", "path", 1), ("newdirfd", "num", 2), ("newpath", "path", 3),
                  ("flags", "names", 4)),
    "link": ("res", ("oldpath", "path", 0), ("newpath", "path", 1)),
    "linkat": ("res", ("olddir", "num", 0), ("oldpath", "path", 1), ("newdir", "num", 2), ("newpath", "path", 3),
               ("flags", "names", 4)),
    "symlink": ("res", ("target", "path", 0), ("linkpath", "path", 1)),
    "symlinkat": ("res", ("target", "path", 0), ("linkdirfd", "num", 1), ("linkpath", "path", 2)),
    "unlink": ("res", ("path", "path", 0)),
    "unlinkat": ("res", ("dirfd", "num", 0), ("name", "path", 1), ("flags", "names", 2)),
    "mkdir": ("res", ("path", "path", 0), ("mode", "hexmode", 1)),
    "mkdirat": ("res", ("dirfd", "num", 0), ("path", "path", 1), ("mode", "hexmode", 2)),
    "rmdir": ("res", ("path", "path", 0)),
    "chmod": ("res", ("filename", "path", 0), ("mode", "oct", 1)),
    "fchmod": ("res", ("fd", "num", 0), ("mode", "oct", 1)),
    "fchmodat": ("res", ("dirfd", "num", 0), ("filename", "path", 1), ("mode", "oct", 2)),
    "chown": ("res", ("path", "path", 0), ("uid", "num", 1), ("gid", "num", 2)),
    "fchownat": ("res", ("dirfd", "num", 0), ("pathname", "path", 1), ("uid", "num", 2), ("gid", "num", 3),
                 ("flags", "names", 4)),
    "chdir": ("res", ("path", "path", 0)),
    "mmap": ("res", SIZE, ("addr", "hex", 0), ("length", "num", 1), ("prot", "names", 2), ("flags", "names", 3),
             ("fd", "num", 4), ("offset", "num", 5)),
    "mprotect": ("res", ("addr", "hex", 0), ("length", "num", 1), ("prot", "names", 2)),
    "munmap": ("res", SIZE, ("addr", "hex", 0), ("length", "num", 1)),
    "memfd_create": ("fd", ("name", "path", 0), ("flags", "names", 1)),
    "eventfd2": ("res", ("initval", "num", 0), ("flags", "names", 1)),
    "pipe2": ("res", ("fd1", "num", ("fds", 0)), ("fd2", "num", ("fds", 1)), ("flags", "names", 1), ("ino", "num", "st_ino")),
    "socket": ("fd", ("domain", "names", 0), ("type", "num", 1), ("proto", "num", 2), ("flags", "names", 1)),
    "connect": ("res", ("fd", "num", 0), ("addr", "addr", 1), ENDS),
    "bind": ("res", ("fd", "num", 0), ("addr", "addr", 1)),
    "listen": ("res", ("fd", "num", 0), ("backlog", "num", 1)),
    "accept4": ("fd", *WAITING, ("flags", "hex", 3)),
    "accept": ("fd", *WAITING),
    "sendto": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2), ("tuple", "to", 4)),
    "shutdown": ("res", ("fd", "num", 0), ("how", "names", 1)),
    "setsockopt": ("res", ("fd", "num", 0), ("level", "names", 1), ("optname", "names", 2), ("val", "option", 3),
                   ("optlen", "length", 4)),
    "kill": ("res", ("pid", "num", 0), ("sig", "signal", 1)),
    "ptrace": ("res", ("request", "names", 0), ("pid", "num", 1), ("addr", "hex", 2), ("data", "given", 3)),
    "unshare": ("res", ("flags", "names", 0)),
    "setns": ("res", ("fd", "num", 0), ("nstype", "names", 1)),
    "mount": ("res", ("dev", "path", 0), ("dir", "path", 1), ("type", "path", 2), ("flags", "names", 3)),
    "umount2": ("res", ("name", "path", 0), ("flags", "names", 1)),
    "prlimit": ("res", ("pid", "num", 0), ("resource", "names", 1), ("newcur", "limit", (2, "rlim_cur")),
                ("newmax", "limit", (2, "rlim_max")), ("oldcur", "limit", (3, "rlim_cur")), ("oldmax", "limit", (3, "rlim_max"))),
    "prctl": ("res", ("option", "names", 0), ("arg2_str", "path", 1), ("arg2_int", "unless text", 1)),
    "setgid": ("res", ("gid", "num", 0)),
    "setresuid": ("res", ("ruid", "num", 0), ("euid", "num", 1), ("suid", "num", 2)),
    "setuid": ("res", ("uid", "num", 0)),
    "chroot": ("res", ("path", "path", 0)),
    "delete_module": ("res", ("name", "path", 0), ("flags", "names", 1)),
    "bpf": ("fd", ("cmd", "num", 0)),
    "stat": ("res", ("path", "path", 0)),
    "lstat": ("res", ("path", "path", 0)),
    "fstat": ("res", ("fd", "num", 0)),
    "stat64": ("res", ("path", "path", 0)),
    "lstat64": ("res", ("path", "path", 0)),
    "fstat64": ("res",),
    "newfstatat": ("res", ("dirfd", "num", 0), ("path", "path", 1), ("flags", "names", 3)),
    "access": ("res", ("name", "path", 0), ("mode", "names", 1)),
    "getcwd": ("res", ("path", "path", 0)),
    "fchdir": ("res", ("fd", "num", 0)),
    "readv": ("res", ("fd", "num", 0), ("data", "parts", 1), ("size", "room", 1)),
    "preadv": ("res", ("fd", "num", 0), ("data", "parts", 1), ("size", "room", 1), ("pos", "num", 3)),
    "writev": ("res", ("fd", "num", 0), ("data", "parts", 1), ("size", "room", 1)),
    "pwritev": ("res", ("fd", "num", 0), ("data", "parts", 1), ("size", "room", 1), ("pos", "num", 3)),
    "splice": ("res", ("fd_in", "num", 0), ("fd_out", "num", 2), ("size", "num", 4), ("flags", "names", 5)),
    "sendfile": ("res", ("out_fd", "num", 0), ("in_fd", "num", 1), ("offset", "num", 2), ("size", "num", 3)),
    "copy_file_range": ("res", ("fdin", "num", 0), ("offin", "num", 1), ("fdout", "num", 2), ("offout", "num", 3),
                        ("len", "num", 4)),
    "ioctl": ("res", ("fd", "num", 0), ("request", "hex", 1), ("argument", "pointer", 2)),
    "getdents": ("res", ("fd", "num", 0)),
    "getdents64": ("res", ("fd", "num", 0)),
    "flock": ("res", ("fd", "num", 0), ("operation", "names", 1)),
    "lchown": ("res", ("path", "path", 0), ("uid", "num", 1), ("gid", "num", 2)),
    "fchown": ("res", ("fd", "num", 0), ("uid", "num", 1), ("gid", "num", 2)),
    "mknod": ("res", ("path", "path", 0), ("mode", "oct", 1), ("mode", "kind of file", 1), ("dev", "num", 2)),
    "mknodat": ("res", ("dirfd", "num", 0), ("path", "path", 1), ("mode", "oct", 2), ("mode", "kind of file", 2),
                ("dev", "num", 3)),
    "open_by_handle_at": ("fd", ("mountfd", "num", 0), ("flags", "names", 2), ("path", "path", "readlink"), *FILE),
    "userfaultfd": ("res", ("flags", "names", 0)),
    "close_range": ("res", ("first", "num", 0), ("last", "num", 1), ("flags", "names", 2)),
    "eventfd": ("res", ("initval", "num", 0)),
    "signalfd": ("res", ("fd", "num", 0), ("mask", "mask", 1)),
    "signalfd4": ("res", ("fd", "num", 0), ("mask", "mask", 1), ("flags", "names", 3)),
    "timerfd_create": ("res", ("clockid", "num", 0)),
    "inotify_init": ("res",),
    "inotify_init1": ("res", ("flags", "names", 0)),
    "epoll_create": ("res", ("size", "num", 0)),
    "epoll_create1": ("res", ("flags", "names", 0)),
    "epoll_wait": ("res", ("maxevents", "num", 2)),
    "pipe": ("res", ("fd1", "num", ("fds", 0)), ("fd2", "num", ("fds", 1)), ("ino", "num", "st_ino")),
    "poll": ("res", ("fds", "polled", 0), ("timeout", "num", 2)),
    "ppoll": ("res", ("fds", "polled", 0), ("timeout", "time", 2), ("sigmask", "sigmask", 3)),
    "select": ("res",),
    "futex": ("res", ("addr", "hex", 0), ("op", "names", 1), ("val", "num", 2)),
    "pidfd_open": ("fd", ("pid", "num", 0), ("flags", "names", 1)),
    "pidfd_getfd": ("fd", ("pid_fd", "num", 0), ("target_fd", "num", 1), ("flags", "num", 2)),
    "io_uring_setup": ("res", ("entries", "num", 0), ("sq_entries", "num", "sq_entries"), ("cq_entries", "num", "cq_entries"),
                       ("flags", "names", "flags"), ("sq_thread_cpu", "num", "sq_thread_cpu"),
                       ("sq_thread_idle", "num", "sq_thread_idle"), ("features", "num", "features")),
    "io_uring_enter": ("res", ("fd", "num", 0), ("to_submit", "num", 1), ("min_complete", "num", 2), ("flags", "names", 3),
                       ("sig", "sigmask", 4)),
    "io_uring_register": ("res", ("fd", "num", 0), ("opcode", "names", 1), ("arg", "pointer", 2), ("nr_args", "num", 3)),
    "socketpair": ("res", ("domain", "names", 0), ("type", "num", 1), ("proto", "num", 2), ("fd1", "num", ("fds", 0)),
                   ("fd2", "num", ("fds", 1))),
    "getsockopt": ("res", ("fd", "num", 0), ("level", "names", 1), ("optname", "names", 2), ("val", "option", 3),
                   ("optlen", "length", 4)),
    "getsockname": ("",),
    "getpeername": ("",),
    "send": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2), ENDS),
    "recv": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2), ENDS),
    "recvfrom": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2), ("tuple", "from", 4)),
    "sendmsg": ("res", ("fd", "num", 0), ("data", "parts", 1), ("size", "room", 1), ("tuple", "to", 1)),
    "recvmsg": ("res", ("fd", "num", 0), ("data", "parts", 1), ("size", "room", 1), ("tuple", "from", 1)),
    "sendmmsg": ("res", ("fd", "num", 0), ("size", "room", 1), ("data", "first", 1), ("tuple", "to", 1)),
    "recvmmsg": ("res", ("fd", "num", 0), ("size", "room", 1), ("data", "first", 1), ("tuple", "from", 1)),
    "brk": ("res", SIZE, ("addr", "hex", 0)),
    "mmap2": ("res", SIZE, ("addr", "hex", 0), ("length", "num", 1), ("prot", "names", 2), ("flags", "names", 3),
              ("fd", "num", 4), ("pgoffset", "pages", 5)),
    "mlock": ("res", ("addr", "hex", 0), ("len", "num", 1)),
    "munlock": ("res", ("addr", "hex", 0), ("len", "num", 1)),
    "mlock2": ("res", ("addr", "hex", 0), ("len", "num", 1), ("flags", "names", 2)),
    "mlockall": ("res", ("flags", "names", 0)),
    "munlockall": ("res",),
    "process_vm_readv": ("res", ("pid", "num", 0), ("data", "parts", 1)),
    "process_vm_writev": ("res", ("pid", "num", 0), ("data", "parts", 1)),
    "nanosleep": ("res", ("interval", "time", 0)),
    "setrlimit": ("res", ("resource", "names", 0), ("cur", "limit", "rlim_cur"), ("max", "limit", "rlim_max")),
    "getrlimit": ("res", ("resource", "names", 0), ("cur", "limit", "rlim_cur"), ("max", "limit", "rlim_max")),
    "semget": ("res", ("key", "num", 0), ("nsems", "num", 1), ("semflg", "names", 2)),
    "semop": ("res", ("semid", "num", 0), ("nsops", "num", 2), ("sem_num_0", "num", ("sem_num", 0)),
              ("sem_op_0", "num", ("sem_op", 0)), ("sem_flg_0", "names", ("sem_flg", 0)), ("sem_num_1", "num", ("sem_num", 1)),
              ("sem_op_1", "num", ("sem_op", 1)), ("sem_flg_1", "names", ("sem_flg", 1))),
    "semctl": ("res", ("semid", "num", 0), ("semnum", "num", 1), ("cmd", "names", 2), ("val", "num", 3)),
    "fork": ("res",),
    "vfork": ("res",),
    "clone": ("res", ("flags", "some", "flags")),
    "clone3": ("res", ("flags", "some", "flags")),
    "execve": ("res", ("exe", "exe", 1), ("args", "argv", 1), ("env", "environment", 2), ("filename", "path", 0),
               *OF_PROGRAM),
    "execveat": ("res", ("exe", "exe", 2), ("args", "argv", 2), ("env", "environment", 3), *OF_PROGRAM),
    "tkill": ("res", ("tid", "num", 0), ("sig", "signal", 1)),
    "tgkill": ("res", ("pid", "num", 0), ("tid", "num", 1), ("sig", "signal", 2)),
    "signaldeliver": ("", ("sig", "signal", "si_signo"), ("spid", "num", "si_pid"), ("dpid", "num", "own pid")),
    "setsid": ("res",),
    "setpgid": ("res", ("pid", "num", 0), ("pgid", "num", 1)),
    "seccomp": ("res", ("op", "num", 0), ("flags", "num", 1)),
    "getuid": ("uid",),
    "geteuid": ("euid",),
    "getgid": ("gid",),
    "getegid": ("egid",),
    "getresuid": ("res", ("ruid", "num", 0), ("euid", "num", 1), ("suid", "num", 2)),
    "getresgid": ("res", ("rgid", "num", 0), ("egid", "num", 1), ("sgid", "num", 2)),
    "setreuid": ("res", ("ruid", "num", 0), ("euid", "num", 1)),
    "setregid": ("res", ("rgid", "num", 0), ("egid", "num", 1)),
    "setresgid": ("res", ("rgid", "num", 0), ("egid", "num", 1), ("sgid", "num", 2)),
    "capset": ("res", ("cap_inheritable", "capabilities", "inheritable"), ("cap_permitted", "capabilities", "permitted"),
               ("cap_effective", "capabilities", "effective")),
    "quotactl": ("res", ("special", "path", 1), ("quotafilepath", "path", 3), ("cmd", "quota", 0), ("type", "quotas", 0),
                 *((name, "num", ("quota", name)) for name in QUOTA_NUMBERS), ("dqi_flags", "names", "dqi_flags"),
                 ("id", "quota id", 2), ("quota_fmt", "quota format", 2)),
    "fsconfig": ("res", ("fd", "num", 0), ("cmd", "names", 1), ("key", "path", 2), ("value_bytebuf", "path", "binary"),
                 ("value_charbuf", "path", "setting"), ("aux", "num", 4)),
    "umount": ("res", ("name", "path", 0)),
    "init_module": ("res", ("img", "path", "its text"), ("length", "num", 1), ("uargs", "path", 2)),
    "finit_module": ("res", ("fd", "num", 0), ("uargs", "path", 1), ("flags", "names", 2)),
    "keyctl": ("res", ("operation", "names", 0), ("arg2", "value", 1), ("arg3", "value", 2), ("arg4", "value", 3),
               ("arg5", "value", 4)),
}
# Collected, and not in CALLS.
NOT_COMPARED = {
    "page_fault": "strace prints none; tests/kernel/collector_test.cpp",
}
# What only the 32-bit entry makes.
COMPAT_ALONE = {"fstat64", "llseek", "lstat64", "mmap2", "recv", "send", "stat64", "umount"}
# Parameters that strace has nothing for: the reason, and the events that have them ("*": all that are not compared).
STRACE_HAS_NONE = {
    ("vm_rss", "vm_swap"): ("counted by the kernel with a delay", ("brk", "mmap", "mmap2", "munmap")),
    ("creat_flags",): ("of overlayfs", ("creat",)),
    ("source", "peer"): ("where the sockets lie in kernel memory", ("socketpair",)),
    ("msgcontrol",): ("bytes, of which strace prints what they mean", ("recvmsg", "recvmmsg")),
    ("flags",): ("the call takes none: always zero", ("eventfd", "signalfd", "timerfd_create", "inotify_init")),
    ("quota_fmt_out",): ("needs quotas that are on: src/sources/live_bpf/event_decode_test.cpp", ("quotactl",)),
    ("*",): ("of the process, not of the call: tests/kernel/", ("execve", "execveat", "fork", "vfork", "clone", "clone3")),
}
# Not made with nonsense, and why.
NOT_MADE = {
    "exit": "ends the program", "exit_group": "ends the program", "uretprobe": "ends the program by SIGILL",
    "rt_sigreturn": "ends the program, and has no number any more when it returns", "sigreturn": "the same",
    "pause": "never returns", "sigsuspend": "never returns", "fork": "a second program", "vfork": "a second program",
    "vhangup": "takes the terminal away", "sync": "takes as long as the disks need",
    "restart_syscall": "printed as the call that is restarted", "socketcall": "told as the operation, of which -1 is none",
    "umask": "marks where the comparison begins, and where the nonsense does",
    "clone": "one that fails is not told, and nonsense does", "clone3": "the same",
    "execve": "one that fails is told to rules that ask for it, and not recorded", "execveat": "the same",
    **{name: "a number that never had a call behind it" for name in
       ("putpmsg", "afs_syscall", "tuxcall", "security", "vserver", "break", "stty", "gtty", "ftime", "prof", "lock", "mpx",
        "ulimit", "profil")},
}
ERRORS = {name: number for number, name in errno.errorcode.items()}
UNSEEN = {"rt_sigreturn", "pause", "restart_syscall", "exit_group"}  # of these, in the program's course
# What the capture format adds to flags, says by other names than strace, or has no name for.
ADDED = {"O_F_CREATED", "FD_UPPER_LAYER", "FD_LOWER_LAYER", "O_NONE", "AF_LOCAL", "AF_ROUTE", "UNKNOWN", "RLIMIT_UNKNOWN"}
OTHER_NAMES = {"SOCK_CLOEXEC": "O_CLOEXEC", "SOCK_NONBLOCK": "O_NONBLOCK", "EFD_NONBLOCK": "O_NONBLOCK",
               "EFD_CLOEXEC": "O_CLOEXEC", "SFD_NONBLOCK": "O_NONBLOCK", "IN_CLOEXEC": "O_CLOEXEC", "MS_NOSUID": "NOSUID",
               "MS_NODEV": "NODEV", "MNT_DETACH": "DETACH", "MS_RDONLY": "RDONLY", "MS_NOEXEC": "NOEXEC",
               "MS_REMOUNT": "REMOUNT", "MS_BIND": "BIND", "MNT_FORCE": "FORCE", "MNT_EXPIRE": "EXPIRE",
               "UMOUNT_NOFOLLOW": "NOFOLLOW", "SO_RCVTIMEO_OLD": "SO_RCVTIMEO", "SO_RCVTIMEO_NEW": "SO_RCVTIMEO",
               "SO_SNDTIMEO_OLD": "SO_SNDTIMEO", "SO_SNDTIMEO_NEW": "SO_SNDTIMEO", "DQF_ROOT_SQUASH": "V1_DQF_RSQUASH"}
NO_NAME = {"O_NOFOLLOW", "O_PATH", "SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "IPC_PRIVATE", "SOL_IP", "TCP_NODELAY", "IP_TTL",
           "SO_ATTACH_REUSEPORT_CBPF", "SO_CNX_ADVICE", "EFD_SEMAPHORE"}


def header_calls(bits):
    """Names by number of the calls of a table, after the kernel's header and what is newer than it."""
    known = {}
    with open("/usr/include/x86_64-linux-gnu/asm/unistd_%d.h" % bits, encoding="ascii") as file:
        for line in file:
            match = re.match(r"#define __NR_(\w+) (\d+)$", line)
            if match:
                known[int(match.group(2))] = match.group(1)
    newer = {number: name for number, name in strace.NEWER.items() if bits == 64 or number > 450}
    return {**newer, **known}


def event_name(call):
    """Of a call as the kernel's headers or strace call it."""
    name = re.sub(r"_time64$", "", call)
    if re.match(r"(get|set|l?f?l?ch)\w*32$", name):
        name = name[:-2]
    return NAMES.get(name, name)


def collected():
    """The names of all events that are collected from system calls and beside them."""
    folder = live.ROOT + "/src/event/"
    with open(folder + "schema_events.inc", encoding="utf-8") as file:
        names = dict(re.findall(r'^GYR_EVENT\((\d+), "(\w+)"', file.read(), re.M))
    with open(folder + "schema_collect.inc", encoding="utf-8") as file:
        return {names[code] for code in re.findall(r"^GYR_COLLECT\((\d+),", file.read(), re.M)}


def read_events(capture):
    """Name, parameters, thread, and number of a generic one, of the events of the program's own thread, after umask."""
    shown = "%thread.tid %evt.type %evt.rawarg.nativeID %evt.args"
    done = subprocess.run([live.find_binary(), "events", "proc.name in (known_calls, renamed, exe)", "--capture", capture, "-p",
                           shown], stdout=subprocess.PIPE, text=True, errors="surrogateescape", check=True)
    events, thread = [], None
    for line in done.stdout.splitlines():
        tid, name, number, rest = (line + "   ").split(" ", 3)
        if tid == thread and name != "procexit":
            events.append((name, dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", rest.rstrip(" "))), int(tid), number))
        if name == "umask":
            thread = tid
    return events


def names(found):
    out = set()
    for name in found:
        name, private = re.subn(r"^(FUTEX_\w+)_PRIVATE$", r"\1", name)
        out |= {OTHER_NAMES.get(name, name)} | ({"FUTEX_PRIVATE_FLAG"} if private else set())
    if "O_TMPFILE" in out:
        out.discard("O_DIRECTORY")  # a bit of it
    return {n for n in out if not n.endswith("_")} - ADDED - NO_NAME  # strace: SO_??? of what it does not know


def told_names(value):
    inside = re.search(r"\(([^()]*)\)", value)
    return names(n for n in inside.group(1).split("|") if re.match(r"[A-Z]\w*$", n)) if inside else set()


def told_number(base):
    return lambda value: int(re.match(r"-?\w+", value).group(0), base)


def told_text(value):
    return "" if value in ("NULL", "<NA>") else value


def printable(text):
    return "".join(c if " " <= c <= "~" else "." for c in text)[:80]


def parts(text):
    return printable("".join(strace.string(p) or "" for p in re.findall(r'iov_base=("(?:[^"\\]|\\.)*")', text)))


# What the capture format has for each of what a poll can find, bit by bit.
POLLED = ("IN", "PRI", "OUT", "RDHUP", "ERR", "HUP", "NVAL", "RDNORM", "RDBAND", "WRNORM", "WRBAND")


def polled(text):
    """Of [{fd=3, events=…}] [{fd=3, revents=…}]: the descriptors, and what was found of them."""
    asked, found = text
    what = {int(fd): sum(1 << POLLED.index(n[4:]) for n in strace.names(flags))
            for fd, flags in re.findall(r"fd=(-?\d+), revents=([^}]*)", found)}
    return [(int(n), what.get(int(n), 0)) for n in re.findall(r"fd=(-?\d+)", asked)]


def told_polled(value):
    return [(int(fd), int(re.sub(r"^[^\d]", "", flags), 16)) for fd, flags in (part.split(":") for part in value.split())]


def told_option(value):
    return 0 if value == "NULL" else value


def option(text, told):
    """What an event should have for the value of a socket option, which strace prints as a number or as bytes."""
    raw = strace.string(text)
    if text == "NULL":
        return 0
    if raw is None and not re.match(r"\[-?\w+\]$", text):
        return None  # a structure
    if raw is None:
        value = strace.number(text)
        return str(value) if re.match(r"-?\d", told) else printable(value.to_bytes(4, "little").decode("latin-1"))
    words = [int.from_bytes(raw[n:n + 8].encode("latin-1"), "little") for n in (0, 8)]
    if re.match(r"\d+\(", told):
        nanoseconds = words[0] * 1000000000 + words[1] * 1000
        return "%d(%gs)" % (nanoseconds, nanoseconds / 1e9)
    return str(words[0]) if len(raw) == 8 else printable(raw)


# Members of struct dqblk and struct dqinfo, and the bits that say that they are given.
QUOTA_BITS = dict(zip(QUOTA_NUMBERS, (1, 1, 2, 4, 4, 16, 32, 1, 2)))


def limit(text):
    value = strace.number(text) if text else -1
    return -1 if value == (1 << 64) - 1 else value


def capabilities(text):
    """strace prints the two halves side by side."""
    found = [int(n, 0) for n in re.findall(r"(0x[0-9a-f]+|\b0\b)", text)]
    return sum(half << (32 * n) for n, half in enumerate(found))


def room(text):
    """Of more parts than there may be, the call has not looked at any."""
    sizes = [strace.number(n) for n in re.findall(r"iov_len=(\d+)", text)]
    return sum(sizes) if len(sizes) <= 1024 else None


# By kind: what strace's text says, and what the event's does.
KINDS = {
    "num": (strace.number, told_number(10)),
    "signal": (lambda text: min(strace.number(text) & 0xffffffff, 255), told_number(10)),
    "hex": (strace.number, told_number(16)),
    "oct": (strace.number, told_number(8)),
    "hexmode": (strace.number, told_number(16)),
    "pages": (lambda text: strace.number(text) // 4096 & 0xffffffff, told_number(10)),
    "value": (lambda text: strace.string(text) or str(strace.number(text)), lambda value: "0" if value == "<NA>" else value),
    "limit": (limit, told_number(10)),
    "time": (lambda text: -1 if text == "NULL" else strace.nanoseconds(text), told_number(10)),
    "names": (lambda text: names(strace.names(text)), told_names),
    "some": (lambda text: names(n for n in strace.names(text) if n.startswith("CLONE_")), told_names),
    "path": (lambda text: strace.string(text) or "", lambda value: told_text(value).split("(")[0]),
    "text": (lambda text: printable(strace.string(text) or ""), told_text),
    "parts": (parts, told_text),
    "first": (lambda text: parts(strace.member(text, "msg_iov")), told_text),
    "room": (room, told_number(10)),
    "polled": (polled, told_polled),
    "option": (None, told_option),
    "length": (lambda text: strace.number(text.split("=>")[-1]), told_number(10)),
    "pointer": (lambda text: strace.number(text) if re.match(r"0x\w+$|NULL$", text) else None, told_number(16)),
    "given": (lambda text: strace.number(text), lambda value: int(value.split("(")[0], 10 if "(" in value else 16)),
    "size": (lambda text: int(strace.string(text).split()[0]) * 4, told_number(10)),
    "ends": (sorted, lambda value: sorted(value.split("->"))),
    "unless text": (lambda text: 0 if text.startswith('"') else strace.number(text), told_number(10)),
    "kind of file": (lambda text: {n for n in strace.names(text) if n.startswith("S_IF")},
                     lambda value: {n for n in told_names(value) if n.startswith("S_IF")}),
    "environment": (lambda text: ".".join([strace.string(a) for a in strace.split(text[1:-1])] + [""]), told_text),
    "quota format": (lambda text: {n for n in strace.names(text) if n.startswith("QFMT_")} or {"QFMT_NOT_USED"}, told_names),
    "quota id": (lambda text: strace.number(text) if re.match(r"\d+$", text) else None, told_number(10)),
    "mask": (lambda text: sum(1 << (n - 1) for n in strace.signals(text)), told_number(16)),
    "sigmask": (lambda text: set(re.findall(r"/\* (\w+)", text)), lambda value: {n[3:] for n in re.findall(r"SIG\w+", value)}),
    "addr": (strace.address, told_text),
    "from": (strace.address, lambda value: value.split("->")[0]),
    "to": (strace.address, lambda value: value.split("->")[-1]),
    "exe": (lambda text: strace.string(strace.split(text[1:-1])[0]), str),
    "argv": (lambda text: ".".join([strace.string(a) for a in strace.split(text[1:-1])][1:] + [""]), told_text),
    "capabilities": (capabilities, told_number(16)),
    "quota": (lambda text: re.search(r"QCMD\((\w+)", text).group(1), lambda value: told_names(value).pop()),
    "quotas": (lambda text: re.search(r"QCMD\(\w+, (\w+)", text).group(1), lambda value: told_names(value).pop()),
}


def messages(call):
    """Of sendmmsg and recvmmsg strace prints one line; there is an event for each message."""
    if call.name not in ("sendmmsg", "recvmmsg") or not call.result or call.result < 0:
        return [call]
    found = []
    for message in strace.split(call.arguments[1][1:-1])[:call.result]:
        found.append(strace.Call(call.name, [call.arguments[0], message] + call.arguments[2:], str(call.result)))
    return found


class Trace:
    """The calls of the program, and what one says of another."""

    def __init__(self, calls, pid):
        self.calls, self.pid = calls, pid

    def near(self, index, name, fd):
        """The arguments of the call of that name about that descriptor: the next few, else the last few."""
        for call in self.calls[index + 1:index + 4] + self.calls[max(index - 12, 0):index][::-1]:
            if call.name == name and strace.number(call.arguments[0]) == fd:
                return call.arguments
        return None

    def descriptor(self, index):
        call = self.calls[index]
        made = call.name.startswith(("open", "creat", "accept"))
        return call.result if made else strace.number(place(call, ("fds", 0)) or call.arguments[0])

    def ends(self, index):
        fd = self.descriptor(index)
        told = [self.near(index, name, fd) for name in ("getsockname", "getpeername")]
        both = [strace.address(a[1]) if a else "" for a in told]
        return both if all(both) else None

    def queue(self, index, which):
        """How many had connected to the socket and waited still, when one of them was accepted; how many may."""
        call, before = self.calls[index], self.calls[:index]
        if call.error:
            return None
        own = [c for c in before if c.arguments and c.arguments[0] == call.arguments[0]]
        most = [strace.number(c.arguments[1]) for c in own if c.name == "listen"][-1]
        bound = [strace.address(c.arguments[1]) for c in own if c.name in ("bind", "getsockname")][-1]
        came = sum(c.name == "connect" and not c.error and strace.address(c.arguments[1]) == bound for c in before)
        waiting = came - 1 - sum(c.name.startswith("accept") and not c.error for c in own)
        if "/" in bound:
            waiting = 0  # the kernel keeps no such number of those with a file
        return str({"queuelen": waiting, "queuemax": most, "queuepct": waiting * 100 // most}[which])

    def find(self, index, where):
        """None where there is nothing of the kind."""
        call, after = self.calls[index], self.calls[index + 1:index + 3]
        if where in ("st_dev", "st_ino"):
            if call.error or not after or after[0].name != "fstat":
                return None
            is_it = strace.number(after[0].arguments[0]) == self.descriptor(index)
            return strace.member(after[0].arguments[1], where) if is_it else None
        if where == "read":
            sized = len(after) > 1 and '"/proc/self/statm"' in after[0].arguments
            return after[1].arguments[1] if sized else None
        if where == "readlink":
            return next((c.arguments[1] for c in after if c.name == "readlink"), None)
        if where in ("queuelen", "queuemax", "queuepct"):
            return self.queue(index, where)
        if where == "own pid":
            return str(self.pid)
        if where == "ends":
            return self.ends(index)
        if where == "its text":
            return '"no module"'
        if where in ("binary", "setting"):
            is_it = ("FSCONFIG_SET_BINARY" in call.arguments[1]) == (where == "binary")
            return call.arguments[3] if is_it else None
        if isinstance(where, tuple) and where[0] == "quota":
            valid = strace.member(", ".join(call.arguments), where[1][:3] + "_valid")
            given = valid and strace.number(valid) & QUOTA_BITS[where[1]]
            return strace.member(", ".join(call.arguments), where[1]) if given else None
        return place(call, where)


def place(call, where):
    """The text of strace that a parameter is compared with; None where it printed nothing of the kind."""
    arguments = call.arguments
    if isinstance(where, int):
        return arguments[where] if where < len(arguments) else None
    if isinstance(where, str):
        return strace.member(", ".join(arguments), where) or None
    first, second = where
    if first == "fds":
        numbers = re.search(r"\[(-?\d+), (-?\d+)\]", " ".join(arguments))
        return numbers.group(second + 1) if numbers else None
    if isinstance(first, int):
        return strace.member(arguments[first], second) if first < len(arguments) else None
    return strace.member(" ".join(arguments), first, second) or None


def compare(results, trace, index, event, nonsense, count):
    """Of nonsense the result alone: it has no names, and points nowhere. count: by event and parameter, how often."""
    call = trace.calls[index]
    result_param, *params = CALLS[event_name(call.name)]
    at = "call %d, %s" % (index, call)
    if result_param:
        count[event_name(call.name), result_param] += 1
        value = event.get(result_param, "")
        if call.error:
            results.expect("(%s)" % call.error in value or value == "-%d" % ERRORS[call.error],
                           "%s: result %r, strace says %s" % (at, value, call.error))
        elif call.result is not None:
            base = 16 if event_name(call.name) == "brk" else 10
            results.equal(told_number(base)(value), call.result, at + ": result")
    for param, kind, where in params if not nonsense else ():
        text = trace.find(index, where)
        if text is None and not isinstance(where, int):
            continue
        if text is None or param not in event:
            results.expect(text is None or call.error, "%s: no %s" % (at, param))
            continue
        expected, told = KINDS[kind]
        got = told(event[param])
        if kind == "polled":
            text = (text, call.after)
        want = option(text, got) if kind == "option" else expected(text)
        if want is None:
            continue
        if kind in ("to", "from") and not want:
            continue  # the call does not say
        if isinstance(want, int) and isinstance(got, int):  # -1 in a type without a sign, and the other way round
            want, got = (n + (1 << 64) if n < 0 else n for n in (want, got))
            want, got = ((1 << 64) - 1 if n == 0xffffffff else n for n in (want, got))
        results.equal(got, want, "%s: %s" % (at, param))
        count[event_name(call.name), param] += 1


def parameters():
    """Event and parameter, of all that is collected; of each the reason if it is not compared."""
    with open(live.ROOT + "/src/event/schema_events.inc", encoding="utf-8") as file:
        rows = re.findall(r'^GYR_EVENT\((\d+), "(\w+)", exit(.*)\)$|^GYR_EVENT\((\d+), "(signaldeliver|page_fault)"(.*)\)$',
                          file.read(), re.M)
    with open(live.ROOT + "/src/event/schema_collect.inc", encoding="utf-8") as file:
        codes = set(re.findall(r"^GYR_COLLECT\((\d+),", file.read(), re.M))
    out = {}
    for row in rows:
        code, event, rest = row[:3] if row[0] else row[3:]
        if code not in codes:
            continue
        for param in re.findall(r'P\("(\w+)"', rest):
            reasons = [why for params, (why, events) in STRACE_HAS_NONE.items() if event in events and param in params]
            reasons += [NOT_COMPARED[event]] if event in NOT_COMPARED else []
            compared = {p if isinstance(p, str) else p[0] for p in CALLS.get(event, ())}
            if not reasons and param not in compared and event in STRACE_HAS_NONE[("*",)][1]:
                reasons = [STRACE_HAS_NONE[("*",)][0]]
            out[event, param] = reasons
    return out


def check_table(results, count, compat, print_it):
    """Each parameter has been compared, or there is a reason; and not both."""
    for (event, param), reasons in sorted(parameters().items()):
        if event in COMPAT_ALONE and not compat:
            reasons = ["there is no 32-bit entry, and no other way to make the call"]
        results.expect(bool(count[event, param]) != bool(reasons),
                       "%s.%s: compared %d times, not compared because %r" % (event, param, count[event, param], reasons))
        if print_it:
            print("%-20s %-20s %s" % (event, param, count[event, param] or "; ".join(reasons)))


def record(folder, program, port, sweeps):
    """Runs the program under strace while the agent records; the files of both."""
    capture, trace = folder + "/calls.scap", folder + "/strace"
    os.mkdir(folder + "/work")
    rings = [part for option in live.LARGE_RINGS for part in ("-o", option)]
    recorder = subprocess.Popen([live.find_binary(), "record", "--current", "-w", capture, *rings], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)
    try:
        for line in recorder.stderr:
            if line.startswith("gyr: armed"):
                break
            print(line, end="")
        numbers = [",".join(str(n) for n in sorted(sweep)) for sweep in sweeps]
        tool = ["strace", "-n", "-v", "-X", "verbose", "-o", trace, "-s", "200"]
        subprocess.run([*tool, program, folder + "/work", str(port), *numbers], check=True, timeout=live.PATIENCE)
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=live.PATIENCE)
    return capture, trace


def main():
    live.require_root()
    if not shutil.which("strace"):
        live.skip("strace is not installed")
    results = live.Results()
    compared = set(CALLS) | {"syscall"}
    results.equal(sorted(collected() - compared), sorted(NOT_COMPARED), "events that are collected and not compared")
    results.equal(sorted(set(CALLS) - collected() - {"fork", "vfork", "clone", "clone3"}), [], "compared and not collected")
    program = os.path.join(os.path.dirname(live.find_actor()), "known_calls")
    folder = tempfile.mkdtemp(prefix="gyr-strace-")
    compat = live.has_compat_entry()
    if not compat:
        print("this kernel has no 32-bit entry: int 0x80 ends a program; no calls of that kind are compared")
    sweeps = [{n for n, name in header_calls(bits).items() if event_name(name) not in NOT_MADE} if bits == 64 or compat else set()
              for bits in (64, 32)]
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            capture, trace = record(folder, program, server.getsockname()[1], sweeps)
        calls = [m for c in strace.read(trace) for m in messages(c) if c.name not in UNSEEN]
        events = read_events(capture)
    finally:
        shutil.rmtree(folder)
    made, seen = [event_name(c.name) for c in calls], [e[0] for e in events]
    differences = [d for d in difflib.ndiff(made, seen) if d[0] != " "]
    results.equal(differences, [], "the calls, in order: strace -, events +")
    results.equal(sorted(set(CALLS) - set(made)), [] if compat else sorted(COMPAT_ALONE), "events that were not made")
    results.expect(len(calls) >= (1000 if compat else 900), "only %d calls were compared" % len(calls))
    begin, end = made.index("umask"), made.index("execve")
    trace, count = Trace(calls, events[0][2]), collections.Counter()
    for index, (call, event) in enumerate(zip(calls, events)):
        if event_name(call.name) != event[0]:
            break
        if event[0] in CALLS:
            compare(results, trace, index, event[1], begin < index < end, count)
        else:  # the generic event: which call it was
            results.equal(event[3], str(call.number), "%s: number" % call)
            count["syscall", "nativeID"] += 1
            count["syscall", "ID"] += 1
    check_table(results, count, compat, "--table" in sys.argv)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
