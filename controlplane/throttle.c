#include "controlplane/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "controlplane/table.h"

#define WAYS       4
#define MS_PER_MIN 60000u

/* Tokens are counted in 1/60000: per_min of them come back each millisecond. */
struct bucket {
	uint64_t key; /* 0: nobody's */
	uint64_t tokens;
	uint64_t filled_ms; /* until when they are counted */
};

struct throttle {
	struct table *hashing; /* for its secret; nothing is in it */
	uint64_t per_ms, most;
	uint32_t n_sets; /* a power of two */
	struct bucket buckets[];
};

struct throttle *throttle_new(uint32_t per_min, uint32_t burst, uint32_t n_keys)
{
	uint32_t n_sets = 1;
	struct throttle *t;

	while (n_sets < n_keys / WAYS && n_sets < 1u << 24)
		n_sets *= 2;
	t = calloc(1, sizeof(*t) + (size_t)n_sets * WAYS * sizeof(t->buckets[0]));
	if (t == NULL)
		return NULL;
	t->hashing = table_new(1);
	if (t->hashing == NULL) {
		free(t);
		return NULL;
	}
	t->per_ms = per_min;
	t->most = (uint64_t)burst * MS_PER_MIN;
	t->n_sets = n_sets;
	return t;
}

void throttle_free(struct throttle *t)
{
	if (t == NULL)
		return;
	table_free(t->hashing);
	free(t);
}

static void fill(const struct throttle *t, struct bucket *b, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - b->filled_ms;

	/* Beyond this it is full whatever it had; and the product stays small. */
	if (passed_ms > t->most / t->per_ms)
		b->tokens = t->most;
	else
		b->tokens += passed_ms * t->per_ms;
	if (b->tokens > t->most)
		b->tokens = t->most;
	b->filled_ms = now_ms;
}

/* The key's bucket, or the fullest of its set, which becomes the key's. */
static struct bucket *find(struct throttle *t, uint64_t key, uint64_t now_ms)
{
	struct bucket *set = &t->buckets[(key & (t->n_sets - 1)) * WAYS];
	struct bucket *fullest = set;

	for (unsigned i = 0; i < WAYS; i++) {
		fill(t, &set[i], now_ms);
		if (set[i].key == key)
			return &set[i];
		if (set[i].key == 0 || (fullest->key != 0 && set[i].tokens > fullest->tokens))
			fullest = &set[i];
	}
	*fullest = (struct bucket){ .key = key, .tokens = t->most, .filled_ms = now_ms };
	return fullest;
}

bool throttle_take(struct throttle *t, const char *key, const char *more, uint64_t now_ms)
{
	struct bucket *b;
	uint64_t hash;

	if (t == NULL)
		return true;
	/* The NUL between them belongs to the first: "a" "bc" is not "ab" "c". */
	hash = table_hash(t->hashing, 0, key, strlen(key) + 1);
	hash = table_hash(t->hashing, hash, more, strlen(more));
	b = find(t, hash != 0 ? hash : 1, now_ms);
	if (b->tokens < MS_PER_MIN)
		return false;
	b->tokens -= MS_PER_MIN;
	return true;
}
