#!/usr/bin/env python3
"""The startup taint: once armed, and not before, the agent takes it from its node and leaves the others alone, whatever the
API server answers at first: nothing, errors, taints that change in between. A server that is not the cluster's own never
sees the token."""

import copy
import http.server
import json
import os
import ssl
import sys
import tempfile
import threading
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../support", "../outputs"):
    sys.path.insert(0, os.path.join(HERE, folder))
import live  # noqa: E402
import peers  # noqa: E402

TAINT = "gyr/not-watched"
OTHERS = [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}, {"key": "gpu", "value": "a", "effect": "NoExecute"}]
LATE = {"key": "came/late", "effect": "NoSchedule"}
TOKEN = "first-token"


def make_authority(folder, name):
    """A self-signed certificate for 127.0.0.1 that is its own authority."""
    live.check(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder + "/%s.key" % name,
                "-out", folder + "/%s.crt" % name])
    return folder + "/%s.crt" % name, folder + "/%s.key" % name


class ApiServer:
    """What of an API server concerns nodes. answers: (method, what to do) for the first requests, then it behaves."""

    def __init__(self, port, certificate, answers=(), ready=None):
        self.taints = [OTHERS[0], {"key": TAINT, "effect": "NoSchedule"}, OTHERS[1], {"key": TAINT, "effect": "NoExecute"}]
        self.answers = list(answers)
        self.requests, self.trouble = [], []
        self.removed = threading.Event()
        self.seen = threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.handle(self, ready)

            do_PATCH = do_GET

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):  # a client that does not trust the certificate goes
                with outer.seen:
                    outer.requests.append("refused")
                    outer.seen.notify_all()

            def finish_request(self, request, address):
                request.do_handshake()
                super().finish_request(request, address)

        self.server = Server(("127.0.0.1", port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def handle(self, request, ready):
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        planned = self.answers.pop(0) if self.answers else None
        with self.seen:
            self.requests.append(request.command)
            self.seen.notify_all()
        if ready is not None and not ready():
            self.trouble.append("asked before the agent was ready")
        if request.headers.get("Authorization") != "Bearer " + TOKEN:
            self.trouble.append("Authorization: %s" % request.headers.get("Authorization"))
        if request.path != "/api/v1/nodes/node-1":
            self.trouble.append("path " + request.path)
        if planned is not None and planned != "late":
            return self.answer(request, planned, b"{" if planned == 200 else json.dumps(
                {"kind": "Status", "message": "planned %d" % planned}).encode())
        if request.command == "GET":
            node = {"kind": "Node", "metadata": {"name": "node-1"}, "spec": {"taints": self.taints} if self.taints else {}}
            text = json.dumps(node).encode()
            if planned == "late":  # somebody else is between reading and writing
                self.taints = self.taints + [LATE]
            return self.answer(request, 200, text)
        if request.headers.get("Content-Type") != "application/json-patch+json":
            self.trouble.append("Content-Type: %s" % request.headers.get("Content-Type"))
        taints = copy.deepcopy(self.taints)
        for step in json.loads(body):
            if step["path"] != "/spec/taints":
                self.trouble.append("patches " + step["path"])
            if step["op"] == "test" and step["value"] != taints:
                return self.answer(request, 422, b'{"kind":"Status","message":"the test failed"}')
            if step["op"] == "replace":
                taints = step["value"]
        self.taints = taints
        self.answer(request, 200, b"{}")
        self.removed.set()

    def answer(self, request, status, text):
        request.send_response(status)
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def wait_for_requests(self, count):
        with self.seen:
            if not self.seen.wait_for(lambda: len(self.requests) >= count, live.PATIENCE):
                raise TimeoutError("%d requests, waited for %d" % (len(self.requests), count))

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def ready_at(port):
    def ready():
        with urllib.request.urlopen("http://127.0.0.1:%d/readyz" % port, timeout=live.PATIENCE) as answer:
            return answer.status == 200
    return ready


def options(folder, port, taint=TAINT):
    return ["kubernetes.startup_taint=" + taint, "kubernetes.node=node-1", "kubernetes.credentials=" + folder,
            "kubernetes.api=https://127.0.0.1:%d" % port]


def check_removal(results, folder, certificate, stranger):
    """Nobody listens, then somebody who is not the cluster, then the cluster with all that can go wrong."""
    port, probes = peers.free_port(), peers.free_port()
    more = ["server.probes=[\"http://127.0.0.1:%d\"]" % probes]
    with live.Agent(options=options(folder, port) + more) as agent:
        agent.wait_for_log("cannot reach")
        false_one = ApiServer(port, stranger)
        false_one.wait_for_requests(2)
        false_one.close()
        results.equal(set(false_one.requests), {"refused"}, "what a server with another certificate sees")
        api = ApiServer(port, certificate, answers=[503, 200, 403, "late", None, None, 409], ready=ready_at(probes))
        agent.wait_for_log("removed from node node-1")
        results.equal(api.trouble, [], "requests")
        results.equal(api.taints, OTHERS + [LATE], "taints that stay")
        results.equal(api.requests, ["GET", "GET", "GET", "GET", "PATCH", "GET", "PATCH", "GET", "PATCH"], "requests")
        results.expect(any("planned 403" in line for line in agent.log), "the server's reason is in the log")
        agent.sentinel()
        agent.stop()
        results.equal(agent.returncode, 0, "exit code")
        results.equal(len(api.requests), 9, "nothing is asked afterwards")
        api.close()


def check_end(results, folder, certificate):
    """An agent that ends while it still tries."""
    api = ApiServer(peers.free_port(), certificate, answers=[500] * 1000)
    with live.Agent(options=options(folder, api.server.server_port)) as agent:
        api.wait_for_requests(3)
        agent.stop()
        results.equal(agent.returncode, 0, "exit code while it tries")
    results.expect(not api.removed.is_set(), "the taint stays")
    api.close()


def check_refusals(results):
    """What cannot work is said before anything is attached."""
    for more, said in ((["-o", "kubernetes.api=http://127.0.0.1:1", "-o", "kubernetes.node=n"], "https://"),
                       (["-o", "kubernetes.node=n"], "KUBERNETES_SERVICE_HOST"),
                       (["-o", "kubernetes.api=https://127.0.0.1:1", "-o", "kubernetes.node=A/b"], "no name of a node")):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KUBERNETES_")}
        done = live.run([live.find_binary(), "run", "-r", live.ROOT + "/examples/rules", "-o", "journal.path=",
                         "-o", "kubernetes.startup_taint=" + TAINT, *more], env=environment)
        results.equal(done.returncode, 2, "exit code: " + done.stdout)
        results.expect(said in done.stdout, "%s: %s" % (said, done.stdout))


def main():
    live.require_root()
    results = live.Results()
    with tempfile.TemporaryDirectory(prefix="gyr-taint-") as folder:
        certificate, stranger = make_authority(folder, "ca"), make_authority(folder, "stranger")
        with open(folder + "/token", "w", encoding="utf-8") as file:
            file.write(TOKEN + "\n")
        check_removal(results, folder, certificate, stranger)
        check_end(results, folder, certificate)
    check_refusals(results)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
