# SPDX-License-Identifier: Apache-2.0
"""One coordinator, three donors and one requester on five machines that have
been told nothing about each other find and admit one another."""
import os
import re
import sys
import time

from lab import check, wait_until
from pool import MIB, Ledger, Pool, no_address_in_configurations

CODE = re.compile(r"\b[a-z]+-[a-z]+-[a-z]+-[a-z]+\b")


def test_five_machines(lab):
    """All donors are up, seen from the requester, within 10 s of the last
    start, and the numbers of status are those of the machines."""
    p = Pool(lab, start=False)
    no_address_in_configurations(p)
    p.start(deadline_s=10)
    check(p.up() == ["birch", "cedar", "dogwood"], f"names: {p.up()}")
    s = p.status()
    check(s["pool"] == "lab" and len(s["pool_id"]) == 52, f"pool: {s}")
    check(s["health"] == "ok" and s["reasons"] == [], f"health: {s}")
    check(s["donors"] == {"up": 3, "known": 3}, f"donors: {s}")
    check(s["lent_bytes"] == 3 * 256 * MIB, f"lent: {s['lent_bytes']}")
    check(0 < s["usable_bytes"] <= 3 * 128 * MIB, f"usable: {s}")
    check(s["encrypted_links"] is True, f"encrypted: {s}")
    check(s["survives"]["any_donor"] and not s["survives"]["power_cut"],
          f"survives: {s}")
    for d in p.donor_rows():
        check(d["lent_bytes"] == 256 * MIB and len(d["id"]) == 52, f"{d}")
    ledger = Ledger(p)
    ledger.store(100000)
    ledger.verify()


SNIFF = """
import os, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.settimeout(0.1)
open(sys.argv[1], "w").close()
word = bytes.fromhex(sys.argv[2])
over = False
while not over:
    over = os.path.exists(sys.argv[1] + ".stop")
    try:
        if word in s.recv(65536):
            print("seen")
            break
        over = False
    except OSError:
        pass
"""


def on_the_wire(p, text):
    """Stores `text`, reads it back, and tells whether it could be read on
    the requester's network."""
    ready = os.path.join(p.elm.dir, f"sniff-{text}")
    sniffer = p.elm.spawn(f"sniff-{text}", sys.executable, "-c", SNIFF, ready,
                          text.encode().hex())
    wait_until(lambda: os.path.exists(ready), 10, "the sniffer listens")
    r = p.elm.lanram("store", "-", "--name", "x", stdin=text.encode())
    check(p.elm.lanram("retrieve", r.text).out == text.encode(), "the bytes")
    open(ready + ".stop", "w").close()
    sniffer.wait(30)
    return "seen" in sniffer.log_text()


def test_clear_links(lab):
    """encrypt_links = false: what is stored can be read on the wire, and
    status says so; the coordinator started again with true: no more."""
    p = Pool(lab, coordinator="encrypt_links = false;")
    check(p.status()["encrypted_links"] is False, "status says clear")
    check("in clear" in p.elm.lanram("status").text, "and in words")
    check(on_the_wire(p, "a-word-in-clear"), "it is on the wire")
    p.anvil.daemons["coordinator"].term()
    p.anvil.config(coordinator="encrypt_links = true;")
    p.anvil.start("coordinator")
    wait_until(lambda: p.elm.lanram("status", expect=None).code == 0
               and p.status()["encrypted_links"], 20, "status says encrypted")
    p.wait_up(3)
    check(not on_the_wire(p, "a-word-in-tls"), "it is not on the wire")


def test_coordinator_last(lab):
    """Started first, donors and requester wait; within 10 s of the
    coordinator's start all are together."""
    p = Pool(lab, start=False)
    p.elm.start("requester")
    for d in p.donors:
        d.start("donor")
    r = wait_until(lambda: p.elm.lanram("status", expect=None).code == 4
                   and p.elm.lanram("status", expect=4), 15,
                   "status says that there is no pool")
    check("no pool on this LAN" in r.err and "eth0" in r.err, f"{r}")
    p.anvil.start("coordinator")
    p.wait_up(3, 10)


def test_ask(lab):
    """Nobody is in unasked: the code on the device is the one that the
    coordinator shows; admitted by it, and no data before that."""
    p = Pool(lab, start=False, admission="ask")
    p.anvil.start("coordinator")
    for d in p.donors:
        d.start("donor")
    p.elm.start("requester")

    def refused():
        r = p.elm.lanram("status", expect=None)
        return r if r.code == 6 and CODE.search(r.err) else None
    r = wait_until(refused, 10, "status exits 6 with a code")
    code = CODE.search(r.err)[0]
    check("not admitted yet" in r.err, f"{r}")
    p.elm.lanram("store", "-", "--name", "x", stdin=b"secret", expect=6)
    pending = wait_until(lambda: len(p.anvil.json("pending")) == 4
                         and p.anvil.json("pending"), 10, "four pending")
    mine = [x for x in pending if x["code"] == code]
    check(len(mine) == 1 and mine[0]["name"] == "elm",
          f"{code} in {pending}")
    check(len({x["code"] for x in pending}) == 4, f"codes: {pending}")
    for x in pending:
        p.anvil.lanram("admit", x["code"])
    p.wait_up(3, 10)
    check(p.anvil.json("pending") == [], "nobody pending any more")
    ledger = Ledger(p)
    ledger.store(5000)
    ledger.verify()


def test_ask_on_a_donor(lab):
    """A donor's own machine shows its code too, and a refused device stays
    out."""
    p = Pool(lab, donors=("birch",), start=False, admission="ask")
    p.anvil.start("coordinator")
    p.donors[0].start("donor")
    (row,) = wait_until(lambda: p.anvil.json("pending"), 10, "pending")

    def shown():
        r = p.donors[0].lanram("status", expect=None)
        return r if r.code == 6 else None
    r = wait_until(shown, 10, "status on the donor exits 6")
    check(row["code"] in r.err, f"{row['code']} in {r}")
    p.anvil.lanram("refuse", row["code"])
    wait_until(lambda: p.anvil.json("pending") == [], 5, "refused")
    r = p.donors[0].lanram("status", expect=None)
    check(r.code == 6, f"still out: {r}")
    check(p.up(p.anvil) == [], "lends nothing")


def test_revoke(lab):
    """A revoked requester is out: its next store exits 6."""
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    ledger.store(1000)
    p.anvil.lanram("revoke", "elm")
    wait_until(lambda: p.elm.lanram("store", "-", "--name", "x", stdin=b"x",
                                    expect=None).code == 6, 10, "exit 6")


def test_all_on_one_machine(lab):
    """All roles on one machine without D-Bus and avahi: through the local
    socket, and status says what it survives."""
    h = lab.host("anvil", mdns=False).config()
    for role in ("coordinator", "donor", "requester"):
        h.start(role)
    wait_until(lambda: [d["state"] for d in h.json("donors")] == ["up"], 10,
               "the donor is up")
    s = h.json("status")
    check(not s["survives"]["any_donor"], f"{s['survives']}")
    r = h.lanram("store", "-", "--name", "x", stdin=b"degraded")
    check("degraded" in r.err and "1 of 2" in r.err, f"{r}")
    check(h.lanram("retrieve", r.text).out == b"degraded", "the bytes")


def test_degraded_completed(lab):
    """Stored with one donor, completed to two copies when a second joins."""
    p = Pool(lab, donors=("birch", "cedar"), start=False)
    p.anvil.start("coordinator")
    p.donors[0].start("donor")
    p.elm.start("requester")
    p.wait_up(1)
    ledger = Ledger(p)
    ids = [ledger.store(n * 40000) for n in range(1, 11)]
    p.donors[1].start("donor")
    p.wait_whole(30, donors=2)
    wait_until(lambda: all(o["copies"] == 2 for o in ledger.listed().values()),
               10, "listed with two copies")
    p.donors[0].daemons["donor"].kill()
    check(len(ids) == 10, "ten objects")
    ledger.verify()


def test_link_local_only(lab):
    """A LAN that has given out no address: everything works over fe80."""
    hosts = {n: lab.host(n, address=False).config()
             for n in ("anvil", "birch", "cedar", "elm")}
    hosts["anvil"].start("coordinator")
    for n in ("birch", "cedar"):
        hosts[n].start("donor")
    elm = hosts["elm"]
    elm.start("requester")
    wait_until(lambda: [d["state"] for d in elm.json("donors")]
               == ["up", "up"], 15, "two donors up")
    r = elm.lanram("store", "-", "--name", "x", stdin=b"v6" * 200000)
    check(elm.lanram("retrieve", r.text).out == b"v6" * 200000, "the bytes")


def test_two_interfaces(lab):
    """Every machine on two LANs with IPv4 and IPv6: each donor is one row,
    and one LAN may go down."""
    p = Pool(lab, donors=("birch", "cedar"), start=False)
    for h in p.hosts:
        h.plug("eth1", "lan2", f"10.78.0.{h.number}/24")
        h.address("eth0", f"fd77::{h.number}/64")
    p.start()
    check(len(p.donor_rows()) == 2, f"two rows: {p.donor_rows()}")
    ledger = Ledger(p)
    ledger.store(300000)
    for h in p.hosts:
        h.link("eth0", "down")
    begin = time.monotonic()
    p.wait_up(2, 30)
    lab.say(f"up over the other LAN after {time.monotonic() - begin:.1f} s")
    wait_until(lambda: ledger.retrieve(list(ledger.objects)[0],
                                       expect=(0, 4)) == 0, 30, "retrieved")


def test_same_host_name(lab):
    """Two donors on machines of one host name are two donors."""
    p = Pool(lab, donors=("birch", "cedar"), start=False)
    p.donors[1].run("hostname", "birch")
    p.start()
    check(len({d["id"] for d in p.donor_rows()}) == 2, "two donors")
    ledger = Ledger(p)
    ledger.store(100000)
    ledger.verify()
