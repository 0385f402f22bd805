/*
 * A load that does not slow down for anybody, and how long its packets stay in the box: latency.c
 * has the method. Main thread.
 */
#ifndef TOOLS_BENCH_LATENCY_H
#define TOOLS_BENCH_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

#include "tools/bench/bench.h"

enum {
	LATENCY_TRAIN_PKTS = 8192,   /* made at once: some milliseconds of traffic */
	LATENCY_SKIPPED_PKTS = 1024, /* of each, until the queue is what the load makes of it */
	LATENCY_MAX_TRAINS = 400,
	LATENCY_MIN_BYTES = 300, /* SIP over Gm: from a short response to a full INVITE */
	LATENCY_MAX_BYTES = 1400,
};

struct latency {
	struct bench_run *run;
	struct rte_mempool *pool, *pool_before;
	struct rte_ring *rx, *tx;
	struct rte_mbuf *train[LATENCY_TRAIN_PKTS];
	uint64_t due[LATENCY_TRAIN_PKTS]; /* cycles after the train's begin */
	int due_offset;                   /* the same in the mbuf, for the sink */
	uint32_t n_pulled, n_out;
	uint64_t random;

	_Atomic bool traffic; /* written by: main thread; read by: the one of churn.c */

	/* of one load */
	uint64_t n_lost, longest_turn; /* longest_turn: cycles; who likes sets it to 0 again */
	double *cycles;                /* of each packet in the box */
	uint32_t n_cycles;
};

/* The packets come from run->feed meanwhile, out of a pool of the load's own. 0 or -errno. */
int latency_open(struct latency *l, struct bench_run *run);
void latency_close(struct latency *l);

/* For the feed's population of now: cycles between two packets when there is always one waiting. */
int latency_capacity(struct latency *l, uint32_t n_trains, double *gap);
/*
 * A load: trains with `gap` cycles between two packets on average. 0 or -errno; latency_end() is
 * -EPROTO when not one packet came out.
 */
void latency_begin(struct latency *l);
int latency_train(struct latency *l, double gap);
int latency_end(struct latency *l);
/* Of the last load, in microseconds: what `share` of its packets stayed below. Sorts cycles[]. */
double latency_us(struct latency *l, double share);

#endif
