# SPDX-License-Identifier: Apache-2.0
"""What is measured. Each function is one turn: lanram and its peers one after
the other; it gives {key: number}. ROWS says which keys are compared."""
import json
import os
import signal
import statistics
import subprocess
import time

import memory
import scaling
from report import Row
from servers import NotMeasured, output, wait_for

MIB = 1 << 20


def kv(server, *args):
    """{operation: {p50, p99, per_s, per_cpu}}"""
    got = {}
    for line in output(server.kv(*args)).splitlines():
        _, operation, *numbers = line.split(",")
        got[operation] = dict(zip(("p50", "p99", "per_s", "per_cpu"),
                                  map(float, numbers)))
    return got


# --- small values ------------------------------------------------------------

def small(b):
    n = b.scale(10000)
    got = {}
    for name, server, args in (
            ("lanram", b.pool(), ()), ("clear", b.pool(False), ()),
            ("lanram-sleeps", b.pool(), ("-B",)),
            ("redis", b.redis(), ()), ("memcached", b.memcached(), ()),
            ("redis-poll", b.redis(), ("-b",)),
            ("memcached-poll", b.memcached(), ("-b",)),
            ("redis-wait", b.redis_with_replica(), ("-w", 1))):
        if server is None:
            continue
        for operation, f in kv(server, "-n", n, *args).items():
            got[f"{name}.{operation}"] = f["p50"]
            got[f"{name}.{operation}.p99"] = f["p99"]
    return got


def pipelined(b):
    n, got = b.scale(50000), {}
    for name, server in (("lanram", b.pool()), ("clear", b.pool(False)),
                         ("redis", b.redis()), ("memcached", b.memcached())):
        if server is None:
            continue
        f = kv(server, "-n", n, "-d", 64, "-P", server.pids())
        got[f"{name}.pipe"] = f["retrieve"]["per_cpu"] / 1000
        got[f"{name}.pipe.rate"] = f["retrieve"]["per_s"] / 1000
    return got


# --- large values ------------------------------------------------------------

def stream(pool, mib):
    text = output([f"{pool.build}/bench/stream", pool.address, pool.state,
                   str(mib)])
    return {k: float(v) for k, v in
            (line.split(",") for line in text.splitlines())}


def link_rate():
    text = output(["iperf3", "-c", "127.0.0.1", "-p", "17201", "-t", "2",
                   "-J"])
    return (json.loads(text)["end"]["sum_received"]["bits_per_second"]
            / 8 / MIB)


def bulk(b):
    pool, mib = b.pool(), 256 if b.quick else 1024
    cold, warm = stream(pool, mib), stream(pool, mib)
    got = {"store.cold": cold["store"], "store.warm": warm["store"],
           "retrieve.bulk": warm["retrieve"], "iperf3": link_rate()}
    path = f"{b.dir}/file"
    block = os.urandom(64 * MIB)
    with open(path, "wb") as f:
        for _ in range(mib // 64):
            f.write(block)
    start = time.monotonic()
    oid = output([f"{b.build}/cli/lanram", "store", path, "--config",
                  pool.conf("requester")]).strip()
    got["store.cli"] = mib / (time.monotonic() - start)
    start = time.monotonic()
    output([f"{b.build}/cli/lanram", "retrieve", oid, "-o", path, "--config",
            pool.conf("requester")])
    got["retrieve.cli"] = mib / (time.monotonic() - start)
    pool.cli("remove", oid)
    os.unlink(path)
    return got


# --- a client that watches ---------------------------------------------------

class Watch:
    """Random 2 KiB reads, one after the other, in the background."""

    def __init__(self, pool, seconds):
        self.popen = subprocess.Popen(
            pool.kv("-n", 2000, "-o", "watch", "-t", seconds),
            stdout=subprocess.PIPE, text=True)
        self.popen.stdout.readline()  # the store's figures: reading begins

    def windows(self):
        out, _ = self.popen.communicate()
        if self.popen.returncode != 0:
            raise NotMeasured("the reads beside it failed")
        rows = [list(map(float, line.split(","))) for line in out.splitlines()]
        return [(at / 1000, p99) for at, _, p99, _ in rows]


def p99_between(windows, begin=0, end=1e12):
    inside = [p99 for at, p99 in windows if begin <= at <= end]
    if not inside:
        raise NotMeasured("no read fell into that time")
    return statistics.median(inside)


def beside(b):
    """2 KiB reads while eight clients store large values, over and over."""
    pool = b.pool()
    idle = p99_between(Watch(pool, 2).windows())
    begin, stop = time.time(), f"{b.dir}/stop"
    loop = 'while [ ! -e "$0" ]; do "$@" >/dev/null || exit 1; done'
    stores = [subprocess.Popen(
        ["sh", "-c", loop, stop, f"{b.build}/bench/stream", pool.address,
         f"{pool.state}{i}", "128"]) for i in range(8)]
    try:
        windows = Watch(pool, 6).windows()
    finally:
        open(stop, "w").close()
        failed = [s for s in stores if s.wait() != 0]
        os.unlink(stop)
    if failed:
        raise NotMeasured("a store beside it failed")
    return {"p99.idle": idle, "p99.beside": p99_between(windows, begin + 1)}


# --- donors that go ----------------------------------------------------------

def deaths(b):
    got = {}
    for key, number in (("gone.kill", signal.SIGKILL),
                        ("gone.stop", signal.SIGSTOP)):
        pool = b.victims()
        pool.wait_up(4)
        pool.wait_full()  # or the second takes the last copies with it
        victim = pool.donors[next(iter(pool.donors))]
        start = time.monotonic()
        os.kill(victim.pid, number)
        wait_for("the view without it", lambda: pool.up() < 4)
        got[key] = (time.monotonic() - start) * 1000
        pool.kill_donor(next(iter(pool.donors)))
        pool.replace_killed()
    return got


def rebuild(b):
    """A donor with 256 MiB dies; a client reads beside it."""
    pool, mib = b.victims(), 512
    pool.wait_up(4)
    fill = subprocess.Popen(
        pool.kv("-n", mib * 4, "-s", 256 * 1024 - 1024, "-d", 8, "-o", "fill"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        while fill.stdout.readline() not in ("done\n", ""):
            pass
        pool.wait_full()
        watch = Watch(pool, 14)
        time.sleep(3)
        name = next(iter(pool.donors))
        held = {d["name"]: d["held_bytes"] for d in pool.json("donors")}[name]
        killed = time.time()
        pool.kill_donor(name)
        wait_for("it is missed", lambda: pool.json("status")["slots"]["short"])
        pool.wait_full()
        healed = time.time()
        windows = watch.windows()
    finally:
        fill.communicate()
        pool.replace_killed()
    return {"rebuild.s": healed - killed, "rebuild.mib": held / MIB,
            "rebuild.rate": held / MIB / (healed - killed),
            "p99.before": p99_between(windows, 0, killed),
            "p99.during": p99_between(windows, killed, healed),
            "iperf3": link_rate()}


def given_back(b):
    """1 GiB is removed, until the donors' RSS shows it."""
    pool, mib = b.pool(), 1024
    path = f"{b.dir}/file"
    with open(path, "wb") as f:
        f.truncate(mib * MIB)
    oid = output([f"{b.build}/cli/lanram", "store", path, "--copies", "1",
                  "--config", pool.conf("requester")]).strip()
    os.unlink(path)
    full = pool.rss()
    start = time.monotonic()
    pool.cli("remove", oid)
    removed = time.monotonic()
    wait_for("RSS falls", lambda: pool.rss() < full - 0.95 * mib * MIB)
    return {"back.s": time.monotonic() - start,
            "back.remove": removed - start}


# --- a coordinator of many ---------------------------------------------------

def scale(b):
    """The real coordinator, simulated donors and their objects."""
    donors, objects = (100, 10**6) if b.quick else (1000, 10**7)
    folder = f"{b.dir}/scale"
    few = scaling.measure(b.build, f"{folder}/few", 10, 10**4, 0)
    many = scaling.measure(b.build, f"{folder}/many", 10, objects, 0)
    both = scaling.measure(b.build, f"{folder}/both", donors, objects, 3)
    names = scaling.measure(b.build, f"{folder}/names", 10, 10**6, 0, True)
    return {"scale.object": scaling.bytes_between(few, many),
            "scale.view": both["view_ms"], "scale.back": both["back_s"],
            "scale.cpu": 100 * both["idle_cpu"], "scale.rss": both["rss_mib"],
            "scale.pattern": names["pattern_ms"]}


SCALE_ROWS = [
    Row("1,000 donors, 10 M objects: one dies, to the view everywhere", ("<=",
        1000), "ms", "scale.view", None, None),
    Row("coordinator, an object", ("<=", 96), "bytes", "scale.object", None,
        None),
    Row("a pattern over 1 M names", ("<=", 100), "ms", "scale.pattern", None,
        None),
    Row("1,000 donors, 10 M objects: the coordinator's RSS", None, "MiB",
        "scale.rss", None, None),
    Row("the same, idle", None, "% of a core", "scale.cpu", None, None),
    Row("the same, coordinator killed until all is known again", None, "s",
        "scale.back", None, None),
]


# --- the table ---------------------------------------------------------------

TURNS = {"small": small, "pipelined": pipelined, "bulk": bulk,
         "beside": beside, "deaths": deaths, "rebuild": rebuild,
         "given-back": given_back, "memory": memory.memory,
         "useful": memory.useful, "links": memory.links,
         "scale": scale}
ONCE = ("memory", "useful", "links", "scale")  # the same each time, and long


def small_rows():
    for ours, text, goal in (("clear", "links in clear", 0.40),
                             ("lanram", "TLS on ours", 0.60)):
        for peer in ("redis", "memcached"):
            yield Row(f"retrieve 2 KiB p50, {text}", ("<=", goal), "us",
                      f"{ours}.retrieve", peer, f"{peer}.retrieve")
            yield Row("the same, the peer's client polls", None, "us",
                      f"{ours}.retrieve", peer, f"{peer}-poll.retrieve")
        if ours == "lanram":
            yield Row("the same, no client polls", None, "us",
                      "lanram-sleeps.retrieve", "redis", "redis.retrieve")


ROWS = [
    *small_rows(),
    Row("store 2 KiB p50, 2 copies; SET + WAIT 1", ("<=", 0.60), "us",
        "lanram.store", "redis", "redis-wait.store"),
    Row("the same, links in clear", None, "us", "clear.store", "redis",
        "redis-wait.store"),
    Row("retrieve 2 KiB p99, TLS on ours", None, "us", "lanram.retrieve.p99",
        "redis", "redis.retrieve.p99"),
    Row("store 2 KiB p99, 2 copies; SET + WAIT 1", None, "us",
        "lanram.store.p99", "redis", "redis-wait.store.p99"),
    Row("2 KiB retrieves a server CPU second, clear", (">=", 1.2), "thousand",
        "clear.pipe", "memcached", "memcached.pipe"),
    Row("2 KiB retrieves a server CPU second, clear", (">=", 1.5), "thousand",
        "clear.pipe", "redis", "redis.pipe"),
    Row("the same, TLS on ours", None, "thousand", "lanram.pipe", "memcached",
        "memcached.pipe"),
    Row("1 GiB store, TLS, 2 copies, second time", (">=", 0.15), "MiB/s",
        "store.warm", "iperf3", "iperf3"),
    Row("1 GiB retrieve, TLS", (">=", 0.40), "MiB/s", "retrieve.bulk",
        "iperf3", "iperf3"),
    Row("1 GiB store, RAM not touched before", None, "MiB/s", "store.cold",
        "iperf3", "iperf3"),
    Row("1 GiB, `lanram store FILE`", None, "MiB/s", "store.cli", "iperf3",
        "iperf3"),
    Row("1 GiB, `lanram retrieve -o FILE`", None, "MiB/s", "retrieve.cli",
        "iperf3", "iperf3"),
    Row("2 KiB retrieve p99 beside eight clients' stores", ("<=", 5), "us",
        "p99.beside", "idle", "p99.idle"),
    Row("donor killed, to a view without it", ("<=", 100), "ms", "gone.kill",
        None, None),
    Row("donor silent, to a view without it", ("<=", 1000), "ms", "gone.stop",
        None, None),
    Row("rebuild of 256 MiB, 3 survivors, TLS, one reader", (">=", 0.25),
        "MiB/s", "rebuild.rate", "iperf3", "iperf3"),
    Row("2 KiB retrieve p99 during the rebuild", ("<=", 3), "us", "p99.during",
        "idle", "p99.before"),
    Row("1 GiB removed, until RSS shows it", ("<=", 1), "s", "back.s", None,
        None),
    *memory.ROWS,
    *SCALE_ROWS,
]
