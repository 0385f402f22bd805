#include "dataplane/sa_control.h"

#include <errno.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/sa_claims.h"

/* ---- life and death ---- */

TEST(sa, c053b_a_tuple_in_use_is_eexist)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	int64_t in = sa_claim_install(&t, API_IN, 1);
	EXPECT_EQ(sa_claim_stage(&t, API_IN, 1), -EEXIST);
	EXPECT_GE(sa_claim_install(&t, API_OUT, 1), 0); /* the other direction is another tuple */
	EXPECT_EQ(sa_claim_stage(&t, API_OUT, 1), -EEXIST);
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY - 2);
	sa_claim_remove(&t, (uint32_t)in);
	EXPECT_GE(sa_claim_install(&t, API_IN, 1), 0);
	sa_table_free(&t);
}

TEST(sa, nobody_finds_an_sa_before_it_is_published)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	for (unsigned direction = API_IN; direction <= API_OUT; direction++) {
		uint32_t slot = (uint32_t)sa_claim_stage(&t, (enum api_direction)direction, 1);
		EXPECT_FALSE(sa_claim_find_spi(&t, sa_spi(&t, slot)));
		EXPECT_FALSE(sa_claim_find(&t, (enum api_direction)direction, 1));
		EXPECT_FALSE(sa_is_live(&t, slot));
		sa_publish(&t, slot);
		EXPECT_EQ(sa_claim_find_spi(&t, sa_spi(&t, slot)), direction == API_IN);
		EXPECT_TRUE(sa_claim_find(&t, (enum api_direction)direction, 1) == &t.sa[slot]);
		EXPECT_TRUE(sa_is_live(&t, slot));
	}
	sa_table_free(&t);
}

TEST(sa, a_retired_sa_is_found_no_more_and_freed_after_the_quiescent_state_only)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	uint32_t slot = (uint32_t)sa_claim_install(&t, API_IN, 1);
	uint32_t spi = sa_spi(&t, slot);
	struct crypto_key key = t.sa[slot].key;
	sa_retire(&t, slot);
	EXPECT_FALSE(sa_claim_find_spi(&t, spi));
	EXPECT_FALSE(sa_claim_find(&t, API_IN, 1));
	EXPECT_FALSE(sa_is_live(&t, slot));
	EXPECT_EQ(sa_reclaim(&t), 0);
	/* A job of the worker may still read the key. */
	EXPECT_MEM(&t.sa[slot].key, &key, sizeof(key));
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY - 1);
	EXPECT_EQ(t.n_retired, 1);
	fixture_quiesce(&t);
	EXPECT_EQ(sa_reclaim(&t), 1);
	EXPECT_EQ(sa_reclaim(&t), 0);
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY);
	EXPECT_EQ(t.n_retired, 0);
	sa_table_free(&t);
}

TEST(sa, what_is_retired_after_the_quiescent_state_waits_for_the_next)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	uint32_t first = (uint32_t)sa_claim_install(&t, API_IN, 1);
	uint32_t second = (uint32_t)sa_claim_install(&t, API_IN, 2);
	sa_retire(&t, first);
	fixture_quiesce(&t);
	sa_retire(&t, second);
	EXPECT_EQ(sa_reclaim(&t), 1);
	EXPECT_EQ(t.n_retired, 1);
	fixture_quiesce(&t);
	EXPECT_EQ(sa_reclaim(&t), 1);
	sa_table_free(&t);
}

TEST(sa, c094_a_freed_slot_is_all_zero)
{
	static const struct sa zero;
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	uint32_t slot = (uint32_t)sa_claim_install(&t, API_OUT, 1);
	EXPECT_EQ(t.sa[slot].key.auth.inner[0], SA_CLAIM_KEY_BYTE);
	sa_claim_remove(&t, slot);
	EXPECT_MEM(&t.sa[slot], &zero, sizeof(zero));
	slot = (uint32_t)sa_claim_stage(&t, API_IN, 1);
	sa_unstage(&t, slot);
	EXPECT_MEM(&t.sa[slot], &zero, sizeof(zero));
	/* And after an install that failed at its tuple. */
	sa_claim_install(&t, API_IN, 1);
	EXPECT_EQ(sa_claim_stage(&t, API_IN, 1), -EEXIST);
	for (uint32_t i = 0; i < SA_CLAIM_CAPACITY; i++) {
		if (!sa_is_live(&t, i))
			EXPECT_MEM(&t.sa[i], &zero, sizeof(zero));
	}
	sa_table_free(&t);
}

/* ---- windows that are moved here ---- */

static const struct sa *install_in(struct sa_table *t, uint64_t sequence, uint32_t window_pkts,
				   const uint64_t *window)
{
	struct sa_claim i;
	sa_claim_fill(&i, API_IN, (uint32_t)t->n_free);
	i.sa.sequence = sequence;
	i.sa.window_pkts = window_pkts;
	struct sa_spec spec = sa_claim_spec(&i);
	spec.window = window;
	int64_t slot = sa_stage(t, &spec, NULL, 0);
	return slot < 0 ? NULL : &t->sa[slot];
}

TEST(sa, c093_without_a_window_everything_up_to_the_sequence_was_seen)
{
	static const uint32_t window_pkts[] = { 32, 128, 1024 };
	for (size_t i = 0; i < sizeof(window_pkts) / sizeof(window_pkts[0]); i++) {
		struct sa_table t;
		fixture_table_open(&t, &sa_claim_table);
		const struct sa *sa = install_in(&t, 5000, window_pkts[i], NULL);
		ASSERT_TRUE(sa);
		for (uint32_t n = 5000 - window_pkts[i] + 1; n <= 5000; n++)
			EXPECT_EQ(sa_replay_check(sa, n), REPLAY_SEEN);
		EXPECT_EQ(sa_replay_check(sa, 5001), REPLAY_FRESH);
		sa = install_in(&t, 0, window_pkts[i], NULL);
		ASSERT_TRUE(sa);
		EXPECT_EQ(sa_replay_check(sa, 1), REPLAY_FRESH);
		sa_table_free(&t);
	}
}

TEST(sa, c093_a_restored_window_refuses_exactly_what_was_seen)
{
	static const uint32_t window_pkts[] = { 32, 64, 100, 128, 1000, 1024, 2048 };
	static const uint64_t sequence[] = { 1, 31, 64, 127, 1500, 2047, 2048, 5000, UINT32_MAX };
	struct test_rng rng = { test_seed() };
	for (unsigned run = 0; run < 7 * 9; run++) {
		uint32_t pkts = window_pkts[run % 7];
		uint64_t top = sequence[run / 7], window[API_WINDOW_WORDS];
		struct sa_table t;
		fixture_table_open(&t, &sa_claim_table);
		test_rng_fill(&rng, window, sizeof(window));
		test_context("window %u, sequence %d", pkts, (int)top);
		const struct sa *sa = install_in(&t, top, pkts, window);
		ASSERT_TRUE(sa);
		for (uint64_t i = 0; i < pkts && i < top; i++) {
			/* The highest number was received, whatever the window says of it. */
			bool seen = i == 0 || (window[i / 64] >> i % 64 & 1);
			EXPECT_EQ(sa_replay_check(sa, (uint32_t)(top - i)),
				  seen ? REPLAY_SEEN : REPLAY_FRESH);
		}
		if (top > pkts)
			EXPECT_EQ(sa_replay_check(sa, (uint32_t)(top - pkts)), REPLAY_LATE);
		/* And what is exported is what was restored. */
		struct api_sa_state state = { 0 };
		sa_export(&t, (uint32_t)(sa - t.sa), &state);
		EXPECT_EQ(state.sequence, top);
		EXPECT_EQ(state.window_pkts, pkts);
		for (uint64_t i = 1; i < pkts && i < top; i++)
			EXPECT_EQ(state.window[i / 64] >> i % 64 & 1, window[i / 64] >> i % 64 & 1);
		sa_table_free(&t);
	}
}
