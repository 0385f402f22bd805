"""The calls of a capture: what the route of each message was, and what reached whom."""

import re
from collections import defaultdict

METHODS = {"INVITE", "ACK", "PRACK", "UPDATE", "CANCEL", "BYE"}
STATUSES = {"100", "180", "183", "200", "404", "486", "487"}
# RFC 7315 4: of the network, or of where the other one is.
NOT_FOR_UES = {"p-charging-vector", "p-access-network-info", "p-visited-network-id",
               "p-charging-function-addresses", "p-user-database", "path"}
SEAL = re.compile(r"(<sip:[0-9a-f]{12})\.[0-9a-f]{16}@")


class Message:
    """The headers of one message, as tshark prints them. A request has Max-Forwards, an answer not."""

    def __init__(self, source, destination, text):
        self.source, self.destination = source, destination
        self.headers = defaultdict(list)
        for line in text.split("\\r\\n"):
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()].append(value.strip())
        self.is_request = "max-forwards" in self.headers
        self.method = self.one("cseq").split()[-1]
        self.call = self.one("call-id")
        self.branch = re.search(r"branch=([^;,]+)", self.one("via"))[1]
        self.has_to_tag = ";tag=" in self.one("to")

    def one(self, name):
        return self.headers[name][0] if self.headers.get(name) else ""

    def routes(self, name):
        return [entry for value in self.headers.get(name, []) for entry in value.split(", ")]

    def uri(self, name):
        match = re.search(r"<([^>]*)>", self.one(name))
        return match and match[1]


def read(rows):
    """rows: (source, destination, sip.msg_hdr), which has bodies too, and in a segment of TCP several
    messages. Ours begin with Via."""
    for source, destination, text in rows:
        for one in re.findall(r"Via: SIP.*?\\r\\n(?=\\r\\n)", text):
            yield Message(source, destination, one)


def unsealed(routes):
    return [SEAL.sub(r"\1@", entry) for entry in routes]


class Dialogues:
    """What each Call-ID's messages say, and what of it is wrong."""

    def __init__(self, messages, edge):
        self.edge = edge
        self.messages = [m for m in messages if m.method in METHODS]
        self.to_callee = {}  # the first INVITE as the called UE got it
        self.to_caller = {}  # the Record-Route of the first answer as the caller got it
        self.invites = {(m.source, m.branch) for m in self.messages
                        if m.is_request and m.method == "INVITE"}
        for m in self.messages:
            if m.source != edge:
                continue
            if m.is_request and m.method == "INVITE" and not m.has_to_tag:
                self.to_callee.setdefault(m.call, m)
            elif not m.is_request and m.routes("record-route"):
                self.to_caller.setdefault(m.call, m.routes("record-route"))

    def seen(self, by_edge):
        return {m.method for m in self.messages
                if m.is_request and (m.source == self.edge) == by_edge}

    def inside(self):
        """Requests of UEs inside a dialogue; the ACK of a refusal is of the INVITE."""
        return [m for m in self.messages if m.is_request and m.source != self.edge
                and m.has_to_tag and not (m.method == "ACK" and (m.source, m.branch) in self.invites)]

    def wrong_routes(self):
        """RFC 3261 12.1: the Record-Route in order for who was called, turned round for who calls."""
        wrong = []
        for m in self.inside():
            invite = self.to_callee.get(m.call)
            if not invite:
                wrong.append((m.call, m.method, "no INVITE"))
            elif m.routes("route") != (invite.routes("record-route")
                                       if m.source == invite.destination
                                       else self.to_caller.get(m.call, [])[::-1]):
                wrong.append((m.call, m.method, m.routes("route")))
        return wrong

    def wrong_records(self):
        """Two entries of each P-CSCF and the S-CSCF's between; the UE's side alone is sealed, and
        both UEs are told the same."""
        wrong = []
        for call, invite in self.to_callee.items():
            given = invite.routes("record-route")
            told = self.to_caller.get(call, [])
            sealed = [bool(SEAL.match(entry)) for entry in given]
            if sealed != [True, False, False, False, False] or "<sip:dialog@" not in given[2]:
                wrong.append((call, "called", given))
            if unsealed(told) != unsealed(given) or \
                    [bool(SEAL.match(entry)) for entry in told] != [False] * 4 + [True]:
                wrong.append((call, "caller", told))
        return wrong

    def routed_to_ues(self):
        """What reaches a UE goes no further."""
        return [(m.call, m.method) for m in self.messages
                if m.is_request and m.source == self.edge and m.routes("route")]

    def wrong_parties(self):
        """RFC 3325, RFC 7315 4.2: who calls and who is called, as the network says."""
        return [(call, m.uri("p-asserted-identity"), m.uri("p-called-party-id"))
                for call, m in self.to_callee.items()
                if m.uri("p-asserted-identity") != m.uri("from")
                or m.uri("p-called-party-id") != m.uri("to")]


def leaks(messages, edge):
    """Headers that no UE may see, in whatever message."""
    return [(m.method, name) for m in messages if m.source == edge
            for name in NOT_FOR_UES & {name for name, values in m.headers.items() if values}
            if not (name == "path" and m.method == "REGISTER")]
