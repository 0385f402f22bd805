/*
 * Cycles of the packets that nobody wanted: what an attacker can make the worker spend. The clear
 * ones that an SA claims by its tuple cost more than those to a port protected by number; both are
 * held against the target.
 */
#include "tools/bench/bench.h"

#include <stdio.h>

#include "tools/bench/feed.h"
#include "tools/bench/measure.h"
#include "tools/bench/report.h"

#define SIZE_BYTES 128u

static const struct {
	const char *name;
	enum feed_bad bad;
	enum counter reason;
} kinds[FEED_N_BAD] = {
	{ "replayed", FEED_REPLAYED, COUNT_esp_replayed },
	{ "unknown SPI", FEED_UNKNOWN_SPI, COUNT_esp_unknown_spi },
	{ "clear, to a protected port", FEED_CLEAR_TO_PORT, COUNT_clear_udp_to_protected },
	{ "clear, to the tuple of an SA", FEED_CLEAR_TO_SA, COUNT_clear_udp_to_protected },
};

static const struct {
	uint32_t n_sas;
	double cycles;
} targets[] = { { 1000, 60 }, { 4000000, 110 } };

static int measure_kind(struct bench_run *run, unsigned k, uint32_t n_sas, double target)
{
	struct zone *zone = &run->bench->zones.zone[0];
	struct measure_traffic traffic = { .size_bytes = SIZE_BYTES,
					   .dropped = true,
					   .bad = kinds[k].bad,
					   .reason = kinds[k].reason };
	struct measure_result r;
	report_progress("drops: %s, %u SAs", kinds[k].name, n_sas);
	zone->port_ps = kinds[k].bad == FEED_CLEAR_TO_PORT ? FEED_LOCAL_PORT : 0;
	int rc = measure_rounds(run->feed, &traffic, NULL, run->options->n_rounds, &r);
	zone->port_ps = 0;
	report_progress(NULL);
	if (rc < 0)
		return rc;
	char what[80];
	snprintf(what, sizeof(what), "dropped: %s, %u SAs", kinds[k].name, n_sas);
	report_say(run->report, "%-30s %8u %7.0f %6.0f–%.0f\n", kinds[k].name, n_sas,
		   r.cycles.median, r.cycles.p10, r.cycles.p90);
	report_row(run->report, "drops",
		   json_pack("{s:s, s:i, s:i, s:f, s:f, s:f}", "kind", kinds[k].name, "n_sas",
			     n_sas, "size_bytes", SIZE_BYTES, "cycles_per_pkt", r.cycles.median,
			     "cycles_p10", r.cycles.p10, "cycles_p90", r.cycles.p90));
	report_target(run->report, what, r.cycles.median, false, target, "cycles");
	return 0;
}

int drops_run(struct bench_run *run)
{
	int rc = 0;
	report_say(run->report, "\nCycles per dropped packet, %u bytes.\n\n%-30s %8s %7s %13s\n",
		   SIZE_BYTES, "dropped", "SAs", "cycles", "10–90 %");
	feed_begin(run->feed, &bench_suites[0], true);
	for (size_t t = 0; t < sizeof(targets) / sizeof(targets[0]) && rc == 0; t++) {
		if (targets[t].n_sas > run->options->max_sas)
			continue;
		report_progress("drops: installing %u SAs", targets[t].n_sas);
		rc = feed_grow(run->feed, targets[t].n_sas);
		for (unsigned k = 0; k < FEED_N_BAD && rc == 0; k++)
			rc = measure_kind(run, k, targets[t].n_sas, targets[t].cycles);
	}
	feed_end(run->feed);
	return rc;
}
