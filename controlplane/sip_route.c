#include "controlplane/sip_route.h"

#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip.h"
#include "controlplane/sip_field.h"
#include "controlplane/sip_plain.h"
#include "controlplane/sip_uri.h"

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

int sip_uri_place(const osip_uri_t *uri, struct address *out)
{
	if (!uri || !uri->scheme || (strcasecmp(uri->scheme, "sip") && !is_sips(uri)))
		return -EINVAL;
	uint16_t port = port_number(uri->port, sip_uri_is_tls(uri));
	if (!uri->host || !port)
		return -EINVAL;
	if (address_parse(uri->host, port, out))
		*out = (struct address){ .port = port };
	return 0;
}

int sip_uri_address(const osip_uri_t *uri, struct address *out)
{
	int error = sip_uri_place(uri, out);
	return error ? error : out->family ? 0 : -EINVAL;
}

bool sip_uri_is_tcp(const osip_uri_t *uri)
{
	return uri && has_transport(uri, "tcp");
}

bool sip_uri_is_tls(const osip_uri_t *uri)
{
	return uri && (is_sips(uri) || has_transport(uri, "tls"));
}

bool sip_next_is_tls(const struct sip *s)
{
	enum sip_kind kind = s->n_of[SIP_ROUTE] ? SIP_ROUTE : SIP_START;
	const struct sip_field *f = sip_field_at(s, kind, 0);
	if (f->is_plain && !strstr(f->value, "sips:") && !strcasestr(f->value, "tls"))
		return false;
	return sip_uri_is_tls(kind == SIP_ROUTE ? sip_route(s, 0) : sip_request_uri(s));
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
