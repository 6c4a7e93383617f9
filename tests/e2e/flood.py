#!/usr/bin/env python3
"""Twenty thousand short processes as fast as the machine makes them: none is lost where the ring has room for them,
however late the agent comes to look; with the usual one each is told or counted; with a ring that is too small on
purpose, what is lost is counted to the last one; memory does not grow."""

import os
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

COUNT = 20000
USUAL = 8000
FEW = 4000  # many times what the smallest ring holds
RULES = """
- rule: Burst
  desc: Every process of the burst.
  condition: proc.name = gyr-burst
  output: "%proc.pid"
  priority: INFO
"""


def burst(program, count=COUNT):
    live.check([live.find_actor(), "burst", str(count), program])


def complete(results, program):
    with live.Agent(text=[RULES], options=["state.memory=4MiB", "kernel.ring=256MiB"]) as agent:
        burst(program)
        agent.sentinel()
        results.equal(len(agent.of_rule("Burst")), COUNT, "processes reported")
        results.equal([r for r in agent.alerts if "gap" in r], [], "gap records")
        before = agent.memory_kb()
        agent.alerts.clear()
        burst(program)
        agent.sentinel()
        results.equal(len(agent.of_rule("Burst")), COUNT, "processes reported again")
        after = agent.memory_kb()
        print("resident memory: %d kB after %d processes, %d kB after %d" % (before, COUNT, after, 2 * COUNT))
        results.expect(after < before * 1.1 + 1024, "memory grew from %d to %d kB" % (before, after))
        agent.stop()
        results.equal(agent.returncode, 0, "exit status of the agent")


def usual(results, program):
    """The ring as it comes: whatever others do on the machine meanwhile, all are told, or gap records tell how many not."""
    with live.Agent(text=[RULES]) as agent:
        burst(program, USUAL)
        agent.sentinel_after_loss()
        agent.stop()
    seen = len(agent.of_rule("Burst"))
    lost = sum(r["gap"]["count"] for r in agent.alerts if r.get("gap", {}).get("class") == "exec")
    print("the usual ring: seen %d, lost %d" % (seen, lost))
    results.expect(seen <= USUAL <= seen + lost, "the usual ring: %d seen, %d owned up to, of %d" % (seen, lost, USUAL))


def lossy(results, program):
    """The agent is stopped while the burst runs, so the ring must overflow."""
    with live.Agent(text=[RULES], options=["kernel.ring=64KiB"]) as agent:
        agent.process.send_signal(signal.SIGSTOP)
        burst(program, FEW)
        agent.process.send_signal(signal.SIGCONT)
        agent.sentinel_after_loss()
        agent.stop()
        seen = len(agent.of_rule("Burst"))
        gaps = [r["gap"] for r in agent.alerts if "gap" in r]
        lost = {}
        for gap in gaps:
            lost[gap.get("class", "")] = lost.get(gap.get("class", ""), 0) + gap["count"]
        print("seen %d, lost %s" % (seen, lost))
        results.expect(seen < FEW, "the small ring lost nothing: the test does not test")
        # Other programs of the machine may run, and be lost, meanwhile; the burst itself bounds the count from below,
        # and forks and exits of the burst must be told apart from it.
        for kind in ("exec", "fork", "exit"):
            results.expect(lost.get(kind, 0) > 0, "no gap record tells of lost %s events" % kind)
        results.expect(FEW - seen <= lost.get("exec", 0) <= FEW - seen + 2000,
                       "lost exec events: %d counted, %d of the burst" % (lost.get("exec", 0), FEW - seen))
        # A change is of another program, and there may be no room left for its name.
        for gap in (g for g in gaps if g.get("class") != "change"):
            made = [p["count"] for p in gap.get("processes", [])]
            results.expect(made and sum(made) <= gap["count"] and made == sorted(made, reverse=True),
                           "a gap record names processes that made it: %r" % gap)
            results.expect(gap.get("from") and gap.get("to") and gap["from"] <= gap["to"] and gap.get("stage"),
                           "a gap record says when and where: %r" % gap)


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-flood-")
    try:
        program = folder + "/gyr-burst"
        live.copy_ends(program)
        complete(results, program)
        usual(results, program)
        lossy(results, program)
    finally:
        live.check(["rm", "-rf", folder])
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
