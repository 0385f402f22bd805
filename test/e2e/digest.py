#!/usr/bin/python3
"""The lab with every algorithm and every qop that the S-CSCF can offer: what fits registers and
talks over its SAs, what does not registers nobody. Over IPv4 and IPv6, UDP and TCP in turn.

C-016, C-017. Usage: digest.py BUILD-DIRECTORY
"""
# Alone: several labs run in it at a time.

import functools
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import lab, results
from support.way import WAYS

N_UES = 3
# What the network is told, what the UEs are told, whether they register.
VARIANTS = [
    ("both offered, the UE chooses", ["algorithm=both"], [], True),
    ("both offered, the UE has AKAv1 alone", ["algorithm=both"], ["algorithm=AKAv1-MD5"], True),
    ("both offered, the UE insists on AKAv2", ["algorithm=both"], ["algorithm=AKAv2-MD5"], True),
    ("AKAv2 with keys of RFC 4169", ["algorithm=AKAv2-MD5", "akav2_keys=derived"],
     ["akav2-keys=derived"], True),
    ("AKAv1 offered to a UE that insists on AKAv2", ["algorithm=AKAv1-MD5"],
     ["algorithm=AKAv2-MD5"], False),
    ("qop none", ["qop=none"], [], True),
    ("qop auth-int", ["qop=auth-int"], [], True),
    ("qop auth and auth-int, with both algorithms", ["qop=both", "algorithm=both"], [], True),
]


def options(name, values):
    return [word for value in values for word in (name, value)]


def run(build, by, name, network, ues, fits, report):
    status, seen, said = lab.run(build, "--ues", str(N_UES), "--seconds", "1",
                                 *["--ipv6"] * (by.ip == 6), *["--tcp"] * (by.transport == "tcp"),
                                 *options("--set", network), *options("--ue", ues))
    registered = seen.get("register", {}).get("registered", 0) if seen else None
    holds = (status == 0) == fits and registered == (N_UES if fits else 0)
    report.check(f"digest: {by}: {name}", holds, f"status {status}, registered {registered}: {said}")


def main():
    report = results.Report()
    build = os.path.abspath(sys.argv[1])
    results.side_by_side(report, [functools.partial(run, build, WAYS[i % len(WAYS)], *variant)
                                  for i, variant in enumerate(VARIANTS)], lab.AT_A_TIME)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
