/*
 * The schema of the configuration file: which keys there are, of which type, in which range, with
 * which default. Internal to configs/ and its tests. libcyaml fills the structs of config.h by
 * config_schema; what its schemas cannot say of a key stands in a rule beside it.
 */
#ifndef CONFIGS_CONFIG_SCHEMA_H
#define CONFIGS_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include <cyaml/cyaml.h>

/*
 * A key of kind text has `valid` and the words for what it accepts, a number its range. A rule of a
 * list holds for each entry. Defaults apply to optional keys that are absent; keys without a rule,
 * and choices without a default, start as zero: the first of their enum, false.
 */
struct config_rule {
	const cyaml_schema_field_t *section; /* the key's mapping, as in the schema */
	const char *key;
	uint64_t min;
	uint64_t max;
	uint64_t number;  /* default */
	const char *text; /* default */
	bool (*valid)(const char *text);
	const char *expected;
};

extern const cyaml_schema_value_t config_schema;

/* The rule of a key of the mapping with these fields, or NULL. */
const struct config_rule *config_rule(const cyaml_schema_field_t *section, const char *key);

/* Calls for every key below a value, with the key of the mapping that it is in. */
void config_each_key(const cyaml_schema_value_t *value, const char *section,
		     void (*found)(const char *section, const char *key, void *user), void *user);

#endif
