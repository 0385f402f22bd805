#include "controlplane/sip_plain.h"

#include <stdint.h>
#include <string.h>

#define MAX_PORT_DIGITS   5
#define MAX_CSEQ_DIGITS   10
#define MIN_URI_BYTES     8 /* of a name-addr: libosip2 has a least length */
#define ZERO_OCTET        "%00"
#define ZERO_OCTET_BYTES  3
#define VIA_VERSION       "SIP/2.0/"
#define VIA_VERSION_BYTES 8

/* What a character may be part of. */
enum {
	DIGIT = 1,
	HOST = 2,   /* a name or an IPv4 address */
	IPV6 = 4,   /* in its brackets */
	USER = 8,   /* the user part, name or value of a parameter of a URI; a telephone number */
	TOKEN = 16, /* RFC 3261 25.1, without '%' */
	VALUE = 32, /* of a parameter of a header: a token or host, or what is in its quotes */
	QUOTED = 64,
	DISPLAY = 128, /* what is in the quotes before a URI */
};

#define ALNUM (HOST | USER | TOKEN | VALUE | QUOTED | DISPLAY)
#define HEX   (ALNUM | IPV6)
#define NUM   (HEX | DIGIT)

static const uint8_t class_of[256] = {
	['0' ... '9'] = NUM,
	['a' ... 'f'] = HEX,
	['g' ... 'z'] = ALNUM,
	['A' ... 'F'] = HEX,
	['G' ... 'Z'] = ALNUM,
	['-'] = HOST | USER | TOKEN | VALUE | QUOTED | DISPLAY,
	['.'] = HOST | IPV6 | USER | TOKEN | VALUE | QUOTED | DISPLAY,
	['_'] = USER | TOKEN | VALUE | QUOTED | DISPLAY,
	['!'] = TOKEN | VALUE | QUOTED,
	['*'] = TOKEN | VALUE | QUOTED,
	['+'] = TOKEN | VALUE | QUOTED,
	['`'] = TOKEN | VALUE | QUOTED,
	['\''] = TOKEN | VALUE | QUOTED | DISPLAY,
	['~'] = TOKEN | VALUE | QUOTED,
	['['] = VALUE | QUOTED,
	[']'] = VALUE | QUOTED,
	[':'] = IPV6 | VALUE | QUOTED,
	[' '] = QUOTED | DISPLAY,
	['/'] = QUOTED,
	['%'] = QUOTED,
	['@'] = QUOTED,
	['<'] = QUOTED,
	['>'] = QUOTED,
	['='] = QUOTED,
	['&'] = QUOTED,
	['#'] = QUOTED,
	['?'] = QUOTED,
};

/* What follows the characters of a class. */
static const char *after(const char *at, unsigned class)
{
	while (class_of[(unsigned char)*at] & class)
		at++;
	return at;
}

/* The functions below return what follows their part, or NULL: it is not plain. */

/* [":" port] */
static const char *after_port(const char *at)
{
	if (*at != ':')
		return at;
	const char *end = after(++at, DIGIT);
	return end > at && end - at <= MAX_PORT_DIGITS ? end : NULL;
}

/* libosip2 prints brackets where there is a colon. */
static const char *after_host(const char *at)
{
	if (*at != '[') {
		const char *end = after(at, HOST);
		return end > at ? after_port(end) : NULL;
	}
	const char *end = after(++at, IPV6);
	if (*end != ']' || !memchr(at, ':', (size_t)(end - at)))
		return NULL;
	return after_port(end + 1);
}

/* libosip2 keeps the names of eXosip's own parameters to itself. */
static bool is_printed(const char *name)
{
	return (name[0] | 0x20) != 'x' || name[1] != '-';
}

static const char *after_uri_params(const char *at)
{
	while (*at == ';') {
		const char *name = at + 1;
		at = after(name, USER);
		if (at == name || !is_printed(name))
			return NULL;
		if (*at != '=')
			continue;
		const char *value = at + 1;
		at = after(value, USER);
		if (at == value)
			return NULL;
	}
	return at;
}

static const char *after_sip_uri(const char *at)
{
	const char *user = at;
	at = after(user, USER | TOKEN);
	if (*at != '@')
		at = user;
	else if (at++ == user || memchr(user, '`', (size_t)(at - user)))
		return NULL;
	at = after_host(at);
	return at ? after_uri_params(at) : NULL;
}

static const char *after_uri(const char *at)
{
	if (!strncmp(at, "sip:", 4))
		return after_sip_uri(at + 4);
	if (!strncmp(at, "sips:", 5))
		return after_sip_uri(at + 5);
	if (strncmp(at, "tel:", 4))
		return NULL;
	at += 4;
	const char *end = after(at + (*at == '+'), DIGIT);
	return end - at >= 2 ? end : NULL;
}

/* `at` is behind the opening quote. */
static const char *after_quoted(const char *at)
{
	const char *end = after(at, QUOTED);
	if (*end != '"' || memmem(at, (size_t)(end - at), ZERO_OCTET, ZERO_OCTET_BYTES))
		return NULL;
	return end + 1;
}

static const char *after_params(const char *at)
{
	while (*at == ';') {
		const char *name = at + 1;
		at = after(name, TOKEN);
		if (at == name)
			return NULL;
		if (*at != '=')
			continue;
		const char *value = at + 1;
		at = *value == '"' ? after_quoted(value + 1) : after(value, VALUE);
		if (!at || at == value)
			return NULL;
	}
	return at;
}

/* "<" URI ">" and the header's parameters */
static const char *after_name_addr(const char *at)
{
	if (*at != '<')
		return NULL;
	const char *uri = at + 1;
	at = after_uri(uri);
	if (!at || *at != '>' || at - uri < MIN_URI_BYTES)
		return NULL;
	return after_params(at + 1);
}

static const char *after_party(const char *at)
{
	if (*at == '"') {
		at = after(at + 1, DISPLAY);
		if (at[0] != '"' || at[1] != ' ')
			return NULL;
		at += 2;
	}
	return after_name_addr(at);
}

static const char *after_via(const char *at)
{
	if (strncmp(at, VIA_VERSION, VIA_VERSION_BYTES))
		return NULL;
	const char *protocol = at + VIA_VERSION_BYTES;
	at = after(protocol, TOKEN);
	if (at == protocol || *at != ' ')
		return NULL;
	at = after_host(at + 1);
	return at ? after_params(at) : NULL;
}

/* word ["@" word], of fewer characters than RFC 3261 allows */
static const char *after_call_id(const char *at)
{
	const char *end = after(at, TOKEN);
	if (end == at)
		return NULL;
	if (*end != '@')
		return end;
	at = end + 1;
	end = after(at, TOKEN | IPV6);
	return end > at ? end : NULL;
}

static const char *after_cseq(const char *at)
{
	const char *end = after(at, DIGIT);
	if (end == at || end - at > MAX_CSEQ_DIGITS || *end != ' ')
		return NULL;
	at = end + 1;
	end = after(at, TOKEN);
	return end > at ? end : NULL;
}

static const char *after_value(enum sip_kind kind, const char *at)
{
	switch (kind) {
	case SIP_VIA:
		return after_via(at);
	case SIP_RECORD_ROUTE:
	case SIP_ROUTE:
		return after_name_addr(at);
	case SIP_FROM:
	case SIP_TO:
		return after_party(at);
	case SIP_CONTACT:
		return at[0] == '*' ? at + 1 : after_party(at);
	case SIP_CALL_ID:
		return after_call_id(at);
	case SIP_CSEQ:
		return after_cseq(at);
	case SIP_START:
		return after_uri(at);
	default:
		return NULL;
	}
}

size_t sip_plain_bytes(enum sip_kind kind, const char *text)
{
	const char *end = after_value(kind, text);
	return end ? (size_t)(end - text) : 0;
}

size_t sip_plain_uri_bytes(const char *text)
{
	return sip_plain_bytes(SIP_START, text);
}

size_t sip_plain_token_bytes(const char *text)
{
	return (size_t)(after(text, TOKEN) - text);
}
