#!/usr/bin/env python3
"""Checks that the source tree keeps to its own rules; prints every breach with its place, exit code 1 if there is one.

The dependency table in docs/architecture.md is the input for the first two checks.
  layers     an #include below src/ that the table does not allow, or DEPS in CMake that it does not allow
  circles    folders that depend on each other in a circle, by the table or by what is included
  bpf        bpf/ including anything but bpf/ and abi/
  own first  x.cpp includes x.h before any other header, which proves that x.h needs none before it
  length     a source file of more than 900 lines
  words      text that reads as unfinished work
  fuzz       a fuzz target that is not registered, or that has no corpus"""

import os
import re
import subprocess
import sys

MAX_LINES = 900
TABLE = "docs/architecture.md"
# Spelt in halves so that this file does not find itself.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"]) + r")\b|\bnot " r"implemented\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
SOURCE = (".h", ".cpp", ".c")

problems = []


def problem(place, text):
    problems.append("%s: %s" % (place, text))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def tracked_files():
    """Files that git knows, or would add."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    return [name for name in names if name and os.path.isfile(name)]


def allowed_table():
    """{module: modules it may include} from the table between the markers."""
    part = re.search(r"<!-- layers: begin -->(.*?)<!-- layers: end -->", read(TABLE), re.S)
    if not part:
        sys.exit("%s: the dependency table is gone" % TABLE)
    table = {}
    for line in part.group(1).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and not re.match(r"folder$|-+$", cells[0]):
            table[cells[0]] = set(re.findall(r"\w+", cells[2]))
    return table


def circle(graph):
    """One circle in {node: set of nodes}, or None."""
    done, path = set(), []

    def walk(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for other in sorted(graph.get(node, ())):
            found = walk(other)
            if found:
                return found
        path.pop()
        done.add(node)
        return None

    for start in sorted(graph):
        found = walk(start)
        if found:
            return found
    return None


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_layers(files, table):
    used = {module: set() for module in table}
    for path in files:
        parts = path.split("/")
        if parts[0] != "src" or not path.endswith(SOURCE) or len(parts) < 3:
            continue
        module = parts[1]
        if module not in table:
            problem(path, "folder src/%s is not in the table of %s" % (module, TABLE))
            continue
        text = read(path)
        for match in INCLUDE.finditer(text):
            name = match.group(1)
            target = name.split("/")[0]
            place = "%s:%d" % (path, line_of(text, match.start()))
            if name.endswith((".skel.h", ".pb.h")):
                continue  # generated for the module that builds it
            if "/" not in name or name.startswith("."):
                problem(place, 'write "%s" from the root src/' % name)
            elif target != module:
                used[module].add(target)
                if target not in table[module]:
                    problem(place, "%s may not include %s (%s)" % (module, target, TABLE))
    for module in table:
        build_file = "src/%s/CMakeLists.txt" % module
        if not os.path.exists(build_file):
            continue
        for match in re.finditer(r"gyr_module\(.*?\)", read(build_file), re.S):
            dependencies = re.search(r"\bDEPS\b(.*?)(?:\b(?:LIBS|SOURCES|TESTS)\b|\))", match.group(0), re.S)
            for name in dependencies.group(1).split() if dependencies else ():
                if name not in table[module]:
                    problem(build_file, "%s may not depend on %s (%s)" % (module, name, TABLE))
    for name, graph in (("table", table), ("includes", used)):
        found = circle(graph)
        if found:
            problem(TABLE, "a circle in the %s: %s" % (name, " -> ".join(found)))


def check_bpf(files):
    for path in files:
        if path.startswith("bpf/") and path.endswith(SOURCE):
            text = read(path)
            for match in INCLUDE.finditer(text):
                name = match.group(1)
                near = os.path.join(os.path.dirname(path), name)
                if not (name.startswith("abi/") or os.path.exists("bpf/" + name) or os.path.exists(near)):
                    problem("%s:%d" % (path, line_of(text, match.start())), "bpf/ may include abi/ only, not %s" % name)


def check_own_header_first(files):
    present = set(files)
    for path in files:
        own = re.sub(r"\.cpp$", ".h", path)
        if path.startswith("src/") and path.endswith(".cpp") and own in present:
            match = re.search(r"^\s*#\s*include\s+(\S+)", read(path), re.M)
            if not match or match.group(1) != '"%s"' % own[len("src/"):]:
                problem(path, 'include "%s" before anything else' % own[len("src/"):])


def check_text(files):
    for path in files:
        if path.startswith(("fuzz/corpus/", "LICENSE")):
            continue
        text = read(path)
        if path.endswith(SOURCE) and text.count("\n") > MAX_LINES:
            problem(path, "%d lines; at most %d: split it by subject" % (text.count("\n"), MAX_LINES))
        for match in UNFINISHED.finditer(text):
            problem("%s:%d" % (path, line_of(text, match.start())), 'unfinished: "%s"' % match.group(0))


def check_fuzz(files):
    registered = set(re.findall(r"^gyr_fuzz\((\w+)", read("fuzz/CMakeLists.txt"), re.M))
    targets = {match.group(1) for path in files if (match := re.fullmatch(r"fuzz/targets/(\w+)_fuzz\.cpp", path))}
    for name in sorted(targets - registered):
        problem("fuzz/targets/%s_fuzz.cpp" % name, "not registered in fuzz/CMakeLists.txt")
    for name in sorted(targets):
        if not any(path.startswith("fuzz/corpus/%s/" % name) for path in files):
            problem("fuzz/targets/%s_fuzz.cpp" % name, "no seeds in fuzz/corpus/%s/" % name)


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    files = tracked_files()
    check_layers(files, allowed_table())
    check_bpf(files)
    check_own_header_first(files)
    check_text(files)
    check_fuzz(files)
    for text in problems:
        print(text)
    print("%d files, %d breaches" % (len(files), len(problems)))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
