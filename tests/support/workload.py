#!/usr/bin/env python3
"""Real actions of many kinds, for tests that compare what two agents make of them.

    workload.py FOLDER PORT SEED [ROUNDS]

FOLDER is the caller's to remove, and empty but for what prepare() put there before; PORT listens on 127.0.0.1. After the listed actions come ROUNDS
random ones, the same for the same SEED. Nothing outside FOLDER is changed for longer than the action lasts."""

import ctypes
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
CALLS = {"open": 2, "creat": 85, "openat2": 437, "open_by_handle_at": 304, "name_to_handle_at": 303, "renameat2": 316,
         "memfd_create": 319, "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "ptrace": 101, "bpf": 321,
         "fchmodat2": 452, "linkat": 265, "symlinkat": 266, "chroot": 161, "userfaultfd": 323, "prctl": 157,
         "init_module": 175, "finit_module": 313, "execveat": 322, "open_tree": 428, "openat": 257, "setresuid": 117,
         "inotify_init1": 294, "eventfd2": 290, "fsopen": 430, "fsconfig": 431, "fsmount": 432}
O_PATH = 0o10000000
AT_FDCWD = -100


def call(name, *arguments):
    """The system call itself; its result, or minus the error's number."""
    packed = [a.encode() if isinstance(a, str) else a for a in arguments]
    result = libc.syscall(CALLS[name], *packed)
    return -ctypes.get_errno() if result == -1 else result


def attempt(action, *arguments, **keywords):
    try:
        return action(*arguments, **keywords)
    except OSError:
        return None


def touch(path, flags=os.O_RDONLY, mode=0o600, **keywords):
    fd = attempt(os.open, path, flags, mode, **keywords)
    if fd is not None:
        os.close(fd)


def in_child(action):
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except BaseException:  # a child must never come back into the parent's code
            pass
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def open_how(path, flags, resolve=0):
    return call("openat2", AT_FDCWD, path, (ctypes.c_uint64 * 3)(flags, 0, resolve), 24)


def prepare(folder):
    """What has to be there before the agents are: a file that comes later is known by its identity some time later."""
    os.mkdir(folder + "/sub")
    os.mkdir(folder + "/other")
    for name in ("secret", "sub/secret"):
        touch(folder + "/" + name, os.O_CREAT | os.O_WRONLY)


def files(folder):
    sub = folder + "/sub"
    for name in ("secret", "plain", "sub/secret", "sub/deep.conf", "other/secret", ".hidden",
                 "a-name-that-is-longer-than-thirty-one-bytes-by-some"):
        touch(folder + "/" + name, os.O_CREAT | os.O_WRONLY)
    os.symlink("secret", folder + "/alias")
    os.symlink(sub, folder + "/linked")
    os.symlink("/etc/shadow", folder + "/shadow-link")
    os.link(folder + "/secret", folder + "/hard")
    with open(folder + "/secret", "r+b") as file:  # with flags they are calls of their own: pwritev2, preadv2
        attempt(os.pwritev, file.fileno(), [b"x"], 0, os.RWF_DSYNC)
        attempt(os.preadv, file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
    opens(folder)
    odd_names(folder)
    handles(folder)
    names(folder)


def opens(folder):
    shapes = [folder + "/secret", folder + "/./sub/../secret", folder + "/linked/../secret", folder + "/alias",
              folder + "/hard", folder + "/sub", folder, "/proc/self/root" + folder + "/secret", folder + "/absent",
              folder + "/sub/../absent", "/", "/etc", "/etc/passwd", "/etc/shadow", folder + "/shadow-link", "/dev/null",
              "/proc/self/status", "/proc/self/environ", "/root/.ssh/id_rsa", "/var/log/wtmp", folder + "//sub//secret",
              folder + "/a-name-that-is-longer-than-thirty-one-bytes-by-some", folder + "/" + "x" * 300]
    for path in shapes:
        for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, 3, O_PATH, O_PATH | os.O_RDWR, os.O_DIRECTORY,
                      os.O_RDONLY | os.O_CREAT | os.O_EXCL, os.O_NOFOLLOW):
            writes = flags & 3 and not flags & O_PATH
            if writes and not path.startswith(folder):
                continue
            touch(path, flags)
        fd = call("open", path, os.O_RDONLY)
        if fd >= 0:
            os.close(fd)
        fd = open_how(path, os.O_RDONLY)
        if fd >= 0:
            os.close(fd)
    os.truncate(folder + "/secret", 0)
    touch(folder, os.O_TMPFILE | os.O_RDWR)
    at = os.open(folder, os.O_RDONLY)
    for name in ("secret", "sub/secret", "../" + os.path.basename(folder) + "/secret", "none"):
        touch(name, dir_fd=at)
    os.close(at)
    deep = folder
    for number in range(30):
        deep += "/d%d" % number
        os.mkdir(deep)
    touch(deep + "/secret", os.O_CREAT | os.O_RDWR)
    here = os.open(".", os.O_RDONLY)
    os.chdir(folder + "/sub")
    touch("secret")
    touch("../secret")
    os.fchdir(here)
    os.close(here)
    for name in (b"gyr-plan", b"with/slash/secret"):
        fd = call("memfd_create", name, 0)
        touch("/proc/self/fd/%d" % fd, os.O_RDWR)
        attempt(os.write, fd, b"x")
        os.close(fd)
    read, write = os.pipe()
    touch("/proc/self/fd/%d" % read)
    os.write(write, b"x")
    os.read(read, 1)
    os.close(read)
    os.close(write)
    gone = os.open(folder + "/gone", os.O_CREAT | os.O_RDWR)
    os.unlink(folder + "/gone")
    touch("/proc/self/fd/%d" % gone)
    os.close(gone)
    os.close(call("creat", folder + "/created", 0o755))


def odd_names(folder):
    for name in (b"odd\xff\x01", "Gro\u00df-\u00e9".encode(), b"new\nline", b"quo\"te", b" space ", b"SECRET"):
        path = os.fsencode(folder) + b"/" + name
        touch(path, os.O_CREAT | os.O_RDWR)
        touch(path)
    os.mkdir(folder + "/moved")
    touch(folder + "/moved/secret", os.O_CREAT | os.O_RDWR)
    held = os.open(folder + "/moved/secret", os.O_RDONLY)
    os.rename(folder + "/moved", folder + "/passwd")
    os.read(held, 1)
    os.fstat(held)
    touch(folder + "/passwd/secret")
    os.close(held)


def handles(folder):
    """By a file's handle, and what hangs in no folder at all."""
    handle, mount = ctypes.create_string_buffer(struct.pack("Ii", 64, 0), 128), ctypes.c_int()
    at = os.open(folder, os.O_RDONLY)
    if call("name_to_handle_at", AT_FDCWD, folder + "/secret", handle, ctypes.byref(mount), 0) == 0:
        for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, O_PATH):
            fd = call("open_by_handle_at", at, handle, flags)
            if fd >= 0:
                os.close(fd)
    os.close(at)
    for make in (("inotify_init1", os.O_NONBLOCK), ("eventfd2", 1, os.O_NONBLOCK)):
        fd = call(*make)
        for action in (lambda f: os.read(f, 8), lambda f: os.write(f, b"12345678"), os.fstat, lambda f: os.close(os.dup(f))):
            attempt(action, fd)
        os.close(fd)

    def detached():
        call("unshare", 0x00020000)
        tree = call("open_tree", AT_FDCWD, folder, 1 | 0x8000)  # OPEN_TREE_CLONE, AT_RECURSIVE
        single = call("open_tree", AT_FDCWD, folder + "/sub/secret", 1)
        made = call("fsopen", "tmpfs", 0)
        call("fsconfig", made, 6, None, None, 0)
        own = call("fsmount", made, 0, 0)
        for root in (tree, own):
            for name, flags in (("secret", os.O_CREAT | os.O_RDWR), ("sub/secret", os.O_RDONLY), ("sub", os.O_RDONLY), (".", os.O_RDONLY)):
                fd = call("openat", root, name, flags, 0o600)
                attempt(os.fstat, fd)
        touch("/proc/self/fd/%d" % single, os.O_RDWR)
    in_child(detached)


def names(folder):
    a, b = folder + "/one", folder + "/two"
    for _ in range(2):
        touch(a, os.O_CREAT | os.O_WRONLY)
        os.rename(a, b)
        attempt(os.rename, a, b)
        attempt(os.link, b, a)
        attempt(os.link, b, a)
        os.unlink(a)
        os.symlink(b, a)
        attempt(os.symlink, b, a)
        os.unlink(a)
        call("renameat2", AT_FDCWD, b, AT_FDCWD, a, 0)
        for mode in (0o4755, 0o2755, 0o755):
            os.chmod(a, mode)
            call("fchmodat2", AT_FDCWD, a, mode, 0)
        with open(a, "rb") as file:
            os.fchmod(file.fileno(), 0o600)
        os.chown(a, 0, 0)
        os.unlink(a)
        attempt(os.unlink, a)
        os.mkdir(a)
        attempt(os.mkdir, a)
        os.rmdir(a)
        attempt(os.rmdir, a)
    attempt(os.symlink, "/etc/shadow", folder + "/to-shadow")
    attempt(os.link, folder + "/secret", folder + "/sub/hard-secret")


def connections(folder, port):
    listener = socket.create_server(("127.0.0.1", 0))
    own = listener.getsockname()[1]
    # Of the internet, and neither TCP nor UDP to whoever asks for the protocol's number.
    for family, kind, protocol in ((socket.AF_INET, socket.SOCK_STREAM, 262), (socket.AF_INET6, socket.SOCK_STREAM, 262),
                                   (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP),
                                   (socket.AF_INET, socket.SOCK_DGRAM, 136), (socket.AF_PACKET, socket.SOCK_DGRAM, 0)):
        s = attempt(socket.socket, family, kind, protocol)
        if s is None:
            continue
        s.settimeout(1)
        to = ("::ffff:127.0.0.1" if family == socket.AF_INET6 else "127.0.0.1", own)
        attempt(s.connect, to)
        attempt(s.send, bytes(8))
        attempt(s.sendto, bytes(8), to)
        s.close()
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::ffff:127.0.0.1")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            for to in (port, own, 9):
                with socket.socket(family, kind) as s:
                    s.settimeout(1)
                    attempt(s.connect, (address, to))
                    attempt(s.send, b"x")
                with socket.socket(family, kind) as s:
                    attempt(s.sendto, b"y", (address, to))
            with socket.socket(family, kind) as s:
                attempt(s.connect, (address, 9))  # refused: the socket has no other end any more
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.setblocking(False)
        attempt(s.connect, ("198.51.100.7", 443))  # of no network
        attempt(s.connect, ("127.0.0.1", own))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        s.sendto(b"z", receiver.getsockname())
        s.sendmsg([b"z"], [], 0, receiver.getsockname())
        receiver.recvfrom(10)
        receiver.recvmsg(10)
        receiver.connect(s.getsockname())
        receiver.send(b"w")
        s.recv(10)
    # What came before a socket is connected to one end came from another.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        attempt(s.bind, ("127.0.0.1", port))
        for _ in range(2):
            s.sendto(b"v", receiver.getsockname())
        receiver.connect(("127.0.0.1", 9))
        receiver.recvfrom(10)
        receiver.recvmsg(10)
    peer = listener.accept()[0]
    peer.close()
    listener.close()
    path = folder + "/service.sock"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen(1)
        client.connect(path)
        client.send(b"x")
        server.accept()[0].close()
        attempt(client.connect, folder + "/nobody.sock")
        touch("/proc/self/fd/%d" % client.fileno())
    a, b = socket.socketpair()
    a.send(b"x")
    b.recv(1)
    a.close()
    b.close()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        attempt(s.connect, (0, 0))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        attempt(s.bind, ("0.0.0.0", 0))
        attempt(s.listen, 1)


def programs(folder):
    for argv in (["/bin/true"], ["/bin/sh", "-c", "true"], ["/bin/cat", "/etc/passwd"], ["/bin/cat", "/etc/shadow"],
                 ["/bin/ls", "/root"], ["/usr/bin/find", folder, "-name", "id_rsa"], ["/bin/cat", folder + "/secret"]):
        attempt(subprocess.run, argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    for wrong in ("/no/such/program", "/etc/passwd", folder):
        in_child(lambda path=wrong: attempt(os.execv, path, [path]))

    def as_nobody():
        attempt(os.setgid, 65534)
        attempt(os.setuid, 65534)
        touch("/etc/shadow")
        touch("/etc/passwd")
        touch(folder + "/secret")
        attempt(os.setuid, 0)
        attempt(os.execv, "/bin/cat", ["cat", "/etc/passwd"])
    in_child(as_nobody)

    def renamed():
        call("prctl", 15, "bash", 0, 0, 0)
        touch("/etc/shadow")
        touch(folder + "/secret")
    in_child(renamed)

    def of_thread():
        call("prctl", 15, "renamed", 0, 0, 0)
        touch(folder + "/secret")
        touch("/etc/shadow")
    thread = threading.Thread(target=of_thread)
    thread.start()
    thread.join()

    def another_user():  # a thread alone, by the call itself
        call("setresuid", 1000, 1000, 0)
        touch(folder + "/secret")
        touch("/etc/passwd")
        call("setresuid", 0, 0, 0)

    def of_two_users():
        other = threading.Thread(target=another_user)
        other.start()
        touch(folder + "/secret")
        touch("/etc/passwd")
        other.join()
    in_child(of_two_users)

    def of_many_names():  # and of those that come of it
        for name in ("first", "second"):
            call("prctl", 15, name, 0, 0, 0)
            touch(folder + "/secret")
            in_child(lambda: touch(folder + "/sub/secret"))
            in_child(lambda: attempt(os.execv, "/bin/cat", [name, folder + "/secret"]))
        parent = os.getpid()
        if os.fork() == 0:  # whose parent goes before it does
            while os.getppid() == parent:
                os.sched_yield()
            touch(folder + "/secret")
    in_child(of_many_names)

    def by_thread():
        attempt(os.execv, "/bin/cat", ["cat", folder + "/sub/secret"])
    in_child(lambda: (threading.Thread(target=by_thread).start(), time.sleep(60)))  # which the exec ends


def namespaces(folder):
    def inside():
        call("unshare", 0x00020000)  # CLONE_NEWNS
        call("mount", "none", "/", None, (1 << 14) | (1 << 18), None)  # private, all of it
        call("mount", "none", folder + "/other", "tmpfs", 0, None)
        touch(folder + "/other/secret", os.O_CREAT | os.O_RDWR)
        call("mount", folder + "/sub", folder + "/other", None, 4096, None)
        touch(folder + "/other/secret")
        call("mount", folder + "/plain", folder + "/secret", None, 4096, None)
        fd = os.open(folder + "/secret", os.O_RDONLY)
        call("umount2", folder + "/secret", 2)
        touch("/proc/self/fd/%d" % fd)
        call("umount2", folder + "/other", 0)
        attempt(os.chroot, folder)
        touch("/secret")
        touch("/etc/shadow")
    in_child(inside)
    in_child(lambda: call("unshare", 0x10000000))  # a user namespace

    def entered():
        with open("/proc/self/ns/uts", "rb") as file:
            call("setns", file.fileno(), 0)
        call("setns", -1, 0)
    in_child(entered)


def side_doors(folder, port):
    """By the 32-bit entry and by io_uring, with the helper program of the tests that GYR_EVADER names."""
    helper = os.environ.get("GYR_EVADER")
    if not helper:
        return
    made = folder + "/by-ring"
    for what in (["int80", folder + "/secret"], ["int80", folder + "/alias"], ["int80", "/etc/shadow"], ["int80", folder + "/none"],
                 ["uring", "open", folder + "/secret"], ["uring", "open", folder + "/sub/../secret"],
                 ["uring", "open", "/etc/shadow", "poll"], ["uring", "open", folder + "/none"], ["uring", "connect", str(port)],
                 ["uring", "connect", "9"], ["uring", "rename", made, folder + "/two"], ["uring", "remove", folder + "/two"]):
        touch(made, os.O_CREAT | os.O_WRONLY)
        subprocess.run([helper] + what, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def tracing():
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    call("ptrace", 16, pid, 0, 0)
    os.waitpid(pid, 0)
    call("ptrace", 17, pid, 0, 0)
    call("ptrace", 16, 1 << 21, 0, 0)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    in_child(lambda: call("ptrace", 0, 0, 0, 0))
    call("bpf", 99, 0, 0)
    call("init_module", 0, 0, "")
    call("finit_module", -1, "", 0)
    fd = call("userfaultfd", 1)
    if fd >= 0:
        os.close(fd)


def one_random(rng, folder, port, open_files):
    places = ["secret", "plain", "sub/secret", "sub", ".", "sub/../plain", "alias", "linked/deep.conf", "none", "r0", "r1"]
    path = "%s/%s" % (folder, rng.choice(places))
    other = "%s/r%d" % (folder, rng.randrange(4))
    pick = rng.randrange(14)
    if pick < 5:
        flags = rng.choice((0, 1, 2, 3, 0o100, 0o101, 0o102, 0o300, O_PATH, 0o200000, 0o2001, 0o400000))
        fd = rng.choice((lambda: call("open", path, flags, 0o600), lambda: open_how(path, flags & ~0o300),
                         lambda: attempt(os.open, path, flags, 0o600) or -1))()
        if fd is not None and fd >= 0:
            open_files.append(fd)
        while len(open_files) > 8:
            os.close(open_files.pop(rng.randrange(len(open_files))))
    elif pick == 5:
        attempt(os.rename, other, "%s/r%d" % (folder, rng.randrange(4)))
    elif pick == 6:
        attempt(os.link if rng.random() < .5 else os.symlink, path, other)
    elif pick == 7:
        attempt(os.unlink, other)
    elif pick == 8:
        attempt(os.chmod, path, rng.choice((0o4755, 0o644, 0o700)))
    elif pick == 9 and open_files:
        attempt(os.close, os.dup(rng.choice(open_files)))
    elif pick == 10:
        family = rng.choice((socket.AF_INET, socket.AF_INET6, socket.AF_UNIX))
        with socket.socket(family, rng.choice((socket.SOCK_STREAM, socket.SOCK_DGRAM))) as s:
            s.settimeout(1)
            address = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}.get(family)
            attempt(s.connect, (address, rng.choice((port, 1, 9))) if address else folder + "/service.sock")
    elif pick == 11 and open_files:
        attempt(os.read if rng.random() < .5 else lambda fd, n: os.write(fd, b"z" * n), rng.choice(open_files), 1)
    elif pick == 12:
        touch(rng.choice(("/etc/shadow", "/etc/passwd", "/etc/hosts", "/dev/zero", "/proc/self/maps", "/usr/bin/env")))
    else:
        attempt(os.mkdir if rng.random() < .5 else os.rmdir, folder + "/rd")


def main():
    folder, port, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 2000
    files(folder)
    connections(folder, port)
    programs(folder)
    namespaces(folder)
    tracing()
    side_doors(folder, port)
    rng, open_files = random.Random(seed), []
    for _ in range(rounds):
        one_random(rng, folder, port, open_files)


if __name__ == "__main__":
    main()
