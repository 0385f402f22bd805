#!/usr/bin/python3
"""The lab behind a real NAT, the kernel's own, and what tshark says of the UEs' wire.

C-081: UEs with private addresses register, talk, and go on when the NAT has forgotten all of them,
before and in the middle of a new authentication. Over UDP and TCP, with both profiles of SAs.
Usage: nat.py BUILD-DIRECTORY
"""

import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import capture, lab, results

N_UES = 4
EDGE, ENCAP_PORT = "10.0.0.1", "4500"
VARIANTS = [
    ("UDP", []),
    ("TCP, AES-CBC", ["--tcp", "--alg", "hmac-sha-1-96+aes-cbc"]),
    ("UDP, single pair, MD5", ["--single-pair", "--alg", "hmac-md5-96+null"]),
]


def check_report(report, name, outcome):
    rebind = outcome["rebind"]
    report.check(f"{name}: the P-CSCF saw a NAT before each UE", rebind["nat_detected"] >= N_UES,
                 str(rebind))
    report.check(f"{name}: each UE's first packet told its port",
                 rebind["nat_learned"] == N_UES, str(rebind))
    report.check(f"{name}: each UE was followed twice", rebind["nat_rebound"] >= 2 * N_UES,
                 str(rebind))
    again = outcome["reregister"]
    report.check(f"{name}: all authenticated again over their SAs",
                 again["registered"] == N_UES and not again["failed"], str(again))


def check_wire(report, name, pcap, keylog, directory):
    with open(keylog) as file:
        keys = file.readlines()

    def fields(display_filter, *names, decode=True):
        return capture.fields(pcap, display_filter, names, keys, directory, decode)

    packets = fields(capture.ESP, "udp.port", "ip.src", *capture.ICV, decode=False)
    # The first ports and addresses are the outer ones.
    alone = [packet for packet in packets if not packet[0].startswith(f"{ENCAP_PORT},{ENCAP_PORT}")]
    report.check(f"{name}: ESP is in UDP, always", packets and not alone, str(alone[:3]))
    wrong = capture.wrong_icvs([packet[2:] for packet in packets])
    report.check(f"{name}: tshark finds every ICV good", packets and not wrong,
                 f"{len(wrong)} of {len(packets)}: {wrong[:3]}")
    # Inside the UEs have their own addresses, which the outer ones are too on this side of the NAT.
    sources = {tuple(packet[1].split(",")[:2]) for packet in packets}
    strange = [pair for pair in sources if len(pair) != 2 or pair[0] != pair[1]
               or not (pair[0] == EDGE or pair[0].startswith("10.1.0."))]
    report.check(f"{name}: tunnel mode, with the UE's own address inside", not strange,
                 str(strange[:3]))
    inside = {method for row in fields("esp && sip", "sip.Method")
              for method in row[0].split(",")} - {""}
    report.check(f"{name}: what is inside is SIP", {"REGISTER", "OPTIONS", "MESSAGE"} <= inside,
                 str(inside))
    clear = [row for row in fields("sip && !esp", "sip.Method", "sip.Status-Code")
             if row not in (("REGISTER", ""), ("", "401"))]
    report.check(f"{name}: in the clear there is REGISTER and its 401 alone", not clear,
                 str(clear[:3]))


def variant(report, build, name, options):
    name = f"nat: {name}"
    directory = tempfile.mkdtemp(prefix="imsgate-nat-")
    try:
        pcap, keylog = os.path.join(directory, "lab.pcap"), os.path.join(directory, "esp_sa")
        status, outcome, said = lab.run(build, "--nat", "--ues", str(N_UES), "--seconds", "1",
                                        "--pcap", pcap, "--keylog", keylog, *options)
        if "the kernel makes no NAT" in said:
            report.skipped(name, "the kernel has no nf_tables")
            return
        if status or not outcome:
            report.failed(name, f"exit status {status}\n{said}")
            return
        report.passed(f"{name}: everything held")
        check_report(report, name, outcome)
        if shutil.which("tshark"):
            check_wire(report, name, pcap, keylog, os.path.join(directory, "tshark"))
        else:
            report.skipped(f"{name}: the wire", "no tshark")
    finally:
        shutil.rmtree(directory)


def main():
    report = results.Report()
    for name, options in VARIANTS:
        variant(report, os.path.abspath(sys.argv[1]), name, options)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
