/*
 * The addresses of ours that SAs are bound to: few, and never removed, so that an SA names one by
 * its index and workers read an entry without protection once `n` covers it.
 */
#ifndef DATAPLANE_LOCAL_H
#define DATAPLANE_LOCAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/api.h"

#define LOCAL_MAX 1024

struct local {
	uint8_t address[16]; /* network order; IPv4 in the first four bytes, the rest zero */
	uint8_t family;      /* enum api_family */
	uint8_t zone;
};

/* written by: control; read by: workers */
struct locals {
	_Atomic uint32_t n; /* stored with release after the entry is filled */
	struct local entry[LOCAL_MAX];
};

/* The index of an address, entered on first sight; -ENOSPC. Control thread. */
int local_index(struct locals *locals, uint8_t zone, uint8_t family, const uint8_t *address);

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
