"""What live tests share: the agent under test, container runtimes, terminals. Standard library only; needs root.

    with live.Runtimes("docker") as rt, live.Agent(rules=["examples/rules"], runtimes=rt) as gyr:
        live.run_tty(rt.docker("exec", "-it", "c1", "sh"), b"exit\\n")
        gyr.sentinel()
        print(gyr.alerts)

Nothing here sleeps to let something happen: the agent says when it is armed, and a sentinel, a process that a rule of
its own reports, tells that everything before it has been looked at.
"""

import errno
import json
import os
import pty
import queue
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = 77
PATIENCE = 180  # seconds until a missing answer is a failure: builds may run beside, on few processors
# For tests of names: alerts wait for them however slow the machine is, instead of going out without and being amended.
WAIT_FOR_NAMES = "metadata.wait=1m"
# For tests that compare all of many events: room for what others do on the machine meanwhile.
LARGE_RINGS = ["kernel.bulk_ring=64MiB", "kernel.network_ring=16MiB"]

SENTINEL_RULE = """
- rule: Test Sentinel
  desc: A process that a test starts to learn that all before it was seen.
  condition: spawned_process and proc.env[GYR_SENTINEL] != ""
  output: "sentinel=%proc.env[GYR_SENTINEL] container=%container.name image=%container.image.repository"
  priority: DEBUG
"""


def find_binary():
    for path in (os.environ.get("GYR_BINARY"), ROOT + "/build/gyr", ROOT + "/build/release/gyr",
                 ROOT + "/build/release/src/app/gyr"):
        if path and os.access(path, os.X_OK):
            return os.path.abspath(path)
    sys.exit("the agent is not built: set GYR_BINARY or run ./dev build")


def find_actor():
    for path in (os.environ.get("GYR_ACTOR"), os.path.join(os.path.dirname(find_binary()), "tests/actor"),
                 ROOT + "/build/release/tests/actor"):
        if path and os.access(path, os.X_OK):
            return os.path.abspath(path)
    sys.exit("the test helper 'actor' is not built: set GYR_ACTOR or run ./dev build")


def copy_ends(path):
    """A program there that ends at once."""
    shutil.copy(os.path.join(os.path.dirname(find_actor()), "ends"), path)


def has_compat_entry():
    """Whether the kernel takes calls of 32-bit programs; where it does not, they end by a signal."""
    evader = os.path.join(os.path.dirname(find_actor()), "evader")
    return subprocess.run([evader, "int80", "/proc/self/stat"], stdout=subprocess.DEVNULL, check=False).returncode != 122


def skip(reason):
    print("skipped: " + reason)
    sys.exit(SKIPPED)


def require_root():
    if os.geteuid() != 0:
        skip("needs root")


def cgroup_root():
    """A hierarchy of cgroups in which a test may make its own, whichever version the host has."""
    top = "/sys/fs/cgroup"
    return next(f for f in (top + "/pids", top + "/unified", top) if os.path.exists(f + "/cgroup.procs"))


def wait_until(condition, what):
    """Asks again and again until condition() is true; returns what it gave. For what tells nobody when it happens."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("%s: not within %d s" % (what, PATIENCE))
        time.sleep(0.02)
    return found


def remove_cgroup(folder):
    """A process that was killed is in its cgroup until it has ended."""
    def removed():
        try:
            os.rmdir(folder)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return False
        return True
    wait_until(removed, "the end of all processes of " + folder)


def run(argv, **options):
    """Runs a command to its end; returns the CompletedProcess with text output."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=PATIENCE * 3, **options)


def check(argv, **options):
    done = run(argv, **options)
    if done.returncode != 0:
        raise RuntimeError("%s: status %d: %s" % (shlex.join(argv), done.returncode, done.stdout.strip()))
    return done.stdout.strip()


class Terminal:
    """A command as leader of a session on a terminal of its own."""

    def __init__(self, argv, env=None, cwd=None):
        self.argv = argv
        self.written = b""
        self.status = None
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                if cwd:
                    os.chdir(cwd)
                os.execvpe(argv[0], argv, env if env is not None else os.environ)
            finally:
                os._exit(127)

    def type(self, text):
        os.write(self.master, text)

    def read_until(self, wanted):
        """Reads until wanted(what it wrote) holds; False when the terminal closes before."""
        deadline = time.monotonic() + PATIENCE
        while not wanted(self.written):
            if time.monotonic() > deadline:
                self.close()
                raise TimeoutError("%s: waited in vain; it wrote %r" % (shlex.join(self.argv), self.written))
            if not select.select([self.master], [], [], 1)[0]:
                continue
            try:
                data = os.read(self.master, 65536)
            except OSError:  # EIO: the last process on the terminal is gone
                return False
            if not data:
                return False
            self.written += data
        return True

    def written_so_far(self):
        """With what is there to be read."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            self.written += data
        return self.written

    def end(self):
        """Reads to the end; returns the exit status."""
        self.read_until(lambda _: False)
        os.close(self.master)
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.close(self.master)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def run_tty(argv, text=b"", env=None):
    """Runs a command on a terminal to its end, types text as soon as it has written something, and returns (exit status,
    what it wrote)."""
    terminal = Terminal(argv, env)
    if text and terminal.read_until(bool):
        terminal.type(text)
    return terminal.end(), terminal.written


class Agent:
    """A running `gyr run` that writes JSON lines into a pipe.

    rules: files and folders; text: the text of further rule files. alerts: all records read so far, in order.
    started(pid) is called before the agent is armed; within: a command that becomes the one given to it, as `env` does."""

    def __init__(self, rules=(), text=(), options=(), runtimes=None, arguments=(), format="json", sentinel=True,
                 listen="[]", started=None, within=()):
        self.folder = tempfile.mkdtemp(prefix="gyr-test-")
        # A journal of its own: what another agent left undelivered is nothing to this test.
        argv = [*within, find_binary(), "run", "--format", format, "-o", "journal.path=%s/journal.db" % self.folder,
                *([] if listen is None else ["-o", "server.listen=" + listen])]
        for path in rules:
            argv += ["-r", path if os.path.isabs(path) else os.path.join(ROOT, path)]
        for index, rule_text in enumerate(list(text) + ([SENTINEL_RULE] if sentinel else [])):
            path = os.path.join(self.folder, "extra-%d.yaml" % index)
            with open(path, "w", encoding="utf-8") as file:
                file.write(rule_text)
            argv += ["-r", path]
        for option in list(options) + (runtimes.options() if runtimes else []):
            argv += ["-o", option]
        argv += list(arguments)
        self.argv = argv
        self.lines = queue.Queue()
        self.alerts = []
        self.bad_lines = []
        self.log = []
        self.log_grew = threading.Condition()
        self.sentinels = 0
        self.returncode = None
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True)
        self.armed = threading.Event()
        self.readers = [threading.Thread(target=self._read_stdout, daemon=True),
                        threading.Thread(target=self._read_stderr, daemon=True)]
        for reader in self.readers:
            reader.start()
        if started is not None:
            started(self.process.pid)
        deadline = time.monotonic() + PATIENCE
        while not self.armed.wait(0.05):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError("the agent did not arm:\n%s\n%s" % (shlex.join(argv), "\n".join(self.log)))

    @property
    def pid(self):
        return self.process.pid

    def _read_stdout(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _read_stderr(self):
        for line in self.process.stderr:
            text = line.decode("utf-8", "replace").rstrip("\n")
            with self.log_grew:
                self.log.append(text)
                self.log_grew.notify_all()
            if text.startswith("gyr: armed"):
                self.armed.set()

    def _take(self, timeout):
        """One more record, None at the end of the output; raises queue.Empty."""
        line = self.lines.get(timeout=timeout)
        if line is None:
            return None
        try:
            record = json.loads(line.decode("utf-8"))  # strict: the output must be valid UTF-8
            if not isinstance(record, dict):
                raise ValueError("not an object")
        except ValueError as error:
            self.bad_lines.append((line, str(error)))
            return {}
        self.alerts.append(record)
        return record

    def wait_for(self, wanted, what="alert"):
        """Reads until a record satisfies wanted(record); returns it. As long as others come it may be behind them."""
        for record in self.alerts:
            if wanted(record):
                return record
        end = time.monotonic() + 4 * PATIENCE
        while True:
            try:
                record = self._take(max(0.01, min(PATIENCE, end - time.monotonic())))
            except queue.Empty:
                gaps = [r["gap"] for r in self.alerts if "gap" in r]
                raise TimeoutError("no %s, and nothing else within %d s; %d records, gaps %r; agent log:\n%s"
                                   % (what, PATIENCE, len(self.alerts), gaps[-5:], "\n".join(self.log[-20:])))
            if record is None:
                raise RuntimeError("the agent ended while waiting for %s:\n%s" % (what, "\n".join(self.log[-20:])))
            if record and wanted(record):
                return record

    def wait_for_next(self, begin, wanted):
        """Reads until a record behind the first `begin` ones satisfies wanted(record); returns it."""
        while True:
            while begin < len(self.alerts):
                begin += 1
                if wanted(self.alerts[begin - 1]):
                    return self.alerts[begin - 1]
            self.next_record()

    def next_record(self):
        """Reads one more record into alerts; an error when none comes."""
        try:
            record = self._take(PATIENCE)
        except queue.Empty:
            raise TimeoutError("no record within %d s; agent log:\n%s" % (PATIENCE, "\n".join(self.log[-20:])))
        if record is None:
            raise RuntimeError("the agent ended:\n%s" % "\n".join(self.log[-20:]))
        return record

    def sentinel(self, start=None):
        """Starts a sentinel, by default on the host, and reads until its alert. start(name, value): runs a process that
        has this environment variable, elsewhere."""
        self.sentinels += 1
        value = "s%d-%d" % (os.getpid(), self.sentinels)
        if start is None:
            check(["/bin/true"], env={"GYR_SENTINEL": value})
        else:
            start("GYR_SENTINEL", value)
        return self.wait_for(lambda r: r.get("rule") == "Test Sentinel"
                             and r["output_fields"].get("proc.env[GYR_SENTINEL]") == value, "sentinel " + value)

    def sentinel_after_loss(self):
        """Starts sentinels until one is reported: the first may be lost like everything else while the ring is full."""
        begin = len(self.alerts)
        deadline = time.monotonic() + PATIENCE
        while not any(r.get("rule") == "Test Sentinel" for r in self.alerts[begin:]):
            if time.monotonic() > deadline:
                raise TimeoutError("no sentinel within %d s; agent log:\n%s" % (PATIENCE, "\n".join(self.log[-20:])))
            check(["/bin/true"], env={"GYR_SENTINEL": "again"})
            try:
                while self._take(0.2) is not None:
                    pass
            except queue.Empty:
                continue
            raise RuntimeError("the agent ended (%s) while waiting for a sentinel:\n%s"
                               % (self.process.wait(PATIENCE), "\n".join(self.log[-20:])))

    def wait_for_log(self, pattern):
        """Waits for a line of the agent's own log that matches; returns the match. An alert and what the log says of it
        come through two pipes, either first."""
        found = lambda: next(filter(None, (re.search(pattern, line) for line in self.log)), None)
        with self.log_grew:
            match = self.log_grew.wait_for(found, PATIENCE)
        if match is None:
            raise TimeoutError("the log does not say %r within %d s:\n%s" % (pattern, PATIENCE, "\n".join(self.log[-20:])))
        return match

    def of_rule(self, rule):
        return [r for r in self.alerts if r.get("rule") == rule]

    def drain(self):
        """Reads to the end of the output of an agent that has ended."""
        while True:
            try:
                if self._take(PATIENCE) is None:
                    return
            except queue.Empty:
                raise TimeoutError("the agent's output does not end")

    def stop(self, number=signal.SIGTERM):
        """Ends the agent by a signal; returns the seconds it took."""
        begin = time.monotonic()
        self.process.send_signal(number)
        self.returncode = self.process.wait(PATIENCE)
        seconds = time.monotonic() - begin
        self.drain()
        for reader in self.readers:
            reader.join(PATIENCE)
        return seconds

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.returncode = self.process.wait()

    def memory_kb(self):
        with open("/proc/%d/status" % self.pid, encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise RuntimeError("no VmRSS")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Runtimes:
    """Container runtimes of their own (runtimes.sh) for the time of a `with` block: any of docker, containerd, podman."""

    def __init__(self, *names):
        self.names = names
        self.shell = None
        self.variables = {}

    def __enter__(self):
        require_root()
        self.shell = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      start_new_session=True)
        try:
            self.call("source %s/tests/support/runtimes.sh" % shlex.quote(ROOT))
            for name in self.names:
                if self.call("rt_have " + name, allowed=(0, 1)) != 0:
                    skip("this machine has no " + name)
            self.call("rt_init")
            start = {"docker": "rt_start_dockerd", "containerd": "rt_start_containerd", "podman": "rt_podman info"}
            for name in self.names:
                self.call(start[name] + " >/dev/null")
            self.shell.stdin.write("for v in ${!RT_*}; do [ $v = RT_PIDS ] || echo \"$v=${!v}\"; done; echo .\n")
            self.shell.stdin.flush()
            for line in iter(self.shell.stdout.readline, ".\n"):
                name, _, value = line.rstrip("\n").partition("=")
                self.variables[name] = value
        except BaseException:
            self.__exit__()
            raise
        return self

    def call(self, command, allowed=(0,)):
        self.shell.stdin.write(command + "; echo status=$?\n")
        self.shell.stdin.flush()
        while True:
            line = self.shell.stdout.readline()
            if not line:
                raise RuntimeError("runtimes.sh ended in: " + command)
            if line.startswith("status="):
                status = int(line[7:])
                if status not in allowed:
                    raise RuntimeError("runtimes.sh: %s: status %d" % (command, status))
                return status

    def __exit__(self, *_):
        if self.shell and self.shell.poll() is None:
            self.shell.stdin.write("rt_cleanup 2>/dev/null\nexit\n")
            self.shell.stdin.close()
            self.shell.wait(PATIENCE)

    def options(self):
        """What the agent must be told to find these runtimes instead of the machine's own."""
        v = self.variables
        states = [v["RT_CONTAINERD_STATE"], v["RT_DOCKER_EXEC_ROOT"] + "/containerd",
                  v["RT_DOCKER_EXEC_ROOT"] + "/containerd/daemon"]
        return [
            "containers.docker.sockets=[%s]" % v["RT_DOCKER_SOCKET"],
            "containers.docker.roots=[%s]" % v["RT_DOCKER_ROOT"],
            "containers.podman.sockets=[%s]" % v["RT_PODMAN_SOCKET"],
            "containers.podman.roots=[%s, %s]" % (v["RT_PODMAN_ROOT"], v["RT_PODMAN_RUNROOT"]),
            "containers.containerd.sockets=[%s]" % v["RT_CONTAINERD_SOCKET"],
            "containers.containerd.states=[%s]" % ", ".join(states),
            "containers.cri.sockets=[]",
        ]

    def docker(self, *arguments):
        v = self.variables
        return ["env", "DOCKER_CONFIG=%s/docker-config" % v["RT_DIR"], "docker", "-H", "unix://" + v["RT_DOCKER_SOCKET"],
                *arguments]

    def ctr(self, *arguments):
        return ["ctr", "-a", self.variables["RT_CONTAINERD_SOCKET"], *arguments]

    def podman(self, *arguments):
        v = self.variables
        return ["env", "CONTAINERS_CONF=%s/containers.conf" % v["RT_DIR"], "podman", "--root", v["RT_PODMAN_ROOT"],
                "--runroot", v["RT_PODMAN_RUNROOT"], "--tmpdir", v["RT_DIR"] + "/podman-tmp", "--storage-driver",
                "overlay", *arguments]

    @property
    def folder(self):
        return self.variables["RT_DIR"]


class Results:
    """Collects failures of many small checks; `finish` prints and returns the exit status."""

    def __init__(self):
        self.failures = []
        self.passed = 0

    def expect(self, condition, message):
        if condition:
            self.passed += 1
        else:
            self.failures.append(message)
            print("FAIL: " + message, flush=True)
        return bool(condition)

    def equal(self, got, want, what):
        return self.expect(got == want, "%s: got %r, expected %r" % (what, got, want))

    def finish(self):
        print("%d checks passed, %d failed" % (self.passed, len(self.failures)))
        return 1 if self.failures else 0
