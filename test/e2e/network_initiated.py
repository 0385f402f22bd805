#!/usr/bin/python3
"""The network authenticates and de-registers UEs that really are there, over UDP and TCP, IPv4 and
IPv6.

UEs register and subscribe to the event package reg, as their P-CSCF does; then the S-CSCF asks one
to authenticate itself, ends the registrations of others by an operator's order and by the HSS, and
meets UEs that answer and do nothing, under both policies. C-037 ... C-041, C-135, C-137. At the end the S-CSCF loses what it knows.
Usage: network_initiated.py BUILD-DIRECTORY [WAY]
"""

import glob
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import core, fleet, process, results, sandbox, way
from support.way import WAYS

N_UES = 4
ESP, FRAGMENT = 50, 44
PROTOCOL_AT = {4: 23, 6: 20}  # of the IP header, in a frame
FRAGMENT_AT = 54              # the same of the fragment header of IPv6
WITHIN_S, MARGIN_S = 2, 30  # scscf.reauth_within_s; controlplane/registration.h
WAIT_S = 20  # a busy machine
POLICY = {way.UDP4: "deregister", way.TCP4: "repeat", way.UDP6: "repeat", way.TCP6: "deregister"}
FIRST_OF_OTHERS = {4: "10.1.0.101", 6: "fd01::65"}


class Wire(threading.Thread):
    """NOTIFYs toward the UEs, by what they are in: ESP without encryption, or the clear."""

    def __init__(self, ip):
        super().__init__(daemon=True)
        self.ip = ip
        with process.netns("ue"):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.socket.bind(("ue0", 0))
        self.protected, self.clear = set(), 0

    def run(self):
        while True:
            frame = self.socket.recv(65536)
            if b'event="' not in frame and b"NOTIFY sip:" not in frame:
                continue
            protocol = frame[PROTOCOL_AT[self.ip]]
            if (frame[FRAGMENT_AT] if protocol == FRAGMENT else protocol) != ESP:
                self.clear += 1
            for event in (b"registered", b"shortened", b"deactivated", b"rejected"):
                if b'event="' + event in frame:
                    self.protected.add(event.decode())


class Ues(fleet.Fleet):
    """They go on between commands."""

    def network(self):
        return self.ask("report")["network"]


class Scene:
    def __init__(self, report, by, edge):
        self.report, self.by, self.edge = report, by, edge
        self.impis = [row["impi"] for row in edge.subscribers()]

    def check(self, claim, holds, why):
        self.report.check(f"network-initiated, {self.by}: {claim}", holds, why)

    def becomes(self, claim, seen, wanted, timeout_s=WAIT_S):
        """Waits until seen() is what is wanted."""
        deadline = time.monotonic() + timeout_s
        now = seen()
        while now != wanted and time.monotonic() < deadline:
            time.sleep(0.1)
            now = seen()
        self.check(claim, now == wanted, f"wanted {wanted}, is {now}")

    def order(self, *words):
        done = self.edge.imsgate(*words)
        self.check(f"imsgate {' '.join(words[:2])} is taken", done.returncode == 0, done.stderr)

    def stat(self, role, *names):
        stats = self.edge.status(role)
        return tuple(stats[name] for name in names)

    def attach(self, ues):
        registered, subscribed = ues.ask("register"), ues.ask("subscribe")
        self.check("all UEs register and subscribe",
                   registered["registered"] == subscribed["subscribed"] == N_UES,
                   f"{registered} {subscribed}")
        self.becomes("C-040: UEs and P-CSCF have a subscription each",
                     lambda: self.stat("scscf", "subscription") + self.stat("pcscf", "subscription"),
                     (2 * N_UES, N_UES))
        self.becomes("C-040: each UE is told the state", lambda: ues.network()["notified"], N_UES)

    def reauthenticate(self, ues):
        names = "register_challenged", "register_again"
        challenged, again = self.stat("scscf", *names)
        self.order("registration", "reauthenticate", self.impis[0])
        self.becomes("C-038 a: the UE registers again of its own accord",
                     lambda: ues.network()["reregistered"], 1)
        self.becomes("C-037 b: and is challenged for it, without any policy",
                     lambda: self.stat("scscf", *names), (challenged + 1, again + 1))
        self.becomes("C-039: the P-CSCF was told too, and has a new set beside the old one",
                     lambda: self.stat("pcscf", "registration_shortened", "sets_established",
                                       "sets_old"), (1, N_UES, 1))
        time.sleep(WITHIN_S + 1)
        self.check("and stays registered when the time that it had is over",
                   self.stat("scscf", "registration", "reauthentication_unanswered")
                   == (N_UES, 0), f"{self.edge.status('scscf')}")
        sent = ues.ask("traffic 1")
        self.check("and is served", sent["options_ok"] == sent["options_sent"] > 0
                   and sent["messages_ok"] == sent["messages_sent"] > 0, f"{sent}")

    def kill(self, ues):
        """P-CSCF and S-CSCF, by kill -9: who had subscribed still hears."""
        killed = [roles for roles in self.edge.roles if "hss" not in roles]
        for roles in killed:
            self.edge.kill_roles(roles)
        for roles in killed:
            self.edge.start_roles(roles)
        self.becomes("C-093: P-CSCF and S-CSCF are back after a kill",
                     lambda: (self.edge.status("pcscf") or {}).get("dataplane_ready"), 1)
        self.becomes("C-093: and the S-CSCF has all subscriptions",
                     lambda: (self.edge.status("scscf") or {}).get("subscription"), 2 * N_UES)
        before = ues.network()["reregistered"]
        for impi in self.impis:
            self.order("registration", "reauthenticate", impi)
        self.becomes("C-040, C-093: each UE hears in its old dialog",
                     lambda: ues.network()["reregistered"], before + N_UES)
        self.becomes("C-040, C-093: and so does the P-CSCF",
                     lambda: self.stat("pcscf", "subscription_restored", "registration_shortened"),
                     (N_UES, N_UES))
        self.becomes("and nobody has more subscriptions than before",
                     lambda: self.stat("scscf", "subscription") + self.stat("pcscf", "subscription"),
                     (2 * N_UES, N_UES))

    def end(self, ues):
        self.order("registration", "deactivate", self.impis[1])
        self.becomes("C-041: a UE that was deactivated registers anew",
                     lambda: ues.network()["registered"], 1)
        self.becomes("C-041: and both have subscribed again",
                     lambda: self.stat("scscf", "registration", "subscription"),
                     (N_UES, 2 * N_UES))
        self.order("registration", "reject", self.impis[2])
        self.becomes("C-041: a UE that was rejected stays away",
                     lambda: ues.ask("report")["registered"], N_UES - 1)
        self.becomes("C-041: its P-CSCF has dropped it, and its SAs end, the old ones too",
                     lambda: self.stat("pcscf", "subscription", "sets_established", "sets_ending"),
                     (N_UES - 1, N_UES - 1, 2))
        self.order("subscriber", "deregister", self.impis[3])
        self.becomes("C-137: RTR reaches the UE", lambda: ues.ask("report")["registered"],
                     N_UES - 2)
        self.becomes("C-137: nothing else is left of either",
                     lambda: self.stat("scscf", "registration", "subscription"),
                     (N_UES - 2, 2 * (N_UES - 2)))
        own = ues.network()
        self.check("and no UE has failed at what it was told", own["failed"] == 0
                   and own["ended"] == 3, f"{own}")
        gone = ues.ask("deregister")
        self.check("the others de-register", gone["deregistered"] == N_UES - 2, f"{gone}")
        self.becomes("and no subscription is left",
                     lambda: self.stat("scscf", "subscription") + self.stat("pcscf", "subscription"),
                     (0, 0))

    def lose(self, ues):
        """The S-CSCF is killed, and its state file is lost."""
        roles = next(roles for roles in self.edge.roles if "scscf" in roles)
        ues.ask("register")
        self.becomes("all are registered again", lambda: self.stat("scscf", "registration"),
                     (N_UES,))
        self.edge.kill_roles(roles)
        for path in glob.glob("/run/imsgate/state/scscf.db*"):
            os.remove(path)
        self.edge.start_roles(roles)
        self.becomes("C-135: the S-CSCF is back and knows nobody",
                     lambda: (self.edge.status("scscf") or {}).get("registration"), 0)
        before = ues.network()["registered"]
        ues.ask("traffic 1")
        self.becomes("C-135: UEs are told that their registrations are lost, and register anew",
                     lambda: (ues.network()["registered"] - before,
                              *self.stat("scscf", "registration")), (N_UES, N_UES))
        self.check("C-135: the S-CSCF has asked the HSS for each and told each",
                   min(self.stat("scscf", "restoration_asked", "request_sender_lost")) >= N_UES,
                   f"{self.edge.status('scscf')}")
        sent = ues.ask("traffic 1")
        self.check("C-135: and are served", sent["options_ok"] == sent["options_sent"] > 0
                   and sent["messages_ok"] == sent["messages_sent"] > 0, f"{sent}")
        gone = ues.ask("deregister")
        self.check("C-135: and de-register", gone["deregistered"] == N_UES, f"{gone}")

    def no_reaction(self, policy):
        ues = Ues(self.edge.build, N_UES, "--first-address", FIRST_OF_OTHERS[self.by.ip],
                  "--misbehave", "no-reaction", by=self.by)
        ues.ask("register")
        ues.ask("subscribe")
        repeated, unanswered = self.stat("scscf", "reauthentication_repeated",
                                         "reauthentication_unanswered")
        self.becomes("UEs that will not react are there", lambda: ues.network()["notified"], N_UES)
        self.order("registration", "reauthenticate", self.impis[0])
        if policy == "repeat":
            self.becomes("C-038 b: who does not react is asked again, and told so each time",
                         lambda: self.stat("scscf", "reauthentication_repeated")[0] >= repeated + 3
                         and ues.network()["notified"] >= N_UES + 4, True)
            self.check("C-038 b: and is registered as long",
                       self.stat("scscf", "registration") == (N_UES,), "")
        else:
            self.becomes("C-038 b: who does not react is de-registered",
                         lambda: self.stat("scscf", "registration",
                                           "reauthentication_unanswered"),
                         (N_UES - 1, unanswered + 1), WITHIN_S + MARGIN_S + WAIT_S)
            self.becomes("C-038 b: and the P-CSCF has dropped it",
                         lambda: self.stat("pcscf", "subscription"), (N_UES - 1,))
        ues.stop()


def scene(build, by):
    report = results.Report()
    sandbox.enter()
    policy = POLICY[by]
    edge = core.Core(build, N_UES, changes=[
        *by.changes(), ("  algorithm: AKAv1-MD5", "  algorithm: AKAv1-MD5\n"
         f"  reauth_within_s: {WITHIN_S}\n  reauth_unanswered: {policy}")])
    try:
        wire = Wire(by.ip)
        wire.start()
        one = Scene(report, by, edge)
        ues = Ues(build, N_UES, by=by)
        one.attach(ues)
        one.reauthenticate(ues)
        one.kill(ues)
        one.end(ues)
        one.lose(ues)
        one.check("the UEs' end is a good one", ues.stop() == 0, "")
        one.check("C-037 a: what UEs are told comes over ESP, all of it",
                  wire.protected == {"registered", "shortened", "deactivated", "rejected"}
                  and not wire.clear, f"{wire.protected}, {wire.clear} in the clear")
        one.no_reaction(policy)
    finally:
        edge.stop()
    return report.exit_status()


def main():
    if len(sys.argv) > 2:
        return scene(os.path.abspath(sys.argv[1]), way.named(sys.argv[2]))
    return results.ways(*(one.name for one in WAYS))


if __name__ == "__main__":
    sys.exit(main())
