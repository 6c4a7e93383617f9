#!/usr/bin/env python3
"""Commands that need no privilege, as somebody types them who has not read the manual: what they print, and their exit codes."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
failures = []
RULES = """- rule: "A \\e[31mred\\u009b one"
  desc: d
  condition: evt.type = open and proc.name = x
  output: o
  priority: INFO
"""
SECOND = """- rule: Second
  desc: d
  condition: evt.type = close and proc.name = y
  output: o
  priority: INFO
"""


def expect(condition, what):
    if not condition:
        failures.append(what)
        print("FAIL: " + what)


class Commands:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)
        return name

    def run(self, *arguments, status=0, given=""):
        done = subprocess.run([self.program, *arguments], cwd=self.folder, input=given.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)
        out, err = done.stdout.decode(), done.stderr.decode()
        expect(done.returncode == status, "%r: status %d, wanted %d: %s" % (arguments, done.returncode, status, err))
        return out + err

    def has(self, words, *arguments, status=0, given=""):
        text = self.run(*arguments, status=status, given=given)
        for word in words:
            expect(word in text, "%r: '%s' is not in: %s" % (arguments, word, text))
        return text


def rules(c):
    first, second = c.write("first.yaml", RULES), c.write("second.yaml", SECOND)
    for arguments in (["list", first], ["list", "-r", first], ["show", "A \x1b[31mred\u009b one", first], ["check", first], ["lint", first]):
        text = c.run("rules", *arguments)
        expect("\x1b" not in text and "\u009b" not in text, "%r writes what steers a terminal: %r" % (arguments, text))
    c.has(["\\x1b[31mred\\u009b", "Second"], "rules", "list", first, second)
    c.has(["proc.name = y"], "rules", "show", "Second", first, second)
    both = c.write("both.yaml", SECOND + SECOND.replace("Second", "Third").replace("evt.type", "evt.typ"))
    c.has(["Second", "enabled", "Third", "unknown field 'evt.typ'"], "rules", "list", both, status=1)
    c.has(["proc.name = y", "both.yaml:8:14"], "rules", "show", "Second", both, status=1)
    c.has(["did you mean 'Second'"], "rules", "show", "SECOND", second, status=1)
    c.has(["/dev/stdin: Ok"], "rules", "check", "-", given=SECOND)
    c.has(["/dev/stdin:3:14", "LOAD_ERR_COMPILE_CONDITION"], "rules", "check", "-", status=1, given=SECOND.replace("evt.type", "evt.typ"))


def configuration(c):
    file = c.write("gyr.yaml", "outputs: [{type: redis, topic: t, url: 'redis://me:hunter@h/1'}]\n")
    for arguments in (["show", "-c", file], ["show", "--effective", "-c", file]):
        expect("hunter" not in c.has(["redis://me:(hidden)@h/1", "rule_matching: all"], "config", *arguments), "%r shows a password" % arguments)
    c.has(["is fine"], "config", "check", file)
    # Each value is fine, and still no agent would start with them.
    for text, words in (("outputs: [{type: redis, topic: t, url: 'redis://me:hunter@h:99999'}]", ["'redis://h:99999'", "port"]),
                        ("outputs: [{type: nats, topic: t, url: 'nats://h', credentials: SUhunter}]", ["credentials", "NKEY"]),
                        ("outputs: [{type: stdout, when: 'priority >= hot'}]", ["when", "hot"]),
                        ("throttle: {for: 1m, by: [nothing.known]}", ["throttle.by", "nothing.known"]),
                        ("audit: {listen: '0.0.0.0:9', tls: {key: /k}}", ["audit.tls.cert"]),
                        ("plan: {verify: sometimes}", ["plan.verify", "sometimes"]),
                        ("server: {listen: ['http://0.0.0.0:8765']}", ["server.token"])):
        said = c.has(words, "config", "check", c.write("bad.yaml", text + "\n"), status=1)
        expect("hunter" not in said, "it tells a secret: " + said)
    # All of them are told, each with its place.
    file = c.write("bad.yaml", "outputs:\n  - {type: kafka, topic: t, url: 'kafka://h', properties: {no.such: 1}}\n  - {type: stdout}\n"
                   "  - {type: file, path: /x, rotate: {size: 1MiB}}\n  - {type: file, path: /x}\n  - type: http\n    url: 'http://h'\n"
                   "    headers: {'a b': c}\n")
    said = c.run("config", "check", file, status=1)
    expect([line.split(": ")[2:4] for line in said.splitlines()] == [["bad.yaml:2:%d" % 6, "outputs[0] (kafka)"], ["bad.yaml:5:6", "outputs[3] (file-2)"],
                                                                    ["bad.yaml:6:5", "outputs[4] (http)"]], "places: " + said)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def certificates(c):
    """Files of certificates are looked at before anybody needs them: those of the server, of the audit log and of outputs."""
    def made(name):
        key, cert = (os.path.join(c.folder, name + end) for end in (".key", ".pem"))
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-subj",
                "/CN=" + name)
        return cert, key
    cert, key = made("good")
    _, other_key = made("other")
    old_cert, old_key, settings = (os.path.join(c.folder, "old." + end) for end in ("pem", "key", "cnf"))
    c.write("old.cnf", "[ca]\ndefault_ca=it\n[it]\ndatabase=%s.index\nserial=%s.serial\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=any\n"
            "[any]\ncommonName=supplied\n" % (settings, settings, c.folder))
    c.write("old.cnf.index", "")
    c.write("old.cnf.serial", "01\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", old_key, "-out", old_cert + ".csr", "-subj", "/CN=old")
    openssl("ca", "-batch", "-selfsign", "-config", settings, "-keyfile", old_key, "-in", old_cert + ".csr", "-out", old_cert, "-notext",
            "-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
    both, locked, text, folder = (os.path.join(c.folder, name) for name in ("both.pem", "locked.key", "text.pem", "folder"))
    with open(both, "w", encoding="ascii") as file:
        file.write(open(cert, encoding="ascii").read() + open(key, encoding="ascii").read())
    openssl("pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:x")
    c.write("text.pem", "hello\n")
    os.mkdir(folder)
    absent = c.folder + "/absent.pem"
    for tls, words in (({"cert": cert, "key": key, "ca": cert}, None), ({"cert": both}, None),
                       ({"cert": absent, "key": key}, ["cannot open " + absent, "tls.cert"]), ({"cert": text, "key": key}, [text, "no certificate"]),
                       ({"cert": folder, "key": key}, [folder, "folder"]), ({"cert": cert, "key": absent}, ["cannot open " + absent, "tls.key"]),
                       ({"cert": cert, "key": text}, [text, "no private key"]), ({"cert": cert}, [cert, "no private key"]),
                       ({"cert": cert, "key": locked}, [locked, "password"]), ({"cert": cert, "key": other_key}, [other_key, "not that of", cert]),
                       ({"cert": old_cert, "key": old_key}, [old_cert, "expired"]), ({"cert": cert, "key": key, "ca": absent}, ["cannot open " + absent]),
                       ({"cert": cert, "key": key, "ca": key}, [key, "no certificate"])):
        audit = {{"ca": "client_ca"}.get(member, member): value for member, value in tls.items()}
        for settings in ({"server": {"listen": ["https://127.0.0.1:1"], "tls": tls}}, {"audit": {"listen": "127.0.0.1:1", "tls": audit}},
                         {"outputs": [{"type": "http", "url": "https://h", "tls": tls}]}, {"outputs": [{"type": "kafka", "url": "kafka://h", "topic": "t", "tls": tls}]},
                         {"outputs": [{"type": "syslog", "url": "tls://h", "tls": tls}]}):
            file = c.write("tls.yaml", json.dumps(settings))
            c.has(["is fine"] if words is None else ["tls.yaml:1:", *words], "config", "check", file, status=0 if words is None else 1)
    c.has(["is fine"], "config", "check", "--elsewhere", c.write("tls.yaml", "outputs: [{type: http, url: 'https://h', tls: {ca: /absent}}]\n"))
    c.has(["server.tls.cert"], "config", "check", c.write("tls.yaml", "server: {listen: ['https://127.0.0.1:1']}\n"), status=1)
    # A folder of authorities is one for outputs.
    c.has(["is fine"], "config", "check", c.write("tls.yaml", "outputs: [{type: http, url: 'https://h', tls: {ca: %s}}]\n" % folder))
    # The server needs none when nobody asks for it by https.
    c.has(["is fine"], "config", "check", c.write("tls.yaml", "server: {listen: ['http://127.0.0.1:1'], tls: {cert: /absent}}\n"))


def usage(c):
    c.has(["Usage: gyr run"], "help", "run")
    c.has(["Usage: gyr rules show"], "help", "rules", "show")
    c.has(["Exit codes"], "help")
    c.has(["-r rules.yaml"], "run", "rules.yaml", status=2)


EVENT = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "a", "stage": "ResponseComplete",
         "requestURI": "/api/v1/namespaces/foo/configmaps/x", "verb": "delete", "user": {"username": "mallory"},
         "objectRef": {"resource": "configmaps", "namespace": "foo", "name": "x"}, "responseStatus": {"code": 200},
         "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z", "stageTimestamp": "2026-01-01T00:00:00.000001Z"}
OF_AUDIT = """- rule: Deleted
  desc: d
  condition: ka.verb = delete
  output: "%ka.user.name did it"
  priority: WARNING
  source: k8s_audit
"""


@contextlib.contextmanager
def agent_without_kernel(c, *arguments):
    """An agent that asks nothing of the kernel, armed, and what it said before; ended at the end."""
    agent = subprocess.Popen([c.program, "run", *arguments, "-o", "journal.path=", "-o", "server.listen=[]"], cwd=c.folder,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    guard = threading.Timer(60, agent.kill)
    guard.start()
    try:
        told = ""
        for line in agent.stderr:
            told += line
            if line.startswith("gyr: armed"):
                break
        yield agent, told
        agent.terminate()
        expect(agent.wait(60) == 0, "the end")
    finally:
        guard.cancel()
        agent.kill()
        agent.communicate()


def audit_alone(c):
    rules = c.write("audit.yaml", OF_AUDIT + SECOND)
    c.has(["there is nothing to watch"], "run", "-r", rules, "-o", "kernel.enabled=false", "-o", "journal.path=", status=2)
    with agent_without_kernel(c, "-r", rules, "--format", "json", "-o", "kernel.enabled=false", "-o", "audit.listen=127.0.0.1:0",
                              "-o", "canary=1s") as (agent, told):
        port = re.search(r"listening on port (\d+)", told)
        expect(port and "1 rules are left out" in told, "the start says: " + told)
        connection = http.client.HTTPConnection("127.0.0.1", int(port.group(1)), timeout=60)
        connection.request("POST", "/k8s-audit", json.dumps(EVENT), {"Content-Type": "application/json"})
        expect(connection.getresponse().status == 200, "the event is taken")
        alert = json.loads(agent.stdout.readline())
        expect((alert["rule"], alert["output"]) == ("Deleted", "mallory did it"), "the alert: %r" % alert)


def reload_that_fails(c):
    """The record of it says what is wrong, and where: of the configuration, and of the rules."""
    good = "outputs: [{type: stdout, format: json}]\nkernel: {enabled: false}\naudit: {listen: '127.0.0.1:0'}\nwatch: false\n"
    file, rules = c.write("live.yaml", good), c.write("live_rules.yaml", OF_AUDIT)
    with agent_without_kernel(c, "-c", file, "-r", rules) as (agent, _):
        def reloaded(kind, words):
            agent.send_signal(signal.SIGHUP)
            notice = json.loads(agent.stdout.readline())["notice"]
            expect(notice["kind"] == kind and all(word in notice["message"] for word in words), "%r: %r" % (words, notice))
        c.write("live.yaml", good + "canarry: 1m\n")
        reloaded("reload_failed", ["live.yaml:5:1", "canarry", "canary"])
        os.unlink(os.path.join(c.folder, "live.yaml"))
        reloaded("reload_failed", ["live.yaml", "No such file"])
        c.write("live.yaml", good.replace("json}", "json}, {type: nats, topic: t, url: 'nats://me:hunter@'}"))
        reloaded("reload_failed", ["outputs[1] (nats)", "the host is missing"])
        c.write("live.yaml", good)
        c.write("live_rules.yaml", OF_AUDIT.replace("ka.verb", "ka.werb"))
        reloaded("reload_failed", ["live_rules.yaml:3:14", "Deleted", "ka.werb"])
        c.write("live_rules.yaml", OF_AUDIT)
        reloaded("reload", ["generation 2"])


def explained(c):
    """Rules about the audit log are explained like others, and a file of another kind is named as such."""
    rules, log = c.write("of_audit.yaml", OF_AUDIT + SECOND), c.write("audit.log", json.dumps(EVENT) + "\n")
    c.has(["it matches", "ka.verb = delete"], "explain", "--rule", "Deleted", "--capture", log, "-r", rules)
    c.has(["has no event 2"], "explain", "--rule", "Deleted", "--capture", log, "-r", rules, "--event", "2", status=1)
    c.has(["source syscall"], "explain", "--rule", "Second", "--capture", log, "-r", rules, status=1)
    odd = c.write("odd.log", json.dumps(EVENT).replace("mallory", "mal\x7flory") + "\n")
    of_user = c.write("of_user.yaml", OF_AUDIT.replace("ka.verb = delete", "ka.user.name startswith mal"))
    told = c.run("explain", "--rule", "Deleted", "--capture", odd, "-r", of_user, "--format", "json")
    expect("mal\x7flory" in json.dumps(json.loads(told), ensure_ascii=False), "a control character in JSON: " + told)
    c.run("demo", "--write", "demo.scap")
    c.has(["source k8s_audit"], "explain", "--rule", "Deleted", "--capture", "demo.scap", "-r", rules, status=1)


def main():
    with tempfile.TemporaryDirectory() as folder:
        commands = Commands(os.path.abspath(sys.argv[1]), folder)
        usage(commands)
        rules(commands)
        configuration(commands)
        certificates(commands)
        audit_alone(commands)
        reload_that_fails(commands)
        explained(commands)
    print("%d failed" % len(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
