"""The whole of imsgate, as the lab has it, for a test that runs the UEs itself: a data plane, the
roles of the control plane in processes of their own, and subscribers. In a sandbox."""

import contextlib
import csv
import json
import os
import socket
import subprocess

from support import certificates, lab, process, sandbox, way

CONFIG = "/run/imsgate/lab.yaml"
SUBSCRIBERS = "/run/imsgate/subscribers.csv"
ROLES = ("hss", "icscf,scscf", "pcscf")
NETS = (("ue", """\
link set lo up
link set ue0 addrgenmode none
link set ue0 up
address add 10.0.0.2/24 dev ue0
address add fd00::2/64 dev ue0 nodad
address add fe80::2/64 dev ue0 nodad
"""), ("wire", """\
link set lo up
link set acc0 addrgenmode none
link set acc0 up
"""), ("edge", "link set lo up\n"))
# No kernel speaks there. A container may hold it read-only; the tests do without.
SILENT = "/proc/sys/net/ipv6/conf/acc0/disable_ipv6"
GM = """\
link set gm0 addrgenmode none
link set gm0 up
address add 10.0.0.1/24 dev gm0
address add fd00::1/64 dev gm0 nodad
address add fe80::1/64 dev gm0 nodad
route add 10.1.0.0/16 via 10.0.0.2
route add fd01::/64 via fd00::2
"""


def ue_command(build, n_ues, *arguments, by=way.UDP4, subscribers=SUBSCRIBERS):
    """imsgate-ue for the first so many of them, taking commands."""
    return ["ip", "netns", "exec", "ue", os.path.join(build, "tools/imsgate-ue"), "--subscribers",
            subscribers, "--n", str(n_ues), *by.options(), "-i", *arguments]


class Core:
    """`environment` is of all programs, `changes` of the text of configs/lab.yaml, as
    lab.changed(); `tls`: SIP between the CSCFs goes over TLS."""

    def __init__(self, build, n_subscribers, environment=None, changes=(), tls=False):
        self.build, self.n_subscribers = build, n_subscribers
        self.environment = environment
        self.processes = []
        self._make_net()
        os.mkdir("/run/imsgate")
        cores = (sorted(os.sched_getaffinity(0)) * 2)[:2]
        with open(lab.CONFIG) as source, open(CONFIG, "w") as file:
            file.write(lab.changed(source.read(), *changes,
                                   ("control_core: 0", f"control_core: {cores[0]}"),
                                   ("worker_cores: [1]", f"worker_cores: [{cores[1]}]")))
        if tls:
            self._add_tls()
        self._start("dataplane/imsgate-dataplane", "wire")
        self._wait(lambda: os.path.exists("/run/imsgate/dataplane.sock") and
                   subprocess.run(["ip", "-n", "edge", "link", "show", "gm0"],
                                  capture_output=True).returncode == 0)
        sandbox.ip(GM, netns="edge")
        self._make_subscribers()
        for roles in ROLES:
            self._start("controlplane/imsgate-controlplane", "edge", "--roles", roles)
            self._wait(lambda: os.path.exists(f"/run/imsgate/{roles.split(',')[-1]}.sock"))
        self.roles = dict(zip(ROLES, self.processes[1:]))
        # Before that it refuses who wants to register.
        self._wait(lambda: (self.status("pcscf") or {}).get("dataplane_ready") == 1)

    @staticmethod
    def _add_tls():
        authority = certificates.Authority("/run/certificates")
        authority.make("core", "IP:127.0.0.1")
        with open(CONFIG) as file:
            text = lab.changed(file.read(), ("core_security: none", "core_security: tls"))
        with open(CONFIG, "w") as file:
            file.write(text + "\n" + authority.section("core"))

    @staticmethod
    def _make_net():
        sandbox.ip("netns add ue\nnetns add wire\nnetns add edge\n"
                   "link add ue0 netns ue type veth peer name acc0 netns wire\n")
        with contextlib.suppress(OSError), process.netns("wire"), open(SILENT, "w") as file:
            file.write("1")
        for netns, lines in NETS:
            sandbox.ip(lines, netns=netns)
        for netns, link in (("ue", "ue0"), ("wire", "acc0")):
            subprocess.run(["ip", "netns", "exec", netns, "ethtool", "-K", link, "tx", "off"],
                           check=True, stdout=subprocess.DEVNULL)

    def _start(self, program, netns, *arguments):
        self.processes.append(process.Process(os.path.basename(program), [
            os.path.join(self.build, program), "--config", CONFIG, *arguments], netns=netns,
            env=self.environment))

    def _wait(self, ready):
        process.wait_until(self.processes[-1].name, ready, 20, self.processes)

    def _make_subscribers(self):
        imsgate = os.path.join(self.build, "tools/imsgate")
        with open(SUBSCRIBERS, "w") as file:
            subprocess.run([imsgate, "subscriber", "generate", "--n", str(self.n_subscribers),
                            "--realm", "ims.mnc001.mcc001.3gppnetwork.org"], stdout=file,
                           check=True)
        subprocess.run([imsgate, "subscriber", "import", "--config", CONFIG, SUBSCRIBERS],
                       check=True, stdout=subprocess.DEVNULL)

    def start_roles(self, roles):
        """Roles of one process, by commas; it may not be ready yet."""
        self.roles[roles] = process.Process(roles, [
            os.path.join(self.build, "controlplane/imsgate-controlplane"), "--config", CONFIG,
            "--roles", roles], netns="edge")
        self.processes.append(self.roles[roles])

    def kill_roles(self, roles):
        """As by kill -9."""
        killed = self.roles.pop(roles)
        self.processes.remove(killed)
        killed.child.kill()
        killed.child.wait()

    def stop_roles(self, roles):
        stopped = self.roles.pop(roles)
        self.processes.remove(stopped)
        return stopped.stop()

    def subscribers(self):
        with open(SUBSCRIBERS) as file:
            return list(csv.DictReader(file))

    def some_subscribers(self, first, n):
        """A file of these alone, for a fleet beside others."""
        path = f"/run/subscribers.{first}.csv"
        with open(SUBSCRIBERS) as source, open(path, "w") as file:
            head, *rows = source.readlines()
            file.writelines([head] + rows[first:first + n])
        return path

    def ues(self, commands, *arguments):
        """UEs of the subscribers say these commands of imsgate-ue; its end and its output."""
        return subprocess.run(ue_command(self.build, self.n_subscribers, *arguments),
                              input="\n".join(commands) + "\n", capture_output=True, text=True,
                              timeout=60)

    def imsgate(self, *arguments):
        """A command of imsgate; its end and its output."""
        return subprocess.run([os.path.join(self.build, "tools/imsgate"), *arguments, "--config",
                               CONFIG], capture_output=True, text=True)

    @staticmethod
    def status(role, path="/stats"):
        """What a role says on its status socket; None: it does not answer."""
        with socket.socket(socket.AF_UNIX) as status:
            status.settimeout(5)
            try:
                status.connect(f"/run/imsgate/{role}.sock")
                status.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                reply = status.makefile().read()
            except (ConnectionError, FileNotFoundError):
                return None
        return json.loads(reply.split("\n\n", 1)[1]) if reply else None

    def stop(self):
        for one in reversed(self.processes):
            one.stop()
