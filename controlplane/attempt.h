/*
 * Attempts to authenticate: one per IMPI, source and Call-ID, from the first REGISTER until the
 * answer to its challenge, a failure, or reg-await-auth (TS 24.229 table 7.8.1). Each has its own
 * challenge, so an attacker's attempt and the victim's do not touch (C-062). The source is where
 * the P-CSCF vouches that it came from, attempt_source(). The answer may name another address than
 * the first REGISTER did, see attempts_find().
 *
 * Bounded in all, per IMPI, and per source of an IMPI, attempt_network(). When a bound is reached,
 * the oldest that still waits for its UE makes room, but none that is younger than ATTEMPT_SAFE_S:
 * in that time any UE has answered, and until then nobody else's attempt ends its own. An attempt
 * of the user himself, whom his SA or his registered address shows, may end strangers' of any age,
 * and there are places that strangers do not get, whatever IMPIs they name: without one nobody
 * could refresh his registration.
 *
 * An attempt is either asking, while Cx works for it (its REGISTER waits in `x`, and nothing may
 * end it but its answer), or awaiting the UE (`x` is NULL, the timer is set). It owns its keys and
 * wipes them. O(1) on the loop's thread.
 */
#ifndef CONTROLPLANE_ATTEMPT_H
#define CONTROLPLANE_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/challenge.h"
#include "controlplane/loop.h"
#include "controlplane/table.h"
#include "controlplane/vectors.h"

#define ATTEMPTS_PER_IMPI    64
#define ATTEMPTS_PER_SOURCE  8
#define ATTEMPTS_OWN_SHARE   8  /* one of so many places in all is for users themselves */
#define ATTEMPT_SAFE_S       16 /* T2 toward UEs: SM7 has come after three repetitions */
#define ATTEMPT_SOURCE_BYTES 256

struct attempts;
struct server_txn;

struct attempt {
	struct table_node node;
	struct attempts *attempts;
	void *user; /* of attempts_new() */
	char *impi; /* the strings live in one block behind the struct */
	char *impu;
	char *call_id;
	char *source;
	struct server_txn *x;
	struct challenge challenge;
	struct vectors spare; /* came with the active one */
	struct timer timer;
	uint64_t begun; /* order of birth */
	uint64_t begun_ms;
	bool is_own;       /* see struct attempt_key */
	bool is_protected; /* it began over the user's SA */
	bool is_overtaken; /* see attempts_overtake() */
	uint32_t n_challenges;
	uint32_t n_resyncs;
};

struct attempts_user {
	/* No answer in time, or the oldest one had to go (C-030). The attempt ends on return. */
	void (*on_timeout)(void *user, struct attempt *a);
	void *user;
};

/* NULL: out of memory. */
struct attempts *attempts_new(struct loop *loop, uint32_t max, uint32_t reg_await_auth_s,
			      struct attempts_user user);
/* No attempt may be asking. */
void attempts_free(struct attempts *all);
uint32_t attempts_count(const struct attempts *all);

/* Whose attempt it is. */
struct attempt_key {
	const char *impi;
	const char *source;
	const char *call_id;
	const char *nonce; /* that it answers under the integrity protection; "" = none */
	bool is_own;       /* it came over the user's SA, or from where he is registered */
};

/*
 * The source of a REGISTER: the host of its Contact, which the P-CSCF has compared with the sender
 * of the packet (C-053), and the P-CSCF, which is the topmost Path; "" for what has neither.
 */
void attempt_source(const char *contact, const char *path, char out[static ATTEMPT_SOURCE_BYTES]);

/* What a source is counted by (C-146): itself, or with an IPv6 address all of its /64. */
void attempt_network(const char *source, char out[static ATTEMPT_SOURCE_BYTES]);

/*
 * The attempt that a REGISTER goes on with; NULL: none. Behind a NAT a UE names its address inside
 * before it has an SA, and may name the NAT's after (TS 24.229 F.2.1.2.2), so what is protected is
 * known by the nonce that it answers, whatever its address: by the same P-CSCF, which has the SA.
 * The Call-ID is not enough for that, as who overhears it may begin attempts with it elsewhere;
 * their nonces are others. What is not protected is the attempt's only from its very source.
 */
struct attempt *attempts_find(struct attempts *all, const struct attempt_key *key);

/* Asking. NULL: no room, or out of memory. */
struct attempt *attempt_begin(struct attempts *all, const struct attempt_key *key, const char *impu,
			      struct server_txn *x);

/* The challenge went out. Returns 0, or -ENOSPC without a timer: the caller ends the attempt. */
int attempt_await(struct attempt *a);

/* The next REGISTER of the chain came. */
void attempt_ask(struct attempt *a, struct server_txn *x);

void attempt_end(struct attempt *a);

/*
 * What this IMPI has registered by this IMPU (NULL: by any) has ended: attempts that are asking are
 * marked. Who asks for something that an end makes void takes the mark off before.
 */
void attempts_overtake(struct attempts *all, const char *impi, const char *impu);

/* Whether another attempt is under way for the same IMPU by the same IMPI. */
bool attempt_has_rival(const struct attempt *a);

#endif
