/*
 * The slots of the SA table: which are free, in which order they are handed out, and which SPI each
 * has. Part of sa.c's bookkeeping: nobody else includes this. Control thread.
 */
#ifndef DATAPLANE_SLOT_H
#define DATAPLANE_SLOT_H

#include <stdint.h>

#include "dataplane/sa_control.h"

/* What a slot is, and whether it stands in the ring of slots to hand out. */
enum slot_state {
	SLOT_FREE,
	SLOT_RESERVED, /* its SPI is promised */
	SLOT_STAGED,   /* filled, not yet published */
	SLOT_LIVE,
	SLOT_RETIRED, /* a worker may still hold it */
};
#define SLOT_STATE    0x07
#define SLOT_LOCAL    0x08 /* the SA is bound to an address of ours: to be given back */
#define SLOT_DRAINED  0x10 /* retired, and nothing of it is in a device */
#define SLOT_CIPHER   0x20 /* the SA's cipher line is in use: to be wiped */
#define SLOT_PROMISED 0x40 /* staged, and reserved before: again so if the install fails */
#define SLOT_IN_RING  0x80

static inline enum slot_state slot_state(const struct sa_table *t, uint32_t slot)
{
	return t->slot[slot] & SLOT_STATE;
}

void slot_set(struct sa_table *t, uint32_t slot, enum slot_state state);

/* At start: every slot free, in random order, at a random generation. */
void slot_shuffle(struct sa_table *t);

/* The inbound SPI that the slot's SA has, or its next one will have. */
uint32_t slot_spi(const struct sa_table *t, uint32_t slot);

/* The longest-free slot whose SPI is none of avoid[]; or -ENOSPC. */
int64_t slot_take_any(struct sa_table *t, const uint32_t *avoid, unsigned n_avoid);
/*
 * The slot of a given SPI: one that the owner has reserved, or a free one, which takes on the SPI's
 * generation. The SPI may be of another node's slice, whose SA moves here. -EINVAL: no slot has the
 * number, or avoided; -EADDRINUSE.
 */
int64_t slot_take_given(struct sa_table *t, uint32_t spi, uint32_t owner, const uint32_t *avoid,
			unsigned n_avoid);

/* Brings in what filling a slot touches: of the nth that slot_take_any() will take from now on. */
void slot_prefetch_take(const struct sa_table *t, uint32_t nth);
/* The same of what slot_free() touches. */
void slot_prefetch_free(const struct sa_table *t, uint32_t slot);

/* Wipes the slot; its next SA has another generation. */
void slot_free(struct sa_table *t, uint32_t slot);
/* The way back from SLOT_STAGED: a promise stands until an install has made use of it. */
void slot_give_back(struct sa_table *t, uint32_t slot);

#endif
