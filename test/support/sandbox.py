"""A world of its own for a test: network, mount and PID namespaces that end with it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from support import results

MARK = "IMSGATE_TEST_SANDBOX"


def enter():
    """Runs the calling script anew as the only inhabitant of fresh namespaces."""
    if os.environ.get(MARK):
        del os.environ[MARK]
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    os.environ[MARK] = "1"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *user, "--net", "--mount", "--pid", "--fork", "--kill-child",
               "--mount-proc", sys.executable, *sys.argv]
    os.execvp(command[0], command)


def limit(seconds):
    """The script breaks off when it has not ended by itself by then."""
    def over(*_):
        raise TimeoutError(f"the test is not done in {seconds} s")

    signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)


def ip(batch, netns=None):
    """Runs lines of ip(8) in one process."""
    command = ["ip"] + (["-n", netns] if netns else []) + ["-batch", "-"]
    subprocess.run(command, input=batch, text=True, check=True)


def mac_address(interface, netns):
    shown = subprocess.run(["ip", "-n", netns, "-json", "link", "show", interface], check=True,
                           capture_output=True, text=True)
    return json.loads(shown.stdout)[0]["address"]


def test(name, run, build):
    """run(report, build, directory) in a world and a directory of its own; the exit status."""
    report = results.Report()
    enter()
    directory = tempfile.mkdtemp(prefix=f"imsgate-{name}-")
    try:
        run(report, os.path.abspath(build), directory)
    finally:
        shutil.rmtree(directory)
    return report.exit_status()
