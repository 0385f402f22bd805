"""A clock that a test moves, for programs that begin with its environment (test/shim/fake_clock.c).
One in a sandbox."""

import mmap
import os
import struct
import time

PATH = "/run/clock"


class Clock:
    def __init__(self, build):
        self.moved_s = 0
        self.environment = {**os.environ, "FAKE_CLOCK": PATH,
                            "LD_PRELOAD": os.path.join(build, "test/libfake_clock.so")}
        with open(PATH, "w+b") as file:
            file.write(bytes(8))
            file.flush()
            self.page = mmap.mmap(file.fileno(), 8)

    def after(self, seconds):
        """So much later. Programs wake within 5 ms of real time, and answer each other."""
        self.moved_s += seconds
        struct.pack_into("=Q", self.page, 0, self.moved_s * 1000000000)
        time.sleep(0.03)
