"""Processes and network namespaces of a test; every wait has an end."""

import contextlib
import ctypes
import os
import queue
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_started = {}  # the last one of each name


@contextlib.contextmanager
def netns(name):
    """The calling thread is in the named network namespace; sockets that it opens stay there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(there)
        yield
    finally:
        _setns(home)
        os.close(there)
        os.close(home)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Process:
    """A started program. Its output is collected line by line, and printed only on failure."""

    def __init__(self, name, command, netns=None, env=None):
        self.name = name
        self.log = []
        self._lines = queue.Queue()
        prefix = ["ip", "netns", "exec", netns] if netns else []
        self.child = subprocess.Popen(prefix + command, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
                                      text=True, errors="replace")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        _started[name] = self

    def _read(self):
        for line in self.child.stdout:
            line = line.rstrip()
            self.log.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def wait_line(self, start, timeout_s):
        """The next line that begins with `start`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"{self.name}: no \"{start}\" in {timeout_s} s\n{self.tail()}")
            if line is None:
                raise EOFError(f"{self.name} ended before \"{start}\"\n{self.tail()}")
            if line.startswith(start):
                return line

    def running(self):
        return self.child.poll() is None

    def stop(self, timeout_s=10):
        """Asks it to end; its exit status. One that does not is killed. Its log is whole then."""
        if self.running():
            self.child.terminate()
        try:
            self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self._reader.join(timeout_s)  # children of its own may have its output and live on
        return self.child.returncode

    def tail(self, n=20):
        if not self.running():
            self._reader.join(1)
        return "\n".join([f"---- {self.name}:"] + self.log[-n:])


def print_tails():
    """What all processes of the test said last: after a claim that did not hold."""
    for one in _started.values():
        print(one.tail(40), flush=True)


def wait_until(what, ready, timeout_s, processes=()):
    """Asks ready() until it says yes; fails when time is over or a process has died."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        for process in processes:
            if not process.running():
                raise EOFError(f"{process.name} died waiting for {what}\n{process.tail()}")
        if time.monotonic() > deadline:
            raise TimeoutError("\n".join([f"{what}: not in {timeout_s} s"] +
                                         [process.tail() for process in processes]))
        time.sleep(0.01)
