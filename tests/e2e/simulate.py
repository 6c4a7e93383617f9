#!/usr/bin/env python3
"""gyr simulate, all of it: every default rule has an action that sets it off and one that does not, every evasion is seen,
and the host is as it was before."""

import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULES = os.path.join(live.ROOT, "rules-default")
# Files that actions change in their own places; the host's own must not.
TOUCHED = ["/etc/passwd", "/etc/shadow", "/etc/ld.so.preload", "/etc/sudoers.d", "/etc/cron.d", "/root/.bashrc", "/usr/bin",
           "/var/log/auth.log", "/etc/kubernetes", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname"]
LOGS = ["/var/log/auth.log"]  # the host itself may write more into it meanwhile


def state_of_host():
    state = {}
    for path in TOUCHED:
        try:
            found = os.stat(path)
            content = None
            if path.startswith("/proc/"):
                with open(path, encoding="ascii") as file:
                    content = file.read()
            state[path] = (found.st_size, None if content else found.st_mtime_ns, found.st_mode, content)
            if path in LOGS:
                state[path] = (found.st_ino, found.st_mode)
        except FileNotFoundError:
            state[path] = None
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        state["mounts"] = [line for line in file if "gyr-simulate" in line]  # others may mount something meanwhile
    state["cgroups"] = sorted(folder for folder, _, _ in os.walk("/sys/fs/cgroup") if "/gyr-simulate-" in folder)
    return state


def listed(results):
    done = live.subprocess.run([live.find_binary(), "simulate", "--all", "--list", "--format", "json", "-r", RULES],
                               stdout=live.subprocess.PIPE, check=True)
    answer = json.loads(done.stdout)
    results.equal(answer["rules_without_action"], [], "rules without an action")
    for kind in ("alert", "near_miss"):
        rules = [a["rule"] for a in answer["actions"] if a["kind"] == kind]
        results.equal(len(rules), len(set(rules)), "one action of kind %s a rule" % kind)
    return {a["rule"] for a in answer["actions"]}


def ends_early(results, number, before):
    """By a signal, in the middle of the actions: what was made is taken away all the same."""
    with tempfile.TemporaryDirectory() as folder:
        begun = live.subprocess.Popen([live.find_binary(), "simulate", "-r", RULES], env=dict(os.environ, TMPDIR=folder),
                                      stdout=live.subprocess.PIPE, start_new_session=True)
        for _ in range(3):
            results.expect(begun.stdout.readline(), "an action before " + number.name)
        os.killpg(begun.pid, number)
        begun.stdout.read()
        results.equal(begun.wait(live.PATIENCE), -number, "how it ended by " + number.name)
        results.equal(os.listdir(folder), [], "what it leaves behind after " + number.name)
    results.equal(state_of_host(), before, "the host after " + number.name)


def main():
    results = live.Results()
    rules = listed(results)
    results.expect(len(rules) >= 80, "only %d rules" % len(rules))
    live.require_root()
    before = state_of_host()
    with tempfile.TemporaryDirectory() as folder:
        done = live.subprocess.run([live.find_binary(), "simulate", "--all", "--format", "json", "-r", RULES],
                                   env=dict(os.environ, TMPDIR=folder), stdout=live.subprocess.PIPE,
                                   stderr=live.subprocess.PIPE, timeout=live.PATIENCE * 4, check=False)
        results.equal(os.listdir(folder), [], "what it leaves behind")
    if not results.expect(done.stdout, "it printed nothing: %s" % done.stderr.decode(errors="replace")):
        return results.finish()
    answer = json.loads(done.stdout)
    for a in answer["actions"]:
        what = "%s of %s (%s)" % (a["kind"], a["name"], a["action"])
        if not results.expect(a["done"], "%s could not be done: %s" % (what, a.get("detail"))):
            continue
        results.expect(a["seen"], "no program of it was seen: " + what)
        results.equal(a["alerted"], a["kind"] != "near_miss", "an alert of %s for %s" % (a["rule"], what))
    results.equal(done.returncode, 0, "exit code")
    results.equal({a["rule"] for a in answer["actions"]}, rules, "the rules that were tried")
    results.equal(state_of_host(), before, "the host")

    for number in (live.signal.SIGINT, live.signal.SIGTERM, live.signal.SIGHUP):
        ends_early(results, number, before)

    # What is not there is told, and one that is missed is an error of the answer.
    wrong = live.run([live.find_binary(), "simulate", "-r", RULES, "No Such Rule"])
    results.equal(wrong.returncode, 2, "exit code for an action that is not there")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as blind:
        blind.write("- rule: Password Hashes Read\n  desc: Blind.\n  condition: evt.type = openat and fd.name = /no/such/file\n"
                    "  output: x\n  priority: NOTICE\n")
        blind.flush()
        missed = live.run([live.find_binary(), "simulate", "-r", blind.name, "Password Hashes Read"])
        results.equal(missed.returncode, 1, "exit code for a rule that sees nothing: " + missed.stdout)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
