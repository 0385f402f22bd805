/*
 * Screening of headers at the P-CSCF: what a UE may not say is taken out, what the core must be
 * told is put in, and what is no UE's business goes no further. Pure functions on a message; they
 * return 0 or -errno as each says, and the caller drops a message that could not be screened.
 */
#ifndef CONTROLPLANE_SCREEN_H
#define CONTROLPLANE_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

struct credentials;
struct sip;

/* How the network was told that a REGISTER was protected: 24.229 7.2A.2; seed 6.1.5. */
enum screen_indicator {
	SCREEN_YES,
	SCREEN_NO,
	SCREEN_NOTHING,
};

/* Over what a REGISTER came. */
enum screen_protection {
	SCREEN_UNPROTECTED,
	SCREEN_TEMPORARY, /* the set of the challenge that the message answers, not yet confirmed */
	SCREEN_LATEST,    /* the set of the latest successful authentication */
	SCREEN_OTHER,     /* any other set that still lives */
};

/* Seed 6.1.5: whether the S-CSCF may take the message as integrity-protected. */
bool screen_is_protected(bool has_response, enum screen_protection by);

/* Whether these credentials answer a challenge: with a response or auts. */
bool screen_has_response(const struct credentials *c);

/*
 * Replaces what the UE says about integrity protection, in every Authorization and
 * Proxy-Authorization, by ours. -EINVAL: a header that cannot be read. C-045
 */
int screen_set_indicator(struct sip *request, enum screen_indicator indicator);

/*
 * The same of a request with one Authorization, whose credentials have been read: they are changed,
 * too.
 */
int screen_set_indicator_of(struct sip *request, struct credentials *authorization,
			    enum screen_indicator indicator);

/*
 * The same for a request that says nothing of protection: what a UE says of it goes. -EINVAL: it
 * says so in a header that cannot be read. Credentials that say nothing of it stay as they are.
 */
int screen_drop_indicator(struct sip *request);

/*
 * A REGISTER with one Authorization, whose credentials have been read, answers its challenge no
 * more: as a first one it has neither nonce nor response. What asks for a resynchronisation (auts)
 * stays. Returns 0, -EMSGSIZE or -ENOMEM.
 */
int screen_drop_response(struct sip *request, struct credentials *authorization);

/* What no UE may say at all: asserted identity, charging, visited network, ... (C-112, C-142). */
void screen_from_ue(struct sip *message);

/* The security agreement ends here: C-058. Returns 0 or -ENOMEM. */
int screen_end_agreement(struct sip *request);

/*
 * What stays inside the trust domain, on anything that goes to a UE (C-114, C-142), and an asserted
 * identity that is none by its syntax (C-116 b).
 */
void screen_to_ue(struct sip *message);

/* Keys of AKA, as they come in SM5. The owner wipes them. */
struct screen_keys {
	uint8_t ik[16], ck[16];
	bool found; /* both, well-formed, and the nonce they belong to */
	char nonce[512];
};

/*
 * Takes ik and ck out of every challenge of a response (C-012), whether or not `keys` is wanted.
 * -EINVAL: a challenge that cannot be read; then the response must not go on.
 */
int screen_take_keys(struct sip *response, struct screen_keys *keys);

#endif
