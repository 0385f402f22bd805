/*
 * The YAML text as a tree of nodes that still know their line and column: what every refusal of a
 * configuration points into. Internal to configs/. Hostile text ends here: size, depth and number
 * of nodes are bounded, and anchors and aliases are refused, before a tree is built.
 */
#ifndef CONFIGS_CONFIG_DOCUMENT_H
#define CONFIGS_CONFIG_DOCUMENT_H

#include <stddef.h>

#include <yaml.h>

#define CONFIG_MAX_BYTES   (1u << 20)
#define CONFIG_MAX_DEPTH   8    /* the schema needs 5: root, section, zones, zone, value */
#define CONFIG_MAX_NODES   4096 /* 64 zones of 9 keys, with room */
#define CONFIG_QUOTE_BYTES 64

struct config_document {
	const char *name; /* of the file, in errors */
	yaml_document_t yaml;
	char *error; /* the caller's, gets one line */
	size_t error_bytes;
};

/*
 * Parses text into d->yaml. name, error and error_bytes are set by the caller before. Returns 0, or
 * -EINVAL, -EFBIG or -ENOMEM with the error written; then there is nothing to free.
 */
int document_parse(struct config_document *d, const char *text, size_t text_bytes);
void document_free(struct config_document *d);

const yaml_node_t *document_root(struct config_document *d);
const yaml_node_t *document_node(struct config_document *d, int index);

/* The value of a mapping's key (the first, should it be there twice), or NULL. */
const yaml_node_t *document_value(struct config_document *d, const yaml_node_t *mapping,
				  const char *key);

/*
 * The node at a path such as "dataplane.zones[2].vlan", or the deepest node on the way that exists:
 * a default has no place of its own.
 */
const yaml_node_t *document_find(struct config_document *d, const char *path, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes "NAME:LINE:COLUMN: message" for the node's place and returns -EINVAL. */
int document_refuse(struct config_document *d, const yaml_node_t *node, const char *message, ...)
	__attribute__((format(printf, 3, 4)));

/* A scalar in quotes, or what else the node is, fit for an error message. Returns out. */
const char *document_quote(const yaml_node_t *node, char out[CONFIG_QUOTE_BYTES]);

#endif
