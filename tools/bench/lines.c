/*
 * What the memory of this machine takes for many SAs, whatever the code: a bare loop that asks for
 * the lines of random SAs, burst by burst, as the worker does, with the caches as the source of
 * packets leaves them. Asked again for other lines of the same SAs, whose pages are known then, it
 * shows what of that is page walks.
 */
#include "tools/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_prefetch.h>

#include "dataplane/tuple.h"
#include "tools/bench/feed.h"
#include "tools/bench/measure.h"
#include "tools/bench/quiet.h"
#include "tools/bench/report.h"
#include "tools/bench/stat.h"

#define SIZE_BYTES 128u
/* Until what was asked for is there: some microseconds. */
#define SETTLE_CYCLES 20000
/* Times an SA's slot it spreads them over the index. */
#define ODD 0x9e3779b1u

enum {
	LINES_OF_SA,   /* id and keys of an SA */
	LINES_KNOWN,   /* two more of it */
	LINE_OF_INDEX, /* a bucket of the tuple index */
	LINES_N_KINDS,
};

static const char *const names[LINES_N_KINDS] = {
	[LINES_OF_SA] = "the two lines of an SA",
	[LINES_KNOWN] = "two more, the page known",
	[LINE_OF_INDEX] = "a bucket of the tuple index",
};

static const uint32_t sa_counts[] = { 1000, 100000, 4000000 };

static void settle(void)
{
	uint64_t end = rte_rdtsc() + SETTLE_CYCLES;
	while (rte_rdtsc() < end)
		rte_pause();
}

/* Adds the cycles of one burst to each kind. */
static void ask(const struct sa_table *sas, const struct sa *const sa[], const uint32_t bucket[],
		uint64_t cycles[])
{
	settle();
	uint64_t begin = rte_rdtsc();
	for (unsigned i = 0; i < WORKER_BURST; i++) {
		rte_prefetch0(&sa[i]->id);
		rte_prefetch0(&sa[i]->key.auth);
	}
	cycles[LINES_OF_SA] += rte_rdtsc() - begin;
	settle();
	begin = rte_rdtsc();
	for (unsigned i = 0; i < WORKER_BURST; i++) {
		rte_prefetch0(&sa[i]->key.cipher);
		rte_prefetch0(&sa[i]->rest);
	}
	cycles[LINES_KNOWN] += rte_rdtsc() - begin;
	settle();
	begin = rte_rdtsc();
	for (unsigned i = 0; i < WORKER_BURST; i++)
		rte_prefetch0(&sas->tuples->bucket[bucket[i]]);
	cycles[LINE_OF_INDEX] += rte_rdtsc() - begin;
}

/* Packets are made and go their way: what they leave in the caches counts, not they. */
static int one_round(struct bench_run *run, const struct sa *sa[], const uint32_t bucket[],
		     double *of[LINES_N_KINDS], uint32_t round)
{
	uint32_t n = run->bench->round_pkts;
	uint64_t cycles[LINES_N_KINDS] = { 0 };
	int rc = feed_round(run->feed, SIZE_BYTES);
	if (rc < 0)
		return rc;
	quiet_hold();
	for (uint32_t i = 0; i < n; i += WORKER_BURST)
		ask(&run->bench->sas, sa + i, bucket + i, cycles);
	quiet_release();
	for (unsigned k = 0; k < LINES_N_KINDS; k++)
		of[k][round] = (double)cycles[k] / n;
	measure_round(run->feed);
	return feed_drain(run->feed) == n ? 0 : -EPROTO; /* a packet got lost */
}

static void tell(struct bench_run *run, uint32_t n_sas, double *of[])
{
	for (unsigned k = 0; k < LINES_N_KINDS; k++) {
		struct stat_summary s = stat_summarize(of[k], run->options->n_rounds);
		report_say(run->report, "%-30s %8u %7.0f %6.0f–%.0f\n", names[k], n_sas, s.median,
			   s.p10, s.p90);
		report_row(run->report, "lines",
			   json_pack("{s:s, s:i, s:f, s:f, s:f}", "lines", names[k], "n_sas", n_sas,
				     "cycles", s.median, "cycles_p10", s.p10, "cycles_p90", s.p90));
	}
}

static int measure_lines(struct bench_run *run, uint32_t n_sas)
{
	uint32_t n = run->bench->round_pkts, n_rounds = run->options->n_rounds;
	const struct sa **sa = calloc(n, sizeof(*sa));
	uint32_t *bucket = calloc(n, sizeof(*bucket));
	double *of[LINES_N_KINDS] = { 0 };
	int rc = sa && bucket ? feed_grow(run->feed, n_sas) : -ENOMEM;
	for (unsigned k = 0; k < LINES_N_KINDS; k++) {
		of[k] = calloc(n_rounds, sizeof(*of[k]));
		rc = of[k] ? rc : -ENOMEM;
	}
	for (uint32_t r = 0; r < n_rounds && rc == 0; r++) {
		report_progress("lines: %u SAs", n_sas);
		for (uint32_t i = 0; i < n; i++) {
			sa[i] = feed_random_sa(run->feed);
			/* one for each SA, all over the index */
			bucket[i] = (uint32_t)(sa[i] - run->bench->sas.sa) * ODD &
				    (run->bench->sas.tuples->n_buckets - 1);
		}
		rc = one_round(run, sa, bucket, of, r);
	}
	report_progress(NULL);
	if (rc == 0)
		tell(run, n_sas, of);
	else
		fprintf(stderr, "imsgate-bench: error: lines, %u SAs: %s\n", n_sas, strerror(-rc));
	for (unsigned k = 0; k < LINES_N_KINDS; k++)
		free(of[k]);
	free(bucket);
	free(sa);
	return rc;
}

int lines_run(struct bench_run *run)
{
	int rc = 0;
	report_say(run->report,
		   "\nCycles to ask the memory for lines of random SAs, in bursts.\n\n"
		   "%-30s %8s %7s %13s\n",
		   "asked for", "SAs", "cycles", "10–90 %");
	feed_begin(run->feed, &bench_suites[0], true);
	for (size_t i = 0; i < sizeof(sa_counts) / sizeof(sa_counts[0]) && rc == 0; i++) {
		if (sa_counts[i] <= run->options->max_sas)
			rc = measure_lines(run, sa_counts[i]);
	}
	feed_end(run->feed);
	return rc;
}
