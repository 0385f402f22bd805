#!/usr/bin/python3
"""Half-open, slow, giant and malformed TCP from everywhere: memory stays bounded, and whoever says
its REGISTER at once is answered in the middle of it.

The P-CSCF is the real one behind a device of its own; there is no data plane, so an honest UE gets as
far as it can without: it is told which security agreement is wanted.
Usage: tcp_flood.py BUILD-DIRECTORY
"""
# Alone: who is served is a question of time.

import json
import os
import random
import resource
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import lab, process, results, sandbox

EDGE, PORT = "10.0.0.1", 5060
N_CONNECTIONS, EVERY = 6000, 300
MOST_KB = 64 * 1024
STATUS = "/run/imsgate/pcscf.sock"

REGISTER = (
    "REGISTER sip:ims.example SIP/2.0\r\nVia: SIP/2.0/TCP {host};branch=z9hG4bK{n}\r\n"
    "From: <sip:u@ims.example>;tag=1\r\nTo: <sip:u@ims.example>\r\nCall-ID: {n}\r\n"
    "CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:{host}:5062>\r\n"
    "Authorization: Digest username=\"u@ims.example\", realm=\"ims.example\", nonce=\"\", "
    "uri=\"sip:ims.example\", response=\"\"\r\nContent-Length: 0\r\n\r\n")


def hostile(number, generator):
    """What connection `number` says, and then no more."""
    head = b"REGISTER sip:a SIP/2.0\r\nl: 60000\r\n\r\n"
    return (b"", REGISTER[:100].encode(), b"a" * 17000, head + b"b" * 30000,
            generator.randbytes(2000), REGISTER.replace("Content-Length: 0\r\n", "").encode(),
            b"\r\n\r\n" * 100, head.replace(b"60000", b"4294967297"))[number % 8]


def flood(number, generator):
    """One connection of the flood, which stays open at this end."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(5)
    # Few addresses: the kernel's table of neighbours is one for all namespaces of a machine.
    sock.bind((f"10.1.0.{1 + number % 100}", 0))
    try:
        sock.connect((EDGE, PORT))
        sock.sendall(hostile(number, generator))
    except OSError:
        pass  # crowded out or refused already
    return sock


def register(number):
    """The status line that an honest UE gets, and how long it took."""
    began, host = time.monotonic(), "10.2.0.1"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        sock.bind((host, 0))
        try:
            sock.connect((EDGE, PORT))
            sock.sendall(REGISTER.format(host=host, n=number).encode())
            answer = sock.recv(65536).decode().splitlines()[:1]
        except OSError as error:
            answer = [str(error)]
    return "".join(answer), time.monotonic() - began


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS:")).split()[1])


def stats():
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(STATUS)
        sock.sendall(b"GET /stats HTTP/1.0\r\n\r\n")
        reply = b"".join(iter(lambda: sock.recv(65536), b""))
    return json.loads(reply.partition(b"\r\n\r\n")[2])


def make_network():
    sandbox.ip("netns add edge\nnetns add ue\n"
               "link add gm0 netns edge type veth peer name ue0 netns ue\n")
    for name, device, address in (("edge", "gm0", EDGE), ("ue", "ue0", "10.0.0.2")):
        sandbox.ip(f"link set lo up\nlink set {device} up\naddr add {address}/8 dev {device}\n"
                   f"addr add {'fd00::1' if name == 'edge' else 'fd00::2'}/64 dev {device}\n",
                   netns=name)
    sandbox.ip("route add local 10.1.0.0/16 dev lo\nroute add local 10.2.0.0/16 dev lo\n",
               netns="ue")


def run(report, build):
    os.mkdir("/run/imsgate")
    make_network()
    pcscf = process.Process("pcscf", [os.path.join(build, "controlplane/imsgate-controlplane"),
                                      "--config", lab.CONFIG, "--roles", "pcscf"], netns="edge")
    try:
        pcscf.wait_line("imsgate-controlplane: info: pcscf: started", 10)
        generator, sockets, answers = random.Random(1), [], []
        with process.netns("ue"):
            process.wait_until("the network", lambda: register("first")[0].startswith("SIP/2.0"),
                               30, [pcscf])
            before = resident_kb(pcscf.child.pid)
            for number in range(N_CONNECTIONS):
                sockets.append(flood(number, generator))
                if number % EVERY == 0:
                    answers.append(register(number))
            # The last ones may still lie before it.
            process.wait_until("every connection", lambda: stats()["tcp_accepted"] >= N_CONNECTIONS,
                               10, [pcscf])
        grown, counted = resident_kb(pcscf.child.pid) - before, stats()
        report.check("tcp flood: every honest REGISTER is answered meanwhile",
                     all(line.startswith("SIP/2.0 421 ") and took < 2 for line, took in answers),
                     f"{answers}")
        report.check(f"tcp flood: less than {MOST_KB // 1024} MB for {N_CONNECTIONS} connections",
                     grown < MOST_KB, f"{grown} kB")
        report.check("tcp flood: no more connections than strangers may have",
                     0 < counted["tcp_connections"] <= 4096, f"{counted}")
        report.check("tcp flood: slow and boundless ones are closed",
                     counted["tcp_crowded_out"] > 0 and counted["tcp_refused"] > 0, f"{counted}")
        report.check("tcp flood: the P-CSCF runs", pcscf.running(), pcscf.tail())
        for sock in sockets:
            sock.close()
    finally:
        pcscf.stop()


def main(build):
    report = results.Report()
    sandbox.enter()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    run(report, build)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
