/*
 * The anti-replay window of one inbound SA, RFC 4303 3.4.3: check before the ICV, commit after it.
 * Called by the SA's owner core only.
 *
 * With `top` the highest number received and W the window's size, a number is inside when
 * top − W < number; top − W + 1 is the left edge and still accepted once, top − W is late.
 * Bit i of the bitmap stands for top − i. Up to 128 packets the bitmap lives in the SA and is
 * shifted; wider ones are a ring of words (RFC 6479) of which nothing is ever shifted.
 */
#ifndef DATAPLANE_REPLAY_H
#define DATAPLANE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPLAY_BITS      128 /* inside the SA */
#define REPLAY_WIDE_BITS 2048
/* One word more than the window: the ring clears whole words ahead of it. */
#define REPLAY_WIDE_WORDS (REPLAY_WIDE_BITS / 64 + 1)

enum replay_verdict {
	REPLAY_FRESH,
	REPLAY_SEEN,
	REPLAY_LATE,
};

struct replay {
	uint64_t top;
	uint64_t word[2]; /* the bitmap, low half first; whole: replay_bits() */
};

static inline unsigned __int128 replay_bits(const struct replay *r)
{
	return (unsigned __int128)r->word[1] << 64 | r->word[0];
}

static inline void replay_set_bits(struct replay *r, unsigned __int128 bits)
{
	r->word[0] = (uint64_t)bits;
	r->word[1] = (uint64_t)(bits >> 64);
}

static inline enum replay_verdict replay_check(const struct replay *r, uint32_t window_pkts,
					       uint64_t number)
{
	if (number > r->top)
		return REPLAY_FRESH;
	uint64_t behind = r->top - number;
	if (behind >= window_pkts)
		return REPLAY_LATE;
	return replay_bits(r) >> behind & 1 ? REPLAY_SEEN : REPLAY_FRESH;
}

/* Says again what replay_check() would say now, and on REPLAY_FRESH marks the number. */
static inline enum replay_verdict replay_commit(struct replay *r, uint32_t window_pkts,
						uint64_t number)
{
	if (number > r->top) {
		uint64_t ahead = number - r->top;
		replay_set_bits(r, ahead < REPLAY_BITS ? replay_bits(r) << ahead | 1 : 1);
		r->top = number;
		return REPLAY_FRESH;
	}
	enum replay_verdict verdict = replay_check(r, window_pkts, number);
	if (verdict == REPLAY_FRESH)
		replay_set_bits(r, replay_bits(r) | (unsigned __int128)1 << (r->top - number));
	return verdict;
}

/*
 * The upper half of an extended number of which only the lower half was sent: the one that puts it
 * closest to the window, RFC 4303 A2.1. False: there is no such number yet, or none any more.
 */
static inline bool replay_extend(uint64_t top, uint32_t window_pkts, uint32_t low, uint32_t *high)
{
	uint32_t top_low = (uint32_t)top, top_high = (uint32_t)(top >> 32);
	uint32_t bottom = top_low - window_pkts + 1; /* the window's left edge, may wrap */
	bool spans = top_low < window_pkts - 1;      /* two upper halves, case B there */
	if (spans) {
		*high = low >= bottom ? top_high - 1 : top_high;
		return low < bottom || top_high > 0;
	}
	*high = low >= bottom ? top_high : top_high + 1;
	return low >= bottom || top_high < UINT32_MAX;
}

/* The ring of a wide window; `top` stays in the SA. Number n is bit n % 64 of word n / 64 % words.
 */
struct replay_wide {
	uint64_t word[REPLAY_WIDE_WORDS];
};

static inline enum replay_verdict replay_wide_check(const struct replay_wide *r, uint64_t top,
						    uint32_t window_pkts, uint64_t number)
{
	if (number > top)
		return REPLAY_FRESH;
	if (top - number >= window_pkts)
		return REPLAY_LATE;
	uint64_t word = r->word[number / 64 % REPLAY_WIDE_WORDS];
	return word >> number % 64 & 1 ? REPLAY_SEEN : REPLAY_FRESH;
}

static inline enum replay_verdict replay_wide_commit(struct replay_wide *r, uint64_t *top,
						     uint32_t window_pkts, uint64_t number)
{
	enum replay_verdict verdict = replay_wide_check(r, *top, window_pkts, number);
	if (verdict != REPLAY_FRESH)
		return verdict;
	if (number > *top) {
		uint64_t first = *top / 64 + 1, last = number / 64;
		if (last >= first + REPLAY_WIDE_WORDS)
			first = last - REPLAY_WIDE_WORDS + 1;
		for (uint64_t i = first; i <= last; i++)
			r->word[i % REPLAY_WIDE_WORDS] = 0;
		*top = number;
	}
	r->word[number / 64 % REPLAY_WIDE_WORDS] |= UINT64_C(1) << number % 64;
	return REPLAY_FRESH;
}

#endif
