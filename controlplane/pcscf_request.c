#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/charging.h"
#include "controlplane/identity.h"
#include "controlplane/pcscf_impl.h"
#include "controlplane/pcscf_watch.h"
#include "controlplane/sip_route.h"
#include "controlplane/sip_uri.h"

bool pcscf_is_own(const struct pcscf *p, const osip_uri_t *uri)
{
	struct address a;
	if (sip_uri_address(uri, &a))
		return false;
	if (address_equal(&a, &p->core->local))
		return true;
	for (unsigned i = 0; i < p->n_gm; i++)
		if (address_same_host(&a, &p->gm[i].ps->local))
			return a.port == p->gm[i].ps->local.port ||
			       a.port == p->gm[i].clear->local.port;
	return false;
}

/* Takes our own entries off the top of the Route. The user part of the last one is copied to id. */
static void pop_own_routes(const struct pcscf *p, struct sip *s, char id[static UE_ID_BYTES])
{
	const osip_uri_t *route;
	id[0] = '\0';
	while ((route = sip_route(s, 0)) && pcscf_is_own(p, route)) {
		if (route->username && strlen(route->username) < UE_ID_BYTES)
			strcpy(id, route->username);
		sip_route_pop(s);
	}
}

/* --- from a UE --- */

/*
 * The route of a UE's request is what its registration said (C-141 b): an initial request gets the
 * Service-Route whatever it asked for; one inside a dialog may go on only along the route that the
 * dialog was given (C-117). Returns 0 or the status to answer.
 */
static int enforce_route(struct pcscf *p, struct sip *s, const struct ue *ue,
			 const struct ue_registration *r)
{
	if (r->n_service_routes == 0 || (sip_to_tag(s) && pcscf_open_route(p, s, ue, r))) {
		p->counters.route_refused++;
		return 403;
	}
	if (sip_to_tag(s))
		return 0;
	sip_routes_clear(s);
	for (unsigned i = r->n_service_routes; i-- > 0;)
		if (sip_route_push(s, r->service_routes[i]))
			return 500;
	return 0;
}

static int screen_from(struct pcscf *p, struct sip *s, const struct sa_set *set)
{
	const struct ue_registration *r;
	screen_from_ue(s);
	if (screen_drop_indicator(s))
		return 400;
	int error = identity_assert(s, set->ue, &r);
	if (error)
		return error == -EPERM ? 403 : 500;
	int status = enforce_route(p, s, set->ue, r);
	if (status)
		return status;
	if (screen_end_agreement(s) || charging_begin(s) || pcscf_record_from_ue(p, s, set))
		return 500;
	return 0;
}

/* Answers of the core, on their way to the UE that asked. */
static bool on_core_response(void *user, struct server_txn *x, struct sip *response)
{
	if (!response)
		return true;
	screen_to_ue(response);
	if (!screen_take_keys(response, NULL) && !pcscf_seal_answer(user, response))
		return true;
	sip_free(response);
	server_txn_answer(x, 502);
	return false;
}

/* C-092 and C-113: only an established set, or the one before it, of a registered UE. */
static bool may_request(const struct sa_set *set)
{
	return (set->state == SET_ESTABLISHED || set->state == SET_OLD) &&
	       ue_registration(set->ue, NULL);
}

/* OPTIONS to the P-CSCF itself: RFC 3261 11. */
static bool is_for_us(const struct pcscf *p, const struct sip *s)
{
	const osip_uri_t *uri = sip_request_uri(s);
	return sip_is(s, "OPTIONS") && !uri->username && pcscf_is_own(p, uri);
}

void pcscf_request_from_ue(struct pcscf *p, const struct source *source, struct server_txn *x)
{
	const struct sip *r = server_txn_request(x);
	const struct sa_set *set = source->sender;
	struct path path = { .endpoint = p->core };
	if (!set) {
		p->counters.unprotected_refused++;
		server_txn_answer(x, 403);
		server_txn_free(x); /* strangers get no memory: RFC 3261 8.2.7 */
		return;
	}
	if (!may_request(set)) {
		p->counters.not_registered_refused++;
		server_txn_answer(x, 403);
		return;
	}
	if (is_for_us(p, r)) {
		server_txn_answer(x, 200);
		return;
	}
	struct sip *copy = sip_clone(r);
	int status = copy ? screen_from(p, copy, set) : 503;
	if (!status && sip_next_hop(copy, &path.peer, &path.tcp))
		status = 503; /* the Service-Route names a host: names are not resolved here */
	if (status) {
		sip_free(copy);
		server_txn_answer(x, status);
		return;
	}
	struct forward forward = { .on_response = on_core_response, .user = p };
	if (!proxy_forward(p->proxy, x, copy, &path, forward))
		p->counters.ue_request_forwarded++;
}

/* --- to a UE --- */

/* A request that went to a UE. */
struct to_ue {
	struct pcscf *pcscf;
	char id[UE_ID_BYTES];
	const struct endpoint *ps;
};

/*
 * Answers of a UE. What it says of itself is ours to say (RFC 3325 5): it is whom the request was
 * for, or whom it prefers of its identities. The route is that of the request.
 */
static bool on_ue_response(void *user, struct server_txn *x, struct sip *response)
{
	const struct to_ue *to = user;
	const struct sip *request = server_txn_request(x);
	if (!response)
		return true;
	screen_from_ue(response);
	identity_answer(response, ue_find_id(to->pcscf->ues, to->id),
			request ? sip_header(request, "P-Called-Party-ID", 0) : NULL);
	if (!request || (!charging_copy(response, request) &&
			 !pcscf_restore_answer(to->pcscf, response, request, to->id, to->ps)))
		return true;
	sip_free(response);
	server_txn_answer(x, 500);
	return false;
}

/* The UE that a request of the core is for; NULL: we have no way to it. */
static struct sa_set *find_target(struct pcscf *p, struct sip *s)
{
	char id[UE_ID_BYTES];
	pop_own_routes(p, s, id);
	struct ue *ue = ue_find_id(p->ues, id);
	struct sa_set *set = ue ? ue_outgoing(ue) : NULL;
	/* The last word of a dialog, a NOTIFY that all is over, say: what is left of its SAs. */
	return ue && !set && sip_to_tag(s) ? ue_ending(ue) : set;
}

/* Of a subscription of our own. */
static bool is_notify_for_us(const struct pcscf *p, const struct sip *s)
{
	return p->watches && sip_is(s, "NOTIFY") && !sip_route(s, 0) &&
	       pcscf_is_own(p, sip_request_uri(s));
}

/* The way to its port_us: over TCP if its Contact says so, which is the Request-URI here. */
static struct path path_to_ue(const struct sa_set *set, const struct sip *s)
{
	struct path path = ue_path(set);
	path.tcp = sip_uri_is_tcp(sip_request_uri(s)) && transport_may_connect(&path);
	return path;
}

void pcscf_request_from_core(struct pcscf *p, struct server_txn *x)
{
	const struct sip *r = server_txn_request(x);
	if (is_for_us(p, r) && !sip_route(r, 0)) {
		server_txn_answer(x, 200);
		return;
	}
	if (is_notify_for_us(p, r)) {
		watches_notified(p->watches, x, p->file);
		return;
	}
	struct sip *copy = sip_clone(r);
	if (!copy) {
		server_txn_answer(x, 503);
		return;
	}
	struct sa_set *set = find_target(p, copy);
	int status = 0;
	if (!set) {
		p->counters.core_request_unknown_ue++;
		status = 480;
	} else if (pcscf_record_to_ue(p, copy, set)) {
		status = 500;
	}
	struct to_ue *to = status ? NULL : calloc(1, sizeof(*to));
	if (!to) {
		sip_free(copy);
		server_txn_answer(x, status ? status : 503);
		return;
	}
	*to = (struct to_ue){ .pcscf = p, .ps = set->ports.ps };
	ue_id_text(set->ue, to->id);
	screen_to_ue(copy);
	struct path path = path_to_ue(set, copy);
	struct forward forward = { on_ue_response, free, to };
	if (!proxy_forward(p->proxy, x, copy, &path, forward))
		p->counters.core_request_forwarded++;
}

/* --- the ACK of a 2xx, either way: nobody can be answered --- */

void pcscf_ack(struct pcscf *p, const struct source *source, const struct sip *ack)
{
	const struct sa_set *set = source->sender;
	struct sip *copy = sip_clone(ack);
	struct path path = { .endpoint = p->core };
	if (!copy)
		return;
	if (source->path.endpoint->side == ENDPOINT_CORE) {
		struct sa_set *target = find_target(p, copy);
		if (!target)
			goto free_copy;
		path = path_to_ue(target, copy);
		screen_to_ue(copy);
	} else if (!set || !may_request(set) || screen_from(p, copy, set) ||
		   sip_next_hop(copy, &path.peer, &path.tcp)) {
		goto free_copy;
	}
	proxy_send(p->proxy, copy, &path);
	return;

free_copy:
	sip_free(copy);
}
