# SPDX-License-Identifier: Apache-2.0
"""Without a terminal: text and JSON."""
import json
import shutil
import subprocess

from kit import STILL, golden, run
from term import check

SIM = STILL[1:]


def test_once():
    """--once, and no terminal at all: the same lines, no escape codes."""
    code, out, err = run(*SIM, "--once")
    check(code == 0 and not err, f"{code} {err}")
    golden("once", out.rstrip("\n"))
    check("\033" not in out, "escape codes in a pipe")
    code, piped, _ = run(*SIM)
    check(code == 0 and piped == out, "without a terminal it is --once")


def test_once_ascii():
    code, out, _ = run(*SIM, "--once", env={"LC_ALL": "C"})
    check(code == 0 and out.isascii(), "not ASCII")


def test_once_wide():
    code, out, _ = run(*SIM, "--once", env={"COLUMNS": "120"})
    check(code == 0 and max(map(len, out.split("\n"))) == 120, "not 120 wide")


def test_same_seed_same_screen():
    """The simulated pool is the same at the same second."""
    a, b = run(*SIM, "--once"), run(*SIM, "--once")
    c = run(*SIM[:3], "2", *SIM[4:], "--once")
    check(a == b, "the same seed differs")
    check(a != c, "another seed is the same")


def test_json():
    """Each line is whole JSON with raw numbers; jq reads it, too."""
    code, out, err = run(*SIM, "--json", "-n", "3", "-d", "1")
    check(code == 0 and not err, f"{code} {err}")
    lines = out.strip().split("\n")
    check(len(lines) == 3, f"{len(lines)} lines")
    for line in lines:
        doc = json.loads(line)
        check(doc["health"] == "degraded", doc["health"])
        check(isinstance(doc["stored_bytes"], int), "not a raw number")
        check(len(doc["donor_list"]) == 5, "donors")
        check(0 <= doc["recovery"]["percent"] <= 100, "percent")
        check(doc["pending"][0]["code"].count("-") == 3, "code")
    if shutil.which("jq"):
        r = subprocess.run(["jq", "-e", ".slots.short >= 0"], input=out,
                           text=True, capture_output=True)
        check(r.returncode == 0, f"jq: {r.stderr}")


def test_progress_is_sane():
    """Through a whole rebuild: 0 to 100, never back, agrees with the slots."""
    code, out, _ = run("top", "--simulate", "--at", "20", "--json", "-n", "30",
                       "-d", "0.5")
    check(code == 0, f"exit code {code}")
    last, seen = -1, 0
    for doc in map(json.loads, out.strip().split("\n")):
        r = doc["recovery"]
        if not r:
            last = -1
            continue
        seen += 1
        check(0 <= r["percent"] <= 100, f"{r}")
        check(r["percent"] >= last, f"from {last} back to {r['percent']}")
        check(doc["slots"]["short"] > 0, "rebuilds with nothing short")
        last = r["percent"]
    check(seen >= 5, f"only {seen} samples of a rebuild")


def test_nobody_answers():
    """No daemon: said on stderr with what to do, exit code 4."""
    import tempfile
    with tempfile.TemporaryDirectory() as d:
        conf = f"{d}/c.conf"
        with open(conf, "w") as f:
            f.write(f'run_dir = "{d}";\nstate_dir = "{d}";\n')
        code, out, err = run("--config", conf, "top", "--once")
        check(code == 4 and not out, f"{code} {out}")
        check("systemctl" in err, err)
