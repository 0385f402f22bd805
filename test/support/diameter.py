"""Diameter nodes of a test: a namespace with an address for each, and what runs there."""

import json
import socket
import subprocess

from support import process, sandbox

REALM = "ims.mnc001.mcc001.3gppnetwork.org"
NETNS = "core"
CSCF, HSS_1, HSS_2 = "10.3.0.1", "10.3.0.2", "10.3.0.3"


def make_network():
    """freeDiameter knows no loopback addresses, so the nodes have others; packets go over lo."""
    subprocess.run(["ip", "netns", "add", NETNS], check=True)
    sandbox.ip("link set lo up\nlink add cx0 type veth peer name cx1\nlink set cx0 up\n" +
               "".join(f"address add {a}/24 dev cx0\n" for a in (CSCF, HSS_1, HSS_2)), NETNS)


def write_config(name, address, peers, text, security="protected"):
    """/run/NAME.yaml of a node; peers are pairs of name and address. Its path."""
    path = f"/run/{name}.yaml"
    with open(path, "w") as file:
        file.write(f"controlplane: {{realm: {REALM}, run_dir: /run/{name}, "
                   f"cx_socket: /run/{name}/cx.sock}}\n{text}"
                   f"cx:\n  transport: diameter\n  security: {security}\n  identity: {name}.{REALM}\n"
                   f"  address: {address}\n  watchdog_s: 6\n  timeout_ms: 3000\n  peers:\n")
        for peer, where in peers:
            file.write(f"    - {{identity: {peer}.{REALM}, address: \"{where}\"}}\n")
    return path


def hss_config(name, address, peers, keys=""):
    """Nodes of the same database: one HSS, twice. `keys`: more of its section."""
    return write_config(name, address, peers, f"hss: {{database: /run/hss.db{keys}}}\n")


def import_subscribers(build, config, csv):
    header = subprocess.run([f"{build}/tools/imsgate", "subscriber", "generate", "--n", "1",
                             "--realm", REALM], capture_output=True, text=True, check=True)
    subprocess.run([f"{build}/tools/imsgate", "subscriber", "import", "--config", config, "-"],
                   input=header.stdout.splitlines()[0] + "\n" + csv, text=True, check=True,
                   stdout=subprocess.DEVNULL)


def start(build, name):
    """A control plane with the file of that name, when it runs."""
    node = process.Process(name, [f"{build}/controlplane/imsgate-controlplane", "--config",
                                  f"/run/{name}.yaml"], netns=NETNS)
    node.wait_line("imsgate-controlplane: info: cx: Diameter node", 20)
    return node


def stats(name, role):
    """What a role counts, from its status socket."""
    with socket.socket(socket.AF_UNIX) as status:
        status.connect(f"/run/{name}/{role}.sock")
        status.sendall(b"GET /stats HTTP/1.0\r\n\r\n")
        return json.loads(status.makefile().read().split("\r\n\r\n", 1)[-1].split("\n\n", 1)[-1])
