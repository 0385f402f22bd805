/*
 * The way of a request through the S-CSCF: TS 24.229 5.4.3, RFC 3261 16.
 *
 *   inside a dialog → on by its Route (scscf_dialog.c)
 *   our Service-Route on top? → the sender asserts a registered identity, else 403, or 504 if the
 *                               HSS knows him as one of ours (scscf_inquiry.c)
 *   for us or the home domain itself? → OPTIONS 200, else 405
 *   for a user registered here → his Contact by way of his Path, of each of his UEs
 *   for another user of the home domain, from one of ours → LIR: his S-CSCF, or 404, 480
 *   for a user who is not registered, and is to be served here → SAR: 480 (scscf_inquiry.c)
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
#include "controlplane/scscf_inquiry.h"
#include "controlplane/sip_list.h"
#include "controlplane/sip_route.h"
#include "controlplane/sip_uri.h"

/* A request that waits for its LIA. */
struct location {
	struct scscf *scscf;
	struct server_txn *x;
	char impu[CX_IDENTITY_BYTES];
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

enum sender {
	SENDER_NOBODY,  /* none is asserted, or one that may not be used */
	SENDER_UNKNOWN, /* none of those asserted is registered */
	SENDER_REGISTERED,
};

/*
 * The P-CSCF asserts whose SA it was (RFC 3325); one of the values must be a user of ours. *unknown
 * gets the first of them.
 */
static enum sender find_sender(const struct scscf *s, const struct sip *request,
			       char unknown[static CX_IDENTITY_BYTES])
{
	char value[SIP_VALUE_BYTES], impu[CX_IDENTITY_BYTES];
	struct sip_list asserted = sip_list(request, "P-Asserted-Identity");
	const struct registered_impu *found;
	bool is_known = false;

	unknown[0] = '\0';
	while (sip_list_next(&asserted, value, sizeof(value)) >= 0) {
		if (sip_aor_text(value, impu, sizeof(impu)) < 0)
			continue;
		found = registrations_find_impu(s->registrar.registrations, impu);
		if (found != NULL && !found->is_barred)
			return SENDER_REGISTERED;
		is_known = is_known || found != NULL;
		if (unknown[0] == '\0')
			cx_identity(unknown, impu);
	}
	return is_known || unknown[0] == '\0' ? SENDER_NOBODY : SENDER_UNKNOWN;
}

bool scscf_is_sender_registered(const struct scscf *s, const struct sip *request)
{
	char unknown[CX_IDENTITY_BYTES];

	return find_sender(s, request, unknown) == SENDER_REGISTERED;
}

void scscf_refuse_absent(struct scscf *s, struct server_txn *x, int status)
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
		scscf_refuse_absent(s, x, 404);
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

/*
 * Who is not registered and has no S-CSCF is served here, unless it takes capabilities: what which
 * S-CSCF is able to do, the I-CSCF knows.
 */
static bool is_ours(const struct scscf *s, const struct cx_answer *answer)
{
	const struct cx_lia *a = &answer->lia;

	return strcmp(a->server_name, s->registrar.uri) == 0 ||
	       (answer->result == CX_UNREGISTERED_SERVICE && a->server_name[0] == '\0' &&
		a->capabilities.n_mandatory == 0);
}

/* Ours, and not registered here: pending, lost in a restart, or served without a registration. */
static void on_located(void *user, const struct cx_answer *answer)
{
	struct location *l = user;
	struct scscf *s = l->scscf;
	const char *name = answer->lia.server_name;

	if (!cx_succeeded(answer->result))
		scscf_refuse_absent(s, l->x, cx_locate_status(answer->result));
	else if (registrations_find_impu(s->registrar.registrations, l->impu) != NULL)
		scscf_route_on(s, l->x);
	else if (is_ours(s, answer))
		inquire(s->inquiries, CX_UNREGISTERED_USER, l->impu, l->x);
	else if (name[0] == '\0')
		scscf_refuse_absent(s, l->x, 480);
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
		cx_identity(l->impu, impu);
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

void scscf_route_on(struct scscf *s, struct server_txn *x)
{
	const struct sip *request = server_txn_request(x);
	const osip_uri_t *uri = sip_request_uri(request);
	struct registered_impu *found;
	char impu[CX_IDENTITY_BYTES];

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
	else if (!is_originating(s, request)) /* the sender has asked the HSS who serves him */
		inquire(s->inquiries, CX_UNREGISTERED_USER, impu, x);
	else if (is_home(s, uri) || strncmp(impu, "tel:", 4) == 0)
		locate(s, x, impu);
	else /* no way leads out of the home domain yet */
		scscf_refuse_absent(s, x, 404);
}

void scscf_route(struct scscf *s, const struct source *source, struct server_txn *x)
{
	const struct sip *request = server_txn_request(x);
	char unknown[CX_IDENTITY_BYTES];

	if (scscf_is_in_dialog(s, request)) {
		scscf_route_dialog(s, x);
		return;
	}
	if (!is_originating(s, request)) {
		s->counters.terminating_rx++;
		scscf_route_on(s, x);
		return;
	}
	s->counters.originating_rx++;
	switch (find_sender(s, request, unknown)) {
	case SENDER_NOBODY:
		s->counters.sender_refused++;
		server_txn_answer(x, 403);
		return;
	case SENDER_UNKNOWN:
		inquire(s->inquiries, CX_RESTORATION, unknown, x);
		return;
	case SENDER_REGISTERED:
		scscf_route_on(s, x);
		return;
	}
}
