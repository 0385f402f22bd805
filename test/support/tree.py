"""The files of the project, as the checks see them."""

import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(*endings):
    """Paths from the root, of what is or could be under version control."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.splitlines()
    return sorted(path for path in set(listed)
                  if (not endings or path.endswith(endings))
                  and os.path.isfile(os.path.join(ROOT, path)))


def lines(path):
    with open(os.path.join(ROOT, path), errors="replace") as file:
        return file.read().splitlines()
