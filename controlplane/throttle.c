#include "controlplane/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "controlplane/table.h"

#define WAYS       4 /* a cache line */
#define LINE_BYTES 64
#define MS_PER_MIN 60000u

/*
 * Tokens are counted in 1/60000, and so is time: per_min of them come back each millisecond. A
 * bucket is known by when it will be full; one that is full already is as good as none.
 */
struct bucket {
	uint64_t key; /* 0: nobody's */
	uint64_t full_at;
};

/*
 * Sets of buckets grow in number as the buckets of table.c do, by one that gets its part of
 * another, when there is a key for each. One in 250 then has more than four at a time.
 */
struct throttle {
	struct table *hashing; /* for its secret; nothing is in it */
	uint64_t per_ms, most;
	uint32_t n_sets, max_sets;
	uint32_t half; /* a power of two: half <= n_sets < 2 * half */
	uint32_t n_keys;
	struct bucket (*sets)[WAYS];
	void *memory;
};

struct throttle *throttle_new(uint32_t per_min, uint32_t burst, uint32_t n_keys)
{
	struct throttle *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->per_ms = per_min;
	t->most = (uint64_t)burst * MS_PER_MIN;
	t->n_sets = t->half = 1;
	t->max_sets = n_keys / WAYS + 1;
	t->memory = calloc((size_t)t->max_sets + 1, LINE_BYTES);
	t->hashing = table_new(0);
	if (t->memory == NULL || t->hashing == NULL) {
		throttle_free(t);
		return NULL;
	}
	t->sets = (void *)(((uintptr_t)t->memory + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
	return t;
}

void throttle_free(struct throttle *t)
{
	if (t == NULL)
		return;
	table_free(t->hashing);
	free(t->memory);
	free(t);
}

/* Takes their keys from the buckets of a set that are full. */
static void sweep(struct throttle *t, struct bucket *set, uint64_t now)
{
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].key != 0 && set[i].full_at <= now) {
			set[i] = (struct bucket){ 0 };
			t->n_keys--;
		}
}

static void split(struct throttle *t, uint64_t now)
{
	struct bucket *new = t->sets[t->n_sets], *old = t->sets[t->n_sets - t->half];

	sweep(t, old, now);
	for (unsigned i = 0; i < WAYS; i++)
		if ((old[i].key & t->half) != 0) {
			new[i] = old[i];
			old[i] = (struct bucket){ 0 };
		}
	if (++t->n_sets == 2 * t->half)
		t->half *= 2;
}

static struct bucket *set_of(const struct throttle *t, uint64_t key)
{
	uint64_t i = key & (2 * (uint64_t)t->half - 1);

	return t->sets[i < t->n_sets ? i : i - t->half];
}

/* The key's bucket, or the fullest of its set, which becomes the key's. */
static struct bucket *find(struct throttle *t, uint64_t key, uint64_t now)
{
	struct bucket *set = set_of(t, key), *fullest;

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	if (t->n_keys >= t->n_sets && t->n_sets < t->max_sets) {
		split(t, now);
		set = set_of(t, key);
	}
	sweep(t, set, now);
	fullest = set;
	for (unsigned i = 1; i < WAYS; i++)
		if (set[i].full_at < fullest->full_at)
			fullest = &set[i];
	t->n_keys += fullest->key == 0;
	*fullest = (struct bucket){ .key = key, .full_at = now };
	return fullest;
}

bool throttle_take(struct throttle *t, const char *key, const char *more, uint64_t now_ms)
{
	struct bucket *b;
	uint64_t hash, now, from;

	if (t == NULL)
		return true;
	/* The NUL between them belongs to the first: "a" "bc" is not "ab" "c". */
	hash = table_hash(t->hashing, 0, key, strlen(key) + 1);
	hash = table_hash(t->hashing, hash, more, strlen(more));
	now = now_ms * t->per_ms;
	b = find(t, hash != 0 ? hash : 1, now);
	from = b->full_at > now ? b->full_at : now;
	if (from + MS_PER_MIN - now > t->most)
		return false;
	b->full_at = from + MS_PER_MIN;
	return true;
}
