"""What the P-CSCF forwards to the S-CSCF: of requests over UDP in the core, all headers as they were on
loopback, which no role had a hand in."""

import re
import socket
import struct

from support import process

PORTS = (5070, 5090)     # of the P-CSCF in the core and of the S-CSCF: configs/lab.yaml
IPV4, UDP_BYTES = 0x0800, 8


class Request:
    """Header names in lower case; of each, its lines."""

    def __init__(self, text):
        start, *lines = text.partition("\r\n\r\n")[0].split("\r\n")
        self.method = start.split()[0]
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.headers.setdefault(name.strip().lower(), []).append(value.strip())

    def lines(self, name):
        return self.headers.get(name.lower(), [])

    def sender(self):
        """The identity of From."""
        return re.search(r"<([^>]*)>", self.lines("From")[0])[1]

    def is_inside(self):
        """Of a dialogue."""
        return ";tag=" in self.lines("To")[0]


class Listener:
    """From its begin on; as many as the kernel keeps for a socket, and on loopback each of them twice."""

    def __init__(self, netns):
        with process.netns(netns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(IPV4))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.bind(("lo", IPV4))

    def requests(self):
        """Those that came by now; then it hears no more."""
        found = []
        with self.socket:
            while True:
                try:
                    packet = self.socket.recv(65536, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    return found
                at = (packet[0] & 15) * 4
                if packet[9] != socket.IPPROTO_UDP or \
                        struct.unpack_from("!HH", packet, at) != PORTS:
                    continue
                text = packet[at + UDP_BYTES:].decode(errors="replace")
                if not text.startswith("SIP/2.0"):
                    found.append(Request(text))
