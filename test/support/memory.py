"""What a live process holds in its memory."""

import array
import re
import sys

CHUNK = 4 << 20
PAGE = 4096
ZEROS = bytes(PAGE)
MAP = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)")


def runs(data):
    """(offset, bytes) of what lies between pages of zeros, which is little of most memory."""
    start = None
    for at in range(0, len(data) + PAGE, PAGE):
        is_used = at < len(data) and data[at:at + PAGE] != ZEROS
        if is_used and start is None:
            start = at
        elif not is_used and start is not None:
            yield start, data[start:at]
            start = None


def is_untouched(pagemap, address, n_bytes):
    """Whether nothing was ever there of memory that was reserved: neither present nor swapped."""
    pagemap.seek(address // PAGE * 8)
    return not any(entry >> 62 for entry in array.array("Q", pagemap.read(n_bytes // PAGE * 8)))


def pages(pid):
    """
    (address, name of the mapping, bytes) of all that the process can read and may have written: its
    files' own content and zeros are left out.
    """
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem, \
            open(f"/proc/{pid}/pagemap", "rb", 0) as pagemap:
        for line in maps:
            start, end, rights, name = MAP.match(line).groups()
            if "r" not in rights or name in ("[vvar]", "[vsyscall]"):
                continue
            if rights in ("r--p", "r-xp") and name.startswith("/"):  # a program or a library
                continue
            for address in range(int(start, 16), int(end, 16), CHUNK):
                n_bytes = min(CHUNK, int(end, 16) - address)
                if not name and is_untouched(pagemap, address, n_bytes):
                    continue
                mem.seek(address)
                try:
                    data = mem.read(n_bytes)
                except OSError:  # a device's, or beyond a file's end
                    continue
                for offset, used in runs(data):
                    yield address + offset, name or "anonymous", used


def find(pid, secrets):
    """Which secrets, of 8 bytes or more, are there, and where: {name: [place…]}."""
    of_word = {}
    for name, secret in secrets.items():
        of_word.setdefault(int.from_bytes(secret[:8], sys.byteorder), []).append(name)
    words, found = set(of_word), {}
    for address, mapping, data in pages(pid):
        # One pass for any number of secrets: each run of 8 bytes is looked up.
        seen = set()
        for offset in range(8):
            n_bytes = (len(data) - offset) // 8 * 8
            seen |= words.intersection(array.array("Q", data[offset:offset + n_bytes]))
        for name in (name for word in seen for name in of_word[word]):
            at = data.find(secrets[name])
            if at >= 0:
                found.setdefault(name, []).append(f"{mapping} {address + at:x}")
    return found
