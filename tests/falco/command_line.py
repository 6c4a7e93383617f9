#!/usr/bin/env python3
"""The program called as falco, as far as no privilege is needed: what prints something and ends, what is refused, exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
failures = []


def expect(condition, what):
    if not condition:
        failures.append(what)
        print("FAIL: " + what)


RULES = """
- rule: One
  desc: First.
  condition: evt.type = execve and proc.name = one
  output: one (user=%user.name)
  priority: WARNING
  tags: [a]
- rule: Two
  desc: Second.
  condition: spawned_process and proc.name = two
  output: two
  priority: INFO
"""
CONFIG = """
rules_files: [%s]
stdout_output: {enabled: true}
json_output: %s
"""


def replayed(folder, config, write, run, good):
    """engine.kind: replay: the capture's alerts go to the outputs of the configuration, as Falco does it."""
    capture = folder + "/demo.scap"
    subprocess.run([os.path.abspath(sys.argv[1]), "demo", "--write", capture], check=True, stdout=subprocess.DEVNULL,
                   stdin=subprocess.DEVNULL)
    rules = write("replay.yaml", "- rule: First\n  desc: d\n  condition: evt.type = execve\n  output: ran %proc.name\n  priority: DEBUG\n"
                  "- rule: Second\n  desc: d\n  condition: evt.type = execve\n  output: also %proc.name\n  priority: WARNING\n")
    replay = ["-c", config, "-r", rules, "-o", "engine.kind=replay", "-o", "engine.replay.capture_file=" + capture, "-o", "json_output=true"]
    alerts = [json.loads(line) for line in good(*replay).splitlines()]
    expect(alerts and {a["rule"] for a in alerts} == {"First"}, "the first rule of each event: %r" % alerts[:1])
    expect({a["hostname"] for a in alerts} == {os.uname().nodename}, "the name of this host")
    expect(all(a["output"].endswith(": Debug ran " + a["output_fields"]["proc.name"]) for a in alerts), "the sentence")
    alerts = [json.loads(line) for line in good(*replay, "-o", "priority=warning").splitlines()]
    expect(alerts and {a["rule"] for a in alerts} == {"Second"}, "what is below the priority hides nothing")
    file = folder + "/alerts.json"
    out = good(*replay, "-o", "rule_matching=all", "-o", "file_output={enabled: true, filename: %s}" % file, "-o",
               "append_output[]={extra_output: on %evt.num}")
    expect(open(file, encoding="utf-8").read() == out and out.count('"Second"') == out.count('"First"') > 0, "every output has all")
    expect(" on " in json.loads(out.splitlines()[0])["output"], "what is appended")
    times = [json.loads(line)["output_fields"]["evt.time"] for line in out.splitlines()]
    seconds = (times[-1] - times[0]) / 1e9 / 2
    expect(0 < good(*replay, "-o", "rule_matching=all", "-M", "%.9f" % seconds).count("\n") < len(times), "-M is of the capture's time")
    out = good(*replay, "-o", "rules=[{disable: {rule: First}}]")
    expect({json.loads(line)["rule"] for line in out.splitlines()} == {"Second"}, "rules switched off")
    status, _, err = run("-c", config, "-o", "engine.kind=replay", "-o", "engine.replay.capture_file=" + folder + "/none.scap")
    expect(status == 1 and "none.scap" in err, "a capture that is not there: %d %s" % (status, err))
    expect(not [name for name in os.listdir(folder) if name.startswith("gyr-replay-")], "nothing is left behind")


def ended_while_silent(folder, falco, config):
    """SIGTERM ends a replay that waits for a pipe: one that nobody opens, one from which nothing comes, one that stopped in the middle."""
    with open(folder + "/demo.scap", "rb") as file:
        capture = file.read()
    for begun in (None, b"", capture[:len(capture) // 2]):
        fifo = folder + "/fifo"
        os.mkfifo(fifo)
        process = subprocess.Popen([falco, "-c", config, "-r", folder + "/replay.yaml", "-o", "engine.kind=replay", "-o",
                                    "engine.replay.capture_file=" + fifo], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        writer = None if begun is None else open(fifo, "wb", buffering=0)
        if begun:
            writer.write(begun)
            process.stdout.readline()  # it is at work
        process.send_signal(signal.SIGTERM)
        try:
            # Before it has taken the signals over, the signal itself ends it.
            expect(process.wait(60) in ((0,) if begun else (0, -signal.SIGTERM)), "status %d" % process.returncode)
        except subprocess.TimeoutExpired:
            expect(False, "SIGTERM does not end a replay that waits (%r)" % (begun and len(begun)))
            process.kill()
            process.wait()
        if writer:
            writer.close()
        process.stdout.close()
        os.unlink(fifo)


def options(help_text):
    """Every option of Falco's table is taken, by each of its names."""
    data = os.environ.get("GYR_TEST_DATA") or "../shared/data"
    path = os.path.join(data, "../reference/cli.tsv")
    if not os.path.exists(path):
        print("skipped: no reference beside the test data")
        return
    words = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", help_text))
    with open(path, encoding="utf-8") as file:
        rows = [line.split("\t") for line in file][1:]
    names = {name for row in rows for name in row[:2] if name.strip("-")}
    expect(len(names) > 30 and not names - words, "options that are not taken: %s" % sorted(names - words))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder
        falco = folder + "/falco"
        os.symlink(os.path.abspath(sys.argv[1]), falco)

        def write(name, text):
            with open(folder + "/" + name, "w", encoding="ascii") as file:
                file.write(text)
            return folder + "/" + name
        rules = write("rules.yaml", RULES)
        bad = write("bad.yaml", RULES + "- rule: Three\n  desc: d\n  condition: proc.nothing = 1\n  output: o\n  priority: INFO\n")
        text = write("falco.yaml", CONFIG % (rules, "false"))
        as_json = write("json.yaml", CONFIG % (rules, "true"))

        def run(*arguments):
            done = subprocess.run([falco, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, timeout=240)
            return done.returncode, done.stdout, done.stderr

        def good(*arguments):
            status, out, err = run(*arguments)
            expect(status == 0, "%r: status %d: %s" % (arguments, status, err))
            return out

        def refused(*arguments):
            status, out, err = run(*arguments)
            expect(status == 1, "%r: status %d" % (arguments, status))
            expect(err.startswith("Error: ") and err.count("\n") == 1, "%r: %r" % (arguments, err))
            return err

        expect("--disable-source" in good("--help") and "-V" in good("-h"), "help")
        options(good("--help"))
        expect(good("-c", text, "--version").startswith("Falco version: "), "version")
        expect("falco_version" in json.loads(good("-c", as_json, "--version")), "version as JSON")
        expect("falco_version" in json.loads(good("-c", text, "-o", "json_output=true", "--version")), "version by -o")
        expect(str(os.sysconf("SC_PAGESIZE")) in good("--page-size"), "page size")
        fields = good("--list", "-N").splitlines()
        expect("proc.name" in fields and fields == [f.strip() for f in fields], "names of fields")
        of_calls, of_audit = good("--list=syscall", "-N").splitlines(), good("--list=k8s_audit", "-N").splitlines()
        expect("proc.name" in of_calls and "ka.verb" not in of_calls and "evt.num" in of_calls, "fields of a source")
        expect("proc.name" not in of_audit and "ka.verb" in of_audit and "evt.num" in of_audit, "fields of the other source")
        expect("proc.name" not in good("--list=k8s_audit"), "a source's fields, with what they mean")
        expect("proc.name" in good("--list", "--format", "JSON"), "fields as JSON")
        expect(good("--list", "--markdown") == good("--list", "--format", "markdown"), "fields as Markdown")
        expect("execve" in good("--list-events"), "events")
        good("--list-plugins")
        good("-i")
        expect("One" in good("-c", text, "-L") and "Two" in good("-c", text, "-L"), "all rules")
        expect({r["name"] for r in json.loads(good("-c", as_json, "-L"))["rules"]} == {"One", "Two"}, "all rules as JSON")
        expect(json.loads(good("-c", as_json, "-l", "Two"))["name"] == "Two", "one rule as JSON")
        refused("-c", text, "-l", "Three")
        expect(good("-c", text, "-V", rules) == rules + ": Ok\n", "validate")
        status, out, _ = run("-c", text, "-V", rules, "-V", bad)
        expect(status == 1 and rules + ": Ok\n" in out and bad + ": Invalid\n" in out, "validate a bad file: %d %s" % (status, out))
        status, out, _ = run("-c", as_json, "-V", bad)
        expect(status == 1 and not json.loads(out)["falco_load_results"][0]["successful"], "validate as JSON")
        good("-c", text, "--dry-run")
        good("-c", text, "--dry-run", "--disable-source", "syscall")
        good("-c", text, "--dry-run", "--enable-source", "k8s_audit")
        good("-c", text, "--dry-run", "-r", rules, "-p", "k", "-U", "-v", "--enable-source", "syscall")
        good("-c", text, "--dry-run", "-p", "%proc.pid \"quoted\"")
        expect(run("-c", text, "--dry-run", "-r", bad)[0] in (0, 1), "a rule that cannot be used")
        expect(run("-c", text, "--dry-run", "-o", "engine.kind=replay")[0] == 1, "an engine that is not there")
        expect(json.loads(good("-c", text, "--support"))["rules_files"] == [rules], "support")
        replayed(folder, text, write, run, good)
        ended_while_silent(folder, falco, text)
        schema = json.loads(good("--config-schema"))
        expect({"engine", "rules_files", "webserver", "gyr"} <= set(schema["properties"]) and not schema["additionalProperties"], "keys")
        expect({"kind", "replay"} <= set(schema["properties"]["engine"]["properties"]), "keys in keys")
        kinds = {kind["required"][0]: kind for kind in json.loads(good("--rule-schema"))["items"]["oneOf"]}
        expect({"list", "macro", "rule", "required_engine_version", "required_plugin_versions"} == set(kinds), "kinds of items")
        expect("skip-if-unknown-filter" in kinds["rule"]["properties"], "keys of rules")
        for arguments in (["--plugin-info", "x"], ["--list=other"], ["--odd"], ["word"],
                          ["--list", "--format", "xml"], ["--list", "--format", "text", "--markdown"],
                          ["-c", text, "--disable-source", "syscall", "--disable-source", "k8s_audit"],
                          ["-c", text, "--enable-source", "aws_cloudtrail"],
                          ["-c", text, "--enable-source", "syscall", "--disable-source", "syscall"]):
            refused(*arguments)
        expect(run("-c", folder + "/none.yaml", "--dry-run")[0] == 1, "a configuration that is not there")
    print("%d failed" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
