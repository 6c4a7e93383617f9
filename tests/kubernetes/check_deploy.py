#!/usr/bin/env python3
"""What is deployed: the chart renders, its objects are whole and fit together, the plain manifests are the chart's with
its own values, and chart, unit and program agree on the capabilities.

The chart uses a small part of Helm's templates (values, toJson, if without else, semverCompare, a merge), which is rendered here; with `--write`
deploy/kubernetes/gyr.yaml is made anew. check_deploy.py [--write] [GYR]"""

import json
import os
import re
import subprocess
import sys
import tempfile

try:
    import yaml
except ImportError:
    print("skipped: needs python3-yaml")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHART = os.path.join(ROOT, "deploy/chart/gyr")
PLAIN = os.path.join(ROOT, "deploy/kubernetes/gyr.yaml")
# Clusters that admit less unless told so refuse pods with the host's processes and files.
NAMESPACE = """---
apiVersion: v1
kind: Namespace
metadata: {name: gyr, labels: {pod-security.kubernetes.io/enforce: privileged}}
"""
APPARMOR = "container.apparmor.security.beta.kubernetes.io/gyr" # until Kubernetes 1.29
problems = []


def expect(condition, message):
    if not condition:
        problems.append(message)
        print("FAIL: " + message)


def evaluate(words, world):
    """.Values.a.b, or merge (dict "key" .Values.a) .Values.b"""
    merged = re.fullmatch(r'merge \(dict "([^"]+)" (\S+)\) (\S+)', words)
    if merged:
        return {**lookup(merged.group(3), world), merged.group(1): lookup(merged.group(2), world)}
    return lookup(words, world)


def lookup(path, world):
    value = world
    for key in path.strip().lstrip(".").split("."):
        value = value[key]  # a key that is not there is a mistake of the template
    return value


def render(text, world):
    """{{ .Values.a.b }}, {{ … | toJson }}, {{ ne .Values.a "text" }}, {{- if .Values.a }} or {{- if semverCompare ">=1.N-0" .… }}
    … {{- end }}; anything else is refused."""
    out, wanted = [], []
    for part in re.split(r"(\n?[ \t]*\{\{-.*?\}\}|\{\{.*?\}\})", text):
        tag = re.fullmatch(r"\s*\{\{-?\s*(.*?)\s*\}\}", part, re.S)
        if not tag:
            if all(wanted):
                out.append(part)
            continue
        words = tag.group(1)
        newer = re.fullmatch(r'if semverCompare ">=1\.(\d+)-0" (\S+)', words)
        if newer:
            wanted.append(int(lookup(newer.group(2), world).split(".")[1]) >= int(newer.group(1)))
        elif words.startswith("if "):
            wanted.append(bool(lookup(words[3:], world)))
        elif words == "end":
            wanted.pop()
        elif words.startswith("ne ") and all(wanted):
            path, text = words[3:].split(" ", 1)
            out.append(str(lookup(path, world) != json.loads(text)).lower())
        elif all(wanted):
            path, _, filter_name = (w.strip() for w in words.partition("|"))
            value = evaluate(path, world)
            if filter_name == "toJson":
                value = json.dumps(value)
            elif filter_name:
                raise ValueError("unknown filter " + filter_name)
            elif isinstance(value, bool):
                value = str(value).lower()
            out.append(str(value))
    if wanted:
        raise ValueError("an if without its end")
    return "".join(out)


def render_chart(changes=None, release="gyr", namespace="gyr", kubernetes="v1.20.2"):
    with open(CHART + "/values.yaml", encoding="utf-8") as file:
        values = yaml.safe_load(file)
    for key, value in (changes or {}).items():
        values[key] = {**values[key], **value} if isinstance(values[key], dict) else value
    world = {"Values": values, "Release": {"Name": release, "Namespace": namespace},
             "Capabilities": {"KubeVersion": {"Version": kubernetes}}}
    texts = []
    for name in sorted(os.listdir(CHART + "/templates")):
        with open(CHART + "/templates/" + name, encoding="utf-8") as file:
            texts.append("---\n" + render(file.read(), world).strip() + "\n")
    return "".join(texts)


def objects(text):
    return [o for o in yaml.safe_load_all(text) if o]


def by_kind(all_objects, kind, name=None):
    found = [o for o in all_objects if o["kind"] == kind and (name is None or o["metadata"]["name"] == name)]
    expect(len(found) == 1, "one %s %s" % (kind, name or ""))
    return found[0]


CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}


def check_rights(every, pod, account, config, what, taint):
    """A token and a right only where a taint is to be removed, and then this right and no other."""
    expect(account["automountServiceAccountToken"] is False, what + ": whoever else uses the account gets no token")
    expect(pod["automountServiceAccountToken"] is bool(taint), what + ": the token of the API")
    expect(config.get("kubernetes", {}).get("startup_taint", "") == taint, what + ": the taint in the configuration")
    rights = [o for o in every if o["kind"].endswith(("Role", "RoleBinding"))]
    if not taint:
        expect(not rights, what + ": no right")
        return
    role, binding = by_kind(rights, "ClusterRole"), by_kind(rights, "ClusterRoleBinding")
    expect(len(rights) == 2, what + ": one role, bound once")
    expect(role["rules"] == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "patch"]}], what + ": its right")
    expect(binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                                  "name": role["metadata"]["name"]}, what + ": the role that is bound")
    expect(binding["subjects"] == [{"kind": "ServiceAccount", "name": account["metadata"]["name"],
                                    "namespace": account["metadata"]["namespace"]}], what + ": to whom it is bound")


def check_objects(text, what, audit=False, taint=""):
    every = objects(text)
    for o in every:
        for key in ("apiVersion", "kind", "metadata"):
            expect(key in o, "%s: an object without %s" % (what, key))
        expect(o["metadata"].get("name"), "%s: a %s without a name" % (what, o.get("kind")))
        expect((o["kind"] in CLUSTER_WIDE) != ("namespace" in o["metadata"]), "%s: namespace of %s" % (what, o["kind"]))
        expect(o["kind"] in CLUSTER_WIDE or o["metadata"].get("namespace"), "%s: %s has no namespace" % (what, o["kind"]))
    daemon = by_kind(every, "DaemonSet")
    labels = daemon["spec"]["template"]["metadata"]["labels"]
    expect(daemon["spec"]["selector"]["matchLabels"].items() <= labels.items(), what + ": the selector finds its pods")
    pod = daemon["spec"]["template"]["spec"]
    account = by_kind(every, "ServiceAccount")
    expect(pod["serviceAccountName"] == account["metadata"]["name"], what + ": the service account")
    expect(pod["hostPID"] is True, what + ": the host's processes")
    expect({"operator": "Exists"} in pod["tolerations"], what + ": on tainted nodes too")
    container = pod["containers"][0]
    security = container["securityContext"]
    expect(security["privileged"] is False and security["allowPrivilegeEscalation"] is False
           and security["readOnlyRootFilesystem"] is True, what + ": not privileged, read-only")
    expect(security["capabilities"]["drop"] == ["ALL"], what + ": all other capabilities are dropped")
    volumes = {v["name"]: v for v in pod["volumes"]}
    mounts = container["volumeMounts"]
    expect({m["name"] for m in mounts} == set(volumes), what + ": every volume is mounted, every mount has a volume")
    expect(all(m.get("readOnly") for m in mounts if "hostPath" in volumes[m["name"]] and m["name"] != "journal"),
           what + ": of the host only the journal's folder can be written")
    # The kubelet brings changes to whole volumes only.
    expect(not any("subPath" in m for m in mounts), what + ": what is mounted follows its config map")
    place = next(m["mountPath"] for m in mounts if m["name"] == "config")
    expect(container["args"][-2:] == ["-c", place + "/gyr.yaml"], what + ": the configuration is read from its mount")
    expect(daemon["spec"]["template"]["metadata"]["annotations"]["gyr/audit-listen"] == ("127.0.0.1:9765" if audit else ""),
           what + ": another address of the webhook makes new pods")
    maps = {o["metadata"]["name"]: o for o in every if o["kind"] == "ConfigMap"}
    for volume in volumes.values():
        if "configMap" in volume:
            expect(volume["configMap"]["name"] in maps, what + ": a config map that there is")
    for data in (o["data"] for o in maps.values()):
        expect(all(isinstance(v, str) for v in data.values()), what + ": config maps hold text")
    config = yaml.safe_load(maps["gyr-config"]["data"]["gyr.yaml"])
    expect(config["host"]["root"] == next(m["mountPath"] for m in mounts if m["name"] == "host"), what + ": host.root")
    expect(config["include"] == [place + "/values.yaml"], what + ": the values' configuration is read")
    expect(("audit" in config) == audit, what + ": the webhook")
    if audit:
        service = by_kind(every, "Service")["metadata"]
        expect(config["audit"]["share"] == ["https://%s.%s:9765/k8s-audit" % (service["name"], service["namespace"])],
               what + ": the webhooks of the other nodes are those of a service")
    check_rights(every, pod, account, config, what, taint)
    yaml.safe_load(maps["gyr-config"]["data"]["values.yaml"])
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        expect(container[probe]["httpGet"]["port"] in ports, "%s: %s" % (what, probe))
    expect(config["server"]["probes"] == ["http://0.0.0.0:%d" % ports["probes"]], what + ": the probes' address")
    service = by_kind(every, "Service")
    expect(service["spec"]["selector"].items() <= labels.items(), what + ": the service finds the pods")
    return every


def check_confinement(old, new):
    """The profiles that runtimes give a container would keep it from what its capabilities are for."""
    for every, what in ((old, "before 1.30"), (new, "since 1.30")):
        template = by_kind(every, "DaemonSet")["spec"]["template"]
        security = template["spec"]["containers"][0]["securityContext"]
        expect(template["metadata"]["annotations"].get(APPARMOR) == "unconfined", what + ": AppArmor's annotation")
        expect(security.get("appArmorProfile") == (None if every is old else {"type": "Unconfined"}), what + ": AppArmor's profile")
        expect(security["seLinuxOptions"] == {"type": "spc_t"}, what + ": SELinux")


def unit_capabilities():
    with open(os.path.join(ROOT, "deploy/systemd/gyr.service"), encoding="utf-8") as file:
        return set(re.search(r"^CapabilityBoundingSet=(.*)$", file.read(), re.M).group(1).split())


def check_capabilities(every, gyr):
    daemon = by_kind(every, "DaemonSet")
    granted = {"CAP_" + c for c in daemon["spec"]["template"]["spec"]["containers"][0]["securityContext"]["capabilities"]["add"]}
    expect(granted == unit_capabilities(), "chart and unit grant the same: %s, %s" % (granted, unit_capabilities()))
    if not gyr:
        return
    done = subprocess.run([gyr, "doctor", "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    told = json.loads(done.stdout)
    needed = {c["name"] for c in told["capabilities_kept"] + told["capabilities_at_start"]}
    expect(granted == needed, "the program needs what it is granted: %s, %s" % (sorted(needed), sorted(granted)))


def check_config(every, gyr, what):
    """The program takes the configuration that the config map holds."""
    if not gyr:
        return
    data = by_kind(every, "ConfigMap", "gyr-config")["data"]
    with tempfile.TemporaryDirectory(prefix="gyr-deploy-") as folder:
        for name, text in data.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text.replace("/etc/gyr/config/values.yaml", folder + "/values.yaml"))
        done = subprocess.run([gyr, "config", "check", "--elsewhere", folder + "/gyr.yaml"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        expect(done.returncode == 0, "%s: the configuration is good: %s" % (what, done.stdout))


def main():
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    head = "# The chart of deploy/chart with its own values; tests/kubernetes/check_deploy.py --write makes it anew.\n"
    plain = head + NAMESPACE + render_chart()
    if "--write" in sys.argv:
        with open(PLAIN, "w", encoding="utf-8") as file:
            file.write(plain)
    with open(PLAIN, encoding="utf-8") as file:
        expect(file.read() == plain, "deploy/kubernetes/gyr.yaml is the chart's: check_deploy.py --write")
    every = check_objects(plain, "plain")
    gyr = arguments[0] if arguments else None
    check_capabilities(every, gyr)
    check_config(every, gyr, "plain")
    full = check_objects(render_chart({
        "audit": {"listen": "127.0.0.1:9765", "tlsSecret": "audit", "share": ["https://gyr-probes.gyr:9765/k8s-audit"]}, "serviceMonitor": {"enabled": True},
        "startupTaint": "gyr/not-watched", "podAnnotations": {"a/b": "c"},
        "rules": {"mine.yaml": "- list: x\n  items: [\"{{ not a template }}\", 'a: b']\n"}}), "full", audit=True, taint="gyr/not-watched")
    check_config(full, gyr, "full")
    notes = by_kind(full, "DaemonSet")["spec"]["template"]["metadata"]["annotations"]
    expect(notes.get("a/b") == "c", "annotations of the values: %s" % notes)
    check_confinement(every, objects(render_chart(kubernetes="v1.30.1-eks-5")))
    monitor = by_kind(full, "ServiceMonitor")
    expect(monitor["spec"]["endpoints"][0]["path"] == "/metrics", "the metrics' path")
    rules = by_kind(full, "ConfigMap", "gyr-rules")["data"]
    expect(yaml.safe_load(rules["mine.yaml"])[0]["items"][0] == "{{ not a template }}", "rules come through as they are")
    print("%d problems" % len(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
