"""A client of the data plane's socket: the structs of dataplane/api.h, and nothing in between."""

import errno
import ipaddress
import socket
import struct

HEADER = struct.Struct("=HHHHiIQ")
HELLO_ENTRY = struct.Struct("=32sIIII")
SA = struct.Struct("=B3xIHHIQ")
SET = struct.Struct("=QHBBBBBBII4s32s32s16s16s4x")
SET_SAS = 4
RESULT = struct.Struct("=QiIIIII")
STATE_BYTES = 24 + SET_SAS * SA.size  # of api_set_state, before the windows
SET_ID = struct.Struct("=QII")
CURSOR = struct.Struct("=II")
SA_INFO = struct.Struct("=QIIIIHHHBBBBB5x16s16sQQQ")

HELLO, INSTALL, UPDATE, DELETE, RESTORE, LIST = range(1, 7)
FREEZE, THAW, EXPORT = 18, 19, 20
IN, OUT = 1, 2
TRANSPORT = 1
INTEGRITY = {"null": 0, "hmac-md5-96": 1, "hmac-sha-1-96": 2, "hmac-sha-256-128": 3, "aes-gmac": 4}
CIPHER = {"null": 0, "aes-cbc": 1, "des-ede3-cbc": 2, "aes-gcm": 3}


def sa(direction, local_port, peer_port, spi=0, sequence=0):
    return SA.pack(direction, spi, local_port, peer_port, 0, sequence)


def make_set(registration, local, peer, integrity, cipher, auth_key, cipher_key, sas):
    """An api_set of zone 0, transport mode, without an end."""
    own, other = (ipaddress.ip_address(address) for address in (local, peer))
    packed = SET.pack(registration, 0, own.version, TRANSPORT, INTEGRITY[integrity],
                      CIPHER[cipher], len(auth_key), len(cipher_key), 0, 0, bytes(4), auth_key,
                      cipher_key, own.packed, other.packed)
    return packed + b"".join(sas) + bytes(SA.size) * (SET_SAS - len(sas))


class Client:
    """One connection; each call is a request and its reply."""

    def __init__(self, path, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.cookie = 0
        answer = HELLO_ENTRY.unpack(self.ask(HELLO, [HELLO_ENTRY.pack(name.encode(), 0, 0, 0, 0)]))
        self.owner, self.n_adopted, self.capacity, self.n_free = answer[1:]

    def close(self):
        self.socket.close()

    def ask(self, kind, entries):
        self.cookie += 1
        body = b"".join(entries)
        self.socket.send(HEADER.pack(1, kind, 0, len(entries), 0, HEADER.size + len(body),
                                     self.cookie) + body)
        while True:
            reply = self.socket.recv(65536)
            _, _, _, _, status, _, cookie = HEADER.unpack_from(reply)
            if cookie == self.cookie:  # another one is an event's
                break
        if status:
            raise OSError(-status, "the data plane refused a request")
        return reply[HEADER.size:]

    def install(self, packed):
        """The SPIs of the set's SAs."""
        result = RESULT.unpack(self.ask(INSTALL, [packed]))
        if result[1]:
            raise OSError(-result[1], "the data plane refused an SA set")
        return result[2:2 + SET_SAS]

    def delete(self, registrations):
        self.ask(DELETE, [SET_ID.pack(number, 0, 0) for number in registrations])

    def freeze(self, registration):
        """Stops a set, and when no packet of it is under way any more, its state."""
        self.ask(FREEZE, [SET_ID.pack(registration, 0, 0)])
        while True:
            state = self.ask(EXPORT, [SET_ID.pack(registration, 0, 0)])
            status = struct.unpack_from("=Qi", state)[1]
            if status != -errno.EAGAIN:
                return state

    def restore(self, packed, state):
        """The set goes on with this state."""
        windows = state[STATE_BYTES:]
        moved = packed[:SET.size] + state[STATE_BYTES - SET_SAS * SA.size:STATE_BYTES] + windows
        result = RESULT.unpack(self.ask(RESTORE, [moved]))
        if result[1]:
            raise OSError(-result[1], "the data plane refused to restore an SA set")

    def list(self):
        """Of every SA: registration, SPI, direction, packets, sequence number."""
        found, following = [], 0
        while True:
            reply = self.ask(LIST, [CURSOR.pack(following, 0)])
            following = CURSOR.unpack_from(reply)[0]
            for fields in SA_INFO.iter_unpack(reply[CURSOR.size:]):
                found.append({"registration": fields[0], "spi": fields[2], "slot": fields[3],
                              "direction": fields[9], "packets": fields[15],
                              "sequence": fields[17]})
            if not following:
                return found
