#!/usr/bin/env python3
"""The rule Terminal Access, verbatim: one line for each interactive shell in a container of any runtime, with all that
identifies it, checked against /proc and the runtimes' own word; none for anything else."""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

IMAGE = "docker.io/library/gyr-test:latest"
RULE = "Terminal Access"


def status_of(pid):
    """What /proc says about a process, in the alert's terms."""
    fields = {}
    with open("/proc/%d/status" % pid, encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            fields[name] = value.split()
    with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
        after_name = file.read().rpartition(")")[2].split()
    with open("/proc/%d/cmdline" % pid, "rb") as file:
        arguments = file.read().rstrip(b"\0").decode().split("\0")
    name = fields["Name"][0]
    return {
        "pid": pid,
        "ppid": int(fields["PPid"][0]),
        "name": name,
        "cmdline": " ".join([name] + arguments[1:]),
        "exe": os.readlink("/proc/%d/exe" % pid),
        "tty": int(after_name[4]),
        "uid": int(fields["Uid"][0]),
        "groups": {int(fields["Gid"][0])} | {int(g) for g in fields["Groups"]},
        "inner_pid": int(fields["NSpid"][-1]),
    }


def check_alert(results, alert, what, container, user):
    """Compares one alert with the process, which still lives, and with the container as its runtime describes it."""
    proc = alert.get("proc", {})
    real = status_of(proc["pid"])
    for key in ("pid", "name", "cmdline", "exe", "tty"):
        results.equal(proc.get(key), real[key], "%s: proc.%s" % (what, key))
    # At the exec the runtime's own helper may still be the parent; when it ends, the shell becomes its parent's child.
    above = [a["pid"] for a in proc.get("ancestors", [])]
    results.equal(proc.get("ppid"), above[0] if above else None, what + ": proc.ppid is the first ancestor")
    results.expect(real["ppid"] in above[:3], "%s: the parent %d is among the ancestors %s" % (what, real["ppid"], above))
    results.expect(real["tty"] != 0, what + ": the shell has a terminal")
    with open("/proc/%d/cgroup" % proc["pid"], encoding="utf-8") as file:
        results.expect(container["full_id"] in file.read(), what + ": the process is in the container's cgroup")
    results.equal(alert["user"].get("id"), real["uid"], what + ": user.id")
    results.equal(alert["user"].get("name"), user, what + ": user.name")
    results.equal(set(alert["user"].get("idgroups", [])), real["groups"], what + ": user.idgroups")
    for key in ("id", "name", "image", "runtime"):
        results.equal(alert.get("container", {}).get(key), container[key], "%s: container.%s" % (what, key))
    results.equal(alert.get("missing", {}), {}, what + ": missing values")
    for key in ("uuid", "time", "hostname"):
        results.expect(alert.get(key), "%s: %s is there" % (what, key))
    results.equal(alert.get("rule"), RULE, what + ": rule")
    results.equal(alert.get("priority"), "WARNING", what + ": priority")
    results.equal(alert.get("source"), "syscall", what + ": source")
    results.equal(alert.get("scause"), "execve", what + ": scause")
    results.equal(alert.get("tags"), ["container", "interactive", "shell"], what + ": tags")
    results.equal(
        alert.get("output"),
        "An interactive shell was spawned in container %s. (user: %s %d, executable: %s %d, command: %s, tty: %d)"
        % (container["name"], user, real["uid"], real["name"], real["pid"], real["cmdline"], real["tty"]),
        what + ": output")


def main():
    live.require_root()
    results = live.Results()
    with live.Runtimes("docker", "containerd", "podman") as rt:
        sleeping = ["sleep", "100000"]
        full = {
            "docker": live.check(rt.docker("run", "-d", "--name", "d1", "gyr-test", *sleeping)),
            "podman": live.check(rt.podman("run", "-d", "--name", "p1", "gyr-test", *sleeping)),
            "containerd": "k1",
        }
        live.check(rt.ctr("run", "-d", IMAGE, "k1", *sleeping))
        docker_image = json.loads(live.check(rt.docker("inspect", "d1")))[0]["Config"]["Image"]
        podman_image = json.loads(live.check(rt.podman("inspect", "p1")))[0]["ImageName"]
        known = {
            "docker": {"id": full["docker"][:12], "full_id": full["docker"], "name": "d1", "image": docker_image,
                       "runtime": "docker"},
            "podman": {"id": full["podman"][:12], "full_id": full["podman"], "name": "p1", "image": podman_image,
                       "runtime": "podman"},
            "containerd": {"id": "k1", "full_id": "k1", "name": "k1", "image": IMAGE, "runtime": "containerd"},
        }
        cases = [
            ("docker exec -it", rt.docker("exec", "-it", "d1", "sh"), "docker", "root"),
            ("docker exec -it bash", rt.docker("exec", "-it", "d1", "bash", "--norc"), "docker", "root"),
            ("docker exec -it -u app", rt.docker("exec", "-it", "-u", "app", "d1", "sh"), "docker", "app"),
            ("docker exec -it -u 1000:50", rt.docker("exec", "-it", "-u", "1000:50", "d1", "ash"), "docker", "app"),
            ("ctr task exec -t", rt.ctr("task", "exec", "-t", "--exec-id", "e1", "k1", "sh"), "containerd", "root"),
            ("podman exec -it", rt.podman("exec", "-it", "p1", "sh"), "podman", "root"),
            ("podman exec -it -u app", rt.podman("exec", "-it", "-u", "app", "p1", "sh"), "podman", "app"),
        ]
        first = [
            ("docker run -it", lambda name: rt.docker("run", "-it", "--name", name, "gyr-test", "sh"), "docker", "d2"),
            ("docker run -it, default command", lambda name: rt.docker("run", "-it", "--name", name, "gyr-test"),
             "docker", "d3"),
            ("podman run -it", lambda name: rt.podman("run", "-it", "--name", name, "gyr-test", "sh"), "podman", "p2"),
            ("ctr run -t", lambda name: rt.ctr("run", "-t", IMAGE, name, "sh"), "containerd", "k2"),
        ]
        with live.Agent(rules=["examples/rules/terminal-access.yaml"], runtimes=rt, options=[live.WAIT_FOR_NAMES]) as agent:
            seen = 0

            def new_alert():
                nonlocal seen
                alert = agent.wait_for(lambda r: r.get("rule") == RULE and r not in agent.of_rule(RULE)[:seen])
                seen += 1
                return alert

            for what, argv, runtime, user in cases:
                terminal = live.Terminal(argv)
                try:
                    check_alert(results, new_alert(), what, known[runtime], user)
                    terminal.read_until(bool)
                    terminal.type(b"exit\n")
                    terminal.end()
                finally:
                    terminal.close()
            for what, make, runtime, name in first:
                terminal = live.Terminal(make(name))
                try:
                    alert = new_alert()
                    container = dict(known[runtime], name=name)
                    if runtime == "containerd":
                        container["id"] = container["full_id"] = name
                    else:
                        inspect = getattr(rt, runtime)("inspect", "-f", "{{.Id}}", name)
                        container["full_id"] = live.check(inspect)
                        container["id"] = container["full_id"][:12]
                    check_alert(results, alert, what, container, "root")
                    results.equal(status_of(alert["proc"]["pid"])["inner_pid"], 1, what + ": it is the first process")
                    terminal.read_until(bool)
                    terminal.type(b"exit\n")
                    terminal.end()
                finally:
                    terminal.close()

            # Silence.
            live.check(rt.docker("exec", "d1", "sh", "-c", "true"))
            live.check(rt.podman("exec", "p1", "sh", "-c", "true"))
            live.check(rt.ctr("task", "exec", "--exec-id", "e2", "k1", "sh", "-c", "true"))
            live.check(rt.docker("run", "--rm", "gyr-test", "sh", "-c", "true"))
            results.equal(live.run_tty(rt.docker("exec", "-t", "d1", "ls", "/"))[0], 0, "ls on a terminal")
            results.equal(live.run_tty(["sh", "-c", "tty"])[0], 0, "a shell on a terminal of the host")
            results.equal(live.run(["script", "-qec", "sh -c tty", "/dev/null"]).returncode, 0, "script(1) on the host")
            agent.sentinel(lambda name, value: live.check(rt.docker("exec", "-e", name + "=" + value, "d1", "ls")))
            agent.sentinel()
            agent.stop()
            results.equal(len(agent.of_rule(RULE)), len(cases) + len(first), "alerts in total")
            results.equal(agent.bad_lines, [], "lines that are not JSON")
            results.equal(agent.returncode, 0, "exit status of the agent")
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
