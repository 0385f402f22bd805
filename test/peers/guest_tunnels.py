"""Runs in the guest: a Linux kernel with XFRM that is a security gateway to the data plane.

The plan (JSON) lists tunnels: outer and inner addresses, `ip xfrm` texts of both directions. The
guest is the gateway and the host behind it at once. It says "guest: ready", and then goes through
the tunnels one by one; after each part it says so, and the test outside takes its turn.
"""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import echo, xfrm

UDP_ENCAP, UDP_ENCAP_ESPINUDP = 100, 2  # linux/udp.h
WINDOW_BYTES = 48 * 1024
TIMEOUT_S = 30


def say(text):
    print("guest:", text, flush=True)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def lines_of(number, t):
    """A way, two SAs, and policies that let nothing pass that did not come out of them."""
    v6 = ":" in t["guest"]
    bits = 128 if v6 else 32
    gateway = "fd00::1" if v6 else "10.0.0.1"
    if not t["is_nat"] or t["guest"] not in ("10.0.0.2", "fd00::2"):
        yield f"address add {t['guest']}/{bits} dev vec0" + (" nodad" if v6 else "")
    if not t["is_nat"]:
        yield f"route add {t['edge']}/{bits} via {gateway} dev vec0 mtu {t['mtu']} src {t['guest']}"
    for direction in ("out", "in"):
        sa = t[direction]
        outer = (t["outer_guest"], t["outer_edge"])
        inner = (t["guest"], t["edge"])
        if direction == "in":
            outer, inner = outer[::-1], inner[::-1]
        yield (f"xfrm state add src {outer[0]} dst {outer[1]} proto esp spi {sa['spi']} "
               f"reqid {number + 1} mode tunnel {sa['options']} {sa['kernel']}")
        for selector in t["selectors"][direction]:
            yield (f"xfrm policy add src {inner[0]}/{bits} dst {inner[1]}/{bits} {selector} "
                   f"dir {direction} tmpl src {outer[0]} dst {outer[1]} proto esp "
                   f"reqid {number + 1} mode tunnel")


def open_encapsulation(port):
    """The kernel hands it ESP in UDP only where a socket asks it to."""
    sockets = []
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP)
        sockets.append(sock)
    return sockets


def bound(t, kind, port, listen=False):
    sock = socket.socket(family_of(t["guest"]), kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
    sock.settimeout(TIMEOUT_S)
    sock.bind((t["guest"], port))
    if listen:
        sock.listen(1)
    return sock


def exchange(sock, n_bytes):
    """Sends so much and asks for the digest of it, then gets as much and gives the digest."""
    digest, block = hashlib.sha256(), bytes(range(256)) * 64
    for _ in range(n_bytes // len(block)):
        sock.sendall(block)
        digest.update(block)
    if sock.recv(32, socket.MSG_WAITALL) != digest.digest():
        raise ValueError("the edge did not get what was sent")
    digest = hashlib.sha256()
    while n_bytes > 0:
        data = sock.recv(min(n_bytes, 65536))
        if not data:
            raise ValueError("the edge broke off")
        n_bytes -= len(data)
        digest.update(data)
    sock.sendall(digest.digest())


def talk(t, n_bytes):
    with bound(t, socket.SOCK_DGRAM, t["guest_port"]) as sock:
        for size in (1, 2, 3, 64, 500, 1200):
            echo.ask(sock, bytes(i % 251 for i in range(size)), (t["edge"], t["edge_port"]))
    with bound(t, socket.SOCK_STREAM, t["guest_port"]) as sock:
        sock.connect((t["edge"], t["edge_port"]))
        exchange(sock, n_bytes)


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    lines = ["link set lo up", "link set vec0 up", "address add 10.0.0.2/24 dev vec0",
             "address add fd00::2/64 dev vec0 nodad"]
    for number, t in enumerate(plan["tunnels"]):
        lines += lines_of(number, t)
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    encapsulation = open_encapsulation(plan["encap_port"])
    servers = [bound(t, socket.SOCK_DGRAM, t["guest_port"] + 1) for t in plan["tunnels"]]
    for server in servers:
        threading.Thread(target=echo.serve, args=(server,), daemon=True).start()
    say("ready")
    for number, t in enumerate(plan["tunnels"]):
        talk(t, plan["stream_bytes"])
        say(f"tunnel {number} talked")
    say("done")
    xfrm.say()
    signal.pause()  # the wire lasts as long as the guest: the test outside ends both
    del encapsulation


try:
    main()
except Exception as error:  # whatever it was, the test outside has to hear of it
    say(f"failed: {error!r}")
