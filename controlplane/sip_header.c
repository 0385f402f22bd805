#include "controlplane/sip.h"

#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static osip_header_t *header_new(const char *name, const char *value)
{
	osip_header_t *h;
	if (osip_header_init(&h))
		return NULL;
	h->hname = osip_strdup(name);
	h->hvalue = osip_strdup(value);
	if (!h->hname || !h->hvalue) {
		osip_header_free(h);
		return NULL;
	}
	return h;
}

static int header_insert(struct sip *s, const char *name, const char *value, int position)
{
	osip_header_t *h = header_new(name, value);
	if (!h)
		return -ENOMEM;
	if (osip_list_add(&s->osip->headers, h, position) < 0) {
		osip_header_free(h);
		return -ENOMEM;
	}
	return 0;
}

const char *sip_header(const struct sip *s, const char *name, unsigned i)
{
	osip_list_iterator_t at;
	osip_header_t *h = osip_list_get_first(&s->osip->headers, &at);
	for (; osip_list_iterator_has_elem(at); h = osip_list_get_next(&at))
		if (!strcasecmp(h->hname, name) && i-- == 0)
			return h->hvalue;
	return NULL;
}

int sip_header_add(struct sip *s, const char *name, const char *value)
{
	return header_insert(s, name, value, -1);
}

int sip_header_add_first(struct sip *s, const char *name, const char *value)
{
	return header_insert(s, name, value, 0);
}

unsigned sip_header_remove(struct sip *s, const char *name)
{
	unsigned n = 0;
	osip_list_iterator_t at;
	osip_header_t *h = osip_list_get_first(&s->osip->headers, &at);
	while (osip_list_iterator_has_elem(at)) {
		if (strcasecmp(h->hname, name)) {
			h = osip_list_get_next(&at);
			continue;
		}
		osip_header_t *next = osip_list_iterator_remove(&at);
		osip_header_free(h);
		h = next;
		n++;
	}
	return n;
}

int sip_header_set(struct sip *s, const char *name, const char *value)
{
	sip_header_remove(s, name);
	return sip_header_add(s, name, value);
}

uint32_t sip_header_number(const struct sip *s, const char *name, uint32_t absent)
{
	const char *value = sip_header(s, name, 0);
	size_t n = value ? strspn(value, "0123456789") : 0;
	if (n == 0 || n > 10)
		return absent;
	unsigned long long number = strtoull(value, NULL, 10);
	return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

/* Length of the first element of a comma-separated list. */
static size_t element_bytes(const char *s)
{
	bool quoted = false, bracketed = false;
	size_t n = 0;
	for (; s[n]; n++) {
		if (quoted && s[n] == '\\' && s[n + 1])
			n++;
		else if (s[n] == '"' && !bracketed)
			quoted = !quoted;
		else if (!quoted && s[n] == '<')
			bracketed = true;
		else if (!quoted && s[n] == '>')
			bracketed = false;
		else if (!quoted && !bracketed && s[n] == ',')
			break;
	}
	return n;
}

/* The i-th non-empty element of one line; what is left of i when the line has fewer. */
static const char *line_element(const char *line, unsigned *i, size_t *n_bytes)
{
	while (*line) {
		size_t n = element_bytes(line);
		const char *start = line + strspn(line, " ");
		const char *end = line + n;
		line += n + (line[n] == ',');
		while (end > start && end[-1] == ' ')
			end--;
		if (end <= start)
			continue;
		if ((*i)-- == 0) {
			*n_bytes = (size_t)(end - start);
			return start;
		}
	}
	return NULL;
}

int sip_list_get(const struct sip *s, const char *name, unsigned i, char *out, size_t out_bytes)
{
	const char *line;
	for (unsigned l = 0; (line = sip_header(s, name, l)); l++) {
		size_t n;
		const char *element = line_element(line, &i, &n);
		if (!element)
			continue;
		if (n >= out_bytes)
			return -EMSGSIZE;
		memcpy(out, element, n);
		out[n] = '\0';
		return (int)n;
	}
	return -ENOENT;
}

bool sip_option_has(const struct sip *s, const char *name, const char *tag)
{
	char element[64];
	int n;
	for (unsigned i = 0; (n = sip_list_get(s, name, i, element, sizeof(element))) != -ENOENT;
	     i++)
		if (n > 0 && !strcasecmp(element, tag))
			return true;
	return false;
}

/* All lines of the header become one without the tag. */
int sip_option_remove(struct sip *s, const char *name, const char *tag)
{
	char element[SIP_VALUE_BYTES], rest[SIP_HEAD_BYTES] = "";
	size_t used = 0;
	if (!sip_option_has(s, name, tag))
		return 0;
	int n;
	for (unsigned i = 0; (n = sip_list_get(s, name, i, element, sizeof(element))) != -ENOENT;
	     i++) {
		if (n < 0 || !strcasecmp(element, tag) || used + (size_t)n + 3 > sizeof(rest))
			continue;
		if (used)
			used = (size_t)(stpcpy(rest + used, ", ") - rest);
		used = (size_t)(stpcpy(rest + used, element) - rest);
	}
	sip_header_remove(s, name);
	return used ? sip_header_add(s, name, rest) : 0;
}
