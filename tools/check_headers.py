#!/usr/bin/env python3
"""Compiles each header below src/ alone, so that none needs another one included first.

Results are kept in the --cache folder under a hash of the preprocessed text: a header that has not changed, nor
anything it includes, costs a preprocessor run. Headers for whom a source file of the same name includes them first
are proven by the build already and left out (tools/check_layers.py sees that they do)."""

import argparse
import concurrent.futures
import glob
import hashlib
import os
import subprocess
import sys

FLAGS = ["-std=c++23", "-Wall", "-Wextra", "-Isrc", "-x", "c++", "-"]


def check(header, compiler, cache):
    """The compiler's words about a header, or an empty text when it stands alone."""
    command = compiler + FLAGS
    unit = b'#include "%s"\n' % header[len("src/"):].encode()
    text = subprocess.run(command + ["-E"], input=unit, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if text.returncode != 0:
        return text.stderr.decode(errors="replace")
    mark = os.path.join(cache, hashlib.sha256(" ".join(command).encode() + text.stdout).hexdigest())
    if os.path.exists(mark):
        return ""
    done = subprocess.run(command + ["-fsyntax-only", "-Werror"], input=unit, stderr=subprocess.PIPE, check=False)
    if done.returncode == 0:
        with open(mark, "w", encoding="ascii"):
            pass
    return done.stderr.decode(errors="replace") if done.returncode else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", default="build/headers")
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--include", action="append", default=[])
    options = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    os.makedirs(options.cache, exist_ok=True)
    compiler = [options.compiler] + ["-I" + folder for folder in options.include]
    headers = [path for path in sorted(glob.glob("src/**/*.h", recursive=True))
               if not os.path.exists(path[:-2] + ".cpp")]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, words in zip(headers, pool.map(lambda path: check(path, compiler, options.cache), headers)):
            if words:
                failed += 1
                print("%s does not compile alone:\n%s" % (header, words))
    print("%d headers, %d failed" % (len(headers), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
