#include "controlplane/table.h"

#include <openssl/rand.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/room.h"

#define MIN_BUCKETS 16

/*
 * A link is the address of a node with what one may want to know of the node before its memory,
 * which of many objects mostly is in no cache. In the upper 16 bits, which no address of a process
 * has, are bits 8 … 23 of its hash: who looks for what is not there mostly sees it by them, and the
 * split of a bucket goes by them. The lowest bit says that no node follows it in its bucket.
 */
#define LAST      UINT64_C(1)
#define NODE      UINT64_C(0x0000fffffffffffe)
#define TAG_SHIFT 48
#define TAG_BIT   8 /* the first bit of the hash that is in the tag */
#define TAG_BITS  16
#define END       LAST /* no node: not 0, which a node has that is in no table */

/*
 * Linear hashing (Litwin 1980): with each object that is one too many for the buckets the next
 * bucket in order is split in two, and merged again when there are twice as many as objects. So the
 * array grows and shrinks at its end, a step at a time, and only its used part has memory.
 */
struct table {
	uint64_t *buckets; /* the first links; room for max_buckets; behind n_buckets they are 0 */
	size_t n_buckets, max_buckets;
	size_t half; /* a power of two: half <= n_buckets < 2 * half */
	size_t n;
	bool is_visited; /* buckets stay where they are */
	uint64_t secret[2];
};

struct table *table_new(size_t expected)
{
	struct table *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->max_buckets = expected > MIN_BUCKETS ? expected : MIN_BUCKETS;
	t->n_buckets = t->half = MIN_BUCKETS;
	t->buckets = calloc(t->max_buckets, sizeof(*t->buckets));
	if (!t->buckets || RAND_bytes((unsigned char *)t->secret, sizeof(t->secret)) != 1) {
		table_free(t);
		return NULL;
	}
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

/* The bytes behind the last whole word, and how many there are of all. */
static uint64_t last_word(const uint8_t *in, size_t n_bytes)
{
	size_t n = n_bytes % 8;
	uint64_t word = 0;
	if (n && n_bytes > 8) {
		memcpy(&word, in + n_bytes - 8, 8);
		word >>= 8 * (8 - n);
	} else if (n) { /* bytes may be NULL when n_bytes is 0 */
		memcpy(&word, in, n);
	}
	return word | (uint64_t)n_bytes << 56;
}

/*
 * SipHash-1-3 (Aumasson, Bernstein 2012), what hash tables of several languages have: nobody sees a
 * hash to learn the key from, but those of hops.c, whose key is no other table's. The seed is mixed
 * into its second word.
 */
uint64_t table_hash(const struct table *t, uint64_t seed, const void *bytes, size_t n_bytes)
{
	uint64_t k0 = t->secret[0];
	uint64_t k1 = t->secret[1] ^ seed;
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			  k1 ^ 0x7465646279746573 };
	const uint8_t *in = bytes;
	size_t n_words = n_bytes / 8;
	for (size_t i = 0; i <= n_words; i++) {
		uint64_t word;
		if (i < n_words)
			memcpy(&word, in + i * 8, 8);
		else
			word = last_word(in, n_bytes);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static size_t bucket_of(const struct table *t, uint64_t hash)
{
	size_t i = hash & (2 * t->half - 1);
	return i < t->n_buckets ? i : i - t->half;
}

/* NULL: the chain ends here. */
static struct table_node *node_of(uint64_t link)
{
	return (struct table_node *)(uintptr_t)(link & NODE);
}

static uint64_t tag_of(uint64_t hash)
{
	return hash >> TAG_BIT << TAG_SHIFT;
}

/* The end of a chain in the making: where the next link goes, and the link to who has it there. */
struct chain_end {
	uint64_t *at, *before;
};

/* Objects of one hash stay in their order. */
static void append(struct chain_end *end, uint64_t link)
{
	if (end->before)
		*end->before &= ~LAST;
	*end->at = link | LAST;
	end->before = end->at;
	end->at = &node_of(link)->next;
}

/* Whether its hash has this bit. */
static bool has_bit(uint64_t link, size_t bit)
{
	uint64_t in_tag = (uint64_t)bit >> TAG_BIT;
	if (in_tag && !(in_tag >> TAG_BITS))
		return link >> TAG_SHIFT & in_tag;
	return node_of(link)->hash & bit;
}

/* One bucket more: it gets its part of the one that was both. A node alone is not touched. */
static void split(struct table *t)
{
	size_t new = t->n_buckets++;
	struct chain_end stays = { &t->buckets[new - t->half], NULL };
	struct chain_end goes = { &t->buckets[new], NULL };
	uint64_t link = *stays.at;
	*stays.at = END;
	while (node_of(link)) {
		uint64_t next = link & LAST ? END : node_of(link)->next;
		struct chain_end *end = has_bit(link, t->half) ? &goes : &stays;
		append(end, link);
		if (!(link & LAST))
			*end->at = END;
		link = next;
	}
	if (t->n_buckets == 2 * t->half)
		t->half *= 2;
}

/* One bucket less. */
static void merge(struct table *t)
{
	if (t->n_buckets == t->half)
		t->half /= 2;
	size_t old = --t->n_buckets;
	struct chain_end end = { &t->buckets[old - t->half], NULL };
	while (node_of(*end.at)) {
		end.before = end.at;
		end.at = &node_of(*end.at)->next;
	}
	if (node_of(t->buckets[old])) {
		if (end.before)
			*end.before &= ~LAST;
		*end.at = t->buckets[old];
	}
	t->buckets[old] = 0;
	room_shrink(t->buckets, t->max_buckets * sizeof(*t->buckets), old * sizeof(*t->buckets));
}

static void shrink(struct table *t)
{
	while (!t->is_visited && t->n_buckets > MIN_BUCKETS && t->n_buckets > 2 * t->n)
		merge(t);
}

void table_add(struct table *t, struct table_node *n, uint64_t hash)
{
	if (t->n >= t->n_buckets && t->n_buckets < t->max_buckets && !t->is_visited)
		split(t);
	uint64_t *head = &t->buckets[bucket_of(t, hash)];
	bool is_last = !node_of(*head);
	n->hash = hash;
	n->next = is_last ? END : *head;
	*head = (uintptr_t)n | tag_of(hash) | (is_last ? LAST : 0);
	t->n++;
}

void table_remove(struct table *t, struct table_node *n)
{
	if (!n->next)
		return;
	uint64_t *at = &t->buckets[bucket_of(t, n->hash)];
	while (node_of(*at) != n)
		at = &node_of(*at)->next;
	*at = n->next;
	n->next = 0;
	t->n--;
	shrink(t);
}

size_t table_count(const struct table *t)
{
	return t->n;
}

/* The first from this link on. */
static struct table_node *same_hash(uint64_t link, uint64_t hash)
{
	struct table_node *n;
	while ((n = node_of(link))) {
		if (!((link ^ tag_of(hash)) >> TAG_SHIFT) && n->hash == hash)
			return n;
		if (link & LAST)
			break;
		link = n->next;
	}
	return NULL;
}

struct table_node *table_first(const struct table *t, uint64_t hash)
{
	return same_hash(t->buckets[bucket_of(t, hash)], hash);
}

struct table_node *table_next(const struct table_node *n)
{
	return same_hash(n->next, n->hash);
}

void table_visit(struct table *t, void (*visit)(void *user, struct table_node *n), void *user)
{
	bool outermost = !t->is_visited;
	t->is_visited = true;
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct table_node *next;
		for (struct table_node *n = node_of(t->buckets[i]); n; n = next) {
			next = node_of(n->next);
			visit(user, n);
		}
	}
	if (outermost) {
		t->is_visited = false;
		shrink(t);
	}
}
