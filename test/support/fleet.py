"""imsgate-ue as a process that takes commands one after the other, for as long as a test wants."""

import json
import queue
import subprocess
import threading

from support import core


class Fleet:
    """`how`: as core.ue_command() takes it. `environment` None: that of the test."""

    def __init__(self, build, n_ues, *arguments, environment=None, **how):
        self.child = subprocess.Popen(core.ue_command(build, n_ues, *arguments, **how),
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env=environment)
        self.answers = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.answers.put(json.loads(line))
        self.answers.put(None)

    def begin(self, command):
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()

    def answer(self, timeout_s=60):
        try:
            answer = self.answers.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"imsgate-ue: no answer in {timeout_s} s")
        if answer is None:
            raise EOFError("imsgate-ue has ended")
        return answer

    def ask(self, command, timeout_s=60):
        self.begin(command)
        return self.answer(timeout_s)

    def stop(self):
        """Its exit status."""
        self.child.stdin.close()
        try:
            return self.child.wait(10)
        except subprocess.TimeoutExpired:
            return self.die()

    def die(self):
        """As if its battery were taken out."""
        self.child.kill()
        return self.child.wait()


def together(values):
    """Of several answers: numbers are added and lists joined, by their names."""
    if isinstance(values[0], dict):
        names = {name: None for value in values for name in value}
        return {name: together([value[name] for value in values if name in value])
                for name in names}
    return values[0] if isinstance(values[0], str) else sum(values[1:], values[0])


class Fleets:
    """Several side by side, asked as if they were one."""

    def __init__(self, *fleets):
        self.fleets = fleets

    def begin(self, command):
        for one in self.fleets:
            one.begin(command)

    def answer(self, timeout_s=60):
        return together([one.answer(timeout_s) for one in self.fleets])

    def ask(self, command, timeout_s=60):
        self.begin(command)
        return self.answer(timeout_s)

    def stop(self):
        for one in self.fleets:
            one.stop()
