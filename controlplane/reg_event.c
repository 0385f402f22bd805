#include "controlplane/reg_event.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx.h"
#include "controlplane/proxy.h"
#include "controlplane/reg_event_impl.h"
#include "controlplane/registration.h"

/* Users for whom the tables are sized; more only make their chains longer. */
#define EXPECTED_USERS (1u << 16)

/* --- subjects --- */

static uint64_t hash(const struct table *t, const char *text)
{
	return table_hash(t, 0, text, strlen(text));
}

static struct subject *find_subject(struct reg_event *e, const struct registration *g)
{
	struct table_node *n = table_first(e->by_impi, hash(e->by_impi, g->impi));

	for (; n != NULL; n = table_next(n)) {
		struct subject *s = table_entry(n, struct subject, node);

		if (strcmp(s->impi, g->impi) == 0 && registration_has(g, s->impu))
			return s;
	}
	return NULL;
}

static void free_subject(struct reg_event *e, struct subject *s)
{
	table_remove(e->by_impi, &s->node);
	free(s->impi);
	free(s->impu);
	free(s);
}

static struct subject *get_subject(struct reg_event *e, const char *impi, const char *impu)
{
	struct table_node *n = table_first(e->by_impi, hash(e->by_impi, impi));
	struct subject *s;

	for (; n != NULL; n = table_next(n)) {
		s = table_entry(n, struct subject, node);
		if (strcmp(s->impi, impi) == 0 && strcmp(s->impu, impu) == 0)
			return s;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->impi = strdup(impi);
	s->impu = strdup(impu);
	table_add(e->by_impi, &s->node, hash(e->by_impi, impi));
	if (s->impi == NULL || s->impu == NULL) {
		free_subject(e, s);
		return NULL;
	}
	return s;
}

/* --- subscriptions --- */

static void detach(struct subscription *s)
{
	struct subject *subject = s->subject;
	struct subscription **at = &subject->first;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->subject = NULL;
	s->next = NULL;
	timer_cancel(s->events->loop, &s->expiry);
	if (subject->first == NULL)
		free_subject(s->events, subject);
}

/* The user's own come first: his SAs begin to end when his P-CSCF hears of it. */
static void attach(struct subscription *s, struct subject *subject)
{
	struct subscription **at = &subject->first;

	while (!s->is_user && *at != NULL && (*at)->is_user)
		at = &(*at)->next;
	s->next = *at;
	*at = s;
	s->subject = subject;
}

static void make_room(struct subject *subject, bool is_user)
{
	struct subscription *oldest = NULL;
	unsigned n = 0;

	for (struct subscription *s = subject->first; s != NULL; s = s->next) {
		if (s->is_user != is_user)
			continue;
		n++;
		oldest = s;
	}
	if (n < REG_EVENT_PER_KIND)
		return;
	oldest->events->counters.crowded_out++;
	subscription_free(oldest);
}

static void expire(void *user)
{
	struct subscription *s = user;
	struct reg_event *e = s->events;
	struct registration *g = subscription_registration(s);

	if (g == NULL) {
		subscription_free(s);
		return;
	}
	notify_describe(e, g);
	subscription_end(s, "timeout");
	notify(s);
}

int subscription_add(struct reg_event *e, struct subscription *s, const char *impi,
		     const char *impu)
{
	struct subject *subject =
		table_count(e->by_call_id) < REG_EVENT_MAX ? get_subject(e, impi, impu) : NULL;

	if (subject == NULL)
		return -ENOMEM;
	s->events = e;
	s->kept.kind = SCSCF_ROW_SUBSCRIPTION;
	timer_init(&s->expiry, expire, s);
	attach(s, subject);
	table_add(e->by_call_id, &s->node, hash(e->by_call_id, s->dialog.call_id));
	return 0;
}

int subscription_new(struct reg_event *e, const struct registration *g, const struct sip *request,
		     bool is_user, struct subscription **out)
{
	struct subscription *s = calloc(1, sizeof(*s));
	struct subject *subject;
	int rc = s != NULL ? dialog_accept(&s->dialog, request) : -ENOMEM;

	if (rc < 0)
		goto free_subscription;
	subject = find_subject(e, g);
	if (subject != NULL)
		make_room(subject, is_user);
	subject = find_subject(e, g); /* which may have gone with its last one */
	s->is_user = is_user;
	rc = subscription_add(e, s, g->impi, subject != NULL ? subject->impu : g->impus[0].impu);
	if (rc < 0)
		goto free_subscription;
	*out = s;
	return 0;

free_subscription:
	if (s != NULL)
		dialog_clear(&s->dialog);
	free(s);
	return rc;
}

struct subscription *subscription_find(struct reg_event *e, const struct sip *request)
{
	char call_id[512];
	struct table_node *n;

	if (sip_call_id(request, call_id, sizeof(call_id)) < 0)
		return NULL;
	n = table_first(e->by_call_id, hash(e->by_call_id, call_id));
	for (; n != NULL; n = table_next(n)) {
		struct subscription *s = table_entry(n, struct subscription, node);

		if (s->subject != NULL && dialog_has(&s->dialog, request))
			return s;
	}
	return NULL;
}

void subscription_extend(struct subscription *s, uint32_t expires_s)
{
	struct loop *loop = s->events->loop;

	s->expires_ms = loop_now_ms(loop) + (uint64_t)expires_s * 1000;
	/* Without a timer it lasts as long as the registration. */
	timer_set(loop, &s->expiry, (uint64_t)expires_s * 1000);
}

/* Its row stays until its last NOTIFY is answered. */
void subscription_end(struct subscription *s, const char *reason)
{
	s->reason = reason;
	if (s->kept.is_due) /* there is no subject to write any more */
		statefile_remove(s->events->file, &s->kept);
	detach(s);
}

void subscription_free(struct subscription *s)
{
	if (s->subject != NULL)
		detach(s);
	table_remove(s->events->by_call_id, &s->node);
	statefile_remove(s->events->file, &s->kept);
	notify_forget(s);
	dialog_clear(&s->dialog);
	free(s);
}

struct registration *subscription_registration(const struct subscription *s)
{
	return registrations_find_set(s->events->registrations, s->subject->impi, s->subject->impu);
}

static bool has_impu(const struct cx_saa *profile, const char *impu)
{
	for (uint32_t i = 0; i < profile->n_impus; i++) {
		if (strcmp(profile->impus[i].impu, impu) == 0)
			return true;
	}
	return false;
}

int reg_event_follow(struct reg_event *e, const struct registration *g,
		     const struct cx_saa *profile)
{
	struct subject *subject = find_subject(e, g);
	char *impu;

	if (subject == NULL || has_impu(profile, subject->impu))
		return 0;
	impu = strdup(profile->impus[0].impu);
	if (impu == NULL)
		return -ENOMEM;
	free(subject->impu);
	subject->impu = impu;
	for (struct subscription *s = subject->first; s != NULL; s = s->next)
		statefile_touch(e->file, &s->kept);
	return 0;
}

/* --- events --- */

void reg_event_changed(struct reg_event *e, const struct registration *g)
{
	struct subject *subject = find_subject(e, g);
	struct subscription *next;

	if (subject == NULL)
		return;
	notify_describe(e, g);
	for (struct subscription *s = subject->first; s != NULL; s = next) {
		next = s->next;
		notify(s);
	}
}

/* TS 24.229 5.4.2.1.2: with all of it terminated, the subscriptions are too. */
void reg_event_ended(struct reg_event *e, struct registration *g, enum reginfo_event event)
{
	struct subject *subject = find_subject(e, g);
	struct subscription *next;

	if (subject == NULL)
		return;
	registration_touch(g);
	notify_describe_end(e, g, event);
	/* The subject goes with its last one. */
	for (struct subscription *s = subject->first; s != NULL; s = next) {
		next = s->next;
		subscription_end(s, "noresource");
		notify(s);
	}
}

static void tell_lost(void *user, struct table_node *n)
{
	struct subscription *s = table_entry(n, struct subscription, node);

	if (subscription_registration(s) != NULL)
		return;
	notify_describe_lost(s);
	subscription_end(s, "noresource");
	notify(s);
}

void reg_event_loaded(struct reg_event *e)
{
	e->file = e->registrations->file;
	table_visit(e->by_call_id, tell_lost, NULL);
}

/* --- life --- */

struct reg_event *reg_event_new(struct loop *loop, struct proxy *proxy, struct endpoint *endpoint,
				const struct config_scscf *config,
				struct registrations *registrations)
{
	struct reg_event *e = calloc(1, sizeof(*e));
	char host[ADDRESS_TEXT_BYTES];

	if (e == NULL)
		return NULL;
	e->loop = loop;
	e->proxy = proxy;
	e->endpoint = endpoint;
	e->config = config;
	e->registrations = registrations;
	snprintf(e->contact, sizeof(e->contact), "<sip:%s%s>",
		 address_print(&endpoint->local, host), transport_uri_parameter(endpoint));
	e->by_call_id = table_new(EXPECTED_USERS);
	e->by_impi = table_new(EXPECTED_USERS);
	if (e->by_call_id == NULL || e->by_impi == NULL) {
		reg_event_free(e);
		return NULL;
	}
	return e;
}

static void free_one(void *user, struct table_node *n)
{
	subscription_free(table_entry(n, struct subscription, node));
}

void reg_event_free(struct reg_event *e)
{
	if (e == NULL)
		return;
	e->file = NULL; /* what is in it stays */
	if (e->by_call_id != NULL && e->by_impi != NULL)
		table_visit(e->by_call_id, free_one, NULL);
	table_free(e->by_call_id);
	table_free(e->by_impi);
	free(e);
}

uint32_t reg_event_count(const struct reg_event *e)
{
	return (uint32_t)table_count(e->by_call_id);
}

const struct reg_event_counters *reg_event_counters(const struct reg_event *e)
{
	return &e->counters;
}
