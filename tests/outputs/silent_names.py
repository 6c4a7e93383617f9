"""Runs a program where the only name server takes every question and answers none:

    unshare --net --mount python3 silent_names.py FOLDER PROGRAM [ARGUMENT]..."""

import fcntl
import os
import socket
import struct
import subprocess
import sys

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def main():
    folder, program = sys.argv[1], sys.argv[2:]
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # the program has it, and knows nothing of it
    request = bytearray(struct.pack("16sh22x", b"lo", 0))
    fcntl.ioctl(server, SIOCGIFFLAGS, request)
    name, flags = struct.unpack("16sh22x", request)
    fcntl.ioctl(server, SIOCSIFFLAGS, struct.pack("16sh22x", name, flags | IFF_UP))
    server.bind(("127.0.0.1", 53))
    os.set_inheritable(server.fileno(), True)
    # More than a minute for one name.
    for path, text in (("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:3\n"), ("/etc/nsswitch.conf", "hosts: files dns\n")):
        instead = os.path.join(folder, os.path.basename(path))
        with open(instead, "w", encoding="ascii") as file:
            file.write(text)
        subprocess.run(["mount", "--bind", instead, os.path.realpath(path)], check=True)
    os.execv(program[0], program)


main()
