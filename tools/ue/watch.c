/*
 * The UE's subscription to the event package reg: TS 24.229 5.1.1.3, 5.1.1.5.2, 5.1.1.7. What it
 * hears it does of its own accord, when it has nothing else to do.
 */
#include "tools/ue/ue.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "tools/ue/fleet.h"
#include "tools/ue/notice.h"

#define EXPIRES_S 600000 /* TS 24.229 5.1.1.3 */
#define MARGIN_S  30     /* SAs outlive their registration: TS 33.203 7.4.2a */

/* ---- asking ---- */

static void put_subscribe(const struct ue *u, struct sip_text *t)
{
	char host[ADDRESS_TEXT_BYTES];

	talk_put_request(u, t, u->impu, u->watch.call_id);
	sip_put_header(t, "Contact", "<sip:%s:%u%s>", ue_host(u, u->current, host), UE_PORT_US,
		       u->fleet->options.tcp ? ";transport=tcp" : "");
	sip_put_header(t, "Event", "reg");
	sip_put_header(t, "Expires", "%u", EXPIRES_S);
	sip_put_header(t, "Accept", "application/reginfo+xml");
	sip_put_header(t, "Content-Length", "0");
	sip_put(t, "\r\n");
}

void watch_start(struct ue *u)
{
	u->watch = (struct watch){ .is_on = true }; /* the NOTIFY may come before the 200 */
	ue_token(u->watch.call_id);
	request_send(u, "SUBSCRIBE", u->current, put_subscribe);
}

void watch_answered(struct ue *u, const struct sip_message *answer)
{
	if (answer->status < 300) {
		ue_finish(u, NULL);
		return;
	}
	u->watch.is_on = false;
	ue_finish_status(u, answer->status);
}

/* ---- of its own accord ---- */

static void on_wanted(evutil_socket_t fd, short what, void *context)
{
	struct ue *u = context;
	enum ue_task task = u->wanted;

	if (u->task != UE_IDLE || task == UE_IDLE)
		return; /* ue_finish() calls again */
	u->wanted = UE_IDLE;
	if ((task == UE_REGISTER) == (u->current != NULL))
		return; /* it came to be so by itself */
	u->is_own = true;
	ue_start(u, task, NULL);
}

void watch_resume(struct ue *u)
{
	const struct timeval now = { 0 };

	if (u->wanted == UE_IDLE)
		return;
	if (!u->own)
		u->own = evtimer_new(u->fleet->base, on_wanted, u);
	if (u->own)
		evtimer_add(u->own, &now); /* not from here: it is in the middle of a message */
}

void watch_done(struct ue *u, enum ue_task task, const char *reason)
{
	struct fleet_own *own = &u->fleet->own;

	if (reason)
		own->n_failed++;
	else if (task == UE_REREGISTER)
		own->n_reregistered++;
	else if (task == UE_REGISTER)
		own->n_registered++;
	/* The subscription ended with the registration that it was about. */
	if (!reason && task == UE_REGISTER)
		u->wanted = UE_SUBSCRIBE;
}

/* ---- told ---- */

static void lose_registration(struct ue *u)
{
	if (u->task == UE_DEREGISTER || !u->current)
		return; /* what it wanted itself */
	agreement_retire(u->current);
	u->current = NULL;
}

static void obey(struct ue *u, const struct notice *n)
{
	struct fleet_own *own = &u->fleet->own;

	if (ue_does(u, UE_NO_REACTION))
		return;
	if (n->event == NOTICE_SHORTENED && u->current) {
		own->n_shortened++;
		agreement_shorten(u->current, n->expires_s + MARGIN_S);
		if (u->task != UE_REREGISTER)
			u->wanted = UE_REREGISTER;
	} else if (n->event == NOTICE_DEACTIVATED) {
		own->n_ended++;
		if (u->task != UE_DEREGISTER)
			u->wanted = UE_REGISTER;
		lose_registration(u);
	} else if (n->event == NOTICE_ENDED) {
		own->n_ended++;
		lose_registration(u);
	}
	watch_resume(u);
}

/* It says who sent it: one whom the Service-Route names. */
bool watch_is_lost(const struct ue *u, const struct sip_message *answer)
{
	struct view type = sip_header(answer, "Content-Type", 0);
	struct view from = sip_uri(sip_header(answer, "P-Asserted-Identity", 0));

	return answer->status == 504 && u->current && from.bytes &&
	       memmem(u->service_route, strlen(u->service_route), from.at, from.bytes) &&
	       view_is_token(view_take(&type, ';'), "application/3gpp-ims+xml") &&
	       notice_restores(answer->body.at, answer->body.bytes);
}

void watch_lost(struct ue *u)
{
	if (ue_does(u, UE_NO_REACTION))
		return;
	u->fleet->own.n_ended++;
	u->watch.is_on = false;
	u->wanted = UE_REGISTER;
	lose_registration(u);
	watch_resume(u);
}

static bool is_ours(const struct ue *u, const struct sip_message *m)
{
	return u->watch.is_on && view_is(m->call_id, u->watch.call_id) &&
	       view_is(sip_param(sip_header(m, "To", 0), "tag"), u->tag);
}

static bool is_new(const struct watch *w, const struct notice *n)
{
	return !w->is_told || n->version > w->version;
}

static bool is_over(const struct sip_message *m)
{
	struct view state = sip_header(m, "Subscription-State", 0);

	return view_is_token(view_take(&state, ';'), "terminated");
}

unsigned watch_told(struct ue *u, const struct sip_message *m, struct notice *n)
{
	struct view event = sip_header(m, "Event", 0);
	char host[ADDRESS_TEXT_BYTES], contact[ADDRESS_TEXT_BYTES + 16];

	*n = (struct notice){ 0 };
	if (!view_is_token(view_take(&event, ';'), "reg"))
		return 489;
	if (!is_ours(u, m))
		return 481;
	snprintf(contact, sizeof(contact), "sip:%s:%u", ue_host(u, u->current, host), UE_PORT_US);
	if (m->body.bytes && notice_read(m->body.at, m->body.bytes, contact, n))
		return 400;
	return 200;
}

void watch_obey(struct ue *u, const struct sip_message *m, const struct notice *n)
{
	struct watch *w = &u->watch;

	u->fleet->own.n_notified++;
	if (is_over(m))
		w->is_on = false;
	if (!m->body.bytes || !is_new(w, n))
		return;
	w->is_told = true;
	w->version = n->version;
	obey(u, n);
}
