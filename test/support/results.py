"""One line per claim: "ok NAME", "FAILED NAME: why", "skipped NAME: why". ./run counts them."""

import os
import sys

from support import process


def _explain(kind, error, trace):
    """A test that breaks off: its trace last, for who sees the end of it all."""
    process.print_tails()
    sys.__excepthook__(kind, error, trace)


sys.excepthook = _explain


class Report:
    """`say` takes a line; tests that run side by side collect theirs."""

    def __init__(self, say=lambda line: print(line, flush=True)):
        self.n_failed, self.say = 0, say

    def passed(self, name):
        self.say(f"ok {name}")

    def failed(self, name, why):
        self.n_failed += 1
        self.say(f"FAILED {name}: {why}")

    def skipped(self, name, why):
        """For want of a program; continuous integration has all of them."""
        if os.environ.get("CI") == "true":
            self.failed(name, why)
        else:
            self.say(f"skipped {name}: {why}")

    def without(self, name, why):
        """For want of something that a machine may lack, wherever the test runs."""
        self.say(f"skipped {name}: {why}")

    def check(self, name, holds, why):
        if holds:
            self.passed(name)
        else:
            self.failed(name, why)

    def exit_status(self):
        """After all claims."""
        if self.n_failed:
            process.print_tails()
        return 1 if self.n_failed else 0
