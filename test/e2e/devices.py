#!/usr/bin/python3
"""The lab with its SAs on crypto devices: every claim of the lab holds, and the packets went there.
The UEs have cryptography of their own, on the cpu.
Usage: devices.py BUILD-DIRECTORY
"""
# Alone: several labs run in it at a time.

import functools
import itertools
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import lab, results

DEVICES = ("crypto_aesni_mb0", "crypto_openssl0")
SUITES = ("hmac-sha-1-96+null", "hmac-md5-96+aes-cbc", "hmac-sha-1-96+des-ede3-cbc",
          "aes-gmac+null", "null+aes-gcm")
# What ESP there is in the end was in a device; and the attackers' was too, before it was dropped.
IN_DEVICE = ("esp_rx", "esp_tx", "esp_bad_icv", "esp_bad_padding", "esp_wrong_port")


def run(report, build, name, devices, options):
    """The counters of a lab on these devices in which everything held."""
    status, outcome, said = lab.run(build, "--ues", "4", "--seconds", "1", "--set", "lookaside=all",
                                    "--set", f"devices=[{devices}]", *options)
    report.check(f"{name}: everything held", status == 0 and outcome, f"{status}\n{said}")
    return outcome["counters"] if outcome else None


def on_device(build, device, suite, ipv6, report):
    name = f"lab {suite} on {device}"
    counters = run(report, build, name, device, ["--alg", suite] + ["--ipv6"] * ipv6)
    if counters:
        wanted = sum(counters[name] for name in IN_DEVICE)
        report.check(f"{name}: all of it was in the device",
                     counters["crypto_device"] >= wanted and not counters["crypto_failed"],
                     f"{counters['crypto_device']} of {wanted}")


def on_cpu(build, devices, report):
    """What no device can do is the cpu's."""
    name = f"lab with {devices}"
    counters = run(report, build, name, devices, ["--alg", "hmac-sha-1-96+aes-cbc"])
    if counters:
        report.check(f"{name}: all of it was on the cpu", counters["crypto_device"] == 0,
                     f"{counters['crypto_device']}")


def on_second(build, report):
    """What the first device cannot do is the next one's."""
    name = "lab with crypto_null0, crypto_openssl0"
    counters = run(report, build, name, "crypto_null0, crypto_openssl0", [])
    if counters:
        report.check(f"{name}: all of it was in the second",
                     counters["crypto_device"] >= counters["esp_rx"] + counters["esp_tx"],
                     f"{counters['crypto_device']}")


def with_two_workers(build, report):
    name = "lab with 2 workers on crypto_aesni_mb0"
    counters = run(report, build, name, DEVICES[0], ["--workers", "2", "--ues", "20"])
    if counters:
        report.check(f"{name}: all of it was in the device",
                     counters["crypto_device"] >= counters["esp_rx"] + counters["esp_tx"],
                     f"{counters['crypto_device']}")


def main():
    report = results.Report()
    build = os.path.abspath(sys.argv[1])
    jobs = [functools.partial(on_device, build, device, suite, number % 2)
            for number, (device, suite) in enumerate(itertools.product(DEVICES, SUITES))]
    jobs += [functools.partial(on_cpu, build, device)
             for device in ("crypto_null0", "crypto_nonsense0")]
    jobs.append(functools.partial(on_second, build))
    if len(os.sched_getaffinity(0)) >= 2:
        jobs.append(functools.partial(with_two_workers, build))
    results.side_by_side(report, jobs, lab.AT_A_TIME)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
