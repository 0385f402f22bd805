#include <errno.h>
#include <string.h>

#include "configs/config.h"
#include "configs/config_document.h"
#include "configs/config_schema.h"
#include "configs/config_shape.h"

static int fill_mapping(struct config_document *d, const yaml_node_t *node,
			const cyaml_schema_field_t *fields, uint8_t *data);

/* libcyaml zeroes what it does not find, which is the default of every choice and bool. */
static int fill_absent(const cyaml_schema_field_t *section, const cyaml_schema_field_t *field,
		       uint8_t *data)
{
	const struct config_rule *rule = config_rule(section, field->key);
	uint32_t number;
	char *text;

	if (field->value.type == CYAML_UINT) {
		number = rule->number;
		memcpy(data, &number, sizeof(number));
	} else if (field->value.type == CYAML_STRING) {
		text = strdup(rule->text);
		if (!text)
			return -ENOMEM;
		memcpy(data, &text, sizeof(text));
	}
	return 0;
}

static int fill_list(struct config_document *d, const yaml_node_t *node,
		     const cyaml_schema_value_t *entry, uint8_t *data)
{
	yaml_node_item_t *start = node->data.sequence.items.start;
	int rc = 0;

	if (entry->type != CYAML_MAPPING)
		return 0;
	for (yaml_node_item_t *item = start; rc == 0 && item < node->data.sequence.items.top;
	     item++)
		rc = fill_mapping(d, document_node(d, *item), entry->mapping.fields,
				  data + (item - start) * entry->data_size);
	return rc;
}

/* node is NULL where a mapping that is part of its parent's struct is absent as a whole. */
static int fill_mapping(struct config_document *d, const yaml_node_t *node,
			const cyaml_schema_field_t *fields, uint8_t *data)
{
	for (const cyaml_schema_field_t *f = fields; f->key; f++) {
		const yaml_node_t *value = node ? document_value(d, node, f->key) : NULL;
		bool apart = (f->value.flags & CYAML_FLAG_POINTER) && f->value.type != CYAML_STRING;
		uint8_t *place = data + f->data_offset;
		void *target;
		int rc = 0;

		if (apart) {
			memcpy(&target, place, sizeof(target));
			if (!target)
				continue; /* a section that is not configured */
			place = target;
		}
		if (f->value.type == CYAML_MAPPING)
			rc = fill_mapping(d, value, f->value.mapping.fields, place);
		else if (f->value.type == CYAML_SEQUENCE)
			rc = fill_list(d, value, f->value.sequence.entry, place);
		else if (!value)
			rc = fill_absent(fields, f, place);
		if (rc)
			return rc;
	}
	return 0;
}

int shape_defaults(struct config_document *d, struct config *c)
{
	return fill_mapping(d, document_root(d), config_schema.mapping.fields, (uint8_t *)c);
}
