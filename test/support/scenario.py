"""A scenario: the real data plane, P-CSCF, I-CSCF, S-CSCF and HSS, one real UE, and a clock that the
test moves (test/shim/fake_clock.c). Each row of docs/conformance.md that is about minutes reads as
one short function:

    @row("C-083a", "a challenge that nobody answers has its SAs for four minutes")
    def unanswered(s):
        s.misbehave("silent")
        s.register(fails="silent")
        s.expect(sets_temporary=1, sas=4)
        s.after(239)
        s.expect(sets_temporary=1, sas=4)
        s.after(2)
        s.expect(sets_temporary=0, sas=0)

What was there before a row has ended when the next begins, and that is checked as well.

There are four ways between UE and P-CSCF (way.py), and a core of its own for each of them. A row runs
in all of them; one that makes sense in some only names these, with the reason beside it:
@row(number, what, ways=(UDP4, UDP6)). `s.way` is the way that it runs in.
"""

import contextlib
import csv
import json
import os
import socket
import subprocess
import sys
import time

from support import clock, core, fleet, process, records, results, sandbox
from support.way import WAYS, named

SUBSCRIBER = "/run/subscriber.csv"
LONG_S = 1500  # longer than all that a row leaves: expiry 600 s and what comes after
SETTLE_S = 2   # of real time, until what is expected is so
LATE_S = 20    # the same, of a UE
LIMIT_S = 240  # of real time, for the rows of a way
REAUTH = ("  reauth_every: 0\n", "  reauth_every: 2\n")  # so that rows have both kinds of refresh
ROWS = []


class Broken(Exception):
    """What a row claims is not so."""


def row(number, what, ways=WAYS):
    def keep(script):
        ROWS.append((number, what, script, ways))
        return script
    return keep


class Scenario:
    def __init__(self, build, way, *changes):
        self.build, self.way, self.ue, self.next_subscriber = build, way, None, 0
        self.clock = clock.Clock(build)
        self.after = self.clock.after
        self.core = core.Core(build, 64, self.clock.environment, (*changes, *way.changes()))
        self.subscribers = self.core.subscribers()

    # --- the UE ---

    def power_on(self, *options, n_ues=1, subscribers=SUBSCRIBER):
        """The row's subscriber, with nothing in its memory; or others in its place."""
        if self.ue:
            self.ue.die()
        self.ue = fleet.Fleet(self.build, n_ues, "--expires", "600", "--rate", "20", *options,
                              environment=self.clock.environment, by=self.way,
                              subscribers=subscribers)

    def others(self):
        """A file of a subscriber who is not the row's."""
        return self.core.some_subscribers(len(self.subscribers) - 1, 1)

    def accompany(self, *options):
        """The row's subscriber and another, who behaves whatever the first one does; both are
        registered."""
        self.power_on(*options, n_ues=2)
        if (answer := self.say("register"))["registered"] != 2:
            raise Broken(f"{answer}")

    def undisturbed(self):
        """The other one is registered, and so is the first again; they reach each other."""
        self.misbehave("none")
        self.expect(sets_established=2, sets_ending=0, sas=8, registration=2, flag="registered")
        if not all(ue["registered"] for ue in self.say("list")["ues"]):
            raise Broken("a UE has lost its registration")
        self.talk()

    def comes_to_nothing(self):
        """Nobody is registered, and when the four minutes of a temporary set are over nothing is left."""
        self.expect(sets_established=0, registration=0)
        self.after(241)
        self.expect(sets_temporary=0, sas=0, flag="unregistered")

    def say(self, command):
        self.ue.begin(command)
        return self.end_command()

    def end_command(self):
        """The answer to the command that was begun; the test's own end bounds the wait."""
        try:
            return self.ue.answer(None)
        except EOFError as why:
            raise Broken(f"{why}")

    def misbehave(self, how):
        """The row's subscriber; nobody else."""
        self.say(f"misbehave {how} 1")

    def _registered(self, answer, key, fails):
        if fails is None and answer[key] != 1:
            raise Broken(f"{answer['command']}: {answer}")
        if fails is not None and answer["failures"] != {fails: 1}:
            raise Broken(f"{answer['command']} was to fail by {fails}: {answer}")

    def register(self, fails=None, command="register"):
        key = "deregistered" if command == "deregister" else "registered"
        self._registered(self.say(command), key, fails)
        n = self._stats("pcscf")["tcp_connections"]
        if fails is None and key == "registered" and (n > 0) != (self.way.transport == "tcp"):
            raise Broken(f"{self.way}, and the P-CSCF has {n} connections")

    def reregister(self, fails=None):
        self.register(fails, "reregister")

    def deregister(self, fails=None):
        self.register(fails, "deregister")

    def meanwhile(self, command, *seconds, begun, fails):
        """A command that takes until the clock has moved so often and so far, from when begun() says
        that the last request of it is out; how it fails."""
        self.ue.begin(command)
        process.wait_until(command, begun, LATE_S)
        for step in seconds:
            time.sleep(0.1)
            self.after(step)
        self._registered(self.end_command(), "registered", fails)

    def talk(self):
        """It asks for something, and is answered over its SAs."""
        answer = self.say("traffic 1")
        if not answer["options_ok"] or answer["failures"]:
            raise Broken(f"traffic: {answer}")

    # --- what there is ---

    def _stats(self, role):
        with socket.socket(socket.AF_UNIX) as status:
            status.connect(f"/run/imsgate/{role}.sock")
            status.sendall(b"GET /stats HTTP/1.0\r\n\r\n")
            reply = b"".join(iter(lambda: status.recv(65536), b""))
        return json.loads(reply.partition(b"\r\n\r\n")[2])

    def sas(self):
        """Of the data plane, as `imsgate show sa` has them."""
        shown = subprocess.run([os.path.join(self.build, "tools/imsgate"), "show", "sa", "--json",
                                "--config", core.CONFIG], check=True, capture_output=True)
        return json.loads(shown.stdout)

    def ports(self):
        """Of the only set of two pairs: uc, us, ps, pc."""
        pairs = {tuple(int(sa[end].rpartition(":")[2]) for end in ("local", "peer"))
                 for sa in self.sas()}
        (ps, uc), (pc, us) = sorted(pairs)  # port_ps is below all port_pc in configs/lab.yaml
        return {"uc": uc, "us": us, "ps": ps, "pc": pc}

    def flag(self):
        """The subscriber's at the HSS."""
        _, flags = records.read("/run/imsgate/hss.db")[self.subscriber["impi"]]
        return ("unregistered", "pending", "registered")[flags[self.subscriber["impu"]]]

    @contextlib.contextmanager
    def counts(self, role="pcscf", /, **more):
        """So many more that role has counted within."""
        before = self._stats(role)
        yield
        after = self._stats(role)
        if (seen := {name: after[name] - before[name] for name in more}) != more:
            raise Broken(f"to be counted {more}, counted {seen}")

    def pcscf(self, counter):
        return self._stats("pcscf")[counter]

    def n_registers(self):
        """That came to the S-CSCF."""
        return self._stats("scscf")["register_rx"]

    def counter(self, name):
        """Of the data plane."""
        shown = subprocess.run([os.path.join(self.build, "tools/imsgate"), "show", "stats",
                                "--json", "--config", core.CONFIG], check=True,
                               capture_output=True)
        return json.loads(shown.stdout)[name]

    def seen(self, names):
        seen = {}
        if any(name.startswith(("sets_", "ue")) for name in names):
            seen.update(self._stats("pcscf"))
        if {"registration", "attempt"} & set(names):
            seen.update(self._stats("scscf"))
        if "sas" in names:
            seen["sas"] = len(self.sas())
        if "flag" in names:
            seen["flag"] = self.flag()
        return {name: seen[name] for name in names}

    def expect(self, **wanted):
        """sets_temporary and so on of the P-CSCF, `registration` and `attempt` of the S-CSCF, `sas` of
        the data plane, `flag` of the HSS: now, or within a moment."""
        deadline = time.monotonic() + SETTLE_S
        while (seen := self.seen(wanted)) != wanted:
            if time.monotonic() > deadline:
                raise Broken(f"expected {wanted}, there is {seen}")
            time.sleep(0.02)

    # --- rows ---

    def begin(self):
        """The next subscriber, who has never registered."""
        self.subscriber = self.subscribers[self.next_subscriber]
        self.next_subscriber += 1
        with open(SUBSCRIBER, "w") as file:
            writer = csv.DictWriter(file, self.subscriber.keys())
            writer.writeheader()
            writer.writerows((self.subscriber, self.subscribers[-1]))
        self.power_on()

    def end(self):
        """All that the row has left ends by itself."""
        self.ue.die()
        self.ue = None
        self.after(LONG_S)
        self.expect(sas=0, ues=0, sets_temporary=0, sets_established=0, sets_old=0,
                    sets_ending=0, registration=0, attempt=0, flag="unregistered")

    def run(self, report):
        """All rows of this way, also after one that does not hold."""
        for number, what, script, ways in ROWS:
            if self.way not in ways:
                continue
            name = f"{self.way}: {number.lower().replace('-', '')} {what}"
            began = time.monotonic()
            try:
                self.begin()
                script(self)
                self.end()
                report.passed(f"{name}, in {time.monotonic() - began:.1f} s")
            except Broken as why:
                report.failed(name, f"{why}")
                print(self.core.processes[-1].tail())
                self.after(LONG_S)

    def stop(self):
        if self.ue:
            self.ue.die()
        self.core.stop()


def scene(build, by, changes):
    report = results.Report()
    sandbox.enter()
    sandbox.limit(LIMIT_S)
    s = Scenario(build, by, REAUTH, *changes)
    try:
        s.run(report)
    finally:
        s.stop()
    return report.exit_status()


def main(*changes):
    """Of a script of rows, with these changes of configs/lab.yaml: all ways side by side, or the one
    that is named. The exit status."""
    if len(sys.argv) > 2:
        return scene(os.path.abspath(sys.argv[1]), named(sys.argv[2]), changes)
    return results.ways(*(one.name for one in WAYS))
