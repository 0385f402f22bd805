/*
 * The traffic generator: packets in the place of what a kernel port receives. They are clear UDP
 * with the addresses and ports of outbound SAs, so they go the whole way out: SA by tuple, sequence
 * number, ESP, network port. Each worker generates for the SAs that it owns.
 *
 * Control gives the order (generator_start()) and may stop it; the worker takes it from there, a
 * burst each turn. Off, it costs a branch a turn.
 */
#ifndef DATAPLANE_GENERATE_H
#define DATAPLANE_GENERATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mempool.h>

struct rte_mbuf;
struct sa_table;
struct steer;
struct worker;
struct zone_port;
struct zones;

/* Ethernet, IPv6, UDP */
#define GENERATE_HEADERS_BYTES (14 + 40 + 8)

/* What is in front of a generated packet, ready but for its payload of zeros. */
struct generate_headers {
	uint8_t bytes[GENERATE_HEADERS_BYTES];
	uint8_t n_bytes;
	uint8_t port_idx; /* of the kernel port in zones->port[] */
};
_Static_assert(sizeof(struct generate_headers) == 64, "one cache line");

enum generate_state {
	GENERATE_IDLE,  /* control may write the rest */
	GENERATE_RUNS,  /* the rest is the worker's */
	GENERATE_STOPS, /* likewise: it becomes idle when it sees that */
};

/* A worker's share of the order. */
struct generate {
	/* written by: control to RUNS and STOPS, the worker to IDLE, each with release */
	_Atomic uint8_t state; /* enum generate_state */
	const struct generate_headers *headers;
	uint32_t n_headers, next;
	uint32_t frame_bytes;
	bool is_endless;
	uint64_t n_left;
	/* Cycles a packet and cycles to be used up, both with 8 bits behind the point. */
	uint64_t interval_q8; /* 0 = as fast as it goes */
	uint64_t credit_q8, credit_max_q8;
	uint64_t last_tsc;
	struct rte_mempool *pool;
};

static inline bool generate_is_on(const struct generate *g)
{
	/* partner: generator_start() */
	return atomic_load_explicit(&g->state, memory_order_acquire) != GENERATE_IDLE;
}

/*
 * What is due now: at most WORKER_BURST packets as from one port, like a receive burst. Returns how
 * many. The worker's own thread, while generate_is_on().
 */
uint32_t generate_burst(struct worker *w, const struct zone_port **port, struct rte_mbuf *m[]);

/* ---- control ---- */

#define GENERATE_EVERY_SA UINT32_MAX
/* SAs that packets are generated for, at most; their headers take 4 MiB. */
#define GENERATE_SAS_MAX 65536

struct generate_order {
	uint32_t slot; /* of an outbound SA, or GENERATE_EVERY_SA, each in turn */
	uint32_t ip_bytes;
	uint64_t n_pkts;   /* of all workers together; 0 = until it is stopped */
	uint64_t rate_pps; /* of all workers together; 0 = as fast as it goes */
	uint8_t to[6];     /* Ethernet destination */
};

struct generator {
	/* set by whoever makes it */
	struct worker *const *worker;
	uint32_t n_workers;
	const struct steer *steer; /* NULL: one worker alone */
	const struct sa_table *sas;
	const struct zones *zones;
	/* its own */
	struct generate_headers *headers; /* what the workers read while they run */
	uint32_t n_headers;
};

/*
 * Gives every worker its share. 0 and *n_sas, or -errno with one line of text: -EBUSY while a
 * worker is at the order before.
 */
int generator_start(struct generator *g, const struct generate_order *order, uint32_t *n_sas,
		    char *error, size_t error_bytes);
/* Asks the workers to stop; generator_is_idle() when they have. */
void generator_stop(struct generator *g);
bool generator_is_idle(const struct generator *g);
/* When the workers have ended. */
void generator_free(struct generator *g);

#endif
