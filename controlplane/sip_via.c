#include <errno.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_field.h"
#include "controlplane/text.h"
#include "controlplane/token.h"

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
		if (token_is(via->params[i].name, name))
			return true;
	return false;
}

const char *sip_via_param(const struct sip_via *via, const char *name)
{
	for (unsigned i = 0; i < via->n_params; i++)
		if (token_is(via->params[i].name, name))
			return via->params[i].value;
	return NULL;
}

int sip_via_push(struct sip *s, const struct address *sent_by, const char *branch, bool tcp)
{
	char host[ADDRESS_TEXT_BYTES];
	char line[VIA_BYTES];
	struct text t = text_in(line, sizeof(line));
	text_put(&t, tcp ? VERSION "TCP " : VERSION "UDP ");
	text_put(&t, address_print(sent_by, host));
	text_put(&t, ";branch=");
	text_put(&t, branch);
	return t.is_too_long ? -ENOMEM : sip_field_insert(s, SIP_VIA, 0, NULL, line, t.n_bytes);
}

int sip_via_set_protocol(struct sip *s, const char *protocol)
{
	struct sip_field *f = sip_field_at(s, SIP_VIA, 0);
	const char *sent_by = f ? strchr(f->value, ' ') : NULL;
	char line[VIA_BYTES];
	struct text t = text_in(line, sizeof(line));
	if (!sent_by)
		return -ENOMEM;
	text_put_bytes(&t, VERSION, VERSION_BYTES);
	text_put(&t, protocol);
	text_put_bytes(&t, sent_by, (size_t)(f->value + f->value_bytes - sent_by));
	return t.is_too_long ? -ENOMEM : sip_field_set(s, f, line, t.n_bytes);
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
static void put_without_source(struct text *t, const char *value)
{
	size_t n = strcspn(value, ";");
	text_put_bytes(t, value, n);
	for (value += n; *value; value += n) {
		n = 1 + strcspn(value + 1, ";");
		if (!is_named(value + 1, n - 1, "received") && !is_named(value + 1, n - 1, "rport"))
			text_put_bytes(t, value, n);
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
	char line[VIA_BYTES];
	struct text t = text_in(line, sizeof(line));
	put_without_source(&t, f->value);
	char text[ADDRESS_TEXT_BYTES];
	if (differs || wants_port) {
		address_print_host(source, text);
		size_t n = strlen(text);
		text_put(&t, ";received=");
		if (source->family == 6) /* no brackets here: RFC 3261 25.1 via-received */
			text_put_bytes(&t, text + 1, n - 2);
		else
			text_put_bytes(&t, text, n);
	}
	if (wants_port) {
		text_put(&t, ";rport=");
		text_put_number(&t, source->port);
	}
	return t.is_too_long ? -ENOMEM : sip_field_set(s, f, line, t.n_bytes);
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
