#!/usr/bin/python3
"""What a data plane's memory holds of keys: all of it while the SAs live, nothing after. C-094.

Looks through every page of the live process for the keys and all that is derived from them: the
halves of HMAC, the round keys of AES and 3DES, the hash key of GCM. On the cpu with and without
hugepages, and on crypto devices. Usage: forgotten.py BUILD-DIRECTORY
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import api, dataplane, derived, memory, peer, process, results, sandbox

SUITES = [("aes-gmac", "null"), ("aes-gmac-256", "null"), ("null", "aes-gcm"),
          ("null", "aes-gcm-256")]
# Those last that drivers do most for: what is left on a stack the next SA would overwrite.
SUITES += [(integrity, cipher) for integrity in peer.HASH
           for cipher in ("null", "aes-cbc", "aes-cbc-256", "des-ede3-cbc")]
DEVICES = ("crypto_openssl0", "crypto_aesni_mb0")
CRYPTO = """\
  crypto:
    devices: [{}]
    lookaside: all
"""
KEPT = (": inner", ": outer", ": cipher key")  # in the SA's own lines
# gcm_lanes() finds at least the narrower ones: then the hash key of GCM is kept too.
LANES_FLAGS = {"avx2", "vaes", "vpclmulqdq"}
PACKETS = 200


def secrets_of(ue):
    """What could be left of a set's keys; a run of 16 bytes does not come by chance."""
    name = f"{ue.integrity}+{ue.cipher}"
    if ue.integrity not in peer.HASH:
        return {f"{name}: {what}": value for what, value in
                derived.of_gcm(ue.auth_key or ue.cipher_key).items()}
    found = {f"{name}: {what}": value for what, value in
             derived.of_hmac(ue.integrity, ue.auth_key).items()}
    if ue.cipher_key:
        of_cipher = derived.of_3des if ue.cipher == "des-ede3-cbc" else derived.of_aes
        found.update({f"{name}: {what}": value for what, value in of_cipher(ue.cipher_key).items()})
    return found


def play(wire, ue, pause, stop):
    """Traffic in both directions until told to stop, with an SA or without, but for a pause. A packet for an SA with a
    cipher has a good ICV and, deciphered, nothing good in it; one for GCM or GMAC has a bad one."""
    with process.netns("edge"):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((peer.EDGE, peer.PORT_PS))
    while not stop.is_set():
        if not pause.is_set():
            wire.send(ue.seal(b"x" * 100))
            server.sendto(b"y" * 100, (peer.UE, ue.port))
        time.sleep(0.001)
    server.close()


def is_played(client, ues):
    """Every SA has been used; but for an HMAC alone, only the outbound one counts that."""
    counted = {sa["spi"]: sa["packets"] for sa in client.list()}
    return all(counted[ue.spi_out] > PACKETS and
               (ue.cipher != "null" or ue.integrity not in peer.HASH or counted[ue.spi_in] > PACKETS) for ue in ues)


def kept_by_sas(secrets):
    """What lies in the lines of an SA, and its parts."""
    with open("/proc/cpuinfo") as cpuinfo:
        flags = set(re.search(r"^flags\s*: (.*)", cpuinfo.read(), re.MULTILINE)[1].split())
    ends = KEPT + ((": hash key",) if LANES_FLAGS <= flags else ())
    kept = [value for what, value in secrets.items() if what.endswith(ends)]
    return {what for what, secret in secrets.items() if any(secret in value for value in kept)}


def scan(report, edge, name, ues, wire, on_device):
    pid = edge.process.child.pid
    client = api.Client(os.path.join(edge.directory, "dataplane.sock"), "forgotten")
    for ue in ues:
        ue.install(client)
    pause, stop = threading.Event(), threading.Event()
    players = [threading.Thread(target=play, args=(wire, ue, pause, stop)) for ue in ues]
    for player in players:
        player.start()
    try:
        process.wait_until("traffic", lambda: is_played(client, ues), 20)
        secrets = {what: value for ue in ues for what, value in secrets_of(ue).items()}
        pause.set()  # round keys are there for as long as a burst
        edge.settled(0.2)
        there = memory.find(pid, secrets)
        kept = kept_by_sas(secrets)
        report.check(f"{name}: what an SA keeps is found while it lives", kept <= set(there),
                     f"missing {sorted(kept - set(there))}")
        raw = {what: places for what, places in there.items() if what not in kept}
        if on_device:  # a session has what its driver likes, for as long as the SA lives
            report.check(f"{name}: sessions have more of them", raw, "nothing")
            report.check(f"{name}: every SA was in the device",
                         edge.telemetry("/imsgate/crypto")["sas"] == 2 * len(ues),
                         f"{edge.telemetry('/imsgate/crypto')}")
        else:
            report.check(f"{name}: nothing else is, not even then", not raw, f"{raw}")
        pause.clear()
        client.delete([ue.registration for ue in ues])
        process.wait_until("the end of the SAs", lambda: not client.list() and
                           edge.telemetry("/imsgate/sa")["retired"] == 0, 10)
        left = memory.find(pid, secrets)
        report.check(f"{name}: nothing of any key is left when the SAs are deleted", not left,
                     f"{left}")
    finally:
        stop.set()
        for player in players:
            player.join()
        client.close()


def run(report, build, directory, hugepages=False, device=None):
    name = f"forgotten: data plane {'with' if hugepages else 'without'} hugepages"
    if device:
        name = f"forgotten: data plane with {device}"
    edge = dataplane.Dataplane(build, directory, "net_af_packet0,iface=acc0", hugepages,
                               section=CRYPTO.format(device) if device else "")
    try:
        sandbox.ip(f"neigh add {peer.UE} lladdr {peer.MAC} dev gm0\n", netns="edge")
        wire = peer.Wire("ue0", sandbox.mac_address("gm0", "edge"))
        ues = [peer.Peer(1 + i, *suite) for i, suite in enumerate(SUITES)]
        scan(report, edge, name, ues, wire, device is not None)
    finally:
        edge.process.stop()


class Hugepages:
    """Enough of them for one data plane, as long as the test lasts, if we may reserve any."""

    PATH = "/proc/sys/vm/nr_hugepages"

    def __init__(self):
        try:
            self.file = open(self.PATH, "r+")
            self.n_before = int(self.file.read())
            self._reserve(self.n_before + dataplane.MEMORY_MB // 2 + 1)
        except OSError:
            self.file = None

    def _reserve(self, n):
        self.file.seek(0)
        self.file.write(str(n))
        self.file.flush()

    def give_back(self):
        if self.file:
            self._reserve(self.n_before)


def has_hugepages():
    """Whether enough are free, and may be used."""
    with open("/proc/meminfo") as meminfo:
        n_free = int(re.search(r"HugePages_Free: *([0-9]+)", meminfo.read())[1])
    os.mkdir("/run/hugepages")
    mounted = subprocess.run(["mount", "-t", "hugetlbfs", "none", "/run/hugepages"],
                             stderr=subprocess.DEVNULL)
    return n_free * 2 > dataplane.MEMORY_MB and mounted.returncode == 0


def main(build):
    report = results.Report()
    sandbox.enter()
    hugepages = Hugepages()
    directory = tempfile.mkdtemp(prefix="imsgate-forgotten-")
    try:
        sandbox.ip("netns add wire\nnetns add edge\n")
        sandbox.ip("link add ue0 type veth peer name acc0\nlink set ue0 up\nlink set acc0 up\n",
                   netns="wire")
        run(report, build, directory)
        for device in DEVICES:
            run(report, build, directory, device=device)
        if has_hugepages():
            run(report, build, directory, hugepages=True)
        else:
            report.without("forgotten: data plane with hugepages",
                           f"{dataplane.MEMORY_MB} MB of them cannot be had")
    finally:
        hugepages.give_back()
        shutil.rmtree(directory)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
