/*
 * SA sets: what a client installs, changes and deletes as one (api_set), and when it ends by
 * itself. Above the SA table, which knows single SAs only. Control thread.
 */
#ifndef DATAPLANE_SET_H
#define DATAPLANE_SET_H

#include <stdint.h>

#include "dataplane/api.h"
#include "dataplane/sa_control.h"

struct set {
	uint64_t registration;
	uint32_t owner;
	uint32_t expires_s; /* on the clock of clock_s(); 0 = never */
	uint32_t subject;   /* api_set.subject */
	uint32_t slot[API_SET_SAS];
	uint8_t n_sas;
	bool is_frozen;
	bool is_drained;         /* frozen, and no device has packets of it */
	uint32_t chain;          /* next of the same hash bucket, or of the free list */
	uint32_t earlier, later; /* neighbours in the second they end in */
	uint32_t newer, older;   /* neighbours among the owner's */
};

/* What an owner has, and may have. */
struct set_owner {
	uint32_t n_sets, n_sas;
	uint32_t newest;       /* first of its sets */
	uint32_t max_sas;      /* reserved SPIs included; 0 = no bound */
	uint64_t n_over_quota; /* installs that were refused for it */
};

struct quarantine;

struct set_table {
	struct sa_table *sas;
	struct crypto *crypto; /* prepares keys; control's own, no worker's */
	struct set *set;       /* numbered from 1: 0 is the end of a list */
	uint32_t n_max;
	uint32_t n_touched; /* sets beyond this number were never used */
	uint32_t free;      /* first of those given back */
	uint32_t *bucket;
	uint32_t bucket_mask;
	uint32_t *wheel; /* first set of each second, SET_WHEEL_S of them */
	uint32_t ticked_s;
	uint32_t n_zones;
	struct quarantine *quarantine; /* NULL = none */
	uint64_t freeze_token; /* what workers must have passed since a set was frozen last */
	struct set_owner owner[SA_OWNERS]; /* by number */
};

/* A lifetime longer than the wheel passes its second more than once; a look each time. */
#define SET_WHEEL_S 4096

/* n_zones: of the configuration. 0 or -ENOMEM. */
int set_table_init(struct set_table *t, struct sa_table *sas, uint32_t n_zones, uint32_t now_s);
void set_table_free(struct set_table *t);
/* Tuples of sets that are gone are kept from others so long; 0 = not at all. 0 or -ENOMEM. */
int set_quarantine(struct set_table *t, uint32_t time_s);

/*
 * All SAs of the set or none. `window` as in api_set_restore, NULL for a new set. Fills *result;
 * its status is also returned: see api_set_result.
 */
int set_install(struct set_table *t, const struct api_set *set,
		const uint64_t (*window)[API_WINDOW_WORDS], uint32_t owner, uint32_t now_s,
		struct api_set_result *result);
/*
 * Before a batch of at most SET_BATCH is installed or deleted, one after the other: brings in the
 * lines that it will touch. Nothing but time depends on it.
 */
#define SET_BATCH 16
void set_prefetch_install(const struct set_table *t, const struct api_set *set, unsigned n,
			  uint32_t owner, uint32_t now_s);
void set_prefetch_delete(const struct set_table *t, const struct api_set_id *id, unsigned n,
			 uint32_t owner);
/* lifetime_s from now; 0 = does not expire. 0 or -ENOENT. */
int set_update(struct set_table *t, uint64_t registration, uint32_t owner, uint32_t lifetime_s,
	       uint32_t now_s);
/*
 * At once, or after a grace if it lives so long. 0 or -ENOENT. Workers are waited for from the
 * next sa_grace() on.
 */
int set_delete(struct set_table *t, uint64_t registration, uint32_t owner, uint32_t grace_s,
	       uint32_t now_s);
/*
 * On the way to another data plane: see api_set_state. Frozen, a set passes no packet; thawed, it
 * does again. Both 0 or -ENOENT. Of a frozen set the state is final, and -EAGAIN while a worker may
 * still be with it; of another it may be a packet behind.
 */
int set_freeze(struct set_table *t, uint64_t registration, uint32_t owner);
int set_thaw(struct set_table *t, uint64_t registration, uint32_t owner);
int set_export(struct set_table *t, uint64_t registration, uint32_t owner, uint32_t now_s,
	       struct api_set_state *state);
/* The slots of those of its SAs that have used half of their sequence numbers; how many. */
unsigned set_half_used(const struct set_table *t, uint64_t registration, uint32_t owner,
		       uint32_t slot[API_SET_SAS]);
/* The fate of orphans; costs what they are. Returns how many sets went. */
uint32_t set_delete_all(struct set_table *t, uint32_t owner);
static inline uint32_t set_count_sas(const struct set_table *t, uint32_t owner)
{
	return t->owner[owner].n_sas;
}
/* SAs that the owner may still install or reserve SPIs for. */
uint32_t set_room(const struct set_table *t, uint32_t owner);

/* Deletes what has expired up to now_s and tells of each set before it is gone. */
void set_tick(struct set_table *t, uint32_t now_s,
	      void (*expired)(void *arg, const struct set *set), void *arg);

#endif
