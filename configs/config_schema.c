#include "configs/config_schema.h"

#include <string.h>

#include "configs/config.h"
#include "configs/config_schema_impl.h"

const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, TEXT_MAX_BYTES),
};

const cyaml_schema_value_t number_entry = {
	CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint32_t),
};

#define SECTION(member)                                                                            \
	CYAML_FIELD_MAPPING_PTR(#member, OPTIONAL, struct config, member, member##_fields)

static const cyaml_schema_field_t root_fields[] = {
	SECTION(dataplane), SECTION(controlplane), SECTION(tls), SECTION(cx),     SECTION(pcscf),
	SECTION(icscf),     SECTION(scscf),        SECTION(hss), CYAML_FIELD_END,
};

const cyaml_schema_value_t config_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, root_fields),
};

static const struct config_rule *find(const struct config_rules *rules,
				      const cyaml_schema_field_t *section, const char *key)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rules->rule[i].section == section && !strcmp(rules->rule[i].key, key))
			return &rules->rule[i];
	return NULL;
}

const struct config_rule *config_rule(const cyaml_schema_field_t *section, const char *key)
{
	const struct config_rule *rule = find(&dataplane_rules, section, key);
	return rule ? rule : find(&controlplane_rules, section, key);
}

void config_each_key(const cyaml_schema_value_t *value, const char *section,
		     void (*found)(const char *section, const char *key, void *user), void *user)
{
	if (value->type == CYAML_SEQUENCE)
		value = value->sequence.entry;
	if (value->type != CYAML_MAPPING)
		return;
	for (const cyaml_schema_field_t *f = value->mapping.fields; f->key; f++) {
		found(section, f->key, user);
		config_each_key(&f->value, f->key, found, user);
	}
}
