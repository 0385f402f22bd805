"""One line per claim: "ok NAME", "FAILED NAME: why", "skipped NAME: why". ./run counts them."""

import concurrent.futures
import os
import subprocess
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


def ways(*names):
    """Runs the calling script anew for each of these as its last argument, side by side; what each
    says is said in their order. The exit status: 1 when one of them has failed."""
    def run(name):
        return subprocess.run([sys.executable, *sys.argv, name], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)

    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        ends = []
        for end in pool.map(run, names):
            print(end.stdout, end="", flush=True)
            ends.append(end.returncode)
    return int(any(ends))


def side_by_side(report, jobs, at_a_time):
    """Calls functions of a Report, so many at a time; what they claim is said in their order. For
    what waits for most of its time, in namespaces of its own."""
    def run(job):
        lines = []
        own = Report(lines.append)
        job(own)
        return lines, own.n_failed

    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        for lines, n_failed in pool.map(run, jobs):
            for line in lines:
                report.say(line)
            report.n_failed += n_failed
