#!/usr/bin/env python3
"""Loads every rule example of a document through `gyr rules check`: its YAML blocks together, in order, as a reader who
copies them would have them. A document without an example fails: it would test nothing.

    check_examples.py GYR DOCUMENT..."""

import os
import re
import subprocess
import sys
import tempfile


def main(binary, documents):
    failed = passed = 0
    for document in documents:
        with open(document, encoding="utf-8") as file:
            text = file.read()
        blocks = [(text.count("\n", 0, match.start(1)), match.group(1))
                  for match in re.finditer(r"^```yaml\n(.*?)^```", text, re.M | re.S)
                  if re.match(r"- (rule|list|macro):", match.group(1))]
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for line, block in blocks:
                # The name leads from a complaint back to the document: its line is the block's plus the one named.
                paths.append(os.path.join(folder, "after-line-%04d.yaml" % line))
                with open(paths[-1], "w", encoding="utf-8") as file:
                    file.write(block)
            done = subprocess.run([binary, "rules", "check"] + paths, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
        if blocks and done.returncode == 0:
            passed += len(blocks)
        else:
            failed += 1
            print("FAIL: %s: %d examples, exit code %d" % (document, len(blocks), done.returncode))
            print(done.stdout.decode(errors="replace"))
    print("%d checks passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
