#!/usr/bin/env python3
"""Options, counts and sizes on the command line that cannot be meant: each is refused with exit code 2 and one line that names the
option, before anything is read, written or watched.

    check_usage.py GYR"""

import os
import subprocess
import sys
import tempfile

REFUSED = [
    ("record --nothing", "--nothing"),
    ("replay --nothing", "--nothing"),
    ("explain --nothing", "--nothing"),
    ("replay x.scap --until 0", "--until"),
    ("replay x.scap --until -1", "--until"),
    ("replay x.scap --until abc", "--until"),
    ("events --capture x.scap --until -1", "--until"),
    ("events --capture x.scap -n 0", "--count"),
    ("events --capture x.scap -n -5", "--count"),
    ("events --capture x.scap -n 99999999999999999999", "--count"),
    ("events --capture x.scap -w y.scap --ancestors -1", "--ancestors"),
    ("explain --rule x --capture x.scap --event -1", "--event"),
    ("record -w y.scap --max-events -3", "--max-events"),
    ("record -w y.scap --max-events 1", "--max-events"),
    ("record -w y.scap --max-size -1", "--max-size"),
    ("record -w y.scap --max-size 1000", "--max-size"),
    ("record -w y.scap --max-size 10XB", "--max-size"),
    ("record -w y.scap --keep-files -1", "--keep-files"),
    ("record -w y.scap --keep-files 3", "--keep-files"),
    ("record -w y.scap --duration -5s", "--duration"),
    ("record -w y.scap --file-duration 1x", "--file-duration"),
]


def main(binary):
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([binary, "demo", "--write", "x.scap"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for line, option in REFUSED:
            done = subprocess.run([binary] + line.split(), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  check=False, timeout=60)
            said = done.stderr.decode(errors="replace")
            if done.returncode != 2 or done.stdout or said.count("\n") != 1 or option not in said:
                failed += 1
                print("FAIL: gyr %s: exit code %d\n%s" % (line, done.returncode, said))
        if os.path.exists(os.path.join(folder, "y.scap")):
            failed += 1
            print("FAIL: a capture was begun")
    print("%d of %d refused" % (len(REFUSED) - failed, len(REFUSED)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
