# SPDX-License-Identifier: Apache-2.0
"""The coordinator dies, moves, comes back, is rivalled: the data path goes
on, and what comes back is the same pool."""
import json
import re

from lab import check, wait_until
from pool import KIB, MIB, Ledger, Load, Pool, nobody_is_seen

SIZES = (100, 4000, 300 * KIB, MIB)


def test_killed(lab):
    """kill -9: stores and retrieves go on without it; restarted it is the
    same pool with the same objects and a higher epoch."""
    p = Pool(lab)
    ledger = Ledger(p)
    for i in range(12):
        ledger.store(SIZES[i % 4])
    before = p.status()
    c = p.anvil.daemons["coordinator"]
    c.kill()
    for i in range(8):
        ledger.store(SIZES[i % 4], "without")
    ledger.verify()
    p.anvil.start("coordinator")
    p.wait_up(3, 15)
    after = wait_until(lambda: p.status(), 10, "status")
    check(after["pool_id"] == before["pool_id"], "the same pool")
    wait_until(lambda: p.status()["epoch"] > before["epoch"], 10,
               "a start has an epoch of its own")
    ledger.verify_list(15)
    ledger.verify()
    p.donors[0].daemons["donor"].kill()
    p.donors[0].start("donor")
    p.wait_whole(donors=3)
    ledger.verify()


def test_list_after_restart(lab):
    """From the moment of its restart on, every list is complete or exits 4."""
    p = Pool(lab)
    ledger = Ledger(p)
    for i in range(40):
        ledger.store(100 + i)
    ledger.verify_list()
    want = set(ledger.objects)
    for _ in range(3):
        p.anvil.daemons["coordinator"].kill()
        p.anvil.start("coordinator")
        for _ in range(10):
            r = p.elm.lanram("list", "--long", expect=(0, 4))
            if r.code == 0:
                missing = [i for i in want if i not in r.text]
                check(not missing, f"{len(missing)} of 40 missing: {r}")
        ledger.verify_list(15)


def test_donor_dies_without_it(lab):
    """A donor dies while there is no coordinator: reads go on, stores that
    need the dead one wait or fail with a reason, and all heals after."""
    p = Pool(lab)
    ledger = Ledger(p)
    for i in range(12):
        ledger.store(SIZES[i % 4])
    p.anvil.daemons["coordinator"].kill()
    p.donors[0].daemons["donor"].kill()
    ledger.verify()
    ledger.store(1000, expect=(0, 4, 8))
    p.anvil.start("coordinator")
    wait_until(lambda: p.elm.lanram("status", expect=(0, 4)).code == 0, 15,
               "status")
    p.replace(p.donors[0], 30)
    p.wait_whole(60)
    ledger.verify()


def test_empty_slots_missed_by_nobody(lab):
    """A coordinator that starts while a donor is dead does not call slots
    unavailable that held nothing: nobody stored with one copy here. The one
    before was told so of every slot (a list is whole then), and noted it with
    the view that goes on without the donor."""
    p = Pool(lab)
    ledger = Ledger(p)
    ledger.store(MIB)
    ledger.verify_list(30)
    epoch = p.status()["epoch"]
    p.donors[0].daemons["donor"].kill()
    wait_until(lambda: p.status()["epoch"] > epoch, 30, "a view without it")
    p.wait_full()
    p.anvil.daemons["coordinator"].kill()
    p.anvil.start("coordinator")

    def calm():
        r = p.elm.lanram("status", "--json", expect=(0, 4))
        s = json.loads(r.out) if r.code == 0 else None
        return s and s["donors"]["up"] == 2 and s["health"] != "critical"
    wait_until(calm, 30, "no slot is said to be unavailable")
    check(p.status()["slots"]["unavailable"] == 0, f"{p.status()}")
    ledger.verify()
    ledger.verify_list(15)


def test_moved(lab):
    """The coordinator's machine gets another address: all find it again, and
    the pool is whole."""
    p = Pool(lab)
    ledger = Ledger(p)
    ledger.store(MIB)
    epoch = p.status()["epoch"]
    p.anvil.move(99)
    # Nothing but a change of view shows that they hear each other again.
    p.donors[0].daemons["donor"].kill()
    p.donors[0].start("donor")

    def changed():
        r = p.elm.lanram("status", "--json", expect=(0, 4))
        return r.code == 0 and json.loads(r.out)["epoch"] > epoch
    wait_until(changed, 45, "a change of view, at the new address")
    p.wait_up(3, 30)
    p.wait_whole(60)
    ledger.verify()


def test_mdns_restarted(lab):
    """avahi and D-Bus restarted under everybody: nobody notices, and a
    machine that comes later finds the pool within 10 s."""
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    with Load(ledger, SIZES, codes=(0,)) as load:
        load.wait_more(2)
        for h in p.hosts:
            h.restart_avahi()
        for h in p.hosts:
            h.restart_dbus()
        load.wait_more(2)
        late = lab.host("fir").config()
        late.start("donor")
        p.wait_up(3, 12)
        load.wait_more(2)
    ledger.verify()


def test_docker0(lab):
    """Every machine has a docker0 and the coordinator an address that nobody
    can reach: connected through the good one all the same."""
    p = Pool(lab, start=False)
    p.anvil.address("eth0", "192.0.2.7/24")
    for h in p.hosts:
        h.add_docker0()
    p.start(deadline_s=10)
    for d in p.donor_rows():
        check(not d["address"].startswith(("172.17.", "127.")),
              f"address: {d}")
    ledger = Ledger(p)
    ledger.store(MIB)
    ledger.verify()


def test_second_coordinator(lab):
    """A second coordinator for a pool of the same name does not start, says
    why, and disturbs nobody."""
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    rival = lab.host("yew").config()
    with Load(ledger, SIZES, codes=(0,)) as load:
        load.wait_more(2)
        d = rival.start("coordinator")
        d.expected = None
        code = d.wait(15, "refusal")
        check(code != 0, "it exits with an error")
        log = d.log_text()
        check("lab" in log and "anvil" in log, f"says where: {log[-500:]}")
        load.wait_more(2)
    check(p.status()["donors"]["up"] == 2, "both donors are where they were")
    ledger.verify()


def test_other_pool_same_name(lab):
    """The coordinator's state is lost and a new pool made under the old name:
    members refuse it, and say so, rather than give it their data."""
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    ledger.store(1000)
    p.anvil.daemons["coordinator"].term(15)
    p.anvil.wipe()
    # The old record is in avahi's cache for a second after its goodbye, and a
    # first start refuses to make a second pool of a name.
    wait_until(lambda: nobody_is_seen(p.anvil), 15,
               "the old record is gone")
    p.anvil.start("coordinator")
    wait_until(lambda: p.anvil.lanram("donors", expect=None).code == 0, 15,
               "the new pool is there")

    def said():
        r = p.elm.lanram("status", expect=None)
        return r.code in (1, 4, 6) and re.search(
            r"another|different|other pool", r.err)
    wait_until(said, 20, "status says that it is another pool")
    check(p.up(p.anvil) == [], "no donor went over")
    ledger.verify()


def test_no_pool(lab):
    """No coordinator anywhere: exit 4, with what was listened on and what to
    do; no daemon: exit 4, with how to start it."""
    h = lab.host("elm").config()
    r = h.lanram("status", expect=4)
    check("not running" in r.err and "start" in r.err, f"{r}")
    h.start("requester")

    def no_pool():
        r = h.lanram("status", expect=None)
        return r.code == 4 and "no pool on this LAN" in r.err and r
    r = wait_until(no_pool, 10, "says that there is no pool")
    check("eth0" in r.err, f"names the interface: {r}")
