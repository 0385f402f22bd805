#include "dataplane/slot.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "crypto/wipe.h"
#include "dataplane/backend.h"
#include "dataplane/inline_sa.h"

/* RFC 4303 2.1 reserves 0–255. */
#define SPI_FIRST 256

void slot_set(struct sa_table *t, uint32_t slot, enum slot_state state)
{
	t->slot[slot] =
		(uint8_t)((t->slot[slot] & (SLOT_IN_RING | SLOT_CIPHER | SLOT_LOCAL)) | state);
}

static void ring_push(struct sa_table *t, uint32_t slot)
{
	t->ring[(t->ring_head + t->n_ring++) & (t->capacity - 1)] = slot;
	t->slot[slot] |= SLOT_IN_RING;
}

/* The longest-free slot, or -ENOSPC. Slots taken by their SPI meanwhile are passed over. */
static int64_t ring_pop(struct sa_table *t)
{
	while (t->n_ring) {
		uint32_t slot = t->ring[t->ring_head];
		t->ring_head = (t->ring_head + 1) & (t->capacity - 1);
		t->n_ring--;
		t->slot[slot] &= (uint8_t)~SLOT_IN_RING;
		if (slot_state(t, slot) == SLOT_FREE)
			return slot;
	}
	return -ENOSPC;
}

/* A uniform number below `bound` from the kernel's generator, fetched in blocks. */
static uint32_t random_below(uint32_t bound)
{
	static uint32_t block[1024];
	static unsigned left;
	if (!left) {
		/* 4 kB: may come in parts before the pool is ready, then the tail repeats; start-up
		 * only */
		if (getrandom(block, sizeof(block), 0) < 0)
			abort();
		left = 1024;
	}
	return (uint32_t)((uint64_t)block[--left] * bound >> 32);
}

void slot_shuffle(struct sa_table *t)
{
	for (uint32_t i = 0; i < t->capacity; i++) {
		uint32_t j = random_below(i + 1);
		t->ring[i] = t->ring[j];
		t->ring[j] = i;
		t->slot[i] = SLOT_FREE | SLOT_IN_RING;
		t->generation[i] = (uint16_t)(1 + random_below(t->generation_max));
	}
	t->ring_head = 0;
	t->n_ring = t->n_free = t->capacity;
}

uint32_t slot_spi(const struct sa_table *t, uint32_t slot)
{
	return (uint32_t)t->generation[slot] << t->generation_shift | t->slice | slot;
}

static bool is_avoided(uint32_t spi, const uint32_t *avoid, unsigned n_avoid)
{
	for (unsigned i = 0; i < n_avoid; i++) {
		if (avoid[i] == spi)
			return true;
	}
	return spi < SPI_FIRST;
}

/* One whose SPI is avoided goes to the end of the ring. */
int64_t slot_take_any(struct sa_table *t, const uint32_t *avoid, unsigned n_avoid)
{
	for (uint32_t tries = t->n_ring; tries; tries--) {
		int64_t slot = ring_pop(t);
		if (slot < 0 || !is_avoided(slot_spi(t, (uint32_t)slot), avoid, n_avoid))
			return slot;
		ring_push(t, (uint32_t)slot);
	}
	return -ENOSPC;
}

int64_t slot_take_given(struct sa_table *t, uint32_t spi, uint32_t owner, const uint32_t *avoid,
			unsigned n_avoid)
{
	uint32_t slot = spi & t->index_mask;
	uint32_t generation = spi >> t->generation_shift;
	uint32_t slice = spi & ~t->index_mask & ((1u << t->generation_shift) - 1);
	if (slot >= t->capacity || !generation || is_avoided(spi, avoid, n_avoid))
		return -EINVAL;
	if (sa_is_reserved(t, spi, owner))
		return slot;
	if (slot_state(t, slot) != SLOT_FREE)
		return -EADDRINUSE;
	if (slice == t->slice) /* of another slice no SPI follows here */
		t->generation[slot] = (uint16_t)generation;
	return slot;
}

/* Many more at a time would push each other out again before they are used. */
static void prefetch_sa(const struct sa *sa)
{
	rte_prefetch0(&sa->id);
	rte_prefetch0(&sa->key.auth);
	rte_prefetch0(&sa->rest);
}

void slot_prefetch_take(const struct sa_table *t, uint32_t nth)
{
	uint32_t slot = t->ring[(t->ring_head + nth) & (t->capacity - 1)];
	rte_prefetch0(&t->slot[slot]);
	rte_prefetch0(&t->generation[slot]);
	prefetch_sa(&t->sa[slot]);
}

void slot_prefetch_free(const struct sa_table *t, uint32_t slot)
{
	rte_prefetch0(&t->slot[slot]);
	rte_prefetch0(&t->generation[slot]);
	prefetch_sa(&t->sa[slot]);
}

/* A line that was never written since the last time needs no wiping, and is not fetched for it. */
static void slot_wipe(struct sa_table *t, uint32_t slot)
{
	struct sa *sa = &t->sa[slot];
	backend_close(t, sa);
	if (t->inlined)
		inline_wipe(t->inlined, slot);
	if (sa->rest.wide)
		t->wide_free[t->n_wide_free++] = (uint32_t)(sa->rest.wide - t->wide);
	if (t->slot[slot] & SLOT_CIPHER)
		wipe(&sa->key.cipher, sizeof(sa->key.cipher));
	if (t->slot[slot] & SLOT_LOCAL)
		local_give(t->locals, sa->id.local, t->rcu);
	t->slot[slot] &= (uint8_t) ~(SLOT_CIPHER | SLOT_LOCAL);
	/* Not the key, which workers may read at any time: it is 0, retired or never published. */
	wipe((char *)sa + sizeof(sa->id.key), offsetof(struct sa, key.cipher) - sizeof(sa->id.key));
	wipe(&sa->rest, sizeof(sa->rest));
}

void slot_free(struct sa_table *t, uint32_t slot)
{
	slot_wipe(t, slot);
	t->generation[slot] = (uint16_t)(t->generation[slot] % t->generation_max + 1);
	slot_set(t, slot, SLOT_FREE);
	t->n_free++;
	if (!(t->slot[slot] & SLOT_IN_RING))
		ring_push(t, slot);
}

void slot_give_back(struct sa_table *t, uint32_t slot)
{
	if (!(t->slot[slot] & SLOT_PROMISED)) {
		slot_free(t, slot);
		return;
	}
	uint32_t owner = t->sa[slot].rest.owner;
	slot_wipe(t, slot);
	t->sa[slot].rest.owner = owner;
	slot_set(t, slot, SLOT_RESERVED);
}

uint32_t sa_reserve_spi(struct sa_table *t, uint32_t owner)
{
	int64_t slot = slot_take_any(t, NULL, 0);
	if (slot < 0)
		return 0;
	slot_set(t, (uint32_t)slot, SLOT_RESERVED);
	t->n_free--;
	t->n_reserved[owner]++;
	t->sa[slot].rest.owner = owner;
	return slot_spi(t, (uint32_t)slot);
}

static void release(struct sa_table *t, uint32_t slot)
{
	t->n_reserved[t->sa[slot].rest.owner]--;
	slot_free(t, slot);
}

bool sa_is_reserved(const struct sa_table *t, uint32_t spi, uint32_t owner)
{
	uint32_t slot = spi & t->index_mask;
	return t->n_reserved[owner] && slot < t->capacity && slot_state(t, slot) == SLOT_RESERVED &&
	       slot_spi(t, slot) == spi && t->sa[slot].rest.owner == owner;
}

uint32_t sa_n_reserved(const struct sa_table *t, uint32_t owner)
{
	return t->n_reserved[owner];
}

int sa_release_spi(struct sa_table *t, uint32_t spi, uint32_t owner)
{
	uint32_t slot = spi & t->index_mask;
	if (slot >= t->capacity || slot_state(t, slot) != SLOT_RESERVED || slot_spi(t, slot) != spi)
		return -ENOENT;
	if (t->sa[slot].rest.owner != owner)
		return -EPERM;
	release(t, slot);
	return 0;
}

void sa_release_all(struct sa_table *t, uint32_t owner)
{
	for (uint32_t slot = 0; slot < t->capacity && t->n_reserved[owner]; slot++) {
		if (slot_state(t, slot) == SLOT_RESERVED && t->sa[slot].rest.owner == owner)
			release(t, slot);
	}
}
