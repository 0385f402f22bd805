#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_field.h"

#define VERSION       "SIP/2.0/"
#define VERSION_BYTES 8
/* A value that was read, and what is added here: received and rport. */
#define VIA_BYTES (SIP_VALUE_BYTES + 2 * ADDRESS_TEXT_BYTES)

const struct sip_via *sip_via(const struct sip *s, unsigned i)
{
	struct sip_field *f = sip_field_at(s, SIP_VIA, i);
	return f ? sip_field_parsed(f) : NULL;
}

static bool has_param(const struct sip_via *via, const char *name)
{
	for (unsigned i = 0; i < via->n_params; i++)
		if (!strcasecmp(via->params[i].name, name))
			return true;
	return false;
}

const char *sip_via_param(const struct sip_via *via, const char *name)
{
	for (unsigned i = 0; i < via->n_params; i++)
		if (!strcasecmp(via->params[i].name, name))
			return via->params[i].value;
	return NULL;
}

/* Text in the making; what does not fit makes it too long for good. */
struct line {
	char text[VIA_BYTES];
	size_t n_bytes;
	bool too_long;
};

static void put(struct line *l, const char *text, size_t n)
{
	if (n > sizeof(l->text) - l->n_bytes) {
		l->too_long = true;
		return;
	}
	memcpy(l->text + l->n_bytes, text, n);
	l->n_bytes += n;
}

static void put_text(struct line *l, const char *text)
{
	put(l, text, strlen(text));
}

int sip_via_push(struct sip *s, const struct address *sent_by, const char *branch, bool tcp)
{
	char host[ADDRESS_TEXT_BYTES];
	struct line l;
	l.n_bytes = 0;
	l.too_long = false;
	put_text(&l, tcp ? VERSION "TCP " : VERSION "UDP ");
	put_text(&l, address_print(sent_by, host));
	put_text(&l, ";branch=");
	put_text(&l, branch);
	return l.too_long ? -ENOMEM : sip_field_insert(s, SIP_VIA, 0, NULL, l.text, l.n_bytes);
}

int sip_via_set_protocol(struct sip *s, const char *protocol)
{
	struct sip_field *f = sip_field_at(s, SIP_VIA, 0);
	const char *sent_by = f ? strchr(f->value, ' ') : NULL;
	struct line l;
	if (!sent_by)
		return -ENOMEM;
	l.n_bytes = 0;
	l.too_long = false;
	put(&l, VERSION, VERSION_BYTES);
	put_text(&l, protocol);
	put(&l, sent_by, (size_t)(f->value + f->value_bytes - sent_by));
	return l.too_long ? -ENOMEM : sip_field_set(s, f, l.text, l.n_bytes);
}

int sip_via_set_tcp(struct sip *s, bool tcp)
{
	return sip_via_set_protocol(s, tcp ? "TCP" : "UDP");
}

void sip_via_pop(struct sip *s)
{
	struct sip_field *f = sip_field_at(s, SIP_VIA, 0);
	if (f)
		sip_field_remove(s, f);
}

static bool is_named(const char *param, size_t n, const char *name)
{
	size_t n_name = strlen(name);
	return n >= n_name && !strncasecmp(param, name, n_name) &&
	       (n == n_name || param[n_name] == '=');
}

/* All of the Via but what its sender said of received and rport: that is worth nothing. */
static void put_without_source(struct line *l, const char *value)
{
	size_t n = strcspn(value, ";");
	put(l, value, n);
	for (value += n; *value; value += n) {
		n = 1 + strcspn(value + 1, ";");
		if (!is_named(value + 1, n - 1, "received") && !is_named(value + 1, n - 1, "rport"))
			put(l, value, n);
	}
}

int sip_via_received(struct sip *s, const struct address *source)
{
	struct sip_field *f = sip_field_at(s, SIP_VIA, 0);
	const struct sip_via *via = sip_field_parsed(f);
	struct address sent_by;
	if (!via)
		return -ENOMEM;
	bool wants_port = has_param(via, "rport");
	bool differs =
		address_parse(via->host, 0, &sent_by) || !address_same_host(&sent_by, source);
	if (!differs && !wants_port && !has_param(via, "received"))
		return 0;
	struct line l;
	l.n_bytes = 0;
	l.too_long = false;
	put_without_source(&l, f->value);
	char text[ADDRESS_TEXT_BYTES];
	if (differs || wants_port) {
		address_print_host(source, text);
		size_t n = strlen(text);
		put_text(&l, ";received=");
		if (source->family == 6) /* no brackets here: RFC 3261 25.1 via-received */
			put(&l, text + 1, n - 2);
		else
			put(&l, text, n);
	}
	if (wants_port) {
		snprintf(text, sizeof(text), "%u", source->port);
		put_text(&l, ";rport=");
		put_text(&l, text);
	}
	return l.too_long ? -ENOMEM : sip_field_set(s, f, l.text, l.n_bytes);
}

int sip_via_target(const struct sip *s, bool tcp, struct address *out)
{
	const struct sip_via *via = sip_via(s, 0);
	if (!via)
		return -EINVAL;
	const char *received = sip_via_param(via, "received");
	const char *rport = sip_via_param(via, "rport");
	return sip_host_address(received ? received : via->host, rport && !tcp ? rport : via->port,
				!strcasecmp(via->protocol, "TLS"), out);
}
