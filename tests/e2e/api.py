#!/usr/bin/env python3
"""The HTTP side of a running agent: every path of docs/openapi.json answers as it says there and no other path answers, who
may ask what, the alert stream, reload, Prometheus, the canary."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "outputs"))
import live  # noqa: E402
import peers  # noqa: E402

RULES = """
- rule: Api Test
  desc: Programs of this test.
  condition: proc.name = gyr-api-test
  output: "%proc.pid %proc.cmdline"
  priority: ERROR
  tags: [one, T1059.004]
- rule: Never
  desc: Not at work.
  condition: proc.name = nothing
  output: never
  priority: DEBUG
  enabled: false
"""
TOKEN = "a-secret-of-this-test"
DOCUMENT = json.load(open(live.ROOT + "/docs/openapi.json", encoding="utf-8"))


def wrong(value, schema, where="answer"):
    """What does not fit the schema; the part of OpenAPI that the document uses."""
    if "$ref" in schema:
        return wrong(value, DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], where)
    if "anyOf" in schema:
        return [] if any(not wrong(value, s, where) for s in schema["anyOf"]) else ["%s: fits none of the forms: %r" % (where, value)]
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}
    types = schema.get("type", list(kinds))
    types = [types] if isinstance(types, str) else types
    if not any(isinstance(value, kinds[t]) and (t == "boolean" or not isinstance(value, bool)) for t in types):
        return ["%s: %r is no %s" % (where, value, "/".join(types))]
    found = []
    if isinstance(value, dict):
        found += ["%s: '%s' is missing" % (where, key) for key in schema.get("required", []) if key not in value]
        for key, item in value.items():
            found += wrong(item, schema.get("properties", {}).get(key, {}), where + "." + key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += wrong(item, schema.get("items", {}), "%s[%d]" % (where, index))
    elif isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append("%s: %r does not fit %s" % (where, value, schema["pattern"]))
    elif "minimum" in schema and value < schema["minimum"]:
        found.append("%s: %r is too small" % (where, value))
    if "enum" in schema and value not in schema["enum"]:
        found.append("%s: %r is none of %r" % (where, value, schema["enum"]))
    return found


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("gyr")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(live.PATIENCE)
        self.sock.connect(self.path)


def ask(connection, method, path, headers=None):
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read().decode("utf-8")
    return answer.status, answer.getheader("Content-Type"), body


class Place:
    def __init__(self, folder):
        self.socket = folder + "/api.sock"
        self.port = peers.free_port()

    def unix(self, path, method="GET", headers=None):
        return ask(UnixConnection(self.socket), method, path, headers)

    def tcp(self, path, method="GET", headers=None):
        return ask(http.client.HTTPConnection("127.0.0.1", self.port, timeout=live.PATIENCE), method, path, headers)


def fits_document(results, method, path, asked, answer):
    """The answer is one that the document tells of."""
    status, kind, body = answer
    operation = DOCUMENT["paths"][path][method.lower()]
    if not results.expect(str(status) in operation["responses"], "%s %s: %d is not in the document: %s" % (method, asked, status, body)):
        return None
    content = operation["responses"][str(status)]["content"]
    wanted, = content
    results.expect(kind.split(";")[0] == wanted, "%s %s: type %s instead of %s" % (method, asked, kind, wanted))
    if wanted != "application/json":
        return body
    value = json.loads(body)
    results.equal(wrong(value, content[wanted]["schema"]), [], "%s %s %d" % (method, asked, status))
    return value


def set_off(program):
    live.check([program, "-c", "exit 0"])


def documented(results, place, agent, program, rules_file):
    set_off(program)
    alert = agent.wait_for(lambda r: r.get("rule") == "Api Test")
    for path, operations in DOCUMENT["paths"].items():
        for method in operations:
            if path == "/api/v1/alerts/stream":
                continue
            asked = path.replace("{name}", "Api%20Test")
            value = fits_document(results, method.upper(), path, asked, place.unix(asked, method.upper()))
            if path == "/api/v1/rules":
                states = {r["name"]: (r["enabled"], r["usable"], r["alerts"]) for r in value["rules"]}
                results.equal(states, {"Api Test": (True, True, 1), "Never": (False, True, 0)}, "rules")
            if path == "/status":
                results.equal(value["rules"]["not_at_work"], [{"name": "Never", "why": "disabled"}], "rules not at work")
                results.expect(any(h["name"] == "sched_process_exec" and h["active"] for h in value["coverage"]), "coverage")
        for method in {"get", "post", "delete", "put"} - set(operations):
            results.equal(place.unix(asked, method.upper())[0], 405, method + " " + path)
    for path in ("/", "/nothing", "/api/v1/", "/api/v1/rules/", "/api/v1/alerts/", "/healthz/x", "/status.json"):
        results.equal(place.unix(path)[0], 404, path)
    fits_document(results, "GET", "/api/v1/rules/{name}", "no rule", place.unix("/api/v1/rules/no%20rule"))
    for query in ("filter=priority+%3E%3E", "filter=nothing+%3D+1", "limit=0", "limit=1001", "limit=x", "since=yesterday", "after=-1", "odd=1"):
        answer = place.unix("/api/v1/alerts?" + query)
        results.equal(answer[0], 400, query)
        fits_document(results, "GET", "/api/v1/alerts", query, answer)
    found = json.loads(place.unix("/api/v1/alerts?filter=rule+%3D+%22Api+Test%22&since=1h&limit=1")[2])
    results.equal([a["record"]["uuid"] for a in found["alerts"]], [alert["uuid"]], "the alert by its rule")
    rest = json.loads(place.unix("/api/v1/alerts?filter=kind+%%3D+alert&after=%d" % found["next"])[2])
    results.equal((rest["alerts"], rest["complete"]), ([], True), "nothing behind it")


def read_events(file, count):
    events = []
    event = {}
    while len(events) < count:
        line = file.readline().decode("utf-8").rstrip("\n")
        if not line and event:
            events.append(event)
            event = {}
        elif ": " in line:
            key, _, value = line.partition(": ")
            event[key] = value
    return events


def stream(results, place, program):
    def open_stream(query="", headers=None):
        connection = UnixConnection(place.socket)
        connection.request("GET", "/api/v1/alerts/stream" + query, headers=headers or {})
        answer = connection.getresponse()
        results.equal((answer.status, answer.getheader("Content-Type")), (200, "text/event-stream"), "stream")
        return connection, answer
    only = "?filter=rule+%3D+%22Api+Test%22"
    connection, answer = open_stream(only)
    set_off(program)
    set_off(program)
    first, second = read_events(answer.fp, 2)
    results.equal((first["event"], json.loads(first["data"])["rule"]), ("alert", "Api Test"), "event of the stream")
    results.equal(wrong(json.loads(first["data"]), {"$ref": "#/components/schemas/Alert"}), [], "its data")
    connection.close()
    _, again = open_stream(only, {"Last-Event-ID": first["id"]})
    results.equal(read_events(again.fp, 1), [second], "a reader that comes back goes on where it was")
    _, whole = open_stream(only + "&after=0")
    results.equal(read_events(whole.fp, 3)[1:], [first, second], "from the beginning")
    results.equal(place.unix("/api/v1/alerts/stream?filter=%28")[0], 400, "a filter that is none")


def reload(results, place, agent, rules_file):
    before = json.loads(place.unix("/status")[2])["rules"]
    with open(rules_file, "a", encoding="utf-8") as file:
        file.write("- rule: Added\n  desc: d\n  condition: proc.name = x\n  output: o\n  priority: ERROR\n")
    value = fits_document(results, "POST", "/api/v1/reload", "good", place.unix("/api/v1/reload", "POST"))
    after = json.loads(place.unix("/status")[2])["rules"]
    results.equal((value["good"], after["enabled"]), (True, before["enabled"] + 1), "reload")
    results.expect(before["hash"] != after["hash"], "other rules have another hash")
    with open(rules_file, "a", encoding="utf-8") as file:
        file.write("- rule: Broken\n  condition: (\n")
    answer = place.unix("/api/v1/reload", "POST")
    value = fits_document(results, "POST", "/api/v1/reload", "broken", answer)
    results.equal((answer[0], value["good"]), (422, False), "reload of a broken file")
    kept = json.loads(place.unix("/status")[2])["rules"]
    results.equal((kept["hash"], kept["last_failure"]), (after["hash"], value["message"]), "the rules that stay, and why")
    agent.wait_for(lambda r: r.get("notice", {}).get("kind") == "reload_failed", "notice of the failed reload")


def strangers(results, place):
    results.equal(place.tcp("/api/v1/alerts")[0], 200, "loopback")
    for headers in ({"Host": "evil.example"}, {"Host": "evil.example:%d" % place.port}, {"Origin": "http://evil.example"},
                    {"Origin": "null"}):
        answer = place.tcp("/api/v1/alerts", headers=headers)
        results.equal(answer[0], 403, "a web page: %r" % headers)
        fits_document(results, "GET", "/api/v1/alerts", "web page", answer)
    for host in ("localhost:%d" % place.port, "127.0.0.1", "[::1]:%d" % place.port):
        results.equal(place.tcp("/status", headers={"Host": host})[0], 200, "by the name " + host)


# With Falco's names, as docs/falco.md promises them.
FALCO_METRICS = """
falco_version_info falco_kernel_release_info evt_hostname_info scap_engine_name_info falco_sha256_rules_files_info
falco_start_timestamp_nanoseconds falco_reload_timestamp_nanoseconds falco_host_boot_timestamp_nanoseconds
falco_duration_seconds_total falco_host_num_cpus_total falco_cpu_usage_ratio falco_memory_rss_bytes falco_memory_vsz_bytes
falco_memory_pss_bytes falco_host_cpu_usage_ratio falco_host_memory_used_bytes falco_host_procs_running_total
falco_host_open_fds_total falco_rules_matches_total falco_outputs_queue_num_drops_total scap_n_evts_total scap_n_drops_total
scap_n_drops_buffer_total scap_n_drops_task_total scap_n_threads_total scap_n_added_threads_total scap_n_drops_full_threadtable_total
plugins_container_n_containers_total plugins_container_n_missing_container_images_total
"""


# Of Falco's names, those that are not there, and why; docs/falco.md says it too.
NOT_SERVED = (
    ("falco_jemalloc_.*", "the allocator is another"),
    ("scap_n_fds_total|scap_n_(added|removed)_fds_total|scap_n_(noncached|cached|failed)_fd_lookups_total", "there is no table of descriptors"),
    ("scap_n_(noncached|cached|failed)_thread_lookups_total|scap_n_removed_threads_total", "there is no cache in front of the processes"),
    ("scap_n_(stored_evts|store_evts_drops|retrieved_evts|retrieve_evts_drops)_total", "enter and exit of a call are one event"),
    ("scap_n_drops_(scratch_map|page_faults|bug)_total|scap_n_preemptions_total", "of Falco's drivers"),
    ("scap_n_(evts|drops)_(cpu|dev_.*)_total", "there is one buffer for all processors"),
    ("scap_n_evts_task(_file_.*)?_total|scap_n_drops_task_file_.*_total|scap_n_drops_max_event_size_total", "the first scan is of processes alone"),
    ("plugins_<plugin>_<metric>_total", "what is built in counts under names of its own"),
)


def falco_names(results, text):
    """Falco's table of metrics against the page: each name is there with its type, or has a reason."""
    data = os.environ.get("GYR_TEST_DATA") or os.path.join(live.ROOT, "../shared/data")
    path = os.path.join(data, "../reference/metrics.tsv")
    if not os.path.exists(path):
        print("skipped: no reference beside the test data")
        return
    types = dict(re.findall(r"^# TYPE falcosecurity_(\S+) (\S+)$", text, re.M))
    with open(path, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    names = {row[1].removeprefix("falcosecurity_"): row[2] for row in rows if row[1] != "-"}
    results.expect(len(names) > 60, "the table has %d names" % len(names))
    for name, kind in names.items():
        reasons = [reason for pattern, reason in NOT_SERVED if re.fullmatch(pattern, name)]
        if "<prog>" in name:
            continue  # they are there while the kernel counts (programs())
        if name in ("falco_container_memory_used_bytes", "falco_sha256_config_files_info") and name not in types:
            continue  # a host without control groups for memory; an agent without a configuration file (guarded() has one)
        results.expect((name in types) != bool(reasons), "%s is %s" % (name, "there, with a reason not to be" if reasons else "not there"))
        if name in types and "/" not in kind:
            results.equal(types[name], kind.split()[0], "type of " + name)


def programs(results, place):
    """While the kernel counts what programs of ours cost, it is told."""
    switch = "/proc/sys/kernel/bpf_stats_enabled"
    with open(switch, encoding="ascii") as file:
        before = file.read()
    try:
        with open(switch, "w", encoding="ascii") as file:
            file.write("1")
        live.check(["true"])
        _, _, text = place.unix("/metrics")
        ran = re.findall(r"^falcosecurity_scap_(\w+)_run_cnt_total (\d+)$", text, re.M)
        results.expect(any("exec" in name and int(count) > 0 for name, count in ran), "programs that ran: %r" % ran)
        for name, count in ran:
            spent = sample(text, "falcosecurity_scap_%s_run_time_nanoseconds_total" % name)
            average = sample(text, "falcosecurity_scap_%s_avg_time_nanoseconds" % name)
            results.expect(spent and average == int(spent / int(count)), "%s: %r ns in %s runs, %r each" % (name, spent, count, average))
    finally:
        with open(switch, "w", encoding="ascii") as file:
            file.write(before)


def metrics(results, place, folder):
    # An alert has been read before its output has written down that it was.
    live.wait_until(lambda: '\ngyr_output_undelivered{output="stdout",type="stdout"} 0' in place.unix("/metrics")[2],
                    "all alerts delivered")
    status, _, text = place.unix("/metrics")
    results.equal(status, 200, "/metrics")
    for name in ('gyr_rule_alerts_total{rule="Api Test"} ', "gyr_rule_cost_seconds_total{", "gyr_events_total ", "gyr_journal_head ",
                 'gyr_output_undelivered{output="stdout",type="stdout"} 0', "gyr_process_table_budget_bytes 67108864",
                 'gyr_alert_latency_seconds_bucket{output="stdout",le="+Inf"}', 'gyr_events_lost_total{lane="process",event="exec"} 0',
                 'falcosecurity_falco_rules_matches_total{priority="3",rule_name="Api Test",source="syscall",tag_T1059_004="true",tag_one="true"} ',
                 "falcosecurity_scap_n_evts_total ", 'falcosecurity_scap_n_drops_buffer_total{drop="execve",dir="exit"} 0',
                 "falcosecurity_falco_sha256_rules_files_info{file_name="):
        results.expect("\n" + name in text, "metric %s in:\n%s" % (name, text if len(text) < 100 else ""))
    families = re.findall(r"^# TYPE (\S+)", text, re.M)
    results.equal(sorted(set(families)), sorted(families), "each family once")
    results.equal({"falcosecurity_" + name for name in FALCO_METRICS.split()} - set(families), set(), "metrics with Falco's names")
    falco_names(results, text)
    busy = sample(text, "falcosecurity_falco_host_cpu_usage_ratio")
    results.expect(busy is not None and 0 < busy <= 1, "the host's processors: %r" % busy)
    programs(results, place)
    if not shutil.which("prometheus"):
        print("skipped: prometheus is not installed")
        return
    port = peers.free_port()
    with open(folder + "/prometheus.yml", "w", encoding="ascii") as file:
        file.write("global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
                   "scrape_configs: [{job_name: gyr, static_configs: [{targets: ['127.0.0.1:%d']}]}]\n" % place.port)
    server = subprocess.Popen(["prometheus", "--config.file=" + folder + "/prometheus.yml", "--storage.tsdb.path=" + folder + "/tsdb",
                               "--web.listen-address=127.0.0.1:%d" % port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        peers.await_port(port)

        def query(expression):
            path = "/api/v1/query?query=" + expression
            status, _, body = ask(http.client.HTTPConnection("127.0.0.1", port, timeout=live.PATIENCE), "GET", path)
            return json.loads(body)["data"]["result"] if status == 200 else []  # it may be starting yet
        # What it took once is not told any more when a later time it took too long.
        live.wait_until(lambda: any(s["metric"]["rule"] == "Api Test" and int(s["value"][1]) >= 1
                                    for s in query("gyr_rule_alerts_total")), "the metrics in prometheus")
    finally:
        server.kill()
        server.wait()


def sample(text, name):
    match = re.search("^" + re.escape(name) + r" (\S+)$", text, re.M)
    return float(match.group(1)) if match else None


def canary(results, place, agent):
    record = agent.wait_for(lambda r: r.get("rule") == "Gyr internal: canary", "canary")
    results.equal((record["priority"], record["tags"]), ("DEBUG", ["gyr_internal"]), "the canary's alert")
    beat = agent.wait_for(lambda r: r.get("notice", {}).get("kind") == "heartbeat", "heartbeat")
    rules_hash = json.loads(place.unix("/status")[2])["rules"]["hash"]
    results.expect(rules_hash in beat["notice"]["message"], "heartbeat with the hash: %r" % beat)
    for name in ('gyr_canary_age_seconds{output="journal"}', 'gyr_canary_age_seconds{output="stdout"}'):
        age = sample(place.unix("/metrics")[2], name)
        results.expect(age is not None and age < live.PATIENCE, "%s: %r" % (name, age))


def guarded(results, folder, rules_file):
    """A token, client certificates, addresses that are open to others, probes."""
    place = Place(folder)
    probe_port, tls_port = peers.free_port(), peers.free_port()
    certificates = peers.Certificates(folder)
    with open(folder + "/token", "w", encoding="ascii") as file:
        file.write(TOKEN + "\n")
    with open(folder + "/gyr.yaml", "w", encoding="ascii") as file:
        json.dump({"server": {"listen": ["unix://" + place.socket, "http://0.0.0.0:%d" % place.port, "https://127.0.0.1:%d" % tls_port],
                              "token": "${file:%s/token}" % folder, "probes": ["http://0.0.0.0:%d" % probe_port],
                              "tls": {"cert": certificates.cert, "key": certificates.key, "ca": certificates.ca}}}, file)
    agent_arguments = ["-c", folder + "/gyr.yaml"]
    with live.Agent(rules=[rules_file], arguments=agent_arguments, listen=None) as agent:
        results.equal(place.unix("/status")[0], 200, "the Unix socket asks for no token")
        results.expect("\nfalcosecurity_falco_sha256_config_files_info{file_name=" in place.unix("/metrics")[2], "the digest of its file")
        for headers, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 401), ({"Authorization": TOKEN}, 401),
                                ({"Authorization": "Bearer " + TOKEN}, 200)):
            answer = place.tcp("/status", headers=headers)
            results.equal(answer[0], status, "with %r" % headers)
            fits_document(results, "GET", "/status", "token", answer)
        import ssl
        context = ssl.create_default_context(cafile=certificates.ca)
        try:
            ask(http.client.HTTPSConnection("127.0.0.1", tls_port, context=context, timeout=live.PATIENCE), "GET", "/status")
            results.expect(False, "without a client certificate there was an answer")
        except (ssl.SSLError, OSError):
            pass
        context.load_cert_chain(certificates.client_cert, certificates.client_key)
        answer = ask(http.client.HTTPSConnection("127.0.0.1", tls_port, context=context, timeout=live.PATIENCE), "GET", "/status")
        results.equal(answer[0], 200, "with a client certificate")
        for path, status in (("/healthz", 200), ("/readyz", 200), ("/versions", 200), ("/metrics", 200), ("/status", 404),
                             ("/api/v1/alerts", 404), ("/api/v1/reload", 404)):
            probe = http.client.HTTPConnection("127.0.0.1", probe_port, timeout=live.PATIENCE)
            results.equal(ask(probe, "POST" if path.endswith("reload") else "GET", path)[0], status, "probe " + path)
        agent.stop()
    for listen in ("http://0.0.0.0:%d" % place.port, "https://0.0.0.0:%d" % place.port, "http://[::]:%d" % place.port):
        done = subprocess.run([live.find_binary(), "run", "-r", rules_file, "-o", "journal.path=\"\"", "-o", 'server.listen=["%s"]' % listen],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=live.PATIENCE)
        results.expect(done.returncode == 2 and "server.token" in done.stderr, "%s: %d %s" % (listen, done.returncode, done.stderr))


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-api-")
    try:
        program = folder + "/gyr-api-test"
        shutil.copy("/bin/dash", program)
        rules_file = folder + "/rules.yaml"
        with open(rules_file, "w", encoding="ascii") as file:
            file.write(RULES)
        place = Place(folder)
        listen = '["unix://%s", "http://127.0.0.1:%d"]' % (place.socket, place.port)
        with live.Agent(rules=[rules_file], sentinel=False, listen=listen, options=["watch=false"]) as agent:
            documented(results, place, agent, program, rules_file)
            stream(results, place, program)
            strangers(results, place)
            metrics(results, place, folder)
            reload(results, place, agent, rules_file)
            agent.stop()
            results.expect(not os.path.exists(place.socket), "the socket is gone at the end")
        with open(rules_file, "w", encoding="ascii") as file:
            file.write(RULES)
        with live.Agent(rules=[rules_file], sentinel=False, listen=listen, options=["canary=1s", "heartbeat=1s"]) as agent:
            canary(results, place, agent)
            agent.stop()
        guarded(results, folder, rules_file)
    finally:
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
