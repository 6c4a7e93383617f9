#!/usr/bin/env python3
"""What the agent gives up once it is armed: in every thread exactly the capabilities that `gyr doctor` names are left, and
its calls are filtered; it goes on detecting, takes new rules that need other hooks, and looks into new containers. A
thread that is held up meanwhile follows when it can."""

import ctypes
import glob
import json
import os
import signal
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

CAPABILITIES = {"CAP_DAC_READ_SEARCH": 2, "CAP_NET_ADMIN": 12, "CAP_SYS_PTRACE": 19, "CAP_PERFMON": 38, "CAP_BPF": 39}
EVERY_THREAD = signal.SIGRTMIN + 3  # what the agent tells its threads by
FILE_RULE = """
- rule: Opened For The Test
  desc: A file that only a rule loaded later asks about.
  condition: evt.type in (open, openat, openat2) and fd.name = %s
  output: "%%proc.name"
  priority: NOTICE
"""


def status_of(pid):
    """Of each thread, what /proc says."""
    out = {}
    for path in glob.glob("/proc/%d/task/*/status" % pid):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                out[os.path.basename(os.path.dirname(path))] = dict(
                    (name, value.strip()) for name, _, value in (line.partition(":") for line in file))
        except OSError:  # the thread has ended
            pass
    return out


def mask(names):
    return sum(1 << CAPABILITIES[name] for name in names)


def check_threads(results, agent, kept, what):
    # One that had no processor when all were told follows later.
    wait_until(lambda: all(int(status["CapPrm"], 16) == kept for status in status_of(agent.pid).values()))
    threads = status_of(agent.pid)
    results.expect(len(threads) > 3, what + ": there are several threads")
    for tid, status in threads.items():
        name = "%s: thread %s (%s)" % (what, tid, status["Name"])
        for key in ("CapEff", "CapPrm", "CapBnd"):
            results.equal(int(status[key], 16), kept, "%s: %s" % (name, key))
        for key in ("CapInh", "CapAmb"):
            results.equal(int(status[key], 16), 0, "%s: %s" % (name, key))
        results.equal(status["Seccomp"], "2", name + ": a filter of system calls")
        results.equal(status["NoNewPrivs"], "1", name + ": no new privileges")


class HeldThread:
    """Stops one thread of a process, as a disk that does not answer would, until release()."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
    ANY_THREAD = 0x40000000  # __WALL

    def __init__(self, pid):
        self.pid = pid
        self.tid = None
        self.problem = None
        self.held = threading.Event()
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._hold, daemon=True)  # the tracer is a thread, not a process
        self.thread.start()
        self.held.wait(live.PATIENCE)

    def _hold(self):
        call = ctypes.CDLL(None, use_errno=True).ptrace
        call.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

        def ptrace(request):
            if call(request, self.tid, None, None) != 0:
                raise OSError(ctypes.get_errno(), "ptrace %#x" % request)
        try:
            deadline = time.monotonic() + live.PATIENCE
            while self.tid is None and time.monotonic() < deadline:
                # One that is only just being made still blocks every signal.
                self.tid = next((int(tid) for tid, status in status_of(self.pid).items() if int(tid) != self.pid
                                 and not int(status["SigBlk"], 16) >> (EVERY_THREAD - 1) & 1), None)
            ptrace(self.SEIZE)
            ptrace(self.INTERRUPT)
            os.waitpid(self.tid, self.ANY_THREAD)
        except (OSError, TypeError) as error:
            self.problem = repr(error)
            return
        finally:
            self.held.set()
        self.end.wait(live.PATIENCE)
        ptrace(self.DETACH)

    def release(self):
        self.end.set()
        self.thread.join(live.PATIENCE)


def wait_until(condition):
    deadline = time.monotonic() + live.PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def held_up(results, kept):
    """The agent neither ends nor complains when one of its threads is somewhere in the kernel at that moment."""
    held = []
    with live.Agent(rules=["examples/rules/terminal-access.yaml"], started=lambda pid: held.append(HeldThread(pid))) as agent:
        results.equal(held[0].problem, None, "holding a thread")
        tid = str(held[0].tid)
        # The filter comes after the capabilities.
        results.expect(wait_until(lambda: status_of(agent.pid)[str(agent.pid)]["Seccomp"] == "2"), "one thread held up: a filter")
        held[0].release()
        results.expect(wait_until(lambda: int(status_of(agent.pid)[tid]["CapEff"], 16) == kept), "the thread follows")
        agent.sentinel()
        check_threads(results, agent, kept, "one thread was held up")
        agent.stop()
        results.equal((agent.returncode, [line for line in agent.log if "sandbox" in line]), (0, []), "one thread held up: the end")


def main():
    live.require_root()
    results = live.Results()
    told = json.loads(live.run([live.find_binary(), "doctor", "--format", "json"]).stdout)
    names = [c["name"] for c in told["capabilities_kept"]]
    results.equal(sorted(names), ["CAP_BPF", "CAP_DAC_READ_SEARCH", "CAP_PERFMON", "CAP_SYS_PTRACE"], "kept")
    results.equal([c["name"] for c in told["capabilities_at_start"]], ["CAP_NET_ADMIN"], "needed at the start besides")
    results.expect({"ptrace", "mount", "setns", "init_module", "kexec_load"} <= set(told["calls_refused"]), "calls refused")
    own = {line.split(":")[0]: line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")}
    own_filter = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("Seccomp:"))
    kept = mask(names) & int(own["CapEff"], 16)
    with live.Runtimes("docker") as rt, tempfile.TemporaryDirectory(prefix="gyr-sandbox-") as folder:
        # librdkafka brings threads of its own; that no server is there does not keep it from that.
        with open(folder + "/kafka.yaml", "w", encoding="utf-8") as file:
            file.write("outputs: [{type: stdout, format: json}, {type: kafka, url: 'kafka://127.0.0.1:1', topic: t}]\n")
        with live.Agent(rules=["examples/rules/terminal-access.yaml"], runtimes=rt,
                        options=[live.WAIT_FOR_NAMES, "server.probes=[http://127.0.0.1:0]", "audit.listen=127.0.0.1:0"],
                        arguments=["-c", folder + "/kafka.yaml"]) as agent:
            agent.sentinel()
            check_threads(results, agent, kept, "armed")
            results.expect(wait_until(lambda: any(status["Name"].startswith("rdk:") for status in status_of(agent.pid).values())),
                           "librdkafka's threads are among them")
            path = os.path.join(agent.folder, "extra-0.yaml")
            wanted = os.path.join(rt.folder, "looked-at")
            with open(wanted, "w", encoding="utf-8"):
                pass
            with open(path, "a", encoding="utf-8") as file:
                file.write(FILE_RULE % wanted)
            agent.wait_for(lambda r: r.get("notice", {}).get("kind") == "reload", "notice of the reload")
            # The rules are in force at once, the kernel's part of them when it has been loaded.
            deadline = time.monotonic() + live.PATIENCE
            while not agent.of_rule("Opened For The Test") and time.monotonic() < deadline:
                live.check(["/bin/cat", wanted])
                agent.sentinel()
            results.expect(agent.of_rule("Opened For The Test"), "the new rule raises its alert")
            status, _ = live.run_tty(rt.docker("run", "--rm", "-t", "--name", "after", "gyr-test", "sh", "-c", "true"))
            results.equal(status, 0, "docker run")
            alert = agent.wait_for(lambda r: r.get("rule") == "Terminal Access", "Terminal Access")
            results.equal(alert["container"].get("name"), "after", "a new container's name")
            results.equal(alert.get("missing", {}), {}, "missing values")
            check_threads(results, agent, kept, "after a while")
            agent.stop()
            results.equal([line for line in agent.log if "sandbox" in line], [], "what the log says of the sandbox")
        with live.Agent(rules=["examples/rules/terminal-access.yaml"], options=["sandbox=false"]) as agent:
            agent.sentinel()
            status = status_of(agent.pid)[str(agent.pid)]
            results.equal((int(status["CapEff"], 16), status["Seccomp"]), (int(own["CapEff"], 16), own_filter),
                          "without the sandbox nothing is given up")
            agent.stop()
    held_up(results, kept)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
