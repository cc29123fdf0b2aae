# SPDX-License-Identifier: Apache-2.0
"""What is stored comes back to the byte, by every way to name it; what cannot
be done is said, and leaves nothing half-done."""
import concurrent.futures
import os
import re
import signal
import time

from lab import BIG, FULL, Skip, check, wait_until
from pool import (ID, KIB, MIB, Ledger, Pool, data_of, sha, sha_of_file)

SIZES = (0, 1, 2048, 262143, 262144, 262145, MIB, 5 * MIB, 100 * MIB)


def write_file(host, name, data):
    path = os.path.join(host.dir, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def small_pool(lab, **config):
    return Pool(lab, donors=("birch", "cedar"), **config)


def store_text(host, name, data=b"text", *args):
    r = host.lanram("store", "-", "--name", name, *args, stdin=data)
    check(ID.fullmatch(r.out), f"the ID alone: {r}")
    return r.text


def test_sizes(lab):
    """Files of every size, across the borders of a chunk: stored, listed,
    described and retrieved into files, byte for byte."""
    p = Pool(lab, lend="512MiB")
    want = {}
    for size in SIZES:
        data = data_of("size", size)
        path = write_file(p.elm, f"file{size}", data)
        r = p.elm.lanram("store", path)
        check(ID.fullmatch(r.out), f"the ID alone: {r}")
        want[r.text] = (size, sha(data), f"file{size}")
    rows = {o["id"]: o for o in p.elm.json("list")}
    for object_id, (size, digest, name) in want.items():
        row = rows[object_id]
        check((row["size"], row["name"], row["copies"], row["copies_wanted"])
              == (size, name, 2, 2) and len(row["donors"]) >= 2, f"{row}")
        out = os.path.join(p.elm.dir, "out")
        p.elm.lanram("retrieve", object_id, "-o", out)
        check(os.path.getsize(out) == size and sha_of_file(out) == digest,
              f"{name} came back otherwise")
        r = p.elm.lanram("retrieve", object_id)
        check(sha(r.out) == digest, f"{name} to stdout")
        stat = p.elm.json("stat", object_id)
        check(stat["sha256"] == digest and stat["size"] == size, f"{stat}")
    check(len(rows) == len(want), "nothing else is listed")


def test_3_gib(lab):
    """3 GiB in one object (LAB_BIG=1)."""
    if not BIG:
        raise Skip("LAB_BIG=1 runs it")
    with open("/proc/meminfo") as f:
        free = int(re.search(r"MemAvailable:\s+(\d+)", f.read())[1]) >> 20
    if free < 14:
        raise Skip(f"needs 14 GiB of free memory, there are {free}")
    p = Pool(lab, lend="3GiB")
    path = os.path.join(p.elm.dir, "big")
    with open(path, "wb") as f:
        for i in range(48):
            f.write(data_of(i, 64 * MIB))
    r = p.elm.lanram("store", path, timeout=600)
    out = os.path.join(p.elm.dir, "out")
    p.elm.lanram("retrieve", r.text, "-o", out, timeout=600)
    check(sha_of_file(out) == sha_of_file(path), "3 GiB came back otherwise")


def test_many_small(lab):
    """Many small ones: all listed, each right."""
    p = Pool(lab)
    ledger = Ledger(p)
    n = 2000 if FULL else 300
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(ledger.store, 1 + 37 * i % 3000, "small")
                for i in range(n)]
        for j in jobs:
            j.result()
    ledger.verify_list()
    check(len(ledger.objects) == n, f"{n} different IDs")
    ids = list(ledger.objects)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for j in [pool.submit(ledger.retrieve, i) for i in ids]:
            j.result()
    check(p.status()["objects"] == n, "status counts them")


def test_references(lab):
    """By ID, by prefix, by name; too short, ambiguous, malformed and absent
    ones have their own exit codes and say what to do."""
    p = small_pool(lab)
    one = store_text(p.elm, "one", b"first")
    check(p.elm.lanram("retrieve", one).out == b"first", "by ID, at once")
    check(p.elm.lanram("retrieve", one[:12]).out == b"first", "by prefix")
    check(p.elm.lanram("retrieve", one.upper()).out == b"first", "capitals")

    def by_name(text):
        """Names may lag a store as the list does: by a second."""
        wait_until(lambda: p.elm.lanram("retrieve", "one", expect=(0, 3)).out
                   == text, 3, f"{text} by name")
    by_name(b"first")
    # Names are not unique: the newest of mine.
    newer = store_text(p.elm, "one", b"newer")
    by_name(b"newer")
    check(p.elm.lanram("retrieve", one).out == b"first", "the older by ID")
    p.elm.lanram("remove", newer)
    by_name(b"first")
    r = p.elm.lanram("retrieve", "no-such-name", expect=3)
    check("no object or name" in r.err and "lanram list" in r.err, f"{r}")
    absent = ("1" if one[0] == "0" else "0") + one[1:]
    p.elm.lanram("retrieve", absent, expect=(2, 3))
    p.elm.lanram("remove", one, "no-such-name", expect=3)
    p.elm.lanram("retrieve", one, expect=3)
    p.elm.lanram("store", "-", "--copies", "4", stdin=b"x", expect=2)
    p.elm.lanram("store", "-", "--name", "a\nb", stdin=b"x", expect=2)
    p.elm.lanram("store", "/no/such/file", expect=(1, 2))
    p.elm.lanram("no-such-command", expect=2)
    r = p.elm.lanram("list", "--config", "/no/such", expect=2)
    check("/no/such" in r.err, f"names the file: {r}")


def test_list_patterns(lab):
    """list takes a pattern of names or a prefix, and sorts nothing out
    silently."""
    p = small_pool(lab)
    ids = {n: store_text(p.elm, n) for n in ("a.tar", "b.tar", "c.txt")}

    def names(*args):
        return sorted(o["name"] for o in p.elm.json("list", *args))
    wait_until(lambda: names() == ["a.tar", "b.tar", "c.txt"], 5, "all")
    check(names("*.tar") == ["a.tar", "b.tar"], "by pattern")
    check(names(ids["c.txt"][:10]) == ["c.txt"], "by prefix")
    check(names("*.zip") == [], "none")
    text = p.elm.lanram("list").text
    check(all(n in text for n in ids), f"as text: {text}")
    check("\x1b" not in text, "no escape codes in a pipe")


def test_pipes(lab):
    """stdin of unknown size to stdout; -o replaces whole; FIFOs and devices
    are written through."""
    p = small_pool(lab)
    data = data_of("pipe", 3 * MIB + 17)
    path = write_file(p.elm, "in", data)
    lanram = p.elm.lanram("store", "-", "--name", "x", stdin=data).argv[0]
    r = p.elm.run("sh", "-c", f"(head -c 1000000 {path}; sleep 1;"
                  f" tail -c +1000001 {path}) | {lanram} store - --name slow")
    check(r.code == 0, f"{r}")
    slow = p.elm.lanram("retrieve", r.text)
    check(slow.out == data, "a slow pipe, to the byte")
    wait_until(lambda: len(p.elm.json("list", "x")) == 1, 3, "listed")
    out = write_file(p.elm, "out", b"old")
    os.chmod(out, 0o600)
    p.elm.lanram("retrieve", "x", "-o", out)
    check(sha_of_file(out) == sha(data), "replaced")
    r = p.elm.run("sh", "-c", f"mkfifo {out}.fifo; {lanram} retrieve x -o "
                  f"{out}.fifo & cat {out}.fifo; wait $!")
    check(r.code == 0 and r.out == data, "through a FIFO")
    p.elm.lanram("retrieve", "x", "-o", "/dev/null")
    check(os.path.exists("/dev/null"), "a device stays")


def test_trouble_at_the_end(lab):
    """A full disk, a path that cannot be written, a reader that went away:
    a clear error and no half file."""
    p = small_pool(lab)
    data = data_of("trouble", 5 * MIB)
    r = p.elm.lanram("store", "-", "--name", "x", stdin=data)
    lanram, h = r.argv[0], p.elm
    wait_until(lambda: h.json("list", "x"), 3, "listed")
    check(h.run("sh", "-c", "mkdir /run/full /run/ro; mount -t tmpfs -o "
                "size=1m tmpfs /run/full; echo old >/run/full/x; mount -t "
                "tmpfs -o ro tmpfs /run/ro").code == 0, "mounted")
    r = h.lanram("retrieve", "x", "-o", "/run/full/x", expect=1)
    check("No space" in r.err or "full" in r.err, f"says why: {r}")
    left = h.run("sh", "-c", "cat /run/full/x; ls -A /run/full").text
    check(left == "old\nx", f"the old file, and no other: {left}")
    r = h.lanram("retrieve", "x", "-o", "/run/ro/x", expect=1)
    check("/run/ro" in r.err, f"names the path: {r}")
    h.lanram("retrieve", "x", "-o", "/no/such/folder/x", expect=1)
    r = h.run("sh", "-c", f"{lanram} retrieve x >/dev/full")
    check(r.code == 1 and r.err.strip(), f"stdout full: {r}")
    r = h.run("bash", "-c", f"{lanram} retrieve x | head -c 10 >/dev/null;"
              " exit ${PIPESTATUS[0]}")
    check(r.code in (1, 141), f"broken pipe: {r}")
    check(h.lanram("retrieve", "x").out == data, "and it is all still there")


def test_interrupted(lab):
    """Ctrl-C during a store: exit 130, nothing is listed, and the room comes
    back; during a retrieve: no half file."""
    p = small_pool(lab)
    lanram = p.elm.lanram("status").argv[0]
    name = f"endless-{os.getpid()}"
    endless = p.elm.spawn("endless", "bash", "-c",
                          "while head -c 100000 /dev/urandom; do sleep 0.05; "
                          f"done | {lanram} store - --name {name}")
    wait_until(lambda: p.status()["held_bytes"] > MIB, 20, "it is storing")
    r = p.elm.run("pgrep", "-f", f"store - --name {name}")
    inside = [int(x) for x in r.text.split() if x.isdigit()]
    for pid in inside:
        with open(f"/proc/{pid}/comm") as f:
            if "lanram" in f.read():
                os.kill(pid, signal.SIGINT)
    code = endless.wait(15)
    check(code in (130, -signal.SIGINT), f"exit {code}: "
          f"{endless.log_text()[-500:]}")
    check(p.elm.json("list") == [], "nothing listed")
    wait_until(lambda: p.status()["stored_bytes"] == 0, 90 if FULL else 30,
               "what had been stored goes")


def test_copies(lab):
    """1, 2 and 3 copies are that many, on different donors."""
    p = Pool(lab)
    ledger = Ledger(p)
    for copies in (1, 2, 3):
        for size in (100, 600 * KIB):
            ledger.store(size, f"c{copies}", copies)

    def whole():
        rows = ledger.listed().values()
        return len(rows) == 6 and all(
            o["copies"] == o["copies_wanted"] == int(o["name"][1])
            for o in rows)
    # A donor that has just joined may still be getting its slots.
    wait_until(whole, 15, "all are listed, with every copy")
    for o in ledger.listed().values():
        copies = int(o["name"][1])
        if o["size"] == 100:
            check(len(set(o["donors"])) == copies, f"donors: {o}")
    ledger.verify()
    # What one lost donor leaves: all of two and three copies.
    p.donors[0].daemons["donor"].kill()
    for object_id, (_, _, _, copies) in ledger.objects.items():
        ledger.retrieve(object_id, expect=0 if copies > 1 else (0, 4))


def test_ttl(lab):
    """With --ttl it is there until then, and gone after."""
    p = small_pool(lab)
    begin = time.monotonic()
    stay = store_text(p.elm, "stays", b"x")
    ttl = 4 + int(8 * (time.monotonic() - begin))  # a busy machine's are longer
    begin = time.monotonic()
    goes = store_text(p.elm, "goes", b"y" * 400000, "--ttl", f"{ttl}s")

    def listed():
        rows = {o["id"]: o for o in p.elm.json("list")}
        return goes in rows and stay in rows and rows
    rows = wait_until(listed, 3, "both are listed")
    check(rows[goes]["expires"] and not rows[stay]["expires"], f"{rows}")
    if time.monotonic() - begin < ttl - 1:
        check(len(p.elm.lanram("retrieve", goes).out) == 400000, "before")
    wait_until(lambda: p.elm.lanram("retrieve", goes, expect=(0, 3)).code == 3,
               8, "gone when due")
    wait_until(lambda: [o["id"] for o in p.elm.json("list")] == [stay], 5,
               "and not listed")
    p.elm.lanram("store", "-", "--ttl", "soon", stdin=b"x", expect=2)


def test_full(lab):
    """Full is said with numbers and loses nothing; removing makes room."""
    p = Pool(lab, lend="64MiB")
    ledger = Ledger(p)
    for _ in range(40):
        if not ledger.store(8 * MIB, "full", expect=(0, 5)):
            break
    check(4 <= len(ledger.objects) < 12, f"{len(ledger.objects)} of 8 MiB"
          " fitted in 96 MiB of use")
    # Chunks fall where their IDs say: one object may fit after another did not.
    data = data_of(1, 8 * MIB)
    for _ in range(20):
        r = p.elm.lanram("store", "-", "--name", "x", stdin=data,
                         expect=(0, 5))
        if r.code == 5:
            break
        ledger.add(r.text, sha(data), 8 * MIB, "x")
    check(r.code == 5, f"full: {r}")
    check(re.search(r"pool full: needs [\d.]+ \w+iB .*, [\d.]+ \w+iB.* is free",
                    r.err), f"numbers: {r}")
    check("Nothing was stored" in r.err, f"{r}")
    ledger.verify()
    ledger.verify_list()
    gone = list(ledger.objects)[:2]
    p.elm.lanram("remove", *gone)
    for object_id in gone:
        ledger.drop(object_id)
    wait_until(lambda: ledger.store(8 * MIB, "again", expect=(0, 5)), 30,
               "room again")
    ledger.verify()
    ledger.verify_list()


def test_remove(lab):
    """Removed is gone by every name, for every host, and its room is free."""
    p = small_pool(lab)
    ledger = Ledger(p)
    ids = [ledger.store(MIB, f"r{i}") for i in range(4)]
    wait_until(lambda: p.status()["stored_bytes"] >= 4 * MIB, 5, "counted")
    p.elm.lanram("remove", ids[0], ids[1])
    for i in ids[:2]:
        p.elm.lanram("retrieve", i, expect=3)
        p.elm.lanram("stat", i, expect=3)
        p.elm.lanram("remove", i, expect=3)
        ledger.drop(i)
    ledger.verify_list()
    ledger.verify()
    wait_until(lambda: p.status()["stored_bytes"] < 3 * MIB, 10, "freed")


def test_owners(lab):
    """Each local user sees their own and what is public, may retrieve with
    the whole ID, and remove only what is theirs."""
    p = small_pool(lab)
    lanram = p.elm.lanram("status").argv[0]

    def other(*args, stdin=b""):
        return p.elm.run("setpriv", "--reuid", "4711", "--regid", "4711",
                         "--clear-groups", lanram, *args, stdin=stdin)
    r = other("store", "-", "--name", "theirs", stdin=b"private")
    if r.code == 127 or "Permission denied" in r.err:
        raise Skip(f"programs not readable by other users: {r.err.strip()}")
    theirs = r.text
    check(r.code == 0, f"{r}")
    r = other("store", "-", "--name", "shared", "--public", stdin=b"public")
    check(r.code == 0, f"{r}")
    mine = store_text(p.elm, "mine")
    wait_until(lambda: {"mine", "shared"} <=
               {o["name"] for o in p.elm.json("list")}, 5, "mine and public")
    r = other("list")
    check("theirs" in r.out.decode() and "mine" not in r.out.decode(), f"{r}")
    check(other("retrieve", mine).out == b"text", "by the whole ID")
    check(other("remove", mine).code == 6, "not theirs to remove")
    check(p.elm.lanram("retrieve", theirs).out == b"private", "by ID")
