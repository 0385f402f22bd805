/*
 * What two configurations say differently, key by key as the schema has them: nothing that has a
 * key can be left out. Internal to configs/ and to who reads a file anew.
 */
#ifndef CONFIGS_CONFIG_DIFF_H
#define CONFIGS_CONFIG_DIFF_H

struct config;

/* Long texts are cut. All of it lives until found() returns. */
struct config_difference {
	const char *key;  /* "flood.port": section and key, as docs/configuration.md names them */
	const char *path; /* "dataplane.zones[0].flood.port" */
	const char *before;
	const char *after;
};

/*
 * Calls for each difference in the section of this name that both configurations have, in the order
 * of the schema. Lists of other lengths are one difference, and then their entries none.
 */
void config_diff(const char *section, const struct config *before, const struct config *after,
		 void (*found)(void *user, const struct config_difference *difference), void *user);

#endif
