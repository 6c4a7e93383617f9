#!/usr/bin/env python3
"""Compares a document with what the program prints, so that one never tells of another version.

    check_generated.py [--write] DOCUMENT GYR ARGUMENT..."""

import difflib
import subprocess
import sys


def main(arguments):
    write = arguments[:1] == ["--write"]
    document, *command = arguments[1:] if write else arguments
    fresh = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
    if write:
        with open(document, "w", encoding="utf-8") as file:
            file.write(fresh)
        return 0
    with open(document, encoding="utf-8") as file:
        kept = file.read()
    lines = list(difflib.unified_diff(kept.splitlines(), fresh.splitlines(), document, " ".join(command[1:]), "", "", 1))
    print("\n".join(lines[:40]))
    if lines:
        print("FAIL: %s is stale; ./dev docs writes it again" % document)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
