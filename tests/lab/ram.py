# SPDX-License-Identifier: Apache-2.0
"""A host with little RAM: a control group, version 1 or 2, with a limit."""
import glob
import os
import time

from lab import Skip
from netns import PREFIX

V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")
V2 = ("memory.max", "memory.current")


def _mounts():
    with open("/proc/self/mounts") as f:
        rows = [line.split() for line in f]
    v1 = [r[1] for r in rows if r[2] == "cgroup" and
          "memory" in r[3].split(",")]
    v2 = [r[1] for r in rows if r[2] == "cgroup2"]
    return v1, v2


def _parent():
    """Where groups can be made, and their files."""
    v1, v2 = _mounts()
    if v1:
        return v1[0], V1
    for path in v2:
        try:
            with open(os.path.join(path, "cgroup.subtree_control"), "w") as f:
                f.write("+memory")
            return path, V2
        except OSError:
            continue
    raise Skip("no control group with a memory controller can be made here")


class Ram:
    """`bytes` of RAM for all programs that are started through enter()."""

    def __init__(self, name, size):
        parent, (limit, self._usage) = _parent()
        for left in glob.glob(os.path.join(parent, PREFIX + "*")):
            try:
                os.rmdir(left)  # nobody is in it any more
            except OSError:
                pass
        self.size = size
        self.dir = os.path.join(parent, f"{PREFIX}{os.getpid()}-{name}")
        try:
            os.mkdir(self.dir)
            with open(os.path.join(self.dir, limit), "w") as f:
                f.write(str(size))
        except OSError as e:
            raise Skip(f"no control group with a limit: {e}") from None

    def enter(self, argv):
        procs = os.path.join(self.dir, "cgroup.procs")
        return ["sh", "-c", f'echo $$ >{procs} && exec "$@"', "sh", *argv]

    def _read(self, name):
        with open(os.path.join(self.dir, name)) as f:
            return f.read()

    def usage(self):
        return int(self._read(self._usage))

    def _row(self, name, key):
        rows = dict(line.split()[:2] for line in
                    self._read(name).splitlines())
        return int(rows.get(key, 0))

    def killed(self):
        """How many were killed for want of RAM."""
        if self._usage == V1[1]:
            return self._row("memory.oom_control", "oom_kill")
        return self._row("memory.events", "oom_kill")

    def swapped(self):
        if self._usage == V1[1]:
            return self._row("memory.stat", "swap")
        path = os.path.join(self.dir, "memory.swap.current")
        return int(self._read(path)) if os.path.exists(path) else 0

    def destroy(self):
        for _ in range(50):
            try:
                os.rmdir(self.dir)
                return
            except OSError:
                time.sleep(0.1)  # its last process is still going
