/*
 * HMAC-SHA-1 and HMAC-MD5 of sixteen messages at once, one in each 32-bit lane of AVX-512
 * (RFC 2104, RFC 3174, RFC 1321). From mid-states, so that a message of an ESP packet costs its own
 * blocks and one more. The lanes' keys and lengths are their own; what differs in blocks waits for
 * the longest. No state, no branch on data; any thread.
 *
 * It is here beside IPsec-MB because of what that library's job manager costs on top of the hash
 * (docs/performance.md has the numbers); where the processor lacks AVX-512, IPsec-MB does it all.
 */
#ifndef CRYPTO_HMAC_X16_H
#define CRYPTO_HMAC_X16_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/job.h"

#define HMAC_X16_LANES 16
#define HMAC_X16_BYTES 16 /* of the digest that are given out: no ICV here has more */

struct hmac_x16_lane {
	const union crypto_auth_key *key; /* mid-states */
	const uint8_t *message;
	uint32_t n_bytes;
};

/* Does this processor have what is needed? The other functions may be called only then. */
bool hmac_x16_is_available(void);

/* 64-byte blocks of a message with its padding: lanes of equal number waste nothing. */
static inline uint32_t hmac_x16_blocks(uint32_t n_bytes)
{
	return (n_bytes + 1 + 8 + 63) / 64;
}

/* Lanes that are not needed repeat another one. */
void hmac_x16_sha1(const struct hmac_x16_lane lane[HMAC_X16_LANES],
		   uint8_t digest[HMAC_X16_LANES][HMAC_X16_BYTES]);
void hmac_x16_md5(const struct hmac_x16_lane lane[HMAC_X16_LANES],
		  uint8_t digest[HMAC_X16_LANES][HMAC_X16_BYTES]);

#endif
