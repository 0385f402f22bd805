/*
 * Compiled for AVX2 and the SHA extensions: nothing here but is_available() runs before that has
 * said so. Four messages beside each other: a round waits for the one before it longer than the
 * processor takes to begin one.
 */
#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#include "crypto/hmac_lanes.h"

enum {
	STREAMS = 4,
	BLOCK_BYTES = 64,
	VEC_BYTES = 16,
	BLOCK_VECS = BLOCK_BYTES / VEC_BYTES,
	LENGTH_BYTES = 8, /* RFC 3174 4 */
	SHA1_BYTES = 20,
};
_Static_assert(HMAC_LANES % STREAMS == 0, "whole groups");

#define INLINE static inline __attribute__((always_inline))

typedef __m128i vec;

/* Words as the instructions want them: the first one on top. */
struct state {
	vec abcd;
	vec e; /* on top; the rest zero */
};

/* A message: its whole blocks where they are, one or two more with what is left and the padding. */
struct stream {
	const uint8_t *message;
	uint32_t n_whole, n_blocks;
	_Alignas(VEC_BYTES) uint8_t tail[2 * BLOCK_BYTES];
};

INLINE vec load(const uint8_t *from)
{
	return _mm_loadu_si128((const void *)from);
}

INLINE vec turn(vec bytes)
{
	return _mm_shuffle_epi8(bytes, _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f));
}

/* ---- messages ---- */

/* The last n_bytes % 16 of a message and the padding's bit. Reads nothing beside the message. */
INLINE vec load_rest(const uint8_t *message, uint32_t n_bytes)
{
	/* Of a load at offset i, what is wanted of bytes 16 − i … 15 of a vector, or the bit. */
	static const uint8_t from[2 * VEC_BYTES] = {
		0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,
		11,   12,   13,   14,   15,   0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	};
	static const uint8_t bit[2 * VEC_BYTES] = { [VEC_BYTES] = 0x80 };
	uint32_t n_rest = n_bytes % VEC_BYTES;
	vec last;
	if (n_bytes >= VEC_BYTES) {
		last = load(message + n_bytes - VEC_BYTES);
	} else {
		uint8_t bytes[VEC_BYTES] = { 0 };
		memcpy(bytes + VEC_BYTES - n_bytes, message, n_bytes);
		last = load(bytes);
	}
	return _mm_or_si128(_mm_shuffle_epi8(last, load(from + VEC_BYTES - n_rest)),
			    load(bit + VEC_BYTES - n_rest));
}

INLINE void open_stream(struct stream *s, const struct hmac_lane *lane)
{
	vec *tail = (void *)s->tail;
	uint32_t n_left = lane->n_bytes % BLOCK_BYTES, n_vecs = n_left / VEC_BYTES;
	uint64_t n_bits = ((uint64_t)lane->n_bytes + BLOCK_BYTES) * 8; /* and the key's block */

	s->message = lane->message;
	s->n_whole = lane->n_bytes / BLOCK_BYTES;
	s->n_blocks = hmac_lanes_blocks(lane->n_bytes);
	uint32_t last = (s->n_blocks - s->n_whole) * BLOCK_VECS - 1;
	const uint8_t *left = lane->message + lane->n_bytes - n_left;
	vec rest = load_rest(lane->message, lane->n_bytes);
	vec length = _mm_set_epi64x((int64_t)__builtin_bswap64(n_bits), 0);
	/* Whole vectors, as they are loaded again: narrower ones would have to be waited for. */
#pragma GCC unroll 4
	for (uint32_t i = 0; i < BLOCK_VECS; i++) {
		tail[i] = i < n_vecs ? load(left + i * VEC_BYTES) : _mm_setzero_si128();
		if (last >= BLOCK_VECS)
			tail[BLOCK_VECS + i] = _mm_setzero_si128();
	}
	tail[n_vecs] = rest;
	tail[last] = n_vecs == last ? _mm_or_si128(rest, length) : length;
}

INLINE const uint8_t *block_of(const struct stream *s, uint32_t number)
{
	if (number < s->n_whole)
		return s->message + (size_t)number * BLOCK_BYTES;
	return number < s->n_blocks ? s->tail + (number - s->n_whole) * BLOCK_BYTES : s->tail;
}

/* ---- the hash ---- */

/* Four rounds of each, the n-th of twenty such; k: which function and constant. */
#define ROUNDS(n, k)                                                                               \
	do {                                                                                       \
		_Pragma("GCC unroll 4") for (int i = 0; i < STREAMS; i++)                          \
		{                                                                                  \
			vec *w = word[i];                                                          \
			if ((n) >= BLOCK_VECS) {                                                   \
				vec sum = _mm_sha1msg1_epu32(w[(n)&3], w[((n) + 1) & 3]);          \
				sum = _mm_xor_si128(sum, w[((n) + 2) & 3]);                        \
				w[(n)&3] = _mm_sha1msg2_epu32(sum, w[((n) + 3) & 3]);              \
			}                                                                          \
			vec next = (n) == 0 ? _mm_add_epi32(s[i].e, w[0])                          \
					    : _mm_sha1nexte_epu32(s[i].e, w[(n)&3]);               \
			s[i].e = s[i].abcd;                                                        \
			s[i].abcd = _mm_sha1rnds4_epu32(s[i].abcd, next, k);                       \
		}                                                                                  \
	} while (0)

/* One block of each message; the words are used up. */
INLINE void sha1_block(struct state s[STREAMS], vec word[STREAMS][BLOCK_VECS])
{
	struct state before[STREAMS];
#pragma GCC unroll 4
	for (int i = 0; i < STREAMS; i++)
		before[i] = s[i];
#pragma GCC unroll 5
	for (int n = 0; n < 5; n++)
		ROUNDS(n, 0);
#pragma GCC unroll 5
	for (int n = 5; n < 10; n++)
		ROUNDS(n, 1);
#pragma GCC unroll 5
	for (int n = 10; n < 15; n++)
		ROUNDS(n, 2);
#pragma GCC unroll 5
	for (int n = 15; n < 20; n++)
		ROUNDS(n, 3);
#pragma GCC unroll 4
	for (int i = 0; i < STREAMS; i++) {
		s[i].e = _mm_sha1nexte_epu32(s[i].e, before[i].e);
		s[i].abcd = _mm_add_epi32(s[i].abcd, before[i].abcd);
	}
}

INLINE struct state mid_state(const uint8_t *words)
{
	uint32_t e;
	memcpy(&e, words + VEC_BYTES, sizeof(e));
	return (struct state){ .abcd = _mm_shuffle_epi32(load(words), 0x1b),
			       .e = _mm_set_epi32((int)e, 0, 0, 0) };
}

/* Block `number` of each. */
INLINE void load_blocks(const struct stream stream[STREAMS], uint32_t number,
			vec word[STREAMS][BLOCK_VECS])
{
#pragma GCC unroll 4
	for (int i = 0; i < STREAMS; i++) {
		const uint8_t *block = block_of(&stream[i], number);
#pragma GCC unroll 4
		for (int k = 0; k < BLOCK_VECS; k++)
			word[i][k] = turn(load(block + k * VEC_BYTES));
	}
}

/* Messages of equal numbers of blocks stand together mostly; a shorter one's state is kept. */
INLINE void inner(const struct stream stream[STREAMS], struct state state[STREAMS])
{
	uint32_t n_most = 0, n_least = UINT32_MAX, n = 0;
	vec word[STREAMS][BLOCK_VECS];
	for (int i = 0; i < STREAMS; i++) {
		n_most = stream[i].n_blocks > n_most ? stream[i].n_blocks : n_most;
		n_least = stream[i].n_blocks < n_least ? stream[i].n_blocks : n_least;
	}
	for (; n < n_least; n++) {
		load_blocks(stream, n, word);
		sha1_block(state, word);
	}
	for (; n < n_most; n++) {
		struct state before[STREAMS];
		memcpy(before, state, sizeof(before));
		load_blocks(stream, n, word);
		sha1_block(state, word);
		for (int i = 0; i < STREAMS; i++)
			state[i] = n < stream[i].n_blocks ? state[i] : before[i];
	}
}

INLINE void sha1_group(const struct hmac_lane lane[], uint8_t digest[][HMAC_LANES_BYTES])
{
	struct stream stream[STREAMS];
	struct state state[STREAMS], outer[STREAMS];
	vec word[STREAMS][BLOCK_VECS];

	for (int i = 0; i < STREAMS; i++) {
		open_stream(&stream[i], &lane[i]);
		state[i] = mid_state(lane[i].key->inner);
	}
	inner(stream, state);
	for (int i = 0; i < STREAMS; i++) {
		outer[i] = mid_state(lane[i].key->outer);
		word[i][0] = state[i].abcd;
		word[i][1] = _mm_or_si128(state[i].e, _mm_set_epi32(0, INT32_MIN, 0, 0));
		word[i][2] = _mm_setzero_si128();
		word[i][3] = _mm_set_epi32(0, 0, 0, (BLOCK_BYTES + SHA1_BYTES) * 8);
	}
	sha1_block(outer, word);
	for (int i = 0; i < STREAMS; i++)
		_mm_storeu_si128((void *)digest[i], turn(outer[i].abcd));
}

static void run_sha1(const struct hmac_lane lane[], unsigned n, uint8_t digest[][HMAC_LANES_BYTES])
{
	for (unsigned begin = 0; begin < n; begin += STREAMS)
		sha1_group(lane + begin, digest + begin);
}

/* There is no instruction for it. */
static void run_md5(const struct hmac_lane lane[], unsigned n, uint8_t digest[][HMAC_LANES_BYTES])
{
	hmac_x8.md5(lane, n, digest);
}

static bool is_available(void)
{
	unsigned a, b, c, d;
	return hmac_x8.is_available() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA;
}

const struct hmac_lanes hmac_ni = {
	.name = "SHA extensions",
	.is_available = is_available,
	.sha1 = run_sha1,
	.md5 = run_md5,
};
