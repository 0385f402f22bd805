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

struct credentials;
struct sip;

struct challenge {
	struct cx_item vector;
	enum digest_algorithm algorithm;
	char nonce[DIGEST_NONCE_SIZE]; /* base64(RAND‖AUTN); "" = no challenge is active */
};

/* Makes `vector`, which is copied, the active one. */
void challenge_begin(struct challenge *c, enum digest_algorithm algorithm,
		     const struct cx_item *vector);

/*
 * The header's value with ik and ck, for the P-CSCF only (seed 6.1.1 SM4). Returns its length, or
 * -EMSGSIZE; the caller wipes `out`.
 */
int challenge_print(const struct challenge *c, const char *realm, char *out, size_t out_bytes);

/*
 * Whether `credentials`, received in `request`, answer this very challenge: its nonce, its
 * algorithm, a qop of none, auth or auth-int with nc = 1, and the response of the active XRES
 * (C-015, C-017).
 */
bool challenge_is_answered(const struct challenge *c, const struct credentials *credentials,
			   const struct sip *request);

void challenge_wipe(struct challenge *c);

#endif
