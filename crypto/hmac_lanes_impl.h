/*
 * HMAC over the lanes of a vector: what hmac_x16.c and hmac_x8.c share. Each of them defines,
 *before it includes this, what its processor has:
 *
 *	LANES, GROUPS                   messages of a vector; vectors that HMAC_LANES of them take
 *	vec, mask                       a word of each message; a yes or no for each
 *	all(), load_words(), add()
 *	ROTATE()                        to the left, by a constant
 *	choose(), parity(), majority()  FIPS 180-4 4.1.1
 *	md5_i()                         RFC 1321 3.4, function I
 *	greater(), pick()               of positive numbers; lane by lane
 *	swap_bytes()                    of each word
 *	load_whole()                    block `number` of messages that all have it whole
 *	load_part()                     the same of any messages, padded but for the length
 *	load_keys()                     key lines, as words
 *	store_digests()                 four vectors of words as rows
 */
#ifndef CRYPTO_HMAC_LANES_IMPL_H
#define CRYPTO_HMAC_LANES_IMPL_H

#include "crypto/hmac_lanes.h"

enum {
	SHA1_STATE = 5,
	MD5_STATE = 4,
	INNER_WORD = 0, /* of a key line: union crypto_auth_key */
	OUTER_WORD = 8,
};
_Static_assert(GROUPS *LANES == HMAC_LANES, "what a call takes");
_Static_assert(sizeof(union crypto_auth_key) == BLOCK_BYTES, "a key line is read as a block");

/* How many blocks each lane has, and its length in bits, that of the key's block included. */
struct lengths {
	vec n_blocks;
	vec n_bits;
	uint32_t n_most;
	uint32_t n_whole; /* blocks without padding that all lanes have */
};

INLINE struct lengths lengths_of(const struct hmac_lane lane[])
{
	uint32_t n_blocks[LANES], n_bits[LANES];
	struct lengths l = { .n_most = 0, .n_whole = UINT32_MAX };
	for (int i = 0; i < LANES; i++) {
		n_blocks[i] = hmac_lanes_blocks(lane[i].n_bytes);
		n_bits[i] = (lane[i].n_bytes + BLOCK_BYTES) * 8;
		uint32_t n_whole = lane[i].n_bytes / BLOCK_BYTES;
		l.n_most = n_blocks[i] > l.n_most ? n_blocks[i] : l.n_most;
		l.n_whole = n_whole < l.n_whole ? n_whole : l.n_whole;
	}
	l.n_blocks = load_words(n_blocks);
	l.n_bits = load_words(n_bits);
	return l;
}

/* ---- SHA-1, RFC 3174 ---- */

#define SHA1_ROUND(t, function, constant)                                                          \
	do {                                                                                       \
		vec w = word[(t)&15];                                                              \
		if ((t) >= 16) {                                                                   \
			w = parity(word[((t) + 13) & 15], word[((t) + 8) & 15],                    \
				   word[((t) + 2) & 15]);                                          \
			w = ROTATE(xor(w, word[(t)&15]), 1);                                       \
			word[(t)&15] = w;                                                          \
		}                                                                                  \
		vec sum = add(add(e, w), all(constant));                                           \
		sum = add(sum, function(b, c, d));                                                 \
		sum = add(sum, ROTATE(a, 5));                                                      \
		e = d;                                                                             \
		d = c;                                                                             \
		c = ROTATE(b, 30);                                                                 \
		b = a;                                                                             \
		a = sum;                                                                           \
	} while (0)

/* One block of each message; the words are used up. */
INLINE void sha1_block(vec state[SHA1_STATE], vec word[WORDS])
{
	vec a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
#pragma GCC unroll 20
	for (int t = 0; t < 20; t++)
		SHA1_ROUND(t, choose, 0x5a827999);
#pragma GCC unroll 20
	for (int t = 20; t < 40; t++)
		SHA1_ROUND(t, parity, 0x6ed9eba1);
#pragma GCC unroll 20
	for (int t = 40; t < 60; t++)
		SHA1_ROUND(t, majority, 0x8f1bbcdc);
#pragma GCC unroll 20
	for (int t = 60; t < 80; t++)
		SHA1_ROUND(t, parity, 0xca62c1d6);
	state[0] = add(state[0], a);
	state[1] = add(state[1], b);
	state[2] = add(state[2], c);
	state[3] = add(state[3], d);
	state[4] = add(state[4], e);
}

/* ---- MD5, RFC 1321 ---- */

/* RFC 1321 3.4: floor(2^32 · |sin(i + 1)|) */
static const uint32_t md5_sine[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
	0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
	0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
	0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
	0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
	0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
	0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
	0xeb86d391
};

/* RFC 1321 3.4: F and G choose, by b and by d; H is the parity. */
#define MD5_F(b, c, d) choose(b, c, d)
#define MD5_G(b, c, d) choose(d, b, c)

/* A step waits for the one before it, so groups take turns. */
#define MD5_STEP(i, k, shift, function)                                                            \
	do {                                                                                       \
		_Pragma("GCC unroll 2") for (int g = 0; g < GROUPS; g++)                           \
		{                                                                                  \
			vec sum = add(add(a[g], word[g][(k)&15]), all(md5_sine[i]));               \
			sum = add(sum, function(b[g], c[g], d[g]));                                \
			a[g] = d[g];                                                               \
			d[g] = c[g];                                                               \
			c[g] = b[g];                                                               \
			b[g] = add(b[g], ROTATE(sum, shift));                                      \
		}                                                                                  \
	} while (0)

INLINE void md5_block(vec state[GROUPS][MD5_STATE], vec word[GROUPS][WORDS])
{
	vec a[GROUPS], b[GROUPS], c[GROUPS], d[GROUPS];
	for (int g = 0; g < GROUPS; g++) {
		a[g] = state[g][0];
		b[g] = state[g][1];
		c[g] = state[g][2];
		d[g] = state[g][3];
	}
#pragma GCC unroll 4
	for (int i = 0; i < 16; i += 4) {
		MD5_STEP(i, i, 7, MD5_F);
		MD5_STEP(i + 1, i + 1, 12, MD5_F);
		MD5_STEP(i + 2, i + 2, 17, MD5_F);
		MD5_STEP(i + 3, i + 3, 22, MD5_F);
	}
#pragma GCC unroll 4
	for (int i = 16; i < 32; i += 4) {
		MD5_STEP(i, 5 * i + 1, 5, MD5_G);
		MD5_STEP(i + 1, 5 * i + 6, 9, MD5_G);
		MD5_STEP(i + 2, 5 * i + 11, 14, MD5_G);
		MD5_STEP(i + 3, 5 * i + 16, 20, MD5_G);
	}
#pragma GCC unroll 4
	for (int i = 32; i < 48; i += 4) {
		MD5_STEP(i, 3 * i + 5, 4, parity);
		MD5_STEP(i + 1, 3 * i + 8, 11, parity);
		MD5_STEP(i + 2, 3 * i + 11, 16, parity);
		MD5_STEP(i + 3, 3 * i + 14, 23, parity);
	}
#pragma GCC unroll 4
	for (int i = 48; i < 64; i += 4) {
		MD5_STEP(i, 7 * i, 6, md5_i);
		MD5_STEP(i + 1, 7 * i + 7, 10, md5_i);
		MD5_STEP(i + 2, 7 * i + 14, 15, md5_i);
		MD5_STEP(i + 3, 7 * i + 21, 21, md5_i);
	}
	for (int g = 0; g < GROUPS; g++) {
		state[g][0] = add(state[g][0], a[g]);
		state[g][1] = add(state[g][1], b[g]);
		state[g][2] = add(state[g][2], c[g]);
		state[g][3] = add(state[g][3], d[g]);
	}
}

/* ---- HMAC, RFC 2104 ---- */

/* The outer hash's one block is the inner digest and its padding. */
INLINE void fill_outer(vec word[WORDS], const vec state[], int n_state, uint32_t pad)
{
#pragma GCC unroll 16
	for (int i = 0; i < WORDS; i++)
		word[i] = i < n_state ? state[i] : all(0);
	word[n_state] = all(pad);
}

INLINE void sha1_group(const struct hmac_lane lane[], uint8_t digest[][HMAC_LANES_BYTES])
{
	vec key[WORDS], word[WORDS], state[SHA1_STATE], outer[SHA1_STATE];
	struct lengths l = lengths_of(lane);

	load_keys(lane, key);
#pragma GCC unroll 5
	for (int i = 0; i < SHA1_STATE; i++) {
		state[i] = key[INNER_WORD + i];
		outer[i] = key[OUTER_WORD + i];
	}
	for (uint32_t n = 0; n < l.n_most; n++) {
		mask begun = greater(l.n_blocks, all(n));
		mask goes_on = greater(l.n_blocks, all(n + 1));
		vec before[SHA1_STATE];
		if (n < l.n_whole)
			load_whole(lane, n, word);
		else
			load_part(lane, n, word);
#pragma GCC unroll 16
		for (int i = 0; i < WORDS; i++)
			word[i] = swap_bytes(word[i]);
		word[15] = pick(goes_on, word[15], l.n_bits);
#pragma GCC unroll 5
		for (int i = 0; i < SHA1_STATE; i++)
			before[i] = state[i];
		sha1_block(state, word);
#pragma GCC unroll 5
		for (int i = 0; i < SHA1_STATE; i++)
			state[i] = pick(begun, state[i], before[i]);
	}
	fill_outer(word, state, SHA1_STATE, 0x80000000);
	word[15] = all((BLOCK_BYTES + 4 * SHA1_STATE) * 8);
	sha1_block(outer, word);
#pragma GCC unroll 4
	for (int i = 0; i < HMAC_LANES_BYTES / 4; i++)
		outer[i] = swap_bytes(outer[i]);
	store_digests(outer, digest);
}

static void run_sha1(const struct hmac_lane lane[], uint8_t digest[][HMAC_LANES_BYTES])
{
	for (int g = 0; g < GROUPS; g++)
		sha1_group(lane + g * LANES, digest + g * LANES);
}

static void run_md5(const struct hmac_lane lane[], uint8_t digest[][HMAC_LANES_BYTES])
{
	vec word[GROUPS][WORDS], state[GROUPS][MD5_STATE], outer[GROUPS][MD5_STATE];
	struct lengths l[GROUPS];
	uint32_t n_most = 0;

	for (int g = 0; g < GROUPS; g++) {
		l[g] = lengths_of(lane + g * LANES);
		n_most = l[g].n_most > n_most ? l[g].n_most : n_most;
		load_keys(lane + g * LANES, word[g]);
#pragma GCC unroll 4
		for (int i = 0; i < MD5_STATE; i++) {
			state[g][i] = word[g][INNER_WORD + i];
			outer[g][i] = word[g][OUTER_WORD + i];
		}
	}
	for (uint32_t n = 0; n < n_most; n++) {
		vec before[GROUPS][MD5_STATE];
		for (int g = 0; g < GROUPS; g++) {
			if (n < l[g].n_whole)
				load_whole(lane + g * LANES, n, word[g]);
			else
				load_part(lane + g * LANES, n, word[g]);
			mask goes_on = greater(l[g].n_blocks, all(n + 1));
			word[g][14] = pick(goes_on, word[g][14], l[g].n_bits);
#pragma GCC unroll 4
			for (int i = 0; i < MD5_STATE; i++)
				before[g][i] = state[g][i];
		}
		md5_block(state, word);
		for (int g = 0; g < GROUPS; g++) {
			mask begun = greater(l[g].n_blocks, all(n));
#pragma GCC unroll 4
			for (int i = 0; i < MD5_STATE; i++)
				state[g][i] = pick(begun, state[g][i], before[g][i]);
		}
	}
	for (int g = 0; g < GROUPS; g++) {
		fill_outer(word[g], state[g], MD5_STATE, 0x80);
		word[g][14] = all((BLOCK_BYTES + 4 * MD5_STATE) * 8);
	}
	md5_block(outer, word);
	for (int g = 0; g < GROUPS; g++)
		store_digests(outer[g], digest + g * LANES);
}

#endif
