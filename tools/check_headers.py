#!/usr/bin/env python3
"""Compiles each header below src/ alone, so that none needs another one included first.

With ccache before the compiler, what was compiled once, in whatever tree, costs next to nothing. Headers for whom a source
file of the same name includes them first are proven by the build already and left out (tools/check_layers.py sees that
they do)."""

import argparse
import concurrent.futures
import glob
import os
import subprocess
import sys

FLAGS = ["-std=c++23", "-Wall", "-Wextra", "-Werror", "-Isrc"]


def check(header, compiler, folder):
    """The compiler's words about a header, or an empty text when it stands alone."""
    unit = os.path.join(folder, header[len("src/"):].replace("/", "-") + ".cpp")
    with open(unit, "w", encoding="utf-8") as file:
        file.write('#include "%s"\n' % header[len("src/"):])
    done = subprocess.run(compiler + FLAGS + ["-c", unit, "-o", unit[:-len(".cpp")] + ".o"], stderr=subprocess.PIPE, check=False)
    return done.stderr.decode(errors="replace") if done.returncode else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="build/headers", help="for what is compiled")
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("compiler", nargs="*", default=["g++"], help="and what it is run by, behind --")
    options = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    # Relative: a cache of another tree's results finds them.
    folder = os.path.relpath(options.folder)
    os.makedirs(folder, exist_ok=True)
    compiler = options.compiler + ["-I" + os.path.relpath(include) for include in options.include]
    headers = [path for path in sorted(glob.glob("src/**/*.h", recursive=True))
               if not os.path.exists(path[:-2] + ".cpp")]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, words in zip(headers, pool.map(lambda path: check(path, compiler, folder), headers)):
            if words:
                failed += 1
                print("%s does not compile alone:\n%s" % (header, words))
    print("%d headers, %d failed" % (len(headers), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
