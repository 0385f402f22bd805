#!/usr/bin/python3
"""Kamailio's I-CSCF and S-CSCF register UEs at our HSS over Diameter; SIPp is the UE.

C-134 … C-137. Usage: kamailio_cx.py BUILD-DIRECTORY
"""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from support import capture, diameter, process, registration, results, sandbox

ICSCF, SCSCF = "10.3.0.4", "10.3.0.5"
PCAP = "/run/cx.pcap"

# TS 35.208 test set 3: SIPp reads keys as text, and has its difficulties with others.
K, OP = "fec86ba6eb707ed08905757b1bb44b8f", "dbc59adcb6f9a0ef735477b7fadf8374"
OPC = "1006020f0a478bf6b699f15c062e42b3"
N_UES = 5
# A RES with a zero byte (one of 32) is cut by SIPp; the next challenge has another.
ATTEMPTS = 4

DIAMETER_XML = """<?xml version="1.0" encoding="UTF-8"?>
<DiameterPeer FQDN="{name}.{realm}" Realm="{realm}" Vendor_Id="10415" Product_Name="CDiameterPeer"
 AcceptUnknownPeers="0" DropUnknownOnDisconnect="1" Tc="2" Workers="2" QueueLength="32"
 ConnectTimeout="5" TransactionTimeout="5" SessionsHashSize="128">
 <Peer FQDN="hss1.{realm}" Realm="{realm}" port="3868"/>
 <Acceptor port="3868" bind="{address}"/>
 <Auth id="16777216" vendor="10415"/>
 <SupportedVendor vendor="10415"/>
 <Realm name="{realm}"><Route FQDN="hss1.{realm}" metric="2"/></Realm>
 <DefaultRoute FQDN="hss1.{realm}" metric="10"/>
</DiameterPeer>
"""


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def configure():
    """What Kamailio reads: its programs, its Diameter peers, its S-CSCFs, and names."""
    for name, address in (("icscf", ICSCF), ("scscf", SCSCF)):
        with open(f"{HERE}/kamailio_{name}.cfg") as file:
            text = file.read()
        for key, value in (("ICSCF", ICSCF), ("SCSCF", SCSCF), ("REALM", diameter.REALM)):
            text = text.replace(f"@{key}@", value)
        write(f"/run/{name}.cfg", text)
        write(f"/run/{name}.xml", DIAMETER_XML.format(name=name, realm=diameter.REALM,
                                                      address=address))
    os.mkdir("/run/icscf_db")
    for table, text in (
            ("version", "table_name(string) table_version(int)\n"
                        "nds_trusted_domains:1\ns_cscf:1\ns_cscf_capabilities:1\n"),
            ("nds_trusted_domains", f"id(int,auto) trusted_domain(string)\n1:{diameter.REALM}\n"),
            ("s_cscf", "id(int,auto) name(string) s_cscf_uri(string)\n"
                       f"1:first:sip\\:{SCSCF}\\:5060\n"),
            ("s_cscf_capabilities", "id(int,auto) id_s_cscf(int) capability(int)\n1:1:0\n")):
        write(f"/run/icscf_db/{table}", text)
    write("/run/hosts", f"127.0.0.1 localhost\n{diameter.HSS_1} hss1.{diameter.REALM}\n"
                        f"{ICSCF} icscf.{diameter.REALM}\n{SCSCF} scscf.{diameter.REALM}\n")
    subprocess.run(["mount", "--bind", "/run/hosts", "/etc/hosts"], check=True)


def start_kamailio(name):
    return process.Process(f"kamailio {name}", [
        "kamailio", "-f", f"/run/{name}.cfg", "-DD", "-E", "-m", "64", "-M", "8",
        "-Y", f"/run/kamailio_{name}", "-P", f"/run/{name}.pid"], netns=diameter.NETNS)


def sipp(user, log):
    """One registration by SIPp; whether it ended as the scenario says."""
    write("/run/users.csv", "SEQUENTIAL\n"
          f"{user};[authentication username={user}@{diameter.REALM} aka_K=0x{K} aka_OP=0x{OP} "
          "aka_AMF=0x0000]\n")
    result = subprocess.run(
        ["ip", "netns", "exec", diameter.NETNS, "sipp", "-sf", f"{HERE}/kamailio_register.xml",
         "-inf", "/run/users.csv", "-s", diameter.REALM, "-auth_uri", f"sip:{diameter.REALM}",
         "-i", diameter.CSCF, "-m", "1", "-timeout", "10s", "-recv_timeout", "5000", "-nostdin",
         f"{ICSCF}:5060"], capture_output=True, text=True, cwd="/run", timeout=30)
    log.append(result.stdout[-2000:] + result.stderr[-500:])
    return result.returncode == 0


def register(report, users):
    log = []
    good = sum(any(sipp(user, log) for _ in range(ATTEMPTS)) for user in users)
    report.check(f"{len(users)} UEs of SIPp register through Kamailio's CSCFs", good == len(users),
                 f"{good} did: {log[-1]}")
    stats = diameter.stats("hss1", "hss")
    report.check("c134 c135 c136 Kamailio's UAR, MAR and SAR were answered", min(
        stats[name] for name in ("cx_uar", "cx_mar", "cx_sar")) >= len(users) and
        stats["cx_refused"] == 0, f"{stats}")


def refuse(report, ue):
    """A UE that is ours, for SIPp does not answer wrongly on purpose."""
    status, challenge = ue.challenge()
    report.check("c136 Kamailio challenges with RAND and AUTN of our HSS", status == 401 and
                 registration.vector(challenge[:16], challenge[16:])["AUTN"] == challenge[16:],
                 f"{status}")
    status = ue.respond(bytes(8))
    report.check("a wrong RES is refused", status in (401, 403), f"it was answered {status}")
    status = ue.register()
    report.check("and the right one is not", status == 200, f"it was answered {status}")


def deregister(report, build, impi, nodes):
    """C-137: Kamailio's S-CSCF takes our RTR."""
    sent = subprocess.run([f"{build}/tools/imsgate", "subscriber", "deregister", "--config",
                           "/run/hss1.yaml", impi], stdout=subprocess.DEVNULL).returncode == 0
    report.check("c137 RTR is sent to Kamailio", sent, "it was not")

    def is_gone():
        return subprocess.run([f"{build}/tools/imsgate", "subscriber", "deregister", "--config",
                               "/run/hss1.yaml", impi], capture_output=True).returncode != 0
    process.wait_until("Kamailio's RTA", is_gone, 6, nodes)
    report.passed("c137 Kamailio's S-CSCF agrees, and the flag is cleared")


def decode(report):
    broken = capture.fields(PCAP, "_ws.malformed || _ws.expert.severity >= 0x800000",
                            ["frame.number", "_ws.expert.message"], [], "/run/tshark")
    report.check("tshark finds no malformed message", not broken, f"{broken[:5]}")


def main():
    build = os.path.abspath(sys.argv[1])
    sandbox.enter()
    report = results.Report()
    for program in ("kamailio", "sipp", "osmo-auc-gen", "tshark"):
        if not shutil.which(program):
            report.skipped("Kamailio over Cx", f"no {program}")
            return report.exit_status()
    diameter.make_network()
    sandbox.ip(f"address add {ICSCF}/24 dev cx0\naddress add {SCSCF}/24 dev cx0\n", diameter.NETNS)
    configure()
    diameter.hss_config("hss1", diameter.HSS_1, [("icscf", ""), ("scscf", "")])
    users = [f"00101{n:010}" for n in range(N_UES)]
    ue = registration.Ue(100, diameter.REALM, (ICSCF, 5060), diameter.NETNS, diameter.CSCF)
    diameter.import_subscribers(build, "/run/hss1.yaml", ue.csv() + "".join(
        f"{user}@{diameter.REALM},sip:{user}@{diameter.REALM},{K},{OPC},0000,0\n"
        for user in users))
    recorder = capture.Capture(PCAP, "lo", diameter.NETNS)
    nodes = []
    try:
        nodes.append(diameter.start(build, "hss1"))
        nodes += [start_kamailio("icscf"), start_kamailio("scscf")]
        for name in ("icscf", "scscf"):
            process.wait_until(f"the connection of {name}", lambda: any(
                f"cx: connected to {name}" in line for line in nodes[0].log), 20, nodes)
        register(report, users)
        refuse(report, ue)
        deregister(report, build, f"{users[0]}@{diameter.REALM}", nodes)
        recorder.stop()
        decode(report)
    except (TimeoutError, EOFError, OSError, subprocess.SubprocessError) as error:
        report.failed("Kamailio over Cx", f"{error}")
    for node in nodes:
        node.stop()
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
