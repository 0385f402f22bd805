"""The data plane alone, with a network port in the namespace `wire` and its kernel port in `edge`."""

import json
import os
import socket
import subprocess
import time

from support import process, sandbox

PROGRAM = "dataplane/imsgate-dataplane"
COMMAND = "tools/imsgate"
TRAFFIC = ("network_rx", "network_tx", "kernel_rx", "kernel_tx", "esp_rx", "esp_rx_bytes", "esp_tx",
           "esp_tx_bytes", "clear_rx", "clear_tx", "fragment_rx", "fragment_whole",
           "fragment_split", "fragment_tx", "path_mtu_lowered", "path_mtu_disbelieved",
           "too_big_tx", "generate_tx", "generate_no_buffer", "crypto_device")

PORTS = ("network_rx", "network_tx", "kernel_rx", "kernel_tx")

MEMORY_MB = 256
CONFIG = """\
dataplane:
  socket: {directory}/dataplane.sock
  file_prefix: {prefix}
  hugepages: {hugepages}
  memory_mb: {memory_mb}
  control_core: {control_core}
  worker_cores: {worker_cores}
  n_mbufs: {n_mbufs}
  idle_sleep_us: 50
  sa:
    capacity: {capacity}
    replay_window_pkts: 128
    n_wide_windows: 16
    orphans: keep
{section}  zones:
    - name: access
      network_port: {network_port}
      kernel_port: net_tap0,iface=gm0
      kernel_netns: {edge}
      mtu_bytes: 1500
      port_ps: 5063
      port_pc_first: 6000
      n_port_pc: 64
      port_encap: 4500
"""
EDGE = """\
link set gm0 addrgenmode none
link set gm0 up
address add 10.0.0.1/24 dev gm0
address add fd00::1/64 dev gm0 nodad
"""


def write_config(path, directory, network_port, hugepages=False, edge="edge", prefix="imsgate",
                 section="", n_workers=1, capacity=4096, zones="", n_mbufs=16384):
    """As Dataplane() takes it."""
    cores = sorted(os.sched_getaffinity(0))
    workers = (cores[1:] + cores[:1])[:n_workers]  # the control core's own comes last
    with open(path, "w") as file:
        file.write(CONFIG.format(directory=directory, control_core=cores[0], worker_cores=workers,
                                 network_port=network_port, hugepages=str(hugepages).lower(),
                                 memory_mb=MEMORY_MB, prefix=prefix, edge=edge, section=section,
                                 capacity=capacity, n_mbufs=n_mbufs) + zones)


class Dataplane:
    """Starts it in `wire` and sets its kernel port up, `links` as of ip(8). The port is a DPDK device.
    `section`: lines of YAML more, below `dataplane:`; `capacity`: SAs; `zones`: more of them, each
        of which takes a thousand of `n_mbufs` for its tap."""

    def __init__(self, build, directory, network_port, hugepages=False, edge="edge",
                 prefix="imsgate", section="", n_workers=1, capacity=4096, links=EDGE, zones="",
                 n_mbufs=16384):
        self.build = build
        self.directory = directory
        self.edge = edge
        self.telemetry_path = f"/run/dpdk/{prefix}/dpdk_telemetry.v2"
        self.config = os.path.join(directory, "dataplane.yaml")
        write_config(self.config, directory, network_port, hugepages, edge, prefix, section,
                     n_workers, capacity, zones, n_mbufs)
        self.process = process.Process("imsgate-dataplane", [os.path.join(build, PROGRAM),
                                                             "--config", self.config], netns="wire")
        process.wait_until("the data plane's start", self._ready, 20, [self.process])
        sandbox.ip(links, netns=edge)

    def _ready(self):
        if not os.path.exists(self.telemetry_path):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            if sock.connect_ex(os.path.join(self.directory, "dataplane.sock")):
                return False
        with process.netns(self.edge):
            return any(name == "gm0" for _, name in socket.if_nameindex())

    def telemetry(self, command):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.settimeout(5)
            sock.connect(self.telemetry_path)
            sock.recv(16384)
            sock.send(command.encode())
            return json.loads(sock.recv(65536))[command.split(",")[0]]

    def counters(self):
        return self.telemetry("/imsgate/stats")

    def settled(self, quiet_s=0.5):
        """The counters, once no packet has come or gone for so long."""
        seen = [(time.monotonic(), self.counters())]

        def is_quiet():
            now = self.counters()
            if any(now[name] != seen[-1][1][name] for name in PORTS):
                seen.append((time.monotonic(), now))
            return time.monotonic() - seen[-1][0] > quiet_s

        process.wait_until("quiet on the wire", is_quiet, 60, [self.process])
        return seen[-1][1]

    def imsgate(self, *arguments):
        """Runs a subcommand of imsgate; its JSON."""
        result = subprocess.run([os.path.join(self.build, COMMAND), *arguments,
                                 "--config", self.config, "--json"],
                                capture_output=True, text=True, timeout=30)
        if result.returncode:
            raise RuntimeError(f"imsgate {arguments[0]}: {result.stderr}")
        return json.loads(result.stdout)


def drops(before, after):
    """What was dropped in between, by reason."""
    return {name: after[name] - before[name] for name in after
            if name not in TRAFFIC and after[name] != before[name]}
