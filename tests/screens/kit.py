# SPDX-License-Identifier: Apache-2.0
"""What the tests of the screens share."""
import os
import subprocess

from term import Failure, Term, check

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("LANRAM_BUILD") or os.path.join(HERE, "..", "..")
LANRAM = os.environ.get("LANRAM_BIN") or os.path.join(BUILD, "cli", "lanram")
LANRAMD = os.environ.get("LANRAMD_BIN") or os.path.join(BUILD, "daemon",
                                                        "lanramd")
# A pool that stands still in the middle of a rebuild.
STILL = [LANRAM, "top", "--simulate", "--seed", "1", "--at", "24"]
FOOTER = "1Pool"


def still(rows=24, cols=80, args=(), **kw):
    return Term([*STILL, *args], rows=rows, cols=cols, **kw)


def golden(name, text):
    """The screen is what is kept, to the character."""
    path = os.path.join(HERE, "golden", name + ".txt")
    if os.environ.get("SCREENS_GOLDEN"):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text + "\n")
        return
    with open(path, encoding="utf-8") as f:
        want = f.read()
    if text + "\n" != want:
        raise Failure(f"{name}: the screen is\n{text}\n--- and not\n{want}")


def quit_well(t, code=0):
    t.send("q")
    got, before, after = t.end()
    check(got == code, f"exit code {got}\n{bytes(t.raw[-2000:])!r}")
    check(before == after, f"stty: {before} became {after}")


def run(*args, env=None, stdin=subprocess.DEVNULL, timeout=60):
    """Without a terminal: (code, stdout, stderr)."""
    full = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC", TERM="xterm")
    full.update(env or {})
    r = subprocess.run([LANRAM, *args], capture_output=True, text=True,
                       env=full, stdin=stdin, timeout=timeout)
    return r.returncode, r.stdout, r.stderr
