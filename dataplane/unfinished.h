/*
 * The datagrams that reassembly has fragments of but not all: which fragments belong together, who
 * gets a place, and who gives way. Of fixed size; knows nothing of packet buffers but where they
 * are.
 *
 * A datagram's place is in one of two buckets that its peer (an IPv4 address, the /64 of an IPv6
 * one) has, so that a peer who sends nothing but pieces fills his two buckets and no others. Where
 * both are full, the peer with most datagrams there gives way with his oldest. Peers do not know
 * which buckets are theirs: the hash is keyed.
 *
 * One thread, the worker's; new and free: control.
 */
#ifndef DATAPLANE_UNFINISHED_H
#define DATAPLANE_UNFINISHED_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

/* 65 535 bytes at the 1 280 that every IPv6 link carries are 54. */
#define UNFINISHED_MAX_PARTS 64

/* What makes fragments those of one datagram: RFC 791 2.3, RFC 8200 4.5; and the zone. */
struct unfinished_key {
	uint8_t source[16]; /* IPv4 in the first four bytes, the rest zero */
	uint8_t destination[16];
	uint32_t id;
	uint8_t protocol; /* IPv4 */
	uint8_t family;
	uint8_t zone;
	uint8_t reserved;
};

/* One fragment: `n_bytes` of the datagram's payload from `offset` on, at `start` of its frame. */
struct piece {
	struct rte_mbuf *m;
	uint16_t offset;
	uint16_t n_bytes;
	uint16_t start;
	bool more;
};

struct datagram {
	/* the table's */
	struct unfinished_key key;
	uint32_t older, newer; /* slots of the neighbours by age */
	/* zero at first, and reassembly's */
	uint32_t expires_s;
	uint32_t n_bytes;     /* of all parts */
	uint32_t total_bytes; /* 0 until the last fragment has come */
	uint16_t largest_bytes;
	uint8_t ecn; /* one bit for each code point seen */
	uint8_t n_parts;
	bool refused;
	struct piece part[UNFINISHED_MAX_PARTS]; /* by offset, without overlaps */
};

struct unfinished;

/* n_datagrams: a power of two ≥ 16. NULL without memory. */
struct unfinished *unfinished_new(uint32_t n_datagrams, int numa_node);
void unfinished_free(struct unfinished *t);

/* Who is counted as one, from an address of the key. */
uint64_t unfinished_peer(const struct unfinished *t, const struct unfinished_key *key,
			 const uint8_t *address);

/* NULL: it is not there. */
struct datagram *unfinished_find(struct unfinished *t, const struct unfinished_key *key,
				 uint64_t peer);
/* Who has to leave before this peer's next datagram can be added; NULL: there is room. */
struct datagram *unfinished_in_the_way(struct unfinished *t, uint64_t peer);
/* A new one; there is room, and it is not there yet. */
struct datagram *unfinished_add(struct unfinished *t, const struct unfinished_key *key,
				uint64_t peer);
void unfinished_remove(struct unfinished *t, struct datagram *d);
/* NULL: there is none. */
struct datagram *unfinished_oldest(struct unfinished *t);

#endif
