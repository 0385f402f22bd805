#!/usr/bin/python3
"""However the lab ends, nothing of it is left: no process, interface, namespace, mount or file.

Also for an ordinary user, and while it is kept running for a visitor.
Usage: leftovers.py BUILD-DIRECTORY
"""
# Alone: it looks for what the whole machine has.

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import lab, process, results

MARK = "IMSGATE_TEST_MARK"
OPTIONS = ["--ues", "5", "--seconds", "1"]
NOBODY = 65534
PLACES = ("/run", "/run/netns", "/run/imsgate", "/run/dpdk", "/run/lab", "/tmp/dpdk", "/dev/shm",
          "/dev/hugepages")


def marked(mark):
    """Processes that descend from the lab: they all have its environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"{MARK}={mark}".encode() in file.read():
                    found.append(int(pid))
        except OSError:
            pass  # it has ended meanwhile
    return found


def world():
    """What there is on this machine that a lab could leave behind."""
    with open("/proc/self/mountinfo") as file:
        mounts = {line.split()[4] for line in file}
    with open("/proc/net/dev") as file:
        interfaces = set(re.findall(r"^ *(\S+):", file.read(), re.MULTILINE))
    files = {os.path.join(place, name) for place in PLACES if os.path.isdir(place)
             for name in os.listdir(place)}
    return mounts | interfaces | files


class Lab:
    def __init__(self, build, *options, user=None):
        self.mark = uuid.uuid4().hex
        command = lab.command(build, *OPTIONS, *options)
        if user is not None:
            command[command.index("--config") + 1] = os.path.join(build, "lab.yaml")
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        environment = dict(os.environ, **{MARK: self.mark})
        self.before = world()
        self.process = process.Process("lab", command, env=environment)
        self.child = self.process.child

    def check_gone(self, report, name):
        """Everything ends at once, but not in no time."""
        deadline = time.monotonic() + 5
        while marked(self.mark) and time.monotonic() < deadline:
            time.sleep(0.01)
        left = marked(self.mark)
        new = world() - self.before
        report.check(f"{name}: nothing is left", not left and not new,
                     f"processes {left}, things {new}")


def ends_by_itself(report, build, name, user=None):
    running = Lab(build, user=user)
    status = running.child.wait(lab.TIMEOUT_S)
    report.check(f"{name}: everything held", status == 0, running.process.tail(40))
    running.check_gone(report, name)


def is_ended(report, build, name, number, status):
    running = Lab(build, "--seconds", "60")
    try:
        running.process.wait_line("traffic for", 60)
        os.kill(running.child.pid, number)
        ended = running.child.wait(10)
        report.check(f"{name}: the exit status says so", ended == status, f"{ended}")
    except (EOFError, TimeoutError) as error:
        report.failed(name, str(error))
        running.child.kill()
    running.check_gone(report, name)


def is_kept(report, build):
    """--keep: a visitor can enter and look; Ctrl-C is its normal end."""
    running = Lab(build, "--keep")
    try:
        entry = running.process.wait_line("  nsenter", 60).split()
        running.process.wait_line("  ls ", 5)
        command = [*entry[:entry.index("bash")], os.path.join(build, "tools", "imsgate"), "show",
                   "registrations", "--json", "--config", "/run/imsgate/lab.yaml"]
        seen = subprocess.run(command, capture_output=True, text=True, timeout=30)
        shown = seen.stdout.count("sip:") if seen.returncode == 0 else 0
        report.check("lab --keep: a visitor sees the registrations", shown >= 5,
                     seen.stdout + seen.stderr)
        os.kill(running.child.pid, signal.SIGINT)
        status = running.child.wait(10)
        report.check("lab --keep: Ctrl-C is its normal end", status == 0, f"{status}")
    except (EOFError, TimeoutError, ValueError, json.JSONDecodeError) as error:
        report.failed("lab --keep", f"{error}")
        running.child.kill()
    running.check_gone(report, "lab --keep")


def as_ordinary_user(report, build):
    """Through user namespaces. The user may not be able to read where the build is: a copy."""
    if os.geteuid() != 0:
        ends_by_itself(report, build, "lab of an ordinary user")
        return
    with tempfile.TemporaryDirectory(prefix="imsgate-user-") as copy:
        os.chmod(copy, 0o755)
        for program in ("tools/imsgate", "tools/imsgate-ue", "dataplane/imsgate-dataplane",
                        "controlplane/imsgate-controlplane"):
            target = os.path.join(copy, program)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.join(build, program), target)
        shutil.copy(lab.CONFIG, os.path.join(copy, "lab.yaml"))
        ends_by_itself(report, copy, "lab of an ordinary user", user=NOBODY)


def main():
    report = results.Report()
    build = os.path.abspath(sys.argv[1])
    ends_by_itself(report, build, "lab to its end")
    is_ended(report, build, "lab interrupted", signal.SIGINT, 128 + signal.SIGINT)
    is_ended(report, build, "lab killed", signal.SIGKILL, -signal.SIGKILL)
    is_kept(report, build)
    as_ordinary_user(report, build)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
