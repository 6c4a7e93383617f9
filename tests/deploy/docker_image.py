"""The image of deploy/image, made with `docker build` as anybody would make it."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402


def build(folder, tag, base=None):
    """The archive of the image, in folder; base: the folder of a system that it is put on, else on nothing."""
    context = os.path.join(folder, "context")
    os.mkdir(context)
    live.check([os.path.join(live.ROOT, "deploy/image/make-root.sh"), live.find_binary(),
                os.path.join(live.ROOT, "rules-default"), context + "/root"])
    archive = os.path.join(folder, "gyr.tar")
    with live.Runtimes("docker") as docker:
        options = []
        if base:
            tar = os.path.join(folder, "base.tar")
            live.check(["tar", "-C", base, "-cf", tar, "."])
            live.check(docker.docker("import", tar, "base:test"))
            os.unlink(tar)
            options = ["--build-arg", "BASE=base:test"]
        live.check(docker.docker("build", "-q", "--network=none", "-t", tag, *options, "-f",
                                 os.path.join(live.ROOT, "deploy/image/Dockerfile"), context),
                   env={**os.environ, "DOCKER_BUILDKIT": "0"})
        size = int(live.check(docker.docker("image", "inspect", "-f", "{{.Size}}", tag)))
        print("the image has %d MiB" % (size >> 20), flush=True)
        live.check(docker.docker("save", "-o", archive, tag))
    return archive


def root_is_shared():
    """systemd makes it so; a runtime refuses HostToContainer, as the manifest has it, where nobody did."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return any("shared:" in line for line in file if line.split()[4] == "/")
