#include "tools/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

/* Rounds that are run but not counted: caches, branch predictors and the clock settle. */
#define WARM_UP_ROUNDS 4

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double percentile(double *sorted, uint32_t n, uint32_t percent)
{
	return sorted[(uint64_t)(n - 1) * percent / 100];
}

/* One fed round through the worker. Returns cycles per packet, or a negative errno. */
static double worker_round(struct bench_feed *f, const struct bench_case *c)
{
	int rc = bench_feed_round(f, c->inbound, c->size_bytes);
	if (rc < 0)
		return rc;
	uint64_t begin = rte_rdtsc();
	while (worker_turn(f->bench->worker))
		; /* the last turn finds nothing and finishes what waits */
	uint64_t cycles = rte_rdtsc() - begin;
	if (bench_feed_drain(f, c->inbound) != BENCH_ROUND_PKTS)
		return -EPROTO; /* a packet was dropped: what was measured is not the good path */
	return (double)cycles / BENCH_ROUND_PKTS;
}

static int complain(const struct bench_feed *f, int rc)
{
	fprintf(stderr, "imsgate-bench: error: a round failed: %s\n", strerror(-rc));
	for (uint32_t i = COUNTER_FIRST_DROP; i < COUNT_N; i++) {
		if (f->bench->worker->count.n[i])
			fprintf(stderr, "  %s: %lu\n", counter_name[i],
				f->bench->worker->count.n[i]);
	}
	return rc;
}

int bench_measure(struct bench_feed *f, const struct bench_case *c, uint32_t n_rounds,
		  struct bench_result *result)
{
	struct bench_bare *bare = bench_bare_new(c);
	double *ours = calloc(n_rounds, sizeof(*ours)), *theirs = calloc(n_rounds, sizeof(*theirs));
	int rc = bare && ours && theirs ? 0 : -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < WARM_UP_ROUNDS + n_rounds; i++) {
		/* In turns, so that both see the same machine. */
		double bare_cycles = bench_bare_round(bare);
		double cycles = worker_round(f, c);
		if (cycles < 0)
			rc = complain(f, (int)cycles);
		else if (i >= WARM_UP_ROUNDS) {
			ours[i - WARM_UP_ROUNDS] = cycles;
			theirs[i - WARM_UP_ROUNDS] = bare_cycles;
		}
	}
	if (rc == 0) {
		qsort(ours, n_rounds, sizeof(*ours), compare);
		qsort(theirs, n_rounds, sizeof(*theirs), compare);
		*result = (struct bench_result){
			.c = *c,
			.cycles = percentile(ours, n_rounds, 50),
			.bare_cycles = percentile(theirs, n_rounds, 50),
			.fewest = percentile(ours, n_rounds, 10),
			.most = percentile(ours, n_rounds, 90),
			.n_pkts = (uint64_t)n_rounds * BENCH_ROUND_PKTS,
		};
	}
	bench_bare_free(bare);
	free(ours);
	free(theirs);
	return rc;
}
