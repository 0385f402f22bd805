/* Counter mode, SP 800-38D 6.5. For gcm_x4.c and gcm_x2.c: see gcm_lanes_impl.h. */
#ifndef CRYPTO_GCM_LANES_CTR_H
#define CRYPTO_GCM_LANES_CTR_H

#include "crypto/gcm_lanes_impl.h"

INLINE vec counters(const struct gcm_lane *lane)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load(lane[i].counter);
	return join(part);
}

/* Two blocks of each packet: a[r] and b[r], in place. */
INLINE void encrypt_two(const struct gcm_schedule *s, unsigned n_regs, vec a[REGS], vec b[REGS])
{
	vec key;
	for (unsigned r = 0; r < n_regs; r++) {
		key = load_key(s, 0, r);
		a[r] = xor(a[r], key);
		b[r] = xor(b[r], key);
	}
	for (unsigned i = 1; i < s->n_rounds; i++) {
		for (unsigned r = 0; r < n_regs; r++) {
			key = load_key(s, i, r);
			a[r] = aes_round(a[r], key);
			b[r] = aes_round(b[r], key);
		}
	}
	for (unsigned r = 0; r < n_regs; r++) {
		key = load_key(s, s->n_rounds, r);
		a[r] = aes_last_round(a[r], key);
		b[r] = aes_last_round(b[r], key);
	}
}

INLINE void encrypt_one(const struct gcm_schedule *s, unsigned n_regs, vec a[REGS])
{
	for (unsigned r = 0; r < n_regs; r++)
		a[r] = xor(a[r], load_key(s, 0, r));
	for (unsigned i = 1; i < s->n_rounds; i++) {
		for (unsigned r = 0; r < n_regs; r++)
			a[r] = aes_round(a[r], load_key(s, i, r));
	}
	for (unsigned r = 0; r < n_regs; r++)
		a[r] = aes_last_round(a[r], load_key(s, s->n_rounds, r));
}

INLINE void xor_whole(const struct gcm_lane *lane, uint32_t at, vec stream)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load(lane[i].text + at);
	split(xor(stream, join(part)), part);
	for (unsigned i = 0; i < WIDTH; i++)
		_mm_storeu_si128((void *)(lane[i].text + at), part[i]);
}

INLINE void xor_part(const struct gcm_lane *lane, uint32_t at, vec stream)
{
	__m128i part[WIDTH];
	uint32_t n[WIDTH];
	split(stream, part);
	/* All loads before all stores: lanes may be of one packet. */
	for (unsigned i = 0; i < WIDTH; i++) {
		n[i] = within(lane[i].text_bytes, at);
		part[i] = _mm_xor_si128(part[i], load_part(lane[i].text + at, n[i]));
	}
	for (unsigned i = 0; i < WIDTH; i++)
		store_part(lane[i].text + at, n[i], part[i]);
}

/* Up to where all lanes have text, and up to where any has. */
struct extent {
	uint32_t all, any;
};

INLINE struct extent text_extent(const struct gcm_lane *lane, unsigned n_regs)
{
	struct extent e = { UINT32_MAX, 0 };
	for (unsigned i = 0; i < n_regs * WIDTH; i++) {
		e.all = lane[i].text_bytes < e.all ? lane[i].text_bytes : e.all;
		e.any = lane[i].text_bytes > e.any ? lane[i].text_bytes : e.any;
	}
	return e;
}

INLINE void cipher_regs(const struct gcm_lane *lane, unsigned n_regs, const struct gcm_schedule *s)
{
	/* The counter is the last word of a block, the first byte its highest: SP 800-38D 6.2. */
	const vec swap = same(_mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
	const vec one = same(_mm_set_epi32(1, 0, 0, 0));
	const struct extent extent = text_extent(lane, n_regs);
	vec counter[REGS], a[REGS], b[REGS];
	for (unsigned r = 0; r < n_regs; r++)
		counter[r] = shuffle(counters(lane + r * WIDTH), swap);
	for (uint32_t at = 0; at < extent.any; at += 2 * BLOCK_BYTES) {
		for (unsigned r = 0; r < n_regs; r++) {
			counter[r] = add(counter[r], one);
			a[r] = shuffle(counter[r], swap);
			counter[r] = add(counter[r], one);
			b[r] = shuffle(counter[r], swap);
		}
		encrypt_two(s, n_regs, a, b);
		bool whole = at + 2 * BLOCK_BYTES <= extent.all;
		for (unsigned r = 0; r < n_regs; r++) {
			const struct gcm_lane *own = lane + r * WIDTH;
			if (whole) {
				xor_whole(own, at, a[r]);
				xor_whole(own, at + BLOCK_BYTES, b[r]);
			} else {
				xor_part(own, at, a[r]);
				xor_part(own, at + BLOCK_BYTES, b[r]);
			}
		}
	}
}

/* With a constant number of registers each, which the compiler then holds in registers. */
static void cipher(const struct gcm_lane lane[], unsigned n, const struct gcm_schedule *s)
{
	switch (regs_for(n)) {
	case 1:
		cipher_regs(lane, 1, s);
		break;
	case 2:
		cipher_regs(lane, 2, s);
		break;
#if REGS == 4
	case 3:
		cipher_regs(lane, 3, s);
		break;
	case 4:
		cipher_regs(lane, 4, s);
		break;
#endif
	}
}

#endif
