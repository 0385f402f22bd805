#include "controlplane/sip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_field.h"
#include "controlplane/sip_memory.h"
#include "crypto/wipe.h"

#define SPARE_FIELDS 8 /* that most messages get on their way */

static bool is_named(const struct sip_field *f, const char *name, size_t name_bytes)
{
	return f->name_bytes == name_bytes && !strncasecmp(f->name, name, name_bytes);
}

static int reserve(struct sip *s, unsigned max)
{
	struct sip_field *fields = sip_take_more(s->fields, max * sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	s->fields = fields;
	s->max_fields = max;
	return 0;
}

/* Name and value into a block that has room for them; what follows them. */
static char *place(struct sip_field *f, const char *name, const char *value, char *block)
{
	f->name = memcpy(block, name, f->name_bytes);
	block[f->name_bytes] = '\0';
	block += f->name_bytes + 1;
	f->value = memcpy(block, value, f->value_bytes);
	block[f->value_bytes] = '\0';
	return block + f->value_bytes + 1;
}

int sip_fields_fill(struct sip *s, const struct sip_field *fields, unsigned n)
{
	size_t n_bytes = 0;
	for (unsigned i = 0; i < n; i++)
		n_bytes += fields[i].name_bytes + fields[i].value_bytes + 2;
	if (reserve(s, n + SPARE_FIELDS) || (n && !(s->text = sip_take(n_bytes))))
		return -ENOMEM;
	char *at = s->text;
	for (unsigned i = 0; i < n; i++) {
		s->fields[i] = fields[i];
		s->fields[i].own = NULL;
		at = place(&s->fields[i], fields[i].name, fields[i].value, at);
	}
	s->n_fields = n;
	return 0;
}

void sip_fields_clear(struct sip *s)
{
	for (unsigned i = 0; i < s->n_fields; i++)
		sip_give(s->fields[i].own);
	sip_give(s->fields);
	sip_give(s->text);
}

const char *sip_header(const struct sip *s, const char *name, unsigned i)
{
	size_t name_bytes = strlen(name);
	for (unsigned j = 0; j < s->n_fields; j++)
		if (is_named(&s->fields[j], name, name_bytes) && i-- == 0)
			return s->fields[j].value;
	return NULL;
}

static int header_insert(struct sip *s, const char *name, const char *value, unsigned position)
{
	struct sip_field f = { .name_bytes = (uint32_t)strlen(name),
			       .value_bytes = (uint32_t)strlen(value) };
	if (s->n_fields == s->max_fields && reserve(s, s->max_fields + SPARE_FIELDS))
		return -ENOMEM;
	f.own = sip_take(f.name_bytes + f.value_bytes + 2);
	if (!f.own)
		return -ENOMEM;
	place(&f, name, value, f.own);
	struct sip_field *at = s->fields + position;
	memmove(at + 1, at, (s->n_fields - position) * sizeof(*at));
	*at = f;
	s->n_fields++;
	return 0;
}

int sip_header_add(struct sip *s, const char *name, const char *value)
{
	return header_insert(s, name, value, s->n_fields);
}

int sip_header_add_first(struct sip *s, const char *name, const char *value)
{
	return header_insert(s, name, value, 0);
}

unsigned sip_header_remove(struct sip *s, const char *name)
{
	size_t name_bytes = strlen(name);
	unsigned kept = 0;
	for (unsigned i = 0; i < s->n_fields; i++) {
		struct sip_field *f = &s->fields[i];
		if (!is_named(f, name, name_bytes)) {
			s->fields[kept++] = *f;
			continue;
		}
		if (f->own)
			sip_give(f->own);
		else
			wipe((char *)f->value, f->value_bytes);
	}
	unsigned n = s->n_fields - kept;
	s->n_fields = kept;
	return n;
}

void sip_headers_clear(struct sip *s)
{
	while (s->n_fields)
		sip_header_remove(s, s->fields[0].name);
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
