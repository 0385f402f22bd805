#!/usr/bin/python3
"""The control plane is killed under traffic: not a protected packet is lost, nothing is forgotten.

The control plane here is a client of the data plane's socket that is busy with other SA sets; the
data plane, its ports and the packets are real. C-093.
Usage: survival.py BUILD-DIRECTORY
"""

import itertools
import multiprocessing
import os
import signal
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import api, dataplane, pace, peer, process, sandbox

N_PACKETS, PACKETS_PER_S = 3000, 1000
UNDER_WAY = 200  # at most; a network port's ring has 512
KILLED_AT, BACK_AT = N_PACKETS // 3, 2 * N_PACKETS // 3
OTHERS, MOST = 1000, 20000  # registrations that come and go meanwhile
HELD = 100  # of them at a time


def control_plane(path, ue, out):
    """Installs the UE's set, says so, and is then busy until it is killed."""
    client = api.Client(path, "pcscf")
    ue.install(client)
    out.send(ue.spi_in)
    for number in itertools.count():
        peer.Peer(OTHERS + number % MOST).install(client)
        if number >= HELD:
            client.delete([OTHERS + (number - HELD) % MOST])


class Server:
    """What is behind the kernel port: notes every datagram, and answers it."""

    def __init__(self):
        with process.netns("edge"):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.bind((peer.EDGE, peer.PORT_PS))
        self.seen = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            data, sender = self.socket.recvfrom(65536)
            self.seen.append(struct.unpack("!I", data)[0])
            self.socket.sendto(data, sender)


class Collector(threading.Thread):
    """What the UE receives: sequence number and payload of every packet."""

    def __init__(self, wire, ue):
        super().__init__(daemon=True)
        self.wire, self.ue, self.got = wire, ue, []

    def run(self):
        for packet in self.wire.received(60):
            opened = self.ue.open(packet)
            if opened:
                self.got.append((opened[0], struct.unpack("!I", opened[1])[0]))


def traffic(wire, ue, collector, at):
    """Sends at an even pace; at[n] is called before packet n. All packets that were sent."""
    sent, even = [], pace.Pace(PACKETS_PER_S, UNDER_WAY, lambda: len(collector.got))
    for number in range(N_PACKETS):
        if number in at:
            at[number]()
        even.turn()
        sent.append(ue.seal(struct.pack("!I", number)))
        wire.send(sent[-1])
    even.end()
    return sent


def adopt(report, path):
    """The next life of the control plane finds what the one before had."""
    client = api.Client(path, "pcscf")
    held = {sa["registration"] for sa in client.list()}
    report.check("survival: the next control plane adopts every SA",
                 client.n_adopted == 2 * len(held) and 1 in held and len(held) > 1,
                 f"adopted {client.n_adopted}, holds {len(held)} sets")
    client.delete(sorted(held - {1}))
    client.close()


def run(report, build, directory):
    sandbox.ip("netns add wire\nnetns add edge\n")
    sandbox.ip("link add ue0 type veth peer name acc0\nlink set ue0 up\nlink set acc0 up\n",
               netns="wire")
    edge = dataplane.Dataplane(build, directory, "net_af_packet0,iface=acc0")
    path = os.path.join(directory, "dataplane.sock")
    child = None
    try:
        sandbox.ip(f"neigh add {peer.UE} lladdr {peer.MAC} dev gm0\n", netns="edge")
        wire = peer.Wire("ue0", sandbox.mac_address("gm0", "edge"))
        ue = peer.Peer(1)
        near, far = multiprocessing.Pipe()
        child = multiprocessing.Process(target=control_plane, args=(path, ue, far))
        child.start()
        ue.spi_in = near.recv()
        server, collector = Server(), Collector(wire, ue)
        collector.start()
        before = edge.counters()
        sent = traffic(wire, ue, collector, {
            KILLED_AT: lambda: os.kill(child.pid, signal.SIGKILL),
            BACK_AT: lambda: adopt(report, path)})
        after = edge.counters()
        every = list(range(N_PACKETS))
        report.check("survival: every packet of the UE arrives once", server.seen == every,
                     f"{len(server.seen)} of {N_PACKETS}, drops {dataplane.drops(before, after)}")
        report.check("survival: every answer arrives, numbered from 1 without a gap",
                     collector.got == [(n + 1, n) for n in every],
                     f"{len(collector.got)} of {N_PACKETS}, from {collector.got[:3]}")
        report.check("survival: nothing was dropped", not dataplane.drops(before, after),
                     f"{dataplane.drops(before, after)}")
        counted = [(sa["packets"], sa["sequence"]) for sa in api.Client(path, "look").list()]
        report.check("survival: the counters went on", counted == [(N_PACKETS, N_PACKETS)] * 2,
                     f"{counted}")
        shown = {row["client"]: row for row in edge.imsgate("show", "clients")}
        report.check("survival: imsgate show clients tells who has the set",
                     shown["pcscf"]["sets"] == 1 and shown["pcscf"]["sas"] == 2, f"{shown}")
        replay(report, edge, wire, sent, server)
    finally:
        if child:
            child.kill()
            child.join()
        edge.process.stop()


def replay(report, edge, wire, sent, server):
    """The windows are what they were: nothing that was received is taken again."""
    before = edge.counters()

    def n_dropped():
        return sum(dataplane.drops(before, edge.counters()).values())

    for start in range(0, N_PACKETS, UNDER_WAY):
        for packet in sent[start:start + UNDER_WAY]:
            wire.send(packet)
        process.wait_until("the replays' end", lambda: n_dropped() + len(server.seen) >=
                           min(start + UNDER_WAY, N_PACKETS) + N_PACKETS, 10, [edge.process])
    moved = dataplane.drops(before, edge.counters())
    report.check("survival: of what was received nothing is taken again",
                 moved == {"esp_late": N_PACKETS - 128, "esp_replayed": 128}
                 and len(server.seen) == N_PACKETS, f"{moved}")


if __name__ == "__main__":
    sys.exit(sandbox.test("survival", run, sys.argv[1]))
