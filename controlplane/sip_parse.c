#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip_field.h"
#include "controlplane/sip_memory.h"
#include "controlplane/sip_scan.h"
#include "crypto/wipe.h"

/* For libosip2: the lines that are its own, each with name and end. */
#define HEAD_BYTES (SIP_HEAD_BYTES + 16 * (SIP_N_HEADERS + SIP_N_LISTED) + 8)

/* --- plain messages --- */

/* Texts of the scan in the message: the values end where the scan says. */
struct texts {
	const char *from;
	char *to;
	char *spelled; /* where the next name goes that stood there compact */
	const struct sip_scan *scan;
};

static const char *same_text(const struct texts *t, const char *text, size_t n_bytes)
{
	char *at = t->to + (text - t->from);
	at[n_bytes] = '\0';
	return at;
}

static bool is_in(const struct sip_scan *scan, const char *text)
{
	return text >= scan->text && text < scan->text + scan->text_bytes;
}

static void put_field(struct sip_field *to, const struct sip_field *from, struct texts *t,
		      bool is_plain)
{
	*to = *from;
	to->own = NULL;
	to->parsed = NULL;
	to->is_plain = is_plain;
	to->value = same_text(t, from->value, from->value_bytes);
	if (!from->name) {
		to->name = sip_kind_name(from->kind);
		to->name_bytes = to->name ? (uint32_t)strlen(to->name) : 0;
	} else if (is_in(t->scan, from->name)) {
		to->name = same_text(t, from->name, from->name_bytes);
	} else {
		to->name = memcpy(t->spelled, from->name, from->name_bytes + 1);
		t->spelled += from->name_bytes + 1;
	}
}

/* The lines as the scan has them; the message has none. */
static void put_fields(struct sip *s, const struct sip_scan *scan)
{
	struct texts t = { scan->text, s->text, s->text + scan->text_bytes, scan };
	struct sip_field *next[SIP_N_KINDS];
	struct sip_field *at = s->fields;
	for (enum sip_kind kind = SIP_START; kind < SIP_N_KINDS; kind++) {
		next[kind] = at;
		at += scan->n_of[kind];
		s->n_of[kind] = (uint16_t)scan->n_of[kind];
	}
	s->n_fields = (unsigned)(at - s->fields);
	memcpy(s->text, scan->text, scan->text_bytes);
	for (unsigned i = 0; i < scan->n_fields; i++) {
		const struct sip_field *f = &scan->fields[i];
		put_field(next[f->kind]++, f, &t, f->kind != SIP_OTHER);
		if (f->kind == SIP_OTHER)
			s->other_names |= sip_name_bit(f->name, f->name_bytes);
	}
	s->text_bytes = (size_t)(t.spelled - s->text);
}

static struct sip *new_of(const struct sip_scan *scan)
{
	struct sip *s =
		sip_new(scan->n_fields, scan->text_bytes + scan->spelled_bytes, scan->body_bytes);
	if (s && scan->body_bytes)
		memcpy(s->body, scan->body, scan->body_bytes);
	return s;
}

static int take_plain(const struct sip_scan *scan, struct sip **out)
{
	struct sip *s = new_of(scan);
	if (!s)
		return -ENOMEM;
	s->status = scan->status;
	put_fields(s, scan);
	if (!sip_is_plain_complete(s)) {
		sip_free(s);
		return -EBADMSG;
	}
	*out = s;
	return 0;
}

/* --- all others --- */

static char *put_text(char *at, const char *text, size_t n_bytes)
{
	return (char *)memcpy(at, text, n_bytes) + n_bytes;
}

/* Start line and the headers that libosip2 parses. Returns its length. */
static size_t write_head(const struct sip_scan *scan, char head[static HEAD_BYTES])
{
	char *at = put_text(head, scan->start_line, strlen(scan->start_line));
	at = put_text(at, "\r\n", 2);
	for (unsigned i = 0; i < scan->n_fields; i++) {
		const struct sip_field *f = &scan->fields[i];
		const char *name = sip_kind_name(f->kind);
		if (!name)
			continue;
		at = put_text(at, name, strlen(name));
		at = put_text(at, ": ", 2);
		at = put_text(at, f->value, f->value_bytes);
		at = put_text(at, "\r\n", 2);
	}
	at = put_text(at, "\r\n", 3);
	return (size_t)(at - 1 - head);
}

/* As libosip2 prints it, if it would read that again. */
static int put_parsed(struct sip *s, enum sip_kind kind, const char *name, const void *parsed)
{
	char *text = sip_parsed_text(kind, parsed);
	if (!text)
		return -EBADMSG;
	int error = sip_field_read(s, kind, SIP_LAST, name, text);
	osip_free(text);
	return error == -EINVAL ? -EBADMSG : error;
}

static int put_list(struct sip *s, enum sip_kind kind, const osip_list_t *list)
{
	osip_list_iterator_t at;
	int error = 0;
	const void *parsed = osip_list_get_first(list, &at);
	for (; osip_list_iterator_has_elem(at) && !error; parsed = osip_list_get_next(&at))
		error = put_parsed(s, kind, NULL, parsed);
	return error;
}

static int put_vias(struct sip *s, const osip_list_t *list)
{
	osip_list_iterator_t at;
	const osip_via_t *via = osip_list_get_first(list, &at);
	for (; osip_list_iterator_has_elem(at); via = osip_list_get_next(&at)) {
		char *text = NULL;
		if (osip_via_to_str(via, &text))
			return -EBADMSG;
		int error = sip_field_insert(s, SIP_VIA, SIP_LAST, NULL, text, strlen(text));
		osip_free(text);
		if (error)
			return error;
	}
	return 0;
}

static int put_words(struct sip *s, const osip_message_t *m)
{
	char *call_id = NULL, *cseq = NULL;
	int error = -EBADMSG;
	if (!osip_call_id_to_str(m->call_id, &call_id) && !osip_cseq_to_str(m->cseq, &cseq)) {
		error = sip_field_insert(s, SIP_CALL_ID, 0, NULL, call_id, strlen(call_id));
		if (!error)
			error = sip_field_insert(s, SIP_CSEQ, 0, NULL, cseq, strlen(cseq));
	}
	osip_free(call_id);
	osip_free(cseq);
	return error;
}

static int put_start_line(struct sip *s, const osip_message_t *m)
{
	const char *reason = m->reason_phrase ? m->reason_phrase : "";
	if (!m->status_code)
		return put_parsed(s, SIP_START, m->sip_method, m->req_uri);
	s->status = m->status_code;
	return sip_field_insert(s, SIP_START, 0, NULL, reason, strlen(reason));
}

static int put_message(struct sip *s, const osip_message_t *m)
{
	int error = put_start_line(s, m);
	if (!error)
		error = put_vias(s, &m->vias);
	if (!error)
		error = put_list(s, SIP_RECORD_ROUTE, &m->record_routes);
	if (!error)
		error = put_list(s, SIP_ROUTE, &m->routes);
	if (!error)
		error = put_parsed(s, SIP_FROM, NULL, m->from);
	if (!error)
		error = put_parsed(s, SIP_TO, NULL, m->to);
	if (!error)
		error = put_words(s, m);
	if (!error)
		error = put_list(s, SIP_CONTACT, &m->contacts);
	return error;
}

/* The headers that libosip2 does not parse. */
static int put_others(struct sip *s, const struct sip_scan *scan)
{
	int error = 0;
	for (unsigned i = 0; i < scan->n_fields && !error; i++) {
		const struct sip_field *f = &scan->fields[i];
		char name[SIP_HEAD_BYTES];
		if (f->kind != SIP_OTHER)
			continue;
		memcpy(name, f->name, f->name_bytes);
		name[f->name_bytes] = '\0';
		error = sip_field_insert(s, SIP_OTHER, SIP_LAST, name, f->value, f->value_bytes);
	}
	return error;
}

static int read_head(const struct sip_scan *scan, osip_message_t *m)
{
	static char head[HEAD_BYTES]; /* too big for the stack */
	size_t n = write_head(scan, head);
	int error = osip_message_parse(m, head, n) || !sip_is_complete(m) ? -EBADMSG : 0;
	wipe(head, n);
	return error;
}

static int take_any(const struct sip_scan *scan, struct sip **out)
{
	osip_message_t *m;
	struct sip *s = new_of(scan);
	if (!s)
		return -ENOMEM;
	int error = osip_message_init(&m) ? -ENOMEM : 0;
	if (!error) {
		error = read_head(scan, m);
		if (!error)
			error = put_message(s, m);
		osip_message_free(m);
	}
	if (!error)
		error = put_others(s, scan);
	if (error)
		sip_free(s);
	else
		*out = s;
	return error;
}

static int parse(const char *bytes, size_t n_bytes, bool head_only, bool asks, struct sip **out)
{
	static struct sip_scan scan; /* too big for the stack */
	int error = sip_scan(bytes, n_bytes, head_only, &scan);
	if (!error)
		error = scan.is_plain && !asks ? take_plain(&scan, out) : take_any(&scan, out);
	wipe(scan.text, scan.text_bytes);
	return error;
}

int sip_parse(const char *bytes, size_t n_bytes, struct sip **out)
{
	return parse(bytes, n_bytes, false, false, out);
}

int sip_parse_head(const char *bytes, size_t n_bytes, struct sip **out)
{
	return parse(bytes, n_bytes, true, false, out);
}

int sip_parse_by_libosip2(const char *bytes, size_t n_bytes, bool head_only, struct sip **out)
{
	return parse(bytes, n_bytes, head_only, true, out);
}
