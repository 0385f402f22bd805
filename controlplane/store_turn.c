/* Transactions of the subscriber store: of its database, of its records, of both. */
#include <errno.h>
#include <string.h>

#include "controlplane/database.h"
#include "controlplane/store.h"
#include "controlplane/store_impl.h"

/* The cache is right as long as no other process has changed the database. */
static int check_cache(struct store *s)
{
	sqlite3_stmt *st = s->statements[STORE_DATA_VERSION];
	int step = sqlite3_step(st), rc = 0;
	int version = step == SQLITE_ROW ? sqlite3_column_int(st, 0) : 0;

	if (step != SQLITE_ROW)
		rc = database_errno(step);
	sqlite3_reset(st);
	if (rc == 0 && version != s->data_version)
		store_cache_clear(s->cache);
	if (rc == 0)
		s->data_version = version;
	return rc;
}

/* What store_error() tells when the database has nothing to tell. */
static int note(struct store *s, int rc)
{
	if (rc < 0)
		s->records_error = rc;
	return rc;
}

const char *store_error(struct store *s)
{
	int rc = sqlite3_errcode(s->db);

	if (s->records_error == -EUCLEAN)
		return "the file of records was cut off: sequence numbers would be used again";
	if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
		return strerror(-s->records_error);
	return sqlite3_errmsg(s->db);
}

/*
 * What a transaction of records reads of rows it reads in one of the database, too, from the first
 * one on: each statement alone would lock the database and let go of it.
 */
int store_read(struct store *s)
{
	int rc = 0;

	if (!s->is_open || !sqlite3_get_autocommit(s->db))
		return 0;
	rc = store_run(s, STORE_READ);
	s->is_reading = rc == 0;
	return rc;
}

void store_read_no_more(struct store *s)
{
	if (s->is_reading)
		store_run(s, STORE_COMMIT); /* of nothing */
	s->is_reading = false;
}

int store_need(struct store *s)
{
	int rc = store_records_is_locked(s->records) ? 0 : note(s, store_records_lock(s->records));

	if (rc < 0 || s->is_open)
		return rc;
	rc = check_cache(s);
	if (rc < 0)
		store_records_unlock(s->records);
	return rc;
}

int store_end(struct store *s, int rc)
{
	if (s->is_open)
		return rc;
	if (rc == 0)
		rc = note(s, store_records_commit(s->records));
	store_records_unlock(s->records);
	return rc;
}

static void close_transaction(struct store *s)
{
	store_read_no_more(s);
	if (store_records_is_locked(s->records))
		store_records_unlock(s->records);
	s->is_open = false;
}

int store_enter(struct store *s, bool looks)
{
	int rc = note(s, store_records_lock(s->records));

	s->is_open = rc == 0;
	if (rc == 0 && looks)
		rc = store_read(s);
	if (rc == 0 && looks)
		rc = check_cache(s);
	if (rc < 0)
		close_transaction(s);
	return rc;
}

int store_begin(struct store *s)
{
	int rc = store_run(s, STORE_BEGIN);

	if (rc == 0)
		rc = check_cache(s);
	s->is_open = rc == 0;
	if (rc < 0)
		store_rollback(s);
	return rc;
}

/* The records first: one of a row that then is not there has a stamp that is nobody's. */
int store_commit(struct store *s)
{
	int rc =
		store_records_is_locked(s->records) ? note(s, store_records_commit(s->records)) : 0;

	if (rc == 0 && !s->is_open)
		rc = -EIO; /* it was rolled back */
	if (rc == 0 && !s->is_reading && !sqlite3_get_autocommit(s->db))
		rc = store_run(s, STORE_COMMIT);
	if (rc == 0)
		close_transaction(s);
	return rc;
}

void store_rollback(struct store *s)
{
	/* SQLite has rolled back already after some failures. */
	if (!s->is_reading && !sqlite3_get_autocommit(s->db)) {
		store_run(s, STORE_ROLLBACK);
		store_cache_clear(s->cache);
		store_names_clear(s->names);
	}
	close_transaction(s);
}
