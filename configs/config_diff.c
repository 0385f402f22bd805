#include "configs/config_diff.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "configs/config_schema.h"

#define PATH_BYTES  192 /* keys of the schema and list indices, five deep at most */
#define VALUE_BYTES 128

struct diff {
	void (*found)(void *user, const struct config_difference *difference);
	void *user;
};

/* A value's place: its key, the mapping whose key it is, and how to get there. */
struct place {
	const cyaml_schema_value_t *value;
	const char *section;
	const char *key;
	char path[PATH_BYTES];
};

static uint32_t read_u32(const uint8_t *at)
{
	uint32_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

static const void *read_pointer(const void *at)
{
	const void *pointer;

	memcpy(&pointer, at, sizeof(pointer));
	return pointer;
}

static const char *word_of(const cyaml_schema_value_t *value, uint32_t number)
{
	for (uint32_t i = 0; i < value->enumeration.count; i++)
		if ((uint32_t)value->enumeration.strings[i].val == number)
			return value->enumeration.strings[i].str;
	return "?";
}

static void print_value(char out[VALUE_BYTES], const cyaml_schema_value_t *value, const uint8_t *at)
{
	switch (value->type) {
	case CYAML_BOOL:
		snprintf(out, VALUE_BYTES, "%s", *(const bool *)at ? "true" : "false");
		break;
	case CYAML_ENUM:
		snprintf(out, VALUE_BYTES, "%s", word_of(value, read_u32(at)));
		break;
	case CYAML_STRING:
		snprintf(out, VALUE_BYTES, "\"%.100s\"", (const char *)read_pointer(at));
		break;
	default:
		snprintf(out, VALUE_BYTES, "%u", read_u32(at));
	}
}

static bool is_equal(const cyaml_schema_value_t *value, const uint8_t *a, const uint8_t *b)
{
	if (value->type == CYAML_STRING)
		return !strcmp(read_pointer(a), read_pointer(b));
	return !memcmp(a, b, value->data_size);
}

static void tell(const struct diff *d, const struct place *p, const char *before, const char *after)
{
	char key[PATH_BYTES];

	snprintf(key, sizeof(key), "%s.%s", p->section, p->key);
	d->found(d->user, &(struct config_difference){ key, p->path, before, after });
}

static void diff_scalar(const struct diff *d, const struct place *p, const uint8_t *a,
			const uint8_t *b)
{
	char before[VALUE_BYTES], after[VALUE_BYTES];

	if (is_equal(p->value, a, b))
		return;
	print_value(before, p->value, a);
	print_value(after, p->value, b);
	tell(d, p, before, after);
}

static void diff_mapping(const struct diff *d, const struct place *p, const uint8_t *a,
			 const uint8_t *b);

static void diff_entries(const struct diff *d, const struct place *p, const uint8_t *a,
			 const uint8_t *b, uint32_t n)
{
	const cyaml_schema_value_t *entry = p->value->sequence.entry;

	for (uint32_t i = 0; i < n; i++) {
		struct place one = { .value = entry, .section = p->section, .key = p->key };

		snprintf(one.path, sizeof(one.path), "%.*s[%u]", PATH_BYTES - 16, p->path, i);
		if (entry->type == CYAML_MAPPING)
			diff_mapping(d, &one, a, b);
		else
			diff_scalar(d, &one, a, b);
		a += entry->type == CYAML_STRING ? sizeof(char *) : entry->data_size;
		b += entry->type == CYAML_STRING ? sizeof(char *) : entry->data_size;
	}
}

static void print_count(char out[VALUE_BYTES], uint32_t n)
{
	snprintf(out, VALUE_BYTES, "%u %s", n, n == 1 ? "entry" : "entries");
}

/* `a` and `b` are the structs that have the list as their field. */
static void diff_list(const struct diff *d, const struct place *p, const cyaml_schema_field_t *f,
		      const uint8_t *a, const uint8_t *b)
{
	uint32_t n = read_u32(a + f->count_offset), n_after = read_u32(b + f->count_offset);
	char before[VALUE_BYTES], after[VALUE_BYTES];

	if (n == n_after) {
		diff_entries(d, p, read_pointer(a + f->data_offset),
			     read_pointer(b + f->data_offset), n);
		return;
	}
	print_count(before, n);
	print_count(after, n_after);
	tell(d, p, before, after);
}

static void diff_mapping(const struct diff *d, const struct place *p, const uint8_t *a,
			 const uint8_t *b)
{
	for (const cyaml_schema_field_t *f = p->value->mapping.fields; f->key; f++) {
		struct place one = { .value = &f->value, .section = p->key, .key = f->key };

		snprintf(one.path, sizeof(one.path), "%.*s.%s", PATH_BYTES - 32, p->path, f->key);
		if (f->value.type == CYAML_SEQUENCE)
			diff_list(d, &one, f, a, b);
		else if (f->value.type == CYAML_MAPPING)
			diff_mapping(d, &one, a + f->data_offset, b + f->data_offset);
		else
			diff_scalar(d, &one, a + f->data_offset, b + f->data_offset);
	}
}

void config_diff(const char *section, const struct config *before, const struct config *after,
		 void (*found)(void *user, const struct config_difference *difference), void *user)
{
	const struct diff d = { found, user };

	for (const cyaml_schema_field_t *f = config_schema.mapping.fields; f->key; f++) {
		const uint8_t *a = read_pointer((const uint8_t *)before + f->data_offset);
		const uint8_t *b = read_pointer((const uint8_t *)after + f->data_offset);
		struct place p = { .value = &f->value, .section = "file", .key = f->key };

		if (strcmp(f->key, section) || !a || !b)
			continue;
		snprintf(p.path, sizeof(p.path), "%s", f->key);
		diff_mapping(&d, &p, a, b);
	}
}
