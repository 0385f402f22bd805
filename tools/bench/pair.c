#include "tools/bench/pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "dataplane/pkt.h"
#include "dataplane/queue.h"

static struct rte_ring *new_ring(const char *name, unsigned queue, uint32_t n)
{
	char full[RTE_RING_NAMESIZE];
	snprintf(full, sizeof(full), "scale_%s%u", name, queue);
	return rte_ring_create(full, n, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int open_port(struct pair *p, const char *name, bool is_kernel)
{
	struct rte_ring *rx[PAIR_DESKS], *tx[PAIR_DESKS];
	for (unsigned q = 0; q < PAIR_DESKS; q++) {
		struct bench *b = &p->desk[q].bench;
		rx[q] = is_kernel ? b->kernel_rx : b->network_rx;
		tx[q] = is_kernel ? b->kernel_tx : b->network_tx;
	}
	int port = rte_eth_from_rings(name, rx, PAIR_DESKS, tx, PAIR_DESKS, 0);
	if (port < 0)
		return -ENOMEM;
	struct zone_port *z = &p->zones.port[p->zones.n_ports];
	*z = (struct zone_port){ .port = (uint16_t)port, .is_kernel = is_kernel };
	int rc = queue_open(z, PAIR_DESKS, 1500, p->run->bench->zones.pool);
	if (rc < 0)
		return rc;
	for (uint16_t q = 0; q < PAIR_DESKS; q++) /* by the worker's number in the RCU */
		z->queue_of[PAIR_FIRST_NUMBER + q] = q;
	p->zones.n_ports++;
	if (!is_kernel)
		z->zone_of_vlan = calloc(4096, 1);
	return is_kernel || z->zone_of_vlan ? port : -ENOMEM;
}

static int open_ports(struct pair *p)
{
	uint32_t n_entries = 2 * p->run->bench->round_pkts;
	for (unsigned q = 0; q < PAIR_DESKS; q++) {
		struct bench *b = &p->desk[q].bench;
		b->round_pkts = p->run->bench->round_pkts;
		b->network_rx = new_ring("network_rx", q, n_entries);
		b->network_tx = new_ring("network_tx", q, n_entries);
		b->kernel_rx = new_ring("kernel_rx", q, n_entries);
		b->kernel_tx = new_ring("kernel_tx", q, n_entries);
		if (!b->network_rx || !b->network_tx || !b->kernel_rx || !b->kernel_tx)
			return -ENOMEM;
	}
	int network = open_port(p, "scale_network", false);
	int kernel = network < 0 ? network : open_port(p, "scale_kernel", true);
	if (kernel < 0)
		return kernel;
	p->zones.n = 1;
	p->zones.zone[0] = p->run->bench->zones.zone[0];
	p->zones.zone[0].network_port = (uint16_t)network;
	p->zones.zone[0].kernel_port = (uint16_t)kernel;
	return 0;
}

static int open_desk(struct pair *p, unsigned q)
{
	struct pair_desk *d = &p->desk[q];
	char name[32];
	d->feed = *p->run->feed;
	d->feed.bench = &d->bench;
	d->feed.random += q;
	d->feed.crypto = crypto_new(-1);
	snprintf(name, sizeof(name), "scale%u", q);
	d->feed.pool = rte_pktmbuf_pool_create(name, 4 * d->bench.round_pkts, 256, PKT_BYTES,
					       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	d->feed.member = calloc(d->feed.n_room, sizeof(*d->feed.member));
	d->worker = rte_zmalloc("worker", sizeof(*d->worker), RTE_CACHE_LINE_SIZE);
	if (!d->feed.crypto || !d->feed.pool || !d->feed.member || !d->worker)
		return -ENOMEM;
	d->worker->zones = &p->zones;
	d->worker->sas = &p->run->bench->sas;
	d->worker->events = p->run->bench->worker->events;
	d->worker->start_tsc = rte_rdtsc();
	d->worker->fragments = p->run->bench->worker->fragments;
	d->worker->n_flood_sources = p->run->bench->worker->n_flood_sources;
	d->worker->steer = p->steer->worker[q];
	int rc = worker_init(d->worker, (uint16_t)(PAIR_FIRST_NUMBER + q), -1);
	if (rc == 0)
		rte_rcu_qsbr_thread_online(d->worker->sas->rcu, d->worker->number);
	return rc;
}

int pair_open(struct pair *p, struct bench_run *run)
{
	static const int node[PAIR_DESKS] = { SOCKET_ID_ANY, SOCKET_ID_ANY };
	p->run = run;
	int rc = open_ports(p);
	if (rc < 0)
		return rc;
	p->steer = steer_new(&p->zones, node, PAIR_DESKS, OWNER_BUCKETS_MAX);
	if (!p->steer)
		return -ENOMEM;
	for (unsigned q = 0; q < PAIR_DESKS && rc == 0; q++)
		rc = open_desk(p, q);
	return rc;
}

void pair_close(struct pair *p)
{
	for (unsigned q = 0; q < PAIR_DESKS; q++) {
		struct pair_desk *d = &p->desk[q];
		if (d->worker && d->worker->crypto) {
			rte_rcu_qsbr_thread_offline(d->worker->sas->rcu, d->worker->number);
			worker_fini(d->worker);
		}
		rte_free(d->worker);
		free(d->feed.member);
		if (d->feed.crypto)
			crypto_free(d->feed.crypto);
	}
	steer_free(p->steer);
}

void pair_share(struct pair *p, uint32_t n)
{
	const struct owner_map *map = atomic_load_explicit(&p->steer->map, memory_order_relaxed);
	for (unsigned q = 0; q < PAIR_DESKS; q++) {
		struct bench_feed *f = &p->desk[q].feed;
		f->suite = p->run->feed->suite;
		f->inbound = p->run->feed->inbound;
		f->n_populations = p->run->feed->n_populations;
		f->n_peers = n;
		f->n_members = 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t pair[2];
		feed_addresses(i, pair);
		uint32_t hash =
			owner_hash_addresses(&p->steer->hash, (const uint8_t *)pair, sizeof(pair));
		struct bench_feed *f = &p->desk[map->worker[hash & map->bucket_mask]].feed;
		f->member[f->n_members++] = i;
	}
}

void pair_leave(struct pair *p)
{
	for (unsigned q = 0; q < PAIR_DESKS; q++)
		rte_rcu_qsbr_quiescent(p->run->bench->sas.rcu, PAIR_FIRST_NUMBER + q);
	for (unsigned q = 0; q < PAIR_DESKS; q++)
		rte_rcu_qsbr_thread_offline(p->run->bench->sas.rcu, PAIR_FIRST_NUMBER + q);
}

void pair_enter(struct pair *p)
{
	for (unsigned q = 0; q < PAIR_DESKS; q++)
		rte_rcu_qsbr_thread_online(p->run->bench->sas.rcu, PAIR_FIRST_NUMBER + q);
}
