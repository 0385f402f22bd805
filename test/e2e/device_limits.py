#!/usr/bin/python3
"""Crypto devices at their limits: too few sessions, a device that is missing, and SAs that are
deleted while a device has their packets.
Usage: device_limits.py BUILD-DIRECTORY
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import api, dataplane, peer, process, results, sandbox

SECTION = """\
  crypto:
    devices: [{devices}]
    lookaside: all
    n_sessions: {n_sessions}
    queue_entries: 64
    required: {required}
"""
N_SESSIONS = 8
N_FLOOD = 2000  # packets of a set that is deleted among them
MOST_S = 60
BEHIND = "tx_full"  # the kernel port is slower than the flood: dropped after a good verdict


class Scene:
    """A data plane on a device, a wire, and a client that installs sets."""

    def __init__(self, build, device):
        self.directory = tempfile.mkdtemp(prefix="imsgate-devices-")
        section = SECTION.format(devices=device, n_sessions=N_SESSIONS, required="true")
        self.edge = dataplane.Dataplane(build, self.directory, "net_tap1,iface=nic0",
                                        section=section)
        self.wire = peer.Wire("nic0", sandbox.mac_address("gm0", "edge"))
        self.client = api.Client(os.path.join(self.directory, "dataplane.sock"), "test")

    def close(self):
        self.client.close()
        status = self.edge.process.stop()
        shutil.rmtree(self.directory)
        return status

    def crypto(self):
        return self.edge.telemetry("/imsgate/crypto")

    def settled(self):
        """All that was received has its verdict."""
        now = self.edge.counters()
        drops = dataplane.drops(dict.fromkeys(now, 0), now)
        dropped = sum(n for reason, n in drops.items() if reason != BEHIND)
        return now["network_rx"] == now["esp_rx"] + now["clear_rx"] + dropped


def sessions(report, scene, device):
    """Sets of two SAs: one more than there are sessions for."""
    ues = [peer.Peer(number) for number in range(1, N_SESSIONS // 2 + 2)]
    for ue in ues:
        ue.install(scene.client)
    told = scene.crypto()
    report.check(f"{device}: SAs beyond the sessions are the cpu's, and counted",
                 told["sas"] == N_SESSIONS and told["sas_full"] == 2, f"{told}")
    before = scene.edge.counters()
    for ue in ues:
        scene.wire.send(ue.seal(b"x"))
    process.wait_until("the packets", lambda: scene.edge.counters()["esp_rx"] ==
                       before["esp_rx"] + len(ues), 5, [scene.edge.process])
    moved = scene.edge.counters()["crypto_device"] - before["crypto_device"]
    report.check(f"{device}: packets of both get through, those with a session by the device",
                 moved == len(ues) - 1, f"{moved} of {len(ues)}")
    scene.client.delete([ue.registration for ue in ues])
    process.wait_until("the sessions' end", lambda: scene.crypto()["sas"] == 0, 5)
    ues[0].install(scene.client)
    report.check(f"{device}: what was freed serves the next SA", scene.crypto()["sas"] == 2,
                 f"{scene.crypto()}")
    scene.client.delete([ues[0].registration])


def flood(wire, packets):
    for packet in packets:
        wire.send(packet)


def deletions(report, scene, device):
    """Deletes sets in the middle of their packets until the device had some of them."""
    began, n_sets = time.monotonic(), 0
    before = scene.edge.counters()
    while time.monotonic() < began + MOST_S:
        n_sets += 1
        ue = peer.Peer(100 + n_sets)
        ue.install(scene.client)
        packets = [ue.seal(bytes(1000)) for _ in range(N_FLOOD)]
        seen = scene.edge.counters()["esp_rx"]
        sender = threading.Thread(target=flood, args=(scene.wire, packets))
        sender.start()
        while scene.edge.counters()["esp_rx"] < seen + N_FLOOD // 10 and sender.is_alive():
            pass
        scene.client.delete([ue.registration])
        sender.join()
        if scene.edge.counters()["crypto_sa_gone"] > before["crypto_sa_gone"]:
            break
    process.wait_until("the verdicts", scene.settled, 5, [scene.edge.process])
    moved = dataplane.drops(before, scene.edge.counters())
    gone = moved.get("crypto_sa_gone", 0)
    report.check(f"{device}: packets of a deleted SA that the device had are dropped", gone > 0,
                 f"{n_sets} sets deleted, {moved}")
    report.check(f"{device}: and nothing else is wrong with them",
                 set(moved) <= {"crypto_sa_gone", "esp_unknown_spi", BEHIND}, f"{moved}")
    process.wait_until("the SAs' end",
                       lambda: scene.edge.telemetry("/imsgate/sa")["retired"] == 0, 5)
    told = scene.crypto()
    report.check(f"{device}: every job came back and every session is free",
                 told["sas"] == 0 and told["done"] == told["submitted"]
                 and told["sa_gone"] == scene.edge.counters()["crypto_sa_gone"], f"{told}")


def missing(report, build):
    """Without the setting it starts: see devices.py."""
    directory = tempfile.mkdtemp(prefix="imsgate-devices-")
    path = os.path.join(directory, "dataplane.yaml")
    section = SECTION.format(devices="crypto_nonsense0", n_sessions=8, required="true")
    dataplane.write_config(path, directory, "net_tap1,iface=nic0", section=section)
    with process.netns("wire"):
        result = subprocess.run([os.path.join(build, dataplane.PROGRAM), "--config", path],
                                capture_output=True, text=True, timeout=30)
    report.check("a required device that is missing ends the start, and is named",
                 result.returncode == 1 and "crypto device crypto_nonsense0: " in result.stderr,
                 f"{result.returncode}: {result.stderr}")
    shutil.rmtree(directory)


def main():
    report = results.Report()
    build = os.path.abspath(sys.argv[1])
    sandbox.enter()
    for device in ("crypto_aesni_mb0", "crypto_openssl0"):
        sandbox.ip("netns add wire\nnetns add edge\n")
        scene = Scene(build, device)
        try:
            sessions(report, scene, device)
            deletions(report, scene, device)
        finally:
            status = scene.close()
        report.check(f"{device}: the data plane ends well", status == 0,
                     scene.edge.process.tail())
        sandbox.ip("netns del wire\nnetns del edge\n")
    sandbox.ip("netns add wire\nnetns add edge\n")
    missing(report, build)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
