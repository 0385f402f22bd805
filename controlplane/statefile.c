#include "controlplane/statefile.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "configs/config.h"
#include "controlplane/database.h"
#include "controlplane/log.h"
#include "controlplane/statefile_impl.h"

#define SCHEMA                                                                                     \
	"CREATE TABLE item (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"                         \
	"CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), boot TEXT NOT NULL,"           \
	" offset_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL);"

static const char *const sql[STATEFILE_N_STATEMENTS] = {
	[STATEFILE_BEGIN] = "BEGIN IMMEDIATE",
	[STATEFILE_COMMIT] = "COMMIT",
	[STATEFILE_ROLLBACK] = "ROLLBACK",
	[STATEFILE_PUT] = "INSERT OR REPLACE INTO item (id, bytes) VALUES (?1, ?2)",
	[STATEFILE_DELETE] = "DELETE FROM item WHERE id = ?1",
	[STATEFILE_ALL] = "SELECT id, bytes FROM item",
	[STATEFILE_PUT_CLOCK] = ("INSERT OR REPLACE INTO clock (id, boot, offset_ms, last_ms)"
				 " VALUES (1, ?1, ?2, ?3)"),
};

/*
 * The log is written back when it has so many pages of 4 KiB, by whoever's transaction it is, with
 * two flushes of the disk: some tens of milliseconds, in which nobody is answered.
 */
#define CHECKPOINT_PAGES 1000
#define CACHE_KIB        8192 /* of 25 000 UEs; else a row written again is read from the kernel's */
#define BUSY_MS          1000 /* for the process before this one to end */

static int64_t wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- open --- */

static int read_clock(struct statefile *s)
{
	char boot[sizeof(s->clock.boot)];
	sqlite3_stmt *st;
	int error = statefile_boot(boot);
	if (error)
		return error;
	error = database_errno(sqlite3_prepare_v2(
		s->db, "SELECT boot, offset_ms, last_ms FROM clock", -1, &st, NULL));
	if (error)
		return error;
	int step = sqlite3_step(st);
	const char *text = step == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	if (text && strlen(text) < sizeof(s->clock.boot)) {
		strcpy(s->clock.boot, text);
		s->clock.offset_ms = sqlite3_column_int64(st, 1);
		s->clock.last_ms = sqlite3_column_int64(st, 2);
	}
	sqlite3_finalize(st);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return database_errno(step);
	statefile_clock_set(&s->clock, boot, wall_ms(), (int64_t)loop_now_ms(s->loop));
	s->clock.last_ms = 0; /* to be written with the first transaction */
	return 0;
}

/* Where a damaged file is to be forgotten it must not be found damaged half read. */
static int check_pages(struct statefile *s)
{
	return database_number(s->db, "SELECT count(*) FROM pragma_quick_check(1)"
				      " WHERE quick_check <> 'ok'") == 0
		       ? 0
		       : -EBADMSG;
}

/* -EPROTO: a good database, but not this. */
static int make_schema(struct statefile *s)
{
	char pragmas[120];
	int kind = database_number(s->db, "PRAGMA application_id");
	int version = database_number(s->db, "PRAGMA user_version");
	int n_tables = database_number(s->db, "SELECT count(*) FROM sqlite_schema");
	if (n_tables < 0)
		return database_errno(sqlite3_errcode(s->db));
	s->is_new = n_tables == 0;
	if (!s->is_new)
		return kind == (int)s->options.kind && version == (int)s->options.version ? 0
											  : -EPROTO;
	snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %u; PRAGMA user_version = %u;",
		 s->options.kind, s->options.version);
	int error = database_exec(s->db, SCHEMA);
	return error ? error : database_exec(s->db, pragmas);
}

/*
 * One process has the file, so its locks are taken once and the log's index is in its memory: a
 * transaction costs a third of the system calls then.
 */
static int set_up(struct statefile *s)
{
	char pragmas[200];
	sqlite3_busy_timeout(s->db, BUSY_MS);
	snprintf(
		pragmas, sizeof(pragmas),
		"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
		"PRAGMA synchronous = %s; PRAGMA wal_autocheckpoint = %d; PRAGMA cache_size = -%d;",
		s->options.sync ? "FULL" : "NORMAL", CHECKPOINT_PAGES, CACHE_KIB);
	int error = database_exec(s->db, pragmas);
	if (!error)
		error = database_exec(s->db, "BEGIN IMMEDIATE");
	if (!error && s->options.forget)
		error = check_pages(s);
	if (!error)
		error = make_schema(s);
	if (!error)
		error = database_prepare(s->db, sql, STATEFILE_N_STATEMENTS, s->statements);
	if (!error)
		error = read_clock(s);
	return error ? error : database_exec(s->db, "COMMIT");
}

static void close_database(struct statefile *s)
{
	for (unsigned i = 0; i < STATEFILE_N_STATEMENTS; i++)
		sqlite3_finalize(s->statements[i]);
	memset(s->statements, 0, sizeof(s->statements));
	sqlite3_close(s->db);
	s->db = NULL;
}

static int open_database(struct statefile *s, char *error, size_t error_bytes)
{
	int rc = database_open(s->path, "who is registered", &s->db, error, error_bytes);
	if (rc)
		return rc;
	rc = set_up(s);
	if (rc == -EBUSY)
		snprintf(error, error_bytes, "%s: another process has it", s->path);
	else if (rc == -EPROTO)
		snprintf(error, error_bytes, "%s: not a state file of this role and version",
			 s->path);
	else if (rc)
		snprintf(error, error_bytes, "%s: %s", s->path,
			 sqlite3_errcode(s->db) == SQLITE_OK ? "damaged" : sqlite3_errmsg(s->db));
	if (rc)
		close_database(s);
	return rc;
}

static int set_aside(const struct statefile *s)
{
	static const char *const parts[] = { "", "-wal" };
	char from[sizeof(s->path) + 8], to[sizeof(s->path) + 16];
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(from, sizeof(from), "%s%s", s->path, parts[i]);
		snprintf(to, sizeof(to), "%s.damaged%s", s->path, parts[i]);
		if (rename(from, to) && errno != ENOENT)
			return -errno;
	}
	log_warn("%s: set aside as %s.damaged, and begun anew", s->path, s->path);
	return 0;
}

int statefile_open(struct loop *loop, const struct statefile_options *options,
		   struct statefile **out, char *error, size_t error_bytes)
{
	struct statefile *s = calloc(1, sizeof(*s));
	if (!s || strlen(options->path) >= sizeof(s->path)) {
		snprintf(error, error_bytes, "%s: %s", options->path,
			 strerror(s ? ENAMETOOLONG : ENOMEM));
		free(s);
		return s ? -ENAMETOOLONG : -ENOMEM;
	}
	s->loop = loop;
	s->options = *options;
	strcpy(s->path, options->path);
	s->options.path = s->path;
	TAILQ_INIT(&s->due);
	STAILQ_INIT(&s->waiters);
	timer_init(&s->commit, statefile_on_commit, s);
	int rc = open_database(s, error, error_bytes);
	if ((rc == -EBADMSG || rc == -EPROTO) && options->forget) {
		log_warn("%s", error);
		rc = set_aside(s);
		rc = rc ? rc : open_database(s, error, error_bytes);
	}
	if (rc) {
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

/* "ims" and the first letter of the role. */
static uint32_t kind_of(const char *role)
{
	return 0x696d7300u | (uint8_t)role[0];
}

int statefile_open_role(struct loop *loop, const struct config *config, const char *role,
			uint32_t version, struct statefile **out)
{
	const struct config_controlplane *c = config->controlplane;
	char path[PATH_MAX], error[512];
	struct statefile_options options = {
		.path = path,
		.kind = kind_of(role),
		.version = version,
		.sync = c->state_survives == CONFIG_SURVIVES_POWER_FAILURE,
		.forget = c->damaged_state == CONFIG_DAMAGED_FORGET,
	};
	*out = NULL;
	if (!c->state_dir || !c->state_dir[0])
		return 0;
	if (mkdir(c->state_dir, 0700) && errno != EEXIST) {
		log_error("%s: cannot make %s: %s", role, c->state_dir, strerror(errno));
		return -errno;
	}
	snprintf(path, sizeof(path), "%s/%s.db", c->state_dir, role);
	int rc = statefile_open(loop, &options, out, error, sizeof(error));
	if (rc == -EBADMSG || rc == -EPROTO)
		log_error("%s: %s (controlplane.damaged_state: forget starts without it)", role,
			  error);
	else if (rc)
		log_error("%s: %s", role, error);
	return rc;
}

void statefile_close(struct statefile *s)
{
	if (!s)
		return;
	statefile_flush(s);
	timer_cancel(s->loop, &s->commit);
	close_database(s);
	record_clear(&s->row);
	free(s->gone);
	free(s);
}

/* --- load --- */

static int load_row(struct statefile *s, int64_t id, struct record *row)
{
	struct statefile_item gone = { .id = id };
	int error = s->user.load(s->user.user, id, row);
	if (id > s->last_id)
		s->last_id = id;
	if (error == -EBADMSG && s->options.forget)
		log_warn("%s: row %lld cannot be read, and is dropped", s->path, (long long)id);
	else if (error != -ENOENT)
		return error;
	statefile_remove(s, &gone);
	return 0;
}

int statefile_load(struct statefile *s, struct statefile_user user)
{
	if (!s)
		return 0;
	sqlite3_stmt *st = s->statements[STATEFILE_ALL];
	uint64_t begun_ms = loop_now_ms(s->loop);
	size_t n = 0;
	int step, error = 0;
	s->user = user;
	while (!error && (step = sqlite3_step(st)) == SQLITE_ROW) {
		const void *bytes = sqlite3_column_blob(st, 1);
		struct record row = record_of(bytes, (size_t)sqlite3_column_bytes(st, 1));
		error = load_row(s, sqlite3_column_int64(st, 0), &row);
		n++;
	}
	if (error)
		log_error("%s: row %lld cannot be read: %s", s->path,
			  (long long)sqlite3_column_int64(st, 0), strerror(-error));
	else if ((error = database_errno(step)))
		log_error("%s: %s", s->path, sqlite3_errmsg(s->db));
	sqlite3_reset(st);
	if (!error)
		log_info("%s: %zu rows read in %llu ms", s->path, n,
			 (unsigned long long)(loop_now_ms(s->loop) - begun_ms));
	return error;
}

bool statefile_is_new(const struct statefile *s)
{
	return !s || s->is_new;
}

const struct statefile_counters *statefile_counters(const struct statefile *s)
{
	static const struct statefile_counters none;
	return s ? &s->counters : &none;
}
