#!/usr/bin/python3
"""What every file has to keep to: its length, and no path or host of one machine."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import results, tree

# The aim is 300; twice the aim is two ideas in one file.
MAX_LINES = {".c": 500, ".h": 250, ".cc": 300, ".py": 400}
# A table of claims is as long as there are claims.
MAX_TEST_LINES = 900
# One idea, and it has to be read from top to bottom in one place.
LONG_ON_PURPOSE = {
    "dataplane/worker.c": "the whole way of a packet",
    "dataplane/api.h": "all messages of the socket",
}
# Homes and mounts of one machine; hosts that are nobody's documentation.
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|work|Users|mnt|media)/\w")
HOST = re.compile(r"\bhttps?://([\w-]+\.[\w.-]+)")
DOCUMENTATION = re.compile(r"(^|\.)(rfc-editor\.org|ietf\.org|3gpp\.org|dpdk\.org|debian\.org"
                           r"|kernel\.org|wireshark\.org|w3\.org|example\.(org|com|net))$")
TEXTS = (".c", ".h", ".cc", ".py", ".sh", ".md", ".yaml", ".build", ".txt", "run", "init")


def too_long():
    for path in tree.files(*MAX_LINES):
        limit = MAX_LINES[os.path.splitext(path)[1]]
        if path.startswith("test/unit/"):
            limit = MAX_TEST_LINES
        n = len(tree.lines(path))
        if n > limit and path not in LONG_ON_PURPOSE:
            yield f"{path}: {n} lines, {limit} at most"


def of_one_machine():
    for path in tree.files(*TEXTS):
        for number, line in enumerate(tree.lines(path), 1):
            if MACHINE_PATH.search(line):
                yield f"{path}:{number}: a path of one machine"
            for host in HOST.findall(line):
                if not DOCUMENTATION.search(host):
                    yield f"{path}:{number}: the host {host}"


def main():
    report = results.Report()
    for name, wrong in (("no file is too long", list(too_long())),
                        ("nothing of one machine", list(of_one_machine()))):
        report.check(f"tree: {name}", not wrong, "\n    ".join([""] + wrong))
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
