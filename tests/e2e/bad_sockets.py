#!/usr/bin/env python3
"""Runtimes whose sockets are absent, dead, silent, slow or lying: alerts wait no longer than they were told to, say why a
value is missing, and events of the host wait for nobody. A slow answer that does come amends the alert."""

import json
import os
import socket
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402
from orphans import Orphan  # noqa: E402

RULES = """
- rule: In Container
  desc: A marked program in a container, whose metadata the condition does not need.
  condition: container and proc.name = ls and proc.env[GYR_META] != ""
  output: "case=%proc.env[GYR_META] name=%container.name image=%container.image.repository pod=%k8s.pod.name"
  priority: INFO
"""
KINDS = ("docker", "podman", "containerd", "cri")
# What HTTP/2 and HTTP answer nobody; an endless header; a frame whose length is a lie; an answer about somebody else.
LIES = [b"", b"SSH-2.0-OpenSSH_9\r\n", b"\0\xff" * 5000, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100000,
        b"\xff\xff\xff\x04\0\0\0\0\0" + b"x" * 1000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + b'{"Id":"' + b"0" * 13,
        b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\nConnection: close\r\n\r\n" + b'{"a":[' * 10000]


class Server:
    """A unix socket. answer(number of the connection, connection) has it to itself."""

    def __init__(self, path, answer):
        self.path, self.answer, self.count = path, answer, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self.one, args=(self.count, connection), daemon=True).start()

    def one(self, number, connection):
        try:
            self.answer(number, connection)
        except OSError:  # the agent has enough
            pass
        finally:
            connection.close()

    def close(self):
        self.listener.close()
        os.unlink(self.path)


def options(paths):
    """The sockets by kind, and nothing on disk."""
    out = ["containers.%s=[]" % key for key in ("docker.roots", "containerd.states", "podman.roots")]
    return out + ["containers.%s.sockets=[%s]" % (kind, paths.get(kind, "")) for kind in KINDS] + ["metadata.wait=300ms"]


waits = []  # from before a program was started until its alert was there


def alert_of(agent, case):
    """The first word about it; it comes although no answer has."""
    return agent.wait_for(lambda r: r.get("rule") == "In Container" and r.get("revision", 0) == 0
                          and r["output_fields"].get("proc.env[GYR_META]") == case, "the alert of " + case)


def without_answers(results, what, orphan, paths, reasons, servers=()):
    with live.Agent(text=[RULES], options=options(paths)) as agent:
        for number in (1, 2):
            case = "%s %d" % (what, number)
            began = time.monotonic()
            orphan.run(case)
            agent.sentinel()  # of the host, which waits for no metadata
            alert = alert_of(agent, case)
            waits.append(time.monotonic() - began)
            for field in ("container.name", "container.image.repository", "k8s.pod.name"):
                reason = alert.get("missing", {}).get(field)
                results.expect(reason in reasons, "%s: %s is missing for %r" % (case, field, reason))
                results.expect(field not in alert["output_fields"] or alert["output_fields"][field] is None,
                               "%s: %s has a value" % (case, field))
            results.equal(alert["container"].get("id"), orphan.ID[:12], case + ": the id is there")
        for server in servers:
            live.wait_until(lambda: server.count > 0, "%s: a question to %s" % (what, server.path))
        agent.stop()  # although questions are open
        results.equal(agent.returncode, 0, what + ": exit code")
        results.equal(agent.bad_lines, [], what + ": lines that are none")


def silence(_, connection):
    while connection.recv(65536):
        pass


def lie(number, connection):
    connection.recv(65536)
    connection.sendall(LIES[number % len(LIES)])


def slow_answer(results, orphan, folder):
    """One that knows the container, and says so only when the alert has gone out without a name."""
    gone_out = threading.Event()

    def answer(_, connection):
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
        gone_out.wait()
        known = request.startswith(b"GET /containers/%s/json" % orphan.ID.encode())
        body = json.dumps({"Id": orphan.ID, "Name": "/slow", "Image": "sha256:" + "1" * 64, "Config": {"Image": "shop:1.2"},
                           "HostConfig": {"Privileged": False}, "Mounts": []}).encode() if known else b"{}"
        connection.sendall(b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                           % (200 if known else 404, len(body), body))

    server = Server(folder + "/slow.sock", answer)
    with live.Agent(text=[RULES], options=options({"docker": server.path}) + ["containers.timeout=5m"]) as agent:
        # It lives on: there is somebody to ask about.
        command = orphan.command("/bin/ls /; exec /bin/sleep 1000")
        process = live.subprocess.Popen(command, env={"GYR_META": "slow", "PATH": "/usr/bin:/bin"}, start_new_session=True,
                                        stdout=live.subprocess.DEVNULL)
        try:
            first = alert_of(agent, "slow")
            agent.sentinel()
            reason = first.get("missing", {}).get("container.name")
            results.expect(reason == "pending", "slow: missing for %r" % reason)
            gone_out.set()
            later = agent.wait_for(lambda r: r.get("amends") == first["uuid"] and r["container"].get("name"), "its amendment")
            results.equal(later["uuid"], first["uuid"], "slow: uuid")
            results.equal(later["container"].get("name"), "slow", "slow: name")
            results.equal(later["output_fields"].get("container.image.repository"), "shop", "slow: image")
            agent.stop()
        finally:
            os.killpg(process.pid, live.signal.SIGKILL)
            process.wait()
    server.close()


def main():
    live.require_root()
    results = live.Results()
    with tempfile.TemporaryDirectory(prefix="gyr-sockets-") as folder, Orphan("build") as orphan:
        paths = {kind: "%s/%s.sock" % (folder, kind) for kind in KINDS}
        without_answers(results, "absent", orphan, paths, ("pending", "no_runtime"))
        for path in paths.values():
            with socket.socket(socket.AF_UNIX) as gone:  # its file stays
                gone.bind(path)
        without_answers(results, "dead", orphan, paths, ("pending", "no_runtime"))
        for path in paths.values():
            os.unlink(path)
        for what, answer, reasons in (("silent", silence, ("pending", "runtime_timeout")),
                                      ("lying", lie, ("pending", "no_runtime"))):
            servers = [Server(path, answer) for path in paths.values()]
            without_answers(results, what, orphan, paths, reasons, servers)
            for server in servers:
                server.close()
        slow_answer(results, orphan, folder)
        print("alerts whose metadata nobody told came after %.2f s at most (metadata.wait: 0.3 s)" % max(waits))
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
