#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_field.h"

/* --- Via: any that libosip2 and sip_check.c took is printed so that this reads it --- */

/* Cuts `at` at the next of the marks. What is behind it; NULL: the text ends first. */
static char *cut(char *at, const char *marks, char *mark)
{
	char *end = strpbrk(at, marks);
	if (!end)
		return NULL;
	*mark = *end;
	*end = '\0';
	return end + 1;
}

static unsigned count_params(const char *value)
{
	unsigned n = 0;
	while ((value = strchr(value, ';'))) {
		value++;
		n++;
	}
	return n;
}

/* [host] or [host:port], without what follows. */
static void read_sent_by(struct sip_via *via, char *at)
{
	char mark;
	via->host = at;
	if (*at != '[') {
		via->port = cut(at, ":", &mark);
		return;
	}
	via->host = at + 1;
	char *behind = cut(at + 1, "]", &mark);
	via->port = behind && *behind == ':' ? behind + 1 : NULL;
}

static struct sip_via *parse_via(const char *value, size_t value_bytes)
{
	unsigned n_params = count_params(value);
	struct sip_via *via =
		osip_malloc(sizeof(*via) + n_params * sizeof(via->params[0]) + value_bytes + 1);
	if (!via)
		return NULL;
	char mark;
	char *text = memcpy(&via->params[n_params], value, value_bytes + 1);
	char *protocol = strrchr(text, '/') ? strchr(strchr(text, '/') + 1, '/') : NULL;
	char *sent_by = protocol ? cut(++protocol, " ", &mark) : NULL;
	if (!sent_by) {
		osip_free(via);
		return NULL;
	}
	via->protocol = protocol;
	via->n_params = n_params;
	char *next = cut(sent_by, ";", &mark);
	read_sent_by(via, sent_by);
	for (unsigned i = 0; i < n_params; i++) {
		char *at = next;
		next = cut(at, ";", &mark);
		via->params[i].name = at;
		via->params[i].value = cut(at, "=", &mark);
	}
	return via;
}

/* --- what libosip2 parses --- */

static osip_uri_t *parse_uri(const char *value)
{
	osip_uri_t *uri;
	if (osip_uri_init(&uri))
		return NULL;
	if (!osip_uri_parse(uri, value))
		return uri;
	osip_uri_free(uri);
	return NULL;
}

/* All of these are the same struct to libosip2, but each has a grammar of its own. */
static osip_from_t *parse_party(enum sip_kind kind, const char *value)
{
	osip_from_t *party;
	if (osip_from_init(&party))
		return NULL;
	int error = kind == SIP_TO             ? osip_to_parse(party, value)
		    : kind == SIP_FROM         ? osip_from_parse(party, value)
		    : kind == SIP_CONTACT      ? osip_contact_parse(party, value)
		    : kind == SIP_RECORD_ROUTE ? osip_record_route_parse(party, value)
					       : osip_route_parse(party, value);
	if (!error)
		return party;
	osip_from_free(party);
	return NULL;
}

static void *parse(enum sip_kind kind, const char *value, size_t value_bytes)
{
	switch (kind) {
	case SIP_START:
		return parse_uri(value);
	case SIP_VIA:
		return parse_via(value, value_bytes);
	case SIP_RECORD_ROUTE:
	case SIP_ROUTE:
	case SIP_FROM:
	case SIP_TO:
	case SIP_CONTACT:
		return parse_party(kind, value);
	default:
		return NULL;
	}
}

static void free_parsed(enum sip_kind kind, void *parsed)
{
	if (kind == SIP_VIA) {
		osip_free(parsed);
		return;
	}
	if (kind == SIP_START)
		osip_uri_free(parsed);
	else
		osip_from_free(parsed);
}

void *sip_field_parsed(struct sip_field *f)
{
	if (!f->parsed)
		f->parsed = parse(f->kind, f->value, f->value_bytes);
	return f->parsed;
}

void sip_field_unparse(struct sip_field *f)
{
	if (f->parsed)
		free_parsed(f->kind, f->parsed);
	f->parsed = NULL;
}

char *sip_parsed_text(enum sip_kind kind, const void *parsed)
{
	char *text = NULL;
	int error = kind == SIP_START          ? osip_uri_to_str(parsed, &text)
		    : kind == SIP_TO           ? osip_to_to_str(parsed, &text)
		    : kind == SIP_FROM         ? osip_from_to_str(parsed, &text)
		    : kind == SIP_CONTACT      ? osip_contact_to_str(parsed, &text)
		    : kind == SIP_RECORD_ROUTE ? osip_record_route_to_str(parsed, &text)
					       : osip_route_to_str(parsed, &text);
	return error ? NULL : text;
}

/* A number or word that is no struct of libosip2's after all. */
static int canonical_word(enum sip_kind kind, const char *value, char **text)
{
	osip_call_id_t *call_id = NULL;
	osip_cseq_t *cseq = NULL;
	int error;
	*text = NULL;
	if (kind == SIP_CALL_ID) {
		error = osip_call_id_init(&call_id) || osip_call_id_parse(call_id, value) ||
			osip_call_id_to_str(call_id, text);
		osip_call_id_free(call_id);
	} else {
		error = osip_cseq_init(&cseq) || osip_cseq_parse(cseq, value) ||
			osip_cseq_to_str(cseq, text);
		osip_cseq_free(cseq);
	}
	return error ? -EINVAL : 0;
}

int sip_canonical(enum sip_kind kind, const char *value, char **text)
{
	if (kind == SIP_CALL_ID || kind == SIP_CSEQ)
		return canonical_word(kind, value, text);
	void *parsed = parse(kind, value, strlen(value));
	if (!parsed)
		return -EINVAL;
	*text = sip_parsed_text(kind, parsed);
	free_parsed(kind, parsed);
	parsed = *text ? parse(kind, *text, strlen(*text)) : NULL;
	if (!parsed) { /* nobody could read what we would send */
		osip_free(*text);
		*text = NULL;
		return -EINVAL;
	}
	free_parsed(kind, parsed);
	return 0;
}
