#!/usr/bin/env python3
"""What a live recording says of calls is what strace prints for the same ones: a program makes one call after the other
while both look on, and results, numbers, flags by name, paths and addresses are compared, call by call."""

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

# Events that are called otherwise than the call.
NAMES = {"pread64": "pread", "pwrite64": "pwrite", "prlimit64": "prlimit"}
# By event: the parameter of the event that has the result, and parameter, kind and number of strace's argument.
# num, hex, oct: numbers as the event prints them; names: flags or an enumerator by name; addr: a socket address.
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
    "close": ("res", ("fd", "num", 0)),
    "dup": ("res", ("oldfd", "num", 0)),
    "dup2": ("res", ("oldfd", "num", 0), ("newfd", "num", 1)),
    "dup3": ("res", ("oldfd", "num", 0), ("newfd", "num", 1), ("flags", "names", 2)),
    "fcntl": ("res", ("fd", "num", 0), ("cmd", "names", 1)),
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
    "socket": ("fd", ("domain", "names", 0), ("flags", "names", 1)),
    "connect": ("res", ("fd", "num", 0), ("addr", "addr", 1)),
    "bind": ("res", ("fd", "num", 0), ("addr", "addr", 1)),
    "listen": ("res", ("fd", "num", 0), ("backlog", "num", 1)),
    "accept4": ("fd",),
    "sendto": ("res", ("fd", "num", 0), ("data", "text", 1), ("size", "num", 2)),
    "shutdown": ("res", ("fd", "num", 0), ("how", "names", 1)),
    "setsockopt": ("res", ("fd", "num", 0), ("level", "names", 1), ("optname", "names", 2), ("optlen", "num", 4)),
    "kill": ("res", ("pid", "num", 0), ("sig", "num", 1)),
    "ptrace": ("res", ("request", "names", 0), ("pid", "num", 1)),
    "unshare": ("res", ("flags", "names", 0)),
    "setns": ("res", ("fd", "num", 0), ("nstype", "names", 1)),
    "mount": ("res", ("dev", "path", 0), ("dir", "path", 1), ("type", "path", 2), ("flags", "names", 3)),
    "umount2": ("res", ("name", "path", 0), ("flags", "names", 1)),
    "prlimit": ("res", ("pid", "num", 0), ("resource", "names", 1)),
    "prctl": ("res", ("option", "names", 0), ("arg2_str", "path", 1)),
    "setgid": ("res", ("gid", "num", 0)),
    "setresuid": ("res", ("ruid", "num", 0), ("euid", "num", 1), ("suid", "num", 2)),
    "setuid": ("res", ("uid", "num", 0)),
    "chroot": ("res", ("path", "path", 0)),
    "delete_module": ("res", ("name", "path", 0), ("flags", "names", 1)),
    "bpf": ("fd", ("cmd", "num", 0)),
}
# What the capture format adds to flags, says by other names than strace, or has no name for.
ADDED = {"O_F_CREATED", "FD_UPPER_LAYER", "FD_LOWER_LAYER", "O_NONE", "AF_LOCAL"}
OTHER_NAMES = {"SOCK_CLOEXEC": "O_CLOEXEC", "SOCK_NONBLOCK": "O_NONBLOCK", "EFD_NONBLOCK": "O_NONBLOCK",
               "EFD_CLOEXEC": "O_CLOEXEC", "MS_NOSUID": "NOSUID", "MS_NODEV": "NODEV", "MNT_DETACH": "DETACH"}
NO_NAME = {"O_NOFOLLOW", "SOCK_STREAM", "SOCK_DGRAM"}


def split_arguments(text):
    out, depth, quoted, part, index = [], 0, False, "", 0
    while index < len(text):
        c = text[index]
        if quoted and c == "\\":
            part += c + text[index + 1]
            index += 2
            continue
        quoted ^= c == '"'
        depth += 0 if quoted else (c in "([{") - (c in ")]}")
        if c == "," and depth == 0 and not quoted:
            out.append(part.strip())
            part = ""
        else:
            part += c
        index += 1
    return out + [part.strip()] if part.strip() else out


def read_strace(path):
    """(name, arguments, result, error name) of every call between umask and exit_group."""
    calls, on = [], False
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = re.match(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\w+)(?: (E\w+))?", line)
            if not match:
                continue
            name, arguments, result, error = match.groups()
            if on:
                calls.append((NAMES.get(name, name), split_arguments(arguments), int(result, 0), error or ""))
            on = on or name == "umask"
    return calls


def read_events(capture, program):
    done = subprocess.run([live.find_binary(), "events", "proc.name in (%s, renamed)" % program, "--capture", capture, "-p",
                           "%evt.type %evt.args"], stdout=subprocess.PIPE, text=True, check=True)
    events, on = [], False
    for line in done.stdout.splitlines():
        name, _, rest = line.partition(" ")
        if on:
            events.append((name, dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", rest))))
        on = on or name == "umask"
    return events


def unquoted(text):
    return text[1:text.rindex('"')].encode().decode("unicode_escape") if text.startswith('"') else text


def names(text):
    found = {OTHER_NAMES.get(n, n) for n in re.split(r"[|]", text) if re.match(r"[A-Z]\w*$", n)}
    return found - ADDED - NO_NAME


def address(text):
    inet = re.search(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)', text)
    if inet:
        return "%s:%s" % (inet.group(2), inet.group(1))
    return re.search(r'sun_path="([^"]+)"', text).group(1)


def expected(kind, argument):
    if kind in ("path", "text"):
        return unquoted(argument)
    if kind == "names":
        return names(argument)
    if kind == "addr":
        return address(argument)
    if argument == "AT_FDCWD":
        return -100
    return int(re.match(r"-?\w+", argument).group(0), 8 if kind in ("oct", "hexmode") else 0)


def told(kind, value):
    if kind in ("path", "text", "addr"):
        return value
    if kind == "names":
        inside = re.search(r"\(([^()]*)\)", value)
        return names(inside.group(1)) if inside else set()
    number = re.match(r"-?\w+", value).group(0)
    return int(number, {"oct": 8, "hex": 16, "hexmode": 16}.get(kind, 10))


def compare(results, index, call, event):
    name, arguments, result, error = call
    result_param, *params = CALLS[name]
    where = "call %d, %s(%s)" % (index, name, ", ".join(arguments))
    value = event.get(result_param, "")
    if result == -1 and error:
        results.expect("(%s)" % error in value, "%s: result %r, strace says %s" % (where, value, error))
    else:
        results.equal(told("num", value), result, where + ": result")
    for param, kind, position in params:
        if isinstance(position, str):  # a member of a structure
            member = re.search(r"\b%s=([\w|]+)" % position, " ".join(arguments))
            argument = member.group(1) if member else ""
        elif position < len(arguments):
            argument = arguments[position]
        else:
            continue
        results.equal(told(kind, event.get(param, "")), expected(kind, argument), "%s: %s" % (where, param))


def record(folder, program, port):
    """Runs the program under strace while the agent records; the files of both."""
    capture, trace = folder + "/calls.scap", folder + "/strace"
    os.mkdir(folder + "/work")
    rings = [part for option in live.LARGE_RINGS for part in ("-o", option)]
    recorder = subprocess.Popen([live.find_binary(), "record", "-w", capture, *rings], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)
    try:
        for line in recorder.stderr:
            if line.startswith("gyr: armed"):
                break
        subprocess.run(["strace", "-o", trace, "-s", "200", program, folder + "/work", str(port)], check=True,
                       timeout=live.PATIENCE)
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=live.PATIENCE)
    return capture, trace


def main():
    live.require_root()
    if not shutil.which("strace"):
        live.skip("strace is not installed")
    results = live.Results()
    program = os.path.join(os.path.dirname(live.find_actor()), "known_calls")
    folder = tempfile.mkdtemp(prefix="gyr-strace-")
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            capture, trace = record(folder, program, server.getsockname()[1])
        calls = [c for c in read_strace(trace) if c[0] in CALLS]
        # Calls that only the program's start and the library make are of no event here, or not of the listed ones.
        events = [e for e in read_events(capture, "known_calls") if e[0] in CALLS]
        results.equal([e[0] for e in events], [c[0] for c in calls], "the calls, in order")
        results.expect(len(calls) >= 70, "only %d calls were compared" % len(calls))
        for index, (call, event) in enumerate(zip(calls, events)):
            if call[0] == event[0]:
                compare(results, index, call, event[1])
    finally:
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
