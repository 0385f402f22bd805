/*
 * RSS that follows the owners, on ports with a redirection table (net_null): what was asked of the
 * port is read back from it, and packets are spread as a NIC would, by that key and that table.
 */
#include "dataplane/queue.h"

#include <errno.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_thash.h>

#include "dataplane/balance.h"
#include "dataplane/offload_report.h"
#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"

enum {
	N_WORKERS = 5,
	N_PORTS = 2,
	N_RETA = 128, /* of net_null */
	N_GROUPS = N_RETA / RTE_ETH_RETA_GROUP_SIZE,
	KEY_BYTES = 40,
};

static struct {
	struct zones zones;
	struct rte_mempool *pool;
	struct steer *steer;
	struct worker *worker[N_WORKERS];
} s;

/* ---- a driver that keeps the key that it has ---- */

static bool keeps_key;

int __real_rte_eth_dev_rss_hash_update(uint16_t port, struct rte_eth_rss_conf *conf);
int __wrap_rte_eth_dev_rss_hash_update(uint16_t port, struct rte_eth_rss_conf *conf);

int __wrap_rte_eth_dev_rss_hash_update(uint16_t port, struct rte_eth_rss_conf *conf)
{
	return keeps_key ? -ENOTSUP : __real_rte_eth_dev_rss_hash_update(port, conf);
}

/* ---- ports, and workers without packets ---- */

static const char *port_name(unsigned i)
{
	return i ? "net_null1" : "net_null0";
}

static void open_port(unsigned i, uint32_t n_workers)
{
	struct zone_port *p = &s.zones.port[i];
	ASSERT_EQ(rte_eal_hotplug_add("vdev", port_name(i), ""), 0);
	ASSERT_EQ(rte_eth_dev_get_port_by_name(port_name(i), &p->port), 0);
	ASSERT_EQ(queue_open(p, n_workers, FIXTURE_MTU, s.pool), 0);
	queue_spread(p, i, n_workers);
	s.zones.n_ports++;
}

static void close_port(unsigned i)
{
	rte_eth_dev_stop(s.zones.port[i].port);
	EXPECT_EQ(rte_eal_hotplug_remove("vdev", port_name(i)), 0);
}

/* As at the start of a data plane, of whose workers so many own UEs. */
static void open_all(uint32_t n_active, uint32_t n_buckets)
{
	int node[N_WORKERS];
	memset(&s, 0, sizeof(s));
	fixture_eal();
	s.pool = rte_pktmbuf_pool_create("queue_test", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					 SOCKET_ID_ANY);
	ASSERT_TRUE(s.pool);
	for (unsigned i = 0; i < N_PORTS; i++)
		open_port(i, N_WORKERS);
	for (unsigned i = 0; i < N_WORKERS; i++)
		node[i] = SOCKET_ID_ANY;
	EXPECT_EQ(queue_bucket_count(&s.zones), N_RETA);
	s.steer = steer_new(&s.zones, node, N_WORKERS, n_buckets);
	ASSERT_TRUE(s.steer);
	for (unsigned i = 0; i < N_WORKERS; i++) {
		s.worker[i] = rte_zmalloc("worker", sizeof(*s.worker[i]), RTE_CACHE_LINE_SIZE);
		ASSERT_TRUE(s.worker[i]);
		s.worker[i]->steer = s.steer->worker[i];
	}
	ASSERT_EQ(balance_begin(s.steer, n_active), 0);
	queue_follow(&s.zones, &s.steer->maps[0]);
}

static void close_all(void)
{
	for (unsigned i = 0; i < N_WORKERS; i++)
		rte_free(s.worker[i]);
	steer_free(s.steer);
	for (unsigned i = 0; i < N_PORTS; i++)
		close_port(i);
	rte_mempool_free(s.pool);
}

/* A change of the number of workers, as a reload makes it, with turns of workers without packets.
 */
static void change_workers(uint32_t n)
{
	ASSERT_EQ(balance_start(s.steer, n), 0);
	while (!balance_turn(s.steer, &s.zones)) {
		for (unsigned i = 0; i < N_WORKERS; i++) {
			steer_turn_begin(s.worker[i]);
			steer_turn_end(s.worker[i], false);
		}
	}
}

/* ---- what the ports say ---- */

/* The table of a port. */
static void read_reta(const struct zone_port *p, uint16_t queue[N_RETA])
{
	struct rte_eth_rss_reta_entry64 group[N_GROUPS];
	memset(group, 0xff, sizeof(group));
	ASSERT_EQ(rte_eth_dev_rss_reta_query(p->port, group, N_RETA), 0);
	for (unsigned i = 0; i < N_RETA; i++)
		queue[i] = group[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
}

/* Each entry is a queue of one of n workers, and each of them has its share. */
static void expect_shares(uint32_t n)
{
	uint32_t n_buckets = atomic_load(&s.steer->map)->bucket_mask + 1u;
	for (unsigned i = 0; i < N_PORTS; i++) {
		const struct zone_port *p = &s.zones.port[i];
		uint16_t queue[N_RETA];
		uint32_t n_of[N_WORKERS] = { 0 };
		EXPECT_TRUE(queue_follows(p));
		read_reta(p, queue);
		for (unsigned entry = 0; entry < N_RETA; entry++) {
			uint32_t worker = 0;
			while (worker < n && p->queue_of[worker] != queue[entry])
				worker++;
			ASSERT_LT(worker, n);
			n_of[worker]++;
		}
		for (unsigned worker = 0; worker < n; worker++) {
			EXPECT_GE(n_of[worker], n_buckets / n * (N_RETA / n_buckets));
			EXPECT_LE(n_of[worker], (n_buckets / n + 1) * (N_RETA / n_buckets));
		}
	}
}

/* Toeplitz over the addresses, by DPDK with the port's key, which takes words of the host's order.
 */
static uint32_t hash_of_port(const uint8_t *key, const uint8_t *addresses, uint32_t n_bytes)
{
	uint32_t word[8];
	for (unsigned i = 0; i < n_bytes / 4; i++) {
		memcpy(&word[i], addresses + 4 * i, 4);
		word[i] = rte_be_to_cpu_32(word[i]);
	}
	return rte_softrss(word, n_bytes / 4, key);
}

/* Whatever two hosts send each other, the port gives it to the queue of its owner. */
static void expect_owners(struct test_rng *rng)
{
	const struct owner_map *map = atomic_load(&s.steer->map);
	for (unsigned i = 0; i < N_PORTS; i++) {
		const struct zone_port *p = &s.zones.port[i];
		uint8_t key[KEY_BYTES], addresses[32];
		uint16_t queue[N_RETA];
		struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = sizeof(key) };
		ASSERT_EQ(rte_eth_dev_rss_hash_conf_get(p->port, &conf), 0);
		/* By addresses, and by nothing that fragments lack. */
		EXPECT_TRUE(conf.rss_hf & RTE_ETH_RSS_IPV4 && conf.rss_hf & RTE_ETH_RSS_IPV6);
		EXPECT_FALSE(conf.rss_hf & (RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_ESP));
		read_reta(p, queue);
		for (unsigned n = 0; n < 2000; n++) {
			uint32_t n_bytes = n % 2 ? 8 : 32;
			for (unsigned at = 0; at < n_bytes; at++)
				addresses[at] = (uint8_t)test_rng_below(rng, 256);
			uint32_t hash = owner_hash_addresses(&s.steer->hash, addresses, n_bytes);
			uint32_t owner = map->worker[hash & map->bucket_mask];
			uint32_t theirs = hash_of_port(key, addresses, n_bytes);
			ASSERT_EQ(queue[theirs % N_RETA], p->queue_of[owner]);
		}
	}
}

static void follow_changes(uint32_t n_buckets)
{
	static const uint32_t numbers[] = { 2, N_WORKERS, 1, 4, 3, N_WORKERS };
	struct test_rng rng = { test_seed() };
	open_all(3, n_buckets);
	expect_shares(3);
	expect_owners(&rng);
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && !test_has_failed(); i++) {
		test_context("%u workers", numbers[i]);
		change_workers(numbers[i]);
		expect_shares(numbers[i]);
		expect_owners(&rng);
	}
	test_context(NULL);
	close_all();
}

TEST(queue, rss_brings_packets_to_their_owners_whatever_their_number)
{
	follow_changes(N_RETA);
}

/* As beside a port with a smaller table. */
TEST(queue, a_table_with_more_entries_than_there_are_buckets_repeats_them)
{
	follow_changes(N_RETA / 2);
}

static void expect_rss_row(const char *why)
{
	static struct offload offload;
	static struct inline_table none;
	struct offload_row row[OFFLOAD_ROWS_MAX];
	offload_open(&offload, &s.zones, &offload_dpdk);
	offload_rows(&offload, &none, 0, row);
	EXPECT_STREQ(row[OFFLOAD_RSS].why, why);
}

/* Somebody else has the port's RSS off for a while: as a driver that refuses the table. */
static void set_rss(enum rte_eth_rx_mq_mode mode)
{
	const struct zone_port *p = &s.zones.port[0];
	struct rte_eth_conf conf = { .rxmode = { .mq_mode = mode } };
	ASSERT_EQ(rte_eth_dev_stop(p->port), 0);
	ASSERT_EQ(rte_eth_dev_configure(p->port, N_WORKERS, N_WORKERS, &conf), 0);
}

TEST(queue, a_port_that_refuses_the_table_says_so_until_it_takes_it)
{
	uint16_t before[N_RETA], after[N_RETA];
	open_all(2, N_RETA);
	expect_rss_row("");
	read_reta(&s.zones.port[0], before);
	set_rss(RTE_ETH_MQ_RX_NONE);
	change_workers(N_WORKERS);
	EXPECT_EQ(s.zones.port[0].rss_rc, -ENOTSUP);
	EXPECT_FALSE(queue_follows(&s.zones.port[0]));
	EXPECT_TRUE(queue_follows(&s.zones.port[1]));
	expect_rss_row("it does not follow the owners of UEs: Operation not supported; packets are "
		       "handed over by ring");
	set_rss(RTE_ETH_MQ_RX_RSS);
	read_reta(&s.zones.port[0], after);
	EXPECT_MEM(after, before, sizeof(before));
	change_workers(N_WORKERS - 1);
	expect_shares(N_WORKERS - 1);
	expect_rss_row("");
	close_all();
}

TEST(queue, a_port_that_keeps_its_key_does_not_count_as_following)
{
	uint16_t before[N_RETA], after[N_RETA];
	keeps_key = true;
	fixture_eal();
	memset(&s, 0, sizeof(s));
	s.pool = rte_pktmbuf_pool_create("queue_test", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					 SOCKET_ID_ANY);
	open_port(0, N_WORKERS);
	keeps_key = false;
	struct zone_port *p = &s.zones.port[0];
	struct owner_map map = { .bucket_mask = N_RETA - 1 };
	memset(map.worker, N_WORKERS - 1, sizeof(map.worker));
	EXPECT_EQ(p->n_queues, N_WORKERS);
	EXPECT_FALSE(queue_follows(p));
	EXPECT_EQ(queue_bucket_count(&s.zones), OWNER_BUCKETS_MAX);
	/* Its table stays as it is, and what it said is not forgotten. */
	read_reta(p, before);
	queue_follow(&s.zones, &map);
	read_reta(p, after);
	EXPECT_MEM(after, before, sizeof(before));
	expect_rss_row("it does not follow the owners of UEs: Operation not supported; packets are "
		       "handed over by ring");
	close_port(0);
	rte_mempool_free(s.pool);
}
