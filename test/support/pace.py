"""Packets at an even pace, and no more of them under way than every queue between takes."""

import time

BUSY_S = 5  # that a machine may be busy with something else
LAST_S = 0.2  # for what should not come after everything has


class Pace:
    """A sender waits for its turn before each packet. What a busy machine has held up is made up for
    only as far as no more than `most` are on their way there and back; n_back() says how many have
    come back. Those that have not after `lost_after_s` are lost: the claims will say so."""

    def __init__(self, per_s, most, n_back, lost_after_s=BUSY_S):
        self.per_s, self.most, self.n_back = per_s, most, n_back
        self.lost_after_s = lost_after_s
        self.n_sent, self.n_lost, self.began = 0, 0, time.monotonic()

    def turn(self):
        time.sleep(max(0, self.began + self.n_sent / self.per_s - time.monotonic()))
        self._wait(self.most - 1)
        self.n_sent += 1

    def end(self):
        """After the last: everything is back that comes back."""
        self._wait(0)
        time.sleep(LAST_S)

    def _wait(self, most):
        deadline = time.monotonic() + self.lost_after_s
        while self.n_sent - self.n_lost - self.n_back() > most:
            if time.monotonic() > deadline:
                self.n_lost = self.n_sent - self.n_back()
            time.sleep(0.001)
