#!/usr/bin/env python3
"""Rules about files and connections, live: what the kernel acted on is what they see, whichever way it was asked for, and
what no rule names stays in the kernel. Expected values come from what the test itself opened and connected to."""

import ctypes
import os
import shutil
import socket
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import live  # noqa: E402

RULES = """
- rule: Secret Read
  desc: The file is opened for reading, by whatever name.
  condition: evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.name = {secret}
  output: "%fd.name raw=%fd.nameraw ino=%fd.ino type=%evt.type pid=%proc.pid"
  priority: WARNING
- rule: Secret Sought
  desc: An open of the folder's file that is not there.
  condition: evt.type in (open, openat, openat2) and evt.failed = true and fs.path.name = {absent}
  output: "%evt.res %proc.pid"
  priority: INFO
- rule: Connection
  desc: A connection to the test's port.
  condition: evt.type = connect and fd.sport = {port}
  output: "%fd.sip %fd.sport %fd.l4proto %proc.pid"
  priority: INFO
- rule: Removed
  desc: The file is removed.
  condition: evt.type in (unlink, unlinkat) and fs.path.name = {victim}
  output: "%evt.type %proc.pid"
  priority: INFO
- rule: Mode Changed
  desc: A set-id bit is given.
  condition: evt.type in (chmod, fchmod, fchmodat) and evt.arg.mode contains S_ISUID
  output: "%evt.type %evt.arg.mode %proc.pid"
  priority: INFO
"""

SYS_OPEN, SYS_OPENAT2 = 2, 437  # x86-64
libc = ctypes.CDLL(None, use_errno=True)


def close(fd):
    if fd < 0:
        raise OSError(ctypes.get_errno(), "open")
    os.close(fd)


def by_name(folder):
    return {
        "plain": lambda: os.close(os.open(folder + "/secret", os.O_RDONLY)),
        "old call": lambda: close(libc.syscall(SYS_OPEN, (folder + "/secret").encode(), os.O_RDONLY, 0)),
        "openat2": lambda: close(libc.syscall(SYS_OPENAT2, -100, (folder + "/secret").encode(),
                                              (ctypes.c_uint64 * 3)(os.O_RDONLY, 0, 0), 24)),
        "below a descriptor": lambda: below(folder),
        "dots": lambda: os.close(os.open(folder + "/inner/../secret", os.O_RDONLY)),
        "linked folder": lambda: os.close(os.open(folder + "/link/../secret", os.O_RDONLY)),
        "link to the file": lambda: os.close(os.open(folder + "/alias", os.O_RDONLY)),
        "the root of a process": lambda: os.close(os.open("/proc/self/root" + folder + "/secret", os.O_RDONLY)),
        "working directory": lambda: in_folder(folder),
    }


def below(folder):
    at = os.open(folder, os.O_RDONLY)
    os.close(os.open("secret", os.O_RDONLY, dir_fd=at))
    os.close(at)


def in_folder(folder):
    here = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    os.close(os.open("secret", os.O_RDONLY))
    os.fchdir(here)
    os.close(here)


def main():
    live.require_root()
    results = live.Results()
    folder = tempfile.mkdtemp(prefix="gyr-calls-")
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    try:
        for name in ("secret", "victim", "other"):
            with open(folder + "/" + name, "w", encoding="ascii") as file:
                file.write("x")
        os.mkdir(folder + "/inner")
        os.mkdir(folder + "/elsewhere")
        os.mkdir(folder + "/elsewhere/deep")
        os.symlink(folder + "/inner", folder + "/link")  # its ".." is the folder again
        os.symlink(folder + "/secret", folder + "/alias")
        os.symlink(folder + "/elsewhere/deep", folder + "/far")  # its ".." is not
        inode = os.stat(folder + "/secret").st_ino
        rules = RULES.format(secret=folder + "/secret", absent=folder + "/absent", victim=folder + "/victim", port=port)
        with live.Agent(text=[rules]) as agent:
            ways = by_name(folder)
            for way in ways.values():
                way()
            # What none of the rules names.
            os.close(os.open(folder + "/other", os.O_RDONLY))
            os.close(os.open(folder + "/secret", os.O_WRONLY))
            for missing in ("/absent", "/far/../secret"):  # the second is elsewhere/secret, which is not there
                try:
                    os.open(folder + missing, os.O_RDONLY)
                except FileNotFoundError:
                    pass
            socket.create_connection(("127.0.0.1", port)).close()
            os.unlink(folder + "/victim")
            os.chmod(folder + "/other", 0o4755)
            os.chmod(folder + "/other", 0o755)
            agent.sentinel()
            agent.stop()
            mine = [a for a in agent.alerts if a.get("output_fields", {}).get("proc.pid") == os.getpid()]
            reads = [a["output_fields"] for a in mine if a["rule"] == "Secret Read"]
            results.equal(len(reads), len(ways), "opens for reading that were told: %r" % [r["fd.nameraw"] for r in reads])
            for read in reads:
                results.equal(read["fd.name"], folder + "/secret", "the path the kernel opened")
                results.equal(read["fd.ino"], inode, "its inode")
            results.equal(sorted({r["evt.type"] for r in reads}), ["open", "openat", "openat2"], "the calls")

            def told(rule):
                return [a["output_fields"] for a in mine if a["rule"] == rule]

            results.equal([f["evt.res"] for f in told("Secret Sought")], ["ENOENT"], "an open that failed")
            results.equal([(f["fd.sip"], f["fd.sport"], f["fd.l4proto"]) for f in told("Connection")],
                          [("127.0.0.1", port, "tcp")], "the connection")
            results.equal(len(told("Removed")), 1, "the removed file")
            results.equal(len(told("Mode Changed")), 1, "the set-id bit")
            results.equal([a for a in agent.alerts if "gap" in a], [], "gaps")
    finally:
        listener.close()
        shutil.rmtree(folder)
    return results.finish()


if __name__ == "__main__":
    sys.exit(main())
