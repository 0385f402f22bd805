#include "controlplane/database.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int database_errno(int rc)
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
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

/* The file is made before SQLite sees it: its journal files then inherit the mode. */
static int make_private_file(const char *path, const char *what, char *error, size_t error_bytes)
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
		snprintf(error, error_bytes, "%s: mode %04o lets others read %s, expected 0600",
			 path, st.st_mode & 07777, what);
		return -EACCES;
	}
	return 0;
}

int database_open(const char *path, const char *what, sqlite3 **out, char *error,
		  size_t error_bytes)
{
	int rc = make_private_file(path, what, error, error_bytes);

	*out = NULL;
	if (rc < 0)
		return rc;
	rc = sqlite3_open_v2(path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		return 0;
	snprintf(error, error_bytes, "%s: %s", path, sqlite3_errstr(rc));
	sqlite3_close(*out);
	*out = NULL;
	return database_errno(rc);
}

int database_exec(sqlite3 *db, const char *sql)
{
	return database_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int database_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	int number = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		number = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return number;
}

int database_prepare(sqlite3 *db, const char *const sql[], unsigned n, sqlite3_stmt *out[])
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = database_errno(sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
						       &out[i], NULL));
	return rc;
}

int database_run(sqlite3_stmt *statement)
{
	int rc = sqlite3_step(statement);

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return database_errno(rc);
}

int database_sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int fd, rc = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		rc = -errno;
	close(fd);
	return rc;
}
