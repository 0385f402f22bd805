/*
 * imsgate-bench: what a packet costs in the data plane, in cycles of one core, beside what its
 * cryptography alone costs in the same run. docs/performance.md is the method.
 *
 * The worker under test is the real one (dataplane/worker.c) on real DPDK ports of the ring driver:
 * RX, parse, SA lookup, replay window, crypto, verdict and TX are all inside the measured time. The
 * packets are made outside of it (feed.h). One thread does everything, in turns.
 *
 * Each measurement is a file with one entry in the table of main.c: it finds the data plane open
 * and without SAs, leaves it so, and tells the report (report.h) its rows and how far its targets
 * are met.
 */
#ifndef TOOLS_BENCH_BENCH_H
#define TOOLS_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/set.h"
#include "dataplane/worker.h"
#include "tools/bench/options.h"

/* Bytes that opening each part took: see memory.h. */
struct bench_memory {
	uint64_t index_bytes;   /* the tuple index */
	uint64_t sas_bytes;     /* the array of SAs */
	uint64_t control_bytes; /* all else of the table, and the sets */
};

/* Places in the RCU: of the one worker, and of the two of scale.c. */
#define BENCH_WORKERS 3

/* The data plane under test: one zone on ring ports, its table and one worker, no threads. */
struct bench {
	struct zones zones;
	struct sa_table sas;
	struct set_table sets;
	struct worker *worker;
	struct rte_ring *network_rx, *network_tx, *kernel_rx, *kernel_tx;
	struct bench_memory memory;
	bool hugepages;
	unsigned core;
	int second_core;     /* for who works beside the worker; -1 = there is none */
	uint32_t round_pkts; /* see struct bench_options */
};

/*
 * Starts DPDK on b->core, with room for rounds of b->round_pkts, the rest of *b being zero;
 * capacity is a power of two. 0 or -errno with a message on stderr.
 */
int bench_open(struct bench *b, uint32_t capacity);
void bench_close(struct bench *b);
/* Frees the slots of all SAs that were deleted. */
void bench_reclaim(struct bench *b);

struct bench_feed;
struct report;

/* What a measurement works with. */
struct bench_run {
	const struct bench_options *options;
	struct bench *bench;
	struct bench_feed *feed;
	struct report *report;
};

/* The measurements. 0 or -errno with a message on stderr. */
int packets_run(struct bench_run *run);
int drops_run(struct bench_run *run);
int lines_run(struct bench_run *run);
int memory_run(struct bench_run *run);
int install_run(struct bench_run *run);
int latency_run(struct bench_run *run);
int churn_run(struct bench_run *run);
int scale_run(struct bench_run *run);
int flood_run(struct bench_run *run);

#endif
