#include "controlplane/challenge.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "controlplane/credentials.h"
#include "controlplane/sip.h"
#include "crypto/wipe.h"

#define HEX_KEY_BYTES 33 /* 16 bytes in hex, and the NUL */

void challenge_begin(struct challenge *c, enum digest_algorithm algorithm,
		     const struct cx_item *vector)
{
	c->vector = *vector;
	c->algorithm = algorithm;
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

int challenge_print(const struct challenge *c, const char *realm, char *out, size_t out_bytes)
{
	struct credentials header = { .scheme = "Digest" };
	char ik[HEX_KEY_BYTES], ck[HEX_KEY_BYTES];
	const struct credentials_param params[] = {
		{ "realm", realm, true },
		{ "nonce", c->nonce, true },
		{ "algorithm", digest_algorithm_name[c->algorithm], false },
		{ "qop", "auth", true },
		{ "ik", ik, true },
		{ "ck", ck, true },
	};
	int rc = 0;

	print_hex(c->vector.ik, ik);
	print_hex(c->vector.ck, ck);
	for (size_t i = 0; rc == 0 && i < sizeof(params) / sizeof(params[0]); i++)
		rc = credentials_set(&header, params[i].name, params[i].value, params[i].quoted);
	if (rc == 0)
		rc = credentials_print(&header, out, out_bytes);
	credentials_wipe(&header);
	wipe(ik, sizeof(ik));
	wipe(ck, sizeof(ck));
	return rc;
}

/* RFC 2617 3.2.2: a nonce is good for one request here, so its count is 1. */
static bool read_qop(const struct credentials *credentials, struct digest_input *in)
{
	const char *qop = credentials_get(credentials, "qop");

	if (qop == NULL)
		return true;
	if (strcasecmp(qop, "auth") == 0)
		in->qop = DIGEST_QOP_AUTH;
	else if (strcasecmp(qop, "auth-int") == 0)
		in->qop = DIGEST_QOP_AUTH_INT;
	else
		return false;
	in->nc = credentials_get(credentials, "nc");
	in->cnonce = credentials_get(credentials, "cnonce");
	return in->nc != NULL && strcmp(in->nc, "00000001") == 0 && in->cnonce != NULL;
}

static bool read_input(const struct challenge *c, const struct credentials *credentials,
		       const struct sip *request, struct digest_input *in)
{
	const char *algorithm = credentials_get(credentials, "algorithm");

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
	if (algorithm != NULL && digest_find_algorithm(algorithm) != (int)c->algorithm)
		return false;
	return read_qop(credentials, in);
}

bool challenge_is_answered(const struct challenge *c, const struct credentials *credentials,
			   const struct sip *request)
{
	const char *response = credentials_get(credentials, "response");
	char expected[DIGEST_RESPONSE_SIZE];
	uint8_t password[DIGEST_PASSWORD_BYTES];
	struct digest_input in;
	bool is_right = false;
	int n;

	if (response == NULL || strlen(response) != DIGEST_RESPONSE_SIZE - 1 ||
	    !read_input(c, credentials, request, &in))
		return false;
	n = digest_password(c->algorithm, c->vector.xres, c->vector.res_bytes, c->vector.ik,
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
