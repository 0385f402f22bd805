/*
 * Which backend does an SA's cryptography: chosen when the SA is installed, with the cpu for
 * whatever no other wants or has room for. The worker only carries `backend` from the SA to its
 * jobs (crypto/engine.h says what becomes of them).
 *
 * An SA with a session dies in steps, each a round of sa_reclaim(): retired and its session closed;
 * no worker submits any more (a grace period); no job is in flight; no worker holds the last one
 * that came back (another grace period); wiped, its session freed. A device that keeps its jobs
 * for ever costs the slots of their SAs and nothing else.
 *
 * Control thread, except for backend_drop_reason().
 */
#ifndef DATAPLANE_BACKEND_H
#define DATAPLANE_BACKEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypto/engine.h"
#include "dataplane/counters.h"

struct api_set;
struct sa;
struct sa_table;

/* Why an SA that a backend wanted is with another one. */
enum backend_why {
	BACKEND_UNSUPPORTED, /* no device has the algorithms */
	BACKEND_FULL,        /* no more sessions */
	BACKEND_FAILED,      /* the device refused the session */
	BACKEND_N_WHYS,
};
extern const char *const backend_why_name[BACKEND_N_WHYS];

/* What serves SAs other than the cpu. One of a kind; registered in the SA table. */
struct backend {
	enum crypto_backend kind;
	/* Does the configuration want the SA here? */
	bool (*wants)(const struct backend *b, const struct sa *sa);
	/* A session for a filled SA with the raw keys of its set; NULL and *why. */
	struct crypto_session *(*open)(struct backend *b, const struct sa *sa,
				       const struct api_set *set, enum backend_why *why);
	/* The session is idle, and nobody holds it. */
	void (*close)(struct backend *b, struct crypto_session *session);

	/* written by: control; read by: telemetry */
	_Atomic uint32_t n_sas;
	_Atomic uint64_t n_refused[BACKEND_N_WHYS]; /* SAs that it wanted, since the start */
};

/* A staged SA, its keys filled: gives it a session, or leaves it to the cpu. */
void backend_open(struct sa_table *t, struct sa *sa, const struct api_set *set);
/* Nobody finds the SA any more. */
void backend_retire(const struct sa *sa);
/* Nothing of it is in a device. After a grace period; another one until nobody holds it. */
bool backend_is_idle(const struct sa *sa);
/* Before the SA is wiped. */
void backend_close(struct sa_table *t, struct sa *sa);

/* Why a packet is dropped whose job did not end well. Worker. */
static inline enum counter backend_drop_reason(enum crypto_status status)
{
	if (status == CRYPTO_BAD_ICV)
		return COUNT_esp_bad_icv;
	return status == CRYPTO_SA_GONE ? COUNT_crypto_sa_gone : COUNT_crypto_failed;
}

#endif
