#!/usr/bin/env python3
"""Programs brought into a container that change a file through a linked folder and end at once: where the link led is told
all the same, as others of the container see the same files."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

TIMES = 15
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


def main():
    live.require_root()
    results = live.Results()
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
