#!/usr/bin/env python3
"""Docker in Docker: shells in containers that a dockerd inside a container with the right to mount started, one that ran
before the agent and one after. The alert is of the inner container, names the outer one in the chain, and has the name and
image that the inner dockerd knows, which lies where only the outer container sees it. What starts the inner containers is
the outer container's. When the outer container's files no longer answer, alerts come all the same, with the reason, and
other containers keep their names."""

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
  output: >
    chain=%container.chain name=%container.name image=%container.image repository=%container.image.repository
    label=%container.label[which] user=%user.name
  priority: NOTICE
- rule: Helper Inside
  desc: A program of a runtime in a container.
  condition: container and (proc.name startswith runc or proc.exepath endswith /runc)
  output: "%proc.cmdline chain=%container.chain"
  priority: NOTICE
"""
ESCAPE = "Container Started with Escape Capabilities"
# Mounts a FUSE file system whose server, this process's descriptor, never answers.
HANG = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
options = "fd=%s,rootmode=40000,user_id=0,group_id=0" % sys.argv[2]
if libc.mount(b"gyr-test", sys.argv[1].encode(), b"fuse", 0, options.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
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


def shell_in(rt, name, agent, full):
    status, output = live.run_tty(rt.docker("exec", "-t", "outer", "/usr/bin/docker", "-H", SOCKET, "exec", "-t", name, "sh",
                                            "-c", "true"))
    if status != 0:
        raise RuntimeError("exec in %s: %r" % (name, output))
    return agent.wait_for(lambda r: r.get("rule") == "Nested Shell" and r["container"].get("full_id") == full,
                          "the alert of " + name)


def check(results, alert, outer, name, full):
    fields = alert["output_fields"]
    results.equal(fields.get("container.chain"), [outer[:12], full[:12]], name + ": chain")
    results.equal(alert["container"].get("runtime"), "docker", name + ": runtime")
    results.equal(alert.get("missing", {}), {}, name + ": missing values")
    results.equal(alert["container"].get("name"), name, name + ": name")
    results.equal(alert["container"].get("image"), "gyr-test", name + ": image")
    results.equal(fields.get("container.image.repository"), "gyr-test", name + ": repository")
    results.equal(fields.get("container.label[which]"), "label of " + name, name + ": label")
    results.equal(fields.get("user.name"), "root", name + ": user")


class Hanging:
    """For the time of a `with` block, whoever looks into this folder of the outer container waits."""

    def __init__(self, rt, folder):
        self.enter = ["nsenter", "-t", live.check(rt.docker("inspect", "-f", "{{.State.Pid}}", "outer")), "-m", "-p"]
        self.folder = folder

    def __enter__(self):
        self.server = os.open("/dev/fuse", os.O_RDWR)
        live.check([*self.enter, "/usr/bin/python3", "-c", HANG, self.folder, str(self.server)], pass_fds=[self.server])

    def __exit__(self, *_):
        os.close(self.server)  # who waits is told that nobody will come
        live.check([*self.enter, "/usr/bin/umount", "-l", self.folder])


def check_hanging(results, rt, inner_id):
    """The outer container's folder hangs before the agent has ever looked into it."""
    neighbour = live.check(rt.docker("run", "-d", "--name", "neighbour", "gyr-test", "sleep", "100000"))
    with Hanging(rt, "/var/lib/docker/containers"):
        # A look's time is over long before an alert has waited its own.
        with live.Agent(text=[RULES], runtimes=rt, options=["containers.timeout=100ms", live.WAIT_FOR_NAMES]) as agent:
            alert = shell_in(rt, "after", agent, inner_id)
            results.equal(alert["container"].get("name"), None, "hanging: name")
            results.equal(alert.get("missing", {}).get("container.name"), "runtime_timeout", "hanging: reason")
            live.run_tty(rt.docker("exec", "-t", "neighbour", "sh", "-c", "true"))
            beside = agent.wait_for(lambda r: r.get("rule") == "Nested Shell"
                                    and r["container"].get("full_id") == neighbour, "the neighbour's alert")
            results.equal(beside["container"].get("name"), "neighbour", "beside what hangs: name")
            agent.stop()
            results.equal(agent.returncode, 0, "hanging: exit status")


def main():
    live.require_root()
    results = live.Results()
    with live.Runtimes("docker") as rt:
        outer = start_outer(rt)
        wait_for_inner(rt)
        live.check(inner(rt, "load", "-q", "-i", "/image.tar"))

        def start(name):
            return live.check(inner(rt, "run", "-d", "--name", name, "--label", "which=label of " + name, "gyr-test", "sleep",
                                    "100000"))
        before = start("before")
        with live.Agent(text=[RULES], rules=["rules-default"], runtimes=rt, options=[live.WAIT_FOR_NAMES]) as agent:
            after = start("after")
            for name, full in (("before", before), ("after", after)):
                check(results, shell_in(rt, name, agent, full), outer, name, full)
            agent.sentinel()
            agent.stop()
            chains = [a["output_fields"]["container.chain"] for a in agent.of_rule("Helper Inside")]
            results.expect(chains and all(chain == [outer[:12]] for chain in chains),
                           "what starts the inner containers is the outer's: %s" % chains)
            # The outer one has the right to mount, and it ran already.
            results.equal([a["output"] for a in agent.of_rule(ESCAPE) if a["proc"]["name"] != "dockerd"], [], ESCAPE)
        check_hanging(results, rt, after)
        live.check(inner(rt, "rm", "-f", "before", "after"))
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
