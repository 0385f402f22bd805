/*
 * What is in a URI, of To, Contact or by itself, without libosip2 where it is plain: most are, and
 * each parse of its makes a dozen pieces of memory.
 */
#include "controlplane/sip_uri.h"

#include <ctype.h>
#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_field.h"
#include "controlplane/sip_plain.h"
#include "controlplane/sip_scan.h"

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
static struct parts parts_of_plain(const char *uri)
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
	return p;
}

static int aor_of_plain(const char *uri, char *out, size_t out_bytes)
{
	struct parts p = parts_of_plain(uri);
	return print_aor(&p, out, out_bytes);
}

static bool is_sip(const char *uri)
{
	return !strncmp(uri, "sip", 3);
}

int sip_to_aor(const struct sip *s, char *out, size_t out_bytes)
{
	const struct sip_field *f = sip_field_at(s, SIP_TO, 0);
	if (f->is_plain && f->value[0] == '<' && is_sip(f->value + 1))
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
	if (is_sip(uri_text) && sip_plain_uri_bytes(uri_text) == n)
		return aor_of_plain(uri_text, out, out_bytes);
	if (strstr(uri_text, "%00") || sip_scan_params(uri_text, n) > SIP_N_PARAMS)
		return -EINVAL;
	osip_uri_t *uri;
	if (osip_uri_init(&uri))
		return -EINVAL;
	int result = osip_uri_parse(uri, uri_text) ? -EINVAL : sip_aor(uri, out, out_bytes);
	osip_uri_free(uri);
	return result;
}

/* --- Contact --- */

int sip_contact_host(const struct sip *s, unsigned i, struct address *out)
{
	const struct sip_field *f = sip_field_at(s, SIP_CONTACT, i);
	const char *open = f && f->is_plain ? strchr(f->value, '<') : NULL;
	char host[ADDRESS_TEXT_BYTES];
	if (open && is_sip(open + 1)) {
		struct parts p = parts_of_plain(open + 1);
		if (p.host_bytes >= sizeof(host))
			return -EINVAL;
		memcpy(host, p.host, p.host_bytes);
		host[p.host_bytes] = '\0';
		return address_parse(host, 0, out);
	}
	const osip_contact_t *contact = sip_contact(s, i);
	const char *named = contact && contact->url ? contact->url->host : NULL;
	return named ? address_parse(named, 0, out) : -EINVAL;
}

/* Of a plain value: the parameters are what follows its URI. NULL: none of this name. */
static const char *plain_param(const char *value, const char *name, size_t *n_bytes)
{
	const char *at = strchr(value, '>');
	size_t name_bytes = strlen(name);
	while (at && (at = strchr(at, ';'))) {
		const char *start = ++at;
		size_t n = strcspn(at, ";=");
		at += n;
		size_t n_value = *at != '='     ? 0
				 : at[1] == '"' ? strcspn(at + 2, "\"") + 2
						: strcspn(at + 1, ";");
		if (n == name_bytes && !strncasecmp(start, name, n)) {
			*n_bytes = n_value;
			return at + (*at == '=');
		}
		at += n_value + (*at == '=');
	}
	return NULL;
}

int sip_contact_param(const struct sip *s, unsigned i, const char *name, char *out,
		      size_t out_bytes)
{
	const struct sip_field *f = sip_field_at(s, SIP_CONTACT, i);
	osip_generic_param_t *param = NULL;
	const char *value = NULL;
	size_t n = 0;
	if (f && f->is_plain) {
		value = plain_param(f->value, name, &n);
	} else {
		osip_contact_t *contact = (osip_contact_t *)sip_contact(s, i);
		if (contact && !osip_contact_param_get_byname(contact, (char *)name, &param) &&
		    param)
			value = param->gvalue ? param->gvalue : "";
		n = value ? strlen(value) : 0;
	}
	if (!value)
		return -ENOENT;
	if (n >= out_bytes)
		return -EMSGSIZE;
	memcpy(out, value, n);
	out[n] = '\0';
	return (int)n;
}
