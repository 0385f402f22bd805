"""`imsgate lab` as a test runs it."""

import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = os.path.join(ROOT, "configs", "lab.yaml")
TIMEOUT_S = 180
AT_A_TIME = 3  # a lab waits for most of its time, and has namespaces of its own


def changed(text, *changes):
    """The text of a configuration with each (old, new) made; what is not in it is an error."""
    for old, new in changes:
        if old not in text:
            raise ValueError(f"the configuration has no {old!r}")
        text = text.replace(old, new)
    return text


def command(build, *options):
    return [os.path.join(build, "tools", "imsgate"), "lab", "--config", CONFIG, *options]


def run(build, *options):
    """Runs it to its end: (exit status, the report, what it said meanwhile)."""
    result = subprocess.run(command(build, "--json", *options), capture_output=True, text=True,
                            timeout=TIMEOUT_S)
    try:
        report = json.loads(result.stdout)
    except json.JSONDecodeError:
        report = None
    return result.returncode, report, result.stderr
