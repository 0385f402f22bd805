#include "tools/ue/auth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define NC "00000001" /* a nonce is answered once */

/* The text of a parameter, quotes and escapes undone (RFC 3261 25.1 quoted-string). */
static bool copy_unquoted(struct view v, char *out, size_t out_bytes)
{
	bool quoted = v.bytes >= 2 && v.at[0] == '"' && v.at[v.bytes - 1] == '"';
	size_t used = 0;

	for (size_t i = quoted; i < v.bytes - quoted; i++) {
		if (quoted && v.at[i] == '\\' && ++i == v.bytes - quoted)
			return false;
		if (used + 1 == out_bytes)
			return false;
		out[used++] = v.at[i];
	}
	out[used] = '\0';
	return true;
}

/* The list has to offer one that we have; "auth" is the simplest. */
static bool read_qop(struct view list, enum digest_qop *out)
{
	char text[AUTH_TEXT_BYTES];
	struct view rest;
	bool with_int = false;

	if (!copy_unquoted(list, text, sizeof(text)))
		return false;
	rest = (struct view){ text, strlen(text) };
	while (rest.bytes) {
		struct view qop = view_take(&rest, ',');

		if (view_is_token(qop, "auth")) {
			*out = DIGEST_QOP_AUTH;
			return true;
		}
		with_int |= view_is_token(qop, "auth-int");
	}
	*out = DIGEST_QOP_AUTH_INT;
	return with_int;
}

static bool read_param(struct view key, struct view value, struct auth_challenge *c, int *algorithm)
{
	char text[AUTH_TEXT_BYTES];

	if (view_is_token(key, "realm"))
		return copy_unquoted(value, c->realm, sizeof(c->realm));
	if (view_is_token(key, "nonce"))
		return copy_unquoted(value, c->nonce, sizeof(c->nonce));
	if (view_is_token(key, "opaque"))
		return copy_unquoted(value, c->opaque, sizeof(c->opaque));
	if (view_is_token(key, "qop"))
		return read_qop(value, &c->qop);
	if (view_is_token(key, "algorithm")) {
		if (!copy_unquoted(value, text, sizeof(text)))
			return false;
		*algorithm = digest_find_algorithm(text);
	}
	return true;
}

/* Nothing of a challenge is put into a header of ours that could end it or its quotes. */
static bool is_quotable(const char *text)
{
	for (; *text; text++)
		if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
			return false;
	return true;
}

static int read_challenge(struct view value, struct auth_challenge *c)
{
	struct view scheme = view_take(&value, ' ');
	int algorithm = -ENOENT;

	memset(c, 0, sizeof(*c));
	if (!view_is_token(scheme, "Digest"))
		return -ENOENT;
	while (value.bytes) {
		struct view param = view_take(&value, ','), key = view_take(&param, '=');

		if (!read_param(key, view_trim(param), c, &algorithm))
			return -EBADMSG;
	}
	if (algorithm < 0)
		return -ENOENT;
	c->algorithm = (enum digest_algorithm)algorithm;
	if (!*c->realm || !is_quotable(c->realm) || !is_quotable(c->nonce) ||
	    !is_quotable(c->opaque))
		return -EBADMSG;
	return 0;
}

int auth_read(const struct sip_message *m, unsigned allowed, struct auth_challenge *out)
{
	struct auth_challenge c;
	int result = -ENOENT;
	struct view value;

	for (unsigned i = 0; (value = sip_header(m, "WWW-Authenticate", i)).at; i++) {
		int error = read_challenge(value, &c);

		if (error == -ENOENT || (!error && !(allowed >> c.algorithm & 1)))
			continue;
		if (error)
			return error;
		if (result || c.algorithm > out->algorithm)
			*out = c;
		result = 0;
	}
	return result;
}

int auth_compute(struct auth_answer *a, const uint8_t *password, size_t password_bytes)
{
	struct digest_input in = {
		.username = a->username,
		.realm = a->challenge->realm,
		.nonce = a->challenge->nonce,
		.method = "REGISTER",
		.uri = a->uri,
		.qop = a->challenge->qop,
		.nc = NC,
		.cnonce = a->cnonce,
		.body = "",
	};
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(a->cnonce, sizeof(a->cnonce), "%08x", number);
	return digest_response(&in, password, password_bytes, a->response);
}

void auth_put(struct sip_text *t, const struct auth_answer *a)
{
	static const char *const qop_name[] = {
		[DIGEST_QOP_AUTH] = "auth",
		[DIGEST_QOP_AUTH_INT] = "auth-int",
	};
	const struct auth_challenge *c = a->challenge;
	const char *next = t->compact ? "," : ", ";

	sip_put(t, "Authorization: Digest username=\"%s\"%srealm=\"%s\"%snonce=\"%s\"", a->username,
		next, c ? c->realm : a->realm, next, c ? c->nonce : "");
	sip_put(t, "%suri=\"%s\"%sresponse=\"%s\"", next, a->uri, next, a->response);
	if (c)
		sip_put(t, "%salgorithm=%s", next, digest_algorithm_name[c->algorithm]);
	if (c && *a->response && c->qop != DIGEST_QOP_NONE)
		sip_put(t, "%sqop=%s%snc=" NC "%scnonce=\"%s\"", next, qop_name[c->qop], next, next,
			a->cnonce);
	if (c && *c->opaque)
		sip_put(t, "%sopaque=\"%s\"", next, c->opaque);
	if (a->auts)
		sip_put(t, "%sauts=\"%s\"", next, a->auts);
	if (a->claims_protection)
		sip_put(t, "%sintegrity-protected=\"yes\"", next);
	sip_put(t, "\r\n");
}
