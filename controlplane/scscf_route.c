/*
 * The way of a request through the S-CSCF: TS 24.229 5.4.3, RFC 3261 16.
 *
 *   inside a dialog → on by its Route (scscf_dialog.c)
 *   our Service-Route on top? → the sender asserts a registered identity, else 403
 *   for us or the home domain itself? → OPTIONS 200, else 405
 *   for a user registered here → his Contact by way of his Path, of each of his UEs
 *   for another user of the home domain, from one of ours → LIR: his S-CSCF, or 404, 480
 */
#include "controlplane/scscf.h"

#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "configs/config.h"
#include "controlplane/charging.h"
#include "controlplane/cx.h"
#include "controlplane/cx_status.h"
#include "controlplane/proxy.h"
#include "controlplane/reg_event.h"
#include "controlplane/registration.h"

/* A request that waits for its LIA. */
struct location {
	struct scscf *scscf;
	struct server_txn *x;
};

static bool is_home(const struct scscf *s, const osip_uri_t *uri)
{
	return uri->host != NULL &&
	       strcasecmp(uri->host, s->registrar.config->controlplane->realm) == 0;
}

/* RFC 3608: the user part says that the request comes from our own user. */
static bool is_originating(const struct scscf *s, const struct sip *request)
{
	const osip_uri_t *route = sip_route(request, 0);

	return route != NULL && route->username != NULL && strcmp(route->username, "orig") == 0 &&
	       scscf_is_us(s, route);
}

/* The P-CSCF asserts whose SA it was (RFC 3325); one of the values must be a user of ours. */
static bool is_sender_registered(const struct scscf *s, const struct sip *request)
{
	char value[SIP_VALUE_BYTES], impu[CX_IDENTITY_BYTES];
	const struct registered_impu *found;

	for (unsigned i = 0;
	     sip_list_get(request, "P-Asserted-Identity", i, value, sizeof(value)) >= 0; i++) {
		if (sip_aor_text(value, impu, sizeof(impu)) < 0)
			continue;
		found = registrations_find_impu(s->registrar.registrations, impu);
		if (found != NULL && !found->is_barred)
			return true;
	}
	return false;
}

static void refuse_absent(struct scscf *s, struct server_txn *x, int status)
{
	s->counters.user_absent++;
	server_txn_answer(x, status);
}

/* A changed copy of the request, without the Route that led here. NULL: out of memory. */
static struct sip *copy(const struct scscf *s, const struct server_txn *x)
{
	struct sip *request = sip_clone(server_txn_request(x));

	if (request == NULL)
		return NULL;
	if (sip_route(request, 0) != NULL && scscf_is_us(s, sip_route(request, 0)))
		sip_route_pop(request);
	if (scscf_record_route(s, request) == 0)
		return request;
	sip_free(request);
	return NULL;
}

/* --- toward a user who is registered here --- */

/* RFC 3327 5.3: the stored Path is the Route, topmost first. */
static int set_target(struct sip *request, const struct binding *b, const char *called)
{
	int rc;

	sip_routes_clear(request);
	rc = sip_header_set(request, "P-Called-Party-ID", called); /* RFC 7315 4.2 */
	if (rc == 0)
		rc = sip_request_uri_set(request, b->contact);
	for (unsigned i = b->n_paths; rc == 0 && i > 0; i--)
		rc = sip_route_push(request, b->paths[i - 1]);
	if (rc == 0) /* it says who asks, and that is known: TS 24.229 5.4.3.3 */
		rc = charging_set(request, "orig-ioi", NULL);
	return rc;
}

static bool make_branch(const struct scscf *s, const struct server_txn *x,
			const struct registered_impu *impu, struct branch *b)
{
	char called[CX_IDENTITY_BYTES + 2];

	snprintf(called, sizeof(called), "<%s>", impu->impu);
	*b = (struct branch){ .request = copy(s, x), .path = { .endpoint = s->endpoint } };
	if (b->request != NULL &&
	    set_target(b->request, &impu->registration->binding, called) == 0 &&
	    sip_next_hop(b->request, &b->path.peer, &b->path.tcp) == 0)
		return true;
	sip_free(b->request);
	return false;
}

/*
 * An answer from our user on its way to another network's: what network it comes from, beside the
 * one that asked (TS 24.229 5.4.3.3). An answer without a vector is none of ours to charge.
 */
static bool on_user_response(void *user, struct server_txn *x, struct sip *response)
{
	const struct scscf *s = user;
	const struct sip *request = server_txn_request(x);
	char ioi[CX_IDENTITY_BYTES];

	if (response == NULL || request == NULL || sip_status(response) >= 300 ||
	    is_originating(s, request))
		return true;
	if (charging_get(request, "orig-ioi", ioi, sizeof(ioi)) > 0)
		charging_set(response, "orig-ioi", ioi);
	charging_set(response, "term-ioi", s->registrar.config->controlplane->realm);
	return true;
}

/*
 * A user who is registered by several UEs (an IMPU that IMPIs share: TS 23.228 4.3.3.4) is called
 * on all of them.
 */
static void forward_to_user(struct scscf *s, struct server_txn *x, struct registered_impu *impu)
{
	struct branch branches[PROXY_BRANCHES];
	bool is_barred = true;
	unsigned n = 0;

	for (; impu != NULL && n < PROXY_BRANCHES; impu = registrations_next_impu(impu)) {
		is_barred = is_barred && impu->is_barred;
		if (!impu->is_barred && make_branch(s, x, impu, &branches[n]))
			n++;
	}
	if (is_barred) {
		refuse_absent(s, x, 404);
		return;
	}
	if (n == 0) {
		server_txn_answer(x, 500);
		return;
	}
	s->counters.forwarded_to_user++;
	proxy_fork(s->proxy, x, branches, n,
		   (struct forward){ .on_response = on_user_response, .user = s });
}

/* --- toward another S-CSCF --- */

/* What networks it went through is not for the P-CSCF: TS 24.229 5.4.3.2. */
static bool on_scscf_response(void *user, struct server_txn *x, struct sip *response)
{
	if (response == NULL)
		return true;
	charging_set(response, "orig-ioi", NULL);
	charging_set(response, "term-ioi", NULL);
	return true;
}

static void forward_to_scscf(struct scscf *s, struct server_txn *x, const char *name)
{
	struct path path = { .endpoint = s->endpoint };
	struct sip *request = copy(s, x);
	char route[CX_IDENTITY_BYTES + 4];

	snprintf(route, sizeof(route), "%s;lr", name);
	if (request != NULL)
		sip_routes_clear(request);
	if (request == NULL || sip_route_push(request, route) < 0 ||
	    charging_set(request, "orig-ioi", s->registrar.config->controlplane->realm) < 0 ||
	    sip_next_hop(request, &path.peer, &path.tcp) < 0) {
		sip_free(request);
		server_txn_answer(x, 500);
		return;
	}
	s->counters.forwarded_to_scscf++;
	proxy_forward(s->proxy, x, request, &path,
		      (struct forward){ .on_response = on_scscf_response });
}

/* The HSS names us for a user who is not here: pending, or lost in a restart. */
static void on_located(void *user, const struct cx_answer *answer)
{
	struct location *l = user;
	struct scscf *s = l->scscf;
	const char *name = answer->lia.server_name;

	if (!cx_succeeded(answer->result))
		refuse_absent(s, l->x, cx_locate_status(answer->result));
	else if (name[0] == '\0' || strcmp(name, s->registrar.uri) == 0)
		refuse_absent(s, l->x, 480);
	else
		forward_to_scscf(s, l->x, name);
	free(l);
}

static void locate(struct scscf *s, struct server_txn *x, const char *impu)
{
	struct cx_request request = { .command = CX_LIR };
	struct location *l = malloc(sizeof(*l));
	int rc = l != NULL ? 0 : -ENOMEM;

	if (rc == 0) {
		*l = (struct location){ .scscf = s, .x = x };
		cx_identity(request.lir.impu, impu);
		rc = cx_send(s->cx, &request, on_located, l);
	}
	if (rc < 0) {
		free(l);
		server_txn_answer(x, 503);
	}
}

/* --- */

/* To us, not to a user. */
static void answer_for_domain(struct scscf *s, struct server_txn *x)
{
	struct sip *answer;
	char tag[SIP_TAG_BYTES];

	if (!sip_is(server_txn_request(x), "OPTIONS")) {
		server_txn_answer(x, 405);
		return;
	}
	sip_random_tag(tag);
	answer = sip_response(server_txn_request(x), 200, NULL, tag);
	if (answer == NULL ||
	    sip_header_add(answer, "Allow",
			   "REGISTER, SUBSCRIBE, OPTIONS, MESSAGE, INVITE, ACK, CANCEL, BYE, "
			   "PRACK, UPDATE") < 0) {
		sip_free(answer);
		server_txn_answer(x, 500);
		return;
	}
	s->counters.options_answered++;
	server_txn_respond(x, answer);
}

void scscf_route(struct scscf *s, const struct source *source, struct server_txn *x)
{
	const struct sip *request = server_txn_request(x);
	const osip_uri_t *uri = sip_request_uri(request);
	bool is_orig = is_originating(s, request);
	struct registered_impu *found;
	char impu[CX_IDENTITY_BYTES];

	if (scscf_is_in_dialog(s, request)) {
		scscf_route_dialog(s, x);
		return;
	}
	if (is_orig)
		s->counters.originating_rx++;
	else
		s->counters.terminating_rx++;
	if (is_orig && !is_sender_registered(s, request)) {
		s->counters.sender_refused++;
		server_txn_answer(x, 403);
		return;
	}
	if (sip_is(request, "SUBSCRIBE") && sip_to_tag(request) != NULL && scscf_is_us(s, uri)) {
		reg_event_resubscribe(s->events, x);
		return;
	}
	if (uri->username == NULL && (is_home(s, uri) || scscf_is_us(s, uri))) {
		answer_for_domain(s, x);
		return;
	}
	if (sip_aor(uri, impu, sizeof(impu)) < 0) {
		server_txn_answer(x, 416);
		return;
	}
	found = registrations_find_impu(s->registrar.registrations, impu);
	if (found != NULL && !found->is_barred && reg_event_is_asked(request))
		reg_event_subscribe(s->events, x, found->registration);
	else if (found != NULL)
		forward_to_user(s, x, found);
	else if (!is_orig) /* who sent it here has asked the HSS already */
		refuse_absent(s, x, 480);
	else if (is_home(s, uri) || strncmp(impu, "tel:", 4) == 0)
		locate(s, x, impu);
	else /* no way leads out of the home domain yet */
		refuse_absent(s, x, 404);
}
