# SPDX-License-Identifier: Apache-2.0
"""Discovery alone: disco-probe publishes on one host and browses on another,
with the real avahi and D-Bus of each."""
from lab import PROGRAMS, check, wait_until


class Row:
    def __init__(self, line):
        (self.id, self.name, self.version, self.host,
         addrs) = line.split("\t")
        self.addrs = addrs.split(",")

    def __repr__(self):
        return f"<{self.name} {self.id[:6]} {self.host} {self.addrs}>"


def probe(host, name, *args):
    p = host.spawn(f"probe-{name}", PROGRAMS.find("disco-probe"), *args)
    p.expected = 0
    return p


def publish(host, name="lab", number=1, port=7450):
    return probe(host, f"publish{number}", "publish", name, str(port),
                 str(number))


def browse(host):
    return probe(host, "browse", "browse")


def snapshots(probe):
    """Every whole snapshot so far: lists of Rows."""
    found, rows = [], None
    for line in probe.log_text().splitlines():
        if line.startswith("snapshot "):
            rows = []
        elif line == "end" and rows is not None:
            found.append(rows)
            rows = None
        elif rows is not None and line.count("\t") == 4:
            rows.append(Row(line))
    return found


def last(probe):
    all_of_them = snapshots(probe)
    return all_of_them[-1] if all_of_them else []


def wait_rows(probe, n, deadline_s, what):
    wait_until(lambda: len(last(probe)) == n, deadline_s,
               f"{what}: {n} rows")
    return last(probe)


def state(probe):
    lines = [x for x in probe.log_text().splitlines()
             if x.startswith("state ")]
    return lines[-1].split()[1] if lines else None


def fresh_browse_finds(host, deadline_s, what):
    """A browser that knows nothing yet finds one pool."""
    seen = browse(host)
    # The log is appended to: only what this one said counts.
    before = len(snapshots(seen))
    wait_until(lambda: len(snapshots(seen)) > before
               and len(last(seen)) == 1, deadline_s, what)
    seen.term(10)


def test_found_and_gone(lab):
    """Published is found with all its fields; stopped is gone at once; no
    address stands anywhere."""
    a, b = lab.host("anvil"), lab.host("birch")
    seen = browse(b)
    shown = publish(a)
    (row,) = wait_rows(seen, 1, 10, "found")
    check(row.name == "lab" and row.version == "0.0-lab", f"fields: {row}")
    check(row.id == "04" + row.id[2:] and len(row.id) == 52, f"id: {row}")
    check(row.host == "anvil.local", f"host: {row}")
    check(row.addrs[0] == f"{a.ip}:7450", f"first address: {row}")
    shown.term(10)
    wait_rows(seen, 0, 4, "gone, a second after the goodbye")


def test_restarts(lab):
    """avahi restarted three times and D-Bus once, under the publisher: found
    again from another host within 10 s each time."""
    a, b = lab.host("anvil"), lab.host("birch")
    shown = publish(a)
    fresh_browse_finds(b, 10, "found at first")
    for i in range(3):
        a.restart_avahi()
        wait_until(lambda: state(shown) == "running", 10, "published again")
        fresh_browse_finds(b, 10, f"after restart {i + 1} of avahi")
    a.restart_dbus()
    fresh_browse_finds(b, 10, "after the restart of D-Bus")
    check(shown.running(), "the publisher lives")


def test_browser_restarts(lab):
    """The same under the browser: it keeps what it knew meanwhile, and sees
    what came and went since."""
    a, b = lab.host("anvil"), lab.host("birch")
    seen = browse(b)
    publish(a)
    wait_rows(seen, 1, 10, "found at first")
    for i in range(3):
        b.restart_avahi()
        wait_until(lambda: state(seen) == "running", 10, "browsing again")
    b.restart_dbus()
    check(all(len(s) == 1 for s in snapshots(seen)),
          f"known all the time: {snapshots(seen)}")
    second = publish(a, "other", 2)
    wait_rows(seen, 2, 10, "a second pool is seen after the restarts")
    second.term(10)
    wait_rows(seen, 1, 10, "and seen to go")
    check(seen.running(), "the browser lives")


def test_gone_while_away(lab):
    """What went while the browser's avahi was away is dropped when it is
    back."""
    a, b = lab.host("anvil"), lab.host("birch")
    seen = browse(b)
    shown = publish(a)
    wait_rows(seen, 1, 10, "found at first")
    b.stop_avahi()
    wait_until(lambda: state(seen) == "no-daemon", 10, "noticed")
    shown.term(10)
    b.start_avahi()
    wait_rows(seen, 0, 15, "gone")


def test_late_avahi(lab):
    """Started without D-Bus and avahi, both wait and then work."""
    a, b = lab.host("anvil", mdns=False), lab.host("birch", mdns=False)
    seen, shown = browse(b), publish(a)
    wait_until(lambda: state(seen) == state(shown) == "no-daemon", 5,
               "both say so")
    for h in (a, b):
        h.start_dbus()
    for h in (a, b):
        h.start_avahi()
    wait_rows(seen, 1, 15, "found")


def test_two_interfaces(lab):
    """Two interfaces, IPv4 and IPv6 on each: one row with every address, the
    IPv4 ones first (avahi shows link-local ones only where nothing else
    is)."""
    a, b = lab.host("anvil"), lab.host("birch")
    for h in (a, b):
        h.plug("eth1", "lan2", f"10.78.0.{h.number}/24")
        h.address("eth0", f"fd77::{h.number}/64")
        h.address("eth1", f"fd78::{h.number}/64")
    seen = browse(b)
    publish(a)
    want = [f"10.77.0.{a.number}:7450", f"10.78.0.{a.number}:7450",
            f"[fd77::{a.number}]:7450", f"[fd78::{a.number}]:7450"]
    wait_until(lambda: last(seen) and last(seen)[0].addrs == want, 20,
               f"one row with {want}")
    check(all(len(s) <= 1 for s in snapshots(seen)),
          f"never two rows: {snapshots(seen)}")


def test_link_local_only(lab):
    """A LAN without any address but link-local ones: found, and the address
    shown can be connected to as it stands."""
    a = lab.host("anvil", address=False)
    b = lab.host("birch", address=False)
    a.spawn("listen", "python3", "-c", "import socket\n"
            "s=socket.create_server(('::',7450),family=socket.AF_INET6)\n"
            "while True: s.accept()[0].close()")
    seen = browse(b)
    publish(a)
    (row,) = wait_rows(seen, 1, 15, "found")
    check(all(x.startswith("[fe80::") for x in row.addrs), f"{row}")
    address = row.addrs[0].partition("]")[0].strip("[")
    wait_until(lambda: b.run("python3", "-c", "import socket,sys\n"
                             "socket.create_connection((sys.argv[1],7450),2)",
                             address).code == 0, 10, f"connected to {address}")


def test_name_collision(lab):
    """Two pools of one name on two hosts: both are found under the name that
    they gave, told apart by ID."""
    a, b, c = lab.host("anvil"), lab.host("birch"), lab.host("cedar")
    seen = browse(c)
    publish(a, "lab", 1)
    publish(b, "lab", 2)
    rows = wait_rows(seen, 2, 15, "both")
    check([r.name for r in rows] == ["lab", "lab"], f"names: {rows}")
    check({r.host for r in rows} == {"anvil.local", "birch.local"}, f"{rows}")


def test_host_name_collision(lab):
    """Two machines of one host name: avahi renames one, both are found."""
    a, b, c = lab.host("anvil"), lab.host("birch"), lab.host("cedar")
    b.stop_avahi()
    seen = browse(c)
    first = publish(a, "one", 1)
    # One after the other: two avahi of one name that probe at the same moment
    # may wait for each other for ever.
    wait_until(lambda: state(first) == "running", 10, "the first is there")
    b.run("hostname", "anvil")
    b.start_avahi()
    publish(b, "two", 2)
    wait_rows(seen, 2, 20, "both")
    addrs = {r.name: r.addrs[0] for r in last(seen)}
    check(addrs == {"one": f"{a.ip}:7450", "two": f"{b.ip}:7450"},
          f"each with its own address: {addrs}")


def test_docker0_and_unreachable(lab):
    """docker0 on both machines and an address nobody can reach: the good one
    comes first, docker0 and loopback not at all."""
    a, b = lab.host("anvil"), lab.host("birch")
    a.address("eth0", "192.0.2.7/24")
    for h in (a, b):
        h.add_docker0()
    seen = browse(b)
    publish(a)
    wait_until(lambda: last(seen) and "192.0.2.7:7450" in last(seen)[0].addrs,
               10, "both addresses of eth0 seen")
    addrs = last(seen)[0].addrs
    check(addrs[:2] == [f"{a.ip}:7450", "192.0.2.7:7450"], f"order: {addrs}")
    check(not any(x.startswith(("172.17.", "127.")) for x in addrs),
          f"nothing of docker0: {addrs}")
    out = b.run(PROGRAMS.find("disco-probe"), "interfaces").text
    check("eth0" in out.split(", ") and "lo" not in out.split(", "),
          f"interfaces: {out}")


def test_interface_flap(lab):
    """The publisher's link goes down and up, quickly and slowly, also while
    it registers: found again each time."""
    a, b = lab.host("anvil"), lab.host("birch")
    shown = publish(a)
    for _ in range(4):
        a.link("eth0", "down")
        a.link("eth0", "up")
    fresh_browse_finds(b, 20, "after flapping at the start")
    a.link("eth0", "down")
    wait_until(lambda: not a.run("sh", "-c", "ip -o link show eth0 up").text,
               5, "down")
    a.link("eth0", "up")
    fresh_browse_finds(b, 20, "after a longer while down")
    wait_until(lambda: state(shown) == "running", 15, "published")


def test_address_change(lab):
    """The publisher moves to another address: the row shows the new one."""
    a, b = lab.host("anvil"), lab.host("birch")
    seen = browse(b)
    publish(a)
    wait_rows(seen, 1, 10, "found")
    a.move(99)
    wait_until(lambda: last(seen) and "10.77.0.99:7450"
               in last(seen)[0].addrs, 15, "the new address")
    wait_until(lambda: "10.77.0.11:7450" not in last(seen)[0].addrs, 15,
               "and only that")


def test_quiet_when_down(lab):
    """A network that is down fills no log."""
    a = lab.host("anvil")
    shown = publish(a)
    wait_until(lambda: state(shown) == "running", 10, "published")
    a.link("eth0", "down")
    a.stop_avahi()
    wait_until(lambda: state(shown) == "no-daemon", 10, "noticed")
    before = len(shown.log_text())
    a.dbus.term(10)
    a.start_dbus()
    a.start_avahi()
    a.link("eth0", "up")
    wait_until(lambda: state(shown) == "running", 15, "published again")
    said = shown.log_text()[before:].splitlines()
    check(len(said) < 20, f"{len(said)} lines: {said[:5]}")
