#include "controlplane/sip.h"

#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/random.h"
#include "controlplane/sip_field.h"
#include "controlplane/sip_memory.h"

static void ignore_trace(const char *file, int line, osip_trace_level_t level, const char *format,
			 va_list arguments)
{
}

/*
 * libosip2 copies messages without looking at what its allocations return. With a piece missing it
 * would crash or, worse, send half a message: better to end here. A restart loses no SA (C-093).
 */
static void *take_or_end(size_t n_bytes)
{
	void *p = sip_take(n_bytes);
	if (!p)
		abort();
	return p;
}

static void *take_more_or_end(void *old, size_t n_bytes)
{
	void *p = sip_take_more(old, n_bytes);
	if (!p)
		abort();
	return p;
}

void sip_init(void)
{
	osip_set_allocators(take_or_end, take_more_or_end, sip_give);
	osip_trace_initialize_func(END_TRACE_LEVEL, ignore_trace);
	for (int level = 0; level < END_TRACE_LEVEL; level++)
		osip_trace_disable_level(level);
	parser_init();
}

void sip_print_tag(uint64_t number, char out[static SIP_TAG_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	for (unsigned i = 0; i < 16; i++, number >>= 4)
		out[i] = digits[number & 15];
	out[16] = '\0';
}

void sip_random_tag(char out[static SIP_TAG_BYTES])
{
	sip_print_tag(random_number(), out);
}

/* --- made of others --- */

/* The same line in another message; `i` as sip_field_insert() has it. */
static int copy_line(struct sip *to, const struct sip *from, enum sip_kind kind, uint32_t i)
{
	const struct sip_field *f = sip_field_at(from, kind, i);
	int error = sip_field_insert(to, kind, SIP_LAST, NULL, f->value, f->value_bytes);
	if (!error)
		sip_field_at(to, kind, to->n_of[kind] - 1u)->is_plain = f->is_plain;
	return error;
}

static int copy_lines(struct sip *to, const struct sip *from, enum sip_kind kind)
{
	int error = 0;
	for (unsigned i = 0; i < from->n_of[kind] && !error; i++)
		error = copy_line(to, from, kind, i);
	return error;
}

static size_t lines_bytes(const struct sip *s, enum sip_kind first, enum sip_kind last)
{
	size_t n = 0;
	for (unsigned i = 0; i < s->n_fields; i++)
		if (s->fields[i].kind >= first && s->fields[i].kind <= last)
			n += s->fields[i].value_bytes + 1;
	return n;
}

static int add_to_tag(struct sip *s, const char *tag)
{
	char value[2 * SIP_VALUE_BYTES];
	struct sip_field *f = sip_field_at(s, SIP_TO, 0);
	size_t n_tag = strlen(tag), n = f->value_bytes;
	if (n + n_tag + 6 > sizeof(value))
		return -EMSGSIZE;
	memcpy(value, f->value, n);
	memcpy(value + n, ";tag=", 5);
	memcpy(value + n + 5, tag, n_tag);
	return sip_field_set(s, f, value, n + 5 + n_tag);
}

struct sip *sip_response(const struct sip *request, int status, const char *reason,
			 const char *to_tag)
{
	if (!reason)
		reason = osip_message_get_reason(status);
	if (!reason)
		reason = "Unknown";
	struct sip *s = sip_new(request->n_of[SIP_VIA] + 5u,
				lines_bytes(request, SIP_VIA, SIP_CSEQ) + strlen(reason) + 1, 0);
	if (!s)
		return NULL;
	s->status = status;
	if (sip_field_insert(s, SIP_START, 0, NULL, reason, strlen(reason)) ||
	    copy_lines(s, request, SIP_VIA) || copy_line(s, request, SIP_FROM, 0) ||
	    copy_line(s, request, SIP_TO, 0) || copy_line(s, request, SIP_CALL_ID, 0) ||
	    copy_line(s, request, SIP_CSEQ, 0))
		goto free_response;
	if (status > 100 && to_tag && !sip_to_tag(s) && add_to_tag(s, to_tag))
		goto free_response;
	return s;

free_response:
	sip_free(s);
	return NULL;
}

static int set_cseq(struct sip *s, uint32_t number, const char *method)
{
	char value[64];
	int n = snprintf(value, sizeof(value), "%u %s", number, method);
	return n < 0 || (size_t)n >= sizeof(value)
		       ? -EINVAL
		       : sip_field_insert(s, SIP_CSEQ, 0, NULL, value, (size_t)n);
}

struct sip *sip_request(const char *method, const char *uri, const char *from, const char *to,
			const char *call_id, uint32_t cseq)
{
	struct sip *s = sip_new(6, strlen(uri) + strlen(from) + strlen(to) + strlen(call_id), 0);
	if (!s)
		return NULL;
	if (sip_field_read(s, SIP_START, 0, method, uri) ||
	    sip_field_read(s, SIP_FROM, 0, NULL, from) || sip_field_read(s, SIP_TO, 0, NULL, to) ||
	    sip_field_read(s, SIP_CALL_ID, 0, NULL, call_id) || set_cseq(s, cseq, method)) {
		sip_free(s);
		return NULL;
	}
	return s;
}

struct sip *sip_follow(const struct sip *invite, const char *method, const struct sip *to)
{
	const struct sip_field *start = sip_field_at(invite, SIP_START, 0);
	struct sip *s =
		sip_new(8u + invite->n_of[SIP_ROUTE], lines_bytes(invite, SIP_START, SIP_CSEQ), 0);
	if (!s)
		return NULL;
	if (sip_field_insert(s, SIP_START, 0, method, start->value, start->value_bytes) ||
	    copy_line(s, invite, SIP_VIA, 0) || copy_lines(s, invite, SIP_ROUTE) ||
	    copy_line(s, invite, SIP_FROM, 0) || copy_line(s, to, SIP_TO, 0) ||
	    copy_line(s, invite, SIP_CALL_ID, 0) || set_cseq(s, sip_cseq(invite), method) ||
	    sip_header_add(s, "Max-Forwards", "70")) {
		sip_free(s);
		return NULL;
	}
	return s;
}

int sip_body_set(struct sip *s, const char *type, const char *bytes, size_t n_bytes)
{
	int error = sip_header_set(s, "Content-Type", type);
	if (error || !n_bytes)
		return error;
	char *body = sip_take(n_bytes);
	if (!body)
		return -ENOMEM;
	if (s->owns_body)
		sip_give(s->body);
	s->body = memcpy(body, bytes, n_bytes);
	s->body_bytes = n_bytes;
	s->owns_body = true;
	return 0;
}

/* --- what a message says --- */

bool sip_is_request(const struct sip *s)
{
	return s->status == 0;
}

bool sip_is(const struct sip *s, const char *method)
{
	return sip_is_request(s) && !strcmp(s->fields->name, method);
}

int sip_status(const struct sip *s)
{
	return s->status;
}

const char *sip_reason(const struct sip *s)
{
	return s->fields->value;
}

const char *sip_method(const struct sip *s)
{
	return strchr(sip_value(s, SIP_CSEQ, 0), ' ') + 1;
}

uint32_t sip_cseq(const struct sip *s)
{
	return (uint32_t)strtoul(sip_value(s, SIP_CSEQ, 0), NULL, 10);
}

int sip_call_id(const struct sip *s, char *out, size_t out_bytes)
{
	const struct sip_field *f = sip_field_at(s, SIP_CALL_ID, 0);
	if (f->value_bytes >= out_bytes)
		return -EMSGSIZE;
	memcpy(out, f->value, f->value_bytes + 1);
	return (int)f->value_bytes;
}

bool sip_begins_dialog(const struct sip *s)
{
	return !sip_to_tag(s) &&
	       (sip_is(s, "INVITE") || sip_is(s, "SUBSCRIBE") || sip_is(s, "REFER"));
}

static const void *parsed_at(const struct sip *s, enum sip_kind kind, unsigned i)
{
	struct sip_field *f = sip_field_at(s, kind, i);
	return f ? sip_field_parsed(f) : NULL;
}

const osip_uri_t *sip_request_uri(const struct sip *s)
{
	return sip_is_request(s) ? parsed_at(s, SIP_START, 0) : NULL;
}

const osip_from_t *sip_from(const struct sip *s)
{
	return parsed_at(s, SIP_FROM, 0);
}

const osip_to_t *sip_to(const struct sip *s)
{
	return parsed_at(s, SIP_TO, 0);
}

const osip_contact_t *sip_contact(const struct sip *s, unsigned i)
{
	return parsed_at(s, SIP_CONTACT, i);
}

int sip_contact_add(struct sip *s, const char *value)
{
	return sip_field_read(s, SIP_CONTACT, SIP_LAST, NULL, value);
}

/*
 * What most Froms and Tos look like: the tag is the only parameter, and its end that of the value.
 * NULL: libosip2 has to say.
 */
static const char *plain_tag(const struct sip_field *f)
{
	const char *end = f->is_plain ? strchr(f->value, '>') : NULL;
	return end && !strncmp(end, ">;tag=", 6) && !strchr(end + 6, ';') ? end + 6 : NULL;
}

static const char *tag_of(struct sip_field *f)
{
	osip_generic_param_t *tag = NULL;
	const char *plain = plain_tag(f);
	if (plain || (f->is_plain && f->value[f->value_bytes - 1] == '>'))
		return plain;
	osip_from_t *party = sip_field_parsed(f);
	if (!party || osip_from_get_tag(party, &tag) || !tag)
		return NULL;
	return tag->gvalue;
}

const char *sip_to_tag(const struct sip *s)
{
	return tag_of(sip_field_at(s, SIP_TO, 0));
}

const char *sip_from_tag(const struct sip *s)
{
	return tag_of(sip_field_at(s, SIP_FROM, 0));
}
