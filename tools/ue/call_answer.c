#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "tools/ue/call.h"
#include "tools/ue/fleet.h"
#include "tools/ue/stream.h"

#define T1_MS 2000 /* TS 24.229 table 7.7.1 */
#define T2_MS 16000
#define RSEQ  1

static void answer(struct ue *u, const struct sip_message *request, struct stream *by,
		   unsigned status, const char *phrase)
{
	struct sip_text t = { 0 };

	talk_put_answer(u, &t, request, status, phrase);
	sip_put_header(&t, "Content-Length", "0");
	sip_put(&t, "\r\n");
	talk_send_answer(u, &t, by);
}

/* ---- answers to the INVITE ---- */

static void on_repeat(evutil_socket_t fd, short what, void *context)
{
	struct call *c = context;
	struct ue *u = c->ue;
	struct timeval after;

	c->interval_ms = c->interval_ms * 2 < T2_MS ? c->interval_ms * 2 : T2_MS;
	after = (struct timeval){ .tv_sec = c->interval_ms / 1000 };
	u->fleet->n_repeated++;
	(void)ue_send(u, u->current, c->said, c->n_said);
	evtimer_add(c->timer, &after);
}

static void stop_repeating(struct call *c)
{
	if (c->timer)
		evtimer_del(c->timer);
	free(c->said);
	c->said = NULL;
}

/*
 * A reliable answer and a final one go again until PRACK or ACK has come: RFC 3262 3, RFC 3261
 * 13.3.1.4 and 17.2.1. A connection loses nothing on this hop.
 */
static void repeat(struct call *c, const struct sip_text *t, struct stream *by)
{
	const struct timeval after = { .tv_sec = T1_MS / 1000 };

	stop_repeating(c);
	if (by)
		return;
	c->said = malloc(t->used);
	if (!c->timer)
		c->timer = evtimer_new(c->ue->fleet->base, on_repeat, c);
	if (!c->said || !c->timer)
		return; /* then it goes once */
	memcpy(c->said, t->at, t->used);
	c->n_said = t->used;
	c->interval_ms = T1_MS;
	evtimer_add(c->timer, &after);
}

/* Answers the INVITE that was kept, by the way that the last request came. */
static void answer_invite(struct ue *u, struct stream *by, unsigned status, const char *phrase)
{
	struct call *c = u->call;
	struct sip_text t = { 0 };
	struct sip_message invite;
	char bytes[SIP_BYTES];
	bool is_reliable = status == 183;

	if (!c->asked)
		return; /* there was none */
	memcpy(bytes, c->asked, c->n_asked);
	if (sip_read(bytes, c->n_asked, &invite))
		return; /* it could be read before */
	talk_put_answer(u, &t, &invite, status, phrase);
	if (status < 300)
		call_put_contact(u, &t);
	if (is_reliable) {
		sip_put_header(&t, "Require", "100rel");
		sip_put_header(&t, "RSeq", "%u", RSEQ);
	}
	if (is_reliable || status == 200) {
		call_put_body(u, &t);
	} else {
		sip_put_header(&t, "Content-Length", "0");
		sip_put(&t, "\r\n");
	}
	talk_send_answer(u, &t, by);
	if (status != 180)
		repeat(c, &t, by);
}

static bool keep_invite(struct call *c, const struct sip_message *m)
{
	size_t n = (size_t)(m->body.at + m->body.bytes - m->method.at);

	free(c->asked);
	c->asked = malloc(n);
	c->n_asked = n;
	if (c->asked)
		memcpy(c->asked, m->method.at, n);
	return c->asked;
}

/* ---- what is asked ---- */

/* What the network says of who calls whom: RFC 3325, RFC 7315 4.2. */
static const char *check_parties(const struct call *c, const struct sip_message *m)
{
	if (!view_is(sip_uri(sip_header(m, "P-Asserted-Identity", 0)), c->peer->impu))
		return "identity";
	if (!view_is(sip_uri(sip_header(m, "P-Called-Party-ID", 0)), c->ue->impu))
		return "called-party";
	return NULL;
}

static void asked_first(struct ue *u, const struct sip_message *m, struct stream *by)
{
	struct call *c = u->call;
	struct view to = sip_header(m, "To", 0);
	const char *problem = check_parties(c, m);
	int n = snprintf(c->local, sizeof(c->local), "%.*s;tag=%s", (int)to.bytes, to.at, u->tag);

	if (problem || (size_t)n >= sizeof(c->local) || !call_learn(c, m)) {
		call_fail(u, problem ? problem : "no-route");
		return;
	}
	if (c->plan == CALL_RELIABLE) {
		answer_invite(u, by, 183, "Session Progress");
		return;
	}
	answer_invite(u, by, 180, "Ringing");
	if (c->plan == CALL_ANSWERED)
		answer_invite(u, by, 200, "OK");
	else if (c->plan == CALL_REFUSED)
		answer_invite(u, by, 486, "Busy Here");
}

static void asked_invite(struct ue *u, const struct sip_message *m, struct stream *by)
{
	if (!keep_invite(u->call, m)) {
		call_fail(u, "memory");
	} else if (sip_param(sip_header(m, "To", 0), "tag").at) {
		u->call->reinvited = m->cseq;
		answer_invite(u, by, 200, "OK");
	} else {
		asked_first(u, m, by);
	}
}

static void asked_ack(struct ue *u, const struct sip_message *m)
{
	struct call *c = u->call;

	stop_repeating(c);
	if (!c->reinvited || m->cseq != c->reinvited)
		return;
	c->reinvited = 0;
	call_hang_up(u);
}

/* Its answer was lost, or is on its way. */
static void asked_again(struct ue *u, const struct sip_message *m, struct stream *by)
{
	const struct call *c = u->call;

	if (!view_is(m->method, "INVITE"))
		answer(u, m, by, 200, "OK");
	else if (c->said && !by)
		(void)ue_send(u, u->current, c->said, c->n_said);
	else if (c->plan == CALL_CANCELLED)
		answer_invite(u, by, 180, "Ringing");
}

static void asked_other(struct ue *u, const struct sip_message *m, struct stream *by)
{
	struct call *c = u->call;

	if (view_is(m->method, "PRACK"))
		stop_repeating(c);
	answer(u, m, by, 200, "OK");
	if (view_is(m->method, "CANCEL")) {
		answer_invite(u, by, 487, "Request Terminated");
	} else if (view_is(m->method, "UPDATE") && !c->was_updated) {
		c->was_updated = true;
		answer_invite(u, by, 180, "Ringing");
		answer_invite(u, by, 200, "OK");
	}
}

static bool is_of_calls(const struct sip_message *m)
{
	static const char *const methods[] = {
		"INVITE", "ACK", "CANCEL", "PRACK", "UPDATE", "BYE"
	};

	for (unsigned i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (view_is(m->method, methods[i]))
			return true;
	return false;
}

bool call_asked(struct ue *u, const struct sip_message *m, struct stream *by)
{
	struct call *c = u->call;
	bool is_ack = view_is(m->method, "ACK");

	if (!is_of_calls(m))
		return false;
	if (!c || !view_is(m->call_id, c->call_id)) {
		if (!is_ack)
			answer(u, m, by, view_is(m->method, "INVITE") ? 486 : 481,
			       view_is(m->method, "INVITE") ? "Busy Here" : "Does Not Exist");
		return true;
	}
	if (c->plan == CALL_SILENT)
		return true;
	if (call_leak(m)) {
		call_fail(u, call_leak(m));
	} else if (is_ack) {
		asked_ack(u, m);
	} else if (talk_is_repeated(u, m)) {
		asked_again(u, m, by);
	} else if (view_is(m->method, "INVITE")) {
		asked_invite(u, m, by);
	} else {
		asked_other(u, m, by);
	}
	return true;
}
