#!/usr/bin/python3
"""The lab in all its variants, and what tshark says of its wire.

{IPv4, IPv6} x {HMAC-SHA-1-96, HMAC-MD5-96} x {NULL, AES-CBC} x {two pairs, single pair}, and the
other pairs that protect. Half of those with two pairs run over TCP, in either version of IP and with
each algorithm; a single pair has no SA that could answer a SYN. Half of all have TLS between the
CSCFs, over and under either transport of the UEs.
Usage: matrix.py BUILD-DIRECTORY
"""
# Alone: several labs run in it at a time.

import functools
import itertools
import os
import re
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import calls, capture, lab, results

OTHER_PAIRS = [("aes-gmac", "null"), ("null", "aes-gcm"), ("hmac-sha-1-96", "des-ede3-cbc"),
               ("hmac-md5-96", "des-ede3-cbc")]
# configs/lab.yaml and tools/ue/ue.h
PORT_PS, PORTS_PC = "5063", {str(port) for port in range(6000, 6016)}
PORT_US, PORTS_UC = "5062", {str(port) for port in range(5100, 5116)}
# Who sends what from where to where: the P-CSCF's port, the UE's port.
FLOWS = {
    "udp": {("UE", "ps", "uc", "request"), ("P", "pc", "us", "answer"),
            ("P", "pc", "us", "request"), ("UE", "ps", "uc", "answer")},
    "tcp": {("UE", "ps", "uc", "request"), ("P", "ps", "uc", "answer"),
            ("P", "pc", "us", "request"), ("UE", "pc", "us", "answer")},
}
SYN, ACK = 0x02, 0x10
FIELDS = ("sip.Method", "sip.Status-Code", "sip.Call-ID", "sip.CSeq", "sip.msg_hdr", "sip.msg_body",
          "sip.Request-Line", "sip.Status-Line", "tcp.flags", "tcp.len", "tcp.reassembled_in",
          "tcp.analysis.retransmission", "tcp.analysis.spurious_retransmission",
          *(f"{layer}.{end}port" for layer in FLOWS for end in ("src", "dst")))
KEYS_IN_SIP = re.compile(rb"[ci]k\s*=\s*\"?[0-9a-f]{32}", re.IGNORECASE)


class Wire:
    """The capture of one lab run, without the attacks, which are there to be wrong."""

    def __init__(self, report, name, path, keylog, outcome, ipv6, tcp, directory):
        self.report = report
        self.name = name
        self.path = path
        self.addresses = ["ipv6.src", "ipv6.dst"] if ipv6 else ["ip.src", "ip.dst"]
        self.edge = "fd00::1" if ipv6 else "10.0.0.1"
        self.tcp = tcp
        self.outcome = outcome
        self.directory = directory
        with open(keylog) as file:
            self.keys = file.readlines()
        self.began, self.ended = outcome["attacks_began_s"], outcome["attacks_ended_s"]
        self.fields = capture.Packets(path, (*FIELDS, *self.addresses), self.keys, directory).fields

    def esp(self, packet):
        return capture.is_esp(packet) and float(packet["frame.time_epoch"]) < self.began

    def sip_in_esp(self, packet):
        return self.esp(packet) and capture.has(packet, "sip")

    def honest(self, packet):
        return not self.began <= float(packet["frame.time_epoch"]) <= self.ended

    def check(self, claim, holds, why):
        self.report.check(f"{self.name}: {claim}", holds, why)

    def icvs(self):
        """C-066: a third implementation computes the same ICVs."""
        honest = f"(frame.time_epoch < {self.began} || frame.time_epoch > {self.ended})"
        packets = capture.fields(self.path, f"{capture.ESP} && {honest}", capture.ICV, self.keys,
                                 self.directory, decode=False)
        wrong = capture.wrong_icvs(packets)
        self.check("every ICV is good", packets and not wrong,
                   f"{len(wrong)} of {len(packets)} are not: {wrong[:3]}")

    def counts(self):
        packets = self.fields(self.esp, *self.addresses)
        sent = sum(1 for packet in packets if packet[0] == self.edge)
        wire = (len(packets) - sent, sent)
        counters = self.outcome["counters"]
        counted = (counters["esp_rx"], counters["esp_tx"])
        self.check("as many ESP packets on the wire as counted", wire == counted,
                   f"wire {wire}, counted {counted}")

    def clear_sip(self):
        """C-065: in the clear only one REGISTER and its 401 of each UE. Either may be said again as
        it was, RFC 3261 17.1.2.2, where the machine is busy."""
        packets = self.fields(lambda packet: capture.has(packet, "sip") and self.honest(packet)
                              and not capture.has(packet, "esp"), *self.addresses, "sip.Method",
                              "sip.Status-Code", "sip.Call-ID", "sip.CSeq")
        wrong, said, challenged = [], {}, set()
        for source, destination, method, status, *which in packets:
            ue = destination if source == self.edge else source
            if (method, status) not in (("REGISTER", ""), ("", "401")) or \
                    said.setdefault(ue, which) != which:
                wrong.append((source, destination, method, status, *which))
            if status == "401":
                challenged.add(ue)
        self.check("no SIP in clear but REGISTER and its 401",
                   not wrong and len(challenged) == self.outcome["ues"],
                   f"{wrong[:5]}, {len(challenged)} UEs challenged")

    def sip_inside(self):
        """What is inside ESP is SIP, all of it, and well-formed."""
        inside = self.fields(self.sip_in_esp, "sip.Method", "sip.Status-Code")
        methods = {method for listed, _ in inside for method in listed.split(",")} - {""}
        # Of TCP: segments without data, the first ones of a message that needs several, and what
        # was sent again because the machine is busy.
        other = self.fields(lambda packet: self.esp(packet) and not capture.has(packet, "sip")
                            and packet["tcp.len"] != "0" and not any(packet[name] for name in (
                                "tcp.reassembled_in", "tcp.analysis.retransmission",
                                "tcp.analysis.spurious_retransmission")),
                            "frame.number", "_ws.col.Info")
        malformed = self.fields(lambda packet: packet["_ws.malformed"] and self.honest(packet)
                                and not capture.has(packet, "icmp", "icmpv6"),
                                "frame.number", "_ws.col.Info")
        self.check("all ESP carries well-formed SIP",
                   inside and not other and not malformed
                   and {"REGISTER", "OPTIONS", "MESSAGE"} | calls.METHODS <= methods,
                   f"SIP {methods}, not SIP {other[:3]}, malformed {malformed[:3]}")

    def flows(self):
        """C-068 b, C-080: what each SA carries is what the table of TS 33.203 7.1 says."""
        layer = "tcp" if self.tcp else "udp"
        packets = self.fields(self.sip_in_esp, self.addresses[0],
                              f"{layer}.srcport", f"{layer}.dstport", "sip.Status-Code")
        seen = set()
        for source, source_port, port, status in packets:
            sender, own, peer = ("P", source_port, port) if source == self.edge else \
                                ("UE", port, source_port)
            names = ("ps" if own == PORT_PS else "pc" if own in PORTS_PC else own,
                     "us" if peer == PORT_US else "uc" if peer in PORTS_UC else peer)
            seen.add((sender, *names, "answer" if status else "request"))
        self.check(f"SIP takes the {layer.upper()} flows of the SAs and no others",
                   seen == FLOWS[layer], f"{sorted(seen ^ FLOWS[layer])}")

    def calls(self):
        """C-117, C-141, C-142: the route of each message of a call, and who sees what."""
        rows = self.fields(self.sip_in_esp, *self.addresses, "sip.msg_hdr")
        messages = list(calls.read(rows))
        dialogues = calls.Dialogues(messages, self.edge)
        statuses = {status for listed, in self.fields(self.sip_in_esp, "sip.Status-Code")
                    for status in listed.split(",")}
        self.check("every message of a call goes both ways",
                   dialogues.seen(True) == dialogues.seen(False) == calls.METHODS
                   and calls.STATUSES <= statuses,
                   f"{dialogues.seen(True)}, {dialogues.seen(False)}, {statuses}")
        self.check("a call's route holds both P-CSCFs and the S-CSCF, sealed toward UEs",
                   len(dialogues.to_callee) == 4 * (self.outcome["ues"] // 2)
                   and not dialogues.wrong_records(), f"{dialogues.wrong_records()[:2]}")
        inside = dialogues.inside()
        self.check("what UEs ask inside a call takes its route, and ends at the UE",
                   len(inside) >= 8 * (self.outcome["ues"] // 2) and not dialogues.wrong_routes()
                   and not dialogues.routed_to_ues(),
                   f"{len(inside)}, {dialogues.wrong_routes()[:2]}, {dialogues.routed_to_ues()[:2]}")
        self.check("the network says who calls whom", not dialogues.wrong_parties(),
                   f"{dialogues.wrong_parties()[:2]}")
        leaks = calls.leaks(messages, self.edge)
        self.check("nothing of the network's own reaches a UE", not leaks, f"{leaks[:3]}")

    def connections(self):
        """UEs open from port_uc to port_ps, the P-CSCF from port_pc to port_us, nobody else."""
        def opens(packet):
            return any(int(flags, 16) & (SYN | ACK) == SYN
                       for flags in packet["tcp.flags"].split(",") if flags)

        opened = self.fields(lambda packet: self.esp(packet) and opens(packet),
                             self.addresses[0], "tcp.srcport", "tcp.dstport")
        wrong = [(source, own, peer) for source, own, peer in opened
                 if not (own in PORTS_PC and peer == PORT_US if source == self.edge
                         else own in PORTS_UC and peer == PORT_PS)]
        by_edge = sum(1 for source, _, _ in opened if source == self.edge)
        clear = self.fields(lambda packet: opens(packet) and self.honest(packet)
                            and not capture.has(packet, "esp"), self.addresses[0])
        self.check("connections are opened from port_uc and port_pc",
                   not wrong and by_edge and len(opened) > by_edge, f"{wrong[:3]}, {by_edge}")
        self.check("the P-CSCF opens none in the clear",
                   clear and all(source != self.edge for source, in clear), f"{clear[:3]}")

    def keys_absent(self):
        """C-012: the P-CSCF keeps ik and ck; no key in any spelling is on Gm."""
        with open(self.path, "rb") as file:
            wire = file.read().lower()
        # What is encrypted shows in tshark's reading only.
        wire += "\n".join("".join(row) for row in self.fields(
            lambda packet: capture.has(packet, "sip"), "sip.Request-Line", "sip.Status-Line",
            "sip.msg_hdr", "sip.msg_body")).lower().encode()
        secret = {key.encode() for row in self.keys for key in re.findall(r'"0x([0-9a-f]{32})', row)}
        shown = [key for key in secret if key in wire or bytes.fromhex(key.decode()) in wire]
        self.check("no key on the wire", secret and not shown and not KEYS_IN_SIP.search(wire),
                   f"{len(shown)} of {len(secret)} keys shown")


def variant(build, ipv6, alg, ealg, single, tcp, tls, report):
    name = f"lab IPv{6 if ipv6 else 4} {'TCP' if tcp else 'UDP'} {alg} {ealg} " \
           f"{'single pair' if single else 'two pairs'}{', TLS in the core' * tls}"
    began = time.monotonic()
    directory = tempfile.mkdtemp(prefix="imsgate-matrix-")
    try:
        pcap, keylog = os.path.join(directory, "lab.pcap"), os.path.join(directory, "esp_sa")
        options = ["--ues", "4", "--seconds", "1", "--alg", f"{alg}+{ealg}", "--pcap", pcap,
                   "--keylog", keylog]
        options += ["--ipv6"] * ipv6 + ["--single-pair"] * single + ["--tcp"] * tcp
        options += ["--tls"] * tls
        status, outcome, said = lab.run(build, *options)
        if status or not outcome:
            report.failed(name, f"exit status {status}\n{said}")
            return
        report.passed(f"{name}: everything held, in {time.monotonic() - began:.1f} s")
        wire = Wire(report, name, pcap, keylog, outcome, ipv6, tcp,
                    os.path.join(directory, "tshark"))
        checks = [wire.counts, wire.clear_sip, wire.keys_absent]
        if alg != "aes-gmac":  # whose IV and ICV tshark does not know
            checks += [wire.icvs, wire.sip_inside, wire.flows, wire.calls]
            checks += [wire.connections] * tcp
        for check in checks:
            check()
    finally:
        shutil.rmtree(directory)


def variants():
    """What variant() takes, but for the build and the report."""
    for ipv6, md5, cbc, single in itertools.product((False, True), repeat=4):
        yield (ipv6, "hmac-md5-96" if md5 else "hmac-sha-1-96", "aes-cbc" if cbc else "null", single,
               not single and (ipv6 + md5 + cbc) % 2 == 0, md5)
    for number, (alg, ealg) in enumerate(OTHER_PAIRS):
        yield bool(number % 2), alg, ealg, False, number >= 2, False


def main():
    report = results.Report()
    build = os.path.abspath(sys.argv[1])
    if not shutil.which("tshark"):
        report.skipped("lab matrix", "no tshark")
        return report.exit_status()
    results.side_by_side(report, [functools.partial(variant, build, *which)
                                  for which in variants()], lab.AT_A_TIME)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
