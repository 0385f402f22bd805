/*
 * Shared by config_schema.c, config_schema_dataplane.c and config_schema_controlplane.c alone: how
 * they write fields, and what the two parts give to the whole. Each part has the choices, the
 * fields and the rules of its sections.
 */
#ifndef CONFIGS_CONFIG_SCHEMA_IMPL_H
#define CONFIGS_CONFIG_SCHEMA_IMPL_H

#include "configs/config_schema.h"

#define REQUIRED CYAML_FLAG_DEFAULT
#define OPTIONAL CYAML_FLAG_OPTIONAL

/* Longest text of any key; no limit of a format, only of what is worth reading. */
#define TEXT_MAX_BYTES 1024

/* Each section's fields are read and written beside its struct in config.h. */
#define NUMBER(flags, section, member) CYAML_FIELD_UINT(#member, flags, struct section, member)
#define TEXT(flags, section, member)                                                               \
	CYAML_FIELD_STRING_PTR(#member, flags, struct section, member, 0, TEXT_MAX_BYTES)
#define CHOICE(flags, section, member, names)                                                      \
	CYAML_FIELD_ENUM(#member, (flags) | CYAML_FLAG_STRICT, struct section, member, names,      \
			 CYAML_ARRAY_LEN(names))
#define LIST(flags, section, member, entry, max)                                                   \
	CYAML_FIELD_SEQUENCE_COUNT(#member, (flags) | CYAML_FLAG_POINTER, struct section, member,  \
				   n_##member, &(entry), 1, max)

struct config_rules {
	const struct config_rule *rule;
	size_t n;
};

/* Entries of lists. */
extern const cyaml_schema_value_t text_entry, number_entry;

/* ---- config_schema_dataplane.c ---- */

extern const cyaml_schema_field_t dataplane_fields[];
extern const struct config_rules dataplane_rules;

/* ---- config_schema_controlplane.c: the other sections ---- */

extern const cyaml_schema_field_t controlplane_fields[];
extern const cyaml_schema_field_t tls_fields[];
extern const cyaml_schema_field_t cx_fields[];
extern const cyaml_schema_field_t pcscf_fields[];
extern const cyaml_schema_field_t icscf_fields[];
extern const cyaml_schema_field_t scscf_fields[];
extern const cyaml_schema_field_t hss_fields[];
extern const struct config_rules controlplane_rules;

#endif
