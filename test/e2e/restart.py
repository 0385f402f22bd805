#!/usr/bin/python3
"""The control plane is killed at random instants, under load: what it answered is still so.

Data plane, control plane and UEs are the real ones. While the UEs register, re-register and
de-register, a role or all of them are killed and started again; between the rounds it is looked at
who is registered where, over which SAs, and with which sequence number at the HSS. Half of the UEs
have IPv4 and half IPv6; one half speaks UDP and one TCP, and after some rounds the other way round.
C-093, C-138. Usage: restart.py BUILD-DIRECTORY [SEED]
"""

import itertools
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import api, core, dataplane, fleet, peer, process, records, sandbox
from support.way import TCP4, TCP6, UDP4, UDP6

N_UES, N_KILLS = 150, 50
# Of a round, in seconds after its begin: in the burst, again, and when what was lost is repeated (T1).
KILLED_AT = ((0, 0.1), (0.1, 0.5), (2.0, 2.3))
N_OF_WAY = N_UES // 2
# At a time no more connections in the clear than a /64 may have: tcp.n_of_stranger.
FLEET = ("--rate", "200", "--concurrency", "60")
DATABASE = "/run/imsgate/hss.db"
DATAPLANE = "/run/imsgate/dataplane.sock"
APART = ("hss", "icscf,scscf", "pcscf")
TOGETHER = "hss,icscf,scscf,pcscf"
LOAD = ("reregister", "deregister", "register", "reregister")
LIVING = ("sets_temporary", "sets_established", "sets_old", "sets_ending")


class Sequence(threading.Thread):
    """Watches the HSS's sequence numbers: how often one has gone back."""

    def __init__(self):
        super().__init__(daemon=True)
        self.last, self.back, self.looks, self.running = {}, [], 0, True

    def run(self):
        while self.running:
            for impi, (sqn, _) in records.read(DATABASE).items():
                if sqn < self.last.get(impi, 0):
                    self.back.append((impi, self.last[impi], sqn))
                self.last[impi] = sqn
            self.looks += 1
            time.sleep(0.01)

    def stop(self):
        self.running = False
        self.join()


class Restart:
    def __init__(self, report, build, generator):
        self.report, self.build, self.generator = report, build, generator
        self.edge = core.Core(build, N_UES, changes=UDP6.changes())
        self.impu = {row["impi"]: row["impu"] for row in self.edge.subscribers()}
        self.started_s, self.n_kills, self.n_resyncs, self.n_judged = [], 0, 0, 0
        self.n_struck = 0  # requests of UEs
        self.ways = UDP4, TCP6
        self.ues = self.arrive()

    # --- who is there ---

    def arrive(self):
        """UEs that know of nothing yet."""
        return fleet.Fleets(*(
            fleet.Fleet(self.build, N_OF_WAY, *FLEET, by=by,
                        subscribers=self.edge.some_subscribers(i * N_OF_WAY, N_OF_WAY))
            for i, by in enumerate(self.ways)))

    def begin_anew(self, name):
        """Those who are there may be wrong, and unsure."""
        self.n_struck += self.ues.ask("report")["sip_repeated"]
        self.ues.stop()
        self.ues = self.arrive()
        self.register_all(name)

    def register_all(self, name):
        said = self.ues.ask("register", 90)
        self.report.check(f"restart: {name}: all register", said["registered"] == N_UES, f"{said}")

    def change_ways(self):
        """Who has used UDP comes with TCP, and the other way round."""
        self.begin_anew("after the first rounds")
        said = self.ues.ask("deregister", 90)
        self.report.check("restart: all de-register", said["deregistered"] == N_UES, f"{said}")
        self.ways = TCP4, UDP6
        self.begin_anew("over the other transports")

    # --- kill and start ---

    def is_ready(self):
        stats = [self.edge.status(role) for role in ("hss", "icscf", "scscf", "pcscf")]
        return all(stats) and stats[3]["dataplane_ready"] == 1

    def start(self, roles):
        began = time.monotonic()
        for one in roles:
            self.edge.start_roles(one)
        while not self.is_ready():
            if time.monotonic() - began > 10:
                raise TimeoutError("the control plane is not back after 10 s\n" +
                                   self.edge.roles[roles[-1]].tail())
            time.sleep(0.002)
        self.started_s.append(time.monotonic() - began)

    def kill(self, roles):
        for one in roles:
            self.edge.kill_roles(one)
        self.n_kills += 1

    def kill_some(self):
        """One of the processes, or all."""
        running = [roles for roles in self.edge.roles]
        some = running if self.generator.random() < 0.3 else [self.generator.choice(running)]
        self.count_resyncs()
        self.kill(some)
        self.start(some)

    def count_resyncs(self):
        self.n_resyncs += (self.edge.status("hss") or {}).get("resync_accepted", 0)

    # --- what must hold ---

    def sas(self):
        """Of the P-CSCF: (set, SPI, direction) and its sequence number."""
        client = api.Client(DATAPLANE, "look")
        held = {(sa["registration"], sa["spi"], sa["direction"]): sa["sequence"]
                for sa in client.list()}
        client.close()
        return held

    def counters(self):
        """Of the data plane."""
        return json.loads(self.edge.imsgate("show", "stats", "--json").stdout)

    def esp_sent(self):
        return self.ues.ask("report")["esp"]["sent"]

    def wrong(self):
        """UEs who are sure of their registration, and wrong."""
        at_scscf = {row["impi"] for row in
                    self.edge.status("scscf", "/registrations")["registrations"]}
        at_pcscf = {row["impu"] for row in
                    self.edge.status("pcscf", "/registrations")["registrations"]
                    if row["state"] in ("established", "old") and row["expires_s"] > 0}
        flags = {}
        for _, of_one in records.read(DATABASE).values():
            flags.update(of_one)
        found = []
        for ue in self.ues.ask("list")["ues"]:
            impi, impu = ue["impi"], self.impu[ue["impi"]]
            self.n_judged += ue["sure"]
            seen = (impi in at_scscf, impu in at_pcscf, flags[impu] == records.REGISTERED)
            if ue["sure"] and seen != (ue["registered"],) * 3:
                found.append((impi, ue["registered"], seen))
        return found

    def orphans(self):
        """Sets of the data plane less those of the P-CSCF, when nothing is on its way."""
        def differ():
            stats = self.edge.status("pcscf")
            sets = len({registration for registration, _, _ in self.sas()})
            return sets - sum(stats[name] for name in LIVING)
        for _ in range(30):
            if not differ():
                return 0
            time.sleep(0.1)
        return differ()

    def talk(self, name):
        """OPTIONS and MESSAGE over the SAs that are there, each way, without a REGISTER."""
        before = self.edge.status("pcscf")["register_rx"]
        said = self.ues.ask("traffic 1")
        self.report.check(f"restart: {name}: requests pass each way over the SAs that there were",
                          said["options_ok"] == said["options_sent"] > 0 and
                          said["messages_ok"] == said["messages_received"] ==
                          said["messages_sent"] > 0 and not said["failures"] and
                          self.edge.status("pcscf")["register_rx"] == before, f"{said}")

    # --- rounds ---

    def quiet(self):
        """Nobody registers: everything is as it was, to the SPI."""
        before = self.sas()
        for roles in (APART, ["pcscf"]):
            self.kill(roles)
            self.start(roles)
            after = self.sas()
            self.report.check(f"restart: {len(roles)} killed: the same sets, SPIs and numbers",
                              after.keys() == before.keys() and len(after) == 4 * N_UES and
                              all(after[sa] >= before[sa] for sa in before),
                              f"{len(before)} SAs before, {len(after)} after")
            self.talk(f"{len(roles)} killed")
        self.report.check("restart: every UE is registered as before", not self.wrong(),
                          f"{self.wrong()}")

    def under_traffic(self):
        """The P-CSCF dies in the middle of it: no protected packet is lost in the data plane."""
        sent, before = self.esp_sent(), self.counters()

        def missing():
            return self.esp_sent() - sent - (self.counters()["esp_rx"] - before["esp_rx"])
        self.ues.begin("traffic 2")
        time.sleep(0.5)
        self.kill(["pcscf"])
        time.sleep(0.3)
        self.start(["pcscf"])
        said = self.ues.answer(90)
        process.wait_until("ESP that is on its way", lambda: not missing(), 5)
        dropped = dataplane.drops(before, self.counters())
        self.report.check("restart: killed under traffic: ESP passes as if nothing had happened",
                          not missing() and not dropped and self.esp_sent() - sent > 500,
                          f"{self.esp_sent() - sent} sent, {missing()} missing, {dropped}, {said}")

    def stray(self):
        """A set of nobody's appears while the P-CSCF is dead, as if it had died installing it."""
        self.kill(["pcscf"])
        client = api.Client(DATAPLANE, "pcscf")
        peer.Peer(7).install(client)
        client.close()
        self.start(["pcscf"])
        stats = self.edge.status("pcscf")
        self.report.check("restart: a set that no UE has is found and deleted",
                          stats["sets_orphaned"] == 1 and
                          7 not in {registration for registration, _, _ in self.sas()},
                          f"{stats['sets_orphaned']}")

    def round(self, command):
        self.ues.begin(command)
        began = time.monotonic()
        for first, last in KILLED_AT:
            at = began + self.generator.uniform(first, last)
            time.sleep(max(0, at - time.monotonic()))
            self.kill_some()
        said = self.ues.answer(90)
        self.n_struck += said["failures"].get("connection", 0)
        wrong = self.wrong()
        self.report.check(f"restart: {command}: who was answered is right after the kills",
                          not wrong, f"{wrong} {said}")
        self.report.check(f"restart: {command}: no SA is left that nobody has",
                          self.orphans() == 0, f"{self.orphans()}")
        if command == "register":
            self.ues.ask("register")  # those who failed

    def bring_together(self):
        """All roles in one process from here on."""
        for roles in APART:
            self.edge.stop_roles(roles)
        self.start([TOGETHER])

    def run(self):
        self.register_all("at first")
        sequence = Sequence()
        sequence.start()
        self.quiet()
        self.under_traffic()
        self.stray()
        for number, command in enumerate(itertools.cycle(LOAD)):
            if self.n_kills >= N_KILLS:
                break
            if number == 8:
                self.bring_together()
                self.change_ways()
            self.round(command)
        self.begin_anew("in the end")
        self.talk("in the end")
        sequence.stop()
        self.count_resyncs()
        self.report.check("restart: the kills have struck, and many UEs were looked at",
                          self.n_struck > N_KILLS and self.n_judged > 5 * N_UES,
                          f"{self.n_struck} requests struck, {self.n_judged} looks at UEs")
        self.report.check("restart: no sequence number of the HSS has gone back",
                          not sequence.back and sequence.looks > 50,
                          f"{sequence.back[:3]}, {sequence.looks} looks")
        self.report.check("restart: no ISIM has met a number twice", self.n_resyncs == 0,
                          f"{self.n_resyncs} synchronisations")

    def stop(self):
        self.ues.stop()
        self.edge.stop()


def run(report, build, directory):
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    began = time.monotonic()
    test = Restart(report, build, random.Random(seed))
    try:
        test.run()
    finally:
        test.stop()
    times = sorted(test.started_s)
    print(f"{test.n_kills} kills in {time.monotonic() - began:.0f} s; back after "
          f"{1000 * times[len(times) // 2]:.0f} ms, at most {1000 * times[-1]:.0f} ms", flush=True)


if __name__ == "__main__":
    sys.exit(sandbox.test("restart", run, sys.argv[1]))
