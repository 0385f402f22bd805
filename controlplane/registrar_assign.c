/* The registrar and the HSS: SAR, and what becomes of the binding. TS 24.229 5.4.1.2.2, 5.4.1.4. */
#include "controlplane/registrar_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config.h"
#include "controlplane/attempt.h"
#include "controlplane/cx_status.h"
#include "controlplane/log.h"
#include "controlplane/loop.h"
#include "controlplane/reg_event.h"
#include "controlplane/register_request.h"
#include "controlplane/registrar.h"
#include "controlplane/registration.h"
#include "controlplane/sip.h"
#include "controlplane/sip_list.h"
#include "controlplane/txn.h"

struct registration *registrar_registered(const struct registrar *r, const char *impi,
					  const char *impu)
{
	return registrations_find_set(r->registrations, impi, impu);
}

int registrar_send_sar(struct registrar *r, const char *impi, const char *impu,
		       enum cx_assignment type, cx_done *done, void *user)
{
	struct cx_request request = { .command = CX_SAR };

	/* The three were checked to fit when they were read. */
	cx_identity(request.sar.impi, impi);
	cx_identity(request.sar.impu, impu);
	cx_identity(request.sar.server_name, r->uri);
	request.sar.type = type;
	return cx_send(r->cx, &request, done, user);
}

void registrar_on_told(void *user, const struct cx_answer *answer)
{
	if (!cx_succeeded(answer->result))
		log_warn("scscf: the HSS was not told of an end of registration (%d)",
			 answer->result & 0xffff);
}

void registrar_overtake(struct registrar *r, const struct registration *g)
{
	for (unsigned i = 0; i < g->n_impus; i++)
		attempts_overtake(r->attempts, g->impi, g->impus[i].impu);
}

bool registrar_on_expired(void *user, struct registration *g)
{
	struct registrar *r = user;

	if (g->must_authenticate && registrar_ask_again(r, g))
		return false;
	r->counters.expired++;
	r->counters.reauth_unanswered += g->must_authenticate;
	registrar_overtake(r, g);
	reg_event_ended(r->events, g, REGINFO_EXPIRED);
	registrar_send_sar(r, g->impi, g->impus[0].impu, CX_TIMEOUT_DEREGISTRATION,
			   registrar_on_told, r);
	return true;
}

/* Path as URIs, topmost first. Returns 0, -EINVAL or -ENOMEM. */
static int read_paths(struct binding *b, const struct sip *request)
{
	struct sip_list paths = sip_list(request, "Path");
	char value[SIP_VALUE_BYTES];
	char *start, *end;

	while (sip_list_next(&paths, value, sizeof(value)) >= 0) {
		start = strchr(value, '<');
		end = start != NULL ? strchr(start, '>') : NULL;
		/* RFC 3327 4: path-value is a name-addr */
		if (end == NULL || b->n_paths == REGISTRATION_MAX_PATHS)
			return -EINVAL;
		b->paths[b->n_paths] = strndup(start + 1, (size_t)(end - start - 1));
		if (b->paths[b->n_paths] == NULL)
			return -ENOMEM;
		b->n_paths++;
	}
	return 0;
}

int registrar_read_binding(struct binding *b, const struct register_request *q,
			   const struct sip *request)
{
	int rc;

	*b = (struct binding){ .contact = strdup(q->contact) };
	rc = b->contact != NULL ? read_paths(b, request) : -ENOMEM;
	if (rc < 0)
		binding_clear(b);
	return rc;
}

/* Stores what the SAA allows. Returns a status. */
static int store_binding(struct attempt *a, const struct register_request *q,
			 const struct cx_saa *profile, struct registration **out)
{
	struct registrar *r = registrar_of(a);
	uint32_t max_s = r->config->scscf->max_expires_s;
	struct binding binding;
	int rc;

	if (profile->n_impus == 0)
		return 500;
	if (registrar_read_binding(&binding, q, server_txn_request(a->x)) < 0)
		return 500;
	rc = registrations_put(r->registrations, a->impi, profile, &binding,
			       q->expires_s < max_s ? q->expires_s : max_s, out);
	return rc < 0 ? 503 : 200;
}

static void remove_registration(struct registrar *r, const char *impi, const char *impu,
				enum reginfo_event event)
{
	struct registration *g = registrar_registered(r, impi, impu);

	if (g == NULL)
		return;
	reg_event_ended(r->events, g, event);
	registration_remove(g);
}

/* The answer leaves before the NOTIFYs, and like them when the file has forgotten the binding. */
static void answer_deregistered(struct attempt *a)
{
	struct registrar *r = registrar_of(a);
	struct registration *g = registrar_registered(r, a->impi, a->impu);

	if (g != NULL)
		registration_touch(g);
	if (registrar_answer_ok(r, a->x, NULL) < 0)
		server_txn_answer(a->x, 500);
	remove_registration(r, a->impi, a->impu, REGINFO_UNREGISTERED);
}

/*
 * A UE that came back elsewhere has left its old place: whoever watched that one is told, and
 * watches no longer.
 */
static void leave_old_place(struct registrar *r, const struct attempt *a,
			    const struct register_request *q)
{
	struct registration *g = registrar_registered(r, a->impi, a->impu);

	if (g != NULL && strcmp(g->binding.contact, q->contact) != 0)
		reg_event_ended(r->events, g, REGINFO_UNREGISTERED);
}

/*
 * What its watchers hear. A refresh alone tells them nothing that they do not know by the time that
 * is left; what takes back a shortened time does.
 */
static void set_event(struct registrar *r, struct registration *g, const struct attempt *a,
		      bool was_registered)
{
	bool was_shortened = g->event == REGINFO_SHORTENED;

	registration_mark_explicit(g, a->impu);
	if (g->must_authenticate && a->n_challenges == 0) {
		registrar_ask(r, g); /* the order came while the HSS was asked */
		return;
	}
	g->event = was_registered ? REGINFO_REFRESHED : REGINFO_REGISTERED;
	g->must_authenticate = false;
	if (!was_registered || was_shortened)
		reg_event_changed(r->events, g);
}

/* The HSS has it as registered, and here it is not: then it is nowhere. */
static void take_back(struct attempt *a, int status)
{
	struct registrar *r = registrar_of(a);

	if (registrar_registered(r, a->impi, a->impu) == NULL)
		registrar_send_sar(r, a->impi, a->impu, CX_ADMINISTRATIVE_DEREGISTRATION,
				   registrar_on_told, r);
	registrar_refuse(a, status);
}

static void assigned(void *user, const struct cx_answer *answer)
{
	struct attempt *a = user;
	struct registrar *r = registrar_of(a);
	bool was_registered = registrar_registered(r, a->impi, a->impu) != NULL;
	bool was_challenged = a->n_challenges > 0;
	struct registration *g = NULL;
	struct register_request q;
	int status;

	if (!cx_succeeded(answer->result)) {
		/* An experimental result is a decision: what the HSS does not know ends here too.
		 */
		if (answer->result & CX_EXPERIMENTAL)
			remove_registration(r, a->impi, a->impu, REGINFO_REJECTED);
		registrar_refuse(a, cx_register_status(answer->result));
		return;
	}
	/* It was read once already; the binding is read from the same request. */
	register_request_read(&q, server_txn_request(a->x), false, r->config->controlplane->realm);
	if (q.expires_s == 0) {
		r->counters.deregistered++;
		answer_deregistered(a);
		attempt_end(a);
		return;
	}
	/* Ended while the HSS was asked, which may not know it yet: 500, and the UE begins anew. */
	if (a->is_overtaken) {
		take_back(a, 500);
		return;
	}
	leave_old_place(r, a, &q);
	status = store_binding(a, &q, &answer->saa, &g);
	if (status != 200) {
		take_back(a, status);
		return;
	}
	g->n_unchallenged = was_challenged ? 0 : g->n_unchallenged + 1;
	if (was_challenged) {
		g->authenticated_ms = loop_now_ms(r->loop);
		g->n_failed = 0;
	}
	vectors_move(&g->vectors, &a->spare);
	if (was_registered)
		r->counters.reregistered++;
	else
		r->counters.registered++;
	if (registrar_answer_ok(r, a->x, g) < 0)
		server_txn_answer(a->x, 500);
	set_event(r, g, a, was_registered);
	attempt_end(a);
}

/*
 * A registration that the HSS knows to be over: this S-CSCF was killed between the HSS's answer and
 * its own file. Who has just been authenticated begins anew, and need not come twice for it.
 */
static bool assign_anew(struct attempt *a, enum cx_result result)
{
	struct registrar *r = registrar_of(a);
	struct register_request q;

	if (result != CX_ERROR_IN_ASSIGNMENT_TYPE || a->n_challenges == 0 ||
	    registrar_registered(r, a->impi, a->impu) == NULL)
		return false;
	register_request_read(&q, server_txn_request(a->x), false, r->config->controlplane->realm);
	return q.expires_s != 0 &&
	       registrar_send_sar(r, a->impi, a->impu, CX_REGISTRATION, assigned, a) == 0;
}

static void on_assigned(void *user, const struct cx_answer *answer)
{
	if (!assign_anew(user, answer->result))
		assigned(user, answer);
}

/* The user is who he says; now the HSS is told, and answers with the implicit set. */
void registrar_assign(struct attempt *a, const struct register_request *q)
{
	struct registrar *r = registrar_of(a);
	enum cx_assignment type = CX_REGISTRATION;

	if (q->expires_s == 0)
		type = CX_USER_DEREGISTRATION;
	else if (registrar_registered(r, a->impi, a->impu) != NULL)
		type = CX_RE_REGISTRATION;
	a->is_overtaken = false;
	if (registrar_send_sar(r, a->impi, a->impu, type, on_assigned, a) < 0)
		registrar_refuse(a, 503);
}
