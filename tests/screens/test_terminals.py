# SPDX-License-Identifier: Apache-2.0
"""Terminals, sizes, resizing."""
import random
import re

from kit import FOOTER, LANRAM, STILL, golden, quit_well, still
from term import Term, check

COLOUR = re.compile(rb"\033\[(?:\d+;)*[34][0-7](?:;\d+)*m")


def test_terms():
    """Every known terminal shows the same text; colours or not."""
    for term in ("xterm-256color", "screen-256color", "linux", "vt100",
                 "xterm", "tmux-256color"):
        # ncurses asks libgpm on a console, which keeps 10 bytes.
        env = {"ASAN_OPTIONS": "detect_leaks=0"} if term == "linux" else {}
        with still(lang="C", term=term, env=env) as t:
            t.wait(FOOTER).settle()
            golden("pool-ascii", t.text())
            quit_well(t)


def test_unknown_terminals_get_text():
    """dumb, an unknown name and none: --once, no escape codes, no refusal."""
    for term in ("dumb", "no-such-terminal", ""):
        with Term(STILL, term=term) as t:
            t.wait("EVENTS")
            code, before, after = t.end()
            check(code == 0 and before == after, f"{term}: exit code {code}")
            check(b"\033" not in t.raw, f"{term}: escape codes")
            check("DEGRADED" in t.text(), f"{term}: no health")


def test_sizes():
    """1x1 to 300x100: it starts, shows the header first, and ends."""
    for rows, cols in ((1, 1), (1, 80), (2, 80), (3, 10), (4, 40), (5, 80),
                       (8, 80), (12, 40), (24, 1), (10, 300), (100, 300)):
        with still(rows, cols) as t:
            t.wait(lambda: bytes(t.raw).count(b"\n") or len(t.raw) > 20)
            t.settle()
            if cols >= 80:
                check("DEGRADED" in t.line(0), f"{rows}x{cols}: {t.text()}")
            if cols == 80 or (rows, cols) == (100, 300):
                golden(f"pool-{cols}x{rows}", t.text())
            for key in "23456?":
                t.send(key).settle(0.05)
            t.send("\033").settle(0.1)
            quit_well(t)


def test_resize():
    """The screen follows the terminal, even with LINES and COLUMNS set."""
    with still(env={"LINES": "24", "COLUMNS": "80"}) as t:
        t.wait(FOOTER).resize(40, 120)
        t.wait(lambda: FOOTER in t.line(39)).settle()
        golden("pool-120x40", t.text())
        t.resize(8, 80)
        t.wait(lambda: FOOTER in t.line(7)).settle()
        golden("pool-80x8", t.text())
        quit_well(t)


def test_resize_storm():
    """Hundreds of sizes in a row; the last one is shown right."""
    draw = random.Random(7)
    with still() as t:
        t.wait(FOOTER)
        for _ in range(300):
            t.resize(draw.randint(1, 60), draw.randint(1, 200))
            t.pump(0.002)
        t.resize(24, 80).settle(0.4)
        golden("pool", t.text())
        quit_well(t)


def test_no_flicker():
    """A pool that lives is never cleared from the screen."""
    with Term([LANRAM, "top", "--simulate", "--seed", "3"]) as t:
        t.wait(FOOTER)
        cleared = t.screen.cleared
        before = t.line(4)
        t.wait(lambda: t.line(4) != before)
        t.pump(2)
        check(t.screen.cleared == cleared, "cleared on a tick")
        quit_well(t)


def test_idle_sends_nothing():
    """A screen on which nothing changes costs the line nothing."""
    with still() as t:
        t.wait(FOOTER).settle(0.5)
        n = t.pump(2.5)
        check(n == 0, f"{n} bytes on an idle screen: {t.raw[-n:]!r}")
        quit_well(t)


def test_no_color():
    """NO_COLOR is heard; state still shows, by words."""
    with still(env={"NO_COLOR": "1"}) as t:
        t.wait(FOOTER).settle()
        check(not COLOUR.search(bytes(t.raw)), "colours")
        golden("pool", t.text())
        quit_well(t)


def test_colours_off_by_key():
    """c goes to the mono scheme and back."""
    with still() as t:
        t.wait(FOOTER).settle()
        check(b"\033[32m" in t.raw, "colours at first")
        t.send("c").settle()
        at = len(t.raw)
        t.send("2").wait("420 of 420").settle()
        check(not COLOUR.search(bytes(t.raw[at:])), "colours after c")
        quit_well(t)
