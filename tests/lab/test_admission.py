# SPDX-License-Identifier: Apache-2.0
"""Who is let in, as what, and who is out again."""
import os
import re

from lab import check, wait_until
from pool import Ledger, Pool

WORD = re.compile(r"lanram1:[0-9a-z]{52}:[0-9a-z]{52}")


def invite(pool, *args):
    """The word, which is all of stdout."""
    r = pool.anvil.lanram("invite", *args)
    check(WORD.fullmatch(r.text), f"one word: {r}")
    return r.text


def listening(lab):
    """A pool that asks; its coordinator answers."""
    p = Pool(lab, donors=("birch",), start=False, admission="ask")
    p.anvil.start("coordinator")
    wait_until(lambda: p.anvil.lanram("donors", expect=None).code == 0, 10,
               "the coordinator answers")
    return p


def test_invited(lab):
    """An invitation lets in as many machines as it says, with its roles, and
    the coordinator keeps it over a restart; it is of no use to another machine
    then, and a machine that is in uses it once."""
    p = listening(lab)
    word = invite(p, "--uses", "2", "--expires", "1h")
    (row,) = p.anvil.json("invite", "--list")
    check((row["uses"], row["used"], row["roles"]) ==
          (2, 0, "donor,requester"), f"{row}")
    with open(os.path.join(p.anvil.dir, "state", "state"), "rb") as f:
        check(word.split(":")[2].encode() not in f.read(), "kept as it is")
    p.anvil.daemons["coordinator"].kill()
    p.anvil.start("coordinator")
    birch, elm = p.donors[0], p.elm
    birch.start("donor")
    elm.start("requester")
    for host in (birch, elm):
        wait_until(lambda: host.lanram("status", expect=None).code == 6, 10,
                   "asks to be let in")
    for host in (birch, elm, elm):
        r = host.lanram("join", word)
        check('in pool "lab"' in r.err, f"{r}")
    p.wait_up(1)
    check(p.anvil.json("invite", "--list") == [], "used up")
    check(p.anvil.json("pending") == [], "nobody was asked")
    check(not os.path.exists(os.path.join(elm.dir, "state/invitation")),
          "the secret is not left behind")
    ledger = Ledger(p)
    ledger.store(5000)
    ledger.verify()
    fir = lab.host("fir").config(admission="ask")
    fir.start("requester")
    wait_until(lambda: fir.lanram("status", expect=None).code == 6, 10,
               "asks to be let in")
    r = fir.lanram("join", word, expect=6)
    check("used up" in r.err and "admit" in r.err, f"says why: {r}")


def test_no_invitation(lab):
    """Revoked, expired or of another pool: the machine stays out, and hears
    why; a word that is none is wrong use."""
    p = listening(lab)
    elm = p.elm
    elm.start("requester")
    wait_until(lambda: elm.lanram("status", expect=None).code == 6, 10,
               "asks to be let in")
    word = invite(p)
    (row,) = p.anvil.json("invite", "--list")
    p.anvil.lanram("invite", "--revoke", row["id"])
    check("revoked" in elm.lanram("join", word, expect=6).err, "revoked")
    brief = invite(p, "--expires", "1s")
    wait_until(lambda: p.anvil.json("invite", "--list") == [], 5, "expired")
    check("expired" in elm.lanram("join", brief, expect=6).err, "expired")
    elm.lanram("join", word[:-1], expect=2)
    elm.lanram("join", expect=2)
    elm.lanram("join", "--file", "/no/such/file", expect=1)
    good = invite(p)
    elm.lanram("join", good)
    other = good.replace(":" + good.split(":")[1], ":" + "1" * 51 + "0")
    r = elm.lanram("join", other, expect=6)
    check("another pool" in r.err, f"{r}")


def test_fleet(lab):
    """Machines installed with a file that holds an invitation to a pool of
    another name, among several: they come up in that pool, and come back to it
    without the file."""
    p = listening(lab)
    rogue = lab.host("yew").config(pool="home")
    rogue.start("coordinator")
    word = invite(p, "--uses", "10", "--role", "requester")
    elm = p.elm.config(pool="home", admission="ask",
                       top='invitation = "%s/fleet";' % p.elm.dir)
    with open(os.path.join(elm.dir, "fleet"), "w") as f:
        f.write(word + "\n")
    elm.start("requester")
    pool = wait_until(
        lambda: elm.lanram("status", "--json", expect=None).code == 0
        and elm.json("status"), 15, "in the pool")
    check(pool["pool"] == "lab", f"the pool that invited: {pool}")
    check(os.path.exists(os.path.join(elm.dir, "fleet")), "only read")
    os.unlink(os.path.join(elm.dir, "fleet"))
    elm.daemons["requester"].term()
    elm.start("requester")
    wait_until(lambda: elm.lanram("status", expect=None).code == 0, 15,
               "back in the pool")
    check(elm.json("status")["pool"] == "lab", "the same one")
