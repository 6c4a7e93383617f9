#!/usr/bin/env python3
"""Programs brought into a container that change a file through a linked folder and end at once: where the link led is told
all the same, as others of the container see the same files. So it is for one that has a mount namespace to itself."""

import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

TIMES = 4
# By name of the rule: its condition, the program that does it.
CASES = {
    "Moved": ("evt.type in (rename, renameat, renameat2) and fs.path.target = /etc/moved", ["mv", "/tmp/new", "/tmp/l/moved"]),
    "Linked": ("evt.type in (link, linkat) and fs.path.source = /etc/linked", ["ln", "/tmp/old", "/tmp/l/linked"]),
    "Changed": ("evt.type in (chmod, fchmodat, fchmodat2) and fs.path.name = /etc/linked", ["chmod", "600", "/tmp/l/linked"]),
    "Removed": ("evt.type in (unlink, unlinkat) and fs.path.name = /etc/linked", ["rm", "/tmp/l/linked"]),
    "Made": ("evt.type in (mkdir, mkdirat) and fs.path.name = /etc/made", ["mkdir", "/tmp/l/made"]),
    "Taken Away": ("evt.type in (rmdir, unlinkat) and fs.path.name = /etc/made", ["rmdir", "/tmp/l/made"]),
}
RULES = "".join("- rule: %s\n  desc: x\n  condition: %s and evt.failed = false\n  output: \"%%container.name\"\n  priority: NOTICE\n"
                % (name, condition) for name, (condition, _) in CASES.items())


ALONE = """
- rule: Moved Alone
  desc: x
  condition: evt.type in (rename, renameat, renameat2) and fs.path.target = %s/real/moved and evt.failed = false
  output: "%%proc.cmdline"
  priority: NOTICE
"""


def alone(results):
    with tempfile.TemporaryDirectory(prefix="gyr-gone-") as folder:
        os.mkdir(folder + "/real")
        os.symlink(folder + "/real", folder + "/linked")
        with live.Agent(text=[ALONE % folder]) as agent:
            for _ in range(TIMES):
                open(folder + "/new", "w", encoding="ascii").close()
                live.check(["unshare", "-m", "mv", folder + "/new", folder + "/linked/moved"])
            agent.sentinel()
            agent.stop()
        results.equal(len(agent.of_rule("Moved Alone")), TIMES, "alerts of one that has a mount namespace to itself")


def main():
    live.require_root()
    results = live.Results()
    alone(results)
    with live.Runtimes("docker") as rt:
        places = {"own": [], "hosts": ["--pid=host"]}  # whose processes it sees, and where its first process can be found
        for name, options in places.items():
            live.check(rt.docker("run", "-d", "--name", name, *options, "gyr-test", "sleep", "100000"))
            live.check(rt.docker("exec", name, "sh", "-c", "ln -s /etc /tmp/l; : >/tmp/old"))
        with live.Agent(text=[RULES], runtimes=rt, options=[live.WAIT_FOR_NAMES]) as agent:
            for name in places:
                for _ in range(TIMES):
                    live.check(rt.docker("exec", name, "sh", "-c", ": >/tmp/new"))
                    for _, words in CASES.values():
                        live.check(rt.docker("exec", name, *words))
            agent.sentinel()
            agent.stop()
        for name in places:
            for rule in CASES:
                found = [r for r in agent.of_rule(rule) if r["container"].get("name") == name and "amends" not in r]
                results.equal(len(found), TIMES, "alerts of %s in the container %s" % (rule, name))
        results.equal([r["gap"] for r in agent.alerts if "gap" in r], [], "gaps")
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
