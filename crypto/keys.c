#include "crypto/keys.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto/wipe.h"

enum {
	DES_KEY_BYTES = 8,
	SHA256_BYTES = 32,
};

/* Every byte of a DES key has odd parity, in its lowest bit: FIPS 46-3. */
static void set_odd_parity(uint8_t *key, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++) {
		uint8_t upper = key[i] & 0xfe;
		key[i] = upper | !__builtin_parity(upper);
	}
}

/*
 * Annex I by way of the KDF of TS 33.220 B.2: the last 4 bytes of
 * HMAC-SHA-256(CK ‖ IK, FC ‖ P0 ‖ length of P0 in two bytes).
 */
static int derive_salt(uint8_t fc, const char *p0, const uint8_t ik[static KEYS_AKA_BYTES],
		       const uint8_t ck[static KEYS_AKA_BYTES],
		       uint8_t salt[static KEYS_SALT_BYTES])
{
	uint8_t key[2 * KEYS_AKA_BYTES], input[32], output[SHA256_BYTES];
	size_t p0_bytes = strlen(p0);
	memcpy(key, ck, KEYS_AKA_BYTES);
	memcpy(key + KEYS_AKA_BYTES, ik, KEYS_AKA_BYTES);
	input[0] = fc;
	memcpy(input + 1, p0, p0_bytes);
	input[1 + p0_bytes] = 0;
	input[2 + p0_bytes] = (uint8_t)p0_bytes;

	bool done = HMAC(EVP_sha256(), key, sizeof(key), input, p0_bytes + 3, output, NULL);
	if (done)
		memcpy(salt, output + SHA256_BYTES - KEYS_SALT_BYTES, KEYS_SALT_BYTES);
	wipe(key, sizeof(key));
	wipe(output, sizeof(output));
	return done ? 0 : -EIO;
}

int keys_expand(enum alg_integrity integrity, enum alg_cipher cipher,
		const uint8_t ik[static KEYS_AKA_BYTES], const uint8_t ck[static KEYS_AKA_BYTES],
		struct esp_keys *out)
{
	memset(out, 0, sizeof(*out));
	if (!alg_pair_is_allowed(integrity, cipher))
		return -EINVAL;

	/* The 20 bytes of SHA-1 are IK and four zeros, which are there already. */
	out->auth_key_bytes = alg_integrity[integrity].key_bytes;
	if (out->auth_key_bytes)
		memcpy(out->auth_key, ik, KEYS_AKA_BYTES);
	out->cipher_key_bytes = alg_cipher[cipher].key_bytes;
	if (out->cipher_key_bytes)
		memcpy(out->cipher_key, ck, KEYS_AKA_BYTES);
	if (cipher == ALG_DES_EDE3_CBC) {
		memcpy(out->cipher_key + KEYS_AKA_BYTES, ck, DES_KEY_BYTES);
		set_odd_parity(out->cipher_key, out->cipher_key_bytes);
	}

	int rc = 0;
	if (integrity == ALG_AES_GMAC)
		rc = derive_salt(0x58, "AES_GMAC_SALT", ik, ck, out->salt);
	else if (cipher == ALG_AES_GCM)
		rc = derive_salt(0x59, "AES_GCM_SALT", ik, ck, out->salt);
	if (rc < 0)
		wipe(out, sizeof(*out));
	return rc;
}
