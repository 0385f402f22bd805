/*
 * The S-CSCF: registrar (registrar.h) and the way of all other requests (scscf_route.c). Seed 5.1;
 * TS 24.229 5.4.
 */
#ifndef CONTROLPLANE_SCSCF_H
#define CONTROLPLANE_SCSCF_H

#include <osipparser2/osip_uri.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/registrar.h"
#include "controlplane/role.h"

struct cx;
struct endpoint;
struct inquiries;
struct proxy;
struct reg_event;
struct server_txn;
struct sip;
struct source;

struct scscf_counters {
	uint64_t originating_rx; /* requests of registered users, by Service-Route */
	uint64_t terminating_rx;
	uint64_t forwarded_to_user;
	uint64_t forwarded_to_scscf;
	uint64_t dialog_rx;      /* inside a dialog, passed on by its route */
	uint64_t dialog_refused; /* the route ends here: 481, or an ACK that is dropped */
	uint64_t options_answered;
	uint64_t sender_refused;     /* no registered identity asserted: 403 */
	uint64_t sender_lost;        /* whose registration was lost here: 504 */
	uint64_t user_absent;        /* 404, 480 */
	uint64_t unregistered_asked; /* SARs of type UNREGISTERED_USER */
	uint64_t restoration_asked;  /* SARs of type RESTORATION */
};

struct scscf {
	struct proxy *proxy;
	struct endpoint *endpoint;
	struct cx *cx;
	struct registrar registrar;
	struct reg_event *events;
	struct inquiries *inquiries;
	struct scscf_counters counters;
};

/* A request other than REGISTER, ACK and CANCEL: answers or forwards it, now or later. */
void scscf_route(struct scscf *s, const struct source *source, struct server_txn *x);
/* The same once its sender is known: for scscf_inquiry.c, which has found out. */
void scscf_route_on(struct scscf *s, struct server_txn *x);
/* Answers a request for a user who is not to be reached: 404, 480 or what the HSS made of it. */
void scscf_refuse_absent(struct scscf *s, struct server_txn *x, int status);
/* Whether a registered identity that may be used is asserted (RFC 3325). */
bool scscf_is_sender_registered(const struct scscf *s, const struct sip *request);

/* --- scscf_dialog.c --- */

/* Whether the URI names this S-CSCF's own socket. */
bool scscf_is_us(const struct scscf *s, const osip_uri_t *uri);
/* Whether it belongs to a dialog in whose route we are. */
bool scscf_is_in_dialog(const struct scscf *s, const struct sip *request);
/* Stays in the route of what begins a dialog. Returns 0 or -errno. */
int scscf_record_route(const struct scscf *s, struct sip *request);
/* Passes on a request for which scscf_is_in_dialog(). */
void scscf_route_dialog(struct scscf *s, struct server_txn *x);
/* The ACK of a 2xx. */
void scscf_ack(struct scscf *s, const struct sip *ack);

extern const struct role scscf_role;

#endif
