#!/usr/bin/env python3
"""Podman of an ordinary user: shells on a terminal in a container that ran before the agent and in one that came after are
reported with the name and image that lie in the user's own storage and with the names of the container's own users, though
the kernel knows them by other numbers. The user is made for the test, with cgroups of its own as a service manager with
delegation gives them."""

import os
import shutil
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

SHELL = "Terminal Access"
IMAGE = "localhost/gyr-test:latest"
TOP = "/sys/fs/cgroup"


def pids_of(uid):
    pids = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat("/proc/" + name).st_uid == uid:
                pids.append(int(name))
        except OSError:
            pass  # gone meanwhile
    return pids


class User:
    """Removed with all that it left."""

    def __init__(self, folder):
        self.name = "gyr-test-%d" % os.getpid()
        self.folder = folder
        live.check(["useradd", "--create-home", "--home-dir", folder + "/home", self.name])
        self.uid = int(live.check(["id", "-u", self.name]))
        with open("/etc/subuid", encoding="ascii") as file:
            ranges = [line.split(":") for line in file if line.startswith(self.name + ":")]
        self.first_id = int(ranges[0][1]) if ranges else None
        os.chmod(folder, 0o711)
        run = folder + "/run-user"
        os.mkdir(run, 0o700)
        os.chown(run, self.uid, self.uid)
        with open(folder + "/containers.conf", "w", encoding="ascii") as file:
            file.write('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\nnetns = "none"\n'
                       '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n')
        self.environment = {"HOME": folder + "/home", "USER": self.name, "XDG_RUNTIME_DIR": run,
                            "PATH": os.environ["PATH"], "TERM": "linux", "CONTAINERS_CONF": folder + "/containers.conf"}
        own = [f for f in (TOP + "/systemd", TOP + "/pids", TOP + "/unified") if os.path.exists(f + "/cgroup.procs")] or [TOP]
        self.cgroups = ["%s/user.slice/user-%d.slice/user@%d.service" % (top, self.uid, self.uid) for top in own]
        for cgroup in self.cgroups:
            os.makedirs(cgroup)
            for path in (cgroup, cgroup + "/cgroup.procs"):
                os.chown(path, self.uid, self.uid)

    def command(self, *argv):
        """What to run as root so that it runs as the user."""
        enter = 'for g in %s; do echo $$ >"$g/cgroup.procs"; done; cd "$HOME"; exec setpriv --reuid %d --regid %d ' \
                '--init-groups "$@"' % (" ".join(self.cgroups), self.uid, self.uid)
        return ["env", "-i", *("%s=%s" % item for item in self.environment.items()), "sh", "-c", enter, "sh", *argv]

    def podman(self, *arguments):
        return self.command("podman", *arguments)

    def remove(self):
        live.run(self.podman("rm", "-fa", "-t", "0"))
        deadline = time.monotonic() + live.PATIENCE
        while (left := pids_of(self.uid)) and time.monotonic() < deadline:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)
        for cgroup in self.cgroups:
            for folder, _, _ in os.walk(cgroup, topdown=False):
                os.rmdir(folder)
            slice_of_user = os.path.dirname(cgroup)
            os.rmdir(slice_of_user)
            try:
                os.rmdir(os.path.dirname(slice_of_user))
            except OSError:
                pass  # other users' cgroups are there
        shutil.rmtree(self.folder + "/home")
        live.check(["userdel", self.name])


def check(results, alert, what, name, full_id, user, uid):
    container = alert["container"]
    results.equal((container.get("name"), container.get("image"), container.get("runtime"), container.get("full_id")),
                  (name, IMAGE, "podman", full_id), what + ": name, image, runtime, id")
    results.equal(container.get("id"), full_id[:12], what + ": short id")
    results.equal((alert["user"].get("name"), alert["user"].get("id"), alert["user"].get("name_source")),
                  (user, uid, "container"), what + ": user")
    results.equal(alert.get("missing", {}), {}, what + ": missing values")


def main():
    live.require_root()
    for program in ("podman", "runc", "newuidmap", "useradd", "setpriv"):
        if not shutil.which(program):
            live.skip("this machine has no " + program)
    results = live.Results()
    with live.Runtimes() as rt:
        rt.call("rt_image_archive")
        user = User(rt.folder)
        try:
            if user.first_id is None:
                live.skip("a new user gets no range of ids (/etc/subuid)")
            live.check(user.podman("load", "-q", "-i", rt.folder + "/image.tar"))

            def start(name):
                return live.check(user.podman("run", "-d", "--name", name, "gyr-test", "sleep", "100000")).split()[-1]
            before = start("before")
            with live.Agent(rules=["examples/rules/terminal-access.yaml"], runtimes=rt,
                            options=[live.WAIT_FOR_NAMES]) as agent:
                after = start("after")
                for name, full_id in (("before", before), ("after", after)):
                    # The range begins at the container's uid 1; its uid 0 is the user.
                    for who, uid in (("root", user.uid), ("app", user.first_id + 999)):
                        begin = len(agent.alerts)
                        terminal = live.Terminal(user.podman("exec", "-it", "-u", who, name, "sh"))
                        try:
                            alert = agent.wait_for_next(begin, lambda r: r.get("rule") == SHELL)
                            check(results, alert, "%s, %s" % (name, who), name, full_id, who, uid)
                            terminal.read_until(bool)
                            terminal.type(b"exit\n")
                            terminal.end()
                        finally:
                            terminal.close()
                live.run_tty(user.command("sh", "-c", "true"))
                agent.sentinel()
                agent.stop()
                results.equal(len(agent.of_rule(SHELL)), 4, "alerts in total")
        finally:
            user.remove()
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
