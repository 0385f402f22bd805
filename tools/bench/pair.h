/*
 * A data plane of two workers for a measurement: each has its own queues on one pair of ports, and
 * beside it the source and the sink that feed it, so that a core can work without another. They
 * share the bench's SA table; steering is on. No thread of its own: whoever measures turns them.
 */
#ifndef TOOLS_BENCH_PAIR_H
#define TOOLS_BENCH_PAIR_H

#include "dataplane/steer.h"
#include "tools/bench/bench.h"
#include "tools/bench/feed.h"

enum {
	PAIR_DESKS = 2,
	/* Numbers in the RCU: 0 is the bench's own worker. */
	PAIR_FIRST_NUMBER = 1,
};
_Static_assert(PAIR_FIRST_NUMBER + PAIR_DESKS <= BENCH_WORKERS, "each has a place in the RCU");

/* A worker, and all that its core needs to feed it. */
struct pair_desk {
	struct bench bench; /* its rings, for the feed */
	struct bench_feed feed;
	struct worker *worker;
};

struct pair {
	struct bench_run *run;
	struct zones zones;
	struct steer *steer;
	struct pair_desk desk[PAIR_DESKS];
};

/* `p` is all zeros. 0 or -errno; pair_close() in either case. */
int pair_open(struct pair *p, struct bench_run *run);
void pair_close(struct pair *p);

/* Each desk's source makes packets of those of the feed's first n peers that its worker owns. */
void pair_share(struct pair *p, uint32_t n);

/* Out of the RCU, at rest, while SAs come and go; and into it again. */
void pair_leave(struct pair *p);
void pair_enter(struct pair *p);

#endif
