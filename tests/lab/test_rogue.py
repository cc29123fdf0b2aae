# SPDX-License-Identifier: Apache-2.0
"""A coordinator that calls its pool as ours is called."""
import os

from lab import check, only_full, wait_until
from pool import Ledger, Pool, nobody_is_seen


def nobody_went(rogue):
    """Nobody is a donor there, has been let in, or has even asked."""
    check(rogue.json("donors") == [] and rogue.json("pending") == [],
          "nobody went over")
    log = rogue.daemons["coordinator"].log_text()
    check("admitted" not in log and "joined" not in log, f"{log[-500:]}")


def refuses(host, words="another pool"):
    r = host.lanram("status", expect=None)
    return r.code in (1, 4, 6) and words in r.err


def test_rogue(lab):
    """A rogue coordinator of the same name, which lets everybody in, is there
    when the right one is not, is the only one named, and stays when the right
    one comes: who is pinned or invited goes to the right one alone, and no
    data goes to the other."""
    only_full("half a minute")
    p = Pool(lab, donors=("birch", "cedar"))
    ledger = Ledger(p)
    ledger.store(300000)
    word = p.anvil.lanram("invite", "--role", "requester").text
    p.anvil.daemons["coordinator"].term(15)
    # Nobody makes a second pool of a name that is seen, not even it.
    wait_until(lambda: nobody_is_seen(p.anvil), 15, "the record is gone")
    rogue = lab.host("yew").config(admission="open")
    rogue.start("coordinator")
    wait_until(lambda: rogue.lanram("donors", expect=None).code == 0, 15,
               "the rogue is there")
    # Pinned: one that runs, one that starts anew.
    p.donors[0].daemons["donor"].expected = None
    wait_until(lambda: refuses(p.elm), 20, "who runs says so")
    p.elm.daemons["requester"].kill()
    p.elm.start("requester")
    wait_until(lambda: refuses(p.elm), 20, "and who starts")
    r = p.elm.lanram("store", "-", "--name", "x", stdin=b"x", expect=None)
    check(r.code and not r.out, f"no data: {r}")
    # Invited, for the first time here.
    fir = lab.host("fir").config()
    with open(os.path.join(fir.dir, "state", "invitation"), "w") as f:
        f.write(word)
    fir.start("requester")
    wait_until(lambda: refuses(fir), 20, "the invited one, too")
    # Told its address, which is as good as mDNS told by somebody else.
    p.elm.daemons["requester"].kill()
    p.elm.config(top=f'coordinator = "{rogue.ip}:7450";')
    p.elm.start("requester")
    wait_until(lambda: refuses(p.elm), 20, "who is led there, too")
    nobody_went(rogue)
    # The right one comes, later and not alone.
    p.anvil.start("coordinator")
    p.elm.daemons["requester"].kill()
    p.elm.config()
    p.elm.start("requester")
    p.wait_up(2, 30)
    wait_until(lambda: fir.lanram("status", expect=None).code == 0, 20,
               "the invited one is in")
    ledger.verify()
    ledger.store(2000)
    nobody_went(rogue)


def test_asked_by_a_rogue(lab):
    """A machine that comes for the first time, knowing no pool, asks whoever
    is there, and gives nothing away before it is let in."""
    rogue = lab.host("yew").config(admission="ask")
    rogue.start("coordinator")
    elm = lab.host("elm").config()
    elm.start("requester")
    wait_until(lambda: elm.lanram("status", expect=None).code == 6, 20,
               "it asks, and waits")
    r = elm.lanram("store", "-", "--name", "secret", stdin=b"x" * 5000,
                   expect=6)
    check(not r.out and "code" in r.err, f"the code, no ID: {r}")
    (row,) = rogue.json("pending")
    check(row["name"] == "elm" and row["code"] in r.err, f"{row}")
    check(rogue.json("list", "--all") == [], "nothing is there")
    rogue.lanram("refuse", row["code"])
