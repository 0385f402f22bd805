/* Compiled for AVX2: nothing here but is_available() runs before that has said so. */
#include <immintrin.h>
#include <string.h>

#include "crypto/hmac_lanes.h"

enum {
	LANES = 8,
	GROUPS = 2,
	BLOCK_BYTES = 64,
	WORDS = 16, /* 32 bits each, of a block */
	WORD_BYTES = 4,
	HALF_BYTES = 32, /* of a block: a register */
	HALF_WORDS = 8,
};

#define INLINE static inline __attribute__((always_inline))

/* ---- eight words of 32 bits ---- */

typedef __m256i vec;
typedef __m256i mask;

INLINE vec all(uint32_t word)
{
	return _mm256_set1_epi32((int)word);
}

INLINE vec load_words(const uint32_t word[LANES])
{
	return _mm256_loadu_si256((const void *)word);
}

INLINE vec add(vec a, vec b)
{
	return _mm256_add_epi32(a, b);
}

INLINE vec xor (vec a, vec b) { return _mm256_xor_si256(a, b); }

/* Twice itself instead of a shift: there are more units that add than that shift. */
#define ROTATE(a, n)                                                                               \
	_mm256_or_si256((n) == 1 ? add(a, a) : _mm256_slli_epi32(a, n),                            \
			_mm256_srli_epi32(a, 32 - (n)))

	INLINE vec choose(vec b, vec c, vec d)
{
	return xor(d, _mm256_and_si256(b, xor(c, d)));
}

INLINE vec parity(vec b, vec c, vec d)
{
	return xor(b, xor(c, d));
}

INLINE vec majority(vec b, vec c, vec d)
{
	return _mm256_or_si256(_mm256_and_si256(b, c), _mm256_and_si256(d, _mm256_or_si256(b, c)));
}

INLINE vec md5_i(vec b, vec c, vec d)
{
	return xor(c, _mm256_or_si256(b, xor(d, all(UINT32_MAX))));
}

INLINE mask greater(vec a, vec b)
{
	return _mm256_cmpgt_epi32(a, b);
}

INLINE vec pick(mask m, vec yes, vec no)
{
	return _mm256_blendv_epi8(no, yes, m);
}

INLINE vec swap_bytes(vec words)
{
	const vec order = _mm256_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12,
					  13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
	return _mm256_shuffle_epi8(words, order);
}

/* Eight rows of eight words, mirrored at the diagonal. */
INLINE void transpose(vec row[HALF_WORDS])
{
	vec pair[HALF_WORDS], quad[HALF_WORDS];
#pragma GCC unroll 4
	for (int i = 0; i < HALF_WORDS; i += 2) {
		pair[i] = _mm256_unpacklo_epi32(row[i], row[i + 1]);
		pair[i + 1] = _mm256_unpackhi_epi32(row[i], row[i + 1]);
	}
#pragma GCC unroll 2
	for (int i = 0; i < HALF_WORDS; i += 4) {
		quad[i] = _mm256_unpacklo_epi64(pair[i], pair[i + 2]);
		quad[i + 1] = _mm256_unpackhi_epi64(pair[i], pair[i + 2]);
		quad[i + 2] = _mm256_unpacklo_epi64(pair[i + 1], pair[i + 3]);
		quad[i + 3] = _mm256_unpackhi_epi64(pair[i + 1], pair[i + 3]);
	}
	/* quad[4g + k] has, in its two halves, words k and k + 4 of rows 4g … 4g + 3. */
#pragma GCC unroll 4
	for (int k = 0; k < 4; k++) {
		row[k] = _mm256_permute2x128_si256(quad[k], quad[4 + k], 0x20);
		row[k + 4] = _mm256_permute2x128_si256(quad[k], quad[4 + k], 0x31);
	}
}

/* ---- messages and keys ---- */

/*
 * What of a message lies in the half block at `at`: zeros behind its end, the padding's bit on it.
 * Its whole words by one load, which touches no byte behind them, and up to three bytes one by one.
 */
INLINE vec load_half(const struct hmac_lane *lane, uint32_t at)
{
	int64_t left = (int64_t)lane->n_bytes - at;
	const uint8_t *from = lane->message + at;
	if (left >= HALF_BYTES)
		return _mm256_loadu_si256((const void *)from);
	if (left < 0)
		return all(0);
	const vec number = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
	uint32_t n_words = (uint32_t)left / WORD_BYTES, n_rest = (uint32_t)left % WORD_BYTES;
	uint32_t last = UINT32_C(0x80) << 8 * n_rest;
	for (uint32_t i = 0; i < n_rest; i++)
		last |= (uint32_t)from[n_words * WORD_BYTES + i] << 8 * i;
	vec words = _mm256_maskload_epi32((const int *)(const void *)from,
					  greater(all(n_words), number));
	vec here = _mm256_cmpeq_epi32(number, all(n_words));
	return _mm256_or_si256(words, _mm256_and_si256(here, all(last)));
}

INLINE void load_part(const struct hmac_lane lane[], uint32_t number, vec word[WORDS])
{
#pragma GCC unroll 8
	for (int i = 0; i < LANES; i++) {
		word[i] = load_half(&lane[i], number * BLOCK_BYTES);
		word[HALF_WORDS + i] = load_half(&lane[i], number * BLOCK_BYTES + HALF_BYTES);
	}
	transpose(word);
	transpose(word + HALF_WORDS);
}

/* A row is a block: a key line is one too. */
INLINE void load_rows(const uint8_t *const row[LANES], vec word[WORDS])
{
#pragma GCC unroll 8
	for (int i = 0; i < LANES; i++) {
		word[i] = _mm256_loadu_si256((const void *)row[i]);
		word[HALF_WORDS + i] = _mm256_loadu_si256((const void *)(row[i] + HALF_BYTES));
	}
	transpose(word);
	transpose(word + HALF_WORDS);
}

INLINE void load_whole(const struct hmac_lane lane[], uint32_t number, vec word[WORDS])
{
	const uint8_t *row[LANES];
#pragma GCC unroll 8
	for (int i = 0; i < LANES; i++)
		row[i] = lane[i].message + (size_t)number * BLOCK_BYTES;
	load_rows(row, word);
}

INLINE void load_keys(const struct hmac_lane lane[], vec key[WORDS])
{
	const uint8_t *row[LANES];
#pragma GCC unroll 8
	for (int i = 0; i < LANES; i++)
		row[i] = (const void *)lane[i].key;
	load_rows(row, key);
}

INLINE void store_digests(const vec word[], uint8_t digest[][HMAC_LANES_BYTES])
{
	vec low01 = _mm256_unpacklo_epi32(word[0], word[1]);
	vec high01 = _mm256_unpackhi_epi32(word[0], word[1]);
	vec low23 = _mm256_unpacklo_epi32(word[2], word[3]);
	vec high23 = _mm256_unpackhi_epi32(word[2], word[3]);
	/* rows[k] has lanes k and k + 4. */
	vec rows[4] = {
		_mm256_unpacklo_epi64(low01, low23),
		_mm256_unpackhi_epi64(low01, low23),
		_mm256_unpacklo_epi64(high01, high23),
		_mm256_unpackhi_epi64(high01, high23),
	};
#pragma GCC unroll 4
	for (int k = 0; k < 4; k++) {
		_mm_storeu_si128((void *)digest[k], _mm256_castsi256_si128(rows[k]));
		_mm_storeu_si128((void *)digest[k + 4], _mm256_extracti128_si256(rows[k], 1));
	}
}

#include "crypto/hmac_lanes_impl.h"

static bool is_available(void)
{
	return __builtin_cpu_supports("avx2");
}

const struct hmac_lanes hmac_x8 = {
	.name = "AVX2",
	.is_available = is_available,
	.sha1 = run_sha1,
	.md5 = run_md5,
};
