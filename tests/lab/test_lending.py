# SPDX-License-Identifier: Apache-2.0
"""The owner of a donor's machine needs its RAM: he gets it, at once, without
anything of the pool's being lost or out of reach."""
import threading
import time

from lab import BIG, check, wait_until
from pool import MIB, Ledger, Pool
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
    hog.kill()
    ledger.verify()
