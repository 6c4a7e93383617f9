#!/usr/bin/env python3
"""Adds up CTest result files (JUnit) and closes with "N passed, N failed[, N skipped]" on a line of its own.

A GoogleTest program counts with its single tests, one that says "N checks passed, N failed" with these, any other test
as one. What failed is shown with the part of its output that matters, also where the file of a second run (-again.xml)
has it passed; then it counts as passed. Exit code 0 only when something passed and nothing failed.

    summary.py RESULTS...            adds up
    summary.py --failed RESULTS      the names of what failed, with | between them"""

import os
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


def cases_of(path):
    """Name, case, output, whether it was skipped on purpose, and whether it is good, of each test of a file."""
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        status, skipped = case.get("status"), case.find("skipped")
        # CTest says "notrun" both of a test that was skipped and of a program that is not there.
        on_purpose = skipped is not None and (skipped.get("message") or "").startswith("SKIP_")
        ran = skipped is None and status not in ("notrun", "disabled")
        good = status == "run" and ran and case.find("failure") is None
        yield case.get("name"), case.findtext("system-out") or "", on_purpose, ran, good


def failed_names(path):
    return [name for name, _, skipped, ran, good in cases_of(path) if not skipped and ran and not good]


def main(paths):
    if paths[:1] == ["--failed"]:
        print("|".join(failed_names(paths[1])))
        return 0
    passed = failed = skipped = 0
    for path in paths:
        build = re.sub(r"^.*ctest-(\w+)-.*$", r"\1", path)
        again_path = path.removesuffix(".xml") + "-again.xml"
        again = {case[0]: case for case in cases_of(again_path)} if os.path.exists(again_path) else {}
        for name, output, on_purpose, ran, good in cases_of(path):
            if not good and name in again:
                print("---- %s (%s) failed%s:" % (name, build, "" if not again[name][4] else ", and passed when run again"))
                print("\n".join(telling_part(output)))
                output, on_purpose, ran, good = again[name][1:]
            if on_purpose:
                skipped += 1
                continue
            if not ran:
                failed += 1
                print("---- %s (%s): not run" % (name, build))
                continue
            counts = own_counts(output)
            if counts:
                passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
            if not good:
                if not counts or counts[1] == 0:
                    failed += 1
                print("---- %s (%s) failed%s:" % (name, build, " again" if name in again else ""))
                print("\n".join(telling_part(output)))
            elif not counts:
                passed += 1
    skipped_text = ", %d skipped" % skipped if skipped else ""
    print("%d passed, %d failed%s" % (passed, failed, skipped_text))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
