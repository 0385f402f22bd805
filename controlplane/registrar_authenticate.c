/* The registrar and the UE: challenges and what comes back. Seed 6.1.1 … 6.1.3. */
#include "controlplane/registrar_impl.h"

#include <string.h>

#include "configs/config.h"
#include "controlplane/attempt.h"
#include "controlplane/cx_status.h"
#include "controlplane/log.h"
#include "controlplane/register_request.h"
#include "controlplane/registrar.h"
#include "controlplane/registration.h"
#include "controlplane/txn.h"
#include "crypto/wipe.h"

_Static_assert(CONFIG_VECTORS <= CX_MAX_ITEMS, "an answer holds as many as may be asked for");

struct registrar *registrar_of(const struct attempt *a)
{
	return a->user;
}

void registrar_refuse(struct attempt *a, int status)
{
	registrar_of(a)->counters.refused++;
	server_txn_answer(a->x, status);
	attempt_end(a);
}

/* Seed 6.1.2.2 and 6.1.2.3: the flag is cleared unless something else still needs it. */
static bool must_clear_flag(const struct attempt *a)
{
	return registrar_registered(registrar_of(a), a->impi, a->impu) == NULL &&
	       !attempt_has_rival(a);
}

/*
 * C-024 (a). A registered user loses nothing by what others do in his name (C-023): what counts is
 * a wrong response under his keys, not one in the clear of an emergency, and a challenge over his
 * SA that he does not answer.
 */
static void count_failure(const struct attempt *a)
{
	struct registrar *r = registrar_of(a);
	struct registration *g = registrar_registered(r, a->impi, a->impu);
	uint32_t most = r->config->scscf->deregister_failures;

	if (g != NULL && ++g->n_failed >= most && most != 0)
		registrar_end(r, g, REGINFO_REJECTED);
}

void registrar_on_await_timeout(void *user, struct attempt *a)
{
	struct registrar *r = user;

	r->counters.await_timeout++;
	if (a->is_protected)
		count_failure(a);
	if (must_clear_flag(a))
		registrar_send_sar(r, a->impi, a->impu, CX_AUTHENTICATION_TIMEOUT,
				   registrar_on_told, r);
}

/* --- failure: SM10 without security parameters, C-029 --- */

static void on_failure_told(void *user, const struct cx_answer *answer)
{
	struct attempt *a = user;

	registrar_on_told(NULL, answer);
	server_txn_answer(a->x, 403);
	attempt_end(a);
}

void registrar_fail(struct attempt *a)
{
	struct registrar *r = registrar_of(a);

	if (must_clear_flag(a) && registrar_send_sar(r, a->impi, a->impu, CX_AUTHENTICATION_FAILURE,
						     on_failure_told, a) == 0)
		return;
	server_txn_answer(a->x, 403);
	attempt_end(a);
}

/* --- challenge --- */

static void challenge(struct attempt *a, const struct cx_item *vector)
{
	struct registrar *r = registrar_of(a);

	challenge_begin(&a->challenge, &r->offer, vector);
	if (registrar_answer_challenge(r, a->x, &a->challenge) < 0) {
		registrar_refuse(a, 500);
		return;
	}
	r->counters.challenge_sent++;
	/* Without a timer the challenge is void at once: better than for ever. */
	if (attempt_await(a) < 0) {
		log_warn("scscf: a challenge has no timer left");
		attempt_end(a);
	}
}

/*
 * No vector came. Of an HSS whose answer alone was lost the flag is pending, so this is an attempt
 * that waits and fails when its time is over, like others (seed 6.1.2.3).
 */
static void give_up(struct attempt *a, enum cx_result result)
{
	struct registrar *r = registrar_of(a);

	if ((result & CX_EXPERIMENTAL) || !must_clear_flag(a)) {
		registrar_refuse(a, cx_register_status(result));
		return;
	}
	r->counters.refused++;
	server_txn_answer(a->x, cx_register_status(result));
	challenge_wipe(&a->challenge);
	if (attempt_await(a) < 0)
		attempt_end(a);
}

static void on_vectors(void *user, const struct cx_answer *answer)
{
	struct attempt *a = user;
	struct cx_item vector;

	if (!cx_succeeded(answer->result)) {
		/* A forged AUTS is a failure like others (C-035a). */
		if (a->n_resyncs > 0 && answer->result == CX_UNABLE_TO_COMPLY)
			registrar_fail(a);
		else
			give_up(a, answer->result);
		return;
	}
	if (vectors_add(&a->spare, &answer->maa) < 0 || !vectors_take(&a->spare, &vector)) {
		registrar_refuse(a, 500);
		return;
	}
	challenge(a, &vector);
	wipe(&vector, sizeof(vector));
}

static void ask_vectors(struct attempt *a, const uint8_t *auts)
{
	struct registrar *r = registrar_of(a);
	struct cx_request request = { .command = CX_MAR };

	cx_identity(request.mar.impi, a->impi);
	cx_identity(request.mar.impu, a->impu);
	cx_identity(request.mar.server_name, r->uri);
	strcpy(request.mar.scheme, CX_SCHEME_AKA);
	request.mar.n_items = r->config->scscf->n_vectors;
	if (auts != NULL) {
		/* The RAND is ours, not what the UE says it answers: RFC 3310 3.4. */
		request.mar.resync = 1;
		memcpy(request.mar.rand, a->challenge.vector.rand, sizeof(request.mar.rand));
		memcpy(request.mar.auts, auts, sizeof(request.mar.auts));
	}
	if (cx_send(r->cx, &request, on_vectors, a) < 0)
		registrar_refuse(a, 503);
}

/*
 * Spare vectors serve registered users: for the others only MAR sets the flag to pending (C-019)
 * and checks that IMPI and IMPU belong together (C-020).
 */
void registrar_challenge(struct attempt *a)
{
	struct registration *g = registrar_registered(registrar_of(a), a->impi, a->impu);
	struct cx_item vector;

	if (++a->n_challenges > REGISTRAR_MAX_CHALLENGES) {
		registrar_fail(a);
		return;
	}
	if (g == NULL ||
	    (!vectors_take(&a->spare, &vector) && !vectors_take(&g->vectors, &vector))) {
		ask_vectors(a, NULL);
		return;
	}
	challenge(a, &vector);
	wipe(&vector, sizeof(vector));
}

/* Seed 6.1.3: what is at hand was made with the wrong SQN (C-034). */
void registrar_resync(struct attempt *a, const char *text)
{
	struct registrar *r = registrar_of(a);
	struct registration *g = registrations_find(r->registrations, a->impi);
	uint8_t auts[AKA_AUTS_BYTES];

	r->counters.resync++;
	if (++a->n_resyncs > REGISTRAR_MAX_RESYNCS || digest_decode_auts(text, auts) < 0) {
		registrar_fail(a);
		return;
	}
	vectors_clear(&a->spare);
	for (; g != NULL; g = registration_next(g))
		vectors_clear(&g->vectors);
	ask_vectors(a, auts);
}

void registrar_check(struct attempt *a, const struct register_request *q)
{
	struct registrar *r = registrar_of(a);
	enum digest_algorithm chosen;

	if (challenge_is_answered(&a->challenge, &q->credentials, server_txn_request(a->x),
				  &chosen)) {
		r->counters.weaker_chosen +=
			chosen == DIGEST_AKAV1_MD5 &&
			challenge_offers(&a->challenge.offer, DIGEST_AKAV2_MD5);
		/* The nonce stays: what the UE repeats meanwhile is known by it. */
		wipe(&a->challenge.vector, sizeof(a->challenge.vector));
		registrar_assign(a, q);
		return;
	}
	r->counters.user_failed++;
	if (q->is_protected)
		count_failure(a);
	registrar_fail(a);
}
