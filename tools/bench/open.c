#include "tools/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "dataplane/pkt.h"
#include "dataplane/sa_control.h"
#include "dataplane/tuple.h"
#include "tools/bench/feed.h"
#include "tools/bench/hugepages.h"
#include "tools/bench/memory.h"

enum {
	MIN_ROUND_PKTS = 512, /* the rings and the pool of smaller rounds are of this one */
	MBUF_SHARE_BYTES = 4096,
	MTU_BYTES = 1500,
	/* The tuple index's share of an SA, with room for what DPDK's heap cannot use. */
	INDEX_SHARE_BYTES = 40,
	OTHER_MB = 160, /* the packets of latency.c, the worker, the rest of DPDK */
};

static uint32_t room_pkts(const struct bench *b)
{
	return b->round_pkts > MIN_ROUND_PKTS ? b->round_pkts : MIN_ROUND_PKTS;
}

static int start_eal(struct bench *b, uint32_t capacity)
{
	uint64_t table_bytes = (uint64_t)capacity * (sizeof(struct sa) + INDEX_SHARE_BYTES);
	uint64_t other_bytes = ((uint64_t)OTHER_MB << 20) + 4ull * room_pkts(b) * MBUF_SHARE_BYTES;
	struct hugepages borrowed;
	b->hugepages = hugepages_borrow(&borrowed, table_bytes + other_bytes);
	char memory[24], core[16];
	snprintf(memory, sizeof(memory), "%lu",
		 (b->hugepages ? table_bytes + other_bytes : other_bytes) >> 20);
	snprintf(core, sizeof(core), "%u", b->core);
	char *huge[] = { "imsgate-bench",  "--in-memory",       "-m", memory, "--no-pci",
			 "--no-telemetry", "--log-level=error", "-l", core };
	char *plain[] = { "imsgate-bench", "--no-huge",      "--no-shconf",       "-m", memory,
			  "--no-pci",      "--no-telemetry", "--log-level=error", "-l", core };
	int rc = b->hugepages ? rte_eal_init(sizeof(huge) / sizeof(huge[0]), huge)
			      : rte_eal_init(sizeof(plain) / sizeof(plain[0]), plain);
	hugepages_give_back(&borrowed);
	if (rc < 0)
		fprintf(stderr, "imsgate-bench: error: DPDK did not start: %s\n",
			rte_strerror(rte_errno));
	return rc < 0 ? -rte_errno : 0;
}

static int open_port(struct zones *z, const char *name, struct rte_ring *rx, struct rte_ring *tx,
		     bool is_kernel)
{
	int port = rte_eth_from_rings(name, &rx, 1, &tx, 1, rte_socket_id());
	if (port < 0)
		return -rte_errno;
	const struct rte_eth_conf conf = { 0 };
	int rc = rte_eth_dev_configure((uint16_t)port, 1, 1, &conf);
	if (rc == 0)
		rc = rte_eth_rx_queue_setup((uint16_t)port, 0, 0, rte_socket_id(), NULL, z->pool);
	if (rc == 0)
		rc = rte_eth_tx_queue_setup((uint16_t)port, 0, 0, rte_socket_id(), NULL);
	if (rc == 0)
		rc = rte_eth_dev_start((uint16_t)port);
	if (rc < 0)
		return rc;
	struct zone_port *p = &z->port[z->n_ports++];
	*p = (struct zone_port){ .port = (uint16_t)port, .is_kernel = is_kernel, .device = name };
	if (!is_kernel)
		p->zone_of_vlan = calloc(4096, 1);
	return is_kernel || p->zone_of_vlan ? port : -ENOMEM;
}

static struct rte_ring *new_ring(const struct bench *b, const char *name)
{
	return rte_ring_create(name, 2 * room_pkts(b), (int)rte_socket_id(),
			       RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int open_zone(struct bench *b)
{
	struct zones *z = &b->zones;
	z->pool = rte_pktmbuf_pool_create("pkts", 4 * room_pkts(b), 256, PKT_BYTES,
					  RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	b->network_rx = new_ring(b, "network_rx");
	b->network_tx = new_ring(b, "network_tx");
	b->kernel_rx = new_ring(b, "kernel_rx");
	b->kernel_tx = new_ring(b, "kernel_tx");
	if (!z->pool || !b->network_rx || !b->network_tx || !b->kernel_rx || !b->kernel_tx)
		return -ENOMEM;
	int network = open_port(z, "bench_network", b->network_rx, b->network_tx, false);
	int kernel = open_port(z, "bench_kernel", b->kernel_rx, b->kernel_tx, true);
	if (network < 0 || kernel < 0)
		return network < 0 ? network : kernel;
	z->n = 1;
	z->zone[0] = (struct zone){ .name = "bench",
				    .network_port = (uint16_t)network,
				    .kernel_port = (uint16_t)kernel,
				    .mtu_bytes = MTU_BYTES };
	return 0;
}

static int open_worker(struct bench *b)
{
	b->worker = rte_zmalloc("worker", sizeof(*b->worker), RTE_CACHE_LINE_SIZE);
	if (!b->worker)
		return -ENOMEM;
	b->worker->zones = &b->zones;
	b->worker->sas = &b->sas;
	b->worker->events = new_ring(b, "events");
	b->worker->n_flood_sources = 4096;
	b->worker->fragments = (struct reassembly_config){
		.n_datagrams = 16, .n_held = 64, .timeout_s = 1 /* nothing here is fragmented */
	};
	b->worker->start_tsc = rte_rdtsc();
	int rc = worker_init(b->worker, 0, (int)rte_socket_id());
	if (rc == 0)
		rte_rcu_qsbr_thread_online(b->sas.rcu, 0);
	return rc;
}

/* The index once more, alone, to learn what it takes. */
static int weigh_index(struct bench *b, uint32_t capacity)
{
	uint64_t before = memory_allocated_bytes();
	struct tuple_index *index = tuple_index_new(capacity);
	b->memory.index_bytes = memory_allocated_bytes() - before;
	tuple_index_free(index);
	return index ? 0 : -ENOMEM;
}

static int open_tables(struct bench *b, uint32_t capacity)
{
	const struct sa_table_config config = {
		.capacity = capacity,
		.generation_bits = 10,
		.window_pkts = 128,
		.n_workers = BENCH_WORKERS,
	};
	int rc = weigh_index(b, capacity);
	uint64_t before = memory_allocated_bytes();
	if (rc == 0)
		rc = sa_table_init(&b->sas, &config);
	if (rc == 0)
		rc = set_table_init(&b->sets, &b->sas, 1, 1);
	b->memory.sas_bytes = (uint64_t)capacity * sizeof(*b->sas.sa);
	b->memory.control_bytes =
		memory_allocated_bytes() - before - b->memory.sas_bytes - b->memory.index_bytes;
	return rc;
}

int bench_open(struct bench *b, uint32_t capacity)
{
	int rc = start_eal(b, capacity);
	if (rc < 0)
		return rc;
	rc = open_zone(b);
	if (rc == 0)
		rc = open_tables(b, capacity);
	if (rc == 0)
		rc = open_worker(b);
	if (rc < 0)
		fprintf(stderr, "imsgate-bench: error: no memory for %u SAs: %s\n", capacity,
			strerror(-rc));
	return rc;
}

void bench_reclaim(struct bench *b)
{
	sa_grace(&b->sas);
	rte_rcu_qsbr_quiescent(b->sas.rcu, 0); /* the worker is this thread, and at rest */
	while (sa_reclaim(&b->sas))
		;
}

void bench_close(struct bench *b)
{
	if (b->worker)
		worker_fini(b->worker);
	set_table_free(&b->sets);
	sa_table_free(&b->sas);
	rte_eal_cleanup();
}
