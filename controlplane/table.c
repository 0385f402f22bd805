#include "controlplane/table.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

struct table {
	struct table_node **buckets;
	size_t mask;
	size_t n;
	uint64_t secret[2];
};

struct table *table_new(size_t expected)
{
	size_t n_buckets = 16;
	while (n_buckets < expected)
		n_buckets *= 2;
	struct table *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->buckets = calloc(n_buckets, sizeof(*t->buckets));
	if (!t->buckets || RAND_bytes((unsigned char *)t->secret, sizeof(t->secret)) != 1) {
		table_free(t);
		return NULL;
	}
	t->mask = n_buckets - 1;
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	free(t->buckets);
	free(t);
}

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 (Aumasson, Bernstein 2012); the seed is mixed into the second key word. */
uint64_t table_hash(const struct table *t, uint64_t seed, const void *bytes, size_t n_bytes)
{
	uint64_t k0 = t->secret[0];
	uint64_t k1 = t->secret[1] ^ seed;
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			  k1 ^ 0x7465646279746573 };
	const uint8_t *in = bytes;
	size_t n_words = n_bytes / 8;
	for (size_t i = 0; i <= n_words; i++) {
		uint64_t word = 0;
		if (i < n_words) {
			memcpy(&word, in + i * 8, 8);
		} else {
			if (n_bytes % 8) /* bytes may be NULL when n_bytes is 0 */
				memcpy(&word, in + i * 8, n_bytes % 8);
			word |= (uint64_t)n_bytes << 56;
		}
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void table_add(struct table *t, struct table_node *n, uint64_t hash)
{
	struct table_node **head = &t->buckets[hash & t->mask];
	n->hash = hash;
	n->next = *head;
	if (n->next)
		n->next->link = &n->next;
	n->link = head;
	*head = n;
	t->n++;
}

void table_remove(struct table *t, struct table_node *n)
{
	if (!n->link)
		return;
	*n->link = n->next;
	if (n->next)
		n->next->link = n->link;
	n->link = NULL;
	n->next = NULL;
	t->n--;
}

size_t table_count(const struct table *t)
{
	return t->n;
}

static struct table_node *same_hash(struct table_node *n, uint64_t hash)
{
	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct table_node *table_first(const struct table *t, uint64_t hash)
{
	return same_hash(t->buckets[hash & t->mask], hash);
}

struct table_node *table_next(const struct table_node *n)
{
	return same_hash(n->next, n->hash);
}

void table_visit(struct table *t, void (*visit)(void *user, struct table_node *n), void *user)
{
	for (size_t i = 0; i <= t->mask; i++) {
		struct table_node *next;
		for (struct table_node *n = t->buckets[i]; n; n = next) {
			next = n->next;
			visit(user, n);
		}
	}
}
