#!/usr/bin/env python3
"""Attacks made to go unseen that need a count or a rule of their own (those of one step are in gyr simulate, with the
default rules). Each one: the effect really happened, as the kernel says, and the alerts name the true object, once each,
or a gap record tells what was not seen. The names are those of docs/evasions.md."""

import collections
import os
import random
import resource
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

ALL = os.environ.get("GYR_EVASIONS") == "all"
RULES = """
- list: opens
  items: [open, openat, openat2]
- rule: Secret Opened
  desc: Opened for reading, by whatever name.
  condition: evt.type in (opens) and evt.is_open_read = true and fd.name = {f}/secret and evt.failed = false
  output: "%fd.name %fd.ino"
  priority: NOTICE
- rule: Secret Read
  desc: Read, whoever opened it.
  condition: evt.type = read and fd.name = {f}/held and evt.rawres > 0
  output: "%fd.name creator=%fd.creator"
  priority: NOTICE
- rule: Held From Before
  desc: A process that was there before the agent.
  condition: proc.name = evader and proc.args startswith "hold"
  output: "%proc.cmdline"
  priority: NOTICE
- rule: Target Connected
  desc: The second port.
  condition: evt.type = connect and fd.sport = {b}
  output: "%fd.sport"
  priority: NOTICE
- rule: Target Run
  desc: The second program.
  condition: spawned_process and proc.exepath in ({f}/run-a, {f}/run-b)
  output: "%proc.exepath"
  priority: NOTICE
- rule: Ring Connected
  desc: The third port.
  condition: evt.type = connect and fd.sport = {c}
  output: "%fd.sip %fd.sport %proc.name"
  priority: NOTICE
- rule: Pipe Read
  desc: Read by whatever number.
  condition: evt.type = read and fd.name = {f}/fifo and evt.rawres > 0
  output: "%fd.name %fd.type"
  priority: NOTICE
- rule: Ring Table
  desc: Opened or read in the ring's own table of files.
  condition: evt.type in (openat, read) and fd.name = {f}/tabled and evt.rawres >= 0 and proc.name = evader
  output: "%evt.type %fd.name"
  priority: NOTICE
- rule: Waited For
  desc: The fourth port.
  condition: evt.type = connect and fd.sport = {d}
  output: "%fd.sip %fd.sport %evt.res"
  priority: NOTICE
- rule: Ring Spliced
  desc: Out of a file, by its number or its place in the ring's table.
  condition: evt.type = splice and fd.name = {f}/spliced and proc.name = evader
  output: "%fd.name"
  priority: NOTICE
- rule: Ring Sent
  desc: A datagram to the third port, whatever the socket is connected to.
  condition: evt.type in (sendto, sendmsg) and fd.sport = {c}
  output: "%evt.type %fd.sip %fd.sport"
  priority: NOTICE
- rule: Removed
  desc: The file is removed.
  condition: evt.type in (unlink, unlinkat) and fs.path.name = {f}/victim
  output: "%fs.path.name"
  priority: NOTICE
- rule: Renamed
  desc: The file is renamed.
  condition: evt.type in (rename, renameat, renameat2) and fs.path.source = {f}/old
  output: "%fs.path.source %fs.path.target"
  priority: NOTICE
- rule: Padded Command
  desc: A word at the end of a long command line.
  condition: spawned_process and proc.cmdline endswith the-payload
  output: "%proc.name"
  priority: NOTICE
- rule: Deep File
  desc: A file at the end of a long path.
  condition: evt.type in (opens) and fd.filename = deep-secret and evt.failed = false
  output: "%fd.name"
  priority: NOTICE
- rule: Came From
  desc: Programs of somebody who moves between cgroups.
  condition: spawned_process and proc.cmdline endswith came-from
  output: "%container.origin %container.id %container.moved"
  priority: NOTICE
- rule: Odd Name Opened
  desc: Bytes that are no text.
  condition: >
    evt.type in (opens) and evt.is_open_read = true and fd.name startswith {f}/odd and fd.name contains "\\xff\\x01" and
    fd.name endswith end and fd.name glob "{f}/odd*end" and fd.name in ({f}/none, "{f}/odd\\xff\\x01end", "{f}/odd\\xc0\\xaf\\xff\\x01end")
  output: "%fd.name"
  priority: NOTICE
- rule: Odd Name Run
  desc: Bytes that are no text.
  condition: spawned_process and proc.exepath startswith {f}/odd and proc.exepath contains "\\xff\\x01"
  output: "%proc.exepath"
  priority: NOTICE
"""


class Attack:
    """One folder, one agent; every attack adds what it expects, which is compared when the agent has ended."""

    def __init__(self, results, folder):
        self.results, self.folder = results, folder
        self.evader = os.path.join(os.path.dirname(live.find_actor()), "evader")
        self.expected = []  # (attack, rule, number of alerts, test of each alert's fields, or None)

    def run(self, what, *words, **options):
        done = subprocess.run([self.evader, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=live.PATIENCE * 2,
                              check=False, **options)
        if done.returncode == 122:
            print("left out: %s (%s)" % (what, done.stderr.decode(errors="replace").strip()))
            return None
        if not self.results.expect(done.returncode == 0, "%s: status %d: %s" % (what, done.returncode, done.stderr)):
            return None
        return done.stdout.decode(errors="replace")

    def is_connected(self, record):
        return record["output"] == "127.0.0.1 %d evader" % self.port

    def expect(self, what, rule, count, holds=None):
        self.expected.append((what, rule, count, holds))


def races(a, ports):
    f = a.folder
    happened = a.run("E1 path rewritten during the call", "race-open", f + "/public", f + "/secret", "100000" if ALL else "500")
    a.opened = int(happened or 0)
    a.results.expect(a.opened > 0, "E1: the race was never won; nothing was tested")
    happened = a.run("E1 address rewritten during the call", "race-connect", str(ports[0]), str(ports[1]), "500")
    a.results.expect(int(happened or 0) > 0, "E1: the race for the address was never won")
    a.expect("E1 address rewritten during the call", "Target Connected", int(happened or 0))
    told = a.run("E1 program rewritten during the call", "race-exec", f + "/run-a", f + "/run-b", "40") or ""
    a.run_as = {int(line.split()[0]): line.split()[1] for line in told.splitlines()}
    a.results.equal(len(a.run_as), 40, "E1: programs that ran")
    a.opened += int(a.run("E1 flags rewritten during the call", "race-how", f + "/secret", "5000") or 0)
    begun = a.run("E1 descriptor given to another file while it connects", "race-wait", str(ports[2]))
    a.expect("E1 descriptor given to another file while it connects", "Waited For", int(begun or 0))
    happened = a.run("E2 descriptor reused at once", "reuse", f, "secret", "/tmp", "50000" if ALL else "1000")
    a.opened += int(happened or 0)


def other_names(a):
    """E5 and E6: the file by another mount of its folder, and by links made before the agent and after."""
    f = a.folder
    os.mkdir(f + "/elsewhere")
    os.link(f + "/secret", f + "/late-link")
    for name in ("early-link", "late-link"):
        live.check(["cat", f + "/" + name])
    live.check(["unshare", "-m", "sh", "-c", "mount --bind '%s' '%s/elsewhere' && cat '%s/elsewhere/secret'" % (f, f, f)])
    live.check(["unshare", "-m", "sh", "-c", "mount --bind '%s/secret' '%s/public' && cat '%s/public'" % (f, f, f)])
    live.check(["chroot", "/", "cat", f + "/secret"])
    a.opened += 5


def overlays(a):
    """E5: the file below one of an overlay laid over its folder: alone, changed, copied up, through two, as the upper one."""
    f, t = a.folder, a.folder + "-layers"
    changed = "upperdir=%s/u,workdir=%s/w" % (t, t)
    over = "mount -t overlay -o xino=off,%s x '%s/%s'"
    ways = {
        "lower only": [over % ("lowerdir=%s:%s/e" % (f, t), t, "m"), "cat '%s/m/secret'" % t],
        "with an upper layer": [over % ("lowerdir=%s,%s" % (f, changed), t, "m"), "cat '%s/m/secret'" % t],
        "copied up": [over % ("lowerdir=%s,%s" % (f, changed), t, "m"), "exec 3<>'%s/m/secret'" % t, "cat <&3"],
        "two of them": [over % ("lowerdir=%s:%s/e" % (f, t), t, "m"), over % ("lowerdir=%s/m:%s/e" % (t, t), t, "n"),
                        "cat '%s/n/secret'" % t],
        "two of them, copied up": [over % ("lowerdir=%s:%s/e" % (f, t), t, "m"), over % ("lowerdir=%s/m,%s" % (t, changed), t, "n"),
                                   "exec 3<>'%s/n/secret'" % t, "cat <&3"],
    }
    os.mkdir(t)
    try:
        for way, lines in ways.items():
            lines = ["mount -t tmpfs x '%s'" % t, "cd '%s' && mkdir e m n u w && cd /" % t, *lines]
            read = live.check(["unshare", "-m", "sh", "-ec", "\n".join(lines)])
            a.results.equal(read, "secret", "E5 an overlay, %s: what was read" % way)
            a.opened += 1
    finally:
        os.rmdir(t)


def side_doors(a):
    f = a.folder
    for what, words in (("E11 int 0x80", ("int80", f + "/secret")), ("E12 io_uring", ("uring", "open", f + "/secret")),
                        ("E12 io_uring, polled", ("uring", "open", f + "/secret", "poll")),
                        ("E12 io_uring, one of many", ("uring-crowd", f + "/secret"))):
        a.opened += 1 if a.run(what, *words) is not None else 0
    for poll in ((), ("poll",)):
        for name, rule in (("victim", "Removed"), ("old", "Renamed")):
            with open(f + "/" + name, "w", encoding="ascii") as file:
                file.write("x")
            words = ("remove", f + "/victim") if rule == "Removed" else ("rename", f + "/old", f + "/new")
            if a.run("E12 io_uring " + words[0], "uring", *words, *poll) is not None:
                a.expect("E12 io_uring " + words[0], rule, 2)
    with socket.create_server(("127.0.0.1", a.port)) as server:
        for poll in ((), ("poll",)):
            if a.run("E12 io_uring connect", "uring", "connect", str(a.port), *poll) is not None:
                a.expect("E12 io_uring connect", "Ring Connected", 2, a.is_connected)
                server.accept()[0].close()  # it did connect
    os.mkfifo(f + "/fifo")
    if a.run("E12 io_uring, the number reused", "uring-reuse", f + "/fifo") is not None:
        a.expect("E12 io_uring, the number reused", "Pipe Read", 1, lambda r: r["output"] == f + "/fifo pipe")
    with open(f + "/tabled", "w", encoding="ascii") as file:
        file.write("x")
    os.symlink("tabled", f + "/tabled-link")
    if a.run("E12 io_uring, its own table", "uring-table", f + "/tabled-link") is not None:
        a.expect("E12 io_uring, its own table", "Ring Table", 2, lambda r: r["output"].split()[1] == f + "/tabled")
    shutil.copy(f + "/tabled", f + "/spliced")
    for poll in ((), ("poll",)):
        spliced = a.run("E12 io_uring, splice", "uring", "splice", f + "/spliced", *poll)
        a.expect("E12 io_uring, splice", "Ring Spliced", 2 * int(spliced or 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", a.port))
        receiver.setblocking(False)
        for poll in ((), ("poll",)):
            a.run("E12 io_uring, datagrams", "uring", "send", str(a.port), *poll)
        arrived = 0  # all of them, as the other end is on the same host
        try:
            while receiver.recv(10):
                arrived += 1
        except BlockingIOError:
            pass
        a.results.expect(arrived > 0, "E12: io_uring sent no datagram")
        a.expect("E12 io_uring, datagrams", "Ring Sent", arrived, lambda r: r["output"].endswith(" 127.0.0.1 %d" % a.port))
    a.expected = list(dict.fromkeys(a.expected))  # both ways of one are one expectation


def most_processes():
    """As many as evasions are told of with, or as this machine can have beside its own."""
    if not ALL:
        return 3000
    limits = [resource.getrlimit(resource.RLIMIT_NPROC)[0]]
    for name in ("pid_max", "threads-max"):
        with open("/proc/sys/kernel/" + name, encoding="ascii") as file:
            limits.append(int(file.read()))
    return min([300000] + [limit * 3 // 4 for limit in limits if limit > 0])


def crowds(a):
    count = most_processes()
    print("E14: %d processes alive" % count)
    if a.run("E14 many processes", "crowd", str(count), a.folder + "/secret") is not None:
        a.opened += 1


def exhausted(results, folder):
    """E14: the table of processes has little room; what one of them does is told as it is, or a gap says that it may not be."""
    evader = os.path.join(os.path.dirname(live.find_actor()), "evader")
    with live.Agent(text=[RULES.format(f=folder, b=1, c=1, d=1)], options=["state.memory=1MiB"]) as agent:
        done = subprocess.run([evader, "crowd", str(max(8000, most_processes())), folder + "/secret"], stdout=subprocess.PIPE, check=False,
                              timeout=live.PATIENCE * 5)
        results.equal(done.returncode, 0, "E14: the crowd")
        agent.sentinel_after_loss()
        agent.stop()
        found = [r["proc"]["pid"] for r in agent.of_rule("Secret Opened")]
        gaps = [r["gap"] for r in agent.alerts if "gap" in r]
        results.expect(found == [int(done.stdout)] or gaps, "E14: who opened the file, with a table that is too small: %r" % found)
        print("E14, 1 MiB of state: %s, %d gaps" % ("seen" if found else "not seen", len(gaps)))


def lengths(a):
    live.check(["/bin/sh", "-c", ": a"] + ["x" * 1000] * 64 + ["the-payload"])
    a.expect("E15 a word behind 64 KiB of arguments", "Padded Command", 1)
    here = os.open(a.folder, os.O_PATH)
    depth = 0
    while depth < 18:  # names of 200 bytes: a path of about 3,700
        name = "d" * 200
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_PATH, dir_fd=here)
        os.close(here)
        here = below
        depth += 1
    os.close(os.open("deep-secret", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=here))
    path = a.folder + "/" + ("d" * 200 + "/") * depth + "deep-secret"
    os.close(os.open(path, os.O_RDONLY))
    os.close(here)
    many = a.folder + "/" + "c" * 9  # and one of 200 components
    for _ in range(200):
        os.mkdir(many)
        many += "/" + "c" * 9
    many = many[:-10] + "/deep-secret"
    os.close(os.open(many, os.O_CREAT | os.O_WRONLY, 0o644))
    a.expect("E15 long paths", "Deep File", 3, lambda r: r["output_fields"]["fd.name"] in (path, many))


def odd_names(a):
    base = os.fsencode(a.folder)
    for name in (b"/odd\xff\x01end", b"/odd\xc0\xaf\xff\x01end"):  # the second begins with a slash that is spelled too long
        shutil.copy(a.evader, base + name)
        os.close(os.open(base + name, os.O_RDONLY))
        subprocess.run([base + name, b"who"], stdout=subprocess.DEVNULL, check=True)
    a.expect("E37 bytes that are no text, opened", "Odd Name Opened", 2)
    a.expect("E37 bytes that are no text, run", "Odd Name Run", 2)


def passed_descriptors(a):
    told = a.run("E30 opened by one, read by another", "receive", a.folder + "/held")
    if told:
        reader, opener = (int(word) for word in told.split())
        a.readers = {reader: opener}


def moves(a):
    """E27: somebody who goes from one container's cgroup into another's and to the host's, and starts a program in each. What
    is found of him is where he is; where he came from stays."""
    first, second = "a1" * 32, "b2" * 32
    groups = a.folder + "/cgroups"
    os.mkdir(groups)
    live.check(["mount", "-t", "cgroup2", "none", groups])
    try:
        paths = [groups + "/docker-%s.scope" % name for name in (first, second)]
        for path in paths:
            os.mkdir(path)
        script = "".join("echo 0 >%s/cgroup.procs && /bin/sh -c 'exit 0; came-from' && " % path for path in [*paths, groups])
        live.check(["unshare", "-m", "/bin/sh", "-c", script + "true"])  # with the host's mounts it would be a runtime at work
        for path in paths:
            os.rmdir(path)
    finally:
        live.check(["umount", groups])
    a.moved = sorted("%s %s %s" % (first[:12], there, moved)
                     for there, moved in ((first[:12], "false"), (second[:12], "true"), ("host", "true")))


def random_calls(a, agent):
    seed = random.randrange(1 << 30)
    print("random system calls with seed %d" % seed)
    done = subprocess.run(["unshare", "-pnmiuf", "--kill-child", "--mount-proc", "setpriv", "--reuid", "65534", "--regid", "65534",
                           "--clear-groups", a.evader, "random", str(seed), "1000000" if ALL else "40000"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, cwd="/", timeout=live.PATIENCE * 5, check=False)
    a.results.equal(done.returncode, 0, "E35: the random calls, seed %d" % seed)
    a.results.expect(agent.process.poll() is None, "E35: the agent ended, seed %d:\n%s" % (seed, "\n".join(agent.log)))


def compare(a, agent, held):
    results = a.results
    alerts = collections.defaultdict(list)
    for record in agent.alerts:
        alerts[record.get("rule")].append(record)
    gaps = [r for r in agent.alerts if "gap" in r]
    inode = os.stat(a.folder + "/secret").st_ino
    for record in alerts["Secret Opened"]:
        results.equal(record["output_fields"]["fd.ino"], inode, "the inode that was opened")
        results.equal(record["output_fields"]["fd.name"], a.folder + "/secret", "its name, as the rule has it")
    lost = sum(r["gap"]["count"] for r in gaps)
    results.expect(len(alerts["Secret Opened"]) <= a.opened <= len(alerts["Secret Opened"]) + lost,
                   "E1, E2: %d opens that really happened, %d alerts, %d events lost" % (a.opened, len(alerts["Secret Opened"]), lost))
    results.equal([r["scause"] for r in alerts["Held From Before"]], ["snapshot"], "E24: a process from before the agent")
    if not gaps:
        results.equal(len(alerts["Secret Opened"]), a.opened, "E1, E2, E5, E6, E11, E12, E14: opens of the file that really happened")
    for what, rule, count, holds in a.expected:
        results.expect(len(alerts[rule]) == count or gaps, "%s: %d alerts, expected %d" % (what, len(alerts[rule]), count))
        for record in alerts[rule] if holds else []:
            results.expect(holds(record), "%s: %s" % (what, record["output"]))
    told = {r["proc"]["pid"]: r["output_fields"]["proc.exepath"] for r in alerts["Target Run"]}
    results.equal(told, a.run_as, "E1: the program that ran, by process")
    creators = {r["proc"]["pid"]: r["output_fields"]["fd.creator"] for r in alerts["Secret Read"]}
    for reader in a.readers:
        results.expect(reader in creators, "E30: the reader was not seen reading")
    results.expect(sorted(r["output"] for r in alerts["Came From"]) == a.moved or gaps,
                   "E27: where they came from and are: %r" % [r["output"] for r in alerts["Came From"]])
    results.equal({r["origin"]["id"] for r in alerts["Came From"] if "origin" in r}, {"a1" * 6}, "E27: origin in alerts")
    results.expect(held in creators, "E24: a file opened before the agent started, read after, was not seen")
    results.equal(agent.bad_lines, [], "E37: lines that are not JSON")


def flood(results, folder):
    """E13: one open hidden in a burst, from the same process's parent: an alert, or a gap that tells of it."""
    rules = RULES.format(f=folder, b=1, c=1, d=1) + """
- rule: Noise
  desc: Every open of a file that nobody cares about, so that the kernel has to tell all of them.
  condition: evt.type in (opens) and fd.name = {f}/public and proc.name = nobody-has-this-name
  output: x
  priority: NOTICE
""".format(f=folder)
    evader = os.path.join(os.path.dirname(live.find_actor()), "evader")
    with live.Agent(text=[rules], options=["plan.enabled=false"]) as agent:
        bursts = [subprocess.Popen([evader, "flood", folder + "/public", "150000"]) for _ in range(2)]
        live.check(["cat", folder + "/secret"])
        for burst in bursts:
            results.equal(burst.wait(live.PATIENCE * 2), 0, "E13: the burst")
        agent.sentinel_after_loss()
        agent.stop()
        found = agent.of_rule("Secret Opened")
        gaps = [r for r in agent.alerts if "gap" in r]
        results.expect(found or gaps, "E13: the open was lost in a burst, and no gap tells of it")
        print("E13: %s" % ("seen" if found else "told by %d gaps" % len(gaps)))


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-evasions-")
    os.chmod(folder, 0o755)
    try:
        attack = Attack(results, folder)
        for name in ("secret", "public", "held"):  # public and secret: paths of one length
            with open(folder + "/" + name, "w", encoding="ascii") as file:
                file.write("secret\n")
        os.link(folder + "/secret", folder + "/early-link")
        for name in ("run-a", "run-b"):
            shutil.copy(attack.evader, folder + "/" + name)
        ports = (free_port(), free_port(), free_port())
        holder = subprocess.Popen([attack.evader, "hold", folder + "/held"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        results.equal(holder.stdout.readline(), b"held\n", "E24: the file is open before the agent starts")
        attack.readers = {}
        attack.port = free_port()
        with live.Agent(text=[RULES.format(f=folder, b=ports[1], c=attack.port, d=ports[2])], options=live.LARGE_RINGS) as agent:
            holder.communicate(b"\n", timeout=live.PATIENCE)
            races(attack, ports)
            other_names(attack)
            overlays(attack)
            side_doors(attack)
            crowds(attack)
            lengths(attack)
            odd_names(attack)
            passed_descriptors(attack)
            moves(attack)
            random_calls(attack, agent)
            agent.sentinel()
            agent.stop()
            compare(attack, agent, holder.pid)
        exhausted(results, folder)
        flood(results, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
