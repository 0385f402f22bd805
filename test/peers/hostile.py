#!/usr/bin/python3
"""What no honest peer sends: each packet moves exactly the counter of its reason, and no other.

Headers are scapy's, ESP is put together here byte by byte, so that everything in it can be wrong.
Usage: hostile.py BUILD-DIRECTORY
"""

import hashlib
import hmac
import importlib.util
import os
import random
import secrets
import shutil
import socket
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import dataplane, derived, process, results, sandbox

if not importlib.util.find_spec("scapy"):
    absent = results.Report()
    absent.skipped("hostile", "no scapy")
    sys.exit(absent.exit_status())
sandbox.enter()  # before scapy looks at the interfaces
from scapy.all import (ICMP, IP, TCP, UDP, Dot1Q, Ether, IPOption, IPv6,  # noqa: E402
                       IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, Raw)

PORT_PS, PORT_PC, PORT_UC, PORT_US = 5063, 6000, 20000, 20001
N_PORT_PC = 64  # as the zone has: test/support/dataplane.py
WINDOW = 128
ESP, UDP_PROTOCOL, TCP_PROTOCOL = 50, 17, 6
BURST = 32  # frames on their way at a time: no queue overflows
HASH = {"hmac-sha-1-96": hashlib.sha1, "hmac-md5-96": hashlib.md5}
EDGE = {4: "10.0.0.1", 6: "fd00::1"}
UE = {4: "10.0.0.2", 6: "fd00::2"}


class Sa:
    """The sender's side of one inbound SA of the edge, in transport mode."""

    def __init__(self, edge, family, integrity, cipher, number):
        self.family = family
        self.hash = HASH[integrity]
        key = secrets.token_hex(16) + "00000000" * (integrity == "hmac-sha-1-96")
        self.key = bytes.fromhex(key)
        self.port = PORT_UC + 2 * number
        self.sequence = 3  # the first ones are taken by name
        arguments = ["sa", "add", "--zone", "access", "--local", EDGE[family], "--peer", UE[family],
                     "--integrity", integrity, "--cipher", cipher, "--key", key,
                     "--in", f"{PORT_PS}:{self.port}", "--out", f"{PORT_PS}:{self.port}:70000"]
        self.cipher_key = secrets.token_bytes(16) if cipher != "null" else b""
        arguments += ["--cipher-key", self.cipher_key.hex()] * (cipher != "null")
        self.spi = edge.imsgate(*arguments)["sas"][0]["spi"]

    def next(self):
        self.sequence += 1
        return self.sequence

    def seal(self, body, sequence=None, spi=None):
        """ESP around a body that has its trailer: header and a valid ICV."""
        sequence = self.next() if sequence is None else sequence
        data = struct.pack("!II", self.spi if spi is None else spi, sequence) + body
        return data + hmac.new(self.key, data, self.hash).digest()[:12]

    def udp(self, payload, source=None, port=PORT_PS):
        """A UDP datagram, checksum and all, without its IP header."""
        return udp_bytes(self.family, payload, source or self.port, port)

    def packet(self, payload=b"hello", **changed):
        body = self.udp(payload)
        return self.seal(body + trailer(len(body), UDP_PROTOCOL), **changed)


def trailer(n_bytes, next_header):
    """RFC 4303 2.4: padding 1, 2, 3 ... to a multiple of four."""
    pad = -(n_bytes + 2) % 4
    return bytes(range(1, pad + 1)) + bytes([pad, next_header])


def ip(family, protocol, payload, source=None, **fields):
    """An IP packet from the UE to the edge."""
    source = source or UE[family]
    if family == 4:
        return bytes(IP(src=source, dst=EDGE[4], proto=protocol, **fields) / Raw(payload))
    return bytes(IPv6(src=source, dst=EDGE[6], nh=protocol, **fields) / Raw(payload))


def udp_bytes(family, payload, source, port):
    header = IP(src=UE[4], dst=EDGE[4]) if family == 4 else IPv6(src=UE[6], dst=EDGE[6])
    packet = bytes(header / UDP(sport=source, dport=port) / Raw(payload))
    return packet[20 if family == 4 else 40:]


class Wire:
    """Sends frames as they are, and asks the data plane what it made of them."""

    def __init__(self, report, edge):
        self.report = report
        self.edge = edge
        with process.netns("wire"):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind(("nic0", 0))
        self.mac = sandbox.mac_address("gm0", "edge")

    def frame(self, packet, kind=None):
        kind = kind or (0x0800 if packet[0] >> 4 == 4 else 0x86dd)
        return bytes(Ether(dst=self.mac, src="02:00:00:00:00:01", type=kind)) + packet

    def send(self, frames):
        """Sends, and waits until all have been received. The counters before and after."""
        before = self.edge.counters()
        for start in range(0, len(frames), BURST):
            for frame in frames[start:start + BURST]:
                self.socket.send(frame)
            wanted = before["network_rx"] + min(start + BURST, len(frames))
            process.wait_until("the frames' arrival",
                               lambda: self.edge.counters()["network_rx"] >= wanted, 5,
                               [self.edge.process])
        # A burst is counted as received first, and as dropped or passed in the same turn.
        total = ("network_rx", "esp_rx", "clear_rx", "fragment_rx", "fragment_whole")
        process.wait_until("the frames' verdicts", lambda: self._settled(before, total), 5)
        return before, self.edge.counters()

    def _settled(self, before, total):
        now = self.edge.counters()
        moved = {name: now[name] - before[name] for name in total}
        dropped = sum(dataplane.drops(before, now).values())
        whole = moved["network_rx"] - moved["fragment_rx"] + moved["fragment_whole"]
        return whole == moved["esp_rx"] + moved["clear_rx"] + dropped

    def dropped(self, name, counter, frames, n=None):
        """Each frame is dropped for this reason, or all as n packets."""
        before, after = self.send(frames)
        moved = dataplane.drops(before, after)
        passed = after["kernel_tx"] - before["kernel_tx"]
        self.report.check(f"hostile: {name}: {counter} ({len(frames)})",
                          moved == {counter: n or len(frames)} and not passed,
                          f"sent {len(frames)}, dropped {moved}, passed {passed}")

    def accepted(self, name, frames, counter="esp_rx", n=None):
        """Each frame gets through to the kernel port, or all as n packets."""
        before, after = self.send(frames)
        moved = dataplane.drops(before, after)
        passed = after[counter] - before[counter]
        self.report.check(f"hostile: {name}: accepted ({len(frames)})",
                          passed == (n or len(frames)) and not moved,
                          f"sent {len(frames)}, dropped {moved}, passed {passed}")


def flipped(data, first, last):
    """Copies of data with one bit of the bytes first ... last - 1 inverted in each."""
    for bit in range(first * 8, last * 8):
        copy = bytearray(data)
        copy[bit // 8] ^= 0x80 >> bit % 8
        yield bytes(copy)


def integrity(wire, sa, name):
    def esp(packet):
        return wire.frame(ip(sa.family, ESP, packet))

    packet = sa.packet(sequence=3)  # no single bit makes 0 of it
    wire.dropped(f"{name}: every bit behind the SPI flipped", "esp_bad_icv",
                 [esp(copy) for copy in flipped(packet, 4, len(packet))])
    wire.dropped(f"{name}: every bit of the SPI flipped", "esp_unknown_spi",
                 [esp(copy) for copy in flipped(packet, 0, 4)])
    wire.accepted(f"{name}: the packet itself, after all that", [esp(packet)])
    wire.dropped(f"{name}: played again", "esp_replayed", [esp(packet)] * 3)


def window(wire, sa, name):
    def esp(sequence):
        return wire.frame(ip(sa.family, ESP, sa.packet(sequence=sequence)))

    def forged(sequence):
        packet = bytearray(sa.packet(sequence=sequence))
        packet[-1] ^= 1
        return wire.frame(ip(sa.family, ESP, bytes(packet)))

    top = 10000
    wire.dropped(f"{name}: sequence number 0", "esp_zero_sequence", [esp(0)])
    wire.accepted(f"{name}: a jump beyond the window", [esp(top)])
    wire.accepted(f"{name}: right of the window by one", [esp(top + 1)])
    top += 1
    wire.dropped(f"{name}: the new top again", "esp_replayed", [esp(top)])
    wire.accepted(f"{name}: the left edge", [esp(top - WINDOW + 1)])
    wire.dropped(f"{name}: the left edge again", "esp_replayed", [esp(top - WINDOW + 1)])
    wire.dropped(f"{name}: left of the left edge", "esp_late", [esp(top - WINDOW), esp(1)])
    wire.dropped(f"{name}: forged numbers far ahead", "esp_bad_icv",
                 [forged(top + 1000), forged(0xffffffff)])
    wire.accepted(f"{name}: the window did not move for them", [esp(top - WINDOW + 2)])
    wire.accepted(f"{name}: the rest of the window, each once",
                  [esp(n) for n in range(top - WINDOW + 3, top - 1)])
    wire.dropped(f"{name}: all of the window again", "esp_replayed",
                 [esp(n) for n in range(top - WINDOW + 1, top + 1)])
    sa.sequence = top + 1


def trailers(wire, sa, name):
    def sealed(body):
        return wire.frame(ip(sa.family, ESP, sa.seal(body)))

    udp = sa.udp(b"12")  # 10 bytes: no padding
    bad = [udp + bytes([2, 1, 2]) + b"\0\2\x11", udp + b"\1\2\4\3\x11", udp + b"\0\0\0\3\x11",
           udp + bytes(range(1, 255)) + b"\1" + bytes([255, 17])]
    wire.dropped(f"{name}: padding that is not 1, 2, 3 ...", "esp_bad_padding",
                 [sealed(body) for body in bad])
    wire.dropped(f"{name}: pad length longer than the packet", "esp_bad_padding",
                 [sealed(udp + bytes([pad, 17])) for pad in range(11, 256)])
    wire.accepted(f"{name}: the longest padding that there is",
                  [sealed(udp + bytes(range(1, 256)) + bytes([255, 17]))])
    wire.dropped(f"{name}: next header 59", "esp_dummy", [sealed(udp + b"\0\x3b")])
    wire.dropped(f"{name}: next header neither UDP nor TCP", "esp_bad_next_header",
                 [sealed(udp + bytes([0, n])) for n in range(256) if n not in (6, 17, 59)])


def selectors(wire, sa, other, name):
    def sealed(body, protocol=UDP_PROTOCOL, **fields):
        packet = sa.seal(body + trailer(len(body), protocol))
        return wire.frame(ip(sa.family, ESP, packet, **fields))

    tcp = bytes(TCP(sport=sa.port, dport=PORT_PC, flags="S"))
    wire.dropped(f"{name}: ports of somebody else", "esp_wrong_port",
                 [sealed(sa.udp(b"", source=other.port)), sealed(sa.udp(b"", port=5060)),
                  sealed(sa.udp(b"", port=PORT_PC)), sealed(tcp, TCP_PROTOCOL)])
    stranger = "10.0.0.3" if sa.family == 4 else "fd00::3"
    wire.dropped(f"{name}: address of somebody else", "esp_wrong_address",
                 [sealed(sa.udp(b""), source=stranger)])
    wire.dropped(f"{name}: our own address as the sender's", "esp_reflected",
                 [wire.frame(ip(sa.family, ESP, sa.packet(spi=70000), source=EDGE[sa.family]))])
    wire.dropped(f"{name}: inner UDP header cut", "packet_truncated",
                 [sealed(sa.udp(b"")[:n]) for n in range(8)])
    wire.dropped(f"{name}: inner TCP header cut", "packet_truncated",
                 [sealed(tcp[:n], TCP_PROTOCOL) for n in range(20)])
    used = {sa.spi, other.spi}
    spis = [spi for spi in [0, 1, 255, 256, 0xffffffff] +
            [random.getrandbits(32) for _ in range(1000)] if spi not in used]
    wire.dropped(f"{name}: random SPIs", "esp_unknown_spi",
                 [wire.frame(ip(sa.family, ESP, sa.packet(spi=spi))) for spi in spis])


def lengths(wire, sa, name):
    packet = sa.packet()
    frame = wire.frame(ip(sa.family, ESP, packet))
    wire.dropped(f"{name}: the frame cut at every byte", "packet_truncated",
                 [frame[:n] for n in range(14, len(frame))])
    tagged = bytes(Ether(dst=wire.mac, src="02:00:00:00:00:01") / Dot1Q(vlan=7)) + frame[14:]
    tagged = tagged[:16] + frame[12:14] + frame[14:]
    wire.dropped(f"{name}: the tagged frame cut at every byte", "packet_truncated",
                 [tagged[:n] for n in range(14, len(tagged))])
    wire.dropped(f"{name}: a VLAN that no zone has", "packet_unknown_zone", [tagged])
    shortest = 8 + 2 + 12
    wire.dropped(f"{name}: ESP shorter than header, trailer and ICV", "esp_truncated",
                 [wire.frame(ip(sa.family, ESP, packet[:n])) for n in range(shortest)])
    wire.dropped(f"{name}: ESP cut at every byte behind that", "esp_bad_icv",
                 [wire.frame(ip(sa.family, ESP, packet[:n]))
                  for n in range(shortest, len(packet))])
    udp = udp_bytes(sa.family, b"", 5060, 5060)
    wire.dropped(f"{name}: clear UDP without ports", "packet_truncated",
                 [wire.frame(ip(sa.family, UDP_PROTOCOL, udp[:n])) for n in range(4)])


def blocks(wire, sa, name):
    """AES-CBC: whole blocks or nothing; what decrypts to noise has no good padding."""
    def sealed(body):
        return wire.frame(ip(sa.family, ESP, sa.seal(body)))

    wire.dropped(f"{name}: no whole blocks", "esp_truncated",
                 [sealed(bytes(n)) for n in range(1, 100) if n % 16 or n < 32])
    # Noise ends in a pad length of 0, which is good, once in 256: here the last block is known.
    last = bytes(16) + derived.encrypt(sa.cipher_key, bytes(13) + b"\3\3\x11")
    wire.dropped(f"{name}: noise in whole blocks", "esp_bad_padding",
                 [sealed(secrets.token_bytes(n) + last) for n in range(0, 1368, 160)])


def fragments(wire, sa, name):
    def fragment(number, offset, more, data, protocol=ESP):
        if sa.family == 4:
            return wire.frame(ip(4, protocol, data, id=number, frag=offset, flags=more))
        return wire.frame(bytes(
            IPv6(src=UE[6], dst=EDGE[6]) /
            IPv6ExtHdrFragment(nh=protocol, offset=offset, m=more, id=number) / Raw(data)))

    packet = sa.packet(payload=bytes(64))
    first, last = (fragment(1, 0, 1, packet[:48]), fragment(1, 6, 0, packet[48:]))
    wire.accepted(f"{name}: ESP in fragments", [first, last], n=1)
    wire.dropped(f"{name}: the same fragments again", "esp_replayed", [last, first], n=1)
    packet = sa.packet(payload=bytes(64))
    wire.dropped(f"{name}: fragments that overlap", "fragment_overlap",
                 [fragment(2, 0, 1, packet[:48]), fragment(2, 5, 1, packet[40:56]),
                  fragment(2, 6, 0, packet[48:])])
    udp = udp_bytes(sa.family, bytes(64), 4000, PORT_PS)
    wire.dropped(f"{name}: clear UDP to a protected port, 8 bytes at a time",
                 "clear_udp_to_protected",
                 [fragment(3, n, n < len(udp) // 8 - 1, udp[8 * n:8 * n + 8], UDP_PROTOCOL)
                  for n in range(len(udp) // 8)], n=1)


def headers(wire, v4, v6):
    """What is in front of ESP."""
    good = ip(4, ESP, v4.packet())
    bad = [bytes([version << 4 | 5]) + good[1:] for version in (0, 5, 6, 15)]
    bad += [bytes([0x40 | words]) + good[1:] for words in range(5)]
    bad += [good[:2] + struct.pack("!H", n) + good[4:] for n in range(20)]
    wire.dropped("IPv4: impossible version or lengths", "packet_malformed",
                 [wire.frame(packet, 0x0800) for packet in bad])
    options = ip(4, ESP, v4.packet(), options=[IPOption(b"\1\1\1\1")])
    wire.accepted("IPv4 with options", [wire.frame(options)])

    def extended(*extensions):
        packet = IPv6(src=UE[6], dst=EDGE[6])
        for extension in extensions:
            packet = packet / extension
        packet = bytes(packet)
        last = 40 + sum(len(bytes(extension)) for extension in extensions[:-1])
        packet = packet[:last] + bytes([ESP]) + packet[last + 1:] + v6.packet()
        return packet[:4] + struct.pack("!H", len(packet) - 40) + packet[6:]

    two = extended(IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt())
    wire.accepted("IPv6 with hop-by-hop and destination options", [wire.frame(two)])
    wire.dropped("IPv6: payload length ends in an extension header", "packet_truncated",
                 [wire.frame(two[:4] + struct.pack("!H", n) + two[6:]) for n in range(16)])
    wire.dropped("IPv6: an extension header longer than the packet", "packet_truncated",
                 [wire.frame(two[:41] + b"\xff" + two[42:])])
    many = extended(*[IPv6ExtHdrDestOpt()] * 9)
    wire.dropped("IPv6: extension headers without end", "packet_malformed", [wire.frame(many)])
    wire.dropped("IPv6: impossible version", "packet_malformed",
                 [wire.frame(bytes([version << 4]) + two[1:], 0x86dd) for version in (0, 4, 7)])


def clear(wire, family, name):
    """C-061: nothing in the clear reaches a protected port; everything else does."""
    protected = [PORT_PS] + list(range(PORT_PC, PORT_PC + N_PORT_PC))

    def udp(port):
        return wire.frame(ip(family, UDP_PROTOCOL, udp_bytes(family, b"x", 5060, port)))

    def tcp(port, flags):
        header = IP(src=UE[4], dst=EDGE[4]) if family == 4 else IPv6(src=UE[6], dst=EDGE[6])
        return wire.frame(bytes(header / TCP(sport=5060, dport=port, flags=flags)))

    wire.dropped(f"{name}: clear UDP to protected ports", "clear_udp_to_protected",
                 [udp(port) for port in protected])
    wire.dropped(f"{name}: clear TCP to protected ports", "clear_tcp_to_protected",
                 [tcp(port, flags) for port in protected for flags in ("S", "A", "R", "FPU")])
    if family == 4:
        echo = bytes(IP(src=UE[4], dst=EDGE[4]) / ICMP())
        wire.accepted(f"{name}: ICMP", [wire.frame(echo)], "clear_rx")
    wire.accepted(f"{name}: clear UDP to other ports",
                  [udp(port) for port in (5060, 5062, 5064, 5999, PORT_PC + N_PORT_PC)], "clear_rx")


def run(report, build, directory):
    sandbox.ip("netns add wire\nnetns add edge\n")
    # Nobody but this test speaks on the wire.
    with process.netns("wire"):
        with open("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w") as file:
            file.write("1")
    # A tap takes every frame as it is. net_af_packet would have the kernel reassemble fragments.
    edge = dataplane.Dataplane(build, directory, "net_tap1,iface=nic0")
    wire = Wire(report, edge)
    suites = [(4, "hmac-sha-1-96"), (6, "hmac-md5-96"), (4, "hmac-md5-96"), (6, "hmac-sha-1-96")]
    sas = [Sa(edge, family, name, "null", number)
           for number, (family, name) in enumerate(suites)]
    windows = [Sa(edge, family, name, "null", number + 4)
               for number, (family, name) in enumerate(suites)]
    ciphers = [Sa(edge, family, name, "aes-cbc", number + 8)
               for number, (family, name) in enumerate(suites)]
    for number, (family, suite) in enumerate(suites):
        name = f"IPv{family} {suite}"
        integrity(wire, sas[number], name)
        window(wire, windows[number], name)
        trailers(wire, sas[number], name)
        selectors(wire, sas[number], sas[number - 2], name)
        lengths(wire, sas[number], name)
        fragments(wire, sas[number], name)
        blocks(wire, ciphers[number], f"{name} aes-cbc")
    headers(wire, sas[0], sas[1])
    clear(wire, 4, "IPv4")
    clear(wire, 6, "IPv6")
    report.check("hostile: the data plane ends well", edge.process.stop() == 0,
                 edge.process.tail())


def main():
    report = results.Report()
    random.seed(20)
    directory = tempfile.mkdtemp(prefix="imsgate-hostile-")
    try:
        run(report, os.path.abspath(sys.argv[1]), directory)
    finally:
        shutil.rmtree(directory)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
