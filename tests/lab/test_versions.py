# SPDX-License-Identifier: Apache-2.0
"""Machines that run different versions of lanram."""
import os
import re
import subprocess

from exposition import Metrics
from lab import TOP, Skip, check, only_full, wait_until
from pool import KIB, MIB, Pool, data_of


def use(p, seed):
    """Small and large values, names and lists, through whatever runs."""
    for n, size in enumerate((100, 300 * KIB, 2 * MIB)):
        data = data_of(seed + n, size)
        ref = p.elm.lanram("store", "-", "--name", f"v{seed + n}",
                           stdin=data).text
        check(p.elm.lanram("retrieve", ref).out == data, f"{size} bytes")
    p.elm.lanram("name", "set", "who", str(seed))
    check(p.elm.lanram("name", "get", "who").out == str(seed).encode(),
          "the name")
    names = {r["name"] for r in p.elm.json("list")}
    check({f"v{seed + n}" for n in range(3)} <= names, f"listed: {names}")
    check(p.status()["donors"]["up"] == len(p.donors), "status")


def mixed(lab, old, new):
    """A pool of which some machines run another version; both copies of what
    is stored are on one of either."""
    p = Pool(lab, donors=("birch", "cedar"), start=False)
    programs = {"coordinator": new, "birch": new, "cedar": old,
                "requester": old}
    p.anvil.start("coordinator", program=programs["coordinator"])
    p.donors[0].start("donor", program=programs["birch"])
    p.donors[1].start("donor", program=programs["cedar"])
    p.elm.start("requester", program=programs["requester"])
    p.wait_up(2, 40)
    use(p, 1)
    # Each copies what it had from the other.
    for d, program in zip(p.donors, (new, old)):
        d.daemons["donor"].kill()
        d.start("donor", program=program)
        p.wait_whole(60, donors=2)
    use(p, 11)


def test_newer_coordinator(lab):
    """A coordinator and a donor whose messages have all grown serve an older
    donor and an older requester: stored, copied, named, listed."""
    mixed(lab, "lanramd", "lanramd-grown")


def test_older_coordinator(lab):
    """And an older coordinator serves newer ones."""
    only_full("as long as the other way round")
    mixed(lab, "lanramd-grown", "lanramd")


def test_new_pool_key(lab):
    """The pool's key is not replaced while a version is in the pool that would
    not find it again; it is told which. Once that is upgraded, it is."""
    p = Pool(lab, donors=("birch",), start=False)
    p.anvil.start("coordinator")
    p.donors[0].start("donor")
    p.elm.start("requester", program="lanramd-two")
    p.wait_up(1)
    r = p.anvil.lanram("pool", "rotate-key", expect=1)
    check("on elm is too old" in r.err, f"{r}")
    p.elm.daemons["requester"].kill()
    p.elm.start("requester")
    p.wait_up(1)
    p.anvil.lanram("pool", "rotate-key")
    p.anvil.daemons["coordinator"].kill()
    p.anvil.start("coordinator")
    p.wait_up(1)


def test_apart(lab):
    """Versions that have nothing in common do not speak, and each side's user
    is told what to upgrade."""
    p = Pool(lab, donors=("birch",), start=False)
    p.anvil.start("coordinator")
    newer = p.donors[0].start("donor", program="lanramd-apart")
    p.elm.start("requester")
    wait_until(lambda: "upgrade the coordinator" in newer.log_text(), 30,
               "the newer donor says that the coordinator is too old")
    p.elm.lanram("status", expect=(0, 4))
    check(Metrics.of(p.anvil, "coordinator").get(
        "coordinator_refusals_total", reason="version") > 0, "counted")
    p.anvil.daemons["coordinator"].kill()
    p.anvil.start("coordinator", program="lanramd-apart")
    wait_until(lambda: "upgrade that machine" in
               p.elm.lanram("status", expect=(0, 4)).err, 30,
               "the older requester is told to be upgraded")


def told(host, command, advice):
    """The command ends with exit 1 and that advice, once its daemon is up."""
    wait_until(lambda: advice in host.lanram(command, expect=(1, 4)).err, 30,
               f"lanram {command} says: {advice}")
    return host.lanram(command, expect=1)


def test_one_machine(lab):
    """An upgrade that left a daemon running: a program that shares no version
    with it is told what to start again, doctor too; and so is a program that
    is older than the daemon."""
    host = Pool(lab, donors=("birch",), start=False).donors[0]
    host.start("requester", program="lanramd-before")
    told(host, "status", "sudo systemctl restart lanram-requester")
    r = host.lanram("doctor", expect=4)
    check("sudo systemctl restart lanram-requester" in r.text + r.err,
          f"doctor: {r}")
    for program, advice in (
            ("lanramd-before", "sudo systemctl restart lanram-donor"),
            ("lanramd-apart", "upgrade that program")):
        host.start("donor", program=program)
        told(host, "lend", advice)
        host.daemons["donor"].kill()
    host.start("donor")
    wait_until(lambda: host.lanram("lend", expect=(0, 4)).code == 0, 30,
               "who is restarted answers")


def git(*args):
    r = subprocess.run(("git", "-C", TOP) + args, capture_output=True,
                       text=True)
    if r.returncode:
        raise Skip(f"no history here: git {args[0]}: {r.stderr.strip()}")
    return r.stdout.split()


def earliest():
    """The first commit that spoke the oldest version that we speak."""
    at = "lib/wire/version.c"
    with open(os.path.join(TOP, at)) as f:
        ours = re.search(r"#define LR_PROTO_MIN (\d+)", f.read())[1]
    # The oldest of the commits that brought the line in.
    return git("log", "--format=%H", "-S", f"#define LR_PROTO_MAX {ours}",
               "--reverse", "--", at)[0]


def built(commit, into):
    """lanramd of that commit. $LAB_EARLIER: a folder that keeps builds."""
    into = os.path.join(os.environ.get("LAB_EARLIER", into), commit[:12])
    program = os.path.join(into, "build", "daemon", "lanramd")
    if not os.path.exists(program):
        os.makedirs(into)
        subprocess.run(
            "git -C $TOP archive $COMMIT | tar x && autoreconf -fi && "
            "mkdir build && cd build && ../configure CFLAGS='-g -O1' && "
            "make -j2 daemon/lanramd", shell=True, cwd=into, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"TOP": TOP, "COMMIT": commit})
    return program


def test_earlier_commit(lab):
    """Machines of today with some of the first commit that
    spoke a version that we speak, and the other way round."""
    only_full("builds an earlier commit")
    program = built(earliest(), lab.dir)
    mixed(lab, "lanramd", program)


def test_earlier_coordinator_commit(lab):
    """And the coordinator is the earlier one's."""
    only_full("builds an earlier commit")
    program = built(earliest(), lab.dir)
    mixed(lab, program, "lanramd")
