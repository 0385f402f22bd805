#include "controlplane/icscf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config.h"
#include "controlplane/core_link.h"
#include "controlplane/cx.h"
#include "controlplane/cx_open.h"
#include "controlplane/cx_status.h"
#include "controlplane/icscf_select.h"
#include "controlplane/log.h"
#include "controlplane/proxy.h"
#include "controlplane/register_request.h"
#include "controlplane/screen.h"
#include "controlplane/sip_list.h"
#include "controlplane/sip_route.h"
#include "controlplane/sip_uri.h"
#include "controlplane/trust.h"

/* As many as the S-CSCF behind it. */
#define MAX_TXNS (1u << 19)

struct counters {
	uint64_t register_rx;
	uint64_t register_forwarded;
	uint64_t register_refused;
	uint64_t register_reassigned; /* the S-CSCF did not answer */
	uint64_t disbelieved;         /* REGISTERs: came protected, says who is not trusted */
	uint64_t locate_rx;           /* requests for a user */
	uint64_t locate_forwarded;
	uint64_t locate_reassigned; /* the S-CSCF that was chosen did not answer */
	uint64_t locate_refused;
};

struct icscf {
	struct proxy *proxy;
	struct endpoint *endpoint;
	struct cx *cx;
	const struct config *config;
	struct trust trust; /* whose integrity indicator goes on */
	struct counters counters;
};

/*
 * A request that waits for its UAA or LIA, or a REGISTER that waits for its answer: each step has
 * one of its own, which ends with it.
 */
struct query {
	struct icscf *icscf;
	struct server_txn *x;
	struct cx_request request; /* the UAR, or the LIR */
	struct cx_capabilities needed;
	bool is_trusted; /* the sender of the REGISTER */
	bool is_free;    /* to choose: `needed` is what the HSS has said */
	icscf_tried tried;
};

static void refuse_register(struct icscf *i, struct server_txn *x, int status)
{
	i->counters.register_refused++;
	server_txn_answer(x, status);
}

/* A flood of IMPIs that nobody has leaves nothing here: what comes again is asked again (C-146). */
static void refuse_unknown(struct icscf *i, struct server_txn *x, int status)
{
	refuse_register(i, x, status);
	server_txn_free(x);
}

static void refuse_locate(struct icscf *i, struct server_txn *x, int status)
{
	i->counters.locate_refused++;
	server_txn_answer(x, status);
}

/* C-046: the S-CSCF believes us, so what a stranger says of protection goes no further. */
static int address_register(const struct query *q, struct sip *request, const char *name)
{
	int rc = q->is_trusted ? 0 : screen_drop_indicator(request);

	return rc == 0 ? sip_request_uri_set(request, name) : rc;
}

/*
 * Sends the request on to the S-CSCF `name`: a REGISTER with it as Request-URI (TS 24.229 5.3.1.2),
 * others with it as Route (5.3.2.1). False: it could not be written, and waits for an answer.
 */
static bool forward(const struct query *q, const char *name, struct forward how)
{
	struct sip *request = sip_clone(server_txn_request(q->x));
	struct path path = { .endpoint = q->icscf->endpoint };
	char route[CX_IDENTITY_BYTES + 4];
	int rc = request != NULL ? address_parse_uri(name, &path.peer) : -ENOMEM;

	snprintf(route, sizeof(route), "%s;lr", name);
	if (rc == 0)
		sip_routes_clear(request);
	if (rc == 0)
		rc = q->request.command == CX_UAR ? address_register(q, request, name)
						  : sip_route_push(request, route);
	if (rc < 0) {
		log_warn("icscf: cannot forward to the S-CSCF that the HSS names: %s",
			 strerror(-rc));
		sip_free(request);
		return false;
	}
	proxy_forward(q->icscf->proxy, q->x, request, &path, how);
	return true;
}

/* --- the S-CSCF: named by the HSS, or chosen --- */

static bool on_registered(void *user, struct server_txn *x, struct sip *response);
static bool on_reached(void *user, struct server_txn *x, struct sip *response);

/* Takes the query, which nobody needs who is called where he is registered. */
static bool send_to(struct query *q, const char *name)
{
	bool is_register = q->request.command == CX_UAR;
	bool is_kept = is_register || q->is_free;
	struct forward how = { is_register ? on_registered : on_reached, free, q };
	bool is_sent = forward(q, name, is_kept ? how : (struct forward){ 0 });

	if (!is_sent || !is_kept)
		free(q);
	return is_sent;
}

/* To the S-CSCF that fits best of those not tried yet. Takes the query; false: there is none. */
static bool assign(struct query *q)
{
	const char *name = icscf_select(q->icscf->config->icscf, &q->needed, &q->tried);

	if (name != NULL)
		return send_to(q, name);
	free(q);
	return false;
}

/* As the UAA or LIA says. Takes the query; false: it cannot be sent. */
static bool send_as_told(struct query *q, const char *name, const struct cx_capabilities *needed)
{
	q->is_free = name[0] == '\0';
	q->needed = *needed;
	if (q->is_free)
		return assign(q);
	icscf_mark_tried(q->icscf->config->icscf, name, &q->tried);
	return send_to(q, name);
}

/* --- REGISTER --- */

static void on_capabilities(void *user, const struct cx_answer *answer)
{
	struct query *q = user;
	struct icscf *i = q->icscf;
	struct server_txn *x = q->x;

	q->needed = answer->uaa.capabilities;
	q->is_free = true;
	if (!cx_succeeded(answer->result))
		free(q);
	else if (assign(q))
		return;
	refuse_register(i, x, 504);
}

/*
 * TS 24.229 5.3.1.3: another one, when the HSS has left the choice to us, or after asking it what
 * is needed. False: nobody else can.
 */
static bool try_another(const struct query *failed)
{
	struct icscf *i = failed->icscf;
	struct query *q;

	if (i->config->icscf->n_scscfs == 0 ||
	    failed->request.uar.type == CX_AUTHORIZE_DEREGISTRATION)
		return false;
	q = malloc(sizeof(*q));
	if (q == NULL)
		return false;
	*q = *failed;
	if (q->is_free)
		return assign(q);
	q->request.uar.type = CX_AUTHORIZE_CAPABILITIES;
	if (cx_send(i->cx, &q->request, on_capabilities, q) == 0)
		return true;
	free(q);
	return false;
}

/* 503 says that it is there, and wants no more of this user: others would do as it does. */
static bool on_registered(void *user, struct server_txn *x, struct sip *response)
{
	struct query *q = user;
	int status = response != NULL ? sip_status(response) : 408;

	(void)x;
	if ((status != 408 && status != 480) || !try_another(q))
		return true;
	q->icscf->counters.register_reassigned++;
	sip_free(response);
	return false;
}

static void on_authorized(void *user, const struct cx_answer *answer)
{
	struct query *q = user;
	struct icscf *i = q->icscf;
	struct server_txn *x = q->x;

	if (!cx_succeeded(answer->result)) {
		refuse_unknown(i, x, cx_register_status(answer->result));
		free(q);
		return;
	}
	if (send_as_told(q, answer->uaa.server_name, &answer->uaa.capabilities))
		i->counters.register_forwarded++;
	else
		refuse_register(i, x, 500);
}

static int ask(struct icscf *i, const struct cx_request *request, bool is_trusted, cx_done *done,
	       struct server_txn *x)
{
	struct query *q = malloc(sizeof(*q));
	int rc;

	if (q == NULL)
		return -ENOMEM;
	*q = (struct query){ .icscf = i, .x = x, .request = *request, .is_trusted = is_trusted };
	rc = cx_send(i->cx, request, done, q);
	if (rc < 0)
		free(q);
	return rc;
}

/* The first one, a token or quoted (RFC 7315 4.3); what the HSS gets is the name itself. */
static int read_visited_network(const struct sip *message, struct cx_uar *uar)
{
	char value[SIP_VALUE_BYTES];
	int n = sip_list_get(message, "P-Visited-Network-ID", 0, value, sizeof(value));

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return n;
	if (value[0] != '"')
		return cx_identity(uar->visited_network, value);
	value[1 + strcspn(value + 1, "\"")] = '\0';
	return cx_identity(uar->visited_network, value + 1);
}

/* What a stranger says where it cannot be read cannot be taken out either. */
static bool can_be_cleaned(const struct sip *message)
{
	struct sip *copy = sip_clone(message);
	bool can = copy != NULL && screen_drop_indicator(copy) == 0;

	sip_free(copy);
	return can;
}

static void authorize(struct icscf *i, const struct address *peer, struct server_txn *x)
{
	const struct sip *message = server_txn_request(x);
	struct cx_request request = { .command = CX_UAR };
	struct register_request q;
	bool is_trusted = trust_has(&i->trust, peer);
	int status = register_request_read(&q, message, is_trusted, i->config->controlplane->realm);

	i->counters.register_rx++;
	if (status == 0 && !is_trusted && !can_be_cleaned(message))
		status = 400;
	if (status != 0) {
		refuse_register(i, x, status);
		return;
	}
	if (q.is_disbelieved) {
		i->counters.disbelieved++;
		trust_warn("icscf", peer);
	}
	cx_identity(request.uar.impi, q.impi);
	cx_identity(request.uar.impu, q.impu);
	if (read_visited_network(message, &request.uar) < 0) {
		refuse_register(i, x, 400);
		return;
	}
	request.uar.type =
		q.expires_s == 0 ? CX_AUTHORIZE_DEREGISTRATION : CX_AUTHORIZE_REGISTRATION;
	if (ask(i, &request, is_trusted, on_authorized, x) < 0)
		refuse_register(i, x, 503);
}

/* --- terminating requests --- */

/*
 * Who is not registered may be served by any S-CSCF, so when the one that was chosen is silent, the
 * next one is. Whatever it answers is about the user.
 */
static bool on_reached(void *user, struct server_txn *x, struct sip *response)
{
	const struct query *failed = user;
	struct query *q;

	(void)x;
	if (response != NULL || !failed->is_free)
		return true;
	q = malloc(sizeof(*q));
	if (q == NULL)
		return true;
	*q = *failed;
	if (!assign(q))
		return true;
	failed->icscf->counters.locate_reassigned++;
	return false;
}

static void on_located(void *user, const struct cx_answer *answer)
{
	struct query *q = user;
	struct icscf *i = q->icscf;
	struct server_txn *x = q->x;

	if (!cx_succeeded(answer->result)) {
		refuse_locate(i, x, cx_locate_status(answer->result));
		free(q);
	} else if (send_as_told(q, answer->lia.server_name, &answer->lia.capabilities)) {
		i->counters.locate_forwarded++;
	} else {
		refuse_locate(i, x, 500);
	}
}

static void locate(struct icscf *i, struct server_txn *x)
{
	struct cx_request request = { .command = CX_LIR };

	i->counters.locate_rx++;
	if (sip_aor(sip_request_uri(server_txn_request(x)), request.lir.impu,
		    sizeof(request.lir.impu)) < 0)
		refuse_locate(i, x, 416);
	else if (ask(i, &request, false, on_located, x) < 0)
		refuse_locate(i, x, 503);
}

/* --- the role --- */

static void on_request(void *role, const struct source *source, struct server_txn *x)
{
	struct icscf *i = role;

	if (sip_is(server_txn_request(x), "REGISTER"))
		authorize(i, &source->path.peer, x);
	else
		locate(i, x);
}

static void stop(void *self)
{
	struct icscf *i = self;

	cx_free(i->cx);
	proxy_free(i->proxy);
	free(i);
}

static int start(struct loop *loop, const struct config *config, void **self)
{
	const struct config_icscf *c = config->icscf;
	struct icscf *i = calloc(1, sizeof(*i));
	int rc;

	if (i == NULL)
		return -ENOMEM;
	i->config = config;
	i->cx = cx_open(loop, config);
	i->proxy = proxy_new(loop, MAX_TXNS,
			     (struct proxy_user){ .on_request = on_request, .role = i });
	rc = i->cx != NULL && i->proxy != NULL ? 0 : -ENOMEM;
	if (rc == 0)
		rc = trust_init(&i->trust, config, c->trusted, c->n_trusted);
	if (rc < 0)
		log_error("icscf: cannot start: %s", strerror(-rc));
	else
		rc = core_link_open(i->proxy, config, "icscf", c->address, c->port, &i->endpoint);
	if (rc < 0) {
		stop(i);
		return rc;
	}
	*self = i;
	return 0;
}

/* An I-CSCF holds none. */
static json_t *registrations(void *self)
{
	return json_array();
}

static json_t *stats(void *self)
{
	struct icscf *i = self;
	const struct counters *n = &i->counters;
	json_t *object = json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "register_rx",
		(json_int_t)n->register_rx, "indicator_disbelieved", (json_int_t)n->disbelieved,
		"register_reassigned", (json_int_t)n->register_reassigned, "register_forwarded",
		(json_int_t)n->register_forwarded, "register_refused",
		(json_int_t)n->register_refused, "locate_rx", (json_int_t)n->locate_rx,
		"locate_forwarded", (json_int_t)n->locate_forwarded, "locate_reassigned",
		(json_int_t)n->locate_reassigned, "locate_refused", (json_int_t)n->locate_refused);

	if (object != NULL && proxy_stats(i->proxy, object) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

const struct role icscf_role = {
	.name = "icscf",
	.start = start,
	.stop = stop,
	.registrations = registrations,
	.stats = stats,
};
