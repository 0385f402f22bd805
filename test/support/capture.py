"""Captures, and what tshark says of them: a third opinion that shares no code with either end."""

import functools
import os
import re
import secrets
import socket
import subprocess
import xml.etree.ElementTree

from support import process


class Capture:
    """dumpcap on an interface of a namespace. Unlike tcpdump it works where a user is root."""

    def __init__(self, path, interface, netns):
        self.path = path
        self.interface = interface
        self.netns = netns
        self.process = process.Process("dumpcap", ["dumpcap", "-q", "-P", "-B", "64", "-i",
                                                   interface, "-w", path], netns=netns)
        self.process.wait_line("File:", 10)

    def _mark(self, sock, mark, start):
        """Whether the mark is in the file by now. It is sent again and again: dumpcap writes what it
        has only when there is more."""
        # To nobody, of the type for local experiments (IEEE 802).
        sock.send(bytes(12) + b"\x88\xb5" + mark)
        with open(self.path, "rb") as file:
            file.seek(start)
            return mark in file.read()

    def stop(self):
        """Ends it when it has everything up to now; how many packets it could not get."""
        with process.netns(self.netns):
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with sock:
            sock.bind((self.interface, 0))
            mark, start = secrets.token_bytes(32), os.path.getsize(self.path)
            process.wait_until("the capture's last frame", lambda: self._mark(sock, mark, start),
                               30, [self.process])
        self.process.stop()
        line = next(line for line in self.process.log if "received/dropped" in line)
        return int(re.search(r"(\d+)/(\d+) ", line)[2])


# What is looked for. A chance port of a client's is that of some other protocol's now and then, and
# noise looks like one: with all of them on, honest messages are taken for malformed ones of those.
PROTOCOLS = re.compile(r"_ws\..*|data.*|frame|eth|ethertype|sll|ip|ip\.options.*|ipv6|ipv6\.(dstopts|"
                       r"fraghdr|hopopts|routing.*)|icmp|icmpv6|arp|tcp|tcp\.options.*|udp|udpencap|"
                       r"esp|isakmp|sip|sdp|mime_multipart|xml|tls|x509.*|pkix.*|"
                       r"diameter|diameter\.3gpp|e164")


# What is outside of ESP. Whatever is inside is data then.
OUTSIDE = re.compile(r"_ws\..*|data.*|frame|eth|ethertype|ip|ip\.options.*|ipv6|ipv6\.(dstopts|fraghdr|"
                     r"hopopts|routing.*)|icmp|icmpv6|udp|udpencap|esp")
# Not what an ICMP error quotes of it, which may be cut off: from a kernel whose process has gone.
ESP = "esp && !icmp && !icmpv6"
# How an ESP packet is told from others when its ICV is not good.
ICV = ("esp.icv_good", "esp.icv_bad", "frame.number", "frame.len", "frame.protocols", "esp.spi",
       "esp.sequence", "esp.icv", "_ws.expert.message")


@functools.lru_cache(maxsize=None)
def other_protocols(wanted):
    """What tshark calls the protocols that are not looked for, a line each."""
    names = subprocess.run(["tshark", "-G", "protocols"], capture_output=True, text=True, timeout=60,
                           check=True).stdout.splitlines()
    names = {line.split("\t")[2] for line in names}
    return "".join(f"{name}\n" for name in sorted(names) if not wanted.fullmatch(name))


def _tshark(path, display_filter, key_rows, directory, decode, *options):
    """What it prints; ESP is checked with the keys."""
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "esp_sa"), "w") as file:
        file.writelines(key_rows)
    with open(os.path.join(directory, "disabled_protos"), "w") as file:
        file.write(other_protocols(PROTOCOLS if decode else OUTSIDE))
    command = ["tshark", "-n", "-r", path, "-Y", display_filter,
               "-o", "esp.enable_authentication_check:TRUE",
               "-o", "esp.enable_encryption_decode:TRUE", *options]
    environment = dict(os.environ, WIRESHARK_CONFIG_DIR=directory)
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    if result.returncode:
        raise RuntimeError(f"tshark: {result.stderr}")
    return result.stdout


def fields(path, display_filter, names, key_rows, directory, decode=True):
    """One tuple of strings for each packet that the filter takes.
    `decode` looks inside, where a dissector that takes noise for its protocol may break off: of such
    a packet tshark says nothing of the ICV, neither good nor bad."""
    options = [word for name in names for word in ("-e", name)]
    printed = _tshark(path, display_filter, key_rows, directory, decode, "-T", "fields", *options)
    return [tuple(line.split("\t")) for line in printed.splitlines()]


class Packets:
    """Every packet of a capture, read once. Who asks has a function of a packet for a filter."""

    def __init__(self, path, names, key_rows, directory):
        names = ("frame.number", "frame.time_epoch", "frame.protocols", "_ws.col.Info",
                 "_ws.malformed", *names)
        rows = fields(path, "frame", names, key_rows, directory)
        self.packets = [dict(zip(names, row, strict=True)) for row in rows]

    def fields(self, wanted, *names):
        """One tuple of strings for each packet that `wanted` is true of."""
        return [tuple(packet[name] for name in names) for packet in self.packets if wanted(packet)]


def has(packet, *protocols):
    """Whether one of Packets has any of these."""
    return not set(protocols).isdisjoint(packet["frame.protocols"].split(":"))


def is_esp(packet):
    """As ESP above."""
    return has(packet, "esp") and not has(packet, "icmp", "icmpv6")


def messages(path, protocol, names, directory):
    """The same of each message of a protocol, of which a segment may have several: lists."""
    printed = _tshark(path, protocol, [], directory, True, "-T", "pdml")
    packets = xml.etree.ElementTree.fromstring(printed)
    for message in packets.iterfind(f"./packet/proto[@name='{protocol}']"):
        yield tuple([field.get("show") for field in message.iterfind(f".//field[@name='{name}']")]
                    for name in names)


def wrong_icvs(packets):
    """Those of packets, as fields() has them with ICV first, whose ICV is not good."""
    return [dict(zip(ICV, packet)) for packet in packets if packet[:2] != ("1", "0")]


def check_icvs(report, name, path, key_rows, checked, directory):
    """The claim that every ICV is good of the SPIs that tshark has keys of. The SPI of each packet."""
    packets = fields(path, ESP, ICV, key_rows, directory, decode=False)
    spis = [packet[ICV.index("esp.spi")] for packet in packets]
    known = [packet for packet, spi in zip(packets, spis) if spi in checked]
    wrong = wrong_icvs(known)
    report.check(f"{name}: tshark finds every ICV good that it can check", known and not wrong,
                 f"{len(wrong)} of {len(known)} are not: {wrong[:3]}")
    return spis
