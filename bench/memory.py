# SPDX-License-Identifier: Apache-2.0
"""RAM: what a stored byte costs, fresh and after churn, and an idle link."""
import os
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

from report import Row
from servers import NotMeasured, output

LINKS = 500
# bytes of a value, how many, how often each is replaced; as text
SIZES = ((64, 100000, 2, "64 B"), (2048, 30000, 4, "2 KiB"),
         (262144, 1000, 4, "256 KiB"))


def finished(argv):
    """The client, when it has done its part."""
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         text=True)
    for line in p.stdout:
        if line in ("done\n", "ready\n"):
            return p
    p.wait()
    raise NotMeasured(f"{argv[0].rsplit('/')[-1]} failed")


def end(p):
    p.kill()
    p.communicate()


def cost(server, size, n, times, **keys):
    """What the values add to a server that has already served a few."""
    depth = 64 if size < 4096 else 2

    def values(n, what):
        return server.kv("-n", n, "-s", size, "-d", depth, "-c", 1, "-o",
                         what, "-x", times, **keys)
    end(finished(values(depth, "fill")))
    before = server.rss()
    p = finished(values(n, "churn" if times else "fill"))
    grown = server.rss() - before
    end(p)
    return grown / (n * size)


def costs(b, got, kinds):
    """Of all sizes; kinds: (name, what makes a server, keys)."""
    for name, make, keys in kinds:
        for size, n, churned, _ in SIZES:
            if name == "register" and size > 64:
                continue
            for key, times in (("ram", 0), ("churned", churned)):
                server = make()
                try:
                    got[f"{name}.{key}.{size}"] = cost(
                        server, size, b.scale(n), times, **keys)
                except NotMeasured as why:
                    b.say(f"{name}, {size} bytes: {why}")
                finally:
                    server.stop()


def memory(b):
    """Bytes of RAM a stored byte, one copy, one donor. No time is taken, so
    the peers need not wait for their turn."""
    got = {}
    sides = ([("lanram", b.one_donor, {}),
              ("register", b.one_donor, {"kind": "register"})],
             [("memcached", lambda: b.fresh("memcached"), {}),
              ("redis", lambda: b.fresh("redis"), {})])
    with ThreadPoolExecutor() as pool:
        for side in [pool.submit(costs, b, got, kinds) for kinds in sides]:
            side.result()
    return got


def ram_rows():
    for size, _, _, text in SIZES:
        for key, when in (("ram", ""), ("churned", ", after churn")):
            for peer in ("memcached", "redis"):
                goal = (("<=", 1.0) if (size, key, peer) ==
                        (64, "ram", "memcached") else None)
                yield Row(f"RAM a stored byte, {text}{when}", goal, "bytes",
                          f"lanram.{key}.{size}", peer,
                          f"{peer}.{key}.{size}")
    for key, when, goal in (("ram", "", ("<=", 1.0)),
                            ("churned", ", after churn", None)):
        yield Row(f"the same, 64 B register{when}", goal, "bytes",
                  f"register.{key}.64", "memcached", f"memcached.{key}.64")


# --- the useful share --------------------------------------------------------

def useful(b):
    """A donor's store alone, full all along while ten times as much is put;
    both at once, and with an index in huge pages: it is shares that count."""
    def share(least):
        text = output([f"{b.build}/bench/churn", "-e", "-t",
                       "2" if b.quick else "10", least, str(1 << 20), "store",
                       str(b.scale(4096))],
                      env={**os.environ,
                           "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"})
        return float(re.findall(r"values / limit ([0-9.]+)", text)[-1])
    with ThreadPoolExecutor() as pool:
        kilo, small = pool.map(share, ("1024", "64"))
    return {"useful.1k": kilo, "useful.64": small}


# --- idle links --------------------------------------------------------------

def donor_links(pool, how):
    """Bytes of RSS that a link costs a donor, by a program that opens many."""
    donor = next(iter(pool.donors.values()))
    before = donor.rss()
    p = finished([f"{pool.build}/tests/lab/hog",
                  f"{pool.dir}/requester/state/device.key",
                  pool.json("donors")[0]["address"], str(LINKS), how])
    grown = donor.rss() - before
    end(p)
    return grown / LINKS / 1024


def requester_links(pool):
    """Local programs that keep their socket open."""
    before, path = pool.requester.rss(), f"{pool.dir}/requester/run"
    links = []
    for _ in range(LINKS):
        s = socket.socket(socket.AF_UNIX)
        s.connect(f"{path}/requester.sock")
        links.append(s)
    pool.cli("status")  # came after them: they are accepted
    grown = pool.requester.rss() - before
    for s in links:
        s.close()
    return grown / LINKS / 1024


def links(b):
    got = {}
    for name, encrypt, how in (("tls", True, "idle"),
                               ("clear", False, "clear")):
        pool = b.one_donor(encrypt)
        try:
            got[f"link.{name}"] = donor_links(pool, how)
            if encrypt:
                got["link.local"] = requester_links(pool)
                got["link.requester"] = pool.requester.rss() / 1024**2
        finally:
            pool.stop()
    return got


ROWS = [
    *ram_rows(),
    Row("values / RAM lent, full after 10 x churn, 1 KiB to 1 MiB",
        (">=", 0.85), "of it", "useful.1k", None, None),
    Row("the same, 64 B to 1 MiB", (">=", 0.75), "of it", "useful.64", None,
        None),
    Row(f"idle link at a donor, TLS ({LINKS} of them)", None, "KiB",
        "link.tls", None, None),
    Row("the same, in clear", None, "KiB", "link.clear", None, None),
    Row("idle link of a local program, at the requester", None, "KiB",
        "link.local", None, None),
    Row("requester, RSS", None, "MiB", "link.requester", None, None),
]
