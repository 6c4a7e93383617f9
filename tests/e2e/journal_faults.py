#!/usr/bin/env python3
"""The journal's disk is full, read only, and damaged while the agent works: it goes on, says so, and loses nothing that it does
not declare."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULES = """
- rule: Numbered
  desc: Programs of this test.
  condition: evt.type in (execve, execveat) and proc.name = gyr-number
  output: "%proc.args"
  priority: INFO
"""


class Stage:
    def __init__(self, folder, results):
        self.folder, self.results, self.count = folder, results, 0
        self.disk = folder + "/disk"
        self.program = folder + "/gyr-number"
        shutil.copy("/bin/true", self.program)
        os.mkdir(self.disk)
        live.check(["mount", "-t", "tmpfs", "-o", "size=2m", "none", self.disk])

    def agent(self):
        return live.Agent(text=[RULES], sentinel=False, options=["journal.path=%s/journal.db" % self.disk])

    def alert(self, agent, count=1):
        """So many programs more; each is seen."""
        for _ in range(count):
            self.count += 1
            live.check([self.program, str(self.count)])
        agent.wait_for(lambda r: r.get("output") == str(self.count), "alert %d" % self.count)

    def numbers(self, agent):
        return [int(r["output"]) for r in agent.of_rule("Numbered")]

    def in_journal(self):
        done = subprocess.run([live.find_binary(), "alerts", "--journal", self.disk + "/journal.db", "--format", "json", "kind = alert"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        return [int(json.loads(line)["output"]) for line in done.stdout.splitlines()]

    def verify(self):
        return live.run([live.find_binary(), "alerts", "verify", "--journal", self.disk + "/journal.db"]).returncode

    def notice(self, agent, words):
        return agent.wait_for(lambda r: r.get("notice", {}).get("kind") == "journal" and words in r["notice"]["message"], words)


def full(stage):
    with stage.agent() as agent:
        stage.alert(agent, 5)
        filler = stage.disk + "/filler"
        descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(descriptor, b"x" * 4096)
        except OSError:
            os.close(descriptor)
        # The file's own room is used up first.
        for _ in range(400):
            stage.alert(agent, 5)
            if any(r.get("notice", {}).get("kind") == "journal" for r in agent.alerts):
                break
        stage.notice(agent, "alerts go on from memory")
        stage.alert(agent, 5)
        os.unlink(filler)
        stage.notice(agent, "written again")
        stage.alert(agent, 5)
        agent.stop()
        stage.results.equal(stage.numbers(agent), list(range(1, stage.count + 1)), "full disk: every alert came out, in order")
    stage.results.equal(stage.in_journal(), list(range(1, stage.count + 1)), "full disk: what waited in memory is in the journal")
    stage.results.equal(stage.verify(), 0, "full disk: the journal is intact")


def read_only(stage):
    before = stage.count
    live.check(["mount", "-o", "remount,ro", stage.disk])
    with stage.agent() as agent:
        stage.alert(agent, 5)
        stage.notice(agent, "alerts go on from memory")
        live.check(["mount", "-o", "remount,rw", stage.disk])
        stage.notice(agent, "written again")
        stage.alert(agent, 5)
        agent.stop()
        stage.results.equal(stage.numbers(agent), list(range(before + 1, stage.count + 1)), "read only: every alert came out")
    stage.results.equal(stage.in_journal(), list(range(1, stage.count + 1)), "read only: all of it is in the journal in the end")
    stage.results.equal(stage.verify(), 0, "read only: the journal is intact")


def damaged(stage):
    before = stage.count
    with open(stage.disk + "/journal.db", "r+b") as file:
        file.write(os.urandom(8192))
    with stage.agent() as agent:
        stage.notice(agent, "a new one begins")
        stage.alert(agent, 5)
        agent.stop()
        stage.results.equal(stage.numbers(agent), list(range(before + 1, stage.count + 1)), "damaged: alerts go on")
    stage.results.equal(stage.in_journal(), list(range(before + 1, stage.count + 1)), "damaged: in a new journal")
    stage.results.expect(any(".damaged-" in name for name in os.listdir(stage.disk)), "damaged: the old file is kept")
    stage.results.equal(stage.verify(), 0, "damaged: the new journal is intact")


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-disk-")
    try:
        stage = Stage(folder, results)
        full(stage)
        read_only(stage)
        damaged(stage)
    finally:
        live.run(["umount", "-l", folder + "/disk"])
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
