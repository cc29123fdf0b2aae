# SPDX-License-Identifier: Apache-2.0
"""lanram doctor: a machine that is well, and broken ones, each named, with the
command that mends it."""
import json
import os

import netns
from exposition import Metrics
from lab import check, wait_until
from pool import Pool


class Report:
    def __init__(self, host, r):
        self.host, self.code = host, r.code
        data = json.loads(r.out)
        check(data["code"] == r.code and data["ok"] == (r.code == 0),
              f"exit code as in the report: {r}")
        self.steps = data["steps"]

    def wrong(self):
        return {s["step"] for s in self.steps if s["state"] == "wrong"}

    def text(self, step):
        return " ".join(f"{s['text']} -> {s['mend']}" for s in self.steps
                        if s["step"] == step and s["state"] == "wrong")

    def __str__(self):
        return f"{self.host.name} {self.code}: " + json.dumps(
            [s for s in self.steps if s["state"] != "ok"])


def doctor(host, env=None):
    """As a user with root's rights would run it."""
    r = host.lanram("doctor", "--json", expect=None, env=env)
    host.lab.say(f"{host.name}: doctor took {r.seconds:.1f} s")
    return Report(host, r)


def expect_wrong(host, step, code, *words, env=None, also=(), deadline_s=10):
    """The step is wrong, says these words, and nothing else is wrong but what
    follows from it."""
    def named():
        r = doctor(host, env)
        check(step in r.wrong() and r.wrong() <= {step, *also}
              and r.code == code
              and all(w in r.text(step) for w in words),
              f"{step}, exit {code}, {words}: {r}")
        return r
    return wait_until(named, deadline_s, f"{host.name}: {step} is named")


def expect_well(host, deadline_s=15):
    def well():
        r = doctor(host)
        check(r.code == 0, f"all is well: {r}")
        return r
    return wait_until(well, deadline_s, f"{host.name} is well")


def drop_port(host, port, proto="tcp", hook="input"):
    netns.inside(host.ns, "nft", "add", "table", "inet", "lab")
    netns.inside(host.ns, "nft", "add", "chain", "inet", "lab", hook,
                 "{ type filter hook %s priority 0; }" % hook)
    netns.inside(host.ns, "nft", "add", "rule", "inet", "lab", hook, proto,
                 "dport", str(port), "drop")


def make(lab):
    """Coordinator, a donor, and a machine with donor and requester."""
    p = Pool(lab, donors=("birch",))
    p.elm.start("donor")
    p.wait_up(2)
    return p, p.anvil, p.donors[0], p.elm


def test_network(lab):
    """Broken on the way: interface, firewall, mDNS, ports on either side."""
    p, anvil, birch, elm = make(lab)
    r = expect_well(elm)
    seen = {s["step"] for s in r.steps}
    check(seen >= {"daemons", "interfaces", "avahi", "udp5353", "multicast",
                   "coordinator", "address", "port", "key", "admitted",
                   "connect-back", "donors", "encryption", "clock", "versions", "memory",
                   "swap"}, f"all steps are there: {seen}")
    check(any("eth0" in s["text"] for s in r.steps
              if s["step"] == "multicast"), f"names the interface: {r.steps}")
    r = expect_well(anvil)
    check(any(s["step"] == "port" and f"{anvil.ip}:7450" in s["text"]
              for s in r.steps), f"its own port: {r.steps}")

    drop_port(elm, 5353, "udp")
    expect_wrong(elm, "udp5353", 4, "eth0", "IPv4", "drops UDP 5353",
                 also=("multicast", "coordinator"))
    elm.undrop()
    drop_port(elm, 5353, "udp", "output")
    expect_wrong(elm, "udp5353", 4, "cannot be sent", "drops UDP 5353",
                 also=("multicast", "coordinator"))
    elm.undrop()
    drop_port(elm, 7451)
    expect_wrong(elm, "connect-back", 4, f"{elm.ip}:7451", "no answer",
                 "7451", also=("donors",))
    elm.undrop()
    drop_port(birch, 7451)
    expect_wrong(elm, "donors", 4, "birch is up", "cannot be reached",
                 "on birch: open TCP port 7451")
    birch.undrop()
    drop_port(anvil, 7450)
    expect_wrong(anvil, "port", 4, "at its own address", ":7450", "no answer",
                 "7450")
    expect_wrong(elm, "port", 4, f"{anvil.ip}:7450", "no answer",
                 "on anvil.local: open TCP port 7450",
                 also=("admitted", "donors"))
    anvil.undrop()
    elm.link("eth0", "down")
    expect_wrong(elm, "interfaces", 4, "eth0 is down", "ip link set eth0 up",
                 also=("multicast", "coordinator", "port", "admitted",
                       "donors"))
    elm.link("eth0", "up")
    p.wait_up(2)


def test_machine(lab):
    """Broken on the machine: daemons, avahi, D-Bus, limits, swap, clock."""
    p, anvil, birch, elm = make(lab)
    elm.stop_avahi()
    expect_wrong(elm, "avahi", 4, "avahi-daemon is not running",
                 "systemctl start avahi-daemon", also=("coordinator",))
    elm.dbus.term(10)
    expect_wrong(elm, "avahi", 4, "D-Bus does not answer",
                 "systemctl start dbus", also=("coordinator",))
    elm.start_mdns()

    requester = elm.daemons["requester"]
    requester.stop()
    expect_wrong(elm, "daemons", 4, "requester", "does not answer",
                 "systemctl restart lanram-requester")
    requester.kill()
    expect_wrong(elm, "daemons", 4, "the requester died",
                 "systemctl start lanram-requester")
    elm.run("rm", "/run/lanram/requester.sock")
    expect_wrong(elm, "daemons", 4, "the requester is not running",
                 "systemctl start lanram-requester")
    elm.start("requester")
    wait_until(lambda: elm.lanram("status", expect=None).code == 0, 10, "back")

    elm.run("prlimit", "--pid", str(elm.daemons["donor"].pid),
            "--memlock=4096:")
    expect_wrong(elm, "memory", 1, "the donor may lock only 4096",
                 "LimitMEMLOCK")
    elm.run("prlimit", "--pid", str(elm.daemons["donor"].pid),
            "--memlock=1048576:")
    swaps = os.path.join(elm.dir, "swaps")
    with open(swaps, "w") as f:
        f.write("Filename Type Size Used Priority\n"
                "/dev/dm-1 partition 1000000 0 -2\n")
    elm.run("mount", "--bind", swaps, "/proc/swaps")
    expect_wrong(elm, "swap", 1, "can be swapped out", "MemorySwapMax=0")
    elm.run("umount", "/proc/swaps")
    expect_wrong(elm, "clock", 1, "s ahead of the coordinator's",
                 "timedatectl", env={
                     "LD_PRELOAD": elm.run("sh", "-c", "ls /usr/lib/*/"
                                           "faketime/libfaketime.so.1").text,
                     "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                     "ASAN_OPTIONS": "verify_asan_link_order=0"})
    expect_well(elm)


def test_pool(lab):
    """The wrong pool, none, one that does not know us, one that is away."""
    p, anvil, birch, elm = make(lab)
    anvil.daemons["coordinator"].kill()
    expect_wrong(elm, "port", 4, f"{anvil.ip}:7450", "nothing listens there",
                 "systemctl start lanram-coordinator",
                 also=("admitted", "coordinator", "multicast"))
    anvil.config(admission="ask", coordinator="encrypt_links = false;")
    anvil.start("coordinator")
    p.wait_up(2)

    r = expect_well(elm)
    check(any(s["step"] == "encryption" and s["state"] == "note"
              and "in clear" in s["text"] for s in r.steps),
          f"says that links are in clear: {r.steps}")
    fir = lab.host("fir").config()
    fir.start("requester")
    r = expect_wrong(fir, "admitted", 6, "not admitted yet", "on anvil",
                     "lanram admit ")
    code = r.text("admitted").split()[-1]
    check(code in anvil.lanram("pending").text, f"{code} is the right code")
    anvil.lanram("refuse", code)
    expect_wrong(fir, "admitted", 6, "refused", deadline_s=20)
    check(Metrics.of(anvil, "coordinator").get(
        "coordinator_refusals_total", reason="admission") > 0, "counted")
    fir.daemons["requester"].term(10)

    pin = os.path.join(fir.dir, "state", "pool.lab")
    with open(pin, "w") as f:
        f.write("1" + "0" * 51 + "\n")
    fir.start("requester")
    expect_wrong(fir, "key", 6, "another pool calls itself \"lab\"", pin)
    fir.daemons["requester"].term(10)

    os.remove(pin)

    fir.config(pool="attic")
    fir.start("requester")
    expect_wrong(fir, "coordinator", 4, "no pool \"attic\"", "\"lab\"",
                 also=("multicast",))
    fir.daemons["requester"].term(10)
    fir.config(top="discovery = false;")
    fir.start("requester")
    expect_wrong(fir, "coordinator", 4, "discovery is off")
    fir.daemons["requester"].term(10)
    fir.config(top=f'coordinator = "{anvil.ip}:7459";')
    fir.start("requester")
    expect_wrong(fir, "port", 4, f"{anvil.ip}:7459", "nothing listens there")
    r = fir.lanram("doctor", expect=4)
    check("wrong  port" in r.text and "-> on" in r.text
          and "1 thing is wrong" in r.text, f"as text: {r}")

    anvil.daemons["coordinator"].term(10)
    lone = lab.host("gorse").config()
    lone.start("requester")
    expect_wrong(lone, "coordinator", 4, "no coordinator of pool \"lab\"",
                 "enable --now lanram-coordinator", also=("multicast",))
