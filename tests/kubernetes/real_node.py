#!/usr/bin/env python3
"""The chart on a real Kubernetes node: the DaemonSet runs the image built here, two users open shells in a pod with
`kubectl exec -it` and one attaches, and `kubectl logs` of the agent names container, image, pod, labels and the user. The
kubelet, containerd and the agent are restarted in between. The node has a startup taint, so that no pod but the agent's
runs before the agent has removed it. Not a part of the usual tests: ./dev test --kubernetes, with the
node that GYR_CLUSTER names (cluster.py). The image is put on a system that debootstrap makes, where it is installed;
GYR_IMAGE_BASE names the folder of another one, or is empty for an image with nothing else."""

import os
import re
import shutil
import sys
import tempfile
import time

import check_deploy
import cluster
from cluster import live

sys.path.insert(0, os.path.join(live.ROOT, "tests/deploy"))
import docker_image  # noqa: E402

IMAGE = "localhost/gyr:test"
BUSYBOX = "docker.io/library/busybox:latest"
POD = """
apiVersion: v1
kind: Pod
metadata: {name: my-busybox-pod, namespace: default, labels: {app: my-busybox, tier: front}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: busybox, image: "busybox:latest", imagePullPolicy: Never, command: [sh, -c, "while :; do sleep 3600; done"]}
---
apiVersion: v1
kind: Pod
metadata: {name: waiting, namespace: default, labels: {app: waiting}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: shell, image: "busybox:latest", imagePullPolicy: Never, command: [sh], stdin: true, tty: true}
"""
# Of programs with a mark, so that nothing else on the node raises them.
RULES = """
- rule: Marked Program
  desc: A program in a pod whose argument begins with the test's mark.
  condition: spawned_process and container and proc.args startswith "/gyr-%s"
  output: "%%proc.args user=%%k8s.user.name confidence=%%k8s.user.confidence of=%%k8s.user.candidates from=%%k8s.user.source_ip"
  priority: NOTICE
- rule: Exec Requested
  desc: The request, as the audit log has it.
  condition: ka.target.subresource in (exec, attach) and ka.response.code = 101
  output: "%%ka.user.name asks for %%ka.target.subresource in %%ka.target.name"
  priority: NOTICE
  source: k8s_audit
"""
SHELL = "Terminal Access"
TAINT = "gyr/not-watched"


def rules(mark):
    with open(os.path.join(live.ROOT, "examples/rules/terminal-access.yaml"), encoding="utf-8") as file:
        return {"terminal-access.yaml": file.read(), "marked.yaml": RULES % mark}


def manifests(folder, mark, **values):
    return check_deploy.NAMESPACE + check_deploy.render_chart({
        "image": IMAGE, "imagePullPolicy": "Never", "rules": rules(mark), "audit": {"listen": cluster.AUDIT_LISTEN},
        "startupTaint": TAINT,
        "journalPath": folder + "/journal",
        "hostMountPropagation": "HostToContainer" if docker_image.root_is_shared() else "None", **values})


class Test:
    def __init__(self, results, node, mark):
        self.results, self.node, self.mark = results, node, mark
        self.marks = 0
        self.log = None
        self.delays = []

    def agent_pod(self):
        self.node.kubectl("-n", "gyr", "rollout", "status", "daemonset/gyr", "--timeout=120s")
        pods = [p for p in self.node.get("pods", "-n", "gyr", "-l", "app.kubernetes.io/name=gyr")["items"]
                if "deletionTimestamp" not in p["metadata"]]
        return pods[0]["metadata"]["name"]

    def follow(self):
        """The agent's log anew, as a runtime that was restarted has closed it."""
        if self.log:
            self.log.close()
        self.log = cluster.Log(self.node, "gyr", self.agent_pod())
        self.log.wait_for(lambda line: line.startswith("gyr: armed"), "that the agent is armed")

    def next_mark(self):
        self.marks += 1
        return "/gyr-%s-%d" % (self.mark, self.marks)

    def alert(self, rule, user, begin, what, **fields):
        """The alert that names the user; `begin`: when what it tells of was not there yet."""
        def fits(alert):
            return (alert.get("rule") == rule and alert.get("output_fields", {}).items() >= fields.items()
                    and alert_time(alert) >= begin)
        came, first = self.log.wait_for_alert(fits, "%s: %s" % (what, rule))
        self.delays.append(came - alert_time(first))
        return self.log.wait_for_alert(lambda a: fits(a) and a.get("k8s", {}).get("user") == user,
                                       "%s: %s of %s" % (what, rule, user))[1]

    def check(self, alert, pod, container, user, what):
        equal = self.results.equal
        equal(alert["container"].get("name"), container, what + ": container")
        equal(alert["container"].get("image"), BUSYBOX, what + ": image")
        equal(alert["container"].get("runtime"), "containerd", what + ": runtime")
        equal(alert["k8s"].get("pod"), pod["metadata"]["name"], what + ": pod")
        equal(alert["k8s"].get("namespace"), "default", what + ": namespace")
        equal(alert["k8s"].get("pod_uid"), pod["metadata"]["uid"], what + ": uid")
        for label in pod["metadata"]["labels"].items():
            self.results.expect("%s:%s" % label in alert["k8s"].get("labels", ""), "%s: label %s" % (what, label))
        equal(alert["container"].get("full_id"),
              pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2], what + ": container id")
        equal(alert.get("missing", {}), {}, what + ": missing values")
        equal(alert["k8s"].get("user"), user, what + ": user")

    def shell(self, user, what, marked="Marked Program"):
        """kubectl exec -it my-busybox-pod -- sh, and a program from there."""
        pod = self.node.get("pod", "my-busybox-pod")
        what, name, mark, begin = "%s, %s" % (what, user), cluster.USERS[user], self.next_mark(), time.time()
        terminal = self.node.terminal(user, "exec", "-it", "my-busybox-pod", "--", "sh")
        terminal.read_until(lambda text: b"#" in text)
        terminal.type(b"ls %s\nexit 0\n" % mark.encode())
        terminal.end()
        shell = self.alert(SHELL, name, begin, what, **{"container.name": "busybox"})
        self.check(shell, pod, "busybox", name, what)
        self.results.expect(shell["proc"]["tty"] != 0, what + ": on a terminal")
        below = self.alert(marked, name, begin, what, **{"proc.args": mark})
        self.check(below, pod, "busybox", name, what + ", from the shell")
        self.results.equal(below["output_fields"].get("k8s.user.confidence"), "exact", what + ": confidence")
        self.results.equal(below["output_fields"].get("k8s.user.source_ip"), "10.96.0.1", what + ": address")

    def both(self, what):
        for user in cluster.USERS:
            self.shell(user, what)
            time.sleep(1) # whoever runs the same within a second of another's end is in doubt

    def attach(self, user, reader):
        """Of two who are attached, who only reads is not taken for who types."""
        pod = self.node.get("pod", "waiting")
        reading = self.node.terminal(reader, "attach", "waiting")
        wanted = {"ka.user.name": cluster.USERS[reader], "ka.target.subresource": "attach", "ka.target.name": "waiting"}
        self.log.wait_for_alert(lambda a: a.get("output_fields", {}).items() >= wanted.items(), "that %s reads" % reader)
        what, name, mark, begin = "attach, " + user, cluster.USERS[user], self.next_mark(), time.time()
        terminal = self.node.terminal(user, "attach", "-it", "waiting")
        terminal.read_until(lambda text: b"command prompt" in text)
        # What is typed before it is attached has no reader.
        while not terminal.written.count(mark.encode()) > 1:
            seen = len(terminal.written)
            terminal.type(b"ls %s\n" % mark.encode())
            terminal.read_until(lambda text: len(text) > seen and b"# " in text[seen:])
        alert = self.alert("Marked Program", name, begin, what, **{"proc.args": mark})
        self.check(alert, pod, "shell", name, what)
        self.results.equal(alert["output_fields"].get("k8s.user.candidates"), [name], what + ": candidates")
        terminal.close()
        reading.close()


def alert_time(alert):
    seconds, _, rest = alert["time"].partition(".")
    return cluster.calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) + float("0." + rest.rstrip("Z"))


def base_of_image(folder):
    if "GYR_IMAGE_BASE" in os.environ:
        return os.environ["GYR_IMAGE_BASE"]
    if not shutil.which("debootstrap"):
        print("the image is put on nothing, as there is no debootstrap")
        return None
    live.check(["debootstrap", "--variant=minbase", "bookworm", folder + "/base"])
    return folder + "/base"


def config_of(*outputs):
    return {"config": {"outputs": [{"type": "stdout", "format": "json"}, *outputs]}}


def bring(test, text):
    """Changed config maps. The kubelet brings them when it looks at the pod again: once a minute, and when the pod changes."""
    test.node.apply(text)
    test.node.kubectl("-n", "gyr", "annotate", "--overwrite", "pod", test.agent_pod(), "changed=%d" % time.monotonic_ns())


def changes(test, folder):
    """What a changed ConfigMap holds is in force without a new pod: the configuration, a bad one, the rules."""
    def state():
        pod = test.node.get("pod", "-n", "gyr", test.agent_pod())
        return pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]
    before = state()
    second = config_of({"type": "file", "path": "/var/lib/gyr/second.jsonl", "format": "json"})
    bring(test, manifests(folder, test.mark, **second))
    _, reload = test.log.wait_for(lambda line: '"kind":"reload"' in line, "the reload of the configuration")
    rules_before = re.search(r"hash \w+", reload).group()
    test.shell("alice", "after a change of the configuration")
    wanted = '"/gyr-%s-%d"' % (test.mark, test.marks)
    live.wait_until(lambda: wanted in read(folder + "/journal/second.jsonl"), "the output of the changed configuration")

    bring(test, manifests(folder, test.mark, **config_of({"type": "nothing-like-it"})))
    test.log.wait_for(lambda line: '"kind":"reload_failed"' in line, "that a bad configuration is told")
    time.sleep(1) # whoever runs the same within a second of another's end is in doubt
    test.shell("admin", "after a bad configuration")

    name = "Program With A Mark"
    bring(test, manifests(folder, test.mark, **second).replace("rule: Marked Program", "rule: " + name))
    test.log.wait_for(lambda line: '"kind":"reload"' in line and rules_before not in line, "the reload of the rules")
    time.sleep(1)
    test.shell("alice", "after a change of the rules", marked=name)
    test.results.equal(state(), before, "the agent's pod and its restarts")


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def look(results, node, folder):
    mark = "%x" % os.getpid()
    try:
        node.kubectl("taint", "nodes", "--all", "--overwrite", TAINT + "=:NoSchedule")
        node.apply(POD)
        node.kubectl("wait", "--for=condition=PodScheduled=False", "--timeout=60s", "pod/my-busybox-pod", "pod/waiting")
        node.apply(manifests(folder, mark))
        node.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "pod/my-busybox-pod", "pod/waiting")
        test = Test(results, node, mark)
        test.follow()
        test.log.wait_for(lambda line: "startup taint: %s removed from node" % TAINT in line, "the taint's end")
        taints = [t for n in node.get("nodes")["items"] for t in n["spec"].get("taints", []) if t["key"] == TAINT]
        results.equal(taints, [], "startup taint")
        test.both("at first")
        test.attach("alice", "admin")
        for daemon in ("kubelet", "containerd"):
            node.restart(daemon)
            test.follow()
            test.both("after a restart of " + daemon)
        node.kubectl("-n", "gyr", "delete", "pod", test.agent_pod())
        test.follow()
        test.both("after a restart of the agent")
        changes(test, folder)
        test.log.close()
        print("alerts were in the log %.2f s after what they tell of, at most" % max(test.delays))
    finally:
        if any(t["key"] == TAINT for n in node.get("nodes")["items"] for t in n["spec"].get("taints", [])):
            node.kubectl("taint", "nodes", "--all", TAINT + "-")
        node.kubectl("delete", "namespace", "gyr", "--ignore-not-found", "--timeout=60s")
        node.kubectl("delete", "clusterrole,clusterrolebinding", "gyr-startup-taint", "--ignore-not-found")
        node.kubectl("delete", "pod", "my-busybox-pod", "waiting", "--ignore-not-found", "--timeout=60s")


def main():
    live.require_root()
    results = live.Results()
    node = cluster.Cluster()
    with tempfile.TemporaryDirectory(prefix="gyr-node-") as folder:
        archive = docker_image.build(folder, IMAGE, base_of_image(folder))
        with node.running():
            node.call("image", archive)
            look(results, node, folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
