#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speaks the protocol as no daemon of ours would; run on a host of the lab.
usage: intruder.py [--user UID] ADDRESS KEY WHAT...
ADDRESS: host:port, or a Unix socket. UID: as whom, once all that the program
itself needs is read (the tree may be in a folder closed to others)
WHAT: NAME or NAME:field=number,... : messages to send, in turn, each answer
printed as JSON; raw: garbage instead of a handshake; replay: what a good
session sent, once more."""
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "../../lib/wire/messages.h")
SIZES = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q"}
WIDE = {"id": 16, "dev": 32, "tag": 20}


def messages():
    """name -> (number, [(type, field)]), from the one table."""
    with open(TABLE) as f:
        text = f.read().replace("\\\n", " ")
    fields = {n: re.findall(r"F\((?:later_)?(\w+),\s*(\w+)\)", body) for n, body in
              re.findall(r"^#define LR_MSG_(\w+)\(F\)(.*)$", text, re.M)}
    numbers = re.findall(r"M\(\s*(\d+),\s*(\w+),", text)
    return {n: (int(k), fields[n]) for k, n in numbers}


MESSAGES = messages()
NAMES = {k: n for n, (k, _) in MESSAGES.items()}


def encode(name, values, request):
    number, fields = MESSAGES[name]
    meta = b""
    for kind, field in fields:
        v = values.get(field, 0)
        if kind in SIZES:
            meta += struct.pack(SIZES[kind], int(v))
        elif kind == "str":
            v = str(v or "").encode()
            meta += struct.pack("<H", len(v)) + v
        else:
            meta += bytes.fromhex(v) if v else b"\0" * WIDE[kind]
    return struct.pack("<IHHQ", 0, len(meta), number, request) + meta


def decode(number, meta):
    out, at = {"type": NAMES.get(number, number)}, 0
    for kind, field in MESSAGES.get(NAMES.get(number), (0, []))[1]:
        if kind in SIZES:
            n = struct.calcsize(SIZES[kind])
            out[field] = struct.unpack_from(SIZES[kind], meta, at)[0]
        elif kind == "str":
            n = 2 + struct.unpack_from("<H", meta, at)[0]
            out[field] = meta[at + 2:at + n].decode(errors="replace")
        else:
            n = WIDE[kind]
        at += n
    return out


def context(key):
    """Our certificate, self-signed, as the daemons make theirs."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.verify_mode = ssl.CERT_NONE
    ctx.minimum_version = ssl.TLSVersion.TLSv1_3
    ctx.set_alpn_protocols(["lanram/1"])
    with tempfile.NamedTemporaryFile(suffix=".pem") as cert:
        subprocess.run(["openssl", "req", "-x509", "-key", key, "-subj",
                        "/CN=x", "-out", cert.name], check=True,
                       stderr=subprocess.DEVNULL)
        ctx.load_cert_chain(cert.name, key)
    return ctx


def connect(address):
    if address.startswith("/"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(address)
    else:
        host, port = address.rsplit(":", 1)
        s = socket.create_connection((host, int(port)), 10)
    s.settimeout(10)
    return s


def take(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def answer(s, request):
    """What is pushed meanwhile is passed by."""
    while True:
        bulk, meta, number, req = struct.unpack("<IHHQ", take(s, 16))
        body = take(s, meta)
        take(s, bulk)
        if req == request or NAMES.get(number) == "ERROR":
            return decode(number, body)


def converse(s, what):
    for i, word in enumerate(what):
        name, _, rest = word.partition(":")
        values = dict(p.split("=", 1) for p in rest.split(",") if p)
        try:
            s.sendall(encode(name, values, 2 * i + 1))
            print(json.dumps(answer(s, 2 * i + 1)))
        except (ConnectionError, ssl.SSLError, socket.timeout) as e:
            print(json.dumps({"type": "CLOSED", "text": str(e)}))
            return


def until_closed(s):
    """Bytes that come before the other side closes."""
    n = 0
    try:
        while True:
            more = s.recv(65536)
            if not more:
                break
            n += len(more)
    except ConnectionError:
        pass
    except socket.timeout:
        return {"type": "OPEN", "bytes": n}
    return {"type": "CLOSED", "bytes": n}


def record(address, ctx, what):
    """A good session by hand; all that we sent."""
    s, sent = connect(address), b""
    inc, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ctx.wrap_bio(inc, out)

    def run(step):
        nonlocal sent
        while True:
            try:
                r = step()
            except ssl.SSLWantReadError:
                r = None
            data = out.read()
            sent += data
            s.sendall(data)
            if r is not None:
                return r
            inc.write(s.recv(65536))
    run(lambda: tls.do_handshake() or True)
    for i, word in enumerate(what):
        name, _, rest = word.partition(":")
        values = dict(p.split("=", 1) for p in rest.split(",") if p)
        frame = encode(name, values, 2 * i + 1)
        run(lambda: tls.write(frame))
        run(lambda: tls.read(65536))
    s.close()
    return sent


def main(address, key, *what):
    if address == "--user":
        os.setgroups([])
        os.setresgid(*[int(key)] * 3)
        os.setresuid(*[int(key)] * 3)
        return main(*what)
    if what[0] == "raw":
        s = connect(address)
        s.sendall(b"GET / HTTP/1.0\r\n\r\n" + os.urandom(200))
        print(json.dumps(until_closed(s)))
    elif what[0] == "replay":
        sent = record(address, context(key), what[1:])
        s = connect(address)
        s.sendall(sent)
        print(json.dumps(until_closed(s)))
    elif address.startswith("/"):
        converse(connect(address), what)
    else:
        converse(context(key).wrap_socket(connect(address)), what)


main(*sys.argv[1:])
