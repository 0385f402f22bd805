"""Runs in the guest: a Linux kernel with XFRM that is a UE to the data plane.

The plan (JSON) lists SA sets: addresses, keys, ports and SPIs as in TS 33.203 7.1. The guest sets
all of them up, listens, says "guest: ready", and then goes through the sets one by one; after each
part it says so, and the test outside takes its turn.
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

# So little is on its way at a time that no queue between the kernels overflows.
WINDOW_BYTES = 48 * 1024
TIMEOUT_S = 30


def say(text):
    print("guest:", text, flush=True)


def xfrm_lines(number, s):
    """Four SAs, and policies that let nothing pass on their ports but what came out of them."""
    pairs = [("out", s["spi_ps"], s["port_uc"], s["port_ps"]),
             ("in", s["spi_uc"], s["port_ps"], s["port_uc"]),
             ("in", s["spi_us"], s["port_pc"], s["port_us"]),
             ("out", s["spi_pc"], s["port_us"], s["port_pc"])]
    for index, (direction, spi, source_port, port) in enumerate(pairs):
        ends = (s["guest"], s["edge"]) if direction == "out" else (s["edge"], s["guest"])
        ends = "src %s dst %s" % ends
        reqid = number * 4 + index + 1
        yield (f"xfrm state add {ends} proto esp spi {spi} reqid {reqid} mode transport "
               f"replay-window 128 {s['kernel']}")
        for protocol in ("udp", "tcp"):
            yield (f"xfrm policy add {ends} proto {protocol} sport {source_port} dport {port} "
                   f"dir {direction} tmpl {ends} proto esp reqid {reqid} mode transport")


def bound(s, kind, port, listen=False):
    family = socket.AF_INET if s["family"] == 4 else socket.AF_INET6
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
    sock.settimeout(TIMEOUT_S)
    sock.bind((s["guest"], port))
    if listen:
        sock.listen(1)
    return sock


def ask(s, sock):
    """Port uc to port ps and back: SAs 1 and 2."""
    for size in (1, 2, 3, 64, 500, 1372, 3000, 8000, 60000):
        echo.ask(sock, bytes(i % 251 for i in range(size)), (s["edge"], s["port_ps"]))


def send_stream(s, n_bytes):
    """The edge answers with what it counted and the digest of it."""
    with bound(s, socket.SOCK_STREAM, s["port_uc"]) as sock:
        sock.connect((s["edge"], s["port_ps"]))
        digest, block = hashlib.sha256(), bytes(range(256)) * 64
        for _ in range(n_bytes // len(block)):
            sock.sendall(block)
            digest.update(block)
        sock.shutdown(socket.SHUT_WR)
        if sock.recv(32, socket.MSG_WAITALL) != digest.digest():
            raise ValueError("the edge did not get what was sent")


def receive_stream(listener):
    sock, _ = listener.accept()
    with sock:
        sock.settimeout(TIMEOUT_S)
        digest = hashlib.sha256()
        while data := sock.recv(65536):
            digest.update(data)
        sock.sendall(digest.digest())


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    sets = plan["sets"]
    lines = ["link set lo up", "link set vec0 up", *plan["network"]]
    for number, s in enumerate(sets):
        lines += xfrm_lines(number, s)
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)

    clients = [bound(s, socket.SOCK_DGRAM, s["port_uc"]) for s in sets]
    servers = [bound(s, socket.SOCK_DGRAM, s["port_us"]) for s in sets]
    listeners = [bound(s, socket.SOCK_STREAM, s["port_us"], listen=True) for s in sets]
    for server in servers:
        threading.Thread(target=echo.serve, args=(server,), daemon=True).start()
    say("ready")
    for number, s in enumerate(sets):
        ask(s, clients[number])
        say(f"set {number} asked")
        send_stream(s, plan["stream_bytes"])
        say(f"set {number} sent")
        receive_stream(listeners[number])
        say(f"set {number} received")
    say("done")
    xfrm.say()
    signal.pause()  # the wire lasts as long as the guest: the test outside ends both


try:
    main()
except Exception as error:  # whatever it was, the test outside has to hear of it
    say(f"failed: {error!r}")
