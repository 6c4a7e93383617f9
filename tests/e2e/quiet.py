#!/usr/bin/env python3
"""An ordinary day on an ordinary host, with all default rules loaded: packages, builds, version control, cron, login
shells, container engines at work. Nothing of it may raise an alert.

Everything of the test runs below a process with GYR_QUIET in its environment, and an overlay appends this variable of
any ancestor to every output: alerts about other programs on the machine are not this test's."""

import os
import re
import shutil
import sys
import tempfile
import textwrap

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULES = os.path.join(live.ROOT, "rules-default")
WITNESS = """
- rule: Test Witness
  desc: Every program of the workload.
  condition: proc.env[GYR_QUIET] != "" or proc.aenv[GYR_QUIET] != ""
  output: "quiet=%proc.env[GYR_QUIET] %proc.name"
  priority: DEBUG
"""


def overlay():
    names = []
    for name in sorted(os.listdir(RULES)):
        with open(os.path.join(RULES, name), encoding="utf-8") as file:
            names += re.findall(r"^- rule: (.+?)\s*$", file.read(), re.M)
    return "".join('- rule: %s\n  output: "quiet=%%proc.aenv[GYR_QUIET]"\n  override: {output: append}\n' % name
                   for name in names)


class Day:
    def __init__(self, results, folder):
        self.results, self.folder = results, folder
        self.environment = {"GYR_QUIET": "yes", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                            "HOME": folder, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        self.done = []

    def path(self, name, text=None, mode=0o644):
        path = os.path.join(self.folder, name)
        if text is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(textwrap.dedent(text).lstrip("\n"))
            os.chmod(path, mode)
        return path

    def environment_of(self, what):
        """The step's name is the value of the mark, so that what the agent saw can be told apart by steps."""
        return dict(self.environment, GYR_QUIET=what)

    def sh(self, what, script, needs=()):
        """A step, run by a shell below the marked process; steps whose programs are missing are left out, aloud."""
        missing = [name for name in needs if not shutil.which(name)]
        if missing:
            print("left out: %s (no %s)" % (what, ", ".join(missing)))
            return
        # env as grandparent: what the shell starts has a marked ancestor
        done = live.run(["env", "sh", "-c", "sh -euc \"$0\"; exit $?", script], env=self.environment_of(what), cwd=self.folder,
                        start_new_session=True)
        if self.results.expect(done.returncode == 0, "%s: status %d: %s" % (what, done.returncode, done.stdout[-600:])):
            self.done.append(what)

    def tty(self, what, argv, text=b""):
        status, output = live.run_tty(argv, text, env=self.environment_of(what))
        if self.results.expect(status == 0, "%s: status %d: %r" % (what, status, output[-300:])):
            self.done.append(what)


def packages(day):
    day.path("pkg/DEBIAN/control", """
        Package: gyr-test-quiet
        Version: 1.0
        Architecture: all
        Maintainer: Nobody <nobody@example.com>
        Description: a package that only a test installs
    """)
    day.path("pkg/DEBIAN/postinst", """
        #!/bin/sh
        set -e
        mkdir -p /var/lib/gyr-test-quiet
        rm -f /var/log/gyr-test-quiet.log
        chown root:root /var/lib/gyr-test-quiet && chmod 4755 /usr/lib/gyr-test-quiet/tool
        id >/dev/null; uname -a >/dev/null; getent passwd root >/dev/null
    """, 0o755)
    day.path("pkg/DEBIAN/postrm", """
        #!/bin/sh
        set -e
        rm -rf /var/lib/gyr-test-quiet
    """, 0o755)
    day.path("pkg/usr/lib/gyr-test-quiet/tool", "#!/bin/sh\n:\n", 0o755)
    day.sh("build a package", "dpkg-deb --root-owner-group -b pkg quiet.deb >/dev/null")
    day.sh("install a package", "apt-get install -y --no-download ./quiet.deb >/dev/null 2>&1 || dpkg -i quiet.deb >/dev/null")
    day.sh("configure it again", "dpkg-reconfigure -fnoninteractive gyr-test-quiet", ["dpkg-reconfigure"])
    day.sh("remove a package", "dpkg -P gyr-test-quiet >/dev/null")
    day.sh("ask about packages", "apt-get -s upgrade >/dev/null; apt-cache policy bash >/dev/null; dpkg -l >/dev/null")
    day.sh("man pages", "man -w ls >/dev/null 2>&1 || true; mandb --test --quiet >/dev/null 2>&1 || true", ["man"])


def development(day):
    day.path("src/Makefile", """
        all: program
        program: main.o
        \tgcc -o $@ $^
        main.o: main.c
        \tgcc -O1 -c -o $@ $<
        check: program
        \t./program
    """)
    day.path("src/main.c", "#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n")
    day.path("src/configure", """
        #!/bin/sh
        echo 'int main(void){return 0;}' >conftest.c && gcc -o conftest conftest.c && ./conftest
        id >/dev/null; uname -m >/dev/null; hostname >/dev/null
    """, 0o755)
    day.sh("configure, build, run", "cd src && ./configure && make -s all check >/dev/null", ["gcc", "make"])
    day.sh("build in a temporary directory", "d=$(mktemp -d) && cp src/main.c $d && gcc -o $d/a.out $d/main.c && $d/a.out "
           ">/dev/null && rm -rf $d", ["gcc"])
    day.sh("version control", """
        git init -q repository && cd repository && git config user.email a@example.com && git config user.name a
        cp ../src/main.c . && git add -A && git commit -qm first && cd .. && git clone -q repository clone
        cd clone && git log --oneline | cat && git gc -q && git grep -q puts""", ["git"])
    day.sh("python", "python3 -c 'print(sum(range(10)))' && python3 -m json.tool </dev/null >/dev/null 2>&1 || true; "
           "echo 'print(1)' | python3 -", ["python3"])
    day.sh("text and archives", "tar -czf a.tgz src && tar -tzf a.tgz | sort | uniq -c | awk '{print $2}' | grep -v zzz | "
           "xargs -n1 echo >/dev/null; find . -name '*.c' -exec sh -c 'wc -l \"$1\"' _ {} \\; | sed -n 1p; "
           "echo aGVsbG8= | base64 -d >/dev/null")


def another_system(day):
    """A system made in a folder, as debootstrap, mock and installers do: what is named there is no file of the host."""
    day.sh("a system in a folder", """
        mkdir -p root/bin root/etc/cron.d root/etc/pam.d root/etc/skel root/root root/usr/bin root/var/lib/dpkg root/var/log
        cp /bin/busybox root/bin/ && cp /bin/busybox root/usr/bin/tool && echo x >root/etc/skel/.bashrc
        chroot root /bin/busybox sh -euc '
            for file in /etc/passwd /etc/shadow /etc/sudoers /etc/crontab /etc/cron.d/job /etc/pam.d/su /etc/hosts \\
                        /var/lib/dpkg/status /usr/bin/mount /var/log/dpkg.log /root/.profile; do
                echo x >/new && /bin/busybox mv /new $file
            done
            /bin/busybox chown 0:0 /etc/passwd && /bin/busybox chmod 640 /etc/shadow && /bin/busybox chmod 4755 /usr/bin/tool
            /bin/busybox cp /etc/skel/.bashrc /root/.bashrc && /bin/busybox rm /etc/shadow /var/log/dpkg.log'
        rm -rf root""", ["chroot", "busybox"])


def administration(day):
    day.path("cron.daily/cleanup", """
        #!/bin/sh
        test -x /usr/sbin/logrotate && /usr/sbin/logrotate --version >/dev/null 2>&1
        find /tmp -maxdepth 1 -name 'no-such-*' -mtime +7 -delete
        df -h >/dev/null; ps ax >/dev/null
        exit 0
    """, 0o755)
    day.path("cron.daily/report", "#!/bin/bash\nhostname; uptime; who\n", 0o755)
    day.sh("cron jobs", "run-parts cron.daily >/dev/null", ["run-parts"])
    day.sh("a command as cron runs it", "/bin/sh -c 'cd / && run-parts --report /nonexistent 2>/dev/null || true'")
    day.sh("another user", "su -s /bin/sh -c id nobody >/dev/null && su - root -c true", ["su"])
    day.sh("looking around", "id; whoami; uname -a; hostname; ps ax; ls -la /root /etc; cat /etc/passwd; "
           "ip addr 2>/dev/null || true", [])
    day.sh("log rotation", "mkdir -p var/log && echo x >var/log/app.log && gzip -f var/log/app.log && rm -f var/log/app.log.gz")
    day.tty("a login shell", ["bash", "--login", "-c", "id; ls; exit 0"])
    day.tty("an interactive shell", ["bash", "--norc", "-i"], b"ls | cat; (cd /); history | tail -1; exit\n")
    day.sh("a shell's first history", "bash --norc -ic 'HISTFILE=$HOME/.bash_history; set -o history; true; history -w' "
           "</dev/null >/dev/null 2>&1; test -s .bash_history", ["bash"])
    day.sh("accounts", "useradd -M gyr-test-quiet && usermod -aG daemon gyr-test-quiet && chage -l gyr-test-quiet >/dev/null; "
           "userdel gyr-test-quiet", ["useradd"])
    day.sh("keys", "ssh-keygen -q -t ed25519 -N '' -f id_ed25519 && ssh-keygen -y -f id_ed25519 >/dev/null", ["ssh-keygen"])
    day.sh("mounts of its own", "mkdir -p data other && unshare -m sh -euc 'mount -t tmpfs t data; mount --bind data other; "
           "mount -o remount,size=1m data; umount other; umount data'", ["unshare"])
    day.sh("links and lists", "ln -s /bin/true a-link && ln /bin/true a-hard-link 2>/dev/null || true; truncate -s 0 new.log; "
           "ldd /bin/ls >/dev/null; touch new && chmod 640 new && chown 0:0 new")
    day.tty("a shell in a shell", ["sh", "-c", "bash --norc -c 'ls | cat'; sudo -n true 2>/dev/null; true"])


def containers(day, rt):
    def docker(*arguments):
        return live.shlex.join(rt.docker(*arguments))

    day.path("image/Dockerfile", """
        FROM gyr-test
        RUN mkdir -p /srv && echo hello >/srv/file && rm -rf /var/log/* /tmp/*
        RUN adduser -D -H service 2>/dev/null || true
        COPY data /srv/data
        RUN addgroup -S service 2>/dev/null || true; id >/dev/null; date >/srv/built
        RUN mkdir -p /usr/local/bin && printf '#!/bin/sh\\nexec cat /srv/file\\n' >/usr/local/bin/start && \\
            chmod 755 /usr/local/bin/start && ln -s /usr/local/bin/start /srv/start
        RUN mkdir -p /etc/service && echo 'key=value' >/etc/service/settings && chown -R 1000:1000 /srv && \\
            find / -xdev -name '*.tmp' -exec rm -f {} + && tar -cf /srv/all.tar /etc/service && rm -rf /etc/service
        RUN mkdir -p /var/lib/dpkg /etc/cron.d /etc/sudoers.d /etc/ssh /etc/pam.d /etc/ld.so.conf.d /etc/udev/rules.d \\
                     /etc/apt/sources.list.d /usr/local/share/ca-certificates /etc/profile.d && \\
            for file in /var/lib/dpkg/status /etc/cron.d/job /etc/sudoers.d/service /etc/ssh/sshd_config /etc/pam.d/su \\
                        /etc/ld.so.conf.d/a.conf /etc/udev/rules.d/a.rules /etc/apt/sources.list.d/a.list \\
                        /usr/local/share/ca-certificates/a.crt /etc/profile.d/a.sh /root/.bashrc \\
                        /etc/shadow; do echo x >$file; done && \\
            cp /bin/busybox /usr/bin/true && chmod 4755 /usr/bin/true && /usr/bin/true && cp /bin/busybox /tmp/true && \\
            /tmp/true && find /bin -perm -4000 -exec chmod u-s {} +
        RUN printf 'true\\n' >/srv/install && sh -c ': curl -fsSL https://example.com/x | sh'
        CMD ["cat", "/srv/file"]
    """)
    day.path("image/data", "data\n")
    day.sh("build an image", "DOCKER_BUILDKIT=0 %s >/dev/null 2>&1" % docker("build", "-t", "quiet", "image"))
    day.sh("run it", docker("run", "--rm", "quiet"))
    day.sh("a service", docker("run", "-d", "--name", "service", "--health-cmd", "test -f /srv/file", "--health-interval",
                               "1s", "quiet", "sh", "-c", "while :; do date >/dev/null; sleep 1; done"))
    day.sh("look after it", "%s; %s; %s >/dev/null; %s >/dev/null" % (
        docker("exec", "service", "sh", "-c", "ps; ls /srv"), docker("logs", "service"), docker("ps", "-a"),
        docker("inspect", "service")))
    day.sh("as another user", docker("run", "--rm", "-u", "1000", "-v", day.folder + "/image:/data:ro", "gyr-test", "ls", "/data"))
    day.sh("copy from and to it", "%s && %s" % (docker("cp", "service:/srv/file", day.path("copied")),
                                               docker("cp", day.path("image/data"), "service:/srv/more")))
    day.sh("export and commit it", "%s >/dev/null && %s >/dev/null" % (docker("export", "service"),
                                                                       docker("commit", "service", "quiet2")))
    day.sh("stop it", docker("rm", "-f", "service"))
    day.path("image/Containerfile", """
        FROM gyr-test
        RUN mkdir -p /etc/cron.d && echo x >/etc/cron.d/job && cp /bin/busybox /usr/bin/tool && chmod 4755 /usr/bin/tool
    """)
    day.sh("build an image with podman", "%s >/dev/null 2>&1" % live.shlex.join(
        rt.podman("build", "--isolation", "chroot", "-f", "image/Containerfile", "-t", "quiet", "image")))
    day.sh("podman", live.shlex.join(rt.podman("run", "--rm", "gyr-test", "sh", "-c", "ls /; date")))
    day.sh("ctr", live.shlex.join(rt.ctr("run", "--rm", "docker.io/library/gyr-test:latest", "quiet", "ls", "/")))


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-quiet-")
    os.environ["GYR_QUIET"] = "yes"  # for the daemons
    try:
        with live.Runtimes("docker", "containerd", "podman") as rt:
            with live.Agent(rules=[RULES], text=[overlay(), WITNESS], runtimes=rt) as agent:
                day = Day(results, folder)
                packages(day)
                development(day)
                another_system(day)
                administration(day)
                containers(day, rt)
                agent.sentinel()
                # What waits for metadata of containers that are gone comes within the agent's own bound.
                agent.stop()
                results.equal(agent.bad_lines, [], "lines that are not JSON")
                mine = [r for r in agent.alerts if r.get("rule") not in ("Test Sentinel", "Test Witness", None)
                        and r["output_fields"].get("proc.aenv[GYR_QUIET]")]
                for alert in mine:
                    results.expect(False, "%s: %s" % (alert["rule"], alert["output"]))
                seen = agent.of_rule("Test Witness")
                print("%d steps, %d programs, %d alerts" % (len(day.done), len(seen), len(mine)))
                steps = {r["output_fields"].get("proc.env[GYR_QUIET]") for r in seen}
                for step in day.done:
                    results.expect(step in steps, "the agent saw no program of the step: " + step)
    finally:
        live.check(["rm", "-rf", folder])
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
