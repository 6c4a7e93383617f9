#!/usr/bin/env python3
"""LXC and systemd-nspawn, which keep no metadata that others could ask for: a shell on a terminal in a container of each is
reported with the container's id, name and runtime as its cgroup spells them and with the user's name of the container's own
files; what starts and serves the container from outside is the host's."""

import os
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULES = """
- rule: Supervisor Inside
  desc: A program of the runtime that counts as the container's.
  condition: container and proc.exepath startswith /usr
  output: "%proc.exepath %proc.cmdline in %container.id"
  priority: NOTICE
- rule: User Inside
  desc: What is known of a user by the container's files and of the container by its cgroup.
  condition: spawned_process and container and proc.name = id
  output: "user=%user.name chain=%container.chain type=%container.type image=%container.image"
  priority: NOTICE
"""
SHELL = "Terminal Access"
TOP = "/sys/fs/cgroup"
NAME = "gyr-%d" % os.getpid()


def hierarchies():
    """Where a service manager keeps its cgroups."""
    own = [f for f in (TOP + "/systemd", TOP + "/unified") if os.path.exists(f + "/cgroup.procs")]
    return own or [TOP]


def remove_cgroups(paths):
    """Once their last process has gone; those that others use stay."""
    deadline = time.monotonic() + live.PATIENCE
    for path in paths:
        while os.path.isdir(path):
            try:
                os.rmdir(path)
            except OSError:
                if time.monotonic() > deadline or path.endswith(".slice"):
                    break
                time.sleep(0.02)


class Lxc:
    runtime, name = "lxc", NAME

    def __init__(self, rt, root):
        self.folder = rt.folder + "/lxc"
        self.pivots = [p for p in self.pivot_cgroups() if not os.path.exists(p)]
        os.makedirs(os.path.join(self.folder, NAME))
        with open(os.path.join(self.folder, NAME, "config"), "w", encoding="ascii") as file:
            file.write("lxc.uts.name = %s\nlxc.rootfs.path = dir:%s\nlxc.net.0.type = empty\nlxc.mount.auto = proc sys\n"
                       "lxc.tty.max = 0\nlxc.pty.max = 8\n" % (NAME, root))
        self.log = open(rt.folder + "/lxc.log", "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen([*self.command("lxc-start"), "-F", "--", "/bin/sleep", "100000"],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, close_fds=True)
        waited = live.run([*self.command("lxc-wait"), "-s", "RUNNING", "-t", str(live.PATIENCE)])
        if waited.returncode != 0 or self.process.poll() is not None:
            self.process.kill()
            self.log.seek(0)
            raise RuntimeError("lxc-start: " + self.log.read())

    @staticmethod
    def pivot_cgroups():
        """What LXC leaves behind."""
        return [os.path.join(TOP, name, "lxc.pivot") for name in [*os.listdir(TOP), ""]
                if os.path.exists(os.path.join(TOP, name, "cgroup.procs"))]

    def command(self, program):
        return [program, "-P", self.folder, "-n", NAME]

    def shell(self):
        return live.Terminal([*self.command("lxc-attach"), "--", "/bin/sh"])

    def close(self):
        live.run([*self.command("lxc-stop"), "-k"])
        self.process.wait(live.PATIENCE)
        self.log.close()
        remove_cgroups(self.pivots)


class Nspawn:
    """In the cgroup that systemd would have given it, as no systemd may be running here."""
    runtime, name = "systemd-nspawn", NAME

    def __init__(self, _, root):
        self.cgroups = self.make_cgroups()
        self.root = root
        self.terminals = []

    @staticmethod
    def make_cgroups():
        scope = "machine.slice/machine-%s.scope" % NAME.replace("-", "\\x2d")
        cgroups = [os.path.join(top, scope) for top in hierarchies()]
        for cgroup in cgroups:
            os.makedirs(cgroup)
        return cgroups

    def shell(self):
        enter = 'for g; do echo $$ >"$g/cgroup.procs"; done; exec systemd-nspawn --quiet --keep-unit --register=no ' \
                '-M "$0" -D "$ROOT" /bin/sh'
        self.terminals.append(live.Terminal(["sh", "-c", enter, NAME, *self.cgroups],
                                            env={**os.environ, "ROOT": self.root}))
        return self.terminals[-1]

    def close(self):
        for terminal in self.terminals:
            terminal.close()
        remove_cgroups([p for c in self.cgroups for p in (c + "/payload", c + "/supervisor", *self.made_above(c))])

    @staticmethod
    def made_above(cgroup):
        return (cgroup, os.path.dirname(cgroup))


class BareNspawn(Nspawn):
    """Of a shell in no unit: nothing but what it calls its own cgroup names it."""
    name = "payload"

    @staticmethod
    def make_cgroups():
        return hierarchies()

    @staticmethod
    def made_above(_):
        return ()


def check(results, alert, kind, user, what):
    container = alert["container"]
    results.equal((container.get("id"), container.get("full_id"), container.get("name"), container.get("runtime")),
                  (kind.name, kind.name, kind.name, kind.runtime), what + ": id, full id, name, runtime")
    results.equal(alert["user"].get("name"), user, what + ": user")
    results.equal(alert.get("missing", {}), {}, what + ": missing values")


def look_into(results, agent, kind, place, what):
    begin = len(agent.alerts)
    terminal = place.shell()
    try:
        first = agent.wait_for_next(begin, lambda r: r.get("rule") == SHELL)
        check(results, first, kind, "root", what)
        results.equal(first["proc"].get("name"), "sh", what + ": program")
        terminal.read_until(bool)
        terminal.type(b"su app\n")
        second = agent.wait_for_next(agent.alerts.index(first) + 1, lambda r: r.get("rule") == SHELL)
        check(results, second, kind, "app", what + ", su")
        results.equal(second["user"].get("id"), 1000, what + ", su: uid")
        terminal.type(b"id\nexit\n")
        third = agent.wait_for_next(begin, lambda r: r.get("rule") == "User Inside")
        check(results, third, kind, "app", what + ", id")
        results.equal(third["output_fields"].get("container.chain"), [kind.name], what + ": chain")
        terminal.type(b"exit\n")
        terminal.end()
    except TimeoutError:
        print("%s wrote %r" % (what, terminal.written_so_far()))
        raise
    finally:
        terminal.close()


def main():
    live.require_root()
    kinds = [(kind, what) for kind, what, program in ((Lxc, "LXC", "lxc-start"), (Nspawn, "systemd-nspawn", "systemd-nspawn"),
                                                      (BareNspawn, "systemd-nspawn of a bare shell", "systemd-nspawn"))
             if shutil.which(program)]
    if not kinds:
        live.skip("this machine has neither lxc nor systemd-container")
    results = live.Results()
    with live.Runtimes() as rt:
        root = rt.folder + "/root"
        rt.call("rt_make_root " + root)
        with live.Agent(rules=["examples/rules/terminal-access.yaml"], text=[RULES], runtimes=rt,
                        options=[live.WAIT_FOR_NAMES]) as agent:
            for kind, what in kinds:
                place = kind(rt, root)
                try:
                    look_into(results, agent, kind, place, what)
                finally:
                    place.close()
            agent.sentinel()
            agent.stop()
            results.equal(len(agent.of_rule(SHELL)), 2 * len(kinds), "shells")
            results.equal([a["output"] for a in agent.of_rule("Supervisor Inside")], [], "programs of the runtimes inside")
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
