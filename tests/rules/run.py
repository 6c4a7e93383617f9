#!/usr/bin/env python3
"""Runs every case of cases.toml against one live agent with all default rules.

    tests/rules/run.py            all cases (root, Docker, Podman)
    tests/rules/run.py --check    only that every rule has an alerting and a silent case
    tests/rules/run.py --rule R   the cases of one rule

Each case runs its command with GYR_CASE=<number> in the environment; an overlay file appends that variable to every
rule's output, and so an alert says which case it belongs to, whatever else happens on the machine. A witness rule that
reports every process of a case proves that the agent has seen the commands of silent cases too. All cases run first;
then a sentinel at each place proves that everything before it was looked at.
"""

import argparse
import os
import re
import shlex
import shutil
import struct
import sys
import tempfile
import tomllib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULES = os.path.join(live.ROOT, "rules-default")
KEYS = {"in", "do", "tty", "type", "user", "options", "runtime", "env", "before", "status", "count"}
WITNESS = """
- rule: Test Witness
  desc: Every program image that a case runs.
  condition: proc.env[GYR_CASE] != ""
  output: "case=%proc.env[GYR_CASE]"
  priority: DEBUG
"""


def rule_names():
    names = []
    for name in sorted(os.listdir(RULES)):
        with open(os.path.join(RULES, name), encoding="utf-8") as file:
            names += re.findall(r"^- rule: (.+?)\s*$", file.read(), re.M)
    return names


def load_cases():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.toml"), "rb") as file:
        return tomllib.load(file)["rule"]


def simulated_rules():
    """Rules whose two cases are actions of gyr simulate, which tests/e2e/simulate.py runs."""
    folder = os.path.join(live.ROOT, "src", "simulate")
    text = ""
    for name in sorted(os.listdir(folder)):
        if name.endswith("_actions.cpp"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text += file.read()
    return set(re.findall(r'RuleAction\{\s*"([^"]+)"', text))


def check_complete(table, results):
    names = rule_names()
    results.expect(len(names) == len(set(names)), "two default rules have the same name")
    tested = {}
    for entry in table:
        results.expect(entry["name"] in names, "cases for a rule that does not exist: " + entry["name"])
        results.expect(entry["name"] not in tested, "two entries for the rule " + entry["name"])
        tested[entry["name"]] = entry
        for case in entry.get("alert", []) + entry.get("none", []):
            results.expect(set(case) <= KEYS and "do" in case, "unknown or missing key in a case of " + entry["name"])
    simulated = simulated_rules()
    for name in names:
        if name in simulated and name not in tested:
            continue
        entry = tested.get(name, {})
        results.expect(entry.get("alert"), "no case shows that this rule alerts: " + name)
        results.expect(entry.get("none"), "no case shows that this rule stays silent: " + name)


class Place:
    """Where the cases run: helper programs, scratch folder, containers."""

    def __init__(self, runtimes, table):
        self.rt = runtimes
        self.folder = tempfile.mkdtemp(prefix="gyr-cases-")
        os.chmod(self.folder, 0o755)
        self.helpers = self.folder + "/helpers"
        self.scratch = self.folder + "/scratch"
        os.mkdir(self.helpers)
        os.mkdir(self.scratch)
        actor = live.find_actor()
        shutil.copy(actor, self.helpers + "/actor")
        os.chmod(self.helpers + "/actor", 0o755)
        names = set(re.findall(r"\{H\}/([\w.+-]+)", repr(table))) - {"actor", "setuid", "capable"}
        for name in names:
            os.link(self.helpers + "/actor", self.helpers + "/" + name)
        os.mkdir(self.helpers + "/setuid")
        shutil.copy(actor, self.helpers + "/setuid/helper")
        os.chmod(self.helpers + "/setuid/helper", 0o4755)
        shutil.copy(actor, self.helpers + "/capable")
        os.chmod(self.helpers + "/capable", 0o755)
        # security.capability, revision 2, effective: CAP_NET_RAW (13), which a container may have
        os.setxattr(self.helpers + "/capable", "security.capability",
                    struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))
        self.container = "gyr-cases"
        self.started = []  # (command of the runtime, container)
        self.run_container(self.rt.docker, self.container, [], ["sleep", "100000"])

    def run_container(self, runtime, name, options, command):
        live.check(runtime("run", "-d", "--name", name, "-v", self.helpers + ":/helpers:ro", *options, "gyr-test",
                           *command))
        self.started.append((runtime, name))

    def clean(self):
        shutil.rmtree(self.folder)
        for path in ("/dev/shm/gyr-case", "/dev/shm/gyr-case.sh", "/var/tmp/.gyr-case"):
            if os.path.lexists(path):
                os.unlink(path)
        for path in ("/tmp/.gyr-case", "/opt/gyr-case"):
            shutil.rmtree(path, ignore_errors=True)

    def expand(self, text, inside):
        return text.replace("{H}", "/helpers" if inside else self.helpers).replace("{T}", self.scratch)

    def perform(self, number, case):
        """Runs one case; returns (exit status, output)."""
        where = case.get("in", "host")
        inside = where != "host"
        argv = shlex.split(self.expand(case["do"], inside))
        variables = dict(case.get("env", {}), GYR_CASE=str(number))
        if where == "run":
            options = shlex.split(self.expand(case.get("options", ""), False))
            for name, value in variables.items():
                options += ["-e", name + "=" + value]
            self.run_container(getattr(self.rt, case.get("runtime", "docker")), "gyr-case-%d" % number, options, argv)
            return 0, ""
        if "before" in case:
            line = self.expand(case["before"], inside)
            live.check(self.rt.docker("exec", self.container, "sh", "-c", line) if inside else ["sh", "-c", line])
        environment = None
        if inside:
            options = ["-t" if case.get("tty") else None, "-i" if case.get("type") else None]
            options = [option for option in options if option]
            if "user" in case:
                options += ["-u", str(case["user"])]
            for name, value in variables.items():
                options += ["-e", name + "=" + value]
            argv = self.rt.docker("exec", *options, self.container, *argv)
        else:
            environment = {"PATH": os.environ["PATH"], "HOME": self.scratch, "TERM": "dumb", **variables}
        if case.get("tty"):
            status, output = live.run_tty(argv, case.get("type", "").encode(), env=environment)
            return status, output.decode("utf-8", "replace")
        done = live.run(argv, env=environment, start_new_session=True)
        return done.returncode, done.stdout


def overlay(names):
    """Appends the case number to every default rule's output."""
    return "".join('- rule: %s\n  output: "case=%%proc.env[GYR_CASE]"\n  override: {output: append}\n' % name
                   for name in names)


def case_of(record):
    return record.get("output_fields", {}).get("proc.env[GYR_CASE]") or ""


def wait_for_alerts(agent, cases):
    """What waits for a name passes what came before it; the agent's end would wait for it only a moment."""
    left = {(rule, str(number)): count for number, (rule, _, count) in enumerate(cases) if count}

    def all_told(record):
        key = (record.get("rule"), case_of(record))
        if key in left and "amends" not in record:
            left[key] -= 1
            if left[key] == 0:
                del left[key]
        return not left
    try:
        if left:
            agent.wait_for(all_told)
    except TimeoutError:
        pass  # those that are missing are told below


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rule")
    arguments = parser.parse_args()
    table = load_cases()
    results = live.Results()
    check_complete(table, results)
    if arguments.check:
        return results.finish()
    live.require_root()
    if arguments.rule:
        table = [entry for entry in table if entry["name"] == arguments.rule]

    cases = []  # (rule, case, expected count)
    for entry in table:
        cases += [(entry["name"], case, case.get("count", 1)) for case in entry["alert"]]
        cases += [(entry["name"], case, 0) for case in entry["none"]]
    with live.Runtimes("docker", "podman") as runtimes:
        place = Place(runtimes, table)
        try:
            with live.Agent(rules=[RULES], text=[overlay(rule_names()), WITNESS], runtimes=runtimes) as agent:
                for number, (rule, case, _) in enumerate(cases):
                    try:
                        status, output = place.perform(number, case)
                    except (RuntimeError, TimeoutError) as error:
                        results.expect(False, "%s: %s: %s" % (rule, case["do"], error))
                        continue
                    results.expect(status == case.get("status", 0), "%s: %s: status %d: %s"
                                   % (rule, case["do"], status, output.strip()))
                for runtime, container in place.started:
                    agent.sentinel(lambda variable, value: live.check(
                        runtime("exec", "-e", "GYR_CASE=", "-e", variable + "=" + value, container, "ls", "/")))
                agent.sentinel()
                wait_for_alerts(agent, cases)
                agent.stop()
                results.equal(agent.bad_lines, [], "lines that are not JSON")
                for number, (rule, case, count) in enumerate(cases):
                    mine = [r for r in agent.alerts if case_of(r) == str(number)]
                    results.expect([r for r in mine if r.get("rule") == "Test Witness"],
                                   "%s: %s: the agent saw no process of this case" % (rule, case))
                    found = [r for r in mine if r.get("rule") == rule and "amends" not in r]
                    results.expect(len(found) == count, "%s: %s: %d alerts, expected %d%s" % (
                        rule, case, len(found), count, "".join("\n    " + r["output"] for r in found)))
        finally:
            place.clean()
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
