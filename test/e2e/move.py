#!/usr/bin/python3
"""An SA set moves from one data plane to another under traffic: C-093.

No packet that the first one took is taken by the second, and no sequence number is sent twice.
Usage: move.py BUILD-DIRECTORY
"""

import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import api, dataplane, pace, peer, process, sandbox

N_PACKETS, PACKETS_PER_S = 2000, 1000
MOST_LATE = 10  # under way at the moment of a move
LOST_AFTER_S = 1
MOVES = {500: 1, 1000: 0, 1500: 1}  # before which packet, and whereto


class Site:
    """A data plane, the wire to it, what is behind it, and its client."""

    def __init__(self, build, directory, number):
        self.edge_netns = f"edge{number}"
        os.mkdir(directory)
        sandbox.ip(f"netns add {self.edge_netns}\n")
        sandbox.ip(f"link add ue{number} type veth peer name acc{number}\n"
                   f"link set ue{number} up\nlink set acc{number} up\n", netns="wire")
        self.plane = dataplane.Dataplane(build, directory,
                                         f"net_af_packet0,iface=acc{number}",
                                         edge=self.edge_netns, prefix=f"imsgate{number}")
        sandbox.ip(f"neigh add {peer.UE} lladdr {peer.MAC} dev gm0\n", netns=self.edge_netns)
        self.wire = peer.Wire(f"ue{number}", sandbox.mac_address("gm0", self.edge_netns))
        self.client = api.Client(os.path.join(directory, "dataplane.sock"), "mover")
        self.seen = []  # payloads behind the edge
        self.got = []  # (sequence number, payload) at the UE

    def start(self, ue):
        with process.netns(self.edge_netns):
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((peer.EDGE, peer.PORT_PS))
        threading.Thread(target=self._serve, args=(server,), daemon=True).start()
        threading.Thread(target=self._collect, args=(ue,), daemon=True).start()

    def _serve(self, server):
        while True:
            data, sender = server.recvfrom(65536)
            self.seen.append(struct.unpack("!I", data)[0])
            server.sendto(data, sender)

    def _collect(self, ue):
        for packet in self.wire.received(60):
            opened = ue.open(packet)
            if opened:
                self.got.append((opened[0], struct.unpack("!I", opened[1])[0]))


def move(ue, source, target):
    """As dataplane/api.h has it: freeze, export, restore, delete."""
    state = source.client.freeze(ue.registration)
    target.client.restore(ue.packed(), state)
    source.client.delete([ue.registration])


class Sender(threading.Thread):
    """The UE sends at an even pace, to wherever its network takes the packets at the time."""

    def __init__(self, ue, sites):
        super().__init__(daemon=True)
        self.ue, self.sites, self.now = ue, sites, 0
        self.sent = []

    def run(self):
        even = pace.Pace(PACKETS_PER_S, MOST_LATE,
                         lambda: sum(len(site.got) for site in self.sites), LOST_AFTER_S)
        for number in range(N_PACKETS):
            even.turn()
            self.sent.append(self.ue.seal(struct.pack("!I", number)))
            self.sites[self.now].wire.send(self.sent[-1])
        even.end()


def run(report, build, directory):
    sandbox.ip("netns add wire\n")
    sites = []
    try:
        for number in (0, 1):
            sites.append(Site(build, os.path.join(directory, str(number)), number))
        ue = peer.Peer(1)
        ue.install(sites[0].client)
        for site in sites:
            site.start(ue)
        sender = Sender(ue, sites)
        sender.start()
        for number, whereto in MOVES.items():
            process.wait_until("its packet", lambda: len(sender.sent) >= number, 60)
            move(ue, sites[1 - whereto], sites[whereto])
            sender.now = whereto
        sender.join()
        check(report, sites, ue, sender.sent)
    finally:
        for site in sites:
            site.plane.process.stop()


def check(report, sites, ue, sent):
    seen = sites[0].seen + sites[1].seen
    numbers = [number for site in sites for number, _ in site.got]
    report.check("move: traffic went on at both", all(len(site.seen) > 200 and len(site.got) > 200
                                                      for site in sites),
                 f"{[(len(site.seen), len(site.got)) for site in sites]}")
    report.check("move: every packet is taken once at most", len(set(seen)) == len(seen),
                 f"{len(seen)} taken, {len(set(seen))} different")
    report.check("move: little is lost on the way", len(seen) > N_PACKETS * 0.9,
                 f"{len(seen)} of {N_PACKETS}")
    report.check("move: no sequence number is sent twice, none left out",
                 sorted(numbers) == list(range(1, len(numbers) + 1)),
                 f"{len(numbers)} sent, {len(set(numbers))} different, up to {max(numbers)}")
    taken = {sent[number] for number in seen}
    # What the server says while its set is frozen, or gone already, has no SA to leave by.
    late = [sum(site.plane.counters()[reason] for reason in ("out_expired", "out_no_sa"))
            for site in sites]
    report.check("move: every answer arrived, or met the move and was counted",
                 len(numbers) + sum(late) == len(seen), f"{len(numbers)} of {len(seen)}, {late}")
    report.check("move: few answers met a move", sum(late) <= MOST_LATE * len(MOVES), f"{late}")
    for site in sites:
        n_before = len(site.seen)
        for start in range(0, len(sent), 100):
            for packet in sent[start:start + 100]:
                if packet in taken:
                    site.wire.send(packet)
            time.sleep(0.02)
        site.plane.settled(0.2)
        report.check("move: nothing that was taken anywhere is taken again",
                     len(site.seen) == n_before, f"{len(site.seen) - n_before} were")


if __name__ == "__main__":
    sys.exit(sandbox.test("move", run, sys.argv[1]))
