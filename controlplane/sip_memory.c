#include "controlplane/sip_memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include "crypto/wipe.h"

#define SLAB_BYTES  (64 * 1024)
#define N_SLABS     (1u << 18) /* 16 GB of addresses; memory only where they are used */
#define N_SPARE     32 /* 2 MB: what 256 requests and their copies take, which come and go */
#define COLOUR_MASK 15 /* slabs begin at different cache lines, or all would share a few sets */

/* Sizes of pieces: up to `max` they differ by `step`. Longer ones are malloc's. */
static const struct tier {
	uint32_t max, step, first_idx;
} tiers[] = { { 256, 16, 0 }, { 2048, 128, 16 }, { 16384, 2048, 30 } };
#define N_TIERS 3
#define N_SIZES 37

struct piece {
	struct piece *next; /* while it is free */
};

/* A slab of pieces of one size; its bytes are in `region`, at its own place in slabs[]. */
struct slab {
	/* Among those of its size that have room, or the spare, or the unused. */
	LIST_ENTRY(slab) place;
	struct piece *free;
	uint32_t piece_bytes;
	uint16_t size_idx;
	uint16_t n_taken;
	uint16_t n_left; /* never taken yet: at the end */
};

static char *region; /* NULL: nothing was taken yet, or there are no addresses for it */
static struct slab slabs[N_SLABS];
static uint32_t n_slabs; /* used once or more */
static unsigned n_spare;
/* Spare slabs still have memory: a page given back and asked for again costs more than a message.
 */
static LIST_HEAD(slab_list, slab) unused, spare, with_room[N_SIZES];

/* Which size holds so many bytes; N_SIZES: none. */
static unsigned size_of(size_t n_bytes)
{
	uint32_t before = 0;
	n_bytes += n_bytes == 0;
	for (unsigned i = 0; i < N_TIERS; before = tiers[i++].max)
		if (n_bytes <= tiers[i].max)
			return tiers[i].first_idx +
			       (unsigned)(n_bytes - before - 1) / tiers[i].step;
	return N_SIZES;
}

static uint32_t bytes_of(unsigned size_idx)
{
	unsigned i = N_TIERS - 1;
	while (size_idx < tiers[i].first_idx)
		i--;
	return (i ? tiers[i - 1].max : 0) + (size_idx - tiers[i].first_idx + 1) * tiers[i].step;
}

static char *start_of(const struct slab *s)
{
	return region + (size_t)(s - slabs) * SLAB_BYTES;
}

/* NULL: malloc's. */
static struct slab *slab_of(const void *piece)
{
	size_t at = (uintptr_t)piece - (uintptr_t)region;
	return region && at < (size_t)N_SLABS * SLAB_BYTES ? &slabs[at / SLAB_BYTES] : NULL;
}

static bool has_region(void)
{
	static bool tried;
	if (tried || !SIP_HAS_SLABS)
		return region != NULL;
	tried = true;
	void *all = mmap(NULL, (size_t)N_SLABS * SLAB_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	region = all == MAP_FAILED ? NULL : all;
	return region != NULL;
}

/* One that has no memory yet. NULL: there is none. */
static struct slab *take_unused(void)
{
	struct slab *s = LIST_FIRST(&unused);
	if (s)
		LIST_REMOVE(s, place);
	else if (has_region() && n_slabs < N_SLABS)
		s = &slabs[n_slabs++];
	else
		return NULL;
	/* All its pages at once; a kernel before 5.14 gives them one by one, as they are used. */
	madvise(start_of(s), SLAB_BYTES, MADV_POPULATE_WRITE);
	return s;
}

/* NULL: there is none. */
static struct slab *open_slab(unsigned size_idx)
{
	struct slab *s = LIST_FIRST(&spare);
	if (s) {
		LIST_REMOVE(s, place);
		n_spare--;
	} else {
		s = take_unused();
	}
	if (!s)
		return NULL;
	s->free = NULL;
	s->size_idx = (uint16_t)size_idx;
	s->piece_bytes = bytes_of(size_idx);
	s->n_left = (uint16_t)((SLAB_BYTES - (COLOUR_MASK + 1) * 64) / s->piece_bytes);
	LIST_INSERT_HEAD(&with_room[size_idx], s, place);
	return s;
}

/* Its memory is the system's again, unless it is one of the few that are kept. */
static void close_slab(struct slab *s)
{
	LIST_REMOVE(s, place);
	if (n_spare < N_SPARE) {
		LIST_INSERT_HEAD(&spare, s, place);
		n_spare++;
		return;
	}
	LIST_INSERT_HEAD(&unused, s, place);
	madvise(start_of(s), SLAB_BYTES, MADV_DONTNEED);
}

static void *cut(struct slab *s)
{
	size_t colour = ((size_t)(s - slabs) & COLOUR_MASK) * 64;
	return start_of(s) + colour + (size_t)--s->n_left * s->piece_bytes;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void *take_malloc(size_t n_bytes)
{
	return malloc(n_bytes + (n_bytes == 0));
}

void *sip_take(size_t n_bytes)
{
	unsigned size_idx = size_of(n_bytes);
	if (size_idx == N_SIZES)
		return take_malloc(n_bytes);
	struct slab *s = LIST_FIRST(&with_room[size_idx]);
	if (!s && !(s = open_slab(size_idx)))
		return take_malloc(n_bytes);
	struct piece *p = s->free;
	if (p)
		s->free = p->next;
	else
		p = cut(s);
	s->n_taken++;
	if (!s->free && !s->n_left)
		LIST_REMOVE(s, place);
	return p;
}

void sip_give(void *content)
{
	sip_give_used(content, SIZE_MAX);
}

void sip_give_used(void *content, size_t n_bytes)
{
	if (!content)
		return;
	struct slab *s = slab_of(content);
	if (!s) {
		wipe(content, least(n_bytes, malloc_usable_size(content)));
		free(content);
		return;
	}
	struct piece *p = content;
	bool was_full = !s->free && !s->n_left;
	wipe(content, least(n_bytes, s->piece_bytes));
	p->next = s->free;
	s->free = p;
	if (was_full)
		LIST_INSERT_HEAD(&with_room[s->size_idx], s, place);
	/* One stays, or a single message would open and close it again and again. */
	if (--s->n_taken == 0 && (LIST_FIRST(&with_room[s->size_idx]) != s || LIST_NEXT(s, place)))
		close_slab(s);
}

size_t sip_room(const void *p)
{
	const struct slab *s = slab_of(p);
	return s ? s->piece_bytes : malloc_usable_size((void *)p); /* of NULL: 0 */
}

void *sip_take_more(void *old, size_t n_bytes)
{
	size_t n_old = sip_room(old);
	if (old && n_old >= n_bytes)
		return old;
	void *new = sip_take(n_bytes);
	if (!new)
		return NULL;
	if (old)
		memcpy(new, old, n_old);
	sip_give(old);
	return new;
}
