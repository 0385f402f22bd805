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
#include <stdint.h>

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

struct tuple_index;

/* NULL when there is not so much memory. n_sas is a power of two. */
struct tuple_index *tuple_index_new(uint32_t n_sas);
void tuple_index_free(struct tuple_index *index);

/*
 * The tuple of a UDP or TCP packet, of which the ports are there, as seen from the edge: the local
 * side is the destination of what comes in and the source of what goes out.
 */
static inline struct tuple tuple_of(const uint8_t *frame, const struct parse *at, uint8_t zone,
				    enum api_direction direction)
{
	const uint8_t *ip = frame + at->l3, *ports = frame + at->l4;
	const uint8_t *source = parse_source(ip, at->family);
	const uint8_t *destination = parse_destination(ip, at->family);
	bool inbound = direction == API_IN;
	size_t n_bytes = at->family == API_IPV4 ? 4 : 16;
	struct tuple tuple = {
		.zone = zone,
		.direction = (uint8_t)direction,
		.family = at->family,
	};
	memcpy(tuple.local, inbound ? destination : source, n_bytes);
	memcpy(tuple.peer, inbound ? source : destination, n_bytes);
	memcpy(&tuple.local_port_be, ports + (inbound ? 2 : 0), 2);
	memcpy(&tuple.peer_port_be, ports + (inbound ? 0 : 2), 2);
	return tuple;
}

uint64_t tuple_hash(const struct tuple_index *index, const struct tuple *tuple);

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

/* Brings in the line that tuple_candidate() reads. */
void tuple_prefetch(const struct tuple_index *index, uint64_t hash);
/*
 * The first SA whose 32 bits of hash agree, or NULL: almost always the right one, so worth
 * prefetching before tuple_find() compares.
 */
struct sa *tuple_candidate(const struct sa_table *table, uint64_t hash);
/* The published SA of this tuple, or NULL. */
struct sa *tuple_find(const struct sa_table *table, uint64_t hash, const struct tuple *tuple);

/*
 * Has any published outbound SA this tuple's peer address and port? Then nothing goes there in the
 * clear, not even from another port or address of ours.
 */
bool tuple_is_peer_protected(const struct sa_table *table, const struct tuple *tuple);

#endif
