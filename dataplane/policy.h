/*
 * Which tunnel a packet belongs into: the security policies of all zones in one table (RFC 4301
 * 4.4.1), immutable and replaced whole. Control builds one and hands it to the workers; they look
 * up without a lock, and a table that was replaced is freed after their quiescent states.
 *
 * A policy is a key of 40 bytes under a mask: prefixes of both addresses, and of zone, family,
 * protocol and ports all bits or none. Policies with equal masks share a shape, and a lookup asks
 * one hash table once per shape, the most specific first: longest remote prefix, then longest local
 * one, then the policy that names more of protocol and ports. So a packet meets the most specific
 * policy that holds it, whatever the order in which they came, and few shapes are few cache lines,
 * however many policies there are.
 */
#ifndef DATAPLANE_POLICY_H
#define DATAPLANE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

/* Different masks in one table: each costs every packet without a policy one probe. */
#define POLICY_MAX_SHAPES 64

#define POLICY_KEY_WORDS 5

/* As seen from the edge: local is behind us, remote behind the peer. */
union policy_key {
	struct {
		uint8_t local[16]; /* network order; IPv4 in the first four bytes, the rest zero */
		uint8_t remote[16];
		uint16_t local_port_be;
		uint16_t remote_port_be;
		uint8_t zone;
		uint8_t family; /* enum api_family */
		uint8_t protocol;
		uint8_t reserved; /* zero */
	};
	uint64_t word[POLICY_KEY_WORDS];
};
_Static_assert(sizeof(union policy_key) == 8 * POLICY_KEY_WORDS, "a key is whole words");

struct policy {
	union policy_key key; /* zero where the mask is */
	union policy_key mask;
};

/* What a client may ask for; zero protocol and ports are any. */
struct policy_spec {
	const uint8_t *local; /* 16 bytes */
	const uint8_t *remote;
	uint8_t local_bits;
	uint8_t remote_bits;
	uint16_t local_port;
	uint16_t remote_port;
	uint8_t zone;
	uint8_t family;
	uint8_t protocol;
};

/* 0, or -EINVAL: prefixes too long or with bits behind their ends, ports without UDP or TCP. */
int policy_make(struct policy *policy, const struct policy_spec *spec);

static inline bool policy_holds(const struct policy *policy, const union policy_key *key)
{
	uint64_t differs = 0;
	for (unsigned i = 0; i < POLICY_KEY_WORDS; i++)
		differs |= (key->word[i] & policy->mask.word[i]) ^ policy->key.word[i];
	return differs == 0;
}

/* Does it ask for ports? Then fragments, of which most have none, are not in it. */
static inline bool policy_has_ports(const struct policy *policy)
{
	return (policy->mask.local_port_be | policy->mask.remote_port_be) != 0;
}

struct policy_table;

/* A value is the caller's, and not 0. */
struct policy_entry {
	struct policy policy;
	uint32_t value;
};

/*
 * Control thread. NULL and errno: -ENOMEM as ENOMEM, EEXIST for two equal policies, ENOSPC for too
 * many shapes. No entries make a table that finds nothing.
 */
struct policy_table *policy_table_new(const struct policy_entry *entry, uint32_t n);
/* When no worker holds it any more. NULL is fine. */
void policy_table_free(struct policy_table *table);

/* The value of the most specific policy that holds the packet; 0: none does. Any thread. */
uint32_t policy_find(const struct policy_table *table, const union policy_key *key);

#endif
