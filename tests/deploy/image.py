#!/usr/bin/env python3
"""The image of deploy/image: made and built, it runs as the DaemonSet runs it (the same capabilities and no more, read-only
root, no new privileges, the host's processes and its mounted root), sees a shell in another pod with its name, image and
pod, and its log is the alerts."""

import glob
import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kubernetes"))
import cri  # noqa: E402
import docker_image  # noqa: E402
from cri import live  # noqa: E402

TAG = "docker.io/library/gyr:test"


def granted():
    """The capabilities of the manifest."""
    with open(os.path.join(live.ROOT, "deploy/kubernetes/gyr.yaml"), encoding="utf-8") as file:
        return json.loads(re.search(r"^\s+add: (\[.*\])$", file.read(), re.M).group(1))


def agent_pod(folder):
    """What deploy/kubernetes/gyr.yaml says of it, in CRI's terms."""
    for name in ("logs", "rules", "journal", "run", "tmp"):
        os.mkdir(os.path.join(folder, "agent-" + name))
    with open(os.path.join(live.ROOT, "examples/rules/terminal-access.yaml"), encoding="utf-8") as source:
        with open(folder + "/agent-rules/terminal-access.yaml", "w", encoding="utf-8") as target:
            target.write(source.read())
    pod = cri.Pod("gyr-x7k2p", "gyr", {"app.kubernetes.io/name": "gyr"}, "gyr")
    namespaces = {"network": cri.NODE, "pid": cri.NODE}
    sandbox = pod.sandbox_config()
    pod.sandbox_changes = {"log_directory": folder + "/agent-logs",
                           "linux": {**sandbox["linux"], "security_context": {"namespace_options": namespaces}}}
    pod.container_changes = {
        "image": {"image": TAG},
        "command": [],
        "args": ["run", "--format", "json", "-r", "/usr/share/gyr/rules", "-r", "/etc/gyr/rules.d", "-o", "host.root=/host", "-o",
                 live.WAIT_FOR_NAMES],
        "mounts": [{"container_path": "/host", "host_path": "/", "readonly": True,
                    "propagation": 1 if docker_image.root_is_shared() else 0},
                   {"container_path": "/etc/gyr/rules.d", "host_path": folder + "/agent-rules", "readonly": True},
                   {"container_path": "/var/lib/gyr", "host_path": folder + "/agent-journal"},
                   {"container_path": "/run/gyr", "host_path": folder + "/agent-run"},
                   {"container_path": "/tmp", "host_path": folder + "/agent-tmp"}],
        "log_path": "gyr.log",
        "linux": {"security_context": {
            "capabilities": {"add_capabilities": granted(), "drop_capabilities": ["ALL"]}, "readonly_rootfs": True,
            "no_new_privs": True, "namespace_options": namespaces, "seccomp": {"profile_type": 1}}},
    }
    return pod


class Log:
    """`kubectl logs`: the runtime writes time, stream and a mark before each line."""

    def __init__(self, path):
        self.path = path

    def lines(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as file:
            return [line.rstrip("\n").split(" ", 3)[-1] for line in file if line.endswith("\n")]

    def wait_for(self, wanted):
        deadline = time.monotonic() + live.PATIENCE
        while time.monotonic() < deadline:
            for line in self.lines():
                if wanted(line):
                    return line
            time.sleep(0.05)
        raise TimeoutError("not in the log:\n" + "\n".join(self.lines()[-20:]))


def main():
    live.require_root()
    results = live.Results()
    with cri.Node() as node:
        folder = node.runtimes.folder
        live.check(node.ctr("image", "import", docker_image.build(folder, TAG)))
        web = cri.Pod("web", "shop", {"app": "web"}, "nginx")
        node.run(web)
        agent = agent_pod(folder)
        node.run(agent)
        log = Log(folder + "/agent-logs/gyr.log")
        log.wait_for(lambda line: line.startswith("gyr: armed"))
        pid = next(row.split()[1] for row in live.check(node.ctr("task", "ls")).splitlines() if row.startswith(agent.id))
        with open("/proc/%s/status" % pid, encoding="utf-8") as file:
            status = file.read()
        bounded = int(re.search(r"^CapBnd:\s*(\w+)", status, re.M).group(1), 16)
        results.equal(bin(bounded).count("1"), len(granted()), "capabilities that it may have")
        results.equal(re.search(r"^NoNewPrivs:\s*(\d)", status, re.M).group(1), "1", "no new privileges")
        began = time.time()
        results.equal(live.run_tty(node.exec_tty(web, "sh"), b"exit\n")[0], 0, "exec")
        alert = json.loads(log.wait_for(lambda line: '"rule":"Terminal Access"' in line))
        print("the alert was in the log %.2f s after the exec was asked for" % (time.time() - began))
        results.equal(alert.get("missing", {}), {}, "missing values")
        results.equal(alert["container"].get("name"), "nginx", "container name")
        results.equal(alert["container"].get("image"), cri.IMAGE, "image")
        results.equal(alert["container"].get("image_digest"), node.digest, "image digest")
        results.equal(alert["k8s"].get("pod"), "web", "pod")
        results.equal(alert["k8s"].get("namespace"), "shop", "namespace")
        results.expect("app:web" in alert["k8s"].get("labels", ""), "labels")
        results.equal(alert["user"].get("name"), "root", "user name")
        results.expect(glob.glob(folder + "/agent-journal/journal.db*"), "the journal is on the host")
        live.check(node.ctr("task", "kill", "-s", "SIGTERM", agent.id))
        log.wait_for(lambda line: line.startswith("gyr: ended"))
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
