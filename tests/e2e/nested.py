#!/usr/bin/env python3
"""Docker in Docker: a shell in a container that a dockerd inside a container with the right to mount started. The alert
is of the inner container, names the outer one in the chain, and says why it has no name: what the inner dockerd knows of it
lies where only the outer container sees it."""

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULES = """
- rule: Nested Shell
  desc: A shell with a terminal in a container.
  condition: spawned_process and container and proc.name = sh and proc.tty != 0
  output: "chain=%container.chain name=%container.name image=%container.image missing=%container.missing"
  priority: NOTICE
"""
SOCKET = "unix:///run/inner/docker.sock"
INNER = """
mkdir -p /run/inner
for m in /sys/fs/cgroup /sys/fs/cgroup/* /proc/sys; do /usr/bin/mount -o remount,bind,rw $m; done
exec /usr/sbin/dockerd --iptables=false --bridge=none --host %s >/run/inner/log 2>&1
""" % SOCKET


CAPABILITIES = {"NET_ADMIN": 12, "SYS_CHROOT": 18, "SYS_PTRACE": 19, "SYS_ADMIN": 21, "MKNOD": 27, "SYS_RESOURCE": 24}


def start_outer(rt):
    """The host's own programs are what runs in it. As good as privileged, which needs what not every machine grants."""
    with open("/proc/self/status", encoding="ascii") as file:
        own = int(next(line.split()[1] for line in file if line.startswith("CapBnd:")), 16)
    if not own >> CAPABILITIES["SYS_ADMIN"] & 1:
        live.skip("nothing here may mount")
    rights = ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--device-cgroup-rule",
              "a *:* rwm"]
    rights += [word for name, bit in CAPABILITIES.items() if own >> bit & 1 for word in ("--cap-add", name)]
    mounts = [word for folder in ("/usr", "/lib", "/lib64") for word in ("-v", "%s:%s:ro" % (folder, folder))]
    return live.check(rt.docker("run", "-d", *rights, "--name", "outer", *mounts, "-v",
                                rt.folder + "/image.tar:/image.tar:ro", "--tmpfs", "/var/lib/docker", "--tmpfs", "/run",
                                "gyr-test", "sh", "-c", INNER))


def inner(rt, *arguments):
    return rt.docker("exec", "outer", "/usr/bin/docker", "-H", SOCKET, *arguments)


def wait_for_inner(rt):
    deadline = time.monotonic() + live.PATIENCE
    while live.run(inner(rt, "version")).returncode != 0:
        if time.monotonic() > deadline or live.check(rt.docker("inspect", "-f", "{{.State.Running}}", "outer")) != "true":
            raise RuntimeError("no dockerd: " + live.run(rt.docker("exec", "outer", "tail", "-5", "/run/inner/log")).stdout
                               + live.run(rt.docker("logs", "outer")).stdout)
        time.sleep(0.05)


def main():
    live.require_root()
    results = live.Results()
    with live.Runtimes("docker") as rt:
        outer = start_outer(rt)
        wait_for_inner(rt)
        live.check(inner(rt, "load", "-q", "-i", "/image.tar"))
        with live.Agent(text=[RULES], runtimes=rt) as agent:
            full = live.check(inner(rt, "run", "-d", "--name", "within", "gyr-test", "sleep", "100000"))
            status, output = live.run_tty(rt.docker("exec", "-t", "outer", "/usr/bin/docker", "-H", SOCKET, "exec", "-t",
                                                    "within", "sh", "-c", "true"))
            results.equal(status, 0, "exec: %r" % output)
            alert = agent.wait_for(lambda r: r.get("rule") == "Nested Shell" and r["container"].get("full_id") == full,
                                   "the inner container's alert")
            agent.sentinel()
            agent.stop()
            results.equal(alert["output_fields"].get("container.chain"), [outer[:12], full[:12]], "chain")
            results.equal(alert["container"].get("runtime"), "docker", "runtime")
            results.equal(alert["missing"], {"container.name": "no_runtime", "container.image": "no_runtime"}, "missing values")
            results.equal(alert["output_fields"].get("container.missing"), "no_runtime", "the reason")
        live.check(inner(rt, "rm", "-f", "within"))
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
