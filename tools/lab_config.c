#include "tools/lab_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A configuration is some kilobytes; more is a mistake in the command line. */
#define FILE_BYTES (1 << 20)

int lab_config_read(const char *path, char **text)
{
	FILE *file = fopen(path, "re");
	size_t bytes;
	char *new;
	int error = 0;

	if (!file)
		return -errno;
	new = malloc(FILE_BYTES);
	if (!new) {
		fclose(file);
		return -ENOMEM;
	}
	bytes = fread(new, 1, FILE_BYTES, file);
	if (ferror(file))
		error = -EIO;
	else if (bytes == FILE_BYTES)
		error = -EFBIG;
	fclose(file);
	if (error) {
		free(new);
		return error;
	}
	new[bytes] = 0;
	*text = new;
	return 0;
}

int lab_config_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	int error = 0;

	if (!file)
		return -errno;
	if (fputs(text, file) == EOF)
		error = -EIO;
	if (fclose(file) && !error)
		error = -EIO;
	return error;
}

/* The first line at or after `at` whose key is `key`: where its value begins; NULL. */
static char *find_value(char *at, const char *key)
{
	size_t key_bytes = strlen(key);

	while (*at) {
		char *start = at + strspn(at, " -");

		if (!strncmp(start, key, key_bytes) && start[key_bytes] == ':')
			return start + key_bytes + 1;
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	return NULL;
}

int lab_config_set(char **text, const char *key, const char *value)
{
	char *start = find_value(*text, key), *end, *new;

	if (!start)
		return -ENOENT;
	end = start + strcspn(start, "\n");
	if (find_value(end, key))
		return -EEXIST;
	if (asprintf(&new, "%.*s %s%s", (int)(start - *text), *text, value, end) < 0)
		return -ENOMEM;
	free(*text);
	*text = new;
	return 0;
}
