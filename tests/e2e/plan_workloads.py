#!/usr/bin/env python3
"""What machines really do, seen by three agents at the same time, one whose kernel side leaves out what the plan says, one
that asks nothing of processes there, and one whose kernel side leaves out nothing: the same alerts. Actions of gyr
simulate, a package built, installed and removed, an image built and run by Docker, random system calls.

    plan_workloads.py [SEED]     GYR_EQUIVALENCE=all: every action of simulate, ten times as many random calls"""

import collections
import json
import os
import random
import re
import shutil
import sys
import tempfile
import textwrap

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

ALL = os.environ.get("GYR_EQUIVALENCE") == "all"
DEFAULT = os.path.join(live.ROOT, "rules-default")
OPENS = "evt.type in (open, openat, openat2, creat)"
MARK = " real=%fd.realpath of=%proc.aenv[GYR_DAY]%proc.env[GYR_DAY]"
# Beside the default rules: one for each kind of clause, alone for its event types as far as that goes.
BROAD = [
    OPENS + " and evt.is_open_write = true and evt.failed = false and fd.name startswith /etc/",
    OPENS + " and evt.is_open_read = true and fd.name in (/etc/passwd, /etc/shadow, /etc/group)",
    OPENS + " and evt.is_open_write = true and fd.directory in (/var/lib/dpkg, /var/lib/dpkg/info, /srv, /etc/service)",
    OPENS + " and container.id != host and evt.is_open_write = true and fd.name startswith /srv/",
    OPENS + " and evt.failed = true and proc.name in (dpkg, sh, tar)",
    OPENS + " and fd.nameraw contains ..",
    "evt.type in (rename, renameat, renameat2) and evt.failed = false and fs.path.target startswith /var/lib/dpkg",
    "evt.type in (unlink, unlinkat) and evt.res = ENOENT", "evt.type in (chmod, fchmodat) and evt.arg.mode contains S_ISUID",
    "evt.type in (chown, fchown, fchownat) and evt.failed = true", "evt.type in (mkdir, mkdirat) and not evt.res = SUCCESS",
    "evt.type = connect and fd.type = ipv4 and fd.sport in (9, 53)", "evt.type in (setuid, setgid) and user.uid != 0",
    "evt.type = mount and container.id != host", "evt.type in (dup2, dup3) and fd.filename in (data, file)",
    "evt.type in (execve, execveat) and evt.failed = true and proc.name = sh", "evt.type in (sendto) and fd.net = 127.0.0.0/8",
    "evt.type = fchmod and fd.name startswith /var/lib/dpkg", "evt.type = socket and evt.failed = true",
    "spawned_process and container and proc.name in (sh, tar, adduser)",
]


def default_rules():
    """The default rules' files, and one that adds to every output whose programs they are."""
    paths = [os.path.join(DEFAULT, name) for name in sorted(os.listdir(DEFAULT)) if name.endswith(".yaml")]
    marks = ""
    for path in paths:
        with open(path, encoding="utf-8") as file:
            marks += "".join('- rule: %s\n  output: "%s"\n  override: {output: append}\n' % (name, MARK)
                             for name in re.findall(r"^- rule: (.+?)\s*$", file.read(), re.M))
    return paths, marks


def broad_rules():
    return "".join("- rule: B%d\n  desc: x\n  condition: >\n    %s\n  output: \"%%evt.type %%evt.res %%fd.name %%fs.path.name%s\"\n"
                   "  priority: INFO\n" % (i, c, MARK) for i, c in enumerate(BROAD))


def run(results, what, argv, allowed=(0,), **more):
    done = live.run(argv, env=dict(os.environ, GYR_DAY="yes", DEBIAN_FRONTEND="noninteractive"), **more)
    results.expect(done.returncode in allowed, "%s: status %d: %s" % (what, done.returncode, done.stdout[-800:]))


def simulate(results, rng):
    argv = [live.find_binary(), "simulate", "-r", DEFAULT]
    if not ALL:
        listed = json.loads(live.run(argv + ["--list", "--format", "json"]).stdout)["actions"]
        argv += rng.sample(sorted({a["rule"] for a in listed}), 12)
    run(results, "simulate", argv)


def package(results, folder):
    root = folder + "/root"
    files = {
        "pkg/DEBIAN/control": "Package: gyr-test-plan\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.com>\n"
                              "Description: a package that only a test installs\n",
        "pkg/etc/gyr-test-plan/settings": "key=value\n", "pkg/usr/lib/gyr-test-plan/tool": "#!/bin/sh\n:\n",
    }
    for name, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    for name in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"):
        os.makedirs(os.path.join(root, name))
    for name in ("status", "available"):
        with open(root + "/var/lib/dpkg/" + name, "w", encoding="ascii"):
            pass
    run(results, "a package", ["sh", "-euc", textwrap.dedent("""
        chmod 4755 pkg/usr/lib/gyr-test-plan/tool
        dpkg-deb --root-owner-group -b pkg a.deb >/dev/null
        dpkg --root=root --force-not-root --log=/dev/null -i a.deb >/dev/null
        dpkg --root=root --log=/dev/null -l gyr-test-plan >/dev/null
        dpkg --root=root --log=/dev/null -P gyr-test-plan >/dev/null
        """)], cwd=folder)


def image(results, rt, folder):
    os.makedirs(folder + "/image")
    with open(folder + "/image/Dockerfile", "w", encoding="ascii") as file:
        file.write(textwrap.dedent("""\
            FROM gyr-test
            RUN mkdir -p /srv /etc/service && echo hello >/srv/file && echo key=value >/etc/service/settings
            COPY data /srv/data
            RUN cat /etc/passwd /etc/shadow >/srv/copied; cat /srv/../etc/group >/dev/null; rm -f /none; mkdir /srv 2>/dev/null; chmod 4755 /srv/file
            RUN tar -cf /srv/all.tar /etc/service && rm -rf /etc/service
            CMD ["cat", "/srv/file"]
            """))
    with open(folder + "/image/data", "w", encoding="ascii") as file:
        file.write("data\n")
    docker = live.shlex.join(rt.docker())
    run(results, "an image", ["sh", "-euc", "DOCKER_BUILDKIT=0 %s build -q -t plan image >/dev/null && %s run --rm --network none plan" % (docker, docker)],
        cwd=folder)


def random_calls(results, rng):
    evader = os.path.join(os.path.dirname(live.find_actor()), "evader")
    run(results, "random system calls", ["unshare", "-pnmiuf", "--kill-child", "--mount-proc", "setpriv", "--reuid", "65534", "--regid", "65534",
                                         "--clear-groups", evader, "random", str(rng.randrange(1 << 30)), "200000" if ALL else "20000"], cwd="/")


def key(alert):
    """Without the names of users and containers, which each agent finds out in its own time."""
    return (alert["rule"], alert.get("scause"), alert.get("proc", {}).get("pid"),
            re.sub(r"\b(user|container|image|runtime|pod|namespace|name)=\S*", "", alert["output"]))


def is_compared(alert):
    """Not what depends on the moment at which an agent learns something: an alert said again with more; a change of a process between
    two events; that a file is the one a container knows by a name that rules have."""
    real = alert.get("output_fields", {}).get("fd.realpath")
    return ("rule" in alert and "amends" not in alert and alert.get("scause") != "procchange"
            and real in (None, alert.get("fd", {}).get("name")) and re.search(" of=.*yes", alert["output"]))


def differences(results, agents):
    """By (rule, cause): what one agent tells and another does not."""
    sets = {}
    for name, agent in agents.items():
        results.equal([a["gap"] for a in agent.alerts if "gap" in a], [], name + ": gaps")
        sets[name] = collections.Counter(key(a) for a in agent.alerts if is_compared(a))
    everything = sets.pop("plan off")
    rules = {k[0] for k in everything}
    print("%d alerts of %d rules: %s" % (sum(everything.values()), len(rules), ", ".join(sorted(rules))), flush=True)
    results.expect(len(rules) > 12, "the workload raises alerts: %r" % rules)
    found = {}
    for name, some in sets.items():
        for what, left in (("hidden is", everything - some), ("only then there is", some - everything)):
            for k in left:
                found[k[:2]] = "%s: %s %r" % (name, what, k)
    return found


def once(results, seed, rt, rules):
    """The whole day once; what differed."""
    paths, texts = rules
    rng = random.Random(seed)
    folder = tempfile.mkdtemp(prefix="gyr-workloads-")
    os.chmod(folder, 0o755)
    options = [*live.LARGE_RINGS, "metadata.wait=0s"]
    try:
        with live.Agent(paths, texts, options, rt) as on, live.Agent(paths, texts, options + ["plan.masks=false"], rt) as unmasked, \
                live.Agent(paths, texts, options + ["plan.enabled=false"], rt) as off:
            agents = {"plan on": on, "masks off": unmasked, "plan off": off}
            package(results, folder)
            image(results, rt, folder)
            random_calls(results, rng)
            simulate(results, rng)
            for agent in agents.values():
                agent.sentinel()
            for agent in agents.values():
                agent.stop()
        return differences(results, agents)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    live.require_root()
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 30)
    print("seed %d" % seed, flush=True)
    results = live.Results()
    os.environ["GYR_DAY"] = "yes"  # for the daemons
    paths, marks = default_rules()
    with live.Runtimes("docker") as rt:
        del os.environ["GYR_DAY"]  # not the agents
        rules = (paths, [marks, broad_rules()])
        # A clause that hides something hides it every time; what differs once is of the moment at which an agent knew a container.
        left = once(results, seed, rt, rules)
        for _ in range(2):
            if left:
                print("once more, for: %s" % ", ".join(sorted(left.values())), flush=True)
                again = once(results, seed, rt, rules)
                left = {k: text for k, text in again.items() if k in left}
    for text in left.values():
        results.expect(False, text)
    results.expect(not left, "alerts that depend on the plan")
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
