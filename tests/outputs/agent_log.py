#!/usr/bin/env python3
"""The agent's own log, as text and as JSON: one line a message, whatever a file or a program put into it."""

import json
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
failures = []


def expect(condition, what):
    if not condition:
        failures.append(what)
        print("FAIL: " + what)


def main():
    with tempfile.TemporaryDirectory() as folder:
        # The rule's name comes back in the message that it cannot be used.
        path = folder + "/odd\x1b[2J\nname.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write('- rule: "odd \\e[31m \\u202e \\n name"\n  desc: d\n  condition: proc.nothing = 1\n  output: o\n  priority: INFO\n')

        def run(log_format):
            done = subprocess.run([sys.argv[1], "run", "-r", path, "-o", "log.format=" + log_format, "-o", 'journal.path=""',
                                   "-o", "server.listen=[]"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            expect(done.returncode == 1 and not done.stdout, "%s: %r" % (log_format, done))
            return done.stderr
        text = run("text")
        expect(text.startswith(b"gyr: error: ") and text.endswith(b"\n") and text.count(b"\n") == 1, "text: %r" % text)
        steering = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
        expect(not steering.search(text[:-1].decode("utf-8")), "text: a terminal would obey: %r" % text)
        line = run("json")
        expect(line.count(b"\n") == 1 and not steering.search(line[:-1].decode("utf-8")), "json: %r" % line)
        message = json.loads(line)
        expect(list(message) == ["time", "level", "message"] and message["level"] == "error", "json: %r" % message)
        expect("proc.nothing" in message["message"], "json: %r" % message)
    print("%d failed" % len(failures))
    return 1 if failures else 0


sys.exit(main())
