#!/usr/bin/env python3
"""What the plan does live beside leaving events out: files are known by their identity (hard link, bind mount, a link of
/proc, also after they were replaced by others), execs that failed are told to the rules that ask for them, a sample of what
is left out is looked at, and the counts of clauses and the doctor's word are true."""

import ctypes
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

# Two calls that nobody makes by the way, one of them to be told when it succeeds.
COUNTED = """
- rule: Descriptor Taken
  desc: Told when it succeeds.
  condition: evt.type = pidfd_getfd and evt.rawres >= 0
  output: x
  priority: INFO
- rule: Descriptor of Process Refused
  desc: Told when it fails.
  condition: evt.type = userfaultfd and evt.failed = true
  output: x
  priority: INFO
"""
COUNTED_CALLS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
PIDFD_OPEN, PIDFD_GETFD, USERFAULTFD = 434, 438, 323
own = libc.syscall(PIDFD_OPEN, os.getpid(), 0)
for i in range(7):
    assert libc.syscall(PIDFD_GETFD, own, own, 0) >= 0
for i in range(3):
    assert libc.syscall(PIDFD_GETFD, -1, 0, 0) == -1
for i in range(5):
    assert libc.syscall(USERFAULTFD, 0x40000000) == -1
"""
RULES = """
- rule: Secret Read
  desc: The file is opened for reading, by whatever name.
  condition: evt.type in (open, openat) and evt.is_open_read = true and fd.name in ({f}/none, {f}/secret)
  output: "%fd.name %fd.realpath %fd.nameraw"
  priority: WARNING
- rule: Below Links
  desc: The name by which a file was opened counts as well.
  condition: evt.type in (open, openat) and fd.directory = {f}/links
  output: "%fd.name"
  priority: INFO
- rule: Known Folder
  desc: By the name that another rule has for the file, its folder is this one.
  condition: evt.type in (open, openat) and fd.directory = {f} and evt.is_open_write = true and fd.name endswith /secret
  output: "%fd.name %fd.nameraw"
  priority: INFO
- rule: Sent or Refused
  desc: The other end is in the call alone.
  condition: evt.type in (connect, sendto, sendmsg) and fd.sport = 9
  output: "%evt.type %fd.sip %fd.l4proto %evt.res"
  priority: INFO
- rule: Exec Failed
  desc: A program that is not there.
  condition: evt.type in (execve, execveat) and evt.failed = true
  output: "%evt.type %evt.res %evt.arg.exe"
  priority: INFO
- rule: Program
  desc: A program that ran; one that did not is no business of this rule.
  condition: spawned_process and proc.env[GYR_PLAN] != "" and proc.name startswith python
  output: "%evt.res"
  priority: INFO
"""
PLANTED = """
- rule: Sampled
  desc: Below a folder.
  condition: evt.type in (open, openat) and fd.name startswith {f}/
  output: x
  priority: INFO
"""
WORK = """
import os, socket, sys
folder = sys.argv[1]
def read(path):
    os.close(os.open(path, os.O_RDONLY))
read(folder + "/secret")
os.link(folder + "/secret", folder + "/links/hard")
read(folder + "/links/hard")
read("/proc/self/root" + folder + "/links/hard")
read(folder + "/other")
os.close(os.open(folder + "/links/hard", os.O_WRONLY))
os.system("mount --bind %s/secret %s/links/bound && cat %s/links/bound" % (folder, folder, folder))
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.sendto(b"x", ("127.0.0.1", 9))
datagram.sendmsg([b"x"], [], 0, ("127.0.0.2", 9))
try:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).connect(("127.0.0.1", 9))
except ConnectionRefusedError:
    pass
try:
    os.execv("/no/such/program", ["x"])
except FileNotFoundError:
    pass
"""


def identities(results, folder):
    os.mkdir(folder + "/links")
    for name in ("secret", "other", "links/bound"):
        with open(folder + "/" + name, "w", encoding="ascii") as file:
            file.write(name)
    secret = folder + "/secret"
    with live.Agent(text=[RULES.format(f=folder)], options=["metadata.wait=0s", "plan.verify=1/1", *live.LARGE_RINGS]) as agent:
        live.check(["unshare", "-m", sys.executable, "-c", WORK, folder], env=dict(os.environ, GYR_PLAN="yes"))
        # Another file takes its place: known by its name at once, by its identity a moment later.
        with open(folder + "/new", "w", encoding="ascii") as file:
            file.write("new")
        os.rename(folder + "/new", secret)
        os.link(secret, folder + "/links/later")
        deadline = time.monotonic() + live.PATIENCE
        while time.monotonic() < deadline:
            os.close(os.open(folder + "/links/later", os.O_RDONLY))
            agent.sentinel()
            if any(r["output"].endswith("/links/later") for r in agent.of_rule("Secret Read")):
                break
        with open(folder + "/links/hard", "rb"):  # the old file is none that a rule names any more
            pass
        agent.sentinel()
        agent.stop()
    reads = [r["output"].split(" ") for r in agent.of_rule("Secret Read")]
    results.equal({name for name, _, _ in reads}, {secret}, "the name that rules have for it")
    expected = [(secret, secret), (folder + "/links/hard", folder + "/links/hard"),
                (folder + "/links/hard", "/proc/self/root" + folder + "/links/hard"),
                (folder + "/links/bound", folder + "/links/bound")]
    got = [(real, raw) for _, real, raw in reads][:4]
    results.equal(got, expected, "as it was opened, and as that was asked for")
    results.expect(reads[-1][2] == folder + "/links/later", "the file that replaced it: %r" % reads[-1])
    below = {r["output"] for r in agent.of_rule("Below Links")}
    results.equal(below, {folder + "/links/" + n for n in ("hard", "bound", "later")}, "rules about the other name")
    results.equal([r["output"] for r in agent.of_rule("Known Folder")], [secret + " " + folder + "/links/hard"],
                  "rules about the folder of the name that rules have for it")
    results.equal([r["output"] for r in agent.of_rule("Sent or Refused")],
                  ["sendto 127.0.0.1 udp SUCCESS", "sendmsg 127.0.0.2 udp SUCCESS", "connect 127.0.0.1 tcp ECONNREFUSED"],
                  "ends that only the call tells")
    failed = [r["output"] for r in agent.of_rule("Exec Failed") if "/no/such/program" in r["output"]]
    results.equal(failed, ["execve ENOENT /no/such/program"], "the exec that failed")
    results.equal([r["output"] for r in agent.of_rule("Program")], ["SUCCESS"], "the program that ran")
    results.equal([line for line in agent.log if "plan" in line and "error" in line], [],
                  "all that was left out was looked at, and no rule matched any of it")


STANDING = """
- rule: Stood In Folder
  desc: By the working directory, in the condition and in what is said.
  condition: evt.type in (open, openat) and fd.filename = secret and proc.cwd = {f}/
  output: "%evt.arg.name %proc.cwd %fd.realpath"
  priority: INFO
- rule: Opened Anywhere
  desc: Said only.
  condition: evt.type in (open, openat) and fd.filename = other and fd.directory = {f}
  output: "%evt.type %proc.cwd %fd.realpath"
  priority: INFO
- rule: Is In Folder
  desc: A rule about processes.
  condition: proc.cwd = {f}/links/ and proc.name startswith python
  output: "%proc.cwd"
  priority: INFO
- rule: Opened In Vain
  desc: No file was reached.
  condition: evt.type in (open, openat) and fd.name = {f}/none and evt.failed = true
  output: "%evt.arg.name %proc.cwd %fd.realpath"
  priority: INFO
"""
# Each ends right after its open, and moves between the exec and that.
STANDERS = """
import os, sys
folder, how, name = sys.argv[1:]
def go():
    if how == "chdir":
        os.chdir(folder)
    elif how == "fchdir":
        os.fchdir(os.open(folder, os.O_RDONLY))
    else:
        os.chdir(folder + "/links")
        os.chdir("..")
if how == "parent":
    go()
    if os.fork():
        os.wait()
        os._exit(0)
else:
    go()
try:
    os.open(name, os.O_RDONLY)
finally:
    os._exit(0)
"""


def standing(results, folder):
    """Where a process stands when it does something, however it got there, and though it is gone when anybody looks."""
    ways = ("chdir", "fchdir", "twice", "parent")
    with live.Agent(text=[STANDING.format(f=folder)], options=["metadata.wait=0s", *live.LARGE_RINGS]) as agent:
        for how in ways:
            for name in ("secret", "other", "none"):
                live.check([sys.executable, "-c", STANDERS, folder, how, name], cwd="/")
        with open(folder + "/secret", "rb"):  # from somewhere else
            pass
        agent.sentinel()
        agent.stop()
    said = {rule: [r["output"] for r in agent.of_rule(rule)] for rule in
            ("Stood In Folder", "Opened Anywhere", "Opened In Vain")}
    results.equal(said["Stood In Folder"], ["%s/secret %s/ %s/secret" % (folder, folder, folder)] * len(ways), "by the working directory")
    results.equal(said["Opened Anywhere"], ["openat %s/ %s/other" % (folder, folder)] * len(ways), "said of who opened")
    results.equal(said["Opened In Vain"], ["%s/none %s/ <NA>" % (folder, folder)] * len(ways), "what was not opened")
    stood = {r["output"] for r in agent.of_rule("Is In Folder")}
    results.equal(stood, {folder + "/links/"}, "processes that were in the folder at some time")
    # In the condition of a rule about processes: the moves themselves are told.
    plan = json.loads(live.check([live.find_binary(), "plan", "-r", rule_file(folder, STANDING.format(f=folder)), "--format", "json"]))
    results.expect({"chdir", "fchdir"} <= {s["event"] for s in plan["syscalls"]}, "the plan has what moves a process")


def rule_file(folder, text):
    with open(folder + "/standing.yaml", "w", encoding="ascii") as file:
        file.write(text)
    return file.name


NAMED = """
- rule: Secret Named
  desc: By the path that the call led to, whatever it was given.
  condition: >
    evt.type in (link, linkat, rename, renameat2, chmod, fchmodat, utimensat, chroot) and evt.failed = false
    and (fs.path.name = {f}/secret or fs.path.target = {f}/secret or evt.arg.oldpath = {f}/secret or evt.arg.path = {f}/jail)
  output: "%evt.type %fs.path.nameraw %fs.path.targetraw"
  priority: INFO
"""
NAMING = """
import ctypes, os, subprocess, sys
folder = sys.argv[1]
libc = ctypes.CDLL(None)
os.symlink(folder, folder + "/way")
os.symlink(folder + "/secret", folder + "/to-secret")
AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400
def at(path):
    return (folder + path).encode()
libc.link(at("/way/secret"), at("/l1"))
libc.linkat(AT_FDCWD, at("/to-secret"), AT_FDCWD, at("/l2"), AT_SYMLINK_FOLLOW)
libc.linkat(AT_FDCWD, at("/to-secret"), AT_FDCWD, at("/l3"), 0)
other = subprocess.Popen(["sleep", "1000"], cwd=folder)
libc.link(b"/proc/%d/cwd/secret" % other.pid, at("/l4"))
libc.link(b"/proc/%d/root" % other.pid + at("/secret"), at("/l5"))
os.chdir(folder + "/links")
libc.chmod(b"../to-secret", 0o600)
libc.utimensat(AT_FDCWD, b"../way/secret", None, 0)
os.mkdir(folder + "/jail")
sys.stdin.readline()  # its root is asked for until here
libc.chroot(b"../way/jail")
sys.stdin.readline()
other.kill()
other.wait()
"""


def named(results, folder):
    """Calls that only name a file, by links and by what /proc has of other processes."""
    with live.Agent(text=[NAMED.format(f=folder)], options=["metadata.wait=0s", *live.LARGE_RINGS]) as agent:
        with subprocess.Popen([sys.executable, "-c", NAMING, folder], stdin=subprocess.PIPE, text=True) as process:
            for last in ("utimensat", "chroot"):
                agent.wait_for(lambda r, last=last: r.get("rule") == "Secret Named" and r["output"].startswith(last), last)
                process.stdin.write("go on\n")
                process.stdin.flush()
            process.communicate()
            results.equal(process.returncode, 0, "status of who named the secret")
        agent.sentinel()
        agent.stop()
    told = [re.sub("/proc/[0-9]+/", "/proc/N/", r["output"]) for r in agent.of_rule("Secret Named")]
    results.equal(told, [line.format(f=folder) for line in (
        "link <NA> {f}/way/secret", "linkat <NA> {f}/to-secret", "link <NA> /proc/N/cwd/secret",
        "link <NA> /proc/N/root{f}/secret", "chmod ../to-secret <NA>", "utimensat ../way/secret <NA>", "chroot <NA> <NA>")],
                  "what led to the secret")


class Maps:
    """Maps of the kernel's programs, as the kernel has them."""
    GET_NEXT_KEY, DELETE, NEXT_ID, FD_BY_ID, INFO = 4, 3, 12, 14, 15

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)

    def _bpf(self, command, *parts):
        attr = ctypes.create_string_buffer(struct.pack(*parts), 128)
        return self.libc.syscall(321, command, attr, 128), attr.raw

    def named(self, name):
        """Ids of all with this name."""
        found, at = set(), 0
        while True:
            status, attr = self._bpf(self.NEXT_ID, "II", at, 0)
            if status < 0:
                return found
            at = struct.unpack_from("I", attr, 4)[0]
            fd = self._bpf(self.FD_BY_ID, "I", at)[0]
            if fd < 0:
                continue  # gone meanwhile
            info = ctypes.create_string_buffer(128)
            self._bpf(self.INFO, "IIQ", fd, 128, ctypes.addressof(info))
            os.close(fd)
            if info.raw[24:40].rstrip(b"\0").decode() == name:
                found.add(at)

    def empty(self, at):
        """Takes all out; how many there were."""
        fd, count = self._bpf(self.FD_BY_ID, "I", at)[0], 0
        key = ctypes.create_string_buffer(64)
        while self._bpf(self.GET_NEXT_KEY, "IIQQ", fd, 0, 0, ctypes.addressof(key))[0] == 0:
            self._bpf(self.DELETE, "IIQ", fd, 0, ctypes.addressof(key))
            count += 1
        os.close(fd)
        return count


def planted(results, folder):
    """A plan that leaves out what a rule matches, as the names it asks for are taken away behind its back: a sample finds it."""
    text = PLANTED.format(f=folder)
    path, opens = folder + "/sampled", 400
    with open(path, "w", encoding="ascii"):
        pass
    maps = Maps()
    before = maps.named("names")
    with live.Agent(text=[text], options=["metadata.wait=0s", "plan.verify=1/10", *live.LARGE_RINGS]) as agent:
        def look(count):
            for _ in range(count):
                os.close(os.open(path, os.O_RDONLY))
            agent.sentinel()
        look(3)
        results.equal(len(agent.of_rule("Sampled")), 3, "the plan as it is")
        taken = [maps.empty(at) for at in maps.named("names") - before]
        results.expect(len(taken) == 1 and taken[0] > 0, "the names of the plan: %r" % taken)
        look(opens)
        agent.stop()
    told = len(agent.of_rule("Sampled")) - 3
    said = [r["notice"]["message"] for r in agent.alerts if r.get("notice", {}).get("kind") == "plan_error"]
    results.expect(0 < told < opens / 2, "a sample of %d: %d" % (opens, told))
    results.equal(len(said), told, "each of them is said to be an error of the plan")
    for part in ("rule 'Sampled'", "event openat of '%s'" % path, "by 'python3' (pid %d)" % os.getpid(), "plan.enabled=false"):
        results.expect(all(part in s for s in said), "what is said of it: %r lacks %r" % (said[:1], part))
    results.expect(any(said[0] in line for line in agent.log) if said else False, "it is in the agent's log as well")


def statistics(results, folder):
    path = folder + "/rules.yaml"
    with open(path, "w", encoding="ascii") as file:
        file.write(RULES.format(f=folder))
    watcher = subprocess.Popen([live.find_binary(), "plan", "-r", path, "--stats", "1h", "--format", "json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in watcher.stderr:
        if "armed" in line:
            break
    for _ in range(100):
        os.close(os.open(folder + "/other", os.O_RDONLY))
        os.close(os.open(folder + "/secret", os.O_RDONLY))
    watcher.send_signal(signal.SIGINT)  # its time is over
    out, _ = watcher.communicate(timeout=live.PATIENCE)
    results.equal(watcher.returncode, 0, "status of gyr plan --stats")
    events = {e["event"]: e for e in json.loads(out)["statistics"]}
    opens = events.get("openat", {})
    results.expect(opens.get("told", 0) >= 100, "opens that were told: %r" % opens)
    results.expect(opens.get("stopped", 0) >= 100, "opens that were stopped: %r" % opens)
    met = sum(c["met"] for c in opens.get("clauses", []))
    results.expect(met >= opens.get("told", 0), "each that was told met a clause: %r" % opens)


def exact_statistics(results, folder):
    path = folder + "/counted.yaml"
    with open(path, "w", encoding="ascii") as file:
        file.write(COUNTED)
    watcher = subprocess.Popen([live.find_binary(), "plan", "-r", path, "--stats", "1h", "--format", "json"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in watcher.stderr:
        if "armed" in line:
            break
    live.check([sys.executable, "-c", COUNTED_CALLS])
    watcher.send_signal(signal.SIGINT)
    out, _ = watcher.communicate(timeout=live.PATIENCE)
    events = {e["event"]: e for e in json.loads(out)["statistics"]}
    taken, refused = events["pidfd_getfd"], events["userfaultfd"]
    results.equal((taken["told"], taken["stopped"]), (7, 3), "calls of which the successful ones are wanted")
    results.equal([(c["met"], c["not_met"]) for c in taken["clauses"]], [(7, 3)], "by their clause")
    results.equal((refused["told"], refused["stopped"]), (5, 0), "calls of which the failed ones are wanted")
    results.equal([(c["met"], c["not_met"]) for c in refused["clauses"]], [(5, 0)], "by their clause")


def doctor(results):
    done = live.run([live.find_binary(), "doctor", "--format", "json"])
    checks = {c["name"]: c["ok"] for c in json.loads(done.stdout.splitlines()[0])["checks"]}
    for hook in ("sys_enter", "sys_exit", "inet_sock_set_state", "io_uring_submit_req", "signal_deliver"):
        results.expect(checks.get(hook), "the doctor says that %s does not work here, and it does" % hook)
    # Where something is lacking, it names what is not seen for want of it.
    without = subprocess.run(["setpriv", "--bounding-set", "-bpf,-sys_admin,-perfmon", live.find_binary(), "doctor", "--format", "json"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    lost = {c["name"]: c["coverage_lost"] for c in json.loads(without.stdout)["checks"] if not c["ok"] and c["required"]}
    results.equal((without.returncode, lost), (3, {"privilege": "everything live", "hooks": "everything live"}),
                  "the doctor's word where programs cannot be loaded")


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-plan-")
    try:
        identities(results, folder)
        standing(results, folder)
        named(results, folder)
        planted(results, folder)
        statistics(results, folder)
        exact_statistics(results, folder)
        doctor(results)
    finally:
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
