/*
 * What the S-CSCF reads in a REGISTER, and which step of the authentication it is. Pure functions;
 * the tables of seed 6.1.1 … 6.1.5 are in register_step().
 */
#ifndef CONTROLPLANE_REGISTER_REQUEST_H
#define CONTROLPLANE_REGISTER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/credentials.h"
#include "controlplane/cx.h"

#define REGISTER_CONTACT_BYTES   1024
#define REGISTER_CALL_ID_BYTES   256
#define REGISTER_DEFAULT_EXPIRES 3600 /* s, when the UE says nothing: RFC 3261 10.2.1.1 */

struct sip;

struct register_request {
	struct credentials credentials; /* of the Authorization with our realm */
	char impi[CX_IDENTITY_BYTES];
	char impu[CX_IDENTITY_BYTES]; /* address of record of To */
	char call_id[REGISTER_CALL_ID_BYTES];
	char contact[REGISTER_CONTACT_BYTES]; /* URI as it came; "*" = all */
	uint32_t expires_s;
	bool is_emergency;   /* by its Contact: TS 24.229 5.4.8.2 */
	bool is_protected;   /* integrity-protected="yes", seed 6.1.5 */
	bool is_disbelieved; /* the same, of a peer whose word does not count (C-046) */
	const char *nonce;   /* the views live as long as the struct; "" = absent or empty */
	const char *response;
	const char *auts;
};

/*
 * Reads `request`. `is_trusted`: it came from a CSCF that is believed (trust.h); only then does the
 * integrity indicator count (C-046). Returns 0, or the status to refuse it with: 400 for what is
 * missing or malformed, 403 for another realm, 416 for a To that is no identity.
 */
int register_request_read(struct register_request *q, const struct sip *request, bool is_trusted,
			  const char *realm);

struct register_facts {
	bool is_protected;
	bool has_response;
	bool has_auts;
	bool is_awaiting;      /* a challenge of this IMPI and Call-ID has no answer yet */
	bool is_nonce_active;  /* and this is its nonce */
	bool is_registered;    /* IMPI and IMPU, here, with the same Contact and Path */
	bool is_challenge_due; /* by policy, C-003 */
};

enum register_step {
	REGISTER_CHALLENGE, /* an initial registration, or as good as one: 401 */
	REGISTER_CHECK,     /* SM7 with RES */
	REGISTER_RESYNC,    /* SM7 with AUTS */
	REGISTER_FAILURE,   /* SM7 says that the network failed */
	REGISTER_REFRESH,   /* a re-registration that needs no challenge */
};

enum register_step register_step(const struct register_facts *f);

#endif
