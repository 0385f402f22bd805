/* The registrar and what the HSS does by itself: RTR and PPR. TS 29.228 6.1.3, 6.2; C-137. */
#include "controlplane/attempt.h"
#include "controlplane/reg_event.h"
#include "controlplane/registrar.h"
#include "controlplane/registrar_impl.h"
#include "controlplane/registration.h"

/*
 * TS 29.228 6.1.3.1: for these two the S-CSCF ends the registration toward the UE, which may come
 * back after the second; with the others it is another S-CSCF's by now, and is only forgotten here.
 */
static void tell(struct registrar *r, struct registration *g, uint32_t reason)
{
	if (reason == CX_PERMANENT_TERMINATION)
		reg_event_ended(r->events, g, REGINFO_REJECTED);
	else if (reason == CX_SERVER_CHANGE)
		reg_event_ended(r->events, g, REGINFO_DEACTIVATED);
}

static void end(struct registrar *r, struct registration *g, uint32_t reason)
{
	registrar_overtake(r, g);
	tell(r, g, reason);
	registration_remove(g);
	r->counters.ended_by_network++;
}

/*
 * The sets of the identities that are named, or all of the IMPI's. Who is not registered here any
 * more is what the HSS wants him to be; but if it is so with all of them, while the IMPI has other
 * sets here, one of us is wrong about whose they are.
 */
static enum cx_result end_registration(struct registrar *r, const struct cx_rtr *rtr)
{
	struct registration *g = registrations_find(r->registrations, rtr->impi);
	struct registration *next;
	unsigned n_ended = 0;

	if (g == NULL) {
		attempts_overtake(r->attempts, rtr->impi, NULL); /* he is about to be */
		return CX_SUCCESS;
	}
	if (rtr->n_impus == 0) {
		for (; g != NULL; g = next, n_ended++) {
			next = registration_next(g);
			end(r, g, rtr->reason);
		}
	}
	for (uint32_t i = 0; i < rtr->n_impus; i++) {
		g = registrar_registered(r, rtr->impi, rtr->impus[i]);
		if (g != NULL) {
			end(r, g, rtr->reason);
			n_ended++;
		}
	}
	if (n_ended == 0)
		return CX_IDENTITIES_DONT_MATCH;
	/* What the HSS is told must still be so after a crash. */
	return statefile_flush(r->file) < 0 ? CX_UNABLE_TO_COMPLY : CX_SUCCESS;
}

/* A profile is of one set: that with which it has an identity in common, or the only one. */
static struct registration *find_profile(struct registrar *r, const struct cx_ppr *ppr)
{
	struct registration *only = registrations_find(r->registrations, ppr->impi);
	struct registration *g = NULL;

	for (uint32_t i = 0; g == NULL && i < ppr->profile.n_impus; i++)
		g = registrar_registered(r, ppr->impi, ppr->profile.impus[i].impu);
	if (g == NULL && only != NULL && registration_next(only) == NULL)
		g = only;
	return g;
}

int registrar_on_profile(void *user, const struct registration *g, const struct cx_saa *profile)
{
	const struct registrar *r = user;

	return reg_event_follow(r->events, g, profile);
}

static enum cx_result change_profile(struct registrar *r, const struct cx_ppr *ppr)
{
	struct registration *g = find_profile(r, ppr);

	if (g == NULL)
		return CX_USER_UNKNOWN;
	if (ppr->profile.n_impus == 0)
		return CX_INVALID_AVP_VALUE;
	if (registration_set_profile(g, &ppr->profile) < 0)
		return CX_UNABLE_TO_COMPLY;
	r->counters.profile_changed++;
	reg_event_changed(r->events, g);
	return CX_SUCCESS;
}

enum cx_result registrar_heard(void *registrar, const struct cx_request *request)
{
	if (request->command == CX_RTR)
		return end_registration(registrar, &request->rtr);
	if (request->command == CX_PPR)
		return change_profile(registrar, &request->ppr);
	return CX_UNABLE_TO_COMPLY;
}
