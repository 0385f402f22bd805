"""The few Diameter messages that a test says itself: RFC 6733 3 and 4, TS 29.229 6.1."""

import secrets
import socket
import struct

APPLICATION, VENDOR = 16777216, 10415


def _avp(code, value, vendor=0):
    if isinstance(value, int):
        value = struct.pack("!I", value)
    elif isinstance(value, str):
        value = value.encode()
    flags = 0xc0 if vendor else 0x40
    head = struct.pack("!II", code, flags << 24 | 8 + 4 * bool(vendor) + len(value))
    return head + (struct.pack("!I", vendor) if vendor else b"") + value + bytes(-len(value) % 4)


def _message(code, application, flags, avps):
    return struct.pack("!IIIII", 1 << 24 | 20 + len(avps), flags << 24 | code, application,
                       secrets.randbits(32), secrets.randbits(32)) + avps


def _application():
    return _avp(260, _avp(266, VENDOR) + _avp(258, APPLICATION))


def _origin(identity, realm):
    return _avp(264, identity) + _avp(296, realm)


def capabilities(identity, realm, address):
    """CER."""
    return _message(257, 0, 0x80, _origin(identity, realm) +
                    _avp(257, b"\0\1" + socket.inet_aton(address)) + _avp(266, VENDOR) +
                    _avp(269, "test") + _application())


def goodbye(identity, realm):
    """DPR: after it a peer may connect anew as if for the first time."""
    return _message(282, 0, 0x80, _origin(identity, realm) + _avp(273, 0))


def vectors(identity, realm, impi):
    """MAR for one vector."""
    return _message(303, APPLICATION, 0xc0, _avp(263, f"{identity};{secrets.token_hex(8)}") +
                    _application() + _avp(277, 1) + _origin(identity, realm) + _avp(283, realm) +
                    _avp(1, impi) + _avp(601, f"sip:{impi}", VENDOR) +
                    _avp(607, 1, VENDOR) +
                    _avp(612, _avp(608, "Digest-AKAv1-MD5", VENDOR), VENDOR) +
                    _avp(602, "sip:10.3.0.5:5090;transport=tls", VENDOR))


def receive(peer):
    """The next answer, as a dictionary of the last value of each AVP; requests are passed over."""
    while True:
        head = _take(peer, 20)
        body = _take(peer, int.from_bytes(head[1:4], "big") - 20)
        if not head[4] & 0x80:
            return dict(_split(body))


def result(avps):
    return int.from_bytes(avps[268], "big")


def _take(peer, n):
    data = b""
    while len(data) < n:
        piece = peer.recv(n - len(data))
        if not piece:
            raise EOFError("the peer has closed")
        data += piece
    return data


def _split(data):
    while data:
        code, rest = struct.unpack("!II", data[:8])
        length, start = rest & 0xffffff, 12 if rest >> 31 else 8
        yield code, data[start:length]
        data = data[length + -length % 4:]
