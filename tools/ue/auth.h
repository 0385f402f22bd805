/*
 * Digest AKA from the UE's side: the challenge of a 401 and the Authorization that answers it.
 * RFC 3310, RFC 4169, TS 24.229 5.1.1. Pure functions, any thread.
 */
#ifndef TOOLS_UE_AUTH_H
#define TOOLS_UE_AUTH_H

#include "crypto/digest.h"
#include "tools/ue/sip.h"

#define AUTH_TEXT_BYTES 256 /* realm, opaque, user name; with the NUL */

struct auth_challenge {
	char realm[AUTH_TEXT_BYTES];
	char nonce[DIGEST_NONCE_SIZE];
	char opaque[AUTH_TEXT_BYTES]; /* "": none */
	enum digest_algorithm algorithm;
	enum digest_qop qop;
};

/* What an Authorization header says. An empty nonce makes the one of SM1 (C-004). */
struct auth_answer {
	const char *username;
	const char *uri;
	const struct auth_challenge *challenge; /* NULL: SM1, with `realm` */
	const char *realm;
	const char *auts;                    /* NULL: none */
	char response[DIGEST_RESPONSE_SIZE]; /* "": MAC failure (C-027) or SM1 */
	char cnonce[9];
	bool claims_protection; /* as only a P-CSCF may say */
};

/* What of an answer is of its challenge alone. */
struct auth_kept {
	char nonce[DIGEST_NONCE_SIZE]; /* "": none */
	char response[DIGEST_RESPONSE_SIZE];
	char cnonce[9];
};

#define AUTH_ALGORITHMS (1u << DIGEST_AKAV1_MD5 | 1u << DIGEST_AKAV2_MD5)

/*
 * The best challenge of all WWW-Authenticate headers: AKAv2 before AKAv1 (C-016); `allowed` has the
 * bits of those that it may be. Returns 0, -ENOENT when there is none that we can answer, or
 * -EBADMSG.
 */
int auth_read(const struct sip_message *m, unsigned allowed, struct auth_challenge *out);

/*
 * Fills response and cnonce for a REGISTER without body; password_bytes = 0 with auts (RFC 3310
 * 3.4). Returns 0 or -EIO.
 */
int auth_compute(struct auth_answer *a, const uint8_t *password, size_t password_bytes);

/* The header line. */
void auth_put(struct sip_text *t, const struct auth_answer *a);

#endif
