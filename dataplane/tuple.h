/*
 * From a 5-tuple without its protocol to the SA that serves it: (zone, direction, local address,
 * local port, peer address, peer port). An SA serves TCP and UDP alike (seed 6.3), so the protocol
 * is no part of the key. Outbound SAs are found by it; for inbound ones it tells that a clear
 * packet claims a tuple that belongs to an SA.
 *
 * Buckets of eight entries, one cache line each; an entry is a slot and 32 bits of hash, the key
 * itself is compared in the SA, which the packet needs next anyway. An entry has two buckets to go
 * to; with twice as many entries as SAs both full is an event nobody will see. The hash is keyed:
 * peers choose addresses and ports.
 *
 * One writer (control); readers take no lock. A reader that meets a slot in change compares it
 * against the SA and finds it absent, as a moment before or after.
 */
#ifndef DATAPLANE_TUPLE_H
#define DATAPLANE_TUPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/parse.h"
#include "dataplane/sa.h"

#define TUPLE_BUCKET_ENTRIES 8

struct tuple {
	uint8_t local[16]; /* network order; IPv4 in the first four bytes, the rest zero */
	uint8_t peer[16];
	uint16_t local_port_be;
	uint16_t peer_port_be;
	uint8_t zone;
	uint8_t direction; /* enum api_direction */
	uint8_t family;    /* enum api_family */
	uint8_t reserved;
};

/* An entry: 32 bits of hash in the high half, slot + 1 in the low one; 0 = empty. */
struct tuple_bucket {
	_Alignas(SA_LINE_BYTES) _Atomic uint64_t entry[TUPLE_BUCKET_ENTRIES];
};
_Static_assert(sizeof(struct tuple_bucket) == SA_LINE_BYTES, "a bucket is one cache line");

/* Written once, but for the buckets. */
struct tuple_index {
	struct tuple_bucket *bucket;
	uint32_t n_buckets; /* a power of two */
	uint64_t key[4];
};

/* NULL when there is not so much memory. n_sas is a power of two. */
struct tuple_index *tuple_index_new(uint32_t n_sas);
void tuple_index_free(struct tuple_index *index);

/*
 * The tuple of a UDP or TCP packet, of which the ports are there, as seen from the edge: the local
 * side is the destination of what comes in and the source of what goes out. Made of whole words:
 * the hash reads them at once, and a load of what narrower stores have just written would wait.
 */
static inline struct tuple tuple_of(const uint8_t *frame, const struct parse *at, uint8_t zone,
				    enum api_direction direction)
{
	const uint8_t *ip = frame + at->l3;
	const uint8_t *source = parse_source(ip, at->family);
	const uint8_t *destination = parse_destination(ip, at->family);
	bool inbound = direction == API_IN;
	uint64_t local[2] = { 0 }, peer[2] = { 0 };
	uint32_t ports; /* source, destination */
	if (at->family == API_IPV4) {
		memcpy(local, inbound ? destination : source, 4);
		memcpy(peer, inbound ? source : destination, 4);
	} else {
		memcpy(local, inbound ? destination : source, 16);
		memcpy(peer, inbound ? source : destination, 16);
	}
	memcpy(&ports, frame + at->l4, sizeof(ports));
	if (inbound)
		ports = ports << 16 | ports >> 16;
	uint64_t word[] = { local[0], local[1], peer[0], peer[1],
			    ports | (uint64_t)zone << 32 | (uint64_t)direction << 40 |
				    (uint64_t)at->family << 48 };
	struct tuple tuple;
	_Static_assert(sizeof(word) == sizeof(tuple) && offsetof(struct tuple, peer) == 16 &&
			       offsetof(struct tuple, local_port_be) == 32 &&
			       offsetof(struct tuple, zone) == 36 &&
			       offsetof(struct tuple, direction) == 37 &&
			       offsetof(struct tuple, family) == 38,
		       "the words are the tuple, on a little-endian machine");
	memcpy(&tuple, word, sizeof(tuple));
	return tuple;
}

/* Multiply and fold: each input bit reaches every output bit. */
static inline uint64_t tuple_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t tuple_hash(const struct tuple_index *index, const struct tuple *tuple)
{
	const uint64_t *key = index->key;
	uint64_t word[5];
	_Static_assert(sizeof(*tuple) == sizeof(word), "the tuple is hashed whole, without gaps");
	memcpy(word, tuple, sizeof(word));
	uint64_t local = tuple_mix(word[0] ^ key[0], word[1] ^ key[1]);
	uint64_t peer = tuple_mix(word[2] ^ key[2], word[3] ^ key[3]);
	return tuple_mix(local ^ word[4] ^ key[1], (peer << 1 | 1) ^ key[2]) ^ peer;
}

/* The hash under which a peer's address and port stand, whatever the local side is. */
uint64_t tuple_peer_hash(const struct tuple_index *index, const struct tuple *tuple);

/*
 * 0 or -ENOSPC: besides bad luck, sixteen SAs toward one address and port of a peer. Control
 * thread.
 */
int tuple_insert(struct tuple_index *index, uint64_t hash, uint32_t slot);
void tuple_remove(struct tuple_index *index, uint64_t hash, uint32_t slot);

/* Brings in the lines that tuple_insert() and tuple_remove() write. Control thread. */
void tuple_prefetch_write(const struct tuple_index *index, uint64_t hash);

/* The published SA of this tuple, or NULL. */
struct sa *tuple_find(const struct sa_table *table, uint64_t hash, const struct tuple *tuple);

/* ---- of a burst ---- */

struct tuple_lookup {
	struct tuple tuple;
	uint64_t hash;
	struct sa
		*candidate; /* of that hash, the first one; almost always the right one. Or NULL */
};

/*
 * Finds the candidates of n ≤ 64 lookups at once, in steps, so that the lines of all come in side
 * by side; what tuple_find_candidate() then reads of an SA is on its way, and its keys if wanted.
 */
void tuple_candidates(const struct sa_table *table, struct tuple_lookup lookup[], uint32_t n,
		      bool with_keys);
/* What tuple_find() returns. */
struct sa *tuple_find_candidate(const struct sa_table *table, const struct tuple_lookup *lookup);

/*
 * Has any published outbound SA this tuple's peer address and port? Then nothing goes there in the
 * clear, not even from another port or address of ours.
 */
bool tuple_is_peer_protected(const struct sa_table *table, const struct tuple *tuple);

#endif
