/* Compiled for AVX-512: nothing here but is_available() runs before that has said so. */
#include <immintrin.h>

#include "crypto/hmac_lanes.h"

enum {
	LANES = 16,
	GROUPS = 1,
	BLOCK_BYTES = 64,
	WORDS = 16, /* 32 bits each, of a block */
};

#define INLINE static inline __attribute__((always_inline))

/* ---- sixteen words of 32 bits ---- */

typedef __m512i vec;
typedef __mmask16 mask;

INLINE vec all(uint32_t word)
{
	return _mm512_set1_epi32((int)word);
}

INLINE vec load_words(const uint32_t word[LANES])
{
	return _mm512_loadu_si512(word);
}

INLINE vec add(vec a, vec b)
{
	return _mm512_add_epi32(a, b);
}

INLINE vec xor (vec a, vec b) { return _mm512_xor_si512(a, b); }

#define ROTATE(a, n) _mm512_rol_epi32(a, n)

	/* As truth tables of (b, c, d). */
	INLINE vec choose(vec b, vec c, vec d)
{
	return _mm512_ternarylogic_epi32(b, c, d, 0xca);
}

INLINE vec parity(vec b, vec c, vec d)
{
	return _mm512_ternarylogic_epi32(b, c, d, 0x96);
}

INLINE vec majority(vec b, vec c, vec d)
{
	return _mm512_ternarylogic_epi32(b, c, d, 0xe8);
}

INLINE vec md5_i(vec b, vec c, vec d)
{
	return _mm512_ternarylogic_epi32(b, c, d, 0x39);
}

INLINE mask greater(vec a, vec b)
{
	return _mm512_cmpgt_epi32_mask(a, b);
}

INLINE vec pick(mask m, vec yes, vec no)
{
	return _mm512_mask_mov_epi32(no, m, yes);
}

/* ---- sixteen rows of sixteen words, mirrored at the diagonal ---- */

INLINE void transpose(__m512i row[WORDS])
{
	__m512i pair[WORDS], quad[WORDS];
#pragma GCC unroll 8
	for (int i = 0; i < WORDS; i += 2) {
		pair[i] = _mm512_unpacklo_epi32(row[i], row[i + 1]);
		pair[i + 1] = _mm512_unpackhi_epi32(row[i], row[i + 1]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < WORDS; i += 4) {
		quad[i] = _mm512_unpacklo_epi64(pair[i], pair[i + 2]);
		quad[i + 1] = _mm512_unpackhi_epi64(pair[i], pair[i + 2]);
		quad[i + 2] = _mm512_unpacklo_epi64(pair[i + 1], pair[i + 3]);
		quad[i + 3] = _mm512_unpackhi_epi64(pair[i + 1], pair[i + 3]);
	}
	/* quad[4g + k] has, in its four parts, words k, k+4, k+8, k+12 of rows 4g … 4g+3. */
#pragma GCC unroll 4
	for (int k = 0; k < 4; k++) {
		__m512i low01 = _mm512_shuffle_i32x4(quad[k], quad[4 + k], 0x88);
		__m512i low23 = _mm512_shuffle_i32x4(quad[8 + k], quad[12 + k], 0x88);
		__m512i high01 = _mm512_shuffle_i32x4(quad[k], quad[4 + k], 0xdd);
		__m512i high23 = _mm512_shuffle_i32x4(quad[8 + k], quad[12 + k], 0xdd);
		row[k] = _mm512_shuffle_i32x4(low01, low23, 0x88);
		row[k + 4] = _mm512_shuffle_i32x4(high01, high23, 0x88);
		row[k + 8] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
		row[k + 12] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
	}
}

INLINE __m512i swap_bytes(__m512i words)
{
	const __m512i order = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
	return _mm512_shuffle_epi8(words, order);
}

/* ---- block `number` of each message, padding included, as sixteen vectors of words ---- */

/* The bytes of one lane that belong to the block: the rest is zero, the padding's bit behind. */
INLINE __m512i load_lane(const struct hmac_lane *lane, uint32_t number)
{
	int64_t left = (int64_t)lane->n_bytes - (int64_t)number * BLOCK_BYTES;
	if (left >= BLOCK_BYTES)
		return _mm512_loadu_si512(lane->message + (size_t)number * BLOCK_BYTES);
	if (left < 0)
		return _mm512_setzero_si512();
	__mmask64 there = _cvtu64_mask64((UINT64_C(1) << left) - 1);
	__m512i bytes =
		_mm512_maskz_loadu_epi8(there, lane->message + (size_t)number * BLOCK_BYTES);
	return _mm512_mask_mov_epi8(bytes, _cvtu64_mask64(UINT64_C(1) << left),
				    _mm512_set1_epi8((char)0x80));
}

INLINE void load_whole(const struct hmac_lane lane[], uint32_t number, vec word[WORDS])
{
#pragma GCC unroll 16
	for (int i = 0; i < LANES; i++)
		word[i] = _mm512_loadu_si512(lane[i].message + (size_t)number * BLOCK_BYTES);
	transpose(word);
}

INLINE void load_part(const struct hmac_lane lane[], uint32_t number, __m512i word[WORDS])
{
#pragma GCC unroll 16
	for (int i = 0; i < LANES; i++)
		word[i] = load_lane(&lane[i], number);
	transpose(word);
}

INLINE void load_keys(const struct hmac_lane lane[], __m512i key[WORDS])
{
#pragma GCC unroll 16
	for (int i = 0; i < LANES; i++)
		key[i] = _mm512_loadu_si512(lane[i].key);
	transpose(key);
}

/* Four vectors of words to sixteen rows of four words. */
INLINE void store_digests(const __m512i word[], uint8_t digest[LANES][HMAC_LANES_BYTES])
{
	__m512i low01 = _mm512_unpacklo_epi32(word[0], word[1]);
	__m512i high01 = _mm512_unpackhi_epi32(word[0], word[1]);
	__m512i low23 = _mm512_unpacklo_epi32(word[2], word[3]);
	__m512i high23 = _mm512_unpackhi_epi32(word[2], word[3]);
	/* rows[k] has lanes k, k + 4, k + 8, k + 12. */
	__m512i rows[4] = {
		_mm512_unpacklo_epi64(low01, low23),
		_mm512_unpackhi_epi64(low01, low23),
		_mm512_unpacklo_epi64(high01, high23),
		_mm512_unpackhi_epi64(high01, high23),
	};
#pragma GCC unroll 4
	for (int k = 0; k < 4; k++) {
		_mm_storeu_si128((__m128i *)digest[k], _mm512_castsi512_si128(rows[k]));
		_mm_storeu_si128((__m128i *)digest[k + 4], _mm512_extracti32x4_epi32(rows[k], 1));
		_mm_storeu_si128((__m128i *)digest[k + 8], _mm512_extracti32x4_epi32(rows[k], 2));
		_mm_storeu_si128((__m128i *)digest[k + 12], _mm512_extracti32x4_epi32(rows[k], 3));
	}
}

#include "crypto/hmac_lanes_impl.h"

static bool is_available(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
}

const struct hmac_lanes hmac_x16 = {
	.name = "AVX-512",
	.is_available = is_available,
	.sha1 = run_sha1,
	.md5 = run_md5,
};
