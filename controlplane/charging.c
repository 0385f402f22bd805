#include "controlplane/charging.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip.h"
#include "controlplane/text.h"

#define HEADER "P-Charging-Vector"

int charging_begin(struct sip *s)
{
	char icid[SIP_TAG_BYTES], value[64];

	sip_random_tag(icid);
	struct text t = text_in(value, sizeof(value));
	text_put(&t, "icid-value=\"");
	text_put(&t, icid);
	text_put(&t, "\"");
	text_end(&t);
	return sip_header_set(s, HEADER, value);
}

int charging_copy(struct sip *to, const struct sip *from)
{
	const char *vector = sip_header(from, HEADER, 0);

	if (vector != NULL)
		return sip_header_set(to, HEADER, vector);
	sip_header_remove(to, HEADER);
	return 0;
}

struct parameter {
	const char *text; /* NAME=VALUE */
	size_t bytes, name_bytes;
	bool is_open; /* a quote does not end: what follows would be taken for its text */
};

/* The next one, quotes respected. False: there is none. */
static bool next(const char **at, struct parameter *p)
{
	bool is_quoted = false;

	*at += strspn(*at, "; \t");
	p->text = *at;
	for (; **at != '\0' && (is_quoted || **at != ';'); (*at)++) {
		if (is_quoted && **at == '\\' && (*at)[1] != '\0')
			(*at)++;
		else if (**at == '"')
			is_quoted = !is_quoted;
	}
	p->bytes = (size_t)(*at - p->text);
	while (p->bytes > 0 && strchr(" \t", p->text[p->bytes - 1]) != NULL)
		p->bytes--;
	p->is_open = is_quoted;
	p->name_bytes = strcspn(p->text, "= \t;");
	return p->bytes > 0;
}

static bool is_named(const struct parameter *p, const char *name)
{
	return p->name_bytes == strlen(name) && strncasecmp(p->text, name, p->name_bytes) == 0;
}

int charging_get(const struct sip *s, const char *name, char *out, size_t out_bytes)
{
	const char *at = sip_header(s, HEADER, 0);
	struct parameter p;
	const char *value;
	size_t n;

	while (at != NULL && next(&at, &p)) {
		if (p.is_open || !is_named(&p, name))
			continue;
		value = p.text + p.name_bytes;
		n = p.bytes - p.name_bytes;
		while (n > 0 && strchr("= \t\"", *value) != NULL) {
			value++;
			n--;
		}
		while (n > 0 && strchr(" \t\"", value[n - 1]) != NULL)
			n--;
		if (n >= out_bytes)
			return -EMSGSIZE;
		memcpy(out, value, n);
		out[n] = '\0';
		return (int)n;
	}
	return -ENOENT;
}

int charging_set(struct sip *s, const char *name, const char *value)
{
	const char *at = sip_header(s, HEADER, 0);
	char vector[SIP_VALUE_BYTES];
	struct parameter p;
	size_t used = 0;
	int n;

	if (at == NULL)
		return 0;
	while (next(&at, &p)) {
		if (p.is_open || is_named(&p, name))
			continue;
		n = snprintf(vector + used, sizeof(vector) - used, "%s%.*s", used > 0 ? ";" : "",
			     (int)p.bytes, p.text);
		used += (size_t)n;
		if (used >= sizeof(vector))
			return -EMSGSIZE;
	}
	if (value != NULL) {
		n = snprintf(vector + used, sizeof(vector) - used, "%s%s=\"%s\"",
			     used > 0 ? ";" : "", name, value);
		used += (size_t)n;
		if (used >= sizeof(vector))
			return -EMSGSIZE;
	}
	if (used == 0) {
		sip_header_remove(s, HEADER);
		return 0;
	}
	return sip_header_set(s, HEADER, vector);
}
