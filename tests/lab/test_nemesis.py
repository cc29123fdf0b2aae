# SPDX-License-Identifier: Apache-2.0
"""Everything at once: real daemons, clients on three hosts, and faults every
few seconds; then all heals, and what the clients saw is judged.

LAB_SEED replays a schedule (and what the clients do); LAB_FULL=1 runs for an
hour, LAB_SECONDS=N for so long. It needs about one core; the rest of the lab may run beside it."""
import os
import random
import subprocess
import time

import lab as base
from lab import FULL, PROGRAMS, Failure, Skip, check, wait_until
from nemesis import Nemesis
from pool import MIB, Pool

DONORS = ("birch", "cedar", "dogwood", "elder", "fir")
REQUESTERS = ("gum", "hazel", "iris")
CLIENTS_EACH = 2
SECONDS = int(os.environ.get("LAB_SECONDS") or (3600 if FULL else 60))
# All slots full: 10 s, and rebuild_delay_ms. Damping adds nothing: it keeps a
# donor that flaps out of placement only while enough others are in.
FULL_S = 10 + 2
QUIET_S = 15      # each client gets on after the healing
# RSS under AddressSanitizer with a quarantine of 16 MiB.
RSS = {"coordinator": 160 * MIB, "requester": 224 * MIB, "donor": 224 * MIB}
RSS_HELD = 2      # of a donor, for each byte that it holds, beside that
FDS = 8           # more than before: links that come and go


class Client:
    """A process of history.c."""

    def __init__(self, host, number, seed, objects):
        self.path = os.path.join(host.dir, f"history-{number}.log")
        # A client that gives up early asks again sooner.
        deadline = (2000, 5000, 10000)[number % 3]
        self.p = host.spawn(
            f"client-{number}", "sh", "-c", 'exec "$@" >>"$0"', self.path,
            PROGRAMS.find("history"), "/run/lanram/requester.sock",
            str(number), str(seed), str(deadline), objects)
        self.p.expected = 0

    def lines(self):
        try:
            with open(self.path) as f:
                return f.readlines()
        except FileNotFoundError:
            return []

    def done(self):
        return sum(" ok " in line for line in self.lines())


class Run:
    def __init__(self, lab, seed):
        self.lab, self.seed = lab, seed
        self.pool = Pool(lab, DONORS, REQUESTERS[0])
        self.hosts = [self.pool.elm] + [lab.host(n) for n in REQUESTERS[1:]]
        for h in self.hosts[1:]:
            h.start("requester")
        for h in self.hosts:
            self.pool.wait_up(len(DONORS), host=h)
        self.clients = []

    # --- daemons -------------------------------------------------------------
    def daemons(self):
        for h in [self.pool.anvil, *self.pool.donors, *self.hosts]:
            for role, d in h.daemons.items():
                yield h, role, d

    def fds(self):
        return {(h.name, role): len(os.listdir(f"/proc/{d.pid}/fd"))
                for h, role, d in self.daemons()}

    def check_alive(self):
        for h, role, d in self.daemons():
            # One that was killed is not judged.
            check(d.running() or d.expected is None,
                  f"{role} on {h.name} ended by itself: {d.popen.poll()}")
        for c in self.clients:
            check(c.p.running(), f"{c.p.name} ended: {c.p.log_text()[-500:]}")

    def check_fds(self, before):
        def same():
            more = {k: (before[k], n) for k, n in self.fds().items()
                    if n > before[k] + FDS}
            if more:
                raise Failure(f"descriptors (before, after): {more}")
            return True
        wait_until(same, 20, "descriptors are back")

    def check_rss(self):
        held = {d["name"]: d["held_bytes"] for d in self.pool.donor_rows()}
        rows = []
        for h, role, d in self.daemons():
            with open(f"/proc/{d.pid}/status") as f:
                kib = next(int(line.split()[1]) for line in f
                           if line.startswith("VmRSS"))
            bound = RSS[role]
            if role == "donor":
                bound += RSS_HELD * held[h.name]
            rows.append(f"{h.name} {kib >> 10}/{bound >> 20} MiB")
            check(kib << 10 <= bound, f"RSS of {role} on {rows[-1]}")
        self.lab.say("RSS: " + ", ".join(rows))

    # --- clients ---------------------------------------------------------------
    def start_clients(self):
        objects = self.lab.scratch("objects")
        for n in range(CLIENTS_EACH * len(self.hosts)):
            self.clients.append(Client(self.hosts[n % len(self.hosts)], n + 1,
                                       self.seed, objects))
        self.wait_progress(10)

    def wait_progress(self, n):
        """Every client has done n more operations."""
        goal = {c: c.done() + n for c in self.clients}

        def all_on():
            late = [c.p.name for c, g in goal.items() if c.done() < g]
            if late:
                raise Failure(f"not yet {n} more: {late}")
            return True
        wait_until(all_on, QUIET_S, "every client gets on")

    def stop_clients(self):
        for c in self.clients:
            c.p.signal(15)
        # No more signals: SIGCONT undoes the stop that LeakSanitizer waits
        # for in a process that is about to exit.
        for c in self.clients:
            check(c.p.wait(30, "exit after SIGTERM") == 0,
                  f"{c.p.name}: {c.p.log_text()[-1000:]}")

    def history(self):
        return "".join(line for c in self.clients for line in c.lines())

    def judge(self, *args):
        p = subprocess.run([PROGRAMS.find("check-history"), *args],
                           input=self.history(), text=True,
                           capture_output=True, env=self.hosts[0].env(),
                           timeout=900 if FULL else 120)
        if p.returncode:
            keep = f"/tmp/lanram-nemesis-{self.seed}.history"
            with open(keep, "w") as f:
                f.write(self.history())
            raise Failure(f"{p.stdout[-3000:]} {p.stderr[-1000:]} "
                          f"(kept: {keep})")
        return p.stdout

    def verify_objects(self):
        """Acknowledged and not removed: equal. Removed: not there."""
        want = self.judge("--objects")
        kept = {w[0] for w in map(str.split, want.splitlines())
                if w[3] == "keep"}
        gone = {w[0] for w in map(str.split, want.splitlines())} - kept
        r = self.hosts[-1].run(PROGRAMS.find("history"), "--verify",
                               "/run/lanram/requester.sock",
                               stdin=want.encode(), timeout=1800)
        check(r.code == 0, f"objects: {r.out[-2000:].decode()} {r.err}")

        def listed():
            ids = {o["id"] for o in self.hosts[0].json("list")}
            return kept <= ids and not gone & ids
        wait_until(listed, 10, "the list has them, and none that is removed")
        self.lab.say(f"{len(kept)} objects kept, {len(gone)} removed")
        check(kept and gone, "some of both")


def finish(run, nemesis, fds):
    begin = time.monotonic()
    wait_until(run.pool.is_whole, FULL_S, "all slots full after the healing")
    run.lab.say(f"all slots full {time.monotonic() - begin:.1f} s after")
    run.wait_progress(20)
    run.stop_clients()
    print("  " + run.judge().strip())
    run.verify_objects()
    run.pool.wait_up(len(DONORS), 60)
    run.check_fds(fds)
    run.check_rss()
    print("  " + "\n  ".join(run.lab.events[-3:]), flush=True)
    run.lab.finish()


def ordeal(lab, seed, seconds):
    print(f"  LAB_SEED={seed}", flush=True)
    base.SANITIZERS["ASAN_OPTIONS"] += ":quarantine_size_mb=16"
    run = Run(lab, seed)
    nemesis = Nemesis(run.pool, seed, run.hosts)
    lab.say(f"seed {seed}")
    run.start_clients()
    fds = run.fds()
    nemesis.run(seconds, run.check_alive)
    print(f"  {sum(nemesis.counts.values())} faults: "
          f"{dict(nemesis.counts)}", flush=True)
    finish(run, nemesis, fds)


def found_before(lab, seed):
    """A minute of a schedule that once found something."""
    if not FULL:
        raise Skip("LAB_FULL=1 runs it")
    ordeal(lab, seed, 60)


def test_nemesis(lab):
    """Whatever happens: histories are linearizable, nothing acknowledged is
    lost, nothing removed is back, and the pool is whole and quiet again."""
    seed = os.environ.get("LAB_SEED")
    ordeal(lab, int(seed) if seed else random.randrange(1 << 32), SECONDS)


def test_found_501(lab):
    """Found: of a write that a killed requester had in hand, its successor
    said "certainly not done"."""
    found_before(lab, 501)
