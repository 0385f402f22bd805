"""What a live process holds in its memory."""

import re

CHUNK = 4 << 20
MAP = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)")


def pages(pid):
    """(address, name of the mapping, bytes) of all that the process can read, zeros left out."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            start, end, rights, name = MAP.match(line).groups()
            if "r" not in rights or name in ("[vvar]", "[vsyscall]"):
                continue
            for address in range(int(start, 16), int(end, 16), CHUNK):
                n_bytes = min(CHUNK, int(end, 16) - address)
                mem.seek(address)
                try:
                    data = mem.read(n_bytes)
                except OSError:  # a device's, or beyond a file's end
                    continue
                if data.count(0) != len(data):
                    yield address, name or "anonymous", data


def find(pid, secrets):
    """Which secrets are there, and where: {name: [place…]}."""
    found = {}
    for address, mapping, data in pages(pid):
        for name, secret in secrets.items():
            at = data.find(secret)
            if at >= 0:
                found.setdefault(name, []).append(f"{mapping} {address + at:x}")
    return found
