/*
 * HMAC-SHA-1 and HMAC-MD5 of many messages at once, one in each 32-bit lane of a vector (RFC 2104,
 * RFC 3174, RFC 1321): sixteen with AVX-512 (hmac_x16.c), twice eight with AVX2 (hmac_x8.c). Where
 * there are the SHA extensions and no AVX-512, SHA-1 is theirs, four messages side by side
 * (hmac_ni.c). From mid-states, so that a message of an ESP packet costs its own blocks and one
 * more. The lanes' keys and lengths are their own; what differs in blocks waits for the longest. No
 * state, no branch on data; any thread.
 *
 * It is here beside IPsec-MB because of what that library's job manager costs on top of the hash
 * (docs/performance.md has the numbers); where the processor has neither, IPsec-MB does it all.
 */
#ifndef CRYPTO_HMAC_LANES_H
#define CRYPTO_HMAC_LANES_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/job.h"

#define HMAC_LANES       16
#define HMAC_LANES_BYTES 16 /* of the digest that are given out: no ICV here has more */

struct hmac_lane {
	const union crypto_auth_key *key; /* mid-states */
	const uint8_t *message;
	uint32_t n_bytes;
};

/*
 * HMAC_LANES of each, of which the first n are wanted: from 1 on. The others are messages all the
 * same (another one repeated, say), and their digests may be written or not.
 */
typedef void hmac_lanes_run(const struct hmac_lane lane[], unsigned n,
			    uint8_t digest[][HMAC_LANES_BYTES]);

struct hmac_lanes {
	const char *name;
	bool (*is_available)(void); /* on this processor; the others may be called only then */
	hmac_lanes_run *sha1;
	hmac_lanes_run *md5;
};

extern const struct hmac_lanes hmac_x16;
extern const struct hmac_lanes hmac_x8;
extern const struct hmac_lanes hmac_ni;

/* The fastest that this processor has; NULL: none. */
const struct hmac_lanes *hmac_lanes(void);

/* 64-byte blocks of a message with its padding: lanes of equal number waste nothing. */
static inline uint32_t hmac_lanes_blocks(uint32_t n_bytes)
{
	return (n_bytes + 1 + 8 + 63) / 64;
}

#endif
