# SPDX-License-Identifier: Apache-2.0
"""Bytes that rot in a donor's RAM: never given to anyone, mended from the
other copy, and no obstacle for the rest."""
import re
import threading

from exposition import Metrics
from lab import check, wait_until
from pool import Ledger, Pool, data_of

SIZE = 200000


def rot(process, data):
    """Flips one byte in the middle of every place where the process has
    `data`; how many those were."""
    found = 0
    with open(f"/proc/{process.pid}/maps") as maps:
        areas = [re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                 for line in maps]
    with open(f"/proc/{process.pid}/mem", "r+b", buffering=0) as mem:
        for area in filter(None, areas):
            start, end = (int(x, 16) for x in area.groups())
            if end - start > 1 << 30:
                continue  # a sanitizer's shadow
            try:
                mem.seek(start)
                held = mem.read(end - start)
            except OSError:
                continue
            at = held.find(data)
            while at >= 0:
                mem.seek(start + at + len(data) // 2)
                mem.write(bytes([data[len(data) // 2] ^ 0xff]))
                found += 1
                at = held.find(data, at + 1)
    return found


def test_repaired(lab):
    """One copy rots, of an object that donors keep packed and of a larger one:
    the value comes from the other, the rotten one is made whole from it, and
    serves alone when the other has died."""
    p = Pool(lab)
    ledger = Ledger(p)
    repaired(p, ledger, 64, 0)
    well = repaired(p, ledger, SIZE, 1000)
    well.kill()
    ledger.verify()


def repaired(p, ledger, size, cut):
    object_id = ledger.store(size, f"victim {size}")
    name = ledger.objects[object_id][2]
    wait_until(lambda: object_id in ledger.listed(), 10, "listed")
    sick, well = (p.donor(n).daemons["donor"]
                  for n in ledger.listed()[object_id]["donors"])

    def count(what):
        return Metrics.of(sick.host, "donor").get(f"donor_{what}_total")
    corrupt, mended = count("corrupt"), count("repaired")
    check(rot(sick, data_of(name, size)[cut:size - cut]) > 0,
          "the value is in the donor's memory")

    def noticed():
        # Readers prefer a copy; with the other one silent they ask this.
        well.stop()
        timer = threading.Timer(0.25, well.cont)
        timer.start()
        ledger.retrieve(object_id)
        timer.join()
        return count("corrupt") > corrupt
    wait_until(noticed, 30, "the rotten copy was read, and counted")
    wait_until(lambda: count("repaired") > mended, 10, "repaired")
    for text in "corrupt entry was found", "repaired from another copy":
        wait_until(lambda: text in sick.log_text(), 10, "told")
    return well


def test_both(lab):
    """All copies rot: exit 7, never a wrong byte; the rest is unaffected, and
    a new copy of everything else is made after a death."""
    p = Pool(lab)
    ledger = Ledger(p)
    object_id = ledger.store(SIZE, "victim")
    others = [ledger.store(5000 + i) for i in range(20)]
    name = ledger.objects[object_id][2]
    for d in p.donors:
        rot(d.daemons["donor"], data_of(name, SIZE)[1000:-1000])
    ledger.drop(object_id)
    r = p.elm.lanram("retrieve", object_id, expect=7)
    check(not r.out and r.err.strip(), f"a reason, and no byte: {r}")
    p.donors[0].daemons["donor"].kill()
    p.wait_state(p.donors[0].name, ("down",))
    wait_until(lambda: all(ledger.listed()[i]["copies"] == 2
                           for i in others), 45, "two copies again")
    check(sum(Metrics.of(d, "donor").get("donor_copied_bytes_total")
              for d in p.donors[1:]) > 0, "copies are counted")
    ledger.verify()
