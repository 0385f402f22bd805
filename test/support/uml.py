"""A Linux kernel as an ordinary process (User Mode Linux), the peer that shares no line with us."""

import os
import shutil
import subprocess
import tempfile

from support import process, results, sandbox

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "peers", "uml")
NEEDS = ["linux.uml", "busybox", "cpio", "cc", "dumpcap", "tshark"]


def missing():
    """Programs that are not installed; empty when the test can run."""
    return [program for program in NEEDS if not shutil.which(program)]


def _make_initrd(directory):
    """The smallest root there is: busybox and our init; the rest is borrowed from the host."""
    with tempfile.TemporaryDirectory() as root:
        shutil.copy(shutil.which("busybox"), os.path.join(root, "busybox"))
        shutil.copy(os.path.join(HERE, "init"), os.path.join(root, "init"))
        os.chmod(os.path.join(root, "init"), 0o755)
        path = os.path.join(directory, "initrd.cpio")
        with open(path, "wb") as out:
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, check=True,
                           input=b".\nbusybox\ninit\n", stdout=out)
    return path


def boot(directory, job, argument, tap, netns=None):
    """Starts a guest whose vec0 is the host's `tap`; python3 runs `job` with `argument` in it."""
    initrd = _make_initrd(directory)
    shim = os.path.join(directory, "xstate.so")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", shim, os.path.join(HERE, "xstate.c")],
                   check=True)
    environment = dict(os.environ, LD_PRELOAD=shim, TMPDIR="/dev/shm", HOME=directory)
    command = ["linux.uml", "mem=192M", f"initrd={initrd}", "rdinit=/init", "con=null",
               "con0=null,fd:1", "quiet", f"umid=peer-{os.getpid()}",
               f"vec0:transport=tap,ifname={tap},depth=128,gro=1", f"job={job}", f"arg={argument}"]
    return process.Process("guest", command, netns=netns, env=environment)


def test(name, run, build):
    """sandbox.test() with such a peer, where its programs are installed."""
    if missing():
        report = results.Report()
        report.skipped(name, f"no {', '.join(missing())}")
        return report.exit_status()
    return sandbox.test(name, run, build)
