/*
 * Time in the box under load: from the moment at which a packet was due at the port to the end of
 * the turn that sent it on.
 *
 * The source is open-loop. Packets are made beforehand; each has a moment at which it is due
 * (independent arrivals at a given rate, a Poisson process) and goes into the port's receive ring
 * once that has passed, however late the worker is; a full ring loses it. Time is counted from the
 * schedule, never from when the source got to it, so that a stall is felt by every packet that was
 * due meanwhile. Source, sink and worker take turns in one thread: what the source takes is part of
 * the load, for the capacity and for the latency alike.
 */
#include "tools/bench/latency.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include "dataplane/pkt.h"
#include "tools/bench/feed.h"
#include "tools/bench/quiet.h"
#include "tools/bench/report.h"
#include "tools/bench/stat.h"

enum {
	N_TRAINS = 100,
	N_TRAINS_QUICK = 20,
};

static uint64_t *due_of(const struct latency *l, struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, l->due_offset, uint64_t *);
}

/* splitmix64 */
static uint64_t next_random(struct latency *l)
{
	uint64_t word = l->random += UINT64_C(0x9e3779b97f4a7c15);
	word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
	return word ^ word >> 31;
}

/* `gap` cycles lie between two packets on average; 0: all are due at once. */
static int make_train(struct latency *l, double gap)
{
	double at = 0;
	for (unsigned i = 0; i < LATENCY_TRAIN_PKTS; i++) {
		uint32_t size_bytes =
			LATENCY_MIN_BYTES +
			(uint32_t)(next_random(l) % (LATENCY_MAX_BYTES - LATENCY_MIN_BYTES + 1));
		int rc = feed_make(l->run->feed, &l->train[i], 1, size_bytes);
		if (rc < 0)
			return rc;
		double uniform = ((double)(next_random(l) >> 11) + 0.5) / (double)(1ull << 53);
		at -= gap * log(uniform);
		l->due[i] = (uint64_t)at;
		*due_of(l, l->train[i]) = l->due[i];
	}
	l->n_pulled = l->n_out = 0;
	return 0;
}

/* The source; it touches no packet. When all are due at once, the ring holds them back. */
static void pull(struct latency *l, uint64_t now, bool lossless)
{
	unsigned n = 0, most = LATENCY_TRAIN_PKTS - l->n_pulled;
	if (lossless && most > WORKER_BURST)
		most = WORKER_BURST;
	while (n < most && l->due[l->n_pulled + n] <= now)
		n++;
	struct rte_mbuf **first = &l->train[l->n_pulled];
	unsigned taken = rte_ring_sp_enqueue_burst(l->rx, (void **)first, n, NULL);
	if (taken < n)
		rte_pktmbuf_free_bulk(first + taken, n - taken);
	l->n_pulled += n;
}

static void sink(struct latency *l, uint64_t now)
{
	struct rte_mbuf *m[WORKER_BURST];
	for (unsigned n; (n = rte_ring_sc_dequeue_burst(l->tx, (void **)m, WORKER_BURST, NULL));) {
		for (unsigned i = 0; i < n; i++) {
			if (l->n_out + i >= LATENCY_SKIPPED_PKTS)
				l->cycles[l->n_cycles++] = (double)(now - *due_of(l, m[i]));
		}
		rte_pktmbuf_free_bulk(m, n);
		l->n_out += n;
	}
}

/* Runs a train to its end; returns the cycles that took, or a negative errno. */
static int64_t run_train(struct latency *l, double gap)
{
	struct bench *b = l->run->bench;
	rte_rcu_qsbr_thread_offline(b->sas.rcu, b->worker->number);
	int rc = make_train(l, gap);
	rte_rcu_qsbr_thread_online(b->sas.rcu, b->worker->number);
	if (rc < 0)
		return rc;
	atomic_store_explicit(&l->traffic, true, memory_order_relaxed);
	quiet_hold();
	uint64_t begin = rte_rdtsc(), now = 0;
	for (uint32_t n_idle = 0; n_idle < 2;) {
		pull(l, now, gap == 0);
		bool busy = worker_turn(b->worker) != 0;
		uint64_t after = rte_rdtsc() - begin;
		if (after - now > l->longest_turn)
			l->longest_turn = after - now;
		now = after;
		sink(l, now);
		n_idle = busy || l->n_pulled < LATENCY_TRAIN_PKTS ? 0 : n_idle + 1;
	}
	quiet_release();
	atomic_store_explicit(&l->traffic, false, memory_order_relaxed);
	/* At the ring or in the box: what did not come out is lost. */
	l->n_lost += LATENCY_TRAIN_PKTS - l->n_out;
	return (int64_t)now;
}

void latency_begin(struct latency *l)
{
	l->n_lost = l->longest_turn = l->n_cycles = 0;
	l->rx = l->run->feed->inbound ? l->run->bench->network_rx : l->run->bench->kernel_rx;
	l->tx = l->run->feed->inbound ? l->run->bench->kernel_tx : l->run->bench->network_tx;
}

int latency_capacity(struct latency *l, uint32_t n_trains, double *gap)
{
	double length[LATENCY_MAX_TRAINS];
	latency_begin(l);
	for (uint32_t i = 0; i < n_trains; i++) {
		int64_t took = run_train(l, 0);
		if (took < 0)
			return (int)took;
		length[i] = (double)took;
	}
	*gap = stat_summarize(length, n_trains).median / LATENCY_TRAIN_PKTS;
	return l->n_lost ? -EPROTO : 0; /* not the good path that was measured */
}

int latency_train(struct latency *l, double gap)
{
	int64_t took = run_train(l, gap);
	return took < 0 ? (int)took : 0;
}

int latency_end(struct latency *l)
{
	if (!l->n_cycles)
		return -EPROTO;
	stat_sort(l->cycles, l->n_cycles);
	return 0;
}

static double us(double cycles)
{
	return cycles * 1e6 / (double)rte_get_tsc_hz();
}

double latency_us(struct latency *l, double share)
{
	return us(stat_percentile(l->cycles, l->n_cycles, share));
}

static void tell(struct latency *l, uint32_t n_sas, unsigned load_percent, double pkts_per_s,
		 uint64_t n_pkts)
{
	struct report *report = l->run->report;
	const char *direction = l->run->feed->inbound ? "inbound" : "outbound";
	double p50 = latency_us(l, 0.5), p99 = latency_us(l, 0.99), p999 = latency_us(l, 0.999);
	double most = latency_us(l, 1), turn = us((double)l->longest_turn);
	report_say(report, "%-9s %8u %5u %% %7.2f %8.1f %8.1f %8.1f %9.1f %9.1f %8.4f %%\n",
		   direction, n_sas, load_percent, pkts_per_s / 1e6, p50, p99, p999, most, turn,
		   100.0 * (double)l->n_lost / (double)n_pkts);
	report_row(report, "latency",
		   json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "direction",
			     direction, "n_sas", n_sas, "load_percent", load_percent, "pkts_per_s",
			     pkts_per_s, "p50_us", p50, "p99_us", p99, "p999_us", p999, "max_us",
			     most, "longest_turn_us", turn, "n_pkts", (json_int_t)n_pkts, "n_lost",
			     (json_int_t)l->n_lost));
}

static int measure_population(struct latency *l, uint32_t n_sas)
{
	static const unsigned loads[] = { 50, 90 };
	uint32_t n_trains = l->run->options->quick ? N_TRAINS_QUICK : N_TRAINS;
	double full;
	report_progress("latency: %u SAs", n_sas);
	int rc = feed_grow(l->run->feed, n_sas);
	if (rc == 0)
		rc = latency_capacity(l, n_trains / 4, &full);
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]) && rc == 0; i++) {
		double gap = full * 100 / loads[i];
		latency_begin(l);
		for (uint32_t train = 0; train < n_trains && rc == 0; train++)
			rc = latency_train(l, gap);
		if (rc == 0)
			rc = latency_end(l);
		report_progress(NULL);
		if (rc == 0)
			tell(l, n_sas, loads[i], (double)rte_get_tsc_hz() / gap,
			     (uint64_t)n_trains * LATENCY_TRAIN_PKTS);
	}
	return rc;
}

static int measure_direction(struct latency *l, bool inbound)
{
	static const uint32_t sa_counts[] = { 1000, 4000000 };
	int rc = 0;
	feed_begin(l->run->feed, &bench_suites[0], inbound);
	for (size_t i = 0; i < sizeof(sa_counts) / sizeof(sa_counts[0]) && rc == 0; i++) {
		if (sa_counts[i] <= l->run->options->max_sas)
			rc = measure_population(l, sa_counts[i]);
	}
	feed_end(l->run->feed);
	return rc;
}

int latency_open(struct latency *l, struct bench_run *run)
{
	static const struct rte_mbuf_dynfield field = { .name = "imsgate_bench_due",
							.size = sizeof(uint64_t),
							.align = _Alignof(uint64_t) };
	memset(l, 0, sizeof(*l));
	l->run = run;
	l->random = UINT64_C(0x5851f42d4c957f2d);
	l->pool_before = run->feed->pool;
	l->due_offset = rte_mbuf_dynfield_register(&field);
	if (l->due_offset < 0)
		return -rte_errno;
	l->pool = rte_pktmbuf_pool_create("trains", 2 * LATENCY_TRAIN_PKTS, 256, PKT_BYTES,
					  RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	l->cycles = calloc((size_t)LATENCY_MAX_TRAINS * LATENCY_TRAIN_PKTS, sizeof(*l->cycles));
	if (!l->pool || !l->cycles)
		return -ENOMEM;
	run->feed->pool = l->pool;
	return 0;
}

void latency_close(struct latency *l)
{
	l->run->feed->pool = l->pool_before;
	rte_mempool_free(l->pool);
	free(l->cycles);
}

int latency_run(struct bench_run *run)
{
	static struct latency l;
	int rc = latency_open(&l, run);
	report_say(
		run->report,
		"\nMicroseconds in the box, %s, %u–%u bytes evenly spread, arrivals independent\n"
		"at a share of the measured capacity; the source does not slow down.\n\n"
		"%-9s %8s %7s %7s %8s %8s %8s %9s %9s %10s\n",
		bench_suites[0].name, LATENCY_MIN_BYTES, LATENCY_MAX_BYTES, "direction", "SAs",
		"load", "Mpkt/s", "p50", "p99", "p99.9", "longest", "turn", "lost");
	for (unsigned d = 0; d < 2 && rc == 0; d++)
		rc = measure_direction(&l, d == 0);
	if (rc < 0)
		fprintf(stderr, "imsgate-bench: error: latency: %s\n", strerror(-rc));
	latency_close(&l);
	return rc;
}
