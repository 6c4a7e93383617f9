#!/usr/bin/env python3
"""`gyr run` where it cannot run: one clear line on standard error, nothing on standard output, and the exit code that says
whose fault it is (1 the rules, 2 the command line or the configuration, 3 this host)."""

import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULE = """- rule: Any Program
  desc: A program was started.
  condition: spawned_process
  output: "%proc.cmdline was started"
  priority: WARNING
"""
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
NO_TYPES = ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf; exec "$@"', "sh"]


class Case:
    def __init__(self, results, folder):
        self.results = results
        self.folder = folder

    def refused(self, what, status, words, arguments, within=(), output=subprocess.PIPE):
        """words: what the line must name."""
        argv = [*within, live.find_binary(), "run", "-o", "journal.path=", "-o", "server.listen=[]", *arguments]
        done = subprocess.run(argv, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE,
                              text=True, timeout=live.PATIENCE, check=False)
        lines = done.stderr.splitlines()
        self.results.equal(done.returncode, status, "%s: exit status (%r)" % (what, lines))
        self.results.expect(len(lines) == 1 and lines[0].startswith("gyr: error: "), "%s: one line: %r" % (what, lines))
        for word in words:
            self.results.expect(word in done.stderr, "%s: it names %s: %r" % (what, word, lines))
        self.results.expect(not done.stdout, "%s: nothing on standard output: %r" % (what, done.stdout))

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)
        return name


def main():
    live.require_root()
    results = live.Results()
    with tempfile.TemporaryDirectory(prefix="gyr-refusals-") as folder:
        os.chmod(folder, 0o755)
        case = Case(results, folder)
        good = case.write("good.yaml", RULE)
        os.mkdir(folder + "/empty")
        os.mkdir(folder + "/round")
        os.symlink("../round", folder + "/round/again")
        case.refused("a missing file", 1, ["missing.yaml"], ["-r", "missing.yaml"])
        case.refused("an empty folder", 1, ["empty"], ["-r", "empty"])
        case.refused("a folder that holds itself", 1, ["round/again"], ["-r", "round"])
        case.refused("a broken rule", 1, ["broken.yaml:3:24", "startswith"],
                     ["-r", case.write("broken.yaml", RULE.replace("spawned_process", "proc.name startwith s"))])
        case.refused("an unknown field", 1, ["unknown.yaml:3:14", "proc.nme", "proc.name"],
                     ["-r", case.write("unknown.yaml", RULE.replace("spawned_process", "proc.nme = sh"))])
        case.refused("broken YAML", 1, ["half.yaml"], ["-r", case.write("half.yaml", RULE + "  tags: [a\n")])
        case.refused("an unknown option", 2, ["--formt", "--format"], ["-r", good, "--formt", "json"])
        case.refused("an unknown key", 2, ["metdata", "metadata"], ["-r", good, "-o", "metdata.wait=1s"])
        case.refused("a value of the wrong kind", 2, ["metadata.wait", "soon"], ["-r", good, "-o", "metadata.wait=soon"])
        case.refused("a missing configuration", 2, ["none.yaml"], ["-r", good, "-c", "none.yaml"])
        case.refused("an unknown key in a file", 2, ["own.yaml:1:12", "metadata.wiat", "metadata.wait"],
                     ["-r", good, "-c", case.write("own.yaml", "metadata: {wiat: 2s}\n")])
        case.refused("standard output closed", 2, ["standard output"], ["-r", good], output=None,
                     within=["sh", "-c", 'exec "$@" >&-', "sh"])
        case.refused("without privilege", 3, ["root"], ["-r", good], within=NOBODY)
        case.refused("without type information", 3, ["BTF"], ["-r", good], within=NO_TYPES)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
