# SPDX-License-Identifier: Apache-2.0
"""The dashboard over real daemons on the loopback."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

from kit import FOOTER, LANRAM, LANRAMD, quit_well
from term import DEADLINE_S, SLOW, Failure, Term, check


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    def __init__(self, pool, role, name, **kw):
        self.dir = os.path.join(pool.dir, name)
        os.makedirs(self.dir, exist_ok=True)
        self.role, self.name, self.process = role, name, None
        self.conf = os.path.join(self.dir, "lanram.conf")
        more = "".join(f"{k} = {v};\n" for k, v in kw.items())
        with open(self.conf, "w") as f:
            f.write(f'''pool = "live";
state_dir = "{self.dir}";
run_dir = "{self.dir}";
name = "{name}";
discovery = false;
coordinator = "127.0.0.1:{pool.port}";
coordinator_role: {{ listen = "127.0.0.1:{pool.port}"; admission =
"{pool.admission}"; rebuild_mbytes_per_s = {pool.rebuild}; }};
donor_role: {{ listen = "127.0.0.1:0"; lend = "256MiB"; reserve = "1%"; }};
{more}''')

    def start(self):
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen(
            [LANRAMD, self.role, "--config", self.conf], stdout=self.log,
            stderr=self.log, stdin=subprocess.DEVNULL)
        return self

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(DEADLINE_S)
        self.process = None
        self.log.close()

    def run(self, *args, code=0, stdin=None):
        r = subprocess.run([LANRAM, "--config", self.conf, *args],
                           capture_output=True, input=stdin,
                           timeout=2 * DEADLINE_S)
        check(r.returncode == code, f"{args}: {r.returncode} {r.stderr}")
        return r.stdout

    def json(self, *args):
        return json.loads(self.run(*args, "--json"))


class Pool:
    """A coordinator, donors and a requester."""

    def __init__(self, donors=3, admission="open", rebuild=0):
        self.tmp = tempfile.TemporaryDirectory(prefix="screens.live.")
        self.dir, self.port = self.tmp.name, free_port()
        self.admission, self.rebuild = admission, rebuild  # MB a second
        self.coordinator = Daemon(self, "coordinator", "anvil")
        self.donors = [Daemon(self, "donor", n)
                       for n in ("birch", "cedar", "dune", "fern")[:donors]]
        self.requester = Daemon(self, "requester", "elm")
        self.all = [self.coordinator, *self.donors, self.requester]

    def start(self):
        for d in self.all:
            d.start()
        self.until(lambda: self.up() == len(self.donors), "donors up")
        return self

    def up(self):
        try:
            rows = self.requester.json("donors")
        except Exception:
            return -1
        return sum(r["state"] == "up" for r in rows)

    def until(self, holds, what):
        end = time.monotonic() + 2 * DEADLINE_S * SLOW
        while not holds():
            check(time.monotonic() < end, f"never: {what}\n{self.logs()}")
            time.sleep(0.1)

    def logs(self):
        out = ""
        for d in self.all:
            try:
                with open(os.path.join(d.dir, "log"), errors="replace") as f:
                    out += f"--- {d.name}\n" + f.read()[-1500:]
            except OSError:
                pass
        return out

    def top(self, where=None, **kw):
        conf = (where or self.requester).conf
        return Term([LANRAM, "--config", conf, "top"], **kw)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for d in reversed(self.all):
            if d.process:
                d.process.kill()
                d.process.wait(30)
        self.tmp.cleanup()


def row(t, name):
    return next((x for x in t.text().split("\n")
                 if re.match(rf"[> ?] {name}\b", x)), "")


def slots(t):
    m = re.search(r"([\d,]+) full ([\d,]+) short", t.text())
    return tuple(int(x.replace(",", "")) for x in m.groups()) if m else (0, 0)


def stored(pool, name, size):
    """An operation has its own deadline: a busy machine may not hold it."""
    try:
        return pool.requester.run("store", "-", "--name", name,
                                  stdin=os.urandom(size))
    except Failure:
        return None


def store(pool, n=40, size=1 << 20):
    for i in range(n):
        pool.until(lambda i=i: stored(pool, f"object-{i}", size),
                   f"object-{i} is stored")


def heal(t):
    """Percent, and whether bytes, rate and ETA stand beside it; None: no
    rebuild runs."""
    m = re.search(r"Heal.*\] (\d+)% [\d.]+[BKMG] left", t.text())
    return m and (int(m.group(1)), bool(re.search(r"/s ETA \d+s", t.text())))


def test_a_donor_dies():
    """The row changes state; short slots rise and fall while the bar of the
    rebuild runs from start to end; the event stands."""
    with Pool(rebuild=12).start() as pool:
        store(pool)
        with pool.top() as t:
            t.wait("live@anvil").wait(lambda: " up" in row(t, "cedar"))
            t.wait(lambda: slots(t)[0] > 20 and slots(t)[1] == 0)
            pool.donors[1].kill()
            killed = time.monotonic()
            t.wait(lambda: "left" in row(t, "cedar"))
            seen = time.monotonic() - killed
            t.wait(lambda: re.search(r"cedar +is down", t.text()))
            most, bars = [0], []

            def runs():
                most[0] = max(most[0], slots(t)[1])
                bar = heal(t)
                if bar and (not bars or bars[-1] != bar):
                    bars.append(bar)
                return most[0] > 0 and slots(t)[1] == 0
            t.wait(runs)
            percents = [p for p, _ in bars]
            check(most[0] > 20, f"{most[0]} short at most")
            check(len(set(percents)) > 3 and percents == sorted(percents),
                  f"the bar did not run: {bars}")
            check(any(eta for _, eta in bars), f"no rate and ETA: {bars}")
            t.wait("OK").wait("full again").wait("nothing to copy")
            check("left" in row(t, "cedar") or not row(t, "cedar"),
                  "cedar is up again")
            print(f"    seen after {seen * 1000:.0f} ms, {most[0]} short at "
                  f"most, bar at {percents}")
            pool.donors[1].start()
            t.wait(lambda: " up" in row(t, "cedar"))
            quit_well(t)
        events = pool.requester.json("events")
        kinds = [e["kind"] for e in events]
        check("down" in kinds and "healed" in kinds, kinds)
        check([e["seq"] for e in events] ==
              sorted(e["seq"] for e in events), "not in order")


def test_starts_before_everybody():
    """Nobody answers: a frame all the same; then it comes by itself. The
    coordinator's restart is survived, too."""
    with Pool(donors=2) as pool, pool.top() as t:
        t.wait("no lanram daemon answers")
        pool.requester.start()
        t.wait("no pool")
        pool.coordinator.start()
        for d in pool.donors:
            d.start()
        t.wait("live@anvil").wait(lambda: " up" in row(t, "birch"))
        pool.coordinator.kill(signal.SIGTERM)
        t.wait("AWAY")
        pool.coordinator.start()
        t.wait(lambda: "AWAY" not in t.text())
        t.wait(lambda: " up" in row(t, "cedar"))
        pool.requester.kill(signal.SIGTERM)
        t.wait("AWAY")
        pool.requester.start()
        t.wait(lambda: "AWAY" not in t.text())
        quit_well(t)


def test_admit_from_the_screen():
    """Devices that want in: their codes stand there, a admits, x refuses."""
    with Pool(donors=2, admission="ask") as pool:
        for d in (pool.coordinator, *pool.donors):
            d.start()
        with pool.top(pool.coordinator, cols=120) as t:
            t.send("3").wait(lambda: t.text().count("wants in") == 2)
            check(len(set(re.findall(r"\w+-\w+-\w+-\w+", t.text()))) > 1,
                  "not a code for each")
            t.send("/cedar\r")
            yes(t, "x", "Refuse cedar?", "refused cedar")
            t.send("/birch\r")
            yes(t, "a", "Let birch in?", "admitted birch")
            t.send("1").wait(lambda: " up" in row(t, "birch"))
            t.wait("was admitted")
            check(not row(t, "cedar"), "cedar came in")
            quit_well(t)


def test_ids_and_commands():
    """Objects appear, open, and are removed; a command shows its output."""
    with Pool(donors=2).start() as pool:
        store(pool, 5, 700000)
        with pool.top(pool.coordinator) as t:
            t.wait("live@anvil").send("2").wait("object-3")
            t.send("\\object-3").wait("filter: object-3").send("\r").settle()
            t.send("\r").wait("SYNCED").wait("4 pieces in all")
            t.send("\033").settle()
            t.send(":donors\r").wait("lanram donors").wait("birch")
            t.send("x").settle()
            quit_well(t)
        with pool.top() as t:
            t.wait("live@anvil").send("2").wait("object-4")
            t.send("\\object-4").wait("filter: object-4").send("\r").settle()
            # The requester asks the donors: when they verified what they
            # hold, and how far they are from here.
            line = r"%s +up +4 +4 +\d+s ago +[\d.]+[um]$"
            t.send("\r").wait(lambda: all(
                re.search(line % d, t.text(), re.M)
                for d in ("birch", "cedar"))).send("\033")
            t.send("D").wait("Remove object-4").send("y")
            t.wait("nothing of that name")
            quit_well(t)


def test_whatif_and_pause():
    """What if one of two went: nothing is lost, all is short. Pause is told
    by the pool's health."""
    with Pool(donors=2).start() as pool:
        store(pool, 10)
        with pool.top(pool.coordinator) as t:
            t.wait("live@anvil").send("5").wait("WHAT IF").send(" ")
            t.wait("lost 0").wait("Readable")
            t.send("j ").wait("Nobody would be left")
            t.send("1").wait("DONORS").send("p").wait("Pause the rebuild?")
            t.send("y").wait("paused")
            t.send("p").wait("the rebuild goes on")
            quit_well(t)
        kinds = [e["kind"] for e in pool.requester.json("events")]
        check("paused" in kinds and "resumed" in kinds, kinds)


def test_pause_holds_the_rebuild():
    """Paused: the copies of a dead donor are not made; then they are."""
    with Pool().start() as pool:
        store(pool)
        pool.coordinator.run("rebuild", "pause")
        pool.donors[0].kill()
        pool.until(lambda: pool.requester.json("status")["slots"]["short"] > 0,
                   "short")
        time.sleep(4)  # twice the delay before a rebuild begins
        status = pool.requester.json("status")
        check(status["slots"]["short"] > 0, "rebuilt although paused")
        check(any("paused" in r for r in status["reasons"]), status)
        # A restart of the coordinator does not end the pause.
        pool.coordinator.kill(signal.SIGTERM)
        pool.coordinator.start()
        pool.until(lambda: pool.up() == 2, "donors up again")
        status = pool.requester.json("status")
        check(any("paused" in r for r in status["reasons"]), status)
        check(status["slots"]["short"] > 0, "rebuilt after the restart")
        pool.coordinator.run("rebuild", "resume")
        pool.until(lambda: pool.requester.json("status")["slots"]["short"] ==
                   0, "whole again")


def test_events_follow():
    """lanram events --follow tells each thing when it happens."""
    with Pool(donors=2).start() as pool:
        p = subprocess.Popen([LANRAM, "--config", pool.requester.conf,
                              "events", "--follow", "--json"],
                             stdout=subprocess.PIPE, text=True)
        try:
            check(json.loads(p.stdout.readline())["kind"], "no event")
            pool.donors[0].kill()
            for line in p.stdout:
                e = json.loads(line)
                if e["kind"] == "down" and e["device"] == "birch":
                    break
            p.send_signal(signal.SIGINT)
            check(p.wait(20) == 130, f"exit code {p.returncode}")
        finally:
            p.kill()
            p.wait()
            p.stdout.close()


def yes(t, key, question, done):
    """The key asks first, and y does it."""
    t.send(key).wait(question).send("y").wait(done)
    t.send("\033")


def files_by_keys(pool, t):
    """A file is stored, comes back as another, and goes."""
    path, back = (os.path.join(pool.dir, x) for x in ("photo.jpg", "back.jpg"))
    data = os.urandom(300000)
    with open(path, "wb") as f:
        f.write(data)
    t.wait("live@anvil").send("2").wait("nothing is stored")
    t.send("S").wait("store file").send(path + "\r")
    t.wait("stored photo.jpg").send("x")
    t.wait(lambda: re.search(r"> \w{8} photo.jpg", t.text()))
    t.send("r").wait("retrieve to file: photo.jpg")
    t.send("\025" + back + "\r")  # Ctrl-U
    t.wait(lambda: os.path.exists(back) and
           os.path.getsize(back) == len(data))
    with open(back, "rb") as f:
        check(f.read() == data, "not the bytes that were stored")
    # a command completes, runs and is remembered
    t.send("\033").send(":lis\t\r").wait("lanram list")
    t.wait("photo.jpg").send("x").settle()
    t.send(":\033OA").wait(":list").send("\033").settle()
    yes(t, "D", "Remove photo.jpg", "nothing is stored")


def give_back(t):
    """What a donor gave back it remembers, for a screen that comes later."""
    t.send("6").wait("given back, 0B still lent, as asked")
    t.send("+").wait(lambda: re.search(r"of 512M lent", t.text()))


def donors_by_keys(pool, t):
    t.wait(lambda: all(" up" in row(t, d.name) for d in pool.donors))
    # a drain moves everything off, and is undone
    t.send("/cedar\r")
    yes(t, "d", "off cedar?", "draining")
    t.wait(lambda: re.search("drain|empty", row(t, "cedar")))
    t.send("u").wait("back in use").send("\033")
    t.wait(lambda: " up" in row(t, "cedar"))
    # gone for good: only once it is down; and healed, its row would be gone
    yes(t, "F", "Forget cedar?", "drain it instead")
    yes(t, "p", "Pause the rebuild?", "paused")
    pool.donors[1].kill()
    t.wait(lambda: "left" in row(t, "cedar"))
    yes(t, "F", "Forget cedar?", "forgotten")
    t.send("p").wait("the rebuild goes on").send("\033")
    t.wait(lambda: not row(t, "cedar"))
    # revoked: it is no device any more
    t.send("3").send("/birch\r")
    yes(t, "V", "Revoke birch?", "revoked")
    t.wait(lambda: not row(t, "birch"))


def test_every_action():
    """The keys that change something do so in a real pool: files stored,
    retrieved, removed; RAM given back; drain and undo, forget, revoke."""
    with Pool().start() as pool:
        with pool.top(cols=120) as t:
            files_by_keys(pool, t)
            quit_well(t)
        store(pool, 6, 4 << 20)
        dune = pool.donors[2]
        dune.run("lend", "off")
        with pool.top(dune) as t:
            give_back(t)
            quit_well(t)
        with pool.top(pool.coordinator, cols=120) as t:
            donors_by_keys(pool, t)
            quit_well(t)
