"""A UE of a test: its side of one SA set over IPv4, ESP put together here byte by byte."""

import hashlib
import hmac
import os
import socket
import struct

from support import api, process

EDGE, UE = "10.0.0.1", "10.0.0.2"
MAC = "02:00:00:00:00:02"
PORT_PS = 5063
# Hash, and bytes of the ICV.
HASH = {"hmac-sha-1-96": (hashlib.sha1, 12), "hmac-md5-96": (hashlib.md5, 12),
        "hmac-sha-256-128": (hashlib.sha256, 16)}
KEY_BYTES = {"null": 0, "hmac-sha-1-96": 16, "hmac-md5-96": 16, "hmac-sha-256-128": 32,
             "aes-gmac": 16, "aes-gmac-256": 32, "aes-cbc": 16, "aes-cbc-256": 32,
             "des-ede3-cbc": 24, "aes-gcm": 16, "aes-gcm-256": 32}
ESP, UDP = 50, 17


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, destination, protocol, payload):
    def header(sum_):
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, sum_,
                           socket.inet_aton(source), socket.inet_aton(destination))
    return header(checksum(header(0))) + payload


class Peer:
    """One pair of SAs between a port of the UE and the edge's protected server port."""

    def __init__(self, number, integrity="hmac-sha-1-96", cipher="null", address=UE):
        self.registration = number
        self.address = address
        self.integrity, self.cipher = integrity, cipher
        self.port = 20000 + number
        self.auth_key = os.urandom(KEY_BYTES[integrity])  # IK; TS 33.203 Annex I
        self.auth_key += bytes(4) if integrity == "hmac-sha-1-96" else b""
        self.cipher_key = os.urandom(KEY_BYTES[cipher])
        self.spi_out = 0x20000 + number  # what the edge sends
        self.spi_in = None
        self.sequence = 0

    def packed(self):
        return api.make_set(self.registration, EDGE, self.address,
                            self.integrity.removesuffix("-256"), self.cipher.removesuffix("-256"),
                            self.auth_key, self.cipher_key,
                            [api.sa(api.IN, PORT_PS, self.port),
                             api.sa(api.OUT, PORT_PS, self.port, self.spi_out)])

    def install(self, client):
        self.spi_in = client.install(self.packed())[0]

    def icv(self, data):
        if self.integrity not in HASH:
            return bytes(16)  # a wrong one
        hash_, n_bytes = HASH[self.integrity]
        return hmac.new(self.auth_key, data, hash_).digest()[:n_bytes]

    def seal(self, payload):
        """The next ESP packet toward the edge, as an IP packet. NULL encryption."""
        self.sequence += 1
        # A UDP checksum of 0 is none (RFC 768).
        body = struct.pack("!HHHH", self.port, PORT_PS, 8 + len(payload), 0) + payload
        pad = -(len(body) + 2) % 4
        data = struct.pack("!II", self.spi_in, self.sequence) + body
        data += bytes(range(1, pad + 1)) + bytes([pad, UDP])
        return ipv4(self.address, EDGE, ESP, data + self.icv(data))

    def open(self, packet):
        """(sequence number, payload) of an ESP packet from the edge; None when it is not ours."""
        if packet[9] != ESP:
            return None
        n_bytes = HASH[self.integrity][1]
        data, icv = packet[20:-n_bytes], packet[-n_bytes:]
        spi, sequence = struct.unpack_from("!II", data)
        if spi != self.spi_out or self.icv(data) != icv:
            return None
        return sequence, data[16:len(data) - 2 - data[-2]]


class Wire:
    """The UE's end of the network: frames as they are."""

    def __init__(self, interface, edge_mac, netns="wire"):
        with process.netns(netns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.bind((interface, 0x0800))
        self.header = bytes.fromhex((edge_mac + MAC).replace(":", "")) + b"\x08\x00"

    def send(self, packet):
        self.socket.send(self.header + packet)

    def received(self, timeout_s):
        """The IP packets that come, until none has for so long."""
        self.socket.settimeout(timeout_s)
        while True:
            try:
                frame, address = self.socket.recvfrom(65536)
            except TimeoutError:
                return
            if address[2] != socket.PACKET_OUTGOING:
                yield frame[14:]
