#include "dataplane/unfinished.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

#include <rte_malloc.h>

#include "dataplane/hash.h"

#define BUCKET_DATAGRAMS 8
#define NO_SLOT          UINT32_MAX

_Static_assert(sizeof(struct unfinished_key) == 5 * sizeof(uint64_t), "the key is hashed whole");

/* What a search looks at, apart from the datagrams themselves: two lines. */
struct bucket {
	_Alignas(RTE_CACHE_LINE_SIZE) uint32_t tag[BUCKET_DATAGRAMS]; /* 0: free */
	uint32_t born[BUCKET_DATAGRAMS];
	uint64_t peer[BUCKET_DATAGRAMS];
};

struct unfinished {
	uint32_t n_buckets; /* a power of two */
	uint32_t oldest, newest;
	uint32_t n_born;
	uint64_t secret[3]; /* peers choose what is hashed */
	struct bucket *bucket;
	struct datagram *datagram; /* slot = bucket × BUCKET_DATAGRAMS + place */
};

struct unfinished *unfinished_new(uint32_t n_datagrams, int numa_node)
{
	struct unfinished *t = rte_zmalloc_socket("unfinished", sizeof(*t), 0, numa_node);
	if (!t)
		return NULL;
	t->n_buckets = n_datagrams / BUCKET_DATAGRAMS;
	t->oldest = t->newest = NO_SLOT;
	t->bucket = rte_zmalloc_socket("unfinished", t->n_buckets * sizeof(*t->bucket),
				       RTE_CACHE_LINE_SIZE, numa_node);
	t->datagram = rte_zmalloc_socket("unfinished", n_datagrams * sizeof(*t->datagram),
					 RTE_CACHE_LINE_SIZE, numa_node);
	if (!t->bucket || !t->datagram ||
	    getrandom(t->secret, sizeof(t->secret), 0) != sizeof(t->secret)) {
		unfinished_free(t);
		return NULL;
	}
	return t;
}

void unfinished_free(struct unfinished *t)
{
	if (!t)
		return;
	rte_free(t->bucket);
	rte_free(t->datagram);
	rte_free(t);
}

uint64_t unfinished_peer(const struct unfinished *t, const struct unfinished_key *key,
			 const uint8_t *address)
{
	return hash_source(t->secret, key->family, key->zone, address);
}

static uint32_t tag_of(const struct unfinished *t, const struct unfinished_key *key)
{
	uint64_t word[5], hash = t->secret[2];
	memcpy(word, key, sizeof(word));
	for (unsigned i = 0; i < 5; i++)
		hash = hash_mix(hash ^ word[i], t->secret[i & 1] | 1);
	return (uint32_t)hash | 1;
}

/* A peer's two buckets, which differ. */
static void buckets_of(const struct unfinished *t, uint64_t peer, uint32_t at[2])
{
	uint32_t mask = t->n_buckets - 1;
	at[0] = (uint32_t)peer & mask;
	at[1] = (at[0] ^ ((uint32_t)(peer >> 32) | 1)) & mask;
}

struct datagram *unfinished_find(struct unfinished *t, const struct unfinished_key *key,
				 uint64_t peer)
{
	uint32_t at[2], tag = tag_of(t, key);
	buckets_of(t, peer, at);
	for (unsigned i = 0; i < 2 * BUCKET_DATAGRAMS; i++) {
		uint32_t bucket = at[i / BUCKET_DATAGRAMS], place = i % BUCKET_DATAGRAMS;
		struct datagram *d = &t->datagram[bucket * BUCKET_DATAGRAMS + place];
		if (t->bucket[bucket].tag[place] == tag && memcmp(&d->key, key, sizeof(*key)) == 0)
			return d;
	}
	return NULL;
}

/* A free slot in the emptier bucket, or NO_SLOT. */
static uint32_t free_slot(const struct unfinished *t, const uint32_t at[2])
{
	uint32_t slot = NO_SLOT;
	unsigned most = 0;
	for (unsigned b = 0; b < 2; b++) {
		const struct bucket *bucket = &t->bucket[at[b]];
		unsigned n = 0;
		for (uint32_t i = 0; i < BUCKET_DATAGRAMS; i++)
			n += !bucket->tag[i];
		for (uint32_t i = 0; n > most && i < BUCKET_DATAGRAMS; i++) {
			if (!bucket->tag[i])
				slot = at[b] * BUCKET_DATAGRAMS + i;
		}
		most = n > most ? n : most;
	}
	return slot;
}

/* How many datagrams in both buckets, which are full, are this peer's. */
static unsigned weight(const struct unfinished *t, const uint32_t at[2], uint64_t peer)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < BUCKET_DATAGRAMS; i++)
		n += (t->bucket[at[0]].peer[i] == peer) + (t->bucket[at[1]].peer[i] == peer);
	return n;
}

struct datagram *unfinished_in_the_way(struct unfinished *t, uint64_t peer)
{
	uint32_t at[2], worst = NO_SLOT, worst_age = 0;
	unsigned worst_weight = 0;
	buckets_of(t, peer, at);
	if (free_slot(t, at) != NO_SLOT)
		return NULL;
	for (unsigned i = 0; i < 2 * BUCKET_DATAGRAMS; i++) {
		const struct bucket *bucket = &t->bucket[at[i / BUCKET_DATAGRAMS]];
		uint32_t place = i % BUCKET_DATAGRAMS, age = t->n_born - bucket->born[place];
		unsigned its_weight = weight(t, at, bucket->peer[place]);
		if (its_weight < worst_weight || (its_weight == worst_weight && age <= worst_age))
			continue;
		worst = at[i / BUCKET_DATAGRAMS] * BUCKET_DATAGRAMS + place;
		worst_age = age;
		worst_weight = its_weight;
	}
	return &t->datagram[worst];
}

/* The field of its neighbour, or of the table, that names the one after or before it. */
static uint32_t *link_to(struct unfinished *t, uint32_t neighbour, bool as_newer)
{
	if (neighbour == NO_SLOT)
		return as_newer ? &t->oldest : &t->newest;
	return as_newer ? &t->datagram[neighbour].newer : &t->datagram[neighbour].older;
}

struct datagram *unfinished_add(struct unfinished *t, const struct unfinished_key *key,
				uint64_t peer)
{
	uint32_t at[2];
	buckets_of(t, peer, at);
	uint32_t slot = free_slot(t, at), place = slot % BUCKET_DATAGRAMS;
	assert(slot != NO_SLOT);
	struct bucket *bucket = &t->bucket[slot / BUCKET_DATAGRAMS];
	bucket->tag[place] = tag_of(t, key);
	bucket->born[place] = t->n_born++;
	bucket->peer[place] = peer;

	struct datagram *d = &t->datagram[slot];
	memset(d, 0, offsetof(struct datagram, part));
	d->key = *key;
	d->older = t->newest;
	d->newer = NO_SLOT;
	*link_to(t, d->older, true) = slot;
	t->newest = slot;
	return d;
}

void unfinished_remove(struct unfinished *t, struct datagram *d)
{
	uint32_t slot = (uint32_t)(d - t->datagram);
	*link_to(t, d->older, true) = d->newer;
	*link_to(t, d->newer, false) = d->older;
	t->bucket[slot / BUCKET_DATAGRAMS].tag[slot % BUCKET_DATAGRAMS] = 0;
}

struct datagram *unfinished_oldest(struct unfinished *t)
{
	return t->oldest == NO_SLOT ? NULL : &t->datagram[t->oldest];
}
