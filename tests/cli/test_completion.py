#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shell's completion, in a bash on a terminal of its own, with a pool on
the loopback and without one.
usage: test_completion.py; $top_builddir has the programs."""
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.abspath(os.environ.get("top_srcdir", "."))
BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
LIBRARY = "/usr/share/bash-completion/bash_completion"
RC = f"""PS1='$ ' PS2= HISTFILE=
bind 'set bell-style none'
bind 'set show-all-if-ambiguous on'
bind 'set completion-query-items 0'
bind 'set page-completions off'
bind 'set enable-bracketed-paste off'
bind -x '"\\C-g": printf "<%s>\\n" "$READLINE_LINE"'
. {LIBRARY}
. {SOURCE}/packaging/completion/lanram
echo "rea""dy"
"""


def check(ok, what):
    if not ok:
        raise AssertionError(str(what))


def environment(conf):
    return {**os.environ, "LANRAM_CONFIG": conf, "TERM": "dumb",
            "LANRAM_COMPLETION_WAIT": "60",  # however busy it is here
            "INPUTRC": "/dev/null", "LC_ALL": "C.UTF-8",
            "PATH": f"{BUILD}/cli:{BUILD}/daemon:{os.environ['PATH']}"}


class Shell:
    """A bash that somebody types into."""

    def __init__(self, folder, conf):
        rc = os.path.join(folder, "rc")
        with open(rc, "w") as f:
            f.write(RC)
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--noprofile", "--rcfile", rc, "-i"],
                       environment(conf))
        self.until(rb"ready\r\n")

    def until(self, pattern):
        """What came up to the pattern, and the match."""
        end = time.monotonic() + 60
        while True:
            m = re.search(pattern, self.seen, re.S)
            if m:
                self.seen, before = self.seen[m.end():], self.seen[:m.start()]
                return before.decode(), m
            check(time.monotonic() < end, f"no {pattern} in {self.seen}")
            if select.select([self.fd], [], [], 1)[0]:
                self.seen += os.read(self.fd, 65536)

    def tab(self, line):
        """The line after a Tab, and what was listed below it."""
        os.write(self.fd, line.encode() + b"\t\x07")
        said, m = self.until(rb"<(lanram [^\n]*)>\r\n")
        os.write(self.fd, b"\x05\x15")
        rows = said.split("\r\n")[1:-2]  # without the prompts
        return m.group(1).decode(), " ".join(rows).split()

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


class Pool:
    """A coordinator, a donor and a requester."""

    def __init__(self, folder):
        self.folder, self.daemons = folder, []
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.at = f"127.0.0.1:{s.getsockname()[1]}"
        self.conf = self.write("requester", "elm")

    def write(self, role, name):
        path = os.path.join(self.folder, f"{role}.conf")
        with open(path, "w") as f:
            f.write(f"""state_dir = "{self.folder}/{role}.d";
run_dir = "{self.folder}/{role}.d/run"; name = "{name}";
coordinator = "{self.at}"; discovery = false;
coordinator_role: {{ listen = "{self.at}"; admission = "open"; }};
donor_role: {{ listen = "127.0.0.1:0"; lend = "64MiB"; reserve = "1%"; }};
""")
        os.makedirs(f"{self.folder}/{role}.d", exist_ok=True)
        return path

    def start(self):
        for role, name in (("coordinator", "anvil"), ("donor", "birch"),
                           ("requester", "elm")):
            with open(f"{self.folder}/{role}.log", "wb") as log:
                self.daemons.append(subprocess.Popen(
                    ["lanramd", role, "--config", self.write(role, name)],
                    env=environment(""), stdout=log, stderr=log))
        end = time.monotonic() + 60
        while b'"up"' not in self.run("donors", "--json"):
            check(time.monotonic() < end, "a donor is up")
            time.sleep(0.1)

    def run(self, *args, stdin=b""):
        return subprocess.run(["lanram", *args], env=environment(self.conf),
                              input=stdin, capture_output=True,
                              timeout=60).stdout

    def store(self, name):
        ref = self.run("store", "-", "--name", name, stdin=b"x").strip()
        end = time.monotonic() + 60
        while not ref or ref not in self.run("list", "--json"):
            check(ref and time.monotonic() < end, f"{name} is listed")
            time.sleep(0.1)
        return ref.decode()

    def stop(self):
        """The donor last: without a coordinator it waits for nobody."""
        for d in (self.daemons[2], self.daemons[0], self.daemons[1]):
            d.terminate()
            check(d.wait(60) == 0, f"exit {d.returncode}: {d.args}")
        self.daemons = []

    def kill(self):
        for d in self.daemons:
            d.kill()
            d.wait()


def test_commands(sh, pool):
    """Every command that the help names is offered, and no other one."""
    names = re.findall(r"^  ([a-z-]+) ", pool.run("--help").decode(), re.M)
    check(len(names) > 20, names)
    check(sorted(sh.tab("lanram ")[1]) == sorted(names), "all of them")
    for name in names:
        want = sorted(n for n in names if n.startswith(name[:2]))
        line, rows = sh.tab(f"lanram {name[:2]}")
        check(sorted(rows) == want or line == f"lanram {want[0]} ",
              f"{name[:2]}: {line!r} {rows}")


def test_options(sh, pool):
    """Every option of every command's help is offered after it."""
    names = re.findall(r"^  ([a-z-]+) ", pool.run("--help").decode(), re.M)
    for name in names:
        out = pool.run(name, "--help").decode()
        want = re.findall(r"^  (?:-\w, |    )(--[a-z-]+)", out, re.M)
        check("--config" in want, out)
        check(sorted(sh.tab(f"lanram {name} --")[1]) == sorted(want), name)
    check("--version" in sh.tab("lanram --")[1], "the program's own")
    check(sh.tab("lanram --config rc sto")[0] == "lanram --config rc store ",
          "after a --config")


def test_words(sh, pool):
    """What the table spells out is offered, where it belongs."""
    for typed, want in (("rebuild pa", "rebuild pause "),
                        ("pool exp", "pool export "),
                        ("pool export rc", "pool export rc "),
                        ("pool ro", "pool rotate-key "),
                        ("name se", "name set "),
                        ("lend au", "lend auto "),
                        ("lend --json of", "lend --json off "),
                        ("admit --role do", "admit --role donor "),
                        ("invite --role donor,req",
                         "invite --role donor,requester "),
                        ("store --ttl 1h rc", "store --ttl 1h rc "),
                        ("join --file rc", "join --file rc "),
                        ("register read x wri", "register read x wri"),
                        ("store --name rc", "store --name rc"),
                        ("status x", "status x")):
        got = sh.tab(f"lanram {typed}")[0]
        check(got == f"lanram {want}", f"{typed!r}: {got!r}")
    check(sh.tab("lanram store --copies ")[1] == ["1", "2", "3"], "copies")


def test_nobody_there(sh, pool):
    """Without a daemon nothing is offered, and nothing is said."""
    check(sh.tab("lanram retrieve ") == ("lanram retrieve ", []), "names")
    check(sh.tab("lanram ping ") == ("lanram ping ", []), "donors")


def test_pool(sh, pool):
    """Names, IDs and donors come from the pool; a name is a word for the
    shell, never a command."""
    trap = os.path.join(pool.folder, "trap")
    for name in ("report: May", f"`touch {trap}`$(touch {trap})", 'a "b" \\c'):
        pool.store(name)
    ref = pool.store("plain")
    for typed, want in (("retrieve pl", "retrieve plain "),
                        ("stat rep", "stat report:\\ May "),
                        ("stat report:\\ M", "stat report:\\ May "),
                        ("stat report:", "stat report:\\ May "),
                        ('stat "rep', 'stat "report: May" '),
                        ('stat "`', 'stat "`'),
                        ("remove plain pl", "remove plain plain "),
                        (f"stat {ref[:12]}", f"stat {ref} "),
                        ("ping bi", "ping birch "),
                        ("drain bi", "drain birch ")):
        got = sh.tab(f"lanram {typed}")[0]
        check(got == f"lanram {want}", f"{typed!r}: {got!r}")
    sh.tab("lanram retrieve ")
    line, _ = sh.tab("lanram retrieve \\`")
    check(f"\\`\\$\\(touch\\ {trap}\\) " in line, line)
    check(sh.tab("lanram stat a")[0] == 'lanram stat a\\ \\"b\\"\\ \\\\c ',
          "quoted")
    check(not os.path.exists(trap), "a name was run")


def main():
    if not os.path.exists(LIBRARY):
        print("the package bash-completion is not installed")
        return 77
    os.environ.update(environment(""))
    with tempfile.TemporaryDirectory() as folder:
        pool = Pool(folder)
        sh = Shell(folder, pool.conf)
        try:
            for test in (test_commands, test_options, test_words,
                         test_nobody_there):
                test(sh, pool)
                print(f"passed  {test.__name__}")
            pool.start()
            test_pool(sh, pool)
            pool.stop()
            print("passed  test_pool")
        finally:
            sh.close()
            pool.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
