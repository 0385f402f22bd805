"""What a Linux kernel with XFRM has counted as wrong, and a test outside of it is told."""

import json

SAID = "guest: xfrm "


def say():
    """In the guest: one line of what is not 0."""
    with open("/proc/net/xfrm_stat") as file:
        counted = {name: int(n) for name, n in (line.split() for line in file)}
    print(SAID + json.dumps({name: n for name, n in counted.items() if n}), flush=True)


def check(report, test, guest, timeout_s):
    """Outside: the claim that nothing of ours was wrong."""
    wrong = json.loads(guest.wait_line(SAID, timeout_s)[len(SAID):])
    report.check(f"{test}: the guest's kernel finds nothing wrong with any packet", not wrong,
                 f"{wrong}")
