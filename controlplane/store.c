#include "controlplane/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/store_impl.h"
#include "controlplane/store_schema.h"

/* Hot pages of the two tables; a subscriber and its identity take about 300 bytes. */
#define CACHE_KIB 65536

int store_errno(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	default:
		return -EIO;
	}
}

int store_run(struct store *s, enum store_statement which)
{
	sqlite3_stmt *st = s->statements[which];
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return store_errno(rc);
}

/* The file is made before SQLite sees it: its journal files then inherit the mode. */
static int make_private_file(const char *path, char *error, size_t error_bytes)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || fstat(fd, &st) < 0) {
		int rc = -errno;

		snprintf(error, error_bytes, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	close(fd);
	if (st.st_mode & 077) {
		snprintf(error, error_bytes,
			 "%s: mode %04o lets others read the subscribers' keys, expected 0600",
			 path, st.st_mode & 07777);
		return -EACCES;
	}
	return 0;
}

static int user_version(sqlite3 *db)
{
	sqlite3_stmt *st;
	int version = -1;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		version = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return version;
}

/* Two processes may open a new file at once: the version is looked at under the write lock. */
static int make_schema(struct store *s)
{
	char version[48];
	int rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return store_errno(rc);
	if (user_version(s->db) == 0) {
		snprintf(version, sizeof(version), "PRAGMA user_version = %d",
			 STORE_SCHEMA_VERSION);
		rc = sqlite3_exec(s->db, STORE_SCHEMA, NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(s->db, version, NULL, NULL, NULL);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return store_errno(rc);
	return user_version(s->db) == STORE_SCHEMA_VERSION ? 0 : -EPROTO;
}

/* synchronous = FULL: a commit is on the disk when it returns, in WAL mode too. */
static int set_up(struct store *s)
{
	char pragmas[160];
	int rc;

	sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
	snprintf(pragmas, sizeof(pragmas),
		 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		 "PRAGMA foreign_keys = ON; PRAGMA cache_size = -%d;",
		 CACHE_KIB);
	rc = sqlite3_exec(s->db, pragmas, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return store_errno(rc);
	rc = make_schema(s);
	for (int i = 0; rc == 0 && i < STORE_N_STATEMENTS; i++) {
		rc = store_errno(sqlite3_prepare_v3(s->db, store_sql[i], -1,
						    SQLITE_PREPARE_PERSISTENT, &s->statements[i],
						    NULL));
	}
	return rc;
}

int store_open(const char *path, struct store **out, char *error, size_t error_bytes)
{
	struct store *s;
	int rc = make_private_file(path, error, error_bytes);

	if (rc < 0)
		return rc;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		snprintf(error, error_bytes, "%s: %s", path, strerror(ENOMEM));
		return -ENOMEM;
	}
	rc = store_errno(
		sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
	if (rc == 0)
		rc = set_up(s);
	if (rc == -EPROTO) {
		snprintf(error, error_bytes, "%s: schema version %d, expected %d", path,
			 user_version(s->db), STORE_SCHEMA_VERSION);
	} else if (rc < 0) {
		snprintf(error, error_bytes, "%s: %s", path, store_error(s));
	}
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < STORE_N_STATEMENTS; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	free(s);
}

const char *store_error(struct store *s)
{
	return sqlite3_errmsg(s->db);
}

int store_begin(struct store *s)
{
	return store_run(s, STORE_BEGIN);
}

int store_commit(struct store *s)
{
	return store_run(s, STORE_COMMIT);
}

void store_rollback(struct store *s)
{
	/* SQLite has rolled back already after some failures. */
	if (!sqlite3_get_autocommit(s->db))
		store_run(s, STORE_ROLLBACK);
}
