# SPDX-License-Identifier: Apache-2.0
"""Machines that packages are installed on: hosts of the lab, each with a root
and a PID 1 of its own."""
import glob
import os
import re
import subprocess
import time

from lab import MORTAL, Host, LabError, Skip, check, wait_until
from netns import PREFIX, is_left_over

HERE = os.path.dirname(os.path.abspath(__file__))
# The folder with the packages: "now", "next" with a higher version, perhaps
# "earlier" with a lower one.
PACKAGES = os.environ.get("LAB_PACKAGES", "")
ROLES = ("coordinator", "donor", "requester")
# What other packages' files are changed by any installation.
SHARED = re.compile("^/upper/etc/(ld.so.cache|[.]pwd.lock|g?shadow-?|passwd-?"
                    "|group-?|sub[ug]id-?|machine-id|hostname)$")
JOURNAL = ("journalctl", "-o", "cat", *(f"-ulanram-{r}" for r in ROLES))
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
       "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def control_groups():
    """Where systemd can have a tree of its own."""
    with open("/proc/self/mounts") as f:
        rows = [line.split() for line in f]
    for row in rows:
        if row[2] == "cgroup2":
            return row[1]
    raise Skip("no cgroup2 is mounted: systemd cannot run here")


class Group:
    """A control group, and what was made in it."""

    def __init__(self, name):
        parent = control_groups()
        for left in glob.glob(os.path.join(parent, PREFIX + "*")):
            if is_left_over(os.path.basename(left)):
                self.dir = left
                self.remove(0.1)
        self.dir = os.path.join(parent, f"{PREFIX}{os.getpid()}-{name}")
        try:
            os.mkdir(self.dir)
        except OSError as e:
            raise Skip(f"no control group can be made: {e}") from None

    def remove(self, deadline_s=10):
        end = time.monotonic() + deadline_s
        while os.path.isdir(self.dir):
            for path, _, _ in os.walk(self.dir, topdown=False):
                try:
                    os.rmdir(path)
                except OSError:
                    time.sleep(0.05)  # who is in it is about to end
            if time.monotonic() > end:
                break


class Machine(Host):
    """Runs systemd, and what the packages have it run."""

    base = os.environ.get("LAB_BASE", "/")
    init = "systemd"
    unshare = ("-i", "-p", "-C", "-f", "--kill-child")
    join = ("-a",)

    def _anchor(self):
        if not PACKAGES:
            raise Skip("LAB_PACKAGES names no folder of packages")
        self.group = Group(self.name)
        self.boot_log = os.path.join(self.dir, "boot.log")
        with open(self.boot_log, "wb") as log:
            self.anchor = subprocess.Popen(
                [*MORTAL, "sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"',
                 self.group.dir, "nsenter", f"--net=/run/netns/{self.ns}",
                 "unshare", "-m", "-u", *self.unshare, "--propagation",
                 "private", os.path.join(HERE, "boot"), self.base, PACKAGES, self.name,
                 "%032x" % (0xabc00000 + self.number), self.init],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_up(self):
        """What is started from a thread ends with it: a machine is made by
        the main one, and waited for by any."""
        wait_until(self._booted, 120, f"{self.name} is up")

    def _booted(self):
        if self.anchor.poll() is not None:
            with open(self.boot_log) as f:
                raise LabError(f"{self.name}: {f.read()[-2000:]}")
        self.first = self._first()
        if not self.first:
            return False
        with open(f"/proc/{self.first}/comm") as f:
            return f.read().strip() == self.init and self._is_ready()

    def _first(self):
        pid = self.anchor.pid
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return f.read().strip()

    def _is_ready(self):
        return self.run("systemctl", "is-active", "basic.target").code == 0

    def enter(self, argv):
        return [*MORTAL, "nsenter", "-t", self.first, *self.join, "--", *argv]

    def env(self, more=None):
        return {**ENV, **(more or {})}

    def program(self, name):
        return name

    def must(self, *argv, timeout=120, **more):
        r = self.run(*argv, timeout=timeout, **more)
        check(r.code == 0, r)
        return r.text

    # --- packages ----------------------------------------------------------
    def package(self, which, name):
        """Its file, as the machine sees it."""
        deb, = glob.glob(os.path.join(PACKAGES, which, f"{name}_*.deb"))
        return f"/packages/{which}/{os.path.basename(deb)}"

    def install(self, which="now"):
        """As an admin does it who keeps what he changed."""
        self.must("dpkg", "--force-confold", "-i",
                  self.package(which, "liblanram0"),
                  self.package(which, "lanram"))
        self.must("dpkg", "--verify", "lanram", "liblanram0")

    def version(self):
        return self.must("dpkg-query", "-W", "-f", "${Version}", "lanram")

    def traces(self):
        """All that was written to the root since it was laid, but what every
        package changes, and what is called lanram anywhere."""
        found = self.must(
            "find", "/upper", "-path", "/upper/var/lib/dpkg", "-prune", "-o",
            "-path", "/upper/var/cache", "-prune", "-o", "-path",
            "/upper/var/log", "-prune", "-o", "-not", "-type", "c",
            "(", "-not", "-type", "d", "-o", "-name", "*lanram*", ")",
            "-print")
        found += "\n" + self.must("find", "/run", "/tmp", "-name", "*lanram*")
        users = self.must("getent", "passwd") + self.must("getent", "group")
        found += "\n" + "\n".join(re.findall("^.*lanram.*$", users, re.M))
        return {x for x in found.split("\n") if x and not SHARED.search(x)}

    # --- systemd -----------------------------------------------------------
    def pids(self):
        """The running roles' processes."""
        found = {}
        for role in ROLES:
            out = self.must("systemctl", "show", "-P", "MainPID",
                            f"lanram-{role}")
            if out != "0":
                found[role] = out
        return found

    def follow(self):
        """Its journal, into the report of a failure."""
        self.spawn("journal", *JOURNAL, "-f", "-n", "all")

    def journal(self):
        return self.must(*JOURNAL)

    def destroy(self):
        super().destroy()
        self.group.remove()


class Bare(Machine):
    """Nothing runs on it but what is started by hand; in the machine's own
    PID namespace, so that signals arrive."""

    base = os.environ.get("LAB_BARE_BASE", "/")
    init = "sleep"
    unshare = ("-i", "-C")
    join = ("-m", "-n", "-u", "-i", "-C")

    def _first(self):
        return str(self.anchor.pid)

    def _is_ready(self):
        return True

    def daemon(self, role):
        """As the unit would do it."""
        d = self.spawn(role, "setpriv", "--reuid", "lanram", "--regid",
                       "lanram", "--clear-groups", "lanramd", role)
        d.expected = 0
        self.daemons[role] = d
        return d
