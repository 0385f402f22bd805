#!/usr/bin/python3
"""The configuration changes under ESP traffic, and not a packet is lost; what cannot change is
refused by name, and everything stays as it was.

Usage: reload.py BUILD-DIRECTORY
"""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import api, dataplane, lab, pace, peer, process, sandbox

N_UES, N_PACKETS, PACKETS_PER_S = 8, 6000, 1000
UNDER_WAY = 200  # at most; a network port's ring has 512
CLEAR_PORT, SOURCE_PPS, SOURCE_BURST, N_CLEAR = 5060, 1, 5, 50
FLOOD = f"      flood: {{source_pps: {SOURCE_PPS}, source_burst_pkts: {SOURCE_BURST}}}\n"
LOG = "imsgate-dataplane: info: reload: "


class Edge:
    """The data plane and its file."""

    def __init__(self, build, directory):
        self.build = build
        n_workers = min(2, len(os.sched_getaffinity(0)))
        self.plane = dataplane.Dataplane(build, directory, "net_af_packet0,iface=acc0",
                                         n_workers=n_workers, section="  active_workers: 1\n")
        self.n_workers = n_workers
        with open(self.plane.config) as file:
            self.text = file.read()

    def write(self, *changes, after=""):
        """The text of the start with these changes is the text from now on."""
        self.text = lab.changed(self.text, *changes)
        self.put(self.text + after)

    def put(self, text):
        with open(self.plane.config, "w") as file:
            file.write(text)

    def reload(self, *options):
        """Exit status, stdout, stderr."""
        command = [os.path.join(self.build, dataplane.COMMAND), "reload", *options, "--socket",
                   os.path.join(self.plane.directory, "dataplane.sock")]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        return result.returncode, result.stdout, result.stderr

    def hang_up(self):
        self.plane.process.child.send_signal(signal.SIGHUP)

    def buckets(self):
        ask = self.plane.telemetry
        return [ask(f"/imsgate/workers,{number}")[str(number)]["buckets"]
                for number in ask("/imsgate/workers")]


class Traffic(threading.Thread):
    """Packets of all UEs in turn at an even pace, and their answers."""

    def __init__(self, wire, ues):
        super().__init__(daemon=True)
        self.wire, self.ues, self.n_sent = wire, ues, 0
        self.seen = []  # behind the edge
        self.got = {ue.registration: [] for ue in ues}  # sequence numbers at each UE
        with process.netns("edge"):
            self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.server.bind((peer.EDGE, peer.PORT_PS))
        for target in (self._serve, self._collect):
            threading.Thread(target=target, daemon=True).start()
        self.start()

    def run(self):
        even = pace.Pace(PACKETS_PER_S, UNDER_WAY,
                         lambda: sum(len(got) for got in self.got.values()))
        for number in range(N_PACKETS):
            even.turn()
            self.wire.send(self.ues[number % N_UES].seal(struct.pack("!I", number)))
            self.n_sent += 1
        even.end()

    def reach(self, number):
        process.wait_until(f"packet {number}", lambda: self.n_sent >= number, 30)

    def _serve(self):
        while True:
            data, sender = self.server.recvfrom(65536)
            self.seen.append(struct.unpack("!I", data)[0])
            self.server.sendto(data, sender)

    def _collect(self):
        for packet in self.wire.received(60):
            for ue in self.ues:
                opened = ue.open(packet)
                if opened:
                    self.got[ue.registration].append(opened[0])


def change_live(report, edge, traffic):
    """One change after the other while packets flow."""
    idle = ("idle_sleep_us: 50", "idle_sleep_us: 120")
    traffic.reach(500)
    edge.write(idle)
    said = edge.reload("--check")
    report.check("reload: --check says what would change",
                 said == (0, "dataplane.idle_sleep_us: 50 -> 120\n", ""), f"{said}")
    said = edge.reload()
    report.check("reload: what changed is said, and it had not before",
                 said == (0, "dataplane.idle_sleep_us: 50 -> 120\n", ""), f"{said}")
    change_workers(report, edge, traffic)
    traffic.reach(4000)
    edge.write(after=FLOOD)
    edge.hang_up()
    lines = [edge.plane.process.wait_line(LOG + "dataplane.zones[0].flood." + key, 5)
             for key in ("source_pps", "source_burst_pkts")]
    report.check("reload: SIGHUP does the same and says it on stderr",
                 lines[0].endswith(f"source_pps: 0 -> {SOURCE_PPS}"), f"{lines}")


def change_workers(report, edge, traffic):
    if edge.n_workers < 2:
        report.without("reload: another number of workers", "one CPU")
        return
    before = edge.buckets()
    report.check("reload: one worker is active from the start, as the file says",
                 before[0] > 0 and before[1] == 0, f"{before}")
    for n_packets, old, new in ((1000, 1, 2), (2000, 2, 1), (3000, 1, 2)):
        traffic.reach(n_packets)
        edge.write((f"active_workers: {old}", f"active_workers: {new}"))
        said = edge.reload()
        report.check(f"reload: {new} active workers instead of {old}", said ==
                     (0, f"dataplane.active_workers: {old} -> {new}\n", ""), f"{said}")
        half = before[0] // new
        wanted = [half, half if new == 2 else 0]
        process.wait_until("the UEs' move", lambda: edge.buckets() == wanted, 10)


def refuse(report, edge, traffic):
    """Files that change nothing, while packets still flow."""
    traffic.reach(4500)
    edge.put(lab.changed(edge.text, ("capacity: 4096", "capacity: 8192"),
                         ("mtu_bytes: 1500", "mtu_bytes: 1400"),
                         ("orphans: keep", "orphans: delete")))  # and FLOOD is not in it
    said = edge.reload()
    wanted = ("imsgate reload: refused, and nothing changed:\n"
              "dataplane.sa.capacity: 4096 -> 8192 needs a restart\n"
              "dataplane.zones[0].mtu_bytes: 1500 -> 1400 needs a restart\n")
    report.check("reload: what needs a restart is refused, each key by name",
                 said == (1, "", wanted), f"{said}")
    broken = lab.changed(edge.text, ("idle_sleep_us: 120", "idle_sleep_us: often"))
    line = broken[:broken.index("often")].count("\n") + 1
    edge.put(broken)
    status, out, err = edge.reload()
    report.check("reload: a broken file is refused with its place", status == 1 and not out and
                 f"{edge.plane.config}:{line}:18: found \"often\" for idle_sleep_us" in err, err)
    os.chmod(edge.plane.config, 0)
    status, out, err = edge.reload()
    report.check("reload: a file that its user may not read is named", status == 1 and not out and
                 f"{edge.plane.config}: found no readable file (Permission denied)" in err, err)
    edge.hang_up()
    line = edge.plane.process.wait_line("imsgate-dataplane: error: reload refused: ", 5)
    report.check("reload: SIGHUP says it too", "Permission denied" in line, line)
    os.chmod(edge.plane.config, 0o600)


def flood(report, edge, wire):
    """The limits of the file before the refused ones are in force."""
    before = edge.plane.counters()
    udp = struct.pack("!HHHH", 40000, CLEAR_PORT, 8, 0)
    for _ in range(N_CLEAR):
        wire.send(peer.ipv4("10.0.0.99", peer.EDGE, peer.UDP, udp))
    process.wait_until("the clear packets", lambda: edge.plane.counters()["network_rx"] >=
                       before["network_rx"] + N_CLEAR, 10)
    time.sleep(0.1)
    moved = dataplane.drops(before, edge.plane.counters())
    refused = moved.get("clear_rate_source", 0)
    report.check("reload: the flood limits are those of the last file that was taken",
                 N_CLEAR - SOURCE_BURST - 2 <= refused <= N_CLEAR - SOURCE_BURST, f"{moved}")


def check_traffic(report, edge, traffic, before, sas):
    moved = dataplane.drops(before, edge.plane.counters())
    every = list(range(N_PACKETS))
    report.check("reload: every packet of the UEs arrives once", sorted(traffic.seen) == every,
                 f"{len(traffic.seen)} of {N_PACKETS}, drops {moved}")
    numbers = list(range(1, N_PACKETS // N_UES + 1))
    wrong = {name: len(got) for name, got in traffic.got.items() if got != numbers}
    report.check("reload: every answer arrives, in order, no number twice or left out", not wrong,
                 f"{wrong} of {len(numbers)}")
    report.check("reload: nothing was dropped", not moved, f"{moved}")
    counted = {(sa["packets"], sa["sequence"]) for sa in sas}
    report.check("reload: the SAs counted every packet",
                 counted == {(len(numbers), len(numbers))}, f"{counted}")


def run(report, build, directory):
    sandbox.ip("netns add wire\nnetns add edge\n")
    sandbox.ip("link add ue0 type veth peer name acc0\nlink set ue0 up\nlink set acc0 up\n",
               netns="wire")
    edge = Edge(build, directory)
    try:
        ues = [peer.Peer(n, address=f"10.0.0.{10 + n}") for n in range(1, 1 + N_UES)]
        for ue in ues:
            sandbox.ip(f"neigh add {ue.address} lladdr {peer.MAC} dev gm0\n", netns="edge")
        client = api.Client(os.path.join(directory, "dataplane.sock"), "pcscf")
        for ue in ues:
            ue.install(client)
        wire = peer.Wire("ue0", sandbox.mac_address("gm0", "edge"))
        before = edge.plane.counters()
        traffic = Traffic(wire, ues)
        change_live(report, edge, traffic)
        refuse(report, edge, traffic)
        traffic.join()
        check_traffic(report, edge, traffic, before, client.list())
        flood(report, edge, wire)
    finally:
        status = edge.plane.process.stop()
    report.check("reload: it ends as it should", status == 0, f"{status}")


if __name__ == "__main__":
    sys.exit(sandbox.test("reload", run, sys.argv[1]))
