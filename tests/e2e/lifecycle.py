#!/usr/bin/env python3
"""What the agent puts into the kernel, and that nothing of it stays: which tracepoints process rules attach, the end by
signal under load, the end by kill -9."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULES = """
- rule: Burst
  desc: Every process of the burst.
  condition: proc.name = gyr-burst
  output: "%proc.pid %proc.cmdline"
  priority: INFO
"""
BPFTOOL = shutil.which("bpftool") or "/usr/sbin/bpftool"


def held_by(pid):
    """Ids of the programs, links and maps that a process holds, from its descriptors."""
    held = {"prog": set(), "link": set(), "map": set()}
    folder = "/proc/%d/fdinfo" % pid
    for name in os.listdir(folder):
        try:
            with open(os.path.join(folder, name), encoding="ascii", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        for kind in held:
            match = re.search(r"^%s_id:\s*(\d+)$" % kind, text, re.M)
            if match:
                held[kind].add(int(match.group(1)))
    return held


def loaded(kind):
    return {item["id"] for item in json.loads(live.check([BPFTOOL, "-j", kind, "show"]) or "[]")}


def wait_until_gone(results, held, what):
    """The kernel frees programs a moment after their last user has gone."""
    deadline = time.monotonic() + live.PATIENCE
    while True:
        left = {kind: ids & loaded(kind) for kind, ids in held.items()}
        if not any(left.values()) or time.monotonic() > deadline:
            return results.expect(not any(left.values()), "%s: still in the kernel: %s" % (what, left))
        os.sched_yield()


def tracepoints(held):
    """Names of the tracepoints that these links are attached to."""
    typedefs = dict(re.findall(r"^\[(\d+)\] TYPEDEF 'btf_trace_(\w+)'",
                               live.check([BPFTOOL, "btf", "dump", "file", "/sys/kernel/btf/vmlinux"]), re.M))
    names = set()
    for link in json.loads(live.check([BPFTOOL, "-j", "link", "show"])):
        if link["id"] in held["link"]:
            names.add(link.get("tp_name") or typedefs.get(str(link.get("target_btf_id")), "type %s" % link.get("type")))
    return names


def watched_inodes(pid):
    """Inodes of the folders that a process watches by inotify."""
    found = set()
    for name in os.listdir("/proc/%d/fdinfo" % pid):
        with open("/proc/%d/fdinfo/%s" % (pid, name), encoding="ascii") as file:
            found.update(int(inode, 16) for inode in re.findall("^inotify .*ino:([0-9a-f]+)", file.read(), re.M))
    return found


def hooks(results):
    with live.Agent(rules=["examples/rules/terminal-access.yaml"]) as agent:
        held = held_by(agent.pid)
        results.expect(held["prog"] and held["link"], "the agent holds programs and links: %r" % held)
        names = tracepoints(held)
        print("attached: " + ", ".join(sorted(names)))
        results.expect({"sched_process_fork", "sched_process_exec", "sched_process_exit"} <= names,
                       "the process tracepoints are attached")
        results.equal([name for name in names if name.startswith("sys_")], [], "syscall tracepoints attached")
        perf = json.loads(live.check([BPFTOOL, "-j", "perf", "show"]) or "[]")
        others = [p for p in perf if p.get("pid") == agent.pid and
                  (p.get("fd_type") != "raw_tracepoint" or p.get("tracepoint", "").startswith("sys_"))]
        results.equal(others, [], "nothing but the process lane's raw tracepoints is attached")
        watched = watched_inodes(agent.pid)
        results.expect(os.stat(os.path.join(live.ROOT, "examples/rules")).st_ino in watched, "the rules' folder is watched")
        # A watch makes each open of a file in the folder dearer, for everybody.
        for folder in ("/", "/etc", "/tmp"):
            results.expect(os.stat(folder).st_ino not in watched, folder + " is not watched")
        agent.stop()
        wait_until_gone(results, held, "after SIGTERM")
    plan = live.check([live.find_binary(), "plan", "-r", "examples/rules/terminal-access.yaml"], cwd=live.ROOT)
    for name in ("sched_process_fork", "sched_process_exec", "sched_process_exit"):
        results.expect(name in plan, "gyr plan names " + name)
    results.expect("sys_enter" not in plan and "sys_exit" not in plan, "gyr plan names no syscall tracepoint")


def load(program):
    return subprocess.Popen([live.find_actor(), "burst", "100000000", program], start_new_session=True)


def time_used(pid):
    """Seconds of processor time of a process so far."""
    with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def time_of_ended():
    """The same of all children that have ended and been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def end_under_load(results, program, number, what):
    noise = load(program)
    try:
        with live.Agent(text=[RULES]) as agent:
            agent.wait_for(lambda r: r.get("rule") == "Burst")
            held = held_by(agent.pid)
            before = time_used(agent.pid) + time_of_ended()
            seconds = agent.stop(number)
            worked = time_of_ended() - before
            print("%s: ended after %.3f s, of which it worked %.3f s" % (what, seconds, worked))
            results.equal(agent.returncode, -number if number == signal.SIGKILL else 0, what + ": exit status")
            wait_until_gone(results, held, what)
            if number != signal.SIGKILL:
                # Not how long it had to wait for a processor beside the load.
                results.expect(worked < 1, "%s: it took %.3f s of work to end" % (what, worked))
                results.expect(any(re.search(r"\d+ alerts?", line) for line in agent.log),
                               "%s: a summary on stderr: %r" % (what, agent.log[-5:]))
                results.equal(agent.bad_lines, [], what + ": lines that are not JSON")
    finally:
        os.killpg(noise.pid, signal.SIGKILL)
        noise.wait()


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-life-")
    try:
        program = folder + "/gyr-burst"
        live.copy_ends(program)
        hooks(results)
        end_under_load(results, program, signal.SIGTERM, "SIGTERM")
        end_under_load(results, program, signal.SIGINT, "SIGINT")
        end_under_load(results, program, signal.SIGKILL, "SIGKILL")
    finally:
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
