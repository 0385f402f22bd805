#include "controlplane/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

static int prepare(struct store *s)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < STORE_N_STATEMENTS; i++) {
		rc = store_errno(sqlite3_prepare_v3(s->db, store_sql[i], -1,
						    SQLITE_PREPARE_PERSISTENT, &s->statements[i],
						    NULL));
	}
	return rc;
}

/* What is sealed as the proof, under a name that is no IMPI. */
static const uint8_t proof_text[STORE_SEAL_TEXT_BYTES] = "imsgate subscribers";
#define PROOF_NAME "proof"

static int add_proof(struct store *s)
{
	uint8_t sealed[STORE_SEALED_BYTES];
	int rc = store_seal(s->seal, PROOF_NAME, proof_text, sealed);

	if (rc < 0)
		return rc;
	sqlite3_bind_blob(s->statements[STORE_ADD_PROOF], 1, sealed, sizeof(sealed), SQLITE_STATIC);
	return store_run(s, STORE_ADD_PROOF);
}

/* -EKEYREJECTED: the key file is not that of the database. */
static int check_proof(struct store *s)
{
	sqlite3_stmt *st = s->statements[STORE_FIND_PROOF];
	uint8_t text[STORE_SEAL_TEXT_BYTES];
	int rc = -EKEYREJECTED;

	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_bytes(st, 0) == STORE_SEALED_BYTES)
		rc = store_unseal(s->seal, PROOF_NAME, sqlite3_column_blob(st, 0), text) == 0
			     ? 0
			     : -EKEYREJECTED;
	sqlite3_reset(st);
	return rc;
}

/*
 * Two processes may open a new file at once: the version is looked at under the write lock. Only a
 * new database makes its key file; one that has subscribers is nothing without the one it had.
 */
static int make_schema(struct store *s, const char *key_path, char *error, size_t error_bytes)
{
	char version[48];
	int rc = store_errno(sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL));

	if (rc < 0)
		return rc;
	bool is_new = user_version(s->db) == 0;
	s->seal = store_seal_open(key_path, is_new, &rc, error, error_bytes);
	if (s->seal && is_new) {
		snprintf(version, sizeof(version), "PRAGMA user_version = %d",
			 STORE_SCHEMA_VERSION);
		rc = store_errno(sqlite3_exec(s->db, STORE_SCHEMA, NULL, NULL, NULL));
		if (rc == 0)
			rc = store_errno(sqlite3_exec(s->db, version, NULL, NULL, NULL));
	}
	if (rc == 0 && user_version(s->db) != STORE_SCHEMA_VERSION)
		rc = -EPROTO;
	if (rc == 0)
		rc = prepare(s);
	if (rc == 0)
		rc = is_new ? add_proof(s) : check_proof(s);
	if (rc == 0)
		rc = store_errno(sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL));
	return rc;
}

/* synchronous = FULL: a commit is on the disk when it returns, in WAL mode too. */
static int set_up(struct store *s, const char *key_path, char *error, size_t error_bytes)
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
	return make_schema(s, key_path, error, error_bytes);
}

/* One line for what failed, unless who failed has said it. */
static void say(struct store *s, const char *path, const char *key_path, int rc, char *error,
		size_t error_bytes)
{
	if (rc == -EPROTO)
		snprintf(error, error_bytes, "%s: schema version %d, expected %d", path,
			 user_version(s->db), STORE_SCHEMA_VERSION);
	else if (rc == -EKEYREJECTED)
		snprintf(error, error_bytes, "%s: not the key file of %s", key_path, path);
	else if (!error[0])
		snprintf(error, error_bytes, "%s: %s", path, store_error(s));
}

int store_open(const char *path, const char *key_path, struct store **out, char *error,
	       size_t error_bytes)
{
	char beside[PATH_MAX];
	struct store *s;
	int rc = make_private_file(path, error, error_bytes);

	if (rc < 0)
		return rc;
	snprintf(beside, sizeof(beside), "%s.key", path);
	if (key_path == NULL || key_path[0] == '\0')
		key_path = beside;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		snprintf(error, error_bytes, "%s: %s", path, strerror(ENOMEM));
		return -ENOMEM;
	}
	rc = store_errno(
		sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
	error[0] = '\0';
	if (rc == 0)
		rc = set_up(s, key_path, error, error_bytes);
	if (rc < 0) {
		say(s, path, key_path, rc, error, error_bytes);
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
	sqlite3_close(s->db); /* rolls back what is open */
	store_seal_free(s->seal);
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
