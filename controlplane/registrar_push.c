/* The registrar and what the HSS does by itself: RTR and PPR. TS 29.228 6.1.3, 6.2; C-137. */
#include "controlplane/reg_event.h"
#include "controlplane/registrar.h"
#include "controlplane/registration.h"

/*
 * TS 29.228 6.1.3.1: for these two the S-CSCF ends the registration toward the UE, which may come
 * back after the second; with the others it is another S-CSCF's by now, and is only forgotten here.
 */
static void tell(struct registrar *r, const struct registration *g, uint32_t reason)
{
	if (reason == CX_PERMANENT_TERMINATION)
		reg_event_ended(r->events, g, REGINFO_REJECTED);
	else if (reason == CX_SERVER_CHANGE)
		reg_event_ended(r->events, g, REGINFO_DEACTIVATED);
}

/* Who is not registered here any more is what the HSS wants him to be. */
static enum cx_result end_registration(struct registrar *r, const struct cx_rtr *rtr)
{
	struct registration *g = registrations_find(r->registrations, rtr->impi);

	if (g == NULL)
		return CX_SUCCESS;
	if (rtr->impu[0] != '\0' && !registration_has(g, rtr->impu))
		return CX_IDENTITIES_DONT_MATCH;
	tell(r, g, rtr->reason);
	registration_remove(g);
	r->counters.ended_by_network++;
	/* What the HSS is told must still be so after a crash. */
	return statefile_flush(r->file) < 0 ? CX_UNABLE_TO_COMPLY : CX_SUCCESS;
}

static enum cx_result change_profile(struct registrar *r, const struct cx_ppr *ppr)
{
	struct registration *g = registrations_find(r->registrations, ppr->impi);

	if (g == NULL)
		return CX_USER_UNKNOWN;
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
