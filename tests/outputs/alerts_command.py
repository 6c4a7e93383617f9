#!/usr/bin/env python3
"""`gyr alerts` over a journal that outputs wrote: filters, times, formats, following, and the proof that it is whole."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
PROBE, GYR = sys.argv[1], os.path.abspath(sys.argv[2])
PATIENCE = 240
failures = []


def expect(condition, what):
    if not condition:
        failures.append(what)
        print("FAIL: " + what)


def uuid(number):
    return "0190a000-0000-7000-8000-%012x" % number


class Probe:
    """Writes a journal."""

    def __init__(self, folder):
        self.journal = folder + "/journal.db"
        with open(folder + "/gyr.yaml", "w", encoding="ascii") as file:
            json.dump({"journal": {"path": self.journal}, "outputs": [{"type": "file", "path": folder + "/out"}]}, file)
        self.process = subprocess.Popen([PROBE, folder + "/gyr.yaml"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def end(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)


def gyr(*arguments):
    done = subprocess.run([GYR, "alerts", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE)
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


def uuids(text):
    return [json.loads(line)["uuid"] for line in text.splitlines()]


def query(journal):
    def found(*arguments):
        status, out, err = gyr("--journal", journal, "--format", "json", *arguments)
        expect(status == 0, "%r: %d %s" % (arguments, status, err))
        return uuids(out)
    # The alerts of the probe: number n at 2026-01-31T10:30:00.123456789 and n milliseconds, priority warning.
    every = [uuid(n) for n in range(1, 31)]
    expect(found() == every, "all of them, in order")
    expect(found('uuid = "%s"' % uuid(7)) == [uuid(7)], "by uuid")
    expect(found("priority >= warning and container.name = box and proc.cmdline contains id") == every, "by several fields")
    expect(found("priority > warning") == [], "by a priority that none has")
    expect(found('output endswith " 3 in box"') == [uuid(3)], "by the sentence")
    expect(found("--since", "2026-01-31T10:30:00.148456789Z") == every[24:], "since a time")
    for form in ("text", "falco", "ecs", "ocsf"):
        status, out, _ = gyr("--journal", journal, "--format", form)
        expect(status == 0 and len(out.splitlines()) == 30, "30 lines of " + form)
    for arguments in (("priority >=",), ("nothing = 1",), ("--since", "yesterday"), ("--format", "xml"), ("--odd",)):
        status, _, err = gyr("--journal", journal, *arguments)
        expect(status == 2 and err.count("\n") == 1, "%r: %d %r" % (arguments, status, err))
    expect(gyr("--journal", journal + ".none")[0] == 1, "a journal that is not there")


def follow(probe):
    process = subprocess.Popen([GYR, "alerts", "--journal", probe.journal, "--format", "json", "--follow", 'output contains "2"'],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    first = [json.loads(process.stdout.readline())["uuid"] for _ in range(12)]
    expect(first == [uuid(n) for n in range(1, 31) if "2" in str(n)], "what is there")
    probe.ask("push 12")
    more = [json.loads(process.stdout.readline())["uuid"] for _ in range(2)]
    expect(more == [uuid(32), uuid(42)], "what comes: %r" % more)
    for tail in ("", "-wal", "-shm"):
        os.unlink(probe.journal + tail)
    probe.ask("push 10")
    guard = threading.Timer(PATIENCE / 8, process.kill)
    guard.start()
    line = process.stdout.readline()
    guard.cancel()
    expect(line and json.loads(line)["uuid"] == uuid(52), "what comes into a new file: %r" % line)
    process.stdout.close()
    probe.ask("push 1")
    try:
        expect(process.wait(PATIENCE) == 0, "nobody reads any more")
    except subprocess.TimeoutExpired:
        expect(False, "it follows for nobody")
        process.kill()


def hostile(probe):
    """Whatever an alert says, a terminal gets lines of printable text."""
    probe.ask("hostile 1048576")
    for form in ("text", "json", "falco", "ecs", "ocsf"):
        status, out, _ = gyr("--journal", probe.journal, "--format", form)
        last = out.rstrip("\n").split("\n")[-1]
        expect(status == 0 and len(last) > 60, "the hostile alert as " + form)
        bad = re.findall("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", last)
        expect(not bad, "%s: a terminal would obey %r" % (form, bad[:5]))
        if form != "text":
            json.loads(last)


def verify(folder, journal):
    status, out, _ = gyr("verify", "--journal", journal)
    head = re.search(r"^head (\d+:[0-9a-f]{64})$", out, re.M)
    expect(status == 0 and out.startswith("intact: ") and head, "an untouched journal: %d %r" % (status, out))
    expect(gyr("verify", "--journal", journal, "--expect", head.group(1))[0] == 0, "its own head")
    number, _, digest = head.group(1).partition(":")
    other = number + ":" + ("0" if digest[0] != "0" else "1") + digest[1:]
    expect(gyr("verify", "--journal", journal, "--expect", other)[0] == 1, "a head that it never had")
    for what in ("--expect=1", "--expect=x:" + digest, "--expect=1:zz"):
        expect(gyr("verify", "--journal", journal, what)[0] == 2, what)
    tables = {}
    with sqlite3.connect(journal) as database:
        for (name,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
            tables[name] = [row[1] for row in database.execute("pragma table_info(%s)" % name)]
    records = next(name for name, columns in tables.items() if "text" in columns)
    for what, change in (("a changed record", "update %s set text = replace(text, 'box', 'bix') where seq = 5"),
                         ("a removed record", "delete from %s where seq = 5"),
                         ("a removed end", "delete from %s where seq > 20"),
                         ("records that changed places", "update %s set text = (select text from %s where seq = 6) where seq = 5")):
        copy = folder + "/copy.db"
        shutil.copy(journal, copy)
        with sqlite3.connect(copy) as database:
            database.execute(change.replace("%s", records))
        database.close()
        status, _, err = gyr("verify", "--journal", copy)
        expect(status == 1 and "not intact" in err, "%s: %d %r" % (what, status, err))
        os.unlink(copy)


def copied(folder, journal):
    """A copy where nothing can be written, for somebody who may do nothing else."""
    place = folder + "/copy %?#"
    os.mkdir(place)
    shutil.copy(journal, place)
    os.chmod(folder, 0o755)
    os.chmod(place + "/journal.db", 0o444)
    os.chmod(place, 0o555)
    program = os.open(GYR, os.O_RDONLY)  # wherever it is
    somebody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    for arguments, words in ((["--format", "json"], uuid(30)), (["verify"], "intact: ")):
        done = subprocess.run(["/proc/self/fd/%d" % program, "alerts", *arguments, "--journal", place + "/journal.db"], pass_fds=[program],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, **somebody)
        expect(done.returncode == 0 and words in done.stdout.decode(), "a copy: %r: %r" % (arguments, done.stdout[-300:]))
    os.close(program)
    os.chmod(place, 0o755)


def main():
    folder = tempfile.mkdtemp(prefix="gyr-alerts-")
    try:
        probe = Probe(folder)
        probe.ask("push 30")
        query(probe.journal)
        follow(probe)
        hostile(probe)
        probe.ask("wait")
        probe.end()
        verify(folder, probe.journal)
        copied(folder, probe.journal)
    finally:
        shutil.rmtree(folder)
    print("%d failed" % len(failures))
    return 1 if failures else 0


sys.exit(main())
