# SPDX-License-Identifier: Apache-2.0
"""Donors die, stop and leave: no acknowledged object is lost while a copy is
left, no wrong byte is ever given, and every operation ends in time."""
import concurrent.futures
import signal
import time

from lab import FULL, check, wait_until
from pool import DONORS, KIB, MIB, Ledger, Load, Pool

SIZES = (100, 4000, 300 * KIB, 2 * MIB)


def test_killed_under_load(lab):
    """kill -9 of a donor in the midst of stores and retrieves, a new and empty
    donor in its place each time: everything acknowledged is still there."""
    p = Pool(lab, lend="512MiB")
    ledger = Ledger(p)
    with Load(ledger, SIZES) as load:
        for i in range(20 if FULL else 5):
            load.wait_more(3)
            victim = p.donors[i % 3]
            victim.daemons["donor"].kill()
            begin = time.monotonic()
            load.wait_more(2)
            lab.say(f"kill {i + 1} ({victim.name}): two more done after "
                    f"{time.monotonic() - begin:.2f} s")
            p.replace(victim, 40)
            p.wait_whole(45)
    lab.say(f"{load.stores} stores, {load.retrieves} retrieves, "
            f"{load.refused} refused")
    ledger.verify()


def test_two_of_three(lab):
    """Two of three donors, one after the other, the second when what the
    first held has been copied again: nothing of two copies is lost."""
    p = Pool(lab)
    ledger = Ledger(p)
    for i in range(40):
        ledger.store(SIZES[i % 4], copies=2 + i % 2)
    for victim in p.donors[:2]:
        victim.daemons["donor"].kill()
        p.wait_state(victim.name, ("down",))
        # With one donor left everything stays short: it is only waited for
        # what the first death took.
        if victim is p.donors[0]:
            wait_until(lambda: all(o["copies"] >= 2 for o in
                                   ledger.listed().values()), 45,
                       "two copies of everything")
    ledger.verify()
    r = p.status()
    check(r["health"] == "degraded" and not r["survives"]["any_donor"],
          f"health: {r}")


def pair_objects(p, ledger, names):
    """IDs of small objects: both copies on `names`, and the others."""
    rows = ledger.listed()
    inside = [i for i, o in rows.items() if set(o["donors"]) <= set(names)]
    return inside, [i for i in rows if i not in inside]


def kill_two(p, ledger, n=60):
    for _ in range(n):
        ledger.store(500)
    ledger.verify_list()
    names = [d.name for d in p.donors[:2]]
    inside, others = pair_objects(p, ledger, names)
    check(inside and others, f"{len(inside)} on {names}, {len(others)} not")
    for d in p.donors[:2]:
        d.daemons["donor"].stop()  # both at once: none notices the other
    for d in p.donors[:2]:
        d.daemons["donor"].kill()
    for name in names:
        p.wait_state(name, ("down", "suspect"))
    return names, inside, others


def expect_waiting(p, names, inside, more=()):
    """Not lost yet, for all that is known: exit 4, naming who is awaited and
    what to do. All at once, as each waits for its deadline."""
    def waits(args):
        r = p.elm.lanram(*args, expect=4)
        check(any(f"lanram forget {n}" in r.err for n in names),
              f"names the donors: {r}")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(waits, [("retrieve", i) for i in inside[:3]] +
                      list(more)))


def expect_lost(p, ledger, inside, others):
    """Known to be lost: exit 7; nobody else is touched; stores go on."""
    for i in inside[:3]:
        wait_until(lambda i=i: p.elm.lanram("retrieve", i, expect=(4, 7)).code
                   == 7, 30, "exit 7 once it is known")
        r = p.elm.lanram("retrieve", i, expect=7)
        check("lost" in r.err, f"says so: {r}")
    for i in inside:
        ledger.drop(i)
    for i in others:
        ledger.retrieve(i)
    for _ in range(10):
        ledger.store(700)
    ledger.verify()


def test_store_elsewhere(lab):
    """A third of all slots of one copy cannot be reached, and nobody may take
    them over: a small value meant for one of them is stored in another. Given
    up, they can be written again; an object that had a chunk there has none,
    though its donor had no time to tell of it, and one whose manifest was
    there may not be listed."""
    p = Pool(lab)
    ledger = Ledger(p)
    large = [ledger.store(600 * KIB, copies=1) for _ in range(8)]
    p.donors[0].daemons["donor"].kill()
    p.wait_state("birch", ("down",))
    small = [ledger.store(1000, copies=1) for _ in range(5)]
    p.anvil.lanram("forget", "birch")
    wait_until(lambda: p.status()["slots"]["unavailable"] == 0, 20,
               "all slots can be written")
    lost = [i for i in large if ledger.retrieve(i, expect=(0, 7))]
    check(lost, "some had a part there")
    rows = ledger.listed()
    for i in small + large:
        copies = rows[i]["copies"] if i in rows else 0
        check(copies == (i not in lost), f"{i in lost} {rows.get(i)}")


def test_all_copies_come_back_empty(lab):
    """Both donors of an object killed: it is waited for (4); they come back
    empty: lost (7). What had a copy elsewhere is served all the time."""
    p = Pool(lab)
    ledger = Ledger(p)
    names, inside, others = kill_two(p, ledger)
    expect_waiting(p, names, inside)
    for i in others:
        ledger.retrieve(i)
    for d in p.donors[:2]:
        d.start("donor")
    p.wait_up(3)
    expect_lost(p, ledger, inside, others)


def test_all_copies_forgotten(lab):
    """The same, and the admin says that they will not come back. Registers
    and names tell as objects do."""
    p = Pool(lab)
    ledger = Ledger(p)
    h, keys = p.elm, [f"k{i}" for i in range(9)]
    for k in keys:
        h.lanram("register", "write", k, "1")
        h.lanram("name", "set", k, "1")
    names, inside, others = kill_two(p, ledger)

    def away(kind, verb):
        """Those whose slots are away: their answers take long."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            codes = pool.map(lambda k: h.lanram(kind, verb, k,
                                                expect=(0, 4)).code, keys)
        return [k for k, code in zip(keys, codes) if code == 4]
    regs, entries = away("register", "read"), away("name", "get")
    more = [("register", verb, k, *value) for k in regs[:1]
            for verb, value in (("read", ()), ("write", ("2",)),
                                ("remove", ()))] + \
           [("name", verb, k, *value) for k in entries[:1]
            for verb, value in (("get", ()), ("set", ("2",)),
                                ("remove", ()))]
    expect_waiting(p, names, inside, more)
    for name in names:
        p.anvil.lanram("forget", name)
    expect_lost(p, ledger, inside, others)
    for k in regs:
        check("lost" in h.lanram("register", "read", k, expect=7).err, k)
    for k in entries:
        check("lost" in h.lanram("name", "get", k, expect=7).err, k)


def test_all_donors_killed(lab):
    """All three at once: everything waits, naming them; nothing is called
    lost; new ones make the pool usable again."""
    p = Pool(lab)
    ledger = Ledger(p)
    one = ledger.store(1000)
    for d in p.donors:
        d.daemons["donor"].stop()
    for d in p.donors:
        d.daemons["donor"].kill()
    wait_until(lambda: p.up() == [], 15, "nobody is up")
    r = p.elm.lanram("retrieve", one, expect=4)
    check(any(n in r.err for n in DONORS), f"names them: {r}")
    check(p.elm.lanram("store", "-", "--name", "x", stdin=b"x",
                       expect=(4, 5, 8)).err.strip(), "a reason")
    for d in p.donors:
        d.start("donor")
    p.wait_up(3)
    wait_until(lambda: p.elm.lanram("retrieve", one, expect=(4, 7)).code == 7,
               30, "lost, once all are back empty")
    ledger.drop(one)
    ledger.store(5000)
    ledger.verify()


def test_stopped_5_s(lab):
    """A donor that is frozen for 5 s in the midst of work: no wrong byte, and
    it is part of the pool again after."""
    p = Pool(lab)
    ledger = Ledger(p)
    with Load(ledger, SIZES) as load:
        load.wait_more(4)
        d = p.donors[0].daemons["donor"]
        d.stop()
        end = time.monotonic() + 5
        load.wait_more(2)
        wait_until(lambda: time.monotonic() > end, 6, "5 s frozen")
        d.cont()
        load.wait_more(4)
        p.wait_up(3, 60)
    p.wait_whole(60)
    ledger.verify()
    ledger.verify_list()


def test_stopped_all(lab):
    """The whole pool frozen for 3 s, as by a suspended hypervisor: nobody is
    lost by it."""
    p = Pool(lab)
    ledger = Ledger(p)
    for i in range(12):
        ledger.store(SIZES[i % 4])
    daemons = [d.daemons["donor"] for d in p.donors]
    daemons.append(p.anvil.daemons["coordinator"])
    end = time.monotonic() + 3
    for d in daemons:
        d.stop()
    wait_until(lambda: time.monotonic() > end, 4, "3 s frozen")
    for d in daemons:
        d.cont()
    p.wait_whole(60, donors=3)
    ledger.verify()
    ledger.verify_list()


def test_clean_stop(lab):
    """SIGTERM of a donor with sole copies on it: they are moved before it
    exits, with exit 0."""
    p = Pool(lab)
    ledger = Ledger(p)
    for i in range(60):
        ledger.store(SIZES[i % 3], copies=1 + i % 2)
    on_it = [o for o in ledger.listed().values()
             if o["donors"] == [p.donors[0].name]]
    check(on_it, "some are only there")
    p.donors[0].daemons["donor"].term(40)
    ledger.verify()
    p.wait_whole(45)
    ledger.verify_list()


def test_coordinator_dies_meanwhile(lab):
    """A donor leaves with what it alone has, and the coordinator is killed
    before all has moved: the donor waits for it to come back."""
    p = Pool(lab)
    ledger = Ledger(p)
    for _ in range(9):
        ledger.store(MIB, copies=1)
    birch = p.donors[0]
    donor = birch.daemons["donor"]
    birch.slow("8mbit")
    donor.signal(signal.SIGTERM)
    wait_until(lambda: "leaving: moving" in donor.log_text(), 20, "it leaves")
    p.anvil.daemons["coordinator"].kill()
    wait_until(lambda: "searching" in donor.log_text(), 20, "it is missed")
    check(donor.running(), donor.log_text())
    p.anvil.start("coordinator")
    birch.slow(None)
    check(donor.wait(60) == 0, donor.log_text())
    check("every copy has moved" in donor.log_text(), donor.log_text())
    ledger.verify()


def test_rolling(lab):
    """Each donor stopped and started in turn under load, as in an upgrade:
    nothing is lost, not even of one copy."""
    p = Pool(lab)
    ledger = Ledger(p)
    for i in range(20):
        ledger.store(SIZES[i % 3], copies=1)
    with Load(ledger, SIZES[:3]) as load:
        for d in p.donors:
            d.daemons["donor"].term(40)
            load.wait_more(2)
            d.start("donor")
            p.wait_up(3)
    p.wait_whole(45)
    ledger.verify()
    ledger.verify_list()


def test_unplugged(lab):
    """A donor's cable is pulled for 4 s: no answer is waited for longer than
    its deadline, and nothing is lost."""
    p = Pool(lab)
    ledger = Ledger(p)
    with Load(ledger, SIZES) as load:
        load.wait_more(3)
        p.donors[0].link("eth0", "down")
        load.wait_more(4, 45)
        p.donors[0].link("eth0", "up")
        p.wait_up(3, 60)
        load.wait_more(2)
    p.wait_whole(60)
    ledger.verify()


def test_one_way(lab):
    """A donor that hears but is not heard by the requester only: worked
    around, told, and used again later."""
    p = Pool(lab)
    ledger = Ledger(p)
    for _ in range(10):
        ledger.store(4000)
    p.donors[0].drop("out", p.elm)
    for i in list(ledger.objects):
        ledger.retrieve(i)

    def told():
        for i in list(ledger.objects):
            ledger.retrieve(i)
        return [(e["device"], e["by"]) for e in p.anvil.json("events")
                if e["kind"] == "cut_off"]
    check(wait_until(told, 30, "that it is cut off")[0] ==
          (p.donors[0].name, "elm"), told())
    p.donors[0].undrop()
    wait_until(lambda: ledger.store(4000, expect=(0, 4, 8)), 45,
               "stores work again")
    p.wait_up(3, 60)
    ledger.verify()


def test_restarted_donor(lab):
    """A donor killed and started again at once, with its old identity and no
    data: no miss is ever answered from its empty memory."""
    p = Pool(lab)
    ledger = Ledger(p)
    for i in range(30):
        ledger.store(SIZES[i % 3])
    for d in p.donors:
        d.daemons["donor"].kill()
        d.start("donor")
        ledger.verify()
        p.wait_whole(45, donors=3)
    ledger.verify_list()
