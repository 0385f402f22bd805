#include "controlplane/sip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_field.h"

const char *sip_header(const struct sip *s, const char *name, unsigned i)
{
	size_t name_bytes = strlen(name);
	unsigned first = s->n_fields - s->n_of[SIP_OTHER];
	for (unsigned j = first; j < s->n_fields; j++)
		if (sip_field_is_named(&s->fields[j], name, name_bytes) && i-- == 0)
			return s->fields[j].value;
	return NULL;
}

int sip_header_add(struct sip *s, const char *name, const char *value)
{
	return sip_field_insert(s, SIP_OTHER, SIP_LAST, name, value, strlen(value));
}

int sip_header_add_first(struct sip *s, const char *name, const char *value)
{
	return sip_field_insert(s, SIP_OTHER, 0, name, value, strlen(value));
}

unsigned sip_header_remove(struct sip *s, const char *name)
{
	size_t name_bytes = strlen(name);
	unsigned n = 0;
	for (unsigned j = s->n_fields - s->n_of[SIP_OTHER]; j < s->n_fields;) {
		if (!sip_field_is_named(&s->fields[j], name, name_bytes)) {
			j++;
			continue;
		}
		sip_field_remove(s, &s->fields[j]);
		n++;
	}
	return n;
}

void sip_headers_clear(struct sip *s)
{
	sip_fields_clear(s, SIP_OTHER);
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
	char element[SIP_VALUE_BYTES], rest[SIP_HEAD_BYTES];
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
