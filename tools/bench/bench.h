/*
 * imsgate-bench: what a packet costs in the data plane, in cycles of one core, beside what its
 * cryptography alone costs in the same run.
 *
 * The worker under test is the real one (dataplane/worker.c) on real DPDK ports of the ring driver:
 * RX, parse, SA lookup, replay window, crypto, verdict and TX are all inside the measured time. The
 * packets are made outside of it, with fresh sequence numbers and good ICVs, by a feed that has its
 * own copy of every key, so that it never warms a line that the worker must fetch.
 *
 * A size is the IP length of the ESP packet; what is authenticated is that less the IP header (20)
 * and the ICV (12).
 */
#ifndef TOOLS_BENCH_BENCH_H
#define TOOLS_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/job.h"
#include "dataplane/set.h"
#include "dataplane/worker.h"

enum {
	BENCH_ROUND_PKTS = 512, /* fed, then measured, then fed again: a NIC's ring */
	BENCH_IPV4_BYTES = 20,
	BENCH_ICV_BYTES = 12,
	BENCH_ESP_BYTES = 8,
	BENCH_TRAILER_BYTES = 2,
};

struct bench_case {
	bool inbound;
	enum crypto_suite suite;
	uint32_t size_bytes;
	uint32_t n_sas; /* of this direction */
};

struct bench_result {
	struct bench_case c;
	double cycles;       /* per packet, median of the rounds */
	double bare_cycles;  /* of IPsec-MB alone, median of rounds between those */
	double fewest, most; /* 10th and 90th percentile of the rounds, cycles per packet */
	uint64_t n_pkts;     /* measured */
};

/* The data plane under test: one zone on ring ports, its table and one worker, no threads. */
struct bench {
	struct zones zones;
	struct sa_table sas;
	struct set_table sets;
	struct worker *worker;
	struct rte_ring *network_rx, *network_tx, *kernel_rx, *kernel_tx;
	bool hugepages;
	int numa_node;
};

/* Starts DPDK; capacity is a power of two. 0 or -errno with a message on stderr. */
int bench_open(struct bench *b, uint32_t capacity);
void bench_close(struct bench *b);

/* Peers with one inbound and one outbound SA each, and the feed's own copy of their keys. */
struct bench_peer {
	struct crypto_key key;
	uint32_t spi_in_be;
	uint32_t sequence;
	uint32_t address_be;
};

struct bench_feed {
	struct bench *bench;
	struct bench_peer *peer;
	uint32_t n_peers, n_room;
	enum crypto_suite suite;
	struct crypto *crypto;
	uint64_t random; /* state of the generator that picks peers */
};

int bench_feed_open(struct bench_feed *f, struct bench *b, uint32_t n_room);
void bench_feed_close(struct bench_feed *f);
/* Replaces all peers by n new ones of a suite. 0 or -errno. */
int bench_feed_install(struct bench_feed *f, enum crypto_suite suite, uint32_t n);
/* Puts a round of packets, each of a random peer, into the port's receive ring. 0 or -errno. */
int bench_feed_round(struct bench_feed *f, bool inbound, uint32_t size_bytes);
/* Takes what came out and frees it. Returns how many packets. */
uint32_t bench_feed_drain(struct bench_feed *f, bool inbound);

/*
 * The limit: IPsec-MB alone over one burst of hot packets with one hot key, verification of the
 * ICV (inbound) or writing it (outbound) included. Cycles per packet of one round.
 */
struct bench_bare;
struct bench_bare *bench_bare_new(const struct bench_case *c);
void bench_bare_free(struct bench_bare *bare);
double bench_bare_round(struct bench_bare *bare);

/* Measures one case. 0 or -errno with a message on stderr. */
int bench_measure(struct bench_feed *f, const struct bench_case *c, uint32_t n_rounds,
		  struct bench_result *result);

#endif
