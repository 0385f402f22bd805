#include "controlplane/proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/hops.h"
#include "controlplane/log.h"
#include "controlplane/proxy_impl.h"

/* --- a message comes in --- */

static void take_response(struct proxy *p, struct sip *s, struct source *source)
{
	p->counters.response_rx++;
	if (p->user.identify && !p->user.identify(p->user.role, s, source, NULL)) {
		p->counters.sip_unidentified++;
		sip_free(s);
		return;
	}
	if (!txns_response(p->txns, s, &source->path.peer))
		sip_free(s);
}

/* RFC 3261 16.10: the CANCEL is answered here, and goes on as our own, with its reason. */
static void take_cancel(struct proxy *p, struct server_txn *x, const struct source *source)
{
	const struct sip *cancel = server_txn_request(x);
	struct server_txn *invite = server_txn_cancelled(p->txns, cancel, &source->path.peer);
	if (invite)
		server_txn_cancel(invite); /* its role may be about to send it on, or elsewhere */
	if (invite && server_txn_owner(invite))
		proxy_cancel(server_txn_owner(invite), sip_header(cancel, "Reason", 0));
	server_txn_answer(x, invite ? 200 : 481);
}

/* An answer that is forgotten at once. */
static void answer_stateless(const struct sip *request, struct path *reply, int status)
{
	char tag[SIP_TAG_BYTES], *bytes;
	size_t n_bytes;
	sip_random_tag(tag);
	struct sip *response = sip_response(request, status, NULL, tag);
	if (response && (status != 503 || !sip_header_add(response, "Retry-After", "10")) &&
	    !sip_print(response, &bytes, &n_bytes)) {
		transport_send(reply, bytes, n_bytes);
		free(bytes);
	}
	sip_free(response);
}

/* Whether the request counts, and where its answers go. */
static bool locate(struct proxy *p, struct sip *s, struct source *source, struct path *reply)
{
	*reply = source->path;
	if (sip_via_received(s, &source->path.peer))
		return false;
	sip_via_target(s, reply->tcp, &reply->peer); /* cannot fail: received is numeric */
	if (!p->user.identify || p->user.identify(p->user.role, s, source, reply))
		return true;
	p->counters.sip_unidentified++;
	return false;
}

static void take_request(struct proxy *p, struct sip *s, struct source *source)
{
	p->counters.request_rx++;
	struct path reply;
	if (!locate(p, s, source, &reply) || txns_absorb(p->txns, s, &source->path.peer))
		goto free_request;
	if (sip_is(s, "ACK")) {
		if (p->user.on_ack)
			p->user.on_ack(p->user.role, source, s);
		goto free_request;
	}
	struct server_txn *x = server_txn_new(p->txns, s, &source->path.peer, &reply);
	if (!x) {
		p->counters.request_refused++;
		log_warn("too many SIP transactions: requests are refused");
		answer_stateless(s, &reply, 503);
		goto free_request;
	}
	if (source->account && !server_txn_charge(x, source->account, source->n_bytes)) {
		p->counters.request_refused++;
		log_warn("too many SIP transactions of one UE: its requests are refused");
		answer_stateless(s, &reply, 503);
		server_txn_free(x);
		return;
	}
	if (sip_is(s, "CANCEL"))
		take_cancel(p, x, source);
	else
		p->user.on_request(p->user.role, source, x);
	return;

free_request:
	sip_free(s);
}

static bool is_keepalive(const char *bytes, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		if (bytes[i] != '\r' && bytes[i] != '\n')
			return false;
	return true;
}

void proxy_receive(struct proxy *p, const struct path *from, const char *bytes, size_t n_bytes)
{
	struct source source = { .path = *from, .n_bytes = n_bytes };
	struct sip *s;
	int error = sip_parse(bytes, n_bytes, &s);
	if (error == -EMSGSIZE)
		p->counters.sip_too_big++;
	else if (error == -ENOMEM)
		p->counters.sip_no_memory++;
	else if (error)
		p->counters.sip_malformed++;
	else if (sip_is_request(s))
		take_request(p, s, &source);
	else
		take_response(p, s, &source);
}

static void receive(void *user, const struct path *from, const char *bytes, size_t n_bytes)
{
	struct proxy *p = user;
	if (is_keepalive(bytes, n_bytes))
		p->counters.sip_keepalive++;
	else if (!p->user.admit || p->user.admit(p->user.role, from, bytes, n_bytes))
		proxy_receive(p, from, bytes, n_bytes);
}

/* Only a request can be answered; and only one of somebody who may ask. */
static void answer_head(struct proxy *p, const struct path *from, const char *head, size_t n_bytes,
			int status)
{
	struct source source = { .path = *from };
	struct path reply;
	struct sip *s;
	if (sip_parse_head(head, n_bytes, &s))
		return;
	if (sip_is_request(s) && !sip_is(s, "ACK") && locate(p, s, &source, &reply))
		answer_stateless(s, &reply, status);
	sip_free(s);
}

static void refuse_head(void *user, const struct path *from, const char *head, size_t n_bytes,
			int status)
{
	struct proxy *p = user;
	p->counters.sip_malformed += status == 400;
	p->counters.sip_too_big += status != 400;
	answer_head(p, from, head, n_bytes, status);
}

void proxy_refuse(struct proxy *p, const struct path *from, const char *bytes, size_t n_bytes)
{
	p->counters.request_refused++;
	answer_head(p, from, bytes, n_bytes, 503);
}

static void on_closed(void *user, uint64_t connection, bool opened)
{
	struct proxy *p = user;
	txns_closed(p->txns, connection, opened);
}

/* --- life --- */

struct proxy *proxy_new(struct loop *loop, uint32_t max_txns, struct proxy_user user)
{
	struct proxy *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->user = user;
	p->transport =
		transport_new(loop, (struct transport_user){ receive, refuse_head, on_closed, p });
	p->txns = txns_new(loop, max_txns);
	p->hops = hops_new();
	if (!p->transport || !p->txns || !p->hops) {
		proxy_free(p);
		return NULL;
	}
	return p;
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	txns_free(p->txns);
	transport_free(p->transport);
	hops_free(p->hops);
	free(p);
}

struct transport *proxy_transport(struct proxy *p)
{
	return p->transport;
}

const struct proxy_counters *proxy_counters(const struct proxy *p)
{
	return &p->counters;
}

int proxy_stats(const struct proxy *p, json_t *stats)
{
	const struct transport_counters *t = transport_counters(p->transport);
	const struct txn_counters *x = txns_counters(p->txns);
	const struct proxy_counters *c = &p->counters;
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {
		{ "sip_rx", t->rx },
		{ "sip_tx", t->tx },
		{ "sip_tx_failed", t->tx_failed },
		{ "tcp_connections", transport_connections(p->transport) },
		{ "tcp_accepted", t->tcp_accepted },
		{ "tcp_opened", t->tcp_opened },
		{ "tcp_not_opened", t->tcp_not_opened },
		{ "tcp_crowded_out", t->tcp_crowded_out },
		{ "tcp_too_slow", t->tcp_too_slow },
		{ "tcp_refused", t->tcp_refused },
		{ "tls_opened", t->tls_opened },
		{ "tls_refused", t->tls_refused },
		{ "sip_too_big", c->sip_too_big },
		{ "sip_malformed", c->sip_malformed },
		{ "sip_no_memory", c->sip_no_memory },
		{ "sip_unidentified", c->sip_unidentified },
		{ "sip_keepalive", c->sip_keepalive },
		{ "request_rx", c->request_rx },
		{ "request_forwarded", c->request_forwarded },
		{ "request_forked", c->request_forked },
		{ "request_loop", c->request_loop },
		{ "request_refused", c->request_refused },
		{ "response_rx", c->response_rx },
		{ "response_forwarded", c->response_forwarded },
		{ "txn", txns_count(p->txns) },
		{ "txn_server", x->server },
		{ "txn_client", x->client },
		{ "txn_absorbed", x->absorbed },
		{ "txn_retransmitted", x->retransmitted },
		{ "txn_timed_out", x->timed_out },
		{ "txn_unmatched", x->unmatched },
		{ "txn_disconnected", x->disconnected },
		{ "txn_by_size", x->by_size },
		{ "txn_fell_back", x->fell_back },
		{ "txn_known_to_refuse", x->known_to_refuse },
		{ "txn_refused", x->refused },
	};
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (json_object_set_new(stats, all[i].name, json_integer((json_int_t)all[i].value)))
			return -ENOMEM;
	return 0;
}
