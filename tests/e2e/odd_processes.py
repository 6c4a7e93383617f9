#!/usr/bin/env python3
"""Processes that lie, hurry or look strange: every one is reported as what it is, as one valid JSON line.

Expected values come from what the test itself passed to execve, and from what the process says of itself."""

import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULES = """
- rule: Odd
  desc: Every program image of a case.
  condition: proc.env[GYR_ODD] != ""
  output: >
    case=%proc.env[GYR_ODD] %proc.name %proc.exe %proc.exepath %proc.cmdline %proc.args %proc.pid %proc.ppid %proc.pname
    %proc.cwd %proc.cmdnargs %proc.vpid %thread.tid %proc.is_exe_from_memfd %user.uid
  priority: INFO
- rule: Renamed
  desc: A process that changed its name.
  condition: proc.name = gyr-renamed and proc.env[GYR_ODD] != ""
  output: case=%proc.env[GYR_ODD] %proc.name %proc.exepath
  priority: INFO
- rule: Became User
  desc: A process that became another user without an exec.
  condition: user.uid = 4242 and proc.env[GYR_ODD] != ""
  output: case=%proc.env[GYR_ODD] %user.uid
  priority: INFO
- rule: By Raw Bytes
  desc: String operators work on the bytes, whatever they are.
  condition: >
    proc.env[GYR_ODD] != "" and proc.name startswith "gyr" and proc.name endswith "bin" and proc.name contains "odd" and
    proc.name glob "gyr*bin" and proc.exepath contains "odd"
  output: case=%proc.env[GYR_ODD] %proc.name
  priority: INFO
- rule: Both Ends
  desc: The union of two event types.
  condition: evt.type in (execve, procexit) and proc.env[GYR_ODD] = "union"
  output: case=%proc.env[GYR_ODD] %evt.type %proc.pid
  priority: INFO
- rule: Same Event, Lower Priority
  desc: Stands before another rule for the same event.
  condition: spawned_process and proc.env[GYR_ODD] = "shadow"
  output: case=%proc.env[GYR_ODD]
  priority: DEBUG
- rule: Same Event, Higher Priority
  desc: Must not be hidden by the rule before it.
  condition: spawned_process and proc.env[GYR_ODD] = "shadow"
  output: case=%proc.env[GYR_ODD]
  priority: CRITICAL
"""


class Bench:
    def __init__(self, agent, results, folder):
        self.agent, self.results, self.folder = agent, results, folder
        self.actor = live.find_actor()

    def perform(self, name, argv, executable=None, cwd=None, status=0, extra=None):
        """Runs argv (bytes or text) under the case's name; returns what it printed."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "GYR_ODD": name, **(extra or {})}
        done = live.subprocess.run(argv, executable=executable, env=environment, cwd=cwd, stdin=live.subprocess.DEVNULL,
                                   stdout=live.subprocess.PIPE, stderr=live.subprocess.STDOUT, timeout=live.PATIENCE)
        self.results.expect(done.returncode == status,
                            "%s: status %d: %r" % (name, done.returncode, done.stdout[-300:]))
        return done.stdout

    def fields(self, name, rule="Odd"):
        self.agent.sentinel()
        return [r["output_fields"] for r in self.agent.of_rule(rule)
                if r["output_fields"].get("proc.env[GYR_ODD]") == name]

    def one(self, name, rule="Odd"):
        found = self.fields(name, rule)
        if not self.results.equal(len(found), 1, "%s: alerts of %s" % (name, rule)):
            return found[-1] if found else {}
        return found[0]

    def expect(self, name, fields, **wanted):
        for key, value in wanted.items():
            key = key.replace("__", ".")
            self.results.equal(fields.get(key), value, "%s: %s" % (name, key))


def arguments(b):
    many = ["/bin/true"] + ["argument-%d" % i for i in range(2000)]
    b.perform("many", many)
    b.expect("many", b.one("many"), proc__cmdline=" ".join(["true"] + many[1:]), proc__cmdnargs=2000,
             proc__args=" ".join(many[1:]))

    strange = [b"line\nbreak", b'double " quote', b"single ' quote", b"back\\slash", b"esc \x1b[2J\x1b]0;title\x07",
               b"bad utf-8 \xff\xfe end", b"tab\there", b"", b"\x01\x02\x7f", b"\xe2\x80\xae rtl", b"caf\xc3\xa9",
               b"</script>", b'","rule":"forged', b"\r"]
    b.perform("strange", [b"/bin/true"] + strange)
    b.expect("strange", b.one("strange"), proc__args=b" ".join(strange).decode("utf-8", "replace"),
             proc__cmdnargs=len(strange))

    long = ["x" * 60000, "needle-in-the-middle", "y" * 60000, "payload-at-the-end"]
    b.perform("long", ["/bin/true"] + long)
    b.expect("long", b.one("long"), proc__args=" ".join(long))

    # Beyond 128 KiB head and tail stay, and nothing pretends to be complete.
    huge = ["first"] + ["z" * 100000] * 4 + ["last"]
    b.perform("huge", ["/bin/true"] + huge)
    fields = b.one("huge")
    args = fields.get("proc.args") or ""
    b.results.expect(args.startswith("first zzz") and args.endswith("zzz last"), "huge: head and tail are kept")
    b.results.expect(100000 < len(args) < len(" ".join(huge)), "huge: %d bytes of arguments are kept" % len(args))


def names(b):
    true_path = os.path.realpath("/bin/true")
    b.perform("exec -a", ["fake name"], executable="/bin/true")
    b.expect("exec -a", b.one("exec -a"), proc__name="true", proc__exe="fake name", proc__exepath=true_path)

    b.perform("empty argv[0]", [""], executable="/bin/true")
    b.expect("empty argv[0]", b.one("empty argv[0]"), proc__name="true", proc__exe="", proc__exepath=true_path)

    link = b.folder + "/systemd-logind"
    os.symlink("/bin/true", link)
    b.perform("link", [link])
    b.expect("link", b.one("link"), proc__name="systemd-logind", proc__exepath=true_path, proc__exe=link)

    copy = b.folder + "/sshd"
    shutil.copy(b.actor, copy)
    b.perform("copy", [copy])
    b.expect("copy", b.one("copy"), proc__name="sshd", proc__exepath=copy)

    b.perform("rename", [b.actor, "name", "gyr-renamed"])
    b.expect("rename", b.one("rename"), proc__name="actor", proc__exepath=b.actor)
    b.expect("rename", b.one("rename", "Renamed"), proc__name="gyr-renamed", proc__exepath=b.actor)

    b.perform("setuid", [b.actor, "user", "4242"])
    b.expect("setuid", b.one("setuid", "Became User"), user__uid=4242)

    script = b.folder + "/script.sh"
    with open(script, "w", encoding="ascii") as file:
        file.write("#!/bin/sh -e\n:\n")
    os.chmod(script, 0o755)
    b.perform("script", [script, "argument"])
    b.expect("script", b.one("script"), proc__name="script.sh", proc__exepath=os.path.realpath("/bin/sh"),
             proc__args="-e %s argument" % script)

    raw = b.folder.encode() + b"/gyr\xff\x01odd-bin"
    shutil.copy(b.actor, raw)
    b.perform("raw", [raw])
    b.expect("raw", b.one("raw", "By Raw Bytes"), proc__name="gyr\ufffd\x01odd-bin")
    b.expect("raw", b.one("raw"), proc__exepath=raw.decode("utf-8", "replace"))

    deep = b.folder
    fd = os.open(deep, os.O_RDONLY)
    while len(deep) < 3800:  # mkdir and chdir by descriptor: the whole path is close to what the kernel takes
        part = "d" * 20
        os.mkdir(part, dir_fd=fd)
        inner = os.open(part, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd, deep = inner, deep + "/" + part
    os.close(fd)
    shutil.copy(b.actor, deep + "/program")
    b.perform("deep", [deep + "/program"])
    b.expect("deep", b.one("deep"), proc__exepath=deep + "/program", proc__name="program")


def ways_to_run(b):
    true_path = os.path.realpath("/bin/true")
    for verb in ("spawn", "vfork", "orphan"):
        b.perform(verb, [b.actor, verb, "/bin/sh", "-c", "exit 0"], status=0)
        found = b.fields(verb)
        b.results.equal([f["proc.name"] for f in found], ["actor", "sh"], verb + ": images")

    said = b.perform("parents", [b.actor, "orphan", "/bin/sh", "-c", "echo $PPID"])
    found = [f for f in b.fields("parents") if f["proc.name"] == "sh"]
    b.results.equal([f["proc.ppid"] for f in found], [int(said)], "parents: ppid after the parent has gone")

    b.perform("thread", [b.actor, "thread", "/bin/true"])
    found = b.fields("thread")
    b.results.equal([f["proc.name"] for f in found], ["actor", "true"], "thread: images")
    b.results.equal(len({f["proc.pid"] for f in found}), 1, "thread: it stays one process")
    if len(found) == 2:
        b.expect("thread", found[1], proc__exepath=true_path)

    b.perform("no fork", ["/bin/sh", "-c", "exec /bin/true"])
    found = b.fields("no fork")
    b.results.equal([f["proc.name"] for f in found], ["sh", "true"], "no fork: images")
    b.results.equal(len({f["proc.pid"] for f in found}), 1, "no fork: pids")

    b.perform("no exec", ["/bin/sh", "-c", "(:); (:); (:)"])
    b.results.equal([f["proc.name"] for f in b.fields("no exec")], ["sh"], "no exec: children are not new images")

    b.perform("by descriptor", [b.actor, "fd", "/bin/true"])
    found = b.fields("by descriptor")
    b.results.equal([f["proc.exepath"] for f in found], [b.actor, true_path], "by descriptor: executables")

    b.perform("memfd", [b.actor, "memfd", "hidden", b.actor, "nothing"])
    found = b.fields("memfd")
    b.results.equal([f["proc.is_exe_from_memfd"] for f in found], [False, True], "memfd: marks")

    b.perform("deleted", [b.actor, "deleted", b.actor, "nothing"])
    found = b.fields("deleted")
    b.results.equal(len(found), 2, "deleted: images")

    b.perform("cwd", ["/bin/true"], cwd="/usr/share")
    b.expect("cwd", b.one("cwd"), proc__cwd="/usr/share/")

    said = b.perform("pid", ["/bin/sh", "-c", "echo $$"])
    b.expect("pid", b.one("pid"), proc__pid=int(said), proc__ppid=os.getpid())


def reused_pid(b):
    """Two programs under the same pid, one after the other: neither inherits anything of the other."""
    first, second = b.folder + "/first", b.folder + "/second"
    shutil.copy(b.actor, first)
    shutil.copy(b.actor, second)

    b.perform("namespace", [b.actor, "reuse", first, second])
    found = [f for f in b.fields("namespace") if f["proc.name"] != "actor"]
    b.results.equal([(f["proc.name"], f["proc.vpid"]) for f in found], [("first", 300), ("second", 300)],
                    "namespace: pids inside")

    def run_as(pid, path):
        """Runs path under this very pid; False when the number was taken away."""
        child = 0
        try:
            with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
                file.write(str(pid - 1))
            child = os.fork()
        except OSError:
            return False
        if child == 0:
            if os.getpid() == pid:
                os.execve(path, [path], {"GYR_ODD": "reuse"})
            os._exit(3)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    for _ in range(200):  # other programs fork as well
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        if run_as(pid, first) and run_as(pid, second):
            break
    else:
        b.results.expect(False, "reuse: the pid could not be had twice")
        return
    found = [f for f in b.fields("reuse") if f["proc.pid"] == pid]
    b.results.equal([(f["proc.name"], f["proc.exepath"]) for f in found], [("first", first), ("second", second)],
                    "reuse: programs of pid %d" % pid)


def rules_side_by_side(b):
    b.perform("union", ["/bin/true"])
    b.results.equal([f["evt.type"] for f in b.fields("union", "Both Ends")], ["execve", "procexit"], "union: event types")
    b.perform("shadow", ["/bin/true"])
    b.one("shadow", "Same Event, Lower Priority")
    b.one("shadow", "Same Event, Higher Priority")


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-odd-")
    try:
        with live.Agent(text=[RULES]) as agent:
            bench = Bench(agent, results, folder)
            for part in (arguments, names, ways_to_run, reused_pid, rules_side_by_side):
                part(bench)
            agent.stop()
            results.equal(agent.bad_lines, [], "lines that are not JSON")
            results.equal([r for r in agent.alerts if "gap" in r], [], "gap records")
    finally:
        live.check(["rm", "-rf", folder])
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
