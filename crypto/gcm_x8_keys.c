/* Key schedules of AES, FIPS 197 5.2, of eight keys at once. */
#include "crypto/gcm_x8.h"

#include <immintrin.h>

#include "crypto/x8.h"

/* w0, w0 ^ w1, w0 ^ w1 ^ w2, …: what each word of the next round key takes from this one's. */
INLINE __m512i running_xor(__m512i key)
{
	key = _mm512_xor_si512(key, _mm512_bslli_epi128(key, 4));
	return _mm512_xor_si512(key, _mm512_bslli_epi128(key, 8));
}

/*
 * SubWord of the last word in every column, turned by a byte or not: the last round of AES does it,
 * for its shift of rows moves nothing where all columns are the same.
 */
INLINE __m512i sub_word(__m512i key, bool turned, uint32_t constant)
{
	__m512i pick = _mm512_set1_epi32(turned ? 0x0c0f0e0d : 0x0f0e0d0c);
	return _mm512_aesenclast_epi128(_mm512_shuffle_epi8(key, pick),
					_mm512_set1_epi32((int)constant));
}

static const uint8_t round_constant[] = {
	0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36
};

INLINE __m512i load_keys(const struct gcm_x8_lane *lane, size_t offset)
{
	return join(load(lane[0].key + offset), load(lane[1].key + offset),
		    load(lane[2].key + offset), load(lane[3].key + offset));
}

INLINE void expand_128(const struct gcm_x8_lane *lane, unsigned n_quads,
		       struct gcm_x8_schedule *out)
{
	__m512i key[N_QUADS];
	for (unsigned quad = 0; quad < n_quads; quad++) {
		key[quad] = load_keys(lane + quad * QUAD, 0);
		_mm512_store_si512(out->round[0][quad], key[quad]);
	}
	for (unsigned i = 0; i < AES128_ROUNDS; i++) {
		for (unsigned quad = 0; quad < n_quads; quad++) {
			__m512i word = sub_word(key[quad], true, round_constant[i]);
			key[quad] = _mm512_xor_si512(running_xor(key[quad]), word);
			_mm512_store_si512(out->round[i + 1][quad], key[quad]);
		}
	}
	out->n_rounds = AES128_ROUNDS;
}

/* Two round keys at a time; the last of them is one too many, and has its place. */
INLINE void expand_256(const struct gcm_x8_lane *lane, unsigned n_quads,
		       struct gcm_x8_schedule *out)
{
	__m512i even[N_QUADS], odd[N_QUADS];
	for (unsigned quad = 0; quad < n_quads; quad++) {
		even[quad] = load_keys(lane + quad * QUAD, 0);
		odd[quad] = load_keys(lane + quad * QUAD, BLOCK_BYTES);
		_mm512_store_si512(out->round[0][quad], even[quad]);
		_mm512_store_si512(out->round[1][quad], odd[quad]);
	}
	for (unsigned i = 0; i < AES256_ROUNDS / 2; i++) {
		for (unsigned quad = 0; quad < n_quads; quad++) {
			__m512i word = sub_word(odd[quad], true, round_constant[i]);
			even[quad] = _mm512_xor_si512(running_xor(even[quad]), word);
			word = sub_word(even[quad], false, 0);
			odd[quad] = _mm512_xor_si512(running_xor(odd[quad]), word);
			_mm512_store_si512(out->round[2 * i + 2][quad], even[quad]);
			_mm512_store_si512(out->round[2 * i + 3][quad], odd[quad]);
		}
	}
	out->n_rounds = AES256_ROUNDS;
}

void gcm_x8_expand(const struct gcm_x8_lane lane[GCM_X8_LANES], unsigned n, size_t key_bytes,
		   struct gcm_x8_schedule *out)
{
	bool short_key = key_bytes == AES128_KEY_BYTES;
	if (n > QUAD && short_key)
		expand_128(lane, 2, out);
	else if (n > QUAD)
		expand_256(lane, 2, out);
	else if (short_key)
		expand_128(lane, 1, out);
	else
		expand_256(lane, 1, out);
}
