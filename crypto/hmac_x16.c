/* Compiled for AVX-512: nothing here runs before hmac_x16_is_available() has said so. */
#include "crypto/hmac_x16.h"

#include <immintrin.h>

enum {
	BLOCK_BYTES = 64,
	WORDS = 16, /* 32 bits each, of a block */
	SHA1_STATE = 5,
	MD5_STATE = 4,
	INNER_WORD = 0, /* of a key line: union crypto_auth_key */
	OUTER_WORD = 8,
};
_Static_assert(sizeof(union crypto_auth_key) == BLOCK_BYTES, "a key line is read as a block");

#define INLINE static inline __attribute__((always_inline))

bool hmac_x16_is_available(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
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
INLINE __m512i load_lane(const struct hmac_x16_lane *lane, uint32_t number)
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

INLINE void load_block(const struct hmac_x16_lane lane[], uint32_t number, __m512i word[WORDS])
{
#pragma GCC unroll 16
	for (int i = 0; i < HMAC_X16_LANES; i++)
		word[i] = load_lane(&lane[i], number);
	transpose(word);
}

/* How many blocks each lane has, and its length in bits, that of the key's block included. */
struct lengths {
	__m512i n_blocks;
	__m512i n_bits;
	uint32_t n_most;
};

INLINE struct lengths lengths_of(const struct hmac_x16_lane lane[])
{
	uint32_t n_bytes[HMAC_X16_LANES];
	for (int i = 0; i < HMAC_X16_LANES; i++)
		n_bytes[i] = lane[i].n_bytes;
	__m512i bytes = _mm512_loadu_si512(n_bytes);
	struct lengths l;
	l.n_blocks = _mm512_srli_epi32(_mm512_add_epi32(bytes, _mm512_set1_epi32(1 + 8 + 63)), 6);
	l.n_bits = _mm512_slli_epi32(_mm512_add_epi32(bytes, _mm512_set1_epi32(BLOCK_BYTES)), 3);
	l.n_most = _mm512_reduce_max_epu32(l.n_blocks);
	return l;
}

/* ---- SHA-1, RFC 3174 ---- */

/* FIPS 180-4 4.1.1 as truth tables of (b, c, d). */
#define CHOOSE   0xca
#define PARITY   0x96
#define MAJORITY 0xe8

#define SHA1_ROUND(t, table, constant)                                                             \
	do {                                                                                       \
		__m512i w = word[(t)&15];                                                          \
		if ((t) >= 16) {                                                                   \
			w = _mm512_ternarylogic_epi32(word[((t) + 13) & 15], word[((t) + 8) & 15], \
						      word[((t) + 2) & 15], PARITY);               \
			w = _mm512_rol_epi32(_mm512_xor_si512(w, word[(t)&15]), 1);                \
			word[(t)&15] = w;                                                          \
		}                                                                                  \
		__m512i sum =                                                                      \
			_mm512_add_epi32(_mm512_add_epi32(e, w), _mm512_set1_epi32(constant));     \
		sum = _mm512_add_epi32(sum, _mm512_ternarylogic_epi32(b, c, d, table));            \
		sum = _mm512_add_epi32(sum, _mm512_rol_epi32(a, 5));                               \
		e = d;                                                                             \
		d = c;                                                                             \
		c = _mm512_rol_epi32(b, 30);                                                       \
		b = a;                                                                             \
		a = sum;                                                                           \
	} while (0)

/* One block of sixteen messages; the words are used up. */
INLINE void sha1_block(__m512i state[SHA1_STATE], __m512i word[WORDS])
{
	__m512i a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
#pragma GCC unroll 20
	for (int t = 0; t < 20; t++)
		SHA1_ROUND(t, CHOOSE, 0x5a827999);
#pragma GCC unroll 20
	for (int t = 20; t < 40; t++)
		SHA1_ROUND(t, PARITY, 0x6ed9eba1);
#pragma GCC unroll 20
	for (int t = 40; t < 60; t++)
		SHA1_ROUND(t, MAJORITY, (int)0x8f1bbcdc);
#pragma GCC unroll 20
	for (int t = 60; t < 80; t++)
		SHA1_ROUND(t, PARITY, (int)0xca62c1d6);
	state[0] = _mm512_add_epi32(state[0], a);
	state[1] = _mm512_add_epi32(state[1], b);
	state[2] = _mm512_add_epi32(state[2], c);
	state[3] = _mm512_add_epi32(state[3], d);
	state[4] = _mm512_add_epi32(state[4], e);
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

/* Rounds 1 to 4 as truth tables of (b, c, d): F and G choose, by b and by d; H, I. */
#define MD5_F 0xca
#define MD5_G 0xe4
#define MD5_H 0x96
#define MD5_I 0x39

#define MD5_STEP(i, k, shift, table)                                                               \
	do {                                                                                       \
		__m512i sum = _mm512_add_epi32(_mm512_add_epi32(a, word[(k)&15]),                  \
					       _mm512_set1_epi32((int)md5_sine[i]));               \
		sum = _mm512_add_epi32(sum, _mm512_ternarylogic_epi32(b, c, d, table));            \
		a = d;                                                                             \
		d = c;                                                                             \
		c = b;                                                                             \
		b = _mm512_add_epi32(b, _mm512_rol_epi32(sum, shift));                             \
	} while (0)

INLINE void md5_block(__m512i state[MD5_STATE], const __m512i word[WORDS])
{
	__m512i a = state[0], b = state[1], c = state[2], d = state[3];
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
		MD5_STEP(i, 3 * i + 5, 4, MD5_H);
		MD5_STEP(i + 1, 3 * i + 8, 11, MD5_H);
		MD5_STEP(i + 2, 3 * i + 11, 16, MD5_H);
		MD5_STEP(i + 3, 3 * i + 14, 23, MD5_H);
	}
#pragma GCC unroll 4
	for (int i = 48; i < 64; i += 4) {
		MD5_STEP(i, 7 * i, 6, MD5_I);
		MD5_STEP(i + 1, 7 * i + 7, 10, MD5_I);
		MD5_STEP(i + 2, 7 * i + 14, 15, MD5_I);
		MD5_STEP(i + 3, 7 * i + 21, 21, MD5_I);
	}
	state[0] = _mm512_add_epi32(state[0], a);
	state[1] = _mm512_add_epi32(state[1], b);
	state[2] = _mm512_add_epi32(state[2], c);
	state[3] = _mm512_add_epi32(state[3], d);
}

/* ---- HMAC, RFC 2104 ---- */

/* Key lines in, their words out: inner states from INNER_WORD on, outer ones from OUTER_WORD. */
INLINE void load_keys(const struct hmac_x16_lane lane[], __m512i key[WORDS])
{
#pragma GCC unroll 16
	for (int i = 0; i < HMAC_X16_LANES; i++)
		key[i] = _mm512_loadu_si512(lane[i].key);
	transpose(key);
}

/* The outer hash's one block is the inner digest and its padding. */
INLINE void fill_outer(__m512i word[WORDS], const __m512i state[], int n_state, __m512i pad)
{
#pragma GCC unroll 16
	for (int i = 0; i < WORDS; i++)
		word[i] = i < n_state ? state[i] : _mm512_setzero_si512();
	word[n_state] = pad;
}

/* Four vectors of words to sixteen rows of four words. */
INLINE void store_digests(const __m512i word[], uint8_t digest[HMAC_X16_LANES][HMAC_X16_BYTES])
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

void hmac_x16_sha1(const struct hmac_x16_lane lane[HMAC_X16_LANES],
		   uint8_t digest[HMAC_X16_LANES][HMAC_X16_BYTES])
{
	__m512i key[WORDS], word[WORDS], state[SHA1_STATE], outer[SHA1_STATE];
	struct lengths l = lengths_of(lane);

	load_keys(lane, key);
#pragma GCC unroll 5
	for (int i = 0; i < SHA1_STATE; i++) {
		state[i] = key[INNER_WORD + i];
		outer[i] = key[OUTER_WORD + i];
	}
	for (uint32_t n = 0; n < l.n_most; n++) {
		__m512i number = _mm512_set1_epi32((int)n), before[SHA1_STATE];
		__mmask16 last = _mm512_cmpeq_epi32_mask(
			l.n_blocks, _mm512_add_epi32(number, _mm512_set1_epi32(1)));
		__mmask16 over = _mm512_cmple_epu32_mask(l.n_blocks, number);
		load_block(lane, n, word);
#pragma GCC unroll 16
		for (int i = 0; i < WORDS; i++)
			word[i] = swap_bytes(word[i]);
		word[15] = _mm512_mask_mov_epi32(word[15], last, l.n_bits);
#pragma GCC unroll 5
		for (int i = 0; i < SHA1_STATE; i++)
			before[i] = state[i];
		sha1_block(state, word);
#pragma GCC unroll 5
		for (int i = 0; i < SHA1_STATE; i++)
			state[i] = _mm512_mask_mov_epi32(state[i], over, before[i]);
	}
	fill_outer(word, state, SHA1_STATE, _mm512_set1_epi32((int)0x80000000));
	word[15] = _mm512_set1_epi32((BLOCK_BYTES + 4 * SHA1_STATE) * 8);
	sha1_block(outer, word);
#pragma GCC unroll 4
	for (int i = 0; i < HMAC_X16_BYTES / 4; i++)
		outer[i] = swap_bytes(outer[i]);
	store_digests(outer, digest);
}

void hmac_x16_md5(const struct hmac_x16_lane lane[HMAC_X16_LANES],
		  uint8_t digest[HMAC_X16_LANES][HMAC_X16_BYTES])
{
	__m512i key[WORDS], word[WORDS], state[MD5_STATE], outer[MD5_STATE];
	struct lengths l = lengths_of(lane);

	load_keys(lane, key);
#pragma GCC unroll 4
	for (int i = 0; i < MD5_STATE; i++) {
		state[i] = key[INNER_WORD + i];
		outer[i] = key[OUTER_WORD + i];
	}
	for (uint32_t n = 0; n < l.n_most; n++) {
		__m512i number = _mm512_set1_epi32((int)n), before[MD5_STATE];
		__mmask16 last = _mm512_cmpeq_epi32_mask(
			l.n_blocks, _mm512_add_epi32(number, _mm512_set1_epi32(1)));
		__mmask16 over = _mm512_cmple_epu32_mask(l.n_blocks, number);
		load_block(lane, n, word);
		word[14] = _mm512_mask_mov_epi32(word[14], last, l.n_bits);
#pragma GCC unroll 4
		for (int i = 0; i < MD5_STATE; i++)
			before[i] = state[i];
		md5_block(state, word);
#pragma GCC unroll 4
		for (int i = 0; i < MD5_STATE; i++)
			state[i] = _mm512_mask_mov_epi32(state[i], over, before[i]);
	}
	fill_outer(word, state, MD5_STATE, _mm512_set1_epi32(0x80));
	word[14] = _mm512_set1_epi32((BLOCK_BYTES + 4 * MD5_STATE) * 8);
	md5_block(outer, word);
	store_digests(outer, digest);
}
