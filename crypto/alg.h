/*
 * The algorithms that TS 33.203 Annex H lets a UE and a P-CSCF agree on, each with its SIP name,
 * its sizes, and its name in tshark. Constant tables; any thread.
 */
#ifndef CRYPTO_ALG_H
#define CRYPTO_ALG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Indices of alg_integrity[]. */
enum alg_integrity {
	ALG_INTEGRITY_NULL, /* only with a cipher that authenticates */
	ALG_HMAC_MD5_96,
	ALG_HMAC_SHA1_96,
	ALG_AES_GMAC,
	ALG_N_INTEGRITY,
};

/* Indices of alg_cipher[]. */
enum alg_cipher {
	ALG_CIPHER_NULL,
	ALG_AES_CBC,
	ALG_DES_EDE3_CBC,
	ALG_AES_GCM,
	ALG_N_CIPHER,
};

struct alg {
	const char *sip_name; /* of alg= or ealg=, RFC 3329 as profiled by 33.203 Annex H */
	const char *
		tshark_name; /* in the table esp_sa; without a row there, the one that shows most */
	uint8_t key_bytes;   /* after expansion, TS 33.203 Annex I */
	uint8_t salt_bytes;
	uint8_t icv_bytes;   /* on the wire */
	uint8_t iv_bytes;    /* on the wire */
	uint8_t block_bytes; /* what the padding fills up to; at least 4, RFC 4303 2.4 */
};

extern const struct alg alg_integrity[ALG_N_INTEGRITY];
extern const struct alg alg_cipher[ALG_N_CIPHER];

/*
 * Index by SIP name, a token and so without case (RFC 3261 7.3.1); `name` need not be terminated.
 * Returns -ENOENT for a name that is not in the table.
 */
int alg_find_integrity(const char *name, size_t name_bytes);
int alg_find_cipher(const char *name, size_t name_bytes);

/*
 * Whether ESP under these two is protected, and by one algorithm alone: integrity always (seed
 * 6.3), and AES-GMAC, which brings its own IV and salt, only without a cipher.
 */
bool alg_pair_is_allowed(enum alg_integrity integrity, enum alg_cipher cipher);

#endif
