#!/usr/bin/env python3
"""State after a loss. The agent stands still while processes start, end and are adopted, and its ring is too small for them:
a gap record owns up to it, and soon afterwards what these processes do is told with what they really are, read again from the
kernel; what has ended meanwhile is not kept for alive."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULES = """
- rule: File Opened
  desc: By whom, as far as it is known.
  condition: evt.type in (open, openat) and fd.name = {f}/file
  output: "%proc.pid %proc.exepath %proc.cmdline %proc.ppid %proc.pname %proc.cwd %proc.is_incomplete %user.uid"
  priority: INFO
- rule: File Read
  desc: By a descriptor that was opened while nobody looked.
  condition: evt.type = read and fd.name = {f}/held and evt.rawres > 0
  output: "%proc.pid %fd.name"
  priority: INFO
"""
# Holds a file; for each line of its input opens another, and tells its parent.
WORKER = """
import os, sys
file, held = sys.argv[1:3]
os.setuid(int(sys.argv[3]))
os.chdir("/usr")
fd = os.open(held, os.O_RDONLY)
print(os.getpid(), flush=True)
for line in sys.stdin:
    os.close(os.open(file, os.O_RDONLY))
    os.lseek(fd, 0, 0), os.read(fd, 4)
    print(os.getppid(), flush=True)
"""


class Worker:
    """A shell and, as its child, a program that waits for orders."""

    def __init__(self, folder, uid):
        argv = [sys.executable, "-c", WORKER, folder + "/file", folder + "/held", str(uid)]
        self.shell = subprocess.Popen(["/bin/sh", "-c", '"$@"; exit $?', "sh", *argv], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, cwd="/")
        self.pid, self.uid = int(self.shell.stdout.readline()), uid
        self.executable = os.readlink("/proc/%d/exe" % self.pid)
        with open("/proc/%d/cmdline" % self.pid, encoding="utf-8") as file:
            arguments = file.read().split("\0")[1:-1]
        with open("/proc/%d/comm" % self.pid, encoding="utf-8") as file:
            self.command = " ".join([file.read().strip(), *arguments])

    def work(self):
        """What an alert about it must tell, if it tells all."""
        self.shell.stdin.write("\n")
        self.shell.stdin.flush()
        parent = int(self.shell.stdout.readline())
        told = {"proc.pid": self.pid, "proc.exepath": self.executable, "proc.cmdline": self.command, "proc.ppid": parent,
                "proc.cwd": "/usr/", "proc.is_incomplete": False, "user.uid": self.uid}
        # Who adopts orphans is not always shown to iterators of the kernel.
        return told | ({"proc.pname": "sh"} if parent == self.shell.pid else {})

    def end(self):
        self.shell.stdin.close()
        self.shell.stdout.close()
        self.shell.wait()


def work_until_known(results, agent, worker, what):
    """Alerts may lack something until the state was read again, but none tells what is not so."""
    def is_known():
        expected = worker.work()
        begin = len(agent.alerts)
        agent.sentinel()
        for record in agent.of_rule("File Opened"):
            if record in agent.alerts[:begin] or record["output_fields"]["proc.pid"] != worker.pid:
                continue
            told = {name: record["output_fields"].get(name) for name in expected}
            if told == expected:
                return True
            if told["proc.is_incomplete"] is False and told["proc.ppid"] == expected["proc.ppid"]:
                wrong = {n: (told[n], expected[n]) for n in expected if told[n] not in (None, expected[n])}
                results.equal(wrong, {}, what + ": an alert that claims to know")
        return False
    live.wait_until(is_known, what)


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-healing-")
    os.chmod(folder, 0o755)
    workers = []
    try:
        for name in ("file", "held"):
            with open(folder + "/" + name, "w", encoding="ascii") as file:
                file.write("text\n")
        before = Worker(folder, 0)
        workers.append(before)
        program = folder + "/gyr-burst"
        live.copy_ends(program)
        with live.Agent(text=[RULES.format(f=folder)], options=["kernel.ring=64KiB", "metadata.wait=0s"]) as agent:
            work_until_known(results, agent, before, "a process of before")
            agent.process.send_signal(signal.SIGSTOP)
            live.check([live.find_actor(), "burst", "2000", program])  # the ring is full; nothing after it is seen
            fresh, orphan = Worker(folder, 65534), Worker(folder, 0)
            workers += [fresh, orphan]
            for worker in (before, orphan):  # their parents end unseen
                worker.shell.kill()
                worker.shell.wait()
            agent.process.send_signal(signal.SIGCONT)
            agent.sentinel_after_loss()
            work_until_known(results, agent, fresh, "a process that started unseen")
            work_until_known(results, agent, orphan, "one whose parent ended unseen too")
            work_until_known(results, agent, before, "one of before whose parent ended unseen")
            agent.stop()
        lost = {}
        for record in agent.alerts:
            if "gap" in record:
                lost[record["gap"].get("class")] = lost.get(record["gap"].get("class"), 0) + record["gap"]["count"]
        results.expect(lost.get("exec") and lost.get("fork") and lost.get("exit"), "gap records own up to it: %r" % lost)
        read = {int(r["output"].split()[0]) for r in agent.of_rule("File Read")}
        results.expect({w.pid for w in workers} <= read, "reads of a descriptor that was opened unseen: %r" % read)
    finally:
        for worker in workers:
            worker.end()
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
