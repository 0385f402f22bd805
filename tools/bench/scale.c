/*
 * What a second worker brings. Two workers, each on a core of its own with its own queues, source
 * and sink, and the UEs that it owns; steering is on and finds every packet where it belongs, as
 * behind a NIC whose RSS agrees. Beside each of their rounds, in turns, one of the two works
 * through a round alone, as the only worker of its data plane, while the other core waits.
 *
 * Packets are made and taken away between the measured parts, which begin on both cores at the same
 * moment. The gain is what both do in a cycle over what the one does alone. A third round, alone
 * but steered, tells what the search for owners takes of it.
 */
#include "tools/bench/bench.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "dataplane/pkt.h"
#include "dataplane/queue.h"
#include "dataplane/steer.h"
#include "tools/bench/feed.h"
#include "tools/bench/quiet.h"
#include "tools/bench/report.h"
#include "tools/bench/stat.h"

enum {
	N_DESKS = 2,
	SIZE_BYTES = 128,
	WARM_UP_ROUNDS = 8,
	/* Numbers in the RCU: 0 is the bench's own worker. */
	FIRST_NUMBER = 1,
};
_Static_assert(FIRST_NUMBER + N_DESKS <= BENCH_WORKERS, "each has a place in the RCU");

#define TARGET_GAIN 1.9

static const uint32_t sa_counts[] = { 2000, 4000000 };

/* A worker, and all that its core needs to feed it. */
struct desk {
	struct bench bench; /* its rings, for the feed */
	struct bench_feed feed;
	struct worker *worker;
	double cycles; /* per packet of the last round */
	int rc;
	/* Round numbers. written by: `asked`, `start` the first desk; `ready`, `done` the second */
	_Alignas(RTE_CACHE_LINE_SIZE) _Atomic uint32_t asked, start;
	_Alignas(RTE_CACHE_LINE_SIZE) _Atomic uint32_t ready, done;
	_Atomic bool stop;
};

struct scale {
	struct bench_run *run;
	struct zones zones;
	struct steer *steer;
	struct desk desk[N_DESKS];
	pthread_t thread;
	unsigned other_core;
};

/* ---- rounds ---- */

static void measure_turns(struct desk *d)
{
	uint64_t begin = rte_rdtsc();
	while (worker_turn(d->worker))
		;
	d->cycles = (double)(rte_rdtsc() - begin) / d->bench.round_pkts;
}

static int drain(struct desk *d)
{
	return feed_drain(&d->feed) == d->bench.round_pkts ? 0 : -EPROTO;
}

/* `of` is written by another thread with release. */
static void wait_for(const _Atomic uint32_t *of, uint32_t round)
{
	while (atomic_load_explicit(of, memory_order_acquire) != round)
		rte_pause();
}

static void tell(_Atomic uint32_t *what, uint32_t round)
{
	atomic_store_explicit(what, round, memory_order_release); /* partner: wait_for() */
}

static bool bind_to(unsigned core)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
}

static void *run_second(void *arg)
{
	struct scale *s = arg;
	struct desk *d = &s->desk[1];
	bind_to(s->other_core);
	rte_thread_register(); /* for a cache of its own in the pool */
	for (uint32_t round = 1;; round++) {
		while (atomic_load_explicit(&d->asked, memory_order_acquire) != round &&
		       !atomic_load_explicit(&d->stop, memory_order_acquire))
			rte_pause();
		if (atomic_load_explicit(&d->stop, memory_order_acquire))
			break;
		d->rc = feed_round(&d->feed, SIZE_BYTES);
		quiet_hold();
		tell(&d->ready, round);
		wait_for(&d->start, round);
		measure_turns(d);
		quiet_release();
		if (d->rc == 0)
			d->rc = drain(d);
		tell(&d->done, round);
	}
	rte_thread_unregister();
	return NULL;
}

/* `steered`: with the search for each packet's owner, which one worker alone does without. */
static int round_alone(struct desk *d, bool steered, double *cycles)
{
	struct steer_worker *steer = d->worker->steer;
	int rc = feed_round(&d->feed, SIZE_BYTES);
	if (rc < 0)
		return rc;
	if (!steered)
		d->worker->steer = NULL;
	quiet_hold();
	measure_turns(d);
	quiet_release();
	d->worker->steer = steer;
	*cycles = d->cycles;
	return drain(d);
}

static int round_together(struct scale *s, uint32_t round, double cycles[N_DESKS])
{
	struct desk *first = &s->desk[0], *second = &s->desk[1];
	int rc = feed_round(&first->feed, SIZE_BYTES);
	tell(&second->asked, round);
	wait_for(&second->ready, round);
	quiet_hold();
	tell(&second->start, round);
	measure_turns(first);
	quiet_release();
	wait_for(&second->done, round);
	if (rc == 0)
		rc = drain(first);
	cycles[0] = first->cycles;
	cycles[1] = second->cycles;
	return rc < 0 ? rc : second->rc;
}

/* Of each measured round; see measure_case(). */
struct rounds {
	double *gain, *alone, *steered, *together;
};

static int measure(struct scale *s, struct rounds *r, uint32_t n)
{
	for (uint32_t i = 0; i < WARM_UP_ROUNDS + n; i++) {
		double one, steered, both[N_DESKS] = { 1, 1 };
		int rc = round_alone(&s->desk[0], false, &one);
		if (rc == 0)
			rc = round_alone(&s->desk[0], true, &steered);
		if (rc == 0)
			rc = round_together(s, i + 1, both);
		if (rc < 0)
			return rc;
		if (i < WARM_UP_ROUNDS)
			continue;
		uint32_t at = i - WARM_UP_ROUNDS;
		r->gain[at] = one / both[0] + one / both[1];
		r->alone[at] = one;
		r->steered[at] = steered;
		r->together[at] = 2 / (1 / both[0] + 1 / both[1]);
	}
	return 0;
}

/* ---- setting it up ---- */

static struct rte_ring *new_ring(const char *name, unsigned queue, uint32_t n)
{
	char full[RTE_RING_NAMESIZE];
	snprintf(full, sizeof(full), "scale_%s%u", name, queue);
	return rte_ring_create(full, n, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int open_port(struct scale *s, const char *name, bool is_kernel)
{
	struct rte_ring *rx[N_DESKS], *tx[N_DESKS];
	for (unsigned q = 0; q < N_DESKS; q++) {
		struct bench *b = &s->desk[q].bench;
		rx[q] = is_kernel ? b->kernel_rx : b->network_rx;
		tx[q] = is_kernel ? b->kernel_tx : b->network_tx;
	}
	int port = rte_eth_from_rings(name, rx, N_DESKS, tx, N_DESKS, 0);
	if (port < 0)
		return -ENOMEM;
	struct zone_port *p = &s->zones.port[s->zones.n_ports];
	*p = (struct zone_port){ .port = (uint16_t)port, .is_kernel = is_kernel };
	int rc = queue_open(p, N_DESKS, 1500, s->run->bench->zones.pool);
	if (rc < 0)
		return rc;
	for (uint16_t q = 0; q < N_DESKS; q++) /* by the worker's number in the RCU */
		p->queue_of[FIRST_NUMBER + q] = q;
	s->zones.n_ports++;
	if (!is_kernel)
		p->zone_of_vlan = calloc(4096, 1);
	return is_kernel || p->zone_of_vlan ? port : -ENOMEM;
}

static int open_ports(struct scale *s)
{
	uint32_t n_entries = 2 * s->run->bench->round_pkts;
	for (unsigned q = 0; q < N_DESKS; q++) {
		struct bench *b = &s->desk[q].bench;
		b->round_pkts = s->run->bench->round_pkts;
		b->network_rx = new_ring("network_rx", q, n_entries);
		b->network_tx = new_ring("network_tx", q, n_entries);
		b->kernel_rx = new_ring("kernel_rx", q, n_entries);
		b->kernel_tx = new_ring("kernel_tx", q, n_entries);
		if (!b->network_rx || !b->network_tx || !b->kernel_rx || !b->kernel_tx)
			return -ENOMEM;
	}
	int network = open_port(s, "scale_network", false);
	int kernel = network < 0 ? network : open_port(s, "scale_kernel", true);
	if (kernel < 0)
		return kernel;
	s->zones.n = 1;
	s->zones.zone[0] = s->run->bench->zones.zone[0];
	s->zones.zone[0].network_port = (uint16_t)network;
	s->zones.zone[0].kernel_port = (uint16_t)kernel;
	return 0;
}

static int open_desk(struct scale *s, unsigned q)
{
	struct desk *d = &s->desk[q];
	char name[32];
	d->feed = *s->run->feed;
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
	d->worker->zones = &s->zones;
	d->worker->sas = &s->run->bench->sas;
	d->worker->events = s->run->bench->worker->events;
	d->worker->start_tsc = rte_rdtsc();
	d->worker->fragments = s->run->bench->worker->fragments;
	d->worker->steer = s->steer->worker[q];
	int rc = worker_init(d->worker, (uint16_t)(FIRST_NUMBER + q), -1);
	if (rc == 0)
		rte_rcu_qsbr_thread_online(d->worker->sas->rcu, d->worker->number);
	return rc;
}

static int open_all(struct scale *s)
{
	static const int node[N_DESKS] = { SOCKET_ID_ANY, SOCKET_ID_ANY };
	int rc = open_ports(s);
	if (rc < 0)
		return rc;
	s->steer = steer_new(&s->zones, node, N_DESKS, OWNER_BUCKETS_MAX);
	if (!s->steer)
		return -ENOMEM;
	for (unsigned q = 0; q < N_DESKS && rc == 0; q++)
		rc = open_desk(s, q);
	return rc;
}

static void close_all(struct scale *s)
{
	for (unsigned q = 0; q < N_DESKS; q++) {
		struct desk *d = &s->desk[q];
		if (d->worker && d->worker->crypto) {
			rte_rcu_qsbr_thread_offline(d->worker->sas->rcu, d->worker->number);
			worker_fini(d->worker);
		}
		rte_free(d->worker);
		free(d->feed.member);
		if (d->feed.crypto)
			crypto_free(d->feed.crypto);
	}
	steer_free(s->steer);
}

/* Each desk's source makes packets of the peers that its worker owns. */
static void share_peers(struct scale *s, uint32_t n)
{
	const struct owner_map *map = atomic_load_explicit(&s->steer->map, memory_order_relaxed);
	for (unsigned q = 0; q < N_DESKS; q++) {
		struct bench_feed *f = &s->desk[q].feed;
		f->suite = s->run->feed->suite;
		f->inbound = s->run->feed->inbound;
		f->n_populations = s->run->feed->n_populations;
		f->n_peers = n;
		f->n_members = 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t pair[2];
		feed_addresses(i, pair);
		uint32_t hash =
			owner_hash_addresses(&s->steer->hash, (const uint8_t *)pair, sizeof(pair));
		struct bench_feed *f = &s->desk[map->worker[hash & map->bucket_mask]].feed;
		f->member[f->n_members++] = i;
	}
}

static int start_second(struct scale *s)
{
	struct desk *d = &s->desk[1];
	atomic_store_explicit(&d->asked, 0, memory_order_relaxed);
	atomic_store_explicit(&d->stop, false, memory_order_relaxed);
	return -pthread_create(&s->thread, NULL, run_second, s);
}

static void stop_second(struct scale *s)
{
	atomic_store_explicit(&s->desk[1].stop, true, memory_order_release);
	pthread_join(s->thread, NULL);
}

/* ---- cases ---- */

static void complain(const struct scale *s, int rc)
{
	fprintf(stderr, "imsgate-bench: error: scale: %s\n", strerror(-rc));
	for (unsigned q = 0; q < N_DESKS; q++) {
		for (uint32_t i = COUNTER_FIRST_DROP; i < COUNT_N; i++) {
			uint64_t n = s->desk[q].worker->count.n[i];
			if (n)
				fprintf(stderr, "  worker %u, %s: %lu\n", q, counter_name[i], n);
		}
	}
}

static void tell_case(struct scale *s, bool inbound, uint32_t n_sas, struct rounds *r, uint32_t n)
{
	struct stat_summary gain = stat_summarize(r->gain, n), alone = stat_summarize(r->alone, n);
	struct stat_summary steered = stat_summarize(r->steered, n);
	struct stat_summary together = stat_summarize(r->together, n);
	const char *direction = inbound ? "inbound" : "outbound";
	char what[80];
	report_say(s->run->report, "%-9s %9u %8.0f %8.0f %9.0f %6.2f %7.2f–%.2f\n", direction,
		   n_sas, alone.median, steered.median, together.median, gain.median, gain.p10,
		   gain.p90);
	report_row(s->run->report, "scale",
		   json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "direction",
			     direction, "n_sas", n_sas, "size_bytes", SIZE_BYTES, "cycles_alone",
			     alone.median, "cycles_alone_steered", steered.median,
			     "cycles_together", together.median, "gain", gain.median, "gain_p10",
			     gain.p10, "gain_p90", gain.p90));
	snprintf(what, sizeof(what), "two workers, %s, %u SAs", direction, n_sas);
	report_target(s->run->report, what, gain.median, true, TARGET_GAIN, "×");
}

static int measure_case(struct scale *s, bool inbound, uint32_t n_sas)
{
	uint32_t n = s->run->options->n_rounds;
	double *all = calloc(4 * (size_t)n, sizeof(*all));
	struct rounds r = { .gain = all };
	int rc = -ENOMEM;
	if (all) {
		r = (struct rounds){ all, all + n, all + 2 * n, all + 3 * n };
		rc = start_second(s);
	}
	if (rc == 0) {
		rc = measure(s, &r, n);
		stop_second(s);
	}
	report_progress(NULL);
	if (rc < 0)
		complain(s, rc);
	else
		tell_case(s, inbound, n_sas, &r, n);
	free(all);
	return rc;
}

static int measure_all(struct scale *s)
{
	int rc = 0;
	for (unsigned inbound = 0; inbound < 2 && rc == 0; inbound++) {
		feed_begin(s->run->feed, &bench_suites[0], !inbound);
		for (size_t k = 0; k < sizeof(sa_counts) / sizeof(sa_counts[0]) && rc == 0; k++) {
			if (sa_counts[k] > s->run->options->max_sas)
				continue;
			report_progress("scale: %u SAs", sa_counts[k]);
			rc = feed_grow(s->run->feed, sa_counts[k]);
			if (rc < 0)
				break;
			share_peers(s, sa_counts[k]);
			rc = measure_case(s, !inbound, sa_counts[k]);
		}
		for (unsigned q = 0; q < N_DESKS; q++) /* both are at rest */
			rte_rcu_qsbr_quiescent(s->run->bench->sas.rcu, FIRST_NUMBER + q);
		for (unsigned q = 0; q < N_DESKS; q++)
			rte_rcu_qsbr_thread_offline(s->run->bench->sas.rcu, FIRST_NUMBER + q);
		feed_end(s->run->feed);
		for (unsigned q = 0; q < N_DESKS; q++)
			rte_rcu_qsbr_thread_online(s->run->bench->sas.rcu, FIRST_NUMBER + q);
	}
	return rc;
}

/* The last core besides the bench's own on which it may run; -1: none. DPDK has bound us to one. */
static int find_other_core(unsigned core)
{
	int other = CPU_SETSIZE - 1;
	while (other >= 0 && (other == (int)core || !bind_to((unsigned)other)))
		other--;
	bind_to(core);
	return other;
}

int scale_run(struct bench_run *run)
{
	struct scale *s = rte_zmalloc("scale", sizeof(*s), RTE_CACHE_LINE_SIZE);
	if (!s)
		return -ENOMEM;
	int other = find_other_core(run->bench->core);
	if (other < 0) {
		report_say(run->report, "\nTwo workers: not measured, there is one core only.\n");
		rte_free(s);
		return 0;
	}
	s->run = run;
	s->other_core = (unsigned)other;
	report_say(
		run->report,
		"\nTwo workers on cores %u and %u, each with its own source and sink, beside one "
		"alone,\n%u bytes; cycles per packet and core.\n\n%-9s %9s %8s %8s %9s %6s %12s\n",
		run->bench->core, s->other_core, SIZE_BYTES, "direction", "SAs", "alone", "steered",
		"together", "gain", "10–90 %");
	int rc = open_all(s);
	if (rc < 0)
		fprintf(stderr, "imsgate-bench: error: scale: two workers do not start: %s\n",
			strerror(-rc));
	else
		rc = measure_all(s);
	close_all(s);
	rte_free(s);
	return rc;
}
