#include "controlplane/scscf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config.h"
#include "controlplane/attempt.h"
#include "controlplane/core_link.h"
#include "controlplane/cx.h"
#include "controlplane/cx_diameter.h"
#include "controlplane/cx_open.h"
#include "controlplane/log.h"
#include "controlplane/proxy.h"
#include "controlplane/reg_event.h"
#include "controlplane/registration.h"
#include "controlplane/scscf_inquiry.h"

/*
 * Answered ones stay for 32 s (RFC 3261 timer J), three a registration with reg events, and one of
 * our own for 5 s: 5000 registrations a second.
 */
#define MAX_TXNS (1u << 19)
/* Lines of the status socket's list: a base of millions is no answer to a question. */
#define LISTED 10000

static void on_request(void *role, const struct source *source, struct server_txn *x)
{
	struct scscf *s = role;

	if (sip_is(server_txn_request(x), "REGISTER"))
		registrar_request(&s->registrar, x, &source->path.peer);
	else
		scscf_route(s, source, x);
}

static void on_ack(void *role, const struct source *source, const struct sip *ack)
{
	scscf_ack(role, ack);
}

/*
 * Cx goes first: its last answers end what waits on transactions and attempts. Then the file, and
 * what waits for that is sent.
 */
static void stop(void *self)
{
	struct scscf *s = self;

	cx_free(s->cx);
	registrar_close_file(&s->registrar);
	proxy_free(s->proxy);
	reg_event_free(s->events);
	inquiries_free(s->inquiries);
	registrar_clear(&s->registrar);
	free(s);
}

static int open_events(struct scscf *s, struct loop *loop, const struct config_scscf *c)
{
	s->events = reg_event_new(loop, s->proxy, s->endpoint, c, s->registrar.registrations);
	return s->events != NULL ? registrar_load(&s->registrar, s->events) : -ENOMEM;
}

static int start(struct loop *loop, const struct config *config, void **self)
{
	struct scscf *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return -ENOMEM;
	s->cx = cx_open(loop, config);
	s->proxy = proxy_new(
		loop, MAX_TXNS,
		(struct proxy_user){ .on_request = on_request, .on_ack = on_ack, .role = s });
	s->inquiries = inquiries_new(s);
	rc = s->cx != NULL && s->proxy != NULL && s->inquiries != NULL ? 0 : -ENOMEM;
	if (rc == 0)
		rc = registrar_init(&s->registrar, loop, config, s->cx);
	if (rc < 0)
		log_error("scscf: cannot start: %s", strerror(-rc));
	else
		cx_listen(s->cx, registrar_heard, &s->registrar);
	if (rc == 0)
		rc = core_link_open(s->proxy, config, "scscf", config->scscf->address,
				    config->scscf->port, &s->endpoint);
	if (rc == 0)
		rc = open_events(s, loop, config->scscf);
	if (rc < 0) {
		stop(s);
		return rc;
	}
	*self = s;
	return 0;
}

static void list_one(void *user, const struct registration *g)
{
	json_t *list = user;

	for (unsigned i = 0; i < g->n_impus && json_array_size(list) < LISTED; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I}", "impu",
						      g->impus[i].impu, "impi", g->impi, "contact",
						      g->binding.contact, "expires_s",
						      (json_int_t)registration_expires_s(g)));
}

static json_t *registrations(void *self)
{
	struct scscf *s = self;
	json_t *list = json_array();

	if (list != NULL)
		registrations_each(s->registrar.registrations, list_one, list);
	return list;
}

static json_t *stats(void *self)
{
	struct scscf *s = self;
	const struct registrar_counters *r = &s->registrar.counters;
	const struct scscf_counters *c = &s->counters;
	const struct reg_event_counters *e = reg_event_counters(s->events);
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "registration", registrations_count(s->registrar.registrations) },
		{ "attempt", attempts_count(s->registrar.attempts) },
		{ "register_rx", r->register_rx },
		{ "register_challenged", r->challenge_sent },
		{ "register_initial", r->registered },
		{ "register_again", r->reregistered },
		{ "register_ended", r->deregistered },
		{ "register_ended_by_network", r->ended_by_network },
		{ "profile_changed", r->profile_changed },
		{ "register_expired", r->expired },
		{ "register_user_failed", r->user_failed },
		{ "register_weaker_chosen", r->weaker_chosen },
		{ "register_network_failed", r->network_failed },
		{ "register_resync", r->resync },
		{ "register_unanswered", r->await_timeout },
		{ "register_throttled", r->throttled },
		{ "register_refused", r->refused },
		{ "indicator_disbelieved", r->disbelieved },
		{ "reauthentication_asked", r->reauth_asked },
		{ "reauthentication_repeated", r->reauth_repeated },
		{ "reauthentication_unanswered", r->reauth_unanswered },
		{ "subscription", reg_event_count(s->events) },
		{ "subscribe_rx", e->subscribe_rx },
		{ "subscribe_refused", e->subscribe_refused },
		{ "subscription_crowded_out", e->crowded_out },
		{ "notify_tx", e->notify_tx },
		{ "notify_failed", e->notify_failed },
		{ "cx_diameter_peer", cx_diameter_n_peers() },
		{ "state_commits", statefile_counters(s->registrar.file)->commits },
		{ "state_commits_failed", statefile_counters(s->registrar.file)->commits_failed },
		{ "state_rows", statefile_counters(s->registrar.file)->rows },
		{ "request_originating", c->originating_rx },
		{ "request_terminating", c->terminating_rx },
		{ "request_to_user", c->forwarded_to_user },
		{ "request_to_scscf", c->forwarded_to_scscf },
		{ "request_in_dialog", c->dialog_rx },
		{ "request_dialog_refused", c->dialog_refused },
		{ "request_options_answered", c->options_answered },
		{ "request_sender_refused", c->sender_refused },
		{ "request_sender_lost", c->sender_lost },
		{ "request_user_absent", c->user_absent },
		{ "unregistered_asked", c->unregistered_asked },
		{ "restoration_asked", c->restoration_asked },
	};
	json_t *object = json_object();

	for (size_t i = 0; object != NULL && i < sizeof(rows) / sizeof(rows[0]); i++)
		json_object_set_new(object, rows[i].name, json_integer((json_int_t)rows[i].value));
	if (object != NULL && proxy_stats(s->proxy, object) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static int order(void *self, const char *name, const char *impi)
{
	struct registrar *r = &((struct scscf *)self)->registrar;

	if (strcmp(name, "reauthenticate") == 0)
		return registrar_reauthenticate(r, impi);
	if (strcmp(name, "deactivate") == 0)
		return registrar_deregister(r, impi, REGINFO_DEACTIVATED);
	if (strcmp(name, "reject") == 0)
		return registrar_deregister(r, impi, REGINFO_REJECTED);
	return -EINVAL;
}

const struct role scscf_role = {
	.name = "scscf",
	.start = start,
	.stop = stop,
	.registrations = registrations,
	.stats = stats,
	.order = order,
};
