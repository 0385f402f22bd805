#include "controlplane/store.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/database.h"
#include "controlplane/store_impl.h"
#include "controlplane/store_schema.h"

/* Hot pages of the two tables; a subscriber and its identity take about 300 bytes. */
#define CACHE_KIB 65536
/* 32 MB of log: a page that many registrations change goes to its place once for all of them. */
#define CHECKPOINT_PAGES 8192

int store_run(struct store *s, enum store_statement which)
{
	return database_run(s->statements[which]);
}

static int user_version(sqlite3 *db)
{
	return database_number(db, "PRAGMA user_version");
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

/* Runs what makes the schema of today, and says that it is. */
static int upgrade(struct store *s, const char *statements)
{
	char version[48];
	int rc = database_exec(s->db, statements);

	snprintf(version, sizeof(version), "PRAGMA user_version = %d", STORE_SCHEMA_VERSION);
	return rc < 0 ? rc : database_exec(s->db, version);
}

/*
 * Two processes may open a new file at once: the version is looked at under the write lock. Only a
 * new database makes its key file; one that has subscribers is nothing without the one it had.
 */
static int make_schema(struct store *s, const char *key_path, char *error, size_t error_bytes)
{
	int rc = database_exec(s->db, "BEGIN IMMEDIATE");

	if (rc < 0)
		return rc;
	bool is_new = user_version(s->db) == 0;
	s->seal = store_seal_open(key_path, is_new, &rc, error, error_bytes);
	if (s->seal && is_new)
		rc = upgrade(s, STORE_SCHEMA);
	if (s->seal && user_version(s->db) == 2)
		rc = upgrade(s, STORE_SCHEMA_FROM_2);
	if (rc == 0 && user_version(s->db) != STORE_SCHEMA_VERSION)
		rc = -EPROTO;
	if (rc == 0)
		rc = database_prepare(s->db, store_sql, STORE_N_STATEMENTS, s->statements);
	if (rc == 0)
		rc = is_new ? add_proof(s) : check_proof(s);
	if (rc == 0)
		rc = database_exec(s->db, "COMMIT");
	return rc;
}

/* synchronous = FULL: a commit is on the disk when it returns, in WAL mode too. */
static int set_up(struct store *s, const char *key_path, char *error, size_t error_bytes)
{
	char pragmas[224];
	int rc;

	sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
	snprintf(pragmas, sizeof(pragmas),
		 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		 "PRAGMA foreign_keys = ON; PRAGMA cache_size = -%d;"
		 "PRAGMA wal_autocheckpoint = %d;",
		 CACHE_KIB, CHECKPOINT_PAGES);
	rc = database_exec(s->db, pragmas);
	if (rc < 0)
		return rc;
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
	sqlite3 *db;
	struct store *s;
	int rc = database_open(path, "the subscribers' keys", &db, error, error_bytes);

	if (rc < 0)
		return rc;
	snprintf(beside, sizeof(beside), "%s.key", path);
	if (key_path == NULL || key_path[0] == '\0')
		key_path = beside;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		snprintf(error, error_bytes, "%s: %s", path, strerror(ENOMEM));
		sqlite3_close(db);
		return -ENOMEM;
	}
	s->db = db;
	error[0] = '\0';
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
