"""Every output against its server: down at the start, killed and back, slow, answering errors, silent. Whatever happens, each
alert arrives, at least once, in order, and the file beside it gets everything at once.

GYR_HEAVY=1: five minutes' worth of alerts while a server is away, and servers that take no more than one alert a second.
GYR_BURST: how many alerts come at once. GYR_LONG: bytes of an attacker's arguments. GYR_MEMORY: what may be resident, in MiB."""

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402

PROBE = sys.argv[1]
HEAVY = "GYR_HEAVY" in os.environ
PATIENCE = 600 if HEAVY else 240
COUNT = 300 if HEAVY else 40
SLOW_COUNT, SLOW_SECONDS = (60, 1.0) if HEAVY else (5, 0.1)  # how many go to a slow server, and the time it takes for each
ALERT_BYTES = 1200  # of one alert as JSON, with what stands around it
peers.Http.pause = SLOW_SECONDS
BURST = int(os.environ.get("GYR_BURST", "50000"))
LONG = int(os.environ.get("GYR_LONG", 1 << 20))
MEMORY = int(os.environ.get("GYR_MEMORY", "200")) << 20


class Probe:
    def __init__(self, folder, outputs, within=()):
        self.folder = folder
        self.file = folder + "/beside.jsonl"
        self.outputs = outputs
        config = self.configure("json")
        self.process = subprocess.Popen([*within, PROBE, config], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=open(folder + "/log", "wb"), text=True)
        self.pushed = 0

    def configure(self, form):
        entries = [dict(entry, timeout="3s" if HEAVY else "2s", backoff="200ms", format=form) for entry in self.outputs]
        entries.append({"type": "file", "path": self.file, "name": "beside"})
        config = "%s/%s.yaml" % (self.folder, form)
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"journal": {"path": self.folder + "/journal.db"}, "outputs": entries}, file)
        return config

    def ask(self, command):
        """The answer, or an error when none comes."""
        guard = threading.Timer(PATIENCE, self.process.kill)
        guard.start()
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        guard.cancel()
        if not answer:
            raise RuntimeError("no answer to '%s': %s" % (command, self.log()))
        return answer

    def push(self, count):
        self.ask("push %d" % count)
        self.pushed += count

    def stats(self):
        return json.loads(self.ask("stats"))

    def log(self):
        with open(self.folder + "/log", encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def rss(self):
        with open("/proc/%d/statm" % self.process.pid, encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096

    def await_beside(self):
        """The file has everything while the other output may be stuck."""
        until(lambda: self.stats()["outputs"]["beside"]["behind"] == 0)
        with open(self.file, "rb") as file:
            found = peers.numbers(file.read())
        assert found == list(range(1, self.pushed + 1)), "the file beside it has %d of %d" % (len(found), self.pushed)

    def end(self):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        assert self.process.returncode == 0, self.log()


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("waited in vain")
        time.sleep(0.02)


def in_order(found, wanted):
    """All of 1..wanted arrived, and the first time of each in order."""
    first = list(dict.fromkeys(found))
    assert first == list(range(1, wanted + 1)), "arrived: %d of %d, in this order: %s" % (len(first), wanted, first[:100])


def arrived(peer, wanted):
    found = []

    def all_of_them():
        found[:] = peer.received()
        return len(set(found)) >= wanted
    until(all_of_them)
    in_order(found, wanted)


STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def well_formed(documents, is_json):
    """What an attacker wrote into a record is one line that parses, without a character that a terminal obeys."""
    for document in documents:
        text = document.decode("utf-8")  # valid, or it fails
        assert not STEERING.search(text), "it has %r" % STEERING.search(text).group()
        if is_json:
            assert isinstance(json.loads(text), (dict, list))


def hostile(peer, probe, forms):
    """In each of these formats, and by a server that takes no long ones: one document more."""
    wraps = getattr(peer, "kind", "http") != "http"  # its documents are JSON whatever is in them
    turns = [(form, None) for form in forms] + ([("json", 70_000)] if isinstance(peer, peers.Http) else [])
    for turn, (form, most) in enumerate(turns):
        if turn > 0:
            assert probe.ask("apply " + probe.configure(form)) == "applied"
        peer.most = most
        before = len(peer.documents())
        probe.ask("hostile %d" % LONG)
        probe.pushed += 1
        probe.ask("wait")
        until(lambda: len(peer.documents()) > before)
        # What a receiver was slow to confirm comes once more, the very same.
        found = list(dict.fromkeys(peer.documents()[before:]))
        assert len(found) == (2 if getattr(peer, "kind", "") == "elasticsearch" else 1), "%s: %d documents" % (form, len(found))
        well_formed(found, wraps or form != "text")
        assert b"$(id)`id`" in found[-1], "%s: what the attacker wrote is not told" % form
        if form == "json":
            assert probe.pushed in peers.numbers(b"".join(found)), "another record"


def failures(probe):
    return sum(output["failures"] for output in probe.stats()["outputs"].values())


def problem(probe):
    """What the outputs complain about."""
    return " ".join(output["problem"] for output in probe.stats()["outputs"].values())


def fills(peer, probe):
    if probe.stats()["outputs"][peer.output()["type"]]["behind"] == 0:
        probe.push(200 if isinstance(peer, (peers.Rsyslog, peers.Program)) else 1)
    return False


def check(name, peer, probe):
    try:
        probe.ask("wait")
        arrived(peer, probe.pushed)
    except Exception as error:
        raise RuntimeError("after %s: %s" % (name, error)) from error


def slow(peer, seconds):
    """It takes so long for each alert; 0: no time."""
    if isinstance(peer, peers.Http):
        peer.mode = "slow" if seconds else "ok"
    elif isinstance(peer, peers.Kafka):
        peer.ask("slow %d" % (1000 * seconds))
    elif isinstance(peer, peers.Program):
        peer.slow(seconds)
    else:
        peer.proxy.rate = ALERT_BYTES / seconds if seconds else 0


def refuse(peer, probe):
    """One alert is never taken: the others are, and a gap record tells of it."""
    peer.refused = probe.pushed + 3
    probe.push(5)
    probe.await_beside()
    probe.ask("wait")
    wanted = [n for n in range(1, probe.pushed + 1) if n != peer.refused]
    until(lambda: sorted(set(peer.received())) == wanted)
    assert list(dict.fromkeys(peer.received())) == wanted, "out of order: %s" % peer.received()
    until(lambda: any(b"the receiver refused it" in document for document in peer.documents()))
    assert probe.stats()["outputs"][peer.kind]["refused"] == 1


def case(peer, kills=True, keeps=True, troubles=True, formats=("json", "text", "falco", "ecs", "ocsf")):
    """keeps: what the server had taken, it still has after it was killed. troubles: what else may befall
    it, which another case of its kind has shown when it is left out here."""
    folder = tempfile.mkdtemp(prefix="gyr-test-")
    probe = Probe(folder, [peer.output()])
    # Over UDP no more than 64 KiB can be sent again.
    count = min(COUNT, 60) if getattr(peer, "transport", "") == "udp" else COUNT
    try:
        probe.push(count)  # nobody is there yet
        probe.await_beside()
        assert probe.stats()["lost"] == 0
        peer.start()
        probe.ask("wait")
        arrived(peer, count)
        before = len(peer.received()) if not keeps else 0
        if kills:
            peer.stop()
            probe.push(count)
            probe.await_beside()
            peer.start()
            probe.ask("wait")
            assert before == 0 or before <= len(peer.received())
            arrived(peer, 2 * count)
        for name, begin, over, noticed in peer.troubles() if troubles else ():
            before = failures(probe)
            begin()
            try:
                probe.push(5)
                probe.await_beside()
                if noticed:
                    # What takes bytes and gives no answers is only noticed when its buffers are full; and what was pushed may
                    # have been delivered while the trouble began.
                    until(lambda: failures(probe) > before or fills(peer, probe))
                    if isinstance(noticed, str):
                        until(lambda: noticed in problem(probe))
                    probe.await_beside()
            except Exception as error:
                raise RuntimeError("%s: %s" % (name, error)) from error
            finally:
                over()
            check(name, peer, probe)
        if troubles:
            slow(peer, SLOW_SECONDS)
            probe.push(SLOW_COUNT)
            probe.await_beside()
            probe.ask("wait")
            slow(peer, 0)
            check("slow", peer, probe)
        if isinstance(peer, peers.Http):
            refuse(peer, probe)
        hostile(peer, probe, formats)
        assert probe.rss() < MEMORY, "resident: %d" % probe.rss()
        probe.end()
        peer.stop()
        shutil.rmtree(folder)
    except Exception:
        probe.process.kill()
        sys.stderr.write("--- log of the outputs ---\n%s\n" % probe.log())
        with contextlib.suppress(Exception):
            peer.stop()
        raise


def burst(count=BURST):
    """So many at once: nothing is lost, the order holds, the slower output keeps the file from nothing."""
    folder = tempfile.mkdtemp(prefix="gyr-test-")
    peer = peers.Http("http", extra={"batch": 500})
    peer.start()
    probe = Probe(folder, [peer.output()])
    try:
        probe.push(count)
        probe.await_beside()
        probe.ask("wait")
        in_order(peer.received(), count)
        assert probe.stats()["lost"] == 0
        assert probe.rss() < 2 * MEMORY, "resident: %d" % probe.rss()
        probe.end()
        peer.stop()
        shutil.rmtree(folder)
    except Exception:
        probe.process.kill()
        raise


def silent_names():
    """No name server answers, for any output: each says so, the file has everything, and neither new outputs nor the end wait for it."""
    folder = tempfile.mkdtemp(prefix="gyr-test-")
    host = "siem.example"
    outputs = [{"type": "syslog", "name": "syslog " + way, "url": "%s://%s" % (way, host)} for way in ("udp", "tcp", "tls")]
    outputs += [{"type": "redis", "url": "redis://" + host, "topic": "t"}, {"type": "nats", "url": "nats://%s,nats://2.%s" % (host, host), "topic": "t"},
                {"type": "http", "url": "http://" + host}]
    if os.environ.get("GYR_WITHOUT") != "kafka":
        outputs.append({"type": "kafka", "url": "kafka://" + host, "topic": "t"})
    here = os.path.dirname(os.path.abspath(__file__))
    probe = Probe(folder, outputs, [*NAMESPACES, sys.executable, here + "/silent_names.py", folder])
    try:
        probe.push(3)
        probe.await_beside()
        begin = time.monotonic()
        until(lambda: all(output["failures"] > 0 for name, output in probe.stats()["outputs"].items() if name != "beside"))
        noticed = time.monotonic()
        for name, output in probe.stats()["outputs"].items():
            if name.startswith(("syslog", "redis", "nats")):
                assert "the name server does not answer" in output["problem"], "%s: %s" % (name, output["problem"])
        assert probe.ask("apply " + probe.configure("text")) == "applied"
        applied = time.monotonic()
        probe.end()
        ended = time.monotonic()
        for what, seconds in (("noticed", noticed - begin), ("replaced", applied - noticed), ("ended", ended - applied)):
            assert seconds < 20, "%s after %.1f s" % (what, seconds)
        shutil.rmtree(folder)
    except Exception:
        probe.process.kill()
        raise


# A network and mounts of one's own.
NAMESPACES = ["unshare", "--net", "--mount", *(["--user", "--map-root-user"] if os.geteuid() != 0 else [])]


def behind_proxy():
    """Nobody has the name; the proxy is asked for it, and the server plays it."""
    peer = peers.Http("http")
    peer.extra = {"url": "http://siem.invalid/ingest", "proxy": "http://127.0.0.1:%d" % peer.port}
    return peer


def main():
    # All that is left behind goes away at the end.
    with tempfile.TemporaryDirectory(prefix="gyr-outputs-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        sys.exit(1 if every_case(folder) else 0)


def every_case(folder):
    certificates = peers.Certificates(folder)
    bearer = {"token": "s3cret", "headers": {"X-Tenant": "a"}}
    cases = [
        # those that take longest first
        ("nats in a cluster", peers.NatsCluster, {}),
        ("kafka", lambda: peers.Kafka(sys.argv[2]), {}),
        ("a burst", burst, None),
        ("names without answers", silent_names, None),
        ("http", lambda: peers.Http("http", extra=bearer), {}),
        ("https with client certificates", lambda: peers.Http("http", certificates), {}),
        ("http through a proxy", behind_proxy, {}),
        ("http in batches", lambda: peers.Http("http", extra={"batch": 10}), {}),
        ("elasticsearch", lambda: peers.Http("elasticsearch"), {}),
        ("splunk", lambda: peers.Http("splunk", extra={"token": "t"}), {}),
        ("loki", lambda: peers.Http("loki"), {}),
        ("otlp", lambda: peers.Http("otlp"), {}),
        ("alertmanager", lambda: peers.Http("alertmanager"), {}),
        ("slack", lambda: peers.Http("slack"), {}),
        ("program", lambda: peers.Program(True), {}),
        ("program for each alert", lambda: peers.Program(False), {}),
        ("redis", peers.Redis, {}),
        ("redis over tls", lambda: peers.Redis(certificates), {"troubles": False}),
        ("nats", peers.Nats, {}),
        ("nats with an nkey", lambda: peers.Nats(signs=True), {"troubles": False}),
        ("nats by a neighbour", peers.NatsNeighbour, {"troubles": False, "formats": ("json",)}),  # it names itself once
        ("nats over tls", lambda: peers.Nats(certificates), {}),
        ("syslog over udp", lambda: peers.Rsyslog("udp"), {}),
        ("syslog over tcp", lambda: peers.Rsyslog("tcp"), {}),
        ("syslog over tls", lambda: peers.Rsyslog("tls", certificates), {}),
        ("syslog on the local socket", lambda: peers.Rsyslog("unix"), {}),
    ]
    failed, skipped = [], []

    def run(name, make, options):
        kind = {"redis": peers.Redis, "nats": peers.Nats, "syslog": peers.Rsyslog}.get(name.split()[0])
        if kind is not None and kind.missing():
            skipped.append(name + ": its server is not installed")
            return
        if make is silent_names and subprocess.run([*NAMESPACES, "true"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
            skipped.append(name + ": this user may have no namespaces")
            return
        begin = time.monotonic()
        try:
            make() if options is None else case(make(), **options)
            print("%s: good (%.1f s)" % (name, time.monotonic() - begin), flush=True)
        except Exception as error:  # every case is to be tried
            traceback.print_exc()
            failed.append("%s: %s" % (name, error))

    wanted = sys.argv[3:]
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
        for arguments in cases:
            if arguments[0] == os.environ.get("GYR_WITHOUT"):
                skipped.append(arguments[0] + ": left out of this build")
            elif not wanted or arguments[0] in wanted:
                pool.submit(run, *arguments)
    for name in skipped:
        print("skipped: " + name)
    for text in failed:
        print("FAILED: " + text)
    return failed


main()
