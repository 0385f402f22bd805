/*
 * Tags: the blocks of packets of any lengths, hashed side by side (SP 800-38D 7.1 steps 4 to 6).
 * For gcm_x4.c and gcm_x2.c: see gcm_lanes_impl.h.
 */
#ifndef CRYPTO_GCM_LANES_TAG_H
#define CRYPTO_GCM_LANES_TAG_H

#include "crypto/gcm_lanes_ghash.h"

/*
 * Step `step` of a packet that needs n_blocks (first and data) among those that need n_steps: the
 * shorter ones begin later, for zeros in front change nothing.
 */
INLINE __m128i block_at(const struct gcm_lane *lane, uint32_t n_steps, uint32_t step)
{
	uint32_t n_data = (lane->n_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
	uint32_t begin = n_steps - 1 - n_data;
	if (step <= begin)
		return step == begin ? load(lane->first) : _mm_setzero_si128();
	uint32_t at = (step - begin - 1) * BLOCK_BYTES;
	return load_part(lane->data + at, within(lane->n_bytes, at));
}

INLINE vec ragged_block(const struct gcm_lane *lane, uint32_t n_steps, uint32_t step)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = block_at(&lane[i], n_steps, step);
	return turn(join(part));
}

/* Of lanes with data of the same length: n bytes at `at`. */
INLINE vec even_block(const struct gcm_lane *lane, uint32_t at, uint32_t n)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load_part(lane[i].data + at, n);
	return turn(join(part));
}

INLINE vec whole_block(const struct gcm_lane *lane, uint32_t at)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load(lane[i].data + at);
	return turn(join(part));
}

INLINE vec first_block(const struct gcm_lane *lane)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load(lane[i].first);
	return turn(join(part));
}

INLINE vec lengths(const struct gcm_lane *lane)
{
	__m128i part[WIDTH];
	for (unsigned i = 0; i < WIDTH; i++)
		part[i] = load(lane[i].lengths_be);
	return turn(join(part));
}

/* What the lanes have in common. */
struct steps {
	uint32_t n;          /* blocks of the longest: `first` and data; made odd in front */
	uint32_t n_bytes;    /* of data, if all lanes have the same */
	bool even;           /* so they have */
	bool begins_at_once; /* and no step in front is for nothing */
};

INLINE struct steps count_steps(const struct gcm_lane *lane, unsigned n_regs)
{
	uint32_t most = 0, different = 0;
	for (unsigned i = 0; i < n_regs * WIDTH; i++) {
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

INLINE vec block_of(const struct gcm_lane *lane, struct steps steps, uint32_t step)
{
	if (!steps.even)
		return ragged_block(lane, steps.n, step);
	uint32_t begin = steps.begins_at_once ? 0 : 1;
	if (step <= begin)
		return step == begin ? first_block(lane) : zero();
	uint32_t at = (step - begin - 1) * BLOCK_BYTES;
	return at + BLOCK_BYTES <= steps.n_bytes ? whole_block(lane, at)
						 : even_block(lane, at, within(steps.n_bytes, at));
}

INLINE void tag_regs(struct gcm_lane *lane, unsigned n_regs, const struct gcm_schedule *s)
{
	struct steps steps = count_steps(lane, n_regs);
	struct hash h[REGS];
	vec mask[REGS];
	uint32_t step = 0;
	for (unsigned r = 0; r < n_regs; r++) {
		h[r] = start_hash(lane + r * WIDTH);
		mask[r] = counters(lane + r * WIDTH);
	}
	for (; step + 1 < steps.n; step += 2) {
		for (unsigned r = 0; r < n_regs; r++)
			hash_two(&h[r], block_of(lane + r * WIDTH, steps, step),
				 block_of(lane + r * WIDTH, steps, step + 1));
	}
	encrypt_one(s, n_regs, mask);
	for (unsigned r = 0; r < n_regs; r++) {
		struct gcm_lane *own = lane + r * WIDTH;
		__m128i part[WIDTH];
		hash_two(&h[r], block_of(own, steps, step), lengths(own));
		split(xor(turn(h[r].sum), mask[r]), part);
		for (unsigned i = 0; i < WIDTH; i++)
			_mm_storeu_si128((void *)own[i].tag, part[i]);
	}
}

static void tag(struct gcm_lane lane[], unsigned n, const struct gcm_schedule *s)
{
	switch (regs_for(n)) {
	case 1:
		tag_regs(lane, 1, s);
		break;
	case 2:
		tag_regs(lane, 2, s);
		break;
#if REGS == 4
	case 3:
		tag_regs(lane, 3, s);
		break;
	case 4:
		tag_regs(lane, 4, s);
		break;
#endif
	}
}

#endif
