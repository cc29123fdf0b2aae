# SPDX-License-Identifier: Apache-2.0
"""Each view of a pool that stands still, compared with what is kept."""
import shutil

from kit import FOOTER, STILL, golden, quit_well, still
from term import Tmux, check


def test_pool():
    """The first screen, at 80x24, has all that matters."""
    with still() as t:
        t.wait(FOOTER).settle()
        golden("pool", t.text())
        quit_well(t)


def test_other_views():
    """The other five and the help, each by its key."""
    with still() as t:
        t.wait(FOOTER)
        for key, name in (("2", "ids"), ("3", "people"), ("4", "events"),
                          ("6", "here"), ("?", "help")):
            t.send(key).settle()
            golden(name, t.text())
        t.send("\033")
        t.settle()
        quit_well(t)


def test_whatif():
    """Two marked machines: what is lost, what to do first."""
    with still() as t:
        t.wait(FOOTER).send("5").wait("WHAT IF").send(" ").wait("[x]")
        t.settle()
        golden("whatif", t.text())
        t.send("j ").wait(lambda: t.text().count("[x]") == 2).settle()
        golden("whatif-two", t.text())
        t.send(" k ").wait("Mark machines")
        quit_well(t)


def test_object_opens():
    """Enter shows who holds the object; Esc closes it."""
    with still() as t:
        t.wait(FOOTER).send("2").wait("420 of 420")
        t.send("\r").wait("SYNCED").settle()
        golden("object", t.text())
        t.send("\033").wait(lambda: "SYNCED" not in t.text())
        quit_well(t)


def test_ascii():
    """Where the locale is not UTF-8, nothing but ASCII is sent."""
    with still(lang="C") as t:
        t.wait(FOOTER).settle()
        golden("pool-ascii", t.text())
        check(all(b < 0x80 for b in t.raw), "a byte that is not ASCII")
        quit_well(t)


def test_tmux():
    """Another emulator shows the same."""
    if not shutil.which("tmux"):
        raise Exception("tmux is not installed")
    with Tmux(STILL) as t, still() as u:
        t.wait(FOOTER)
        u.wait(FOOTER).settle()
        check(t.text().rstrip() == u.text().rstrip(),
              f"tmux shows\n{t.text()}\n--- pyte\n{u.text()}")
        t.send("5").wait("WHAT IF")
        t.send("q")
