/*
 * A flood of clear SIP from forged addresses, against those who are known: what it costs their ESP,
 * and what becomes of their own clear SIP.
 *
 * Rounds come in twos. The second one is ESP of the known and is measured; the first one is ESP as
 * well, or the flood, in turns. So the flood's own cycles are not in the measurement, but what it
 * does to caches and tables is. Every address of the flood is another one.
 */
#include "tools/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench/feed.h"
#include "tools/bench/measure.h"
#include "tools/bench/quiet.h"
#include "tools/bench/report.h"
#include "tools/bench/stat.h"

enum {
	SIZE_BYTES = 128,
	N_KNOWN = 1000,
	MIN_ROUNDS = 2000, /* a million packets of the flood */
	KNOWN_ROUNDS = 10, /* five clear packets of each of the known, far from the limit */
	WARM_UP_ROUNDS = 32,
};

/* docs/operations.md: what disturbs nobody. */
static const struct config_flood limits = { .source_pps = 5,
					    .source_burst_pkts = 20,
					    .zone_pps = 5000,
					    .zone_burst_pkts = 5000,
					    .port = FEED_SIP_PORT };

#define TARGET_RATIO 1.02

struct flooding {
	struct bench_run *run;
	uint64_t n_strangers, n_admitted; /* packets of the flood; of them, let through */
	double flood_cycles;              /* of one of its packets, the rounds added up */
};

static int flood_round(struct flooding *f)
{
	int rc = feed_clear_round(f->run->feed, true, SIZE_BYTES);
	if (rc < 0)
		return rc;
	quiet_hold();
	f->flood_cycles += measure_round(f->run->feed);
	quiet_release();
	f->n_strangers += f->run->bench->round_pkts;
	f->n_admitted += feed_drain(f->run->feed);
	return 0;
}

/* All of them have to come out. */
static int esp_round(struct flooding *f, double *cycles)
{
	int rc = feed_round(f->run->feed, SIZE_BYTES);
	if (rc < 0)
		return rc;
	quiet_hold();
	*cycles = measure_round(f->run->feed);
	quiet_release();
	return feed_drain(f->run->feed) == f->run->bench->round_pkts ? 0 : -EPROTO;
}

static int measure(struct flooding *f, uint32_t n_rounds, double *alone, double *flooded,
		   double *ratio)
{
	double ignored;
	int rc = 0;
	for (uint32_t i = 0; i < WARM_UP_ROUNDS && rc == 0; i++) /* here they become known */
		rc = esp_round(f, &ignored);
	for (uint32_t i = 0; i < n_rounds && rc == 0; i++) {
		rc = esp_round(f, &ignored);
		if (rc == 0)
			rc = esp_round(f, &alone[i]);
		if (rc == 0)
			rc = flood_round(f);
		if (rc == 0)
			rc = esp_round(f, &flooded[i]);
		ratio[i] = flooded[i] / alone[i];
	}
	return rc;
}

/* Clear packets of the known, each round behind one of the flood; how many were lost. */
static int lose_known(struct flooding *f, uint64_t *n_lost)
{
	int rc = 0;
	*n_lost = 0;
	for (unsigned i = 0; i < KNOWN_ROUNDS && rc == 0; i++) {
		rc = flood_round(f);
		if (rc == 0)
			rc = feed_clear_round(f->run->feed, false, SIZE_BYTES);
		if (rc < 0)
			break;
		measure_round(f->run->feed);
		*n_lost += f->run->bench->round_pkts - feed_drain(f->run->feed);
	}
	return rc;
}

static void tell(struct flooding *f, uint32_t n_rounds, double *alone, double *flooded,
		 double *ratio, uint64_t n_lost)
{
	struct report *report = f->run->report;
	struct stat_summary a = stat_summarize(alone, n_rounds);
	struct stat_summary b = stat_summarize(flooded, n_rounds);
	struct stat_summary r = stat_summarize(ratio, n_rounds);
	uint64_t n_flood_rounds = f->n_strangers / f->run->bench->round_pkts;
	double cycles = f->flood_cycles / (double)n_flood_rounds;
	uint64_t n_known = (uint64_t)KNOWN_ROUNDS * f->run->bench->round_pkts;
	report_say(report,
		   "%-44s %7.0f %6.0f–%.0f\n%-44s %7.0f %6.0f–%.0f\n%-44s %7.3f %6.3f–%.3f\n"
		   "%-44s %7.0f\n%-44s %7lu of %lu\n%-44s %7lu of %lu\n",
		   "ESP behind ESP, cycles", a.median, a.p10, a.p90, "ESP behind the flood, cycles",
		   b.median, b.p10, b.p90, "ratio of the two", r.median, r.p10, r.p90,
		   "a packet of the flood, cycles", cycles, "of the flood let through",
		   f->n_admitted, f->n_strangers, "clear SIP of the known, lost", n_lost, n_known);
	report_row(report, "flood",
		   json_pack("{s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I}", "esp_cycles", a.median,
			     "esp_cycles_flooded", b.median, "ratio", r.median, "flood_cycles",
			     cycles, "n_strangers", (json_int_t)f->n_strangers, "n_admitted",
			     (json_int_t)f->n_admitted, "n_known", (json_int_t)n_known, "n_lost",
			     (json_int_t)n_lost));
	report_target(report, "ESP of the known, flooded", r.median, false, TARGET_RATIO, "×");
	report_target(report, "clear SIP of the known lost in a flood", (double)n_lost, false, 0,
		      "packets");
}

int flood_run(struct bench_run *run)
{
	struct flooding f = { .run = run };
	uint32_t n_rounds =
		run->options->n_rounds > MIN_ROUNDS ? run->options->n_rounds : (uint32_t)MIN_ROUNDS;
	double *alone = calloc(n_rounds, sizeof(*alone));
	double *flooded = calloc(n_rounds, sizeof(*flooded));
	double *ratio = calloc(n_rounds, sizeof(*ratio));
	const struct flood_limits on = flood_limits_of(&limits, 1), off = { 0 };
	uint64_t n_lost = 0;
	report_say(run->report,
		   "\nA flood of clear SIP, each packet from another address, against %u known "
		   "sources.\n\n",
		   N_KNOWN);
	report_progress("flood: %u rounds", n_rounds);
	feed_begin(run->feed, &bench_suites[0], true);
	int rc = alone && flooded && ratio ? feed_grow(run->feed, N_KNOWN) : -ENOMEM;
	flood_set(&run->bench->zones.zone[0].flood, &on);
	if (rc == 0)
		rc = measure(&f, n_rounds, alone, flooded, ratio);
	if (rc == 0)
		rc = lose_known(&f, &n_lost);
	flood_set(&run->bench->zones.zone[0].flood, &off);
	report_progress(NULL);
	if (rc == 0)
		tell(&f, n_rounds, alone, flooded, ratio, n_lost);
	else
		fprintf(stderr, "imsgate-bench: error: flood: %s\n", strerror(-rc));
	feed_end(run->feed);
	free(alone);
	free(flooded);
	free(ratio);
	return rc;
}
