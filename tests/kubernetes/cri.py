"""Pods on a containerd of their own, made over CRI as a kubelet makes them: names, labels and annotations are those that
a kubelet of a real cluster gives."""

import glob
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

NODE, CONTAINER = 2, 1  # NamespaceMode of the interface
IMAGE = "docker.io/library/shop:1.2"
PAUSE = "registry.example/pause:3.6"

# Without CAP_SYS_RESOURCE the sandbox's oom_score_adj of -998 is refused, and without AppArmor its profile.
PLUGIN = """
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%s"
  disable_apparmor = true
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
""" % PAUSE


def find_client():
    for path in (os.environ.get("GYR_CRI_CLIENT"), live.ROOT + "/build/tests/kubernetes/cri_client",
                 live.ROOT + "/build/release/tests/kubernetes/cri_client"):
        if path and os.access(path, os.X_OK):
            return path
    sys.exit("the test helper 'cri_client' is not built: set GYR_CRI_CLIENT or run ./dev build")


def renamed_image(source, target, tag, command):
    """The archive of an image with another name and command."""
    with tarfile.open(source) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))[0]
        config = json.load(tar.extractfile(manifest["Config"]))
        layer = tar.extractfile(manifest["Layers"][0]).read()
    config["config"]["Cmd"] = command
    text = json.dumps(config).encode()
    manifest["Config"] = hashlib.sha256(text).hexdigest() + ".json"
    manifest["RepoTags"] = [tag]
    with tarfile.open(target, "w") as tar:
        for name, data in (("manifest.json", json.dumps([manifest]).encode()), (manifest["Config"], text),
                           (manifest["Layers"][0], layer)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


class Pod:
    def __init__(self, name, namespace="default", labels=None, container="app"):
        self.name, self.namespace, self.uid, self.container = name, namespace, str(uuid.uuid4()), container
        self.labels = dict(labels or {})
        self.sandbox = self.id = None
        self.sandbox_changes, self.container_changes = {}, {} # to what follows, by key

    def kubelet_labels(self):
        return {"io.kubernetes.pod.name": self.name, "io.kubernetes.pod.namespace": self.namespace,
                "io.kubernetes.pod.uid": self.uid}

    def sandbox_config(self):
        return {
            "metadata": {"name": self.name, "uid": self.uid, "namespace": self.namespace},
            "labels": {**self.labels, **self.kubelet_labels()},
            "annotations": {"kubernetes.io/config.source": "api"},
            "linux": {"cgroup_parent": "/kubepods/besteffort/pod" + self.uid,
                      "security_context": {"namespace_options": {"network": NODE, "pid": CONTAINER}}},
            **self.sandbox_changes,
        }

    def container_config(self):
        return {
            "metadata": {"name": self.container},
            "image": {"image": IMAGE},
            "command": ["sleep", "100000"],
            "labels": {**self.kubelet_labels(), "io.kubernetes.container.name": self.container},
            "annotations": {"io.kubernetes.container.hash": "c7ad9ec", "io.kubernetes.container.restartCount": "0",
                            "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
                            "io.kubernetes.pod.terminationGracePeriod": "30"},
            "linux": {"resources": {"cpu_shares": 2},
                      "security_context": {"namespace_options": {"network": NODE, "pid": CONTAINER}}},
            **self.container_changes,
        }


def cgroups_of_pods():
    return glob.glob("/sys/fs/cgroup/kubepods") + glob.glob("/sys/fs/cgroup/*/kubepods")


def remove_cgroups(tops):
    """The runtime makes the folder of a pod in all hierarchies; a kubelet would remove it."""
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                os.rmdir(folder)
            except OSError as error: # a process that is ending holds it
                print("%s stays: %s" % (folder, error))


class Node:
    """A containerd with its CRI plugin, for the time of a `with` block."""

    def __enter__(self):
        live.require_root()
        self.client = find_client()
        self.pods = []
        self.cgroups_before = set(cgroups_of_pods())
        os.environ["RT_CONTAINERD_MORE"] = PLUGIN
        self.runtimes = live.Runtimes("containerd").__enter__()
        self.socket = self.runtimes.variables["RT_CONTAINERD_SOCKET"]
        try:
            self._load_images()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _load_images(self):
        source = os.path.join(self.runtimes.folder, "image.tar")
        for tag, command in ((IMAGE, ["sleep", "100000"]), (PAUSE, ["sleep", "100000"])):
            archive = os.path.join(self.runtimes.folder, "renamed.tar")
            renamed_image(source, archive, tag, command)
            live.check(self.ctr("image", "import", archive))
        # A pulled image is known by its digest too.
        for line in live.check(self.ctr("image", "ls")).splitlines():
            if line.startswith(IMAGE + " "):
                self.digest = line.split()[2]
        live.check(self.ctr("image", "tag", IMAGE, IMAGE.rpartition(":")[0] + "@" + self.digest))

    def __exit__(self, *_):
        try:
            sandboxes = [{"pod_sandbox_id": p.sandbox} for p in self.pods]
            for method in ("StopPodSandbox", "RemovePodSandbox"):
                if sandboxes:
                    self._end(method, sandboxes)
        finally:
            self.runtimes.__exit__()
        remove_cgroups(set(cgroups_of_pods()) - self.cgroups_before)
        os.environ.pop("RT_CONTAINERD_MORE", None)

    def _end(self, method, sandboxes):
        """A shim that is ending already closes its connection on whoever asks it to: asked again, there is none."""
        deadline = time.monotonic() + live.PATIENCE
        while True:
            try:
                return self.cri(method, *sandboxes)
            except RuntimeError as error:
                if "ttrpc: closed" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def ctr(self, *arguments):
        return self.runtimes.ctr("-n", "k8s.io", *arguments)

    def cri(self, method, *requests):
        done = subprocess.run([self.client, self.socket, method] + [json.dumps(r) for r in requests],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=2 * live.PATIENCE)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (method, done.stderr.strip()))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def run(self, *pods):
        """Sandboxes and containers of all, at the same time."""
        for pod, answer in zip(pods, self.cri("RunPodSandbox", *[{"config": p.sandbox_config()} for p in pods])):
            pod.sandbox = answer["pod_sandbox_id"]
            self.pods.append(pod)
        created = self.cri("CreateContainer", *[{"pod_sandbox_id": p.sandbox, "config": p.container_config(),
                                                 "sandbox_config": p.sandbox_config()} for p in pods])
        for pod, answer in zip(pods, created):
            pod.id = answer["container_id"]
        self.cri("StartContainer", *[{"container_id": p.id} for p in pods])
        return pods[0]

    def exec_tty(self, pod, *command):
        return self.ctr("task", "exec", "-t", "--exec-id", "e" + uuid.uuid4().hex[:12], pod.id, *command)

    def restart(self):
        """Containers stay, their runtime ends and comes back."""
        self.runtimes.call("kill $RT_CONTAINERD_PID; wait $RT_CONTAINERD_PID 2>/dev/null; "
                           "containerd --config $RT_DIR/containerd.toml >>$RT_DIR/containerd.log 2>&1 & "
                           "RT_CONTAINERD_PID=$!; RT_PIDS+=($RT_CONTAINERD_PID); "
                           "rt_wait_for $RT_CONTAINERD_PID rt_ctr version && "
                           "rt_wait_for $RT_CONTAINERD_PID %s %s Version '{}'" % (self.client, self.socket))
        self._wait_for_plugin()

    def _wait_for_plugin(self):
        """The plugin answers for its version before it knows its pods."""
        deadline = time.monotonic() + live.PATIENCE
        while True:
            try:
                return self.cri("StopPodSandbox", {"pod_sandbox_id": "0" * 64}) # there is none: nothing happens
            except RuntimeError as error:
                if "not initialized" not in str(error):
                    return None
                if time.monotonic() > deadline:
                    raise
