#include "dataplane/quarantine.h"

#include <stdlib.h>

#include <rte_prefetch.h>

#include "dataplane/table_memory.h"

#define BUCKET_ENTRIES 5
#define SAS_PER_BUCKET 4

struct entry {
	uint32_t whom;  /* folded; one stranger in 2^32 looks like the same one */
	uint32_t tag;   /* of the hash; one in 2^32 looks like another one, and has to wait */
	uint32_t end_s; /* 0 = never used */
};

struct bucket {
	_Alignas(64) struct entry entry[BUCKET_ENTRIES];
};
_Static_assert(sizeof(struct bucket) == 64, "a bucket is one cache line");

struct quarantine {
	struct bucket *bucket;
	uint32_t n_buckets; /* a power of two */
	uint32_t time_s;
	uint64_t n_forgotten;
};

struct quarantine *quarantine_new(uint32_t n_sas, uint32_t time_s)
{
	struct quarantine *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->time_s = time_s;
	q->n_buckets = n_sas / SAS_PER_BUCKET;
	q->bucket = table_memory_map(q->n_buckets * sizeof(*q->bucket));
	if (!q->bucket) {
		free(q);
		return NULL;
	}
	return q;
}

void quarantine_free(struct quarantine *q)
{
	if (!q)
		return;
	table_memory_unmap(q->bucket, q->n_buckets * sizeof(*q->bucket));
	free(q);
}

void quarantine_set_time(struct quarantine *q, uint32_t time_s)
{
	q->time_s = time_s;
}

/* The two uses of a hash take different bits of it; so do the two buckets. */
static struct bucket *bucket_of(const struct quarantine *q, uint64_t hash, unsigned choice)
{
	return &q->bucket[(choice ? hash >> 20 : hash) & (q->n_buckets - 1)];
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

static uint32_t fold(uint64_t whom)
{
	return (uint32_t)(whom * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* The one of this hash; else of the emptiest of both buckets the one that ends first. */
static struct entry *place_of(struct quarantine *q, uint64_t hash, uint32_t now_s)
{
	struct entry *best = NULL;
	unsigned most = 0;
	for (unsigned choice = 0; choice < 2; choice++) {
		struct bucket *b = bucket_of(q, hash, choice);
		struct entry *first = &b->entry[0];
		unsigned n_over = 0;
		for (unsigned i = 0; i < BUCKET_ENTRIES; i++) {
			struct entry *e = &b->entry[i];
			if (e->tag == tag_of(hash) && e->end_s)
				return e;
			n_over += e->end_s <= now_s;
			if (e->end_s < first->end_s)
				first = e;
		}
		if (!best || n_over > most || (!most && first->end_s < best->end_s)) {
			best = first;
			most = n_over;
		}
	}
	return best;
}

void quarantine_enter(struct quarantine *q, uint64_t hash, uint64_t whom, uint32_t now_s)
{
	if (!q->time_s)
		return;
	struct entry *e = place_of(q, hash, now_s);
	q->n_forgotten += e->end_s > now_s && e->tag != tag_of(hash);
	/* The clock's second has begun already. */
	*e = (struct entry){ .whom = fold(whom),
			     .tag = tag_of(hash),
			     .end_s = now_s + q->time_s + 1 };
}

bool quarantine_holds(const struct quarantine *q, uint64_t hash, uint64_t whom, uint32_t now_s)
{
	for (unsigned choice = 0; choice < 2; choice++) {
		const struct bucket *b = bucket_of(q, hash, choice);
		for (unsigned i = 0; i < BUCKET_ENTRIES; i++) {
			const struct entry *e = &b->entry[i];
			if (e->tag == tag_of(hash) && e->whom != fold(whom) && e->end_s > now_s)
				return true;
		}
	}
	return false;
}

void quarantine_prefetch(const struct quarantine *q, uint64_t hash)
{
	rte_prefetch0(bucket_of(q, hash, 0));
	rte_prefetch0(bucket_of(q, hash, 1));
}

uint64_t quarantine_n_forgotten(const struct quarantine *q)
{
	return q->n_forgotten;
}
