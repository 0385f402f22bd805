/*
 * What the control thread does to the SA table: stage, publish, retire, wait for the workers, wipe
 * and free; and the SPIs that it promises. Nobody else calls any of it.
 */
#ifndef DATAPLANE_SA_CONTROL_H
#define DATAPLANE_SA_CONTROL_H

#include "dataplane/sa.h"

/* What an install needs besides what the api_set says. */
struct sa_spec {
	const struct api_set *set;
	const struct api_sa *sa;
	struct tunnel *tunnel;  /* NULL with API_TRANSPORT */
	const uint64_t *window; /* API_WINDOW_WORDS as in api_set_restore; NULL = new */
	uint32_t owner;
	uint8_t suite;      /* enum crypto_suite */
	uint32_t expires_s; /* on the clock of clock_s(); 0 = never */
	const struct crypto_key *key;
};

/*
 * Fills a free slot; nobody sees it yet. Inbound SPIs differ from `n_avoid` numbers in avoid[]
 * (C-052), a given one that does not is -EINVAL. Returns the slot, or -ENOSPC, -EEXIST (tuple in
 * use), -EADDRINUSE (given SPI taken), -EINVAL.
 */
int64_t sa_stage(struct sa_table *t, const struct sa_spec *spec, const uint32_t *avoid,
		 unsigned n_avoid);
/* From here on packets find it. */
void sa_publish(struct sa_table *t, uint32_t slot);
/* Takes back a staged SA that was not published; a reserved SPI is reserved again. */
void sa_unstage(struct sa_table *t, uint32_t slot);
/* No packet finds it any more; freed by a later sa_reclaim(). */
void sa_retire(struct sa_table *t, uint32_t slot);
/*
 * Begins the wait for the workers to let go of what was retired since the last call. Once for a
 * batch: the token is a line that every worker reads. sa_reclaim() does what was left undone.
 */
void sa_grace(struct sa_table *t);
/* Wipes and frees what no worker can still hold, a share of it. Returns how many. Never waits. */
uint32_t sa_reclaim(struct sa_table *t);

/*
 * Brings in what sa_stage() of one SA touches; nth: how many that are staged before will take a
 * slot. Prefetches only; whatever it guesses wrong costs time.
 */
void sa_prefetch_stage(const struct sa_table *t, const struct api_set *set, const struct api_sa *sa,
		       uint32_t nth);
/* What sa_retire() touches: the SA's lines, and when these are here, its places in the index. */
void sa_prefetch_retire(const struct sa_table *t, uint32_t slot);
void sa_prefetch_index(const struct sa_table *t, uint32_t slot);

/* Promises an inbound SPI to an owner who installs later; 0 when the table is full. */
uint32_t sa_reserve_spi(struct sa_table *t, uint32_t owner);
/* 0, or -ENOENT when it is not reserved, -EPERM when it is another's. */
int sa_release_spi(struct sa_table *t, uint32_t spi, uint32_t owner);
bool sa_is_reserved(const struct sa_table *t, uint32_t spi, uint32_t owner);
uint32_t sa_n_reserved(const struct sa_table *t, uint32_t owner);
/* All that an owner has reserved. */
void sa_release_all(struct sa_table *t, uint32_t owner);

/* Has a live outbound SA used half of its sequence numbers? Time to tell its owner. */
bool sa_is_half_used(const struct sa *sa);
/*
 * The hash of an SA's 5-tuple, whatever its direction: the place where sockets see its packets. The
 * second is of an SA yet to be.
 */
uint64_t sa_place_hash(const struct sa_table *t, uint32_t slot);
uint64_t sa_place_hash_of(const struct sa_table *t, const struct api_set *set,
			  const struct api_sa *sa);
/* Is there a published SA in this slot? */
bool sa_is_live(const struct sa_table *t, uint32_t slot);
/* Sequence number and window of a live SA, as api_sa_state wants them; may be a packet behind. */
void sa_export(const struct sa_table *t, uint32_t slot, struct api_sa_state *state);

#endif
