"""Rows of the state files, for a test that needs more of them than UEs can be had: those of one UE
that has really registered, again for others."""

import ipaddress
import random
import re
import sqlite3


class Row:
    """Reads numbers and texts from the front, as controlplane/record.h has them."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def bytes(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def text(self):
        n = self.number()
        return self.bytes(n - 1).decode() if n else None


def number(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def text(value):
    return number(len(value) + 1) + value.encode()


HOST_BYTES = {4: 4, 6: 16}
FIRST_HOST = {4: ipaddress.ip_address("10.2.0.0"), 6: ipaddress.ip_address("fd01::2:0:0")}
FIRST_NUMBER = {4: 5 * 10 ** 9, 6: 6 * 10 ** 9}  # of the IMSIs


class PcscfRow:
    """A UE with one set: what is before the rest, and where its SAs are."""

    def __init__(self, data):
        row = Row(data)
        self.kind, self.id, self.zone, self.ip = (row.number() for _ in range(4))
        row.bytes(HOST_BYTES[self.ip])
        self.impi = row.text()
        self.rest = data[row.at:]
        row.number()
        n_sets = row.number()
        self.number, self.state, _, self.uc, self.us = (row.number() for _ in range(5))
        if n_sets != 1:
            raise ValueError("the template is no UE with one set")
        self.edge = ipaddress.ip_address(row.bytes(HOST_BYTES[row.number()]))
        self.ps, self.pc = row.number(), row.number()

    def of(self, ue_id, host, imsi):
        head = b"".join(map(number, (self.kind, ue_id, self.zone, self.ip))) + host.packed
        old = re.match(r"\d+", self.impi)[0]
        return head + text(self.impi.replace(old, imsi)) + \
            self.rest.replace(old.encode(), imsi.encode())


def multiply(directory, n, ip):
    """n more of the first UE of this version of IP in both files. Of each: handle of its set, and
    host; and the template."""
    pcscf = sqlite3.connect(f"{directory}/pcscf.db")
    rows = (PcscfRow(row[0]) for row in pcscf.execute("SELECT bytes FROM item ORDER BY id"))
    template = next(row for row in rows if row.ip == ip)
    imsi = re.match(r"\d+", template.impi)[0]
    ids = random.sample(range(ip << 42, (ip + 1) << 42), n)
    hosts = [FIRST_HOST[ip] + i for i in range(n)]
    imsis = [f"{int(imsi[:5]):05}{FIRST_NUMBER[ip] + i:010}" for i in range(n)]
    insert = "INSERT INTO item (bytes) VALUES (?)"
    pcscf.executemany(insert, ((template.of(*ue),) for ue in zip(ids, hosts, imsis)))
    pcscf.commit()
    pcscf.close()
    scscf = sqlite3.connect(f"{directory}/scscf.db")
    rows = [row[0] for row in scscf.execute("SELECT bytes FROM item ORDER BY id")]
    row = next(row for row in rows if imsi.encode() in row)
    old_id = f"{template.id:012x}".encode()
    scscf.executemany(insert, ((row.replace(imsi.encode(), new.encode())
                                .replace(old_id, f"{ue_id:012x}".encode()),)
                               for ue_id, new in zip(ids, imsis)))
    scscf.commit()
    scscf.close()
    return template, [(ue_id << 16 | template.number, host) for ue_id, host in zip(ids, hosts)]
