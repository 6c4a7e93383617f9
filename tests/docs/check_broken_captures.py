#!/usr/bin/env python3
"""What commands say of a capture that they cannot use all of: the demo's with a block of an unknown type in it, with more
descriptors than there is room for, and cut off. Each must use the rest, tell the same, and end with 0 for what was skipped
and 1 for damage.

    check_broken_captures.py GYR RULES"""

import gzip
import os
import struct
import subprocess
import sys
import tempfile

COMMANDS = [
    ("replay", ["replay", "NAME", "-r", "RULES"]),
    ("events", ["events", "--capture", "NAME"]),
    ("events --write", ["events", "evt.type = execve", "--capture", "NAME", "--write", "out.scap"]),
    ("explain", ["explain", "--rule", "RULE", "--capture", "NAME", "-r", "RULES"]),
]


def blocks(capture):
    at = 0
    while at < len(capture):
        length = struct.unpack_from("<I", capture, at + 4)[0]
        yield at, length
        at += length


def block(number, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", number, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def process_with_descriptors(pid, count):
    """A process list of version 1 and descriptor lists of version 1."""
    text = struct.pack("<H1s", 1, b"x")
    out = block(0x202, struct.pack("<QQQ", pid, pid, 0) + 4 * text + struct.pack("<QIII", 1024, 0, 0, 0))
    step = 10000
    for first in range(0, count, step):
        out += block(0x203, struct.pack("<Q", pid) + b"".join(
            struct.pack("<qQB", number, 1, 9) + text for number in range(first, first + step)))
    return out


def main(binary, rules):
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        def write(name, capture):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(capture)

        subprocess.run([binary, "demo", "--write", "demo.scap"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with gzip.open(os.path.join(folder, "demo.scap")) as file:
            whole = file.read()
        places = list(blocks(whole))
        unknown = struct.pack("<II8sI", 0x7777, 20, b"whatever", 20)
        end = places[-3][0]
        write("unknown.scap", whole[:places[1][0]] + unknown + whole[places[1][0]:end] + unknown + whole[end:])
        write("full.scap", whole[:end] + process_with_descriptors(4000000, 400000) + whole[end:])
        cut = places[-1][0] + places[-1][1] - 3
        write("cut.scap", whole[:cut])
        rule = subprocess.run([binary, "replay", "demo.scap", "-r", rules, "--format", "json"], cwd=folder, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        rule = rule.split('"rule": "' if '"rule": "' in rule else '"rule":"', 1)[1].split('"', 1)[0]
        for name, code, said in (("unknown.scap", 0, "gyr: warning: unknown.scap: 2 blocks of types that this version "
                                                     "does not know were skipped\n"),
                                 ("full.scap", 0, "gyr: warning: full.scap: no room for descriptors ("),
                                 ("cut.scap", 1, "gyr: error: cut.scap: damaged at byte %d: " % cut)):
            for command, words in COMMANDS:
                words = [{"NAME": name, "RULES": rules, "RULE": rule}.get(w, w) for w in words]
                done = subprocess.run([binary] + words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      check=False, timeout=60)
                error = done.stderr.decode(errors="replace")
                if done.returncode != code or error.count(said) != 1 or not done.stdout:
                    failed += 1
                    print("FAIL: %s of %s: exit code %d, %d bytes\n%s" % (command, name, done.returncode,
                                                                         len(done.stdout), error))
    print("%d of %d as they should be" % (3 * len(COMMANDS) - failed, 3 * len(COMMANDS)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])))
