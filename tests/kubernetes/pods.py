#!/usr/bin/env python3
"""Terminal Access in pods of a real containerd with CRI: container, image with tag and digest, pod, namespace, uid and
labels, found without a word about where this containerd lies; twenty pods at once; the runtime restarted in between."""

import sys

import cri
from cri import live

RULE = "Terminal Access"
OUTPUT_RULE = """
- rule: Pod Shell
  desc: A shell with a terminal in a pod, with all that tells which.
  condition: spawned_process and container and proc.name = sh and proc.tty != 0
  output: >
    name=%container.name image=%container.image repository=%container.image.repository tag=%container.image.tag
    digest=%container.image.digest pod=%k8s.pod.name namespace=%k8s.ns.name uid=%k8s.pod.uid app=%k8s.pod.label[app]
    sandbox=%k8s.pod.full_sandbox_id labels=%k8s.pod.labels
  priority: WARNING
"""


def check(results, alert, node, pod, what):
    block, pod_block = alert.get("container", {}), alert.get("k8s", {})
    results.equal(alert.get("missing", {}), {}, what + ": missing values")
    results.equal(block.get("full_id"), pod.id, what + ": container id")
    results.equal(block.get("name"), pod.container, what + ": container name")
    results.equal(block.get("image"), cri.IMAGE, what + ": image")
    results.equal(block.get("image_digest"), node.digest, what + ": image digest")
    results.equal(block.get("runtime"), "containerd", what + ": runtime")
    results.equal(pod_block.get("pod"), pod.name, what + ": pod")
    results.equal(pod_block.get("namespace"), pod.namespace, what + ": namespace")
    results.equal(pod_block.get("pod_uid"), pod.uid, what + ": uid")
    for key, value in pod.labels.items():
        results.expect("%s:%s" % (key, value) in pod_block.get("labels", ""), "%s: label %s in %s" % (what, key, pod_block))


def check_fields(results, alert, node, pod, what):
    fields = alert["output_fields"]
    wanted = {"container.image.repository": "docker.io/library/shop", "container.image.tag": "1.2",
              "container.image.digest": node.digest, "k8s.pod.name": pod.name, "k8s.ns.name": pod.namespace,
              "k8s.pod.uid": pod.uid, "k8s.pod.label[app]": pod.labels["app"], "k8s.pod.full_sandbox_id": pod.sandbox}
    for name, value in wanted.items():
        results.equal(fields.get(name), value, "%s: %s" % (what, name))


def shell(results, node, agent, pod, what):
    status, output = live.run_tty(node.exec_tty(pod, "sh", "-c", "true"))
    results.expect(status == 0, "%s: exec: status %d: %r" % (what, status, output))
    for rule in (RULE, "Pod Shell"):
        # Its first word or an amendment.
        agent.wait_for(lambda r: r.get("rule") == rule and r.get("container", {}).get("full_id") == pod.id
                       and "missing" not in r, "%s of %s, with all names" % (rule, what))


def main():
    live.require_root()
    results = live.Results()
    with cri.Node() as node:
        old = cri.Pod("old", labels={"app": "ledger"})
        node.run(old)
        # No option names this containerd: its shims do.
        with live.Agent(rules=["examples/rules/terminal-access.yaml"], text=[OUTPUT_RULE]) as agent:
            web = cri.Pod("web", "shop", {"app": "web", "tier": "front"}, "nginx")
            node.run(web)
            shell(results, node, agent, web, "a new pod")
            shell(results, node, agent, old, "a pod from before")

            many = [cri.Pod("many-%02d" % i, "load", {"app": "many-%02d" % i}, "c%02d" % i) for i in range(20)]
            node.run(*many)
            for pod in many:
                shell(results, node, agent, pod, pod.name)

            node.restart()
            later = cri.Pod("later", "shop", {"app": "later"})
            node.run(later)
            shell(results, node, agent, later, "a pod after the restart")
            agent.sentinel()
            agent.stop()
            for pod in [web, old, later] + many:
                for rule in (RULE, "Pod Shell"):
                    found = [a for a in agent.of_rule(rule) if a.get("container", {}).get("full_id") == pod.id]
                    results.expect(found, "%s: %s" % (pod.name, rule))
                    for alert in found[-1:]: # the last word, when it was amended
                        check(results, alert, node, pod, pod.name)
                        if rule == "Pod Shell":
                            check_fields(results, alert, node, pod, pod.name)
            firsts = [a for a in agent.of_rule(RULE) if "revision" not in a]
            results.equal(len(firsts), 23, "alerts that are no amendments")
            amended = [a for a in agent.alerts if "amends" in a]
            print("%d of %d alerts were amended" % (len(amended), len(firsts) * 2))
            results.equal([r for r in agent.alerts if "gap" in r], [], "gap records")
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
