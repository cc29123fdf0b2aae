# SPDX-License-Identifier: Apache-2.0
"""Every way out puts the terminal back."""
import signal

from kit import FOOTER, LANRAM, quit_well, still
from term import Term, check


def is_restored(t, before, after):
    check(before == after, f"stty: {before} became {after}")
    tail = bytes(t.raw)
    check(tail.rfind(b"\033[?1049l") > tail.rfind(b"\033[?1049h"),
          "the alternate screen stays")
    check(tail.rfind(b"\033[?25h") > tail.rfind(b"\033[?25l"),
          "the cursor stays hidden")
    check(tail.rfind(b"\033[?1000l") > tail.rfind(b"\033[?1000h") or
          b"\033[?1006;1000l" in tail, "the mouse stays caught")


def test_quit():
    with still() as t:
        t.wait(FOOTER)
        quit_well(t)


def test_signals():
    """Asked to end, or killed by a fault of our own."""
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143),
                         (signal.SIGHUP, 129), (signal.SIGABRT, 134),
                         (signal.SIGSEGV, 139), (signal.SIGQUIT, 131)):
        with still() as t:
            t.wait(FOOTER).settle(0.1)
            t.kill(number)
            got, before, after = t.end()
            check(got == code, f"signal {number}: exit code {got}")
            is_restored(t, before, after)


def test_ctrl_c():
    """The key is a signal like any other."""
    with still() as t:
        t.wait(FOOTER).send("\003")
        got, before, after = t.end()
        check(got == 130, f"exit code {got}")
        is_restored(t, before, after)


def test_error_before_the_first_draw():
    """A wrong option ends it before the terminal was touched."""
    with Term([LANRAM, "top", "--delay", "never"]) as t:
        code, before, after = t.end()
        check(code == 2 and before == after, f"exit code {code}")
        check(b"\033[?1049h" not in t.raw, "the screen was taken")


def test_count():
    """-n ends by itself on a terminal, too."""
    with still(args=["-n", "2", "-d", "0.3"]) as t:
        t.wait(FOOTER)
        code, before, after = t.end()
        check(code == 0 and before == after, f"exit code {code}")


def test_readonly():
    """Keys that change something are neither shown nor heard."""
    with still(args=["--readonly"]) as t:
        t.wait(FOOTER).settle()
        check("drain" not in t.text() and "a admit" not in t.text(),
              "actions are shown")
        t.send("d").send(":").send("p").settle()
        check("y / n" not in t.text(), "an action was taken")
        t.send("?").wait("KEYS").settle()
        check("drain" not in t.text() and "admit" not in t.text(),
              "actions in the help")
        t.send("\033").settle()
        quit_well(t)
