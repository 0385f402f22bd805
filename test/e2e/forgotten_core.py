#!/usr/bin/python3
"""What the control plane's memory and logs hold of keys once nobody is registering: nothing. C-094.

UEs register, again over their SAs, and de-register; others answer wrongly, do not believe the
network, or are out of step with it. Of every challenge that was on the wire RES, CK and IK are
computed from the subscriber's K, and looked for in every page of every process of the control plane:
as bytes, and in each way that a message or a database writes them. Once with UDP between the CSCFs,
and once with TLS, whose library has memory of its own.
Usage: forgotten_core.py BUILD-DIRECTORY
"""

import base64
import json
import os
import re
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import core, derived, memory, process, results, sandbox

N_UES = 4
N_CHALLENGES = 5  # of a UE: one each visit, and one more for the SQN
TRANSACTIONS_S = 60  # RFC 3261 17.2.2: 64 times T1 of 500 ms, and a machine that is busy
CHALLENGE = re.compile(rb'nonce="([A-Za-z0-9+/=]{44})"')
VISITS = (("wrong-res", ["register"], "10.1.0.1"), ("wrong-mac", ["register"], "10.1.0.21"),
          ("out-of-range-sqn", ["register", "reregister", "deregister"], "10.1.0.41"),
          ("none", ["register", "reregister", "traffic 1", "deregister"], "10.1.0.61"))


class Challenges(threading.Thread):
    """The nonces that come to the UEs in the clear."""

    def __init__(self):
        super().__init__(daemon=True)
        with process.netns("ue"):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.bind(("ue0", 0))
        self.nonces = set()

    def run(self):
        while True:
            self.nonces.update(CHALLENGE.findall(self.socket.recv(65536)))


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def vector(k, opc, rand):
    """TS 35.206 4.1: RES, CK and IK."""
    temp = derived.encrypt(k, xor(rand, opc))

    def out(rotated, constant):
        block = xor(temp, opc)
        block = xor(block[rotated:] + block[:rotated], bytes(15) + bytes([constant]))
        return xor(derived.encrypt(k, block), opc)

    return {"RES": out(0, 1)[8:], "CK": out(4, 2), "IK": out(8, 4)}


def spellings(name, secret):
    return {f"{name} as bytes": secret, f"{name} in hex": secret.hex().encode(),
            f"{name} in HEX": secret.hex().upper().encode()}


def secrets_of(edge, nonces):
    """Of every subscriber and every challenge, whoever of them it was for: {name: bytes}."""
    answers, keys = {}, {}
    for number, row in enumerate(edge.subscribers()):
        k, opc = bytes.fromhex(row["k"]), bytes.fromhex(row["opc"])
        keys.update(spellings(f"K {number}", k))
        keys.update(spellings(f"OPc {number}", opc))
        for what, value in derived.of_aes(k).items():
            keys[f"K {number}: {what}"] = value
        for n, nonce in enumerate(sorted(nonces)):
            for what, value in vector(k, opc, base64.b64decode(nonce)[:16]).items():
                answers.update(spellings(f"{what} {number} {n}", value))
    return answers, keys


def register(report, edge, way):
    for misbehave, commands, address in VISITS:
        done = edge.ues(commands, "--misbehave", misbehave, "--first-address", address)
        good = misbehave in ("out-of-range-sqn", "none")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        report.check(f"forgotten, {way}: {misbehave}: the UEs did so", len(answers) == len(commands) and
                     answers[0]["registered"] == (N_UES if good else 0),
                     f"{done.returncode} {done.stdout} {done.stderr}")


def scan(report, edge, way, answers, keys):
    pids = {role: one.child.pid for role, one in edge.roles.items()}
    there = memory.find(pids["icscf,scscf"], answers)
    if way == "UDP":  # over TLS nothing is asked for again
        report.check("forgotten: S-CSCF: the last 401s are found while they may be asked for again",
                     any(name.endswith("hex") for name in there), f"{there}")
    deadline = time.monotonic() + TRANSACTIONS_S
    while there and time.monotonic() < deadline:
        time.sleep(1)
        there = memory.find(pids["icscf,scscf"], answers)
    for role, pid in pids.items():
        left = memory.find(pid, answers)
        report.check(f"forgotten, {way}: {role}: nothing of RES, CK or IK is left", not left, f"{left}")
        left = memory.find(pid, keys)
        report.check(f"forgotten, {way}: {role}: nothing of K or OPc is left", not left, f"{left}")


def read_logs(report, edge, secrets):
    for role, one in edge.roles.items():
        said = "\n".join(one.log).encode()
        left = [name for name, value in secrets.items() if value in said]
        report.check(f"forgotten: {role}: nothing of them is in its log", not left, f"{left}")


def main(build, way):
    report = results.Report()
    sandbox.enter()
    edge = core.Core(build, N_UES, tls=way == "TLS")
    try:
        challenges = Challenges()
        challenges.start()
        register(report, edge, way)
        answers, keys = secrets_of(edge, challenges.nonces)
        report.check("forgotten: every challenge was seen",
                     len(challenges.nonces) >= N_CHALLENGES * N_UES, f"{len(challenges.nonces)}")
        scan(report, edge, way, answers, keys)
        read_logs(report, edge, {**answers, **keys})
    finally:
        edge.stop()
    return report.exit_status()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(main(os.path.abspath(sys.argv[1]), sys.argv[2]))
    sys.exit(results.ways("UDP", "TLS"))
