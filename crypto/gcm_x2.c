/* Compiled for AVX2 with VAES: nothing here but is_available() runs before that has said so. */
#include <immintrin.h>
#include <string.h>

#include "crypto/gcm_lanes.h"
#include "crypto/wipe.h"

#define INLINE static inline __attribute__((always_inline))
#define WIDTH  2
#define REGS   4

enum {
	BLOCK_BYTES = 16,
	WORD_BYTES = 4,
};

/* ---- two lanes ---- */

typedef __m256i vec;

INLINE vec join(const __m128i part[WIDTH])
{
	return _mm256_inserti128_si256(_mm256_castsi128_si256(part[0]), part[1], 1);
}

INLINE void split(vec x, __m128i part[WIDTH])
{
	part[0] = _mm256_castsi256_si128(x);
	part[1] = _mm256_extracti128_si256(x, 1);
}

/* Whole words by one instruction; ESP has nothing else. */
INLINE __m128i first_words(uint32_t n_bytes)
{
	return _mm_cmpgt_epi32(_mm_set1_epi32((int)(n_bytes / WORD_BYTES)),
			       _mm_set_epi32(3, 2, 1, 0));
}

INLINE __m128i load_part(const uint8_t *from, uint32_t n_bytes)
{
	uint8_t rest[BLOCK_BYTES];
	if (n_bytes % WORD_BYTES == 0)
		return _mm_maskload_epi32((const int *)(const void *)from, first_words(n_bytes));
	memset(rest, 0, sizeof(rest));
	for (uint32_t i = 0; i < n_bytes; i++)
		rest[i] = from[i];
	return _mm_loadu_si128((const void *)rest);
}

/* Not by one masked store, which AMD's processors do in some twenty steps, even of nothing. */
INLINE void store_part(uint8_t *to, uint32_t n_bytes, __m128i block)
{
	if (n_bytes == BLOCK_BYTES) {
		_mm_storeu_si128((void *)to, block);
		return;
	}
	if (n_bytes & 8) {
		_mm_storel_epi64((void *)to, block);
		block = _mm_srli_si128(block, 8);
		to += 8;
	}
	if (n_bytes & WORD_BYTES) {
		uint32_t word = (uint32_t)_mm_cvtsi128_si32(block);
		memcpy(to, &word, sizeof(word));
		block = _mm_srli_si128(block, WORD_BYTES);
		to += WORD_BYTES;
	}
	uint32_t rest = (uint32_t)_mm_cvtsi128_si32(block);
	for (uint32_t i = 0; i < n_bytes % WORD_BYTES; i++)
		to[i] = (uint8_t)(rest >> 8 * i);
}

INLINE vec same(__m128i block)
{
	return _mm256_broadcastsi128_si256(block);
}

INLINE vec zero(void)
{
	return _mm256_setzero_si256();
}

INLINE vec xor (vec a, vec b) { return _mm256_xor_si256(a, b); }

	INLINE vec xor3(vec a, vec b, vec c)
{
	return xor(a, xor(b, c));
}

INLINE vec add(vec a, vec b)
{
	return _mm256_add_epi32(a, b);
}

#define SHIFT_LEFT(a, n_bytes) _mm256_bslli_epi128(a, n_bytes)

INLINE vec swap_halves(vec a)
{
	return _mm256_shuffle_epi32(a, 0x4e);
}

INLINE vec shuffle(vec a, vec order)
{
	return _mm256_shuffle_epi8(a, order);
}

INLINE vec aes_round(vec a, vec key)
{
	return _mm256_aesenc_epi128(a, key);
}

INLINE vec aes_last_round(vec a, vec key)
{
	return _mm256_aesenclast_epi128(a, key);
}

#define MULTIPLY(a, b, halves) _mm256_clmulepi64_epi128(a, b, halves)

INLINE vec load_key(const struct gcm_schedule *s, unsigned i, unsigned r)
{
	return _mm256_load_si256((const void *)s->round[i][r * WIDTH]);
}

INLINE void store_key(struct gcm_schedule *s, unsigned i, unsigned r, vec key)
{
	_mm256_store_si256((void *)s->round[i][r * WIDTH], key);
}

#include "crypto/gcm_lanes_ctr.h"
#include "crypto/gcm_lanes_keys.h"
#include "crypto/gcm_lanes_tag.h"

static bool is_available(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") && gcm_lanes_has_vector_aes();
}

/* ---- the end ---- */

enum {
	/* More than the others take of it; -fstack-usage says 936. */
	STACK_BYTES = 1280,
};

/*
 * The registers first: whatever is called next may be resolved only then, which saves them all on
 * the stack.
 */
__attribute__((noinline)) static void forget(void)
{
	uint8_t stack[STACK_BYTES];
	__asm__ volatile("vzeroall"
			 :
			 :
			 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
			   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	wipe(stack, sizeof(stack));
}

const struct gcm_lanes gcm_x2 = {
	.name = "AVX2",
	.is_available = is_available,
	.fill_up = fill_up,
	.expand = expand,
	.cipher = cipher,
	.tag = tag,
	.hash_key = hash_key,
	.forget = forget,
};
