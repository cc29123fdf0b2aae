# SPDX-License-Identifier: Apache-2.0
"""Registers and names by the command: exit codes, tags, bytes, and what stays
when donors die."""
from lab import check, wait_until
from pool import Pool, data_of


def tag_of(r):
    import json
    return json.loads(r.out)["tag"]


def test_register(lab):
    """Read gives the bytes that were written last, wherever; removed is not
    there; every write has a tag above the last."""
    p = Pool(lab)
    a, b = p.elm, p.anvil
    b.start("requester")
    a.lanram("register", "read", "x", expect=3)
    a.lanram("register", "remove", "x", expect=3)
    wait_until(lambda: b.lanram("register", "write", "x", "one",
                                expect=None).code == 0, 20, "anvil writes")
    check(a.lanram("register", "read", "x").out == b"one", "as written")
    big = data_of("register", 256 * 1024)
    first = tag_of(a.lanram("register", "write", "x", "--json", stdin=big))
    check(b.lanram("register", "read", "x").out == big, "256 KiB")
    second = tag_of(a.lanram("register", "write", "x", "", "--json"))
    check(int(second.split(".")[0]) == int(first.split(".")[0]) + 1,
          f"{first}, {second}")
    row = b.json("register", "read", "x")
    check(row["tag"] == second and row["size"] == 0 and row["value"] == "",
          f"{row}")
    a.lanram("register", "write", "x", "-", stdin=big + b"x", expect=2)
    b.lanram("register", "remove", "x")
    a.lanram("register", "read", "x", expect=3)
    third = tag_of(a.lanram("register", "write", "x", "again", "--json"))
    check(int(third.split(".")[0]) > int(second.split(".")[0]) + 1,
          f"above the removal: {second}, {third}")


def test_name(lab):
    """Compare-and-set: only what is expected is replaced, once."""
    p = Pool(lab)
    h = p.elm
    h.lanram("name", "get", "lock", expect=3)
    h.lanram("name", "remove", "lock", expect=3)
    tag = tag_of(h.lanram("name", "set", "lock", "me", "--if-absent",
                          "--json"))
    r = h.lanram("name", "set", "lock", "you", "--if-absent", expect=1)
    check("not as expected" in r.err, f"{r}")
    check(h.lanram("name", "get", "lock").out == b"me", "still mine")
    new = tag_of(h.lanram("name", "set", "lock", "mine", "--if", tag,
                          "--json"))
    h.lanram("name", "set", "lock", "late", "--if", tag, expect=1)
    h.lanram("name", "remove", "lock", "--if", tag, expect=1)
    check(h.json("name", "get", "lock")["tag"] == new, "its tag is told")
    h.lanram("name", "remove", "lock", "--if", new)
    h.lanram("name", "get", "lock", expect=3)
    h.lanram("name", "set", "lock", "x", "--if", "7", expect=2)
    h.lanram("name", "set", "lock", "x", "--if", tag, "--if-absent", expect=2)
    h.lanram("register", "read", "lock", expect=3)


def test_donors_die(lab):
    """One after another is killed and comes back empty: what was written
    last is read, and what is expected can be replaced."""
    p = Pool(lab)
    h = p.elm
    names = [f"k{i}" for i in range(20)]
    tags = {}
    for n in names:
        h.lanram("register", "write", n, "0")
        tags[n] = tag_of(h.lanram("name", "set", n, "0", "--json"))
    for turn, d in enumerate(p.donors, 1):
        d.daemons["donor"].kill()
        p.replace(d)
        for n in names:
            check(h.lanram("register", "read", n).text == str(turn - 1), n)
            h.lanram("register", "write", n, str(turn))
            tags[n] = tag_of(h.lanram("name", "set", n, str(turn), "--if",
                                      tags[n], "--json"))
        p.wait_full()
    for n in names:
        check(h.lanram("name", "get", n).text == str(len(p.donors)), n)
