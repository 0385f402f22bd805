#!/usr/bin/python3
"""TLS with others: Kamailio's, both ways, and openssl's s_client, which is let in or refused.

C-132. Kamailio stands where a P-CSCF does: UEs register through it at our CSCFs, and get a MESSAGE
through it. Usage: kamailio_tls.py BUILD-DIRECTORY
"""

import os
import re
import shutil
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from support import certificates, diameter, process, registration, results, sandbox

REALM = diameter.REALM
CSCF, KAMAILIO, UE, CLIENT = diameter.CSCF, "10.3.0.4", "10.3.0.5", "10.3.0.6"
PORT_ICSCF, PORT_SCSCF = 5080, 5090
DIRECTORY = "/run/certificates"
CONFIG = f"""controlplane: {{core_security: tls, realm: {REALM}, run_dir: /run/core,
  cx_socket: /run/core/cx.sock}}
icscf: {{address: {CSCF}, port: {PORT_ICSCF}, scscf: sip:{CSCF}:{PORT_SCSCF},
  trusted: [{KAMAILIO}]}}
scscf: {{address: {CSCF}, port: {PORT_SCSCF}}}
hss: {{database: /run/hss.db}}
"""
KAMAILIO_TLS = """[{side}:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = {directory}/{name}.key
certificate = {directory}/{name}.pem
ca_list = {directory}/ca.pem
"""
# What s_client is told besides address and authority, and what becomes of it.
CLIENTS = [
    ("TLS 1.3", ["-tls1_3"], "client", True),
    ("TLS 1.2", ["-tls1_2"], "client", True),
    ("TLS 1.1", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "client", False),
    ("TLS 1.2 with CBC", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"], "client", False),
    ("no certificate", [], None, False),
    ("a certificate that has expired", [], "expired", False),
    ("another node's certificate", [], "cscf", False),
    ("another authority's certificate", [], "other/client", False),
]


def write(path, text, mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def configure():
    authority = certificates.Authority(DIRECTORY)
    authority.make("cscf", f"IP:{CSCF}")
    authority.make("kamailio", f"IP:{KAMAILIO}")
    authority.make("client", f"IP:{CLIENT}")
    authority.make("expired", f"IP:{CLIENT}", days=0)
    certificates.Authority(f"{DIRECTORY}/other", "ca").make("client", f"IP:{CLIENT}")
    write("/run/core.yaml", CONFIG + authority.section("cscf"))
    with open(f"{HERE}/kamailio_tls.cfg") as file:
        text = file.read()
    for key, value in (("OWN", KAMAILIO), ("NEXT", f"{CSCF}:{PORT_ICSCF}"),
                       ("DIRECTORY", DIRECTORY)):
        text = text.replace(f"@{key}@", value)
    write("/run/kamailio.cfg", text)
    write(f"{DIRECTORY}/tls.cfg", "".join(KAMAILIO_TLS.format(
        side=side, directory=DIRECTORY, name="kamailio") for side in ("server", "client")))


def start(build):
    core = process.Process("core", [f"{build}/controlplane/imsgate-controlplane", "--config",
                                    "/run/core.yaml"], netns=diameter.NETNS)
    core.wait_line("imsgate-controlplane: info: icscf: started", 20)
    kamailio = process.Process("kamailio", ["kamailio", "-DD", "-E", "-f", "/run/kamailio.cfg", "-w",
                                            "/run", "-Y", "/run", "-m", "64"], netns=diameter.NETNS)
    return core, kamailio


def listens(port):
    found = subprocess.run(["ip", "netns", "exec", diameter.NETNS, "ss", "-Htln",
                            f"sport = :{port}"], capture_output=True, text=True)
    return bool(found.stdout)


def message_to(ue, authority):
    """A MESSAGE from somewhere in the core, to the S-CSCF; what the UE gets, or who sent it."""
    context = authority.context("client")
    with process.netns(diameter.NETNS):
        plain = socket.socket()
    plain.bind((CLIENT, 0))
    plain.connect((CSCF, PORT_SCSCF))
    with context.wrap_socket(plain) as peer:
        peer.sendall((f"MESSAGE {ue.impu} SIP/2.0\r\nVia: SIP/2.0/TLS {CLIENT}:5061;"
                      f"branch=z9hG4bKm\r\nMax-Forwards: 70\r\nFrom: <sip:a@{REALM}>;tag=1\r\n"
                      f"To: <{ue.impu}>\r\nCall-ID: m\r\nCSeq: 1 MESSAGE\r\n"
                      "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello").encode())
        try:
            return ue.socket.recv(65536).decode()
        except TimeoutError:
            peer.settimeout(1)
            return peer.recv(65536).decode()


def refusals(report):
    for name, options, certificate, wanted in CLIENTS:
        command = ["ip", "netns", "exec", diameter.NETNS, "openssl", "s_client", "-connect",
                   f"{CSCF}:{PORT_SCSCF}", "-bind", f"{CLIENT}:0", "-CAfile", f"{DIRECTORY}/ca.pem",
                   "-verify_return_error", "-ign_eof", *options]
        if certificate:
            command += ["-cert", f"{DIRECTORY}/{certificate}.pem", "-key",
                        f"{DIRECTORY}/{certificate}.key"]
        try:
            done = subprocess.run(command, input="\r\n\r\n", capture_output=True, text=True,
                                  timeout=3)
            said = done.stdout + done.stderr
        except subprocess.TimeoutExpired as timeout:  # it is let in, and the connection stays
            said = (timeout.stdout or b"").decode() + "(stays)"
        stays = said.endswith("(stays)")
        report.check(f"c132 s_client with {name}: {'let in' if wanted else 'refused'}",
                     stays == wanted and (not wanted or "Verify return code: 0" in said),
                     said[-300:])


def main():
    build = os.path.abspath(sys.argv[1])
    sandbox.enter()
    report = results.Report()
    for program in ("kamailio", "openssl", "osmo-auc-gen"):
        if not shutil.which(program):
            report.skipped("TLS with others", f"no {program}")
            return report.exit_status()
    diameter.make_network()
    sandbox.ip("".join(f"address add {a}/24 dev cx0\n" for a in (KAMAILIO, UE, CLIENT)),
               diameter.NETNS)
    configure()
    ues = [registration.Ue(n, REALM, (KAMAILIO, 5060), diameter.NETNS, UE) for n in range(3)]
    diameter.import_subscribers(build, "/run/core.yaml", "".join(ue.csv() for ue in ues))
    nodes = []
    try:
        nodes += start(build)
        process.wait_until("Kamailio", lambda: listens(5061), 20, nodes)
        good = sum(ue.register() == 200 for ue in ues)
        report.check(f"{len(ues)} UEs register through Kamailio, over TLS to our CSCFs",
                     good == len(ues), f"{good} did")
        text = message_to(ues[0], certificates.Authority(DIRECTORY))
        vias = re.findall(r"^Via: SIP/2.0/(\w+) ([\d.]+)", text, re.M)
        report.check("a MESSAGE goes to Kamailio over TLS by the Path, and on to the UE",
                     text.startswith("MESSAGE") and ("TLS", CSCF) in vias and
                     ("UDP", KAMAILIO) in vias, text)
        refusals(report)
        lines = [line for line in nodes[0].log if f"warn: tls: {CLIENT}" in line]
        report.check("the log names who was refused, and why", len(lines) >= 4 and
                     any("has expired" in line for line in lines), f"{lines}")
    except (TimeoutError, EOFError, OSError) as error:
        report.failed("TLS with others", f"{error}")
    for node in nodes:
        node.stop()
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
