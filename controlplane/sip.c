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
#include "controlplane/sip_scan.h"
#include "crypto/wipe.h"

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

void sip_random_tag(char out[static SIP_TAG_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t number = random_number();
	for (unsigned i = 0; i < 16; i++, number >>= 4)
		out[i] = digits[number & 15];
	out[16] = '\0';
}

static int set_body(struct sip *s, const char *bytes, size_t n_bytes)
{
	if (!n_bytes)
		return 0;
	s->body = malloc(n_bytes);
	if (!s->body)
		return -ENOMEM;
	memcpy(s->body, bytes, n_bytes);
	s->body_bytes = n_bytes;
	return 0;
}

static struct sip *sip_new(void)
{
	struct sip *s = calloc(1, sizeof(*s));
	if (s && osip_message_init(&s->osip)) {
		free(s);
		return NULL;
	}
	return s;
}

void sip_free(struct sip *s)
{
	if (!s)
		return;
	osip_message_free(s->osip);
	sip_fields_clear(s);
	free(s->body);
	free(s);
}

static int parse_scanned(const struct sip_scan *scan, struct sip *s)
{
	if (osip_message_parse(s->osip, scan->head, scan->head_bytes) || !sip_is_complete(s->osip))
		return -EBADMSG;
	int error = sip_fields_fill(s, scan->others, scan->n_others);
	return error ? error : set_body(s, scan->body, scan->body_bytes);
}

static int parse(const char *bytes, size_t n_bytes, bool head_only, struct sip **out)
{
	static struct sip_scan scan; /* too big for the stack */
	struct sip *s = sip_new();
	if (!s)
		return -ENOMEM;
	int error = sip_scan(bytes, n_bytes, head_only, &scan);
	if (!error)
		error = parse_scanned(&scan, s);
	wipe(scan.line, scan.line_bytes);
	if (error) {
		sip_free(s);
		return error;
	}
	*out = s;
	return 0;
}

int sip_parse(const char *bytes, size_t n_bytes, struct sip **out)
{
	return parse(bytes, n_bytes, false, out);
}

int sip_parse_head(const char *bytes, size_t n_bytes, struct sip **out)
{
	return parse(bytes, n_bytes, true, out);
}

struct sip *sip_clone(const struct sip *s)
{
	struct sip *copy = calloc(1, sizeof(*copy));
	if (!copy)
		return NULL;
	if (osip_message_clone(s->osip, &copy->osip)) {
		free(copy);
		return NULL;
	}
	if (sip_fields_fill(copy, s->fields, s->n_fields) ||
	    set_body(copy, s->body, s->body_bytes)) {
		sip_free(copy);
		return NULL;
	}
	return copy;
}

static int copy_dialog_headers(const osip_message_t *from, osip_message_t *to)
{
	if (osip_list_clone(&from->vias, &to->vias, (int (*)(void *, void **))osip_via_clone) ||
	    osip_from_clone(from->from, &to->from) || osip_to_clone(from->to, &to->to) ||
	    osip_call_id_clone(from->call_id, &to->call_id) ||
	    osip_cseq_clone(from->cseq, &to->cseq))
		return -ENOMEM;
	return 0;
}

struct sip *sip_response(const struct sip *request, int status, const char *reason,
			 const char *to_tag)
{
	struct sip *s = sip_new();
	if (!s)
		return NULL;
	if (!reason)
		reason = osip_message_get_reason(status);
	s->osip->status_code = status;
	s->osip->sip_version = osip_strdup("SIP/2.0");
	s->osip->reason_phrase = osip_strdup(reason ? reason : "Unknown");
	if (!s->osip->sip_version || !s->osip->reason_phrase ||
	    copy_dialog_headers(request->osip, s->osip))
		goto free_response;
	if (status > 100 && to_tag && !sip_to_tag(s)) {
		char *tag = osip_strdup(to_tag);
		if (!tag || osip_to_set_tag(s->osip->to, tag))
			goto free_response;
	}
	return s;

free_response:
	sip_free(s);
	return NULL;
}

struct sip *sip_request(const char *method, const char *uri, const char *from, const char *to,
			const char *call_id, uint32_t cseq)
{
	char number[64];
	struct sip *s = sip_new();
	if (!s)
		return NULL;
	snprintf(number, sizeof(number), "%u %s", cseq, method);
	osip_message_set_method(s->osip, osip_strdup(method));
	osip_message_set_version(s->osip, osip_strdup("SIP/2.0"));
	if (sip_request_uri_set(s, uri) || osip_message_set_from(s->osip, from) ||
	    osip_message_set_to(s->osip, to) || osip_message_set_call_id(s->osip, call_id) ||
	    osip_message_set_cseq(s->osip, number)) {
		sip_free(s);
		return NULL;
	}
	return s;
}

int sip_body_set(struct sip *s, const char *type, const char *bytes, size_t n_bytes)
{
	int error = sip_header_set(s, "Content-Type", type);
	return error ? error : set_body(s, bytes, n_bytes);
}

bool sip_is_request(const struct sip *s)
{
	return s->osip->status_code == 0;
}

bool sip_is(const struct sip *s, const char *method)
{
	return sip_is_request(s) && !strcmp(s->osip->sip_method, method);
}

int sip_status(const struct sip *s)
{
	return s->osip->status_code;
}

const char *sip_method(const struct sip *s)
{
	return s->osip->cseq->method;
}

int sip_call_id(const struct sip *s, char *out, size_t out_bytes)
{
	const osip_call_id_t *c = s->osip->call_id;
	int n = snprintf(out, out_bytes, c->host ? "%s@%s" : "%s", c->number, c->host);
	return n >= 0 && (size_t)n < out_bytes ? n : -EMSGSIZE;
}

bool sip_begins_dialog(const struct sip *s)
{
	return !sip_to_tag(s) &&
	       (sip_is(s, "INVITE") || sip_is(s, "SUBSCRIBE") || sip_is(s, "REFER"));
}

const char *sip_to_tag(const struct sip *s)
{
	osip_generic_param_t *tag = NULL;
	if (osip_to_get_tag(s->osip->to, &tag) || !tag)
		return NULL;
	return tag->gvalue;
}
