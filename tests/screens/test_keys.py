# SPDX-License-Identifier: Apache-2.0
"""Keys, mouse, prompts and actions, on the simulated pool."""
import base64
import re

from kit import FOOTER, LANRAM, STILL, quit_well, still
from term import Term, check


def chosen(t):
    """Name of the row with the mark in front."""
    for line in t.text().split("\n"):
        if line.startswith(">"):
            return line[1:].split()[0]
    return None


def names(t):
    """Names of the donors as listed."""
    lines = t.text().split("\n")
    at = next(i for i, x in enumerate(lines) if "NAME" in x)
    rows = []
    for line in lines[at + 1:]:
        m = re.match(r"[> ] (\w\S*)", line)
        if not m:
            break
        rows.append(m.group(1))
    return rows


def test_moving():
    """Arrows, hjkl, Home, End, pages."""
    with still() as t:
        t.wait(FOOTER).settle()
        rows = names(t)
        t.send("j").wait(lambda: chosen(t) == rows[1])
        t.send("\033OB").wait(lambda: chosen(t) == rows[2])
        t.send("k").wait(lambda: chosen(t) == rows[1])
        t.send("\033OA").wait(lambda: chosen(t) == rows[0])
        t.send("G").wait(lambda: chosen(t) == "elm")
        t.send("g").wait(lambda: chosen(t) == rows[0])
        t.send("\033OF").wait(lambda: chosen(t) == "elm")
        t.send("\033OH").wait(lambda: chosen(t) == rows[0])
        t.send("l").wait("──IDS").settle()
        first = chosen(t)
        t.send("\033[6~").wait(lambda: chosen(t) != first)
        t.send("\033[5~").wait(lambda: chosen(t) == first)
        t.send("h").wait("──DONORS")
        quit_well(t)


def test_selection_follows_the_row():
    """Sorting moves the row; it stays chosen."""
    with still() as t:
        t.wait(FOOTER).send("j").settle()
        name = chosen(t)
        before = names(t)
        t.send("s").wait("sort: name").settle()
        check(names(t) == sorted(before), f"not by name: {names(t)}")
        check(chosen(t) == name, f"{chosen(t)} is chosen, not {name}")
        t.send("R").wait("name up").settle()
        check(names(t) == sorted(before, reverse=True), "not turned round")
        check(chosen(t) == name, "the selection moved")
        t.send("R").send("<").wait("sort: if gone").settle()
        check(names(t) == before, "the order is not the same again")
        quit_well(t)


def test_filter_and_search():
    """\\ narrows as it is typed, Esc widens; / goes there, n goes on."""
    with still() as t:
        t.wait(FOOTER).send("\\bi").wait(lambda: names(t) == ["birch"])
        t.send("\r").wait("filter: bi")
        t.send("\033").wait(lambda: len(names(t)) == 5)
        t.send("/dun").wait(lambda: chosen(t) == "dune").send("\r").settle()
        check(chosen(t) == "dune", "the search was left")
        t.send("2").wait("420 of 420").send("\\video").wait("filter: video")
        t.settle()
        check(t.text().count("video-") >= 15, "not filtered")
        t.send("\r/video-40").wait(lambda: "video-40" in next(
            x for x in t.text().split("\n") if x.startswith(">")))
        t.send("\r").settle()
        quit_well(t)


def test_event_kinds():
    """e shows one kind of event alone."""
    with still() as t:
        t.wait(FOOTER).send("4").wait("kind: all")
        t.send("e").wait("kind: joined").settle()
        check("is down" not in t.text() and "joined" in t.text(),
              "other kinds are shown")
        quit_well(t)


def test_mouse():
    """A click sorts by the column, chooses a row, presses a key; M ends it."""
    with still() as t:
        t.wait(FOOTER).settle()
        lines = t.text().split("\n")
        y = next(i for i, x in enumerate(lines) if "NAME" in x)

        def click(row, col):
            t.send(f"\033[<0;{col + 1};{row + 1}M"
                   f"\033[<0;{col + 1};{row + 1}m")
        click(y, lines[y].index("STATE"))
        t.wait("sort: state")
        click(y + 3, 5)
        t.wait(lambda: t.line(y + 3).startswith(">"))
        click(23, t.line(23).index("Events"))
        t.wait("kind: all")
        t.send("M").wait("mouse off").settle()
        check(t.raw.rfind(b"1000l") > t.raw.rfind(b"1000h"),
              "the mouse is still caught")
        quit_well(t)


def test_admit_asks_first():
    """n does nothing, y admits: the device becomes a donor."""
    with still() as t:
        t.wait(FOOTER).send("G").wait(lambda: chosen(t) == "elm" or
                                      t.line(12).startswith(">"))
        t.send("a").wait("Let elm in?").wait("tulip-otter-crane-wren")
        t.send("n").wait("nothing was done")
        t.send("a").wait("Let elm in?").send("y").wait("admitted elm")
        t.wait("was admitted").settle()
        check("elm" in names(t), "elm is no donor")
        quit_well(t)


def test_refuse():
    with still() as t:
        t.wait(FOOTER).send("3").wait("PEOPLE").send("x").wait("Refuse elm?")
        t.send("y").wait("refused elm").settle()
        check("wants in" not in t.text(), "elm still wants in")
        quit_well(t)


def test_drain_and_undo():
    with still() as t:
        t.wait(FOOTER).settle()
        name = chosen(t)
        t.send("d").wait(f"off {name}?").send("y").wait("draining")
        t.wait(f"{name}").settle()
        check(f"{name}" in t.text(), "gone")
        t.send("u").wait("back in use")
        quit_well(t)


def test_pause_and_resume():
    """The rebuild says PAUSED, and the same key lets it go on."""
    with still() as t:
        t.wait(FOOTER).send("p").wait("Pause the rebuild?").send("y")
        t.wait("PAUSED").send("\033").wait("resume heal")
        t.send("p").wait(lambda: "PAUSED" not in t.text())
        quit_well(t)


def test_freeze():
    """f holds all still; again, and it goes on."""
    with Term([LANRAM, "top", "--simulate"]) as t:
        t.wait(FOOTER).send("f").wait("FROZEN").settle()
        t.pump(1)
        text = t.text()
        check(t.pump(1.5) == 0 and t.text() == text, "it moves")
        t.send("f").wait(lambda: "FROZEN" not in t.text())
        t.wait(lambda: t.text() != text)
        quit_well(t)


def test_at_stands_until_f():
    """--at stands still until f is pressed twice (hold, go on)."""
    with still() as t:
        t.wait(FOOTER).settle()
        t.send("f").wait("FROZEN").send("f")
        t.wait(lambda: "61%" not in t.text())
        quit_well(t)


def test_command():
    """: completes names, keeps a history, shows the answer."""
    with still() as t:
        t.wait(FOOTER).send(":dra\t").wait(":drain")
        t.send("bir\t").wait(":drain birch").send("\r").wait("draining")
        t.send(":\033OA").wait(":drain birch").send("\033").settle()
        t.send(":status\r").wait("simulated")
        quit_well(t)


def test_clipboard():
    """y sends the ID by OSC 52."""
    with still() as t:
        t.wait(FOOTER).send("2").wait("420 of 420").send("y").wait("copied:")
        shown = re.search(r"copied: (\w{26})", t.text()).group(1)
        t.settle()
        m = re.search(rb"\033\]52;c;([A-Za-z0-9+/=]+)\007", bytes(t.raw))
        check(m and base64.b64decode(m.group(1)).decode() == shown,
              "no OSC 52 with the ID")
        quit_well(t)


def test_lend():
    """+ and - change what this machine lends, and giving back is noted."""
    with still() as t:
        t.wait(FOOTER).send("6").wait("of 4.0G lent")
        t.send("+").wait("of 4.5G lent").send("-").wait("of 4.0G lent")
        t.wait("given back")
        t.send("0").settle()
        quit_well(t)


def test_long_story():
    """Two minutes of the story, all views, no crash."""
    for seed in ("1", "2", "3"):
        with Term([*STILL[:-4], "--seed", seed, "--at", "115",
                   "--donors", "12"]) as t:
            t.wait(FOOTER)
            for key in "234561":
                t.send(key).settle(0.05)
            quit_well(t)


def test_many_objects():
    """A long list is there from end to end: its ends, pages across the pieces
    it comes in, a search and a filter that reach what was never shown."""
    def first(t):
        return next(x for x in t.text().split("\n") if x.startswith(">"))

    with Term([*STILL, "--objects", "20000"]) as t:
        t.wait(FOOTER).send("2").wait("20,000 of 20,000").settle()
        top = first(t)
        t.send("G").wait(lambda: first(t) != top).settle()
        last = first(t)
        check(last.startswith("> 3zz"), last)
        t.send("\033[5~" * 400).settle()
        middle = first(t)
        check("> 2" < middle[:4] < "> 3z" and middle != last, middle)
        t.send("\033[6~" * 500).wait(lambda: first(t) == last)
        t.send("g").wait(lambda: first(t) == top)
        t.send("/-19876.\r").wait(lambda: "-19876." in first(t)).settle()
        check(t.text().count("\n  ") > 5, "alone")
        t.send("/no such thing\r").wait("not found")
        t.send("\\-1234.\r").wait("1 of 20,000")
        t.wait(lambda: "-1234." in first(t))
        t.send("\033").wait("20,000 of 20,000")
        quit_well(t)
