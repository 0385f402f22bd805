/*
 * The suites of ESP that a packet can be under: an integrity algorithm, a cipher, and their key
 * sizes. One constant table describes them all; who needs to know something of a suite reads it
 * there. Any thread.
 */
#ifndef CRYPTO_SUITE_H
#define CRYPTO_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_ICV_BYTES 16 /* largest ICV of any algorithm */

enum crypto_integrity {
	CRYPTO_INTEGRITY_NONE, /* the cipher authenticates */
	CRYPTO_HMAC_SHA1,      /* RFC 2404 */
	CRYPTO_HMAC_MD5,       /* RFC 2403 */
	CRYPTO_HMAC_SHA256,    /* RFC 4868 */
	CRYPTO_GMAC,           /* RFC 4543 */
};

enum crypto_cipher {
	CRYPTO_CIPHER_NULL,
	CRYPTO_AES_CBC,  /* RFC 3602 */
	CRYPTO_3DES_CBC, /* RFC 2451 */
	CRYPTO_GCM,      /* RFC 4106 with an ICV of 16 bytes */
};

enum crypto_suite {
	CRYPTO_HMAC_SHA1_NULL,
	CRYPTO_HMAC_MD5_NULL,
	CRYPTO_HMAC_SHA1_AES_CBC,
	CRYPTO_HMAC_MD5_AES_CBC,
	CRYPTO_HMAC_SHA256_NULL,
	CRYPTO_HMAC_SHA256_AES_CBC,
	CRYPTO_HMAC_SHA1_AES256_CBC,
	CRYPTO_HMAC_MD5_AES256_CBC,
	CRYPTO_HMAC_SHA256_AES256_CBC,
	CRYPTO_HMAC_SHA1_3DES_CBC,
	CRYPTO_HMAC_MD5_3DES_CBC,
	CRYPTO_HMAC_SHA256_3DES_CBC,
	CRYPTO_AES_GMAC,
	CRYPTO_AES256_GMAC,
	CRYPTO_AES_GCM,
	CRYPTO_AES256_GCM,
	CRYPTO_N_SUITES,
};

struct crypto_suite_shape {
	uint8_t integrity;   /* enum crypto_integrity */
	uint8_t cipher;      /* enum crypto_cipher */
	uint8_t icv_bytes;   /* on the wire */
	uint8_t iv_bytes;    /* on the wire */
	uint8_t block_bytes; /* what the padding fills up to; at least 4, RFC 4303 2.4 */
	uint8_t auth_key_bytes;
	uint8_t cipher_key_bytes;
	uint8_t salt_bytes;
};
extern const struct crypto_suite_shape crypto_suite_shape[CRYPTO_N_SUITES];

/* Whether a packet of the suite needs the SA's line of the cipher too. */
static inline bool crypto_suite_has_cbc(const struct crypto_suite_shape *shape)
{
	return shape->block_bytes > 4;
}

/* The suite of two algorithms with keys of these sizes; -ENOENT. */
int crypto_suite_find(enum crypto_integrity integrity, enum crypto_cipher cipher,
		      size_t auth_key_bytes, size_t cipher_key_bytes);

#endif
