/*
 * Holds a document against the schema: every key known and there once, every value of its type and
 * in its range, every required key there. After this libcyaml cannot fail but for memory. Internal
 * to configs/.
 */
#ifndef CONFIGS_CONFIG_SHAPE_H
#define CONFIGS_CONFIG_SHAPE_H

struct config;
struct config_document;

/* Returns 0, or -EINVAL with the document's error written. */
int shape_check(struct config_document *d);

/* Writes the defaults of all keys that the document does not have into c. 0 or -ENOMEM. */
int shape_defaults(struct config_document *d, struct config *c);

#endif
