#include "dataplane/tuple.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_common.h>

#include "dataplane/table_memory.h"

/* An entry: hash tag in the high half, slot + 1 in the low one; 0 = empty. */
struct bucket {
	_Alignas(SA_LINE_BYTES) _Atomic uint64_t entry[TUPLE_BUCKET_ENTRIES];
};
_Static_assert(sizeof(struct bucket) == SA_LINE_BYTES, "a bucket is one cache line");

/*
 * Entries that a bucket takes of those whose first bucket it is, as long as it has no more: the
 * rest goes to the emptier one of two. Most lookups then end in the first bucket, and both full
 * stays as rare as with a free choice; filling strictly the first one before the second left one
 * insertion in a thousand without a place at two million SAs.
 */
#define FIRST_BUCKET_ENTRIES 6

/*
 * An inbound SA has one entry, an outbound one two: with as many of each the buckets of a full
 * table are three eighths full.
 */
#define ENTRIES_PER_SA 4

/*
 * A full table of a thousand SAs and 256 buckets had no place for one insertion in ten million;
 * four thousand buckets, 256 kB, have room for any such.
 */
#define MIN_BUCKETS 4096u

struct tuple_index {
	struct bucket *bucket;
	uint32_t n_buckets; /* a power of two */
	uint64_t key[4];
};

static size_t index_bytes(const struct tuple_index *index)
{
	return (size_t)index->n_buckets * sizeof(struct bucket);
}

struct tuple_index *tuple_index_new(uint32_t n_sas)
{
	struct tuple_index *index = calloc(1, sizeof(*index));
	if (!index)
		return NULL;
	index->n_buckets = RTE_MAX(n_sas / TUPLE_BUCKET_ENTRIES * ENTRIES_PER_SA, MIN_BUCKETS);
	index->bucket = table_memory_alloc("tuples", index_bytes(index));
	if (!index->bucket || getrandom(index->key, sizeof(index->key), 0) != sizeof(index->key)) {
		tuple_index_free(index);
		return NULL;
	}
	return index;
}

void tuple_index_free(struct tuple_index *index)
{
	if (!index)
		return;
	table_memory_free(index->bucket, index_bytes(index));
	free(index);
}

/* Multiply and fold: each input bit reaches every output bit. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t tuple_hash(const struct tuple_index *index, const struct tuple *tuple)
{
	uint64_t word[5];
	_Static_assert(sizeof(*tuple) == sizeof(word), "the tuple is hashed whole, without gaps");
	memcpy(word, tuple, sizeof(word));
	uint64_t local = mix(word[0] ^ index->key[0], word[1] ^ index->key[1]);
	uint64_t peer = mix(word[2] ^ index->key[2], word[3] ^ index->key[3]);
	return mix(local ^ word[4] ^ index->key[1], (peer << 1 | 1) ^ index->key[2]) ^ peer;
}

uint64_t tuple_peer_hash(const struct tuple_index *index, const struct tuple *tuple)
{
	/* Port 0 is no SA's, so no tuple of an SA is this one. */
	struct tuple peer = *tuple;
	memset(peer.local, 0, sizeof(peer.local));
	peer.local_port_be = 0;
	return tuple_hash(index, &peer);
}

/* The three uses of a hash take different bits of it. */
static inline struct bucket *first_bucket(const struct tuple_index *index, uint64_t hash)
{
	return &index->bucket[hash & (index->n_buckets - 1)];
}

/* Never the first one: two equal choices are none. */
static inline struct bucket *second_bucket(const struct tuple_index *index, uint64_t hash)
{
	uint64_t below = (hash >> 24 & UINT32_MAX) * (index->n_buckets - 1) >> 32;
	uint32_t distance = 1 + (uint32_t)below;
	return &index->bucket[(hash ^ distance) & (index->n_buckets - 1)];
}

static inline uint64_t tag(uint64_t hash)
{
	return hash >> 32 << 32;
}

static unsigned n_used(const struct bucket *bucket)
{
	unsigned n = 0;
	for (unsigned i = 0; i < TUPLE_BUCKET_ENTRIES; i++)
		n += atomic_load_explicit(&bucket->entry[i], memory_order_relaxed) != 0;
	return n;
}

static int put(struct bucket *bucket, uint64_t entry)
{
	for (unsigned i = 0; i < TUPLE_BUCKET_ENTRIES; i++) {
		if (atomic_load_explicit(&bucket->entry[i], memory_order_relaxed) == 0) {
			/* partner: match(). The SA was filled before. */
			atomic_store_explicit(&bucket->entry[i], entry, memory_order_release);
			return 0;
		}
	}
	return -ENOSPC;
}

int tuple_insert(struct tuple_index *index, uint64_t hash, uint32_t slot)
{
	struct bucket *first = first_bucket(index, hash), *second = second_bucket(index, hash);
	uint64_t entry = tag(hash) | (slot + 1);
	if (n_used(first) < FIRST_BUCKET_ENTRIES || n_used(first) <= n_used(second))
		return put(first, entry);
	return put(second, entry);
}

void tuple_remove(struct tuple_index *index, uint64_t hash, uint32_t slot)
{
	uint64_t entry = tag(hash) | (slot + 1);
	struct bucket *bucket[2] = { first_bucket(index, hash), second_bucket(index, hash) };
	for (unsigned b = 0; b < 2; b++) {
		for (unsigned i = 0; i < TUPLE_BUCKET_ENTRIES; i++) {
			_Atomic uint64_t *e = &bucket[b]->entry[i];
			if (atomic_load_explicit(e, memory_order_relaxed) == entry) {
				atomic_store_explicit(e, 0, memory_order_release);
				return;
			}
		}
	}
}

void tuple_prefetch_write(const struct tuple_index *index, uint64_t hash)
{
	rte_prefetch0(first_bucket(index, hash));
	rte_prefetch0(second_bucket(index, hash));
}

void tuple_prefetch(const struct tuple_index *index, uint64_t hash)
{
	rte_prefetch0(first_bucket(index, hash));
}

/* The next SA of a bucket whose tag agrees, from entry *i on. */
static inline struct sa *match(const struct sa_table *table, const struct bucket *bucket,
			       uint64_t hash, unsigned *i)
{
	while (*i < TUPLE_BUCKET_ENTRIES) {
		uint64_t entry = atomic_load_explicit(&bucket->entry[(*i)++], memory_order_acquire);
		if ((entry ^ hash) >> 32 == 0 && (uint32_t)entry)
			return &table->sa[(uint32_t)entry - 1];
	}
	return NULL;
}

struct sa *tuple_candidate(const struct sa_table *table, uint64_t hash)
{
	unsigned i = 0;
	return match(table, first_bucket(table->tuples, hash), hash, &i);
}

static inline bool is_peer(const struct sa *sa, const struct tuple *tuple)
{
	const struct sa_id *id = &sa->id;
	/* partner: sa_publish() */
	return atomic_load_explicit(&id->key, memory_order_acquire) &&
	       id->peer_port_be == tuple->peer_port_be && id->zone == tuple->zone &&
	       id->direction == tuple->direction && id->family == tuple->family &&
	       sa_peer_equal(sa, tuple->peer);
}

static inline bool serves(const struct sa_table *table, const struct sa *sa,
			  const struct tuple *tuple)
{
	return is_peer(sa, tuple) && sa->id.local_port_be == tuple->local_port_be &&
	       local_address_equal(table->locals->entry[sa->id.local].address, tuple->local,
				   tuple->family);
}

static inline struct sa *find_in(const struct sa_table *table, const struct bucket *bucket,
				 uint64_t hash, const struct tuple *tuple)
{
	unsigned i = 0;
	for (struct sa *sa; (sa = match(table, bucket, hash, &i));) {
		if (serves(table, sa, tuple))
			return sa;
	}
	return NULL;
}

struct sa *tuple_find(const struct sa_table *table, uint64_t hash, const struct tuple *tuple)
{
	struct sa *sa = find_in(table, first_bucket(table->tuples, hash), hash, tuple);
	return sa ? sa : find_in(table, second_bucket(table->tuples, hash), hash, tuple);
}

bool tuple_is_peer_protected(const struct sa_table *table, const struct tuple *tuple)
{
	uint64_t hash = tuple_peer_hash(table->tuples, tuple);
	const struct bucket *bucket[2] = { first_bucket(table->tuples, hash),
					   second_bucket(table->tuples, hash) };
	for (unsigned b = 0; b < 2; b++) {
		unsigned i = 0;
		for (const struct sa *sa; (sa = match(table, bucket[b], hash, &i));) {
			if (is_peer(sa, tuple))
				return true;
		}
	}
	return false;
}
