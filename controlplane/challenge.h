/*
 * One AKA challenge: the WWW-Authenticate of a 401 and the check of what comes back. RFC 3310,
 * RFC 4169, TS 24.229 5.4.1.2 and 7.2A.1. It holds a vector's keys: challenge_wipe() ends it.
 */
#ifndef CONTROLPLANE_CHALLENGE_H
#define CONTROLPLANE_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>

#include "controlplane/cx.h"
#include "crypto/digest.h"

#define CHALLENGE_HEADER_BYTES 1024

struct config_scscf;
struct credentials;
struct sip;

/*
 * What the UE may choose from. With several algorithms a 401 has a WWW-Authenticate for each, the
 * strongest first, of one vector and one nonce: it is one challenge (C-009).
 *
 * Which keys go to the P-CSCF: IK and CK whatever the algorithm (TS 33.203 6.1.1, seed 6.3). The
 * SAs must be there before the 401 leaves (C-069), that is before the UE has chosen, so no other
 * keys could serve both. Where AKAv2 alone is offered, they may be IK′ and CK′ instead (RFC 4169
 * 2.2), as some UEs have it.
 *
 * Who can change the 401 on its way can take the stronger algorithm out. It gains him nothing with
 * SAs, as the response goes under ESP with IK; where it matters AKAv2 alone is offered, and nothing
 * is taken that was not offered.
 */
struct challenge_offer {
	uint8_t algorithms; /* bits of enum digest_algorithm */
	uint8_t qops;       /* bits of enum digest_qop; that of NONE stands alone */
	bool derive_keys;
};

/* Returns 0, or -EINVAL for an algorithm that there is not. */
int challenge_offer_read(struct challenge_offer *offer, const struct config_scscf *config);

struct challenge {
	struct cx_item vector;
	struct challenge_offer offer;
	char nonce[DIGEST_NONCE_SIZE]; /* base64(RAND‖AUTN); "" = no challenge is active */
};

/* Makes `vector`, which is copied, the active one. */
void challenge_begin(struct challenge *c, const struct challenge_offer *offer,
		     const struct cx_item *vector);

/* Whether the algorithm is offered. */
bool challenge_offers(const struct challenge_offer *offer, enum digest_algorithm algorithm);

/*
 * The header's value for an algorithm that is offered, with ik and ck, for the P-CSCF only (seed
 * 6.1.1 SM4). Returns its length, -EMSGSIZE or -EIO; the caller wipes `out`.
 */
int challenge_print(const struct challenge *c, enum digest_algorithm algorithm, const char *realm,
		    char *out, size_t out_bytes);

/*
 * Whether `credentials`, received in `request`, answer this very challenge: its nonce, an algorithm
 * and a qop that were offered, nc = 1, and the response of the active XRES (C-015, C-017). A nonce
 * is good for one answer, so that none can be counted twice. *algorithm is the one chosen.
 */
bool challenge_is_answered(const struct challenge *c, const struct credentials *credentials,
			   const struct sip *request, enum digest_algorithm *algorithm);

void challenge_wipe(struct challenge *c);

#endif
