#include "controlplane/registrar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "configs/config.h"
#include "controlplane/address.h"
#include "controlplane/attempt.h"
#include "controlplane/reg_event.h"
#include "controlplane/register_request.h"
#include "controlplane/registrar_impl.h"
#include "controlplane/registration.h"
#include "controlplane/sip.h"
#include "controlplane/throttle.h"
#include "controlplane/txn.h"

/* Users for whom the tables are sized; more only make their chains longer. */
#define EXPECTED_USERS (1u << 18)

/* Challenges at once: a UE that begins anew, and whose user fumbles, needs two or three. */
#define IMPI_BURST   16
#define SOURCE_BURST 8

/* C-003: every n-th, or after so many seconds, or never. */
static bool is_challenge_due(const struct registrar *r, const struct registration *g)
{
	const struct config_scscf *c = r->config->scscf;

	if (c->reauth_every != 0 && g->n_unchallenged + 1 >= c->reauth_every)
		return true;
	return c->reauth_after_s != 0 &&
	       loop_now_ms(r->loop) - g->authenticated_ms >= (uint64_t)c->reauth_after_s * 1000;
}

/*
 * The registration that a REGISTER goes on with: of its IMPU, or by policy of another one of the
 * same IMPI (C-024b).
 */
static struct registration *goes_on_with(const struct registrar *r,
					 const struct register_request *q)
{
	struct registration *g = registrar_registered(r, q->impi, q->impu);

	if (g == NULL && q->expires_s != 0 &&
	    r->config->scscf->further_impus == CONFIG_FURTHER_IMPUS_ACCEPT)
		g = registrations_find(r->registrations, q->impi);
	return g;
}

/* C-145: an answer in the clear to a challenge that is open; all else stays as C-036 (b) has it. */
static bool may_answer_clear(const struct registrar *r, const struct attempt *a,
			     const struct register_request *q)
{
	return a != NULL && q->is_emergency && q->response[0] != '\0' &&
	       r->config->scscf->emergency_registration == CONFIG_EMERGENCY_UNPROTECTED;
}

/* A refresh without a challenge changes nothing but the time: the place must be the same. */
static enum register_step step(const struct registrar *r, const struct attempt *a,
			       const struct register_request *q, const struct binding *binding)
{
	const struct registration *g = goes_on_with(r, q);
	struct register_facts facts = {
		.is_protected = q->is_protected || may_answer_clear(r, a, q),
		.has_response = q->response[0] != '\0',
		.has_auts = q->auts[0] != '\0',
		.is_awaiting = a != NULL,
		.is_nonce_active = a != NULL && a->challenge.nonce[0] != '\0' &&
				   strcmp(q->nonce, a->challenge.nonce) == 0,
		.is_registered = g != NULL && binding_is_same(&g->binding, binding),
		.is_challenge_due = g != NULL && (g->must_authenticate || is_challenge_due(r, g)),
	};

	return register_step(&facts);
}

static void take_step(struct registrar *r, struct attempt *a, const struct register_request *q,
		      enum register_step what)
{
	switch (what) {
	case REGISTER_CHALLENGE:
		registrar_challenge(a);
		break;
	case REGISTER_CHECK:
		registrar_check(a, q);
		break;
	case REGISTER_RESYNC:
		registrar_resync(a, q->auts);
		break;
	case REGISTER_FAILURE:
		r->counters.network_failed++;
		registrar_fail(a);
		break;
	case REGISTER_REFRESH:
		registrar_assign(a, q);
		break;
	}
}

static void refuse_at_once(struct registrar *r, struct server_txn *x, int status)
{
	r->counters.refused++;
	server_txn_answer(x, status);
}

/* Whether it came from the user himself: over his SA, or from where he is registered. */
static bool is_own(const struct registrar *r, const struct register_request *q, const char *source)
{
	const struct registration *g = registrations_find(r->registrations, q->impi);
	char registered[ATTEMPT_SOURCE_BYTES];

	if (q->is_protected)
		return true;
	if (g == NULL)
		return false;
	attempt_source(g->binding.contact, g->binding.n_paths > 0 ? g->binding.paths[0] : "",
		       registered);
	return strcmp(registered, source) == 0;
}

/* C-146: what strangers may make the HSS and the victim's sequence number go through. */
static bool may_challenge(struct registrar *r, const struct attempt_key *key, bool is_protected)
{
	uint64_t now_ms = loop_now_ms(r->loop);
	char network[ATTEMPT_SOURCE_BYTES];

	if (is_protected)
		return true;
	attempt_network(key->source, network);
	return throttle_take(r->per_source, key->impi, network, now_ms) &&
	       (key->is_own || throttle_take(r->per_impi, key->impi, "", now_ms));
}

static void refuse_for_now(struct registrar *r, struct server_txn *x)
{
	r->counters.throttled++;
	registrar_answer_later(x);
}

static struct attempt *begin(struct registrar *r, const struct attempt_key *key,
			     const struct register_request *q, struct server_txn *x)
{
	struct attempt *a = attempt_begin(r->attempts, key, q->impu, x);

	if (a != NULL)
		a->is_protected = q->is_protected;
	return a;
}

/* Finds or begins the attempt that the REGISTER belongs to, and takes its step. */
static void proceed(struct registrar *r, struct server_txn *x, const struct register_request *q,
		    const struct binding *binding)
{
	char source[ATTEMPT_SOURCE_BYTES];
	struct attempt_key key = { .impi = q->impi,
				   .source = source,
				   .call_id = q->call_id,
				   .nonce = q->is_protected ? q->nonce : "" };
	struct attempt *a;
	enum register_step what;

	attempt_source(binding->contact, binding->n_paths > 0 ? binding->paths[0] : "", source);
	key.is_own = is_own(r, q, source);
	a = attempts_find(r->attempts, &key);
	if (a != NULL && a->x != NULL) {
		/* The UE did not wait for its answer: RFC 3261 10.2. */
		refuse_at_once(r, x, 500);
		return;
	}
	if (a != NULL && strcmp(a->impu, q->impu) != 0) {
		/* What was challenged for one identity is not answered for another. */
		refuse_at_once(r, x, 403);
		return;
	}
	what = step(r, a, q, binding);
	if ((what == REGISTER_CHALLENGE || what == REGISTER_RESYNC) &&
	    !may_challenge(r, &key, q->is_protected)) {
		refuse_for_now(r, x);
		return;
	}
	if (a != NULL)
		attempt_ask(a, x);
	else
		a = begin(r, &key, q, x);
	if (a == NULL)
		refuse_for_now(r, x);
	else
		take_step(r, a, q, what);
}

void registrar_request(struct registrar *r, struct server_txn *x, const struct address *peer)
{
	const struct sip *request = server_txn_request(x);
	struct register_request q;
	struct binding binding;
	int status = register_request_read(&q, request, trust_has(&r->trust, peer),
					   r->config->controlplane->realm);
	int rc;

	r->counters.register_rx++;
	if (status != 0) {
		refuse_at_once(r, x, status);
		return;
	}
	if (q.is_disbelieved) {
		r->counters.disbelieved++;
		trust_warn("scscf", peer);
	}
	if (q.expires_s != 0 && q.expires_s < r->config->scscf->min_expires_s) {
		r->counters.refused++;
		if (registrar_answer_too_brief(r, x) < 0)
			server_txn_answer(x, 500);
		return;
	}
	rc = registrar_read_binding(&binding, &q, request);
	if (rc < 0) {
		refuse_at_once(r, x, rc == -EINVAL ? 400 : 500);
		return;
	}
	proceed(r, x, &q, &binding);
	binding_clear(&binding);
}

static int load(void *user, int64_t id, struct record *row)
{
	struct registrar *r = user;

	if (record_kind(row) == SCSCF_ROW_SUBSCRIPTION)
		return subscription_load(r->events, id, row, r->file);
	return registration_load(r->registrations, id, row, r->file);
}

static void save(void *user, const struct statefile_item *item, struct record *row)
{
	if (item->kind == SCSCF_ROW_SUBSCRIPTION)
		subscription_save(item, row);
	else
		registration_save(table_entry(item, const struct registration, kept), row);
}

int registrar_load(struct registrar *r, struct reg_event *events)
{
	int rc;

	r->events = events;
	rc = statefile_load(r->file, (struct statefile_user){ load, save, r });
	r->registrations->file = r->file;
	if (rc == 0)
		reg_event_loaded(events);
	return rc;
}

static int open_throttle(uint32_t per_min, uint32_t burst, struct throttle **out)
{
	*out = per_min != 0 ? throttle_new(per_min, burst, EXPECTED_USERS) : NULL;
	return per_min != 0 && *out == NULL ? -ENOMEM : 0;
}

static int open_throttles(struct registrar *r)
{
	const struct config_scscf *c = r->config->scscf;
	int rc = open_throttle(c->impi_challenges_per_min, IMPI_BURST, &r->per_impi);

	return rc < 0 ? rc
		      : open_throttle(c->source_challenges_per_min, SOURCE_BURST, &r->per_source);
}

int registrar_init(struct registrar *r, struct loop *loop, const struct config *config,
		   struct cx *cx)
{
	const char *tls =
		config->controlplane->core_security == CONFIG_SECURITY_TLS ? ";transport=tls" : "";
	char hostport[ADDRESS_TEXT_BYTES];
	struct address own;

	*r = (struct registrar){ .loop = loop, .cx = cx, .config = config };
	if (challenge_offer_read(&r->offer, config->scscf) < 0 ||
	    trust_init(&r->trust, config, config->scscf->trusted, config->scscf->n_trusted) < 0 ||
	    address_parse(config->scscf->address, (uint16_t)config->scscf->port, &own) < 0)
		return -EINVAL;
	address_print(&own, hostport);
	snprintf(r->uri, sizeof(r->uri), "sip:%s%s", hostport, tls);
	snprintf(r->service_route, sizeof(r->service_route), "<sip:orig@%s%s;lr>", hostport, tls);
	r->attempts = attempts_new(loop, REGISTRAR_MAX_ATTEMPTS, config->scscf->reg_await_auth_s,
				   (struct attempts_user){ registrar_on_await_timeout, r });
	r->registrations = registrations_new(
		loop, EXPECTED_USERS,
		(struct registrations_user){ registrar_on_expired, registrar_on_profile, r });
	int rc =
		r->attempts == NULL || r->registrations == NULL
			? -ENOMEM
			: statefile_open_role(loop, config, "scscf", SCSCF_STATE_VERSION, &r->file);
	if (rc == 0)
		rc = open_throttles(r);
	if (rc < 0)
		registrar_clear(r);
	return rc;
}

void registrar_close_file(struct registrar *r)
{
	statefile_close(r->file);
	r->file = NULL;
	if (r->registrations != NULL)
		r->registrations->file = NULL;
}

void registrar_clear(struct registrar *r)
{
	registrar_close_file(r);
	attempts_free(r->attempts);
	registrations_free(r->registrations);
	throttle_free(r->per_impi);
	throttle_free(r->per_source);
	r->per_impi = NULL;
	r->per_source = NULL;
	r->attempts = NULL;
	r->registrations = NULL;
}
