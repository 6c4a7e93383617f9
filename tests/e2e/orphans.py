"""Containers that no runtime of this host has made."""

import os

import live


class Orphan:
    """A container that no runtime knows: own namespaces, in a cgroup spelt as Docker spells them, or in another folder as
    nobody in particular does."""

    ID = "fedcba9876543210" * 4

    def __init__(self, parent="docker"):
        self.parent = parent

    def __enter__(self):
        base = live.cgroup_root()
        self.made = []
        for folder in ("%s/%s" % (base, self.parent), "%s/%s/%s" % (base, self.parent, self.ID)):
            if not os.path.exists(folder):
                os.mkdir(folder)
                self.made.append(folder)
        self.folder = "%s/%s/%s" % (base, self.parent, self.ID)
        return self

    def __exit__(self, *_):
        for folder in reversed(self.made):
            live.remove_cgroup(folder)

    def run(self, case):
        """A program in it, which ends at once."""
        live.check(self.command("exec /bin/ls /"), env={"GYR_META": case, "PATH": "/usr/bin:/bin"})

    def command(self, script):
        return ["/bin/sh", "-c", "echo $$ >%s/cgroup.procs && exec unshare --mount --pid --fork /bin/sh -c \"$0\""
                % self.folder, script]
