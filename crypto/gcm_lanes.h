/*
 * GCM over eight packets at once, each under its own key: a packet to a 128-bit lane of vector
 * registers, two of four lanes with AVX-512 (gcm_x4.c), four of two with AVX2 (gcm_x2.c), VAES and
 * VPCLMULQDQ in both. What is serial in GCM for one packet (the key schedule, GHASH) then costs an
 * eighth, and no schedule is kept from packet to packet. For cpu_aead.c alone; no state.
 */
#ifndef CRYPTO_GCM_LANES_H
#define CRYPTO_GCM_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GCM_LANES 8

/*
 * A packet. What is hashed is `first`, then n_bytes at `data` filled up with zeros to a whole
 * block, then the lengths; what is enciphered is text_bytes at `text`, in place.
 */
struct gcm_lane {
	_Alignas(16) uint8_t first[16];
	uint8_t counter[16];    /* J0 of SP 800-38D 7.1: salt, IV, 1 */
	uint8_t lengths_be[16]; /* bits of AAD, bits of text */
	uint8_t tag[16];        /* out */
	const uint8_t *key;
	const uint8_t *hash_key; /* as hash_key() of any width makes it */
	const uint8_t *data;
	uint8_t *text;
	uint32_t n_bytes;
	uint32_t text_bytes;
};

/* The round keys of eight packets. Whoever made it wipes it. */
struct gcm_schedule {
	_Alignas(64) uint8_t round[16][GCM_LANES][16]; /* of AES-256 are 15, and one to spare */
	unsigned n_rounds;
};

/* What a processor can do. lane[] has GCM_LANES places, of which the first n are meant. */
struct gcm_lanes {
	const char *name;
	bool (*is_available)(void); /* on this processor; the others may be called only then */

	/* Makes the lanes behind the n that were filled fit to be run with them. */
	void (*fill_up)(struct gcm_lane lane[], unsigned n);

	/*
	 * The steps, in the order of the direction: sign = expand, cipher, tag; verify = expand,
	 * tag, cipher.
	 */
	void (*expand)(const struct gcm_lane lane[], unsigned n, size_t key_bytes,
		       struct gcm_schedule *out);
	void (*cipher)(const struct gcm_lane lane[], unsigned n, const struct gcm_schedule *s);
	void (*tag)(struct gcm_lane lane[], unsigned n, const struct gcm_schedule *s);

	/*
	 * H of SP 800-38D 7.1 of the key in the first lane, in the form that the lanes want it. The
	 * schedule is that of these lanes.
	 */
	void (*hash_key)(const struct gcm_schedule *s, uint8_t hash_key[static 16]);

	/*
	 * Leaves nothing of a key in registers and below the caller's own place on the stack. For
	 * who called the others, at the same depth, when he is done; the schedule he wipes himself.
	 */
	void (*forget)(void);
};

extern const struct gcm_lanes gcm_x4;
extern const struct gcm_lanes gcm_x2;

/* The widest that this processor has; NULL: neither. */
const struct gcm_lanes *gcm_lanes(void);

/* VAES and VPCLMULQDQ, which every width needs. */
bool gcm_lanes_has_vector_aes(void);

#endif
