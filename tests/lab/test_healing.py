# SPDX-License-Identifier: Apache-2.0
"""Copies that are missing, wrong or in the wrong place: made again without
hurting anybody, and no more of it than there is need for."""
import os
import re
import threading
import time

from exposition import Metrics
from lab import FULL, PROGRAMS, check, wait_until
from pool import KIB, MIB, Ledger, Load, Pool, data_of
from test_corrupt import rot


def moved(process):
    """Bytes that a donor copied from others, and found still in its RAM."""
    text = process.log_text()
    rows = re.findall(r"copied (\d+) bytes from other donors; (\d+) more", text)
    return sum(int(a) for a, _ in rows), sum(int(b) for _, b in rows)


def kinds(pool):
    rows = pool.anvil.json("events")
    return [e["kind"] for e in rows]


def down_events(pool, names):
    return [e for e in pool.anvil.json("events")
            if e["kind"] == "down" and e["device"] in names]


def wait_settled(pool, donors, deadline_s=60):
    """Whole, and nothing moves any more."""
    pool.wait_whole(deadline_s, donors=donors)
    wait_until(lambda: pool.anvil.json("rebalance", "--simulate")["slots"]
               == 0, deadline_s, "every copy is where it belongs")


def test_warm_return(lab):
    """A donor away for a while with its RAM: what it still has is not copied
    again, what was removed meanwhile stays removed, what is new is there."""
    p = Pool(lab)
    ledger = Ledger(p)
    for _ in range(24):
        ledger.store(400 * KIB)
    wait_settled(p, 3)
    away = p.donors[0].daemons["donor"]
    before = moved(away)
    away.stop()
    p.wait_state(p.donors[0].name, ("down",))
    gone = list(ledger.objects)[:4]
    for i in gone:
        p.elm.lanram("remove", i)
        ledger.drop(i)
    for _ in range(4):
        ledger.store(100 * KIB)
    away.cont()
    wait_settled(p, 3)
    wait_until(lambda: moved(away)[1] > before[1], 30, "it says what it kept")
    copied, kept = (a - b for a, b in zip(moved(away), before))
    lab.say(f"copied {copied}, kept {kept} bytes")
    check(kept > 4 * MIB and copied < kept / 4,
          f"copied {copied}, kept {kept} bytes")
    for i in gone:
        p.elm.lanram("retrieve", i, expect=3)
    ledger.verify()


def flap(lab, p, times, up_s):
    """Stops a donor for 2 s, again and again. The views that took."""
    d = p.donors[0].daemons["donor"]
    epoch = p.status()["epoch"]
    for _ in range(times):
        d.stop()
        pause(2)
        d.cont()
        pause(up_s)
    return p.status()["epoch"] - epoch


def pause(seconds):
    """The fault is a time here, not something to be waited for."""
    threading.Event().wait(seconds)


def test_source_away(lab):
    """Slots whose only copy is on a machine that is away wait for it; those
    that have another are copied meanwhile."""
    p = Pool(lab, donors=("birch", "cedar", "dogwood", "elder", "fir"))
    ledger = Ledger(p)
    for i in range(40):
        ledger.store(100_000)
    birch, elder, fir = (p.donor(n) for n in ("birch", "elder", "fir"))
    birch.slow("1mbit")
    elder.daemons["donor"].kill()
    wait_until(lambda: p.status()["slots"]["short"], 20, "elder is missed")
    birch.link("eth0", "down")
    p.wait_state("birch", ("down",), 20)
    fir.link("eth0", "down")
    p.wait_state("fir", ("down",), 20)
    wait_until(lambda: p.status()["slots"]["short"] == 0, 40,
               "all that can be copied is")
    check(p.status()["slots"]["unavailable"], "birch alone has some")
    birch.slow(None)
    for h in (birch, fir):
        h.link("eth0", "up")
    p.wait_whole(60, donors=4)
    ledger.verify()


def test_flapping(lab):
    """A donor that is silent for 2 s again and again: no more than one and a
    half times what it holds is copied on its account."""
    p = Pool(lab, donors=("birch", "cedar", "dogwood", "fir"))
    ledger = Ledger(p)
    for _ in range(40):
        ledger.store(256 * KIB)
    wait_settled(p, 4)
    held = next(d["held_bytes"] for d in p.donor_rows()
                if d["name"] == "birch")
    share = 40 * 256 * KIB * 2 / 4
    before = sum(moved(d.daemons["donor"])[0] for d in p.donors)
    views = flap(lab, p, 12 if FULL else 2, 8 if FULL else 3)
    p.wait_whole(90, donors=4)
    copied = sum(moved(d.daemons["donor"])[0] for d in p.donors) - before
    lab.say(f"{copied} bytes copied, it holds about {share:.0f} "
            f"({held} mapped), {views} views")
    check(copied <= 1.5 * share,
          f"{copied} bytes copied, {share:.0f} held, {views} views")
    ledger.verify()


def test_scrub(lab):
    """Nobody reads it, but a rotten copy is found, told, and mended."""
    p = Pool(lab, donor="scrub_s = 3;")
    ledger = Ledger(p)
    object_id = ledger.store(200000, "victim")
    others = [ledger.store(3000) for _ in range(10)]
    name = ledger.objects[object_id][2]
    wait_until(lambda: object_id in ledger.listed(), 10, "listed")
    sick, well = (p.donor(n).daemons["donor"]
                  for n in ledger.listed()[object_id]["donors"])
    check(rot(sick, data_of(name, 200000)[1000:-1000]) > 0,
          "the value is in the donor's memory")
    wait_until(lambda: {"corrupt", "repaired"} <= set(kinds(p)), 40,
               "found, repaired and told")
    well.kill()
    ledger.retrieve(object_id)
    check(others, "the rest is there, too")
    ledger.verify()


def test_divergence(lab):
    """A client dies half-way through its stores: copies that got it and copies
    that did not agree again, and all of it can be read or none. It is donors
    that see to it, which may do nothing but lend."""
    p = Pool(lab, donor="scrub_s = 3;")
    ledger = Ledger(p)
    ledger.store(1000)

    def count(name, **labels):
        return sum(Metrics.of(d, "donor").get(name, **labels)
                   for d in p.donors)
    before = count("donor_entries")
    p.elm.drop("out", p.donors[0])
    path = os.path.join(p.elm.dir, "half")
    with open(path, "wb") as f:
        f.write(data_of("half", 5000))
    clients = [p.elm.spawn(f"half{i}", PROGRAMS.find("lanram"), "store", path)
               for i in range(12)]

    def differ():
        return any("copies differed" in d.daemons["donor"].log_text()
                   for d in p.donors)
    wait_until(lambda: count("donor_entries") >= before + 12, 20,
               "one copy at least of each has arrived")
    p.elm.daemons["requester"].kill()
    wait_until(lambda: not p.elm.run("ss", "-Htn", "dst",
                                     p.donors[0].ip).out.strip(), 20,
               "its machine gives up what it had still to send")
    p.elm.undrop()
    for c in clients:
        c.kill()
    p.elm.start("requester")
    wait_until(differ, 40, "the copies were compared and settled")
    wait_until(lambda: count("donor_repaired_total") > 0, 40,
               "a copy that lacked it has it")
    check(not count("donor_refusals_total", reason="permission"),
          "no donor refused another's repair")
    p.wait_whole(45, donors=3)
    ledger.verify()


def test_saturated(lab):
    """A rebuild on 100 Mbit links, with users on them: nobody is taken for
    dead but who is, and users are served all the time."""
    p = Pool(lab, donors=("birch", "cedar", "dogwood", "fir"), lend="1GiB")
    ledger = Ledger(p)
    for _ in range(40 if FULL else 6):
        ledger.store(8 * MIB)
    wait_settled(p, 4)
    for h in p.hosts:
        h.slow("100mbit")
    with Load(ledger, (2 * KIB, 64 * KIB)) as load:
        load.wait_more(3)
        p.donors[0].daemons["donor"].kill()
        p.wait_state("birch", ("down",))
        load.wait_more(5)
        wait_until(lambda: p.status()["recovery"] is None, 120, "rebuilt")
    names = [d.name for d in p.donors[1:]]
    check(not down_events(p, names),
          f"false deaths: {down_events(p, names)}")
    for h in p.hosts:
        h.slow(None)
    ledger.verify()


def read_for(ledger, done):
    """Seconds that each retrieve took, until done(); none may fail."""
    took, ids = [], list(ledger.objects)
    while not took or not done():
        for i in ids[-8:]:
            begin = time.monotonic()
            ledger.retrieve(i)
            took.append(time.monotonic() - begin)
    return sorted(took)


def test_new_donor(lab):
    """On 100 Mbit links a third donor joins two: it fills until every copy is
    where it belongs, and what users read and write meanwhile never fails."""
    p = Pool(lab, start=False)
    late = p.donors.pop()
    p.start()
    ledger = Ledger(p)
    for _ in range(16 if FULL else 2):
        ledger.store(8 * MIB)
    for _ in range(8):
        ledger.store(2 * KIB)
    for h in [*p.hosts, late]:
        h.slow("100mbit")
    before = read_for(ledger, lambda: True)
    late.start("donor")
    p.donors.append(late)
    p.wait_up(3)
    with Load(ledger, (2 * KIB, 64 * KIB), codes=(0,)) as load:
        during = read_for(ledger, lambda: not p.anvil.json(
            "rebalance", "--simulate")["slots"])
        load.wait_more(1)
    lab.say(f"2 KiB read in {before[len(before) // 2]:.3f} s, at most "
            f"{before[-1]:.3f}; while it filled {during[len(during) // 2]:.3f}"
            f" s, at most {during[-1]:.3f} (with the command's start)")
    wait_settled(p, 3)
    held = {d["name"]: d["held_bytes"] for d in p.donor_rows()}
    check(held[late.name] > p.status()["stored_bytes"] // 3,
          f"about a third of two copies, not {held}")
    ledger.verify()


def test_sites(lab):
    """One donor in the attic, two in the cellar: of what has two copies, one is
    upstairs and one below, so that neither floor takes both along."""
    p = Pool(lab, start=False)
    for d in p.donors:
        floor = "attic" if d.name == "birch" else "cellar"
        d.config(top=f'site = "{floor}";')
    p.start()
    ledger = Ledger(p)
    for _ in range(16):
        ledger.store(2000)
    wait_until(lambda: all("birch" in o["donors"] and len(o["donors"]) == 2
                           for o in ledger.listed().values()), 45,
               "each object on both floors")


def test_slow_links(lab):
    """Links so slow that the SEALs' answers and the views of thousands of
    slots take longer than a donor may be silent: a donor joins, one dies,
    with few views, and nobody else is taken for dead."""
    p = Pool(lab, donors=("birch", "cedar", "dogwood", "fir"), start=False)
    joins = p.donors.pop()
    p.start()
    ledger = Ledger(p)
    for _ in range(4):
        ledger.store(20 * KIB)
    for h in (*p.hosts, joins):
        h.slow("4mbit" if FULL else "16mbit")
    epoch = p.status()["epoch"]
    joins.start("donor")
    p.wait_up(4, 60)
    p.donors.append(joins)
    wait_settled(p, 4, 120)
    joined = p.status()["epoch"]
    lab.say(f"joined: {joined - epoch} views")
    if FULL:
        p.donors[0].daemons["donor"].kill()
        p.wait_state("birch", ("down",), 60)
        p.wait_whole(120, donors=3)
    views = p.status()["epoch"] - epoch
    lab.say(f"{views} views")
    for h in p.hosts:
        h.slow(None)
    names = [d.name for d in p.donors[1:]]
    check(not down_events(p, names), f"false deaths: {down_events(p, names)}")
    check(views < 8, f"{views} views")
    ledger.verify()
