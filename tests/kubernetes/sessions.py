#!/usr/bin/env python3
"""Who began a session in a pod: processes that a real containerd starts, and the requests of the audit log as a real API
server writes them, posted to the agent's webhook. Different users, same and different commands, one after the other
and within a second; what the session's processes start; sessions that nobody asked for over the API."""

import datetime
import json
import subprocess
import sys
import urllib.parse
import urllib.request
import uuid

import cri
from cri import live

RULES = """
- rule: Ran
  desc: A program in a pod.
  condition: spawned_process and container and k8s.ns.name = shop and proc.name != sleep
  output: >
    args=%proc.args user=%k8s.user.name groups=%k8s.user.groups from=%k8s.user.source_ip id=%k8s.audit_id
    confidence=%k8s.user.confidence candidates=%k8s.user.candidates
  priority: NOTICE
- rule: Alice Anywhere
  desc: Whatever alice's sessions run.
  condition: spawned_process and k8s.user.name = alice@example.com
  output: "%proc.args"
  priority: NOTICE
- rule: Exec Requested
  desc: The request.
  condition: ka.target.subresource = exec and jevt.value[/stage] = ResponseStarted
  output: "%ka.user.name %ka.target.name %ka.uri.param[command]"
  priority: NOTICE
  source: k8s_audit
"""


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class ApiServer:
    def __init__(self, port):
        self.url = "http://127.0.0.1:%d/k8s-audit?timeout=30s" % port

    def event(self, pod, user, command, received, stage="ResponseStarted", code=101):
        """As the API server of Kubernetes 1.20 tells of an exec."""
        query = [("command", word) for word in command] + [("container", pod.container), ("stdin", "true"),
                                                          ("stdout", "true"), ("tty", "true")]
        return {
            "level": "RequestResponse", "auditID": str(uuid.uuid4()), "stage": stage,
            "requestURI": "/api/v1/namespaces/%s/pods/%s/exec?%s" % (pod.namespace, pod.name,
                                                                   urllib.parse.urlencode(query)),
            "verb": "create", "user": {"username": user, "groups": ["developers", "system:authenticated"]},
            "sourceIPs": ["10.96.0.1"], "userAgent": "kubectl/v1.20.2 (linux/amd64) kubernetes/faecb19",
            "objectRef": {"resource": "pods", "namespace": pod.namespace, "name": pod.name, "apiVersion": "v1",
                          "subresource": "exec"},
            "responseStatus": {"metadata": {}, "code": code}, "requestReceivedTimestamp": received,
            "stageTimestamp": now(),
            "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
        }

    def post(self, *events):
        body = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": list(events)}
        request = urllib.request.Request(self.url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=live.PATIENCE) as answer:
            return answer.status


def last_of(agent, args):
    """What was said last of the program with these arguments."""
    agent.wait_for(lambda r: r.get("rule") == "Ran" and r["output_fields"].get("proc.args") == args, "alert of " + args)
    return [r for r in agent.of_rule("Ran") if r["output_fields"].get("proc.args") == args][-1]


def wait_decided(agent, args, but=()):
    """but: pids of other processes with these arguments."""
    return agent.wait_for(
        lambda r: r.get("rule") == "Ran" and r["output_fields"].get("proc.args") == args and r["proc"]["pid"] not in but
        and r["output_fields"].get("k8s.user.confidence") is not None, "decision about " + args)


def run(node, pod, *command):
    status, output = live.run_tty(node.exec_tty(pod, *command))
    if status != 0:
        raise RuntimeError("exec: status %d: %r" % (status, output))


def expect_user(results, alert, user, event, what):
    fields = alert["output_fields"]
    results.equal(fields.get("k8s.user.name"), user, what + ": user")
    results.equal(fields.get("k8s.user.confidence"), "exact", what + ": confidence")
    results.equal(fields.get("k8s.audit_id"), event["auditID"], what + ": audit id")
    results.equal(fields.get("k8s.user.source_ip"), "10.96.0.1", what + ": source")
    results.equal(fields.get("k8s.user.groups"), ["developers", "system:authenticated"], what + ": groups")
    results.equal(alert["k8s"].get("user"), user, what + ": k8s.user of the alert")


def one_after_the_other(results, node, agent, server, pod):
    # The log comes after the process, as it does.
    received = now()
    run(node, pod, "sh", "-c", "ls /one; true")
    event = server.event(pod, "alice@example.com", ["sh", "-c", "ls /one; true"], received)
    server.post(event)
    expect_user(results, wait_decided(agent, "-c ls /one; true"), "alice@example.com", event, "the session's process")
    expect_user(results, wait_decided(agent, "/one"), "alice@example.com", event, "what it starts")
    # The log may be faster.
    received = now()
    event = server.event(pod, "bob@example.com", ["sh", "-c", "ls /two; true"], received)
    server.post(event)
    run(node, pod, "sh", "-c", "ls /two; true")
    expect_user(results, wait_decided(agent, "/two"), "bob@example.com", event, "a request before its process")


def within_a_second(results, node, agent, server, pod):
    def both(first, second):
        started = []
        for command in (first, second):
            started.append((now(), subprocess.Popen(node.ctr("task", "exec", "--exec-id", "e" + uuid.uuid4().hex[:12],
                                                             pod.id, *command), stdin=subprocess.DEVNULL,
                                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)))
        for _, process in started:
            process.wait(live.PATIENCE)
        return [received for received, _ in started]

    first, second = ["sh", "-c", "ls /three; true"], ["sh", "-c", "ls /four; true"]
    times = both(first, second)
    events = [server.event(pod, "alice@example.com", first, times[0]), server.event(pod, "bob@example.com", second, times[1])]
    server.post(*events)
    expect_user(results, wait_decided(agent, "/three"), "alice@example.com", events[0], "different commands, first")
    expect_user(results, wait_decided(agent, "/four"), "bob@example.com", events[1], "different commands, second")

    same = ["sh", "-c", "ls /five; true"]
    times = both(same, same)
    events = [server.event(pod, user, same, time) for user, time in zip(("alice@example.com", "bob@example.com"), times)]
    server.post(*events)
    decided = set()
    for _ in range(2):
        decided.add(wait_decided(agent, "/five", decided)["proc"]["pid"])
    agent.sentinel()
    alerts = [r for r in agent.of_rule("Ran") if r["output_fields"].get("proc.args") == "/five"
              and r["output_fields"].get("k8s.user.confidence")]
    results.equal({r["proc"]["pid"] for r in alerts}, decided, "same command: two processes")
    for alert in alerts:
        fields = alert["output_fields"]
        results.equal(fields.get("k8s.user.confidence"), "ambiguous", "same command: confidence")
        results.equal(sorted(fields.get("k8s.user.candidates") or []), ["alice@example.com", "bob@example.com"],
                      "same command: candidates")
        results.equal(fields.get("k8s.user.name"), None, "same command: no name")
        results.equal(sorted(c["audit_id"] for c in alert["k8s"].get("candidates", [])),
                      sorted(e["auditID"] for e in events), "same command: candidates' requests")


def without_a_request(results, node, agent, pod):
    node.cri("ExecSync", {"container_id": pod.id, "cmd": ["sh", "-c", "ls /six; true"], "timeout": 120})  # a probe
    alert = wait_decided(agent, "/six")
    results.equal(alert["output_fields"].get("k8s.user.confidence"), "none", "a probe: confidence")
    results.equal(alert["output_fields"].get("k8s.user.name"), None, "a probe: no user")


def over_another_agent(results, node, pod):
    """The log comes to an agent that watches no node, which passes on what it tells of sessions."""
    with live.Agent(text=[RULES], options=["audit.listen=127.0.0.1:0", "audit.join_wait=20s"]) as agent:
        port = int(agent.wait_for_log(r"listening on port (\d+)").group(1))
        with live.Agent(text=[RULES], options=["kernel.enabled=false", "audit.listen=127.0.0.1:0", "audit.share=[\"http://"
                                               "127.0.0.1:%d/k8s-audit\"]" % port]) as first:
            server = ApiServer(int(first.wait_for_log(r"listening on port (\d+)").group(1)))
            received = now()
            run(node, pod, "sh", "-c", "ls /seven; true")
            event = server.event(pod, "alice@example.com", ["sh", "-c", "ls /seven; true"], received)
            server.post(event)
            expect_user(results, wait_decided(agent, "/seven"), "alice@example.com", event, "over another agent")
            first.wait_for(lambda r: r.get("rule") == "Exec Requested", "the request")
            first.stop()
            results.equal(first.returncode, 0, "over another agent: exit code")
        agent.sentinel()
        agent.stop()
        results.equal(agent.of_rule("Exec Requested"), [], "the request is an event where it came in, and there alone")


def main():
    live.require_root()
    results = live.Results()
    with cri.Node() as node:
        pod = cri.Pod("web", "shop", {"app": "web"})
        node.run(pod)
        with live.Agent(text=[RULES], options=["audit.listen=127.0.0.1:0", "audit.join_wait=2s"]) as agent:
            port = int(agent.wait_for_log(r"listening on port (\d+)").group(1))
            server = ApiServer(port)
            one_after_the_other(results, node, agent, server, pod)
            within_a_second(results, node, agent, server, pod)
            without_a_request(results, node, agent, pod)
            agent.sentinel()
            agent.stop()
            own = {r["output_fields"]["proc.args"] for r in agent.of_rule("Alice Anywhere")}
            results.equal(own, {"-c ls /one; true", "/one", "-c ls /three; true", "/three"}, "what alice's sessions ran")
            asked = sorted(r["output_fields"]["ka.user.name"] for r in agent.of_rule("Exec Requested"))
            results.equal(asked, ["alice@example.com"] * 3 + ["bob@example.com"] * 3, "requests")
            for alert in agent.of_rule("Exec Requested"):
                results.equal(alert["source"], "k8s_audit", "source of requests")
            amended = [r for r in agent.alerts if "amends" in r]
            uuids = {r["uuid"] for r in agent.of_rule("Ran") if "revision" not in r}
            results.expect(all(r["uuid"] in uuids and r["amends"] == r["uuid"] for r in amended),
                           "amendments are of alerts that were sent")
            print("%d amendments" % len(amended))
        over_another_agent(results, node, pod)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
