# SPDX-License-Identifier: Apache-2.0
"""Donors whose slots several threads share, each with a port of its own."""
import ctypes
import os
import signal

from lab import check, only_full, wait_until
from pool import KIB, MIB, Ledger, Pool

SHARDS = {"birch": 2, "cedar": 3, "dogwood": 1}
SIZES = (0, 2 * KIB, 256 * KIB + 1, 2 * MIB)
SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17  # linux/ptrace.h


def start(lab, shards=SHARDS, **config):
    """A pool whose donors have so many shards."""
    p = Pool(lab, donors=tuple(shards), start=False, **config)
    for d in p.donors:
        d.config(donor=f"shards = {shards[d.name]};", **config)
    p.start()
    return p


def fill(p, ledger):
    """Each size in each class, registers and names: every shard has some."""
    for copies in (1, 2, 3):
        for size in SIZES:
            ledger.store(size, copies=copies)
    for i in range(3):
        p.elm.lanram("register", "write", f"r{i}", f"value {i}")
        p.elm.lanram("name", "set", f"n{i}", f"value {i}")


def verify(p, ledger):
    ledger.verify()
    for i in range(3):
        for kind, verb, name in (("register", "read", f"r{i}"),
                                 ("name", "get", f"n{i}")):
            r = p.elm.lanram(kind, verb, name)
            check(r.out == f"value {i}".encode(), f"{name}: {r}")


def shard_threads(process):
    """Thread IDs, first shard first."""
    found = {}
    for tid in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{tid}/comm") as f:
            found[f.read().strip()] = int(tid)
    return [tid for name, tid in sorted(found.items())
            if name.startswith("shard ")]


class Frozen:
    """One thread of a process stands still, the others go on."""

    def __init__(self, tid):
        self.tid = tid
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long] * 4

    def _ptrace(self, what):
        check(self.libc.ptrace(what, self.tid, 0, 0) == 0,
              f"ptrace {what}: {os.strerror(ctypes.get_errno())}")

    def __enter__(self):
        self._ptrace(SEIZE)
        self._ptrace(INTERRUPT)
        os.waitpid(self.tid, 0x40000000)  # __WALL: until it stands

    def __exit__(self, *exc):
        self._ptrace(DETACH)


def test_mixed(lab):
    """Donors of two, three and one shard keep everything of every size and
    class together; one is killed, and everything is copied again."""
    p = start(lab)
    ledger = Ledger(p)
    fill(p, ledger)
    check(len(shard_threads(p.donor("cedar").daemons["donor"])) == 3,
          "three threads serve data")
    ledger.verify_list()
    birch = p.donor("birch")
    birch.daemons["donor"].kill()
    birch.start("donor")
    p.wait_up(3)
    p.wait_full()
    for i in [i for i, o in ledger.objects.items() if o[3] == 1]:
        if ledger.retrieve(i, expect=(0, 7)) == 7:
            ledger.drop(i)  # its one copy
    verify(p, ledger)


def test_frozen_shard(lab):
    """One shard of a donor stands still while the others and its heartbeats go
    on: it is taken for dead like a donor of one shard, and comes back."""
    only_full("freezes a thread")
    p = start(lab, dict(SHARDS, dogwood=2))
    ledger = Ledger(p)
    for size in SIZES * 3:
        ledger.store(size)
    birch = p.donor("birch").daemons["donor"]
    with Frozen(shard_threads(birch)[1]):
        p.wait_state("birch", ("down",))
        ledger.verify()
    p.wait_up(3, 30)
    p.wait_whole()
    ledger.verify()


def test_lend_and_leave(lab):
    """What is lent is one for all shards: lowered, they give back together;
    a donor of several shards is drained, another leaves, and nothing is lost."""
    only_full("moves everything twice")
    p = start(lab, {"birch": 2, "cedar": 2, "dogwood": 2, "fir": 1},
              lend="512MiB")
    ledger = Ledger(p)
    for _ in range(8):
        ledger.store(16 * MIB)
    birch = p.donor("birch")
    birch.lanram("lend", "64MiB")

    def given_back():
        row = next(d for d in p.donor_rows() if d["name"] == "birch")
        return row["held_bytes"] <= 64 * MIB
    wait_until(given_back, 60, "birch holds what it lends, no more")
    p.wait_whole(90)
    ledger.verify()
    birch.lanram("lend", "512MiB")
    p.anvil.lanram("drain", "cedar", timeout=120)
    ledger.verify()
    p.donor("dogwood").daemons["donor"].signal(signal.SIGTERM)
    p.donor("dogwood").daemons["donor"].wait(60)
    p.wait_whole(90)
    ledger.verify()
    ledger.verify_list()
