# SPDX-License-Identifier: Apache-2.0
"""What donors pass on: chunks that a client sends once, to the other copies;
and requests for a donor that only the client does not reach."""
import threading

from lab import check, wait_until
from pool import MIB, Ledger, Pool

SIZE = 16 * MIB
HEADERS = 1.12  # TLS, TCP and what else a link carries


def sent(host):
    """Bytes that left its interface."""
    rows = host.run("cat", "/proc/net/dev").text.splitlines()
    eth0 = next(r for r in rows if r.strip().startswith("eth0:"))
    return int(eth0.split()[9])


def cost(ledger, host, copies):
    """What the host sent for each byte that it stored."""
    before = sent(host)
    ledger.store(SIZE, copies=copies)
    return (sent(host) - before) / SIZE


def test_link_carries_once(lab):
    """With two copies and with three, over the LAN, the client's link carries
    each byte once, and what was passed on is what was stored. Where the
    machine is so busy that a donor is late, its chunks are sent again: then
    the next store is looked at."""
    p = Pool(lab)
    ledger = Ledger(p)

    def carries_once(copies):
        factor = cost(ledger, p.elm, copies)
        lab.say(f"{copies} copies: {factor:.2f} bytes sent for one stored")
        return factor < HEADERS

    for copies in (2, 3):
        wait_until(lambda: carries_once(copies), 60, "a byte is sent once")
    ledger.verify()


def test_forwarder_killed(lab):
    """kill -9 of a donor that passes chunks on, in the midst of a store: the
    store ends as if nothing had been, and every byte is there. Of three copies
    one is left even where a late donor is taken for dead meanwhile."""
    p = Pool(lab)
    ledger = Ledger(p)
    for h in p.hosts:
        h.slow("200mbit")
    before = sent(p.elm)
    ids = []
    worker = threading.Thread(
        target=lambda: ids.append(ledger.store(SIZE, copies=3)))
    worker.start()
    wait_until(lambda: sent(p.elm) - before > SIZE // 4, 30, "it is under way")
    p.donors[0].daemons["donor"].kill()
    worker.join()
    check(ids and ids[0], "it was not stored")
    ledger.verify()


def test_only_the_client_does_not_reach(lab):
    """Nothing that one client sends arrives at one of three donors; all others
    reach it, so it stays. Objects of all sizes, registers and names are stored
    and changed all the same, in all of their copies."""
    p = Pool(lab)
    ledger = Ledger(p)
    h, birch = p.elm, p.donors[0]
    h.drop("out", birch)
    for i in range(6):
        h.lanram("register", "write", f"k{i}", "1")
        check(h.lanram("register", "read", f"k{i}").out == b"1", f"k{i}")
        h.lanram("name", "set", f"k{i}", "1", "--if-absent")
        h.lanram("name", "set", f"k{i}", "2")
        check(h.lanram("name", "get", f"k{i}").out == b"2", f"k{i}")
    h.lanram("register", "remove", "k0")
    h.lanram("register", "read", "k0", expect=3)
    for size in (100, 50_000, 3 * MIB):
        ledger.store(size, copies=3)
    ledger.verify()
    gone = ledger.store(100, copies=3)
    h.lanram("remove", gone)
    h.lanram("retrieve", gone, expect=3)
    ledger.drop(gone)
    check(birch.name in p.up(), f"{p.up()}")
    h.undrop()
    for d in p.donors[1:]:
        d.daemons["donor"].kill()
    ledger.verify()  # of the copies there alone
