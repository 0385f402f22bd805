/*
 * SIP transactions: RFC 3261 17, with RFC 6026 (INVITE and 2xx).
 *
 * One table per proxy. A server transaction absorbs retransmitted requests and repeats the last
 * answer; a client transaction retransmits its request and gives every answer once to its owner.
 * Timers follow the side of the path: toward UEs T1, T2, T4 = 2, 16, 17 s, in the core 0.5, 4, 5 s
 * (TS 24.229 table 7.7.1). Over TCP nothing is sent twice and nothing waits for repetitions. Lookup
 * and timers are O(1) and O(log n); the number is bounded.
 *
 * A transaction frees itself when RFC 3261 says so. Its request is kept while an answer may need
 * it and belongs to the transaction: readers may hold on to it until they gave the final answer.
 */
#ifndef CONTROLPLANE_TXN_H
#define CONTROLPLANE_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/transport.h"

struct loop;
struct sip;
struct txns;
struct server_txn;
struct client_txn;

struct txn_counters {
	uint64_t server, client;  /* begun */
	uint64_t absorbed;        /* retransmitted requests */
	uint64_t retransmitted;   /* requests and responses sent again by a timer */
	uint64_t timed_out;       /* client transactions without a final answer */
	uint64_t unmatched;       /* responses that no transaction waits for */
	uint64_t disconnected;    /* client transactions that ended with their TCP connection */
	uint64_t by_size;         /* requests too long for UDP, over TCP */
	uint64_t fell_back;       /* of these, over UDP after all: the peer refused TCP */
	uint64_t known_to_refuse; /* too long for UDP, and over UDP at once: the peer refused before
				   */
	uint64_t refused;         /* no room */
};

struct txns *txns_new(struct loop *loop, uint32_t max_txns);
void txns_free(struct txns *t);
const struct txn_counters *txns_counters(const struct txns *t);
uint32_t txns_count(const struct txns *t);

/* --- server side --- */

/*
 * The transaction that `request`, received from `source`, belongs to, if any; then the request was
 * absorbed (a last answer repeated, an ACK taken in) and is still the caller's. Requests match by
 * RFC 3261 17.2.3 and by the address of their sender. For a CANCEL see server_txn_cancelled().
 */
struct server_txn *txns_absorb(struct txns *t, const struct sip *request,
			       const struct address *source);

/*
 * Begins a transaction for a new request (not ACK), which it takes; answers go on `reply`. An
 * INVITE is answered 100 at once. NULL: no room (strangers on the unprotected port have half of it)
 * or memory, and `request` is still the caller's.
 */
struct server_txn *server_txn_new(struct txns *t, struct sip *request, const struct address *source,
				  const struct path *reply);

/* The INVITE transaction that a CANCEL from `source` names, RFC 3261 9.2; NULL. */
struct server_txn *server_txn_cancelled(struct txns *t, const struct sip *cancel,
					const struct address *source);

/*
 * Sends an answer and takes it. Provisional answers may be many; the first final one counts (for
 * INVITE also further 2xx), later ones are freed unsent with -EALREADY. Returns 0 or -errno.
 */
int server_txn_respond(struct server_txn *x, struct sip *response);

/*
 * Counts what it holds, n_bytes of request until the final answer and TXN_BYTES until it ends, for
 * `account`, a number of the user's. False: that would be more than TXN_ACCOUNT_BYTES, or there is
 * no memory; then it is not counted.
 */
bool server_txn_charge(struct server_txn *x, uint64_t account, size_t n_bytes);
#define TXN_BYTES         1024       /* rather more with its answer, and the client's beside it */
#define TXN_ACCOUNT_BYTES (32 << 20) /* 256 requests a second of a PBX over UDP, for 128 s each */

/* Status with its usual phrase, and nothing else. */
int server_txn_answer(struct server_txn *x, int status);

/* Ends it now: a repetition is a new request. For answers that cost nothing to give again. */
void server_txn_free(struct server_txn *x);

/* NULL after the final answer; that of an INVITE stays after a 2xx, as further ones may come. */
const struct sip *server_txn_request(const struct server_txn *x);
/*
 * A CANCEL came for an INVITE: nothing is sent, but who would forward it from now on has to answer
 * 487 instead (RFC 3261 9.2).
 */
void server_txn_cancel(struct server_txn *x);
bool server_txn_is_cancelled(const struct server_txn *x);
void server_txn_set_reply(struct server_txn *x, const struct path *reply);

/*
 * What waits behind the transaction; proxy_forward() uses it, a role that answers by itself may
 * not. on_end is called once, when the transaction is freed.
 */
void server_txn_own(struct server_txn *x, void (*on_end)(void *owner), void *owner);
void *server_txn_owner(const struct server_txn *x);

/* --- client side --- */

struct client_user {
	/*
	 * An answer (topmost Via still ours), which the callee takes, or NULL when none came in
	 * time (timers B, C, F) or the connection was lost. One final answer or NULL is the last
	 * call; only an INVITE may give further 2xx after a 2xx (RFC 6026).
	 */
	void (*on_response)(void *user, struct sip *response);
	/* Called once, when no more on_response follows: `user` may be freed. May be NULL. */
	void (*on_end)(void *user);
	void *user;
};

/*
 * Sends `request` (not ACK; topmost Via already ours, with `branch`, unique) and takes it. Answers
 * are taken only from path->peer's host. A request longer than transport_udp_bytes() goes over TCP
 * where the endpoint may connect, and over UDP if the peer refuses that or has: RFC 3261 18.1.1.
 * Returns 0 and *out (NULL allowed), valid until on_end, or -errno: -ENOSPC no room; then nothing
 * of `user` is called and `request` is still the caller's.
 */
int client_txn_new(struct txns *t, struct sip *request, const char *branch, const struct path *path,
		   struct client_user user, struct client_txn **out);

/* Hands a response to its transaction, which takes it. False: none; still the caller's. */
bool txns_response(struct txns *t, struct sip *response, const struct address *source);

/* A connection is gone: what waits for an answer on it ends, RFC 3261 18.4. */
void txns_closed(struct txns *t, uint64_t connection, bool opened);

/*
 * Sends CANCEL for an INVITE that has no final answer yet: RFC 3261 9.1. `reason`: value of a
 * Reason header (RFC 3326), copied; NULL: none. What has no answer 64·T1 later ends with NULL.
 */
void client_txn_cancel(struct client_txn *x, const char *reason);

/* T1, T2, T4 of the side of an endpoint. */
struct txn_times {
	uint32_t t1_ms, t2_ms, t4_ms;
};
const struct txn_times *txn_times(const struct endpoint *e);

#endif
