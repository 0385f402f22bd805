#include "test/unit/state_copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/shim/test.h"

#define MAX_BYTES (8 << 20)

static const char *const parts[STATE_COPY_PARTS] = { ".db", ".db-wal" };

static void name(char path[static 256], const char *directory, const char *role, unsigned part)
{
	snprintf(path, 256, "%s/%s%s", directory, role, parts[part]);
}

void state_copy_take(struct state_copy *c, const char *directory, const char *role)
{
	char path[256];
	state_copy_forget(c);
	for (unsigned i = 0; i < STATE_COPY_PARTS; i++) {
		name(path, directory, role, i);
		FILE *f = fopen(path, "r");
		if (!f)
			continue;
		c->bytes[i] = malloc(MAX_BYTES);
		c->n_bytes[i] = fread(c->bytes[i], 1, MAX_BYTES, f);
		EXPECT_LT(c->n_bytes[i], MAX_BYTES);
		fclose(f);
	}
}

void state_copy_put(struct state_copy *c, const char *directory, const char *role)
{
	char path[256];
	for (unsigned i = 0; i < STATE_COPY_PARTS; i++) {
		name(path, directory, role, i);
		unlink(path);
		if (!c->bytes[i])
			continue;
		FILE *f = fopen(path, "w");
		EXPECT_EQ(fwrite(c->bytes[i], 1, c->n_bytes[i], f), c->n_bytes[i]);
		fchmod(fileno(f), 0600);
		fclose(f);
	}
	state_copy_forget(c);
}

void state_copy_forget(struct state_copy *c)
{
	for (unsigned i = 0; i < STATE_COPY_PARTS; i++)
		free(c->bytes[i]);
	*c = (struct state_copy){ 0 };
}

bool state_copy_has(const struct state_copy *c, const void *bytes, size_t n_bytes)
{
	for (unsigned i = 0; i < STATE_COPY_PARTS; i++)
		if (c->bytes[i] && memmem(c->bytes[i], c->n_bytes[i], bytes, n_bytes))
			return true;
	return false;
}
