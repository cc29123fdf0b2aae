# SPDX-License-Identifier: Apache-2.0
"""The packages in a machine's life: installed, upgraded while the pool holds
data, removed, installed again, purged. LAB_PACKAGES: the folder with the
packages, "now", "next" and perhaps "earlier"; LAB_BASE and LAB_BARE_BASE: roots
other than this machine's own."""
import concurrent.futures
import os

from lab import FULL, Skip, check, wait_until
from machine import PACKAGES, Bare, Machine
from pool import KIB, MIB, Ledger, Load

CONF = "/etc/lanram/lanram.conf"
SIZES = (200, 5000, 70 * KIB, 300 * KIB, 3 * MIB)


def each(machines, what):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(what, machines))


def machines_of(lab, kind, names, which="now"):
    machines = [lab.host(n, mdns=False, kind=kind) for n in names]
    each(machines, Machine.wait_up)
    for m in machines:
        m.before = m.traces()
    each(machines, lambda m: m.install(which))
    return machines


def up(host):
    return sorted(d["name"] for d in host.json("donors")
                  if d["state"] == "up")


def wait_up(host, n, deadline_s=60):
    wait_until(lambda: len(up(host)) == n, deadline_s, f"{n} donors up")


def make_pool(lab, which="now"):
    """As README tells it: the package on three machines, the coordinator on
    one of them, the others admitted there."""
    machines = machines_of(lab, Machine, ("anvil", "birch", "cedar"), which)
    anvil, *others = machines
    for m in machines:
        m.must("systemctl", "start", "avahi-daemon")
        m.follow()
    check(set(anvil.pids()) == {"donor", "requester"}, anvil.pids())
    anvil.must("systemctl", "enable", "--now", "lanram-coordinator")
    wait_until(lambda: anvil.lanram("pending", expect=None).code == 0, 60,
               "the coordinator answers")
    for m in others:
        rows = wait_until(lambda: [r for r in anvil.json("pending")
                                   if r["name"] == m.name], 60,
                          f"{m.name} asks to be let in")
        anvil.lanram("admit", rows[0]["code"])
    wait_up(anvil, 3)
    return machines


def version_of(which):
    with open(os.path.join(PACKAGES, which, "VERSION")) as f:
        return f.read().strip()


def upgrade(machine, helper, to, version):
    """While another machine stores and retrieves without pause: what that was
    acknowledged is there afterwards. Every daemon is another one then."""
    old, busy = machine.pids(), Ledger(None, helper)
    with Load(busy, (3000, 400 * KIB)):
        machine.install(to)
    new = machine.pids()
    check(set(new) == set(old), f"{machine.name} runs {new}, not {old}")
    check(not set(new.values()) & set(old.values()), "not restarted")
    check(machine.version() == version, "the version")
    busy.verify()
    return len(busy.objects)


def fill(host):
    """Objects of every size and number of copies, a register and a name."""
    ledger = Ledger(None, host)
    for copies in (1, 2, 3):
        for size in SIZES:
            ledger.store(size, copies=copies)
    host.lanram("register", "write", "r", "register's")
    host.lanram("name", "set", "n", "name's")
    return ledger


def whole(ledger, host):
    ledger.host = host
    ledger.verify()
    check(host.lanram("register", "read", "r").text == "register's", "r")
    check("name's" in host.lanram("name", "get", "n").text, "n")


def upgrade_all(lab, machines, ledger, to, version):
    """One right after the other under load, none waits for the pool to be
    whole."""
    anvil, birch, cedar = machines
    for machine, helper in ((birch, cedar), (cedar, anvil), (anvil, birch)):
        n = upgrade(machine, helper, to, version)
        wait_up(helper, 3)
        whole(ledger, helper)
        lab.say(f"{machine.name} upgraded, {n} objects stored meanwhile")


def test_rolling_upgrade(lab):
    """Three machines, upgraded one right after the other under load, none
    waits for the pool to be whole: every object, of one copy, too, and every
    register and name is there after each step. One is removed: its state and
    configuration stay, and it is in the pool at once when installed again;
    purged, nothing of it is left, and nothing of the pool is lost."""
    anvil, birch, cedar = machines = make_pool(lab)
    ledger = fill(birch)
    cedar.must("sh", "-c", f"echo 'site = \"attic\";' >>{CONF}")
    upgrade_all(lab, machines, ledger, "next", version_of("next"))
    rows = anvil.json("donors")
    check(len(rows) == 3, f"three machines, not {rows}")
    check("attic" in cedar.must("cat", CONF), "the owner's configuration")

    me = {r["name"]: r["id"] for r in rows}["cedar"]
    cedar.must("dpkg", "--remove", "lanram")
    check(not cedar.pids(), "no daemon is left")
    wait_up(anvil, 2)
    whole(ledger, anvil)
    cedar.must("test", "-s", "/var/lib/lanram/device.key")
    check("attic" in cedar.must("cat", CONF), "its configuration is left")
    cedar.install("next")
    wait_up(anvil, 3)
    check(me in [r["id"] for r in anvil.json("donors")
                 if r["state"] == "up"], "the same device")
    whole(ledger, cedar)

    cedar.must("dpkg", "--purge", "lanram", "liblanram0")
    wait_up(anvil, 2)
    whole(ledger, anvil)
    left = cedar.traces() - cedar.before
    check(not left, f"left behind: {sorted(left)}")
    lab.say("removed, installed and purged")
    for m in machines:
        bad = [x for x in m.journal().split("\n") if "Failed" in x]
        check(not bad, f"{m.name}: {bad}")


def test_upgrade_from_earlier(lab):
    """Machines that run packages of an earlier commit are upgraded to today's,
    rolling, under load: nothing is lost, nobody is a stranger, and no file of
    the owner's is asked about."""
    if not os.path.exists(os.path.join(PACKAGES, "earlier")):
        raise Skip("no packages of an earlier commit: tests/run --soak, in a "
                   "checkout with its history")
    machines = make_pool(lab, "earlier")
    anvil, birch, _ = machines
    ledger = fill(birch)
    devices = {r["id"] for r in anvil.json("donors")}
    now = anvil.must("dpkg-deb", "-f", anvil.package("now", "lanram"),
                     "Version").strip()
    upgrade_all(lab, machines, ledger, "now", now)
    check({r["id"] for r in anvil.json("donors")} == devices,
          "the same devices")
    for m in machines:
        bad = [x for x in m.journal().split("\n") if "Failed" in x]
        check(not bad, f"{m.name}: {bad}")


def test_without_systemd(lab):
    """On machines where neither systemd nor D-Bus nor avahi runs the packages
    install, start nothing and leave nothing when purged. The daemons, started
    by hand, say what is missing, and make a pool once they are told where the
    coordinator is."""
    anvil, birch = machines_of(lab, Bare, ("anvil", "birch"))
    r = birch.lanram("status", expect=4)
    check("lanramd requester" in r.err or "systemctl" in r.err, r)
    for m in (anvil, birch):
        m.must("install", "-d", "-o", "lanram", "-m", "755", "/run/lanram")
        m.must("install", "-d", "-o", "lanram", "-m", "700",
               "/var/lib/lanram")
    anvil.must("sh", "-c", f"echo 'coordinator_role: {{ admission = "
               f"\"open\"; }};' >>{CONF}")
    anvil.daemon("coordinator")
    d = birch.daemon("donor")
    wait_until(lambda: "coordinator =" in d.log_text(), 30,
               "it says what is missing, and what helps")
    check("avahi" in d.log_text() or "D-Bus" in d.log_text(), d.log_text())
    check(d.running(), "and goes on")
    d.term()
    birch.must("sh", "-c",
               f"echo 'coordinator = \"{anvil.ip}:7450\";' >>{CONF}")
    birch.daemon("donor")
    birch.daemon("requester")
    wait_until(lambda: birch.lanram("donors", expect=None).code == 0, 30,
               "in the pool")
    wait_up(birch, 1)
    ledger = Ledger(None, birch)
    for size in SIZES:
        ledger.store(size)
    ledger.verify()
    # The donor last: alone in the pool, it would not leave what it holds.
    for m, role in ((birch, "requester"), (anvil, "coordinator"),
                    (birch, "donor")):
        m.daemons[role].term()
    birch.must("dpkg", "--purge", "lanram", "liblanram0")
    left = birch.traces() - birch.before
    check(not left, f"left behind: {sorted(left)}")


def autopkgtest(lab, *names, shell=("sh", "-c"), before="true"):
    """debian/tests of the source package, run by Debian's own runner on a
    machine with systemd."""
    if not FULL:
        raise Skip("takes minutes: LAB_FULL=1")
    anvil, = [lab.host("anvil", mdns=False, kind=Machine)]
    anvil.wait_up()
    r = anvil.run(*shell, f"{before} && autopkgtest " +
                  " ".join(f"--test-name={n}" for n in names) +
                  " /packages/now/*.deb /packages/source/ -- null",
                  timeout=1800)
    check(r.code == 0, r.text[-4000:] + r.err[-2000:])
    for name in names:
        check(f"{name} ".ljust(21) + "PASS" in r.text + r.err, r)


def test_autopkgtest(lab):
    """A pool on the loopback, a program built with the library, the units."""
    autopkgtest(lab, "pool", "library", "units")


def test_autopkgtest_nemesis(lab):
    """The lab's faults on what is installed, with clients that are built
    there. Its networks have settings of their own, which a machine in a
    container may not write."""
    autopkgtest(lab, "nemesis", shell=("unshare", "-m", "sh", "-c"),
                before="mount -o remount,bind,rw /proc/sys")
