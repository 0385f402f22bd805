#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_scan.h"

#define MAX_METHOD_BYTES 32

static bool is_number(const char *s)
{
	return s && *s && strspn(s, "0123456789") == strlen(s);
}

static bool is_made_of(const char *s, const char *more)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(more, *s))
			return false;
	return true;
}

#define TOKEN_MARKS "-.!%*_+`'~" /* RFC 3261 25.1, besides letters and digits */

/* via-params, rr-param: a token, or a host in brackets, or one whole quoted string. */
static bool are_good_params(const osip_list_t *params)
{
	osip_list_iterator_t at;
	const osip_generic_param_t *p = osip_list_get_first(params, &at);
	for (; osip_list_iterator_has_elem(at); p = osip_list_get_next(&at)) {
		if (!p->gname || !*p->gname || !is_made_of(p->gname, TOKEN_MARKS))
			return false;
		if (p->gvalue && *p->gvalue != '"' && !is_made_of(p->gvalue, TOKEN_MARKS "[]:"))
			return false;
	}
	return true;
}

/* libosip2 takes almost anything for a Via: RFC 3261 20.42. */
static bool is_via(const osip_via_t *via)
{
	if (!via->version || !via->protocol || !via->host || strcmp(via->version, "2.0"))
		return false;
	if (!*via->protocol || !is_made_of(via->protocol, TOKEN_MARKS) || !*via->host)
		return false;
	return is_made_of(via->host, "-._:[]") && (!via->port || is_number(via->port)) &&
	       !via->comment && are_good_params(&via->via_params);
}

static bool has_good_vias(const osip_message_t *m)
{
	osip_list_iterator_t at;
	const osip_via_t *via = osip_list_get_first(&m->vias, &at);
	for (; osip_list_iterator_has_elem(at); via = osip_list_get_next(&at))
		if (!is_via(via))
			return false;
	return osip_list_size(&m->vias) > 0;
}

/* Nor is anything wrong between two routes for it, which then is printed as a part of one. */
static bool has_good_routes(const osip_list_t *routes)
{
	osip_list_iterator_t at;
	const osip_route_t *route = osip_list_get_first(routes, &at);
	for (; osip_list_iterator_has_elem(at); route = osip_list_get_next(&at))
		if (!route->url || !are_good_params(&route->gen_params))
			return false;
	return true;
}

/* RFC 3261 8.1.1.5 */
static bool is_cseq_number(const char *number)
{
	return strtoul(number, NULL, 10) <= INT32_MAX;
}

bool sip_is_plain_complete(const struct sip *s)
{
	const char *cseq = sip_value(s, SIP_CSEQ, 0), *method = sip_method(s);
	if (!is_cseq_number(cseq) || strlen(method) > MAX_METHOD_BYTES)
		return false;
	if (s->status)
		return s->status >= 100 && s->status <= 699;
	return sip_is(s, method);
}

/* What sip.h promises of every message that parses. */
bool sip_is_complete(const osip_message_t *m)
{
	if (!m->sip_version || strcasecmp(m->sip_version, "SIP/2.0"))
		return false;
	if (!m->cseq || !is_number(m->cseq->number) || !m->cseq->method || !*m->cseq->method)
		return false;
	if (strlen(m->cseq->number) > 10 || !is_cseq_number(m->cseq->number))
		return false;
	if (strlen(m->cseq->method) > MAX_METHOD_BYTES)
		return false;
	if (!m->call_id || !m->call_id->number || !m->from || !m->from->url || !m->to ||
	    !m->to->url)
		return false;
	if (!has_good_vias(m) || !has_good_routes(&m->routes) ||
	    !has_good_routes(&m->record_routes))
		return false;
	if (m->status_code)
		return m->status_code >= 100 && m->status_code <= 699;
	if (!m->sip_method || !m->req_uri || strcmp(m->sip_method, m->cseq->method))
		return false;
	return osip_list_size(&m->req_uri->url_headers) == 0; /* RFC 3261 19.1.1 */
}
