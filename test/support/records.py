"""What the HSS's database and its records say of the subscribers, read as they lie in the files."""

import fcntl
import sqlite3
import struct

RECORD = struct.Struct("=8sQII16s16sQ")  # controlplane/store_records.c
REGISTERED = 2


def read(database):
    """{IMPI: (SQN, {IMPU: flag})}"""
    db = sqlite3.connect(database, timeout=5)
    with open(database + ".records", "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX, 1)
        content = file.read()
    subscribers = {row[0]: row[1:] for row in db.execute("SELECT id, impi, keys, sqn FROM subscriber")}
    identities = db.execute("SELECT subscriber, position, impu FROM identity").fetchall()
    db.close()
    records = {}
    for number, (_, keys, sqn) in subscribers.items():
        at = number * RECORD.size
        stamp, *rest = RECORD.unpack(content[at:at + RECORD.size].ljust(RECORD.size, b"\0"))
        records[number] = (rest[0], rest[3]) if stamp == keys[:8] else (sqn, bytes(16))
    found = {impi: (records[number][0], {}) for number, (impi, _, _) in subscribers.items()}
    for number, position, impu in identities:
        found[subscribers[number][0]][1][impu] = records[number][1][position]
    return found
