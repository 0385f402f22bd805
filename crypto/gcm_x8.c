#include "crypto/gcm_x8.h"

#include <cpuid.h>
#include <immintrin.h>

#include "crypto/wipe.h"
#include "crypto/x8.h"

/* Of leaf 7, in ECX: clang 14 has no names for them. */
enum {
	CPU_VAES = 1 << 9,
	CPU_VPCLMULQDQ = 1 << 10,
};

/* Sum of three bits, as a truth table. */
#define XOR3 0x96

bool gcm_x8_is_available(void)
{
	unsigned a, b, c = 0, d;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return false;
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("bmi2") &&
	       (c & CPU_VAES) && (c & CPU_VPCLMULQDQ);
}

/* Which of the 16 bytes at `at` are among the first n_bytes. */
INLINE __mmask16 within(uint32_t n_bytes, uint32_t at)
{
	uint32_t left = n_bytes > at ? n_bytes - at : 0;
	return (__mmask16)_bzhi_u32(0xffff, left < BLOCK_BYTES ? left : BLOCK_BYTES);
}

/* The first of four again: the same bytes are stored over the same, and no lane ends early. */
void gcm_x8_fill_up(struct gcm_x8_lane lane[GCM_X8_LANES], unsigned n)
{
	for (; n % QUAD; n++)
		lane[n] = lane[n - n % QUAD];
}

/* ---- counter mode ---- */

INLINE __m512i counters(const struct gcm_x8_lane *lane)
{
	return join(load(lane[0].counter), load(lane[1].counter), load(lane[2].counter),
		    load(lane[3].counter));
}

/* Two blocks of each packet: a[quad] and b[quad], in place. */
INLINE void encrypt_two(const struct gcm_x8_schedule *s, unsigned n_quads, __m512i a[N_QUADS],
			__m512i b[N_QUADS])
{
	__m512i key;
	for (unsigned quad = 0; quad < n_quads; quad++) {
		key = _mm512_load_si512(s->round[0][quad]);
		a[quad] = _mm512_xor_si512(a[quad], key);
		b[quad] = _mm512_xor_si512(b[quad], key);
	}
	for (unsigned i = 1; i < s->n_rounds; i++) {
		for (unsigned quad = 0; quad < n_quads; quad++) {
			key = _mm512_load_si512(s->round[i][quad]);
			a[quad] = _mm512_aesenc_epi128(a[quad], key);
			b[quad] = _mm512_aesenc_epi128(b[quad], key);
		}
	}
	for (unsigned quad = 0; quad < n_quads; quad++) {
		key = _mm512_load_si512(s->round[s->n_rounds][quad]);
		a[quad] = _mm512_aesenclast_epi128(a[quad], key);
		b[quad] = _mm512_aesenclast_epi128(b[quad], key);
	}
}

INLINE void encrypt_one(const struct gcm_x8_schedule *s, unsigned n_quads, __m512i a[N_QUADS])
{
	for (unsigned quad = 0; quad < n_quads; quad++)
		a[quad] = _mm512_xor_si512(a[quad], _mm512_load_si512(s->round[0][quad]));
	for (unsigned i = 1; i < s->n_rounds; i++) {
		for (unsigned quad = 0; quad < n_quads; quad++)
			a[quad] =
				_mm512_aesenc_epi128(a[quad], _mm512_load_si512(s->round[i][quad]));
	}
	for (unsigned quad = 0; quad < n_quads; quad++)
		a[quad] = _mm512_aesenclast_epi128(a[quad],
						   _mm512_load_si512(s->round[s->n_rounds][quad]));
}

INLINE void xor_whole(const struct gcm_x8_lane *lane, uint32_t at, __m512i stream)
{
	uint8_t *const to[QUAD] = { lane[0].text + at, lane[1].text + at, lane[2].text + at,
				    lane[3].text + at };
	split(_mm512_xor_si512(stream, join(load(to[0]), load(to[1]), load(to[2]), load(to[3]))),
	      to);
}

INLINE void xor_part(const struct gcm_x8_lane *lane, uint32_t at, __m512i stream)
{
	__m128i part[QUAD] = { _mm512_castsi512_si128(stream), _mm512_extracti32x4_epi32(stream, 1),
			       _mm512_extracti32x4_epi32(stream, 2),
			       _mm512_extracti32x4_epi32(stream, 3) };
	__mmask16 mask[QUAD];
	/* All loads before all stores: lanes may be of one packet. */
	for (unsigned i = 0; i < QUAD; i++) {
		mask[i] = within(lane[i].text_bytes, at);
		part[i] = _mm_xor_si128(part[i], _mm_maskz_loadu_epi8(mask[i], lane[i].text + at));
	}
	for (unsigned i = 0; i < QUAD; i++)
		_mm_mask_storeu_epi8(lane[i].text + at, mask[i], part[i]);
}

/* Up to where all lanes have text, and up to where any has. */
struct extent {
	uint32_t all, any;
};

INLINE struct extent text_extent(const struct gcm_x8_lane *lane, unsigned n_quads)
{
	struct extent e = { UINT32_MAX, 0 };
	for (unsigned i = 0; i < n_quads * QUAD; i++) {
		e.all = lane[i].text_bytes < e.all ? lane[i].text_bytes : e.all;
		e.any = lane[i].text_bytes > e.any ? lane[i].text_bytes : e.any;
	}
	return e;
}

INLINE void cipher(const struct gcm_x8_lane *lane, unsigned n_quads,
		   const struct gcm_x8_schedule *s)
{
	/* The counter is the last word of a block, the first byte its highest: SP 800-38D 6.2. */
	const __m512i swap = _mm512_broadcast_i32x4(
		_mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
	const __m512i one = _mm512_broadcast_i32x4(_mm_set_epi32(1, 0, 0, 0));
	const struct extent extent = text_extent(lane, n_quads);
	__m512i counter[N_QUADS], a[N_QUADS], b[N_QUADS];
	for (unsigned quad = 0; quad < n_quads; quad++)
		counter[quad] = _mm512_shuffle_epi8(counters(lane + quad * QUAD), swap);
	for (uint32_t at = 0; at < extent.any; at += 2 * BLOCK_BYTES) {
		for (unsigned quad = 0; quad < n_quads; quad++) {
			counter[quad] = _mm512_add_epi32(counter[quad], one);
			a[quad] = _mm512_shuffle_epi8(counter[quad], swap);
			counter[quad] = _mm512_add_epi32(counter[quad], one);
			b[quad] = _mm512_shuffle_epi8(counter[quad], swap);
		}
		encrypt_two(s, n_quads, a, b);
		bool whole = at + 2 * BLOCK_BYTES <= extent.all;
		for (unsigned quad = 0; quad < n_quads; quad++) {
			const struct gcm_x8_lane *four = lane + quad * QUAD;
			if (whole) {
				xor_whole(four, at, a[quad]);
				xor_whole(four, at + BLOCK_BYTES, b[quad]);
			} else {
				xor_part(four, at, a[quad]);
				xor_part(four, at + BLOCK_BYTES, b[quad]);
			}
		}
	}
}

void gcm_x8_cipher(const struct gcm_x8_lane lane[GCM_X8_LANES], unsigned n,
		   const struct gcm_x8_schedule *s)
{
	if (n > QUAD)
		cipher(lane, 2, s);
	else
		cipher(lane, 1, s);
}

/* ---- GHASH, SP 800-38D 6.4 ---- */

/*
 * Blocks are taken with their bytes turned round, so that carry-less products come out as needed
 * but for a factor x, which is in the hash key already: it is H · x. A product of 256 bits is kept
 * as three parts until it is reduced; `middle` holds the sum of all of them until then (Karatsuba:
 * three multiplications instead of four).
 */
struct product {
	__m512i low, middle, high;
};

struct factor {
	__m512i whole, folded; /* both halves of `folded`: the sum of the halves */
};

INLINE __m512i turn(__m512i x)
{
	return _mm512_shuffle_epi8(x,
				   _mm512_broadcast_i32x4(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
								       10, 11, 12, 13, 14, 15)));
}

INLINE __m512i fold(__m512i x)
{
	return _mm512_xor_si512(x, _mm512_shuffle_epi32(x, _MM_PERM_BADC));
}

INLINE struct product multiply(__m512i a, struct factor b)
{
	return (struct product){
		.low = _mm512_clmulepi64_epi128(a, b.whole, 0x00),
		.middle = _mm512_clmulepi64_epi128(fold(a), b.folded, 0x00),
		.high = _mm512_clmulepi64_epi128(a, b.whole, 0x11),
	};
}

INLINE struct product add(struct product a, struct product b)
{
	return (struct product){
		.low = _mm512_xor_si512(a.low, b.low),
		.middle = _mm512_xor_si512(a.middle, b.middle),
		.high = _mm512_xor_si512(a.high, b.high),
	};
}

/* Folds the low 64 bits away twice: x^128 = 1 + x + x^2 + x^7, turned round. */
INLINE __m512i reduce(struct product p)
{
	const __m512i polynomial = _mm512_set1_epi64((long long)0xc200000000000000);
	__m512i middle = _mm512_ternarylogic_epi64(p.middle, p.low, p.high, XOR3);
	__m512i folded = _mm512_clmulepi64_epi128(polynomial, p.low, 0x00);
	middle = _mm512_ternarylogic_epi64(middle, _mm512_shuffle_epi32(p.low, _MM_PERM_BADC),
					   folded, XOR3);
	folded = _mm512_clmulepi64_epi128(polynomial, middle, 0x00);
	return _mm512_ternarylogic_epi64(p.high, _mm512_shuffle_epi32(middle, _MM_PERM_BADC),
					 folded, XOR3);
}

void gcm_x8_hash_key(const struct gcm_x8_schedule *s, uint8_t hash_key[static 16])
{
	__m512i h[N_QUADS] = { _mm512_setzero_si512() };
	uint64_t words[2];
	encrypt_one(s, 1, h);
	_mm_storeu_si128((void *)words, _mm512_castsi512_si128(turn(h[0])));
	uint64_t carry = words[1] >> 63;
	words[1] = (words[1] << 1 | words[0] >> 63) ^ (carry ? 0xc200000000000000 : 0);
	words[0] = words[0] << 1 ^ carry;
	memcpy(hash_key, words, sizeof(words));
}

/*
 * Step `step` of a packet that needs n_blocks (first and data) among those that need n_steps: the
 * shorter ones begin later, for zeros in front change nothing.
 */
INLINE __m128i block_at(const struct gcm_x8_lane *lane, uint32_t n_steps, uint32_t step)
{
	uint32_t n_data = (lane->n_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
	uint32_t begin = n_steps - 1 - n_data;
	if (step <= begin)
		return step == begin ? load(lane->first) : _mm_setzero_si128();
	uint32_t at = (step - begin - 1) * BLOCK_BYTES;
	return _mm_maskz_loadu_epi8(within(lane->n_bytes, at), lane->data + at);
}

INLINE __m512i ragged_block(const struct gcm_x8_lane *lane, uint32_t n_steps, uint32_t step)
{
	return turn(join(block_at(&lane[0], n_steps, step), block_at(&lane[1], n_steps, step),
			 block_at(&lane[2], n_steps, step), block_at(&lane[3], n_steps, step)));
}

/* Of lanes with data of the same length: the bytes of `mask` at `at`. */
INLINE __m512i even_block(const struct gcm_x8_lane *lane, uint32_t at, __mmask16 mask)
{
	return turn(join(_mm_maskz_loadu_epi8(mask, lane[0].data + at),
			 _mm_maskz_loadu_epi8(mask, lane[1].data + at),
			 _mm_maskz_loadu_epi8(mask, lane[2].data + at),
			 _mm_maskz_loadu_epi8(mask, lane[3].data + at)));
}

INLINE __m512i whole_block(const struct gcm_x8_lane *lane, uint32_t at)
{
	return turn(join(load(lane[0].data + at), load(lane[1].data + at), load(lane[2].data + at),
			 load(lane[3].data + at)));
}

INLINE __m512i first_block(const struct gcm_x8_lane *lane)
{
	return turn(join(load(lane[0].first), load(lane[1].first), load(lane[2].first),
			 load(lane[3].first)));
}

INLINE __m512i lengths(const struct gcm_x8_lane *lane)
{
	return turn(join(load(lane[0].lengths_be), load(lane[1].lengths_be),
			 load(lane[2].lengths_be), load(lane[3].lengths_be)));
}

struct hash {
	struct factor key, key2; /* H, and H squared for the first block of two */
	__m512i sum;
};

INLINE struct hash start_hash(const struct gcm_x8_lane *lane)
{
	struct hash h;
	h.key.whole = join(load(lane[0].hash_key), load(lane[1].hash_key), load(lane[2].hash_key),
			   load(lane[3].hash_key));
	h.key.folded = fold(h.key.whole);
	h.key2.whole = reduce(multiply(h.key.whole, h.key));
	h.key2.folded = fold(h.key2.whole);
	h.sum = _mm512_setzero_si512();
	return h;
}

INLINE void hash_two(struct hash *h, __m512i a, __m512i b)
{
	h->sum = reduce(add(multiply(_mm512_xor_si512(h->sum, a), h->key2), multiply(b, h->key)));
}

/* What the lanes have in common. */
struct steps {
	uint32_t n;          /* blocks of the longest: `first` and data; made odd in front */
	uint32_t n_bytes;    /* of data, if all lanes have the same */
	bool even;           /* so they have */
	bool begins_at_once; /* and no step in front is for nothing */
};

INLINE struct steps count_steps(const struct gcm_x8_lane *lane, unsigned n_quads)
{
	uint32_t most = 0, different = 0;
	for (unsigned i = 0; i < n_quads * QUAD; i++) {
		most = lane[i].n_bytes > most ? lane[i].n_bytes : most;
		different |= lane[i].n_bytes ^ lane[0].n_bytes;
	}
	uint32_t n_blocks = 1 + (most + BLOCK_BYTES - 1) / BLOCK_BYTES;
	/* Odd, so that the lengths make the last pair whole: one more step in front is zeros. */
	return (struct steps){ .n = n_blocks | 1,
			       .n_bytes = most,
			       .even = !different,
			       .begins_at_once = n_blocks & 1 };
}

INLINE __m512i block_of(const struct gcm_x8_lane *lane, struct steps steps, uint32_t step)
{
	if (!steps.even)
		return ragged_block(lane, steps.n, step);
	uint32_t begin = steps.begins_at_once ? 0 : 1;
	if (step <= begin)
		return step == begin ? first_block(lane) : _mm512_setzero_si512();
	uint32_t at = (step - begin - 1) * BLOCK_BYTES;
	return at + BLOCK_BYTES <= steps.n_bytes ? whole_block(lane, at)
						 : even_block(lane, at, within(steps.n_bytes, at));
}

INLINE void tag(struct gcm_x8_lane *lane, unsigned n_quads, const struct gcm_x8_schedule *s)
{
	struct steps steps = count_steps(lane, n_quads);
	struct hash h[N_QUADS];
	__m512i mask[N_QUADS];
	uint32_t step = 0;
	for (unsigned quad = 0; quad < n_quads; quad++) {
		h[quad] = start_hash(lane + quad * QUAD);
		mask[quad] = counters(lane + quad * QUAD);
	}
	for (; step + 1 < steps.n; step += 2) {
		for (unsigned quad = 0; quad < n_quads; quad++)
			hash_two(&h[quad], block_of(lane + quad * QUAD, steps, step),
				 block_of(lane + quad * QUAD, steps, step + 1));
	}
	encrypt_one(s, n_quads, mask);
	for (unsigned quad = 0; quad < n_quads; quad++) {
		struct gcm_x8_lane *four = lane + quad * QUAD;
		uint8_t *const to[QUAD] = { four[0].tag, four[1].tag, four[2].tag, four[3].tag };
		hash_two(&h[quad], block_of(four, steps, step), lengths(four));
		split(_mm512_xor_si512(turn(h[quad].sum), mask[quad]), to);
	}
}

void gcm_x8_tag(struct gcm_x8_lane lane[GCM_X8_LANES], unsigned n, const struct gcm_x8_schedule *s)
{
	if (n > QUAD)
		tag(lane, 2, s);
	else
		tag(lane, 1, s);
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
__attribute__((noinline)) void gcm_x8_forget(void)
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
