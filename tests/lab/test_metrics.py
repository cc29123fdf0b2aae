# SPDX-License-Identifier: Apache-2.0
"""Metrics of all three roles: over HTTP and from the local socket, right, and
the ones that are documented."""
import os
import re

from exposition import Metrics
from lab import TOP, check, wait_until
from pool import Ledger, Pool

PORTS = {"coordinator": 7460, "donor": 7461, "requester": 7462}


def config(host):
    path = os.path.join(host.dir, "lanram.conf")
    with open(path) as f:
        text = f.read()
    for role in ("coordinator", "donor"):
        text = text.replace(f"{role}_role: {{", f"{role}_role: {{ "
                            f'metrics_listen = "[::1]:{PORTS[role]}";')
    text += ('requester_role: { metrics_listen = "[::1]:%d"; };\n'
             % PORTS["requester"])
    with open(path, "w") as f:
        f.write(text)


def scrape(host, role):
    r = host.run("curl", "-sS", "-f", "--max-time", "20",
                 f"http://[::1]:{PORTS[role]}/metrics")
    check(r.code == 0, f"{host.name}: {r}")
    m = Metrics(r.out)
    check(all(n.startswith(f"lanram_{role}_") for n in m.type),
          f"names of the role: {list(m.type)}")
    return m


def documented():
    """name: (type, labels), as the manual has them."""
    with open(os.path.join(TOP, "packaging/man/lanram-metrics.7")) as f:
        rows = re.findall(r"^\.It Li (\w+)(?:\{([\w,]+)\})? , (\w+)$",
                          f.read(), re.M)
    return {n: (kind, set(labels.split(",")) - {""})
            for n, labels, kind in rows}


def exposed(all_metrics):
    ret = {}
    for m in all_metrics:
        for name, kind in m.type.items():
            labels = {k for n in m.names(name) for row in m.value[n]
                      for k, _ in row} - {"le"}
            ret[name] = (kind, labels)
    return ret


def expect_stored(p, before, n, size):
    """The requester and the donors have counted n more objects."""
    def counted():
        now = scrape(p.elm, "requester")
        puts = [m.get("requester_operations_seconds_count", kind="put")
                for m in (before, now)]
        done = [m.get("requester_operations_total", kind="put", exit="0")
                for m in (before, now)]
        check(puts[1] - puts[0] == done[1] - done[0] == n,
              f"{n} more puts: {puts}, {done}")
        check(now.get("requester_operations_total")
              == now.get("requester_operations_seconds_count"),
              "by exit code they are as many")
        check(now.get("requester_written_bytes_total")
              >= before.get("requester_written_bytes_total") + n * size,
              "bytes")
        return True
    wait_until(counted, 20, "operations are counted")

    def served():
        donors = [scrape(d, "donor") for d in p.donors]
        check(sum(m.get("donor_operations_seconds_count", kind="put")
                  for m in donors) >= n, "one copy at least of each")
        check(sum(m.get("donor_written_bytes_total") for m in donors)
              >= n * size, "and their bytes")
        check(all(m.get("donor_attached") == 1 and m.get("donor_links") > 0
                  for m in donors), "in the pool, with links")
        return True
    wait_until(served, 20, "donors count, too")


def expect_pool(p, n, size):
    def told():
        m = scrape(p.anvil, "coordinator")
        check(m.get("coordinator_objects") == n
              and m.get("coordinator_stored_bytes") == n * size
              and m.get("coordinator_donors", state="up") == 2
              and m.get("coordinator_health", state="ok") == 1
              and m.get("coordinator_slots", state="full") > 0
              and m.get("coordinator_links", role="beat") == 2,
              f"{m.value}")
        return m
    return wait_until(told, 30, "the coordinator has it all")


def test_metrics(lab):
    """Stored and retrieved while scraped; the names are the manual's; a killed
    donor shows; a port that is taken ends the daemon with a reason."""
    p = Pool(lab, donors=("birch", "cedar"), start=False)
    for h in p.hosts:
        config(h)
    p.start()
    ledger = Ledger(p)
    before = scrape(p.elm, "requester")
    for _ in range(8):
        ledger.store(5000)
    expect_stored(p, before, 8, 5000)
    ledger.verify()
    m = scrape(p.elm, "requester")
    check(m.get("requester_read_bytes_total") >= 8 * 5000, "read")
    pool = expect_pool(p, 8, 5000)

    want = documented()
    check(len(want) > 40, f"only {len(want)} metrics in the manual")
    have = exposed([pool, m, scrape(p.donors[0], "donor")])
    wrong = {n for n in set(want) | set(have) if want.get(n) != have.get(n)}
    check(not wrong, f"manual and daemons differ: "
          f"{[(n, want.get(n), have.get(n)) for n in wrong]}")

    local = Metrics(p.elm.lanram("metrics").out)
    check(set(local.type) == set(m.type), "the local socket has the same")
    check(set(Metrics.of(p.anvil, "coordinator").type) == set(pool.type),
          "of one role")
    p.anvil.lanram("metrics", "donor", expect=4)
    p.anvil.lanram("metrics", "nobody", expect=2)

    p.donor("cedar").daemons["donor"].kill()

    def noticed():
        now = scrape(p.anvil, "coordinator")
        check(now.get("coordinator_donor_up", donor="cedar") == 0
              and now.get("coordinator_donor_up", donor="birch") == 1
              and now.get("coordinator_health", state="ok") == 0
              and now.get("coordinator_slots", state="short") > 0
              and now.get("coordinator_epoch") > pool.get("coordinator_epoch"),
              "cedar is missed")
        return True
    wait_until(noticed, 30, "a killed donor shows")

    p.elm.config(donor='metrics_listen = "[::1]:7462";')
    d = p.elm.start("donor")
    d.expected = 1
    check(d.wait(20) == 1 and "metrics_listen: cannot listen on [::1]:7462: "
          "something else listens there" in d.log_text(), d.log_text())
