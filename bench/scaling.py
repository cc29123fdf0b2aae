# SPDX-License-Identifier: Apache-2.0
"""A real coordinator, simulated donors (bench/swarm) and their objects."""
import json
import os
import resource
import signal
import statistics
import subprocess
import time

from servers import NotMeasured, Server, wait_for

CONF = """
state_dir = "{0}/state"; run_dir = "{0}/run"; name = "scale";
coordinator = "127.0.0.1:17495"; discovery = false;
half_open_each = 64; # all come from one address
coordinator_role: {{ listen = "127.0.0.1:17495"; admission = "open"; }};
"""


def files():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def first():
    """Simulated donors stand for machines of their own: what else runs here
    must not make them look dead."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        pass  # as any program, then


class Scale:
    def __init__(self, build, folder, donors, objects, names):
        self.build, self.dir = build, folder
        self.donors, self.objects = donors, objects
        os.makedirs(f"{folder}/run")
        with open(f"{folder}/conf", "w") as f:
            f.write(CONF.format(folder))
        self.start()
        argv = [f"{build}/bench/swarm", "127.0.0.1:17495", str(donors),
                str(objects)]
        self.swarm = subprocess.Popen(argv + ["names"] * names,
                                      stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True,
                                      preexec_fn=first)

    def start(self):
        self.server = Server([f"{self.build}/daemon/lanramd", "coordinator",
                              "--config", f"{self.dir}/conf"],
                             f"{self.dir}/log")

    def told(self, what):
        for line in self.swarm.stdout:
            word, value = line.split()
            if word == what:
                return float(value)
        raise NotMeasured("the swarm ended")

    def ask(self, *args):
        return subprocess.run([f"{self.build}/cli/lanram", *args, "--config",
                               f"{self.dir}/conf"], capture_output=True,
                              text=True)

    def cpu(self, seconds=5):
        def ticks():
            with open(f"/proc/{self.server.pid}/stat") as f:
                part = f.read().rsplit(")", 1)[1].split()
            return int(part[11]) + int(part[12])
        before = ticks()
        time.sleep(seconds)  # the length of the measurement
        return (ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds

    def kill(self):
        self.donors -= 1
        self.swarm.stdin.write("kill\n")
        self.swarm.stdin.flush()
        ms = self.told("view")
        wait_for("all slots are full again", self.is_full, 120)
        return ms

    def is_full(self):
        r = self.ask("status", "--json")
        if r.returncode != 0:
            return False
        t = json.loads(r.stdout)
        return (t["donors"]["up"] == self.donors and
                t["objects"] == self.objects // 4096 * 4096 and
                not t["slots"]["short"] and not t["slots"]["unavailable"])

    def restart(self):
        """Until every donor is back, and every object known again."""
        start = time.monotonic()
        self.server.end(signal.SIGKILL)
        self.start()
        wait_for("all is back", self.is_full, 300)
        return time.monotonic() - start

    def pattern(self):
        """The least of five: what asks is a process that starts."""
        times = []
        for _ in range(5):
            start = time.monotonic()
            self.ask("list", "no*such*thing", "--all")
            times.append(time.monotonic() - start)
        return min(times) * 1000

    def stop(self):
        self.swarm.kill()
        self.swarm.wait()
        self.server.end()


def bytes_between(few, many):
    """What an object costs: that `many` has more of them."""
    return ((many["rss_mib"] - few["rss_mib"]) * 2**20
            / (many["objects"] - few["objects"]))


def measure(build, folder, donors, objects, kills, names=False):
    """Without kills: its memory and the pattern alone."""
    files()
    s = Scale(build, folder, donors, objects, names)
    try:
        s.told("joined")
        wait_for("all objects are known", s.is_full, 300)
        got = dict.fromkeys(("idle_cpu", "view_ms", "view_worst_ms",
                             "back_s"))
        got.update(donors=donors, objects=objects,
                   rss_mib=s.server.rss() / 2**20)
        if kills:
            got["idle_cpu"] = s.cpu()
            views = [s.kill() for _ in range(kills)]
            got.update(view_ms=statistics.median(views),
                       view_worst_ms=max(views), back_s=s.restart())
        got["pattern_ms"] = s.pattern()
        return got
    finally:
        s.stop()
