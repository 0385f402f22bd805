/*
 * GHASH, SP 800-38D 6.4: products, and the hash of a block in each lane. For gcm_x4.c and gcm_x2.c:
 * see gcm_lanes_impl.h.
 *
 * Blocks are taken with their bytes turned round, so that carry-less products come out as needed
 * but for a factor x, which is in the hash key already: it is H · x. A product of 256 bits is kept
 * as three parts until it is reduced; `middle` holds the sum of all of them until then (Karatsuba:
 * three multiplications instead of four).
 */
#ifndef CRYPTO_GCM_LANES_GHASH_H
#define CRYPTO_GCM_LANES_GHASH_H

#include "crypto/gcm_lanes_ctr.h"

struct product {
	vec low, middle, high;
};

struct factor {
	vec whole, folded; /* both halves of `folded`: the sum of the halves */
};

INLINE vec turn(vec x)
{
	return shuffle(x, same(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
}

INLINE vec fold(vec x)
{
	return xor(x, swap_halves(x));
}

INLINE struct product multiply(vec a, struct factor b)
{
	return (struct product){
		.low = MULTIPLY(a, b.whole, 0x00),
		.middle = MULTIPLY(fold(a), b.folded, 0x00),
		.high = MULTIPLY(a, b.whole, 0x11),
	};
}

INLINE struct product sum_of(struct product a, struct product b)
{
	return (struct product){
		.low = xor(a.low, b.low),
		.middle = xor(a.middle, b.middle),
		.high = xor(a.high, b.high),
	};
}

/* Folds the low 64 bits away twice: x^128 = 1 + x + x^2 + x^7, turned round. */
INLINE vec reduce(struct product p)
{
	const vec polynomial = same(_mm_set1_epi64x((long long)0xc200000000000000));
	vec middle = xor3(p.middle, p.low, p.high);
	middle = xor3(middle, swap_halves(p.low), MULTIPLY(polynomial, p.low, 0x00));
	return xor3(p.high, swap_halves(middle), MULTIPLY(polynomial, middle, 0x00));
}

static void hash_key(const struct gcm_schedule *s, uint8_t key[static 16])
{
	vec h[REGS] = { zero() };
	__m128i part[WIDTH];
	uint64_t words[2];
	encrypt_one(s, 1, h);
	split(turn(h[0]), part);
	_mm_storeu_si128((void *)words, part[0]);
	uint64_t carry = words[1] >> 63;
	words[1] = (words[1] << 1 | words[0] >> 63) ^ (carry ? 0xc200000000000000 : 0);
	words[0] = words[0] << 1 ^ carry;
	memcpy(key, words, sizeof(words));
}

struct hash {
	struct factor key, key2; /* H, and H squared for the first block of two */
	vec sum;
};

INLINE struct hash start_hash(const struct gcm_lane *lane)
{
	struct hash h;
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load(lane[i].hash_key);
	h.key.whole = join(part);
	h.key.folded = fold(h.key.whole);
	h.key2.whole = reduce(multiply(h.key.whole, h.key));
	h.key2.folded = fold(h.key2.whole);
	h.sum = zero();
	return h;
}

INLINE void hash_two(struct hash *h, vec a, vec b)
{
	h->sum = reduce(sum_of(multiply(xor(h->sum, a), h->key2), multiply(b, h->key)));
}

#endif
