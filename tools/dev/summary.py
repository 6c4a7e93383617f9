#!/usr/bin/env python3
"""Adds up CTest result files (JUnit) and closes with "N passed, N failed[, N skipped]" on a line of its own.

A GoogleTest program counts with its single tests, one that says "N checks passed, N failed" with these, any other test
as one. What failed is shown with the part of
its output that matters. Exit code 0 only when something passed and nothing failed."""

import re
import sys
import xml.etree.ElementTree as ElementTree

SHOWN_LINES = 60


def own_counts(output):
    """(passed, failed, skipped) as the program's own summary states, or None when there is none."""
    checks = re.findall(r"^(\d+) checks passed, (\d+) failed(?:, (\d+) skipped)?$", output, re.M)
    if checks:
        return tuple(int(number or 0) for number in checks[-1])
    if not re.search(r"^\[==========\] .* ran\.", output, re.M):
        return None
    counts = []
    for word in ("PASSED", "FAILED", "SKIPPED"):
        found = re.search(r"^\[  %s\s*\] (\d+) tests?" % word, output, re.M)
        counts.append(int(found.group(1)) if found else 0)
    return tuple(counts)


def telling_part(output):
    """The lines from each failing GoogleTest case, or else the end of the output."""
    cases = re.findall(r"^\[ RUN      \] (?:(?!^\[ RUN).)*?^\[  FAILED  \][^\n]*", output, re.M | re.S)
    lines = "\n".join(cases).splitlines() or [line for line in output.splitlines() if line.startswith("FAIL")]
    lines = lines or output.splitlines()[-SHOWN_LINES:]
    return lines[:SHOWN_LINES]


def main(paths):
    passed = failed = skipped = 0
    for path in paths:
        build = re.sub(r"^.*ctest-(\w+)-.*$", r"\1", path)
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            name, status = case.get("name"), case.get("status")
            output = case.findtext("system-out") or ""
            counts = own_counts(output)
            good = status == "run" and case.find("failure") is None
            if case.find("skipped") is not None or status in ("notrun", "disabled"):
                # CTest says "notrun" both of a test that was skipped and of a program that is not there.
                message = case.find("skipped").get("message") if case.find("skipped") is not None else ""
                if (message or "").startswith("SKIP_"):
                    skipped += 1
                else:
                    failed += 1
                    print("---- %s (%s): not run" % (name, build))
                continue
            if counts:
                passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
            if not good:
                if not counts or counts[1] == 0:
                    failed += 1
                print("---- %s (%s) failed:" % (name, build))
                print("\n".join(telling_part(output)))
            elif not counts:
                passed += 1
    skipped_text = ", %d skipped" % skipped if skipped else ""
    print("%d passed, %d failed%s" % (passed, failed, skipped_text))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
