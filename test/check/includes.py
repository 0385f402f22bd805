#!/usr/bin/python3
"""Who may include whom, and in which order.

The own header comes first (a file without one begins with the header that it implements or tests),
then what is in <>, then what is ours, each block sorted. A folder
sees only the folders that it is built on; nobody but the data plane sees DPDK.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import results, tree

# The data plane's socket, counters, and SAs in words: no DPDK behind them.
WORDS = r"dataplane/(api|counters|key_text|names|number|sa_options)\.h"
KEYS = r"crypto/(alg|keys|milenage|aka|digest|token|wipe)\.h"
# The longest folder that fits decides. Patterns of the project's headers that it may include.
MAY_INCLUDE = {
    "configs": [r"configs/"],
    "crypto": [r"crypto/"],
    "dataplane": [r"configs/", r"crypto/", r"dataplane/"],
    "controlplane": [r"configs/", KEYS, r"dataplane/api\.h", r"controlplane/"],
    "tools": [r"configs/", KEYS, WORDS, r"controlplane/store\.h", r"tools/"],
    "tools/ue": [r"crypto/", r"tools/netlink\.h", r"tools/ue/"],
    "tools/bench": [r"configs/", r"crypto/", r"dataplane/", r"tools/"],
    "test": [r"."],
}
MAY_INCLUDE_DPDK = ("dataplane", "tools/bench", "test", "crypto/lookaside", "crypto/inline")
INCLUDE = re.compile(r'\s*#\s*include\s+([<"])([^>"]+)[>"]')


def folder_rules(path):
    folders = [folder for folder in MAY_INCLUDE if path.startswith(folder + "/")]
    return MAY_INCLUDE[max(folders, key=len)] if folders else []


def blocks(path):
    """The include lines, as they stand together: [[(kind, name), …], …]."""
    found = [[]]
    for line in tree.lines(path):
        match = INCLUDE.match(line)
        if match:
            found[-1].append((match[1], match[2]))
        elif found[-1]:
            found.append([])
    return [block for block in found if block]


def own_header(path):
    stem = os.path.splitext(path)[0]
    return stem + ".h" if os.path.isfile(os.path.join(tree.ROOT, stem + ".h")) else None


def wrong_with(path):
    rules = folder_rules(path)
    found = blocks(path)
    everything = [include for block in found for include in block]
    own = own_header(path)
    if path.endswith(".c") and own and everything[:1] != [('"', own)]:
        yield f"{own} is not its first include"
    if everything and everything[0][0] == '"':
        everything = everything[1:]
        found[0] = found[0][1:]
    for kind, name in everything:
        if kind == '"' and not any(re.match(rule, name) for rule in rules):
            yield f'it may not include "{name}"'
        if name.startswith("rte_") and not path.startswith(MAY_INCLUDE_DPDK):
            yield f"only the data plane includes DPDK: {name}"
    if [kind for kind, _ in everything] != sorted((kind for kind, _ in everything), reverse=True):
        yield 'an include in <> after one in ""'
    for block in found:
        if [name for _, name in block] != sorted(name for _, name in block):
            yield f"not sorted: {' '.join(name for _, name in block)}"


def main():
    report = results.Report()
    wrong = [f"{path}: {what}" for path in tree.files(".c", ".h") for what in wrong_with(path)]
    report.check("includes: right folders, right order", not wrong, "\n    ".join([""] + wrong))
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
