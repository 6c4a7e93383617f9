#!/usr/bin/env python3
"""Captures of what really happens: recorded beside a live agent and replayed, the alerts are the same; sysdig, where it is
installed, reads in the file what we read; a rule with `capture: true` has a file that also holds what came before its
alert; a filter leaves what it does not match for the state alone; and events are printed as they happen."""

import collections
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

EVERYTHING = "user=%user.name group=%group.name container=%container.name image=%container.image.repository"
RULES = """
- rule: A Program Started
  desc: d
  condition: spawned_process
  output: "%proc.name %proc.exepath %proc.cmdline %proc.pname %proc.cwd %proc.tty %user.uid {e}"
  priority: INFO
- rule: A File Opened
  desc: d
  condition: evt.type in (open, openat, openat2) and (fd.name startswith {f} or fd.name in (/etc/shadow, /etc/passwd))
  output: "%fd.name %evt.res %evt.is_open_write %proc.name %proc.cmdline {e} %fd.realpath"
  priority: INFO
- rule: A File Moved Or Removed
  desc: d
  condition: evt.type in (rename, renameat, renameat2, unlink, unlinkat) and evt.args contains {f}
  output: "%evt.type %evt.res %fs.path.name %proc.name {e}"
  priority: INFO
- rule: A Connection
  desc: d
  condition: evt.type = connect and fd.sport = {p}
  output: "%fd.name %fd.l4proto %fd.sip %fd.type %evt.res %proc.name {e}"
  priority: INFO
- rule: A Written File
  desc: d
  condition: evt.type in (write, writev) and fd.name startswith {f}
  output: "%fd.name %fd.num %proc.name {e}"
  priority: INFO
- rule: A Shell In A Container
  desc: d
  condition: container and proc.name in (sh, bash) and proc.tty != 0
  output: "%proc.name %proc.pname %proc.cmdline %proc.tty {e}"
  priority: INFO
- rule: A Program Brought In
  desc: d
  condition: spawned_process and proc.is_exe_upper_layer = true
  output: "%proc.exepath %proc.cmdline {e}"
  priority: INFO
- rule: A File Opened By An Orphan
  desc: d
  condition: evt.type in (open, openat) and fd.name = {f}/orphan
  output: "%proc.name %proc.ancestors.name {e}"
  priority: INFO
- rule: Another Identity
  desc: d
  condition: evt.type in (setuid, setresuid) and user.uid != 0
  output: "%evt.type %evt.res %proc.name %user.uid {e}"
  priority: INFO
"""
LARGE_RINGS = [part for option in live.LARGE_RINGS for part in ("-o", option)]
EVENT_RULES = re.findall(r"rule: (.*)\n.*\n  condition: evt\.type", RULES)


def gyr(*arguments, code=0, **options):
    done = subprocess.run([live.find_binary(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", timeout=live.PATIENCE, **options)
    if done.returncode != code:
        raise RuntimeError("gyr %s: status %d: %s" % (" ".join(arguments), done.returncode, done.stderr.strip()))
    return done.stdout


class Command:
    """A command of ours that runs until it is told to end; waits until it is armed."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([live.find_binary(), *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            if line.startswith("gyr: armed"):
                break
        else:
            raise RuntimeError("gyr %s: %s" % (" ".join(arguments), "".join(self.log)))

    def end(self, number=None):
        """Its exit status and what it printed."""
        if number is not None:
            self.process.send_signal(number)
        out, error = self.process.communicate(timeout=live.PATIENCE)
        self.log.append(error)
        return self.process.returncode, out


# Opens the file when the shell that started it has ended.
ORPHAN = """
echo x > %s/orphan; starter=$$
(while read -r pid name state rest < /proc/$starter/stat && [ $state != Z ]; do :; done; cat %s/orphan; true) 2>&1 &
"""


def workload(rt, folder, port):
    """Ordinary things on the host and in containers."""
    live.check(["/bin/sh", "-c", "cd %s && echo one > a && cat a /etc/passwd > b && mv b c && rm a; exec 3<c; cat <&3"
                % folder])
    live.run(["/bin/sh", "-c", "cat %s/none; cat /etc/shadow" % folder])
    live.check(["/bin/sh", "-c", ORPHAN % (folder, folder)])
    live.check(["python3", "-c", "import socket; s=socket.socket(); s.connect(('127.0.0.1', %d)); s.close();"
                "s=socket.socket(type=socket.SOCK_DGRAM); s.connect(('127.0.0.1', %d)); s.send(b'x')" % (port, port)])
    live.check(["setpriv", "--reuid=65534", "--clear-groups", "cat", "/etc/passwd"])
    live.check(rt.docker("run", "-d", "--name", "kept", "gyr-test", "sleep", "1000"))
    live.run_tty(rt.docker("exec", "-it", "kept", "sh"), b"cat /etc/shadow; cp /bin/busybox /tmp/x; /tmp/x true; exit\n")
    live.check(rt.docker("exec", "-u", "app", "kept", "cat", "/etc/passwd"))
    live.check(rt.docker("exec", "kept", "su", "app", "-c", "cat /etc/passwd"))
    live.check(rt.docker("exec", "kept", "sh", "-c", "ln -s /etc/passwd /tmp/link; cat /tmp/link; (cat /etc/passwd; true) & wait"))
    live.check(rt.docker("run", "--rm", "--name", "short", "gyr-test", "sh", "-c", "cat /etc/passwd; true"))


def key_of(alert):
    # runc ends while what it started begins: which of the two was first decides who the parent is, and each of two who
    # look may see another order.
    output = re.sub(r"\b(runc|containerd-shim) ", "runtime ", alert["output"])
    if "fd.realpath" in alert["output_fields"]:  # the last one: a capture does not have it
        output = output.removesuffix(str(alert["output_fields"]["fd.realpath"] or "<NA>"))
    return alert["rule"], output, alert["proc"]["pid"], alert.get("scause")


def between_sentinels(alerts, first, last):
    values = [a["output_fields"].get("proc.env[GYR_SENTINEL]") if a["rule"] == "Test Sentinel" else None for a in alerts]
    return alerts[values.index(first) + 1:values.index(last)]


def listener():
    import socket
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server, server.getsockname()[1]


def check_replay(results, rt, folder):
    """Returns the capture's path."""
    capture = folder + "/all.scap"
    server, port = listener()
    watched = folder + "/watched"
    os.mkdir(watched)
    rules = RULES.format(f=watched, p=port, e=EVERYTHING)
    rule_file = folder + "/rules.yaml"
    with open(rule_file, "w", encoding="utf-8") as file:
        file.write(rules + live.SENTINEL_RULE)
    there = {int(p) for p in os.listdir("/proc") if p.isdigit()}
    with live.Agent(rules=["rules-default"], text=[rules], runtimes=rt, options=live.LARGE_RINGS) as agent:
        options = [part for option in rt.options() for part in ("-o", option)]
        record = Command("record", "-w", capture, *options, *LARGE_RINGS)
        first = agent.sentinel()["output_fields"]["proc.env[GYR_SENTINEL]"]
        workload(rt, watched, port)
        last = agent.sentinel()["output_fields"]["proc.env[GYR_SENTINEL]"]
        results.equal(record.end(signal.SIGINT)[0], 0, "exit status of gyr record")
        agent.stop()
        mine = {agent.pid, record.process.pid}
    server.close()
    results.expect("lost" not in record.log[-1], "nothing was lost: " + record.log[-1])
    lines = gyr("replay", capture, "-r", os.path.join(live.ROOT, "rules-default"), "-r", rule_file, "--format", "json")
    replayed = [json.loads(line) for line in lines.splitlines()]

    def is_compared(alert):
        process = alert.get("proc", {})
        # A rule about processes reported those that were there when the agent began. The agent knows the files of its rules
        # by identity too: Docker's daemon, from outside, opens what is /etc/passwd in a container.
        fields = alert["output_fields"]
        return (process.get("pid") not in mine and fields.get("fd.realpath") in (None, fields.get("fd.name"))
                and (process.get("pid") not in there or alert["rule"] in EVENT_RULES))

    def comparable(alerts):
        alerts = sorted((a for a in alerts if a.get("rule")), key=lambda a: a["time"])
        return collections.Counter(key_of(a) for a in between_sentinels(alerts, first, last) if is_compared(a))

    lived, again = comparable(a for a in agent.alerts if "revision" not in a), comparable(replayed)
    for key, n in (lived - again).items():
        results.expect(False, "raised live and not by replay (%d): %r" % (n, key))
    for key, n in (again - lived).items():
        results.expect(False, "raised by replay and not live (%d): %r" % (n, key))
    rules_met = {key[0] for key in lived}
    for rule in re.findall("rule: (.*)", RULES):
        results.expect(rule in rules_met, "the workload sets off: " + rule)
    results.expect(any(key[1].startswith("/etc/passwd ") and "cat /tmp/link" in key[1] for key in again),
                   "replay knows where a link led")
    results.expect(any("container=short" in key[1] for key in again), "replay names a container that was gone soon")
    print("%d alerts the same live and in replay" % sum((lived & again).values()))
    return capture


def check_sysdig(results, capture):
    if shutil.which("sysdig") is None:
        print("sysdig is not installed")
        return
    wanted = ["execve", "openat", "close", "connect", "write", "procexit"]
    fields = "%evt.rawtime|%thread.tid|%evt.type|%proc.name|%proc.pid|%container.name|%evt.rawres|%fd.num"

    def comparable(line):
        words = [word.strip() for word in line.replace("<NA>", "-").split("|")]
        if words[1] != words[4]:
            words[3] = "-"  # of a thread sysdig tells the thread's own name
        if words[6].startswith("-"):
            words.pop()  # of a call that failed sysdig tells the descriptor of the one before
        return words

    ours = gyr("events", "--capture", capture, "evt.type in (%s)" % ", ".join(wanted), "-p", fields).splitlines()
    # The star: lines with a value that is missing as well.
    theirs = live.check(["sysdig", "-r", capture, "-p", "*" + fields, "evt.type in (%s) and (evt.dir = < or evt.type = procexit)"
                         % ", ".join(wanted)]).splitlines()
    results.expect(len(ours) > 1000, "the capture has events")
    results.equal(len(theirs), len(ours), "events that sysdig sees")
    # runc gives itself names (prctl), which sysdig does not follow.
    differ = [(a, b) for a, b in zip(ours, theirs) if "|runc" not in a and comparable(a) != comparable(b)]
    results.expect(len(differ) <= len(ours) // 1000, "%d of %d events differ in sysdig: %r" % (len(differ), len(ours), differ[:5]))


CAPTURE_RULE = """
- rule: Trigger
  desc: d
  condition: spawned_process and proc.name = sh and proc.args contains pull-the-trigger
  output: "%proc.cmdline"
  priority: INFO
  capture: true
  capture_duration: 600000
"""


def check_alert_capture(results, rt, folder, seconds):
    prefix = "%s/captures-%d/alert" % (folder, seconds)
    options = ["capture.path=" + prefix, "recorder.seconds=%d" % seconds, "recorder.memory=128MiB", *live.LARGE_RINGS]
    kept = live.check(rt.docker("run", "-d", "--name", "web%d" % seconds, "gyr-test", "sleep", "1000"))
    with live.Agent(text=[CAPTURE_RULE], options=options, runtimes=rt) as agent:
        live.check(["cat", "/etc/passwd"], env={"WHEN": "before"})
        live.check(rt.docker("exec", kept, "cat", "/etc/group"))
        agent.sentinel()
        live.check(rt.docker("exec", kept, "sh", "-c", ": pull-the-trigger"))
        agent.wait_for(lambda r: r.get("rule") == "Trigger")
        agent.wait_for_log("capture: .*%s_" % prefix)  # the file is begun when its container is known
        for _ in range(3):  # everything is collected some time after the alert
            live.check(["cat", "/etc/hostname"])
            agent.sentinel()
        agent.stop()
        log = "\n".join(agent.log)
    files = glob.glob(prefix + "_*.scap")
    results.equal(len(files), 1, "files of recorder.seconds=%d; %s" % (seconds, log))
    if not files:
        return
    text = gyr("events", "--capture", files[0], "-p", "%evt.type %proc.name %fd.name %proc.cmdline %container.name")
    has = lambda wanted: any(all(w in line for w in wanted) for line in text.splitlines())
    what = "recorder.seconds=%d: " % seconds
    results.expect(has(["execve", "pull-the-trigger", "web%d" % seconds]), what + "the alert's event, with its container")
    results.expect(has(["openat", "cat", "/etc/hostname"]), what + "what came after")
    results.equal(has(["openat", "cat", "/etc/passwd"]), seconds > 0, what + "what came before")
    results.equal(has(["openat", "cat", "/etc/group", "web%d" % seconds]), seconds > 0, what + "the same in a container")
    lines = gyr("replay", files[0], "-r", rule_of(folder), "--format", "json").splitlines()
    results.equal([json.loads(line)["output"] for line in lines], ["sh -c : pull-the-trigger"], what + "its replay alerts")


def rule_of(folder):
    path = folder + "/trigger.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(CAPTURE_RULE)
    return path


def check_filter(results, folder):
    capture = folder + "/filtered.scap"
    record = Command("record", "-w", capture, *LARGE_RINGS, "proc.name = cat and evt.type in (execve, read)")
    live.check(["/bin/sh", "-c", "exec 5</etc/hostname; cat <&5; head -c 1 /etc/passwd"])
    status, _ = record.end(signal.SIGINT)
    results.equal(status, 0, "exit status of gyr record with a filter")
    lines = gyr("events", "--capture", capture, "-p", "%proc.name %evt.type %fd.name %proc.pname").splitlines()
    results.expect(lines and all(re.match("cat (execve|read) ", line) for line in lines), "only what the filter matches: %r" % lines[:5])
    results.expect("cat read /etc/hostname sh" in lines, "the state is whole: the descriptor's name is known: %r" % lines[:9])


def lines_until(stream, wanted):
    """Up to the first with these words in it."""
    for line in stream:
        yield line
        if wanted in line:
            return


def check_live_events(results, folder):
    path = folder + "/here"
    events = Command("events", *LARGE_RINGS, "evt.type in (open, openat) and fd.name = %s" % path, "-n", "2", "-p", "%proc.name %fd.name %evt.deltatime")
    for _ in range(2):
        live.check(["/bin/sh", "-c", "echo x > " + path])
    status, out = events.end()
    lines = out.splitlines()
    results.equal(status, 0, "exit status of gyr events -n")
    results.equal([line.rpartition(" ")[0] for line in lines], ["sh " + path] * 2, "live events of a filter")
    events = Command("events", "--duration", "1h")
    live.check(["/bin/true"])
    seen = "".join(lines_until(events.process.stdout, " true ("))
    number, line = events.end(signal.SIGINT)
    results.equal(number, 0, "exit status of an interrupted gyr events")
    # As sysdig prints an event: number, time, processor, process, thread, direction, type, parameters.
    found = re.search(r"(?m)^\d+ \d\d:\d\d:\d\d\.\d{9} \d+ true \(\d+\) < execve .*$", seen + line)
    results.expect(found, "the line of an exec among the events: %r" % (seen + line)[-500:])


def main():
    live.require_root()
    results = live.Results()
    folder = os.path.realpath(tempfile.mkdtemp(prefix="gyr-captures-"))
    try:
        with live.Runtimes("docker") as rt:
            capture = check_replay(results, rt, folder)
            sysdig = threading.Thread(target=check_sysdig, args=(results, capture))
            sysdig.start()
            for seconds in (0, 300):
                check_alert_capture(results, rt, folder, seconds)
            sysdig.join()
        check_filter(results, folder)
        check_live_events(results, folder)
    finally:
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
