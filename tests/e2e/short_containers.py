#!/usr/bin/env python3
"""Containers that live for less than a fifth of a second, several at once: every one is reported, with its name and image,
although nothing of it is left when somebody could ask. GYR_SHORT_CONTAINERS: how many."""

import concurrent.futures
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

COUNT = int(os.environ.get("GYR_SHORT_CONTAINERS", "32"))
AT_ONCE = 4


def command(i):
    """It ends at once, or lives for 50 to 200 ms."""
    return "true" if i % 4 == 0 else "sleep %.3f; true" % (0.05 + 0.15 * i / COUNT)


def main():
    live.require_root()
    results = live.Results()
    with live.Runtimes("docker") as rt:
        with live.Agent(rules=["examples/rules/terminal-access.yaml"], runtimes=rt, options=[live.WAIT_FOR_NAMES]) as agent:
            names = ["short-%03d" % i for i in range(COUNT)]

            def run(i):
                return live.run_tty(rt.docker("run", "--rm", "-t", "--name", names[i], "gyr-test", "sh", "-c", command(i)))

            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                for status, output in pool.map(run, range(COUNT)):
                    results.expect(status == 0, "docker run: status %d: %r" % (status, output))
            for name in names:
                agent.wait_for(lambda r: r.get("container", {}).get("name") == name, "alert of " + name)
            agent.sentinel()
            agent.stop()
            alerts = agent.of_rule("Terminal Access")
            results.equal(sorted(a["container"].get("name") or "" for a in alerts), names, "container names")
            results.equal({a["container"].get("image") for a in alerts}, {"gyr-test"}, "images")
            results.equal(len({a["container"]["id"] for a in alerts}), COUNT, "different container ids")
            results.equal({a["container"].get("runtime") for a in alerts}, {"docker"}, "runtimes")
            results.equal([a["missing"] for a in alerts if "missing" in a], [], "missing values")
            results.equal([r for r in agent.alerts if "gap" in r], [], "gap records")
            print("%d containers, %d alerts amended" % (COUNT, len([a for a in agent.alerts if "amends" in a])))
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
