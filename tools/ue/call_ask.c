#include <stdlib.h>
#include <string.h>

#include "tools/ue/call.h"
#include "tools/ue/fleet.h"
#include "tools/ue/stream.h"

void call_invite(struct call *c)
{
	struct ue *u = c->ue;

	request_send_by(u, &c->invite, "INVITE", u->current,
			c->is_established ? call_put_inside : call_put_invite);
}

void call_hang_up(struct ue *u)
{
	request_send(u, "BYE", u->current, call_put_inside);
}

/* ---- ACK and CANCEL: with the INVITE's number, and no transaction of their own ---- */

static void send_text(struct ue *u, const struct request *r, const struct sip_text *t)
{
	/* One that is lost is asked for again, by the answer that it acknowledges. */
	if (t->full)
		return;
	if (r->tcp || t->used > ue_max_bytes(u, r->over))
		(void)stream_send(u, r->over, t->at, t->used);
	else
		(void)ue_send(u, r->over, t->at, t->used);
}

/* A 2xx is acknowledged end to end, in a transaction of its own (13.2.2.4); others hop by hop. */
static void acknowledge(struct ue *u, const struct sip_message *answer)
{
	struct request ack = u->call->invite;
	struct sip_text t = { 0 };

	ack.method = "ACK";
	u->writing = &ack;
	if (answer->status < 300) {
		ue_token(ack.branch);
		call_put_inside(u, &t);
	} else {
		call_put_refused(u, &t, answer);
	}
	send_text(u, &ack, &t);
}

/* ---- the answers, as the plan has them ---- */

/* Who answers is who was asked, says the network: RFC 3325. */
static bool is_from_peer(const struct call *c, const struct sip_message *answer)
{
	return view_is(sip_uri(sip_header(answer, "P-Asserted-Identity", 0)), c->peer->impu);
}

static void take_reliable(struct ue *u, const struct sip_message *answer)
{
	struct call *c = u->call;
	uint32_t rseq;

	if (!view_number(sip_header(answer, "RSeq", 0), INT32_MAX, &rseq)) {
		call_fail(u, "no-rseq");
		return;
	}
	if (c->rseq)
		return; /* the same again; its PRACK is on the way or was answered */
	c->rseq = rseq;
	request_send(u, "PRACK", u->current, call_put_inside);
}

static void take_provisional(struct ue *u, const struct sip_message *answer)
{
	struct call *c = u->call;

	if (answer->status == 100)
		return;
	if (!is_from_peer(c, answer)) {
		call_fail(u, "identity");
		return;
	}
	if (!c->rseq && !call_learn(c, answer)) {
		call_fail(u, "no-route");
		return;
	}
	if (view_is_token(sip_header(answer, "Require", 0), "100rel")) {
		take_reliable(u, answer);
	} else if (c->plan == CALL_CANCELLED && !c->is_cancelled) {
		c->is_cancelled = true;
		request_cancel(u, &c->invite, call_put_hop);
	}
}

static void take_success(struct ue *u, const struct sip_message *answer)
{
	struct call *c = u->call;
	bool first = !c->is_established;

	if (c->plan != CALL_ANSWERED && c->plan != CALL_RELIABLE) {
		call_fail(u, "answered");
		return;
	}
	if (first && (!is_from_peer(c, answer) || !call_learn(c, answer))) {
		call_fail(u, "no-route");
		return;
	}
	c->is_established = true;
	acknowledge(u, answer);
	if (c->invite.is_done)
		return; /* it came again: the ACK was lost */
	c->invite.is_done = true;
	if (c->plan == CALL_ANSWERED)
		call_hang_up(u);
	else if (first)
		call_invite(c);
}

static void take_refusal(struct ue *u, const struct sip_message *answer)
{
	static const unsigned planned[CALL_N_PLANS] = {
		[CALL_CANCELLED] = 487,
		[CALL_REFUSED] = 486,
		[CALL_NOBODY] = 404,
		[CALL_SILENT] = 408, /* of the P-CSCF that does not reach it: timer B toward UEs */
	};
	bool is_planned = answer->status == planned[u->call->plan];

	acknowledge(u, answer);
	if (is_planned)
		ue_finish(u, NULL);
	else
		ue_finish_status(u, answer->status);
}

static void answered_inside(struct ue *u, const struct request *r, const struct sip_message *answer)
{
	if (answer->status >= 300) {
		char reason[UE_REASON_BYTES];

		snprintf(reason, sizeof(reason), "%s-%u", r->method, answer->status);
		call_fail(u, reason);
	} else if (!strcmp(r->method, "PRACK")) {
		request_send(u, "UPDATE", u->current, call_put_inside);
	} else if (!strcmp(r->method, "BYE")) {
		call_fail(u, NULL); /* well: the call is over */
	}
}

void call_answered(struct ue *u, struct request *r, const struct sip_message *answer)
{
	if (call_leak(answer))
		call_fail(u, call_leak(answer));
	else if (r != &u->call->invite)
		answered_inside(u, r, answer);
	else if (answer->status < 200)
		take_provisional(u, answer);
	else if (answer->status < 300)
		take_success(u, answer);
	else
		take_refusal(u, answer);
}
