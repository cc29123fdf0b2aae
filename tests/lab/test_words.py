# SPDX-License-Identifier: Apache-2.0
"""What it sounds like: the sentences that people read, word for word but for
numbers."""
import os
import re
import shutil

from lab import check, wait_until
from pool import MIB, Pool, data_of


def sentence(r, pattern):
    """One of the lines on stderr is exactly this."""
    check(any(re.fullmatch(pattern, line) for line in r.err.splitlines()),
          f"{pattern}: {r}")


def test_data(lab):
    """Stored, degraded, full, not there, not readable now, lost."""
    p = Pool(lab, donors=("birch",), start=False, lend="64MiB",
             coordinator="rebuild_delay_ms = 100;")
    cedar = lab.host("cedar").config(lend="64MiB")
    birch, elm = p.donors[0], p.elm
    p.anvil.start("coordinator")
    birch.start("donor")
    elm.start("requester")
    p.wait_up(1)
    big = data_of("words", 3 * MIB)

    r = elm.lanram("store", "-", "--name", "notes", stdin=b"x" * 5000)
    sentence(r, r"degraded: stored notes: 4\.9 KiB, 1 of 2 copies: only birch "
             r"lends RAM; if birch stops, it is gone\. Copied again when a "
             r"second donor joins\.")
    cedar.start("donor")
    p.wait_up(2)
    p.wait_whole()
    r = elm.lanram("store", "-", "--name", "build.tar", stdin=big)
    sentence(r, r"stored build\.tar: 3\.0 MiB in [\d.]+ m?s \([\d.]+ MiB/s\), "
             r"2 of 2 copies")
    huge = lab.scratch("huge")
    with open(huge, "wb") as f:
        f.truncate(70 * MIB)
    r = elm.lanram("store", huge, expect=5)
    sentence(r, r"pool full: needs 140 MiB \(2 copies of 70\.0 MiB\), [\d.]+ "
             r"[KMG]iB is free\. Nothing was stored\. More: `lanram lend "
             r"\d+[MG]` on (birch|cedar) \([\d.]+ GiB unused there\)\.")
    r = elm.lanram("retrieve", "k7q2m4", expect=3)
    sentence(r, r'no object or name "k7q2m4"\. `lanram list` shows what is '
             r"yours\.")

    # Both stop answering, though the kernel keeps their links.
    for h in (birch, cedar):
        h.daemons["donor"].stop()

    def silent():
        r = elm.lanram("retrieve", "build.tar", expect=4)
        sentence(r, r"build\.tar cannot be read now: (it is|(at least "
                 r")?\d+ of 12 chunks are) only on (birch|cedar), silent for \d+ s( and "
                 r"(birch|cedar), silent for \d+ s)?\. Start (birch|cedar) "
                 r"and retry; if its RAM is gone: lanram forget "
                 r"(birch|cedar)")
        return True
    wait_until(silent, 30, "names who is silent")

    for h in (birch, cedar):
        h.daemons["donor"].kill()
    for h in (birch, cedar):
        h.start("donor")
    p.wait_up(2)

    def lost():
        r = elm.lanram("retrieve", "build.tar", expect=7)
        sentence(r, r"build\.tar is lost: (its copies|the copies of (at least "
                 r")?\d+ of 12 chunks) were on (birch|cedar)( and (birch|cedar)"
                 r")?, restarted at \d\d:\d\d( and \d\d:\d\d)?\. lanram remove "
                 r"build\.tar")
        return True
    wait_until(lost, 30, "names who restarted, and when")
    check(elm.json("status")["health"] == "critical", "and status says so")
    for name in ("build.tar", "notes"):
        elm.lanram("remove", name, expect=(0, 7))
    wait_until(lambda: elm.json("status")["health"] == "ok", 30,
               "what was lost is removed, and no reason any more")


def test_not_in(lab):
    """Not admitted yet, no pool, a pool of another name, no daemon."""
    p = Pool(lab, donors=(), start=False, admission="ask")
    elm = p.elm
    r = elm.lanram("status", expect=4)
    sentence(r, r"the local daemon is not running "
             r"\(/run/lanram/requester\.sock\)\. sudo systemctl start "
             r"lanram-requester")
    elm.start("requester")
    r = wait_until(lambda: (lambda r: r if "no pool" in r.err else None)(
        elm.lanram("status", expect=4)), 10, "no pool")
    sentence(r, r"no pool on this LAN \(listened 3 s on eth0\)\. Start one: "
             r"sudo systemctl enable --now lanram-coordinator\. There is one\? "
             r"lanram doctor")
    p.anvil.start("coordinator")
    r = wait_until(lambda: (lambda r: r if r.code == 6 else None)(
        elm.lanram("status", expect=None)), 15, "asks to be let in")
    sentence(r, r'not admitted yet: pool "lab" on anvil has this machine\'s '
             r"request, code (\w+-\w+-\w+-\w+)\. On anvil: lanram admit \1")
    elm.daemons["requester"].term()
    shutil.rmtree(os.path.join(elm.dir, "state"))
    elm.config(pool="attic", top='coordinator = "%s:7450";' % p.anvil.ip)
    elm.start("requester")
    r = wait_until(lambda: (lambda r: r if r.code == 6 else None)(
        elm.lanram("status", expect=None)), 15, "the wrong pool is named")
    sentence(r, r'the pool at [\d.:]+ is "lab", not "attic": set `pool` or '
             r"`coordinator` in lanram\.conf right, and restart")
