/* What each owner has: its sets as a list, their number, and how much it may have. */
#include <errno.h>

#include "dataplane/set_impl.h"

void set_owner_enter(struct set_table *t, struct set *s)
{
	struct set_owner *o = &t->owner[s->owner];
	uint32_t number = (uint32_t)(s - t->set);
	s->newer = 0;
	s->older = o->newest;
	if (o->newest)
		t->set[o->newest].newer = number;
	o->newest = number;
	o->n_sets++;
	o->n_sas += s->n_sas;
}

void set_owner_leave(struct set_table *t, struct set *s)
{
	struct set_owner *o = &t->owner[s->owner];
	if (s->newer)
		t->set[s->newer].older = s->older;
	else
		o->newest = s->older;
	if (s->older)
		t->set[s->older].newer = s->newer;
	o->n_sets--;
	o->n_sas -= s->n_sas;
}

uint32_t set_room(const struct set_table *t, uint32_t owner)
{
	const struct set_owner *o = &t->owner[owner];
	uint32_t n_sas = o->n_sas + sa_n_reserved(t->sas, owner);
	if (!o->max_sas)
		return UINT32_MAX;
	return n_sas < o->max_sas ? o->max_sas - n_sas : 0;
}

int set_check_room(struct set_table *t, const struct api_set *set, uint32_t owner)
{
	uint32_t n = 0;
	for (unsigned i = 0; i < API_SET_SAS; i++) {
		const struct api_sa *sa = &set->sa[i];
		/* A reserved SPI has been counted already. */
		bool promised = sa->direction == API_IN && sa_is_reserved(t->sas, sa->spi, owner);
		n += sa->direction && !promised;
	}
	if (n <= set_room(t, owner))
		return 0;
	t->owner[owner].n_over_quota++;
	return -EDQUOT;
}

uint32_t set_delete_all(struct set_table *t, uint32_t owner)
{
	uint32_t n = 0;
	for (; t->owner[owner].newest; n++)
		set_remove(t, &t->set[t->owner[owner].newest]);
	return n;
}
