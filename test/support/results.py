"""One line per claim: "ok NAME", "FAILED NAME: why", "skipped NAME: why". ./run counts them."""

import os


class Report:
    def __init__(self):
        self.n_failed = 0

    def passed(self, name):
        print(f"ok {name}", flush=True)

    def failed(self, name, why):
        self.n_failed += 1
        print(f"FAILED {name}: {why}", flush=True)

    def skipped(self, name, why):
        """For want of a program; continuous integration has all of them."""
        if os.environ.get("CI") == "true":
            self.failed(name, why)
        else:
            print(f"skipped {name}: {why}", flush=True)

    def without(self, name, why):
        """For want of something that a machine may lack, wherever the test runs."""
        print(f"skipped {name}: {why}", flush=True)

    def check(self, name, holds, why):
        if holds:
            self.passed(name)
        else:
            self.failed(name, why)

    def exit_status(self):
        return 1 if self.n_failed else 0
