#include "controlplane/sip_field.h"

#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_memory.h"
#include "controlplane/sip_plain.h"
#include "crypto/wipe.h"

/* What most messages get on their way: Via, Path, what is screened, charging. */
#define SPARE_FIELDS     8
#define SPARE_TEXT_BYTES 640

static const struct {
	const char *name;
	uint32_t bytes;
} names[SIP_N_KINDS] = {
	[SIP_VIA] = { "Via", 3 },     [SIP_RECORD_ROUTE] = { "Record-Route", 12 },
	[SIP_ROUTE] = { "Route", 5 }, [SIP_FROM] = { "From", 4 },
	[SIP_TO] = { "To", 2 },       [SIP_CALL_ID] = { "Call-ID", 7 },
	[SIP_CSEQ] = { "CSeq", 4 },   [SIP_CONTACT] = { "Contact", 7 },
};

const char *sip_kind_name(enum sip_kind kind)
{
	return names[kind].name;
}

/* Its name is not the program's. */
static bool has_own_name(const struct sip_field *f)
{
	return f->name && !names[f->kind].name;
}

struct sip *sip_new(unsigned n_fields, size_t text_bytes, size_t body_bytes)
{
	unsigned max_fields = n_fields + SPARE_FIELDS;
	size_t before_text = sizeof(struct sip) + max_fields * sizeof(struct sip_field);
	struct sip *s = sip_take(before_text + body_bytes + text_bytes + SPARE_TEXT_BYTES);
	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->fields = (struct sip_field *)(s + 1);
	s->max_fields = max_fields;
	s->body = (char *)s + before_text;
	s->body_bytes = body_bytes;
	s->text = s->body + body_bytes;
	s->max_text_bytes = sip_room(s) - before_text - body_bytes;
	return s;
}

void sip_free(struct sip *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n_fields; i++) {
		struct sip_field *f = &s->fields[i];
		if (f->parsed)
			sip_field_unparse(f);
		if (f->own)
			sip_give(f->own);
	}
	if (s->owns_fields)
		sip_give(s->fields);
	if (s->owns_body)
		sip_give(s->body);
	sip_give_used(s, (size_t)(s->text + s->text_bytes - (char *)s));
}

/* Where the lines of a kind begin. */
static unsigned first_of(const struct sip *s, enum sip_kind kind)
{
	unsigned first = 0;
	for (unsigned i = 0; i < kind; i++)
		first += s->n_of[i];
	return first;
}

struct sip_field *sip_field_at(const struct sip *s, enum sip_kind kind, unsigned i)
{
	return i < s->n_of[kind] ? &s->fields[first_of(s, kind) + i] : NULL;
}

unsigned sip_count(const struct sip *s, enum sip_kind kind)
{
	return s->n_of[kind];
}

const char *sip_value(const struct sip *s, enum sip_kind kind, unsigned i)
{
	const struct sip_field *f = sip_field_at(s, kind, i);
	return f ? f->value : NULL;
}

/* Room for a text, in the block or as a piece of its own; *own is NULL in the block. */
static char *room_for(struct sip *s, size_t n_bytes, char **own)
{
	*own = NULL;
	if (n_bytes > s->max_text_bytes - s->text_bytes)
		return *own = sip_take(n_bytes);
	char *at = s->text + s->text_bytes;
	s->text_bytes += n_bytes;
	return at;
}

static char *put_text(char *at, const char *text, size_t n_bytes)
{
	memcpy(at, text, n_bytes);
	at[n_bytes] = '\0';
	return at;
}

static int make_room(struct sip *s)
{
	unsigned max = s->max_fields * 2;
	struct sip_field *more = sip_take(max * sizeof(*more));
	if (!more || max > UINT16_MAX) {
		sip_give(more);
		return -ENOMEM;
	}
	memcpy(more, s->fields, s->n_fields * sizeof(*more));
	if (s->owns_fields)
		sip_give(s->fields);
	s->fields = more;
	s->max_fields = max;
	s->owns_fields = true;
	return 0;
}

int sip_field_insert(struct sip *s, enum sip_kind kind, uint32_t i, const char *name,
		     const char *value, size_t value_bytes)
{
	struct sip_field f = { .kind = kind, .value_bytes = (uint32_t)value_bytes };
	if (s->n_fields == s->max_fields && make_room(s))
		return -ENOMEM;
	size_t own_name_bytes = name ? strlen(name) : 0;
	char *at = room_for(s, value_bytes + 1 + (name ? own_name_bytes + 1 : 0), &f.own);
	if (!at)
		return -ENOMEM;
	f.value = put_text(at, value, value_bytes);
	f.name = name ? put_text(at + value_bytes + 1, name, own_name_bytes) : names[kind].name;
	f.name_bytes = name ? (uint32_t)own_name_bytes : names[kind].bytes;
	struct sip_field *to =
		s->fields + first_of(s, kind) + (i < s->n_of[kind] ? i : s->n_of[kind]);
	memmove(to + 1, to, (size_t)(s->fields + s->n_fields - to) * sizeof(*to));
	*to = f;
	s->n_fields++;
	s->n_of[kind]++;
	if (kind == SIP_OTHER)
		s->other_names |= sip_name_bit(f.name, f.name_bytes);
	return 0;
}

int sip_field_read(struct sip *s, enum sip_kind kind, uint32_t i, const char *name,
		   const char *value)
{
	size_t n = strlen(value);
	bool is_plain = n && sip_plain_bytes(kind, value) == n;
	char *text = NULL;
	if (!is_plain && sip_canonical(kind, value, &text))
		return -EINVAL;
	const char *as = text ? text : value;
	int error = sip_field_insert(s, kind, i, name, as, strlen(as));
	if (!error) {
		unsigned last = s->n_of[kind] - 1u;
		sip_field_at(s, kind, i < last ? i : last)->is_plain = is_plain;
	}
	osip_free(text);
	return error;
}

int sip_field_set(struct sip *s, struct sip_field *f, const char *value, size_t value_bytes)
{
	char *own = NULL;
	char *at = (char *)f->value;
	bool fits = value_bytes <= f->value_bytes;
	bool takes_name = f->own && has_own_name(f); /* it lies behind the old value */
	size_t name_bytes = takes_name ? f->name_bytes + 1 : 0;
	if (!fits && !(at = room_for(s, value_bytes + 1 + name_bytes, &own)))
		return -ENOMEM;
	sip_field_unparse(f);
	wipe((char *)f->value, f->value_bytes);
	f->value = put_text(at, value, value_bytes);
	f->value_bytes = (uint32_t)value_bytes;
	if (fits)
		return 0;
	if (takes_name)
		f->name = put_text(at + value_bytes + 1, f->name, f->name_bytes);
	sip_give(f->own);
	f->own = own;
	return 0;
}

void sip_field_remove(struct sip *s, struct sip_field *f)
{
	sip_field_unparse(f);
	if (f->own)
		sip_give(f->own);
	else
		wipe((char *)f->value, f->value_bytes);
	s->n_of[f->kind]--;
	s->n_fields--;
	memmove(f, f + 1, (size_t)(s->fields + s->n_fields - f) * sizeof(*f));
}

void sip_fields_clear(struct sip *s, enum sip_kind kind)
{
	while (s->n_of[kind])
		sip_field_remove(s, sip_field_at(s, kind, s->n_of[kind] - 1u));
}

/* A line of `s` for `copy`, whose text begins as that of `s`. Room for what `own` holds is at `at`.
 */
static char *copy_field(struct sip *copy, const struct sip *s, unsigned i, char *at)
{
	const struct sip_field *from = &s->fields[i];
	struct sip_field *to = &copy->fields[i];
	*to = *from;
	to->parsed = NULL;
	to->own = NULL;
	if (!from->own) {
		to->value = copy->text + (from->value - s->text);
		if (has_own_name(from))
			to->name = copy->text + (from->name - s->text);
		return at;
	}
	to->value = put_text(at, from->value, from->value_bytes);
	at += from->value_bytes + 1;
	if (!has_own_name(from))
		return at;
	to->name = put_text(at, from->name, from->name_bytes);
	return at + from->name_bytes + 1;
}

struct sip *sip_clone(const struct sip *s)
{
	size_t own_bytes = 0;
	for (unsigned i = 0; i < s->n_fields; i++)
		if (s->fields[i].own)
			own_bytes += s->fields[i].name_bytes + s->fields[i].value_bytes + 2;
	struct sip *copy = sip_new(s->n_fields, s->text_bytes + own_bytes, s->body_bytes);
	if (!copy)
		return NULL;
	memcpy(copy->text, s->text, s->text_bytes);
	if (s->body_bytes)
		memcpy(copy->body, s->body, s->body_bytes);
	char *at = copy->text + s->text_bytes;
	for (unsigned i = 0; i < s->n_fields; i++)
		at = copy_field(copy, s, i, at);
	copy->text_bytes = (size_t)(at - copy->text);
	copy->n_fields = s->n_fields;
	memcpy(copy->n_of, s->n_of, sizeof(copy->n_of));
	copy->other_names = s->other_names;
	copy->status = s->status;
	return copy;
}
