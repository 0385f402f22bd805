/* Key schedules of AES, FIPS 197 5.2, of eight keys at once. For gcm_x4.c and gcm_x2.c: see
 * gcm_lanes_impl.h. */
#ifndef CRYPTO_GCM_LANES_KEYS_H
#define CRYPTO_GCM_LANES_KEYS_H

#include "crypto/gcm_lanes_impl.h"

enum {
	AES128_KEY_BYTES = 16,
	AES128_ROUNDS = 10,
	AES256_ROUNDS = 14,
};

/* w0, w0 ^ w1, w0 ^ w1 ^ w2, …: what each word of the next round key takes from this one's. */
INLINE vec running_xor(vec key)
{
	key = xor(key, SHIFT_LEFT(key, 4));
	return xor(key, SHIFT_LEFT(key, 8));
}

/*
 * SubWord of the last word in every column, turned by a byte or not: the last round of AES does it,
 * for its shift of rows moves nothing where all columns are the same.
 */
INLINE vec sub_word(vec key, bool turned, uint32_t constant)
{
	vec pick = same(_mm_set1_epi32(turned ? 0x0c0f0e0d : 0x0f0e0d0c));
	return aes_last_round(shuffle(key, pick), same(_mm_set1_epi32((int)constant)));
}

static const uint8_t round_constant[] = {
	0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36
};

INLINE vec load_keys(const struct gcm_lane *lane, size_t offset)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load(lane[i].key + offset);
	return join(part);
}

INLINE void expand_128(const struct gcm_lane *lane, unsigned n_regs, struct gcm_schedule *out)
{
	vec key[REGS];
	for (unsigned r = 0; r < n_regs; r++) {
		key[r] = load_keys(lane + r * WIDTH, 0);
		store_key(out, 0, r, key[r]);
	}
	for (unsigned i = 0; i < AES128_ROUNDS; i++) {
		for (unsigned r = 0; r < n_regs; r++) {
			vec word = sub_word(key[r], true, round_constant[i]);
			key[r] = xor(running_xor(key[r]), word);
			store_key(out, i + 1, r, key[r]);
		}
	}
	out->n_rounds = AES128_ROUNDS;
}

/* Two round keys at a time; the last of them is one too many, and has its place. */
INLINE void expand_256(const struct gcm_lane *lane, unsigned n_regs, struct gcm_schedule *out)
{
	vec even[REGS], odd[REGS];
	for (unsigned r = 0; r < n_regs; r++) {
		even[r] = load_keys(lane + r * WIDTH, 0);
		odd[r] = load_keys(lane + r * WIDTH, BLOCK_BYTES);
		store_key(out, 0, r, even[r]);
		store_key(out, 1, r, odd[r]);
	}
	for (unsigned i = 0; i < AES256_ROUNDS / 2; i++) {
		for (unsigned r = 0; r < n_regs; r++) {
			vec word = sub_word(odd[r], true, round_constant[i]);
			even[r] = xor(running_xor(even[r]), word);
			word = sub_word(even[r], false, 0);
			odd[r] = xor(running_xor(odd[r]), word);
			store_key(out, 2 * i + 2, r, even[r]);
			store_key(out, 2 * i + 3, r, odd[r]);
		}
	}
	out->n_rounds = AES256_ROUNDS;
}

INLINE void expand_regs(const struct gcm_lane *lane, unsigned n_regs, size_t key_bytes,
			struct gcm_schedule *out)
{
	if (key_bytes == AES128_KEY_BYTES)
		expand_128(lane, n_regs, out);
	else
		expand_256(lane, n_regs, out);
}

static void expand(const struct gcm_lane lane[], unsigned n, size_t key_bytes,
		   struct gcm_schedule *out)
{
	switch (regs_for(n)) {
	case 1:
		expand_regs(lane, 1, key_bytes, out);
		break;
	case 2:
		expand_regs(lane, 2, key_bytes, out);
		break;
#if REGS == 4
	case 3:
		expand_regs(lane, 3, key_bytes, out);
		break;
	case 4:
		expand_regs(lane, 4, key_bytes, out);
		break;
#endif
	}
}

#endif
