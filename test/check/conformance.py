#!/usr/bin/python3
"""docs/conformance.md has every row of the checklist, and every test that it names exists."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import results, tree

DOCUMENT = "docs/conformance.md"
N_ROWS = 146
STATES = {"done", "partly", "not yet"}
ROW = re.compile(r"\| C-(\d{3}) \| ([^|]*) \| ([^|]*) \|(.*)\|$")
TEST = re.compile(r"`([^`]+)`")


def rows():
    for line in tree.lines(DOCUMENT):
        match = ROW.match(line)
        if match:
            yield int(match[1]), match[3].strip(), TEST.findall(match[4])


def known_tests():
    """Names of TEST(suite, name), and paths of scripts."""
    names = set()
    for path in tree.files(".c", ".py"):
        if not path.startswith("test/"):
            continue
        names.add(path)
        text = "\n".join(tree.lines(path))
        names.update(f"{suite}.{name}" for suite, name in
                     re.findall(r"\bTEST\(\s*(\w+)\s*,\s*(\w+)\s*\)", text))
    return names


def main():
    report = results.Report()
    known = known_tests()
    found = list(rows())
    numbers = [number for number, _, _ in found]
    report.check("conformance: every row once, in order", numbers == list(range(1, N_ROWS + 1)),
                 f"missing {sorted(set(range(1, N_ROWS + 1)) - set(numbers))}")
    states = [f"C-{number:03}: {state}" for number, state, _ in found if state not in STATES]
    report.check("conformance: every row has a state", not states, " ".join(states))
    sums = [sum(state == one for _, state, _ in found) for one in ("done", "partly", "not yet")]
    total = "{} rows are done, {} partly, {} not yet.".format(*sums)
    report.check("conformance: the totals are those of the rows",
                 total in "\n".join(tree.lines(DOCUMENT)), f"expected: {total}")
    absent = [f"C-{number:03}: {test}" for number, _, tests in found for test in tests
              if test not in known]
    report.check("conformance: every test that is named exists", not absent, ", ".join(absent))
    unproven = [f"C-{number:03}" for number, state, tests in found
                if state == "done" and not tests]
    report.check("conformance: what is done has a test", not unproven, " ".join(unproven))
    claimed = {int(number) for test in known
               for number in re.findall(r"(?:^|[._])c(\d{3})[ab]?(?=_|$)", test)}
    silent = [f"C-{number:03}" for number, _, tests in found if number in claimed and not any(
        f"c{number:03}" in test for test in tests)]
    report.check("conformance: tests that name a row are in it", not silent, " ".join(silent))
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
