# SPDX-License-Identifier: Apache-2.0
"""Pools and their peers on loopback: started, asked, stopped."""
import json
import os
import shutil
import signal
import subprocess
import time

DONOR_CONF = """
state_dir = "{dir}/{name}/state"; run_dir = "{dir}/{name}/run";
name = "{name}"; coordinator = "127.0.0.1:{port}"; discovery = false;
half_open = 512; half_open_each = 512; # clients of one machine
coordinator_role: {{ listen = "127.0.0.1:{port}"; admission = "open";
	encrypt_links = {encrypt}; }};
donor_role: {{ listen = "127.0.0.1:{listen}"; lend = "{lend}"; reserve = "2%";
	shards = {shards}; busy_poll_us = {poll}; }};
"""


class NotMeasured(Exception):
    """Why a row has no figure."""


def output(argv, **keys):
    r = subprocess.run(argv, capture_output=True, text=True, **keys)
    if r.returncode != 0:
        raise NotMeasured(f"{argv[0].rsplit('/')[-1]}: {r.stderr.strip()}")
    return r.stdout


def wait_for(what, ask, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ask():
            return
        time.sleep(0.02)
    raise NotMeasured(f"waited {seconds} s in vain: {what}")


class Server:
    def __init__(self, argv, log, cwd=None):
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=out, cwd=cwd)
        self.pid, self.log = self.popen.pid, log

    def end(self, number=signal.SIGKILL):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.send_signal(number)
        self.popen.wait()

    def rss(self):
        with open(f"/proc/{self.pid}/status") as f:
            return next(int(line.split()[1]) * 1024 for line in f
                        if line.startswith("VmRSS"))


class Pool:
    """A coordinator, donors and a requester."""

    def __init__(self, build, folder, port, donors=3, lend="3GiB",
                 encrypt=True, shards=1, poll=50):
        self.build, self.dir, self.port = build, folder, port
        self.address, self.state = f"127.0.0.1:{port}", f"{folder}/client"
        self.lend, self.encrypt, self.made = lend, encrypt, 0
        self.shards, self.poll = shards, poll
        os.makedirs(folder)
        self.coordinator = self._start("coordinator", "coordinator")
        self.donors, self.killed = {}, []
        for _ in range(donors):
            self.add_donor()
        self.requester = self._start("requester", "requester")
        try:
            self.wait_up(donors)
            wait_for("the requester is in",
                     lambda: self.cli("ping").returncode == 0)
        except NotMeasured as why:
            with open(self.coordinator.log) as f:
                said = f.read().strip()
            self.stop()
            raise NotMeasured(said or str(why)) from None

    def _start(self, name, role):
        os.makedirs(f"{self.dir}/{name}/run", exist_ok=True)
        with open(self.conf(name), "w") as f:
            f.write(DONOR_CONF.format(
                dir=self.dir, name=name, port=self.port, lend=self.lend,
                shards=self.shards, poll=self.poll, listen=self._listen(),
                encrypt="true" if self.encrypt else "false"))
        return Server([f"{self.build}/daemon/lanramd", role, "--config",
                       self.conf(name)], f"{self.dir}/{name}.log")

    def _listen(self):
        """Any port; for several shards as many from one on."""
        if self.shards == 1:
            return 0
        return self.port + 1 + self.shards * self.made

    def conf(self, name):
        return f"{self.dir}/{name}.conf"

    def add_donor(self):
        self.made += 1
        name = f"donor{self.made}"
        self.donors[name] = self._start(name, "donor")
        return name

    def kill_donor(self, name, number=signal.SIGKILL):
        self.donors.pop(name).end(number)
        self.killed.append(name)

    def replace_killed(self):
        """New, empty donors; as an admin would, it is said that the RAM of
        the others is gone, or what had copies on them alone is waited for."""
        while self.killed:
            self.cli("forget", self.killed.pop(), name="coordinator")
            self.add_donor()

    def cli(self, *args, name="requester", **keys):
        return subprocess.run(
            [f"{self.build}/cli/lanram", *args, "--config", self.conf(name)],
            capture_output=True, **keys)

    def json(self, *args):
        """As the coordinator tells it."""
        r = self.cli(*args, "--json", name="coordinator")
        return json.loads(r.stdout) if r.returncode == 0 else None

    def up(self):
        s = self.json("status")
        return s["donors"]["up"] if s else 0

    def wait_up(self, n):
        wait_for(f"{n} donors are up", lambda: self.up() == n or
                 self.coordinator.popen.poll() is not None)
        if self.coordinator.popen.poll() is not None:
            raise NotMeasured("the coordinator ended")

    def wait_full(self, seconds=120):
        def full():
            s = self.json("status")
            return s and not s["slots"]["short"] and not s["recovery"]
        wait_for("all slots are full", full, seconds)

    def pids(self):
        return ",".join(str(d.pid) for d in self.donors.values())

    def rss(self):
        return sum(d.rss() for d in self.donors.values())

    def kv(self, *args, kind="lanram"):
        return [f"{self.build}/bench/kv", *map(str, args), kind,
                self.address, self.state]

    def stop(self):
        self.requester.end()
        for d in self.donors.values():
            d.end()
        self.coordinator.end()
        shutil.rmtree(self.dir, ignore_errors=True)


class Peer:
    """Redis or memcached, run as their makers advise, without persistence."""

    def __init__(self, build, kind, folder, port, *extra):
        argv = {
            "redis": ["redis-server", "--port", str(port), "--bind",
                      "127.0.0.1", "--save", "", "--appendonly", "no",
                      "--dir", folder, "--dbfilename", f"{port}.rdb"],
            "memcached": ["memcached", "-u", "nobody", "-l", "127.0.0.1",
                          "-p", str(port), "-m", "8192", "-t", "2"],
        }[kind]
        self.kind, self.port, self.build = kind, port, build
        self.server = Server([*argv, *extra], f"{folder}/{kind}{port}.log")

    def kv(self, *args):
        return [f"{self.build}/bench/kv", *map(str, args), self.kind,
                str(self.port)]

    def rss(self):
        return self.server.rss()

    def pids(self):
        return str(self.server.pid)

    def stop(self):
        self.server.end()
