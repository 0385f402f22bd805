#!/usr/bin/python3
"""A router with a short link between the data plane and a Linux kernel with XFRM (User Mode Linux).

The router is a Linux kernel too: it forwards, and about ESP that is too long for the link it sends
the ICMP errors that RFC 4301 8.2 is about. UDP and TCP both ways pass nevertheless, and the kernel
behind the data plane has learnt how long its packets may be.
Usage: path_mtu.py BUILD-DIRECTORY
"""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import kernel
from support import dataplane, process, sandbox, uml

SHORT_MTU = 1340  # with ESP's at most 57 bytes still above what IPv6 has to carry
SUITES = ("hmac-sha-1-96 null", "hmac-md5-96 aes-cbc", "aes-gcm")
GUEST = {4: "10.0.1.2", 6: "fd00:1::2"}
GUEST_NETWORK = ["address add 10.0.1.2/24 dev vec0", "address add fd00:1::2/64 dev vec0 nodad",
                 "route add 10.0.0.0/24 via 10.0.1.254",
                 "route add fd00::/64 via fd00:1::fe dev vec0"]
# nic0 needs an address of its own: the data plane's kernel port has taken the one it had.
ROUTER = f"""\
link set nic0 addrgenmode none
link set nic0 address 02:00:00:00:00:01
link set nic0 up
link set tap0 mtu {SHORT_MTU}
address add 10.0.0.254/24 dev nic0
address add fd00::fe/64 dev nic0 nodad
address add 10.0.1.254/24 dev tap0
address add fd00:1::fe/64 dev tap0 nodad
"""
EDGE_ROUTES = """\
route add 10.0.1.0/24 via 10.0.0.254
route add fd00:1::/64 via fd00::fe dev gm0
"""


def forward():
    with process.netns("wire"):
        for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/net/{path}", "w") as file:
                file.write("1")


def learnt_mtu(address):
    """What the kernel at the edge takes for the path's MTU; None: the link's."""
    got = subprocess.run(["ip", "-n", "edge", "route", "get", address], check=True,
                         capture_output=True, text=True).stdout
    match = re.search(r"\bmtu (\d+)", got)
    return int(match[1]) if match else None


def run(report, build, directory):
    sandbox.ip("netns add wire\nnetns add edge\n")
    sandbox.ip("link set lo up\n", netns="edge")
    sandbox.ip("tuntap add tap0 mode tap\nlink set tap0 addrgenmode none\nlink set tap0 up\n",
               netns="wire")
    edge = dataplane.Dataplane(build, directory, "net_tap1,iface=nic0")
    sandbox.ip(ROUTER, netns="wire")
    sandbox.ip(EDGE_ROUTES, netns="edge")
    forward()
    sets = kernel.plan_sets(edge, GUEST, SUITES)
    plan = os.path.join(directory, "plan.json")
    with open(plan, "w") as file:
        json.dump({"sets": sets, "stream_bytes": kernel.STREAM_BYTES, "network": GUEST_NETWORK}, file)
    kernel.Edge()
    job = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest.py")
    guest = uml.boot(directory, job, plan, "tap0", netns="wire")
    try:
        kernel.talk(report, guest, sets, "path_mtu")
    except (OSError, ValueError, EOFError) as error:
        report.failed("path_mtu: talk", f"{error}\n{guest.tail()}\n{edge.process.tail()}\n"
                      f"counters: { {k: v for k, v in edge.counters().items() if v} }")
        return
    counters = edge.counters()
    for family in (4, 6):
        mtu = learnt_mtu(GUEST[family])
        report.check(f"path_mtu: the kernel has learnt the path over IPv{family}",
                     mtu and mtu < SHORT_MTU, f"mtu {mtu}")
    report.check("path_mtu: every SA with long packets believed the router",
                 counters["path_mtu_lowered"] >= len(sets), str(counters["path_mtu_lowered"]))
    doubted = {name: counters[name] for name in ("path_mtu_disbelieved", "path_mtu_refused")}
    report.check("path_mtu: none of its errors was taken for a lie", not any(doubted.values()),
                 str(doubted))
    report.check("path_mtu: the data plane ends well", edge.process.stop() == 0,
                 edge.process.tail())


if __name__ == "__main__":
    sys.exit(uml.test("path_mtu", run, sys.argv[1]))
