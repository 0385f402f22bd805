#include "dataplane/replay.h"

#include <stdlib.h>

#include "test/shim/test.h"

/* Either kind of window behind one face, as the SA has it. */
struct window {
	uint32_t pkts;
	bool is_wide;
	struct replay narrow;
	struct replay_wide wide;
	uint64_t wide_top;
};

static struct window window_of(uint32_t pkts, bool is_wide)
{
	return (struct window){ .pkts = pkts, .is_wide = is_wide };
}

static enum replay_verdict check(const struct window *w, uint64_t number)
{
	return w->is_wide ? replay_wide_check(&w->wide, w->wide_top, w->pkts, number)
			  : replay_check(&w->narrow, w->pkts, number);
}

static enum replay_verdict commit(struct window *w, uint64_t number)
{
	return w->is_wide ? replay_wide_commit(&w->wide, &w->wide_top, w->pkts, number)
			  : replay_commit(&w->narrow, w->pkts, number);
}

static uint64_t top(const struct window *w)
{
	return w->is_wide ? w->wide_top : w->narrow.top;
}

/* Windows up to 128 live in the SA; the wide kind must also hold narrow ones. */
static const struct {
	uint32_t pkts;
	bool is_wide;
} kinds[] = {
	{ 32, false }, { 64, false },  { 100, false }, { 128, false }, { 33, true },
	{ 64, true },  { 128, true },  { 129, true },  { 1000, true }, { 1024, true },
	{ 1, false },  { 2047, true }, { 2048, true },
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

#define FOR_EACH_WINDOW(w)                                                                         \
	for (size_t kind = 0; kind < N_KINDS; kind++)                                              \
		for (struct window w = window_of(kinds[kind].pkts, kinds[kind].is_wide),           \
				   *once = (context(&w), &w);                                      \
		     once; once = NULL)

static void context(const struct window *w)
{
	test_context("window of %u, %s", w->pkts, w->is_wide ? "wide" : "in the SA");
}

TEST(replay, c072_right_plus_one_is_fresh_and_moves_the_window)
{
	FOR_EACH_WINDOW(w)
	{
		EXPECT_EQ(commit(&w, 5000), REPLAY_FRESH);
		EXPECT_EQ(commit(&w, 5001), REPLAY_FRESH);
		EXPECT_EQ(top(&w), 5001);
		EXPECT_EQ(check(&w, 5001), REPLAY_SEEN);
		EXPECT_EQ(commit(&w, 5001), REPLAY_SEEN);
	}
}

TEST(replay, c072_left_edge_is_accepted_once)
{
	FOR_EACH_WINDOW(w)
	{
		EXPECT_EQ(commit(&w, 5000), REPLAY_FRESH);
		uint64_t left = 5000 - w.pkts + 1;
		enum replay_verdict first = w.pkts == 1 ? REPLAY_SEEN : REPLAY_FRESH;
		EXPECT_EQ(check(&w, left), first);
		EXPECT_EQ(commit(&w, left), first);
		EXPECT_EQ(check(&w, left), REPLAY_SEEN);
		EXPECT_EQ(commit(&w, left), REPLAY_SEEN);
		EXPECT_EQ(top(&w), 5000);
	}
}

TEST(replay, c072_left_edge_minus_one_is_late)
{
	FOR_EACH_WINDOW(w)
	{
		EXPECT_EQ(commit(&w, 5000), REPLAY_FRESH);
		EXPECT_EQ(check(&w, 5000 - w.pkts), REPLAY_LATE);
		EXPECT_EQ(commit(&w, 5000 - w.pkts), REPLAY_LATE);
		EXPECT_EQ(commit(&w, 1), REPLAY_LATE);
		EXPECT_EQ(top(&w), 5000);
	}
}

TEST(replay, c072_a_jump_of_any_size_forgets_exactly_what_left_the_window)
{
	static const int64_t around[] = { -65, -64, -63, -2, -1, 0, 1, 2, 63, 64, 65, 4096 };
	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		FOR_EACH_WINDOW(w)
		{
			int64_t jump = (int64_t)w.pkts + around[i];
			if (jump < 1)
				continue;
			for (uint64_t n = 10000 - w.pkts; n <= 10000; n++)
				commit(&w, n);
			uint64_t now = 10000 + (uint64_t)jump;
			EXPECT_EQ(commit(&w, now), REPLAY_FRESH);
			for (uint64_t n = 10000 - w.pkts; n <= now; n++) {
				enum replay_verdict expected = n + w.pkts <= now ? REPLAY_LATE
							       : n <= 10000 || n == now
								       ? REPLAY_SEEN
								       : REPLAY_FRESH;
				if (check(&w, n) != expected)
					TEST_MESSAGE("jump %d: number %d: %d, not %d", (int)jump,
						     (int)n, check(&w, n), expected);
			}
		}
	}
}

TEST(replay, first_number_is_one_and_the_last_is_32_bits_of_ones)
{
	FOR_EACH_WINDOW(w)
	{
		EXPECT_EQ(commit(&w, 1), REPLAY_FRESH);
		EXPECT_EQ(commit(&w, 1), REPLAY_SEEN);
		EXPECT_EQ(commit(&w, UINT32_MAX), REPLAY_FRESH);
		EXPECT_EQ(commit(&w, UINT32_MAX), REPLAY_SEEN);
		EXPECT_EQ(check(&w, (uint64_t)UINT32_MAX - w.pkts), REPLAY_LATE);
	}
}

TEST(replay, c073_check_moves_nothing)
{
	FOR_EACH_WINDOW(w)
	{
		for (uint64_t n = 3000; n < 6000; n += 3)
			commit(&w, n);
		struct window before = w;
		for (uint64_t n = 0; n < 100000; n++)
			check(&w, n);
		check(&w, UINT32_MAX);
		EXPECT_MEM(&w, &before, sizeof(w));
		EXPECT_EQ(check(&w, 6000), REPLAY_FRESH);
	}
}

/* ---- against a model that remembers every number ---- */

#define MODEL_NUMBERS 40000

static enum replay_verdict model_check(const uint8_t *seen, uint64_t model_top, uint32_t pkts,
				       uint64_t number)
{
	if (number > model_top)
		return REPLAY_FRESH;
	if (model_top - number >= pkts)
		return REPLAY_LATE;
	return seen[number] ? REPLAY_SEEN : REPLAY_FRESH;
}

/* Mostly near the edges of the window, sometimes far ahead of it. */
static uint64_t next_number(struct test_rng *rng, uint64_t model_top, uint32_t pkts)
{
	uint64_t number;
	switch (test_rng_below(rng, 8)) {
	case 0:
		number = model_top + 1 + test_rng_below(rng, 3);
		break;
	case 1:
		number = model_top + test_rng_below(rng, test_rng_below(rng, 8) ? 70 : 2 * pkts);
		break;
	case 2:
		number = model_top - pkts + test_rng_below(rng, 5);
		break;
	default:
		number = model_top - test_rng_below(rng, pkts + 2);
	}
	return (int64_t)number < 1 ? 1 + test_rng_below(rng, model_top + 1) : number;
}

TEST(replay, c072_agrees_with_a_set_of_seen_numbers)
{
	struct test_rng rng = { test_seed() };
	uint8_t *seen = malloc(MODEL_NUMBERS);
	ASSERT_TRUE(seen);
	for (unsigned run = 0; run < 300; run++) {
		bool is_wide = run % 2;
		uint32_t limit = is_wide ? REPLAY_WIDE_BITS : REPLAY_BITS;
		struct window w = window_of((uint32_t)(1 + test_rng_below(&rng, limit)), is_wide);
		uint64_t model_top = 0;
		memset(seen, 0, MODEL_NUMBERS);
		context(&w);
		for (unsigned step = 0; step < 3000; step++) {
			uint64_t number = next_number(&rng, model_top, w.pkts);
			if (number >= MODEL_NUMBERS)
				break;
			enum replay_verdict expected = model_check(seen, model_top, w.pkts, number);
			ASSERT_EQ(check(&w, number), expected);
			if (test_rng_below(&rng, 4) == 0)
				continue; /* the ICV was wrong: no commit */
			ASSERT_EQ(commit(&w, number), expected);
			if (expected == REPLAY_FRESH)
				seen[number] = 1;
			if (number > model_top)
				model_top = number;
			ASSERT_EQ(top(&w), model_top);
		}
	}
	free(seen);
}

/* ---- extended numbers ---- */

/* RFC 4303 A2.1, said with whole numbers: of all with this lower half, the first that is not left
 * of the window. */
static bool extend_slowly(uint64_t top, uint32_t window, uint32_t low, uint32_t *high)
{
	unsigned __int128 left = top >= window ? (unsigned __int128)top - window + 1 : 0;
	unsigned __int128 number = (left >> 32 << 32) + low;
	bool before_all = top < window - 1 && (uint32_t)(top - window + 1) <= low;
	if (number < left)
		number += (unsigned __int128)1 << 32;
	*high = (uint32_t)(number >> 32);
	return !before_all && number >> 64 == 0;
}

TEST(replay, c074a_an_extended_number_is_the_one_closest_to_the_window)
{
	static const uint64_t tops[] = { 0,
					 1,
					 62,
					 63,
					 64,
					 1000,
					 UINT32_MAX - 1,
					 UINT32_MAX,
					 UINT64_C(1) << 32,
					 (UINT64_C(1) << 32) + 40,
					 (UINT64_C(5) << 32) + 63,
					 (UINT64_C(5) << 32) + 64,
					 UINT64_MAX - 70,
					 UINT64_MAX - 1,
					 UINT64_MAX };
	struct test_rng rng = { test_seed() };
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		for (unsigned round = 0; round < 2000; round++) {
			uint32_t window = round % 2 ? 64 : 2048, high, expected;
			uint32_t low = round < 1000 ? (uint32_t)(tops[i] + round - 500)
						    : (uint32_t)test_rng_next(&rng);
			test_context("top %llx, window %u, low %x", (unsigned long long)tops[i],
				     window, low);
			bool is = replay_extend(tops[i], window, low, &high);
			EXPECT_EQ(is, extend_slowly(tops[i], window, low, &expected));
			if (is)
				EXPECT_EQ(high, expected);
			if (test_has_failed())
				return;
		}
	}
}
