/*
 * One case of traffic, measured in rounds: feed, run the worker, run the bare limit, and again.
 */
#ifndef TOOLS_BENCH_MEASURE_H
#define TOOLS_BENCH_MEASURE_H

#include "tools/bench/feed.h"
#include "tools/bench/stat.h"

struct bare;

struct measure_result {
	struct stat_summary cycles; /* per packet, of the rounds */
	struct stat_summary bare;   /* of the bare rounds between them; zero without */
	struct stat_summary ratio;  /* of each round to the bare round beside it; zero without */
	uint64_t n_pkts;
};

/* What makes a round and what must become of its packets. */
struct measure_traffic {
	uint32_t size_bytes;
	bool dropped; /* all of them are to be dropped for `reason`; else all are to come out */
	enum feed_bad bad;
	enum counter reason;
};

/* Cycles per packet of one fed round through the worker. */
double measure_round(struct bench_feed *f);

/* `bare` may be NULL. 0 or -errno with a message on stderr. */
int measure_rounds(struct bench_feed *f, const struct measure_traffic *t, struct bare *bare,
		   uint32_t n_rounds, struct measure_result *result);

#endif
