#!/usr/bin/env python3
"""A container opens files as fast as the machine lets it, all of which rules have to look at, while another process does
what rules are about. What the critical lane carries (executions, tracing, changes of identity and of namespaces) is all
reported; of the flooded lane everything is reported, or a gap record names the container and the rules that were blind."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

ROUNDS = 30
SECONDS = 4
CONTAINER = "c0ffee" * 10 + "ab12"
RULES = """
- rule: Flooded File
  desc: Asked of every open of the flood, and never true.
  condition: evt.type in (open, openat) and fd.name = {flooded} and fd.ino = 0
  output: "%fd.name"
  priority: INFO
- rule: Secret Read
  desc: The attack's file is read.
  condition: evt.type in (open, openat) and evt.is_open_read = true and fd.name = {secret}
  output: "%fd.name %proc.pid"
  priority: WARNING
- rule: Traced
  desc: The attack asks to be traced.
  condition: evt.type = ptrace and proc.env[GYR_ATTACK] != ""
  output: "%proc.pid"
  priority: WARNING
- rule: Unshared
  desc: The attack takes a namespace.
  condition: evt.type = unshare and proc.env[GYR_ATTACK] != ""
  output: "%proc.pid"
  priority: WARNING
- rule: Attacked
  desc: The attack's program starts.
  condition: spawned_process and proc.env[GYR_ATTACK] != "" and proc.name startswith python
  output: "%proc.pid"
  priority: WARNING
"""
ATTACK = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.ptrace(0, 0, 0, 0)
libc.unshare(0x04000000)
os.close(os.open(sys.argv[1], os.O_RDONLY))
"""
CRITICAL = {"fork", "exec", "exit", "change", "ptrace", "unshare", "setns", "mount", "setuid", "bpf"}


def cgroup():
    """A cgroup that is called like a container's; below the old memory hierarchy where there is one."""
    top = "/sys/fs/cgroup/memory" if os.path.isdir("/sys/fs/cgroup/memory") else "/sys/fs/cgroup"
    path = "%s/docker/%s" % (top, CONTAINER)
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        live.skip("cannot make a cgroup: %s" % error)
    return path


def run(results, folder, group, options, what):
    flooded, secret = folder + "/flooded", folder + "/secret"
    rules = RULES.format(flooded=flooded, secret=secret)
    with live.Agent(text=[rules], options=["metadata.wait=0s"] + options) as agent:
        # In a container by all that counts: its cgroup, and namespaces of its own.
        flood = subprocess.Popen(["sh", "-c", "echo $$ > %s/cgroup.procs && exec unshare -mpf %s opens %d %s"
                                  % (group, live.find_actor(), SECONDS, flooded)], stdout=subprocess.PIPE, text=True)
        for _ in range(ROUNDS):
            live.check([sys.executable, "-c", ATTACK, secret], env={"GYR_ATTACK": "yes"})
        count = int(flood.communicate(timeout=live.PATIENCE)[0])
        results.equal(flood.returncode, 0, what + ": the flood's status")
        agent.sentinel_after_loss()
        agent.stop()
    gaps = [r["gap"] for r in agent.alerts if "gap" in r]
    lost = {}
    for gap in gaps:
        lost[gap.get("class", "")] = lost.get(gap.get("class", ""), 0) + gap["count"]
    print("%s: %d opens per second, lost %s" % (what, count // SECONDS, lost))
    for rule in ("Attacked", "Traced", "Unshared"):
        results.equal(len(agent.of_rule(rule)), ROUNDS, "%s: alerts of %s" % (what, rule))
    results.expect(not CRITICAL & set(lost), "%s: the critical lane lost %r" % (what, lost))
    reads = len(agent.of_rule("Secret Read"))
    if reads < ROUNDS:
        results.expect(lost.get("openat", 0) + lost.get("open", 0) >= ROUNDS - reads,
                       "%s: %d of %d reads were told, and gap records own up to %s" % (what, reads, ROUNDS, lost))
    for gap in gaps:
        results.expect({"Secret Read", "Flooded File"} <= set(gap.get("rules", {})), "%s: blind rules: %r" % (what, gap))
        results.expect("Traced" not in gap.get("rules", {}), "%s: a rule that was not blind: %r" % (what, gap))
        if gap.get("container") == CONTAINER[:12]:
            made = gap.get("processes", [])
            # What it is executed through opens its libraries.
            names = {p.get("name") for p in made}
            results.expect(names and names <= {"actor", "unshare", "sh"}, "%s: who made it: %r" % (what, gap))
            # All but what is being counted in the moment in which it is read.
            told = sum(p["count"] for p in made)
            results.expect(0.999 * gap["count"] - 10 <= told <= gap["count"], "%s: %d by process: %r" % (what, told, gap))
    return gaps


def main():
    live.require_root()
    results = live.Results()
    group = cgroup()
    folder = tempfile.mkdtemp(prefix="gyr-flood-")
    try:
        for name in ("flooded", "secret"):
            with open(folder + "/" + name, "w", encoding="ascii") as file:
                file.write("x")
        run(results, folder, group, [], "usual rings")
        gaps = run(results, folder, group, ["kernel.bulk_ring=64KiB"], "a small ring")
        results.expect(gaps, "the small ring lost nothing: the test does not test")
        results.expect(any(gap.get("container") == CONTAINER[:12] for gap in gaps),
                       "no gap record names the container: %r" % gaps)
        gaps = run(results, folder, group, ["kernel.cpu_budget=1"], "a small budget")
        results.expect(any("processor" in gap.get("reason", "") for gap in gaps),
                       "the budget left nothing out: %r" % gaps)
    finally:
        shutil.rmtree(folder)
        live.remove_cgroup(group)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
