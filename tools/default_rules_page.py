#!/usr/bin/env python3
"""Prints docs/default-rules.md: every default rule as the program loads it, by file.

    default_rules_page.py GYR RULES"""

import json
import os
import subprocess
import sys

HEAD = """# The default rules

{count} rules, as `gyr rules list -r rules-default` tells them; written again by `./dev docs`. What each one asks exactly, after
macros and exceptions, is told by `gyr rules show NAME`. Each has an action that sets it off and one that comes near and must
not, run for real by [`gyr simulate`](simulate.md). Those marked (off) cannot be quiet everywhere: `enabled: false` until somebody
switches them on.
"""


def subject(path):
    """The comment that a rule file begins with."""
    lines = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                break
            lines.append(line.lstrip("#").strip())
    return " ".join(lines)


def main(binary, rules):
    done = subprocess.run([binary, "rules", "list", "-r", rules, "--format", "json"], stdout=subprocess.PIPE, check=True)
    listed = json.loads(done.stdout)["rules"]
    by_name = {rule["name"]: rule for rule in listed}
    print(HEAD.format(count=len(listed)).rstrip("\n"))
    for name in sorted(os.listdir(rules)):
        path = os.path.join(rules, name)
        if not name.endswith(".yaml"):
            continue
        with open(path, encoding="utf-8") as file:
            names = [line[len("- rule: "):].strip() for line in file if line.startswith("- rule: ")]
        if not names:
            continue
        print("\n## %s\n\n%s\n\n| rule | priority | MITRE | what it sees |\n| --- | --- | --- | --- |" % (name, subject(path)))
        for rule in (by_name[n] for n in names):
            mitre = " ".join(t for t in rule["tags"] if t.startswith("T1"))
            name = rule["name"] + ("" if rule["enabled"] else " (off)")
            print("| %s | %s | %s | %s |" % (name, rule["priority"].lower(), mitre,
                                             " ".join(rule["description"].split()).replace("|", "\\|")))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
