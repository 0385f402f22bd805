#include "test/unit/crew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "dataplane/pkt.h"
#include "dataplane/queue.h"
#include "test/shim/test.h"
#include "test/unit/tsan_order.h"

enum {
	N_MBUFS = 8191,
	RING_ENTRIES = 8192, /* as many as any test has buffers */
	N_DATAGRAMS = 16,
	/* So that a machine with fewer cores than threads goes on with all of them. */
	IDLE_SLEEP_US = 20,
};

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "crew: %s\n", what);
	abort();
}

static uint16_t port_open(struct crew *c, enum fixture_side side)
{
	struct rte_eth_conf conf = { 0 };
	unsigned n = c->n_queues[side];
	char name[32];
	for (unsigned q = 0; q < n; q++) {
		snprintf(name, sizeof(name), "crew%u_to%d_%u", c->number, side, q);
		c->to[side][q] = rte_ring_create(name, RING_ENTRIES, SOCKET_ID_ANY, 0);
		snprintf(name, sizeof(name), "crew%u_from%d_%u", c->number, side, q);
		c->from[side][q] = rte_ring_create(name, RING_ENTRIES, SOCKET_ID_ANY, 0);
		check(c->to[side][q] && c->from[side][q], "no memory for rings");
	}
	snprintf(name, sizeof(name), "crew%u_%d", c->number, side);
	int port = rte_eth_from_rings(name, c->to[side], n, c->from[side], n, 0);
	check(port >= 0, "no port out of rings");
	check(rte_eth_dev_configure((uint16_t)port, (uint16_t)n, (uint16_t)n, &conf) == 0,
	      "a port is not configured");
	for (uint16_t q = 0; q < n; q++)
		check(rte_eth_rx_queue_setup((uint16_t)port, q, 64, 0, NULL, c->pool) == 0 &&
			      rte_eth_tx_queue_setup((uint16_t)port, q, 64, 0, NULL) == 0,
		      "a queue is not set up");
	check(rte_eth_dev_start((uint16_t)port) == 0, "a port does not start");
	tsan_order_port((uint16_t)port, (uint16_t)n);
	return (uint16_t)port;
}

static void zone_open(struct crew *c)
{
	struct zones *z = &c->f.zones;
	z->n = 1;
	z->n_ports = 2;
	z->pool = c->pool;
	z->datagrams = c->datagrams;
	for (unsigned side = 0; side < 2; side++) {
		struct zone_port *p = &z->port[side];
		p->port = port_open(c, side);
		p->is_kernel = side == FIXTURE_KERNEL;
		p->n_queues = c->n_queues[side];
		queue_spread(p, side, c->n_workers);
	}
	z->port[FIXTURE_NETWORK].zone_of_vlan = malloc(4096);
	memset(z->port[FIXTURE_NETWORK].zone_of_vlan, ZONE_NONE, 4096);
	z->port[FIXTURE_NETWORK].zone_of_vlan[0] = 0;
	z->zone[0] = (struct zone){
		.name = "test",
		.network_port = z->port[FIXTURE_NETWORK].port,
		.kernel_port = z->port[FIXTURE_KERNEL].port,
		.mtu_bytes = FIXTURE_MTU,
		.port_ps = FIXTURE_PORT_PS,
		.port_pc_first = FIXTURE_PORT_PC_FIRST,
		.n_port_pc = FIXTURE_N_PORT_PC,
	};
}

static void worker_open(struct crew *c, uint32_t i)
{
	struct worker *w = rte_zmalloc("worker", sizeof(*w), RTE_CACHE_LINE_SIZE);
	check(w, "no memory for a worker");
	w->zones = &c->f.zones;
	w->sas = &c->f.sas;
	w->events = c->f.worker.events;
	w->fragments = fixture_fragments;
	w->n_flood_sources = FIXTURE_FLOOD_SOURCES;
	w->start_tsc = rte_rdtsc();
	w->idle_sleep_us = IDLE_SLEEP_US;
	w->steer = c->steer->worker[i];
	check(worker_init(w, (uint16_t)i, -1) == 0, "no worker");
	rte_rcu_qsbr_thread_online(c->f.sas.rcu, i);
	c->worker[i] = w;
}

struct crew *crew_open_small(const struct sa_table_config *config, uint32_t n_workers,
			     uint16_t n_network_queues, uint16_t n_kernel_queues, uint32_t n_mbufs)
{
	static uint32_t number;
	struct sa_table_config table = *config;
	int node[CREW_MAX] = { SOCKET_ID_ANY, SOCKET_ID_ANY, SOCKET_ID_ANY, SOCKET_ID_ANY };
	char name[32];
	fixture_eal();
	struct crew *c = rte_zmalloc("crew", sizeof(*c), RTE_CACHE_LINE_SIZE);
	check(c, "no memory");
	c->number = number++;
	c->n_workers = n_workers;
	c->n_mbufs = n_mbufs;
	c->n_queues[FIXTURE_NETWORK] = n_network_queues;
	c->n_queues[FIXTURE_KERNEL] = n_kernel_queues;
	snprintf(name, sizeof(name), "crew%u", c->number);
	/* Threads that share cores: one that is stopped inside the pool must not stop the others.
	 */
	c->pool = rte_pktmbuf_pool_create_by_ops(name, n_mbufs, 0, PKT_BYTES,
						 RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY,
						 tsan_order_pool_ops("ring_mt_rts"));
	snprintf(name, sizeof(name), "crew%u_datagrams", c->number);
	c->datagrams = rte_pktmbuf_pool_create(name, N_DATAGRAMS, 0, REASSEMBLY_PKT_BYTES,
					       REASSEMBLY_BUFFER_BYTES, SOCKET_ID_ANY);
	check(c->pool && c->datagrams, "no memory for packet buffers");
	zone_open(c);
	table.n_workers = n_workers;
	c->f.now_s = 1;
	c->f.worker.events = rte_ring_create(name, 64, SOCKET_ID_ANY, 0);
	check(sa_table_init(&c->f.sas, &table) == 0, "no SA table");
	check(set_table_init(&c->f.sets, &c->f.sas, 1, c->f.now_s) == 0, "no set table");
	c->steer = steer_new(&c->f.zones, node, n_workers, OWNER_BUCKETS_MAX);
	check(c->f.worker.events && c->steer, "no rings");
	for (uint32_t i = 0; i < n_workers; i++)
		worker_open(c, i);
	return c;
}

struct crew *crew_open(const struct sa_table_config *config, uint32_t n_workers,
		       uint16_t n_network_queues, uint16_t n_kernel_queues)
{
	return crew_open_small(config, n_workers, n_network_queues, n_kernel_queues, N_MBUFS);
}

static void port_close(struct crew *c, enum fixture_side side)
{
	char name[48];
	rte_eth_dev_stop(c->f.zones.port[side].port);
	snprintf(name, sizeof(name), "net_ring_crew%u_%d", c->number, side);
	check(rte_eal_hotplug_remove("vdev", name) == 0, "a port does not go");
	for (unsigned q = 0; q < c->n_queues[side]; q++) {
		for (void *m; rte_ring_dequeue(c->to[side][q], &m) == 0;)
			rte_pktmbuf_free(m);
		for (void *m; rte_ring_dequeue(c->from[side][q], &m) == 0;)
			rte_pktmbuf_free(m);
		rte_ring_free(c->to[side][q]);
		rte_ring_free(c->from[side][q]);
	}
}

uint32_t crew_close(struct crew *c)
{
	for (uint32_t i = 0; i < c->n_workers; i++) {
		rte_rcu_qsbr_thread_offline(c->f.sas.rcu, i);
		worker_fini(c->worker[i]);
		rte_free(c->worker[i]);
	}
	steer_free(c->steer);
	port_close(c, FIXTURE_NETWORK);
	port_close(c, FIXTURE_KERNEL);
	free(c->f.zones.port[FIXTURE_NETWORK].zone_of_vlan);
	rte_ring_free(c->f.worker.events);
	set_table_free(&c->f.sets);
	sa_table_free(&c->f.sas);
	uint32_t missing = c->n_mbufs - rte_mempool_avail_count(c->pool) + N_DATAGRAMS -
			   rte_mempool_avail_count(c->datagrams);
	rte_mempool_free(c->pool);
	rte_mempool_free(c->datagrams);
	rte_free(c);
	return missing;
}

uint32_t crew_turn(struct crew *c, uint32_t worker)
{
	return worker_turn(c->worker[worker]);
}

void crew_finish(struct crew *c)
{
	/* The last turn of each finds nothing: then nothing waits in it, or in a ring to it. */
	for (uint32_t n_idle = 0; n_idle < 2 * c->n_workers;) {
		uint32_t n = 0;
		for (uint32_t i = 0; i < c->n_workers; i++)
			n += crew_turn(c, i);
		n_idle = n ? 0 : n_idle + 1;
	}
}

static void *run_worker(void *arg)
{
	worker_run(arg);
	return NULL;
}

void crew_run(struct crew *c)
{
	for (uint32_t i = 0; i < c->n_workers; i++) {
		rte_rcu_qsbr_thread_offline(c->f.sas.rcu, i); /* worker_run() goes online itself */
		atomic_store_explicit(&c->worker[i]->stop, false, memory_order_relaxed);
		check(pthread_create(&c->thread[i], NULL, run_worker, c->worker[i]) == 0,
		      "no thread");
	}
	c->runs = true;
}

void crew_stop(struct crew *c)
{
	for (uint32_t i = 0; i < c->n_workers; i++)
		atomic_store_explicit(&c->worker[i]->stop, true, memory_order_relaxed);
	for (uint32_t i = 0; i < c->n_workers; i++) {
		pthread_join(c->thread[i], NULL);
		rte_rcu_qsbr_thread_online(c->f.sas.rcu, i);
	}
	c->runs = false;
}

struct rte_mbuf *crew_frame(struct crew *c, const void *frame, uint32_t n_bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(c->pool);
	if (m)
		memcpy(rte_pktmbuf_append(m, (uint16_t)n_bytes), frame, n_bytes);
	return m;
}

void crew_enqueue(struct crew *c, enum fixture_side side, uint16_t queue, struct rte_mbuf *m[],
		  uint32_t n)
{
	tsan_order_give(m, n);
	check(rte_ring_enqueue_bulk(c->to[side][queue], (void **)m, n, NULL) == n,
	      "the queue is full");
}

bool crew_send(struct crew *c, enum fixture_side side, uint16_t queue, const void *frame,
	       uint32_t n_bytes)
{
	struct rte_mbuf *m = crew_frame(c, frame, n_bytes);
	if (m)
		crew_enqueue(c, side, queue, &m, 1);
	return m;
}

bool crew_receive(struct crew *c, enum fixture_side side, struct packet *p)
{
	for (unsigned q = 0; q < c->n_queues[side]; q++) {
		void *m;
		if (rte_ring_dequeue(c->from[side][q], &m) != 0)
			continue;
		tsan_order_take(m);
		fixture_take(m, p);
		return true;
	}
	return false;
}

uint64_t crew_counted(const struct crew *c, enum counter counter)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < c->n_workers; i++)
		n += c->worker[i]->count.n[counter];
	return n;
}

void crew_expect_accounted(const struct crew *c)
{
	uint64_t out = crew_counted(c, COUNT_kernel_tx) + crew_counted(c, COUNT_network_tx) +
		       crew_counted(c, COUNT_fragment_rx) + crew_counted(c, COUNT_fragment_split);
	for (unsigned i = COUNTER_FIRST_DROP; i < COUNT_N; i++)
		out += crew_counted(c, (enum counter)i);
	EXPECT_EQ(crew_counted(c, COUNT_network_rx) + crew_counted(c, COUNT_kernel_rx) +
			  crew_counted(c, COUNT_fragment_whole) +
			  crew_counted(c, COUNT_fragment_tx) + crew_counted(c, COUNT_too_big_tx),
		  out);
}
