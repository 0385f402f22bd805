/* The owner function: what a NIC would compute, the same both ways, and even. */
#include "dataplane/owner.h"

#include <rte_byteorder.h>
#include <rte_thash.h>

#include "dataplane/parse.h"
#include "test/shim/test.h"

static struct owner_hash hash;

static void fill_random(struct test_rng *rng, uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)test_rng_below(rng, 256);
}

TEST(owner, the_hash_is_the_toeplitz_of_a_nic_with_our_key)
{
	struct test_rng rng = { test_seed() };
	uint8_t key[OWNER_RSS_KEY_MAX];
	owner_hash_init(&hash);
	owner_rss_key(key, sizeof(key));
	for (unsigned i = 0; i < 10000; i++) {
		uint8_t addresses[32];
		uint32_t words[8];
		uint32_t n_bytes = i % 2 ? 32 : 8;
		fill_random(&rng, addresses, n_bytes);
		memcpy(words, addresses, n_bytes);
		for (unsigned j = 0; j < n_bytes / 4; j++)
			words[j] = rte_be_to_cpu_32(words[j]);
		uint32_t nic = rte_softrss(words, n_bytes / 4, key);
		ASSERT_EQ(owner_hash_addresses(&hash, addresses, n_bytes), nic & 0xffff);
	}
}

TEST(owner, both_directions_have_one_owner)
{
	struct test_rng rng = { test_seed() };
	owner_hash_init(&hash);
	for (unsigned i = 0; i < 10000; i++) {
		uint8_t there[32], back[32];
		uint32_t n_bytes = i % 2 ? 32 : 8;
		fill_random(&rng, there, n_bytes);
		memcpy(back, there + n_bytes / 2, n_bytes / 2);
		memcpy(back + n_bytes / 2, there, n_bytes / 2);
		ASSERT_EQ(owner_hash_addresses(&hash, there, n_bytes),
			  owner_hash_addresses(&hash, back, n_bytes));
	}
}

/* A frame's hash is that of the addresses which the parser finds, whatever the frame holds. */
TEST(owner, every_frame_that_parses_has_the_hash_of_its_addresses)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x8100, 0x88a8, 0x0806 };
	struct test_rng rng = { test_seed() };
	uint32_t n_parsed = 0;
	owner_hash_init(&hash);
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t frame[120];
		struct parse at;
		uint32_t n = 10 + (uint32_t)test_rng_below(&rng, sizeof(frame) - 10);
		fill_random(&rng, frame, sizeof(frame));
		uint32_t l3 = test_rng_below(&rng, 2) ? 18 : 14;
		uint16_t type = rte_cpu_to_be_16(types[test_rng_below(&rng, 3)]);
		if (l3 == 18)
			memcpy(frame + 12, (uint8_t[]){ 0x81, 0 }, 2);
		memcpy(frame + l3 - 2, &type, 2);
		frame[l3] = type == rte_cpu_to_be_16(0x0800) ? 0x45 : 0x60;
		frame[l3 + 2] = frame[l3 + 4] = 0; /* lengths that may fit */
		if (parse_frame(frame, n, &at) != PARSE_IP)
			continue;
		n_parsed++;
		uint8_t addresses[32];
		uint32_t half = at.family == 4 ? 4 : 16;
		memcpy(addresses, parse_source(frame + at.l3, at.family), half);
		memcpy(addresses + half, parse_destination(frame + at.l3, at.family), half);
		ASSERT_EQ(owner_hash_frame(&hash, frame, n),
			  (int32_t)owner_hash_addresses(&hash, addresses, 2 * half));
	}
	EXPECT_GT(n_parsed, 1000);
}

TEST(owner, a_frame_without_ip_has_no_owner)
{
	uint8_t frame[64] = { 0 };
	owner_hash_init(&hash);
	frame[12] = 0x08;
	frame[13] = 0x06; /* ARP */
	EXPECT_EQ(owner_hash_frame(&hash, frame, sizeof(frame)), OWNER_NONE);
	frame[13] = 0x00;
	EXPECT_EQ(owner_hash_frame(&hash, frame, 33), OWNER_NONE); /* cut in the addresses */
	EXPECT_GE(owner_hash_frame(&hash, frame, 34), 0);
	EXPECT_EQ(owner_hash_frame(&hash, frame, 13), OWNER_NONE);
}

/* UEs get their addresses from pools: runs of 2^k, of which each bucket must have its share. */
TEST(owner, addresses_in_a_row_spread_evenly)
{
	static uint32_t has[OWNER_BUCKETS_MAX];
	owner_hash_init(&hash);
	for (unsigned bits = 0; bits <= 9; bits++) {
		uint32_t n = 1u << bits;
		memset(has, 0, sizeof(has));
		for (uint32_t i = 0; i < 16 * n; i++) {
			uint32_t pair[2] = { rte_cpu_to_be_32(0x0a2a0000 + i),
					     rte_cpu_to_be_32(0xc0000201) };
			has[owner_hash_addresses(&hash, (const uint8_t *)pair, 8) & (n - 1)]++;
		}
		for (uint32_t b = 0; b < n; b++)
			ASSERT_EQ(has[b], 16);
	}
}

static uint32_t n_moved(const uint8_t *from, const uint8_t *to, uint32_t n)
{
	uint32_t moved = 0;
	for (uint32_t b = 0; b < n; b++)
		moved += from[b] != to[b];
	return moved;
}

TEST(owner, any_number_of_workers_gets_even_shares_and_few_buckets_move)
{
	struct test_rng rng = { test_seed() };
	uint8_t worker[OWNER_BUCKETS_MAX] = { 0 }, before[OWNER_BUCKETS_MAX];
	uint32_t n_before = 1;
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t n = 1 + (uint32_t)test_rng_below(&rng, OWNER_WORKERS_MAX);
		uint32_t has[OWNER_WORKERS_MAX] = { 0 };
		memcpy(before, worker, sizeof(worker));
		owner_balance(worker, OWNER_BUCKETS_MAX, n);
		for (uint32_t b = 0; b < OWNER_BUCKETS_MAX; b++) {
			ASSERT_LT(worker[b], n);
			has[worker[b]]++;
		}
		for (uint32_t w = 0; w < n; w++) {
			ASSERT_GE(has[w], OWNER_BUCKETS_MAX / n);
			ASSERT_LE(has[w], OWNER_BUCKETS_MAX / n + 1);
		}
		/* What the newcomers take or the leavers had, and the ones left over. */
		uint32_t few = n < n_before ? n : n_before, many = n < n_before ? n_before : n;
		ASSERT_LE(n_moved(before, worker, OWNER_BUCKETS_MAX),
			  OWNER_BUCKETS_MAX * (many - few) / many + many);
		n_before = n;
	}
}
