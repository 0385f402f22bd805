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
#include "tools/bench/bench.h"

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
	TRAIN_PKTS = 8192,   /* made at once: some milliseconds of traffic */
	SKIPPED_PKTS = 1024, /* of each train, until the queue is what the load makes of it */
	N_TRAINS = 100,
	N_TRAINS_QUICK = 20,
	MIN_BYTES = 300, /* SIP over Gm: from a short response to a full INVITE */
	MAX_BYTES = 1400,
};

struct site {
	struct bench_run *run;
	struct rte_mempool *pool;
	struct rte_ring *rx, *tx;
	struct rte_mbuf *train[TRAIN_PKTS];
	uint64_t due[TRAIN_PKTS]; /* cycles after the train's begin */
	int due_offset;           /* the same in the mbuf, for the sink */
	uint32_t n_pulled, n_out;
	uint64_t random;

	/* of one load */
	uint64_t n_lost, longest_turn;
	double *latency; /* cycles */
	uint32_t n_latencies;
};

static uint64_t *due_of(const struct site *s, struct rte_mbuf *m)
{
	return RTE_MBUF_DYNFIELD(m, s->due_offset, uint64_t *);
}

/* splitmix64 */
static uint64_t next_random(struct site *s)
{
	uint64_t word = s->random += UINT64_C(0x9e3779b97f4a7c15);
	word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
	return word ^ word >> 31;
}

/* `gap` cycles lie between two packets on average; 0: all are due at once. */
static int make_train(struct site *s, double gap)
{
	double at = 0;
	for (unsigned i = 0; i < TRAIN_PKTS; i++) {
		uint32_t size_bytes =
			MIN_BYTES + (uint32_t)(next_random(s) % (MAX_BYTES - MIN_BYTES + 1));
		int rc = feed_make(s->run->feed, &s->train[i], 1, size_bytes);
		if (rc < 0)
			return rc;
		double uniform = ((double)(next_random(s) >> 11) + 0.5) / (double)(1ull << 53);
		at -= gap * log(uniform);
		s->due[i] = (uint64_t)at;
		*due_of(s, s->train[i]) = s->due[i];
	}
	s->n_pulled = s->n_out = 0;
	return 0;
}

/* The source; it touches no packet. When all are due at once, the ring holds them back. */
static void pull(struct site *s, uint64_t now, bool lossless)
{
	unsigned n = 0, most = TRAIN_PKTS - s->n_pulled;
	if (lossless && most > WORKER_BURST)
		most = WORKER_BURST;
	while (n < most && s->due[s->n_pulled + n] <= now)
		n++;
	struct rte_mbuf **first = &s->train[s->n_pulled];
	unsigned taken = rte_ring_sp_enqueue_burst(s->rx, (void **)first, n, NULL);
	if (taken < n) {
		rte_pktmbuf_free_bulk(first + taken, n - taken);
		s->n_lost += n - taken;
	}
	s->n_pulled += n;
}

static void sink(struct site *s, uint64_t now)
{
	struct rte_mbuf *m[WORKER_BURST];
	for (unsigned n; (n = rte_ring_sc_dequeue_burst(s->tx, (void **)m, WORKER_BURST, NULL));) {
		for (unsigned i = 0; i < n; i++) {
			if (s->n_out + i >= SKIPPED_PKTS)
				s->latency[s->n_latencies++] = (double)(now - *due_of(s, m[i]));
		}
		rte_pktmbuf_free_bulk(m, n);
		s->n_out += n;
	}
}

/* Runs a train to its end; returns the cycles that took, or a negative errno. */
static int64_t run_train(struct site *s, double gap)
{
	uint64_t n_lost_before = s->n_lost;
	int rc = make_train(s, gap);
	if (rc < 0)
		return rc;
	quiet_hold();
	uint64_t begin = rte_rdtsc(), now = 0;
	for (uint32_t n_idle = 0; n_idle < 2;) {
		pull(s, now, gap == 0);
		bool busy = worker_turn(s->run->bench->worker) != 0;
		uint64_t after = rte_rdtsc() - begin;
		if (after - now > s->longest_turn)
			s->longest_turn = after - now;
		now = after;
		sink(s, now);
		n_idle = busy || s->n_pulled < TRAIN_PKTS ? 0 : n_idle + 1;
	}
	quiet_release();
	/* Whatever was not lost at the ring came out, or it is not the good path that we measured.
	 */
	if (s->n_out + s->n_lost - n_lost_before != TRAIN_PKTS)
		return -EPROTO;
	return (int64_t)now;
}

/* Trains at one load into s->latency; the median of their lengths into *cycles. */
static int run_load(struct site *s, double gap, uint32_t n_trains, double *cycles)
{
	double *length = calloc(n_trains, sizeof(*length));
	int rc = length ? 0 : -ENOMEM;
	s->n_lost = s->longest_turn = s->n_latencies = 0;
	for (uint32_t i = 0; i < n_trains && rc == 0; i++) {
		int64_t took = run_train(s, gap);
		if (took < 0)
			rc = (int)took;
		else
			length[i] = (double)took;
	}
	if (rc == 0)
		*cycles = stat_summarize(length, n_trains).median;
	free(length);
	return rc;
}

static double us(double cycles)
{
	return cycles * 1e6 / (double)rte_get_tsc_hz();
}

static void tell(const struct site *s, uint32_t n_sas, unsigned load_percent, double pkts_per_s,
		 uint64_t n_pkts)
{
	struct report *report = s->run->report;
	const char *direction = s->run->feed->inbound ? "inbound" : "outbound";
	stat_sort(s->latency, s->n_latencies);
	double p50 = us(stat_percentile(s->latency, s->n_latencies, 0.5));
	double p99 = us(stat_percentile(s->latency, s->n_latencies, 0.99));
	double p999 = us(stat_percentile(s->latency, s->n_latencies, 0.999));
	double most = us(s->latency[s->n_latencies - 1]), turn = us((double)s->longest_turn);
	report_say(report, "%-9s %8u %5u %% %7.2f %8.1f %8.1f %8.1f %9.1f %9.1f %8.4f %%\n",
		   direction, n_sas, load_percent, pkts_per_s / 1e6, p50, p99, p999, most, turn,
		   100.0 * (double)s->n_lost / (double)n_pkts);
	report_row(report, "latency",
		   json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "direction",
			     direction, "n_sas", n_sas, "load_percent", load_percent, "pkts_per_s",
			     pkts_per_s, "p50_us", p50, "p99_us", p99, "p999_us", p999, "max_us",
			     most, "longest_turn_us", turn, "n_pkts", (json_int_t)n_pkts, "n_lost",
			     (json_int_t)s->n_lost));
}

static int measure_population(struct site *s, uint32_t n_sas)
{
	static const unsigned loads[] = { 50, 90 };
	uint32_t n_trains = s->run->options->quick ? N_TRAINS_QUICK : N_TRAINS;
	double full, ignored;
	report_progress("latency: %u SAs", n_sas);
	int rc = feed_grow(s->run->feed, n_sas);
	if (rc == 0)
		rc = run_load(s, 0, n_trains / 4, &full);
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]) && rc == 0; i++) {
		double gap = full / TRAIN_PKTS * 100 / loads[i];
		rc = run_load(s, gap, n_trains, &ignored);
		report_progress(NULL);
		if (rc == 0)
			tell(s, n_sas, loads[i], (double)rte_get_tsc_hz() / gap,
			     (uint64_t)n_trains * TRAIN_PKTS);
	}
	return rc;
}

static int measure_direction(struct site *s, bool inbound)
{
	static const uint32_t sa_counts[] = { 1000, 4000000 };
	struct bench *b = s->run->bench;
	int rc = 0;
	s->rx = inbound ? b->network_rx : b->kernel_rx;
	s->tx = inbound ? b->kernel_tx : b->network_tx;
	feed_begin(s->run->feed, &bench_suites[0], inbound);
	for (size_t i = 0; i < sizeof(sa_counts) / sizeof(sa_counts[0]) && rc == 0; i++) {
		if (sa_counts[i] <= s->run->options->max_sas)
			rc = measure_population(s, sa_counts[i]);
	}
	feed_end(s->run->feed);
	return rc;
}

static int open_site(struct site *s, struct bench_run *run)
{
	static const struct rte_mbuf_dynfield field = { .name = "imsgate_bench_due",
							.size = sizeof(uint64_t),
							.align = _Alignof(uint64_t) };
	s->run = run;
	s->random = UINT64_C(0x5851f42d4c957f2d);
	s->due_offset = rte_mbuf_dynfield_register(&field);
	if (s->due_offset < 0)
		return -rte_errno;
	s->pool = rte_pktmbuf_pool_create("trains", 2 * TRAIN_PKTS, 256, PKT_BYTES,
					  RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	s->latency = calloc((size_t)N_TRAINS * TRAIN_PKTS, sizeof(*s->latency));
	return s->pool && s->latency ? 0 : -ENOMEM;
}

int latency_run(struct bench_run *run)
{
	static struct site s;
	int rc = open_site(&s, run);
	struct rte_mempool *pool = run->feed->pool;
	run->feed->pool = s.pool;
	report_say(
		run->report,
		"\nMicroseconds in the box, %s, %u–%u bytes evenly spread, arrivals independent\n"
		"at a share of the measured capacity; the source does not slow down.\n\n"
		"%-9s %8s %7s %7s %8s %8s %8s %9s %9s %10s\n",
		bench_suites[0].name, MIN_BYTES, MAX_BYTES, "direction", "SAs", "load", "Mpkt/s",
		"p50", "p99", "p99.9", "longest", "turn", "lost");
	for (unsigned d = 0; d < 2 && rc == 0; d++)
		rc = measure_direction(&s, d == 0);
	if (rc < 0)
		fprintf(stderr, "imsgate-bench: error: latency: %s\n", strerror(-rc));
	run->feed->pool = pool;
	rte_mempool_free(s.pool);
	free(s.latency);
	return rc;
}
