#!/usr/bin/python3
"""How soon the control plane is back with 100 000 registrations, and that it has all of them.

Files and data plane are the real ones. The registrations are those of one UE that has really
registered over IPv4, and of one over IPv6, 50 000 times each with other names and addresses, and so
are their SA sets. The times are printed; a role of its own serves after less than a second of CPU.
C-093.
Usage: restart_large.py BUILD-DIRECTORY
"""
# Alone: how soon is its question.

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import api, core, fleet, sandbox, state
from support.way import TCP6, UDP4

N_UES, N_MORE = 4, 50000  # of each way
WAYS = UDP4, TCP6
N_ALL = len(WAYS) * (N_UES + N_MORE)
MOST_S = 10  # of wall time, until the SAs are compared
MOST_CPU_MS = 1000  # until a role of its own serves
SETS_A_MESSAGE = 200
STATE = "/run/imsgate/state"
DATAPLANE = "/run/imsgate/dataplane.sock"
APART = ("hss", "icscf,scscf", "pcscf")
TOGETHER = "hss,icscf,scscf,pcscf"


def packed_set(template, registration, host):
    """Two pairs, as the template's set has them; keys are nobody's."""
    sas = [api.sa(api.IN, template.ps, template.uc), api.sa(api.IN, template.pc, template.us),
           api.sa(api.OUT, template.pc, template.us, 0x10000),
           api.sa(api.OUT, template.ps, template.uc, 0x10001)]
    return api.make_set(registration, template.edge, host, "hmac-sha-1-96", "null", bytes(20), b"",
                        sas)


def install(template, sets):
    client = api.Client(DATAPLANE, "pcscf")
    for first in range(0, len(sets), SETS_A_MESSAGE):
        reply = client.ask(api.INSTALL, [packed_set(template, registration, host)
                                         for registration, host in
                                         sets[first:first + SETS_A_MESSAGE]])
        if any(result[1] for result in api.RESULT.iter_unpack(reply)):
            raise RuntimeError("the data plane refused a set")
    client.close()


def wait(edge, role, ready, roles):
    """The role's counters once they are `ready`."""
    began = time.monotonic()
    while True:
        stats = edge.status(role)
        if stats and ready(stats):
            return stats
        if time.monotonic() - began > 60:
            raise TimeoutError(f"{role} is not back\n{edge.roles[roles].tail()}")
        time.sleep(0.005)


def cpu_ms(edge, roles):
    """Of the process so far: what the start has cost, whatever else the machine does."""
    with open(f"/proc/{edge.roles[roles].child.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def life(report, edge, roles, name):
    """Starts the roles and sees what they have; seconds until they serve, and until the P-CSCF has
    heard of all SAs from the data plane. They go on running."""
    began = time.monotonic()
    edge.start_roles(roles)
    scscf = wait(edge, "scscf", lambda stats: True, roles) if "scscf" in roles else None
    serves = time.monotonic() - began
    cpu = cpu_ms(edge, roles)
    pcscf = None
    if "pcscf" in roles:
        wait(edge, "pcscf", lambda stats: True, roles)
        serves, cpu = time.monotonic() - began, cpu_ms(edge, roles)
        pcscf = wait(edge, "pcscf", lambda stats: stats["dataplane_ready"], roles)
    ready = time.monotonic() - began
    print(f"restart: {name}: {1000 * serves:.0f} ms until it serves ({cpu:.0f} ms of CPU), "
          f"{1000 * ready:.0f} ms until the SAs are compared ({cpu_ms(edge, roles):.0f} ms)",
          flush=True)
    if roles in APART:
        report.check(f"restart: {name}: it serves after less than a second", cpu < MOST_CPU_MS,
                     f"{cpu:.0f} ms of CPU")
    had = ([scscf["registration"]] if scscf else []) + \
          ([pcscf["ues"], pcscf["sets_established"]] if pcscf else [])
    report.check(f"restart: {name}: it has all {N_ALL} registrations, in time",
                 had == [N_ALL] * len(had) and ready < MOST_S and
                 (not pcscf or pcscf["sets_orphaned"] == 0), f"{had}, {ready:.1f} s")


def run(report, build, directory):
    edge = core.Core(build, N_UES * len(WAYS), changes=[("capacity: 65536", "capacity: 524288")])
    fleets = [fleet.Fleet(build, N_UES, by=by, subscribers=edge.some_subscribers(i * N_UES, N_UES))
              for i, by in enumerate(WAYS)]
    try:
        for ues in fleets:
            ues.ask("register")
        for roles in reversed(APART):
            edge.stop_roles(roles)
        for by in WAYS:
            install(*state.multiply(STATE, N_MORE, by.ip))
        edge.start_roles("hss")
        life(report, edge, "icscf,scscf", "S-CSCF alone")
        life(report, edge, "pcscf", "P-CSCF alone")
        for roles in ("pcscf", "icscf,scscf", "hss"):
            edge.kill_roles(roles)
        life(report, edge, TOGETHER, "all roles in one process, after a kill")
        for by, ues in zip(WAYS, fleets):
            said = ues.ask("traffic 1")
            report.check(f"restart: UEs talk among 100 000 others, {by}", said["messages_ok"] > 0 and
                         said["options_ok"] == said["options_sent"] and not said["failures"],
                         f"{said}")
        size = sum(os.path.getsize(os.path.join(STATE, name)) for name in os.listdir(STATE))
        print(f"restart: state files: {size / N_ALL:.0f} bytes a UE", flush=True)
    finally:
        for ues in fleets:
            ues.stop()
        edge.stop()


if __name__ == "__main__":
    sys.exit(sandbox.test("restart_large", run, sys.argv[1]))
