/*
 * What the SQLite files of the control plane, and those beside them, have in common. They are of
 * mode 0600, in WAL mode, and one thread's. Functions return 0 or -errno.
 */
#ifndef CONTROLPLANE_DATABASE_H
#define CONTROLPLANE_DATABASE_H

#include <sqlite3.h>
#include <stddef.h>

/*
 * Opens the file, and makes it when there is none. On failure `error` gets one line that names the
 * file; -EACCES: others than its owner may read `what` is in it.
 */
int database_open(const char *path, const char *what, sqlite3 **out, char *error,
		  size_t error_bytes);

/* -errno of an SQLite result, 0 for SQLITE_OK and SQLITE_DONE; damage is -EBADMSG. */
int database_errno(int rc);

/* Runs statements that give no rows, or whose rows nobody wants. */
int database_exec(sqlite3 *db, const char *sql);

/* The number that a pragma gives ("PRAGMA user_version"); -1: none. */
int database_number(sqlite3 *db, const char *sql);

/* n statements for many uses; what was prepared is finalised by the caller, on failure too. */
int database_prepare(sqlite3 *db, const char *const sql[], unsigned n, sqlite3_stmt *out[]);

/* Steps a statement that gives no rows, and makes it ready for its next use. */
int database_run(sqlite3_stmt *statement);

/* A file that was made or renamed at `path` is there after a power failure, too. */
int database_sync_directory(const char *path);

#endif
