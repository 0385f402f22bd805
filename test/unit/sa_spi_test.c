/* The numbers of SAs: unique, unpredictable, given and reserved. */
#include "dataplane/sa_control.h"

#include <errno.h>
#include <string.h>

#include "dataplane/slot.h"
#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/sa_claims.h"

TEST(sa, c052_spis_are_unique_of_this_slice_and_never_reserved_numbers)
{
	struct sa_table t;
	uint32_t spi[SA_CLAIM_CAPACITY];
	fixture_table_open(&t, &sa_claim_table);
	for (uint32_t i = 0; i < SA_CLAIM_CAPACITY; i++) {
		int64_t slot = sa_claim_install(&t, API_IN, i);
		ASSERT_GE(slot, 0);
		spi[i] = sa_spi(&t, (uint32_t)slot);
		EXPECT_GE(spi[i], 0x10000);
		EXPECT_EQ(spi[i] & (SA_CLAIM_CAPACITY - 1), slot);
		EXPECT_EQ(spi[i] >> 26 & 7, sa_claim_table.slice);
		EXPECT_NE(spi[i] >> 29, 0);
		for (uint32_t j = 0; j < i; j++)
			EXPECT_NE(spi[i], spi[j]);
		EXPECT_TRUE(sa_claim_find_spi(&t, spi[i]));
	}
	sa_table_free(&t);
}

TEST(sa, only_the_exact_spi_finds_an_inbound_sa)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	uint32_t in = sa_spi(&t, (uint32_t)sa_claim_install(&t, API_IN, 1));
	uint32_t out = (uint32_t)sa_claim_install(&t, API_OUT, 2);
	for (unsigned bit = 0; bit < 32; bit++)
		EXPECT_FALSE(sa_claim_find_spi(&t, in ^ 1u << bit));
	EXPECT_FALSE(sa_claim_find_spi(&t, 0));
	/* An outbound SA is found by no number: not its SPI, its key nor its slot's. */
	EXPECT_FALSE(sa_claim_find_spi(&t, sa_spi(&t, out)));
	EXPECT_FALSE(sa_claim_find_spi(&t, out + 1));
	EXPECT_FALSE(sa_claim_find_spi(&t, (uint32_t)t.generation[out] << 29 |
						   sa_claim_table.slice << 26 | out));
	sa_table_free(&t);
}

/* C-076: the peer may choose an SPI that leads to the very slot of the SA toward him. */
TEST(sa, c076_an_outbound_sa_is_not_found_by_its_own_spi)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	for (uint32_t n = 0; n < SA_CLAIM_CAPACITY; n++) {
		struct sa_claim i;
		sa_claim_fill(&i, API_OUT, n);
		i.sa.spi = 1u << 29 | sa_claim_table.slice << 26 | t.ring[t.ring_head];
		struct sa_spec spec = sa_claim_spec(&i);
		int64_t slot = sa_stage(&t, &spec, NULL, 0);
		ASSERT_EQ(slot, i.sa.spi & (SA_CLAIM_CAPACITY - 1));
		sa_publish(&t, (uint32_t)slot);
		EXPECT_FALSE(sa_claim_find_spi(&t, i.sa.spi));
	}
	sa_table_free(&t);
}

TEST(sa, c052_spis_differ_from_the_peers_in_a_table_with_hardly_another)
{
	const struct sa_table_config tiny = {
		.capacity = 4, .generation_bits = 1, .window_pkts = 32, .n_workers = 1
	};
	struct sa_table t;
	fixture_table_open(&t, &tiny);
	/* One generation and four slots: four SPIs in the world, of which the peer has three. */
	for (uint32_t left = 0; left < 4; left++) {
		uint32_t avoid[3], n = 0;
		for (uint32_t slot = 0; slot < 4; slot++) {
			if (slot != left)
				avoid[n++] = 1u << 31 | slot;
		}
		struct sa_claim i;
		sa_claim_fill(&i, API_IN, left);
		struct sa_spec spec = sa_claim_spec(&i);
		int64_t slot = sa_stage(&t, &spec, avoid, n);
		ASSERT_EQ(slot, left);
		/* With that one taken too there is none, and nothing is lost by the search. */
		sa_claim_fill(&i, API_IN, 100);
		EXPECT_EQ(sa_stage(&t, &spec, avoid, n), -ENOSPC);
		EXPECT_EQ(t.n_free, 3);
		sa_unstage(&t, (uint32_t)slot);
		EXPECT_EQ(t.n_free, 4);
	}
	sa_table_free(&t);
}

TEST(sa, c052_a_given_spi_that_the_peer_has_is_refused)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	uint32_t spi = 3u << 29 | sa_claim_table.slice << 26 | 9;
	struct sa_claim i;
	sa_claim_fill(&i, API_IN, 1);
	i.sa.spi = spi;
	struct sa_spec spec = sa_claim_spec(&i);
	EXPECT_EQ(sa_stage(&t, &spec, &spi, 1), -EINVAL);
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY);
	sa_table_free(&t);
}

TEST(sa, a_freed_slot_comes_back_with_the_next_generation_and_never_generation_zero)
{
	const struct sa_table_config tiny = {
		.capacity = 4, .generation_bits = 3, .window_pkts = 32, .n_workers = 1
	};
	struct sa_table t;
	fixture_table_open(&t, &tiny);
	uint32_t last[4] = { 0 };
	for (uint32_t round = 0; round < 4 * 20; round++) {
		uint32_t slot = (uint32_t)sa_claim_install(&t, API_IN, round);
		uint32_t generation = sa_spi(&t, slot) >> 29;
		EXPECT_NE(generation, 0);
		if (last[slot])
			EXPECT_EQ(generation, last[slot] % 7 + 1);
		last[slot] = generation;
		sa_claim_remove(&t, slot);
	}
	sa_table_free(&t);
}

TEST(sa, slots_are_handed_out_longest_free_first)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	uint32_t order[SA_CLAIM_CAPACITY];
	for (uint32_t i = 0; i < SA_CLAIM_CAPACITY; i++) {
		order[i] = (uint32_t)sa_claim_install(&t, API_IN, i);
		sa_claim_remove(&t, order[i]);
	}
	for (uint32_t i = 0; i < 3 * SA_CLAIM_CAPACITY; i++) {
		uint32_t slot = (uint32_t)sa_claim_install(&t, API_IN, i);
		EXPECT_EQ(slot, order[i % SA_CLAIM_CAPACITY]);
		sa_claim_remove(&t, slot);
	}
	sa_table_free(&t);
}

TEST(sa, slots_are_shuffled)
{
	/* Neighbours in time are neighbours in the table about once in 1024 times. */
	const struct sa_table_config config = {
		.capacity = 1024, .generation_bits = 10, .window_pkts = 32, .n_workers = 1
	};
	struct sa_table t;
	fixture_table_open(&t, &config);
	unsigned n_neighbours = 0, n_fixed = 0;
	uint32_t last = UINT32_MAX;
	for (uint32_t i = 0; i < 1024; i++) {
		uint32_t slot = (uint32_t)sa_claim_install(&t, API_IN, i);
		n_neighbours += slot == last + 1;
		n_fixed += slot == i;
		last = slot;
	}
	EXPECT_LT(n_neighbours, 16);
	EXPECT_LT(n_fixed, 16);
	sa_table_free(&t);
}

TEST(sa, a_full_table_is_enospc_and_recovers)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	int64_t slot[SA_CLAIM_CAPACITY];
	for (uint32_t i = 0; i < SA_CLAIM_CAPACITY; i++)
		slot[i] = sa_claim_install(&t, i % 2 ? API_IN : API_OUT, i);
	EXPECT_EQ(t.n_free, 0);
	EXPECT_EQ(sa_claim_stage(&t, API_IN, 1000), -ENOSPC);
	EXPECT_EQ(sa_claim_stage(&t, API_OUT, 1000), -ENOSPC);
	EXPECT_EQ(sa_reserve_spi(&t, SA_CLAIM_OWNER), 0);
	/* Retired is not free: a worker may still hold it. */
	sa_retire(&t, (uint32_t)slot[5]);
	EXPECT_EQ(sa_claim_stage(&t, API_IN, 1000), -ENOSPC);
	fixture_quiesce(&t);
	EXPECT_EQ(sa_reclaim(&t), 1);
	EXPECT_EQ(sa_claim_install(&t, API_IN, 1000), slot[5]);
	EXPECT_EQ(sa_claim_stage(&t, API_IN, 1001), -ENOSPC);
	sa_table_free(&t);
}

/* ---- given and reserved SPIs ---- */

TEST(sa, a_given_spi_is_used_as_it_is)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	for (uint32_t generation = 1; generation < 8; generation++) {
		uint32_t spi = generation << 29 | sa_claim_table.slice << 26 | 33;
		int64_t slot = sa_claim_stage_spi(&t, generation, spi, SA_CLAIM_OWNER);
		ASSERT_EQ(slot, 33);
		EXPECT_FALSE(sa_claim_find_spi(&t, spi));
		sa_publish(&t, (uint32_t)slot);
		EXPECT_TRUE(sa_claim_find_spi(&t, spi));
		EXPECT_EQ(sa_claim_stage_spi(&t, 100, spi, SA_CLAIM_OWNER), -EADDRINUSE);
		/* The slot is taken, whatever the generation. */
		EXPECT_EQ(sa_claim_stage_spi(&t, 100, spi ^ 1u << 29, SA_CLAIM_OWNER),
			  generation == 1 ? -EINVAL : -EADDRINUSE);
		sa_claim_remove(&t, (uint32_t)slot);
		EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY);
	}
	/* The slot stood in the ring all the time and comes out of it once. */
	for (uint32_t i = 0; i < SA_CLAIM_CAPACITY; i++)
		EXPECT_GE(sa_claim_install(&t, API_IN, i), 0);
	EXPECT_EQ(sa_claim_stage(&t, API_IN, 1000), -ENOSPC);
	sa_table_free(&t);
}

TEST(sa, a_given_spi_that_cannot_be_ours_is_einval)
{
	static const struct {
		const char *what;
		uint32_t spi;
	} claims[] = {
		{ "generation 0", 5u << 26 | 3 },
		{ "reserved number", 255 },
		{ "beyond the table", 1u << 29 | 5u << 26 | 64 },
		{ "all ones", UINT32_MAX },
	};
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		test_context("%s", claims[i].what);
		EXPECT_EQ(sa_claim_stage_spi(&t, 1, claims[i].spi, SA_CLAIM_OWNER), -EINVAL);
	}
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY);
	sa_table_free(&t);
}

/* A standby's own slice is another: what it takes over keeps its SPIs. */
TEST(sa, an_spi_of_another_slice_moves_here_and_leaves_no_trace)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	uint32_t spi = 1u << 29 | 4u << 26 | 3, own = slot_spi(&t, 3);
	int64_t slot = sa_claim_stage_spi(&t, 1, spi, SA_CLAIM_OWNER);
	ASSERT_EQ(slot, 3);
	sa_publish(&t, 3);
	EXPECT_EQ(sa_spi(&t, 3), spi);
	EXPECT_TRUE(sa_claim_find_spi(&t, spi));
	EXPECT_FALSE(sa_claim_find_spi(&t, own));
	EXPECT_EQ(sa_claim_stage_spi(&t, 2, own, SA_CLAIM_OWNER), -EADDRINUSE);
	sa_claim_remove(&t, 3);
	EXPECT_FALSE(sa_claim_find_spi(&t, spi));
	EXPECT_EQ(slot_spi(&t, 3) >> 26 & 7, sa_claim_table.slice);
	EXPECT_EQ(slot_spi(&t, 3) >> 29, (own >> 29) % 7 + 1);
	sa_table_free(&t);
}

TEST(sa, a_reserved_spi_is_its_owners_alone)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	uint32_t spi = sa_reserve_spi(&t, SA_CLAIM_OWNER);
	ASSERT_NE(spi, 0);
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY - 1);
	EXPECT_FALSE(sa_claim_find_spi(&t, spi));
	EXPECT_EQ(sa_claim_stage_spi(&t, 1, spi, SA_CLAIM_OWNER + 1), -EADDRINUSE);
	EXPECT_EQ(sa_release_spi(&t, spi, SA_CLAIM_OWNER + 1), -EPERM);
	EXPECT_EQ(sa_release_spi(&t, spi ^ 1u << 30, SA_CLAIM_OWNER), -ENOENT);
	int64_t slot = sa_claim_stage_spi(&t, 1, spi, SA_CLAIM_OWNER);
	ASSERT_GE(slot, 0);
	EXPECT_EQ(sa_spi(&t, (uint32_t)slot), spi);
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY - 1);
	EXPECT_EQ(sa_release_spi(&t, spi, SA_CLAIM_OWNER), -ENOENT); /* it is in use now */
	sa_publish(&t, (uint32_t)slot);
	sa_claim_remove(&t, (uint32_t)slot);
	EXPECT_EQ(sa_release_spi(&t, spi, SA_CLAIM_OWNER), -ENOENT);
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY);
	sa_table_free(&t);
}

TEST(sa, reserving_all_leaves_none_and_releasing_gives_all_back)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	uint32_t spi[SA_CLAIM_CAPACITY];
	for (uint32_t i = 0; i < SA_CLAIM_CAPACITY; i++) {
		spi[i] = sa_reserve_spi(&t, SA_CLAIM_OWNER + i % 2);
		EXPECT_NE(spi[i], 0);
	}
	EXPECT_EQ(sa_reserve_spi(&t, SA_CLAIM_OWNER), 0);
	EXPECT_EQ(sa_claim_stage(&t, API_OUT, 1), -ENOSPC);
	EXPECT_EQ(sa_release_spi(&t, spi[0], SA_CLAIM_OWNER), 0);
	EXPECT_EQ(t.n_free, 1);
	sa_release_all(&t, SA_CLAIM_OWNER);
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY / 2);
	EXPECT_EQ(sa_release_spi(&t, spi[1], SA_CLAIM_OWNER + 1), 0);
	sa_release_all(&t, SA_CLAIM_OWNER + 1);
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY);
	for (uint32_t i = 0; i < SA_CLAIM_CAPACITY; i++)
		EXPECT_GE(sa_claim_install(&t, API_IN, i), 0);
	sa_table_free(&t);
}

TEST(sa, a_failed_install_does_not_eat_the_reservation)
{
	struct sa_table t;
	fixture_table_open(&t, &sa_claim_table);
	uint32_t spi = sa_reserve_spi(&t, SA_CLAIM_OWNER);
	sa_claim_install(&t, API_IN, 1);
	EXPECT_EQ(sa_claim_stage_spi(&t, 1, spi, SA_CLAIM_OWNER),
		  -EEXIST); /* the tuple is in use */
	EXPECT_EQ(sa_claim_stage_spi(&t, 2, spi, SA_CLAIM_OWNER + 1), -EADDRINUSE);
	int64_t slot = sa_claim_stage_spi(&t, 2, spi, SA_CLAIM_OWNER);
	ASSERT_GE(slot, 0);
	sa_unstage(&t, (uint32_t)slot); /* the set failed at a later SA */
	EXPECT_EQ(sa_claim_stage_spi(&t, 2, spi, SA_CLAIM_OWNER + 1), -EADDRINUSE);
	EXPECT_EQ(sa_release_spi(&t, spi, SA_CLAIM_OWNER), 0);
	EXPECT_EQ(t.n_free, SA_CLAIM_CAPACITY - 1);
	sa_table_free(&t);
}
