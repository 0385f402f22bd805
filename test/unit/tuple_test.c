#include "dataplane/tuple.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"

enum {
	CAPACITY = 1 << 16,
};

static const struct sa_table_config config = {
	.capacity = CAPACITY, .generation_bits = 10, .window_pkts = 128, .n_workers = 1
};

/* What makes a tuple, in the test's own form; the table is filled from it. */
struct claim {
	struct tuple tuple;
	uint32_t slot;
};

static struct tuple random_tuple(struct test_rng *rng)
{
	struct tuple t = { .zone = (uint8_t)test_rng_below(rng, 3),
			   .direction = test_rng_below(rng, 2) ? API_IN : API_OUT,
			   .family = test_rng_below(rng, 2) ? API_IPV4 : API_IPV6 };
	size_t n_bytes = t.family == API_IPV4 ? 4 : 16;
	t.local[0] = 10;
	t.local[n_bytes - 1] = (uint8_t)test_rng_below(rng, 4);
	test_rng_fill(rng, t.peer, n_bytes);
	test_rng_fill(rng, &t.local_port_be, 2);
	test_rng_fill(rng, &t.peer_port_be, 2);
	return t;
}

/* As a carrier has them: few ports, addresses in a row, both directions of each. */
static struct tuple regular_tuple(uint32_t number)
{
	struct tuple t = { .local = { 10, 0, 0, 1 },
			   .direction = number & 1 ? API_IN : API_OUT,
			   .family = API_IPV4,
			   .local_port_be = __builtin_bswap16(number & 2 ? 5063 : 6000),
			   .peer_port_be = __builtin_bswap16(number & 2 ? 31000 : 31001) };
	uint32_t address = __builtin_bswap32(0x0a010000 + number / 4);
	memcpy(t.peer, &address, sizeof(address));
	return t;
}

static int64_t install(struct sa_table *t, const struct tuple *tuple, uint64_t number)
{
	static const struct crypto_key key;
	struct api_set set = { .registration = number + 1,
			       .zone = tuple->zone,
			       .family = tuple->family,
			       .mode = API_TRANSPORT };
	struct api_sa sa = { .direction = tuple->direction,
			     .spi = tuple->direction == API_OUT ? 256 : 0,
			     .local_port = __builtin_bswap16(tuple->local_port_be),
			     .peer_port = __builtin_bswap16(tuple->peer_port_be) };
	struct sa_spec spec = { .set = &set, .sa = &sa, .owner = 1, .key = &key };
	memcpy(set.local.bytes, tuple->local, 16);
	memcpy(set.peer.bytes, tuple->peer, 16);
	int64_t slot = sa_stage(t, &spec, NULL, 0);
	if (slot >= 0)
		sa_publish(t, (uint32_t)slot);
	return slot;
}

static const struct sa *find(const struct sa_table *t, const struct tuple *tuple)
{
	return tuple_find(t, tuple_hash(t->tuples, tuple), tuple);
}

/* The SA that a burst finds for this tuple, under the hash of another. */
static const struct sa *find_in_burst(const struct sa_table *t, uint64_t hash,
				      const struct tuple *tuple)
{
	struct tuple_lookup lookup = { .tuple = *tuple, .hash = hash };
	tuple_candidates(t, &lookup, 1, true);
	return tuple_find_candidate(t, &lookup);
}

static bool has_candidate(const struct sa_table *t, uint64_t hash)
{
	struct tuple_lookup lookup = { .hash = hash };
	tuple_candidates(t, &lookup, 1, false);
	return lookup.candidate != NULL;
}

/* Of a whole table, and of nobody: a burst finds what one look-up does, and has a candidate. */
static void expect_bursts_find_the_same(const struct sa_table *t, const struct claim *claims,
					struct test_rng *rng)
{
	enum { BURST = 64 };
	struct tuple_lookup lookup[BURST];
	uint32_t n_candidates = 0;
	for (uint32_t begin = 0; begin < CAPACITY; begin += BURST) {
		for (uint32_t i = 0; i < BURST; i++) {
			lookup[i].tuple = claims[begin + i].tuple;
			lookup[i].hash = tuple_hash(t->tuples, &lookup[i].tuple);
		}
		uint32_t stranger = (uint32_t)test_rng_below(rng, BURST);
		lookup[stranger].tuple.zone ^= 1;
		lookup[stranger].hash = tuple_hash(t->tuples, &lookup[stranger].tuple);
		tuple_candidates(t, lookup, BURST, true);
		for (uint32_t i = 0; i < BURST; i++) {
			const struct sa *sa = find(t, &lookup[i].tuple);
			EXPECT_EQ(tuple_find_candidate(t, &lookup[i]) == sa, true);
			n_candidates += sa && lookup[i].candidate == sa;
		}
	}
	EXPECT_GE(n_candidates, CAPACITY - CAPACITY / BURST - 2);
}

static uint32_t count_found(const struct sa_table *t, const struct claim *claims)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < CAPACITY; i++)
		n += find(t, &claims[i].tuple) == &t->sa[claims[i].slot];
	return n;
}

/* A full table: every SA has a place, is found, and only it; emptied, nothing is found. */
static void fill_and_empty(struct tuple (*make)(struct test_rng *, uint32_t))
{
	struct test_rng rng = { test_seed() };
	struct claim *claims = calloc(CAPACITY, sizeof(*claims));
	struct sa_table t;
	ASSERT_TRUE(claims);
	fixture_table_open(&t, &config);
	for (uint32_t i = 0; i < CAPACITY; i++) {
		claims[i].tuple = make(&rng, i);
		int64_t slot = install(&t, &claims[i].tuple, i);
		if (slot < 0)
			TEST_MESSAGE("SA %u of %u: %s", i, CAPACITY, strerror((int)-slot));
		claims[i].slot = (uint32_t)slot;
	}
	ASSERT_FALSE(test_has_failed());
	EXPECT_EQ(t.n_free, 0);
	EXPECT_EQ(count_found(&t, claims), CAPACITY);
	expect_bursts_find_the_same(&t, claims, &rng);
	/* Others come and go for as long as it takes to replace half of them. */
	for (uint32_t i = 0; i < CAPACITY / 2; i++) {
		uint32_t victim = (uint32_t)test_rng_below(&rng, CAPACITY);
		sa_retire(&t, claims[victim].slot);
		EXPECT_FALSE(find(&t, &claims[victim].tuple));
		fixture_quiesce(&t);
		sa_reclaim(&t);
		claims[victim].tuple = make(&rng, CAPACITY + i);
		int64_t slot = install(&t, &claims[victim].tuple, i);
		ASSERT_GE(slot, 0);
		claims[victim].slot = (uint32_t)slot;
	}
	EXPECT_EQ(count_found(&t, claims), CAPACITY);
	for (uint32_t i = 0; i < CAPACITY; i++)
		sa_retire(&t, claims[i].slot);
	EXPECT_EQ(count_found(&t, claims), 0);
	fixture_quiesce(&t);
	EXPECT_EQ(sa_reclaim(&t), CAPACITY);
	EXPECT_EQ(count_found(&t, claims), 0);
	for (uint32_t i = 0; i < CAPACITY; i++)
		EXPECT_FALSE(has_candidate(&t, tuple_hash(t.tuples, &claims[i].tuple)));
	sa_table_free(&t);
	free(claims);
}

static struct tuple make_random(struct test_rng *rng, uint32_t number)
{
	return random_tuple(rng);
}

static struct tuple make_regular(struct test_rng *rng, uint32_t number)
{
	return regular_tuple(number);
}

TEST(tuple, a_full_table_of_random_tuples_is_found_whole)
{
	fill_and_empty(make_random);
}

TEST(tuple, a_full_table_of_addresses_in_a_row_is_found_whole)
{
	fill_and_empty(make_regular);
}

TEST(tuple, every_field_is_part_of_the_key)
{
	struct tuple tuple = { .local = { 0xfd, 1 },
			       .peer = { 0xfd, 2 },
			       .local_port_be = 1,
			       .peer_port_be = 2,
			       .zone = 1,
			       .direction = API_IN,
			       .family = API_IPV6 };
	struct sa_table t;
	fixture_table_open(&t, &config);
	ASSERT_GE(install(&t, &tuple, 0), 0);
	EXPECT_TRUE(find(&t, &tuple));
	for (size_t i = 0; i < offsetof(struct tuple, reserved); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct tuple other = tuple;
			((uint8_t *)&other)[i] ^= (uint8_t)(1u << bit);
			test_context("byte %zu bit %u", i, bit);
			EXPECT_FALSE(find(&t, &other));
			/* Nor under the hash of the right one, as after a collision. */
			EXPECT_FALSE(tuple_find(&t, tuple_hash(t.tuples, &tuple), &other));
			EXPECT_FALSE(find_in_burst(&t, tuple_hash(t.tuples, &tuple), &other));
		}
	}
	sa_table_free(&t);
}

/*
 * Whoever could choose tuples of one hash would fill both its buckets, and no more: the seventeenth
 * is refused, others are served. The hash is given here, as no tuple can be made to have it.
 */
TEST(tuple, equal_hashes_fill_two_buckets_and_then_enospc)
{
	struct sa_table t;
	fixture_table_open(&t, &config);
	const uint64_t hash = 0x0123456789abcdef;
	uint32_t n = 0;
	while (n < 100 && tuple_insert(t.tuples, hash, n) == 0)
		n++;
	EXPECT_EQ(n, 2 * TUPLE_BUCKET_ENTRIES);
	EXPECT_EQ(tuple_insert(t.tuples, hash, n), -ENOSPC);
	tuple_remove(t.tuples, hash, 3);
	EXPECT_EQ(tuple_insert(t.tuples, hash, 200), 0);
	EXPECT_EQ(tuple_insert(t.tuples, hash, 201), -ENOSPC);
	tuple_remove(t.tuples, hash, 1000); /* was never there */
	for (uint32_t i = 0; i < n; i++)
		tuple_remove(t.tuples, hash, i);
	tuple_remove(t.tuples, hash, 200);
	EXPECT_FALSE(has_candidate(&t, hash));
	sa_table_free(&t);
}

/* Peers choose addresses and ports: what collides in one instance must not in another. */
TEST(tuple, hashes_are_keyed_anew_in_each_table)
{
	struct sa_table a, b;
	struct tuple tuple = regular_tuple(1);
	fixture_table_open(&a, &config);
	fixture_table_open(&b, &config);
	EXPECT_NE(tuple_hash(a.tuples, &tuple), tuple_hash(b.tuples, &tuple));
	sa_table_free(&a);
	sa_table_free(&b);
}
