/*
 * The inside of Cx over Diameter, see cx_diameter.h. Not for others.
 */
#ifndef CONTROLPLANE_CX_DIAMETER_IMPL_H
#define CONTROLPLANE_CX_DIAMETER_IMPL_H

#include <stdint.h>

#include "controlplane/cx.h"

struct config;
struct cx_mailbox;
struct msg;

/* --- cx_diameter.c --- */

/*
 * Sends a request to `host` of the realm, or to whoever serves it (NULL). As cx_send(); `owner` is
 * for cx_diameter_forget().
 */
int cx_diameter_ask(const void *owner, const struct cx_request *request, const char *host,
		    cx_done *done, void *user);

/* Gives CX_UNABLE_TO_DELIVER to all that this owner asked. */
void cx_diameter_forget(const void *owner);

/* Answers a request; takes the message. */
void cx_diameter_reply(struct msg *request_message, const struct cx_request *request,
		       const struct cx_answer *answer);

/* --- cx_diameter_client.c: RTR or PPR. Returns what to answer. --- */

enum cx_result cx_diameter_heard(const struct cx_request *request);

/* --- cx_diameter_server.c: takes the message of a request to the HSS --- */

void cx_diameter_served(struct msg *message, const struct cx_request *request);

/* --- cx_diameter_stack.c --- */

struct cx_stack {
	const struct config *config;
	struct cx_mailbox *in;  /* what arrived */
	struct cx_mailbox *out; /* what is to be sent */
};

/* Returns 0 or -errno after log_error(). */
int cx_stack_start(const struct cx_stack *stack);
void cx_stack_stop(void);

unsigned cx_stack_n_peers(void);

#endif
