#!/usr/bin/python3
"""CSCFs and an HSS that speak TLS alone: SIP between them and Diameter. tshark reads the wire.

C-130, C-132. The P-CSCF's part is the test's, by Python's ssl. Usage: tls.py BUILD-DIRECTORY
"""

import contextlib
import os
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import (capture, certificates, diameter, diameter_message, process, registration,
                     results, sandbox)

REALM = diameter.REALM
PCSCF, ICSCF, SCSCF, HSS = "10.3.0.4", diameter.CSCF, "10.3.0.5", diameter.HSS_1
FALSE = diameter.HSS_2
PCAP = "/run/core.pcap"
ROLES = {
    "icscf": (ICSCF, f"icscf: {{address: {ICSCF}, port: 5080, scscf: sip:{SCSCF}:5090, "
                     f"trusted: [{PCSCF}]}}\n"),
    "scscf": (SCSCF, f"scscf: {{address: {SCSCF}, port: 5090, trusted: [{ICSCF}]}}\n"),
    "hss": (HSS, "hss: {database: /run/hss.db}\n"),
}
N_UES = 3


def configure(authority):
    """Each node is a process with a certificate of its address and its Diameter identity."""
    for name in ("waiting", "false"):
        authority.make(name, f"IP:{FALSE},DNS:{name}.{REALM}")
    for name, (address, role) in ROLES.items():
        authority.make(name, f"IP:{address},DNS:{name}.{REALM}")
        peers = [("scscf", SCSCF), ("icscf", ICSCF), ("waiting", "")] if name == "hss" else \
                [("hss", HSS)]
        diameter.write_config(name, address, peers, role + authority.section(name),
                              security="tls")
        subprocess.run(["sed", "-i", "1s/realm:/core_security: tls, realm:/", f"/run/{name}.yaml"],
                       check=True)


def wait_connected(nodes, name, peer):
    process.wait_until(f"{name}'s connection to {peer}", lambda: any(
        f"cx: connected to {peer}.{REALM}" in line for line in nodes[name].log), 20,
        list(nodes.values()))


def register(ues, report):
    good = [ue for ue in ues if ue.register() == 200]
    report.check(f"{len(ues)} UEs register over TLS, and TLS under Diameter", len(good) == len(ues),
                 f"{len(good)} did")
    wanted = f"Service-Route: <sip:orig@{SCSCF}:5090;transport=tls;lr>"
    report.check("Service-Route says that the way is TLS", all(wanted in ue.answer for ue in ues),
                 ues[0].answer)
    for role in ("icscf", "scscf"):
        seen = diameter.stats(role, role)
        report.check(f"{role} has connections of TLS, and nothing else", seen["tls_opened"] > 0 and
                     not seen["tls_refused"], f"{seen}")


def wire(ues, report):
    """C-132: nothing that they say to each other can be read."""
    with open(PCAP, "rb") as file:
        data = file.read()
    secrets = [b"SIP/2.0", b"REGISTER", b"Digest", ues[0].impi.encode()]
    shown = [text for text in secrets if text in data]
    report.check("c130 c132 no SIP and no identity is on the wire", not shown and len(data) > 10000,
                 f"{shown} in {len(data)} bytes")
    clear = capture.fields(PCAP, "sip || diameter || udp", ["frame.number"], [], "/run/tshark")
    report.check("tshark finds no SIP, no Diameter and no datagram", not clear, f"{clear[:5]}")
    versions = {v for v, in capture.fields(PCAP, "tls.handshake.type == 2",
                                           ["tls.handshake.extensions.supported_version"], [],
                                           "/run/tshark")}
    report.check("all of it is TLS 1.3", versions == {"0x0304"}, f"{versions}")


def outsiders(authority, report):
    """Who has no certificate of the authority gets no word of SIP."""
    other = certificates.Authority("/run/other", "ca")
    other.make("pcscf", f"IP:{PCSCF}")
    context = other.context("pcscf")
    context.verify_mode = ssl.CERT_NONE
    before = diameter.stats("scscf", "scscf")["register_rx"]
    try:
        registration.Ue(50, REALM, (SCSCF, 5090), diameter.NETNS, PCSCF, context).challenge()
        answered = True
    except (ssl.SSLError, OSError, IndexError):
        answered = False
    report.check("another authority's certificate is refused", not answered and before ==
                 diameter.stats("scscf", "scscf")["register_rx"], "it was answered")
    try:
        ue = registration.Ue(50, REALM, (SCSCF, 5090), diameter.NETNS, PCSCF)
        ue.socket.settimeout(1)
        ue.challenge()
        answered = True
    except OSError:
        answered = False
    report.check("nothing listens for UDP", not answered, "it was answered")


def exchange(authority, certificate, identity, message):
    """Connects to the HSS as `identity`, and asks; the Result-Codes of both answers, and all AVPs
    of the second."""
    context = authority.context(certificate)
    with process.netns(diameter.NETNS):
        plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    plain.bind((FALSE, 0))
    plain.settimeout(8)
    plain.connect((HSS, 3868))
    with context.wrap_socket(plain) as peer:
        peer.sendall(diameter_message.capabilities(identity, REALM, FALSE))
        capabilities = diameter_message.receive(peer)
        if diameter_message.result(capabilities) != 2001:
            return diameter_message.result(capabilities), None, {}
        peer.sendall(message)
        answer = diameter_message.receive(peer)
        peer.sendall(diameter_message.goodbye(identity, REALM))
        # Two threads of freeDiameter speak when a connection ends, and TLS can be broken by it.
        with contextlib.suppress(OSError, EOFError):
            diameter_message.receive(peer)
        return 2001, diameter_message.result(answer), answer


def unlisted(authority, report):
    """A node of ours by its certificate, which `trusted` does not list."""
    ue = registration.Ue(0, REALM, (ICSCF, 5080), diameter.NETNS, FALSE, authority.context("false"))
    status = ue.register()
    seen = diameter.stats("icscf", "icscf")["indicator_disbelieved"]
    report.check("c046 a good certificate alone makes nobody's indicator count",
                 (status, seen) == (401, 1), f"{status}, {seen}")


def false_peers(authority, nodes, ue, report):
    """A node that takes another's name in Diameter: the certificate is good, but not its."""
    for name in ("icscf", "scscf"):
        nodes[name].stop()
    for identity, certificate, wanted in (
            (f"scscf.{REALM}", "scscf", (2001, 2001)),  # one that the HSS connects to
            (f"scscf.{REALM}", "false", (2001, 3010)),
            (f"waiting.{REALM}", "waiting", (2001, 2001)),  # one that it waits for
            (f"waiting.{REALM}", "false", (3010, None))):
        capabilities, result, avps = exchange(authority, certificate, identity,
                                              diameter_message.vectors(identity, REALM, ue.impi))
        has_keys = 612 in avps
        report.check(f"{identity} with the certificate of {certificate}: {wanted}",
                     (capabilities, result) == wanted and has_keys == (result == 2001),
                     f"{capabilities}, {result}, vectors {has_keys}")
    try:
        other = certificates.Authority("/run/other", "ca")
        other.make("scscf", f"IP:{FALSE},DNS:scscf.{REALM}")
        stranger = other.context("scscf")
        stranger.verify_mode = ssl.CERT_NONE
        other.context = lambda name: stranger
        exchange(other, "scscf", f"scscf.{REALM}", b"")
        answered = True
    except (ssl.SSLError, OSError, EOFError):
        answered = False
    report.check("another authority's certificate says nothing to the HSS", not answered,
                 "it was answered")


def unprotected(build, report):
    """C-132: Diameter that nothing protects is worth a line at the start."""
    diameter.write_config("bare", FALSE, [("hss", HSS)], ROLES["hss"][1], security="none")
    bare = diameter.start(build, "bare")
    process.wait_until("the warning", lambda: any("warn: cx: CK and IK go to the peers without TLS"
                                                  in line for line in bare.log), 5)
    report.passed("c132 Diameter without TLS warns at the start")
    bare.stop()


def main():
    build = os.path.abspath(sys.argv[1])
    sandbox.enter()
    report = results.Report()
    diameter.make_network()
    sandbox.ip(f"address add {PCSCF}/24 dev cx0\naddress add {SCSCF}/24 dev cx0\n", diameter.NETNS)
    authority = certificates.Authority("/run/certificates")
    authority.make("pcscf", f"IP:{PCSCF}")
    configure(authority)
    numbers = range(N_UES + 1)
    diameter.import_subscribers(build, "/run/hss.yaml", "".join(
        f"{impi},sip:{impi},{registration.K},{registration.OPC},0000,0\n"
        for impi in (f"00101{n:010}@{REALM}" for n in numbers)))
    recorder = capture.Capture(PCAP, "lo", diameter.NETNS)
    nodes = {}
    try:
        for name in ("hss", "scscf", "icscf"):
            nodes[name] = diameter.start(build, name)
        for name in ("scscf", "icscf"):
            wait_connected(nodes, name, "hss")
        ues = [registration.Ue(n, REALM, (ICSCF, 5080), diameter.NETNS, PCSCF,
                               authority.context("pcscf")) for n in numbers]
        register(ues[:N_UES], report)
        recorder.stop()
        wire(ues, report)
        outsiders(authority, report)
        unlisted(authority, report)
        false_peers(authority, nodes, ues[-1], report)
        unprotected(build, report)
        warned = [line for node in nodes.values() for line in node.log if "CK and IK" in line]
        report.check("c132 a node that has TLS has nothing to warn of", not warned, f"{warned}")
    except (TimeoutError, EOFError, OSError) as error:
        report.failed("TLS in the core", f"{error}")
    for node in nodes.values():
        node.stop()
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
