#include "controlplane/register_request.h"

#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip.h"
#include "controlplane/sip_uri.h"

static const char *or_empty(const char *value)
{
	return value != NULL ? value : "";
}

/* The credentials for our realm; a UE may carry others along. */
static int read_credentials(struct register_request *q, const struct sip *request,
			    const char *realm)
{
	const char *value;
	const char *theirs;
	int status = 400; /* no Authorization: no IMPI (C-004) */

	for (unsigned i = 0; (value = sip_header(request, "Authorization", i)) != NULL; i++) {
		if (credentials_parse(value, &q->credentials) < 0 ||
		    strcasecmp(q->credentials.scheme, "Digest") != 0)
			continue;
		theirs = credentials_get(&q->credentials, "realm");
		if (theirs != NULL && strcasecmp(theirs, realm) == 0)
			return 0;
		status = 403;
	}
	return status;
}

static int read_identities(struct register_request *q, const struct sip *request)
{
	const char *username = credentials_get(&q->credentials, "username");

	if (username == NULL || username[0] == '\0')
		return 400;
	/* An identity that does not fit belongs to nobody: TS 23.003 13.3 allows 255 octets. */
	if (cx_identity(q->impi, username) < 0)
		return 403;
	if (sip_to_aor(request, q->impu, sizeof(q->impu)) < 0)
		return 416;
	return 0;
}

/* Copies a libosip2 URI as text. Returns 0 or a status. */
static int copy_uri(const osip_uri_t *uri, char *out, size_t out_bytes)
{
	char *text;
	size_t bytes;

	if (osip_uri_to_str(uri, &text) != 0)
		return 400;
	bytes = strlen(text);
	if (bytes < out_bytes)
		memcpy(out, text, bytes + 1);
	osip_free(text);
	return bytes < out_bytes ? 0 : 400;
}

static bool read_number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long value;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	value = strtoul(text, &end, 10);
	/* RFC 3261 20.19: 0 … 2^32 − 1 */
	*out = value <= UINT32_MAX ? (uint32_t)value : UINT32_MAX;
	return *end == '\0';
}

/* An ISIM is in one UE, and a UE has one contact address: TS 24.229 5.1.1.2.1. */
static int read_contact(struct register_request *q, const struct sip *request)
{
	const osip_contact_t *contact = sip_contact(request, 0);
	osip_generic_param_t *expires = NULL;

	if (contact == NULL || sip_count(request, SIP_CONTACT) > 1)
		return 400;
	q->is_emergency = sip_uri_is_emergency(contact->url);
	q->expires_s = sip_header_number(request, "Expires", REGISTER_DEFAULT_EXPIRES);
	if (contact->url == NULL) {
		/* RFC 3261 10.2.2: "*" only takes away */
		strcpy(q->contact, "*");
		return q->expires_s == 0 ? 0 : 400;
	}
	osip_contact_param_get_byname((osip_contact_t *)contact, (char[]){ "expires" }, &expires);
	if (expires != NULL && !read_number(expires->gvalue, &q->expires_s))
		return 400;
	return copy_uri(contact->url, q->contact, sizeof(q->contact));
}

int register_request_read(struct register_request *q, const struct sip *request, bool is_trusted,
			  const char *realm)
{
	const char *indicator;
	bool says_yes;
	int status = read_credentials(q, request, realm);

	if (status == 0)
		status = read_identities(q, request);
	if (status == 0)
		status = read_contact(q, request);
	if (status == 0 && sip_call_id(request, q->call_id, sizeof(q->call_id)) < 0)
		status = 400;
	if (status != 0)
		return status;
	indicator = credentials_get(&q->credentials, "integrity-protected");
	says_yes = indicator != NULL && strcasecmp(indicator, "yes") == 0;
	q->is_protected = is_trusted && says_yes;
	q->is_disbelieved = !is_trusted && says_yes;
	q->nonce = or_empty(credentials_get(&q->credentials, "nonce"));
	q->response = or_empty(credentials_get(&q->credentials, "response"));
	q->auts = or_empty(credentials_get(&q->credentials, "auts"));
	return 0;
}

/*
 * A failure or AUTS is believed unprotected (C-036a): it can only end an attempt or begin a new
 * challenge. A response is not (C-036b). What is unprotected and says nothing else is an initial
 * registration (C-001, C-002), and so is what a user says who is not registered here.
 */
enum register_step register_step(const struct register_facts *f)
{
	if (f->is_awaiting && f->is_nonce_active) {
		if (f->has_auts)
			return REGISTER_RESYNC;
		if (!f->has_response)
			return REGISTER_FAILURE;
	}
	/* With an older nonce too: the check then fails (C-015). */
	if (f->is_awaiting && f->is_protected && f->has_response)
		return REGISTER_CHECK;
	if (f->is_awaiting || !f->is_protected || !f->is_registered || f->is_challenge_due)
		return REGISTER_CHALLENGE;
	return REGISTER_REFRESH;
}
