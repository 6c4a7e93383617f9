#!/usr/bin/env python3
"""Metadata that is late, missing or forged: alerts come all the same, say what is missing and why, and an image's name
is only what the runtime calls it."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402
from orphans import Orphan  # noqa: E402

RULES = """
- rule: In Container
  desc: A marked program in a container, whose metadata the condition does not need.
  condition: container and proc.env[GYR_META] != ""
  output: "case=%proc.env[GYR_META] id=%container.id name=%container.name image=%container.image.repository user=%user.name"
  priority: INFO
- rule: Not From Trusted Image
  desc: Null metadata must not make this silent.
  condition: >
    container and proc.env[GYR_META] != "" and
    not container.image.repository in (docker.io/falcosecurity/falco, falcosecurity/falco)
  output: "case=%proc.env[GYR_META] image=%container.image.repository"
  priority: INFO
- rule: From Trusted Image
  desc: Null metadata must not make this alert.
  condition: >
    container and proc.env[GYR_META] != "" and container.image.repository in (docker.io/falcosecurity/falco, falcosecurity/falco)
  output: "case=%proc.env[GYR_META] image=%container.image.repository"
  priority: INFO
- rule: On Host
  desc: A marked program outside any container.
  condition: not container and proc.env[GYR_META] != ""
  output: "case=%proc.env[GYR_META] %proc.name"
  priority: INFO
"""
NO_RUNTIME = ["containers.%s=[]" % key for key in
              ("docker.sockets", "podman.sockets", "containerd.sockets", "cri.sockets", "docker.roots", "containerd.states",
               "podman.roots")]


def exec_in(rt, container, case, *command, options=()):
    live.check(rt.docker("exec", "-e", "GYR_META=" + case, *options, container, *command))


def of_case(agent, rule, case):
    return [r for r in agent.of_rule(rule) if r["output_fields"].get("proc.env[GYR_META]") == case]


def unknown_runtime(results, orphan):
    """Nothing on this host knows the container: everything that needs a runtime is missing, with a reason."""
    with live.Agent(text=[RULES], options=NO_RUNTIME) as agent:
        orphan.run("unknown")
        for rule in ("In Container", "Not From Trusted Image"):
            agent.wait_for(lambda r: r.get("rule") == rule and r["proc"]["name"] == "ls", rule)  # the last program
        agent.sentinel()
        agent.stop()
        alert = of_case(agent, "In Container", "unknown")[-1]
        results.equal(alert["container"]["id"], orphan.ID[:12], "unknown runtime: the id is there")
        reason = alert.get("missing", {}).get("container.name")
        results.expect(reason in ("pending", "no_runtime", "runtime_timeout"), "unknown runtime: reason %r" % reason)
        results.equal(alert["output_fields"].get("container.name"), None, "unknown runtime: container.name")
        results.equal(len(of_case(agent, "From Trusted Image", "unknown")), 0, "unknown runtime: positive rule")
        told = {rule: len([a for a in of_case(agent, rule, "unknown") if "amends" not in a])
                for rule in ("In Container", "Not From Trusted Image")}
        results.equal(told["Not From Trusted Image"], told["In Container"], "unknown runtime: negative rule")


def late_runtime(results, rt):
    """The same agent, with everything in place: names, and users as the container's own files have them."""
    with live.Agent(text=[RULES], runtimes=rt, options=[live.WAIT_FOR_NAMES]) as agent:
        exec_in(rt, "m1", "root", "ls", "/")
        exec_in(rt, "m1", "app", "ls", "/", options=("-u", "1000"))
        exec_in(rt, "m1", "nobody knows", "ls", "/", options=("-u", "54321"))
        exec_in(rt, "m2", "forged", "ls", "/")
        live.check(["/bin/ls", "/"], env={"GYR_META": "host"})
        # A folder named like a container does not make one.
        agent.sentinel(lambda name, value: live.check(rt.docker("exec", "-e", name + "=" + value, "m1", "ls")))
        agent.sentinel()
        for case in ("root", "app", "nobody knows", "forged"):
            for rule in ("In Container", "Not From Trusted Image"):
                agent.wait_for(lambda r: r.get("rule") == rule and r["output_fields"].get("proc.env[GYR_META]") == case,
                               "%s: %s" % (case, rule))
        agent.stop()
        users = {case: [a["user"].get("name") for a in of_case(agent, "In Container", case)]
                 for case in ("root", "app", "nobody knows")}
        results.equal(users["root"], ["root"], "user.name of root")
        results.equal(users["app"], ["app"], "user.name from the container's own passwd")
        results.expect(users["nobody knows"] in ([None], [""], ["<NA>"]), "a uid without a name: %r" % users["nobody knows"])
        results.equal([a["container"]["name"] for a in of_case(agent, "In Container", "root")], ["m1"], "container.name")
        results.equal([a["container"]["image"] for a in of_case(agent, "In Container", "forged")],
                      ["evil.example/falcosecurity/falco"], "image of the forged container")
        results.equal(len(of_case(agent, "From Trusted Image", "forged")), 0, "an image named like a trusted one")
        results.equal(len(of_case(agent, "Not From Trusted Image", "forged")), 1, "an image named like a trusted one is told")
        results.equal(len(of_case(agent, "On Host", "host")), 1, "host processes")
        results.equal(len(of_case(agent, "In Container", "host")), 0, "host processes are in no container")


def look_alike_cgroup(results):
    """A process in a cgroup named like a container's is still a host process when nothing else says container."""
    folder = live.cgroup_root() + "/gyr-test-" + str(os.getpid())
    inner = folder + "/" + "0123456789abcdef" * 4
    os.makedirs(inner)
    try:
        with live.Agent(text=[RULES]) as agent:
            live.check(["/bin/sh", "-c", "echo $$ >%s/cgroup.procs && exec /bin/ls /" % inner], env={"GYR_META": "alike"})
            agent.sentinel()
            agent.stop()
            results.equal([a["output_fields"]["proc.name"] for a in of_case(agent, "On Host", "alike")][-1:], ["ls"],
                          "a host process in a cgroup named like a container")
            results.equal(of_case(agent, "In Container", "alike"), [], "no container is made of a name")
    finally:
        os.rmdir(inner)
        os.rmdir(folder)


CONTAINERS = {}


def main():
    live.require_root()
    results = live.Results()
    look_alike_cgroup(results)
    with live.Runtimes("docker") as rt:
        live.check(rt.docker("tag", "gyr-test", "evil.example/falcosecurity/falco"))
        for name, image in (("m1", "gyr-test"), ("m2", "evil.example/falcosecurity/falco")):
            CONTAINERS[name] = live.check(rt.docker("run", "-d", "--name", name, image, "sleep", "100000"))
        late_runtime(results, rt)
    with Orphan() as orphan:
        unknown_runtime(results, orphan)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
