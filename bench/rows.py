# SPDX-License-Identifier: Apache-2.0
"""What is measured. Each function is one turn: lanram and its peers one after
the other; it gives {key: number}. ROWS says which keys are compared."""
import collections
import json
import os
import signal
import statistics
import subprocess
import time

from servers import NotMeasured, wait_for

MIB = 1 << 20

# goal: ("<=" or ">=", ratio to the peer, or where there is no peer: a value)
Row = collections.namedtuple("Row", "name goal unit ours peer theirs")


def output(argv, **keys):
    r = subprocess.run(argv, capture_output=True, text=True, **keys)
    if r.returncode != 0:
        raise NotMeasured(f"{argv[0].rsplit('/')[-1]}: {r.stderr.strip()}")
    return r.stdout


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
    n = b.scale(20000)
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
    n, got = b.scale(200000), {}
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
    text = output(["iperf3", "-c", "127.0.0.1", "-p", "17201", "-t", "3", "-J"])
    return (json.loads(text)["end"]["sum_received"]["bits_per_second"]
            / 8 / MIB)


def bulk(b):
    pool, mib = b.pool(), 256 if b.quick else 1024
    cold, warm = stream(pool, mib), stream(pool, mib)
    got = {"store.cold": cold["store"], "store.warm": warm["store"],
           "retrieve.bulk": warm["retrieve"], "iperf3": link_rate()}
    path = f"{b.dir}/file"
    with open(path, "wb") as f:
        for _ in range(mib):
            f.write(os.urandom(MIB))
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
        victim = pool.donors[next(iter(pool.donors))]
        start = time.monotonic()
        os.kill(victim.pid, number)
        wait_for("the view without it", lambda: pool.up() < 4)
        got[key] = (time.monotonic() - start) * 1000
        pool.kill_donor(next(iter(pool.donors)))
        pool.add_donor()
    return got


def rebuild(b):
    """A donor with 1 GiB dies; a client reads beside it."""
    pool, mib = b.victims(), 512 if b.quick else 2048
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
        pool.add_donor()
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


# --- memory --------------------------------------------------------------------

def memory_of(server, size, n, what, times):
    before = server.rss()
    p = subprocess.Popen(
        server.kv("-n", n, "-s", size, "-d", 64, "-c", 1, "-o", what, "-x",
                  times), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True)
    while p.stdout.readline() not in ("done\n", ""):
        pass
    grown = server.rss() - before
    p.communicate()
    return grown / (n * size)


def memory(b):
    """Bytes of RAM a stored byte, one copy; fresh, and after churn."""
    got = {}
    for size, n, times in ((64, 500000, 1), (2048, 100000, 10),
                           (262144, 2000, 10)):
        n = b.scale(n)
        for name, server in (("lanram", b.fresh_pool()),
                             ("memcached", b.fresh("memcached")),
                             ("redis", b.fresh("redis"))):
            got[f"{name}.ram.{size}"] = memory_of(server, size, n, "fill", 0)
            server.stop()
        for name, server in (("lanram", b.fresh_pool()),
                             ("memcached", b.fresh("memcached")),
                             ("redis", b.fresh("redis"))):
            got[f"{name}.churned.{size}"] = memory_of(server, size, n, "churn",
                                                      times)
            server.stop()
    return got


# --- the table -------------------------------------------------------------------

TURNS = {"small": small, "pipelined": pipelined, "bulk": bulk,
         "beside": beside, "deaths": deaths, "rebuild": rebuild,
         "given-back": given_back, "memory": memory}


def sizes_rows():
    for size, text in ((64, "64 B"), (2048, "2 KiB"), (262144, "256 KiB")):
        for key, when in (("ram", ""), ("churned", ", after churn")):
            for peer in ("memcached", "redis"):
                goal = ("<=", 1.0) if (size, key, peer) == \
                    (64, "ram", "memcached") else None
                yield Row(f"RAM a stored byte, {text}{when}", goal, "bytes",
                          f"lanram.{key}.{size}", peer,
                          f"{peer}.{key}.{size}")


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
    Row("2 KiB retrieve p99 beside eight streams of stores", ("<=", 5), "us",
        "p99.beside", "idle", "p99.idle"),
    Row("donor killed, to a view without it", ("<=", 100), "ms", "gone.kill",
        None, None),
    Row("donor silent, to a view without it", ("<=", 1000), "ms", "gone.stop",
        None, None),
    Row("rebuild, 3 survivors, TLS, one reader", (">=", 0.25), "MiB/s",
        "rebuild.rate", "iperf3", "iperf3"),
    Row("2 KiB retrieve p99 during the rebuild", ("<=", 3), "us", "p99.during",
        "idle", "p99.before"),
    Row("1 GiB removed, until RSS shows it", ("<=", 1), "s", "back.s", None,
        None),
    *sizes_rows(),
]
