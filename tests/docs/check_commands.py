#!/usr/bin/env python3
"""Runs the `gyr` command lines of a document, as a reader who copies them would: in a folder with the demo's capture under
every name the document uses and a rule file of one rule. Each must end with 0, and those that print captures' contents must
print something. A document without a command line fails: it would test nothing. Live events are left out.

    check_commands.py GYR RULES DOCUMENT..."""

import os
import re
import shlex
import subprocess
import sys
import tempfile

RULE = """- rule: Any Program
  desc: A program was started.
  condition: spawned_process
  output: "%proc.cmdline was started"
  priority: WARNING
"""


def main(binary, rules, documents):
    failed = passed = 0
    for document in documents:
        with open(document, encoding="utf-8") as file:
            lines = re.findall(r"^    (gyr (?:replay|events|explain|demo|rules).*)$", file.read(), re.M)
        lines = [line for line in lines if not line.startswith("gyr events") or "--capture" in line]
        if not lines:
            failed += 1
            print("FAIL: %s has no command lines" % document)
        with tempfile.TemporaryDirectory() as folder:
            for name in sorted(set(re.findall(r"\b[\w-]+\.scap\b", "\n".join(lines)))):
                subprocess.run([binary, "demo", "--write", os.path.join(folder, name)], check=True,
                               stdout=subprocess.DEVNULL)
            with open(os.path.join(folder, "my-rules.yaml"), "w", encoding="utf-8") as file:
                file.write(RULE)
            for line in lines:
                words = [binary] + shlex.split(line)[1:]
                if words[1] in ("replay", "explain") and "-r" not in words:
                    words += ["-r", rules]
                done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
                if done.returncode == 0 and done.stdout:
                    passed += 1
                else:
                    failed += 1
                    print("FAIL: %s: exit code %d, %d bytes\n%s" % (line, done.returncode, len(done.stdout),
                                                                    done.stderr.decode(errors="replace")))
    print("%d checks passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3:]))
