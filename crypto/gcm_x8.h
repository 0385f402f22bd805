/*
 * GCM over eight packets at once, each under its own key: a packet to a 128-bit lane of two 512-bit
 * registers. What is serial in GCM for one packet (the key schedule, GHASH) then costs an eighth,
 * and no schedule is kept from packet to packet. Needs AVX-512 with VAES and VPCLMULQDQ:
 * gcm_x8_is_available(). For cpu_aead.c alone; no state.
 */
#ifndef CRYPTO_GCM_X8_H
#define CRYPTO_GCM_X8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GCM_X8_LANES 8

/*
 * A packet. What is hashed is `first`, then n_bytes at `data` filled up with zeros to a whole
 * block, then the lengths; what is enciphered is text_bytes at `text`, in place.
 */
struct gcm_x8_lane {
	_Alignas(16) uint8_t first[16];
	uint8_t counter[16];    /* J0 of SP 800-38D 7.1: salt, IV, 1 */
	uint8_t lengths_be[16]; /* bits of AAD, bits of text */
	uint8_t tag[16];        /* out */
	const uint8_t *key;
	const uint8_t *hash_key; /* see gcm_x8_hash_key() */
	const uint8_t *data;
	uint8_t *text;
	uint32_t n_bytes;
	uint32_t text_bytes;
};

/* The round keys of eight packets. Whoever made it wipes it. */
struct gcm_x8_schedule {
	_Alignas(64) uint8_t round[16][2][64]; /* of AES-256 are 15, and one to spare */
	unsigned n_rounds;
};

bool gcm_x8_is_available(void);

/* Makes the lanes behind the n that were filled fit to be run with them. */
void gcm_x8_fill_up(struct gcm_x8_lane lane[GCM_X8_LANES], unsigned n);

/* The steps for the first n lanes, in the order of the direction: sign = expand, cipher, tag;
 * verify = expand, tag, cipher. */
void gcm_x8_expand(const struct gcm_x8_lane lane[GCM_X8_LANES], unsigned n, size_t key_bytes,
		   struct gcm_x8_schedule *out);
void gcm_x8_cipher(const struct gcm_x8_lane lane[GCM_X8_LANES], unsigned n,
		   const struct gcm_x8_schedule *s);
void gcm_x8_tag(struct gcm_x8_lane lane[GCM_X8_LANES], unsigned n, const struct gcm_x8_schedule *s);

/*
 * H of SP 800-38D 7.1 of the key in the first lane, in the form that the lanes want it. The
 * schedule is that of these lanes.
 */
void gcm_x8_hash_key(const struct gcm_x8_schedule *s, uint8_t hash_key[static 16]);

/*
 * Leaves nothing of a key in registers and below the caller's own place on the stack. For who
 * called the others, at the same depth, when he is done; the schedule he wipes himself.
 */
void gcm_x8_forget(void);

#endif
