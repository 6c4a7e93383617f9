#!/usr/bin/env python3
"""The script that recorded the demo's capture still does: what it records raises the same alerts as what `gyr demo`
carries, with the container, its image and its user named, and nothing else."""

import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402


def alerts(capture):
    binary, rules = live.find_binary(), os.path.join(live.ROOT, "rules-default")
    done = live.subprocess.run([binary, "replay", capture, "-r", rules, "--format", "json"], stdout=live.subprocess.PIPE,
                               stderr=live.subprocess.DEVNULL, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    live.require_root()
    if live.run(["bash", "-c", ". %s/tests/support/runtimes.sh && rt_have docker" % live.ROOT]).returncode != 0:
        live.skip("this machine has no docker")
    results = live.Results()
    with tempfile.TemporaryDirectory(prefix="gyr-demo-test-") as folder:
        kept, new = folder + "/kept.scap", folder + "/new.scap"
        live.check([live.find_binary(), "demo", "--write", kept])
        live.check([sys.executable, os.path.join(live.ROOT, "tools", "demo", "record.py"), new])
        told, again = alerts(kept), alerts(new)
        results.expect(len(told) > 0, "the demo has alerts")
        results.equal(sorted(a["rule"] for a in again), sorted(a["rule"] for a in told), "alerts of a new recording")
        for alert in again:
            results.expect(alert["container"]["name"] == "web" and alert["container"]["image"] == "shop/web:1.4",
                           "container and image of %r" % alert)
            results.expect(alert["proc"].get("pname"), "the parent of %r" % alert)
            results.equal(alert["hostname"], "shop-1", "the host of " + alert["rule"])
        print("%d bytes recorded" % os.path.getsize(new))
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
