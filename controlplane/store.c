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

/* The sealed proof, which is random, also says whose the file of records is. */
_Static_assert(STORE_RECORDS_PROOF <= STORE_SEALED_BYTES, "a part of it will do");

static int add_proof(struct store *s, uint8_t sealed[STORE_SEALED_BYTES])
{
	int rc = store_seal(s->seal, PROOF_NAME, proof_text, sealed);

	if (rc < 0)
		return rc;
	sqlite3_bind_blob(s->statements[STORE_ADD_PROOF], 1, sealed, STORE_SEALED_BYTES,
			  SQLITE_STATIC);
	return store_run(s, STORE_ADD_PROOF);
}

/* -EKEYREJECTED: the key file is not that of the database. */
static int check_proof(struct store *s, uint8_t sealed[STORE_SEALED_BYTES])
{
	sqlite3_stmt *st = s->statements[STORE_FIND_PROOF];
	uint8_t text[STORE_SEAL_TEXT_BYTES];
	int rc = -EKEYREJECTED;

	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_bytes(st, 0) == STORE_SEALED_BYTES) {
		memcpy(sealed, sqlite3_column_blob(st, 0), STORE_SEALED_BYTES);
		rc = store_unseal(s->seal, PROOF_NAME, sealed, text) == 0 ? 0 : -EKEYREJECTED;
	}
	sqlite3_reset(st);
	return rc;
}

/* A line of STORE_STATES_OF_3 into the record of its subscriber. */
static int take_state(struct store *s, sqlite3_stmt *st)
{
	int64_t id = sqlite3_column_int64(st, 0);
	struct store_record record = { .sqn = (uint64_t)sqlite3_column_int64(st, 2) };
	int position = sqlite3_column_int(st, 4);
	int rc;

	if (sqlite3_column_bytes(st, 1) != STORE_SEALED_BYTES || position < 0 ||
	    position >= STORE_MAX_IMPUS)
		return -EIO;
	memcpy(&record.stamp, sqlite3_column_blob(st, 1), sizeof(record.stamp));
	rc = store_number_of(s, (const char *)sqlite3_column_text(st, 3), &record.scscf);
	if (rc == 0)
		rc = store_records_get(s->records, id, record.stamp, &record);
	if (rc == -ENOENT)
		rc = 0;
	record.states[position] = (uint8_t)sqlite3_column_int(st, 5);
	return rc == 0 ? store_records_put(s->records, id, &record) : rc;
}

/* A database of version 3 had in its tables what records have now. */
static int make_records(struct store *s)
{
	sqlite3_stmt *st;
	int step = SQLITE_DONE;
	int rc = database_errno(sqlite3_prepare_v2(s->db, STORE_STATES_OF_3, -1, &st, NULL));

	if (rc == 0)
		rc = store_records_lock(s->records);
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		rc = take_state(s, st);
	if (rc == 0)
		rc = database_errno(step);
	sqlite3_finalize(st);
	if (rc == 0)
		rc = store_records_commit(s->records);
	if (store_records_is_locked(s->records))
		store_records_unlock(s->records);
	return rc == 0 ? database_exec(s->db, STORE_SCHEMA_FROM_3) : rc;
}

static int set_version(struct store *s)
{
	char version[48];

	snprintf(version, sizeof(version), "PRAGMA user_version = %d", STORE_SCHEMA_VERSION);
	return database_exec(s->db, version);
}

/* Tables and columns of today, up to what moves into records. */
static int make_tables(struct store *s, int version)
{
	int rc = 0;

	if (version == 0)
		return database_exec(s->db, STORE_SCHEMA);
	if (version == 2)
		rc = database_exec(s->db, STORE_SCHEMA_FROM_2);
	if (rc == 0 && (version == 2 || version == 3))
		return database_exec(s->db, STORE_SCHEMA_NAMES);
	return rc == 0 && version != STORE_SCHEMA_VERSION ? -EPROTO : rc;
}

/*
 * Two processes may open a new file at once: the version is looked at under the write lock. Only a
 * new database makes its key file, and only one that has no records yet their file; one that has
 * subscribers is nothing without those it had.
 */
static int make_schema(struct store *s, const char *path, const char *key_path, char *error,
		       size_t error_bytes)
{
	uint8_t proof[STORE_SEALED_BYTES];
	int rc = database_exec(s->db, "BEGIN IMMEDIATE"), version;

	if (rc < 0)
		return rc;
	version = user_version(s->db);
	s->seal = store_seal_open(key_path, version == 0, &rc, error, error_bytes);
	if (s->seal)
		rc = make_tables(s, version);
	if (rc == 0)
		rc = database_prepare(s->db, store_sql, STORE_N_STATEMENTS, s->statements);
	if (rc == 0)
		rc = version == 0 ? add_proof(s, proof) : check_proof(s, proof);
	if (rc == 0)
		rc = store_records_open(path, proof, version != STORE_SCHEMA_VERSION, &s->records,
					error, error_bytes);
	if (rc == 0 && version != 0 && version != STORE_SCHEMA_VERSION)
		rc = make_records(s);
	if (rc == 0 && version != STORE_SCHEMA_VERSION)
		rc = set_version(s);
	if (rc == 0)
		rc = database_exec(s->db, "COMMIT");
	return rc;
}

/* synchronous = FULL: a commit is on the disk when it returns, in WAL mode too. */
static int set_up(struct store *s, const char *path, const char *key_path, char *error,
		  size_t error_bytes)
{
	char pragmas[224];
	int rc;

	sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
	snprintf(pragmas, sizeof(pragmas),
		 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		 "PRAGMA foreign_keys = ON; PRAGMA cache_size = -%d;",
		 CACHE_KIB);
	rc = database_exec(s->db, pragmas);
	if (rc < 0)
		return rc;
	return make_schema(s, path, key_path, error, error_bytes);
}

/* One line for what failed, unless who failed has said it. */
static void say(struct store *s, const char *path, const char *key_path, int rc, char *error,
		size_t error_bytes)
{
	if (error[0])
		return;
	if (rc == -EPROTO)
		snprintf(error, error_bytes, "%s: schema version %d, expected %d", path,
			 user_version(s->db), STORE_SCHEMA_VERSION);
	else if (rc == -EKEYREJECTED)
		snprintf(error, error_bytes, "%s: not the key file of %s", key_path, path);
	else
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
	s->cache = store_cache_new();
	s->names = store_names_new();
	if (s->cache == NULL || s->names == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		rc = set_up(s, path, key_path, error, error_bytes);
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
	store_records_close(s->records);
	store_cache_free(s->cache);
	store_names_free(s->names);
	store_seal_free(s->seal);
	free(s);
}
