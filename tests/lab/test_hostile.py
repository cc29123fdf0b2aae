# SPDX-License-Identifier: Apache-2.0
"""Strangers and bad neighbours: the daemons serve the others meanwhile, and
hold no more than they may. LAB_FULL: the numbers of doc/security.md."""
import os
import re
import subprocess
import time

from exposition import Metrics
from lab import PROGRAMS, check, wait_until
from pool import Ledger, MIB, Pool

HERE = os.path.dirname(os.path.abspath(__file__))
FULL = bool(os.environ.get("LAB_FULL"))
# ASan keeps what was freed for a while: as little as it can, here.
SMALL = {"ASAN_OPTIONS": "quarantine_size_mb=1:detect_leaks=1"}


def state_of(process):
    """RSS in bytes, descriptors."""
    with open(f"/proc/{process.pid}/status") as f:
        kib = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
    return kib << 10, len(os.listdir(f"/proc/{process.pid}/fd"))


def address_of(host):
    out = host.run("ip", "-4", "-o", "addr", "show", "dev", "eth0").out
    return re.search(rb"inet ([0-9.]+)/", out).group(1).decode()


def make_key(lab):
    key, cert = lab.scratch("key.pem"), lab.scratch("cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes",
                    "-subj", "/CN=mallet", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


def serve_while(ledger, programs, deadline_s):
    """Objects go in and out until the programs have ended; the slowest."""
    slowest, end = 0, time.monotonic() + deadline_s
    while any(p.running() for p in programs):
        check(time.monotonic() < end, "the attacks end")
        start = time.monotonic()
        ledger.retrieve(ledger.store(30000))
        slowest = max(slowest, time.monotonic() - start)
    return slowest


class Victim:
    """A daemon under attack, and what it was before."""

    def __init__(self, lab, host, role, port, connects):
        self.lab, self.role = lab, role
        self.daemon = host.daemons[role]
        self.before = state_of(self.daemon)
        self.lines = self.daemon.log_text().count("\n")
        self.attack = lab.host(f"mallet-{role}").spawn(
            "strangers", "python3", os.path.join(HERE, "strangers.py"),
            address_of(host), str(port), str(connects), *make_key(lab))

    def judge(self):
        check("over" in self.attack.log_text(), self.attack.log_text())
        wait_until(lambda: state_of(self.daemon)[1] <= self.before[1] + 2, 20,
                   "all descriptors are back")
        after = state_of(self.daemon)
        log = self.daemon.log_text()
        new = log.count("\n") - self.lines
        self.lab.say(f"{self.role}: RSS {self.before[0] >> 20} to "
                     f"{after[0] >> 20} MiB, descriptors {self.before[1]} to "
                     f"{after[1]}, {new} lines")
        check(after[0] < self.before[0] + 48 * MIB, "RSS is flat")
        check(new < 20, f"{new} lines:\n{log[-3000:]}")


def test_strangers(lab):
    """1,000 silent connections, connects and closes, garbage before, in and
    after the handshake, 4 GiB lengths, a byte at a time, at a coordinator and
    a donor."""
    p = Pool(lab, start=False)
    p.anvil.start("coordinator", env=SMALL)
    for d in p.donors:
        d.start("donor", env=SMALL)
    p.elm.start("requester")
    p.wait_up(3)
    ledger = Ledger(p)
    connects = 10000 if FULL else 400
    victims = [Victim(lab, p.anvil, "coordinator", 7450, connects),
               Victim(lab, p.donors[0], "donor", 7451, connects)]
    slowest = serve_while(ledger, [v.attack for v in victims], 900)
    lab.say(f"slowest store and retrieve: {slowest * 1000:.0f} ms")
    for v in victims:
        v.judge()
        check(Metrics.of(v.daemon.host, v.role).get(
            f"{v.role}_refusals_total", reason="limits") > 0, "counted")
    ledger.verify()


def test_greedy(lab):
    """An admitted device asks a donor for hundreds of MiB on many links and
    reads nothing: its RSS stays within 256 MiB, and a share a link, above what
    it held."""
    links = 500 if FULL else 40
    p = Pool(lab, start=False)
    p.anvil.start("coordinator")
    for d in p.donors:
        d.start("donor", env=SMALL)
    p.elm.start("requester")
    p.wait_up(3)
    ledger = Ledger(p)
    ledger.store(MIB)
    donor = p.donors[0].daemons["donor"]
    before = state_of(donor)
    hog = p.elm.spawn("hog", os.path.join(PROGRAMS.build, "tests/lab/hog"),
                      os.path.join(p.elm.dir, "state/device.key"),
                      f"{address_of(p.donors[0])}:7451", str(links))
    wait_until(lambda: "ready" in hog.log_text() or not hog.running(), 120,
               "all its links are open")
    check(hog.running(), hog.log_text())
    most, stored, end = 0, 0, time.monotonic() + (12 if FULL else 4)
    while time.monotonic() < end:
        ledger.retrieve(ledger.store(300000))
        stored += 300000
        most = max(most, state_of(donor)[0])
    grown = most - before[0] - stored
    lab.say(f"{links} links: RSS {before[0] >> 20} to {most >> 20} MiB, "
            f"{stored >> 20} MiB were stored meanwhile")
    check(grown < (256 + 64) * MIB + links * 700000, f"{grown >> 20} MiB more")
    hog.kill()
    wait_until(lambda: state_of(donor)[1] <= before[1] + 4, 30,
               "its links are gone")
    ledger.verify()


def test_no_descriptors(lab):
    """A requester that runs out of descriptors goes on with those that it
    has, says so once, and accepts again when there are some."""
    p = Pool(lab)
    q = p.elm.daemons["requester"]
    ledger = Ledger(p)
    ref = ledger.store(1000)
    have = state_of(q)[1]
    p.elm.run("prlimit", "--pid", str(q.pid), f"--nofile={have + 20}:4096")
    many = p.elm.spawn("many", "python3", "-c", """
import socket, time
s = [socket.socket(socket.AF_UNIX) for _ in range(200)]
for one in s:
    one.setblocking(False)
    try:
        one.connect("/run/lanram/requester.sock")
    except OSError:
        pass
print("open", flush=True)
time.sleep(3600)
""")
    wait_until(lambda: "out of descriptors" in q.log_text(), 20, "it says so")
    many.kill()
    wait_until(lambda: p.elm.lanram("retrieve", ref, expect=None).code == 0,
               20, "it serves again")
    check(q.log_text().count("out of descriptors") < 5, q.log_text())
    ledger.verify()
