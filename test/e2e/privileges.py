#!/usr/bin/python3
"""After start no thread of either program has a capability, can gain one, or escapes its filter.

Usage: privileges.py BUILD-DIRECTORY
"""

import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import dataplane, lab, process, results, sandbox

CONTROLPLANE = "controlplane/imsgate-controlplane"
NO_CAPABILITIES = "0" * 16
WANTED = {
    "CapInh": NO_CAPABILITIES,
    "CapPrm": NO_CAPABILITIES,
    "CapEff": NO_CAPABILITIES,
    "CapAmb": NO_CAPABILITIES,
    "NoNewPrivs": "1",
    "Seccomp": "2",  # a filter
}


def threads(program):
    """The threads of a program's processes: {thread: {field: value}}."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as file:
                if not program.startswith(file.read().strip()):
                    continue
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/status") as file:
                    pairs = [line.partition(":\t") for line in file]
                found[task] = {field: value.strip() for field, _, value in pairs}
        except OSError:
            pass  # it has ended meanwhile
    return found


def excess(program):
    """What a thread has beyond what it should; nothing found at all is no proof."""
    found = threads(program)
    if not found:
        return f"no process {program}"
    return ", ".join(f"{status['Name']}: {field} {status[field]}" for status in found.values()
                     for field, wanted in WANTED.items() if status[field] != wanted)


def main(build):
    report = results.Report()
    sandbox.enter()
    directory = tempfile.mkdtemp(prefix="imsgate-privileges-")
    running = []
    try:
        os.mkdir("/run/imsgate")
        for name in ("wire", "edge"):
            sandbox.ip(f"netns add {name}\n")
        sandbox.ip("link add ue0 type veth peer name acc0 netns wire\nlink set ue0 up\n")
        sandbox.ip("link set acc0 up\n", netns="wire")
        edge = dataplane.Dataplane(build, directory, "net_af_packet0,iface=acc0")
        running.append(edge.process)
        hss = process.Process("hss", [os.path.join(build, CONTROLPLANE), "--config", lab.CONFIG,
                                      "--roles", "hss"])
        running.append(hss)
        hss.wait_line("imsgate-controlplane: info: hss: started", 10)
        for program in ("imsgate-dataplane", "imsgate-controlplane"):
            found = []
            try:
                process.wait_until("it", lambda: found.append(excess(program)) or not found[-1], 5)
            except TimeoutError:
                pass
            report.check(f"privileges: {program} keeps none", not found[-1], found[-1])
    finally:
        for one in running:
            one.stop()
        shutil.rmtree(directory)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
