/*
 * The inside of the registrar: registrar.c takes a REGISTER and finds its step,
 * registrar_authenticate.c speaks with the UE, registrar_assign.c with the HSS, registrar_answer.c
 * writes the answers, registrar_push.c hears the HSS, and registrar_network.c is what the network
 * begins by itself. Not for others.
 *
 * Whoever is given an attempt that is asking answers its REGISTER and ends it, or leaves it to the
 * callback of a Cx request, or to the UE: then it is awaiting.
 */
#ifndef CONTROLPLANE_REGISTRAR_IMPL_H
#define CONTROLPLANE_REGISTRAR_IMPL_H

#include "controlplane/cx.h"
#include "controlplane/reginfo.h"

struct attempt;
struct binding;
struct challenge;
struct register_request;
struct registrar;
struct registration;
struct server_txn;
struct sip;

struct registrar *registrar_of(const struct attempt *a);

/* Whether this IMPI has registered this IMPU here. NULL: no. */
struct registration *registrar_registered(const struct registrar *r, const char *impi,
					  const char *impu);

/* --- registrar_authenticate.c: each takes an attempt that is asking --- */

/* Answers `status` and ends the attempt. */
void registrar_refuse(struct attempt *a, int status);

/* The authentication has failed: 403, and the HSS hears of it if it must. */
void registrar_fail(struct attempt *a);

/* Answers 401 with the next vector, which may have to be asked for. */
void registrar_challenge(struct attempt *a);

/* SM7 with the parameter auts. */
void registrar_resync(struct attempt *a, const char *auts);

/* SM7 with a response. */
void registrar_check(struct attempt *a, const struct register_request *q);

/* For attempts_new(). */
void registrar_on_await_timeout(void *registrar, struct attempt *a);

/* --- registrar_assign.c --- */

/* The user is who he says: the HSS is told, and answers with the implicit set; then 200. */
void registrar_assign(struct attempt *a, const struct register_request *q);

/* As cx_send(). */
int registrar_send_sar(struct registrar *r, const char *impi, const char *impu,
		       enum cx_assignment type, cx_done *done, void *user);

/* Before a registration ends by itself or by the network: what is being assigned ends with it. */
void registrar_overtake(struct registrar *r, const struct registration *g);

/* For what is over whether the HSS hears of it or not: its next SAR tells it again. */
void registrar_on_told(void *registrar, const struct cx_answer *answer);

/* For registrations_new(). */
bool registrar_on_expired(void *registrar, struct registration *g);
int registrar_on_profile(void *registrar, const struct registration *g,
			 const struct cx_saa *profile);

/* Contact and Path of a REGISTER; the caller clears it. Returns 0, -EINVAL or -ENOMEM. */
int registrar_read_binding(struct binding *b, const struct register_request *q,
			   const struct sip *request);

/* --- registrar_network.c --- */

/* One implicit set, as registrar_deregister() does with all of the IMPI's. */
void registrar_end(struct registrar *r, struct registration *g, enum reginfo_event event);

/* The UE is to authenticate itself: it has less time from now on, and watchers hear so. */
void registrar_ask(struct registrar *r, struct registration *g);

/* Time is up for one that was to authenticate itself. True: it was asked again. */
bool registrar_ask_again(struct registrar *r, struct registration *g);

/* --- registrar_answer.c --- */

/* SM4. Returns 0 or -errno: then something else must be answered. */
int registrar_answer_challenge(const struct registrar *r, struct server_txn *x,
			       const struct challenge *challenge);

/*
 * 200: binding, Service-Route, identities, Path. NULL: nothing is registered any more. It is sent
 * when that is in the state file.
 */
int registrar_answer_ok(const struct registrar *r, struct server_txn *x,
			const struct registration *registration);

/* 503 with Retry-After: there is no room now. */
int registrar_answer_later(struct server_txn *x);

/* 423 with Min-Expires, RFC 3261 10.3 step 7. */
int registrar_answer_too_brief(const struct registrar *r, struct server_txn *x);

#endif
