#include "dataplane/policy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/api.h"
#include "dataplane/hash.h"

/* ---- one policy ---- */

static void prefix_mask(uint8_t *mask, uint8_t n_bits)
{
	memset(mask, 0xff, n_bits / 8);
	if (n_bits % 8)
		mask[n_bits / 8] = (uint8_t)(0xff << (8 - n_bits % 8));
}

int policy_make(struct policy *policy, const struct policy_spec *spec)
{
	uint8_t most = spec->family == API_IPV6 ? 128 : 32;
	bool has_ports = spec->protocol == IPPROTO_UDP || spec->protocol == IPPROTO_TCP;
	*policy = (struct policy){ .mask = { .zone = 0xff, .family = 0xff } };
	if (spec->local_bits > most || spec->remote_bits > most)
		return -EINVAL;
	if ((spec->local_port || spec->remote_port) && !has_ports)
		return -EINVAL;
	prefix_mask(policy->mask.local, spec->local_bits);
	prefix_mask(policy->mask.remote, spec->remote_bits);
	policy->mask.protocol = spec->protocol ? 0xff : 0;
	policy->mask.local_port_be = spec->local_port ? 0xffff : 0;
	policy->mask.remote_port_be = spec->remote_port ? 0xffff : 0;

	memcpy(policy->key.local, spec->local, 16);
	memcpy(policy->key.remote, spec->remote, 16);
	policy->key.local_port_be = htons(spec->local_port);
	policy->key.remote_port_be = htons(spec->remote_port);
	policy->key.zone = spec->zone;
	policy->key.family = spec->family;
	policy->key.protocol = spec->protocol;
	/* Bits behind a prefix would be a policy that is not what its text says. */
	return policy_holds(policy, &policy->key) ? 0 : -EINVAL;
}

/* ---- the table ---- */

struct policy_table {
	uint32_t n_shapes;
	uint32_t bucket_mask;
	union policy_key shape[POLICY_MAX_SHAPES]; /* masks, the most specific first */
	struct policy_bucket {
		union policy_key key;
		uint32_t value; /* 0 = free */
		uint32_t shape;
	} bucket[];
};

static unsigned bits_of(const uint8_t *mask, size_t n_bytes)
{
	unsigned n = 0;
	for (size_t i = 0; i < n_bytes; i++)
		n += (unsigned)__builtin_popcount(mask[i]);
	return n;
}

/* Larger is more specific; at most 128, 128 and 40, so a byte each. */
static uint32_t rank(const union policy_key *mask)
{
	unsigned rest = bits_of((const uint8_t *)&mask->local_port_be, 8);
	return bits_of(mask->remote, 16) << 16 | bits_of(mask->local, 16) << 8 | rest;
}

static int by_rank(const void *a, const void *b)
{
	uint32_t x = rank(a), y = rank(b);
	return x < y ? 1 : x > y ? -1 : memcmp(a, b, sizeof(union policy_key));
}

static bool keys_equal(const union policy_key *a, const union policy_key *b)
{
	uint64_t differs = 0;
	for (unsigned i = 0; i < POLICY_KEY_WORDS; i++)
		differs |= a->word[i] ^ b->word[i];
	return differs == 0;
}

/*
 * Keys come from policies alone, which are no stranger's; what a packet looks for can meet long
 * chains only where policies made them. The shape is part of the hash: one key under two masks.
 */
static uint64_t hash_of(const union policy_key *key, uint32_t shape)
{
	uint64_t hash = shape;
	for (unsigned i = 0; i < POLICY_KEY_WORDS; i++)
		hash = hash_mix(hash ^ key->word[i], HASH_GOLDEN_RATIO);
	return hash;
}

static uint32_t shape_of(const struct policy_table *t, const union policy_key *mask)
{
	uint32_t i = 0;
	while (i < t->n_shapes && !keys_equal(&t->shape[i], mask))
		i++;
	return i;
}

static int collect_shapes(struct policy_table *t, const struct policy_entry *entry, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t shape = shape_of(t, &entry[i].policy.mask);
		if (shape < t->n_shapes)
			continue;
		if (shape == POLICY_MAX_SHAPES)
			return -ENOSPC;
		t->shape[t->n_shapes++] = entry[i].policy.mask;
	}
	qsort(t->shape, t->n_shapes, sizeof(t->shape[0]), by_rank);
	return 0;
}

/* The bucket of a key, or the free one where it would go. */
static uint32_t bucket_of(const struct policy_table *t, const union policy_key *key, uint32_t shape)
{
	uint32_t i = (uint32_t)hash_of(key, shape) & t->bucket_mask;
	while (t->bucket[i].value &&
	       (t->bucket[i].shape != shape || !keys_equal(&t->bucket[i].key, key)))
		i = (i + 1) & t->bucket_mask;
	return i;
}

static int insert(struct policy_table *t, const struct policy_entry *entry)
{
	uint32_t shape = shape_of(t, &entry->policy.mask);
	struct policy_bucket *b = &t->bucket[bucket_of(t, &entry->policy.key, shape)];
	if (b->value)
		return -EEXIST;
	*b = (struct policy_bucket){ entry->policy.key, entry->value, shape };
	return 0;
}

struct policy_table *policy_table_new(const struct policy_entry *entry, uint32_t n)
{
	/* At most a quarter full: a miss ends at the first look, nearly always. */
	uint32_t n_buckets = 4;
	while (n_buckets / 4 < n)
		n_buckets *= 2;
	struct policy_table *t = calloc(1, sizeof(*t) + n_buckets * sizeof(t->bucket[0]));
	if (!t) {
		errno = ENOMEM;
		return NULL;
	}
	t->bucket_mask = n_buckets - 1;
	int rc = collect_shapes(t, entry, n);
	for (uint32_t i = 0; rc == 0 && i < n; i++)
		rc = insert(t, &entry[i]);
	if (rc < 0) {
		free(t);
		errno = -rc;
		return NULL;
	}
	return t;
}

void policy_table_free(struct policy_table *table)
{
	free(table);
}

uint32_t policy_find(const struct policy_table *t, const union policy_key *key)
{
	for (uint32_t shape = 0; shape < t->n_shapes; shape++) {
		union policy_key masked;
		for (unsigned i = 0; i < POLICY_KEY_WORDS; i++)
			masked.word[i] = key->word[i] & t->shape[shape].word[i];
		uint32_t value = t->bucket[bucket_of(t, &masked, shape)].value;
		if (value)
			return value;
	}
	return 0;
}
