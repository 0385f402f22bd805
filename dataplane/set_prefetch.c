/*
 * What sets will touch, brought in before they are installed or deleted. A set of four SAs lies on
 * some thirty cache lines all over a table that no cache holds; one after the other they are what a
 * set costs. Each step here asks for what the step before has made known, for the whole batch.
 */
#include <rte_prefetch.h>

#include "dataplane/set_impl.h"

void set_prefetch_install(const struct set_table *t, const struct api_set *set, unsigned n,
			  uint32_t owner, uint32_t now_s)
{
	uint32_t n_slots = 0;
	for (unsigned i = 0; i < n; i++) {
		rte_prefetch0(set_bucket(t, set[i].registration, owner));
		/* The one that will have the new set as its neighbour in time. */
		if (set[i].lifetime_s)
			rte_prefetch0(&t->set[*set_wheel(t, set_end(set[i].lifetime_s, now_s))]);
		set_prefetch_places(t, &set[i]);
		for (unsigned j = 0; j < API_SET_SAS; j++) {
			if (set[i].sa[j].direction)
				sa_prefetch_stage(t->sas, &set[i], &set[i].sa[j], n_slots++);
		}
	}
}

/* The first of its chain is almost always the one. */
static const struct set *guess(const struct set_table *t, uint64_t registration, uint32_t owner)
{
	return &t->set[*set_bucket(t, registration, owner)];
}

void set_prefetch_delete(const struct set_table *t, const struct api_set_id *id, unsigned n,
			 uint32_t owner)
{
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(set_bucket(t, id[i].registration, owner));
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(guess(t, id[i].registration, owner));
	for (unsigned i = 0; i < n; i++) {
		const struct set *s = guess(t, id[i].registration, owner);
		rte_prefetch0(&t->set[s->earlier]);
		rte_prefetch0(&t->set[s->later]);
		for (unsigned j = 0; j < s->n_sas; j++)
			sa_prefetch_retire(t->sas, s->slot[j]);
	}
	for (unsigned i = 0; i < n; i++) {
		const struct set *s = guess(t, id[i].registration, owner);
		for (unsigned j = 0; j < s->n_sas; j++)
			sa_prefetch_index(t->sas, s->slot[j]);
		set_prefetch_left_places(t, s);
	}
}
