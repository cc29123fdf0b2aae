# SPDX-License-Identifier: Apache-2.0
"""Faults for a pool at work: drawn from a seed, applied, healed.

A fault names a kind, who it befalls, how long it stays and the pause after it.
The whole schedule is drawn before the first is applied: the same seed gives the
same faults, however fast the machine is. Clocks are not set: the wall clock is
the machine's, not a host's (a time namespace moves only the monotonic one, and
only at a process' start)."""
import collections
import random
import time

import netns
from lab import PATIENCE_S, Failure, check, wait_until

Fault = collections.namedtuple("Fault", "kind host extra stay pause linger")

DONOR_KINDS = ("kill", "kill", "two", "freeze", "freeze", "no-coordinator")
HOST_KINDS = ("freeze", "link", "one-way", "loss", "reset", "slow", "deaf",
              "avahi")
COORDINATOR_KINDS = ("coordinator", "freeze-coordinator")
KINDS = DONOR_KINDS + HOST_KINDS + COORDINATOR_KINDS + ("requester",)
WHOLE_S = 25      # how long slots may take to be whole before a death
WHOLE_FOR_S = 1   # what the coordinator has not heard of is whole, too, then


def schedule(seed, donors, others, rounds=200):
    """Every kind once in each round, in random order."""
    rng = random.Random(seed)
    out = []
    for _ in range(rounds):
        kinds = list(KINDS)
        rng.shuffle(kinds)
        out += [_fault(rng, k, donors, others) for k in kinds]
    return out


def _fault(rng, kind, donors, others):
    if kind in COORDINATOR_KINDS:
        host = "anvil"
    elif kind == "requester":
        host = rng.choice(others)
    elif kind in DONOR_KINDS and (kind != "freeze" or rng.random() < 0.7):
        host = rng.choice(donors)
    else:
        host = rng.choice(donors + others)
    stay = 0.2 * 20 ** rng.random()  # to 4 s, mostly short
    if "freeze" in kind:
        stay = 0.05 * 200 ** rng.random()  # 50 ms to 10 s
    if kind == "reset":
        stay = rng.uniform(0.05, 0.5)
    extra = {"one-way": rng.choice(("in", "out")),
             "slow": rng.choice(("2mbit", "10mbit", "50mbit")),
             "deaf": rng.choice(donors),
             "two": rng.choice([d for d in donors if d != host])}.get(kind)
    return Fault(kind, host, extra, stay, rng.uniform(0.1, 1),
                 rng.random() < 0.4)


def rule(ns, *words):
    """A rule for what comes in and one for what goes out."""
    netns.inside(ns, "nft", "add", "table", "inet", "lab")
    for hook in ("input", "output"):
        netns.inside(ns, "nft", "add", "chain", "inet", "lab", hook,
                     "{ type filter hook %s priority 0; }" % hook)
        netns.inside(ns, "nft", "add", "rule", "inet", "lab", hook,
                     *(w.replace("PEER", "saddr" if hook == "input" else
                                 "daddr") for w in words))


class Nemesis:
    """Applies a schedule to a pool. `whole()` tells whether a donor may die
    without taking the last copy of anything with it."""

    def __init__(self, pool, seed, others):
        self.pool = pool
        self.hosts = {h.name: h for h in [pool.anvil, *pool.donors, *others]}
        self.plan = iter(schedule(seed, [d.name for d in pool.donors],
                                  [h.name for h in others]))
        self.donors = [d.name for d in pool.donors]
        self.healing = []          # of faults that linger
        self.lingering = set()     # the hosts that they are on
        self.counts = collections.Counter()
        self.begin = time.monotonic()

    def say(self, text):
        text = f"{time.monotonic() - self.begin:7.2f} {text}"
        self.pool.lab.say(text)

    # --- what must hold before a donor may die ------------------------------
    def wait_whole(self):
        since = None

        def whole():
            nonlocal since
            s = self.pool.status()
            good = s["slots"]["short"] == 0 == s["slots"]["unavailable"] and \
                not s["recovery"]
            since = (since or time.monotonic()) if good else None
            if not good:
                raise Failure(f"{s['slots']} {s['recovery']} {s['reasons']}")
            return time.monotonic() - since >= WHOLE_FOR_S
        try:
            wait_until(whole, WHOLE_S, "all slots whole again after a fault",
                       0 if self.lingering else PATIENCE_S)
        except Failure:
            if not self.lingering:
                raise
            self.heal()  # two together may hold the only copies of a slot
            wait_until(whole, WHOLE_S, "all slots whole again, all healed")

    # --- faults: each returns what heals it ----------------------------------
    def kill(self, f, host):
        """What lingers on another donor stays: it finds itself several views
        behind. Without it, all slots are whole."""
        if not self.lingering <= set(self.donors) - {host.name, f.extra}:
            self.heal()
        self.wait_whole()
        host.daemons["donor"].kill()
        return lambda: host.start("donor")

    def two(self, f, host):
        self.kill(f, host)()
        return self.kill(f, self.hosts[f.extra])

    def freeze(self, f, host):
        role = "donor" if "donor" in host.daemons else "requester"
        d = host.daemons[role]
        d.stop()
        return d.cont

    def freeze_coordinator(self, f, host):
        d = self.pool.anvil.daemons["coordinator"]
        d.stop()
        return d.cont

    def coordinator(self, f, host):
        self.pool.anvil.daemons["coordinator"].kill()
        return lambda: self.pool.anvil.start("coordinator")

    def requester(self, f, host):
        host.daemons["requester"].kill()
        return lambda: host.start("requester")

    def link(self, f, host):
        host.link("eth0", "down")
        return lambda: host.link("eth0", "up")

    def one_way(self, f, host):
        host.drop(f.extra)
        return host.undrop

    def deaf(self, f, host):
        """Cannot be heard by one other donor; everybody else hears it."""
        if f.extra != host.name:
            host.drop("out", self.hosts[f.extra])
        return host.undrop

    def no_coordinator(self, f, host):
        """Cut off from the coordinator only, still serving clients."""
        rule(host.ns, "ip", "PEER", self.pool.anvil.ip, "drop")
        return host.undrop

    def loss(self, f, host):
        rule(host.ns, "numgen", "random", "mod", "100", "<", "30", "drop")
        return host.undrop

    def reset(self, f, host):
        rule(host.ns, "meta", "l4proto", "tcp", "reject", "with", "tcp",
             "reset")
        return host.undrop

    def slow(self, f, host):
        host.slow(f.extra)
        return lambda: host.slow(None)

    def avahi(self, f, host):
        host.stop_avahi()
        return host.start_avahi

    # --- the run ---------------------------------------------------------------
    def heal(self):
        for undo in self.healing:
            undo()
        self.healing, self.lingering = [], set()

    def step(self):
        f = next(self.plan)
        # A host that something lingers on has enough.
        if f.host in self.lingering or "anvil" in self.lingering:
            self.heal()
        self.say(f"{f.kind} {f.host} {f.extra or ''} for {f.stay:.2f} s"
                 + (", lingers" if f.linger else ""))
        undo = getattr(self, f.kind.replace("-", "_"))(f, self.hosts[f.host])
        self.counts[f.kind] += 1
        time.sleep(f.stay)  # how long it stays is the fault itself
        self.heal()
        self.healing = [undo]
        self.lingering = {"anvil" if f.kind in COORDINATOR_KINDS else f.host}
        if f.kind == "two":
            self.lingering = {f.extra}
        if not f.linger:
            self.heal()
        time.sleep(f.pause)

    def run(self, seconds, watch):
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                self.step()
                watch()
        finally:
            self.heal()
        check(sum(self.counts.values()) > 0, "faults were injected")
        self.say(f"{sum(self.counts.values())} faults: {dict(self.counts)}")
