#include "controlplane/sip.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_field.h"

/* The next of this name, from the j-th field on; n_fields: there is none. */
static unsigned find(const struct sip *s, const char *name, unsigned j)
{
	size_t name_bytes = strlen(name);
	if (!sip_may_have(s, name))
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
