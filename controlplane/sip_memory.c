#include "controlplane/sip_memory.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include "crypto/wipe.h"

#define SLAB_BYTES (64 * 1024) /* and so aligned, so that a piece tells its slab */
#define PAGE_BYTES 4096

/* Sizes of pieces: up to `max` they differ by `step`. Longer ones have pages for themselves. */
static const struct tier {
	uint32_t max, step, first_idx;
} tiers[] = { { 256, 16, 0 }, { 2048, 128, 16 }, { 16384, 2048, 30 } };
#define N_TIERS 3
#define N_SIZES 37

struct piece {
	struct piece *next; /* while it is free */
};

/* The head of a slab; its pieces follow. */
struct slab {
	LIST_ENTRY(slab) place; /* among those of its size that have room */
	struct piece *free;
	uint32_t size_idx;    /* N_SIZES: one piece with pages for itself */
	uint32_t piece_bytes; /* what a piece holds */
	uint32_t n_taken;
	uint32_t n_left; /* never taken yet: at the end */
	size_t map_bytes;
};

#define HEAD_BYTES 64 /* pieces begin on a cache line */
_Static_assert(sizeof(struct slab) <= HEAD_BYTES, "the head has its place");

static LIST_HEAD(, slab) with_room[N_SIZES];

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SLABS false /* each piece alone, so that use after its end is seen */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SLABS false
#endif
#endif
#ifndef HAS_SLABS
#define HAS_SLABS true
#endif

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

static struct slab *slab_of(void *piece)
{
	return (struct slab *)((uintptr_t)piece & ~(uintptr_t)(SLAB_BYTES - 1));
}

/* Aligned pages. libosip2 would crash without, or send half a message; a restart loses no SA. */
static struct slab *map(size_t n_bytes)
{
	size_t n_mapped = n_bytes + SLAB_BYTES;
	char *all =
		mmap(NULL, n_mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		abort();
	size_t before = -(uintptr_t)all & (SLAB_BYTES - 1);
	if (before)
		munmap(all, before);
	munmap(all + before + n_bytes, SLAB_BYTES - before);
	struct slab *s = (struct slab *)(all + before);
	s->map_bytes = n_bytes;
	return s;
}

static struct slab *open_slab(unsigned size_idx)
{
	struct slab *s = map(SLAB_BYTES);
	s->size_idx = size_idx;
	s->piece_bytes = bytes_of(size_idx);
	s->n_left = (SLAB_BYTES - HEAD_BYTES) / s->piece_bytes;
	LIST_INSERT_HEAD(&with_room[size_idx], s, place);
	return s;
}

static void *take_alone(size_t n_bytes)
{
	if (n_bytes > UINT32_MAX / 2)
		abort();
	struct slab *s = map((HEAD_BYTES + n_bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1));
	s->size_idx = N_SIZES;
	s->piece_bytes = (uint32_t)(s->map_bytes - HEAD_BYTES);
	return (char *)s + HEAD_BYTES;
}

/* For a sanitizer each piece is malloc's own. */
static void *take_bare(size_t n_bytes)
{
	void *p = malloc(n_bytes + (n_bytes == 0));
	if (!p)
		abort();
	return p;
}

void *sip_take(size_t n_bytes)
{
	unsigned size_idx = size_of(n_bytes);
	if (!HAS_SLABS)
		return take_bare(n_bytes);
	if (size_idx == N_SIZES)
		return take_alone(n_bytes);
	struct slab *s = LIST_FIRST(&with_room[size_idx]);
	if (!s)
		s = open_slab(size_idx);
	struct piece *p = s->free;
	if (p)
		s->free = p->next;
	else
		p = (struct piece *)((char *)s + HEAD_BYTES + (size_t)--s->n_left * s->piece_bytes);
	s->n_taken++;
	if (!s->free && !s->n_left)
		LIST_REMOVE(s, place);
	return p;
}

/* What a piece holds. */
static size_t piece_bytes(void *piece)
{
	return HAS_SLABS ? slab_of(piece)->piece_bytes : malloc_usable_size(piece);
}

void sip_give(void *content)
{
	if (!content)
		return;
	wipe(content, piece_bytes(content));
	if (!HAS_SLABS) {
		free(content);
		return;
	}
	struct slab *s = slab_of(content);
	if (s->size_idx == N_SIZES) {
		munmap(s, s->map_bytes);
		return;
	}
	struct piece *p = content;
	bool was_full = !s->free && !s->n_left;
	p->next = s->free;
	s->free = p;
	if (was_full)
		LIST_INSERT_HEAD(&with_room[s->size_idx], s, place);
	/* One stays, or a single message would map and unmap it again and again. */
	if (--s->n_taken == 0 &&
	    (LIST_FIRST(&with_room[s->size_idx]) != s || LIST_NEXT(s, place))) {
		LIST_REMOVE(s, place);
		munmap(s, s->map_bytes);
	}
}

void *sip_take_more(void *old, size_t n_bytes)
{
	size_t n_old = old ? piece_bytes(old) : 0;
	if (n_old >= n_bytes && old)
		return old;
	void *new = sip_take(n_bytes);
	if (old)
		memcpy(new, old, n_old);
	sip_give(old);
	return new;
}
