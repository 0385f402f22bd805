"""imsgate-ue as a process that takes commands one after the other, for as long as a test wants."""

import json
import os
import queue
import subprocess
import threading

from support import core

PCSCF = "10.0.0.1:5060"


class Fleet:
    def __init__(self, build, n_ues, *arguments):
        self.child = subprocess.Popen(
            ["ip", "netns", "exec", "ue", os.path.join(build, "tools/imsgate-ue"), "--subscribers",
             core.SUBSCRIBERS, "--n", str(n_ues), "--pcscf", PCSCF, "--wire", "ue0", "-i",
             *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
        self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
