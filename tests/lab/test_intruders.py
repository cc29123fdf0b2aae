# SPDX-License-Identifier: Apache-2.0
"""What those get who are not let in, or not for that: strangers, devices of
another role, other users of a machine, who was revoked, who stole a key."""
import json
import os
import shutil
import sys

from lab import HERE, PROGRAMS, check, wait_until
from pool import Ledger, Pool

DONOR, BEAT, REQUESTER, DATA, LOCAL = 1, 2, 3, 4, 5
CODES = {"PERMISSION": 10, "NOT_ADMITTED": 11, "VERSION": 19}
HELLO = "HELLO:proto_min=2,proto_max=2,role=%d"
NOBODY = "65534"
AS_NOBODY = ("setpriv", "--reuid", NOBODY, "--regid", NOBODY,
             "--clear-groups", "--")


def intrude(host, *args):
    """What came back, an object a message; see intruder.py."""
    r = host.run(sys.executable, "-B", os.path.join(HERE, "intruder.py"),
                 *args)
    check(r.code == 0, f"{r}")
    return [json.loads(line) for line in r.out.splitlines()]


def key_of(host):
    return os.path.join(host.dir, "state", "device.key")


def fresh_key(host):
    path = os.path.join(host.dir, "fresh.key")
    host.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", path)
    return path


def ports(pool):
    return [f"{pool.anvil.ip}:7450", f"{pool.donors[0].ip}:7451"]


def test_strangers(lab):
    """A scanner, a TLS client without a certificate, a key that nobody let in,
    and a replayed session: coordinator and donor tell them nothing, close, and
    go on."""
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    ledger.store(5000)
    fir = lab.host("fir", mdns=False).config()
    key = fresh_key(fir)
    coordinator, donor = ports(p)
    for at in (coordinator, donor):
        (r,) = intrude(fir, at, "-", "raw")
        check(r["type"] == "CLOSED" and r["bytes"] <= 218, f"scanner: {r}")
        r = fir.run("timeout", "10", "openssl", "s_client", "-connect", at,
                    "-tls1_3", "-alpn", "lanram/1", "-ign_eof",
                    stdin=b"hello\n")
        check("alert" in r.err and b"anvil" not in r.out, f"s_client: {r}")
    for ask in ("LIST", "STATUS", "VIEW_GET", "WATCH", "ADMIT", "INVITE",
                "SYNCED"):
        hello, r = intrude(fir, coordinator, key, HELLO % REQUESTER, ask)
        check(hello["type"] == "WELCOME" and not hello["admitted"],
              f"{hello}")
        check(r["type"] == "ERROR" and r["err"] == CODES["NOT_ADMITTED"],
              f"{ask}: {r}")
    (r,) = intrude(fir, donor, key, HELLO % DATA)
    check(r["type"] == "ERROR" and r["err"] == CODES["NOT_ADMITTED"], f"{r}")
    (r,) = intrude(fir, donor, key, "GET")
    check(r["type"] == "CLOSED", f"without HELLO: {r}")
    (r,) = intrude(fir, coordinator, key, "HELLO:proto_min=7,proto_max=9")
    check(r["err"] == CODES["VERSION"] and "upgrade the coordinator" in
          r["text"], f"{r}")
    (r,) = intrude(p.elm, coordinator, key_of(p.elm), "replay",
                   HELLO % REQUESTER, "STATUS")
    check(r["type"] == "CLOSED" and r["bytes"] < 2000, f"replayed: {r}")
    ledger.store(5000)
    ledger.verify()


def test_other_roles(lab):
    """A donor that asks as requester, and a requester that asks for what
    admins do, are refused, and told why."""
    p = Pool(lab, donors=("birch",), start=False, admission="ask")
    p.anvil.start("coordinator")
    wait_until(lambda: p.anvil.lanram("donors", expect=None).code == 0, 10,
               "the coordinator answers")
    for host, role, daemon in ((p.donors[0], "donor", "donor"),
                               (p.elm, "requester", "requester")):
        word = p.anvil.lanram("invite", "--role", role).text
        path = os.path.join(host.dir, "state", "invitation")
        with open(path, "w") as f:
            f.write(word)
        host.start(daemon)
    p.wait_up(1)
    birch, (coordinator, donor) = p.donors[0], ports(p)
    birch.start("requester")

    def refused():
        r = birch.lanram("store", "-", "--name", "x", stdin=b"x", expect=None)
        return r.code == 6 and "admitted as donor only" in r.err
    wait_until(refused, 15, "exit 6, and why")
    hello, r = intrude(birch, coordinator, key_of(birch), HELLO % REQUESTER,
                       "LIST")
    check(not hello["admitted"] and r["type"] == "ERROR", f"{hello} {r}")
    for ask in ("LIST", "STATUS", "ADMIT", "RESOLVE", "WATCH", HELLO % LOCAL):
        r = intrude(birch, coordinator, key_of(birch), HELLO % BEAT, ask)[-1]
        check(r["type"] in ("ERROR", "CLOSED"), f"{ask}: {r}")
    for ask in ("PUT:kind=3", "UPDATE", "FIND", "FORWARD:rest=12345678",
                f"VIA:to=1,roles=6,type=16,meta={'!' * 31}"):
        hello, r = intrude(birch, donor, key_of(birch), HELLO % DATA, ask)
        check(hello["type"] == "WELCOME" and r["type"] == "ERROR" and
              r["err"] == CODES["PERMISSION"], f"{ask}: {r}")
    for args in (("admit", "x"), ("refuse", "x"), ("revoke", "birch"),
                 ("drain", "birch"), ("forget", "birch"), ("invite",),
                 ("invite", "--list"), ("rebuild", "pause"),
                 ("pool", "confirm"), ("list", "--all")):
        r = p.elm.lanram(*args, expect=6)
        check("admin" in r.err and not r.out, f"{r}")


def test_local_users(lab):
    """Other users of a machine: their objects are theirs, what admins and the
    machine's owner may do is refused, and on the coordinator's socket nobody
    is believed to be another device."""
    p = Pool(lab, donors=("birch",))
    for path in (lab.dir, p.anvil.dir, p.donors[0].dir, p.elm.dir):
        os.chmod(path, 0o755)

    def run(host, *args, stdin=b"", expect=0):
        r = host.run(*AS_NOBODY, PROGRAMS.find("lanram"), *args, stdin=stdin)
        check(r.code == expect, f"exit {expect} wanted: {r}")
        return r
    mine = p.elm.lanram("store", "-", "--name", "root's", stdin=b"r").text
    theirs = run(p.elm, "store", "-", "--name", "nobody's", stdin=b"n").text
    wait_until(lambda: "nobody's" in run(p.elm, "list").text, 5, "listed")
    check("root's" not in run(p.elm, "list").text, "not theirs to see")
    run(p.elm, "remove", mine, expect=6)
    rows = {o["name"]: o for o in p.anvil.json("list", "--all")}
    check(rows["nobody's"]["id"] == theirs[:8] and
          rows["root's"]["id"] == mine[:8], f"cut: {rows}")
    check("root's" not in run(p.anvil, "list").text, "nor over there")
    for host, args in ((p.anvil, ("admit", "x")), (p.anvil, ("invite",)),
                       (p.anvil, ("revoke", "elm")),
                       (p.anvil, ("list", "--all")),
                       (p.donors[0], ("lend", "off")),
                       (p.elm, ("join", "lanram1:" + "0" * 52 + ":" +
                                "0" * 52)),
                       (p.anvil, ("pool", "export", "/tmp/stolen"))):
        run(host, *args, expect=6)
    dev = p.anvil.run(*AS_NOBODY, PROGRAMS.find("lanram"), "status").code
    check(dev == 0, "status is for all")
    sock = "/run/lanram/coordinator.sock"
    device = "11" * 32
    for role in (DONOR, BEAT, REQUESTER):
        (r,) = intrude(p.anvil, "--user", NOBODY, sock, "-",
                       f"{HELLO % role},dev={device}")
        check(r["type"] == "ERROR" and r["err"] == CODES["PERMISSION"],
              f"role {role}: {r}")
    run(p.elm, "remove", theirs)


def test_revoked(lab):
    """A revoked machine is out at once, also at the donors, and so is who
    stole its state; it does not come back by asking, nor by an invitation.
    A revoked donor's data is copied again."""
    p = Pool(lab)
    ledger = Ledger(p, lab.host("fir").config())
    fir = ledger.host
    fir.start("requester")
    wait_until(lambda: fir.lanram("status", expect=None).code == 0, 15, "in")
    ledger.store(5000)
    thief = lab.host("yew").config()
    shutil.copytree(os.path.join(p.elm.dir, "state"),
                    os.path.join(thief.dir, "state"), dirs_exist_ok=True)
    thief.start("requester")
    wait_until(lambda: thief.lanram("status", expect=None).code == 0, 15,
               "a stolen key opens as the right one does")
    kept = p.elm.lanram("store", "-", "--name", "k", stdin=b"kept").text
    p.anvil.lanram("revoke", "elm")
    for host in (p.elm, thief):
        wait_until(lambda: host.lanram("retrieve", kept, expect=None).code
                   == 6, 10, f"{host.name} is out")
    (r,) = intrude(thief, ports(p)[1], key_of(thief), HELLO % DATA)
    check(r["type"] == "ERROR" and r["err"] == CODES["NOT_ADMITTED"], f"{r}")
    p.elm.daemons["requester"].term()
    p.elm.start("requester")
    word = p.anvil.lanram("invite").text

    def refused():
        r = p.elm.lanram("join", word, expect=(4, 6))  # 4: it is starting
        return r.code == 6 and "revoked" in r.err
    wait_until(refused, 15, "an invitation does not bring it back")
    p.anvil.lanram("revoke", "birch")
    wait_until(lambda: "birch" not in p.up(fir) and len(p.up(fir)) == 2, 10,
               "birch is out")
    wait_until(lambda: fir.json("status")["slots"]["short"] == 0, 30,
               "copied again")
    ledger.verify()
