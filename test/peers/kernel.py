#!/usr/bin/python3
"""A Linux kernel with XFRM, in User Mode Linux, as the UE of the data plane.

Transport mode, {IPv4, IPv6} x every suite: for each, UDP echoes and 2 MB of TCP in both directions
through the kernel port, over all four SAs of the set. Then tshark checks every ICV of the capture
that it can, and the packets in it are as many as the data plane counted. Tunnels: tunnels.py.
Usage: kernel.py BUILD-DIRECTORY
"""

import hashlib
import itertools
import json
import os
import secrets
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import capture, dataplane, echo, process, sandbox, suites, uml, xfrm

STREAM_BYTES = 2 * 1024 * 1024
ECHOES = 5
LONG_ECHOES = (3000, 8000, 60000)  # ESP in fragments
TIMEOUT_S = 60
EDGE = {4: "10.0.0.1", 6: "fd00::1"}
GUEST = {4: "10.0.0.2", 6: "fd00::2"}
GUEST_NETWORK = ["address add 10.0.0.2/24 dev vec0", "address add fd00::2/64 dev vec0 nodad"]
PORT_PS = 5063
# To the bridge nic0 is a port like another: the address that the data plane took from it is not its
# own any more.
BRIDGE = """\
link add br0 type bridge
link set br0 addrgenmode none
link set br0 up
link set nic0 addrgenmode none
link set nic0 address 02:00:00:00:00:01
link set nic0 master br0
link set nic0 up
link set tap0 master br0
"""


def family_of(s):
    return socket.AF_INET if s["family"] == 4 else socket.AF_INET6


def plan_sets(edge, guests=GUEST, names=suites.NAMES):
    """Installs the sets at the edge; what the guest has to know of them."""
    sets = []
    for number, (family, name) in enumerate(itertools.product((4, 6), names)):
        suite = suites.new(name)
        s = {"family": family, "edge": EDGE[family], "guest": guests[family], "name": name,
             "kernel": suite["kernel"], "tshark": suite["tshark"],
             "port_ps": PORT_PS, "port_pc": 6000 + number,
             "port_uc": 20000 + number, "port_us": 21000 + number,
             "spi_uc": 0x10000 + 2 * number, "spi_us": 0x10001 + 2 * number}
        arguments = ["sa", "add", "--zone", "access", "--local", s["edge"], "--peer", s["guest"],
                     *suite["imsgate"],
                     "--in", f"{s['port_ps']}:{s['port_uc']}",
                     "--out", f"{s['port_ps']}:{s['port_uc']}:{s['spi_uc']}",
                     "--out", f"{s['port_pc']}:{s['port_us']}:{s['spi_us']}",
                     "--in", f"{s['port_pc']}:{s['port_us']}"]
        spis = [sa["spi"] for sa in edge.imsgate(*arguments)["sas"]]
        s["spi_ps"], s["spi_pc"] = spis[0], spis[3]
        sets.append(s)
    return sets


class Edge:
    """What stands on the kernel port, as a P-CSCF would: plain sockets, no ESP anywhere."""

    def __init__(self):
        self.sockets = []
        with process.netns("edge"):
            for family in (4, 6):
                kind = socket.AF_INET if family == 4 else socket.AF_INET6
                udp = socket.socket(kind, socket.SOCK_DGRAM)
                udp.bind((EDGE[family], PORT_PS))
                tcp = socket.create_server((EDGE[family], PORT_PS), family=kind)
                threading.Thread(target=echo.serve, args=(udp,), daemon=True).start()
                threading.Thread(target=self._take, args=(tcp,), daemon=True).start()

    @staticmethod
    def _take(tcp):
        while True:
            sock, _ = tcp.accept()
            digest = hashlib.sha256()
            with sock:
                while data := sock.recv(65536):
                    digest.update(data)
                sock.sendall(digest.digest())

    @staticmethod
    def ask(s):
        """Port pc to port us and back: SAs 3 and 4."""
        with process.netns("edge"):
            udp = socket.socket(family_of(s), socket.SOCK_DGRAM)
        with udp:
            udp.bind((s["edge"], s["port_pc"]))
            for size in (*range(1, 1001, 1000 // ECHOES), *LONG_ECHOES):
                echo.ask(udp, secrets.token_bytes(size), (s["guest"], s["port_us"]))

    @staticmethod
    def send_stream(s):
        with process.netns("edge"):
            tcp = socket.socket(family_of(s), socket.SOCK_STREAM)
        with tcp:
            tcp.settimeout(TIMEOUT_S)
            tcp.bind((s["edge"], s["port_pc"]))
            tcp.connect((s["guest"], s["port_us"]))
            digest, block = hashlib.sha256(), secrets.token_bytes(16384)
            for _ in range(STREAM_BYTES // len(block)):
                tcp.sendall(block)
                digest.update(block)
            tcp.shutdown(socket.SHUT_WR)
            if tcp.recv(32, socket.MSG_WAITALL) != digest.digest():
                raise ValueError("the guest did not get what was sent")


def talk(report, guest, sets, test="kernel"):
    guest.wait_line("guest: ready", TIMEOUT_S)
    for number, s in enumerate(sets):
        name = f"{test}: IPv{s['family']} {s['name']}"
        began = time.monotonic()
        guest.wait_line(f"guest: set {number} asked", TIMEOUT_S)
        Edge.ask(s)
        guest.wait_line(f"guest: set {number} sent", TIMEOUT_S)
        Edge.send_stream(s)
        guest.wait_line(f"guest: set {number} received", TIMEOUT_S)
        report.passed(f"{name}: UDP echoes and 2 MB of TCP both ways in "
                      f"{time.monotonic() - began:.1f} s")
    guest.wait_line("guest: done", TIMEOUT_S)
    xfrm.check(report, test, guest, TIMEOUT_S)


def check_capture(report, path, sets, counters, directory, before):
    """Every ESP packet on the wire was counted, and has a good ICV as far as tshark can tell."""
    rows, checked = [], set()
    for s in sets:
        for spi in (s[name] for name in ("spi_ps", "spi_pc", "spi_uc", "spi_us")):
            if s["tshark"]:
                checked.add(f"0x{spi:08x}")
                rows.append(f'"IPv{s["family"]}","*","*","0x{spi:08x}",{s["tshark"]}\n')
    spis = capture.check_icvs(report, "kernel", path, rows, checked, directory)
    to_guest = {f"0x{s[spi]:08x}" for s in sets for spi in ("spi_uc", "spi_us")}
    sent = sum(spi in to_guest for spi in spis)
    report.check("kernel: the wire has as many ESP packets as were counted",
                 (len(spis) - sent, sent) == (counters["esp_rx"], counters["esp_tx"]),
                 f"wire {len(spis) - sent} in, {sent} out; counted {counters['esp_rx']} in, "
                 f"{counters['esp_tx']} out")
    lost = dataplane.drops(before, counters)
    report.check("kernel: nothing was dropped", not lost, str(lost))


def run(report, build, directory):
    sandbox.ip("netns add wire\nnetns add edge\n")
    sandbox.ip("link set lo up\n", netns="edge")
    sandbox.ip("tuntap add tap0 mode tap\nlink set tap0 addrgenmode none\nlink set tap0 up\n",
               netns="wire")
    # A tap takes every frame as it is. net_af_packet would have the kernel reassemble fragments.
    edge = dataplane.Dataplane(build, directory, "net_tap1,iface=nic0")
    sandbox.ip(BRIDGE, netns="wire")
    before = edge.counters()  # the kernel spoke already, to a port that was down
    sets = plan_sets(edge)
    plan = os.path.join(directory, "plan.json")
    with open(plan, "w") as file:
        json.dump({"sets": sets, "stream_bytes": STREAM_BYTES, "network": GUEST_NETWORK}, file)
    wire = capture.Capture(os.path.join(directory, "wire.pcap"), "tap0", "wire")
    Edge()
    job = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest.py")
    guest = uml.boot(directory, job, plan, "tap0", netns="wire")
    try:
        talk(report, guest, sets)
    except (OSError, ValueError, EOFError) as error:
        report.failed("kernel: talk", f"{error}\n{guest.tail()}\n{edge.process.tail()}\n"
                      f"counters: { {k: v for k, v in edge.counters().items() if v} }")
        return
    counters = edge.settled()
    report.check("kernel: the capture is whole", wire.stop() == 0, "packets lost by dumpcap")
    check_capture(report, wire.path, sets, counters, os.path.join(directory, "tshark"), before)
    report.check("kernel: the data plane ends well", edge.process.stop() == 0,
                 edge.process.tail())


if __name__ == "__main__":
    sys.exit(uml.test("kernel", run, sys.argv[1]))
