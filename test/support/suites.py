"""Every suite of ESP that the data plane has, in the words of the three who have to agree on it:
`imsgate sa add`, a Linux kernel's `ip xfrm`, and tshark's table of keys."""

import secrets

# Names of imsgate, bytes of keys, algorithm of the kernel, algorithm of tshark.
INTEGRITY = {
    "hmac-sha-1-96": (20, "auth-trunc hmac(sha1) {key} 96", "HMAC-SHA-1-96 [RFC2404]"),
    "hmac-md5-96": (16, "auth-trunc hmac(md5) {key} 96", "HMAC-MD5-96 [RFC2403]"),
    "hmac-sha-256-128": (32, "auth-trunc hmac(sha256) {key} 128", "HMAC-SHA-256-128 [RFC4868]"),
}
CIPHER = {
    "null": (0, 'enc ecb(cipher_null) ""', "NULL"),
    "aes-cbc": (16, "enc cbc(aes) {key}", "AES-CBC [RFC3602]"),
    "aes-cbc-256": (32, "enc cbc(aes) {key}", "AES-CBC [RFC3602]"),
    "des-ede3-cbc": (24, "enc cbc(des3_ede) {key}", "TripleDES-CBC [RFC2451]"),
}
# Both at once; tshark knows no GMAC.
COMBINED = {
    "aes-gmac": (16, "rfc4543(gcm(aes))", None),
    "aes-gmac-256": (32, "rfc4543(gcm(aes))", None),
    "aes-gcm": (16, "rfc4106(gcm(aes))", "AES-GCM with 16 octet ICV [RFC4106]"),
    "aes-gcm-256": (32, "rfc4106(gcm(aes))", "AES-GCM with 16 octet ICV [RFC4106]"),
}
NAMES = [f"{integrity} {cipher}" for integrity in INTEGRITY for cipher in CIPHER] + list(COMBINED)


def new(name):
    """A suite with fresh keys: what `ip xfrm state add` and `imsgate sa add` have to be told, and
    what tshark writes behind family, addresses and SPI; None where it cannot check."""
    if name in COMBINED:
        return _combined(name)
    integrity, cipher = name.split()
    auth_bytes, auth_kernel, auth_tshark = INTEGRITY[integrity]
    cipher_bytes, cipher_kernel, cipher_tshark = CIPHER[cipher]
    auth_key, cipher_key = secrets.token_hex(auth_bytes), secrets.token_hex(cipher_bytes)
    arguments = ["--integrity", integrity, "--cipher", cipher.removesuffix("-256"),
                 "--key", auth_key]
    if cipher_key:
        arguments += ["--cipher-key", cipher_key]
    shown = "0x" + cipher_key if cipher_key else ""
    return {"name": name, "imsgate": arguments,
            "kernel": f"{auth_kernel} {cipher_kernel}".replace("{key}", "0x" + auth_key, 1)
                      .replace("{key}", "0x" + cipher_key),
            "tshark": f'"{cipher_tshark}","{shown}","{auth_tshark}","0x{auth_key}"'}


def _combined(name):
    n_bytes, kernel, tshark = COMBINED[name]
    key, salt = secrets.token_hex(n_bytes), secrets.token_hex(4)
    gmac = name.startswith("aes-gmac")
    arguments = ["--salt", salt]
    arguments += ["--integrity", "aes-gmac", "--key", key] if gmac else \
                 ["--cipher", "aes-gcm", "--cipher-key", key]
    return {"name": name, "imsgate": arguments, "kernel": f"aead {kernel} 0x{key}{salt} 128",
            "tshark": f'"{tshark}","0x{key}{salt}","NULL",""' if tshark else None}
