#!/usr/bin/env python3
"""What a live recording says of calls is what strace prints for the same ones: a program makes one call after the other
while both look on, and results, numbers, flags by name, paths, addresses and structures are compared, call by call. In
the end it makes every call of both tables with nonsense. What cannot be compared is listed with the reason, and the lists
together have to be all events that are collected."""

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
CALLS = {
    "openat": ("fd", ("dirfd", "num", 0), ("name", "path", 1), ("flags", "names", 2), ("mode", "oct", 3)),
    "open": ("fd", ("name", "path", 0), ("flags", "names", 1)),
    "openat2": ("fd", ("dirfd", "num", 0), ("name", "path", 1), ("flags", "names", "flags"), ("resolve", "names", "resolve")),
    "creat": ("fd", ("name", "path", 0), ("mode", "oct", 1)),
    "write": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2)),
    "read": ("res", ("fd", "num", 0), ("data", "text", 1)),
    "pread": ("res", ("fd", "num", 0), ("data", "text", 1), ("pos", "num", 3)),
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
    "renameat2": ("res", ("oldpath", "path", 1), ("newpath", "path", 3), ("flags", "names", 4)),
    "link": ("res", ("oldpath", "path", 0), ("newpath", "path", 1)),
    "linkat": ("res", ("oldpath", "path", 1), ("newpath", "path", 3)),
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
    "fchownat": ("res", ("pathname", "path", 1), ("uid", "num", 2), ("gid", "num", 3), ("flags", "names", 4)),
    "chdir": ("res", ("path", "path", 0)),
    "mmap": ("res", ("length", "num", 1), ("prot", "names", 2), ("flags", "names", 3), ("fd", "num", 4), ("offset", "num", 5)),
    "mprotect": ("res", ("addr", "hex", 0), ("length", "num", 1), ("prot", "names", 2)),
    "munmap": ("res", ("addr", "hex", 0), ("length", "num", 1)),
    "memfd_create": ("fd", ("name", "path", 0), ("flags", "names", 1)),
    "eventfd2": ("res", ("initval", "num", 0), ("flags", "names", 1)),
    "pipe2": ("res", ("flags", "names", 1)),
    "socket": ("fd", ("domain", "names", 0), ("type", "num", 1), ("proto", "num", 2), ("flags", "names", 1)),
    "connect": ("res", ("fd", "num", 0), ("addr", "addr", 1)),
    "bind": ("res", ("fd", "num", 0), ("addr", "addr", 1)),
    "listen": ("res", ("fd", "num", 0), ("backlog", "num", 1)),
    "accept4": ("fd", ("flags", "hex", 3)),
    "accept": ("fd",),
    "sendto": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2), ("tuple", "to", 4)),
    "shutdown": ("res", ("fd", "num", 0), ("how", "names", 1)),
    "setsockopt": ("res", ("fd", "num", 0), ("level", "names", 1), ("optname", "names", 2), ("optlen", "num", 4)),
    "kill": ("res", ("pid", "num", 0), ("sig", "signal", 1)),
    "ptrace": ("res", ("request", "names", 0), ("pid", "num", 1)),
    "unshare": ("res", ("flags", "names", 0)),
    "setns": ("res", ("fd", "num", 0), ("nstype", "names", 1)),
    "mount": ("res", ("dev", "path", 0), ("dir", "path", 1), ("type", "path", 2), ("flags", "names", 3)),
    "umount2": ("res", ("name", "path", 0), ("flags", "names", 1)),
    "prlimit": ("res", ("pid", "num", 0), ("resource", "names", 1), ("newcur", "limit", (2, "rlim_cur")),
                ("newmax", "limit", (2, "rlim_max")), ("oldcur", "limit", (3, "rlim_cur")), ("oldmax", "limit", (3, "rlim_max"))),
    "prctl": ("res", ("option", "names", 0), ("arg2_str", "path", 1)),
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
    "ioctl": ("res", ("fd", "num", 0), ("request", "hex", 1)),
    "getdents": ("res", ("fd", "num", 0)),
    "getdents64": ("res", ("fd", "num", 0)),
    "flock": ("res", ("fd", "num", 0), ("operation", "names", 1)),
    "lchown": ("res", ("path", "path", 0), ("uid", "num", 1), ("gid", "num", 2)),
    "fchown": ("res", ("fd", "num", 0), ("uid", "num", 1), ("gid", "num", 2)),
    "mknod": ("res", ("path", "path", 0), ("mode", "oct", 1)),
    "mknodat": ("res", ("dirfd", "num", 0), ("path", "path", 1), ("mode", "oct", 2), ("dev", "num", 3)),
    "open_by_handle_at": ("fd", ("mountfd", "num", 0), ("flags", "names", 2)),
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
    "pipe": ("res", ("fd1", "num", ("fds", 0)), ("fd2", "num", ("fds", 1))),
    "poll": ("res", ("fds", "polled", 0), ("timeout", "num", 2)),
    "ppoll": ("res", ("fds", "polled", 0), ("timeout", "time", 2), ("sigmask", "sigmask", 3)),
    "select": ("res",),
    "futex": ("res", ("addr", "hex", 0), ("op", "names", 1), ("val", "num", 2)),
    "pidfd_open": ("fd", ("pid", "num", 0), ("flags", "names", 1)),
    "pidfd_getfd": ("fd", ("pid_fd", "num", 0), ("target_fd", "num", 1), ("flags", "num", 2)),
    "io_uring_setup": ("res", ("entries", "num", 0), ("sq_entries", "num", "sq_entries"), ("cq_entries", "num", "cq_entries"),
                       ("flags", "names", "flags"), ("sq_thread_cpu", "num", "sq_thread_cpu"),
                       ("sq_thread_idle", "num", "sq_thread_idle"), ("features", "num", "features")),
    "io_uring_enter": ("res", ("fd", "num", 0), ("to_submit", "num", 1), ("min_complete", "num", 2), ("flags", "names", 3)),
    "io_uring_register": ("res", ("fd", "num", 0), ("opcode", "names", 1), ("nr_args", "num", 3)),
    "socketpair": ("res", ("domain", "names", 0), ("type", "num", 1), ("proto", "num", 2), ("fd1", "num", ("fds", 0)),
                   ("fd2", "num", ("fds", 1))),
    "getsockopt": ("res", ("fd", "num", 0), ("level", "names", 1), ("optname", "names", 2), ("optlen", "num", 4)),
    "getsockname": ("",),
    "getpeername": ("",),
    "send": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2)),
    "recv": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2)),
    "recvfrom": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2), ("tuple", "from", 4)),
    "sendmsg": ("res", ("fd", "num", 0), ("data", "parts", 1), ("size", "room", 1), ("tuple", "to", 1)),
    "recvmsg": ("res", ("fd", "num", 0), ("data", "parts", 1), ("size", "room", 1), ("tuple", "from", 1)),
    "sendmmsg": ("res", ("fd", "num", 0), ("data", "first", 1), ("tuple", "to", 1)),
    "recvmmsg": ("res", ("fd", "num", 0), ("data", "first", 1)),
    "brk": ("res", ("addr", "hex", 0)),
    "mmap2": ("res", ("addr", "hex", 0), ("length", "num", 1), ("prot", "names", 2), ("flags", "names", 3), ("fd", "num", 4),
              ("pgoffset", "pages", 5)),
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
    "execve": ("res", ("exe", "exe", 1), ("args", "argv", 1), ("filename", "path", 0)),
    "execveat": ("res", ("exe", "exe", 2), ("args", "argv", 2)),
    "tkill": ("res", ("tid", "num", 0), ("sig", "signal", 1)),
    "tgkill": ("res", ("pid", "num", 0), ("tid", "num", 1), ("sig", "signal", 2)),
    "signaldeliver": ("", ("sig", "signal", "si_signo"), ("spid", "num", "si_pid")),
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
    "quotactl": ("res", ("special", "path", 1), ("cmd", "quota", 0), ("type", "quotas", 0)),
    "fsconfig": ("res", ("fd", "num", 0), ("cmd", "names", 1), ("key", "path", 2), ("value_charbuf", "path", 3), ("aux", "num", 4)),
    "umount": ("res", ("name", "path", 0)),
    "init_module": ("res", ("length", "num", 1), ("uargs", "path", 2)),
    "finit_module": ("res", ("fd", "num", 0), ("uargs", "path", 1), ("flags", "names", 2)),
    "keyctl": ("res", ("operation", "names", 0), ("arg2", "word", 1), ("arg3", "value", 2), ("arg4", "value", 3)),
}
# Collected, and not in CALLS.
NOT_COMPARED = {
    "syscall": "the generic event: compared by name, with those of the last calls",
    "page_fault": "strace prints none; tests/e2e/system_calls.py",
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
ADDED = {"O_F_CREATED", "FD_UPPER_LAYER", "FD_LOWER_LAYER", "O_NONE", "AF_LOCAL"}
OTHER_NAMES = {"SOCK_CLOEXEC": "O_CLOEXEC", "SOCK_NONBLOCK": "O_NONBLOCK", "EFD_NONBLOCK": "O_NONBLOCK",
               "EFD_CLOEXEC": "O_CLOEXEC", "SFD_NONBLOCK": "O_NONBLOCK", "IN_CLOEXEC": "O_CLOEXEC", "MS_NOSUID": "NOSUID",
               "MS_NODEV": "NODEV", "MNT_DETACH": "DETACH"}
NO_NAME = {"O_NOFOLLOW", "SOCK_STREAM", "SOCK_DGRAM", "IPC_PRIVATE"}


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
    """Name and parameters of the events of the program's own thread, after umask."""
    done = subprocess.run([live.find_binary(), "events", "proc.name in (known_calls, renamed, exe)", "--capture", capture, "-p",
                           "%thread.tid %evt.type %evt.args"], stdout=subprocess.PIPE, text=True, errors="surrogateescape",
                          check=True)
    events, thread = [], None
    for line in done.stdout.splitlines():
        tid, name, rest = (line + "  ").split(" ", 2)
        if tid == thread and name != "procexit":
            events.append((name, dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", rest.rstrip(" ")))))
        if name == "umask":
            thread = tid
    return events


def names(found):
    return {OTHER_NAMES.get(n, n) for n in found} - ADDED - NO_NAME


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


def polled(text):
    """Of [{fd=3, events=…}]: which descriptors."""
    return [int(n) for n in re.findall(r"fd=(-?\d+)", text)]


def limit(text):
    value = strace.number(text) if text else -1
    return -1 if value == (1 << 64) - 1 else value


def capabilities(text):
    """strace prints the two halves side by side."""
    found = [int(n, 0) for n in re.findall(r"(0x[0-9a-f]+|\b0\b)", text)]
    return sum(half << (32 * n) for n, half in enumerate(found))


def word(value):
    return int(value) & 0xffffffff


# By kind: what strace's text says, and what the event's does.
KINDS = {
    "num": (strace.number, told_number(10)),
    "signal": (strace.number, told_number(10)),
    "hex": (strace.number, told_number(16)),
    "oct": (strace.number, told_number(8)),
    "hexmode": (strace.number, told_number(16)),
    "pages": (lambda text: strace.number(text) // 4096 & 0xffffffff, told_number(10)),
    "word": (lambda text: strace.number(text) & 0xffffffff, word),
    "value": (lambda text: strace.string(text) or str(strace.number(text)), told_text),
    "limit": (limit, told_number(10)),
    "time": (strace.nanoseconds, told_number(10)),
    "names": (lambda text: names(strace.names(text)), told_names),
    "some": (lambda text: names(n for n in strace.names(text) if n.startswith("CLONE_")), told_names),
    "path": (lambda text: strace.string(text) or "", lambda value: told_text(value).split("(")[0]),
    "text": (lambda text: printable(strace.string(text) or ""), told_text),
    "parts": (parts, told_text),
    "first": (lambda text: parts(strace.member(text, "msg_iov")), told_text),
    "room": (lambda text: sum(strace.number(n) for n in re.findall(r"iov_len=(\d+)", text)), told_number(10)),
    "polled": (polled, lambda value: [int(n.split(":")[0]) for n in value.split()]),
    "mask": (lambda text: sum(1 << (n - 1) for n in strace.signals(text)), told_number(16)),
    "sigmask": (lambda text: set(re.findall(r"/\* (\w+)", text)), lambda value: {n[3:] for n in re.findall(r"SIG\w+", value)}),
    "addr": (strace.address, str),
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


def compare(results, index, call, event, nonsense):
    """Of nonsense the result alone: it has no names, and points nowhere."""
    result_param, *params = CALLS[event_name(call.name)]
    at = "call %d, %s" % (index, call)
    if result_param:
        value = event.get(result_param, "")
        if call.error:
            results.expect("(%s)" % call.error in value or value == "-%d" % ERRORS[call.error],
                           "%s: result %r, strace says %s" % (at, value, call.error))
        elif call.result is not None:
            base = 16 if event_name(call.name) == "brk" else 10
            results.equal(told_number(base)(value), call.result, at + ": result")
    for param, kind, where in params if not nonsense else ():
        text = place(call, where)
        if text is None or param not in event:
            results.expect(text is None or call.error, "%s: no %s" % (at, param))
            continue
        expected, told = KINDS[kind]
        want, got = expected(text), told(event[param])
        if kind in ("to", "from") and not want:
            continue  # the call does not say
        if isinstance(want, int) and isinstance(got, int):  # -1 in a type without a sign, and the other way round
            want, got = (n + (1 << 64) if n < 0 else n for n in (want, got))
            want, got = ((1 << 64) - 1 if n == 0xffffffff else n for n in (want, got))
        results.equal(got, want, "%s: %s" % (at, param))


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
        subprocess.run(["strace", "-n", "-X", "verbose", "-o", trace, "-s", "200", program, folder + "/work", str(port), *numbers],
                       check=True, timeout=live.PATIENCE)
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=live.PATIENCE)
    return capture, trace


def main():
    live.require_root()
    if not shutil.which("strace"):
        live.skip("strace is not installed")
    results = live.Results()
    results.equal(sorted(collected() - set(CALLS)), sorted(NOT_COMPARED), "events that are collected and not compared")
    results.equal(sorted(set(CALLS) - collected() - {"fork", "vfork", "clone", "clone3"}), [], "compared and not collected")
    program = os.path.join(os.path.dirname(live.find_actor()), "known_calls")
    folder = tempfile.mkdtemp(prefix="gyr-strace-")
    sweeps = [{n for n, name in header_calls(bits).items() if event_name(name) not in NOT_MADE} for bits in (64, 32)]
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
    results.equal(sorted(set(CALLS) - set(made)), [], "events that were not made")
    results.expect(len(calls) >= 1000, "only %d calls were compared" % len(calls))
    begin, end = made.index("umask"), made.index("execve")
    for index, (call, event) in enumerate(zip(calls, events)):
        if event_name(call.name) != event[0]:
            break
        if event[0] in CALLS:
            compare(results, index, call, event[1], begin < index < end)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
