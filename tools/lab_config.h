/*
 * The configuration of one lab run: the text of a configuration file in which the values of single
 * lines are replaced.
 */
#ifndef TOOLS_LAB_CONFIG_H
#define TOOLS_LAB_CONFIG_H

/* Reads a whole file. Returns 0 and *text (malloc, NUL-terminated), or -errno. */
int lab_config_read(const char *path, char **text);

/* Writes a whole file, readable by everyone. Returns 0 or -errno. */
int lab_config_write(const char *path, const char *text);

/*
 * Replaces the value of `key`, which must stand exactly once in the text, with its value on the
 * same line. *text is replaced by a new one (malloc). Returns 0; -ENOENT: no such line;
 * -EEXIST: more than one; -ENOMEM.
 */
int lab_config_set(char **text, const char *key, const char *value);

#endif
