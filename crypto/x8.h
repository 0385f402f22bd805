/*
 * Four 128-bit lanes in a 512-bit register, a packet to each; two such quads are what gcm_x8.c
 * works on. For the files that are built for AVX-512 alone.
 */
#ifndef CRYPTO_X8_H
#define CRYPTO_X8_H

#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

enum {
	BLOCK_BYTES = 16,
	N_QUADS = 2,
	QUAD = 4, /* lanes of a register */
	AES128_KEY_BYTES = 16,
	AES128_ROUNDS = 10,
	AES256_ROUNDS = 14,
};

INLINE __m512i join(__m128i a, __m128i b, __m128i c, __m128i d)
{
	__m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
	__m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(c), d, 1);
	return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

INLINE __m128i load(const void *from)
{
	return _mm_loadu_si128(from);
}

INLINE void split(__m512i x, uint8_t *const to[QUAD])
{
	_mm_storeu_si128((void *)to[0], _mm512_castsi512_si128(x));
	_mm_storeu_si128((void *)to[1], _mm512_extracti32x4_epi32(x, 1));
	_mm_storeu_si128((void *)to[2], _mm512_extracti32x4_epi32(x, 2));
	_mm_storeu_si128((void *)to[3], _mm512_extracti32x4_epi32(x, 3));
}

#endif
