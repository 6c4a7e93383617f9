#!/usr/bin/env python3
"""Reloads under load: good, broken and empty rule files in turn, by the swap of a symbolic link as Kubernetes gives a ConfigMap
new content, and by SIGHUP. No alert of a rule that stays is lost, nothing is told twice, memory stays flat. GYR_RELOADS=1000 for
the long run."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RELOADS = int(os.environ.get("GYR_RELOADS", "40"))
STAYS = """
- rule: Stays
  desc: The same in every version.
  condition: evt.type in (execve, execveat) and proc.name = gyr-count
  output: "%proc.args"
  priority: INFO
- rule: Stays Too
  desc: A rule about processes, and a system call.
  condition: proc.name = gyr-count
  output: "%proc.args"
  priority: INFO
"""
CHANGES = """
- rule: Changes
  desc: Another in every version.
  condition: evt.type in (open, openat) and fd.name = /nowhere/{0}
  output: "{0} %fd.name"
  priority: INFO
"""


class Counter:
    """Programs that start one after the other, each with the next number; as many as the agent can tell of: what it is
    asked besides is not to wait behind ever more alerts."""

    AHEAD = 500  # of the alerts that have been read, of which each program has two

    def __init__(self, program, agent):
        self.program, self.agent, self.count = program, agent, 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            if 2 * self.count > len(self.agent.alerts) + self.AHEAD:
                self.stop.wait(0.001)
                continue
            subprocess.run([self.program, str(self.count)], stdin=subprocess.DEVNULL)
            self.count += 1

    def end(self):
        self.stop.set()
        self.thread.join()


class ConfigMap:
    """A folder as the kubelet mounts it: rules.yaml is a link into ..data, which is a link that is turned at once."""

    def __init__(self, folder):
        self.folder, self.version = folder, 0
        os.mkdir(folder)
        self.put(STAYS)
        os.symlink("..data/rules.yaml", folder + "/rules.yaml")

    def put(self, text):
        self.version += 1
        name = "..v%d" % self.version
        os.mkdir(os.path.join(self.folder, name))
        with open(os.path.join(self.folder, name, "rules.yaml"), "w", encoding="ascii") as file:
            file.write(text)
        data = self.folder + "/..data"
        old = os.readlink(data) if os.path.islink(data) else None
        os.symlink(name, data + "_tmp")
        os.rename(data + "_tmp", data)
        if old:
            shutil.rmtree(os.path.join(self.folder, old))


def is_reload(record):
    return record.get("notice", {}).get("kind") in ("reload", "reload_failed")


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-reload-")
    counter = None
    try:
        program = folder + "/gyr-count"
        shutil.copy("/bin/true", program)
        rules = ConfigMap(folder + "/rules")
        with live.Agent(rules=[folder + "/rules/rules.yaml"], sentinel=False,
                        options=["state.lineage=1s", "journal.memory=1MiB"]) as agent:  # what is kept for a while is no growth
            counter = Counter(program, agent)
            outcomes = 0

            def await_reload(kind, words):
                """An outcome that no earlier version could have had. A swap may be noticed twice; that does no harm."""
                nonlocal outcomes
                looked = len(agent.alerts)
                while True:
                    if looked == len(agent.alerts):
                        agent.next_record()
                    notice = agent.alerts[looked].get("notice", {}) if looked < len(agent.alerts) else {}
                    looked += looked < len(agent.alerts)
                    if notice.get("kind") == kind and words in notice["message"]:
                        outcomes += 1
                        return
            warm = 0
            versions = [(STAYS + CHANGES, "reload", "files changed"), (STAYS + "- rule: [broken\n", "reload_failed", "never closed"),
                        (STAYS + CHANGES, "reload", "files changed"), ("", "reload_failed", "no rule that can be used")]
            for i in range(RELOADS):
                text, kind, words = versions[i % 4]
                rules.put(text.replace("{0}", str(i)))
                await_reload(kind, words)
                if i % 4 == 2:
                    agent.process.send_signal(signal.SIGHUP)  # the same content once more, because it is asked for
                    await_reload("reload", "SIGHUP")
                if i == RELOADS // 5:
                    warm = agent.memory_kb()
            counter.end()
            last = counter.count - 1
            for rule in ("Stays", "Stays Too"):
                agent.wait_for(lambda r: r.get("rule") == rule and r["output"] == str(last))
            grown = agent.memory_kb()
            gaps = [r for r in agent.alerts if "gap" in r]
            results.equal(gaps, [], "gap records")
            for rule in ("Stays", "Stays Too"):
                numbers = [int(r["output"]) for r in agent.of_rule(rule)]
                results.equal(sorted(set(range(numbers[0], last + 1)) - set(numbers)), [], rule + ": alerts that are lost")
                results.equal(len(numbers), len(set(numbers)), rule + ": alerts told twice")
                results.expect(numbers[0] <= 1, "%s: the first is %d" % (rule, numbers[0]))
            noticed = len([r for r in agent.alerts if is_reload(r)])
            results.expect(outcomes <= noticed <= outcomes + RELOADS // 4 + 1, "%d reloads, %d told" % (outcomes, noticed))
            print("%d reloads over %d programs; resident %d KB after a fifth, %d KB at the end" % (outcomes, last + 1, warm, grown))
            results.expect(grown < warm * 1.25 + 4096, "memory grows: %d KB to %d KB" % (warm, grown))
            agent.stop()
    finally:
        if counter is not None:
            counter.end()
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
