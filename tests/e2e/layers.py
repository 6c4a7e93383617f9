#!/usr/bin/env python3
"""E5 by the layers of a container's overlay: a file that a rule names, read on the host out of the folder of the upper or
the lower layer, through a mount of that folder, or through an overlay laid over it, is the file of the container. What a
container engine reads there when it builds, commits, saves and copies raises nothing. The containers are there before the agent."""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

OPENS = "evt.type in (open, openat, openat2) and evt.is_open_read = true and evt.failed = false"
RULES = """
- rule: Secret Opened
  desc: Opened for reading by anybody. In the image (shadow) or only in the container (sudoers).
  condition: {opens} and fd.name in (/etc/shadow, /etc/sudoers) and container.id = host
  output: "%fd.name %fd.realpath %proc.exepath"
  priority: NOTICE
- rule: Engine Reads Layer
  desc: A witness that engines do read these files, by other paths.
  condition: >
    {opens} and proc.name in (dockerd, podman) and fd.filename in (shadow, sudoers) and not fd.name in (/etc/shadow, /etc/sudoers)
  output: "%proc.name %fd.name"
  priority: NOTICE
""".format(opens=OPENS)
BUILD = """
FROM gyr-test
RUN echo 'root:in the image' >/etc/shadow
"""


def layers_of(pid):
    """Upper, and the first lower that has the file."""
    with open("/proc/%s/mountinfo" % pid, encoding="utf-8") as file:
        root = next(line for line in file if line.split()[4] == "/")
    upper = re.search(r"upperdir=([^,]+)", root).group(1)
    # Docker names lowers by links below its root, from where it mounts.
    lowers = re.search(r"lowerdir\+?=([^, ]+)", root).group(1).split(":")
    base = upper[:upper.index("/overlay")] + "/overlay2" if "/overlay2/" in upper else "/"
    lowers = [os.path.realpath(os.path.join(base, lower)) for lower in lowers]
    return upper, next(lower for lower in lowers if os.path.exists(lower + "/etc/shadow"))


def attack(results, folder, upper, lower):
    """Each reads the secret by a way of its own; gives (name in the rule, path opened)."""
    ways = [("/etc/sudoers", upper + "/etc/sudoers", "true"), ("/etc/shadow", lower + "/etc/shadow", "true"),
            ("/etc/shadow", folder + "/m/etc/shadow", "mount --bind '%s' '%s/m'" % (lower, folder)),
            ("/etc/shadow", folder + "/m/etc/shadow", "mount -t overlay -o 'lowerdir=%s:%s/empty' x '%s/m'" % (lower, folder, folder)),
            ("/etc/sudoers", folder + "/m/sudoers", "mount -t overlay -o 'lowerdir=%s/etc:%s/empty' x '%s/m'" % (upper, folder, folder))]
    for _, path, mount in ways:
        read = live.check(["unshare", "-m", "sh", "-ec", "%s; cat '%s'" % (mount, path)])
        results.expect("root:in the" in read, "what was read of %s: %r" % (path, read))
    return sorted((name, path) for name, path, _ in ways)


def engines(rt, folder):
    """What engines do with layers. The container of each is alive."""
    with open(folder + "/Dockerfile", "w", encoding="ascii") as file:
        file.write("FROM secret\nRUN echo 'more' >>/etc/shadow\nRUN echo 'more' >/etc/sudoers\n")
    for line in ("DOCKER_BUILDKIT=0 %s" % live.shlex.join(rt.docker("build", "-q", "-t", "more", folder)),
                 live.shlex.join(rt.docker("commit", "victim", "kept")),
                 live.shlex.join(rt.docker("save", "-o", folder + "/saved.tar", "kept")),
                 live.shlex.join(rt.docker("export", "-o", folder + "/exported.tar", "victim")),
                 live.shlex.join(rt.docker("diff", "victim")),
                 live.shlex.join(rt.podman("commit", "-q", "victim", "kept")),
                 live.shlex.join(rt.podman("save", "-q", "-o", folder + "/podman.tar", "kept"))):
        done = subprocess.run(["sh", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (line, done.stdout.decode(errors="replace")))


def main():
    results = live.Results()
    with live.Runtimes("docker", "podman") as rt:
        folder = rt.folder + "/work"
        for name in ("", "/m", "/empty", "/image"):
            os.mkdir(folder + name)
        with open(folder + "/image/Dockerfile", "w", encoding="ascii") as file:
            file.write(BUILD)
        live.check(["env", "DOCKER_BUILDKIT=0", *rt.docker("build", "-q", "-t", "secret", folder + "/image")])
        live.check(rt.docker("run", "-d", "--name", "victim", "secret", "sleep", "100000"))
        live.check(rt.docker("exec", "victim", "sh", "-c", "echo root:in the container >/etc/sudoers"))
        live.check(rt.podman("run", "-d", "--name", "victim", "gyr-test", "sh", "-c",
                             "echo root:in the image >/etc/shadow; exec sleep 100000"))
        pid = live.check(rt.docker("inspect", "-f", "{{.State.Pid}}", "victim")).strip()
        upper, lower = layers_of(pid)
        with live.Agent(text=[RULES], runtimes=rt) as agent:
            live.wait_until(lambda: known(agent, "%s/etc/shadow" % lower), "the layer's file is known")
            begin = len(agent.alerts)
            expected = attack(results, folder, upper, lower)
            agent.sentinel()
            told = opened_below(agent, begin, rt.folder)
            results.equal(sorted((r["output_fields"]["fd.name"], r["output_fields"]["fd.realpath"]) for r in told), expected,
                          "the files that were read, as rules name them and where they were opened")
            begin = len(agent.alerts)
            engines(rt, folder)
            agent.sentinel()
            agent.stop()
            for record in opened_below(agent, begin, rt.folder):
                results.expect(False, "an engine's work: %s" % record["output"])
            seen = {r["output"] for r in agent.of_rule("Engine Reads Layer")}
            print("%d files of layers read by engines" % len(seen))
            results.equal({line.split()[0] for line in seen}, {"dockerd", "podman"}, "engines that read files of layers")
    return results.finish()


def opened_below(agent, begin, folder):
    """What was told from there on of files of these runtimes: others may read the host's."""
    return [r for r in agent.alerts[begin:] if r.get("rule") == "Secret Opened"
            and (r["output_fields"].get("fd.realpath") or "").startswith(folder + "/")]


def known(agent, path):
    live.check(["cat", path])
    agent.sentinel()
    return any(r.get("rule") == "Secret Opened" and r["output_fields"]["fd.realpath"] == path for r in agent.alerts)


if __name__ == "__main__":
    sys.exit(main())
