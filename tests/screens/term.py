# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own: a pty, with pyte as the emulator, or
tmux. Screens are read as text; everything is waited for, with a deadline."""
import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time

import pyte

DEADLINE_S = 60
# With a sanitizer, or on a busy machine.
SLOW = float(os.environ.get("SCREENS_SLOW", "1"))


class Failure(Exception):
    pass


def check(ok, text):
    if not ok:
        raise Failure(text)


class _Screen(pyte.Screen):
    """pyte, with what ncurses uses of xterm and it lacks: REP, SU, SD."""
    last = " "
    cleared = 0  # ED 2: the whole screen was cleared

    def draw(self, data):
        super().draw(data)
        if data:
            self.last = data[-1]

    def repeat(self, count=1, **_):
        self.draw(self.last * (count or 1))

    def erase_in_display(self, how=0, *args, **kwargs):
        if how == 2:
            self.cleared += 1
        super().erase_in_display(how, *args, **kwargs)

    def scroll_up(self, count=1, **_):
        self._scroll(self.index, count, -1)

    def scroll_down(self, count=1, **_):
        self._scroll(self.reverse_index, count, 0)

    def _scroll(self, step, count, edge):
        x, y = self.cursor.x, self.cursor.y
        margins = self.margins or (0, self.lines - 1)
        self.cursor.y = margins[edge]
        for _ in range(count or 1):
            step()
        self.cursor.x, self.cursor.y = x, y

    def report_device_attributes(self, *args, **kwargs):
        pass

    def set_margins(self, *args, **kwargs):
        kwargs.pop("private", None)
        super().set_margins(*args, **kwargs)


class _Stream(pyte.Stream):
    csi = dict(pyte.Stream.csi, b="repeat", S="scroll_up", T="scroll_down")
    events = pyte.Stream.events | {"repeat", "scroll_up", "scroll_down"}


class Term:
    """`sh` runs the program between two `stty -g`."""
    SCRIPT = ('trap : INT; stty -g >"$D/before"; "$@"; echo $? >"$D/code"; '
              'stty -g >"$D/after"')

    def __init__(self, argv, rows=24, cols=80, term="xterm-256color",
                 lang="C.UTF-8", env=None):
        self.dir = tempfile.TemporaryDirectory(prefix="screens.")
        self.rows, self.cols = rows, cols
        self.raw = bytearray()
        self.screen = _Screen(max(cols, 1), max(rows, 1))
        self.stream = _Stream(self.screen)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.started = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            self._child(argv, term, lang, env or {})
        self._set_size(rows, cols)

    def _child(self, argv, term, lang, env):
        keep = {k: v for k, v in os.environ.items()
                if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "HOME",
                         "LD_LIBRARY_PATH")}
        keep.update(TERM=term, LC_ALL=lang, TZ="UTC", D=self.dir.name, **env)
        # The size stands before the program looks.
        fcntl.ioctl(0, termios.TIOCSWINSZ,
                    struct.pack("HHHH", self.rows, self.cols, 0, 0))
        os.execvpe("sh", ["sh", "-c", self.SCRIPT, "sh", *argv], keep)

    def _set_size(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, cols, 0, 0))

    # --- looking

    def pump(self, seconds=0.0):
        """Takes what comes, for at most so long; bytes taken."""
        n = 0
        end = time.monotonic() + seconds
        while True:
            left = max(0, end - time.monotonic())
            ready, _, _ = select.select([self.fd], [], [], left)
            if not ready:
                return n
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return n
            if not data:
                return n
            n += len(data)
            self.raw += data
            self.stream.feed(self.decoder.decode(data))
            if time.monotonic() >= end:
                return n

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def line(self, n):
        return self.screen.display[n].rstrip()

    def wait(self, what, deadline_s=DEADLINE_S):
        """Until the text stands on the screen, or the function holds."""
        holds = what if callable(what) else lambda: what in self.text()
        end = time.monotonic() + deadline_s * SLOW
        while not holds():
            check(time.monotonic() < end,
                  f"not on the screen in {deadline_s} s: {what}\n"
                  f"{self.text()}\n{self.raw[-300:]!r}")
            self.pump(0.02)
        return self

    def settle(self, quiet_s=0.25):
        """Until nothing came for a while."""
        end = time.monotonic() + DEADLINE_S * SLOW
        while self.pump(quiet_s * SLOW):
            check(time.monotonic() < end, "the screen never rests")
        return self

    # --- doing

    def send(self, keys):
        os.write(self.fd, keys.encode())
        return self

    def resize(self, rows, cols):
        self.screen.resize(max(rows, 1), max(cols, 1))
        self.rows, self.cols = rows, cols
        self._set_size(rows, cols)
        return self

    def program(self):
        """pid of the program itself."""
        path = f"/proc/{self.pid}/task/{self.pid}/children"
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            for pid in open(path).read().split():
                name = open(f"/proc/{pid}/comm").read().strip()
                if name not in ("stty", "sh"):
                    return int(pid)
            self.pump(0.02)
        raise Failure("the program does not run")

    def kill(self, number):
        os.kill(self.program(), number)
        return self

    def end(self):
        """Waits for the end: (exit code, what stty said before, after)."""
        end = time.monotonic() + DEADLINE_S * SLOW
        after = os.path.join(self.dir.name, "after")
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            check(time.monotonic() < end,
                  f"it does not end\n{self.text()}")
            self.pump(0.02)
        self.pump(0)
        self.pid = 0
        read = lambda n: open(os.path.join(self.dir.name, n)).read().strip()
        check(os.path.exists(after), "the shell died")
        return int(read("code")), read("before"), read("after")

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            try:
                os.close(self.fd)  # hangs up what is left
            except OSError:
                pass
            os.waitpid(self.pid, 0)
        else:
            os.close(self.fd)
        self.dir.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Tmux:
    """The same in tmux, which is a terminal of its own."""

    def __init__(self, argv, rows=24, cols=80, term="screen-256color"):
        self.socket = tempfile.mktemp(prefix="screens.tmux.")
        quoted = " ".join("'" + a.replace("'", "'\\''") + "'" for a in argv)
        self._run("-f", "/dev/null", "new-session", "-d", "-s", "t", "-x",
                  str(cols), "-y", str(rows),
                  f"env TERM={term} LC_ALL=C.UTF-8 TZ=UTC {quoted}; sleep 60")

    def _run(self, *args):
        r = subprocess.run(["tmux", "-u", "-S", self.socket, *args],
                           capture_output=True, text=True,
                           env=dict(os.environ, LC_ALL="C.UTF-8"))
        check(r.returncode == 0, f"tmux {args[0]}: {r.stderr}")
        return r.stdout

    def text(self):
        out = self._run("capture-pane", "-p", "-t", "t")
        return "\n".join(line.rstrip() for line in out.split("\n")[:-1])

    def send(self, *keys):
        self._run("send-keys", "-t", "t", *keys)
        return self

    def wait(self, what, deadline_s=DEADLINE_S):
        end = time.monotonic() + deadline_s * SLOW
        while what not in self.text():
            check(time.monotonic() < end,
                  f"not on the screen: {what}\n{self.text()}")
            time.sleep(0.05)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"],
                       capture_output=True)
