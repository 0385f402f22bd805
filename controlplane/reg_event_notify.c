/* NOTIFY of the event package reg: what is in it, and what becomes of it. TS 24.229 5.4.2.1.2. */
#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/proxy.h"
#include "controlplane/reg_event_impl.h"
#include "controlplane/registration.h"
#include "controlplane/sip_route.h"
#include "controlplane/statefile.h"

/* A NOTIFY on its way: owned by who waits for the file, and then by the client transaction. */
struct notification {
	struct subscription *subscription; /* NULL: it is gone */
	char *text;
	size_t n_bytes;
};

/* --- the document --- */

/* What is barred is nobody's business (5.4.2.1.2), and what does not fit is no address. */
static struct reginfo_contact *add(struct reginfo *info, const struct registered_impu *impu,
				   const struct registration *g)
{
	struct reginfo_contact *c = &info->contacts[info->n_contacts];

	if (impu->is_barred || info->n_contacts == REGINFO_CONTACTS ||
	    strlen(g->binding.contact) >= sizeof(c->uri))
		return NULL;
	info->n_contacts++;
	*c = (struct reginfo_contact){ .is_active = true };
	snprintf(c->aor, sizeof(c->aor), "%s", impu->impu);
	strcpy(c->uri, g->binding.contact);
	return c;
}

void notify_describe(struct reg_event *e, const struct registration *g)
{
	e->info.n_contacts = 0;
	for (unsigned i = 0; i < g->n_impus; i++) {
		struct reginfo_contact *c = add(&e->info, &g->impus[i], g);

		if (c == NULL)
			continue;
		c->event = g->event;
		if (g->event == REGINFO_REGISTERED && !g->impus[i].is_explicit)
			c->event = REGINFO_CREATED;
		c->expires_s = registration_expires_s(g);
		c->has_expires = true;
	}
}

void notify_describe_end(struct reg_event *e, const struct registration *g,
			 enum reginfo_event event)
{
	notify_describe(e, g);
	for (unsigned i = 0; i < e->info.n_contacts; i++) {
		e->info.contacts[i].is_active = false;
		e->info.contacts[i].event = event;
		e->info.contacts[i].has_expires = false;
	}
}

/* The address of record without a contact: RFC 3680 5.3. */
void notify_describe_lost(struct subscription *s)
{
	struct reginfo *info = &s->events->info;

	info->n_contacts = 1;
	info->contacts[0] = (struct reginfo_contact){ .event = REGINFO_DEACTIVATED };
	snprintf(info->contacts[0].aor, sizeof(info->contacts[0].aor), "%s", s->subject->impu);
}

/* --- sending --- */

static int fill(struct subscription *s, struct sip *request, const char *text, size_t n_bytes)
{
	uint64_t now_ms = loop_now_ms(s->events->loop);
	uint64_t left_ms = s->expires_ms > now_ms ? s->expires_ms - now_ms : 0;
	char state[64];
	int rc;

	if (s->reason != NULL)
		snprintf(state, sizeof(state), "terminated;reason=%s", s->reason);
	else
		snprintf(state, sizeof(state), "active;expires=%u",
			 (unsigned)((left_ms + 999) / 1000));
	rc = sip_header_add(request, "Event", s->event);
	if (rc == 0)
		rc = sip_header_add(request, "Subscription-State", state);
	if (rc == 0 && sip_contact_add(request, s->events->contact) != 0)
		rc = -ENOMEM;
	return rc == 0 ? sip_body_set(request, REGINFO_TYPE, text, n_bytes) : rc;
}

static void on_response(void *user, struct sip *response);
static void on_end(void *user);

static int send_notify(struct notification *n)
{
	struct subscription *s = n->subscription;
	struct reg_event *e = s->events;
	struct sip *request = dialog_request(&s->dialog, "NOTIFY");
	struct path path = { .endpoint = e->endpoint };
	int rc = request != NULL ? 0 : -ENOMEM;

	if (rc == 0)
		rc = fill(s, request, n->text, n->n_bytes);
	if (rc == 0)
		rc = sip_next_hop(request, &path.peer, &path.tcp);
	if (rc < 0) {
		sip_free(request);
		return rc;
	}
	return proxy_request(e->proxy, request, &path,
			     (struct client_user){ on_response, on_end, n });
}

static void free_notification(struct notification *n)
{
	free(n->text);
	free(n);
}

static void send_when_kept(struct subscription *s, char *text, size_t n_bytes);

static void send_waiting(struct subscription *s)
{
	char *text = s->waiting;

	s->waiting = NULL;
	send_when_kept(s, text, s->waiting_bytes);
}

/*
 * One that cannot be sent. What waits behind it goes out now: later it would be older than what
 * went before. Without that, one that lives hears of the next change, and one that has ended has
 * heard enough.
 */
static void drop(struct subscription *s)
{
	s->events->counters.notify_failed++;
	if (s->waiting != NULL)
		send_waiting(s);
	else if (s->reason != NULL)
		subscription_free(s);
}

/* A file that cannot be written is no reason to keep a subscriber in the dark. */
static void on_kept(void *user, int status)
{
	struct notification *n = user;
	struct subscription *s = n->subscription;

	(void)status;
	if (s != NULL && send_notify(n) == 0) {
		s->events->counters.notify_tx++;
		free(n->text);
		n->text = NULL;
		return;
	}
	free_notification(n);
	if (s != NULL) {
		s->pending = NULL;
		drop(s);
	}
}

/*
 * Takes the text. What a subscriber is told is true after a restart too: a P-CSCF that heard of an
 * end has no SAs left for a registration that would be back.
 */
static void send_when_kept(struct subscription *s, char *text, size_t n_bytes)
{
	struct notification *n = calloc(1, sizeof(*n));

	if (n == NULL) {
		free(text);
		drop(s);
		return;
	}
	*n = (struct notification){ .subscription = s, .text = text, .n_bytes = n_bytes };
	s->pending = n;
	s->n_sent++;
	if (s->has_jumped && s->subject != NULL)
		statefile_touch(s->events->file, &s->kept);
	s->has_jumped = false;
	statefile_wait(s->events->file, on_kept, n);
}

void notify(struct subscription *s)
{
	struct reginfo *info = &s->events->info;
	size_t n_bytes;
	char *text;

	info->version = s->n_sent;
	if (reginfo_write(info, &text, &n_bytes) < 0) {
		s->events->counters.notify_failed++;
		if (s->reason != NULL && s->pending == NULL)
			subscription_free(s);
	} else if (s->pending != NULL) {
		free(s->waiting);
		s->waiting = text;
		s->waiting_bytes = n_bytes;
	} else {
		send_when_kept(s, text, n_bytes);
	}
}

/* --- the answer --- */

/* RFC 6665 4.2.2: who does not answer, or knows nothing of it, has no subscription. */
static void on_response(void *user, struct sip *response)
{
	struct notification *n = user;
	struct subscription *s = n->subscription;
	int status = response != NULL ? sip_status(response) : 408;

	sip_free(response);
	if (s == NULL || status < 200)
		return;
	n->subscription = NULL;
	s->pending = NULL;
	s->events->counters.notify_failed += status >= 300;
	if (status >= 300 && status != 500 && status != 503)
		subscription_free(s);
	else if (s->waiting != NULL)
		send_waiting(s);
	else if (s->reason != NULL)
		subscription_free(s);
}

static void on_end(void *user)
{
	struct notification *n = user;

	if (n->subscription != NULL)
		n->subscription->pending = NULL;
	free_notification(n);
}

void notify_forget(struct subscription *s)
{
	if (s->pending != NULL)
		s->pending->subscription = NULL;
	s->pending = NULL;
	free(s->waiting);
	s->waiting = NULL;
}
