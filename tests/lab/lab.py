# SPDX-License-Identifier: Apache-2.0
"""The lab: hosts on a LAN of their own, each with its own network, /run,
machine ID, host name, D-Bus and avahi, and the real daemons on them.

A test takes a Lab, makes hosts, starts daemons and waits for conditions with
deadlines. When it ends, every daemon is stopped by SIGTERM, must exit 0, and
no log may hold a sanitizer's report. Needs root."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import netns
from netns import LabError
from process import (HERE, PATIENCE_S, PROGRAMS, TOP, Failure, Process, Result,
                     Skip, check, wait_until)

FULL = os.environ.get("LAB_FULL") == "1"   # the long runs
BIG = os.environ.get("LAB_BIG") == "1"     # gigabytes
REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer"
                    r"|runtime error:|Assertion .* failed|stack smashing")
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"suppressions={HERE}/tsan.supp",
}
# A killed lab leaves no process behind.
MORTAL = ["setpriv", "--pdeathsig", "KILL"]


def only_full(why):
    """For LAB_FULL=1."""
    if not FULL:
        raise Skip(f"{why}; LAB_FULL=1")


DBUS_CONF = """<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><auth>EXTERNAL</auth>
<listen>unix:path=/run/dbus/system_bus_socket</listen>
<policy context="default"><allow user="*"/><allow own="*"/>
<allow send_destination="*"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/>
<allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/>
<allow receive_type="error"/><allow receive_type="signal"/></policy>
</busconfig>
"""

AVAHI_CONF = """[server]
use-ipv4=yes
use-ipv6=yes
ratelimit-interval-usec=1000000
ratelimit-burst=1000
[wide-area]
enable-wide-area=no
[publish]
publish-hinfo=no
publish-workstation=no
"""

# Run in the new namespaces of a host. The host's folder is $1, its name $2.
ANCHOR = """set -e
hostname "$2"
mount -t tmpfs -o size=64m tmpfs /run
mkdir -p /run/dbus /run/avahi-daemon /run/lanram
mount --bind "$1/machine-id" /etc/machine-id
echo ready
exec sleep infinity
"""


class Host:
    """A machine. Its daemons know no address of any other."""

    def __init__(self, lab, name, number, address=True):
        self.lab, self.name, self.number = lab, name, number
        self.dir = os.path.join(lab.dir, name)
        os.makedirs(os.path.join(self.dir, "state"))
        self.processes = []
        self.daemons = {}
        self.ports = {}
        self.dbus = self.avahi = None
        self.ram = None            # ram.Ram: its programs share a limit
        self.ns = netns.make(name)
        self.ip = f"10.77.0.{number}" if address else None
        self.plug("eth0", "lan", f"{self.ip}/24" if address else None)
        self._anchor()
        self.config()

    def _write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def _anchor(self):
        self._write("machine-id", "%032x\n" % (0xabc00000 + self.number))
        self._write("dbus.conf", DBUS_CONF)
        self._write("avahi.conf", AVAHI_CONF)
        self.anchor = subprocess.Popen(
            [*MORTAL, "nsenter", f"--net=/run/netns/{self.ns}", "unshare",
             "-m", "-u", "--propagation", "private", "sh", "-c", ANCHOR,
             "anchor", self.dir, self.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        said = self.anchor.stdout.readline().strip()
        if said != b"ready":
            raise LabError(f"{self.name}: {said!r}")

    # --- processes ---------------------------------------------------------
    def env(self, more=None):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("DBUS_", "LANRAM_CONFIG"))}
        env.update(SANITIZERS)
        env.update(PROGRAMS.env)
        env["LANRAM_CONFIG"] = os.path.join(self.dir, "lanram.conf")
        env.update(more or {})
        return env

    def enter(self, argv):
        return [*MORTAL, "nsenter", "-t", str(self.anchor.pid), "-m", "-n",
                "-u", "--", *argv]

    def run(self, *argv, stdin=b"", timeout=120, env=None):
        """Runs a command here to its end."""
        start = time.monotonic()
        p = subprocess.Popen(self.enter(argv), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=self.env(env))
        try:
            out, err = p.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            raise Failure(f"{self.name}: {' '.join(argv)}: no end within "
                          f"{timeout:g} s: {err[-1500:]!r}") from None
        return Result(argv, p.returncode, out, err, time.monotonic() - start)

    def spawn(self, name, *argv, env=None):
        if self.ram:
            argv = self.ram.enter(argv)
        return Process(self, name, argv, env)

    # --- D-Bus and avahi ---------------------------------------------------
    def start_dbus(self):
        # What a dead one leaves in its own way.
        self.run("rm", "-f", "/run/dbus/system_bus_socket")
        self.dbus = self.spawn("dbus", "dbus-daemon", "--nofork",
                               "--nopidfile", "--config-file",
                               os.path.join(self.dir, "dbus.conf"))
        wait_until(lambda: self.run("test", "-S",
                                    "/run/dbus/system_bus_socket").code == 0,
                   10, f"{self.name}: D-Bus listens")

    def start_avahi(self):
        self.run("rm", "-f", "/run/avahi-daemon/pid")
        self.avahi = self.spawn("avahi", "avahi-daemon", "--no-drop-root",
                                "--no-chroot", "--no-rlimits", "-f",
                                os.path.join(self.dir, "avahi.conf"))

    def start_mdns(self):
        self.start_dbus()
        self.start_avahi()
        return self

    def stop_avahi(self):
        self.avahi.term(10)

    def restart_avahi(self):
        self.stop_avahi()
        self.start_avahi()

    def restart_dbus(self):
        """As systemd would do it: avahi ends with its bus and is started."""
        self.dbus.term(10)
        self.start_dbus()
        if self.avahi:
            self.avahi.wait(10, "exit of avahi without its bus")
            self.start_avahi()

    # --- lanram ------------------------------------------------------------
    def config(self, pool="lab", top="", coordinator="", donor="",
               admission="open", lend="256MiB", leave_wait_s=10):
        """Writes lanram.conf. No address of anybody stands in it."""
        self._write("lanram.conf", f"""pool = "{pool}";
state_dir = "{self.dir}/state";
run_dir = "/run/lanram";
{top}
coordinator_role: {{ admission = "{admission}"; {coordinator} }};
donor_role: {{ lend = "{lend}"; reserve = "2%";
leave_wait_s = {leave_wait_s}; {donor} }};
""")
        return self

    def program(self, name):
        return PROGRAMS.find(name)

    def start(self, role, env=None, program="lanramd"):
        old = self.daemons.get(role)
        check(not old or not old.running(), f"{role} runs already")
        argv = [self.program(program), role, "--config",
                os.path.join(self.dir, "lanram.conf")]
        d = self.spawn(role, *argv, env=env)
        d.expected = 0
        self.daemons[role] = d
        return d

    def lanram(self, *args, expect=0, stdin=b"", timeout=120, env=None):
        """Runs the command; `expect`: the exit codes that are right."""
        r = self.run(self.program("lanram"), *args, stdin=stdin,
                     timeout=timeout, env=env)
        want = expect if isinstance(expect, (tuple, set, list)) else (expect,)
        if REPORT.search(r.err):
            raise Failure(f"sanitizer report: {r}")
        if expect is not None and r.code not in want:
            raise Failure(f"{self.name}: exit {r.code}, not {expect}: {r}")
        return r

    def json(self, *args, timeout=120):
        r = self.lanram(*args, "--json", timeout=timeout)
        try:
            return json.loads(r.out)
        except ValueError:
            raise Failure(f"no JSON: {r}") from None

    def wipe(self):
        """Reinstalled: another device at the next start."""
        shutil.rmtree(os.path.join(self.dir, "state"))
        os.makedirs(os.path.join(self.dir, "state"))

    # --- its network -------------------------------------------------------
    def plug(self, dev, lan, address=None):
        self.ports[dev] = self.lab.switch.plug(self.ns, dev, lan)
        if address:
            self.address(dev, address)
        self.link(dev, "up")

    def address(self, dev, address, verb="add"):
        family = ["-6"] if ":" in address else []
        extra = ["nodad"] if family and verb == "add" else []
        netns.sh("ip", *family, "-n", self.ns, "addr", verb, address, "dev",
                 dev, *extra)

    def link(self, dev, state):
        netns.ip(self.ns, "link", "set", dev, state)

    def move(self, number):
        """The address on eth0 goes, another one comes."""
        self.address("eth0", f"{self.ip}/24", "del")
        self.ip = f"10.77.0.{number}"
        self.address("eth0", f"{self.ip}/24")

    def add_docker0(self):
        """A bridge with an address that leads nowhere, and a port on it so
        that it is as alive as a real one."""
        netns.ip(self.ns, "link", "add", "docker0", "type", "bridge")
        netns.ip(self.ns, "link", "add", "veth1", "type", "veth", "peer",
                 "name", "veth1c")
        netns.ip(self.ns, "link", "set", "veth1", "master", "docker0")
        for dev in ("veth1", "veth1c", "docker0"):
            self.link(dev, "up")
        self.address("docker0", "172.17.0.1/16")

    def drop(self, direction, peer=None):
        """Packets "in" or "out", from or to that host only."""
        netns.drop(self.ns, direction,
                   netns.addresses(peer.ns) if peer else ())

    def undrop(self):
        netns.undrop(self.ns)

    def slow(self, rate, dev="eth0"):
        """Both directions; None: as fast as it goes."""
        netns.tbf(self.ns, dev, rate)
        self.lab.switch.slow(self.ports[dev], rate)

    # --- the end -----------------------------------------------------------
    def reports(self):
        found = []
        for name in sorted({p.name for p in self.processes}):
            path = os.path.join(self.dir, name + ".log")
            with open(path, errors="replace") as f:
                hits = [line for line in f if REPORT.search(line)]
            if hits:
                found.append(f"{name} on {self.name}: {hits[0].strip()}")
        return found

    def destroy(self):
        for p in self.processes:
            if p.running():
                p.popen.kill()
                p.popen.wait()
        if self.anchor.poll() is None:
            self.anchor.kill()
        self.anchor.wait()
        if self.anchor.stdout:
            self.anchor.stdout.close()
        netns.delete(self.ns)
        if self.ram:
            self.ram.destroy()


class Lab:
    """One test's LAN; a context manager that leaves nothing behind."""

    def __init__(self, name="lab"):
        self.name = name
        self.hosts = {}
        self.events = []
        self.begin = time.monotonic()

    def __enter__(self):
        netns.clear_leftovers()
        self.dir = tempfile.mkdtemp(prefix=f"lrlab-{os.getpid()}-")
        os.chmod(self.dir, 0o755)  # some commands run as nobody in particular
        self.switch = netns.Switch()
        self.switch.lan("lan")
        return self

    def __exit__(self, *exc):
        self.destroy()

    def say(self, text):
        """Goes into the report of a failure."""
        self.events.append(f"{time.monotonic() - self.begin:8.2f} {text}")

    def host(self, name, mdns=True, address=True, kind=Host):
        h = kind(self, name, len(self.hosts) + 11, address)
        self.hosts[name] = h
        return h.start_mdns() if mdns else h

    def scratch(self, name):
        return os.path.join(self.dir, name)

    def _stop_all(self, role):
        """One SIGTERM each: a second one would tell them to hurry."""
        wrong = []
        daemons = [h.daemons[role] for h in self.hosts.values()
                   if role in h.daemons]
        for d in daemons:
            d.cont()
            d.signal(signal.SIGTERM)
        for d in daemons:
            try:
                code = d.wait(30, "exit after SIGTERM")
            except Failure as e:
                wrong.append(str(e))
                continue
            if d.expected is not None and code != d.expected:
                wrong.append(f"{role} on {d.host.name}: exit {code}")
        return wrong

    def finish(self):
        """All daemons stop and exit 0; logs are clean. The donors are last:
        without a coordinator they do not wait for room elsewhere."""
        wrong = []
        for role in ("requester", "coordinator", "donor"):
            wrong += self._stop_all(role)
        for h in self.hosts.values():
            for p in h.processes:
                if p.name.startswith("probe"):
                    p.term(15)
            wrong += h.reports()
        if wrong:
            raise Failure("at the end: " + "; ".join(wrong))

    def show_logs(self, lines=40):
        out = list(self.events)
        for h in self.hosts.values():
            for name in sorted({p.name for p in h.processes}):
                if name == "dbus":
                    continue
                with open(os.path.join(h.dir, name + ".log"),
                          errors="replace") as f:
                    tail = f.readlines()[-(4 if name == "avahi" else lines):]
                out.append(f"--- {h.name}: {name}")
                out += [line.rstrip() for line in tail]
        return "\n".join(out)

    def destroy(self):
        for h in self.hosts.values():
            h.destroy()
        if hasattr(self, "switch"):
            netns.delete(self.switch.ns)
        # A host whose making failed half-way is in no list.
        mine = f"{netns.PREFIX}{os.getpid()}-"
        for name in netns.all_names():
            if name.startswith(mine):
                netns.delete(name)
        keep = os.environ.get("LAB_KEEP")
        if hasattr(self, "dir") and not keep:
            shutil.rmtree(self.dir, ignore_errors=True)
