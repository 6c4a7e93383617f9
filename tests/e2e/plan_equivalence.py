#!/usr/bin/env python3
"""What the kernel leaves out is never what a rule matches: three agents watch the same workload at the same time, one whose
kernel side leaves out what the plan says, one that asks nothing of processes there, and one whose kernel side leaves out
nothing, and all raise the same alerts. With the official rules where their files are, else the default ones, and with
rules written to reach every kind of clause.

    plan_equivalence.py [SEED]     the seed of the random part; printed, so that a run can be repeated"""

import collections
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402
import workload  # noqa: E402

WORKLOAD = os.path.join(live.ROOT, "tests/support/workload.py")
OPENS = "evt.type in (open, openat, openat2, creat)"
# What can be asked of an open; every one and every pair of them becomes a rule.
OPEN_CHECKS = [
    "evt.is_open_read=true", "evt.is_open_write=true", "evt.failed=true", "evt.failed=false", "evt.res=SUCCESS",
    "evt.res=ENOENT", "evt.res startswith E", "not evt.res=SUCCESS", "evt.rawres>=0", "evt.rawres<0", "fd.num>=0",
    "fd.num<0", "fd.typechar=f", "fd.typechar=d", "fd.type=file", "container.id!=host", "container.id=host",
    "not container.id=host", "fd.nameraw contains ..", "fd.nameraw contains \"../\"", "fd.name={f}/secret",
    "fd.name in ({f}/secret, {f}/sub/secret, /etc/shadow)", "fd.name startswith {f}/sub", "fd.name startswith /etc/",
    "fd.name startswith /tmp/", "fd.name endswith /secret", "fd.name endswith .conf", "fd.name endswith /with/slash/secret",
    "fd.name pmatch ({f}/sub, /etc)", "fd.name glob {f}/s*", "fd.name contains secret", "fd.name=/etc/shadow",
    "fd.name=/proc/self/status", "fd.name=/", "fd.name=/dev/null", "fd.directory={f}", "fd.directory={f}/sub",
    "fd.directory in (/etc, /root)", "fd.directory=/", "fd.filename=secret", "fd.filename in (shadow, passwd, .hidden)",
    "fd.filename=a-name-that-is-longer-than-thirty-one-bytes-by-some", "not fd.name startswith /etc",
    "user.uid=0", "user.uid!=0", "user.name=nobody", "proc.name=cat", "not proc.name in (cat, sh)", "proc.name=bash",
    "proc.cmdline contains passwd",
]
OTHER_RULES = [
    "evt.type=connect and fd.sport={p}", "evt.type=connect and fd.sport in (9, {p})", "evt.type=connect and fd.sip=127.0.0.1",
    "evt.type=connect and fd.sip=\"::1\"", "evt.type=connect and fd.snet=127.0.0.0/8", "evt.type=connect and fd.snet=\"10.0.0.0/8\"",
    "evt.type=connect and not fd.snet in (127.0.0.0/8)", "evt.type=connect and fd.typechar=4", "evt.type=connect and fd.typechar=6",
    "evt.type=connect and fd.type in (ipv4, ipv6)", "evt.type=connect and fd.type=unix", "evt.type=connect and evt.failed=true",
    "evt.type=connect and fd.l4proto=udp and fd.sport={p}", "evt.type=connect and fd.name endswith /service.sock",
    "evt.type=connect and fd.rip=127.0.0.1 and fd.rport={p}", "evt.type=connect and fd.ip=127.0.0.1", "evt.type=connect and fd.port={p}",
    "evt.type=connect and fd.net=127.0.0.0/8", "evt.type=connect and fd.sport!={p}", "evt.type=connect and fd.lport>1023",
    "evt.type=connect and fd.sport>=1024", "evt.type=connect and fd.sport<1024", "evt.type=connect and fd.sockfamily=unix",
    "evt.type=connect and fd.cip=127.0.0.1 and evt.res=SUCCESS", "evt.type=connect and evt.res=EINPROGRESS",
    "evt.type in (sendto, sendmsg) and fd.sport={p}", "evt.type in (recvfrom, recvmsg) and fd.sport={p}",
    "evt.type=connect and fd.l4proto=udp", "evt.type=connect and fd.l4proto=tcp", "evt.type in (preadv2, pwritev2) and fd.name={f}/secret", "evt.type in (accept, accept4) and fd.typechar=4",
    "evt.type in (accept, accept4) and fd.sip=127.0.0.1", "evt.type=bind and fd.type=ipv4", "evt.type=listen and fd.typechar=4",
    "evt.type=socket and evt.res=SUCCESS", "evt.type in (write, writev) and fd.name endswith /with/slash/secret",
    "evt.type=write and fd.type=fifo", "evt.type=read and fd.directory={f}", "evt.type=write and fd.name startswith {f}",
    "evt.type in (rename, renameat, renameat2) and evt.failed=false", "evt.type in (rename, renameat, renameat2) and evt.res=ENOENT",
    "evt.type in (rename, renameat2) and fs.path.target={f}/two", "evt.type in (link, linkat) and evt.res=EEXIST",
    "evt.type in (link, linkat) and fs.path.source contains secret", "evt.type in (symlink, symlinkat) and evt.arg.target=/etc/shadow",
    "evt.type in (unlink, unlinkat) and evt.failed=true", "evt.type in (unlink, unlinkat) and fs.path.name={f}/one",
    "evt.type in (chmod, fchmodat, fchmodat2) and evt.arg.mode contains S_ISUID", "evt.type=fchmod and fd.directory={f}",
    "evt.type in (mkdir, mkdirat) and evt.res=EEXIST", "evt.type in (rmdir) and evt.failed=false", "evt.type=mount and evt.res=SUCCESS",
    "evt.type=mount", "evt.type in (umount, umount2) and evt.failed=true", "evt.type=ptrace and evt.failed=true", "evt.type=ptrace",
    "evt.type=unshare", "evt.type=setns and evt.failed=true", "evt.type=setns and evt.res=SUCCESS", "evt.type=setuid and evt.failed=true",
    "evt.type=setuid and user.uid!=0", "evt.type=memfd_create", "evt.type=bpf", "evt.type in (init_module, finit_module)",
    "evt.type=prctl and proc.name!=init", "evt.type in (dup, dup2, dup3) and fd.name startswith {f}", "evt.type=userfaultfd",
    "evt.type=chroot", "evt.type=chown", "evt.type=shutdown and not evt.res=SUCCESS", "evt.type=getpeername and not evt.res=SUCCESS",
    "evt.type=close and fd.name={f}/secret", "evt.type=close and fd.directory={f}/sub",
]


def official_rules():
    data = os.environ.get("GYR_TEST_DATA") or os.path.join(live.ROOT, "../shared/data")
    folder = os.path.join(data, "rules")
    if not os.path.isdir(folder):
        return None
    return [os.path.join(folder, name) for name in ("falco_rules.yaml", "falco-incubating_rules.yaml")]


def enabled(paths):
    """A rule file that switches every rule of these files on."""
    text = ""
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for name in re.findall(r"^- rule: (.+?)\s*$", file.read(), re.M):
                text += "- rule: %s\n  enabled: true\n" % name
    return text


def synthetic(folder, port):
    conditions = [rule.format(f=folder, p=port) for rule in OTHER_RULES]
    checks = [check.format(f=folder) for check in OPEN_CHECKS]
    for index, first in enumerate(checks):
        conditions.append("%s and %s" % (OPENS, first))
        conditions.append("%s and %s and %s" % (OPENS, first, checks[(index * 7 + 3) % len(checks)]))
        conditions.append("%s and (%s or %s)" % (OPENS, first, checks[(index * 11 + 5) % len(checks)]))
    # Only of the workload: an agent's own writes would be the other's events, for ever.
    conditions = ["(%s) and proc.env[GYR_WORKLOAD]=yes" % condition for condition in conditions]
    return [rule_text(number, condition) for number, condition in enumerate(conditions)]


def rule_text(number, condition):
    return ("- rule: R%d\n  desc: >\n    %s\n  condition: >\n    %s\n  output: \"%%evt.type %%evt.res %%fd.name "
            "%%fd.nameraw %%fd.num\"\n  priority: INFO\n" % (number, condition, condition))


def key(alert):
    return (alert["rule"], alert.get("scause"), alert["proc"]["pid"], alert["output"])


def compare(results, what, rules, texts, seed, rounds):
    folder = tempfile.mkdtemp(prefix="gyr-plan-")
    options = [*live.LARGE_RINGS, "metadata.wait=0s"]
    try:
        workload.prepare(folder)
        texts = texts(folder) if callable(texts) else texts
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            texts = [text.replace("@PORT@", str(port)) for text in texts]
            with live.Agent(rules, texts, options) as on, \
                    live.Agent(rules, texts, options + ["plan.masks=false"]) as unmasked, \
                    live.Agent(rules, texts, options + ["plan.enabled=false"]) as off:
                agents = {"plan on": on, "masks off": unmasked, "plan off": off}
                work = subprocess.Popen([sys.executable, WORKLOAD, folder, str(port), str(seed), str(rounds)],
                                        start_new_session=True, stdout=subprocess.DEVNULL,
                                        env=dict(os.environ, GYR_WORKLOAD="yes"))
                results.equal(work.wait(live.PATIENCE * 2), 0, what + ": status of the workload")
                for agent in agents.values():
                    agent.sentinel()
                    agent.stop()
        sets = {}
        for name, agent in agents.items():
            results.equal([a["gap"] for a in agent.alerts if "gap" in a], [], "%s, %s: gaps" % (what, name))
            sets[name] = collections.Counter(key(a) for a in agent.alerts
                                             if "rule" in a and a.get("proc", {}).get("sid") == work.pid)
        everything = sets.pop("plan off")
        for name, some in sets.items():
            for missing in (everything - some).items():
                results.expect(False, "%s, %s: hidden is %r" % (what, name, missing))
            for extra in (some - everything).items():
                results.expect(False, "%s, %s: only then there is %r" % (what, name, extra))
        seen = {k[0] for k in everything}
        print("%s: %d alerts of %d rules" % (what, sum(everything.values()), len(seen)))
        results.expect(len(seen) > 3, what + ": the workload raises alerts: %r" % seen)
        return seen
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    live.require_root()
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 30)
    print("seed %d" % seed)
    results = live.Results()
    official = official_rules()
    paths = official or [os.path.join(live.ROOT, "rules-default", n)
                         for n in sorted(os.listdir(os.path.join(live.ROOT, "rules-default"))) if n.endswith(".yaml")]
    compare(results, "official rules" if official else "default rules", paths, [enabled(paths)] if official else [],
            seed, 3000)
    # In three sets, so that clauses are not all joined into one that holds for everything.
    parts = 3
    seen = set()
    for part in range(parts):
        seen |= compare(results, "set %d" % part, [],
                        lambda folder, n=part: ["".join(synthetic(folder, "@PORT@")[n::parts])], seed, 600)
    everything = len(synthetic("/x", "1"))
    results.expect(len(seen) > everything * 3 // 4, "of %d rules %d were ever true" % (everything, len(seen)))
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
