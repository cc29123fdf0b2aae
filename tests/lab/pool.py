# SPDX-License-Identifier: Apache-2.0
"""A pool on the lab's LAN, and a ledger of what was stored in it."""
import hashlib
import os
import random
import re
import threading

from lab import PROGRAMS, Failure, check, wait_until

ID = re.compile(rb"[0-9abcdefghjkmnpqrstvwxyz]{26}\n")
DONORS = ("birch", "cedar", "dogwood")
KIB, MIB = 1 << 10, 1 << 20
OP_DEADLINE_S = 90  # an operation's 30 s, and the command's own work


def data_of(seed, size):
    """The same bytes for the same seed."""
    return random.Random(f"{seed}/{size}").randbytes(size)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def sha_of_file(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def nobody_is_seen(host):
    """A browser that is at work finds no pool."""
    said = host.run("timeout", "3", PROGRAMS.find("disco-probe"),
                    "browse").text
    return "state running" in said and "\t" not in said


class Pool:
    """Coordinator on anvil, donors on birch, cedar, dogwood, requester on
    elm; nobody is told where anybody is."""

    def __init__(self, lab, donors=DONORS, requester="elm", start=True,
                 **config):
        self.lab = lab
        self.anvil = lab.host("anvil").config(**config)
        self.donors = [lab.host(n).config(**config) for n in donors]
        self.elm = lab.host(requester).config(**config)
        if start:
            self.start()

    @property
    def hosts(self):
        return [self.anvil, *self.donors, self.elm]

    def start(self, deadline_s=20):
        self.anvil.start("coordinator")
        for d in self.donors:
            d.start("donor")
        self.elm.start("requester")
        self.wait_up(len(self.donors), deadline_s)

    def donor_rows(self, host=None):
        return (host or self.elm).json("donors")

    def up(self, host=None):
        return sorted(d["name"] for d in self.donor_rows(host)
                      if d["state"] == "up")

    def wait_up(self, n, deadline_s=20, host=None):
        """n donors are up, seen from the requester."""
        wait_until(lambda: len(self.up(host)) == n, deadline_s,
                   f"{n} donors up")

    def status(self):
        return self.elm.json("status")

    def is_whole(self):
        s = self.status()["slots"]
        return s["short"] == 0 and s["unavailable"] == 0

    def wait_whole(self, deadline_s=45, donors=None):
        """Every slot that holds something has all its copies again."""
        if donors is not None:
            self.wait_up(donors, deadline_s)
        wait_until(self.is_whole, deadline_s,
                   "no slot short or unavailable")

    def wait_state(self, name, states, deadline_s=15):
        wait_until(lambda: any(d["name"] == name and d["state"] in states
                               for d in self.donor_rows()), deadline_s,
                   f"{name} is {' or '.join(states)}")

    def donor(self, name):
        return next(d for d in self.donors if d.name == name)

    def wait_full(self, deadline_s=45):
        """No slot is short: what can be copied again has been."""
        wait_until(lambda: self.status()["slots"]["short"] == 0, deadline_s,
                   "no slot short")

    def replace(self, host, deadline_s=20):
        """A new, empty donor on the host; the admin says that the old one is
        gone for good, or slots of one copy would wait for it for ever."""
        old = {d["id"] for d in self.donor_rows() if d["name"] == host.name}
        host.wipe()
        host.start("donor")
        self.wait_up(len(self.donors), deadline_s)
        self.wait_full()
        for d in self.donor_rows():
            if d["id"] in old and d["state"] == "down":
                self.anvil.lanram("forget", d["id"])


class Ledger:
    """What the pool has acknowledged, and must give back to the byte."""

    def __init__(self, pool, host=None):
        self.pool = pool
        self.host = host or pool.elm
        self.objects = {}   # id -> (sha256, size, name, copies)
        self.lock = threading.Lock()
        self.count = 0

    def _name(self, seed):
        with self.lock:
            self.count += 1
            return f"{seed}-{self.count}"

    def store(self, size, seed="o", copies=None, expect=0, args=(),
              timeout=OP_DEADLINE_S):
        """Through stdin. The ID, or None if it was not acknowledged."""
        name = self._name(seed)
        data = data_of(name, size)
        args = list(args) + (["--copies", str(copies)] if copies else [])
        r = self.host.lanram("store", "-", "--name", name, *args,
                             stdin=data, expect=expect, timeout=timeout)
        if r.code != 0:
            check(r.err.strip(), f"failed without a reason: {r}")
            check(not r.out, f"an ID without an acknowledgement: {r}")
            return None
        check(ID.fullmatch(r.out), f"stdout is the ID alone: {r}")
        self.add(r.text, sha(data), size, name, copies or 2)
        return r.text

    def add(self, object_id, digest, size, name, copies=2):
        with self.lock:
            self.objects[object_id] = (digest, size, name, copies)

    def drop(self, object_id):
        with self.lock:
            return self.objects.pop(object_id)

    def retrieve(self, object_id, expect=0, timeout=OP_DEADLINE_S, ref=None):
        """Right to the byte, or a reason; the exit code."""
        digest, size, name, _ = self.objects[object_id]
        r = self.host.lanram("retrieve", ref or object_id, expect=expect,
                             timeout=timeout)
        if r.code == 0:
            check(len(r.out) == size and sha(r.out) == digest,
                  f"wrong bytes: {name} ({size}), got {len(r.out)}")
        else:
            check(r.err.strip(), f"failed without a reason: {r}")
        return r.code

    def verify(self):
        for object_id in list(self.objects):
            self.retrieve(object_id)

    def listed(self):
        return {o["id"]: o for o in self.host.json("list")}

    def verify_list(self, deadline_s=10):
        """The list has all of it, and nothing else, with the right sizes."""
        def same():
            rows = self.listed()
            want = {i: o[1] for i, o in self.objects.items()}
            got = {i: r["size"] for i, r in rows.items()}
            if got != want:
                raise Failure(f"missing {sorted(set(want) - set(got))[:3]}, "
                              f"too many {sorted(set(got) - set(want))[:3]}, "
                              f"{len(got)} of {len(want)}")
            return True
        wait_until(same, deadline_s, "the list is complete")


class Load:
    """Stores and retrieves without pause, on a thread, until stopped. Every
    operation ends in time: done, or with a reason."""

    def __init__(self, ledger, sizes, codes=(0, 4, 8)):
        self.ledger, self.sizes, self.codes = ledger, sizes, codes
        self.stores = self.retrieves = self.refused = 0
        self.error = None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _turn(self, n):
        size = self.sizes[n % len(self.sizes)]
        if self.ledger.store(size, "load", expect=self.codes):
            self.stores += 1
        else:
            self.refused += 1
        ids = list(self.ledger.objects)
        if ids and self.ledger.retrieve(random.choice(ids),
                                        expect=self.codes) == 0:
            self.retrieves += 1

    def _run(self):
        n = 0
        try:
            while not self.ending.is_set():
                self._turn(n)
                n += 1
        except Exception as e:  # shown by stop()
            self.error = e

    def done(self):
        return self.stores + self.retrieves

    def wait_more(self, n, deadline_s=60):
        """It gets on: n more operations have succeeded."""
        goal = self.done() + n
        wait_until(lambda: self.error or self.done() >= goal, deadline_s,
                   f"{n} more operations")

    def stop(self):
        self.ending.set()
        self.thread.join(2 * OP_DEADLINE_S)
        check(not self.thread.is_alive(), "the load ends")
        if self.error:
            raise self.error

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.ending.set()
        if kind is None:
            self.stop()
        else:
            self.thread.join(5)


def no_address_in_configurations(pool):
    for h in pool.hosts:
        with open(os.path.join(h.dir, "lanram.conf")) as f:
            text = f.read()
        check(not re.search(r"\d+\.\d+\.\d+|::\d", text),
              f"an address in the configuration of {h.name}")
