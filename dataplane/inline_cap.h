/*
 * Which SAs a port can serve inline: what rte_security and the port's driver say of an algorithm
 * pair, in one place, in words that an operator reads; and the form in which they want its keys.
 * Constant tables and the driver's own; control thread.
 */
#ifndef DATAPLANE_INLINE_CAP_H
#define DATAPLANE_INLINE_CAP_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_crypto_sym.h>
#include <rte_security.h>

#include "crypto/job.h"
#include "dataplane/api.h"

/* A class of SAs, for which a port can do all or nothing. */
struct inline_class {
	uint8_t suite;     /* enum crypto_suite */
	uint8_t mode;      /* enum api_mode */
	uint8_t direction; /* enum api_direction */
};

struct inline_capability {
	bool is_there;
	bool is_protocol;    /* the port writes all of ESP, sequence numbers too */
	bool needs_metadata; /* each packet: rte_security_set_pkt_metadata() */
	const char *why;     /* it is not there; "" if it is */
};

/*
 * What the port behind `context` does for a class: inline crypto, or else, outbound, inline
 * protocol.
 */
struct inline_capability inline_capability(struct rte_security_ctx *context,
					   struct inline_class class);

/* "hmac-sha-1-96, aes-cbc-128": a suite as an operator writes it. */
const char *inline_suite_name(enum crypto_suite suite);

/* Does the suite's HMAC key have to be kept beside its SA, which has mid-states only? */
bool inline_needs_auth_key(enum crypto_suite suite);

/* The transforms of a session. They point to each other and to the keys: not to be copied. */
struct inline_transform {
	struct rte_crypto_sym_xform xform[2];
};

/*
 * Fills *t from an SA's keys; `auth_key` is the raw key of an HMAC, not looked at with other
 * suites. The keys stay where they are while the session is made.
 */
void inline_transform(struct inline_transform *t, struct inline_class class,
		      const struct crypto_key *key, const uint8_t *auth_key);
/* Of AES-GCM and AES-GMAC, as it lies in memory; 0 with others. */
uint32_t inline_salt(enum crypto_suite suite, const struct crypto_key *key);

#endif
