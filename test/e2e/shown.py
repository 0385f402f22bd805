#!/usr/bin/python3
"""What `imsgate show` tells of a data plane that has much to tell: more zones than one reply of its
telemetry would hold, ports and crypto devices. Usage: shown.py BUILD-DIRECTORY
"""

import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import dataplane, results, sandbox

N_SUITES = 16
N_MORE = 27  # of some 600 bytes each, where a reply has 16384; DPDK has 32 ports
ZONE = """\
    - name: more{i}
      network_port: net_af_packet0,iface=acc0
      vlan: {vlan}
      kernel_port: net_tap{i},iface=gm{i}
      kernel_netns: edge
      mtu_bytes: 1500
      port_ps: 5063
      port_pc_first: 6000
      n_port_pc: 16
"""
CRYPTO = """\
  crypto:
    devices: [crypto_openssl0, crypto_aesni_gcm0, crypto_null0]
    lookaside: all
"""


def check_ports(report, edge):
    shown = edge.imsgate("show", "ports")
    names = {zone["zone"] for zone in shown.values()}
    report.check("show ports: every zone", len(names) == N_MORE + 1 and "more27" in names,
                 f"{sorted(names)}")
    report.check("show ports: with both ports of each",
                 all(zone["network_port"] == "net_af_packet0" and
                     zone["kernel_port"].startswith("net_tap") and "kernel_rx" in zone
                     for zone in shown.values()), f"{shown}")
    beyond = edge.telemetry("/imsgate/ports,99")
    report.check("show ports: no zone beyond the last", not beyond, f"{beyond}")


def check_workers(report, edge):
    """A reply has room for 16 KiB, and there may be 64 of them: each is asked about by itself."""
    numbers = edge.telemetry("/imsgate/workers")
    report.check("show workers: their numbers", numbers == [0], f"{numbers}")
    shown = edge.imsgate("show", "workers")
    one = edge.telemetry("/imsgate/workers,0")
    report.check("show workers: each", list(shown) == list(one) == ["0"] and
                 shown["0"]["core"] == one["0"]["core"], f"{shown} {one}")
    polls = shown["0"]["polls"]
    report.check("show workers: what is left out of a long list is said to be",
                 len(polls) < 128 and polls.endswith(" ...") and
                 all(":" in queue for queue in polls.split()[:-1]), polls)
    beyond = edge.telemetry("/imsgate/workers,1")
    report.check("show workers: none beyond the last", not beyond, f"{beyond}")


def check_offload(report, edge):
    shown = edge.imsgate("show", "offload")
    ports = {row["port"] for row in shown if row["offload"] == "rx ip checksum"}
    report.check("show offload: every port", len(ports) == N_MORE + 2, f"{sorted(ports)}")
    of_device = {}
    for row in shown:
        if row["offload"] == "crypto device":
            of_device.setdefault(row["port"], []).append(row)
    report.check("show offload: every crypto device", set(of_device) ==
                 {"crypto_openssl0", "crypto_aesni_gcm0", "crypto_null0"}, f"{shown}")
    openssl, null = of_device["crypto_openssl0"][0], of_device["crypto_null0"][0]
    gcm, *lacking = of_device["crypto_aesni_gcm0"]
    report.check("show offload: of a device that has some suites, which it has not",
                 gcm["state"] == "on" and int(gcm["of"].split()[0]) + len(lacking) == N_SUITES and
                 {row["state"] for row in lacking} == {"off"} and
                 "hmac-sha-1-96, null" in {row["of"] for row in lacking} and
                 "aes-gcm-128" not in {row["of"] for row in lacking}, f"{gcm} {lacking}")
    report.check("show offload: what it does", openssl["state"] == "on" and
                 int(openssl["of"].split()[0]) == N_SUITES and openssl["sessions"] == 0, f"{openssl}")
    report.check("show offload: or why it does not", null["state"] == "off" and null["why"],
                 f"{null}")


def main(build):
    report = results.Report()
    sandbox.enter()
    directory = tempfile.mkdtemp(prefix="imsgate-shown-")
    try:
        sandbox.ip("netns add wire\nnetns add edge\n")
        sandbox.ip("link add ue0 type veth peer name acc0\nlink set ue0 up\nlink set acc0 up\n",
                   netns="wire")
        zones = "".join(ZONE.format(i=i, vlan=100 + i) for i in range(1, N_MORE + 1))
        edge = dataplane.Dataplane(build, directory, "net_af_packet0,iface=acc0", section=CRYPTO,
                                   zones=zones, n_mbufs=49152)
        try:
            check_ports(report, edge)
            check_workers(report, edge)
            check_offload(report, edge)
        finally:
            edge.process.stop()
    finally:
        shutil.rmtree(directory)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
