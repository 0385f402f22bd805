/*
 * The inside of Cx over Diameter, see cx_diameter.h. Not for others.
 */
#ifndef CONTROLPLANE_CX_DIAMETER_IMPL_H
#define CONTROLPLANE_CX_DIAMETER_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "controlplane/cx.h"

struct config;
struct cx_mailbox;
struct config_cx;
struct msg;
struct peer_info;

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

/* --- cx_diameter_tls.c --- */

#define CX_TLS_PEERS      64 /* the schema allows no more */
#define CX_TLS_PATH_BYTES 160

bool cx_tls_is_wanted(const struct config *config);

/*
 * Checks the files of the section tls, and writes one that freeDiameter wants besides, which the
 * caller removes. Returns 0, or -errno, then perhaps after log_error().
 */
int cx_tls_prepare(const struct config *config, char path[static CX_TLS_PATH_BYTES]);

/* What freeDiameter's configuration says of TLS. */
void cx_tls_print(FILE *out, const struct config *config, const char *path);

/*
 * Whether a peer that is being connected has its identity in its certificate; unless it has
 * connected to us, freeDiameter has looked. If not, what comes from it until it connects anew is
 * false.
 */
bool cx_tls_check(const struct config_cx *cx, const struct peer_info *info, bool has_connected);
bool cx_tls_is_false(const struct config_cx *cx, struct msg *message);

#endif
