#include "controlplane/challenge.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "configs/config.h"
#include "controlplane/credentials.h"
#include "controlplane/sip.h"
#include "crypto/wipe.h"

#define HEX_KEY_BYTES 33 /* 16 bytes in hex, and the NUL */

int challenge_offer_read(struct challenge_offer *offer, const struct config_scscf *config)
{
	static const uint8_t qops[] = {
		[CONFIG_QOP_AUTH] = 1u << DIGEST_QOP_AUTH,
		[CONFIG_QOP_AUTH_INT] = 1u << DIGEST_QOP_AUTH_INT,
		[CONFIG_QOP_BOTH] = 1u << DIGEST_QOP_AUTH | 1u << DIGEST_QOP_AUTH_INT,
		[CONFIG_QOP_NONE] = 1u << DIGEST_QOP_NONE,
	};
	int algorithm = digest_find_algorithm(config->algorithm);

	*offer = (struct challenge_offer){
		.qops = qops[config->qop],
		.derive_keys = config->akav2_keys == CONFIG_AKAV2_KEYS_DERIVED,
	};
	if (strcmp(config->algorithm, "both") == 0)
		offer->algorithms = 1u << DIGEST_AKAV1_MD5 | 1u << DIGEST_AKAV2_MD5;
	else if (algorithm >= 0)
		offer->algorithms = (uint8_t)(1u << algorithm);
	return offer->algorithms != 0 ? 0 : -EINVAL;
}

bool challenge_offers(const struct challenge_offer *offer, enum digest_algorithm algorithm)
{
	return offer->algorithms >> algorithm & 1;
}

void challenge_begin(struct challenge *c, const struct challenge_offer *offer,
		     const struct cx_item *vector)
{
	c->vector = *vector;
	c->offer = *offer;
	digest_encode_nonce(vector->rand, vector->autn, NULL, 0, c->nonce);
}

static void print_hex(const uint8_t key[static 16], char out[static HEX_KEY_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		out[2 * i] = digits[key[i] >> 4];
		out[2 * i + 1] = digits[key[i] & 15];
	}
	out[32] = '\0';
}

static const char *qop_list(const struct challenge *c)
{
	switch (c->offer.qops) {
	case 1u << DIGEST_QOP_AUTH:
		return "auth";
	case 1u << DIGEST_QOP_AUTH_INT:
		return "auth-int";
	case 1u << DIGEST_QOP_NONE:
		return NULL;
	default:
		return "auth,auth-int";
	}
}

/* As hex text, which the caller wipes. Returns 0 or -EIO. */
static int print_keys(const struct challenge *c, char ik[static HEX_KEY_BYTES],
		      char ck[static HEX_KEY_BYTES])
{
	uint8_t keys[2][AKA_KEY_BYTES];
	int rc = 0;

	memcpy(keys[0], c->vector.ik, AKA_KEY_BYTES);
	memcpy(keys[1], c->vector.ck, AKA_KEY_BYTES);
	if (c->offer.derive_keys)
		rc = digest_derive_keys(keys[0], keys[1], keys[0], keys[1]);
	print_hex(keys[0], ik);
	print_hex(keys[1], ck);
	wipe(keys, sizeof(keys));
	return rc;
}

int challenge_print(const struct challenge *c, enum digest_algorithm algorithm, const char *realm,
		    char *out, size_t out_bytes)
{
	struct credentials header;
	char ik[HEX_KEY_BYTES], ck[HEX_KEY_BYTES];
	const struct credentials_param params[] = {
		{ "realm", realm, true },
		{ "nonce", c->nonce, true },
		{ "algorithm", digest_algorithm_name[algorithm], false },
		{ "qop", qop_list(c), true },
		{ "ik", ik, true },
		{ "ck", ck, true },
	};
	int rc = print_keys(c, ik, ck);

	credentials_begin(&header, "Digest");
	for (size_t i = 0; rc == 0 && i < sizeof(params) / sizeof(params[0]); i++)
		if (params[i].value != NULL)
			rc = credentials_set(&header, params[i].name, params[i].value,
					     params[i].quoted);
	if (rc == 0)
		rc = credentials_print(&header, out, out_bytes);
	credentials_wipe(&header);
	wipe(ik, sizeof(ik));
	wipe(ck, sizeof(ck));
	return rc;
}

/*
 * RFC 2617 3.2.2: a nonce is good for one request here, so its count is 1. What was offered must be
 * used (RFC 3261 22.4), or who takes it out would weaken the answer unseen.
 */
static bool read_qop(const struct challenge *c, const struct credentials *credentials,
		     struct digest_input *in)
{
	const char *qop = credentials_get(credentials, "qop");

	if (qop == NULL)
		in->qop = DIGEST_QOP_NONE;
	else if (strcasecmp(qop, "auth") == 0)
		in->qop = DIGEST_QOP_AUTH;
	else if (strcasecmp(qop, "auth-int") == 0)
		in->qop = DIGEST_QOP_AUTH_INT;
	else
		return false;
	if (!(c->offer.qops >> in->qop & 1))
		return false;
	if (in->qop == DIGEST_QOP_NONE)
		return true;
	in->nc = credentials_get(credentials, "nc");
	in->cnonce = credentials_get(credentials, "cnonce");
	return in->nc != NULL && strcmp(in->nc, "00000001") == 0 && in->cnonce != NULL &&
	       in->cnonce[0] != '\0';
}

/* An answer without the parameter can mean only what was offered alone. */
static bool read_algorithm(const struct challenge *c, const struct credentials *credentials,
			   enum digest_algorithm *out)
{
	const char *name = credentials_get(credentials, "algorithm");
	int algorithm = name != NULL ? digest_find_algorithm(name) : -1;

	for (int i = 0; name == NULL && i < DIGEST_N_ALGORITHMS; i++)
		if (c->offer.algorithms == 1u << i)
			algorithm = i;
	if (algorithm < 0 || !challenge_offers(&c->offer, (enum digest_algorithm)algorithm))
		return false;
	*out = (enum digest_algorithm)algorithm;
	return true;
}

static bool read_input(const struct challenge *c, const struct credentials *credentials,
		       const struct sip *request, struct digest_input *in)
{
	*in = (struct digest_input){ .username = credentials_get(credentials, "username"),
				     .realm = credentials_get(credentials, "realm"),
				     .nonce = credentials_get(credentials, "nonce"),
				     .method = sip_method(request),
				     .uri = credentials_get(credentials, "uri"),
				     .body = request->body,
				     .body_bytes = request->body_bytes };
	if (in->username == NULL || in->realm == NULL || in->nonce == NULL || in->uri == NULL)
		return false;
	if (c->nonce[0] == '\0' || strcmp(in->nonce, c->nonce) != 0)
		return false;
	return read_qop(c, credentials, in);
}

bool challenge_is_answered(const struct challenge *c, const struct credentials *credentials,
			   const struct sip *request, enum digest_algorithm *algorithm)
{
	const char *response = credentials_get(credentials, "response");
	char expected[DIGEST_RESPONSE_SIZE];
	uint8_t password[DIGEST_PASSWORD_BYTES];
	struct digest_input in;
	bool is_right = false;
	int n;

	if (response == NULL || strlen(response) != DIGEST_RESPONSE_SIZE - 1 ||
	    !read_algorithm(c, credentials, algorithm) || !read_input(c, credentials, request, &in))
		return false;
	n = digest_password(*algorithm, c->vector.xres, c->vector.res_bytes, c->vector.ik,
			    c->vector.ck, password);
	if (n > 0 && digest_response(&in, password, (size_t)n, expected) == 0)
		is_right = secret_equal(response, expected, DIGEST_RESPONSE_SIZE - 1);
	wipe(password, sizeof(password));
	wipe(expected, sizeof(expected));
	return is_right;
}

void challenge_wipe(struct challenge *c)
{
	wipe(c, sizeof(*c));
}
