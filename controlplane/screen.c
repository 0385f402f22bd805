#include "controlplane/screen.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "controlplane/credentials.h"
#include "controlplane/identity.h"
#include "controlplane/sip.h"
#include "controlplane/sip_list.h"
#include "crypto/wipe.h"

/*
 * has response  protected by   protected for the S-CSCF      (seed 6.1.5)
 * yes           its own SA     yes
 * yes           older          no
 * no            latest         yes
 * no            older          no
 * no            temporary      no
 * any           nothing        no
 */
bool screen_is_protected(bool has_response, enum screen_protection by)
{
	return has_response ? by == SCREEN_TEMPORARY : by == SCREEN_LATEST;
}

static bool is_set(const struct credentials *c, const char *name)
{
	const char *value = credentials_get(c, name);
	return value && *value;
}

bool screen_has_response(const struct credentials *c)
{
	return is_set(c, "response") || is_set(c, "auts");
}

/* The i-th line says what these say, when they were `changed`: 1, 0, or the error of the change. */
static int replace(struct sip *s, const char *header, unsigned i, const struct credentials *c,
		   int changed)
{
	char value[SIP_VALUE_BYTES + 64]; /* the indicator may be new */
	if (changed <= 0)
		return changed;
	int n_bytes = credentials_print(c, value, sizeof(value));
	int error = n_bytes < 0 ? -EMSGSIZE : sip_header_replace(s, header, i, value);
	wipe(value, n_bytes < 0 ? sizeof(value) : (size_t)n_bytes);
	return error;
}

/*
 * Changes every line of a header of credentials: change() returns 1 when it altered them, 0 when
 * the line stays as it is. Its error ends it all, and the message is then unusable.
 */
static int rewrite(struct sip *s, const char *header,
		   int (*change)(struct credentials *c, void *user), void *user)
{
	struct credentials c;
	int error = 0;
	const char *line;
	for (unsigned i = 0; !error && (line = sip_header(s, header, i)); i++) {
		error = credentials_parse(line, &c);
		if (!error)
			error = replace(s, header, i, &c, change(&c, user));
		credentials_wipe(&c);
	}
	return error;
}

static int indicate(struct credentials *c, void *user)
{
	const enum screen_indicator *indicator = user;
	bool was_there = credentials_remove(c, "integrity-protected");
	if (*indicator == SCREEN_NOTHING)
		return was_there;
	int error = credentials_set(c, "integrity-protected",
				    *indicator == SCREEN_YES ? "yes" : "no", true);
	return error ? error : 1;
}

int screen_set_indicator(struct sip *request, enum screen_indicator indicator)
{
	enum screen_indicator nothing = SCREEN_NOTHING;
	int error = rewrite(request, "Authorization", indicate, &indicator);
	return error ? error : rewrite(request, "Proxy-Authorization", indicate, &nothing);
}

int screen_set_indicator_of(struct sip *request, struct credentials *authorization,
			    enum screen_indicator indicator)
{
	enum screen_indicator nothing = SCREEN_NOTHING;
	int changed = indicate(authorization, &indicator);
	int error = replace(request, "Authorization", 0, authorization, changed);
	return error ? error : rewrite(request, "Proxy-Authorization", indicate, &nothing);
}

int screen_drop_response(struct sip *request, struct credentials *authorization)
{
	if (is_set(authorization, "auts"))
		return 0;
	int error = credentials_set(authorization, "nonce", "", true);
	if (!error)
		error = credentials_set(authorization, "response", "", true);
	return replace(request, "Authorization", 0, authorization, error ? error : 1);
}

/* A UE says over what it is connected; only the network may say so for the network (RFC 7315 4.4).
 */
static void screen_access(struct sip *message)
{
	static const char name[] = "P-Access-Network-Info";
	const char *value;
	for (unsigned i = 0; (value = sip_header(message, name, i)); i++)
		if (strcasestr(value, "network-provided")) {
			sip_header_remove(message, name); /* who lies once is not asked again */
			return;
		}
}

/* Names of parameters are tokens: nothing hides in quotes or escapes. */
static bool says_indicator(const struct sip *s, const char *header)
{
	const char *line;
	for (unsigned i = 0; (line = sip_header(s, header, i)); i++)
		if (strcasestr(line, "integrity-protected"))
			return true;
	return false;
}

int screen_drop_indicator(struct sip *request)
{
	if (!says_indicator(request, "Authorization") &&
	    !says_indicator(request, "Proxy-Authorization"))
		return 0;
	return screen_set_indicator(request, SCREEN_NOTHING);
}

void screen_from_ue(struct sip *message)
{
	sip_header_remove(message, "P-Asserted-Identity");  /* RFC 3325 5: ours alone */
	sip_header_remove(message, "P-Associated-URI");     /* RFC 7315 4.1: the registrar's */
	sip_header_remove(message, "P-Called-Party-ID");    /* 4.2: the S-CSCF's */
	sip_header_remove(message, "P-Visited-Network-ID"); /* 4.3: ours */
	sip_header_remove(message, "P-Charging-Function-Addresses"); /* 4.5 */
	sip_header_remove(message, "P-Charging-Vector");             /* 4.6: ours */
	sip_header_remove(message, "P-Served-User");                 /* RFC 5502: the S-CSCF's */
	sip_header_remove(message, "P-User-Database");               /* RFC 4457: the I-CSCF's */
	sip_header_remove(message, "Path");                          /* RFC 3327: ours */
	sip_header_remove(message, "Service-Route");                 /* RFC 3608: the registrar's */
	screen_access(message);
}

int screen_end_agreement(struct sip *request)
{
	sip_header_remove(request, "Security-Client");
	sip_header_remove(request, "Security-Verify");
	sip_header_remove(request, "Security-Server");
	int error = sip_option_remove(request, "Require", "sec-agree");
	return error ? error : sip_option_remove(request, "Proxy-Require", "sec-agree");
}

void screen_to_ue(struct sip *message)
{
	sip_header_remove(message,
			  "P-Access-Network-Info"); /* RFC 7315 4.4: where the other one is */
	sip_header_remove(message, "P-Charging-Function-Addresses");
	sip_header_remove(message, "P-Charging-Vector");
	sip_header_remove(message, "P-Served-User");
	sip_header_remove(message, "P-User-Database");
	sip_header_remove(message, "P-Visited-Network-ID");
	char aor[IDENTITY_VALUES][SIP_VALUE_BYTES];
	if (identity_read(message, "P-Asserted-Identity", aor) < 0)
		sip_header_remove(message, "P-Asserted-Identity");
	const char *privacy;
	for (unsigned i = 0; (privacy = sip_header(message, "Privacy", i)); i++)
		for (const char *value = privacy; *value; value += strspn(value, "; ,")) {
			size_t n = strcspn(value, "; ,");
			if (n == 2 && !strncasecmp(value, "id", n)) {
				sip_header_remove(message, "P-Asserted-Identity");
				return;
			}
			value += n;
		}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 24.229 7.2A.1: 32 hex digits. */
static bool read_key(const char *text, uint8_t key[static 16])
{
	if (!text || strlen(text) != 32)
		return false;
	for (unsigned i = 0; i < 16; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int take_keys(struct credentials *c, void *user)
{
	struct screen_keys *keys = user;
	const char *nonce = credentials_get(c, "nonce");
	if (!keys->found && read_key(credentials_get(c, "ik"), keys->ik) &&
	    read_key(credentials_get(c, "ck"), keys->ck) && nonce &&
	    strlen(nonce) < sizeof(keys->nonce)) {
		strcpy(keys->nonce, nonce);
		keys->found = true;
	}
	unsigned n = credentials_remove(c, "ik");
	n += credentials_remove(c, "ck");
	return n > 0;
}

int screen_take_keys(struct sip *response, struct screen_keys *keys)
{
	struct screen_keys unwanted;
	struct screen_keys *into = keys ? keys : &unwanted;
	memset(into, 0, sizeof(*into));
	int error = rewrite(response, "WWW-Authenticate", take_keys, into);
	if (!error)
		error = rewrite(response, "Proxy-Authenticate", take_keys, into);
	wipe(&unwanted, sizeof(unwanted));
	return error;
}
