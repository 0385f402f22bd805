/*
 * The addresses of ours that SAs are bound to: few, so that an SA names one by its index. An entry
 * lives as long as SAs hold it, and its place is taken by another address only after every worker
 * has passed a quiescent state, so a worker reads what its SA names without protection.
 */
#ifndef DATAPLANE_LOCAL_H
#define DATAPLANE_LOCAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_rcu_qsbr.h>

#include "dataplane/api.h"

#define LOCAL_MAX 1024

struct local {
	uint8_t address[16];    /* network order; IPv4 in the first four bytes, the rest zero */
	_Atomic uint8_t family; /* enum api_family; 0 = vacant; stored with release, when filled */
	uint8_t zone;
};

struct locals {
	/* written by: control; read by: workers */
	_Atomic uint32_t n; /* entries that have ever been filled */
	struct local entry[LOCAL_MAX];
	/* control only */
	uint32_t n_sas[LOCAL_MAX]; /* that hold the entry */
	uint64_t token[LOCAL_MAX]; /* of a vacant one: what workers must have passed */
	uint32_t last;             /* found last: the SAs of a set share it */
};

/*
 * The index of an address, entered on first sight, to be given back. -EADDRNOTAVAIL: LOCAL_MAX
 * others are in use. Control thread.
 */
int local_take(struct locals *locals, uint8_t zone, uint8_t family, const uint8_t *address,
	       struct rte_rcu_qsbr *rcu);
/* After no worker holds the SA any more. Control thread. */
void local_give(struct locals *locals, uint32_t i, struct rte_rcu_qsbr *rcu);

/* Is it one of them? For telling reflections from strangers; linear. Any thread. */
bool local_is_ours(const struct locals *locals, uint8_t zone, uint8_t family,
		   const uint8_t *address);

/* Addresses compare by family: 4 or 16 bytes. */
static inline bool local_address_equal(const uint8_t *a, const uint8_t *b, uint8_t family)
{
	uint64_t x[2] = { 0 }, y[2] = { 0 };
	if (family == API_IPV4) {
		memcpy(x, a, 4);
		memcpy(y, b, 4);
		return x[0] == y[0];
	}
	memcpy(x, a, 16);
	memcpy(y, b, 16);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

#endif
