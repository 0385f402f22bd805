#!/usr/bin/python3
"""Floods of every kind against the real processes, while real UEs register, talk and leave: all of
them do, and no process grows beyond a bound; when the same flood comes again, once what the first has
left has had its time, none is larger than before. Over IPv4 and IPv6 in turn, UEs over UDP and TCP.
Usage: floods.py BUILD-DIRECTORY
"""
# Alone: who is served is a question of time.

import os
import random
import resource
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import clock, core, fleet, process, results, sandbox, way
from support.way import WAYS

N_UES, N_KNOWN = 10, 400      # UEs that register; subscribers whom the flood names
N_SOURCES = 100               # addresses of the flood
SOURCE = {4: "10.1.200.{}", 6: "fd02:0:0:{:x}::1"}  # a /64 is one source
ONE_SOURCE = "fd02:0:0:fff::{:x}"
SOURCES = "10.1.200.0/24", "fd02::/48"
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
IPV6_FREEBIND = 78            # linux/in6.h: a local route alone does not do there
BURST, PAUSE_S = 10, 0.005    # of the flood: at most 2000 a second
MOST_KB = 16 * 1024           # that a process may grow in a flood
AGAIN_KB = 512                # beyond that, when the same comes again
STEP_S = 150                  # of the clock; four minutes is what an attempt has
UNBOUNDED = 1 << 40
AT_ONCE = 100                 # REGISTERs that one source may send without a pause
LIMITED = [("source_registers_per_min: 0 ", "source_registers_per_min: 600 ")]  # as by default
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
    """Sends what `make(i, host)` says from a hundred addresses, until it is stopped, or has sent so
    many."""

    def __init__(self, make, ip, tcp, most, source=None):
        self.make, self.ip, self.tcp, self.n_sent, self.most = make, ip, tcp, 0, most
        self.source = source or SOURCE[ip]
        self.edge = (way.PCSCF[ip], 5060)
        self.stopping, self.open = threading.Event(), []
        with process.netns("ue"):
            self.sockets = [self._socket(socket.SOCK_DGRAM, i, 5070) for i in range(N_SOURCES)] \
                if not tcp else []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _host(self, i):
        return self.source.format(i % N_SOURCES + 1)

    def _socket(self, kind, i, port):
        sock = socket.socket(FAMILY[self.ip], kind)
        if self.ip == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        sock.bind((self._host(i), port))
        sock.setblocking(False)
        return sock

    def _connect(self, i, message):
        """A connection that stays open at this end."""
        sock = self._socket(socket.SOCK_STREAM, i, 0)
        sock.settimeout(1)
        self.open.append(sock)
        sock.connect(self.edge)
        sock.sendall(message)

    def _send(self, i):
        host = self._host(i)
        message = self.make(i, host if self.ip == 4 else f"[{host}]")
        try:
            if self.tcp:
                self._connect(i, message)
            else:
                self.sockets[i % N_SOURCES].sendto(message, self.edge)
        except OSError:
            pass  # refused, crowded out, or our own buffer is full
        self.n_sent += 1

    def _run(self):
        with process.netns("ue"):
            while not self.stopping.wait(PAUSE_S):
                for _ in range(min(BURST, self.most - self.n_sent)):
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
    """Name, what the i-th message is, whether over TCP, and how many UEs are registered before."""
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
                                                  realm), False, 0),
        ("IMPIs of subscribers", lambda i, host: register(
            i, host, subscribers[N_UES + i % N_KNOWN]["impi"], realm), False, 0),
        ("one victim's IMPI, who is one of those and registered", lambda i, host: register(
            i, host, subscribers[0]["impi"], realm), False, 1),
        ("giant datagrams", giant, False, 0),
        ("malformed datagrams", malformed, False, 0),
        ("half-open, slow and giant TCP", half_open, True, 0),
    )


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS:")).split()[1])


def live(ues, n_there, flood):
    """Whether all but those who are there register, and all talk, refresh and leave, in the middle of
    a flood; and what went wrong."""
    began = flood.n_sent
    first, talk = ues.ask("register"), ues.ask("traffic 1")
    while flood.n_sent - began < FEW:
        talk = ues.ask("traffic 1")
    again, last = ues.ask("reregister"), ues.ask("deregister")
    good = first["registered"] == N_UES - n_there and \
        again["registered"] == N_UES == last["deregistered"] and \
        0 < talk["options_sent"] == talk["options_ok"] and \
        talk["messages_sent"] == talk["messages_ok"]
    return good, f"{first}, {talk}, {again}, {last}"


class Scene:
    """A flood of one kind, and UEs by one way."""

    def __init__(self, report, edge, name, by):
        self.report, self.edge, self.by = report, edge, by
        self.name = f"{name} over IPv{by.ip}, UEs over {by.transport.upper()}"
        self.ues = fleet.Fleet(edge.build, N_UES, by=by)

    def check(self, claim, holds, why):
        self.report.check(f"{self.name}: {claim}", holds, why)

    def sizes(self):
        return {role: resident_kb(one.child.pid) for role, one in self.edge.roles.items()}

    def forget(self, moved):
        """Until all that a flood has left is over. In steps, as who waits for an answer has to get it."""
        for _ in range(20):
            time.sleep(0.2)
            pcscf, scscf = self.edge.status("pcscf"), self.edge.status("scscf")
            if not any((pcscf["txn"], pcscf["ues"], scscf["txn"], scscf["attempt"])):
                return
            moved.after(STEP_S)
        self.check("all that it leaves is over in the end", False, f"{pcscf} {scscf}")

    def under(self, make, tcp, n_there, most, when):
        """How many messages it was, and the sizes of all processes in the end."""
        if n_there:
            self.ues.ask(f"register {n_there}")
        flood = Flood(make, self.by.ip, tcp, most)
        time.sleep(0.3)
        good, why = live(self.ues, n_there, flood)
        flood.stop()
        self.check(f"{N_UES} UEs register, talk and leave {when}", good,
                   f"of the flood {flood.n_sent}; {why}")
        self.check(f"all run {when}", all(one.running() for one in self.edge.processes),
                   "\n".join(one.tail() for one in self.edge.processes))
        return flood.n_sent, self.sizes()

    def run(self, make, tcp, n_there, moved):
        before = self.sizes()
        n_sent, first = self.under(make, tcp, n_there, UNBOUNDED, "meanwhile")
        grown = {role: first[role] - before[role] for role in before}
        self.forget(moved)
        first = {role: max(first[role], size) for role, size in self.sizes().items()}
        _, second = self.under(make, tcp, n_there, n_sent, "when it comes again")
        self.forget(moved)
        self.ues.stop()
        self.check(f"no process grows by more than {MOST_KB // 1024} MB",
                   max(grown.values()) < MOST_KB, f"kB: {grown}")
        more = {role: second[role] - first[role] for role in before}
        self.check(f"nor by more than {AGAIN_KB} kB more when it comes again",
                   max(more.values()) < AGAIN_KB, f"kB: {more}")


def one_source(report, edge, make):
    """A host that has a /64 of its own is one source, whatever address of it it sends from."""
    before = edge.status("pcscf")["register_throttled"]
    flood = Flood(make, 6, False, 3 * AT_ONCE, ONE_SOURCE)
    while flood.n_sent < flood.most:
        time.sleep(0.05)
    time.sleep(0.3)
    flood.stop()
    n = edge.status("pcscf")["register_throttled"] - before
    report.check(f"c146a of {flood.n_sent} REGISTERs from {N_SOURCES} addresses of one /64 more than "
                 f"{AT_ONCE} are refused", n > AT_ONCE, f"{n} were")


def main(build):
    report = results.Report()
    sandbox.enter()
    sandbox.limit(LIMIT_S)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    moved = clock.Clock(build)
    edge = core.Core(build, N_UES + N_KNOWN, moved.environment, way.UDP6.changes() + LIMITED)
    for sources in SOURCES:
        sandbox.ip(f"route add local {sources} dev lo\n", netns="ue")
    sandbox.ip("route add fd02::/48 via fd00::2\n", netns="edge")
    try:
        floods = kinds(edge.subscribers())
        one_source(report, edge, floods[0][1])
        for number, (name, make, tcp, n_there) in enumerate(floods):
            Scene(report, edge, name, WAYS[number % len(WAYS)]).run(make, tcp, n_there, moved)
    finally:
        edge.stop()
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
