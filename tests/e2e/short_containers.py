#!/usr/bin/env python3
"""Fifty containers that live for less than a tenth of a second: every one is reported, with its name and image, although
nothing of it is left when somebody could ask."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

COUNT = 50


def main():
    live.require_root()
    results = live.Results()
    with live.Runtimes("docker") as rt:
        with live.Agent(rules=["examples/rules/terminal-access.yaml"], runtimes=rt) as agent:
            names = ["short-%02d" % i for i in range(COUNT)]
            for name in names:
                status, output = live.run_tty(rt.docker("run", "--rm", "-t", "--name", name, "gyr-test", "sh", "-c", "true"))
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
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
