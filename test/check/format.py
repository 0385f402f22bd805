#!/usr/bin/python3
"""clang-format has nothing to say about any C file."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import results, tree


def main():
    report = results.Report()
    if not shutil.which("clang-format"):
        report.skipped("format", "no clang-format")
        return report.exit_status()
    sources = tree.files(".c", ".h", ".cc")
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", *sources], cwd=tree.ROOT,
                            capture_output=True, text=True)
    wrong = sorted({line.split(":")[0] for line in result.stderr.splitlines() if ": error:" in line})
    report.check("format: all C files are as ./run format leaves them", not wrong, " ".join(wrong))
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
