/*
 * GCM over the lanes of vector registers: what gcm_x4.c and gcm_x2.c share. Here is what every part
 * needs; the parts are keys (gcm_lanes_keys.h), counter mode (gcm_lanes_ctr.h), GHASH
 * (gcm_lanes_ghash.h) and tags (gcm_lanes_tag.h). Each of the two defines, before it includes them,
 * what its processor has:
 *
 *	WIDTH, REGS                       lanes of a register; registers for GCM_LANES of them
 *	vec                               a register
 *	join(), split()                   blocks to a register and back
 *	load_part(), store_part()         the first n ≤ 16 bytes of a block; none behind is touched
 *	same(), zero(), xor(), xor3(), add()     add: words of 32 bits
 *	SHIFT_LEFT(), swap_halves()       of each lane, by bytes; its 64-bit halves
 *	shuffle()                         bytes of each lane
 *	aes_round(), aes_last_round()
 *	MULTIPLY()                        carry-less, halves of each lane by a constant
 *	load_key(), store_key()           register r of round key i
 */
#ifndef CRYPTO_GCM_LANES_IMPL_H
#define CRYPTO_GCM_LANES_IMPL_H

#include "crypto/gcm_lanes.h"

_Static_assert(REGS *WIDTH == GCM_LANES, "what a call takes");

INLINE __m128i load(const void *from)
{
	return _mm_loadu_si128(from);
}

/* How many of the 16 bytes at `at` are among the first n_bytes. */
INLINE uint32_t within(uint32_t n_bytes, uint32_t at)
{
	uint32_t left = n_bytes > at ? n_bytes - at : 0;
	return left < BLOCK_BYTES ? left : BLOCK_BYTES;
}

/* Registers for n lanes. */
INLINE unsigned regs_for(unsigned n)
{
	return (n + WIDTH - 1) / WIDTH;
}

/*
 * The first of its register again: the same bytes are stored over the same, and no lane ends
 * early.
 */
static void fill_up(struct gcm_lane lane[], unsigned n)
{
	for (; n % WIDTH; n++)
		lane[n] = lane[n - n % WIDTH];
}

#endif
