#!/usr/bin/env python3
"""clang-tidy over sources of a build: lint.py BUILD OUT [--jobs N] [FILE]...; without files, over all that it compiles.

A build compiles sources in groups, by a file that includes them. All are checked group by group, so that the headers they
share, which take most of the time, are read once; files that are named are checked each by itself. What had nothing to say
about the same text, checks and options is not asked again: OUT holds a mark for it. Findings are printed once each; the
status is 1 when there are any."""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

# The compiler that the sanitizers have: Debian's own clang is too old for the library's <expected>.
TIDY, COMPILER = "clang-tidy-19", "clang++-19"
GCC_ONLY = {"-Wno-subobject-linkage", "-Winvalid-pch"}
COMPILED_HEADERS = "precompiled/"  # -include FILE, in GCC's own format
INCLUDED = re.compile(r'^#include "(.+)"', re.MULTILINE)
FINDING = re.compile(r"^(\S+?):(\d+):(\d+): (warning|error): (.*)$", re.MULTILINE)
# A group includes sources, and they are no headers.
FOR_GROUPS = ["--checks=-bugprone-suspicious-include", r"--header-filter=/(src|bench|fuzz|tests)/.*\.(h|cpp)$"]


class Unit:
    """What one run of clang-tidy is given: a source, or a group of them."""

    def __init__(self, command, source, members):
        self.folder, self.source, self.members = command["directory"], source, members
        words = shlex.split(command["command"])
        kept, index = [], 0
        while index < len(words):
            word = words[index]
            if word == "-include" and words[index + 1].startswith(COMPILED_HEADERS):
                index += 1
            elif word in ("-o", "-MF", "-MT"):
                index += 1
            elif word not in GCC_ONLY and word not in ("-MD", "-c"):
                kept.append(source if word == command["file"] else word)
            index += 1
        self.options = [word for word in kept[1:] if word != source]

    def check(self, marks):
        """What clang-tidy says, or an empty text."""
        with open(".clang-tidy", encoding="utf-8") as file:
            checks = file.read()
        text = subprocess.run([COMPILER, *self.options, "-E", self.source], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False).stdout
        said = "\n".join([TIDY, checks, *self.options, *FOR_GROUPS]).encode()
        mark = os.path.join(marks, hashlib.sha256(said + text).hexdigest())
        if text and os.path.exists(mark):
            return ""
        more = FOR_GROUPS if len(self.members) > 1 else []
        done = subprocess.run([TIDY, "--quiet", *more, self.source, "--", *self.options], cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if FINDING.search(done.stdout):
            return done.stdout
        if done.returncode != 0:
            return "%s:1:1: error: clang-tidy ended with %d: %s\n" % (self.source, done.returncode, done.stderr.strip())
        with open(mark, "w", encoding="ascii"):
            pass
        return ""


def units_of(build, files):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    units, wanted = [], {os.path.abspath(path) for path in files}
    for command in commands:
        source = command["file"]
        if not source.endswith((".cpp", ".cxx")) or "/generated/" in source:
            continue
        members = [source]
        if "/Unity/" in source:
            with open(source, encoding="utf-8") as group:
                members = INCLUDED.findall(group.read())
        if any("/generated/" in member for member in members):
            continue
        if not wanted:
            units.append(Unit(command, source, members))
        units += [Unit(command, member, [member]) for member in members if member in wanted]
        wanted -= set(members) if wanted else set()
        if files and not wanted:
            break
    return units, wanted


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("out")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*")
    options = parser.parse_intermixed_args()
    os.makedirs(options.out, exist_ok=True)
    top = os.getcwd() + "/"
    units, unknown = units_of(options.build, options.files)
    for path in sorted(unknown):
        print("not compiled in this build, so not checked: " + path.removeprefix(top))
    told = set()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for number, said in enumerate(pool.map(lambda unit: unit.check(options.out), units), 1):
            print("@@ %d %d %s" % (number, len(units), units[number - 1].source.removeprefix(top)))
            for finding in FINDING.findall(said):
                if finding not in told:
                    told.add(finding)
                    print("%s:%s:%s: %s: %s" % ((finding[0].removeprefix(top),) + finding[1:]), flush=True)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
