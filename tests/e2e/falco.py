#!/usr/bin/env python3
"""The program called as falco, with the configuration that Falco ships (where it is at hand) or one like it: alerts as Falco
writes them, probes as Kubernetes asks them, the fields that tools behind Falco read."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "outputs"))
import live  # noqa: E402
import peers  # noqa: E402

RULES = """
- rule: Called As Falco
  desc: Programs of this test.
  condition: evt.type in (execve, execveat) and proc.name = gyr-falco-test and static.cluster = east
  output: A program ran (user=%user.name command=%proc.cmdline)
  priority: Warning
  tags: [b, a]
- rule: Second
  desc: Matches the same; only the first is reported.
  condition: evt.type in (execve, execveat) and proc.name = gyr-falco-test
  output: never
  priority: Warning
"""
# What falcosidekick and its like read, with the types they read it as.
KEYS = {"hostname": str, "output": str, "output_fields": dict, "priority": str, "rule": str, "source": str, "tags": list, "time": str}
SUGGESTED = ["container.id", "container.name", "container.image.repository", "container.image.tag", "k8s.pod.name", "k8s.ns.name",
             "static.cluster"]


def configuration():
    data = os.environ.get("GYR_TEST_DATA", os.path.join(live.ROOT, "../shared/data"))
    path = os.path.join(data, "config/falco.yaml")
    if os.path.exists(path):
        return open(path, encoding="utf-8").read()
    print("the shipped falco.yaml is not at hand; a short one is used")
    return ("rules_files: [/etc/falco/falco_rules.yaml]\nengine: {kind: modern_ebpf}\nrule_matching: first\npriority: debug\n"
            "append_output: [{suggested_output: true}]\nstdout_output: {enabled: true}\nsyslog_output: {enabled: true}\n"
            "webserver: {enabled: true, listen_port: 8765, listen_address: 0.0.0.0, k8s_healthz_endpoint: /healthz}\n")


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=live.PATIENCE)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.getheader("Content-Type"), answer.read().decode()


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-falco-")
    agent = None
    try:
        os.symlink(live.find_binary(), folder + "/falco")
        program = folder + "/gyr-falco-test"
        shutil.copy("/bin/dash", program)
        with open(folder + "/falco.yaml", "w", encoding="utf-8") as file:
            file.write(configuration())
        with open(folder + "/rules.yaml", "w", encoding="ascii") as file:
            file.write(RULES)
        os.mkdir(folder + "/config.d")
        with open(folder + "/config.d/more.yaml", "w", encoding="ascii") as file:
            file.write("json_include_message_property: true\n")
        port = peers.free_port()
        agent = subprocess.Popen(
            [folder + "/falco", "-c", folder + "/falco.yaml", "-r", folder + "/rules.yaml", "-o", "json_output=true",
             "-o", "syslog_output.enabled=false", "-o", "webserver.listen_port=%d" % port, "-o", "config_files=[%s/config.d]" % folder,
             "-o", "append_output[]={extra_fields: [proc.pid, {shell: \"is %proc.name\"}]}", "-o", "static_fields={cluster: east}", "-P",
             folder + "/pid", "-U",
             "-o", "gyr.journal.path=%s/journal.db" % folder, "-o", "gyr.server.listen=[]"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        log = []
        for line in agent.stderr:
            log.append(line)
            if line.startswith("gyr: armed"):
                break
        else:
            raise RuntimeError("the agent did not arm:\n" + "".join(log))
        results.equal(open(folder + "/pid", encoding="ascii").read(), "%d\n" % agent.pid, "the pid file")
        before = time.time_ns()
        child = subprocess.Popen([program, "-c", "exit 0"])
        child.wait()
        line = agent.stdout.readline().rstrip("\n")
        alert = json.loads(line)
        results.equal(list(alert), sorted(list(KEYS) + ["message"]), "keys and their order")
        for key, kind in KEYS.items():
            results.expect(isinstance(alert[key], kind), "%s is %r" % (key, alert[key]))
        results.equal(line, json.dumps(alert, sort_keys=True, separators=(",", ":"), ensure_ascii=False), "one line, nothing between")
        results.equal((alert["rule"], alert["priority"], alert["source"], alert["tags"]),
                      ("Called As Falco", "Warning", "syscall", ["a", "b"]), "the alert")
        results.expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", alert["time"]), "time " + alert["time"])
        fields = alert["output_fields"]
        message = "A program ran (user=%s command=%s)" % (fields["user.name"], "gyr-falco-test -c exit 0")
        suggested = " ".join("%s=%s" % (name.replace(".", "_"), "<NA>" if fields.get(name) is None else fields[name]) for name in SUGGESTED)
        results.equal(alert["message"], message + " " + suggested, "the sentence with what is suggested")
        results.expect(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{9}: Warning " + re.escape(alert["message"]), alert["output"]), alert["output"])
        results.expect(before <= fields["evt.time"] <= time.time_ns(), "evt.time %r" % fields["evt.time"])
        results.equal((fields["proc.pid"], fields["shell"]), (child.pid, "is gyr-falco-test"), "further fields")
        results.equal(ask(port, "/healthz"), (200, "application/json", '{"status": "ok"}'), "health, byte for byte")
        status, _, body = ask(port, "/versions")
        results.expect(status == 200 and set(json.loads(body)) >= {"falco_version", "engine_version", "engine_version_semver"}, body)
        results.equal((ask(port, "/metrics")[0], ask(port, "/api/v1/alerts")[0]), (404, 404), "what the configuration does not ask for")
        with open(folder + "/config.d/more.yaml", "w", encoding="ascii") as file:
            file.write("json_include_message_property: false\n")
        notice = json.loads(agent.stdout.readline())
        subprocess.run([program, "-c", "exit 0"])
        again = json.loads(agent.stdout.readline())
        results.expect("reload (files changed)" in notice["output"], "a further file that changes is read: %r" % notice)
        results.equal((again["rule"], "message" in again), ("Called As Falco", False), "what it says now holds")
        agent.send_signal(signal.SIGTERM)
        rest = agent.stdout.read()
        results.equal(rest, "", "only the first rule that matches is reported")
        results.equal(agent.wait(live.PATIENCE), 0, "exit status")
        begin = time.monotonic()
        done = subprocess.run([folder + "/falco", "-c", folder + "/falco.yaml", "-r", folder + "/rules.yaml", "-M", "1", "-o",
                               "static_fields={cluster: west}", "-o", "webserver.enabled=false", "-o", "syslog_output.enabled=false", "-o", "gyr.journal.path=\"\""], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=live.PATIENCE)
        results.expect(done.returncode == 0 and time.monotonic() - begin >= 1, "-M 1: %d %s" % (done.returncode, done.stderr))
    finally:
        if agent is not None and agent.poll() is None:
            agent.kill()
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
