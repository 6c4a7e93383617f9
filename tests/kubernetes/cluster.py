"""A real Kubernetes node for tests, by the program that $GYR_CLUSTER names (or the folder it is in, as `cluster`); without
it shared/kubernetes/cluster of a folder above this one. What it must understand:

    up                 start the node, or whatever of it is not running
    down               end it, and leave nothing running
    status             a line "NAME pid NUMBER" for each daemon, kubelet and containerd among them; fails unless all run
    kubectl ARGS...    as the user $GYR_KUBE_USER; `admin` (kubernetes-admin) and `alice` (alice@example.com) are there
    image FILE.tar     import an archive of `docker save`

The image busybox:latest is on the node, and the API server posts its audit log to http://127.0.0.1:9765/k8s-audit, as
seen from the node's network."""

import calendar
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

AUDIT_LISTEN = "127.0.0.1:9765"
USERS = {"admin": "kubernetes-admin", "alice": "alice@example.com"}


def find_above(name):
    folder = live.ROOT
    while folder != "/":
        folder = os.path.dirname(folder)
        if os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    return None


def find_program():
    path = os.environ.get("GYR_CLUSTER") or find_above("shared/kubernetes/cluster")
    if not path:
        live.skip("GYR_CLUSTER names no Kubernetes node (tests/kubernetes/cluster.py says what it must be)")
    if os.path.isdir(path):
        path = os.path.join(path, "cluster")
    if not os.access(path, os.X_OK):
        sys.exit("GYR_CLUSTER: %s cannot be run" % path)
    return os.path.abspath(path)


class Cluster:
    def __init__(self):
        self.program = find_program()
        self.environment = {k: v for k, v in os.environ.items() if k != "GYR_KUBE_USER"}

    def call(self, *arguments, **options):
        return live.check([self.program, *arguments], env=self.environment, **options)

    def up(self):
        self.call("up")

    @contextlib.contextmanager
    def running(self):
        """It runs meanwhile, and afterwards when it did before."""
        ran = live.run([self.program, "status"], env=self.environment).returncode == 0
        try:
            self.up()
            yield
        finally:
            if not ran:
                self.call("down")

    def kubectl(self, *arguments, text=None):
        done = subprocess.run([self.program, "kubectl", *arguments], input=text, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=3 * live.PATIENCE)
        if done.returncode != 0:
            raise RuntimeError("kubectl %s: %s" % (" ".join(arguments), done.stderr.strip()))
        return done.stdout

    def apply(self, text):
        self.kubectl("apply", "-f", "-", text=text)

    def get(self, *arguments):
        return json.loads(self.kubectl("get", "-o", "json", *arguments))

    def terminal(self, user, *arguments):
        """kubectl on a terminal, as one of USERS."""
        return live.Terminal([self.program, "kubectl", *arguments], env={**self.environment, "GYR_KUBE_USER": user})

    def restart(self, daemon):
        """Ends it and starts it again; what runs in containers stays."""
        pid = int(re.search(r"^%s\s+pid (\d+)$" % daemon, self.call("status"), re.M).group(1))
        gone = os.pidfd_open(pid)
        os.kill(pid, signal.SIGTERM)
        live.select.select([gone], [], [], live.PATIENCE)
        os.close(gone)
        self.up()


class Log:
    """`kubectl logs -f` of a pod: its lines from the first one on, each with the time when it came."""

    def __init__(self, cluster, namespace, pod):
        self.cluster, self.what = cluster, ["-n", namespace, "logs", "-f", pod]
        self.process = self._kubectl()
        self.lines = []
        self.ended = False
        self.news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _kubectl(self):
        return subprocess.Popen([self.cluster.program, "kubectl", *self.what], env=self.cluster.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace", start_new_session=True)

    def _read(self):
        deadline = time.monotonic() + live.PATIENCE
        for line in self.process.stdout:
            # Of a container that has only just begun there may be no log yet, and kubectl ends.
            while line.startswith("unable to retrieve container logs") and not self.lines and time.monotonic() < deadline:
                self.process.wait()
                time.sleep(0.2)
                self.process = self._kubectl()
                line = self.process.stdout.readline()
            self._take(line)
        for line in self.process.stdout:  # of the one that began anew
            self._take(line)
        with self.news:
            self.ended = True
            self.news.notify_all()

    def _take(self, line):
        with self.news:
            self.lines.append((time.time(), line.rstrip("\n")))
            self.news.notify_all()

    def wait_for(self, wanted, what):
        """The first line that satisfies wanted(line), and when it came."""
        looked = 0
        deadline = time.monotonic() + live.PATIENCE
        with self.news:
            while True:
                for came, line in self.lines[looked:]:
                    if wanted(line):
                        return came, line
                looked = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    raise TimeoutError("not in the log: %s; its end:\n%s"
                                       % (what, "\n".join(line for _, line in self.lines[-15:])))
                self.news.wait(left)

    def wait_for_alert(self, wanted, what):
        def fits(line):
            return line.startswith("{") and wanted(json.loads(line))
        came, line = self.wait_for(fits, what)
        return came, json.loads(line)

    def close(self):
        self.process.kill() # what it runs below ends when its pipe has no reader
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
