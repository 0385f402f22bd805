#include "dataplane/tuple.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <emmintrin.h>
#include <rte_common.h>

#include "dataplane/table_memory.h"

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

static size_t index_bytes(const struct tuple_index *index)
{
	return (size_t)index->n_buckets * sizeof(struct tuple_bucket);
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

uint64_t tuple_peer_hash(const struct tuple_index *index, const struct tuple *tuple)
{
	/* Port 0 is no SA's, so no tuple of an SA is this one. */
	struct tuple peer = *tuple;
	memset(peer.local, 0, sizeof(peer.local));
	peer.local_port_be = 0;
	return tuple_hash(index, &peer);
}

/* The three uses of a hash take different bits of it. */
static inline struct tuple_bucket *first_bucket(const struct tuple_index *index, uint64_t hash)
{
	return &index->bucket[hash & (index->n_buckets - 1)];
}

/* Never the first one: two equal choices are none. */
static inline struct tuple_bucket *second_bucket(const struct tuple_index *index, uint64_t hash)
{
	uint64_t below = (hash >> 24 & UINT32_MAX) * (index->n_buckets - 1) >> 32;
	uint32_t distance = 1 + (uint32_t)below;
	return &index->bucket[(hash ^ distance) & (index->n_buckets - 1)];
}

static inline uint64_t tag(uint64_t hash)
{
	return hash >> 32 << 32;
}

static unsigned n_used(const struct tuple_bucket *bucket)
{
	unsigned n = 0;
	for (unsigned i = 0; i < TUPLE_BUCKET_ENTRIES; i++)
		n += atomic_load_explicit(&bucket->entry[i], memory_order_relaxed) != 0;
	return n;
}

static int put(struct tuple_bucket *bucket, uint64_t entry)
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
	struct tuple_bucket *first = first_bucket(index, hash),
			    *second = second_bucket(index, hash);
	uint64_t entry = tag(hash) | (slot + 1);
	if (n_used(first) < FIRST_BUCKET_ENTRIES || n_used(first) <= n_used(second))
		return put(first, entry);
	return put(second, entry);
}

void tuple_remove(struct tuple_index *index, uint64_t hash, uint32_t slot)
{
	uint64_t entry = tag(hash) | (slot + 1);
	struct tuple_bucket *bucket[2] = { first_bucket(index, hash), second_bucket(index, hash) };
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

/*
 * The entries whose 32 bits of hash agree, as bits; free ones may be among them. Where it stands in
 * a bucket is random, so no branch asks entry by entry.
 */
static inline unsigned agreeing(const struct tuple_bucket *bucket, uint64_t hash)
{
	__m128i wanted = _mm_set1_epi32((int32_t)(hash >> 32));
	__m128i equal[4];
	for (unsigned i = 0; i < 4; i++) {
		const _Atomic uint64_t *e = &bucket->entry[2 * i];
		__m128i pair =
			_mm_set_epi64x((int64_t)atomic_load_explicit(e + 1, memory_order_relaxed),
				       (int64_t)atomic_load_explicit(e, memory_order_relaxed));
		/* Of each entry the upper half, twice. */
		equal[i] = _mm_cmpeq_epi32(_mm_shuffle_epi32(pair, 0xf5), wanted);
	}
	__m128i low = _mm_packs_epi32(equal[0], equal[1]);
	__m128i high = _mm_packs_epi32(equal[2], equal[3]);
	/* Now two bytes of each. */
	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(low, high)) & 0x5555;
}

/* The SA of the first of `bits`, which loses it; NULL when there is none any more. */
static inline struct sa *next_match(const struct sa_table *table, const struct tuple_bucket *bucket,
				    uint64_t hash, unsigned *bits)
{
	while (*bits) {
		unsigned i = (unsigned)__builtin_ctz(*bits) / 2;
		*bits &= *bits - 1;
		/* partner: put(). Again, and with its order: it may have changed. */
		uint64_t entry = atomic_load_explicit(&bucket->entry[i], memory_order_acquire);
		if (likely((entry ^ hash) >> 32 == 0 && (uint32_t)entry))
			return &table->sa[(uint32_t)entry - 1];
	}
	return NULL;
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

static inline struct sa *find_in(const struct sa_table *table, const struct tuple_bucket *bucket,
				 uint64_t hash, const struct tuple *tuple)
{
	unsigned bits = agreeing(bucket, hash);
	for (struct sa *sa; (sa = next_match(table, bucket, hash, &bits));) {
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
	const struct tuple_bucket *bucket[2] = { first_bucket(table->tuples, hash),
						 second_bucket(table->tuples, hash) };
	for (unsigned b = 0; b < 2; b++) {
		unsigned bits = agreeing(bucket[b], hash);
		for (const struct sa *sa; (sa = next_match(table, bucket[b], hash, &bits));) {
			if (is_peer(sa, tuple))
				return true;
		}
	}
	return false;
}

/* ---- of a burst ---- */

/* Fills in the candidate, if the bucket has one. */
static inline bool take_candidate(const struct sa_table *table, const struct tuple_bucket *bucket,
				  struct tuple_lookup *lookup)
{
	unsigned bits = agreeing(bucket, lookup->hash);
	lookup->candidate = next_match(table, bucket, lookup->hash, &bits);
	return lookup->candidate;
}

static void prefetch_candidate(const struct tuple_lookup *lookup, bool with_keys)
{
	if (!lookup->candidate)
		return;
	if (with_keys)
		sa_prefetch(lookup->candidate, lookup->tuple.family);
	else
		sa_prefetch_id(lookup->candidate, lookup->tuple.family);
}

/* What asks for lines does so in short loops: see inbound_burst(). */
void tuple_candidates(const struct sa_table *table, struct tuple_lookup lookup[], uint32_t n,
		      bool with_keys)
{
	const struct tuple_index *index = table->tuples;
	for (uint32_t i = 0; i < n; i++)
		rte_prefetch0(first_bucket(index, lookup[i].hash));
	uint64_t late = 0; /* bit i: lookup i may be in its second bucket */
	for (uint32_t i = 0; i < n; i++) {
		if (unlikely(!take_candidate(table, first_bucket(index, lookup[i].hash),
					     &lookup[i])))
			late |= UINT64_C(1) << i;
	}
	for (uint64_t bits = late; bits; bits &= bits - 1)
		rte_prefetch0(second_bucket(index, lookup[__builtin_ctzll(bits)].hash));
	for (uint32_t i = 0; i < n; i++)
		prefetch_candidate(&lookup[i], with_keys);
	for (; late; late &= late - 1) {
		struct tuple_lookup *l = &lookup[__builtin_ctzll(late)];
		if (take_candidate(table, second_bucket(index, l->hash), l))
			prefetch_candidate(l, with_keys);
	}
}

struct sa *tuple_find_candidate(const struct sa_table *table, const struct tuple_lookup *lookup)
{
	struct sa *sa = lookup->candidate;
	if (likely(sa && serves(table, sa, &lookup->tuple)))
		return sa;
	return tuple_find(table, lookup->hash, &lookup->tuple);
}
