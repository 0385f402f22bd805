#!/usr/bin/python3
"""The HSS is copied while UEs register, goes on, is lost, and comes back from the copy, by the commands
of docs/operations.md. Usage: backup.py BUILD-DIRECTORY
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import core, fleet, process, records, results, sandbox

N_UES = 40
DATABASE = "/run/imsgate/hss.db"
PLACES = ("/var/lib/imsgate/", "/run/imsgate/"), ("/backup/", "/run/backup/")
DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/operations.md")


def commands():
    """Those of the document: how to copy, and how to go back."""
    with open(DOCUMENT) as file:
        section = file.read().partition("\n## Restart, and what to back up\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    for old, new in PLACES:
        blocks = [block.replace(old, new) for block in blocks]
    return blocks


def shell(text):
    return subprocess.run(["sh", "-e", "-c", text], capture_output=True, text=True)


def copied(report, edge, ues, copy, guest):
    """While all register anew, and what comes after it is not in it."""
    ues.begin("reregister")
    done = shell(copy)
    report.check("the HSS is copied while UEs register", done.returncode == 0, done.stderr)
    answer = ues.answer()
    report.check("and disturbs none of them", answer["registered"] == N_UES, answer)
    before = records.read(DATABASE)
    ues.ask("reregister")
    after = records.read(DATABASE)
    report.check("it goes on", all(after[impi][0] > before[impi][0] for impi in before
                                   if impi != guest), "a number did not")
    done = edge.imsgate("subscriber", "delete", guest)
    report.check("a subscriber is deleted", done.returncode == 0, done.stderr)


def lost(edge):
    """As by a kill, which leaves the journal, and then the files."""
    edge.kill_roles("hss")
    os.remove(DATABASE)
    os.remove(DATABASE + ".records")


def back(report, edge, ues, restore, guest):
    done = shell(restore)
    report.check("the copy is put back", done.returncode == 0, done.stderr)
    edge.start_roles("hss")
    process.wait_until("hss", lambda: edge.status("hss") is not None, 20, edge.processes)
    done = edge.imsgate("subscriber", "show", guest)
    report.check("the HSS starts with it and knows who was deleted since", done.returncode == 0,
                 done.stderr)
    first = ues.ask("reregister")
    forged = edge.status("hss")
    report.check("its numbers are too low, and each UE mends its own", first["registered"] == N_UES and
                 forged["resync_accepted"] == N_UES, f"{first} {forged}")
    last = ues.ask("reregister")
    report.check("once", last["registered"] == N_UES and
                 edge.status("hss")["resync_accepted"] == N_UES, f"{last} {edge.status('hss')}")


def main(build):
    report = results.Report()
    sandbox.enter()
    os.mkdir("/run/backup")
    copy, restore = commands()
    edge = core.Core(build, N_UES + 1, changes=[("reauth_every: 0", "reauth_every: 1")])
    guest = edge.subscribers()[N_UES]["impi"]
    ues = fleet.Fleet(build, N_UES)
    try:
        ues.ask("register")
        copied(report, edge, ues, copy, guest)
        lost(edge)
        back(report, edge, ues, restore, guest)
        ues.stop()
    finally:
        edge.stop()
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
