#!/usr/bin/env python3
"""Kernels other than the one that runs: Debian 12's own and the newest it brings, each started in an emulator with the
agent and the test of the collector in its memory. Nothing of them is installed.
"""

import concurrent.futures
import io
import os
import re
import stat
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

META_PACKAGES = ["linux-image-cloud-amd64", "linux-image-6.12-cloud-amd64"]
KEPT = os.path.join(live.ROOT, "build", "kernels")
PATIENCE = 280  # of the emulator, which may share two processors with a build
TOOLS = ["sh", "mount", "mkdir", "cat", "cp", "chmod", "ip", "sleep", "kill", "grep", "poweroff"]

RULES = """
- rule: Shadow Read
  desc: What has the inode of /etc/shadow is opened, under whatever name.
  condition: evt.type in (open, openat, openat2) and evt.is_open_read=true and fd.name=/etc/shadow and proc.name=busybox-reader
  output: "name=%fd.name raw=%fd.nameraw comm=%proc.name parent=%proc.pname"
  priority: WARNING
- rule: Reader Started
  desc: A process rule.
  condition: proc.name=busybox-reader
  output: "args=%proc.args exe=%proc.exepath cwd=%proc.cwd user=%user.name"
  priority: WARNING
"""

INIT = """#!/bin/sh
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
cd /tmp
echo CHECK doctor
gyr doctor
echo CHECK collector
collector_test --gtest_color=no
echo CHECK agent
gyr run -r /rules.yaml --format json -o journal.path=/tmp/journal.db >/tmp/alerts 2>/tmp/log &
until grep -q armed /tmp/log; do sleep 0.1; done
cp /bin/busybox /tmp/busybox-reader
/tmp/busybox-reader cat /proc/self/root/etc/shadow
until grep -q 'Shadow Read' /tmp/alerts && grep -q 'Reader Started' /tmp/alerts; do sleep 0.1; done
kill -INT %1
wait
cat /tmp/alerts /tmp/log
echo CHECK end
poweroff -f
"""


def real_package(meta):
    """The newest kernel that a package without contents stands for, or None where the sources do not have it."""
    shown = subprocess.run(["apt-cache", "depends", "--no-recommends", meta], capture_output=True, text=True)
    found = re.search(r"Depends: (linux-image-[0-9]\S+)", shown.stdout)
    return found and found.group(1)


def kernel_image(package):
    """Its vmlinuz, taken out of the package once."""
    path = os.path.join(KEPT, package)
    if os.path.exists(path):
        return path
    os.makedirs(KEPT, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o777)  # apt downloads as a user of its own
        subprocess.run(["apt-get", "download", "-qq", package], cwd=place, check=True)
        package_file = os.path.join(place, os.listdir(place)[0])
        contents = subprocess.run(["dpkg-deb", "--fsys-tarfile", package_file], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(contents)) as tar:
        member = next(m for m in tar.getmembers() if m.name.startswith("./boot/vmlinuz-"))
        image = tar.extractfile(member).read()
    with open(path + ".new", "wb") as out:
        out.write(image)
    os.rename(path + ".new", path)
    return path


class Archive:
    """A file system for the kernel's memory, as cpio(5) has it ("newc")."""

    def __init__(self):
        self.parts, self.inode, self.folders = [], 0, set()

    def put(self, path, mode, data=b""):
        parent = os.path.dirname(path)
        if parent and parent not in self.folders:
            self.folder(parent)
        self.inode += 1
        name = path.encode() + b"\0"
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
        header = b"070701" + b"".join(b"%08X" % f for f in fields) + name
        self.parts += [header, b"\0" * (-len(header) % 4), data, b"\0" * (-len(data) % 4)]

    def folder(self, path):
        self.folders.add(path)
        self.put(path, stat.S_IFDIR | 0o755)

    def file(self, path, data, mode=0o755):
        self.put(path, stat.S_IFREG | mode, data)

    def link(self, path, to):
        self.put(path, stat.S_IFLNK | 0o777, to.encode())

    def copy(self, source, path):
        with open(source, "rb") as f:
            self.file(path, f.read())

    def bytes(self):
        self.put("TRAILER!!!", 0)
        return b"".join(self.parts)


def file_system():
    archive = Archive()
    for folder in ("proc", "sys", "dev", "tmp", "etc", "root", "var/tmp", "var/lib", "run", "bin"):
        archive.folder(folder)
    archive.copy("/usr/bin/busybox" if os.path.exists("/usr/bin/busybox") else "/bin/busybox", "bin/busybox")
    for tool in TOOLS:
        archive.link("bin/" + tool, "busybox")
    libraries = set()
    release = os.path.join(live.ROOT, "build", "release")
    for program in (live.find_binary(), os.path.join(release, "tests", "kernel", "collector_test")):
        with tempfile.NamedTemporaryFile() as small:  # what a debugger needs is most of it
            subprocess.run(["strip", "--strip-debug", "-o", small.name, program], check=True)
            archive.copy(small.name, "bin/" + os.path.basename(program))
        needed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        libraries.update(re.findall(r"(/\S+)", needed))
    for library in sorted(libraries):
        archive.copy(library, library.lstrip("/"))
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
    archive.file("etc/group", b"root:x:0:\n", 0o644)
    archive.file("etc/hosts", b"127.0.0.1 localhost\n", 0o644)
    archive.file("etc/hostname", b"emulated\n", 0o644)
    archive.file("etc/shadow", b"root:*:1:0:99999:7:::\n", 0o640)
    archive.file("rules.yaml", RULES.encode(), 0o644)
    archive.file("init", INIT.encode())
    return archive.bytes()


def run_in(image, memory):
    """What the kernel's console showed. memory: a file with the file system."""
    command = ["qemu-system-x86_64", "-accel", "tcg", "-m", "2048", "-smp", "2", "-nographic", "-no-reboot", "-nic",
               "none", "-kernel", image, "-initrd", memory, "-append", "console=ttyS0 quiet panic=1"]
    try:
        shown = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE).stdout
    except subprocess.TimeoutExpired as late:
        shown = late.stdout or b""
    return shown.decode(errors="replace").replace("\r", "")


def check(results, package, shown):
    parts = dict(re.findall(r"CHECK (\w+)\n(.*?)(?=CHECK \w+\n|\Z)", shown, re.S))
    hooks = r"^MISSING.*|^absent +(?:io_uring|sys_|signal|sched|task|cgroup|page|iter|identify)\S*:.*"
    # The one hook that kernels before 6.11 do not have.
    missing = [m for m in re.findall(hooks, parts.get("doctor", ""), re.M) if "sched_prepare_exec" not in m]
    results.expect(not missing and "live detection works" in parts.get("doctor", ""),
                   "%s: the doctor: %s" % (package, missing or parts.get("doctor", shown[-2000:])))
    tests = parts.get("collector", "")
    results.expect(re.search(r"\[  PASSED  \] [1-9]", tests) and "[  FAILED  ]" not in tests,
                   "%s: the collector's test: %s" % (package, tests[-3000:] or shown[-2000:]))
    agent = parts.get("agent", "")
    results.expect("name=/etc/shadow raw=/proc/self/root/etc/shadow comm=busybox-reader" in agent,
                   "%s: no alert of the file: %s" % (package, agent[-2000:] or shown[-2000:]))
    results.expect("args=cat /proc/self/root/etc/shadow exe=/tmp/busybox-reader cwd=/tmp" in agent and "user=root" in agent,
                   "%s: no alert of the process: %s" % (package, agent[-2000:]))
    results.expect(" 0 lost), 0 events lost" in agent, "%s: something was lost: %s" % (package, agent[-1000:]))


def main():
    live.require_root()
    results = live.Results()
    packages = list(filter(None, map(real_package, META_PACKAGES)))
    results.expect(packages, "apt knows no kernel")
    with tempfile.NamedTemporaryFile() as memory, concurrent.futures.ThreadPoolExecutor() as both:
        memory.write(file_system())
        memory.flush()
        shown = both.map(lambda package: run_in(kernel_image(package), memory.name), packages)
        for package, console in zip(packages, shown):
            check(results, package, console)
    return results.finish()


sys.exit(main())
