#!/usr/bin/python3
"""Floods of every kind against the real processes, while real UEs register, talk and leave: all of
them do, and no process grows beyond a bound. Usage: floods.py BUILD-DIRECTORY
"""
# Alone: who is served is a question of time.

import json
import os
import random
import resource
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import core, process, results, sandbox

EDGE = ("10.0.0.1", 5060)
N_UES, N_KNOWN = 10, 400      # UEs that register; subscribers whom the flood names
BURST, PAUSE_S = 10, 0.005    # of the flood: at most 2000 a second
MOST_KB = 24 * 1024           # that a process may grow in a flood; it bounds what a message may leave
FEW = 100                     # messages of a flood: in the middle of more the UEs live
LIMIT_S = 240                 # of real time, for all of it
TORTURE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                       "fuzz", "corpus", "pcscf")

REGISTER = (
    "REGISTER sip:{realm} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5070;branch=z9hG4bK{n}\r\n"
    "From: <sip:{impi}>;tag=1\r\nTo: <sip:{impi}>\r\nCall-ID: {n}\r\nCSeq: 1 REGISTER\r\n"
    "Max-Forwards: 70\r\nContact: <sip:{host}:5062>\r\nRequire: sec-agree\r\n"
    "Proxy-Require: sec-agree\r\nSecurity-Client: ipsec-3gpp; alg=hmac-sha-1-96; spi-c={spi}; "
    "spi-s={spi_s}; port-c={port}; port-s=5062\r\nAuthorization: Digest username=\"{impi}\", "
    "realm=\"{realm}\", nonce=\"\", uri=\"sip:{realm}\", response=\"\"\r\n"
    "Content-Length: 0\r\n\r\n")


class Flood:
    """Sends what `make(i, host)` says from a hundred addresses, until it is stopped."""

    def __init__(self, make, tcp=False):
        self.make, self.tcp, self.n_sent = make, tcp, 0
        self.stopping, self.open = threading.Event(), []
        with process.netns("ue"):
            self.sockets = [self._socket(f"10.1.200.{i + 1}") for i in range(100)] if not tcp else []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @staticmethod
    def _socket(host):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((host, 5070))
        sock.setblocking(False)
        return sock

    def _connect(self, i, message):
        """A connection that stays open at this end."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.bind((f"10.1.200.{i % 100 + 1}", 0))
        sock.settimeout(1)
        self.open.append(sock)
        sock.connect(EDGE)
        sock.sendall(message)

    def _send(self, i):
        message = self.make(i, f"10.1.200.{i % 100 + 1}")
        try:
            if self.tcp:
                self._connect(i, message)
            else:
                self.sockets[i % 100].sendto(message, EDGE)
        except OSError:
            pass  # refused, crowded out, or our own buffer is full
        self.n_sent += 1

    def _run(self):
        with process.netns("ue"):
            while not self.stopping.wait(PAUSE_S):
                for _ in range(BURST):
                    self._send(self.n_sent)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        for sock in self.sockets + self.open:
            sock.close()


def register(i, host, impi, realm):
    return REGISTER.format(impi=impi, realm=realm, host=host, n=f"f{i}", spi=4096 + 2 * i,
                           spi_s=4097 + 2 * i, port=20000 + i % 20000).encode()


def kinds(subscribers):
    """Name, and what the i-th message is."""
    realm = subscribers[0]["impi"].partition("@")[2]
    generator = random.Random(4475)
    torture = [open(os.path.join(TORTURE, name), "rb").read()
               for name in sorted(os.listdir(TORTURE))]
    huge = register(0, "10.1.200.1", "x@" + realm, realm)

    def malformed(i, host):
        message = bytearray(torture[i % len(torture)])
        for _ in range(i % 5):  # every fifth is the RFC's own
            message[generator.randrange(len(message))] = generator.randrange(256)
        return bytes(message)

    def giant(i, host):
        if i % 2:  # beyond what a head may have
            return huge[:-4] + b"\r\nX: " + b"x" * 40000 + b"\r\n\r\n"
        return huge.replace(b"Length: 0", b"Length: 60000") + b"b" * 60000

    def half_open(i, host):
        return (b"", huge[:200], huge.replace(b"Length: 0", b"Length: 60000") + b"b" * 30000,
                b"a" * 17000)[i % 4]

    return (
        ("random IMPIs", lambda i, host: register(i, host, f"{generator.getrandbits(60)}@{realm}",
                                                  realm), False),
        ("IMPIs of subscribers", lambda i, host: register(
            i, host, subscribers[N_UES + i % N_KNOWN]["impi"], realm), False),
        ("one victim's IMPI, who is one of those", lambda i, host: register(
            i, host, subscribers[0]["impi"], realm), False),
        ("giant datagrams", giant, False),
        ("malformed datagrams", malformed, False),
        ("half-open, slow and giant TCP", half_open, True),
    )


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS:")).split()[1])


class Fleet:
    """Real UEs: imsgate-ue, a command at a time."""

    def __init__(self, build):
        self.child = subprocess.Popen(
            ["ip", "netns", "exec", "ue", os.path.join(build, "tools/imsgate-ue"), "--subscribers",
             core.SUBSCRIBERS, "--n", str(N_UES), "--pcscf", f"{EDGE[0]}:{EDGE[1]}", "--wire",
             "ue0", "-i"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(self, command):
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def live(self):
        """Whether all register, talk and leave; and what went wrong."""
        first, talk, last = (self.say(command) for command in
                             ("register", "traffic 1", "deregister"))
        good = first["registered"] == N_UES == last["deregistered"] and \
            0 < talk["options_sent"] == talk["options_ok"] and \
            talk["messages_sent"] == talk["messages_ok"]
        return good, f"{first}, {talk}, {last}"


def under(flood, name, fleet, edge, report):
    before = {role: resident_kb(one.child.pid) for role, one in edge.roles.items()}
    time.sleep(0.3)
    began = flood.n_sent
    good, why = fleet.live()
    while good and flood.n_sent - began <= FEW:
        good, why = fleet.live()
    n_sent = flood.n_sent - began
    flood.stop()
    grown = {role: resident_kb(one.child.pid) - before[role] for role, one in edge.roles.items()}
    report.check(f"{name}: {N_UES} UEs register, talk and leave meanwhile", good,
                 f"of the flood {n_sent}; {why}")
    report.check(f"{name}: no process grows by more than {MOST_KB // 1024} MB",
                 max(grown.values()) < MOST_KB, f"kB: {grown}")
    report.check(f"{name}: all run", all(one.running() for one in edge.processes),
                 "\n".join(one.tail() for one in edge.processes))


def main(build):
    report = results.Report()
    sandbox.enter()
    sandbox.limit(LIMIT_S)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    edge = core.Core(build, N_UES + N_KNOWN)
    sandbox.ip("route add local 10.1.200.0/24 dev lo\n", netns="ue")
    fleet = Fleet(build)
    try:
        good, why = fleet.live()
        report.check(f"no flood: {N_UES} UEs register, talk and leave", good, why)
        for name, make, tcp in kinds(edge.subscribers()):
            under(Flood(make, tcp), name, fleet, edge, report)
    finally:
        fleet.child.kill()
        edge.stop()
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
