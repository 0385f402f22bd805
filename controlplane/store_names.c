/*
 * Names of S-CSCFs as records have them: by a number, which the database gives and never takes
 * back. There are few of them, and their numbers are kept in memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/database.h"
#include "controlplane/store.h"
#include "controlplane/store_impl.h"

/* Kept in memory; others are asked of the database each time. */
#define KEPT 64

struct store_names {
	unsigned n;
	struct {
		uint32_t number;
		char name[STORE_IDENTITY_BYTES];
	} kept[KEPT];
};

struct store_names *store_names_new(void)
{
	return calloc(1, sizeof(struct store_names));
}

void store_names_free(struct store_names *n)
{
	free(n);
}

void store_names_clear(struct store_names *n)
{
	n->n = 0;
}

static void keep(struct store_names *n, uint32_t number, const char *name)
{
	if (n->n == KEPT)
		return;
	n->kept[n->n].number = number;
	strcpy(n->kept[n->n++].name, name);
}

/* 0: it has none; or -errno. */
static int64_t find_name(struct store *s, const char *name)
{
	sqlite3_stmt *st = s->statements[STORE_FIND_NAME];
	int64_t number;
	int step;

	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	step = sqlite3_step(st);
	number = step == SQLITE_ROW ? sqlite3_column_int64(st, 0) : database_errno(step);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return number <= UINT32_MAX ? number : -EOVERFLOW;
}

/* Another process may be quicker: the name is looked for again. */
static int64_t add_name(struct store *s, const char *name)
{
	int rc;

	store_read_no_more(s);
	sqlite3_bind_text(s->statements[STORE_ADD_NAME], 1, name, -1, SQLITE_STATIC);
	rc = store_run(s, STORE_ADD_NAME);
	return rc < 0 ? rc : find_name(s, name);
}

int store_number_of(struct store *s, const char *name, uint32_t *number)
{
	int64_t found;

	*number = 0;
	if (name[0] == '\0')
		return 0;
	if (strlen(name) >= STORE_IDENTITY_BYTES)
		return -EMSGSIZE;
	for (unsigned i = 0; i < s->names->n; i++) {
		if (strcmp(s->names->kept[i].name, name) == 0) {
			*number = s->names->kept[i].number;
			return 0;
		}
	}
	found = find_name(s, name);
	if (found == 0)
		found = add_name(s, name);
	if (found <= 0)
		return found < 0 ? (int)found : -EIO;
	*number = (uint32_t)found;
	keep(s->names, *number, name);
	return 0;
}

int store_name_of(struct store *s, uint32_t number, char out[STORE_IDENTITY_BYTES])
{
	sqlite3_stmt *st = s->statements[STORE_NAME_OF];
	const unsigned char *text;
	int rc = 0;

	out[0] = '\0';
	if (number == 0)
		return 0;
	for (unsigned i = 0; i < s->names->n; i++) {
		if (s->names->kept[i].number == number) {
			strcpy(out, s->names->kept[i].name);
			return 0;
		}
	}
	sqlite3_bind_int64(st, 1, number);
	text = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_text(st, 0) : NULL;
	if (text == NULL || sqlite3_column_bytes(st, 0) >= STORE_IDENTITY_BYTES)
		rc = -EIO; /* a record has a number that nobody gave */
	else
		strcpy(out, (const char *)text);
	sqlite3_reset(st);
	if (rc == 0)
		keep(s->names, number, out);
	return rc;
}
