#include "tools/bench/measure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "tools/bench/bare.h"
#include "tools/bench/quiet.h"
#include "tools/bench/report.h"

/* Rounds that are run but not counted: caches, branch predictors and the clock settle. */
#define WARM_UP_ROUNDS 8
/* A case takes no longer, once it has so many rounds: one of 3DES takes a hundred times of SHA-1.
 */
#define MOST_SECONDS 4
#define LEAST_ROUNDS 32

double measure_round(struct bench_feed *f)
{
	uint64_t begin = rte_rdtsc();
	while (worker_turn(f->bench->worker))
		; /* the last turn finds nothing and finishes what waits */
	return (double)(rte_rdtsc() - begin) / f->bench->round_pkts;
}

static int complain(const struct bench_feed *f, int rc)
{
	report_progress(NULL);
	fprintf(stderr, "imsgate-bench: error: a round failed: %s\n", strerror(-rc));
	for (uint32_t i = COUNTER_FIRST_DROP; i < COUNT_N; i++) {
		if (f->bench->worker->count.n[i])
			fprintf(stderr, "  %s: %lu\n", counter_name[i],
				f->bench->worker->count.n[i]);
	}
	return rc;
}

/* What was measured is only worth something when every packet went the way it was meant to go. */
static int check(struct bench_feed *f, const struct measure_traffic *t, uint64_t n_dropped_before)
{
	uint32_t n_out = feed_drain(f);
	if (!t->dropped)
		return n_out == f->bench->round_pkts ? 0 : -EPROTO;
	uint64_t n_dropped = f->bench->worker->count.n[t->reason] - n_dropped_before;
	return n_out == 0 && n_dropped == f->bench->round_pkts ? 0 : -EPROTO;
}

static int one_round(struct bench_feed *f, const struct measure_traffic *t, struct bare *bare,
		     double *cycles, double *bare_cycles)
{
	uint64_t n_dropped = f->bench->worker->count.n[t->reason];
	int rc = t->dropped ? feed_bad_round(f, t->bad, t->size_bytes)
			    : feed_round(f, t->size_bytes);
	if (rc < 0)
		return rc;
	quiet_hold();
	*cycles = measure_round(f);
	*bare_cycles = bare ? bare_round(bare) : 1;
	quiet_release();
	return check(f, t, n_dropped);
}

int measure_rounds(struct bench_feed *f, const struct measure_traffic *t, struct bare *bare,
		   uint32_t n_rounds, struct measure_result *result)
{
	double *ours = calloc(n_rounds, sizeof(*ours)), *theirs = calloc(n_rounds, sizeof(*theirs));
	double *ratio = calloc(n_rounds, sizeof(*ratio));
	int rc = ours && theirs && ratio ? 0 : -ENOMEM;
	memset(result, 0, sizeof(*result));
	uint32_t n = 0;
	uint64_t began = rte_rdtsc();
	for (uint32_t i = 0; rc == 0 && n < n_rounds; i++) {
		double cycles, bare_cycles;
		rc = one_round(f, t, bare, &cycles, &bare_cycles);
		if (rc < 0)
			rc = complain(f, rc);
		if (rc < 0 || i < WARM_UP_ROUNDS)
			continue;
		ours[n] = cycles;
		theirs[n] = bare_cycles;
		ratio[n++] = cycles / bare_cycles; /* neighbours in time: the same clock speed */
		if (n >= LEAST_ROUNDS && rte_rdtsc() - began > MOST_SECONDS * rte_get_tsc_hz())
			break;
	}
	if (rc == 0) {
		result->cycles = stat_summarize(ours, n);
		if (bare) {
			result->bare = stat_summarize(theirs, n);
			result->ratio = stat_summarize(ratio, n);
		}
		result->n_pkts = (uint64_t)n * f->bench->round_pkts;
	}
	free(ours);
	free(theirs);
	free(ratio);
	return rc;
}
