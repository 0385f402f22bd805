#!/usr/bin/python3
"""Cx over Diameter between our CSCFs and two nodes of our HSS; tshark reads the wire.

C-032, C-046, C-133 … C-137, and what is left when one HSS dies. The AuC that vectors are compared with is
osmo-auc-gen's. Usage: diameter.py BUILD-DIRECTORY
"""

import os
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import capture, diameter, process, registration, results, sandbox

CSCFS = (f"icscf: {{address: {diameter.CSCF}, port: 5080, scscf: sip:{diameter.CSCF}:5090}}\n"
         f"scscf: {{address: {diameter.CSCF}, port: 5090, n_vectors: 3}}\n")
ICSCF, SCSCF = (diameter.CSCF, 5080), (diameter.CSCF, 5090)
STRANGER = "10.3.0.9"
N_UES, N_LATER = 10, 5
PCAP = "/run/cx.pcap"

# TS 29.229 6.1, and RFC 6733 for the common ones
COMMON = {263, 260, 277, 264, 296}
REQUEST = COMMON | {283}
AVPS = {
    (300, 1): REQUEST | {1, 600, 601, 623},
    (303, 1): REQUEST | {1, 601, 612, 607, 602},
    (301, 1): REQUEST | {601, 602, 614, 624},  # without 1 of types 3 and 14
    (302, 1): REQUEST | {601},
    (300, 0): COMMON,
    (303, 0): COMMON | {1, 601, 607, 612, 613, 608, 609, 610, 625, 626},
    (301, 0): COMMON | {1, 606},
    (302, 0): COMMON | {602},
    (304, 1): REQUEST | {293, 1, 601, 615},
    (305, 1): REQUEST | {293, 1, 606},
    (304, 0): COMMON | {268},
    (305, 0): COMMON | {268},
}


def fields(display_filter, *names):
    return capture.fields(PCAP, display_filter, names, [], "/run/tshark")


def values(name):
    """All that there are of one; a segment may have several messages."""
    return [value for listed, in fields(name, name) for value in listed.split(",")]


def first(ues, report):
    """Registrations while both are there."""
    good = [ue for ue in ues if ue.register() == 200]
    report.check(f"{len(ues)} UEs register, each by UAR, MAR and SAR over Diameter",
                 len(good) == len(ues), f"{len(good)} did")


def unlisted(ue, report):
    """C-046: of an address that is neither in the file nor in `trusted`."""
    report.check("c046 a CSCF's re-registration that came protected is not challenged",
                 ue.refresh() == 200, "it is")
    ue.move(STRANGER)
    for role, ue.cscf in (("icscf", ICSCF), ("scscf", SCSCF)):
        status, seen = ue.refresh(), diameter.stats("cscf", role)["indicator_disbelieved"]
        report.check(f"c046 the same of a stranger is challenged, says the {role}",
                     (status, seen) == (401, 1), f"{status}, {seen}")


def bad(ue, auts, report):
    """What must not succeed: (RAND of the challenge that the AUTS answered)."""
    ue.challenge()
    report.check("a wrong RES is refused", ue.respond(bytes(8)) == 403, "it was not")
    _, challenge = ue.challenge()
    report.check("a forged AUTS is refused", ue.resynchronise(auts) == 403, "it was not")
    return challenge[:16]


def locate(caller, callee, absent, report):
    """C-134: the I-CSCF asks where he is who is called."""
    for name, impu, who, wanted in (("a registered user", callee.impu, callee, 200),
                                    ("an absent one", absent.impu, None, 480),
                                    ("a stranger", f"sip:nobody@{diameter.REALM}", None, 404)):
        status = caller.message(impu, who)
        report.check(f"c134 a MESSAGE to {name} ends with {wanted}", status == wanted,
                     f"it ended with {status}")


def unregistered(caller, absent, report):
    """C-135: who is called while he is not registered is served by an S-CSCF all the same."""
    before = diameter.stats("cscf", "scscf")["unregistered_asked"]
    for time in "first", "second":
        status = caller.message(absent.impu)
        report.check(f"c135 the {time} MESSAGE to an absent user ends with 480", status == 480,
                     f"it ended with {status}")
    asked = diameter.stats("cscf", "scscf")["unregistered_asked"] - before
    report.check("c135 the S-CSCF has asked about him each time", asked == 2, f"{asked}")
    status = absent.register()
    report.check("c135 and he registers as before", status == 200, f"it is {status}")


def lost(build, nodes, ue, stranger, report):
    """C-135: the S-CSCF is killed, which has no file here, and a user whom it knew asks."""
    def asked(name):
        return diameter.stats(name, "hss")["cx_uar"]

    before = {name: asked(name) for name in ("hss1", "hss2")}
    nodes["cscf"].child.kill()
    nodes["cscf"].child.wait()
    nodes["cscf"] = diameter.start(build, "cscf")
    process.wait_until("the connections to both HSSs", lambda: sum(
        "cx: connected to hss" in line for line in nodes["cscf"].log) >= 2, 40,
        list(nodes.values()))
    # A peer that has lost a connection throws away what comes before three watchdogs were answered
    # on the next one (RFC 3539 3.4.1, REOPEN).
    process.wait_until("an answer of each HSS", lambda: stranger.challenge() and all(
        asked(name) > n for name, n in before.items()), 40, list(nodes.values()))
    home, route = f"sip:{diameter.REALM}", f"sip:orig@{SCSCF[0]}:{SCSCF[1]}"
    ue.cscf = stranger.cscf = SCSCF
    status = ue.message(home, route=route)
    told = "<type>restoration</type>" in ue.answer and \
        "<action>initial-registration</action>" in ue.answer and \
        f"P-Asserted-Identity: <{route};lr>" in ue.answer
    report.check("c135 who has lost his registration is told to register anew, by 504",
                 status == 504 and told, f"{status}, {ue.answer}")
    status = stranger.message(home, route=route)
    report.check("c135 who had none is refused, 403", status == 403, f"it is {status}")
    ue.cscf = stranger.cscf = ICSCF
    status = ue.register()
    report.check("c135 and he does", status == 200, f"it is {status}")


def located(report):
    """Results of the LIAs, which are those of locate() and unregistered(), and what they name."""
    seen, names = [], set()
    for (code,), (request,), base, experimental, name in capture.messages(PCAP, "diameter", (
            "diameter.cmd.code", "diameter.flags.request", "diameter.Result-Code",
            "diameter.Experimental-Result-Code", "diameter.Server-Name"), "/run/tshark"):
        if (code, request) == ("302", "0"):
            seen += base + experimental
            names.update(name)
    report.check("c134 c135 LIA is 2001 with the S-CSCF's name, 2003, 5001, 2003, 2001",
                 seen == ["2001", "2003", "5001", "2003", "2001"] and names == {
                     f"sip:{SCSCF[0]}:{SCSCF[1]}"}, f"{seen} {names}")


def decode(report):
    """C-133, C-134, C-135: what is on the wire, says tshark."""
    broken = fields("_ws.malformed || _ws.expert.severity >= 0x800000", "frame.number",
                    "frame.protocols", "_ws.expert.message")
    report.check("tshark finds no malformed message", not broken, f"frames {broken[:5]}")
    seen = {}
    for (code,), (request,), avps in capture.messages(
            PCAP, "diameter", ("diameter.cmd.code", "diameter.flags.request", "diameter.avp.code"),
            "/run/tshark"):
        key, has = (int(code), int(request)), set(map(int, avps))
        # Each request has all of them; answers that refuse have less.
        seen[key] = has if key not in seen else seen[key] & has if key[1] else seen[key] | has
    for key, wanted in AVPS.items():
        name = f"c133 command {key[0]} {'request' if key[1] else 'answer'} has its AVPs"
        report.check(name, wanted <= seen.get(key, set()),
                     f"missing {sorted(wanted - seen.get(key, set()))}")
    exchange = fields("diameter.cmd.code == 257", "diameter.flags.request",
                      "diameter.Auth-Application-Id", "diameter.Vendor-Id")
    report.check("c133 capabilities: application 16777216 of vendor 10415",
                 exchange and all("16777216" in a and "10415" in v for _, a, v in exchange),
                 f"{exchange}")
    state = set(values("diameter.Auth-Session-State"))
    report.check("c133 no session state is kept", state == {"1"}, f"{state}")
    results_seen = set(values("diameter.Experimental-Result-Code"))
    report.check("c134 2001 FIRST_REGISTRATION, 5001 for a stranger, 5004 for who may not roam there",
                 {"2001", "5001", "5004"} <= results_seen, f"{results_seen}")
    names = {bytes.fromhex(visited.replace(":", ""))
             for visited in values("diameter.Visited-Network-Identifier")}
    report.check("c142 UAR names the visited network, without quotes",
                 names and all(b'"' not in name and b"." in name for name in names), f"{names}")
    types = set(values("diameter.Server-Assignment-Type"))
    report.check("c135 SAR of REGISTRATION, UNREGISTERED_USER, AUTHENTICATION_FAILURE, RESTORATION",
                 {"1", "3", "9", "14"} <= types, f"{types}")


def compare(rand, auts, report):
    """C-032 and C-136: the bytes."""
    n_vectors, wrong, numbers = 0, 0, set()
    for (code,), (request,), items, *columns in capture.messages(PCAP, "diameter", (
            "diameter.cmd.code", "diameter.flags.request", "diameter.3GPP-SIP-Item-Number",
            "diameter.3GPP-SIP-Authenticate", "diameter.3GPP-SIP-Authorization",
            "diameter.Confidentiality-Key", "diameter.Integrity-Key"), "/run/tshark"):
        if (code, request) != ("303", "0") or not items:
            continue
        numbers.add(tuple(items))
        for row in zip(*columns):
            value, *got = (bytes.fromhex(text.replace(":", "")) for text in row)
            expected = registration.vector(value[:16], value[16:])
            n_vectors += 1
            wrong += (value[16:] != expected["AUTN"] or
                      got != [expected[n] for n in ("RES", "CK", "IK")])
    report.check(f"c136 {n_vectors} vectors on the wire are byte for byte those of another AuC",
                 n_vectors >= 3 * N_UES and not wrong, f"{wrong} differ")
    report.check("c007 three items, numbered in their order", numbers == {("1", "2", "3")}, f"{numbers}")
    resync = fields("diameter.cmd.code == 303 && diameter.flags.request == 1 && "
                    "diameter.3GPP-SIP-Authorization", "diameter.3GPP-SIP-Authorization")
    report.check("c032 SIP-Authorization is RAND and AUTS, 30 bytes",
                 [r.replace(":", "") for r, in resync] == [(rand + auts).hex()], f"{resync}")


def busy():
    """The HSS that is asked: the CSCFs' nodes are known to it."""
    return max(("hss1", "hss2"), key=lambda name: diameter.stats(name, "hss")["cx_mar"])


def order(build, name, *impis):
    """`imsgate subscriber`; how many were sent."""
    return sum(subprocess.run([f"{build}/tools/imsgate", "subscriber", name, "--config",
                               f"/run/{busy()}.yaml", impi], capture_output=True).returncode == 0
               for impi in impis)


def push(build, ues, nodes, report):
    """C-137: what the HSS sends by itself."""
    def scscf():
        return diameter.stats("cscf", "scscf")

    def changed(key, n):
        process.wait_until(f"{key} {n}", lambda: scscf()[key] == n, 5, list(nodes.values()))

    before = scscf()["registration"]
    with sqlite3.connect("/run/hss.db") as database:
        database.execute("UPDATE identity SET barred = 1 WHERE impu = ?", (ues[0].impu,))
    database.close()
    report.check("c137 PPR is sent", order(build, "push", ues[0].impi) == 1, "it was not")
    changed("profile_changed", 1)
    report.check("c137 RTR is sent", order(build, "deregister", ues[1].impi, ues[2].impi) == 2,
                 "it was not")
    changed("register_ended_by_network", 2)
    report.check("c137 the S-CSCF has ended two registrations", scscf()["registration"] ==
                 before - 2, f"of {before} there are {scscf()['registration']}")
    process.wait_until("the flag in the HSS", lambda: order(build, "deregister", ues[1].impi) == 0,
                       5)
    report.check("c137 who was deregistered registers anew, by first registration",
                 ues[1].register() == 200, "he does not")


def confined(pid):
    """Each thread of a process that has no capability and a filter on its system calls."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        yield status["Seccomp"] == "2" and int(status["CapEff"], 16) == 0 and \
            int(status["CapPrm"], 16) == 0


def fail_over(nodes, ues, report):
    """The HSS that answers dies."""
    victim = nodes[busy()].child
    victim.kill()
    victim.wait()
    good = sum(ue.register() == 200 for ue in ues)
    report.check("one HSS is killed: registrations go to the other at once", good == len(ues),
                 f"{good} of {len(ues)}")


def silence(nodes, ue, report):
    """The only HSS that is left hangs: its connection stands, and no answer comes."""
    left = next(node for node in nodes.values() if node.name != "cscf" and node.running()).child
    left.send_signal(signal.SIGSTOP)
    try:
        status = ue.register()
    finally:
        left.send_signal(signal.SIGCONT)
    report.check("a silent HSS: the UE gets 504 in time", status == 504, f"it got {status}")
    status = ue.register()
    report.check("and 200 when it speaks again", status == 200, f"it got {status}")


def main():
    build = os.path.abspath(sys.argv[1])
    sandbox.enter()
    report = results.Report()
    diameter.make_network()
    sandbox.ip(f"address add {STRANGER}/24 dev cx0\n", diameter.NETNS)
    peers = [("hss1", diameter.HSS_1), ("hss2", diameter.HSS_2)]
    diameter.write_config("cscf", diameter.CSCF, peers, CSCFS)
    for name, address in peers:
        # hss2 waits for the CSCFs to connect; hss1 connects, too.
        diameter.hss_config(name, address, [("cscf", diameter.CSCF if name == "hss1" else "")],
                            f", visited_networks: [{diameter.REALM}], unregistered_services: true")
    ues = [registration.Ue(n, diameter.REALM, ICSCF, diameter.NETNS)
           for n in range(N_UES + N_LATER + 1)]
    diameter.import_subscribers(build, "/run/hss1.yaml", "".join(ue.csv() for ue in ues))
    recorder = capture.Capture(PCAP, "lo", diameter.NETNS)
    nodes = {}
    try:
        for name in ("hss1", "hss2", "cscf"):
            nodes[name] = diameter.start(build, name)
        for name, _ in peers:
            process.wait_until(f"the connection to {name}", lambda: any(
                f"cx: connected to {name}" in line for line in nodes["cscf"].log), 20,
                list(nodes.values()))
        first(ues[:N_UES], report)
        unlisted(ues[4], report)
        locate(ues[5], ues[6], ues[N_UES + 1], report)
        unregistered(ues[5], ues[N_UES + 2], report)
        threads = list(confined(nodes["hss1"].child.pid))
        report.check("each thread of freeDiameter is in the sandbox", len(threads) > 5 and
                     all(threads), f"{sum(threads)} of {len(threads)} are")
        auts = bytes(range(14))
        rand = bad(ues[N_UES], auts, report)
        stranger = registration.Ue(99, diameter.REALM, ICSCF, diameter.NETNS)
        report.check("a stranger is refused", stranger.challenge()[0] == 403, "he was not")
        ues[7].visited = "ims.mnc002.mcc001.3gppnetwork.org"
        status = ues[7].challenge()[0]
        report.check("c134 who roams where he may not is refused", status == 403, f"it is {status}")
        push(build, ues, nodes, report)
        lost(build, nodes, ues[8], ues[N_UES + 3], report)
        fail_over(nodes, ues[N_UES + 1:], report)
        silence(nodes, ues[-1], report)
        recorder.stop()
        decode(report)
        located(report)
        compare(rand, auts, report)
        text = "\n".join(line for node in nodes.values() for line in node.log)
        report.check("no log has a key or a vector", not any(
            secret in text.lower() for secret in (registration.K, registration.OPC, rand.hex())),
            "one has")
        status = nodes["cscf"].stop()
        report.check("the node ends well", status == 0, f"status {status}")
    except (TimeoutError, EOFError, OSError) as error:
        report.failed("Cx over Diameter", f"{error}")
    for node in nodes.values():
        node.stop()
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
