#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""strangers.py HOST PORT CONNECTS CERT KEY: what a LAN may throw at a daemon
that listens. Each attack prints one line when it is over."""
import os
import socket
import ssl
import struct
import sys
import time

HOST, PORT, CONNECTS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
PUT, PING = 18, 25


def connect():
    return socket.create_connection((HOST, PORT), 10)


def quietly(attack):
    try:
        attack()
    except OSError:
        pass                        # the daemon hung up: so it should


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["lanram/1"])
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    return context.wrap_socket(connect())


def many_silent():
    """Connections that say nothing, and stay."""
    links = []
    for _ in range(max(CONNECTS // 10, 100)):
        quietly(lambda: links.append(connect()))
    time.sleep(0.2)
    for link in links:
        link.close()


def connects_and_closes():
    for i in range(CONNECTS):
        def one():
            s = connect()
            if i % 2:               # a reset rather than an end
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
            s.close()
        quietly(one)


def garbage_before():
    for i in range(max(CONNECTS // 100, 10)):
        def one():
            with connect() as s:
                s.sendall(os.urandom(1 + i * 40))
                s.recv(100)
        quietly(one)


def garbage_in():
    """The head of a handshake, and then none."""
    for i in range(max(CONNECTS // 200, 5)):
        def one():
            with connect() as s:
                s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" +
                          os.urandom(i * 20))
                s.recv(100) if i % 5 == 0 else None
        quietly(one)


def after(data):
    def one():
        with tls() as s:
            s.settimeout(10)
            s.sendall(data)
            while s.recv(4096):
                pass
    quietly(one)


def frame(bulk, meta, kind):
    return struct.pack("<IHHQ", bulk, meta, kind, 1)


def garbage_after():
    for i in range(1, max(CONNECTS // 250, 4)):
        after(os.urandom(i * 16))
    after(frame(0xffffffff, 0, PUT))              # 4 GiB
    after(frame(0x7fffffff, 0xffff, PING))
    after(frame(0, 0, 9999))


def torn(seconds=3):
    """A byte at a time, then gone in the middle."""
    def one():
        with tls() as s:
            end = time.monotonic() + seconds
            for byte in frame(0, 500, 1) + bytes(490):
                if time.monotonic() > end:
                    break
                s.sendall(bytes([byte]))
                time.sleep(0.05)
    quietly(one)


for attack in (many_silent, connects_and_closes, garbage_before, garbage_in,
               garbage_after, torn):
    attack()
    print(attack.__name__, flush=True)
print("over", flush=True)
