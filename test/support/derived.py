"""What is computed from keys and would serve instead of them, as it lies in memory."""

import ctypes
import math
import struct

MASK = 0xffffffff


def _rotate(value, n):
    return (value << n | value >> 32 - n) & MASK


def sha1_block(block):
    """The state of SHA-1 after its first block (FIPS 180-4 6.1.2), words in the machine's order."""
    w = list(struct.unpack("!16I", block))
    for t in range(16, 80):
        w.append(_rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1))
    start = (0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
    a, b, c, d, e = start
    for t in range(80):
        if t < 20:
            f, k = b & c | ~b & d, 0x5a827999
        elif t < 40:
            f, k = b ^ c ^ d, 0x6ed9eba1
        elif t < 60:
            f, k = b & c | b & d | c & d, 0x8f1bbcdc
        else:
            f, k = b ^ c ^ d, 0xca62c1d6
        a, b, c, d, e = (_rotate(a, 5) + (f & MASK) + e + k + w[t]) & MASK, a, _rotate(b, 30), c, d
    return struct.pack("=5I", *((x + y) & MASK for x, y in zip(start, (a, b, c, d, e))))


def md5_block(block):
    """The same of MD5 (RFC 1321 3.4)."""
    m = struct.unpack("<16I", block)
    sines = [int(abs(math.sin(i + 1)) * 2 ** 32) & MASK for i in range(64)]
    shifts = [7, 12, 17, 22] * 4 + [5, 9, 14, 20] * 4 + [4, 11, 16, 23] * 4 + [6, 10, 15, 21] * 4
    start = (0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476)
    a, b, c, d = start
    for i in range(64):
        if i < 16:
            f, g = b & c | ~b & d, i
        elif i < 32:
            f, g = d & b | ~d & c, (5 * i + 1) % 16
        elif i < 48:
            f, g = b ^ c ^ d, (3 * i + 5) % 16
        else:
            f, g = c ^ (b | ~d & MASK), 7 * i % 16
        f = ((f & MASK) + a + sines[i] + m[g]) & MASK
        a, d, c, b = d, c, b, (b + _rotate(f, shifts[i])) & MASK
    return struct.pack("=4I", *((x + y) & MASK for x, y in zip(start, (a, b, c, d))))


def _primes(n):
    found = []
    while len(found) < n:
        candidate = found[-1] + 1 if found else 2
        while any(candidate % prime == 0 for prime in found):
            candidate += 1
        found.append(candidate)
    return found


def _root_bits(n, degree):
    """The first 32 bits behind the point of the root: FIPS 180-4 4.2.2 and 5.3.3."""
    low, high = 0, n << 32
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle ** degree <= n << 32 * degree else (low, middle)
    return low & MASK


def sha256_block(block):
    """The same of SHA-256 (FIPS 180-4 6.2.2)."""
    def turned(value, *by):
        return _rotate(value, 32 - by[0]) ^ _rotate(value, 32 - by[1]) ^ (
            value >> by[2] if len(by) == 4 else _rotate(value, 32 - by[2]))
    primes = _primes(64)
    w = list(struct.unpack("!16I", block))
    for t in range(16, 64):
        w.append((turned(w[t - 2], 17, 19, 10, 0) + w[t - 7] + turned(w[t - 15], 7, 18, 3, 0) +
                  w[t - 16]) & MASK)
    start = tuple(_root_bits(prime, 2) for prime in primes[:8])
    a, b, c, d, e, f, g, h = start
    for t in range(64):
        first = (h + turned(e, 6, 11, 25) + (e & f ^ ~e & MASK & g) + _root_bits(primes[t], 3) +
                 w[t]) & MASK
        second = turned(a, 2, 13, 22) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (first + second) & MASK, a, b, c, (d + first) & MASK, e, f, g
    return struct.pack("=8I", *((x + y) & MASK
                                for x, y in zip(start, (a, b, c, d, e, f, g, h))))


BLOCK = {"hmac-sha-1-96": sha1_block, "hmac-md5-96": md5_block, "hmac-sha-256-128": sha256_block}


def of_hmac(integrity, key):
    """RFC 2104: the key, the key as each hash begins with it, and the states after that."""
    block = BLOCK[integrity]
    inner, outer = (bytes(byte ^ pad for byte in key.ljust(64, b"\0")) for pad in (0x36, 0x5c))
    return {"integrity key": key[:16], "inner": block(inner), "outer": block(outer),
            "key xor ipad": inner[:16], "key xor opad": outer[:16]}


def _times(a, b):
    """In GF(2^8), FIPS 197 4.2."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11b if a & 0x80 else 0)
        b >>= 1
    return product


def _sbox():
    box = []
    for value in range(256):
        inverse = next((i for i in range(256) if _times(value, i) == 1), 0)
        box.append(inverse ^ 0x63)
        for n in range(1, 5):
            box[-1] ^= (inverse << n | inverse >> 8 - n) & 0xff
    return bytes(box)


SBOX = _sbox()


def _round_keys(key):
    """FIPS 197 5.2, words of AES-128 or AES-256."""
    n_key = len(key) // 4
    words = [key[i:i + 4] for i in range(0, len(key), 4)]
    factor = 1
    while len(words) < 4 * (n_key + 7):
        last = words[-1]
        if len(words) % n_key == 0:
            last = bytes(SBOX[byte] for byte in last[1:] + last[:1])
            last = bytes([last[0] ^ factor]) + last[1:]
            factor = _times(factor, 2)
        elif n_key > 6 and len(words) % n_key == 4:
            last = bytes(SBOX[byte] for byte in last)
        words.append(bytes(x ^ y for x, y in zip(words[-n_key], last)))
    return words


def of_aes(key):
    """The key and the round keys, for both directions (FIPS 197 5.3.5)."""
    words = _round_keys(key)
    n_rounds = len(words) // 4 - 1
    found = {"cipher key": key}
    for n in range(len(key) // 16, n_rounds + 1):  # those before are the key itself
        found[f"round key {n}"] = b"".join(words[4 * n:4 * n + 4])
    for n in range(1, n_rounds):
        columns = words[4 * n:4 * n + 4]
        found[f"round key {n} to decrypt"] = bytes(
            _times(c[i], 14) ^ _times(c[(i + 1) % 4], 11) ^ _times(c[(i + 2) % 4], 13) ^
            _times(c[(i + 3) % 4], 9) for c in columns for i in range(4))
    return found


def of_3des(key):
    """The keys, and their schedules as the two libraries that work with them lay them out."""
    found = {"cipher key": key}
    libraries = {"OpenSSL": ctypes.CDLL("libcrypto.so.3").DES_set_key_unchecked,
                 "IPsec-MB": ctypes.CDLL("libIPSec_MB.so.1").des_key_schedule}
    for n in range(3):
        one = key[8 * n:8 * n + 8]
        found[f"key {n + 1}"] = one
        for name, schedule in libraries.items():
            out = ctypes.create_string_buffer(128)
            schedule(*((one, out) if name == "OpenSSL" else (out, one)))
            found[f"schedule {n + 1} of {name}"] = out.raw[16:32]
    return found


def encrypt(key, block):
    """AES of one block, FIPS 197 5.1."""
    words = _round_keys(key)
    n_rounds = len(words) // 4 - 1
    state = bytes(x ^ y for x, y in zip(block, key))
    for n in range(1, n_rounds + 1):
        state = bytes(SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16))
        if n < n_rounds:
            state = b"".join(bytes(
                _times(c[i], 2) ^ _times(c[(i + 1) % 4], 3) ^ c[(i + 2) % 4] ^ c[(i + 3) % 4]
                for i in range(4)) for c in (state[j:j + 4] for j in range(0, 16, 4)))
        state = bytes(x ^ y for x, y in zip(state, b"".join(words[4 * n:4 * n + 4])))
    return state


def _multiply(a, b):
    """In GF(2^128) of SP 800-38D 6.3: bit 0 is the highest of the first byte."""
    product, a = 0, int.from_bytes(a, "big")
    b = int.from_bytes(b, "big")
    for bit in range(127, -1, -1):
        product ^= b if a >> bit & 1 else 0
        b = b >> 1 ^ (0xe1 << 120 if b & 1 else 0)
    return product.to_bytes(16, "big")


def _times_x(h):
    """Turned round and one higher, as crypto/gcm_x8.c multiplies with it."""
    value = int.from_bytes(h, "big") << 1
    if value >> 128:
        value ^= 1 << 128 | 0xc2 << 120 | 1
    return value.to_bytes(16, "little")


def of_gcm(key):
    """What AES-GCM and AES-GMAC make of a key: round keys, the hash key H and its square."""
    h = encrypt(key, bytes(16))
    square = _multiply(h, h)
    found = {what: value for what, value in of_aes(key).items() if "decrypt" not in what}
    found.update({"H": h, "H turned round": h[::-1], "hash key": _times_x(h), "H squared": square,
                  "H squared, times x": _times_x(square)})
    return found
