# SPDX-License-Identifier: Apache-2.0
"""Waiting with deadlines, and programs: where they lie, and running ones."""
import os
import signal
import subprocess
import time

from netns import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


class Failure(AssertionError):
    """What was to be shown did not show."""


class Skip(Exception):
    """Cannot be shown here; says why."""


# A machine that is busy with other things is no failure: deadlines below say
# what an idle one needs at most, and this is how long is waited at least.
PATIENCE_S = 60


def wait_until(cond, deadline_s, what, least_s=PATIENCE_S):
    """Polls cond until it is true; its value. Failure names `what`."""
    deadline_s = max(deadline_s, least_s)
    end = time.monotonic() + deadline_s
    last = None
    while True:
        try:
            value = cond()
            if value:
                return value
            last = value
        except Failure as e:
            last = e
        if time.monotonic() > end:
            raise Failure(f"not within {deadline_s:g} s: {what}"
                          f" (last: {str(last)[:1000]})")
        time.sleep(0.05)


def check(ok, what):
    if not ok:
        raise Failure(what)


class Programs:
    """Where the programs lie: $LANRAM_BIN, or a build tree ($LAB_BUILD, or
    the source tree itself). libtool's wrappers are passed by."""

    def __init__(self):
        self.build = os.environ.get("LAB_BUILD", TOP)
        self.env = {}
        libs = os.path.join(self.build, "lib/client/.libs")
        if os.path.isdir(libs) and "LANRAM_BIN" not in os.environ:
            self.env["LD_LIBRARY_PATH"] = libs

    def find(self, name):
        if os.path.isabs(name):
            return name
        dirs = os.environ.get("LANRAM_BIN", "").split(":")
        dirs = [d for d in dirs if d]
        dirs += [os.path.join(self.build, d)
                 for d in ("daemon", "cli", "tui", "tests/lab", "")]
        for d in dirs:
            for path in (os.path.join(d, ".libs", name),
                         os.path.join(d, name)):
                if os.path.isfile(path) and os.access(path, os.X_OK):
                    return path
        raise LabError(f"{name} is not built: {', '.join(dirs)}")


PROGRAMS = Programs()


class Result:
    """What a command left behind."""

    def __init__(self, argv, code, out, err, seconds):
        self.argv, self.code, self.out = argv, code, out
        self.err = err.decode(errors="replace")
        self.seconds = seconds

    @property
    def text(self):
        return self.out.decode(errors="replace").strip()

    def __str__(self):
        return (f"{' '.join(self.argv)} -> exit {self.code} after "
                f"{self.seconds:.2f} s\n  stdout: {self.out[:400]!r}\n"
                f"  stderr: {self.err[-1500:]}")


class Process:
    """A running program on a host, its output in a log."""

    def __init__(self, host, name, argv, env=None):
        self.host, self.name = host, name
        self.log = os.path.join(host.dir, name + ".log")
        self.expected = None       # exit code; None: not judged
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                host.enter(argv), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=host.env(env))
        host.processes.append(self)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def stop(self):
        self.signal(signal.SIGSTOP)

    def cont(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        """SIGKILL, and gone."""
        self.signal(signal.SIGKILL)
        self.popen.wait()
        self.expected = None

    def wait(self, deadline_s, what="exit"):
        deadline_s = max(deadline_s, PATIENCE_S)
        try:
            return self.popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} on {self.host.name}: no {what} "
                          f"within {deadline_s:g} s") from None

    def term(self, deadline_s=30):
        """SIGTERM, and the exit code that is expected."""
        if not self.running():
            return
        self.cont()
        self.signal(signal.SIGTERM)
        code = self.wait(deadline_s, "exit after SIGTERM")
        if self.expected is not None and code != self.expected:
            raise Failure(f"{self.name} on {self.host.name}: exit {code}, "
                          f"not {self.expected}, after SIGTERM")

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()
