# SPDX-License-Identifier: Apache-2.0
"""The owner of a donor's machine needs its RAM: he gets it, at once, without
anything of the pool's being lost or out of reach."""
import os
import pty
import re
import signal
import subprocess
import threading
import time

from exposition import Metrics
from lab import BIG, FULL, PROGRAMS, check, only_full, wait_until
from pool import MIB, Ledger, Load, Pool
from ram import Ram

# Takes `argv[1]` bytes, says so, and keeps them.
HOG = """
import sys, time
held, left = [], int(sys.argv[1])
while left > 0:
    n = min(left, 16 << 20)
    held.append(bytearray(b"x") * n)
    left -= n
print("got it", flush=True)
time.sleep(600)
"""
LITTLE_ASAN = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99:"
                               "quarantine_size_mb=4"}


class Reader:
    """Retrieves all IDs over and over: each must be there each time."""

    def __init__(self, ledger):
        self.ledger, self.rounds, self.error = ledger, 0, None
        self.slowest = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self.ending.is_set():
                for i in list(self.ledger.objects):
                    start = time.monotonic()
                    self.ledger.retrieve(i)
                    self.slowest = max(self.slowest,
                                       time.monotonic() - start)
                self.rounds += 1
        except Exception as e:  # shown at the end
            self.error = e

    def wait_round(self):
        """All was read once more, from the first to the last."""
        goal = self.rounds + 2 if self.rounds else 1
        wait_until(lambda: self.error or self.rounds >= goal, 90,
                   "all was read once more")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *rest):
        self.ending.set()
        self.thread.join(90)
        if kind is None:
            check(self.error is None, f"a reader failed: {self.error}")


def start(pool, env):
    """The pool, with the first donor in that environment; that donor."""
    pool.anvil.start("coordinator")
    first = pool.donors[0].start("donor", env=env)
    for d in pool.donors[1:]:
        d.start("donor")
    pool.elm.start("requester")
    pool.wait_up(len(pool.donors))
    return first


def rss(process):
    with open(f"/proc/{process.pid}/status") as f:
        rows = dict(line.split(":", 1) for line in f if ":" in line)
    return int(rows["VmRSS"].split()[0]) << 10


def held(pool, name):
    return next(d for d in pool.donor_rows() if d["name"] == name
                )["held_bytes"]


def fill(ledger, total, size):
    for _ in range(total // size):
        ledger.store(size)
    for _ in range(3):
        ledger.store(MIB, copies=1)


def watch_give_back(process, before, want):
    """Seconds until `want` bytes had gone back to the host."""
    start = time.monotonic()
    wait_until(lambda: rss(process) <= before - want, 60,
               f"{want >> 20} MiB of RAM given back")
    return time.monotonic() - start


def test_owner_takes_all(lab):
    """A program takes 95 % of the RAM of a donor's machine. It gets it, nobody
    is killed, nothing is swapped; all that is stored can be read all the
    time, and has its copies again in the end."""
    size = (8 << 30) if BIG else (2 << 30)
    stored = (2 << 30) if BIG else 160 * MIB
    p = Pool(lab, lend="4GiB" if BIG else "512MiB", start=False)
    birch = p.donors[0]
    birch.ram = Ram(birch.name, size)
    donor = start(p, LITTLE_ASAN)
    ledger = Ledger(p)
    fill(ledger, stored * 3 // 4, (64 if BIG else 8) * MIB)
    before = rss(donor)
    lab.say(f"{held(p, 'birch') >> 20} MiB held, RSS {before >> 20} MiB")
    with Reader(ledger) as reader:
        reader.wait_round()
        hog = birch.spawn("hog", "python3", "-c", HOG,
                          str(size * 95 // 100))
        want = (1 << 30) if BIG else stored // 3
        s = watch_give_back(donor, before, want)
        lab.say(f"{want >> 20} MiB given back {s:.2f} s after the "
                f"program's start")
        wait_until(lambda: "got it" in hog.log_text() or not hog.running(),
                   60, "the program has its RAM")
        check(hog.running(), "the program was not killed")
        reader.wait_round()
    lab.say(f"RSS {rss(donor) >> 20} MiB, slowest retrieve "
            f"{reader.slowest:.2f} s, {reader.rounds} rounds")
    check(donor.running(), "the donor was not killed")
    check(birch.ram.killed() == 0, "nobody was killed for want of RAM")
    check(birch.ram.swapped() == 0, "nothing was swapped")
    check(held(p, "birch") < 64 * MIB, "it holds next to nothing")
    p.wait_whole()
    kinds = {e["kind"] for e in p.elm.json("events")}
    check({"shed", "gave_back"} <= kinds, f"events: {kinds}")
    m = Metrics.of(birch, "donor")
    check(m.get("donor_returned_bytes_total", why="host") >= want,
          "what the host got back is counted")
    hog.kill()
    ledger.verify()


def test_lend_now(lab):
    """`lanram lend off --now` takes a donor's copies off before there are new
    ones (none are made: the rebuild is paused), where others have one; what it
    has alone is moved first. Nothing is lost, and all is whole in the end."""
    p = Pool(lab)
    ledger = Ledger(p)
    for i in range(8):
        ledger.store(8 * MIB, copies=1 + i % 2)
    wait_until(lambda: held(p, "birch") > 28 * MIB, 10, "it holds something")
    p.anvil.lanram("rebuild", "pause")
    p.donors[0].lanram("lend", "off", "--now")
    wait_until(lambda: held(p, "birch") < 24 * MIB, 20, "its RAM went back")
    check(p.status()["slots"]["short"] > 0, "copies are missing meanwhile")
    check("shed" in {e["kind"] for e in p.elm.json("events")}, "told")
    ledger.verify()
    p.anvil.lanram("rebuild", "resume")
    p.wait_whole()
    wait_until(lambda: not any("birch" in o["donors"] for o in
                               ledger.listed().values()), 20,
               "nothing is on it")
    p.wait_state("birch", ("up",))
    ledger.verify()


def test_drain(lab):
    """`lanram drain` waits until all has moved; an interrupt leaves it going
    on; the coordinator may start anew meanwhile. Undone, it is used again."""
    p = Pool(lab)
    ledger = Ledger(p)
    for i in range(12):
        ledger.store(2 * MIB, copies=1 + i % 2)
    r = p.anvil.lanram("drain", "birch")
    check("birch is drained" in r.err, r)
    lab.say(r.err.strip())
    check(held(p, "birch") < 24 * MIB, "its RAM has gone back")
    check(not any("birch" in o["donors"] for o in ledger.listed().values()),
          "nothing is on it")
    coordinator = p.anvil.daemons["coordinator"]
    coordinator.kill()
    p.anvil.start("coordinator")
    p.wait_state("birch", ("draining",), 20)
    p.anvil.lanram("drain", "cedar", "--no-wait")
    p.wait_state("cedar", ("draining",))
    p.anvil.lanram("drain", "birch", "--undo")
    p.wait_state("birch", ("up",))
    r = p.anvil.lanram("drain", "cedar")
    check(r.code == 0, r)
    ledger.verify()


def on_terminal(host, *args, timeout=300):
    """Exit code and standard error of a command that has a terminal there."""
    main, side = pty.openpty()
    p = subprocess.Popen(host.enter([host.program("lanram"), *args]),
                         env=host.env({"TERM": "xterm"}), stderr=side,
                         stdout=subprocess.DEVNULL, stdin=side)
    os.close(side)
    text = b""
    try:
        while True:
            text += os.read(main, 4096)
    except OSError:  # its end is closed
        os.close(main)
    return p.wait(timeout), text.decode(errors="replace")


def test_drain_progress(lab):
    """A drain tells how far it is: from 0 to 100 %, never back, of as many
    bytes as there were. LAB_BIG: a gigabyte, as fast as it goes."""
    only_full("a drain that takes a while")
    total, rate = (1 << 30, None) if BIG else (96 * MIB, "200mbit")
    p = Pool(lab, lend="3GiB" if BIG else "256MiB")
    ledger = Ledger(p)
    for _ in range(total * 3 // 2 // (32 * MIB) + 1):
        ledger.store(32 * MIB, timeout=120)
    before = held(p, "birch")
    p.donor("birch").slow(rate)
    start = time.monotonic()
    code, text = on_terminal(p.anvil, "drain", "birch")
    lab.say(f"{before >> 20} MiB drained in {time.monotonic() - start:.1f} s")
    check(code == 0 and "birch is drained" in text, text)
    steps = [int(n) for n in re.findall(r"(\d+) %", text)]
    lab.say(f"{len(steps)} steps: {steps[:5]} ... {steps[-5:]}")
    check(len(set(steps)) > 3, f"few steps: {steps}")
    check(steps == sorted(steps) and steps[-1] <= 100, f"steps: {steps}")
    p.donor("birch").slow(None)
    ledger.verify()


def test_drain_without_room(lab):
    """Nobody has room for what a donor holds: exit 5, and it stays in use. An
    interrupted drain goes on, and says so."""
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    for _ in range(12):
        ledger.store(4 * MIB, copies=1)
    p.donor("cedar").lanram("lend", "16MiB")
    wait_until(lambda: any(d["lent_bytes"] < 20 * MIB
                           for d in p.donor_rows()), 10, "it lends less")
    r = p.anvil.lanram("drain", "birch", expect=5, timeout=90)
    check("no room" in r.err, r)
    p.wait_state("birch", ("up",))
    p.donor("birch").slow("2mbit")
    p.donor("cedar").lanram("lend", "256MiB")
    wait_until(lambda: all(d["lent_bytes"] > 200 * MIB
                           for d in p.donor_rows()), 10, "it lends more")
    d = p.anvil.spawn("drain", PROGRAMS.find("lanram"), "drain", "birch")
    p.wait_state("birch", ("draining",))
    d.signal(signal.SIGINT)
    check(d.wait(20) == 130, "interrupted")
    check("goes on being drained" in d.log_text(), d.log_text())
    p.wait_state("birch", ("draining",))
    p.donor("birch").slow(None)
    r = p.anvil.lanram("drain", "birch", timeout=90)
    check(r.code == 0, r)
    ledger.verify()


def test_laptop(lab):
    """A donor's machine sleeps, wakes up with another address, and finds that
    things were removed, and a register written, meanwhile: it is used again by
    itself, and what it serves is never stale."""
    p = Pool(lab)
    ledger = Ledger(p)
    ids = [ledger.store(100_000) for _ in range(9)]
    p.elm.lanram("register", "write", "r", "old")
    birch = p.donors[0]
    birch.daemons["donor"].stop()
    end = time.monotonic() + (60 if FULL else 3)
    p.wait_state("birch", ("down",), 20)
    for i in ids[::3]:
        p.elm.lanram("remove", i, timeout=90)
        ledger.drop(i)
    p.elm.lanram("register", "write", "r", "new", timeout=90)
    birch.move(99)
    wait_until(lambda: time.monotonic() > end, 61, "it sleeps")
    birch.daemons["donor"].cont()
    start = time.monotonic()

    def back():
        fresh = p.elm.lanram("register", "read", "r", timeout=90)
        check(fresh.text == "new", f"stale: {fresh}")
        for i in ids[::3]:
            p.elm.lanram("retrieve", i, expect=3, timeout=90)
        return any(d["name"] == "birch" and d["state"] == "up" and
                   "10.77.0.99" in d["address"] for d in p.donor_rows())
    wait_until(back, 60, "it is up, at its new address")
    lab.say(f"back {time.monotonic() - start:.1f} s after it woke up")
    wait_until(lambda: any("birch" in o["donors"] for o in
                           ledger.listed().values()), 60, "used again")
    ledger.verify()
    ledger.verify_list()


def test_leave_at_once(lab):
    """Stopped with no time to wait, a donor goes by a view without it: what
    others have, too, is not copied first; what is there alone is."""
    p = Pool(lab, leave_wait_s=0)
    ledger = Ledger(p)
    for i in range(12):
        ledger.store(MIB, copies=1 + i % 2)
    birch = p.donors[0].daemons["donor"]
    with Load(ledger, (1000,), codes=(0, 4, 5, 8)) as load:
        birch.term(60)
        load.wait_more(3, 60)
    text = birch.log_text()
    check("nothing is here alone, leaving" in text, text)
    p.wait_whole()
    ledger.verify()
