/*
 * The registrar of the S-CSCF: REGISTER from the first challenge to the binding and its end. Seed
 * 5.1.2, 6.1.1 … 6.1.5; TS 24.229 5.4.1; RFC 3310.
 *
 *   REGISTER → read → step (register_step) ─ challenge ─ vector at hand? 401 : MAR → 401
 *                                          ├ check ──── right: SAR 1, 2, 5 → 200; wrong: as failure
 *                                          ├ resync ─── MAR with RAND, AUTS → 401
 *                                          ├ failure ── registered? 403 : SAR 9 → 403
 *                                          └ refresh ── SAR 2, 5 → 200
 *
 * A failed attempt, however it ends, leaves a registration as it is (C-023). On the loop's thread.
 */
#ifndef CONTROLPLANE_REGISTRAR_H
#define CONTROLPLANE_REGISTRAR_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/challenge.h"
#include "controlplane/cx.h"
#include "controlplane/reginfo.h"
#include "controlplane/trust.h"

struct attempts;
struct config;
struct loop;
struct reg_event;
struct registrations;
struct server_txn;
struct throttle;

/* Attempts that may be under way at a time. Each is about 1 KB (C-146a). */
#define REGISTRAR_MAX_ATTEMPTS (1u << 18)
/* Of one chain of REGISTERs: a UE that always fails does not loop (C-035b). */
#define REGISTRAR_MAX_CHALLENGES 5
#define REGISTRAR_MAX_RESYNCS    2

struct registrar_counters {
	uint64_t register_rx;
	uint64_t challenge_sent;
	uint64_t registered;       /* initial registrations that succeeded */
	uint64_t reregistered;     /* with or without a challenge */
	uint64_t deregistered;     /* by the user */
	uint64_t ended_by_network; /* RTR, an operator's order, or policy */
	uint64_t reauth_asked;     /* network-initiated authentications */
	uint64_t reauth_repeated;
	uint64_t reauth_unanswered; /* registrations that ended so */
	uint64_t profile_changed;   /* PPR */
	uint64_t expired;
	uint64_t user_failed;    /* wrong RES */
	uint64_t weaker_chosen;  /* AKAv1 where AKAv2 was offered, too */
	uint64_t network_failed; /* the UE did not believe us */
	uint64_t resync;
	uint64_t await_timeout; /* challenges without an answer */
	uint64_t throttled;     /* 503: too many challenges for one IMPI or source */
	uint64_t refused;       /* final answers other than 401, 403 after a failure, and 200 */
	uint64_t disbelieved;   /* came protected, says who is not trusted */
};

struct registrar {
	struct loop *loop;
	struct cx *cx;
	const struct config *config;
	struct challenge_offer offer;
	char uri[96];            /* "sip:ADDRESS:PORT", and ";transport=tls": our name on Cx */
	char service_route[112]; /* "<sip:orig@ADDRESS:PORT;lr>", likewise */
	struct attempts *attempts;
	struct registrations *registrations;
	struct reg_event *events;               /* the S-CSCF's: who is to hear of changes */
	struct statefile *file;                 /* they are in; NULL: none */
	struct throttle *per_impi, *per_source; /* NULL: no limit */
	struct trust trust;                     /* whose integrity indicator counts */
	struct registrar_counters counters;
};

/* Opens its state file, if it is to have one. `cx` stays the caller's. Returns 0 or -errno. */
int registrar_init(struct registrar *r, struct loop *loop, const struct config *config,
		   struct cx *cx);

/* Reads the file: registrations, and subscriptions into `events`. Returns 0 or -errno. */
int registrar_load(struct registrar *r, struct reg_event *events);

/* Sends what waits for the file. Before there is nobody left to send. */
void registrar_close_file(struct registrar *r);
void registrar_clear(struct registrar *r);

/* Takes a REGISTER over that came from `peer`, and answers it, now or later. */
void registrar_request(struct registrar *r, struct server_txn *x, const struct address *peer);

/*
 * The user is to authenticate himself within scscf.reauth_within_s, whatever policy says: seed
 * 6.1.4, TS 24.229 5.4.1.6. Returns 0, or -ENOENT when he is not registered.
 */
int registrar_reauthenticate(struct registrar *r, const char *impi);

/*
 * Ends a registration: TS 24.229 5.4.1.5. REGINFO_DEACTIVATED: the UE is welcome to register anew;
 * REGINFO_REJECTED: it is not. Returns 0 or -ENOENT.
 */
int registrar_deregister(struct registrar *r, const char *impi, enum reginfo_event event);

/* For cx_listen(), the registrar being its user. */
enum cx_result registrar_heard(void *registrar, const struct cx_request *request);

#endif
