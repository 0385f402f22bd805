/*
 * GCM over the lanes of vector registers: what gcm_x4.c and gcm_x2.c share. Each of them defines,
 * before it includes this, what its processor has:
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

/* ---- counter mode ---- */

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

/* ---- GHASH, SP 800-38D 6.4 ---- */

/*
 * Blocks are taken with their bytes turned round, so that carry-less products come out as needed
 * but for a factor x, which is in the hash key already: it is H · x. A product of 256 bits is kept
 * as three parts until it is reduced; `middle` holds the sum of all of them until then (Karatsuba:
 * three multiplications instead of four).
 */
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

/*
 * Step `step` of a packet that needs n_blocks (first and data) among those that need n_steps: the
 * shorter ones begin later, for zeros in front change nothing.
 */
INLINE __m128i block_at(const struct gcm_lane *lane, uint32_t n_steps, uint32_t step)
{
	uint32_t n_data = (lane->n_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
	uint32_t begin = n_steps - 1 - n_data;
	if (step <= begin)
		return step == begin ? load(lane->first) : _mm_setzero_si128();
	uint32_t at = (step - begin - 1) * BLOCK_BYTES;
	return load_part(lane->data + at, within(lane->n_bytes, at));
}

INLINE vec ragged_block(const struct gcm_lane *lane, uint32_t n_steps, uint32_t step)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = block_at(&lane[i], n_steps, step);
	return turn(join(part));
}

/* Of lanes with data of the same length: n bytes at `at`. */
INLINE vec even_block(const struct gcm_lane *lane, uint32_t at, uint32_t n)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load_part(lane[i].data + at, n);
	return turn(join(part));
}

INLINE vec whole_block(const struct gcm_lane *lane, uint32_t at)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load(lane[i].data + at);
	return turn(join(part));
}

INLINE vec first_block(const struct gcm_lane *lane)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load(lane[i].first);
	return turn(join(part));
}

INLINE vec lengths(const struct gcm_lane *lane)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load(lane[i].lengths_be);
	return turn(join(part));
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

/* What the lanes have in common. */
struct steps {
	uint32_t n;          /* blocks of the longest: `first` and data; made odd in front */
	uint32_t n_bytes;    /* of data, if all lanes have the same */
	bool even;           /* so they have */
	bool begins_at_once; /* and no step in front is for nothing */
};

INLINE struct steps count_steps(const struct gcm_lane *lane, unsigned n_regs)
{
	uint32_t most = 0, different = 0;
	for (unsigned i = 0; i < n_regs * WIDTH; i++) {
		most = lane[i].n_bytes > most ? lane[i].n_bytes : most;
		different |= lane[i].n_bytes ^ lane[0].n_bytes;
	}
	uint32_t n_blocks = 1 + (most + BLOCK_BYTES - 1) / BLOCK_BYTES;
	/* Odd, so that the lengths make the last pair whole: one more step in front is zeros. */
	return (struct steps){ .n = n_blocks | 1,
			       .n_bytes = most,
			       .even = !different,
			       .begins_at_once = n_blocks & 1 };
}

INLINE vec block_of(const struct gcm_lane *lane, struct steps steps, uint32_t step)
{
	if (!steps.even)
		return ragged_block(lane, steps.n, step);
	uint32_t begin = steps.begins_at_once ? 0 : 1;
	if (step <= begin)
		return step == begin ? first_block(lane) : zero();
	uint32_t at = (step - begin - 1) * BLOCK_BYTES;
	return at + BLOCK_BYTES <= steps.n_bytes ? whole_block(lane, at)
						 : even_block(lane, at, within(steps.n_bytes, at));
}

INLINE void tag_regs(struct gcm_lane *lane, unsigned n_regs, const struct gcm_schedule *s)
{
	struct steps steps = count_steps(lane, n_regs);
	struct hash h[REGS];
	vec mask[REGS];
	uint32_t step = 0;
	for (unsigned r = 0; r < n_regs; r++) {
		h[r] = start_hash(lane + r * WIDTH);
		mask[r] = counters(lane + r * WIDTH);
	}
	for (; step + 1 < steps.n; step += 2) {
		for (unsigned r = 0; r < n_regs; r++)
			hash_two(&h[r], block_of(lane + r * WIDTH, steps, step),
				 block_of(lane + r * WIDTH, steps, step + 1));
	}
	encrypt_one(s, n_regs, mask);
	for (unsigned r = 0; r < n_regs; r++) {
		struct gcm_lane *own = lane + r * WIDTH;
		__m128i part[WIDTH];
		hash_two(&h[r], block_of(own, steps, step), lengths(own));
		split(xor(turn(h[r].sum), mask[r]), part);
		for (unsigned i = 0; i < WIDTH; i++)
			_mm_storeu_si128((void *)own[i].tag, part[i]);
	}
}

static void tag(struct gcm_lane lane[], unsigned n, const struct gcm_schedule *s)
{
	switch (regs_for(n)) {
	case 1:
		tag_regs(lane, 1, s);
		break;
	case 2:
		tag_regs(lane, 2, s);
		break;
#if REGS == 4
	case 3:
		tag_regs(lane, 3, s);
		break;
	case 4:
		tag_regs(lane, 4, s);
		break;
#endif
	}
}

#endif
