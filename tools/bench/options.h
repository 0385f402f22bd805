/*
 * The command line of imsgate-bench. Main thread.
 */
#ifndef TOOLS_BENCH_OPTIONS_H
#define TOOLS_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/bench/suite.h"

enum {
	BENCH_MAX_SAS = 1 << 22, /* what an SPI with a generation of ten bits can name */
	BENCH_ROUND_PKTS = 512,  /* fed, then measured, then fed again: a NIC's ring */
	BENCH_MIN_ROUND_PKTS = 64,
	BENCH_MAX_ROUND_PKTS = 16384,
};

struct bench_options {
	bool json;
	bool quick;
	const char *plot_directory; /* NULL = no plots */
	uint32_t n_rounds;
	uint32_t round_pkts;             /* a power of two */
	uint32_t max_sas;                /* of the direction that is measured */
	uint32_t size_bytes;             /* 0 = all */
	const struct bench_suite *suite; /* NULL = all */
	const char *direction;           /* NULL = both */
	int core;                        /* -1 = the last one allowed */
	uint64_t measurements;           /* bits by number in names[]; all when none is named */
};

/* A measurement's name and what it measures, for the help and for the words of the command line. */
struct bench_measurement_name {
	const char *name, *help;
};

/*
 * Returns 0, or, after saying why or what help wants to know, the exit status + 1 of the program.
 */
int bench_options_parse(struct bench_options *o, int argc, char **argv,
			const struct bench_measurement_name names[], uint32_t n_names);

#endif
