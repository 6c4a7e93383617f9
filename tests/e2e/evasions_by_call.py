#!/usr/bin/env python3
"""One effect by each of the system calls that have it raises the same alert: opening, renaming, moving a descriptor, running,
making a process, reading, writing, copying, giving rights and attributes, sending, mounting; files by mounts that hang nowhere; descriptors that another process
opened. Each way is a process of its own, which makes sure that the effect is there; the alerts of that process are counted.
The names are those of docs/evasions.md."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
for _folder in ("support", "outputs"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", _folder))
import live  # noqa: E402
from peers import free_port  # noqa: E402

OPENS = "evt.type in (open, openat, openat2, open_by_handle_at)"
# A rule's name and condition. {f}: the folder, {p}: a port.
RULES = {
    "Opened": OPENS + " and evt.is_open_read = true and fd.name = {f}/secret and evt.failed = false",
    "Replaced": "evt.type in (rename, renameat, renameat2) and fs.path.target = {f}/victim and evt.failed = false",
    "Stream Moved": "evt.type in (dup, dup2, dup3, fcntl) and fd.name = {f}/data and evt.rawres = 0",
    "Run": "spawned_process and proc.exepath = {f}/run",
    "Process Made": "evt.type in (fork, vfork, clone, clone3) and evt.rawres > 0 and proc.args startswith \"siblings make\"",
    "Opened To Write": OPENS + " and evt.is_open_write = true and fd.name = {f}/out and evt.failed = false",
    "Written": "evt.type in (write, pwrite, writev, pwritev, pwritev2, sendfile) and fd.name = {f}/out",
    "Copied From": "evt.type in (splice, copy_file_range) and fd.name = {f}/out.from",
    "Opened To Read": OPENS + " and evt.is_open_read = true and fd.name = {f}/data and evt.failed = false",
    "Read": "evt.type in (read, pread, readv, preadv, preadv2, mmap, splice, copy_file_range) and fd.name = {f}/data",
    "Copied": "evt.type in (sendfile, splice, copy_file_range) and fd.in.name = {f}/data and evt.rawres = 5",
    "Copied Into": "evt.type in (sendfile, splice, copy_file_range) and fd.out.name = {f}/copied and evt.rawres = 5",
    "Copied Into, by Argument": "(evt.type = sendfile and evt.arg.out_fd endswith {f}/copied) or "
                                "(evt.type = splice and evt.arg.fd_out endswith {f}/copied) or "
                                "(evt.type = copy_file_range and evt.arg.fdout endswith {f}/copied)",
    "Mode Changed": "evt.type in (chmod, fchmod, fchmodat, fchmodat2) and evt.arg.mode contains S_ISUID and "
                    "fs.path.name = {f}/data and evt.rawres = 0",
    "Attribute Given": "evt.type in (setxattr, lsetxattr, fsetxattr, setxattrat) and evt.arg.name = trusted.gyr and "
                       "fs.path.name = {f}/data and evt.failed = false",
    "Sent": "evt.type in (write, writev, sendto, sendmsg, sendmmsg) and fd.sport = {p} and evt.rawres > 0",
    "Mounted": "evt.type in (mount, move_mount) and fs.path.target = {f}/mounted and evt.failed = false",
}
COPIES = ["Copied", "Copied Into", "Copied Into, by Argument"]
READS = ("read", "pread64", "readv", "preadv", "preadv2", "mmap", "splice", "copy_file_range", "sendfile")
WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "splice", "copy_file_range")
# Effect of evader, ways, its arguments, the rules that each way sets off.
TABLE = [
    ("open", ("open", "openat", "openat2", "open_by_handle_at"), ["{f}/secret"], ["Opened"]),
    ("rename", ("rename", "renameat", "renameat2", "exchange"), ["{f}/new", "{f}/victim"], ["Replaced"]),
    ("stream", ("dup", "dup2", "dup3", "fcntl", "fcntl-cloexec"), ["{f}/data"], ["Stream Moved"]),
    ("run", ("execve", "execveat", "descriptor"), ["{f}/run"], ["Run"]),
    ("make", ("fork", "vfork", "clone", "clone3"), [], ["Process Made"]),
    ("write", WRITES, ["{f}/out"], ["Opened To Write"]),
    ("write", WRITES[:6], ["{f}/out"], ["Written"]),
    ("write", WRITES[6:], ["{f}/out"], ["Copied From"]),
    ("read", READS, ["{f}/data"], ["Opened To Read"]),
    ("read", READS[:8], ["{f}/data"], ["Read"]),  # sendfile is about where it sends to
    ("copy", ("sendfile", "splice", "copy_file_range"), ["{f}/data", "{f}/copied"], COPIES),
    # The file by another name: known by its identity on either side.
    ("copy", ("sendfile", "splice", "copy_file_range"), ["{f}/alias", "{f}/copied-alias"], COPIES[:2]),
    ("mode", ("chmod", "fchmod", "fchmodat", "fchmodat2", "fchmodat2-descriptor"), ["{f}/data"], ["Mode Changed"]),
    ("attribute", ("setxattr", "lsetxattr", "fsetxattr", "setxattrat", "setxattrat-descriptor"), ["{f}/data"], ["Attribute Given"]),
    ("send", ("write", "writev", "send", "sendto", "sendmsg", "sendmmsg"), ["{p}"], ["Sent"]),
    ("mount", ("mount", "fsmount", "open_tree"), ["{f}/mounted"], ["Mounted"]),
]


class Ways:
    """Runs evader in each way and remembers which alerts its process is to have."""

    def __init__(self, results, folder, port):
        self.results, self.folder, self.port = results, folder, port
        self.evader = os.path.join(os.path.dirname(live.find_actor()), "evader")
        self.expected = []  # what, pid, rule

    def run(self, what, words, rules):
        process = subprocess.Popen([self.evader, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        told, said = process.communicate(timeout=live.PATIENCE)
        if process.returncode == 122:
            print("left out: %s (%s)" % (what, said.decode(errors="replace").strip()))
            return None
        if not self.results.expect(process.returncode == 0, "%s: status %d: %s" % (what, process.returncode, said)):
            return None
        self.expected += [(what, process.pid, rule) for rule in rules]
        return told.decode()

    def siblings(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", self.port))
            receiver.settimeout(live.PATIENCE)
            for effect, ways, arguments, rules in TABLE:
                for way in ways:
                    for name in ("new", "victim"):
                        with open(self.folder + "/" + name, "w", encoding="ascii") as file:
                            file.write(name)
                    words = [a.format(f=self.folder, p=self.port) for a in arguments]
                    done = self.run("E10 %s by %s" % (effect, way), ["siblings", effect, way, *words], rules)
                    if effect == "send" and done is not None:
                        self.results.equal(receiver.recv(100), b"hello", "E10 %s: what arrived" % way)

    def other_ways(self):
        """E5: mounts that hang nowhere. E29, E30: who reads did not open, nor move a descriptor."""
        for way in ("below", "alone", "taken away"):
            self.run("E5 a mount that hangs nowhere, " + way, ["tree", self.folder, "secret", way], ["Opened"])
        for what, verb in (("E30 sent by another", "receive"), ("E30 taken from another", "taken"),
                           ("E29 moved by another that shares the table", "shared")):
            told = self.run(what, [verb, self.folder + "/data"], ["Read"])
            if told is not None:
                opener = int(told.split()[1])
                self.expected.append((what + ", its opener", opener, "Opened To Read"))
                if verb == "shared":
                    self.expected.append((what + ", the one who moved it", opener, "Stream Moved"))

    def compare(self, agent):
        self.results.equal([r["gap"] for r in agent.alerts if "gap" in r], [], "gaps")
        for what, pid, rule in self.expected:
            found = [r["output"] for r in agent.of_rule(rule) if r["proc"]["pid"] == pid]
            self.results.expect(len(found) == 1, "%s: %d alerts of %s, expected one: %r" % (what, len(found), rule, found))


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-ways-")
    os.chmod(folder, 0o755)
    try:
        ways = Ways(results, folder, free_port())
        for name in ("secret", "data"):
            with open(folder + "/" + name, "w", encoding="ascii") as file:
                file.write("hello\n")
        open(folder + "/copied", "w", encoding="ascii").close()
        for name in ("data", "copied"):
            os.link(folder + "/" + name, folder + "/" + {"data": "alias"}.get(name, name + "-alias"))
        os.mkdir(folder + "/mounted")
        shutil.copy(ways.evader, folder + "/run")
        text = "".join("- rule: %s\n  desc: x\n  condition: >\n    %s\n  output: \"%%evt.type %%fd.name %%evt.res\"\n  priority: NOTICE\n"
                       % (name, condition.format(f=folder, p=ways.port)) for name, condition in RULES.items())
        with live.Agent(text=[text], options=["metadata.wait=0s", *live.LARGE_RINGS]) as agent:
            ways.siblings()
            ways.other_ways()
            agent.sentinel()
            agent.stop()
            ways.compare(agent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
