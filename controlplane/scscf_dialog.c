/*
 * Inside a dialog: the S-CSCF stays in the route of what begins one (TS 24.229 5.4.3.2, 5.4.3.3),
 * and passes on what follows by the Route alone, in either direction (RFC 3261 16.4, 16.6).
 */
#include <errno.h>
#include <stdio.h>

#include "controlplane/proxy.h"
#include "controlplane/scscf.h"
#include "controlplane/sip_route.h"
#include "controlplane/sip_uri.h"

bool scscf_is_us(const struct scscf *s, const osip_uri_t *uri)
{
	struct address a;

	return sip_uri_address(uri, &a) == 0 && address_equal(&a, &s->endpoint->local);
}

bool scscf_is_in_dialog(const struct scscf *s, const struct sip *request)
{
	return sip_to_tag(request) != NULL && scscf_is_us(s, sip_route(request, 0));
}

int scscf_record_route(const struct scscf *s, struct sip *request)
{
	char host[ADDRESS_TEXT_BYTES], uri[96];

	if (!sip_begins_dialog(request))
		return 0;
	snprintf(uri, sizeof(uri), "sip:dialog@%s%s;lr", address_print(&s->endpoint->local, host),
		 transport_uri_parameter(s->endpoint));
	return sip_record_route_push(request, uri);
}

/*
 * A copy that goes on, and where to. NULL: nowhere. Both ends of a dialog are behind P-CSCFs, which
 * are in its route; a Request-URI alone leads nowhere, so nobody sends through us what he likes.
 */
static struct sip *copy(const struct scscf *s, const struct sip *message, struct path *path)
{
	struct sip *request = sip_clone(message);

	*path = (struct path){ .endpoint = s->endpoint };
	while (request != NULL && scscf_is_us(s, sip_route(request, 0)))
		sip_route_pop(request);
	if (request != NULL && sip_route(request, 0) != NULL &&
	    sip_next_hop(request, &path->peer, &path->tcp) == 0)
		return request;
	sip_free(request);
	return NULL;
}

void scscf_route_dialog(struct scscf *s, struct server_txn *x)
{
	struct path path;
	struct sip *request = copy(s, server_txn_request(x), &path);

	if (request == NULL) {
		s->counters.dialog_refused++;
		server_txn_answer(x, 481);
		return;
	}
	s->counters.dialog_rx++;
	proxy_forward(s->proxy, x, request, &path, (struct forward){ 0 });
}

void scscf_ack(struct scscf *s, const struct sip *ack)
{
	struct path path;
	struct sip *request = scscf_is_in_dialog(s, ack) ? copy(s, ack, &path) : NULL;

	if (request == NULL)
		s->counters.dialog_refused++;
	else
		proxy_send(s->proxy, request, &path);
}
