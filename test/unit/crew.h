/*
 * A data plane with several workers, without a NIC: one zone whose two ports are rings, as many
 * queues on each as the test wants, the real SA table, steering and workers. Frames go into the
 * queue that the test names, the owner's or not. What cannot be set up aborts.
 */
#ifndef TEST_UNIT_CREW_H
#define TEST_UNIT_CREW_H

#include "dataplane/balance.h"
#include "test/unit/dataplane_fixture.h"

#define CREW_MAX 4

struct crew {
	struct fixture f; /* zones, SAs, sets and time, for fixture_ue.h; its worker is not used */
	struct steer *steer;
	struct worker *worker[CREW_MAX];
	uint32_t n_workers;
	bool runs; /* each worker has a thread of its own */
	pthread_t thread[CREW_MAX];
	struct rte_mempool *pool, *datagrams;
	uint32_t n_mbufs;
	struct rte_ring *to[2][CREW_MAX], *from[2][CREW_MAX]; /* by side and queue */
	uint16_t n_queues[2];
	uint32_t number; /* in the names of its ports */
};

struct crew *crew_open(const struct sa_table_config *config, uint32_t n_workers,
		       uint16_t n_network_queues, uint16_t n_kernel_queues);
/* The same with so many packet buffers: they bound what is under way. */
struct crew *crew_open_small(const struct sa_table_config *config, uint32_t n_workers,
			     uint16_t n_network_queues, uint16_t n_kernel_queues, uint32_t n_mbufs);
/* Returns how many packet buffers are missing from the pool. */
uint32_t crew_close(struct crew *c);

/* One turn of one worker, in the caller's thread; returns what worker_turn() does. */
uint32_t crew_turn(struct crew *c, uint32_t worker);
/* Turns of all, until none finds anything. */
void crew_finish(struct crew *c);
/* Instead of turns. The caller is the control thread meanwhile. */
void crew_run(struct crew *c);
void crew_stop(struct crew *c);

/* A frame in a buffer; NULL: none is left. */
struct rte_mbuf *crew_frame(struct crew *c, const void *frame, uint32_t n_bytes);
/* All at once. The queue has room for every buffer there is. */
void crew_enqueue(struct crew *c, enum fixture_side side, uint16_t queue, struct rte_mbuf *m[],
		  uint32_t n);
/* One frame; false: no buffer is left. */
bool crew_send(struct crew *c, enum fixture_side side, uint16_t queue, const void *frame,
	       uint32_t n_bytes);
/* A frame that left through any queue, of each the oldest first; false: none. */
bool crew_receive(struct crew *c, enum fixture_side side, struct packet *p);

/* Of all workers together. */
uint64_t crew_counted(const struct crew *c, enum counter counter);
/* What came in is what went out and what was dropped. */
void crew_expect_accounted(const struct crew *c);

#endif
