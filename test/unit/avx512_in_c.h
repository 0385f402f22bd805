/*
 * The AVX-512 instructions that crypto/ uses, written out: included before its files, it lets them
 * run on a processor that has AVX2, AES and carry-less multiplication alone. Slow, and for tests
 * alone.
 */
#ifndef TEST_UNIT_AVX512_IN_C_H
#define TEST_UNIT_AVX512_IN_C_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef struct {
	__m128i part[4];
} avx512_register;

#define AVX512_IN_C static __attribute__((noinline, unused))

#define AVX512_EACH(result, expression)                                                            \
	do {                                                                                       \
		for (int i = 0; i < 4; i++)                                                        \
			(result).part[i] = (expression);                                           \
		return result;                                                                     \
	} while (0)

/* ---- loads, stores, constants ---- */

AVX512_IN_C avx512_register avx512_load(const void *from)
{
	avx512_register r;
	memcpy(&r, from, sizeof(r));
	return r;
}

AVX512_IN_C void avx512_store(void *to, avx512_register a)
{
	memcpy(to, &a, sizeof(a));
}

AVX512_IN_C avx512_register avx512_maskz_load(uint64_t mask, const void *from)
{
	avx512_register r;
	uint8_t bytes[sizeof(r)] = { 0 };
	for (unsigned i = 0; i < sizeof(r); i++)
		if (mask >> i & 1)
			bytes[i] = ((const uint8_t *)from)[i];
	return avx512_load(bytes);
}

AVX512_IN_C __m128i avx512_maskz_load_part(uint16_t mask, const void *from)
{
	uint8_t bytes[16] = { 0 };
	for (unsigned i = 0; i < 16; i++)
		if (mask >> i & 1)
			bytes[i] = ((const uint8_t *)from)[i];
	return _mm_loadu_si128((const void *)bytes);
}

AVX512_IN_C void avx512_mask_store_part(void *to, uint16_t mask, __m128i a)
{
	uint8_t bytes[16];
	_mm_storeu_si128((void *)bytes, a);
	for (unsigned i = 0; i < 16; i++)
		if (mask >> i & 1)
			((uint8_t *)to)[i] = bytes[i];
}

AVX512_IN_C avx512_register avx512_same(__m128i a)
{
	avx512_register r;
	AVX512_EACH(r, a);
}

/* ---- by element ---- */

AVX512_IN_C avx512_register avx512_add_epi32(avx512_register a, avx512_register b)
{
	AVX512_EACH(a, _mm_add_epi32(a.part[i], b.part[i]));
}

AVX512_IN_C avx512_register avx512_xor(avx512_register a, avx512_register b)
{
	AVX512_EACH(a, _mm_xor_si128(a.part[i], b.part[i]));
}

AVX512_IN_C avx512_register avx512_rol_epi32(avx512_register a, int n)
{
	AVX512_EACH(a,
		    _mm_or_si128(_mm_slli_epi32(a.part[i], n), _mm_srli_epi32(a.part[i], 32 - n)));
}

/* Bit n of `table`: what becomes of the bits of a, b and c that are the number n. */
AVX512_IN_C avx512_register avx512_ternary(avx512_register a, avx512_register b, avx512_register c,
					   int table)
{
	avx512_register r;
	for (int i = 0; i < 4; i++) {
		r.part[i] = _mm_setzero_si128();
		for (int n = 0; n < 8; n++) {
			__m128i ones = _mm_set1_epi32(-1), all = ones;
			if (!(table >> n & 1))
				continue;
			all = _mm_and_si128(all,
					    n & 4 ? a.part[i] : _mm_xor_si128(a.part[i], ones));
			all = _mm_and_si128(all,
					    n & 2 ? b.part[i] : _mm_xor_si128(b.part[i], ones));
			all = _mm_and_si128(all,
					    n & 1 ? c.part[i] : _mm_xor_si128(c.part[i], ones));
			r.part[i] = _mm_or_si128(r.part[i], all);
		}
	}
	return r;
}

AVX512_IN_C uint16_t avx512_greater_epi32(avx512_register a, avx512_register b)
{
	int mask = 0;
	for (int i = 0; i < 4; i++)
		mask |= _mm_movemask_ps((__m128)_mm_cmpgt_epi32(a.part[i], b.part[i])) << 4 * i;
	return (uint16_t)mask;
}

/* `b` where the mask says so; elements of so many bytes. */
AVX512_IN_C avx512_register avx512_choose(avx512_register a, uint64_t mask, avx512_register b,
					  unsigned element_bytes)
{
	uint8_t bytes[2][sizeof(a)];
	avx512_store(bytes[0], a);
	avx512_store(bytes[1], b);
	for (unsigned i = 0; i < sizeof(a); i++)
		if (mask >> i / element_bytes & 1)
			bytes[0][i] = bytes[1][i];
	return avx512_load(bytes[0]);
}

/* ---- by part of 16 bytes ---- */

AVX512_IN_C avx512_register avx512_shuffle_epi8(avx512_register a, avx512_register order)
{
	AVX512_EACH(a, _mm_shuffle_epi8(a.part[i], order.part[i]));
}

AVX512_IN_C avx512_register avx512_unpacklo_epi32(avx512_register a, avx512_register b)
{
	AVX512_EACH(a, _mm_unpacklo_epi32(a.part[i], b.part[i]));
}

AVX512_IN_C avx512_register avx512_unpackhi_epi32(avx512_register a, avx512_register b)
{
	AVX512_EACH(a, _mm_unpackhi_epi32(a.part[i], b.part[i]));
}

AVX512_IN_C avx512_register avx512_unpacklo_epi64(avx512_register a, avx512_register b)
{
	AVX512_EACH(a, _mm_unpacklo_epi64(a.part[i], b.part[i]));
}

AVX512_IN_C avx512_register avx512_unpackhi_epi64(avx512_register a, avx512_register b)
{
	AVX512_EACH(a, _mm_unpackhi_epi64(a.part[i], b.part[i]));
}

AVX512_IN_C avx512_register avx512_bytes_left(avx512_register a, int n)
{
	AVX512_EACH(a, n == 4 ? _mm_bslli_si128(a.part[i], 4) : _mm_bslli_si128(a.part[i], 8));
}

AVX512_IN_C avx512_register avx512_swap_halves(avx512_register a)
{
	AVX512_EACH(a, _mm_shuffle_epi32(a.part[i], 0x4e));
}

AVX512_IN_C avx512_register avx512_aesenc(avx512_register a, avx512_register key)
{
	AVX512_EACH(a, _mm_aesenc_si128(a.part[i], key.part[i]));
}

AVX512_IN_C avx512_register avx512_aesenclast(avx512_register a, avx512_register key)
{
	AVX512_EACH(a, _mm_aesenclast_si128(a.part[i], key.part[i]));
}

AVX512_IN_C avx512_register avx512_multiply(avx512_register a, avx512_register b, int halves)
{
	avx512_register r;
	AVX512_EACH(r, halves == 0x00   ? _mm_clmulepi64_si128(a.part[i], b.part[i], 0x00)
		       : halves == 0x01 ? _mm_clmulepi64_si128(a.part[i], b.part[i], 0x01)
		       : halves == 0x10 ? _mm_clmulepi64_si128(a.part[i], b.part[i], 0x10)
					: _mm_clmulepi64_si128(a.part[i], b.part[i], 0x11));
}

AVX512_IN_C avx512_register avx512_shuffle_parts(avx512_register a, avx512_register b, int which)
{
	return (avx512_register){ { a.part[which & 3], a.part[which >> 2 & 3],
				    b.part[which >> 4 & 3], b.part[which >> 6 & 3] } };
}

AVX512_IN_C avx512_register avx512_of(__m256i low)
{
	return (avx512_register){ { _mm256_castsi256_si128(low),
				    _mm256_extracti128_si256(low, 1) } };
}

AVX512_IN_C avx512_register avx512_with_high(avx512_register a, __m256i high)
{
	a.part[2] = _mm256_castsi256_si128(high);
	a.part[3] = _mm256_extracti128_si256(high, 1);
	return a;
}

/* ---- the names that they have, some of them macros without optimization ---- */

#undef _mm512_add_epi32
#undef _mm512_aesenc_epi128
#undef _mm512_aesenclast_epi128
#undef _mm512_broadcast_i32x4
#undef _mm512_bslli_epi128
#undef _mm512_castsi256_si512
#undef _mm512_castsi512_si128
#undef _mm512_clmulepi64_epi128
#undef _mm512_cmpgt_epi32_mask
#undef _mm512_extracti32x4_epi32
#undef _mm512_inserti64x4
#undef _mm512_load_si512
#undef _mm512_loadu_si512
#undef _mm512_mask_mov_epi32
#undef _mm512_mask_mov_epi8
#undef _mm512_maskz_loadu_epi8
#undef _mm512_rol_epi32
#undef _mm512_set1_epi32
#undef _mm512_set1_epi8
#undef _mm512_set4_epi32
#undef _mm512_setzero_si512
#undef _mm512_shuffle_epi32
#undef _mm512_shuffle_epi8
#undef _mm512_shuffle_i32x4
#undef _mm512_store_si512
#undef _mm512_ternarylogic_epi32
#undef _mm512_ternarylogic_epi64
#undef _mm512_unpackhi_epi32
#undef _mm512_unpackhi_epi64
#undef _mm512_unpacklo_epi32
#undef _mm512_unpacklo_epi64
#undef _mm512_xor_si512
#undef _cvtu64_mask64
#undef _mm_mask_storeu_epi8
#undef _mm_maskz_loadu_epi8

#define __m512i                           avx512_register
#define _mm512_add_epi32                  avx512_add_epi32
#define _mm512_aesenc_epi128              avx512_aesenc
#define _mm512_aesenclast_epi128          avx512_aesenclast
#define _mm512_broadcast_i32x4            avx512_same
#define _mm512_bslli_epi128               avx512_bytes_left
#define _mm512_castsi256_si512            avx512_of
#define _mm512_castsi512_si128(a)         ((a).part[0])
#define _mm512_clmulepi64_epi128          avx512_multiply
#define _mm512_cmpgt_epi32_mask           avx512_greater_epi32
#define _mm512_extracti32x4_epi32(a, n)   ((a).part[n])
#define _mm512_inserti64x4(a, high, n)    avx512_with_high(a, high)
#define _mm512_load_si512                 avx512_load
#define _mm512_loadu_si512                avx512_load
#define _mm512_mask_mov_epi32(a, mask, b) avx512_choose(a, mask, b, 4)
#define _mm512_mask_mov_epi8(a, mask, b)  avx512_choose(a, mask, b, 1)
#define _mm512_maskz_loadu_epi8           avx512_maskz_load
#define _mm512_rol_epi32                  avx512_rol_epi32
#define _mm512_set1_epi32(x)              avx512_same(_mm_set1_epi32(x))
#define _mm512_set1_epi8(x)               avx512_same(_mm_set1_epi8(x))
#define _mm512_set4_epi32(d, c, b, a)     avx512_same(_mm_set_epi32(d, c, b, a))
#define _mm512_setzero_si512()            avx512_same(_mm_setzero_si128())
#define _mm512_shuffle_epi32(a, halves)   avx512_swap_halves(a)
#define _mm512_shuffle_epi8               avx512_shuffle_epi8
#define _mm512_shuffle_i32x4              avx512_shuffle_parts
#define _mm512_store_si512                avx512_store
#define _mm512_ternarylogic_epi32         avx512_ternary
#define _mm512_ternarylogic_epi64         avx512_ternary
#define _mm512_unpackhi_epi32             avx512_unpackhi_epi32
#define _mm512_unpackhi_epi64             avx512_unpackhi_epi64
#define _mm512_unpacklo_epi32             avx512_unpacklo_epi32
#define _mm512_unpacklo_epi64             avx512_unpacklo_epi64
#define _mm512_xor_si512                  avx512_xor
#define _cvtu64_mask64(mask)              (mask)
#define _mm_mask_storeu_epi8              avx512_mask_store_part
#define _mm_maskz_loadu_epi8              avx512_maskz_load_part

/* They are there now; and the registers that are wiped are not. */
#define __builtin_cpu_supports(name) 1
#define __asm__                                                                                    \
	if (0)                                                                                     \
	__asm__

#endif
