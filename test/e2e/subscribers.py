#!/usr/bin/python3
"""`imsgate subscriber`: what it puts into the HSS's database, what it refuses and where, and that
it never says a key.
Usage: subscribers.py BUILD-DIRECTORY
"""

import json
import os
import pty
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import results

CONFIG = """\
controlplane: {{realm: home.example}}
hss: {{database: {0}/hss.db, key_file: {0}/hss.key}}
"""
HEADER = "impi,impu,k,opc,amf,sqn\n"
K = "465b5ce8b199b49faa5f0a2ee238a6bc"
OPC = "cd63cb71954a9f4e48a5994e37a02baf"
OP = "cdc202d5123e20f62b6d676ac72cb318"
N_MANY = 20000
BAD_LINE = 15000
N_TIMED, ROWS_PER_S = 200000, 50000
SLOW = 2  # times slower than what is asked for a machine may be

REFUSED = [  # what is wrong, its line, what is said of it
    ("a key of 31 digits", f"b@home.example,sip:b@home.example,{K[1:]},{OPC},0000,0",
     "k has 31 characters"),
    ("an IMPI without a realm", f"b,sip:b@home.example,{K},{OPC},0000,0", "impi is no identity"),
    ("an IMPU of somebody else", f"b@home.example,sip:alice@home.example,{K},{OPC},0000,0",
     "the impu sip:alice@home.example is there already"),
    ("an SQN of 49 bits", f"b@home.example,sip:b@home.example,{K},{OPC},0000,{1 << 48}", "sqn"),
    ("a field too many", f"b@home.example,sip:b@home.example,{K},{OPC},0000,0,", "7 fields"),
]


class Shell:
    """The command, with all that it ever printed."""

    def __init__(self, build, directory):
        self.program = os.path.join(build, "tools", "imsgate")
        self.config = os.path.join(directory, "imsgate.yaml")
        self.said = ""
        with open(self.config, "w") as file:
            file.write(CONFIG.format(directory))

    def __call__(self, command, *arguments, given=None):
        done = subprocess.run([self.program, "subscriber", command, "--config", self.config,
                               *arguments], input=given, capture_output=True, text=True, timeout=60)
        self.said += done.stdout + done.stderr
        return done

    def at_a_terminal(self, command, given):
        """The same with what is shown there, and the seconds of CPU."""
        terminal, end = pty.openpty()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([self.program, "subscriber", command, "--config", self.config, "-"],
                              input=given, stdout=subprocess.PIPE, stderr=end, text=True,
                              timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.set_blocking(terminal, False)
        shown = os.read(terminal, 65536).decode()
        os.close(terminal)
        os.close(end)
        self.said += done.stdout + shown
        return done, shown, (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def rows(n, bad=None, name=""):
    return HEADER + "".join(
        "nonsense\n" if i == bad else
        f"{name}{i}@home.example,sip:{name}{i}@home.example,{K},{OPC},8000,{32 * i}\n"
        for i in range(2, n + 2))


def adds_and_shows(report, run):
    done = run("add", "--keys", "-", "--sqn", "64", "alice@home.example", "sip:alice@home.example",
               "tel:+15", given=f"{K}\n{OPC}\n")
    report.check("add puts in a subscriber", done.returncode == 0, done.stderr)
    shown = json.loads(run("show", "--json", "tel:+15").stdout)
    report.check("show finds him by any identity and tells all but keys",
                 shown["impi"] == "alice@home.example" and shown["sqn"] == 64 and
                 [i["impu"] for i in shown["identities"]] == ["sip:alice@home.example", "tel:+15"],
                 shown)
    done = run("add", "--op", "--keys", "-", "--amf", "b9b9", "--capabilities", "1,2/7", "bob@home.example",
               "sip:bob@home.example", "/", "sip:nobody@home.example", given=f"{K}\n{OP}\n")
    shown = json.loads(run("show", "--json", "bob@home.example").stdout)
    report.check("add takes OP, capabilities, and a set that is registered by itself",
                 done.returncode == 0 and shown["amf"] == "b9b9" and
                 shown["capabilities"] == "1,2/7" and
                 [i["set"] for i in shown["identities"]] == [0, 1], f"{done.stderr} {shown}")
    again = run("add", "--keys", "-", "x@home.example", "tel:+15", given=f"{K}\n{OPC}\n")
    report.check("an identity that is taken is refused by name",
                 again.returncode == 1 and "the impu tel:+15 is there already" in again.stderr,
                 again.stderr)
    short = run("add", "--keys", "-", "x@home.example", "tel:+16", given=f"{K}\n")
    report.check("a key file without OPc is refused",
                 short.returncode == 1 and "OPc on its second" in short.stderr, short.stderr)


def imports(report, run):
    for what, line, says in REFUSED:
        done = run("import", "-", given=HEADER + line + "\n")
        report.check(f"{what} is refused with its line",
                     done.returncode == 1 and "stdin:2: " in done.stderr and says in done.stderr,
                     done.stderr)
    done = run("import", "-", given=rows(N_MANY, bad=BAD_LINE))
    report.check(f"one bad line of {N_MANY} is named, and nothing is imported",
                 done.returncode == 1 and f"stdin:{BAD_LINE}: " in done.stderr and
                 "nothing was imported" in done.stderr and
                 run("show", "2@home.example").returncode == 1, done.stderr)
    done = run("import", "-", given=rows(N_MANY))
    report.check(f"{N_MANY} are imported", done.stdout == f"{N_MANY} subscribers imported\n",
                 done.stdout + done.stderr)


def imports_fast(report, run):
    done, shown, cpu_s = run.at_a_terminal("import", rows(N_TIMED, name="timed-"))
    report.check(f"{N_TIMED} are imported at a terminal",
                 done.stdout == f"{N_TIMED} subscribers imported\n", done.stdout + shown)
    progress = [int(n) for n in re.findall(r"\r(\d+) subscribers", shown)]
    report.check("it says every 10 000 how far it is, in one line that is empty in the end",
                 progress == list(range(10000, N_TIMED + 1, 10000)) and "\n" not in shown and
                 shown.endswith("\r\033[K"), repr(shown))
    report.check(f"it takes no more CPU than {N_TIMED * SLOW // ROWS_PER_S} s",
                 cpu_s <= N_TIMED * SLOW / ROWS_PER_S, f"{cpu_s:.1f} s")


def deletes(report, run):
    done = run("delete", "tel:+15")
    report.check("delete wants the IMPI", done.returncode == 1 and "alice@home.example" in
                 done.stderr, done.stderr)
    done = run("delete", "alice@home.example")
    gone = run("show", "sip:alice@home.example")
    report.check("a deleted subscriber is gone", done.returncode == 0 and gone.returncode == 1 and
                 "nobody's" in gone.stderr, done.stderr + gone.stderr)


def keeps_secrets(report, run, directory):
    report.check("no key was ever printed", not any(key in run.said for key in (K, OPC, OP)), "it was")
    files = {name: os.path.join(directory, name) for name in os.listdir(directory)}
    modes = {name: stat.S_IMODE(os.stat(path).st_mode) for name, path in files.items()
             if name.startswith("hss.")}
    report.check("c140: database and key file are their owner's alone",
                 set(modes.values()) == {0o600}, modes)
    held = [name for name in modes for key in (K, OPC, OP)
            if bytes.fromhex(key) in open(files[name], "rb").read()]
    report.check("c140: no file holds K or OPc", not held, held)
    os.rename(files["hss.key"], files["hss.key"] + ".away")
    done = run("show", "2@home.example")
    report.check("c140: without its key file the database is refused",
                 done.returncode == 1 and "hss.key: the key file is missing" in done.stderr,
                 done.stderr)


def main():
    report = results.Report()
    directory = tempfile.mkdtemp(prefix="imsgate-subscribers-")
    try:
        run = Shell(sys.argv[1], directory)
        adds_and_shows(report, run)
        imports(report, run)
        imports_fast(report, run)
        deletes(report, run)
        keeps_secrets(report, run, directory)
    finally:
        shutil.rmtree(directory)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
