#!/usr/bin/python3
"""The lab with as many workers as this machine has CPUs: every claim of the lab holds, whoever
receives a packet. The network port has one queue and the kernel port one for each worker, chosen by
the kernel's own hash, so packets are handed over on both sides.
Usage: workers.py BUILD-DIRECTORY
"""
# Alone: it has work for all processors.

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import lab, results

N_WORKERS = min(4, len(os.sched_getaffinity(0)))
VARIANTS = ([], ["--ipv6", "--alg", "hmac-md5-96+aes-cbc"], ["--single-pair"])


def main():
    report = results.Report()
    build = os.path.abspath(sys.argv[1])
    if N_WORKERS < 2:
        report.without("lab with several workers", "one CPU")
        return report.exit_status()
    for options in VARIANTS:
        status, outcome, said = lab.run(build, "--workers", str(N_WORKERS), "--ues", "20",
                                        "--seconds", "1", *options)
        name = " ".join([f"lab with {N_WORKERS} workers", *options])
        report.check(f"{name}: everything held", status == 0 and outcome, f"{status}\n{said}")
        if outcome:
            lost = outcome["counters"]["steer_full"]
            given = outcome["handed_over"]
            report.check(f"{name}: packets were handed over", given > 0, f"{given}")
            report.check(f"{name}: nothing lost between workers", lost == 0, f"{lost}")
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
