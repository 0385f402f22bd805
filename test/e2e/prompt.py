#!/usr/bin/python3
"""The prompt of the data plane: by script, on a terminal, and two instances in a loop of ESP, with the
configurations and scripts as they are in configs/.
Usage: prompt.py BUILD-DIRECTORY
"""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import dataplane, results, sandbox, tree

CONFIGS = os.path.join(tree.ROOT, "configs")
TIMEOUT_S = 60
KEY = "000102030405060708090a0b0c0d0e0f10111213"
ADD = ("add sa --zone access --local 10.0.0.1 --peer 10.0.0.2 --integrity hmac-sha-1-96 "
       f"--key {KEY} --in 5063:6000:0x10000001 --out 6001:5063:0x20000001 --registration 1")
SCRIPT = f"""\
# Commands one after another.
show config
{ADD}

show sa all
show sa
show workers
show port
show offload
show tunnels
start
generate all size 100 count 500 rate max
wait until generate_tx >= 500
wait idle
show stats
clear stats
show stats
set idle_sleep_us 200
generate all rate 100
generate stop
show generator
stop
del sa 1
show sa all
quit
this is not reached
"""
WRONG = """\
show stats
fly

add sa --zone nowhere
wait until esp_rx >= 1 within 20
show sa all
"""


def command(build, name):
    return [os.path.join(build, dataplane.PROGRAM), "--config",
            os.path.join(CONFIGS, f"{name}.yaml"), "-i"]


def script(build, name, text):
    """(exit status, what it printed, its errors)"""
    done = subprocess.run(command(build, name), input=text, capture_output=True, text=True,
                          timeout=TIMEOUT_S)
    errors = [line for line in done.stderr.splitlines() if line.startswith("stdin:")]
    return done.returncode, done.stdout, errors


def counters(text):
    """The last `show stats` in it."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"  (\w+) +(\d+)  \w", line)
        if match:
            if match[1] in found:
                found = {}
            found[match[1]] = int(match[2])
    return found


def by_script(report, build):
    status, said, errors = script(build, "loop-a", SCRIPT)
    report.check("prompt: a script of every command", status == 0 and not errors,
                 f"{status} {errors}\n{said}")
    wanted = ("forwarding               stopped", "registration 1\n", "in  0x10000001",
              "hmac-sha-1-96 + null", "capacity                 1024", "busy_turns", "network_rx",
              "inline", "no tunnels", "generating for 1 SA", "generate_tx                       500",
              "  all counters are 0\n", "state                    idle", "no SAs\n")
    missing = [text for text in wanted if text not in said]
    report.check("prompt: each shows what it should", not missing, f"{missing}\n{said}")
    report.check("prompt: no key is shown", KEY not in said, said)
    # Without the other end of the memif nothing can be sent: all of it is accounted for.
    found = counters(said.split("all counters are 0")[0])
    report.check("prompt: generated packets take the way out",
                 found.get("esp_tx") == 500 and found.get("tx_full") == 500, found)


def errors_by_script(report, build):
    status, said, errors = script(build, "loop-a", WRONG)
    wanted = ["stdin:2: error: no such command; `help` lists them",
              "stdin:4: error: the configuration has no zone nowhere",
              "stdin:5: error: esp_rx is 0, not 1"]
    report.check("prompt: errors say where, and the script goes on",
                 errors == wanted and said.endswith("no SAs\n"), f"{errors}\n{said}")
    report.check("prompt: and its exit status says so", status == 1, status)


def without_a_listener(report, build):
    process = subprocess.Popen(command(build, "loop-a"), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    process.stdin.write("show tunnels\n")
    process.stdin.flush()
    try:
        status = process.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        status = "it goes on"
        process.kill()
    report.check("prompt: it ends in order when nobody listens",
                 status == 1 and "stopped" in process.stderr.read(), status)


class Terminal:
    """The prompt on a pseudo-terminal."""

    def __init__(self, build):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(command(build, "loop-a"), stdin=self.slave,
                                        stdout=self.slave, stderr=subprocess.DEVNULL)
        self.text = ""

    def type(self, keys):
        os.write(self.master, keys.encode())

    def wait(self, pattern, timeout_s=TIMEOUT_S):
        """Until the screen has it; what it had up to there is gone. False: not in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            match = re.search(pattern, self.text)
            if match:
                self.text = self.text[match.end():]
                return True
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                return False
            self.text += os.read(self.master, 65536).decode(errors="replace")

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO)

    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before

    def end(self):
        """Its exit status."""
        try:
            return self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            os.close(self.master)


def on_terminal(report, build):
    t = Terminal(build)
    report.check("terminal: it prompts", t.wait("imsgate> ") and t.is_raw(), t.text)
    t.type("sho\t")
    report.check("terminal: a command is completed", t.wait("show "), t.text)
    t.type("st\t\r")
    report.check("terminal: and its argument", t.wait(r"stats[^\n]*\n  all counters are 0"), t.text)
    t.type("wait until esp_r\t\t")
    report.check("terminal: several choices are listed", t.wait("esp_rx_bytes"), t.text)
    t.type("\x01\x0b")  # Ctrl-A, Ctrl-K: the line is empty
    t.type("?")
    report.check("terminal: ? lists the commands", t.wait("generate"), t.text)
    t.type("\x01\x0bhelp wait\r")
    report.check("terminal: help of one command", t.wait(r"wait N ms: so long"), t.text)
    t.type("show tunnels\r")
    t.wait("no tunnels")
    t.type(ADD + "\r")
    t.wait("registration 1\r?\n")
    t.wait("imsgate> ")
    t.type("\x1b[A")  # up
    report.check("terminal: a line with a key is not in the history", t.wait("show tunnels"), t.text)
    t.type("\x01\x0bnonsense\r")
    report.check("terminal: an error is told", t.wait("error: no such command"), t.text)
    t.wait("imsgate> ")
    begin = time.monotonic()
    t.type("wait 300 ms\r")
    came = t.wait("wait 300 ms") and t.wait("imsgate> ")
    report.check("terminal: the prompt comes back after a wait, not before",
                 came and time.monotonic() - begin >= 0.3, f"{came} {time.monotonic() - begin} s")
    t.type("quit\r")
    raw, status = t.is_raw(), t.process.wait(TIMEOUT_S)
    report.check("terminal: quit ends it, and errors of a hand are no failure",
                 status == 0, f"{status} {raw}")
    report.check("terminal: and the terminal is as before", t.is_as_before(), "")
    t.end()


def ends(report, build):
    """However it ends, the terminal is left as it was."""
    for name, end in (("SIGTERM", lambda t: t.process.send_signal(signal.SIGTERM)),
                      ("SIGHUP", lambda t: t.process.send_signal(signal.SIGHUP)),
                      ("Ctrl-D", lambda t: t.type("\x04"))):
        t = Terminal(build)
        was_raw = t.wait("imsgate> ") and t.is_raw()
        end(t)
        status = t.process.wait(TIMEOUT_S)
        report.check(f"terminal: as before after {name}",
                     was_raw and status == 0 and t.is_as_before(), f"{status} {was_raw}")
        t.end()


def start(build, name):
    with open(os.path.join(CONFIGS, f"{name}.cmd")) as commands:
        return subprocess.Popen(command(build, name), stdin=commands, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)


def loop(report, build):
    a = start(build, "loop-a")
    for line in a.stderr:
        if "ready" in line:
            break
    b = start(build, "loop-b")
    try:
        said = {"a": a.communicate(timeout=TIMEOUT_S), "b": b.communicate(timeout=TIMEOUT_S)}
    finally:
        a.kill()
        b.kill()
    report.check("loop: both scripts do what they say", a.returncode == 0 and b.returncode == 0,
                 f"{a.returncode} {b.returncode}\n{said}")
    found = {end: counters(out) for end, (out, _) in said.items()}
    n = {"a": 10001, "b": 10001}  # that each has generated when it shows its counters
    for end, other, n_rx in (("a", "b", 10002), ("b", "a", 10001)):
        mine = {"generate_tx": n[end], "kernel_rx": n[end], "esp_tx": n[end],
                "network_tx": n[end], "network_rx": n_rx, "esp_rx": n_rx, "kernel_tx": n_rx,
                "esp_rx_bytes": 10000 * 492 + (n_rx - 10000) * 108,
                "esp_tx_bytes": 10000 * 492 + 108}
        report.check(f"loop: what {other} sent comes out of {end}, to the packet, nothing dropped",
                     found[end] == mine, f"{found[end]} {mine}")
        report.check(f"loop: the SAs of {end} counted the same",
                     f"packets {n_rx} " in said[end][0] and f"sequence {n_rx} " in said[end][0],
                     said[end][0])


def main(build):
    report = results.Report()
    sandbox.enter()
    by_script(report, build)
    errors_by_script(report, build)
    without_a_listener(report, build)
    on_terminal(report, build)
    ends(report, build)
    loop(report, build)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
