/* Compiled for AVX-512 with VAES: nothing here but is_available() runs before that has said so. */
#include <immintrin.h>
#include <string.h>

#include "crypto/gcm_lanes.h"
#include "crypto/wipe.h"

#define INLINE static inline __attribute__((always_inline))
#define WIDTH  4
#define REGS   2

enum {
	BLOCK_BYTES = 16,
};

/* ---- four lanes ---- */

typedef __m512i vec;

INLINE vec join(const __m128i part[WIDTH])
{
	__m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(part[0]), part[1], 1);
	__m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(part[2]), part[3], 1);
	return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

INLINE void split(vec x, __m128i part[WIDTH])
{
	part[0] = _mm512_castsi512_si128(x);
	part[1] = _mm512_extracti32x4_epi32(x, 1);
	part[2] = _mm512_extracti32x4_epi32(x, 2);
	part[3] = _mm512_extracti32x4_epi32(x, 3);
}

INLINE __mmask16 first(uint32_t n_bytes)
{
	return (__mmask16)_bzhi_u32(0xffff, n_bytes);
}

INLINE __m128i load_part(const uint8_t *from, uint32_t n_bytes)
{
	return _mm_maskz_loadu_epi8(first(n_bytes), from);
}

INLINE void store_part(uint8_t *to, uint32_t n_bytes, __m128i block)
{
	_mm_mask_storeu_epi8(to, first(n_bytes), block);
}

INLINE vec same(__m128i block)
{
	return _mm512_broadcast_i32x4(block);
}

INLINE vec zero(void)
{
	return _mm512_setzero_si512();
}

INLINE vec xor (vec a, vec b) { return _mm512_xor_si512(a, b); }

	INLINE vec xor3(vec a, vec b, vec c)
{
	return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}

INLINE vec add(vec a, vec b)
{
	return _mm512_add_epi32(a, b);
}

#define SHIFT_LEFT(a, n_bytes) _mm512_bslli_epi128(a, n_bytes)

INLINE vec swap_halves(vec a)
{
	return _mm512_shuffle_epi32(a, _MM_PERM_BADC);
}

INLINE vec shuffle(vec a, vec order)
{
	return _mm512_shuffle_epi8(a, order);
}

INLINE vec aes_round(vec a, vec key)
{
	return _mm512_aesenc_epi128(a, key);
}

INLINE vec aes_last_round(vec a, vec key)
{
	return _mm512_aesenclast_epi128(a, key);
}

#define MULTIPLY(a, b, halves) _mm512_clmulepi64_epi128(a, b, halves)

INLINE vec load_key(const struct gcm_schedule *s, unsigned i, unsigned r)
{
	return _mm512_load_si512(s->round[i][r * WIDTH]);
}

INLINE void store_key(struct gcm_schedule *s, unsigned i, unsigned r, vec key)
{
	_mm512_store_si512(s->round[i][r * WIDTH], key);
}

#include "crypto/gcm_lanes_ctr.h"
#include "crypto/gcm_lanes_keys.h"
#include "crypto/gcm_lanes_tag.h"

static bool is_available(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi2") &&
	       gcm_lanes_has_vector_aes();
}

/* ---- the end ---- */

enum {
	/* More than the others take of it; -fstack-usage says 776. */
	STACK_BYTES = 1024,
};

/*
 * The registers first: whatever is called next may be resolved only then, which saves them all on
 * the stack.
 */
__attribute__((noinline)) static void forget(void)
{
	uint8_t stack[STACK_BYTES];
	__asm__ volatile("vzeroall\n\t"
			 ".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\t"
			 "vpxorq %%zmm\\n, %%zmm\\n, %%zmm\\n\n\t"
			 ".endr"
			 :
			 :
			 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
			   "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16",
			   "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",
			   "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31");
	wipe(stack, sizeof(stack));
}

const struct gcm_lanes gcm_x4 = {
	.name = "AVX-512",
	.is_available = is_available,
	.fill_up = fill_up,
	.expand = expand,
	.cipher = cipher,
	.tag = tag,
	.hash_key = hash_key,
	.forget = forget,
};
