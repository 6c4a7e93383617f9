#!/usr/bin/env python3
"""Hosts differ: containers that one hierarchy of cgroups alone knows, file systems that are not mounted, lockdown, more
processors than there are, a capability that is not held. On each of them an exec in a container raises its alert."""

import json
import os
import re
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULE = "examples/rules/terminal-access.yaml"
SYS_RESOURCE = 24  # the capability's number
ID = "0123456789abcdef" * 4


class Hierarchy:
    """A hierarchy of cgroups, mounted for the time of a `with` block: unified, or of version 1 by a name of its own."""

    def __init__(self, *how):
        self.how = how
        self.folder = None
        self.made = []

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="gyr-hosts-")
        mounted = live.run(["mount", "-t", *self.how, "none", self.folder])
        if mounted.returncode != 0:
            print("not tried: %s: %s" % (" ".join(self.how), mounted.stdout.strip()))
            os.rmdir(self.folder)
            return None
        return self

    def container(self):
        """The folder of a container's cgroup, where Docker would have it."""
        path = self.folder
        for name in ("docker", ID):
            path = os.path.join(path, name)
            if not os.path.isdir(path):
                os.mkdir(path)
                self.made.append(path)
        return path

    def __exit__(self, *_):
        if os.path.isdir(self.folder):
            for path in reversed(self.made):
                os.rmdir(path)
            live.check(["umount", self.folder])
            self.let_go()
            os.rmdir(self.folder)

    def let_go(self):
        """A hierarchy with a name stays when it was unmounted before the kernel had done with its last cgroup, and whoever
        mounts all there are, as systemd-nspawn does, fails at it."""
        names = [option for option in ",".join(self.how).split(",") if option.startswith("name=")]

        def gone(seconds):
            deadline = live.time.monotonic() + seconds
            while live.time.monotonic() < deadline:
                with open("/proc/self/cgroup", encoding="ascii") as file:
                    listed = file.read()
                if not any(":%s:" % name in listed for name in names):
                    return True
                live.time.sleep(0.02)
            return False

        for _ in range(30):
            if gone(2):
                return
            live.check(["mount", "-t", *self.how, "none", self.folder])
            live.check(["umount", self.folder])
        raise TimeoutError("%s stays" % names)


def shell_in(cgroup):
    """A shell on a terminal, in this cgroup and in namespaces of its own: what a runtime does for `run -t`."""
    enter = "echo $$ >%s/cgroup.procs && exec unshare --mount --pid --uts --fork sh -c :" % cgroup
    status, text = live.run_tty(["sh", "-c", enter])
    if status != 0:
        raise RuntimeError("a container made by hand: status %d: %r" % (status, text))


def alerts(results, hierarchy, what, **agent_options):
    """Runs the agent, a shell in a container, and gives the agent's log."""
    with live.Agent(rules=[RULE], options=["metadata.wait=100ms"], **agent_options) as agent:
        shell_in(hierarchy.container())
        agent.sentinel()
        agent.stop()
        seen = [a["container"]["id"] for a in agent.of_rule("Terminal Access")]
        results.equal(seen, [ID[:12]], what + ": containers of the alerts")
        results.equal(agent.returncode, 0, what + ": exit status")
        return agent.log


def in_mounts(script):
    """A command that runs the one behind it in a mount namespace changed by this script."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script + '; exec "$@"', "sh"]


def fake_file(path, text):
    """A script: path reads text."""
    return "t=$(mktemp) && printf '%%s\\n' '%s' >$t && mount --bind $t %s && rm $t" % (text, path)


def cgroups(results):
    for how in (("cgroup2",), ("cgroup", "-o", "none,name=gyr-hosts")):
        with Hierarchy(*how) as hierarchy:
            if hierarchy:
                alerts(results, hierarchy, "known to %s alone" % " ".join(how))


def mounts(results, hierarchy):
    places = "/sys/fs/bpf /sys/kernel/tracing /sys/kernel/debug/tracing /sys/kernel/debug /sys/kernel/security"
    alerts(results, hierarchy, "nothing mounted below /sys",
           within=in_mounts("for m in %s; do umount -l $m 2>/dev/null; done" % places))


def lockdown(results, hierarchy):
    security = "mkdir -p /sys/kernel/security; mount -t tmpfs none /sys/kernel/security && echo '%s' >/sys/kernel/security/lockdown"
    mode = "none [integrity] confidentiality"
    alerts(results, hierarchy, "lockdown=integrity", within=in_mounts(security % mode))
    for mode, status in ((mode, 0), ("none integrity [confidentiality]", 3)):
        told = live.run([*in_mounts(security % mode), live.find_binary(), "doctor"])
        results.equal(told.returncode, status, "gyr doctor with lockdown %s: exit status" % mode)
        results.expect("lockdown: " + re.search(r"\[(\w+)\]", mode).group(1) in told.stdout, "gyr doctor names it")


def processors(results, hierarchy):
    """Two hundred that may come, of which the machine's are there."""
    alerts(results, hierarchy, "200 processors",
           within=in_mounts(fake_file("/sys/devices/system/cpu/possible", "0-199")))


def limits(results, hierarchy):
    # What can be refused is raised only where it is low, and the rank only where nobody gave one.
    low = ["sh", "-c", 'echo 0 >/proc/self/oom_score_adj; exec "$@"', "sh", "prlimit", "--memlock=65536:65536"]
    without = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"]
    log = alerts(results, hierarchy, "without CAP_SYS_RESOURCE", within=[*low, *without])
    told = [line for line in log if "CAP_SYS_RESOURCE" in line]
    results.expect(len(told) == 1 and "locked memory" in told[0] and "oom_score_adj" in told[0],
                   "said once what cannot be raised: %r" % log)
    doctor = json.loads(live.run([*without, live.find_binary(), "doctor", "--format", "json"]).stdout)
    results.equal([(c["ok"], c["required"]) for c in doctor["checks"] if c["name"] == "CAP_SYS_RESOURCE"], [(False, False)],
                  "gyr doctor names CAP_SYS_RESOURCE")
    with open("/proc/self/status", encoding="ascii") as file:
        held = int(next(line for line in file if line.startswith("CapBnd:")).split()[1], 16)
    if not held >> SYS_RESOURCE & 1:
        print("not tried: this machine's root has no CAP_SYS_RESOURCE")
        return
    with live.Agent(rules=[RULE], within=low) as agent:
        with open("/proc/%d/oom_score_adj" % agent.pid, encoding="ascii") as file:
            results.equal(file.read().strip(), "-500", "oom_score_adj of an agent that may")
        with open("/proc/%d/limits" % agent.pid, encoding="ascii") as file:
            locked = next(line for line in file if line.startswith("Max locked memory"))
        results.expect(locked.split()[3] == "unlimited", "locked memory of an agent that may: " + locked)
        results.equal([line for line in agent.log if "CAP_SYS_RESOURCE" in line], [], "nothing to say")
        agent.stop()


def main():
    live.require_root()
    results = live.Results()
    cgroups(results)
    with Hierarchy("cgroup2") as hierarchy:
        if not hierarchy:
            live.skip("no cgroups of version 2")
        mounts(results, hierarchy)
        lockdown(results, hierarchy)
        processors(results, hierarchy)
        limits(results, hierarchy)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
