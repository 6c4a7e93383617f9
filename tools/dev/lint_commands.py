#!/usr/bin/env python3
"""Compile commands for clang-tidy, one for each source: lint_commands.py BUILD OUT. A build compiles sources in groups, by a
file that includes them; each of the group is compiled here as the group is. OUT gets a compile_commands.json."""

import json
import os
import re
import sys

GCC_ONLY = ["-Wno-subobject-linkage"]
INCLUDED = re.compile(r'^#include "(.+)"', re.MULTILINE)


def members(path):
    with open(path, encoding="utf-8") as group:
        return INCLUDED.findall(group.read())


def main():
    build, out = sys.argv[1:]
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = json.load(file)
    single = []
    for command in commands:
        group = "/Unity/" in command["file"]
        for source in members(command["file"]) if group else [command["file"]]:
            text = command["command"].replace(command["file"], source)
            for option in GCC_ONLY:
                text = text.replace(" " + option, "")
            single.append({"directory": command["directory"], "file": source, "command": text})
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump(single, file, indent=1)


main()
