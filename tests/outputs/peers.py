"""The servers that outputs are tested against: real ones from Debian packages where there are, else ones of our own that can
be slow, silent and in a bad mood. Each has start(), stop() (at once, as by SIGKILL), output(): its entry in the configuration,
received(): the numbers of the alerts that arrived, in order of arrival, and troubles(): what else may befall it, each with its
name, what begins it, what ends it, and whether an output must notice while it lasts, or what it must complain about."""

import base64
import http.server
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

UUID = re.compile(rb"0190a000-0000-7000-8000-([0-9a-f]{12})")
PATIENCE = 120


def numbers(data):
    return [int(m.group(1), 16) for m in UUID.finditer(data)]


given_out = set()


def free_port(kind=socket.SOCK_STREAM):
    """A port for a server that may be away for a while: below those that the kernel gives to any socket that asks for none,
    or another connection has it when the server comes back."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        limit = int(file.read().split()[0])
    while True:
        port = random.randrange(min(10000, limit // 2), limit)
        if port in given_out:
            continue
        given_out.add(port)
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def await_port(port):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("nothing listens on port %d" % port)


class Certificates:
    """A CA, a server certificate for 127.0.0.1 and a client certificate."""

    def __init__(self, folder):
        self.ca, self.cert, self.key, self.client_cert, self.client_key = (
            os.path.join(folder, n) for n in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key"))
        ca_key = os.path.join(folder, "ca.key")

        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", ca_key, "-out", self.ca,
                "-subj", "/CN=test ca", "-days", "2")
        for cert, key, name in ((self.cert, self.key, "server"), (self.client_cert, self.client_key, "client")):
            request = cert + ".csr"
            extensions = cert + ".ext"
            with open(extensions, "w", encoding="ascii") as file:
                file.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
            openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                    "-subj", "/CN=" + name)
            openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-out", cert, "-days", "2",
                    "-extfile", extensions)


def shut(side):
    try:
        side.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Proxy:
    """Stands in front of a server on 127.0.0.1 and is there as long as that is; what goes to it passes at `rate` bytes a second,
    0: as fast as it can. mode: "pass", "mute" (nothing of what the client says is taken), "swallow" (it is taken and thrown away)."""

    def __init__(self, target):
        self.target, self.rate, self.mode = target, 0, "pass"
        self.port = free_port()
        self.listener = None
        self.lock = threading.Lock()
        self.connections = set()

    def cut(self, mode):
        """From now on in this mode; the connections that there are break."""
        self.mode = mode
        with self.lock:
            for side in self.connections:
                shut(side)

    def up(self):
        # Little room, so that the other side feels how slow it is.
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen()
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def down(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), PATIENCE)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self.lock:
                self.connections |= {client, server}
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source, sink, limited):
        try:
            while True:
                if limited and self.mode == "mute":
                    time.sleep(0.02)
                    continue
                data = source.recv(256 if limited and self.rate else 65536)
                if not data:
                    break
                if limited and self.rate:
                    time.sleep(len(data) / self.rate)
                if not (limited and self.mode == "swallow"):
                    sink.sendall(data)
        except OSError:
            pass
        shut(source)
        shut(sink)  # the other pump ends too
        with self.lock:
            self.connections -= {source, sink}


class Http:
    """mode: "ok", "error" (an answer of `statuses` each, that says nothing of the records), "lost" (taken, and answered by an error),
    "hang" (no answer), "slow" (each alert takes `pause` seconds). refused: the number of an alert that is never taken. most: bytes of a request."""

    statuses = (503, 429, 500, 401, 404)

    pause = 0.3

    def __init__(self, kind, certificates=None, extra=None):
        self.kind, self.certificates, self.extra = kind, certificates, extra or {}
        self.port = free_port()
        self.mode, self.refused, self.most, self.errors, self.ids = "ok", None, None, 0, set()
        self.bodies, self.seen, self.server = [], [], None
        self.lock = threading.Lock()
        self.end = threading.Event()

    def start(self):
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are written one after the other

            def log_message(self, *arguments):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                mode = peer.mode
                if mode == "hang":
                    peer.end.wait(PATIENCE)
                    self.close_connection = True
                    return
                if mode == "slow":
                    peer.end.wait(peer.pause * max(1, len(set(numbers(body)))))
                status, answer = 200, b"{}"
                if mode == "error":
                    status, answer = peer.statuses[peer.errors % len(peer.statuses)], b"busy"
                    peer.errors += 1
                elif peer.most and len(body) > peer.most:
                    status, answer = 413, b"too long"
                elif peer.kind == "elasticsearch":
                    body, answer = peer.take_bulk(body)
                elif peer.refused in numbers(body):
                    status, answer = 400, b"no"
                if status == 200:
                    with peer.lock:
                        peer.bodies.append(body)
                        peer.seen.append((self.path, dict(self.headers)))
                self.send_response(503 if mode == "lost" else status)
                if status == 429:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request, client_address):
                pass

        self.end.clear()
        self.server = Server(("127.0.0.1", self.port), Handler)
        if self.certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificates.cert, self.certificates.key)
            context.load_verify_locations(self.certificates.ca)
            context.verify_mode = ssl.CERT_REQUIRED
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def take_bulk(self, body):
        """What of it is taken, and the answer: of each record one of its own. In mode "busy" all but the first may come again."""
        taken, items = [], []
        lines = body.splitlines()
        for head, record in zip(lines[::2], lines[1::2]):
            identity = json.loads(head)["create"]["_id"]
            status = 201
            if identity in self.ids:
                status = 409
            elif self.refused in numbers(head):
                status = 400
            elif self.mode == "busy" and items:
                status = 429
            else:
                taken += [head, record]
                self.ids.add(identity)
            items.append({"create": {"status": status, "_id": identity}})
        errors = any(item["create"]["status"] >= 400 for item in items)
        return b"".join(line + b"\n" for line in taken), json.dumps({"errors": errors, "items": items}).encode()

    def troubles(self):
        def over():
            self.end.set()
            self.mode = "ok"
            self.end.clear()

        def begin(mode):
            self.mode = mode
        for mode in ("error", "lost", "hang") + (("busy",) if self.kind == "elasticsearch" else ()):
            yield mode, lambda mode=mode: begin(mode), over, True

    def stop(self):
        self.end.set()
        self.server.shutdown()
        self.server.server_close()

    def output(self):
        entry = {"type": self.kind, "url": "%s://127.0.0.1:%d" % ("https" if self.certificates else "http", self.port), **self.extra}
        if self.certificates:
            entry["tls"] = {"ca": self.certificates.ca, "cert": self.certificates.client_cert, "key": self.certificates.client_key}
        return entry

    def received(self):
        with self.lock:
            return numbers(b"\n".join(self.bodies))

    def documents(self):
        """What arrived, as the JSON documents it must consist of, each in one line."""
        with self.lock:
            return [line for body in self.bodies for line in body.splitlines() if line]


class Process:
    """A server that is a program."""

    program = None
    answers = True  # an output waits for its word before it believes in what it has sent

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="gyr-peer-")
        self.port = free_port()
        self.process = None
        self.proxy = Proxy(self.port)

    @classmethod
    def missing(cls):
        return shutil.which(cls.program) is None and not os.path.exists("/usr/sbin/" + cls.program)

    def run(self, *arguments):
        path = shutil.which(self.program) or "/usr/sbin/" + self.program
        self.process = subprocess.Popen([path, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def stop(self):
        if self.proxy.listener is not None:
            self.proxy.down()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def troubles(self):
        yield "frozen", lambda: self.process.send_signal(signal.SIGSTOP), lambda: self.process.send_signal(signal.SIGCONT), True
        yield "mute", lambda: self.proxy.cut("mute"), lambda: self.proxy.cut("pass"), True
        yield "swallowed", lambda: self.proxy.cut("swallow"), lambda: self.proxy.cut("pass"), self.answers


def client_of(certificates, plain):
    context = ssl.create_default_context(cafile=certificates.ca)
    context.load_cert_chain(certificates.client_cert, certificates.client_key)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


class Redis(Process):
    """With a password, plain or over TLS with client certificates."""

    program = "redis-server"

    def __init__(self, certificates=None):
        super().__init__()
        self.certificates = certificates

    def start(self, *more):
        ports = ["--port", str(self.port)]
        if self.certificates:
            c = self.certificates
            ports = ["--port", "0", "--tls-port", str(self.port), "--tls-cert-file", c.cert, "--tls-key-file", c.key, "--tls-ca-cert-file",
                     c.ca]
        self.run(*ports, "--dir", self.folder, "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--requirepass", "pass word",
                 *more)
        await_port(self.port)
        self.proxy.up()

    def connection(self):
        s = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        return client_of(self.certificates, s) if self.certificates else s

    def output(self):
        entry = {"type": "redis", "url": "redis://127.0.0.1:%d/1" % self.proxy.port, "password": "pass word", "topic": "alerts"}
        if self.certificates:
            c = self.certificates
            entry.update(url="rediss://:pass%%20word@127.0.0.1:%d/1" % self.proxy.port,
                         tls={"ca": c.ca, "cert": c.client_cert, "key": c.client_key})
            del entry["password"]
        return entry

    def received(self):
        with self.connection() as s:
            s.sendall(b"AUTH \"pass word\"\r\nSELECT 1\r\nXRANGE alerts - +\r\nPING\r\n")
            data = b""
            while not data.endswith(b"+PONG\r\n"):
                some = s.recv(1 << 20)
                if not some:
                    raise RuntimeError("redis closed the connection")
                data += some
        self.data = data
        # Each entry has the uuid twice: as its own field and in the record.
        return numbers(data)[::2]

    def tell(self, *commands, password="pass word"):
        with self.connection() as s:
            file = s.makefile("rb")
            for command in ('AUTH "%s"' % password, "SELECT 1", *commands):
                s.sendall(command.encode() + b"\r\n")
                answer = file.readline()
                assert answer.startswith((b"+OK", b":")), answer

    def troubles(self):
        yield from super().troubles()
        for name, begin, over in (
                ("out of memory", ["CONFIG SET maxmemory 1"], ["CONFIG SET maxmemory 0"]),
                ("read only", ["REPLICAOF 127.0.0.1 1"], ["REPLICAOF NO ONE"]),
                # Each at once, or what is written in between goes into a stream that is then overwritten.
                ("no stream at this key",
                 ["EVAL \"redis.call('RENAME', 'alerts', 'kept') redis.call('SET', 'alerts', 'text') return 1\" 0"],
                 ["RENAME kept alerts"]),
                ("forbidden", ["ACL SETUSER default -xadd"], ["ACL SETUSER default +xadd"])):
            yield name, lambda begin=begin: self.tell(*begin), lambda over=over: self.tell(*over), True
        yield "another password", lambda: self.change_password("pass word", "other"), lambda: self.change_password("other", "pass word"), \
            "WRONGPASS"
        yield "loading", self.load_slowly, self.load_fast, "LOADING"

    def change_password(self, old, new):
        self.tell('CONFIG SET requirepass "%s"' % new, "CLIENT KILL TYPE normal SKIPME yes", password=old)

    def load_slowly(self):
        """It reads thousands of keys at a snail's pace, and says so to whoever asks in between."""
        with self.connection() as s:
            file = s.makefile("rb")

            def ask(command):
                s.sendall(command + b"\r\n")
                line = file.readline()
                return file.read(int(line[1:]) + 2) if line.startswith(b"$") else line
            for command in (b'AUTH "pass word"', b"CONFIG SET rdbcompression no", b"BGREWRITEAOF"):
                if command == b"BGREWRITEAOF":
                    ask(b"EVAL \"for i = 1, 4000 do redis.call('SET', 'k' .. i, string.rep('x', 1000)) end return 1\" 0")
                answer = ask(command)
                assert answer.startswith(b"+"), answer
            deadline = time.monotonic() + PATIENCE
            while b"aof_rewrite_in_progress:1" in (state := ask(b"INFO persistence")) or b"aof_rewrite_scheduled:1" in state:
                if time.monotonic() > deadline:
                    raise RuntimeError("redis does not finish its file")
                time.sleep(0.02)
        self.stop()
        self.start("--key-load-delay", "50000", "--loading-process-events-interval-bytes", "1024")

    def load_fast(self):
        deadline = time.monotonic() + PATIENCE
        with self.connection() as s:
            file = s.makefile("rb")
            s.sendall(b'AUTH "pass word"\r\nCONFIG SET key-load-delay 0\r\n')
            assert [file.readline(), file.readline()] == [b"+OK\r\n"] * 2
            while True:
                s.sendall(b"PING\r\n")
                if file.readline() == b"+PONG\r\n":
                    return
                if time.monotonic() > deadline:
                    raise RuntimeError("redis loads for ever")
                time.sleep(0.02)

    def documents(self):
        self.received()
        return [m.group(1) for m in re.finditer(rb"\r\nrecord\r\n\$\d+\r\n([^\r\n]*)\r\n", self.data)]


class Nats(Process):
    """With a user and a password, over TLS with a token and client certificates, or with an NKEY."""

    program = "nats-server"
    stream = {"name": "ALERTS", "subjects": ["gyr.>"], "storage": "file", "discard": "new"}

    # The pair that the documentation of NATS shows.
    nkey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
    seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"

    patience = PATIENCE  # with an answer

    def __init__(self, certificates=None, signs=False):
        super().__init__()
        self.certificates, self.signs = certificates, signs

    def configure(self, forbidden="none"):
        settings = {"listen": "127.0.0.1:%d" % self.port, "jetstream": {"store_dir": self.folder}}
        if self.certificates:
            c = self.certificates
            settings["tls"] = {"cert_file": c.cert, "key_file": c.key, "ca_file": c.ca, "verify": True}
            settings["authorization"] = {"token": "s3cret"}
        else:
            who = {"nkey": self.nkey} if self.signs else {"user": "gyr", "password": "pass word"}
            agent = {**who, "permissions": {"publish": {"deny": [forbidden]}}}
            settings["authorization"] = {"users": [agent, {"user": "test", "password": "test"}]}
        with open(self.folder + "/conf", "w", encoding="utf-8") as file:
            json.dump(settings, file)  # which its own language has in it

    def start(self):
        self.configure()
        self.run("-c", self.folder + "/conf")
        await_port(self.port)
        self.ask("$JS.API.STREAM.CREATE.ALERTS", self.stream)
        self.proxy.up()

    def update(self, **changes):
        answer = self.ask("$JS.API.STREAM.UPDATE.ALERTS", {**self.stream, **changes})
        assert "error" not in answer, answer

    def forbid(self, subject):
        self.configure(subject)
        self.process.send_signal(signal.SIGHUP)

    def ask(self, subject, *questions):
        """The answer; a list of them when there are more questions than one."""
        with socket.create_connection(("127.0.0.1", self.port), self.patience) as s:
            s.recv(4096)  # who it is
            credentials = {"user": "test", "pass": "test"}
            if self.certificates:
                s = client_of(self.certificates, s)
                credentials = {"auth_token": "s3cret"}
            file = s.makefile("rb")
            hello = json.dumps({"verbose": False, "headers": True, **credentials}).encode()
            s.sendall(b"CONNECT %s\r\nSUB answer 1\r\n" % hello)
            answers = []
            for body in (json.dumps(question).encode() for question in questions):
                s.sendall(b"PUB %s answer %d\r\n%s\r\n" % (subject.encode(), len(body), body))
                while not (line := file.readline()).startswith(b"MSG"):
                    if line.startswith(b"PING"):
                        s.sendall(b"PONG\r\n")
                    elif line.startswith(b"-ERR") or not line:
                        raise RuntimeError("nats: %r" % line)
                answers.append(json.loads(file.read(int(line.split()[-1]))))
        return answers[0] if len(answers) == 1 else answers

    def output(self):
        entry = {"type": "nats", "url": "nats://127.0.0.1:%d" % self.proxy.port, "topic": "gyr.alerts"}
        if self.certificates:
            c = self.certificates
            return {**entry, "token": "s3cret", "tls": {"ca": c.ca, "cert": c.client_cert, "key": c.client_key}}
        if self.signs:
            return {**entry, "credentials": self.seed}
        return {**entry, "user": "gyr", "password": "pass word"}

    def last(self):
        return self.ask("$JS.API.STREAM.INFO.ALERTS", {})["state"]["last_seq"]

    def troubles(self):
        yield from super().troubles()
        yield "no stream", lambda: self.update(subjects=["other.>"]), self.update, True
        yield "stream full", lambda: self.update(max_msgs=self.last()), self.update, True
        if not self.certificates:
            yield "forbidden", lambda: self.forbid("gyr.>"), lambda: self.forbid("none"), True

    def received(self):
        return [numbers(document)[0] for document in self.documents()]

    def documents(self):
        last = self.last()
        answers = self.ask("$JS.API.STREAM.MSG.GET.ALERTS", *({"seq": sequence} for sequence in range(1, last + 1)))
        return [base64.b64decode(answer["message"]["data"]) for answer in (answers if last != 1 else [answers])]


class NatsNeighbour(Nats):
    """Only the address of a neighbour is known, which names this server and then dies with what was sent to it."""

    def __init__(self):
        super().__init__()
        self.neighbour = free_port()
        self.died = False

    def start(self):
        super().start()
        if not self.died:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.neighbour))
            listener.listen()
            threading.Thread(target=self.die, args=(listener,), daemon=True).start()

    def die(self, listener):
        with listener, listener.accept()[0] as s:
            s.sendall(b"INFO %s\r\n" % json.dumps({"headers": True, "max_payload": 1 << 20,
                                                   "connect_urls": ["127.0.0.1:%d" % self.proxy.port]}).encode())
            file = s.makefile("rb")
            while not (line := file.readline()).startswith(b"HPUB") and line:
                if line.startswith(b"PING"):
                    s.sendall(b"PONG\r\n")
            self.died = True

    def output(self):
        return {**super().output(), "url": "nats://127.0.0.1:%d, nats://127.0.0.1:1" % self.neighbour}


class NatsCluster(Nats):
    """Three servers with one stream on all of them. Only one is known; it dies, and its neighbours go on."""

    stream = {**Nats.stream, "num_replicas": 3}
    patience = 5  # while there is no leader nobody answers

    def __init__(self):
        super().__init__()
        self.ports = [self.port, free_port(), free_port()]
        self.routes = [free_port() for _ in self.ports]
        self.processes = [None] * 3

    def run_node(self, n):
        folder = "%s/%d" % (self.folder, n)
        os.makedirs(folder, exist_ok=True)
        settings = {"listen": "127.0.0.1:%d" % self.ports[n], "server_name": "node%d" % n, "jetstream": {"store_dir": folder},
                    "cluster": {"name": "c", "listen": "127.0.0.1:%d" % self.routes[n],
                                "routes": ["nats://127.0.0.1:%d" % route for route in self.routes]},
                    "authorization": {"users": [{"user": "gyr", "password": "pass word"}, {"user": "test", "password": "test"}]}}
        with open(folder + "/conf", "w", encoding="utf-8") as file:
            json.dump(settings, file)
        self.run("-c", folder + "/conf")
        self.processes[n] = self.process
        await_port(self.ports[n])

    def kill_node(self, n):
        self.processes[n].kill()
        self.processes[n].wait()
        self.processes[n] = None
        self.port = next(port for port, process in zip(self.ports, self.processes) if process)  # where the test asks

    def start(self):
        if any(self.processes):
            return  # what was killed stays dead, and the others are enough
        for n in range(3):
            self.run_node(n)
        self.settle(lambda: "error" not in self.ask("$JS.API.STREAM.CREATE.ALERTS", self.stream))

    def settle(self, there):
        """Until the servers have agreed on something."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if there():
                    return
            except (OSError, RuntimeError, KeyError, IndexError, ValueError):
                pass  # no leader yet
            if time.monotonic() > deadline:
                raise RuntimeError("the cluster does not settle")
            time.sleep(0.1)

    def in_step(self):
        cluster = self.ask("$JS.API.STREAM.INFO.ALERTS", {})["cluster"]
        return cluster["leader"] and len(cluster["replicas"]) == 2 and all(r["current"] and not r.get("offline") for r in cluster["replicas"])

    def stop(self):
        """The first time, the one that the output is connected to."""
        if all(self.processes):
            self.kill_node(0)
            return
        for process in filter(None, self.processes):
            process.kill()
            process.wait()

    def troubles(self):
        def next_one(back, dies):
            self.run_node(back)
            self.settle(self.in_step)
            self.kill_node(dies)
        # Both that the output can be on by now.
        for back, dies in ((0, 2), (2, 1)):
            yield "server %d dies" % dies, lambda back=back, dies=dies: next_one(back, dies), lambda: None, False

    def output(self):
        return {**super().output(), "url": "nats://127.0.0.1:%d" % self.ports[0]}

    def documents(self):
        found = []
        self.settle(lambda: found.append(super(NatsCluster, self).documents()) is None)
        return found[0]


class Kafka:
    """One broker of librdkafka's mock cluster, in a program of its own (kafka_peer.cpp)."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "alerts"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.servers = self.process.stdout.readline().decode().strip()
        self.lock = threading.Lock()

    def ask(self, command):
        with self.lock:
            self.process.stdin.write(command.encode() + b"\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().strip()
            if command == "received":
                return [self.process.stdout.readline() for _ in range(int(answer))]
            assert answer == b"done", answer
            return None

    def start(self):
        self.ask("up")

    def stop(self):
        self.ask("down")

    def output(self):
        return {"type": "kafka", "url": "kafka://" + self.servers, "topic": "alerts"}

    def received(self):
        return numbers(b"".join(self.documents()))

    def troubles(self):
        yield "errors", lambda: self.ask("errors 5"), lambda: None, False  # librdkafka tries again by itself
        yield "hang", lambda: self.ask("slow 60000"), lambda: self.ask("slow 0"), True

    def documents(self):
        return [line.rstrip(b"\n") for line in self.ask("received")]


def listens_udp(port):
    with open("/proc/net/udp", encoding="ascii") as file:
        return any(line.split()[1].endswith(":%04X" % port) for line in file.readlines()[1:])


class Rsyslog(Process):
    program = "rsyslogd"
    answers = False

    def __init__(self, transport, certificates=None):
        super().__init__()
        self.transport, self.certificates = transport, certificates
        if transport == "udp":
            self.port = free_port(socket.SOCK_DGRAM)
        self.socket = os.path.join(self.folder, "log.sock")

    def start(self):
        stream = 'StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid"'
        module = {
            "udp": 'module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="%d")' % self.port,
            "tcp": 'module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="%d")' % self.port,
            "tls": 'module(load="imtcp" %s)\ninput(type="imtcp" address="127.0.0.1" port="%d")' % (stream, self.port),
            "unix": 'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" socket="%s" RateLimit.Interval="0")' % self.socket,
        }[self.transport]
        tls = ""
        if self.certificates:
            tls = ('global(DefaultNetstreamDriver="ossl" DefaultNetstreamDriverCAFile="%s" DefaultNetstreamDriverCertFile="%s" '
                   'DefaultNetstreamDriverKeyFile="%s")\n' % (self.certificates.ca, self.certificates.cert, self.certificates.key))
        config = os.path.join(self.folder, "rsyslog.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write('global(workDirectory="%s" maxMessageSize="1100k")\n%s%s\n'
                       'template(name="line" type="string" string="%%syslogpriority%% %%app-name%% %%msg%%\\n")\n'
                       'action(type="omfile" file="%s/out" template="line" asyncWriting="off" flushOnTXEnd="on")\n'
                       % (self.folder, tls, module, self.folder))
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.run("-n", "-f", config, "-i", os.path.join(self.folder, "pid"))
        if self.transport in ("tcp", "tls"):
            await_port(self.port)
            self.proxy.up()
        there = {"udp": lambda: listens_udp(self.port), "unix": lambda: os.path.exists(self.socket)}.get(self.transport)
        deadline = time.monotonic() + PATIENCE
        while there is not None and not there():
            if time.monotonic() > deadline:
                raise RuntimeError("rsyslogd does not listen")
            time.sleep(0.02)

    def output(self):
        if self.transport == "unix":
            return {"type": "syslog", "path": self.socket}
        port = self.port if self.transport == "udp" else self.proxy.port
        entry = {"type": "syslog", "url": "%s://127.0.0.1:%d" % (self.transport, port)}
        if self.certificates:
            entry["tls"] = {"ca": self.certificates.ca, "cert": self.certificates.client_cert, "key": self.certificates.client_key}
        return entry

    def troubles(self):
        # What is silently dropped of datagrams is gone.
        if self.transport == "unix":
            yield from itertools.islice(super().troubles(), 1)
        elif self.transport != "udp":
            yield from super().troubles()

    def lines(self):
        try:
            with open(self.folder + "/out", "rb") as file:
                data = file.read()
            return data[:data.rfind(b"\n") + 1]  # a long line is written in pieces
        except FileNotFoundError:
            return b""

    def received(self):
        return numbers(self.lines())

    def documents(self):
        """Each line: the priority, the program's name, the record."""
        return [line.split(b" ", 2)[2].lstrip() for line in self.lines().splitlines()]


class Program:
    """A program that appends what it reads to a file; the peer is the command itself."""

    def __init__(self, keep_alive):
        self.folder = tempfile.mkdtemp(prefix="gyr-peer-")
        self.keep_alive = keep_alive
        self.ready = self.folder + "/ready"
        # Each kept program ends after some lines, as if it were killed; without "ready" it fails at once.
        wait = "while test -e {0}/hang; do sleep 0.02; done; test -e {0}/slow && sleep $(cat {0}/slow); "
        body = 'n=0; while [ $n -lt 7 ] && IFS= read -r line; do ' + wait + 'printf "%s\\n" "$line" >> {0}/out; n=$((n+1)); done'
        if not keep_alive:
            body = wait + "cat >> {0}/out"
        self.command = ("test -e {0}/ready || exit 1; " + body).format(self.folder)

    def start(self):
        open(self.ready, "w", encoding="ascii").close()

    def stop(self):
        os.unlink(self.ready)

    def troubles(self):
        hang = self.folder + "/hang"
        yield "fails", self.stop, self.start, not self.keep_alive  # what a kept one leaves unread is the next one's
        yield "hangs", lambda: open(hang, "w", encoding="ascii").close(), lambda: os.unlink(hang), True

    def slow(self, seconds):
        with open(self.folder + "/slow", "w", encoding="ascii") as file:
            file.write(str(seconds))

    def output(self):
        return {"type": "program", "command": self.command, "keep_alive": self.keep_alive}

    def received(self):
        return numbers(b"\n".join(self.documents()))

    def documents(self):
        """Whole lines: the shell writes a long one in pieces."""
        try:
            with open(self.folder + "/out", "rb") as file:
                return file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
