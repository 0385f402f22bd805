#include "controlplane/sip.h"

#include <ctype.h>
#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

static int host_address(const char *host, const char *port, bool tls, struct address *out)
{
	uint16_t number = port_number(port, tls);
	if (!host || !number)
		return -EINVAL;
	return address_parse(host, number, out);
}

const osip_via_t *sip_via(const struct sip *s, unsigned i)
{
	return osip_list_get(&s->osip->vias, (int)i);
}

static osip_generic_param_t *via_param(const osip_via_t *via, const char *name)
{
	osip_list_iterator_t at;
	osip_generic_param_t *p = osip_list_get_first(&via->via_params, &at);
	for (; osip_list_iterator_has_elem(at); p = osip_list_get_next(&at))
		if (p->gname && !strcasecmp(p->gname, name))
			return p;
	return NULL;
}

const char *sip_via_param(const osip_via_t *via, const char *name)
{
	const osip_generic_param_t *p = via_param(via, name);
	return p ? p->gvalue : NULL;
}

int sip_via_push(struct sip *s, const struct address *sent_by, const char *branch, bool tcp)
{
	char host[ADDRESS_TEXT_BYTES], line[256];
	osip_via_t *via;
	snprintf(line, sizeof(line), "SIP/2.0/%s %s;branch=%s", tcp ? "TCP" : "UDP",
		 address_print(sent_by, host), branch);
	if (osip_via_init(&via))
		return -ENOMEM;
	if (osip_via_parse(via, line) || osip_list_add(&s->osip->vias, via, 0) < 0) {
		osip_via_free(via);
		return -ENOMEM;
	}
	return 0;
}

int sip_via_set_protocol(struct sip *s, const char *protocol)
{
	osip_via_t *via = osip_list_get(&s->osip->vias, 0);
	char *own = osip_strdup(protocol);
	if (!via || !own) {
		osip_free(own);
		return -ENOMEM;
	}
	osip_free(via->protocol);
	via->protocol = own;
	return 0;
}

int sip_via_set_tcp(struct sip *s, bool tcp)
{
	return sip_via_set_protocol(s, tcp ? "TCP" : "UDP");
}

void sip_via_pop(struct sip *s)
{
	osip_via_t *via = osip_list_get(&s->osip->vias, 0);
	if (!via)
		return;
	osip_list_remove(&s->osip->vias, 0);
	osip_via_free(via);
}

static void via_param_remove(osip_via_t *via, const char *name)
{
	osip_list_iterator_t at;
	osip_generic_param_t *p = osip_list_get_first(&via->via_params, &at);
	while (osip_list_iterator_has_elem(at)) {
		if (!p->gname || strcasecmp(p->gname, name)) {
			p = osip_list_get_next(&at);
			continue;
		}
		osip_generic_param_t *next = osip_list_iterator_remove(&at);
		osip_generic_param_free(p);
		p = next;
	}
}

static int via_param_add(osip_via_t *via, const char *name, const char *value)
{
	char *own_name = osip_strdup(name);
	char *own_value = osip_strdup(value);
	if (!own_name || !own_value ||
	    osip_generic_param_add(&via->via_params, own_name, own_value)) {
		osip_free(own_name);
		osip_free(own_value);
		return -ENOMEM;
	}
	return 0;
}

int sip_via_received(struct sip *s, const struct address *source)
{
	osip_via_t *via = osip_list_get(&s->osip->vias, 0);
	struct address sent_by;
	bool wants_port = via_param(via, "rport") != NULL;
	bool differs =
		address_parse(via->host, 0, &sent_by) || !address_same_host(&sent_by, source);
	via_param_remove(via, "received"); /* the sender's own is worth nothing */
	via_param_remove(via, "rport");
	char text[ADDRESS_TEXT_BYTES];
	if (differs || wants_port) {
		address_print_host(source, text);
		char *host = text;
		if (source->family == 6) { /* no brackets here: RFC 3261 25.1 via-received */
			host++;
			host[strlen(host) - 1] = '\0';
		}
		int error = via_param_add(via, "received", host);
		if (error)
			return error;
	}
	if (!wants_port)
		return 0;
	snprintf(text, sizeof(text), "%u", source->port);
	return via_param_add(via, "rport", text);
}

int sip_via_target(const struct sip *s, bool tcp, struct address *out)
{
	const osip_via_t *via = sip_via(s, 0);
	if (!via)
		return -EINVAL;
	const char *received = sip_via_param(via, "received");
	const char *rport = sip_via_param(via, "rport");
	return host_address(received ? received : via->host, rport && !tcp ? rport : via->port,
			    via->protocol && !strcasecmp(via->protocol, "TLS"), out);
}

static const osip_uri_t *route_uri(const osip_list_t *list, unsigned i)
{
	const osip_route_t *route = osip_list_get(list, (int)i);
	return route ? route->url : NULL;
}

const osip_uri_t *sip_route(const struct sip *s, unsigned i)
{
	return route_uri(&s->osip->routes, i);
}

void sip_route_pop(struct sip *s)
{
	osip_route_t *route = osip_list_get(&s->osip->routes, 0);
	if (!route)
		return;
	osip_list_remove(&s->osip->routes, 0);
	osip_route_free(route);
}

void sip_routes_clear(struct sip *s)
{
	while (osip_list_size(&s->osip->routes) > 0)
		sip_route_pop(s);
}

static int push_uri(osip_list_t *list, const char *uri)
{
	char line[SIP_VALUE_BYTES];
	osip_route_t *route;
	if ((size_t)snprintf(line, sizeof(line), "<%s>", uri) >= sizeof(line))
		return -EINVAL;
	if (osip_route_init(&route))
		return -ENOMEM;
	int error = osip_route_parse(route, line) ? -EINVAL : 0;
	if (!error && osip_list_add(list, route, 0) < 0)
		error = -ENOMEM;
	if (error)
		osip_route_free(route);
	return error;
}

int sip_route_push(struct sip *s, const char *uri)
{
	return push_uri(&s->osip->routes, uri);
}

int sip_record_route_push(struct sip *s, const char *uri)
{
	return push_uri(&s->osip->record_routes, uri);
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
	return host_address(uri->host, uri->port, sip_uri_is_tls(uri), out);
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
	const osip_uri_t *uri = route ? route : s->osip->req_uri;
	*tcp = sip_uri_is_tcp(uri);
	return sip_uri_address(uri, out);
}

int sip_request_uri_set(struct sip *s, const char *uri)
{
	osip_uri_t *parsed;
	if (osip_uri_init(&parsed))
		return -ENOMEM;
	if (osip_uri_parse(parsed, uri)) {
		osip_uri_free(parsed);
		return -EINVAL;
	}
	if (s->osip->req_uri)
		osip_uri_free(s->osip->req_uri);
	s->osip->req_uri = parsed;
	return 0;
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
	int n = snprintf(out, out_bytes, "%s:%s%s%s", uri->scheme,
			 uri->username ? uri->username : "", uri->username ? "@" : "", uri->host);
	if (n < 0 || (size_t)n >= out_bytes)
		return -EMSGSIZE;
	for (char *c = out; *c && *c != ':'; c++)
		*c = (char)tolower((unsigned char)*c);
	for (char *c = out + n - strlen(uri->host); *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return is_printable(out) ? n : -EINVAL;
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
