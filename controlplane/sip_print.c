#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip.h"
#include "controlplane/sip_memory.h"
#include "crypto/wipe.h"

/* A message in the making; what does not fit makes it too long for good. */
struct print {
	char at[SIP_MESSAGE_BYTES];
	size_t n_bytes;
	bool too_long;
	bool broken; /* libosip2 could not write a part of it */
};

static void put(struct print *p, const char *text, size_t n_bytes)
{
	if (n_bytes > sizeof(p->at) - p->n_bytes) {
		p->too_long = true;
		return;
	}
	memcpy(p->at + p->n_bytes, text, n_bytes);
	p->n_bytes += n_bytes;
}

static void put_text(struct print *p, const char *text)
{
	put(p, text, strlen(text));
}

static void put_field(struct print *p, const char *name, size_t name_bytes, const char *value,
		      size_t value_bytes)
{
	put(p, name, name_bytes);
	put(p, ": ", 2);
	put(p, value, value_bytes);
	put(p, "\r\n", 2);
}

typedef int to_text(const void *parsed, char **text);

/* One that libosip2 has parsed; NULL: there is none. */
static void put_parsed(struct print *p, const char *name, const void *parsed, to_text *write)
{
	char *text;
	if (!parsed)
		return;
	if (write(parsed, &text)) {
		p->broken = true;
		return;
	}
	put_field(p, name, strlen(name), text, strlen(text));
	osip_free(text);
}

static void put_list(struct print *p, const char *name, const osip_list_t *list, to_text *write)
{
	osip_list_iterator_t at;
	const void *parsed = osip_list_get_first(list, &at);
	for (; osip_list_iterator_has_elem(at); parsed = osip_list_get_next(&at))
		put_parsed(p, name, parsed, write);
}

static void put_start_line(struct print *p, const osip_message_t *m)
{
	char status[16], *uri;
	if (m->status_code) {
		snprintf(status, sizeof(status), " %d ", m->status_code);
		put_text(p, m->sip_version);
		put_text(p, status);
		put_text(p, m->reason_phrase ? m->reason_phrase : "");
	} else if (osip_uri_to_str(m->req_uri, &uri)) {
		p->broken = true;
	} else {
		put_text(p, m->sip_method);
		put(p, " ", 1);
		put_text(p, uri);
		put(p, " ", 1);
		put_text(p, m->sip_version);
		osip_free(uri);
	}
	put(p, "\r\n", 2);
}

static void put_message(struct print *p, const struct sip *s)
{
	const osip_message_t *m = s->osip;
	char length[24];
	put_start_line(p, m);
	put_list(p, "Via", &m->vias, (to_text *)osip_via_to_str);
	put_list(p, "Record-Route", &m->record_routes, (to_text *)osip_record_route_to_str);
	put_list(p, "Route", &m->routes, (to_text *)osip_route_to_str);
	put_parsed(p, "From", m->from, (to_text *)osip_from_to_str);
	put_parsed(p, "To", m->to, (to_text *)osip_to_to_str);
	put_parsed(p, "Call-ID", m->call_id, (to_text *)osip_call_id_to_str);
	put_parsed(p, "CSeq", m->cseq, (to_text *)osip_cseq_to_str);
	put_list(p, "Contact", &m->contacts, (to_text *)osip_contact_to_str);
	for (unsigned i = 0; i < s->n_fields; i++) {
		const struct sip_field *f = &s->fields[i];
		put_field(p, f->name, f->name_bytes, f->value, f->value_bytes);
	}
	snprintf(length, sizeof(length), "%zu", s->body_bytes);
	put_field(p, "Content-Length", strlen("Content-Length"), length, strlen(length));
	put(p, "\r\n", 2);
	if (s->body_bytes)
		put(p, s->body, s->body_bytes);
}

static void *take_malloc(size_t n_bytes)
{
	return malloc(n_bytes);
}

static int print(const struct sip *s, void *(*take)(size_t n_bytes), char **text, size_t *n_bytes)
{
	static struct print p; /* too big for the stack */
	p.n_bytes = 0;
	p.too_long = p.broken = false;
	put_message(&p, s);
	char *copy = p.broken || p.too_long ? NULL : take(p.n_bytes);
	int error = p.too_long ? -EMSGSIZE : copy ? 0 : -ENOMEM;
	if (copy) {
		memcpy(copy, p.at, p.n_bytes);
		*text = copy;
		*n_bytes = p.n_bytes;
	}
	wipe(p.at, p.n_bytes); /* SM4 carries keys */
	return error;
}

int sip_print(const struct sip *s, char **text, size_t *n_bytes)
{
	return print(s, take_malloc, text, n_bytes);
}

int sip_print_taken(const struct sip *s, char **text, size_t *n_bytes)
{
	return print(s, sip_take, text, n_bytes);
}
