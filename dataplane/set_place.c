/* The 5-tuples of a set, and whom they serve: quarantine.h above single tuples. */
#include <errno.h>

#include "dataplane/quarantine.h"
#include "dataplane/set_impl.h"

/* The client's own number for it, or the set itself. Never 0: an owner is none. */
static uint64_t whom_of(uint32_t owner, uint32_t subject, uint64_t registration)
{
	uint64_t itself = registration * UINT64_C(0x9e3779b97f4a7c15) >> 9 | UINT64_C(1) << 55;
	return (uint64_t)owner << 56 | (subject ? subject : itself);
}

/* Has an earlier SA of the set the same ports? Both directions of a pair are one place. */
static bool is_repeated(const struct api_set *set, unsigned i)
{
	for (unsigned j = 0; j < i; j++) {
		if (set->sa[j].direction && set->sa[j].local_port == set->sa[i].local_port &&
		    set->sa[j].peer_port == set->sa[i].peer_port)
			return true;
	}
	return false;
}

static bool has_place(const struct api_set *set, unsigned i)
{
	return set->sa[i].direction && set->mode != API_TUNNEL && !is_repeated(set, i);
}

void set_prefetch_places(const struct set_table *t, const struct api_set *set)
{
	for (unsigned i = 0; t->quarantine && i < API_SET_SAS; i++) {
		if (has_place(set, i))
			quarantine_prefetch(t->quarantine,
					    sa_place_hash_of(t->sas, set, &set->sa[i]));
	}
}

void set_prefetch_left_places(const struct set_table *t, const struct set *s)
{
	for (uint8_t i = 0; t->quarantine && i < s->n_sas; i++)
		quarantine_prefetch(t->quarantine, sa_place_hash(t->sas, s->slot[i]));
}

int set_check_places(const struct set_table *t, const struct api_set *set, uint32_t owner,
		     uint32_t now_s)
{
	uint64_t whom = whom_of(owner, set->subject, set->registration);
	for (unsigned i = 0; t->quarantine && i < API_SET_SAS; i++) {
		if (has_place(set, i) &&
		    quarantine_holds(t->quarantine, sa_place_hash_of(t->sas, set, &set->sa[i]),
				     whom, now_s))
			return -EAGAIN;
	}
	return 0;
}

void set_leave_places(struct set_table *t, const struct set *s)
{
	uint64_t whom = whom_of(s->owner, s->subject, s->registration), hash[API_SET_SAS];
	for (uint8_t i = 0; t->quarantine && i < s->n_sas; i++) {
		const struct sa *sa = &t->sas->sa[s->slot[i]];
		if (sa->id.mode == API_TUNNEL)
			return;
		hash[i] = sa_place_hash(t->sas, s->slot[i]);
		bool repeated = false;
		for (uint8_t j = 0; j < i; j++)
			repeated = repeated || hash[j] == hash[i];
		if (!repeated)
			quarantine_enter(t->quarantine, hash[i], whom, t->ticked_s);
	}
	if (t->quarantine)
		t->sas->n_places_forgotten = quarantine_n_forgotten(t->quarantine);
}

int set_quarantine(struct set_table *t, uint32_t time_s)
{
	if (t->quarantine) {
		quarantine_set_time(t->quarantine, time_s);
		return 0;
	}
	t->quarantine = time_s ? quarantine_new(t->sas->capacity, time_s) : NULL;
	return time_s && !t->quarantine ? -ENOMEM : 0;
}
