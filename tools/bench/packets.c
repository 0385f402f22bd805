/*
 * Cycles per packet: every suite, direction, size and number of SAs, with the ratio to the bare
 * cryptography of the same run.
 */
#include "tools/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>

#include "tools/bench/bare.h"
#include "tools/bench/feed.h"
#include "tools/bench/measure.h"
#include "tools/bench/report.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The published grid: every combination of these. */
static const bool directions[] = { true, false };
static const uint32_t sizes[] = { 128, 512, 1400 };
static const uint32_t sa_counts[] = { 1, 1000, 100000, 1000000, 4000000 };

#define SHA1 "hmac-sha-1-96"
#define MANY 4000000u

struct target {
	bool inbound;
	const char *suite;
	uint32_t size_bytes, n_sas;
	double ratio;
};

static const struct target targets[] = {
	{ true, SHA1, 128, 1, 1.35 },
	{ true, SHA1, 128, 1000, 1.35 },
	{ true, SHA1, 128, MANY, 1.6 },
	{ true, SHA1, 512, MANY, 1.35 },
	{ true, SHA1, 1400, MANY, 1.25 },
	{ false, SHA1, 128, 1, 1.45 },
	{ false, SHA1, 128, 1000, 1.45 },
	{ false, SHA1, 128, MANY, 1.9 },
	{ false, SHA1, 512, MANY, 1.5 },
	{ false, SHA1, 1400, MANY, 1.35 },
	{ true, "hmac-md5-96", 128, MANY, 1.7 },
	{ true, "aes-cbc-128+sha-1", 128, MANY, 2.0 },
	{ true, "aes-gcm-128", 128, MANY, 2.6 },
	{ true, "aes-gmac-128", 128, MANY, 2.6 },
};

static const char *direction_name(bool inbound)
{
	return inbound ? "inbound" : "outbound";
}

static bool is_wanted(const struct bench_options *o, const struct bench_suite *suite, bool inbound,
		      uint32_t size_bytes, uint32_t n_sas)
{
	if (n_sas > o->max_sas || (o->size_bytes && o->size_bytes != size_bytes) ||
	    (o->direction && strcmp(o->direction, direction_name(inbound)) != 0) ||
	    (o->suite && o->suite != suite))
		return false;
	if (!o->quick)
		return true;
	/* The cases that have a target. */
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		if (targets[i].inbound == inbound && targets[i].size_bytes == size_bytes &&
		    targets[i].n_sas == n_sas && strcmp(targets[i].suite, suite->name) == 0)
			return true;
	}
	return false;
}

static void tell(struct report *report, const struct bench_suite *suite, bool inbound,
		 uint32_t size_bytes, uint32_t n_sas, const char *limit,
		 const struct measure_result *r)
{
	double pkts_per_s = (double)rte_get_tsc_hz() / r->cycles.median;
	report_say(report, "%-9s %-18s %5u %8u %7.0f %6.0f–%-6.0f %6.0f %6.2fx %7.2f\n",
		   direction_name(inbound), suite->name, size_bytes, n_sas, r->cycles.median,
		   r->cycles.p10, r->cycles.p90, r->bare.median, r->ratio.median, pkts_per_s / 1e6);
	report_row(report, "packets",
		   json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:s, s:f, s:f, s:f, s:f, "
			     "s:I}",
			     "direction", direction_name(inbound), "algorithm", suite->name,
			     "size_bytes", size_bytes, "n_sas", n_sas, "cycles_per_pkt",
			     r->cycles.median, "cycles_p10", r->cycles.p10, "cycles_p90",
			     r->cycles.p90, "bare_cycles_per_pkt", r->bare.median, "bare_call",
			     limit, "ratio", r->ratio.median, "ratio_p10", r->ratio.p10,
			     "ratio_p90", r->ratio.p90, "pkts_per_s", pkts_per_s, "n_pkts",
			     (json_int_t)r->n_pkts));
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		const struct target *t = &targets[i];
		char what[96];
		if (t->inbound != inbound || t->size_bytes != size_bytes || t->n_sas != n_sas ||
		    strcmp(t->suite, suite->name) != 0)
			continue;
		snprintf(what, sizeof(what), "%s %s, %u B, %u SA%s", direction_name(inbound),
			 suite->name, size_bytes, n_sas, n_sas == 1 ? "" : "s");
		report_target(report, what, r->ratio.median, false, t->ratio, "× bare");
	}
}

static int measure_case(struct bench_run *run, uint32_t size_bytes, uint32_t n_sas)
{
	struct bench_feed *f = run->feed;
	report_progress("%s %s, %u bytes, %u SAs", direction_name(f->inbound), f->suite->name,
			size_bytes, n_sas);
	int rc = feed_grow(f, n_sas);
	if (rc < 0) {
		fprintf(stderr, "imsgate-bench: error: %u SAs: %s\n", n_sas, strerror(-rc));
		return rc;
	}
	struct bare *bare = bare_new(f->suite, f->inbound, size_bytes);
	if (!bare)
		return -ENOMEM;
	const struct measure_traffic traffic = { .size_bytes = size_bytes };
	struct measure_result result;
	rc = measure_rounds(f, &traffic, bare, run->options->n_rounds, &result);
	report_progress(NULL);
	if (rc == 0)
		tell(run->report, f->suite, f->inbound, size_bytes, n_sas, bare_name(bare),
		     &result);
	bare_free(bare);
	return rc;
}

/* One suite and direction: the population grows from one SA to all. */
static int measure_population(struct bench_run *run, const struct bench_suite *suite, bool inbound)
{
	int rc = 0;
	feed_begin(run->feed, suite, inbound);
	for (size_t n = 0; n < COUNT_OF(sa_counts) && rc == 0; n++) {
		for (size_t s = 0; s < COUNT_OF(sizes) && rc == 0; s++) {
			if (is_wanted(run->options, suite, inbound, sizes[s], sa_counts[n]))
				rc = measure_case(run, sizes[s], sa_counts[n]);
		}
	}
	feed_end(run->feed);
	return rc;
}

int packets_run(struct bench_run *run)
{
	report_say(
		run->report,
		"\nCycles per packet, RX to TX; size: IP length of the ESP packet; bare: IPsec-MB "
		"alone.\n\n%-9s %-18s %5s %8s %7s %13s %6s %7s %7s\n",
		"direction", "algorithm", "size", "SAs", "cycles", "10–90 %", "bare", "ratio",
		"Mpkt/s");
	int rc = 0;
	for (uint32_t s = 0; s < bench_n_suites && rc == 0; s++) {
		for (size_t d = 0; d < COUNT_OF(directions) && rc == 0; d++)
			rc = measure_population(run, &bench_suites[s], directions[d]);
	}
	return rc;
}
