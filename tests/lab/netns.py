# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: a switch, hosts on it, links, filters, slow links.

Everything lies in namespaces named lrlab-PID-...; nothing is made in the
machine's own. What a crashed run left is cleared by the next one."""
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

PREFIX = "lrlab-"


class LabError(Exception):
    """The lab itself could not be set up."""


def sh(*argv, check=True):
    """Runs a tool; its output, or LabError with what it said."""
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check and p.returncode:
        raise LabError(f"{' '.join(argv)}: {p.stdout.strip()}")
    return p.stdout


def ip(ns, *argv, check=True):
    return sh("ip", "-n", ns, *argv, check=check)


def inside(ns, *argv, check=True):
    """For tools that need no mount namespace: nft, tc, sysctl."""
    return sh("nsenter", f"--net=/run/netns/{ns}", *argv, check=check)


def all_names():
    out = sh("ip", "netns", "list", check=False)
    names = [line.split()[0] for line in out.splitlines() if line.strip()]
    return [n for n in names if n.startswith(PREFIX)]


def pids_in(ns):
    return [int(p) for p in sh("ip", "netns", "pids", ns, check=False).split()
            if p.isdigit()]


def delete(ns):
    """Ends every process that lives in it, then the namespace."""
    deadline = time.monotonic() + 60
    while True:
        pids = pids_in(ns)
        if not pids or time.monotonic() > deadline:
            break
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
    sh("ip", "netns", "del", ns, check=False)


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return b"python" in f.read()
    except OSError:
        return False


def is_left_over(name):
    owner = name[len(PREFIX):].split("-")[0]
    return owner.isdigit() and not _is_alive(int(owner))


def clear_leftovers():
    """Namespaces and folders of labs that no longer run."""
    for name in all_names():
        if is_left_over(name):
            delete(name)
    for path in glob.glob(os.path.join(tempfile.gettempdir(), PREFIX + "*")):
        if is_left_over(os.path.basename(path)) and \
                not os.environ.get("LAB_KEEP"):
            shutil.rmtree(path, ignore_errors=True)


def sysctl(ns, **values):
    for key, value in values.items():
        path = "net." + key.replace("__", ".")
        inside(ns, "sysctl", "-qw", f"{path}={value}")


def make(name):
    ns = f"{PREFIX}{os.getpid()}-{name}"
    sh("ip", "netns", "add", ns)
    # Duplicate address detection costs seconds and finds nothing here.
    sysctl(ns, ipv6__conf__all__accept_dad=0,
           ipv6__conf__default__accept_dad=0,
           ipv6__conf__default__dad_transmits=0)
    ip(ns, "link", "set", "lo", "up")
    return ns


class Switch:
    """LANs that hosts are plugged into: one bridge each, in a namespace."""

    def __init__(self):
        self.ns = make("switch")
        self.lans = set()
        self.ports = 0

    def lan(self, name):
        if name in self.lans:
            return
        ip(self.ns, "link", "add", name, "type", "bridge",
           "mcast_snooping", "0", "stp_state", "0", "forward_delay", "0")
        ip(self.ns, "link", "set", name, "up")
        self.lans.add(name)

    def plug(self, host_ns, dev, lan):
        """A cable from dev in host_ns to the LAN; returns the port."""
        self.lan(lan)
        self.ports += 1
        port = f"port{self.ports}"
        ip(self.ns, "link", "add", port, "type", "veth", "peer", "name", dev,
           "netns", host_ns)
        ip(self.ns, "link", "set", port, "master", lan)
        ip(self.ns, "link", "set", port, "up")
        return port

    def slow(self, port, rate):
        """Limits what the LAN sends to the host on that port."""
        tbf(self.ns, port, rate)


def tbf(ns, dev, rate):
    inside(ns, "tc", "qdisc", "del", "dev", dev, "root", check=False)
    if rate:
        inside(ns, "tc", "qdisc", "add", "dev", dev, "root", "tbf", "rate",
               rate, "burst", "128kb", "latency", "100ms")


def addresses(ns):
    """All of them but loopback's: two hosts find each other by any."""
    return [a["local"] for link in json.loads(ip(ns, "-j", "addr"))
            for a in link["addr_info"] if a["scope"] != "host"]


def drop(ns, direction, peers=()):
    """Drops what comes "in" or goes "out" (from or to these addresses)."""
    inside(ns, "nft", "add", "table", "inet", "lab")
    hook = {"in": "input", "out": "output"}[direction]
    inside(ns, "nft", "add", "chain", "inet", "lab", hook,
           "{ type filter hook %s priority 0; }" % hook)
    for match in [["ip6" if ":" in a else "ip",
                   "saddr" if hook == "input" else "daddr", a]
                  for a in peers] or [[]]:
        inside(ns, "nft", "add", "rule", "inet", "lab", hook, *match, "drop")


def undrop(ns):
    inside(ns, "nft", "delete", "table", "inet", "lab", check=False)
