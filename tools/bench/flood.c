/*
 * A flood of clear SIP from forged addresses, against those who are known: what it costs their ESP,
 * and what becomes of their own clear SIP.
 *
 * Rounds come in twos. The second one is ESP of the known and is measured; the first one is ESP as
 * well, or the flood, in turns. So the flood's own cycles are not in the measurement, but what it
 * does to caches and tables is. Every address of the flood is another one.
 *
 * A third kind of first round is the same flood where nothing is limited and all goes to the kernel
 * port: what any packets in between take from ESP, with no table of ours read for them.
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

/* What ESP was measured behind; cycles per packet of each round. */
enum flood_behind {
	BEHIND_ESP,
	BEHIND_FLOOD,
	BEHIND_UNLIMITED, /* the flood, where nothing is limited */
	N_BEHIND,
};

static const char *const behind_name[N_BEHIND] = {
	[BEHIND_ESP] = "ESP behind ESP, cycles",
	[BEHIND_FLOOD] = "ESP behind the flood, cycles",
	[BEHIND_UNLIMITED] = "ESP behind as much that nothing limits",
};

struct flooding {
	struct bench_run *run;
	double *cycles[N_BEHIND];
	double *ratio[N_BEHIND]; /* to the round behind ESP beside it; none of BEHIND_ESP */
	uint32_t n_rounds;
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

static int unlimited_round(struct flooding *f)
{
	const struct flood_limits off = { 0 }, on = flood_limits_of(&limits, 1);
	struct flood_setting *zone = &f->run->bench->zones.zone[0].flood;
	flood_set(zone, &off);
	int rc = feed_clear_round(f->run->feed, true, SIZE_BYTES);
	if (rc == 0) {
		measure_round(f->run->feed);
		rc = feed_drain(f->run->feed) == f->run->bench->round_pkts ? 0 : -EPROTO;
	}
	flood_set(zone, &on);
	return rc;
}

static int measure(struct flooding *f)
{
	double ignored;
	int rc = 0;
	for (uint32_t i = 0; i < WARM_UP_ROUNDS && rc == 0; i++) /* here they become known */
		rc = esp_round(f, &ignored);
	for (uint32_t i = 0; i < f->n_rounds && rc == 0; i++) {
		for (unsigned behind = 0; behind < N_BEHIND && rc == 0; behind++) {
			rc = behind == BEHIND_ESP     ? esp_round(f, &ignored)
			     : behind == BEHIND_FLOOD ? flood_round(f)
						      : unlimited_round(f);
			if (rc == 0)
				rc = esp_round(f, &f->cycles[behind][i]);
			f->ratio[behind][i] = f->cycles[behind][i] / f->cycles[BEHIND_ESP][i];
		}
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

static void tell(struct flooding *f, uint64_t n_lost)
{
	struct report *report = f->run->report;
	struct stat_summary cycles[N_BEHIND], ratio[N_BEHIND];
	for (unsigned behind = 0; behind < N_BEHIND; behind++) {
		cycles[behind] = stat_summarize(f->cycles[behind], f->n_rounds);
		ratio[behind] = stat_summarize(f->ratio[behind], f->n_rounds);
		report_say(report, "%-44s %7.0f %6.0f–%.0f\n", behind_name[behind],
			   cycles[behind].median, cycles[behind].p10, cycles[behind].p90);
		if (behind != BEHIND_ESP)
			report_say(report, "%-44s %7.3f %6.3f–%.3f\n", "  ratio to behind ESP",
				   ratio[behind].median, ratio[behind].p10, ratio[behind].p90);
	}
	uint64_t n_flood_rounds = f->n_strangers / f->run->bench->round_pkts;
	double flood_cycles = f->flood_cycles / (double)n_flood_rounds;
	uint64_t n_known = (uint64_t)KNOWN_ROUNDS * f->run->bench->round_pkts;
	report_say(report, "%-44s %7.0f\n%-44s %7lu of %lu\n%-44s %7lu of %lu\n",
		   "a packet of the flood, cycles", flood_cycles, "of the flood let through",
		   f->n_admitted, f->n_strangers, "clear SIP of the known, lost", n_lost, n_known);
	report_row(report, "flood",
		   json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I}", "esp_cycles",
			     cycles[BEHIND_ESP].median, "esp_cycles_flooded",
			     cycles[BEHIND_FLOOD].median, "esp_cycles_unlimited",
			     cycles[BEHIND_UNLIMITED].median, "ratio", ratio[BEHIND_FLOOD].median,
			     "ratio_unlimited", ratio[BEHIND_UNLIMITED].median, "flood_cycles",
			     flood_cycles, "n_strangers", (json_int_t)f->n_strangers, "n_admitted",
			     (json_int_t)f->n_admitted, "n_known", (json_int_t)n_known, "n_lost",
			     (json_int_t)n_lost));
	report_target(report, "ESP of the known, flooded", ratio[BEHIND_FLOOD].median, false,
		      TARGET_RATIO, "×");
	report_target(report, "clear SIP of the known lost in a flood", (double)n_lost, false, 0,
		      "packets");
}

int flood_run(struct bench_run *run)
{
	struct flooding f = { .run = run };
	const struct flood_limits on = flood_limits_of(&limits, 1), off = { 0 };
	uint64_t n_lost = 0;
	f.n_rounds =
		run->options->n_rounds > MIN_ROUNDS ? run->options->n_rounds : (uint32_t)MIN_ROUNDS;
	double *all = calloc(2 * N_BEHIND * (size_t)f.n_rounds, sizeof(*all));
	for (unsigned behind = 0; behind < N_BEHIND && all; behind++) {
		f.cycles[behind] = all + 2 * behind * (size_t)f.n_rounds;
		f.ratio[behind] = f.cycles[behind] + f.n_rounds;
	}
	report_say(run->report,
		   "\nA flood of clear SIP, each packet from another address, against %u known "
		   "sources.\n\n",
		   N_KNOWN);
	report_progress("flood: %u rounds", f.n_rounds);
	feed_begin(run->feed, &bench_suites[0], true);
	int rc = all ? feed_grow(run->feed, N_KNOWN) : -ENOMEM;
	flood_set(&run->bench->zones.zone[0].flood, &on);
	if (rc == 0)
		rc = measure(&f);
	if (rc == 0)
		rc = lose_known(&f, &n_lost);
	flood_set(&run->bench->zones.zone[0].flood, &off);
	report_progress(NULL);
	if (rc == 0)
		tell(&f, n_lost);
	else
		fprintf(stderr, "imsgate-bench: error: flood: %s\n", strerror(-rc));
	feed_end(run->feed);
	free(all);
	return rc;
}
