#include "controlplane/sip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_field.h"

/* The next of this name, from the j-th field on; n_fields: there is none. */
static unsigned find(const struct sip *s, const char *name, unsigned j)
{
	size_t name_bytes = strlen(name);
	if (!(s->other_names & sip_name_bit(name, name_bytes)))
		return s->n_fields;
	for (; j < s->n_fields; j++) {
		const struct sip_field *f = &s->fields[j];
		if (f->name_bytes == name_bytes && !((f->name[0] ^ name[0]) & ~0x20) &&
		    !strncasecmp(f->name, name, name_bytes))
			break;
	}
	return j;
}

static unsigned first_other(const struct sip *s)
{
	return s->n_fields - s->n_of[SIP_OTHER];
}

/* The i-th of this name; n_fields: there is none. */
static unsigned find_ith(const struct sip *s, const char *name, unsigned i)
{
	unsigned j = find(s, name, first_other(s));
	while (j < s->n_fields && i-- > 0)
		j = find(s, name, j + 1);
	return j;
}

const char *sip_header_seek(const struct sip *s, const char *name, unsigned i)
{
	unsigned j = find_ith(s, name, i);
	return j < s->n_fields ? s->fields[j].value : NULL;
}

int sip_header_add(struct sip *s, const char *name, const char *value)
{
	return sip_field_insert(s, SIP_OTHER, SIP_LAST, name, value, strlen(value));
}

int sip_header_add_first(struct sip *s, const char *name, const char *value)
{
	return sip_field_insert(s, SIP_OTHER, 0, name, value, strlen(value));
}

int sip_header_replace(struct sip *s, const char *name, unsigned i, const char *value)
{
	return sip_field_set(s, &s->fields[find_ith(s, name, i)], value, strlen(value));
}

unsigned sip_header_remove_all(struct sip *s, const char *name)
{
	unsigned n = 0;
	for (unsigned j = first_other(s); (j = find(s, name, j)) < s->n_fields; n++)
		sip_field_remove(s, &s->fields[j]);
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
	size_t n = strcspn(s, ",\"<>");
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

/* A walk over the elements of a list, and the one that it is at. */
struct list_walk {
	const struct sip *message;
	const char *name; /* of the header */
	unsigned line;    /* the field whose rest is at `rest`; n_fields: no more */
	const char *rest; /* NULL: before the first line */
	const char *element;
	size_t n_bytes;
};

/* False: that was the last. */
static bool next_line(struct list_walk *w)
{
	const struct sip *s = w->message;
	w->line = find(s, w->name, w->rest ? w->line + 1 : first_other(s));
	if (w->line == s->n_fields)
		return false;
	w->rest = s->fields[w->line].value;
	return true;
}

/* To the next that is not empty. False: that was the last. */
static bool next_element(struct list_walk *w)
{
	for (;;) {
		while (!w->rest || !*w->rest)
			if (!next_line(w))
				return false;
		size_t n = element_bytes(w->rest);
		const char *start = w->rest + strspn(w->rest, " ");
		const char *end = w->rest + n;
		w->rest = end + (*end == ',');
		while (end > start && end[-1] == ' ')
			end--;
		if (end <= start)
			continue;
		w->element = start;
		w->n_bytes = (size_t)(end - start);
		return true;
	}
}

int sip_list_get(const struct sip *s, const char *name, unsigned i, char *out, size_t out_bytes)
{
	struct list_walk w = { .message = s, .name = name };
	do {
		if (!next_element(&w))
			return -ENOENT;
	} while (i-- > 0);
	if (w.n_bytes >= out_bytes)
		return -EMSGSIZE;
	memcpy(out, w.element, w.n_bytes);
	out[w.n_bytes] = '\0';
	return (int)w.n_bytes;
}

static bool is_option(const struct list_walk *w, const char *tag)
{
	return w->n_bytes == strlen(tag) && !strncasecmp(w->element, tag, w->n_bytes);
}

bool sip_option_has(const struct sip *s, const char *name, const char *tag)
{
	struct list_walk w = { .message = s, .name = name };
	while (next_element(&w))
		if (is_option(&w, tag))
			return true;
	return false;
}

/* All lines of the header become one without the tag. */
int sip_option_remove(struct sip *s, const char *name, const char *tag)
{
	struct list_walk w = { .message = s, .name = name };
	char rest[SIP_HEAD_BYTES];
	size_t used = 0;
	bool has = false;
	while (next_element(&w)) {
		bool is = is_option(&w, tag);
		has = has || is;
		if (is || used + w.n_bytes + 3 > sizeof(rest))
			continue;
		if (used)
			used = (size_t)(stpcpy(rest + used, ", ") - rest);
		memcpy(rest + used, w.element, w.n_bytes);
		used += w.n_bytes;
		rest[used] = '\0';
	}
	if (!has)
		return 0;
	sip_header_remove(s, name);
	return used ? sip_header_add(s, name, rest) : 0;
}
