#!/usr/bin/env python3
"""What the agent gives up once it is armed: in every thread exactly the capabilities that `gyr doctor` names are left, and
its calls are filtered; it goes on detecting, takes new rules that need other hooks, and looks into new containers."""

import glob
import json
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

CAPABILITIES = {"CAP_DAC_READ_SEARCH": 2, "CAP_NET_ADMIN": 12, "CAP_SYS_PTRACE": 19, "CAP_PERFMON": 38, "CAP_BPF": 39}
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
        with open(path, encoding="utf-8", errors="replace") as file:
            out[os.path.basename(os.path.dirname(path))] = dict(
                (name, value.strip()) for name, _, value in (line.partition(":") for line in file))
    return out


def mask(names):
    return sum(1 << CAPABILITIES[name] for name in names)


def check_threads(results, agent, kept, what):
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
    with live.Runtimes("docker") as rt:
        with live.Agent(rules=["examples/rules/terminal-access.yaml"], runtimes=rt,
                        options=["server.probes=[http://127.0.0.1:0]", "audit.listen=127.0.0.1:0"]) as agent:
            agent.sentinel()
            check_threads(results, agent, kept, "armed")
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
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
