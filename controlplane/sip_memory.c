#include "controlplane/sip_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/wipe.h"

#define STEP_BYTES 16           /* sizes differ by so much */
#define N_SIZES    128          /* up to 2 KB; longer ones are malloc's business */
#define SLAB_BYTES (256 * 1024) /* cut into pieces */

struct piece {
	uint32_t size_idx; /* N_SIZES: malloc's */
	uint32_t n_bytes;  /* of `content` */
	union {
		struct piece *next; /* while it is free */
		char content[1];
	};
};

#define HEAD_BYTES offsetof(struct piece, content)

static struct piece *free_pieces[N_SIZES];
static char *slab;
static size_t slab_bytes; /* left of it */

#if defined(__SANITIZE_ADDRESS__)
#define REUSES 0 /* each piece is malloc's, so that use after the end is seen */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REUSES 0
#endif
#endif
#ifndef REUSES
#define REUSES 1
#endif

/* libosip2 would crash or, worse, send half a message. A restart loses no SA (C-093). */
static void *get(size_t n_bytes)
{
	void *p = malloc(n_bytes);
	if (!p)
		abort();
	return p;
}

static struct piece *cut(uint32_t size_idx)
{
	size_t n_bytes = (size_idx + 1) * STEP_BYTES;
	if (slab_bytes < n_bytes) {
		slab = get(SLAB_BYTES); /* what is left of the last one is less than 2 KB */
		slab_bytes = SLAB_BYTES;
	}
	struct piece *p = (struct piece *)slab;
	slab += n_bytes;
	slab_bytes -= n_bytes;
	p->size_idx = size_idx;
	p->n_bytes = (uint32_t)(n_bytes - HEAD_BYTES);
	return p;
}

void *sip_take(size_t n_bytes)
{
	size_t size_idx = (n_bytes + HEAD_BYTES - 1) / STEP_BYTES;
	struct piece *p;
	if (!REUSES || size_idx >= N_SIZES) {
		if (n_bytes > UINT32_MAX)
			abort();
		p = get(HEAD_BYTES + n_bytes);
		p->size_idx = N_SIZES;
		p->n_bytes = (uint32_t)n_bytes;
	} else if ((p = free_pieces[size_idx])) {
		free_pieces[size_idx] = p->next;
	} else {
		p = cut((uint32_t)size_idx);
	}
	return p->content;
}

void sip_give(void *content)
{
	if (!content)
		return;
	struct piece *p = (struct piece *)((char *)content - HEAD_BYTES);
	wipe(content, p->n_bytes);
	if (p->size_idx == N_SIZES) {
		free(p);
		return;
	}
	p->next = free_pieces[p->size_idx];
	free_pieces[p->size_idx] = p;
}

void *sip_take_more(void *old, size_t n_bytes)
{
	const struct piece *p = old ? (struct piece *)((char *)old - HEAD_BYTES) : NULL;
	if (p && p->n_bytes >= n_bytes)
		return old;
	void *new = sip_take(n_bytes);
	if (p)
		memcpy(new, old, p->n_bytes);
	sip_give(old);
	return new;
}
