#!/usr/bin/env python3
"""Random rules over random real actions, every other round in a container: whatever the kernel leaves out is sent all the
same (plan.verify 1/1), and none of it may match. A plan is of all rules together, and one rule that needs every event of a
type hides what the others' clauses would do; so there are many rounds of few rules each, loaded one after the other into
the same agent.

    plan_random.py [SEED [ROUNDS]]     both printed, so that a run can be repeated; GYR_EQUIVALENCE=all: many more rounds"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402
import workload  # noqa: E402

ROUNDS = 300 if os.environ.get("GYR_EQUIVALENCE") == "all" else 25
WORKLOAD = os.path.join(live.ROOT, "tests/support/workload.py")
TYPES = {
    "open": ["open", "openat", "openat2", "creat", "open_by_handle_at"],
    "connect": ["connect"],
    "server": ["accept", "accept4", "bind", "listen"],
    "send": ["sendto", "sendmsg"],
    "receive": ["recvfrom", "recvmsg"],
    "io": ["read", "write", "readv", "writev", "pread", "pwrite", "preadv2", "pwritev2"],
    "metadata": ["fstat", "fchmod", "fchown", "fchdir", "flock", "fcntl", "dup", "dup2", "dup3", "close", "lseek"],
    "names": ["rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "mkdir", "mkdirat",
              "rmdir", "chmod", "fchmodat"],
    "socket": ["socket", "socketpair", "shutdown", "getsockopt", "setsockopt"],
    "other": ["memfd_create", "pipe", "pipe2", "mount", "umount2", "unshare", "setns", "ptrace", "prctl", "setuid"],
}
CONTAINER = "c0" + "7" * 62
# What the kernel can ask comes often: one rule that it cannot ask anything of hides the others of the type.
TEXT = ["=", "in", "startswith", "endswith", "glob", "pmatch"] * 4 + ["!=", "contains", "icontains", "iglob", "regex", "exists"]
NUMBER = ["=", "in"] * 3 + ["!=", "<", "<=", ">", ">="]
PATHS = ["fd.name", "fd.directory", "fd.filename", "fd.nameraw", "tolower(fd.name)", "basename(fd.name)", "fs.path.name"]


class Values:
    """What fields can be compared with: pieces of what the workload really does, and some of it bent."""

    def __init__(self, rng, folder, port):
        self.rng, self.port = rng, port
        base = os.path.basename(folder)
        self.paths = [folder + "/secret", folder + "/sub/secret", folder + "/sub", folder, "/etc/shadow", "/etc/passwd", "/etc", "/",
                      "/tmp", "/proc/self/status", "/dev/null", folder + "/sub/deep.conf", folder + "/created", folder + "/linked",
                      folder + "/hard", folder + "/alias", folder + "/odd\\xff\\x01", folder + "/Gro\u00df-\u00e9", "memfd:gyr-plan",
                      folder + "/a-name-that-is-longer-than-thirty-one-bytes-by-some", folder + "/other/secret", "/secret", "/usr/bin/env",
                      folder + "/service.sock", "/anon_inode:inotify", "anon_inode:[eventfd]", folder + "/other", folder + "/r1", folder + "/one", folder + "/two", "/root/.ssh/id_rsa"]
        self.names = [os.path.basename(p) for p in self.paths if p != "/"] + [base, "etc", "passwd"]
        self.raw = ["..", "../", "./", "sub/../", "secret", "//"]

    def quoted(self, text):
        return '"%s"' % text.replace('"', '\\"')

    def path(self, op):
        rng = self.rng
        p = rng.choice(self.paths)
        if "\\x" in p:  # an escape is not to be cut in two
            return p
        if op == "startswith":
            return rng.choice([p, p + "/", p[:rng.randrange(1, len(p) + 1)], os.path.dirname(p), "/", os.path.dirname(p) + "/"])
        if op == "endswith":
            return rng.choice(["/" + rng.choice(self.names), rng.choice(self.names), p, p[rng.randrange(len(p)):], ".conf", "/"]) or "/"
        if op in ("glob", "iglob"):
            d, b = os.path.dirname(p), os.path.basename(p)
            return rng.choice([p, d + "/*", "*/" + b, d + "/?" + b[1:], p[:4] + "*", "*", "/*/" + b, d + "*/" + b, "*" + b, d + "/[s-t]*",
                               "/[a-z]*/" + b, d.upper() + "/" + b])
        if op in ("contains", "icontains"):
            return rng.choice(self.raw + self.names + [p])
        if op == "regex":
            return rng.choice(["^/etc/.*", ".*secret$", "^/tmp/.*", ".*", "^$", "/[a-z]+/passwd"])
        return rng.choice([p, p, p, p + "/", p.replace("/", "//"), p.upper(), rng.choice(self.names), "", os.path.dirname(p)])

    def text_check(self, field):
        rng = self.rng
        op = rng.choice(TEXT)
        if "(" in field and op == "exists":
            op = "contains"
        if op == "exists":
            return "%s exists" % field
        if op in ("in", "pmatch") and rng.random() < .1:
            op = rng.choice(["= oneof", "= anyof", "startswith anyof", "endswith allof", "intersects"])
        if op in ("in", "pmatch", "intersects") or "of" in op:
            return "%s %s (%s)" % (field, op, ", ".join(self.quoted(self.path(op.split()[0])) for _ in range(rng.randrange(1, 4))))
        return "%s %s %s" % (field, op, self.quoted(self.path(op)))

    def number_check(self, field, values):
        op = self.rng.choice(NUMBER)
        if op == "in":
            return "%s in (%s)" % (field, ", ".join(str(self.rng.choice(values)) for _ in range(self.rng.randrange(1, 3))))
        return "%s %s %s" % (field, op, self.rng.choice(values))

    def end_check(self):
        rng = self.rng
        kind = rng.randrange(3)
        who = rng.choice("sr cl ").strip()
        if kind == 0:
            return self.number_check("fd.%sport" % who, [self.port, 9, 9, 9, 0, 443])
        op = rng.choice(["=", "=", "!=", "in", "in"])
        values = (["127.0.0.1"] * 3 + ["::1", "::1", "198.51.100.7", "::ffff:127.0.0.1", "0.0.0.0"] if kind == 1 else
                  ["127.0.0.0/8", "127.0.0.0/8", "10.0.0.0/8", "::/0", "198.51.100.0/24", "::1/128", "127.0.0.1/32"])
        field = "fd.%s%s" % (who, "ip" if kind == 1 else "net")
        some = [self.quoted(rng.choice(values)) for _ in range(rng.randrange(1, 3))]
        return "%s in (%s)" % (field, ", ".join(some)) if op == "in" else "%s %s %s" % (field, op, some[0])

    def result_check(self):
        rng = self.rng
        kind = rng.randrange(5)
        if kind == 0:
            return rng.choice(["evt.failed = true", "evt.failed = false", "evt.failed != true", "evt.failed != false"])
        if kind == 1:
            return self.number_check("evt.rawres", [0, -1, -2, 1, 3, -111, -115])
        if kind == 2:
            return self.number_check("fd.num", [0, -1, 3, 4, -2])
        op = rng.choice(["=", "!=", "in", "startswith", "contains"])
        values = ["SUCCESS", "ENOENT", "EACCES", "EINPROGRESS", "ECONNREFUSED", "E", "EAGAIN", "S"]
        some = [rng.choice(values) for _ in range(rng.randrange(1, 3))]
        return "evt.res in (%s)" % ", ".join(some) if op == "in" else "evt.res %s %s" % (op, some[0])

    def process_check(self):
        return self.rng.choice([
            "proc.name = cat", "proc.name != cat", "proc.name in (python3, bash)", "not proc.name in (python3, cat)", "proc.name = bash",
            "proc.name startswith python", "user.uid = 0", "user.uid != 0", "user.uid = 65534", "user.name = nobody", "proc.exepath startswith /usr",
            "proc.cmdline contains passwd", "proc.args contains shadow", "thread.tid != val(proc.pid)", "proc.name = renamed", "thread.tid > 0",
            "proc.pname startswith python", "proc.exe endswith cat", "proc.env[GYR_NONE] = x", "tolower(proc.name) = cat",
            "proc.name = val(proc.pname)", "proc.is_exe_writable = true", "proc.cmdnargs > 1", "proc.pid = 1", "not proc.pid = 1",
            "proc.aname in (bash)", "user.euid = 65534", "user.uid = 1000", "proc.name = first", "proc.name = second", "proc.script exists",
            "proc.exepath = val(proc.pexepath)", "proc.tty = 0", "proc.name = val(proc.exe)"])

    def check(self, group):
        rng = self.rng
        likely = {"open": 0, "metadata": 0, "io": rng.choice([0, 1]), "connect": 1, "server": 1, "send": 1, "receive": 1, "socket": 1,
                  "names": 2}.get(group, 3)
        pick = likely if rng.random() < .7 else rng.randrange(6)
        if pick == 0 and group in ("open", "io", "metadata") and rng.random() < .3:
            pick = 4
        if pick == 0:
            return self.text_check(rng.choice(PATHS[:1] * 3 + PATHS))
        if pick == 1 and rng.random() < .2:
            return rng.choice(["fd.l4proto = udp", "fd.l4proto = tcp", "fd.l4proto in (tcp, udp)", "fd.l4proto != tcp", "not fd.l4proto = udp"])
        if pick == 1:
            return self.end_check() if rng.random() < .7 else self.number_check("fd.type", ["ipv4", "ipv6", "unix", "file", "pipe"]).replace(
                "<=", "=").replace(">=", "=").replace("<", "=").replace(">", "=")
        if pick == 2:
            return self.result_check()
        if pick == 3:
            return self.process_check()
        if pick == 4:
            return rng.choice(["evt.is_open_read = true", "evt.is_open_write = true", "evt.is_open_read = false", "evt.is_open_exec = true",
                               "evt.is_open_create = true", "evt.is_open_write != true", "fd.typechar in (4, 6)", "fd.typechar = f",
                               "fd.typechar != 4", "fd.l4proto = udp", "fd.sockfamily = ip", "fd.is_server = true", "evt.is_open_read in (true)",
                               "fd.type in (inotify, event)", "fd.l4proto = icmp", "fd.l4proto = raw", "fd.name = val(fd.nameraw)",
                               "fd.num = val(evt.rawres)", "fd.directory = val(proc.cwd)", "fd.type = memfd"])
        if rng.random() < .4:
            return rng.choice(["container.id = " + CONTAINER[:12], "container.id != " + CONTAINER[:12], "container.id startswith c0",
                               "container.id in (host, %s)" % CONTAINER[:12], "container.image = none", "container.name = none",
                               "not container.image exists", "container.privileged = true", "container.full_id = " + CONTAINER])
        return rng.choice(["container.id != host", "container.id = host", "not container.id = host", "container.id in (host)", "container",
                           "fd.nameraw contains ..", "fd.nameraw contains /../", "user.uid > 0", "evt.rawres exists", "fd.name exists"])

    def tree(self, group, depth=2):
        rng = self.rng
        if depth == 0 or rng.random() < .7:
            check = self.check(group)
            return "not %s" % check if rng.random() < .1 else check
        word = " and " if rng.random() < .75 else " or "
        text = "(%s)" % word.join(self.tree(group, depth - 1) for _ in range(2))
        return "not " + text if rng.random() < .08 else text

    def rules(self):
        out = []
        for group in sorted(TYPES):
            some = self.rng.sample(TYPES[group], self.rng.randrange(1, len(TYPES[group]) + 1))
            for _ in range(self.rng.choice([1, 1, 1, 2, 3])):
                kind = self.rng.choice(["evt.type in (%s)"] * 6 + ["evt.dir = < and evt.type in (%s)", "(evt.type in (%s) or evt.type = chroot)"])
                out.append("%s and %s" % (kind % ", ".join(some), self.tree(group)))
        return out

    def exception(self):
        """What a rule leaves out all the same, sometimes."""
        if self.rng.random() < .9:
            return ""
        fields, values = self.rng.choice([("[proc.name, fd.directory]", '[cat, "%s"]' % os.path.dirname(self.rng.choice(self.paths[:5]))),
                                          ("[fd.name, evt.res]", '["%s", SUCCESS]' % self.paths[0]), ("[container.id, user.uid]", "[host, 0]")])
        return "  exceptions:\n    - name: known\n      fields: %s\n      values:\n        - %s\n" % (fields, values)


class Container:
    """A cgroup that is called like a container's, below the old memory hierarchy where there is one."""

    def __enter__(self):
        top = "/sys/fs/cgroup/memory" if os.path.isdir("/sys/fs/cgroup/memory") else "/sys/fs/cgroup"
        self.path = "%s/docker/%s" % (top, CONTAINER)
        try:
            os.makedirs(self.path, exist_ok=True)
        except OSError as error:
            live.skip("cannot make a cgroup: %s" % error)
        return self

    def __exit__(self, *_):
        os.rmdir(self.path)

    def wrapped(self, argv):
        """In namespaces of its own too, as containers are."""
        return ["sh", "-c", 'echo $$ > %s/cgroup.procs && exec unshare -mpf "$@"' % self.path, "sh"] + argv


def rule_file(conditions, exception=lambda: ""):
    return "".join("- rule: R%d\n  desc: >\n    x\n  condition: >\n    (%s) and proc.env[GYR_RANDOM]=yes\n  output: \"%%evt.type %%evt.res "
                   "%%fd.name %%fd.nameraw %%proc.name\"\n  priority: INFO\n%s" % (i, c, exception()) for i, c in enumerate(conditions))


def main():
    live.require_root()
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 30)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    print("seed %d, %d rounds" % (seed, rounds), flush=True)
    rng, results = random.Random(seed), live.Results()
    evader = os.path.join(os.path.dirname(live.find_actor()), "evader")
    folder = tempfile.mkdtemp(prefix="gyr-random-")
    rules = folder + "/rules.yaml"
    alerted = 0
    try:
        with open(rules, "w", encoding="utf-8") as file:
            file.write(rule_file(["evt.type = chroot"]))
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as server, \
                Container() as container, \
                live.Agent(rules=[rules], options=["plan.verify=1/1", "metadata.wait=0s", "watch=false", *live.LARGE_RINGS]) as agent:
            port = server.getsockname()[1]
            for number in range(rounds):
                place = "%s/w%d" % (folder, number)
                os.mkdir(place)
                workload.prepare(place)
                values = Values(rng, place, port)
                conditions = values.rules()
                with open(rules, "w", encoding="utf-8") as file:
                    file.write(rule_file(conditions, values.exception))
                before = len(agent.alerts)
                agent.process.send_signal(signal.SIGHUP)
                told = agent.wait_for_next(before, lambda r: r.get("notice", {}).get("kind") in ("reload", "reload_failed"))
                if not results.expect(told["notice"]["kind"] == "reload", "round %d: %s\n%s" % (number, told["notice"], conditions)):
                    continue
                argv = [sys.executable, WORKLOAD, place, str(port), str(rng.randrange(1 << 30)), "150"]
                work = subprocess.run(container.wrapped(argv) if number % 2 else argv, start_new_session=True,
                                      stdout=subprocess.DEVNULL, env=dict(os.environ, GYR_RANDOM="yes", GYR_EVADER=evader),
                                      timeout=live.PATIENCE, check=False)
                results.equal(work.returncode, 0, "round %d: status of the workload" % number)
                agent.sentinel()
                news = agent.alerts[before:]
                alerted += len({r["rule"] for r in news if r.get("rule", "").startswith("R")})
                errors = [r["notice"]["message"] for r in news if r.get("notice", {}).get("kind") == "plan_error"]
                wrong = {m.partition("rule '")[2].partition("'")[0]: m for m in errors}  # one of each rule
                for rule, message in sorted(wrong.items()):
                    examples = [r["output"] for r in news if r.get("rule") == rule][:4]
                    results.expect(False, "round %d: %s\n  %s\n  of: %r" % (number, message, conditions[int(rule[1:])], examples))
                results.expect(not wrong, "round %d" % number)
                shutil.rmtree(place, ignore_errors=True)
            agent.stop()
            results.equal([r for r in agent.alerts if "gap" in r], [], "gaps")
        print("%d rules that were true in their round" % alerted)
        results.expect(alerted > rounds, "too few rules ever matched: %d" % alerted)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
