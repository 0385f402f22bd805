"""The ways of SIP between a UE and the P-CSCF of configs/lab.yaml: a version of IP, a transport."""

from typing import NamedTuple

PCSCF = {4: "10.0.0.1", 6: "fd00::1"}


class Way(NamedTuple):
    name: str  # as an argument of a script
    ip: int
    transport: str

    def __str__(self):
        return f"IPv{self.ip} {self.transport.upper()}"

    def options(self):
        """Of imsgate-ue. One fleet of each version of IP has room in a network namespace."""
        host = PCSCF[self.ip] if self.ip == 4 else f"[{PCSCF[self.ip]}]"
        return ["--pcscf", f"{host}:5060", "--wire", "ue0", "--tun", f"ims{self.ip}",
                "--transport", self.transport]

    def changes(self):
        """Of the configuration. With four pairs of algorithms in Security-Verify the answer to a
        challenge is too long for a datagram over IPv6, and would go over TCP: RFC 3261 18.1.1."""
        return [('encryption: ["null", aes-cbc]', 'encryption: ["null"]')] \
            if self.ip == 6 and self.transport == "udp" else []


UDP4, TCP4, UDP6, TCP6 = WAYS = tuple(
    Way(f"{transport}{ip}", ip, transport) for ip in (4, 6) for transport in ("udp", "tcp"))


def named(name):
    return next(way for way in WAYS if way.name == name)
