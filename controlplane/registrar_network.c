/*
 * What the network begins by itself: authentication (seed 6.1.4, TS 24.229 5.4.1.6) and
 * de-registration (5.4.1.5).
 *
 *   order → the time that is left is cut to reauth_within_s, and watchers hear of it (shortened)
 *         ├ the UE registers again → challenged, whatever policy says → all is as before
 *         └ it does not → deregister: the time is up, and the registration with it
 *                         repeat: asked again when half of the time is over, with as much time
 *                                 as before, until what its last REGISTER was granted has passed
 */
#include <errno.h>

#include "configs/config.h"
#include "controlplane/reg_event.h"
#include "controlplane/registrar.h"
#include "controlplane/registrar_impl.h"
#include "controlplane/registration.h"

/* At the end of what was granted there is no more to wait for than the margin. */
void registrar_ask(struct registrar *r, struct registration *g)
{
	uint32_t within_s = r->config->scscf->reauth_within_s;
	uint32_t left_s = registration_granted_s(g);
	bool repeats =
		r->config->scscf->reauth_unanswered == CONFIG_REAUTH_REPEAT && within_s < left_s;
	uint32_t expires_s = within_s < left_s ? within_s : left_s;
	uint64_t delay_ms = ((uint64_t)expires_s + REGISTRATION_EXPIRY_MARGIN_S) * 1000;

	registration_shorten(g, expires_s, repeats ? (uint64_t)expires_s * 500 : delay_ms);
	g->event = REGINFO_SHORTENED;
	g->must_authenticate = true;
	reg_event_changed(r->events, g);
}

int registrar_reauthenticate(struct registrar *r, const char *impi)
{
	struct registration *g = registrations_find(r->registrations, impi);

	if (g == NULL)
		return -ENOENT;
	r->counters.reauth_asked++;
	for (; g != NULL; g = registration_next(g))
		registrar_ask(r, g);
	return 0;
}

bool registrar_ask_again(struct registrar *r, struct registration *g)
{
	if (r->config->scscf->reauth_unanswered != CONFIG_REAUTH_REPEAT ||
	    registration_granted_s(g) == 0)
		return false;
	r->counters.reauth_repeated++;
	registrar_ask(r, g);
	return true;
}

void registrar_end(struct registrar *r, struct registration *g, enum reginfo_event event)
{
	r->counters.ended_by_network++;
	registrar_overtake(r, g);
	reg_event_ended(r->events, g, event);
	registrar_send_sar(r, g->impi, g->impus[0].impu, CX_ADMINISTRATIVE_DEREGISTRATION,
			   registrar_on_told, r);
	registration_remove(g);
}

int registrar_deregister(struct registrar *r, const char *impi, enum reginfo_event event)
{
	struct registration *g = registrations_find(r->registrations, impi), *next;

	if (g == NULL)
		return -ENOENT;
	for (; g != NULL; g = next) {
		next = registration_next(g);
		registrar_end(r, g, event);
	}
	return 0;
}
