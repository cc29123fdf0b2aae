# SPDX-License-Identifier: Apache-2.0
"""The pool's backup: a coordinator made from it on another machine is the same
pool, and an old one does not go on before it is told to, or knows enough."""
import os
import stat

from exposition import Metrics
from lab import check, only_full, wait_until
from pool import Ledger, Pool


def waits(p):
    """The coordinator says that its state may be old."""
    r = p.elm.lanram("status", expect=None)
    return "lanram pool confirm" in r.out.decode() + r.err


def test_moved_by_backup(lab):
    """Exported, imported on another machine: everybody goes on there, nothing
    is lost, and who is admitted still is. It cannot know that it is not old:
    it waits for all donors that it knows, over a restart too, then goes on by
    itself. The backup is its owner's alone, and no pool is overwritten."""
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    ledger.store(5000)
    before = p.status()["pool_id"]
    backup = os.path.join(lab.dir, "pool.backup")
    p.anvil.lanram("pool", "export", backup)
    check(stat.S_IMODE(os.stat(backup).st_mode) == 0o600, "its owner's alone")
    p.anvil.lanram("pool", "import", backup, expect=1)
    p.anvil.daemons["coordinator"].kill()
    yew = lab.host("yew").config()
    with open(backup, "rb") as f:
        torn = f.read()[:-1]
    with open(backup + ".torn", "wb") as f:
        f.write(torn)
    r = yew.lanram("pool", "import", backup + ".torn", expect=1)
    check("no whole export" in r.err, f"{r}")
    yew.lanram("pool", "import", backup)
    mark = os.path.join(yew.dir, "state", "doubt")
    check(os.path.exists(mark), "it may be old")
    p.donor("cedar").daemons["donor"].stop()
    for _ in range(2):
        yew.start("coordinator")
        wait_until(lambda: waits(p), 20, "says what it waits for")
        yew.daemons["coordinator"].kill()
    yew.start("coordinator")
    p.donor("cedar").daemons["donor"].cont()
    p.wait_up(2, 30)
    wait_until(lambda: not waits(p), 20, "goes on by itself")
    wait_until(lambda: not os.path.exists(mark), 20, "is not old any more")
    check(p.status()["pool_id"] == before, "the same pool")
    ledger.store(5000)
    ledger.verify()


def test_old_backup(lab):
    """A backup older than the pool, its files put back by hand: it learns from
    a donor that it is old, changes nothing while one that it knows is away, and
    says so; an admin's word lets it go on."""
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    ledger.store(5000)
    backup = os.path.join(lab.dir, "pool.backup")
    p.anvil.lanram("pool", "export", backup)
    epoch = p.status()["epoch"]
    fir = lab.host("fir").config()
    fir.start("donor")
    p.wait_up(3)
    wait_until(lambda: p.status()["epoch"] > epoch, 20,
               "a view that the backup does not know")
    p.wait_full()
    p.anvil.daemons["coordinator"].kill()
    p.donor("cedar").daemons["donor"].kill()
    p.anvil.wipe()
    p.anvil.lanram("pool", "import", backup)
    os.remove(os.path.join(p.anvil.dir, "state", "doubt"))
    p.anvil.start("coordinator")
    wait_until(lambda: waits(p), 20, "says what it waits for")
    p.anvil.lanram("pool", "confirm")
    wait_until(lambda: not waits(p), 20, "goes on")
    p.wait_up(2, 30)
    ledger.verify()


def test_own_mark(lab):
    """Old files put back by hand, and a donor that has joined since is away:
    before it goes on with those that it knows, the coordinator leaves a mark of
    its own, and so it is in doubt after a crash, too, until that donor is
    heard. Nothing is called lost meanwhile."""
    only_full("unit tests have it as well")
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    for _ in range(30):
        ledger.store(5000)
    backup = os.path.join(lab.dir, "pool.backup")
    p.anvil.lanram("pool", "export", backup)
    fir = lab.host("fir").config()
    fir.start("donor")
    p.wait_up(3)
    wait_until(lambda: Metrics.of(fir, "donor").get("donor_entries") > 5, 30,
               "copies have moved to it")
    p.wait_full()
    p.anvil.daemons["coordinator"].kill()
    fir.daemons["donor"].stop()
    p.anvil.wipe()
    p.anvil.lanram("pool", "import", backup)
    mark = os.path.join(p.anvil.dir, "state", "doubt")
    os.remove(mark)
    p.anvil.start("coordinator")
    wait_until(lambda: os.path.exists(mark), 30, "a mark of its own")
    p.anvil.daemons["coordinator"].kill()
    p.anvil.start("coordinator")
    wait_until(lambda: waits(p), 20, "says what it waits for")
    check(os.path.exists(mark), "still in doubt")
    fir.daemons["donor"].cont()
    wait_until(lambda: not waits(p) and not os.path.exists(mark), 40,
               "nothing is in doubt any more")
    p.wait_up(3, 30)
    check(not any(e["kind"] == "lost" for e in p.anvil.json("events")),
          "nothing was called lost")
    ledger.verify()
