# SPDX-License-Identifier: Apache-2.0
"""Machines that get another key and stay what they are."""
import os
import shutil

from lab import PROGRAMS, check, only_full, wait_until
from pool import KIB, Ledger, Load, Pool
from test_intruders import (CODES, DATA, HELLO, REQUESTER, fresh_key, intrude,
                            key_of, ports)

REPLACED = 3


def stolen(host):
    """A copy of the key that the machine has now."""
    return shutil.copy(key_of(host), os.path.join(host.dir, "stolen.key"))


def refused(p, key):
    """Neither the coordinator nor a donor has anything for that key."""
    coordinator, donor = ports(p)
    hello, r = intrude(p.elm, coordinator, key, HELLO % REQUESTER,
                       "ENROL:roles=2,name=elm")
    check(hello["type"] == "WELCOME" and not hello["admitted"], f"{hello}")
    check(r["type"] == "ENROL_R" and r["state"] == REPLACED, f"{r}")
    (r,) = intrude(p.elm, donor, key, HELLO % DATA)
    check(r["type"] == "ERROR" and r["err"] == CODES["NOT_ADMITTED"], f"{r}")


def settled(p, host):
    """Nothing waits beside the key, and the machine is in."""
    host.lanram("status")
    check(not os.path.exists(key_of(host) + ".new"), "no key is left over")


def test_requester(lab):
    """The key of a requester is replaced under load: its objects stay its own,
    and the key that somebody had copied opens nothing, also when the
    coordinator has been restarted and the key replaced again."""
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    mine = [ledger.store(n) for n in (100, 300 * KIB, 5000)]
    keys = [stolen(p.elm)]
    with Load(ledger, (3000, 400 * KIB), codes=(0,)) as load:
        load.wait_more(2)
        p.elm.lanram("rotate-key")
        load.wait_more(4)
    refused(p, keys[0])
    p.elm.lanram("remove", mine[0])
    ledger.drop(mine[0])
    keys.append(stolen(p.elm))
    p.elm.lanram("rotate-key")
    p.anvil.daemons["coordinator"].kill()
    p.anvil.start("coordinator")
    p.wait_up(2, 30)
    refused(p, keys[0])
    refused(p, keys[1])
    p.elm.lanram("remove", mine[1])
    ledger.drop(mine[1])
    ledger.store(200)
    ledger.verify()
    ledger.verify_list()
    settled(p, p.elm)


def test_donor(lab):
    """The key of a donor is replaced under load, with a requester beside it
    that has the same: it keeps what it holds, and nothing is copied."""
    p = Pool(lab, donors=("birch", "cedar"))
    birch = p.donors[0]
    birch.start("requester")
    ledger = Ledger(p)
    own = Ledger(p, birch)
    p.wait_up(2, host=birch)
    mine = own.store(1000, seed="own")
    ledger.store(300 * KIB)
    p.wait_full()
    key = stolen(birch)
    before = {d["name"]: d for d in p.donor_rows()}
    epoch = p.status()["epoch"]
    with Load(ledger, (3000, 400 * KIB), codes=(0,)) as load:
        load.wait_more(2)
        birch.lanram("rotate-key")
        load.wait_more(4)
    wait_until(lambda: birch.lanram("stat", mine, expect=(0, 4, 6)).code == 0,
               20, "the requester beside it has the new key")
    after = {d["name"]: d for d in p.donor_rows()}
    for field in ("incarnation", "id", "state"):
        check(before["birch"][field] == after["birch"][field],
              f"{field}: {before['birch']} {after['birch']}")
    check(p.status()["epoch"] == epoch, "no copies were moved")
    birch.lanram("remove", mine)
    refused(p, key)
    # Who comes anew finds it, and so does the coordinator.
    p.elm.daemons["requester"].kill()
    p.elm.start("requester")
    p.wait_up(2, 20)
    ledger.verify()
    r = p.elm.lanram("doctor", expect=(0, 1))
    check("wrong" not in r.text + r.err, f"{r}")
    settled(p, birch)


def waits_for(coordinator, host):
    """The coordinator has not read all that the host has sent it."""
    rows = coordinator.run("ss", "-Htn", "dst", host.ip).text.splitlines()
    return any(int(row.split()[1]) for row in rows)


def test_killed(lab):
    """Killed before the coordinator has heard of the new key, or after, and
    before it is in its place: the machine starts with the one that counts."""
    only_full("starts a requester four times")
    p = Pool(lab, donors=("birch",))
    ledger = Ledger(p)
    mine = ledger.store(100, copies=1)
    # What a rotation left that the coordinator never heard of.
    shutil.copy(fresh_key(p.elm), key_of(p.elm) + ".new")
    os.chmod(key_of(p.elm) + ".new", 0o600)
    p.elm.daemons["requester"].kill()
    p.elm.start("requester")
    wait_until(lambda: ledger.retrieve(mine, expect=(0, 4)) == 0, 20,
               "in with the old key")
    p.elm.lanram("rotate-key")
    settled(p, p.elm)
    # The coordinator hears of it when nobody is there for its answer.
    key = stolen(p.elm)
    p.anvil.daemons["coordinator"].stop()
    asks = p.elm.spawn("rotate", PROGRAMS.find("lanram"), "rotate-key")
    wait_until(lambda: waits_for(p.anvil, p.elm), 20, "ROTATE lies there")
    p.elm.daemons["requester"].kill()
    asks.wait(20)
    p.anvil.daemons["coordinator"].cont()
    p.elm.start("requester")
    wait_until(lambda: p.elm.lanram("status", expect=(0, 4, 6)).code == 0, 20,
               "in with the new key")
    settled(p, p.elm)
    refused(p, key)
    p.elm.lanram("remove", mine)


def keys_seen(host):
    """How often the pool's key was replaced, as the host has it on disk."""
    with open(os.path.join(host.dir, "state", "pool.lab")) as f:
        return int((f.read().split() + ["0"])[1])


def wait_seen(p, n):
    for h in (*p.donors, p.elm):
        wait_until(lambda h=h: keys_seen(h) == n, 10, f"{h.name} has seen it")


def test_pool(lab):
    """The pool's own key is replaced, and nobody notices. Then somebody who
    has stolen the old one, with the state beside it, is the only coordinator
    there is: nobody who was in the pool goes there, nor who is invited."""
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    ledger.store(5000)
    before = p.status()
    stolen_pool = os.path.join(lab.dir, "stolen")
    p.anvil.lanram("pool", "export", stolen_pool)
    p.elm.lanram("pool", "rotate-key", expect=4)
    p.anvil.lanram("pool", "rotate-key")
    wait_seen(p, 1)
    fir = lab.host("fir").config()
    with open(os.path.join(fir.dir, "state", "invitation"), "w") as f:
        f.write(p.anvil.lanram("invite").text)
    p.anvil.daemons["coordinator"].kill()
    thief = lab.host("yew").config()
    thief.lanram("pool", "import", stolen_pool)
    thief.start("coordinator")
    fir.start("requester")
    p.elm.daemons["requester"].kill()
    p.elm.start("requester")
    for h in (p.elm, fir):
        wait_until(lambda h=h: "another pool" in
                   h.lanram("status", expect=None).err, 20,
                   f"{h.name} refuses")
    check(not [d for d in thief.json("donors") if d["state"] == "up"] and
          thief.json("pending") == [], "nobody went there")
    thief.daemons["coordinator"].kill()
    p.anvil.start("coordinator")
    p.wait_up(2)
    check(p.status()["pool_id"] == before["pool_id"], "the same pool")
    wait_until(lambda: fir.lanram("status", expect=None).code == 0, 20, "in")
    ledger.store(2000)
    ledger.verify()


def test_pool_killed(lab):
    """Replaced under load, nothing fails and nothing is copied. The coordinator
    is killed right after a second time, while a donor does not listen; and what
    a kill before it would leave beside the key goes."""
    only_full("restarts a coordinator twice")
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    ledger.store(300 * KIB)
    p.wait_whole(45, donors=2)
    epoch = p.status()["epoch"]
    with Load(ledger, (3000, 400 * KIB), codes=(0,)) as load:
        load.wait_more(2)
        p.anvil.lanram("pool", "rotate-key")
        load.wait_more(2)
    wait_seen(p, 1)
    check(p.status()["epoch"] == epoch, "no copies were moved")
    p.donors[0].daemons["donor"].stop()
    p.anvil.lanram("pool", "rotate-key")
    p.anvil.daemons["coordinator"].kill()
    p.donors[0].daemons["donor"].cont()
    p.anvil.start("coordinator")
    p.wait_up(2)
    wait_seen(p, 2)
    p.anvil.daemons["coordinator"].kill()
    beside = os.path.join(p.anvil.dir, "state", "pool.key.new")
    shutil.copy(fresh_key(p.elm), beside)
    p.anvil.start("coordinator")
    p.wait_up(2)
    check(not os.path.exists(beside), "it is gone")
    backup = os.path.join(lab.dir, "backup")
    p.anvil.lanram("pool", "export", backup)
    p.anvil.daemons["coordinator"].kill()
    yew = lab.host("yew").config()
    yew.lanram("pool", "import", backup)
    yew.start("coordinator")
    p.wait_up(2)
    ledger.verify()
