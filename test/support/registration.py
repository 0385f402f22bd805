"""A UE's registration as the CSCFs see it behind a P-CSCF: REGISTER over UDP, AKA by osmo-auc-gen.

The P-CSCF's part, its word that the second REGISTER came protected, is the test's to say.
"""

import base64
import hashlib
import re
import secrets
import socket
import subprocess

from support import process

# TS 35.208 test set 1
K, OPC = "465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf"


def milenage(rand, sqn=0):
    """AUTN, RES, CK, IK, of code that is not ours."""
    out = subprocess.run(["osmo-auc-gen", "-3", "-a", "milenage", "-k", K, "-o", OPC, "-r",
                          rand.hex(), "-s", str(sqn)], capture_output=True, text=True, check=True)
    values = dict(re.findall(r"^(\w+):\t([0-9a-f]+)$", out.stdout, re.M))
    return {name: bytes.fromhex(values[name]) for name in ("AUTN", "RES", "CK", "IK")}


def vector(rand, autn):
    """The vector that an AuC makes with the SQN that is in `autn`."""
    anonymity = milenage(rand)["AUTN"][:6]  # of SQN 0: AK itself
    sqn = bytes(a ^ b for a, b in zip(autn[:6], anonymity))
    return milenage(rand, int.from_bytes(sqn, "big"))


class Ue:
    def __init__(self, number, realm, cscf, netns, address=None, tls=None):
        """With an ssl.SSLContext as `tls` over TLS, else over UDP."""
        self.realm, self.cscf = realm, cscf
        self.visited = realm
        self.impi = f"00101{number:010}@{realm}"
        self.impu = f"sip:{self.impi}"
        self.call_id = secrets.token_hex(8)
        self.cseq = 0
        self.protocol = "TLS" if tls else "UDP"
        self.netns = netns
        with process.netns(netns):
            self.socket = socket.socket(socket.AF_INET,
                                        socket.SOCK_STREAM if tls else socket.SOCK_DGRAM)
        self.socket.bind((address or cscf[0], 0))
        self.socket.settimeout(8)
        if tls:
            self.socket.connect(cscf)
            self.socket = tls.wrap_socket(self.socket)
        self.contact = "sip:{}:{}".format(*self.socket.getsockname())

    def move(self, address):
        """Over UDP: it speaks from another address, and its Contact stays what it is."""
        self.socket.close()
        with process.netns(self.netns):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.settimeout(8)

    def csv(self):
        return f"{self.impi},{self.impu},{K},{OPC},0000,0\n"

    def _head(self, method, uri, to):
        self.cseq += 1
        address, port = self.socket.getsockname()
        return (f"{method} {uri} SIP/2.0\r\n"
                f"Via: SIP/2.0/{self.protocol} {address}:{port};"
                f"branch=z9hG4bK{secrets.token_hex(8)}\r\n"
                f"Max-Forwards: 70\r\nFrom: <{self.impu}>;tag=1\r\nTo: <{to}>\r\n"
                f"Call-ID: {self.call_id}\r\nCSeq: {self.cseq} {method}\r\n")

    def _final(self, method):
        """Status and text of the final answer to what was said last."""
        while True:
            answer = self.socket.recv(65536).decode()
            status = int(answer.split(" ", 2)[1])
            if status >= 200 and f"CSeq: {self.cseq} {method}" in answer:
                self.answer = answer
                return status, answer

    def _send(self, authorization):
        text = (self._head("REGISTER", f"sip:{self.realm}", self.impu) +
                f"Contact: <{self.contact}>;expires=600\r\n"
                f'P-Visited-Network-ID: "{self.visited}"\r\n'
                f"Authorization: Digest username=\"{self.impi}\",realm=\"{self.realm}\","
                f"uri=\"sip:{self.realm}\",{authorization}\r\nContent-Length: 0\r\n\r\n")
        if self.protocol == "TLS":
            self.socket.sendall(text.encode())
        else:
            self.socket.sendto(text.encode(), self.cscf)
        return self._final("REGISTER")

    def message(self, impu, callee=None, route=""):
        """A MESSAGE over UDP, to an identity that `callee`, if there is one, answers for; the final
        status. With a `route` as its P-CSCF sends it by the Service-Route."""
        more = f"Route: <{route};lr>\r\nP-Asserted-Identity: <{self.impu}>\r\n" if route else ""
        self.socket.sendto((self._head("MESSAGE", impu, impu) + more +
                            "Content-Length: 0\r\n\r\n").encode(), self.cscf)
        if callee:
            callee.accept("MESSAGE")
        return self._final("MESSAGE")[0]

    def accept(self, method):
        """Takes the request that comes next, and answers it 200."""
        text, sender = self.socket.recvfrom(65536)
        lines = text.decode().split("\r\n")
        if not lines[0].startswith(f"{method} "):
            raise OSError(f"it got {lines[0]}")
        kept = [line for line in lines if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
        kept += [f"{line};tag=2" for line in lines if line.startswith("To:")]
        self.socket.sendto(("SIP/2.0 200 OK\r\n" + "\r\n".join(kept) +
                            "\r\nContent-Length: 0\r\n\r\n").encode(), sender)

    def challenge(self):
        """The first REGISTER: (status, RAND and AUTN or None)."""
        status, answer = self._send('nonce="",response=""')
        match = re.search(r'nonce="([^"]+)"', answer)
        self.nonce = match and match[1]
        return status, match and base64.b64decode(match[1])[:32]

    def respond(self, res):
        """The second, with this RES; its status."""
        def md5(data):
            return hashlib.md5(data).hexdigest().encode()

        a1 = md5(f"{self.impi}:{self.realm}:".encode() + res)
        a2 = md5(f"REGISTER:sip:{self.realm}".encode())
        response = md5(b":".join([a1, self.nonce.encode(), b"00000001", b"c0", b"auth", a2]))
        return self._send(f'nonce="{self.nonce}",response="{response.decode()}",cnonce="c0",'
                          f'nc=00000001,qop=auth,algorithm=AKAv1-MD5,integrity-protected="yes"')[0]

    def resynchronise(self, auts):
        """The second, with this AUTS; its status."""
        return self._send(f'nonce="{self.nonce}",response="",'
                          f'auts="{base64.b64encode(auts).decode()}"')[0]

    def refresh(self):
        """A re-registration that says it came protected, as a chain of its own; its status."""
        self.call_id = secrets.token_hex(8)
        return self._send('nonce="",response="",integrity-protected="yes"')[0]

    def register(self):
        """The whole of it; the last status."""
        status, challenge = self.challenge()
        if status != 401:
            return status
        return self.respond(milenage(challenge[:16])["RES"])
