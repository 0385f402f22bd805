/*
 * A whole data plane without a NIC, for unit tests and fuzzers: three zones whose ports are rings,
 * the real SA table, sets and worker, and the control's clock in the caller's hand. Needs no root
 * and no hugepages. One at a time, one thread; what cannot be set up aborts.
 *
 * Zone 0 is untagged and has its own network port; zones 1 and 2 share one and differ by VLAN.
 */
#ifndef TEST_UNIT_DATAPLANE_FIXTURE_H
#define TEST_UNIT_DATAPLANE_FIXTURE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/control.h"
#include "dataplane/worker.h"
#include "test/unit/packet.h"

#define FIXTURE_ZONES 3
#define FIXTURE_VLAN  100 /* of zone 1; zone 2 has the next */
#define FIXTURE_MTU   1500
#define FIXTURE_OWNER 1

/* Reassembly: small, so that it fills. */
#define FIXTURE_UNFINISHED         64
#define FIXTURE_HELD               256
#define FIXTURE_FRAGMENT_TIMEOUT_S 5
#define FIXTURE_FLOOD_SOURCES      4096

/* The P-CSCF's ports, the same in every zone. */
#define FIXTURE_PORT_PS       5063
#define FIXTURE_PORT_PC_FIRST 6000
#define FIXTURE_N_PORT_PC     16

enum fixture_side {
	FIXTURE_NETWORK,
	FIXTURE_KERNEL,
};

struct fixture {
	struct zones zones;
	struct sa_table sas;
	struct set_table sets;
	struct worker worker;
	uint32_t now_s;
	uint64_t rx_flags; /* what a port says of the frames that come in: RTE_MBUF_F_RX_… */
	struct counters marked;
	bool runs; /* the worker has a thread of its own */
	pthread_t thread;
};

/* A table that is small, so that it fills, with windows inside the SA and wide ones. */
extern const struct sa_table_config fixture_table;
/* Reassembly that is small too. */
extern const struct reassembly_config fixture_fragments;

/* Starts DPDK once per process. */
void fixture_eal(void);

/* An SA table alone, with one worker in its RCU that is online. */
void fixture_table_open(struct sa_table *t, const struct sa_table_config *config);
/* The worker passes a quiescent state: what was retired before may be reclaimed. */
void fixture_quiesce(struct sa_table *t);

struct fixture *fixture_open(const struct sa_table_config *config);
/* Returns how many packet buffers are missing from the pool: 0 when nothing leaked. */
uint32_t fixture_close(struct fixture *f);

/* The worker sees this time from its next turn on. */
void fixture_set_time(struct fixture *f, uint32_t now_s);
/* One turn of the worker. What the frames held is forbidden ground behind their ends (ASan). */
uint32_t fixture_turn(struct fixture *f);

/*
 * Instead of turns: the worker runs in a thread of its own, until it is stopped. The caller is the
 * control thread meanwhile, and reads no counters.
 */
void fixture_run(struct fixture *f);
void fixture_stop(struct fixture *f);

/* A frame waits on a port for the next turn. False when the port or the buffers are full. */
bool fixture_send(struct fixture *f, enum fixture_side side, unsigned zone, const void *frame,
		  uint32_t n_bytes);
/* The same in two buffers, `first_bytes` in the first: as of a driver that scatters. */
void fixture_send_scattered(struct fixture *f, enum fixture_side side, unsigned zone,
			    const void *frame, uint32_t n_bytes, uint32_t first_bytes);
/* A frame that the worker sent there, oldest first; false: none. Aborts on another zone's tag. */
bool fixture_receive(struct fixture *f, enum fixture_side side, unsigned zone, struct packet *p);
/* The same of every zone that shares the port. */
bool fixture_receive_any(enum fixture_side side, unsigned zone, struct packet *p);
/* What a frame that the worker sent holds; frees it. */
void fixture_take(struct rte_mbuf *m, struct packet *p);
/* Throws away whatever the worker sent; returns how many frames. */
uint32_t fixture_discard(struct fixture *f);

/* Packet buffers that are not in the pool. */
uint32_t fixture_missing(void);

/* So long passes that no fragment waits for others any more; then the time is as before. */
void fixture_give_up_fragments(struct fixture *f);
/* What was heard of path MTUs is forgotten; what SAs believe is in their `run`. */
void fixture_forget_paths(struct fixture *f);
/* What came in since the counters were zero went out, waits as a fragment, or was dropped. */
bool fixture_is_accounted(const struct fixture *f);

/* Counters since the last mark. */
void fixture_mark(struct fixture *f);
uint64_t fixture_counted(const struct fixture *f, enum counter counter);

#endif
