#!/usr/bin/env python3
"""kill -9 of the agent under load, again and again: what any output showed is in the journal, and what is in the journal
reaches every output, in order. GYR_KILLS=100 for the long run."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "outputs"))
import live  # noqa: E402
import peers  # noqa: E402

KILLS = int(os.environ.get("GYR_KILLS", "8"))
RULES = """
- rule: Under Load
  desc: Programs of this test.
  condition: evt.type in (execve, execveat) and proc.name = gyr-load
  output: "%proc.pid %proc.cmdline"
  priority: INFO
"""


class Http(peers.Http):
    """Keeps the uuids of all alerts, in order of arrival."""

    def received(self):
        with self.lock:
            return [json.loads(body)["uuid"] for body in self.bodies if b'"uuid"' in body]


class Load:
    """Programs that start and end, some hundred a second."""

    def __init__(self, program):
        self.program = program
        self.stop = threading.Event()
        self.count = 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            subprocess.run([self.program], stdin=subprocess.DEVNULL)
            self.count += 1

    def end(self):
        self.stop.set()
        self.thread.join()


def uuids(lines):
    found = []
    for line in lines:
        if line.endswith(b"\n") and b'"uuid"' in line:
            found.append(json.loads(line)["uuid"])
    return found


def first_of_each(found):
    return list(dict.fromkeys(found))


class Agent:
    def __init__(self, config):
        self.lines, self.told = [], []
        self.armed = threading.Event()
        self.process = subprocess.Popen([live.find_binary(), "run", "-c", config], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.readers = [threading.Thread(target=lambda: self.lines.extend(self.process.stdout)), threading.Thread(target=self.log)]
        for reader in self.readers:
            reader.start()
        if not self.armed.wait(live.PATIENCE):
            self.process.kill()
            raise RuntimeError("the agent did not arm:\n" + "".join(self.told))

    def log(self):
        for line in self.process.stderr:
            self.told.append(line.decode("utf-8", "replace"))
            if line.startswith(b"gyr: armed"):
                self.armed.set()

    def await_new(self, count, before):
        """Waits for alerts that no agent before this one has shown; what was not known to be delivered comes again first."""
        deadline = time.monotonic() + live.PATIENCE
        while len(set(uuids(list(self.lines))) - before) < count:
            if time.monotonic() > deadline:
                raise RuntimeError("%d lines, and not %d new alerts" % (len(self.lines), count))
            time.sleep(0.005)

    def end(self, kill):
        self.process.kill() if kill else self.process.terminate()
        status = self.process.wait(live.PATIENCE)
        for reader in self.readers:
            reader.join()
        return status


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-kill-")
    server = Http("http")
    load = None
    try:
        program = folder + "/gyr-load"
        shutil.copy("/bin/true", program)
        with open(folder + "/rules.yaml", "w", encoding="ascii") as file:
            file.write(RULES)
        config = folder + "/gyr.yaml"
        with open(config, "w", encoding="ascii") as file:
            json.dump({"rules": [folder + "/rules.yaml"], "journal": {"path": folder + "/journal.db"}, "server": {"listen": []},
                       "outputs": [{"type": "stdout", "format": "json"}, {"type": "file", "path": folder + "/out.jsonl", "format": "json"},
                                   {"type": "http", "url": "http://127.0.0.1:%d" % server.port, "format": "json", "backoff": "100ms"}]}, file)
        server.start()
        load = Load(program)
        shown = []
        for i in range(KILLS):
            agent = Agent(config)
            agent.await_new(3 + i % 7, set(shown))  # at another moment each time
            if i % 4 == 1:
                server.stop()
            agent.end(kill=True)
            if i % 4 == 1:
                server.start()
            shown += uuids(agent.lines)
        load.end()
        agent = Agent(config)  # what is left is delivered now
        live.check([program, "the-last"])
        journal = folder + "/journal.db"

        def in_journal():
            done = subprocess.run([live.find_binary(), "alerts", "--journal", journal, "--format", "json", "kind = alert"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
            return done.stdout.splitlines(keepends=True)

        def in_file():
            with open(folder + "/out.jsonl", "rb") as file:
                return uuids(file)

        # The end waits for outputs only for a moment.
        live.wait_until(lambda: any(b" the-last" in line for line in in_journal()), "the last program in the journal")
        wanted = uuids(in_journal())
        live.wait_until(lambda: set(wanted) <= set(server.received()) and set(wanted) <= set(in_file())
                        and wanted[-1] in uuids(agent.lines), "all of it in every output")
        results.equal(agent.end(kill=False), 0, "exit status of the last one")
        shown += uuids(agent.lines)
        kept = uuids(in_journal())
        print("%d programs, %d kills, %d alerts in the journal" % (load.count, KILLS, len(kept)))
        results.expect(len(kept) >= 3 * KILLS, "there were alerts")
        results.equal(len(set(kept)), len(kept), "each once in the journal")
        for name, found in (("stdout", shown), ("file", in_file()), ("http", server.received())):
            results.equal(first_of_each(found), kept, "what %s has is what the journal has, in order" % name)
            print("%s: %d records, %d of them twice" % (name, len(found), len(found) - len(set(found))))
        done = live.run([live.find_binary(), "alerts", "verify", "--journal", journal])
        results.expect(done.returncode == 0 and done.stdout.startswith("intact"), "verify: " + done.stdout)
    finally:
        if load is not None:
            load.end()
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
