/*
 * The source of packets, outside of the measured time: fresh sequence numbers, good ICVs, each
 * packet of a peer picked at random.
 *
 * It must not warm what the worker has to fetch. So it never looks into the SA table: it computes a
 * peer's keys anew from the peer's number for each packet, and keeps of a peer only the SPI and the
 * last sequence number.
 */
#ifndef TOOLS_BENCH_FEED_H
#define TOOLS_BENCH_FEED_H

#include "tools/bench/bench.h"
#include "tools/bench/suite.h"

struct rte_mbuf;
struct rte_mempool;

#define FEED_BURST 32

/* A peer with one SA, inbound or outbound. */
struct feed_peer {
	uint32_t spi_be; /* of an inbound SA */
	uint32_t sequence;
};

struct bench_feed {
	struct bench *bench;
	struct rte_mempool *pool; /* of the packets; the zones' one unless somebody has another */
	const struct bench_suite *suite;
	bool inbound;
	struct feed_peer *peer;
	uint32_t n_peers, n_room;
	uint32_t *member; /* peers to pick from; NULL = all */
	uint32_t n_members;
	uint32_t n_populations; /* so far: the keys of each are others */
	struct crypto *crypto;
	uint64_t random; /* state of the generator that picks peers */
};

/* What an attacker sends, or who confuses SAs: feed_bad_round(). */
enum feed_bad {
	FEED_REPLAYED,      /* a sequence number that the SA has received */
	FEED_UNKNOWN_SPI,   /* the index of a live SA under another generation */
	FEED_CLEAR_TO_PORT, /* clear UDP to a port that the zone protects by number */
	FEED_CLEAR_TO_SA,   /* clear UDP to the tuple of an SA, on a port not protected by number */
	FEED_N_BAD,
};

int feed_open(struct bench_feed *f, struct bench *b, uint32_t n_room);
void feed_close(struct bench_feed *f);

/* Begins a population of one suite and direction, without peers yet. */
void feed_begin(struct bench_feed *f, const struct bench_suite *suite, bool inbound);
/* Adds peers up to n. 0 or -errno. */
int feed_grow(struct bench_feed *f, uint32_t n);
/* Deletes all peers and waits until their slots are free. */
void feed_end(struct bench_feed *f);

/* The SA of an inbound peer picked at random. */
const struct sa *feed_random_sa(struct bench_feed *f);

/* A peer's address and the edge's, as they lie in the header of a packet from the peer. */
void feed_addresses(uint32_t peer, uint32_t pair_be[2]);

/* Makes n ≤ FEED_BURST packets. 0 or -ENOMEM. */
int feed_make(struct bench_feed *f, struct rte_mbuf *m[], unsigned n, uint32_t size_bytes);
/* Puts a round of packets into the port's receive ring. 0 or -errno. */
int feed_round(struct bench_feed *f, uint32_t size_bytes);
/* The same of packets that will be dropped. */
int feed_bad_round(struct bench_feed *f, enum feed_bad bad, uint32_t size_bytes);
/* Clear UDP to FEED_SIP_PORT: from the peers, or from addresses that nobody has. */
int feed_clear_round(struct bench_feed *f, bool strangers, uint32_t size_bytes);
/* Takes what came out and frees it. Returns how many packets. */
uint32_t feed_drain(struct bench_feed *f);

/* The port that the worker must not be reached at in the clear. */
#define FEED_LOCAL_PORT 5063
/* The port for clear SIP. */
#define FEED_SIP_PORT 5060

#endif
