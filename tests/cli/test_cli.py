#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command without a pool: help for everything, every wrong use with exit
code 2, a configuration that cannot be, and daemons that are not there.
usage: test_cli.py; $top_builddir or $LANRAM says where the command is."""
import os
import re
import subprocess
import sys
import tempfile

LANRAM = os.environ.get("LANRAM") or os.path.join(
    os.environ.get("top_builddir", "."), "cli", "lanram")
SOURCE = os.environ.get("top_srcdir", ".")
COMMANDS = ("store retrieve list stat remove register name status donors ping "
            "metrics doctor pending admit refuse invite join pool lend drain revoke forget rotate-key rebuild "
            "rebalance events top bench").split()
SHOWING = ("list stat register name status donors ping doctor pending invite lend "
           "rebalance events top bench").split()


class Result:
    def __init__(self, argv, p):
        self.argv, self.code = argv, p.returncode
        self.out = p.stdout.decode(errors="replace")
        self.err = p.stderr.decode(errors="replace")

    def __str__(self):
        return (f"lanram {' '.join(map(repr, self.argv))}: exit {self.code}\n"
                f"  stdout: {self.out[:300]!r}\n  stderr: {self.err[:600]!r}")


class Kit:
    """A folder of its own with a configuration that names it."""

    def __init__(self, folder):
        self.folder = folder
        self.conf = self.write("lanram.conf", f'run_dir = "{folder}";\n')

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def run(self, *args, code=0, stdin=b"", conf="", env=None):
        """`conf`: the configuration; None: none is named."""
        e = {k: v for k, v in os.environ.items() if k != "LANRAM_CONFIG"}
        if conf is not None:
            e["LANRAM_CONFIG"] = conf or self.conf
        e.update(env or {})
        r = Result(args, subprocess.run([LANRAM, *args], input=stdin, env=e,
                                        capture_output=True, timeout=60))
        check("Sanitizer" not in r.err and "runtime error" not in r.err, r)
        check(r.code == code, f"exit {code} wanted, {r}")
        return r


def check(ok, what):
    if not ok:
        raise AssertionError(str(what))


def usage_error(r):
    """A sentence on stderr, nothing on stdout."""
    check(r.code == 2 and not r.out and r.err.strip(), r)


def test_help(k):
    """`--help` names every command, and every command has a help of its own
    with its options; a configuration that cannot be read does not hinder."""
    text = k.run("--help", conf="/no/such/file").out
    listed = re.findall(r"^  ([\w-]+) .*\S$", text, re.M)
    check([c for c in listed if c in COMMANDS] == COMMANDS, text)
    for command in COMMANDS:
        r = k.run(command, "--help", conf="/no/such/file")
        check(f"Usage: lanram {command}" in r.out and not r.err, r)
        check("--config FILE" in r.out, r)
        check(("--json" in r.out) == (command in SHOWING), r)


def test_version(k):
    """`--version` prints one line."""
    check(re.fullmatch(r"lanram \d+\.\d+\.\d+\S*\n", k.run("--version").out),
          "the version")


def test_documented(k):
    """Every option of the help stands in the manual."""
    with open(os.path.join(SOURCE, "packaging/man/lanram.1")) as f:
        manual = f.read()
    seen = 0
    for command in COMMANDS:
        out = k.run(command, "--help").out
        for option in re.findall(r"--([a-z-]+)", out):
            seen += 1
            check(f"Fl -{option}" in manual, f"lanram.1 has no --{option}")
    check(seen > 30, f"only {seen} options seen")


def test_wrong_commands(k):
    """Without a command the usage; an unknown one gets the nearest."""
    usage_error(k.run(code=2))
    r = k.run("retreive", "x", code=2)
    usage_error(r)
    check('"retrieve"' in r.err, r)
    check('"donors"' in k.run("dono", code=2).err, "the rest of a word")
    check('"status"' in k.run("statuss", code=2).err, "a letter too many")
    check("Did you mean" not in k.run("qqqqqqqq", code=2).err, "nothing near")
    usage_error(k.run("--nonsense", code=2))


def test_wrong_arguments(k):
    """Too many, too few, unknown options: exit 2, before anything is asked."""
    for args in (("retrieve",), ("retrieve", "a", "b"), ("stat",),
                 ("remove",), ("admit",), ("refuse", "a", "b"), ("drain",),
                 ("forget",), ("revoke",), ("status", "x"), ("donors", "x"),
                 ("store", "a", "b"), ("list", "a", "b"), ("lend", "1", "2"),
                 ("store", "--no-such"), ("retrieve", "x", "-o"),
                 ("store", "--json"), ("retrieve", "x", "--name", "y")):
        r = k.run(*args, code=2)
        usage_error(r)
        check(f"lanram {args[0]} --help" in r.err, r)


def test_wrong_values(k):
    """Copies, durations, names, sizes, roles and references that cannot be:
    exit 2, although no daemon runs."""
    for args in (("store", "-", "--copies", "0"),
                 ("store", "-", "--copies", "4"),
                 ("store", "-", "--copies", "two"),
                 ("store", "-", "--copies", ""),
                 ("store", "-", "--ttl", "soon"),
                 ("store", "-", "--ttl", "0s"),
                 ("store", "-", "--ttl", "-5m"),
                 ("store", "-", "--ttl", "10"),
                 ("store", "-", "--ttl", "99999999999999999999d"),
                 ("store", "-", "--name", ""),
                 ("store", "-", "--name", "a\nb"),
                 ("store", "-", "--name", "x" * 256),
                 ("store", "-", "--name", b"\xff\xfe"),
                 ("retrieve", ""), ("stat", ""), ("remove", "good", ""),
                 ("retrieve", "x" * 256), ("list", "x" * 2000),
                 ("lend", "much"), ("lend", "-1G"), ("lend", "--now"), ("lend", "120%"),
                 ("lend", ""), ("lend", "5 apples"),
                 ("admit", "x", "--role", "king"),
                 ("admit", "x", "--role", "donor,"), ("admit", ""),
                 ("bench", "--count", "none"), ("bench", "--size", "1GiB"),
                 ("bench", "--large", "much"), ("bench", "--copies", "9"),
                 ("invite", "--role", "king"), ("invite", "--uses", "0"),
                 ("invite", "--uses", "-1"), ("invite", "--uses", "many"),
                 ("invite", "--expires", "soon"), ("invite", "--json"),
                 ("invite", "--revoke", "abc"), ("join",),
                 ("join", "lanram1:x:y"), ("join", "x", "--file", "y"),
                 ("pool", "export"), ("pool", "confirm", "x"),
                 ("pool", "burn", "x"),
                 ("drain", ""), ("forget", "x" * 200)):
        usage_error(k.run(*args, code=2))
    r = k.run("store", "-", "--name", "evil\x1b[2J", code=2)
    check("\x1b" not in r.err and "\\x1b" in r.err, f"escaped: {r}")


def test_configuration(k):
    """A configuration that is named but not there, has an unknown key, or
    cannot be parsed: exit 2, with its line."""
    for args, env in ((("status", "--config", "/no/such/file"), {}),
                      (("--config", "/no/such/file", "status"), {}),
                      (("status",), {"LANRAM_CONFIG": "/no/such/file"})):
        r = k.run(*args, code=2, conf=None, env=env)
        check("/no/such/file: No such file" in r.err, r)
    bad = k.write("bad.conf", 'pool = "x";\n\nflavour = "sweet";\n')
    r = k.run("status", "-c", bad, code=2)
    check(f"{bad}:3" in r.err and "flavour" in r.err, r)
    for role in ('shards = 0', 'shards = 17',
                 'shards = 2; listen = "[::]:0"',
                 'shards = 2; listen = "[::]:65535"'):
        bad = k.write("shards.conf", f"donor_role: {{ {role}; }};\n")
        check("shards" in k.run("status", "-c", bad, code=2).err, role)
    torn = k.write("torn.conf", 'pool = "x;\n')
    check(torn in k.run("status", "-c", torn, code=2).err, "syntax")
    # An option goes before what the environment says.
    check(k.run("status", "-c", k.conf, conf="/no/such/file", code=4), "-c")


def test_no_daemon(k):
    """No daemon: exit 4, with the socket and how to start it."""
    for args, daemon in ((("status",), "requester"), (("list",), "requester"),
                         (("donors", "--json"), "requester"),
                         (("stat", "x"), "requester"),
                         (("remove", "x", "y"), "requester"),
                         (("ping",), "requester"),
                         (("store", "-"), "requester"),
                         (("retrieve", "x"), "requester"),
                         (("lend",), "donor"), (("lend", "1GiB"), "donor"),
                         (("pending",), "coordinator"),
                         (("admit", "x"), "coordinator"),
                         (("drain", "x", "--undo"), "coordinator")):
        r = k.run(*args, code=4)
        check(not r.out, f"nothing on stdout: {r}")
        check(f"{k.folder}/{daemon}.sock" in r.err and
              f"systemctl start lanram-{daemon}" in r.err, r)


def test_files(k):
    """A file that is not there, or a folder: exit 1, named, before a daemon is
    looked for; retrieve leaves no file behind when it fails."""
    r = k.run("store", "/no/such/file", code=1)
    check("/no/such/file" in r.err and "Nothing was stored" in r.err, r)
    check("folder" in k.run("store", k.folder, code=1).err, "a folder")
    out = os.path.join(k.folder, "out")
    before = sorted(os.listdir(k.folder))
    k.run("retrieve", "x", "-o", out, code=4)
    check(sorted(os.listdir(k.folder)) == before, "nothing new")


def test_stale_socket(k):
    """A socket left by a daemon that is gone is no daemon."""
    import socket
    s = socket.socket(socket.AF_UNIX)
    s.bind(os.path.join(k.folder, "requester.sock"))
    s.close()
    check("not running" in k.run("status", code=4).err, "not running")


def test_stdout_full(k):
    """What cannot be written to stdout is no success."""
    for args in (("--help",), ("--version",), ("store", "--help")):
        with open("/dev/full", "w") as full:
            p = subprocess.run([LANRAM, *args], stdout=full,
                               stderr=subprocess.PIPE, timeout=60)
        check(p.returncode == 1 and b"No space" in p.stderr, f"{args}: {p}")


def main():
    tests = {n: f for n, f in globals().items() if n.startswith("test_")}
    failed = 0
    for name, test in tests.items():
        with tempfile.TemporaryDirectory(prefix="lrcli") as folder:
            try:
                test(Kit(folder))
                print(f"ok {name}")
            except AssertionError as e:
                failed += 1
                print(f"FAILED {name}: {e}\n  {test.__doc__}")
    print(f"test_cli: {len(tests)} tests, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
