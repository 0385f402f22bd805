/*
 * Calls between two UEs of the process: one of a pair asks the other, each as a plan says. The
 * plan is known to both; everything else they learn from what comes over their SAs.
 *
 *   call.c         life of a call, the plans
 *   call_ask.c     the caller's INVITE and what either asks inside the dialogue
 *   call_answer.c  what is asked of a UE in a call: RFC 3261 13.3 and 14.2, RFC 3262 3, RFC 3311
 *   call_put.c     the messages
 *
 * A call belongs to its two UEs, a half each, and ends with the caller's task.
 */
#ifndef TOOLS_UE_CALL_H
#define TOOLS_UE_CALL_H

#include "tools/ue/ue.h"

#define CALL_PARTY_BYTES 256
#define CALL_ROUTE_BYTES 2048
#define CALL_N_ROUTES    16

enum call_plan {
	CALL_ANSWERED,
	CALL_RELIABLE,
	CALL_CANCELLED,
	CALL_REFUSED,
	CALL_NOBODY,
	CALL_SILENT,
	CALL_N_PLANS,
};

/* One of the two UEs' half. */
struct call {
	enum call_plan plan;
	struct ue *ue, *peer;
	bool is_caller;
	char call_id[UE_TOKEN_BYTES];
	char called[CALL_PARTY_BYTES]; /* URI */
	struct event *timer; /* caller: the call takes too long; callee: the answer goes again */

	/* The dialogue, from the first answer with a tag on. */
	char local[CALL_PARTY_BYTES], remote[CALL_PARTY_BYTES]; /* From and To of what it asks */
	char target[CALL_PARTY_BYTES];
	char route[CALL_ROUTE_BYTES];

	/* of the caller */
	struct request invite; /* a transaction beside u->request: PRACK goes meanwhile */
	bool is_established;   /* the first INVITE was answered 2xx */
	bool is_cancelled;
	uint32_t rseq; /* last reliable provisional answer */

	/* of the callee */
	char *asked; /* the INVITE that is to be answered */
	size_t n_asked;
	char *said; /* the answer that goes again until it is acknowledged; NULL: none */
	size_t n_said;
	uint32_t interval_ms;
	bool was_updated;
	uint32_t reinvited; /* CSeq of a re-INVITE whose ACK is awaited; 0: none */
};

/* "answered", …; NULL beyond the last. */
const char *call_plan_name(unsigned plan);
const char *call_plan_help(unsigned plan);

/* Begins the caller's task; both are idle and registered. */
void call_start(struct ue *caller, struct ue *callee, enum call_plan plan);

/* Both halves are gone, and nothing repeats any more. */
void call_end(struct ue *u);

/* An answer to `r`, which is of a call. */
void call_answered(struct ue *u, struct request *r, const struct sip_message *answer);

/* A request for a UE. False: it is not of a call that the UE is in. */
bool call_asked(struct ue *u, const struct sip_message *request, struct stream *by);

/* It did not go as planned: ends the call and the caller's task, whichever half finds it. */
void call_fail(struct ue *u, const char *reason);

/* ---- inside ---- */

/* NULL, or what a message should not have shown this UE: RFC 7315 4. */
const char *call_leak(const struct sip_message *m);

/* Keeps what the dialogue's requests need; `m` is the INVITE or its answer. False: too long. */
bool call_learn(struct call *c, const struct sip_message *m);

/* call_ask.c */
void call_invite(struct call *c);
void call_hang_up(struct ue *u);

/* call_put.c: the messages, as request_send() wants them. */
void call_put_invite(const struct ue *u, struct sip_text *t);
void call_put_inside(const struct ue *u,
		     struct sip_text *t);                  /* PRACK, UPDATE, BYE, re-INVITE, ACK */
void call_put_hop(const struct ue *u, struct sip_text *t); /* CANCEL */
/* ACK of a refusal, which has the answer's To. */
void call_put_refused(const struct ue *u, struct sip_text *t, const struct sip_message *answer);
/* Header lines of an answer that says where we are. */
void call_put_contact(const struct ue *u, struct sip_text *t);
void call_put_body(const struct ue *u, struct sip_text *t); /* with its headers */

#endif
