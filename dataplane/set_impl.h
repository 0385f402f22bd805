/*
 * Inside of the set table, for set.c and set_prefetch.c: where things stand. Control thread.
 */
#ifndef DATAPLANE_SET_IMPL_H
#define DATAPLANE_SET_IMPL_H

#include "dataplane/set.h"

/* Where the chain of sets begins that this one would be in. */
uint32_t *set_bucket(const struct set_table *t, uint64_t registration, uint32_t owner);

/* NULL: the owner has no such set. */
struct set *set_find(const struct set_table *t, uint64_t registration, uint32_t owner);

/* Tells the set's SAs when they end. */
void set_end_sas(struct set_table *t, const struct set *s);

/* The first of the sets that end in this second, or turns of the wheel before or after it. */
static inline uint32_t *set_wheel(const struct set_table *t, uint32_t expires_s)
{
	return &t->wheel[expires_s % SET_WHEEL_S];
}

/* The set and its SAs, from where it stands in the table. */
void set_remove(struct set_table *t, struct set *s);

/* Of a set with its SAs: into and out of its owner's list. */
void set_owner_enter(struct set_table *t, struct set *s);
void set_owner_leave(struct set_table *t, struct set *s);
/* 0, or -EDQUOT, counted: the owner may not have so many more SAs. */
int set_check_room(struct set_table *t, const struct api_set *set, uint32_t owner);

/* The set's 5-tuples and the quarantine. -EAGAIN: one is kept for somebody else. */
void set_prefetch_places(const struct set_table *t, const struct api_set *set);
void set_prefetch_left_places(const struct set_table *t, const struct set *s);
int set_check_places(const struct set_table *t, const struct api_set *set, uint32_t owner,
		     uint32_t now_s);
void set_leave_places(struct set_table *t, const struct set *s);

/* When something ends that begins now; 0 = never, which no other lifetime comes to. */
uint32_t set_end(uint32_t lifetime_s, uint32_t now_s);

#endif
