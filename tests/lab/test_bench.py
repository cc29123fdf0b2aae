# SPDX-License-Identifier: Apache-2.0
"""`lanram bench` on a real pool: figures of everything, and nothing left."""
import os
import signal
import xml.dom.minidom

from lab import PROGRAMS, check, wait_until
from pool import MIB, Ledger, Pool


def test_bench(lab):
    """Every medium has its figures, the picture is well-formed, and what was
    there before is all that is there afterwards."""
    p = Pool(lab)
    kept = Ledger(p)
    kept.store(50000)
    svg = os.path.join(p.elm.dir, "bars.svg")
    r = p.elm.json("bench", "--count", "50", "--large", "3MiB", "--disk",
                   "/var/tmp", "--svg", svg, timeout=120)
    kinds = sorted(m["kind"] for m in r["media"])
    check(kinds == ["disk", "pool", "ram"], f"media: {r}")
    for m in r["media"]:
        check(0 < m["read_us"]["p50"] <= m["read_us"]["p99"], f"{m}")
        check(m["read_mib_per_s"] > 0, f"{m}")
    check(r["values"] == 50 and r["copies"] == 2, f"{r}")
    check(0 < r["store_us"]["p50"] <= r["store_us"]["p99"], f"{r}")
    check(r["verdict"].count("than") + r["verdict"].count("as fast") == 2,
          f"one part for each other medium: {r['verdict']}")
    bars = xml.dom.minidom.parse(svg).getElementsByTagName("rect")
    check(len(bars) == 4, "a background and three bars")
    kept.verify_list()
    text = p.elm.lanram("bench", "-n", "10", "--large", "0", "--disk",
                        "/var/tmp").out.decode()
    check("RAM of this machine" in text and "####" in text, text)
    check(p.elm.lanram("bench", "--disk", "/proc/version", expect=1,
                       timeout=120).err.count("--disk") == 1, "no such disk")
    kept.verify()
    kept.verify_list()


def test_bench_interrupted(lab):
    """Interrupted in the midst of its load, it removes what it has stored."""
    p = Pool(lab)
    bench = p.elm.spawn("bench", PROGRAMS.find("lanram"), "bench", "--count",
                        "200000", "--large", "0")
    bench.expected = 130
    wait_until(lambda: p.status()["objects"] > 20, 30, "strings are stored")
    bench.signal(signal.SIGINT)
    bench.wait(60)
    wait_until(lambda: p.status()["objects"] == 0, 20, "nothing is left")
    check(p.status()["stored_bytes"] < MIB, "and no bytes")
