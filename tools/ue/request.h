/*
 * The client transaction of a UE: send, repeat, give up (RFC 3261 17.1.2; timers of TS 24.229).
 *
 * A request belongs to its UE or to a call of it; one thread, the event loop's.
 */
#ifndef TOOLS_UE_REQUEST_H
#define TOOLS_UE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agreement;
struct event;
struct sip_message;
struct sip_text;
struct ue;

#define UE_TOKEN_BYTES 17 /* 64 random bits in hex, with the NUL */

/* A client transaction. */
struct request {
	struct ue *ue;
	struct event *timer;
	const struct agreement *over; /* NULL: in the clear */
	bool tcp;
	bool is_proceeding; /* an INVITE with a provisional answer: not sent again */
	bool is_done;       /* an INVITE with a final one */
	const char *method;
	char branch[UE_TOKEN_BYTES];
	uint32_t cseq;
	uint32_t interval_ms;
	uint64_t deadline_ms;
	char *bytes; /* NULL: no transaction */
	size_t n_bytes;
};

/*
 * Writes a message with `put` (again with compact names if it is too long otherwise) and begins the
 * transaction, over TCP if the fleet is to or a datagram does not hold it. A message that cannot be
 * sent ends the task.
 */
void request_send(struct ue *u, const char *method, const struct agreement *over,
		  void (*put)(const struct ue *u, struct sip_text *t));
/* The same as a transaction of its own, which is ue->request or an INVITE's of a call. */
void request_send_by(struct ue *u, struct request *r, const char *method,
		     const struct agreement *over,
		     void (*put)(const struct ue *u, struct sip_text *t));
/* CANCEL of an INVITE, as ue->request: RFC 3261 9.1. */
void request_cancel(struct ue *u, const struct request *invite,
		    void (*put)(const struct ue *u, struct sip_text *t));
/* Request line, Via and Max-Forwards of u->writing. */
void request_put_start(const struct ue *u, struct sip_text *t, const char *uri);
/* Request line and the headers that every request has. */
void request_put_head(const struct ue *u, struct sip_text *t, const char *uri, const char *to,
		      const char *call_id);
/* Route of a request outside a dialogue: the P-CSCF, and what the registration said. */
void request_put_route(const struct ue *u, struct sip_text *t);
/* Whom it asks to be called: P-Preferred-Identity. */
void request_put_identity(const struct ue *u, struct sip_text *t);
/* The transaction that the answer is of; a final one ends it, but an INVITE's stays. NULL: none. */
struct request *request_match(struct ue *u, const struct sip_message *answer, bool is_protected);
/* Whether an answer is awaited on the UE's connection to port_ps over these SAs. */
bool request_waits_over(const struct ue *u, const struct agreement *over);
void request_end(struct ue *u);
void request_clear(struct request *r);

#endif
