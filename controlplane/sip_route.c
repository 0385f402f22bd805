#include "controlplane/sip.h"

#include <ctype.h>
#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_field.h"
#include "controlplane/sip_plain.h"

#define SIP_PORT  5060 /* RFC 3261 19.1.2 */
#define SIPS_PORT 5061

/* 0 on a text that is no port. */
static uint16_t port_number(const char *text, bool tls)
{
	if (!text)
		return tls ? SIPS_PORT : SIP_PORT;
	size_t n = strspn(text, "0123456789");
	if (n == 0 || n > 5 || text[n])
		return 0;
	unsigned long port = strtoul(text, NULL, 10);
	return port <= 65535 ? (uint16_t)port : 0;
}

int sip_host_address(const char *host, const char *port, bool tls, struct address *out)
{
	uint16_t number = port_number(port, tls);
	if (!host || !number)
		return -EINVAL;
	return address_parse(host, number, out);
}

static const osip_uri_t *route_uri(const struct sip *s, enum sip_kind kind, unsigned i)
{
	struct sip_field *f = sip_field_at(s, kind, i);
	const osip_route_t *route = f ? sip_field_parsed(f) : NULL;
	return route ? route->url : NULL;
}

const osip_uri_t *sip_route(const struct sip *s, unsigned i)
{
	return route_uri(s, SIP_ROUTE, i);
}

void sip_route_pop(struct sip *s)
{
	struct sip_field *f = sip_field_at(s, SIP_ROUTE, 0);
	if (f)
		sip_field_remove(s, f);
}

void sip_routes_clear(struct sip *s)
{
	sip_fields_clear(s, SIP_ROUTE);
}

static int push_uri(struct sip *s, enum sip_kind kind, const char *uri)
{
	char line[SIP_VALUE_BYTES];
	size_t n = strlen(uri);
	if (n + 3 > sizeof(line))
		return -EINVAL;
	line[0] = '<';
	memcpy(line + 1, uri, n);
	memcpy(line + 1 + n, ">", 2);
	return sip_field_read(s, kind, 0, NULL, line);
}

int sip_route_push(struct sip *s, const char *uri)
{
	return push_uri(s, SIP_ROUTE, uri);
}

const osip_uri_t *sip_record_route(const struct sip *s, unsigned i)
{
	return route_uri(s, SIP_RECORD_ROUTE, i);
}

int sip_record_route_push(struct sip *s, const char *uri)
{
	return push_uri(s, SIP_RECORD_ROUTE, uri);
}

void sip_record_routes_clear(struct sip *s)
{
	sip_fields_clear(s, SIP_RECORD_ROUTE);
}

int sip_record_routes_copy(struct sip *to, const struct sip *from)
{
	int error = 0;
	for (unsigned i = 0; i < from->n_of[SIP_RECORD_ROUTE] && !error; i++) {
		const struct sip_field *f = sip_field_at(from, SIP_RECORD_ROUTE, i);
		error = sip_field_insert(to, SIP_RECORD_ROUTE, SIP_LAST, NULL, f->value,
					 f->value_bytes);
	}
	return error;
}

int sip_record_route_set_user(struct sip *s, unsigned i, const char *user)
{
	struct sip_field *f = sip_field_at(s, SIP_RECORD_ROUTE, i);
	osip_route_t *route = sip_field_parsed(f);
	char *own = osip_strdup(user), *text = NULL;
	if (!route || !own) {
		osip_free(own);
		return -ENOMEM;
	}
	osip_free(route->url->username);
	route->url->username = own;
	text = sip_parsed_text(SIP_RECORD_ROUTE, route);
	int error = text ? sip_field_set(s, f, text, strlen(text)) : -ENOMEM;
	osip_free(text);
	return error;
}

static bool is_sips(const osip_uri_t *uri)
{
	return uri->scheme && !strcasecmp(uri->scheme, "sips");
}

static bool has_transport(const osip_uri_t *uri, const char *name)
{
	osip_uri_param_t *p = NULL;
	osip_uri_param_get_byname((osip_list_t *)&uri->url_params, (char *)"transport", &p);
	return p && p->gvalue && !strcasecmp(p->gvalue, name);
}

int sip_uri_address(const osip_uri_t *uri, struct address *out)
{
	if (!uri || !uri->scheme || (strcasecmp(uri->scheme, "sip") && !is_sips(uri)))
		return -EINVAL;
	return sip_host_address(uri->host, uri->port, sip_uri_is_tls(uri), out);
}

bool sip_uri_is_tcp(const osip_uri_t *uri)
{
	return uri && has_transport(uri, "tcp");
}

bool sip_uri_is_tls(const osip_uri_t *uri)
{
	return uri && (is_sips(uri) || has_transport(uri, "tls"));
}

bool sip_uri_is_emergency(const osip_uri_t *uri)
{
	osip_uri_param_t *p = NULL;
	return uri &&
	       !osip_uri_param_get_byname((osip_list_t *)&uri->url_params, (char *)"sos", &p) && p;
}

int sip_next_hop(const struct sip *s, struct address *out, bool *tcp)
{
	const osip_uri_t *route = sip_route(s, 0);
	const osip_uri_t *uri = route ? route : sip_request_uri(s);
	*tcp = sip_uri_is_tcp(uri);
	return sip_uri_address(uri, out);
}

int sip_request_uri_set(struct sip *s, const char *uri)
{
	struct sip_field *f = sip_field_at(s, SIP_START, 0);
	size_t n = strlen(uri);
	char *text = NULL;
	bool is_plain = n && sip_plain_uri_bytes(uri) == n;
	if (!is_plain && sip_canonical(SIP_START, uri, &text))
		return -EINVAL;
	int error = sip_field_set(s, f, text ? text : uri, text ? strlen(text) : n);
	f->is_plain = is_plain;
	osip_free(text);
	return error;
}

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

/* RFC 3966 5.1.1: visual separators do not count, neither do parameters here. */
static int aor_of_tel(const char *number, char *out, size_t out_bytes)
{
	size_t n = strlen("tel:");
	if (out_bytes <= n)
		return -EMSGSIZE;
	memcpy(out, "tel:", n);
	for (; *number && *number != ';'; number++) {
		if (strchr("-.()", *number))
			continue;
		if (n + 1 >= out_bytes)
			return -EMSGSIZE;
		out[n++] = (char)tolower((unsigned char)*number);
	}
	out[n] = '\0';
	return n > strlen("tel:") && is_printable(out) ? (int)n : -EINVAL;
}

static char *put_lower(char *at, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (char)tolower((unsigned char)text[i]);
	return at + n;
}

/* Parts of a SIP URI; no user: NULL. */
struct parts {
	const char *scheme, *user, *host;
	size_t scheme_bytes, user_bytes, host_bytes;
};

static int print_aor(const struct parts *p, char *out, size_t out_bytes)
{
	size_t user_bytes = p->user ? p->user_bytes + 1 : 0;
	if (p->scheme_bytes + 1 + user_bytes + p->host_bytes >= out_bytes)
		return -EMSGSIZE;
	char *at = put_lower(out, p->scheme, p->scheme_bytes);
	*at++ = ':';
	if (p->user) {
		at = (char *)memcpy(at, p->user, p->user_bytes) + p->user_bytes;
		*at++ = '@';
	}
	at = put_lower(at, p->host, p->host_bytes);
	*at = '\0';
	return (int)(at - out);
}

int sip_aor(const osip_uri_t *uri, char *out, size_t out_bytes)
{
	if (!uri || !uri->scheme)
		return -EINVAL;
	if (!strcasecmp(uri->scheme, "tel"))
		return uri->string ? aor_of_tel(uri->string, out, out_bytes) : -EINVAL;
	if (strcasecmp(uri->scheme, "sip") && strcasecmp(uri->scheme, "sips"))
		return -EINVAL;
	if (!uri->host || (uri->username && !is_printable(uri->username)))
		return -EINVAL;
	struct parts p = { uri->scheme,
			   uri->username,
			   uri->host,
			   .scheme_bytes = strlen(uri->scheme),
			   .user_bytes = uri->username ? strlen(uri->username) : 0,
			   .host_bytes = strlen(uri->host) };
	int n = print_aor(&p, out, out_bytes);
	return n < 0 || is_printable(out) ? n : -EINVAL;
}

/* Of a plain SIP URI: what libosip2 would find in it. */
static int aor_of_plain(const char *uri, char *out, size_t out_bytes)
{
	struct parts p = { .scheme = uri };
	p.scheme_bytes = strcspn(uri, ":");
	p.host = uri + p.scheme_bytes + 1;
	size_t user_bytes = strcspn(p.host, "@;>");
	if (p.host[user_bytes] == '@') {
		p.user = p.host;
		p.user_bytes = user_bytes;
		p.host += user_bytes + 1;
	}
	if (*p.host == '[')
		p.host_bytes = strcspn(++p.host, "]");
	else
		p.host_bytes = strcspn(p.host, ":;>");
	return print_aor(&p, out, out_bytes);
}

int sip_to_aor(const struct sip *s, char *out, size_t out_bytes)
{
	const struct sip_field *f = sip_field_at(s, SIP_TO, 0);
	if (f->is_plain && !strncmp(f->value, "<sip", 4))
		return aor_of_plain(f->value + 1, out, out_bytes);
	const osip_to_t *to = sip_to(s);
	return to ? sip_aor(to->url, out, out_bytes) : -EINVAL;
}

int sip_aor_text(const char *text, char *out, size_t out_bytes)
{
	char uri_text[SIP_VALUE_BYTES];
	const char *open = strrchr(text, '<');
	const char *start = open ? open + 1 : text + strspn(text, " ");
	size_t n = open ? strcspn(start, ">") : strcspn(start, " ;>");
	if (n >= sizeof(uri_text) || (open && start[n] != '>'))
		return -EINVAL;
	memcpy(uri_text, start, n);
	uri_text[n] = '\0';
	if (strstr(uri_text, "%00"))
		return -EINVAL;
	osip_uri_t *uri;
	if (osip_uri_init(&uri))
		return -EINVAL;
	int result = osip_uri_parse(uri, uri_text) ? -EINVAL : sip_aor(uri, out, out_bytes);
	osip_uri_free(uri);
	return result;
}
