/*
 * What no schema can say: rules between keys. Internal to configs/.
 */
#ifndef CONFIGS_CONFIG_CHECK_H
#define CONFIGS_CONFIG_CHECK_H

struct config;
struct config_document;

/* Returns 0, or -EINVAL with the document's error written. */
int check_all(struct config_document *d, const struct config *c);

/* config_check_cx.c, a part of it: the section cx. */
int check_cx(struct config_document *d, const struct config *c);

/* config_check_links.c, another: connections. */
int check_links(struct config_document *d, const struct config *c);

#endif
