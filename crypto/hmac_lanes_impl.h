/*
 * HMAC over the lanes of a vector (RFC 2104): what hmac_x16.c and hmac_x8.c share. The hashes of a
 * block are in hmac_lanes_sha1.h and hmac_lanes_md5.h. Each of the two defines, before it includes
 * this, what its processor has:
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
#include "crypto/hmac_lanes_md5.h"
#include "crypto/hmac_lanes_sha1.h"

enum {
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

static void run_sha1(const struct hmac_lane lane[], unsigned n_wanted,
		     uint8_t digest[][HMAC_LANES_BYTES])
{
	for (unsigned g = 0; g * LANES < n_wanted; g++)
		sha1_group(lane + g * LANES, digest + g * LANES);
}

/* All lanes: the two vectors keep the processor busy where one would wait. */
static void run_md5(const struct hmac_lane lane[], unsigned n_wanted,
		    uint8_t digest[][HMAC_LANES_BYTES])
{
	(void)n_wanted;
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
