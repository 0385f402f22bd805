#!/usr/bin/python3
"""A Linux kernel with XFRM, in User Mode Linux, as a security gateway before the data plane.

Tunnel mode: every suite x {IPv4, IPv6} outside x {IPv4, IPv6} inside, half of them in UDP, half with
extended sequence numbers that pass 2^32 on the way; and UEs behind a NAT as of TS 33.203 Annex M.
For each: UDP echoes both ways, and a stream of TCP both ways. Then tshark checks the ICVs of the
capture where it can, and the packets in it are as many as the data plane counted.
Usage: tunnels.py BUILD-DIRECTORY
"""

import hashlib
import json
import os
import secrets
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import capture, dataplane, echo, process, sandbox, suites, uml, xfrm

STREAM_BYTES = 512 * 1024
TIMEOUT_S = 60
ENCAP_PORT = 4500
EDGE = {4: "10.0.0.1", 6: "fd00::1"}
GUEST = {4: "10.0.0.2", 6: "fd00::2"}
PORT_PS = 5063
# 1500 less outer IPv6 and UDP headers, and what ESP adds at most (zone.h), down to a multiple of 4.
ROUTE_MTU = 1392
# So near to 2^32 that the first packets pass it.
ALMOST = 2**32 - 3


def host(side, family, number):
    """Each tunnel has a network, and in it a host, behind either end."""
    return f"10.{128 + side}.{number}.1" if family == 4 else f"fd{1 + side:02x}:{number:x}::1"


def network(side, family, number):
    return f"10.{128 + side}.{number}.0/24" if family == 4 else f"fd{1 + side:02x}:{number:x}::/64"


def sa(edge, tunnel, direction, name, spi, esn):
    """One SA at the edge; what the guest has to know of it."""
    suite = suites.new(name)
    arguments = ["sa", "add", "--tunnel", str(tunnel), *suite["imsgate"]]
    arguments += ["--in", "0:0"] if direction == "in" else ["--out", f"0:0:{spi}"]
    # The kernel takes an SA for one of its outer family's packets alone, unless told.
    options = "replay-window 128 flag af-unspec"
    if esn:
        arguments += ["--esn", "--sequence", str(ALMOST)]
        # What the guest receives under, it has seen up to there; what it sends, it sent.
        options += f" esn replay-seq {ALMOST} replay-oseq {ALMOST}"
    spi = edge.imsgate(*arguments)["sas"][0]["spi"]
    return {"spi": spi, "options": options, "kernel": suite["kernel"], "tshark": suite["tshark"]}


def plan_tunnel(edge, number, name, outer, inner):
    in_udp, esn = number % 2 == 1, number // 2 % 2 == 1
    t = {"name": f"{name} IPv{inner} in IPv{outer}{' in UDP' * in_udp}{' ESN' * esn}",
         "is_nat": False, "outer": outer, "outer_edge": EDGE[outer], "outer_guest": GUEST[outer],
         "edge": host(0, inner, number), "guest": host(1, inner, number), "esn": esn,
         "edge_port": PORT_PS + 1, "guest_port": 20000, "mtu": ROUTE_MTU,
         "selectors": {"out": [""], "in": [""]}}
    arguments = ["tunnel", "add", "--zone", "access", "--local", EDGE[outer],
                 "--peer", GUEST[outer], "--local-net", network(0, inner, number),
                 "--remote-net", network(1, inner, number)]
    if in_udp:
        arguments += ["--encap", f"{ENCAP_PORT}:{ENCAP_PORT}"]
    tunnel = edge.imsgate(*arguments)["tunnel"]
    # In at the edge is out of the guest.
    t["out"] = sa(edge, tunnel, "in", name, 0, esn)
    t["in"] = sa(edge, tunnel, "out", name, 0x20000 + number, esn)
    if in_udp:
        for direction in ("in", "out"):
            t[direction]["options"] += f" encap espinudp {ENCAP_PORT} {ENCAP_PORT} " + \
                                       ("0.0.0.0" if outer == 4 else "::")
    return t


def plan_nat(edge, number, name):
    """A UE whose own address is a private one; the data plane sees the guest's as the NAT's."""
    t = {"name": f"{name} UE behind a NAT", "is_nat": True, "outer": 4, "outer_edge": EDGE[4],
         "outer_guest": GUEST[4], "edge": EDGE[4], "guest": f"192.168.77.{number}", "esn": False,
         "edge_port": PORT_PS, "guest_port": 30000, "mtu": ROUTE_MTU}
    flows = {"out": (30000, PORT_PS), "in": (PORT_PS, 30000)}
    back = {"out": (30001, 6000), "in": (6000, 30001)}
    t["selectors"] = {direction: [f"proto {protocol} sport {source} dport {port}"
                                  for protocol in ("udp", "tcp")
                                  for source, port in (flows[direction], back[direction])]
                      for direction in ("in", "out")}
    tunnel = edge.imsgate("tunnel", "add", "--zone", "access", "--local", EDGE[4], "--peer",
                          GUEST[4], "--encap", f"{ENCAP_PORT}:{ENCAP_PORT}")["tunnel"]
    suite = suites.new(name)
    spi = 0x30000 + number
    # One pair is enough for the kernel, whose SA serves any policy; the way back has its own ports.
    spis = edge.imsgate("sa", "add", "--zone", "access", "--tunnel", str(tunnel), "--local", EDGE[4],
                        "--peer", t["guest"], *suite["imsgate"], "--in", f"{PORT_PS}:30000",
                        "--out", f"{PORT_PS}:30000:{spi}")["sas"]
    options = f"replay-window 128 encap espinudp {ENCAP_PORT} {ENCAP_PORT} 0.0.0.0"
    t["out"] = {"spi": spis[0]["spi"]}
    t["in"] = {"spi": spi}
    for direction in ("in", "out"):
        t[direction].update(options=options, kernel=suite["kernel"], tshark=suite["tshark"])
    return t


def plan_all(edge):
    tunnels = []
    for index, name in enumerate(suites.NAMES):
        for kind, (outer, inner) in enumerate(((4, 4), (4, 6), (6, 4), (6, 6))):
            # Each suite is once in UDP and once not with either family, and so with ESN.
            tunnels.append(plan_tunnel(edge, 4 * index + (kind + index) % 4, name, outer, inner))
    for number, name in enumerate(("hmac-sha-1-96 null", "aes-gcm", "hmac-md5-96 aes-cbc")):
        tunnels.append(plan_nat(edge, 1 + number, name))
    return tunnels


def route(tunnels):
    """At the edge: a host of each network behind it, and the ways to the others."""
    lines = []
    for t in tunnels:
        bits = 128 if ":" in t["edge"] else 32
        gateway = GUEST[6 if bits == 128 else 4]
        source = ""
        if not t["is_nat"]:
            lines.append(f"address add {t['edge']}/{bits} dev gm0" + (" nodad" * (bits == 128)))
            source = f" src {t['edge']}"
        lines.append(f"route add {t['guest']}/{bits} via {gateway} dev gm0 mtu {t['mtu']}{source}")
    sandbox.ip("\n".join(lines) + "\n", netns="edge")


class Edge:
    """The hosts behind the data plane: plain sockets on every address there is."""

    def __init__(self):
        with process.netns("edge"):
            for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                for port in (PORT_PS, PORT_PS + 1):
                    self._listen(family, address, port)

    def _listen(self, family, address, port):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        tcp = socket.socket(family, socket.SOCK_STREAM)
        for sock in (udp, tcp):
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address, port))
        tcp.listen(8)
        threading.Thread(target=echo.serve, args=(udp,), daemon=True).start()
        threading.Thread(target=self._take, args=(tcp,), daemon=True).start()

    @staticmethod
    def _take(tcp):
        while True:
            sock, _ = tcp.accept()
            with sock:
                sock.settimeout(TIMEOUT_S)
                digest, left = hashlib.sha256(), STREAM_BYTES
                while left > 0 and (data := sock.recv(min(left, 65536))):
                    digest.update(data)
                    left -= len(data)
                sock.sendall(digest.digest())
                block = secrets.token_bytes(STREAM_BYTES)
                sock.sendall(block)
                if sock.recv(32, socket.MSG_WAITALL) != hashlib.sha256(block).digest():
                    raise ValueError("the guest did not get what was sent")
                sock.recv(1)  # the guest closes first

    @staticmethod
    def ask(t):
        """The way back, begun on this side."""
        family = socket.AF_INET6 if ":" in t["edge"] else socket.AF_INET
        with process.netns("edge"):
            udp = socket.socket(family, socket.SOCK_DGRAM)
        with udp:
            udp.bind((t["edge"], 0))
            for size in (1, 100, 1000):
                echo.ask(udp, secrets.token_bytes(size), (t["guest"], t["guest_port"] + 1))


def talk(report, guest, tunnels):
    guest.wait_line("guest: ready", TIMEOUT_S)
    for number, t in enumerate(tunnels):
        guest.wait_line(f"guest: tunnel {number} talked", TIMEOUT_S)
        if not t["is_nat"]:
            Edge.ask(t)
        report.passed(f"tunnels: {t['name']}: UDP and {STREAM_BYTES // 1024} KB of TCP both ways")
    guest.wait_line("guest: done", TIMEOUT_S)
    xfrm.check(report, "tunnels", guest, TIMEOUT_S)


def check_capture(report, path, tunnels, counters, directory):
    """Every ICV that tshark can check is good, and every packet was counted."""
    rows, checked, to_guest = [], set(), set()
    for t in tunnels:
        to_guest.add(f"0x{t['in']['spi']:08x}")
        for direction in ("in", "out"):
            if t[direction]["tshark"] and not t["esn"]:
                spi = f"0x{t[direction]['spi']:08x}"
                checked.add(spi)
                rows.append(f'"IPv{t["outer"]}","*","*","{spi}",{t[direction]["tshark"]}\n')
    spis = capture.check_icvs(report, "tunnels", path, rows, checked, directory)
    sent = sum(spi in to_guest for spi in spis)
    report.check("tunnels: the wire has as many ESP packets as were counted",
                 (len(spis) - sent, sent) == (counters["esp_rx"], counters["esp_tx"]),
                 f"wire {len(spis) - sent} in, {sent} out; counted {counters['esp_rx']} in, "
                 f"{counters['esp_tx']} out")
    lost = dataplane.drops(dict.fromkeys(counters, 0), counters)
    report.check("tunnels: nothing was dropped", not lost, str(lost))


def run(report, build, directory):
    sandbox.ip("netns add wire\nnetns add edge\n")
    sandbox.ip("link set lo up\n", netns="edge")
    sandbox.ip("tuntap add tap0 mode tap\nlink set tap0 addrgenmode none\nlink set tap0 up\n",
               netns="wire")
    # Only what passes the queueing discipline can be captured.
    edge = dataplane.Dataplane(build, directory, "net_af_packet0,iface=tap0,qdisc_bypass=0")
    tunnels = plan_all(edge)
    route(tunnels)
    plan = os.path.join(directory, "plan.json")
    with open(plan, "w") as file:
        json.dump({"tunnels": tunnels, "stream_bytes": STREAM_BYTES, "encap_port": ENCAP_PORT}, file)
    wire = capture.Capture(os.path.join(directory, "wire.pcap"), "tap0", "wire")
    Edge()
    job = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest_tunnels.py")
    guest = uml.boot(directory, job, plan, "tap0", netns="wire")
    try:
        talk(report, guest, tunnels)
    except (OSError, ValueError, EOFError) as error:
        report.failed("tunnels: talk", f"{error}\n{guest.tail()}\n{edge.process.tail()}\n"
                      f"counters: { {k: v for k, v in edge.counters().items() if v} }")
        return
    counters = edge.settled()
    report.check("tunnels: the capture is whole", wire.stop() == 0, "packets lost by dumpcap")
    check_capture(report, wire.path, tunnels, counters, os.path.join(directory, "tshark"))
    report.check("tunnels: the data plane ends well", edge.process.stop() == 0,
                 edge.process.tail())


if __name__ == "__main__":
    sys.exit(uml.test("tunnels", run, sys.argv[1]))
