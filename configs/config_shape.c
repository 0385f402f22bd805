#include "configs/config_shape.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config_document.h"
#include "configs/config_schema.h"

/* A value's place in the schema: its key, and the mapping whose key it is. */
struct shape {
	const cyaml_schema_value_t *value;
	const cyaml_schema_field_t *section;
	const char *key;
};

static int check_value(struct config_document *d, const yaml_node_t *node, const struct shape *s);

/* Appends `text` to a list in words; what does not fit is left out. */
static void append(char *list, size_t list_bytes, const char *separator, const char *text)
{
	size_t n = strlen(list);

	snprintf(list + n, list_bytes - n, "%s%s", n ? separator : "", text);
}

/* Edits (insert, delete, replace) from a to b; texts of 32 bytes and more count as far apart. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[33];
	size_t a_bytes = strlen(a), b_bytes = strlen(b);

	if (a_bytes >= 32 || b_bytes >= 32)
		return 32;
	for (unsigned j = 0; j <= b_bytes; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a_bytes; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= b_bytes; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_bytes];
}

static int refuse_unknown_key(struct config_document *d, const yaml_node_t *key,
			      const cyaml_schema_field_t *fields)
{
	const cyaml_schema_field_t *nearest = NULL;
	unsigned nearest_edits = 3; /* two typing errors are a typing error; more is another word */
	char quoted[CONFIG_QUOTE_BYTES];
	char known[256] = "";

	for (const cyaml_schema_field_t *f = fields; f->key; f++) {
		unsigned edits = distance((char *)key->data.scalar.value, f->key);

		append(known, sizeof(known), ", ", f->key);
		if (edits < nearest_edits) {
			nearest_edits = edits;
			nearest = f;
		}
	}
	if (nearest)
		return document_refuse(d, key,
				       "found unknown key %s, expected %s (did you mean that?)",
				       document_quote(key, quoted), nearest->key);
	return document_refuse(d, key, "found unknown key %s, expected one of %s",
			       document_quote(key, quoted), known);
}

static const cyaml_schema_field_t *find_field(const cyaml_schema_field_t *fields,
					      const yaml_node_t *key)
{
	for (; fields->key; fields++)
		if (strlen(fields->key) == key->data.scalar.length &&
		    !memcmp(fields->key, key->data.scalar.value, key->data.scalar.length))
			return fields;
	return NULL;
}

static int check_mapping(struct config_document *d, const yaml_node_t *node, const struct shape *s)
{
	const cyaml_schema_field_t *fields = s->value->mapping.fields;
	char quoted[CONFIG_QUOTE_BYTES];

	if (node->type != YAML_MAPPING_NODE)
		return document_refuse(d, node, "found %s for %s, expected a mapping of keys",
				       document_quote(node, quoted), s->key);
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
	     p++) {
		const yaml_node_t *key = document_node(d, p->key);
		const yaml_node_t *value = document_node(d, p->value);
		const cyaml_schema_field_t *field;
		int rc;

		if (key->type != YAML_SCALAR_NODE)
			return document_refuse(d, key, "found %s, expected a key",
					       document_quote(key, quoted));
		field = find_field(fields, key);
		if (!field)
			return refuse_unknown_key(d, key, fields);
		if (document_value(d, node, field->key) != value)
			return document_refuse(d, key, "found key %s again, expected it once",
					       field->key);
		rc = check_value(d, value, &(struct shape){ &field->value, fields, field->key });
		if (rc)
			return rc;
	}
	for (; fields->key; fields++)
		if (!(fields->value.flags & CYAML_FLAG_OPTIONAL) &&
		    !document_value(d, node, fields->key))
			return document_refuse(d, node, "found no key %s in %s, expected it",
					       fields->key, s->key);
	return 0;
}

static int check_list(struct config_document *d, const yaml_node_t *node, const struct shape *s)
{
	char quoted[CONFIG_QUOTE_BYTES];
	size_t n;

	if (node->type != YAML_SEQUENCE_NODE)
		return document_refuse(d, node, "found %s for %s, expected a list",
				       document_quote(node, quoted), s->key);
	n = node->data.sequence.items.top - node->data.sequence.items.start;
	if (n < s->value->sequence.min || n > s->value->sequence.max)
		return document_refuse(d, node, "found %zu entries for %s, expected %u to %u", n,
				       s->key, s->value->sequence.min, s->value->sequence.max);
	for (size_t i = 0; i < n; i++) {
		const yaml_node_t *entry = document_node(d, node->data.sequence.items.start[i]);
		int rc = check_value(
			d, entry, &(struct shape){ s->value->sequence.entry, s->section, s->key });

		if (rc)
			return rc;
	}
	return 0;
}

/* Decimal without sign and leading zero: libcyaml would read 0100 as octal. */
static bool is_number(const yaml_node_t *node, uint64_t *out)
{
	const char *text = (char *)node->data.scalar.value;
	size_t digits;

	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	digits = strspn(text, "0123456789");
	*out = strtoull(text, NULL, 10);
	return digits >= 1 && digits <= 10 && digits == node->data.scalar.length &&
	       (digits == 1 || text[0] != '0');
}

static int check_number(struct config_document *d, const yaml_node_t *node, const struct shape *s)
{
	const struct config_rule *rule = config_rule(s->section, s->key);
	char quoted[CONFIG_QUOTE_BYTES];
	uint64_t number;

	if (is_number(node, &number) && number >= rule->min && number <= rule->max)
		return 0;
	if (node->type == YAML_SCALAR_NODE && node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return document_refuse(d, node,
				       "found the text %s for %s, expected a number without quotes",
				       document_quote(node, quoted), s->key);
	return document_refuse(d, node,
			       "found %s for %s, expected a number from %" PRIu64 " to %" PRIu64,
			       document_quote(node, quoted), s->key, rule->min, rule->max);
}

static int check_text(struct config_document *d, const yaml_node_t *node, const struct shape *s)
{
	const struct config_rule *rule = config_rule(s->section, s->key);
	char quoted[CONFIG_QUOTE_BYTES];
	bool ok = node->type == YAML_SCALAR_NODE &&
		  node->data.scalar.length <= s->value->string.max &&
		  (node->data.scalar.length > 0 ||
		   node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE);

	for (size_t i = 0; ok && i < node->data.scalar.length; i++)
		ok = node->data.scalar.value[i] >= ' ' && node->data.scalar.value[i] != 0x7f;
	if (ok && rule->valid((char *)node->data.scalar.value))
		return 0;
	return document_refuse(d, node, "found %s for %s, expected %s",
			       document_quote(node, quoted), s->key, rule->expected);
}

/* One of a set of words: an enum's, or true and false, for which libcyaml takes any word. */
static int check_word(struct config_document *d, const yaml_node_t *node, const struct shape *s)
{
	static const cyaml_strval_t bools[] = { { "true", 1 }, { "false", 0 } };
	bool is_bool = s->value->type == CYAML_BOOL;
	const cyaml_strval_t *words = is_bool ? bools : s->value->enumeration.strings;
	unsigned n_words = is_bool ? CYAML_ARRAY_LEN(bools) : s->value->enumeration.count;
	char quoted[CONFIG_QUOTE_BYTES];
	char known[128] = "";

	for (unsigned i = 0; i < n_words; i++) {
		if (node->type == YAML_SCALAR_NODE &&
		    !strcmp((char *)node->data.scalar.value, words[i].str) &&
		    strlen(words[i].str) == node->data.scalar.length)
			return 0;
		append(known, sizeof(known), " or ", words[i].str);
	}
	return document_refuse(d, node, "found %s for %s, expected %s",
			       document_quote(node, quoted), s->key, known);
}

static int check_value(struct config_document *d, const yaml_node_t *node, const struct shape *s)
{
	switch (s->value->type) {
	case CYAML_MAPPING:
		return check_mapping(d, node, s);
	case CYAML_SEQUENCE:
		return check_list(d, node, s);
	case CYAML_UINT:
		return check_number(d, node, s);
	case CYAML_STRING:
		return check_text(d, node, s);
	default:
		return check_word(d, node, s);
	}
}

int shape_check(struct config_document *d)
{
	const yaml_node_t *root = document_root(d);
	int rc = check_value(d, root, &(struct shape){ &config_schema, NULL, "the file" });

	if (rc == 0 && root->data.mapping.pairs.start == root->data.mapping.pairs.top)
		return document_refuse(d, root, "found no section, expected one such as dataplane");
	return rc;
}
