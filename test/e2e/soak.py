#!/usr/bin/python3
"""A data plane with two workers and a crypto device under test/soak: SAs come and go under traffic,
and every packet is accounted for. For some seconds, or as many as SOAK_SECONDS says; SOAK_SEED
repeats what was sent. Usage: soak.py BUILD-DIRECTORY
"""
# Alone: it has work for all processors.

import os
import secrets
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import dataplane, results, sandbox

PROGRAM = "test/soak/soak"
SECONDS = int(os.environ.get("SOAK_SECONDS", "10"))
SUBJECTS = 2000
N_WORKERS = 2
# Fewer sessions than SAs with a cipher: for the others it is the cpu.
SECTION = """\
  crypto:
    devices: [crypto_openssl0]
    lookaside: encrypted
    n_sessions: 1024
  fragments:
    timeout_s: 1
"""


def run(report, build, directory):
    seed = os.environ.get("SOAK_SEED") or str(secrets.randbits(48))
    edge = dataplane.Dataplane(build, directory, "net_af_packet0,iface=acc0", section=SECTION,
                               n_workers=N_WORKERS, capacity=16384, links="link set gm0 up\n")
    try:
        print(f"soak: {SECONDS} s, seed {seed}", flush=True)
        done = subprocess.run(
            [os.path.join(build, PROGRAM), "--network", "wire/ue0", "--kernel", "edge/gm0",
             "--socket", os.path.join(directory, "dataplane.sock"), "--file-prefix", "imsgate",
             "--pid", str(edge.process.child.pid), "--subjects", str(SUBJECTS), "--seconds",
             str(SECONDS), "--seed", seed, "--devices"], timeout=SECONDS + 120)
        report.check("soak: it came to its end", done.returncode in (0, 1),
                     f"{done.returncode}\n{edge.process.tail()}")
        report.check("soak: the data plane lives", edge.process.running(), edge.process.tail())
    finally:
        edge.process.stop()


def main(build):
    report = results.Report()
    sandbox.enter()
    directory = tempfile.mkdtemp(prefix="imsgate-soak-")
    try:
        sandbox.ip("netns add wire\nnetns add edge\n")
        for netns in ("wire", "edge"):  # nothing but what the test sends
            subprocess.run(["ip", "netns", "exec", netns, "sysctl", "-qw",
                            "net.ipv6.conf.default.disable_ipv6=1"], check=True)
        sandbox.ip("link add ue0 type veth peer name acc0\nlink set ue0 up\nlink set acc0 up\n",
                   netns="wire")
        run(report, build, directory)
    finally:
        shutil.rmtree(directory)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
