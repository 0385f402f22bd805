/*
 * The S-CSCF: registrar (registrar.h) and the way of all other requests (scscf_route.c). Seed 5.1;
 * TS 24.229 5.4.
 */
#ifndef CONTROLPLANE_SCSCF_H
#define CONTROLPLANE_SCSCF_H

#include <stdint.h>

#include "controlplane/registrar.h"
#include "controlplane/role.h"

struct cx;
struct endpoint;
struct proxy;
struct server_txn;
struct source;

struct scscf_counters {
	uint64_t originating_rx; /* requests of registered users, by Service-Route */
	uint64_t terminating_rx;
	uint64_t forwarded_to_user;
	uint64_t forwarded_to_scscf;
	uint64_t options_answered;
	uint64_t sender_refused; /* no registered identity asserted: 403 */
	uint64_t user_absent;    /* 404, 480 */
};

struct scscf {
	struct proxy *proxy;
	struct endpoint *endpoint;
	struct cx *cx;
	struct registrar registrar;
	struct scscf_counters counters;
};

/* A request other than REGISTER, ACK and CANCEL: answers or forwards it, now or later. */
void scscf_route(struct scscf *s, const struct source *source, struct server_txn *x);

extern const struct role scscf_role;

#endif
