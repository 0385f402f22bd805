/* Objects into their rows: what is due, in one transaction for all who wait. */
#include <errno.h>
#include <stdlib.h>

#include "controlplane/database.h"
#include "controlplane/log.h"
#include "controlplane/statefile_impl.h"

/*
 * How long changes wait for others to share their transaction, which costs some 15 µs and a page of
 * the log however few rows there are in it, and 5 µs a row. A registration waits so three times, at
 * the P-CSCF for its 401 and 200 and at the S-CSCF for its 200.
 */
#define COMMIT_MS 2
#define RETRY_MS  1000 /* after a failure: a full disk */

/* The clock matters after a reboot with a wall clock that is wrong: seconds are close enough. */
#define CLOCK_MS 10000

static bool is_due(const struct statefile *s)
{
	return s->n_gone || !TAILQ_EMPTY(&s->due);
}

static void arm(struct statefile *s)
{
	if (timer_is_set(&s->commit))
		return;
	/* Without a timer left it is later: with the next change. */
	timer_set(s->loop, &s->commit, s->has_failed ? RETRY_MS : COMMIT_MS);
}

void statefile_touch(struct statefile *s, struct statefile_item *item)
{
	if (!s)
		return;
	if (!item->is_due) {
		item->is_due = true;
		TAILQ_INSERT_TAIL(&s->due, item, link);
	}
	arm(s);
}

static int add_gone(struct statefile *s, int64_t id)
{
	if (s->n_gone == s->max_gone) {
		size_t max = s->max_gone ? 2 * s->max_gone : 64;
		int64_t *larger = realloc(s->gone, max * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		s->gone = larger;
		s->max_gone = max;
	}
	s->gone[s->n_gone++] = id;
	return 0;
}

void statefile_remove(struct statefile *s, struct statefile_item *item)
{
	if (!s)
		return;
	if (item->is_due)
		TAILQ_REMOVE(&s->due, item, link);
	if (item->id && add_gone(s, item->id))
		log_error("%s: no memory to remove a row: it is back after a restart", s->path);
	*item = (struct statefile_item){ .kind = item->kind };
	if (is_due(s))
		arm(s);
}

/* --- the transaction --- */

static int put(struct statefile *s, struct statefile_item *item)
{
	sqlite3_stmt *st = s->statements[STATEFILE_PUT];
	if (!item->id)
		item->id = ++s->last_id;
	record_begin(&s->row);
	s->user.save(s->user.user, item, &s->row);
	if (s->row.error)
		return s->row.error;
	sqlite3_bind_int64(st, 1, item->id);
	sqlite3_bind_blob(st, 2, s->row.bytes, (int)s->row.n_bytes, SQLITE_STATIC);
	return database_run(st);
}

static int remove_row(struct statefile *s, int64_t id)
{
	sqlite3_bind_int64(s->statements[STATEFILE_DELETE], 1, id);
	return database_run(s->statements[STATEFILE_DELETE]);
}

static int put_clock(struct statefile *s, int64_t now_ms)
{
	sqlite3_stmt *st = s->statements[STATEFILE_PUT_CLOCK];
	sqlite3_bind_text(st, 1, s->clock.boot, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, s->clock.offset_ms);
	sqlite3_bind_int64(st, 3, now_ms);
	return database_run(st);
}

static int write_all(struct statefile *s)
{
	int64_t now_ms = (int64_t)statefile_time(s, loop_now_ms(s->loop));
	struct statefile_item *item;
	int error = database_run(s->statements[STATEFILE_BEGIN]);
	for (size_t i = 0; i < s->n_gone && !error; i++)
		error = remove_row(s, s->gone[i]);
	TAILQ_FOREACH (item, &s->due, link)
		if (!error)
			error = put(s, item);
	if (!error && now_ms - s->clock.last_ms >= CLOCK_MS) {
		error = put_clock(s, now_ms);
		s->clock.last_ms = now_ms;
	}
	return error ? error : database_run(s->statements[STATEFILE_COMMIT]);
}

/* It is in the file, and due no more. */
static void clear(struct statefile *s)
{
	struct statefile_item *item;
	s->counters.commits++;
	s->counters.rows += s->n_gone;
	s->n_gone = 0;
	while ((item = TAILQ_FIRST(&s->due))) {
		TAILQ_REMOVE(&s->due, item, link);
		item->is_due = false;
		s->counters.rows++;
	}
}

/* Everything stays due; SQLite may have rolled back by itself. */
static void roll_back(struct statefile *s)
{
	s->counters.commits_failed++;
	if (!s->has_failed)
		log_error("%s: %s; nobody can register until it is written again", s->path,
			  sqlite3_errmsg(s->db));
	if (!sqlite3_get_autocommit(s->db))
		database_run(s->statements[STATEFILE_ROLLBACK]);
}

static void end_waiters(struct statefile *s, int status)
{
	struct statefile_waiters waiters = STAILQ_HEAD_INITIALIZER(waiters);
	struct statefile_waiter *w;
	STAILQ_CONCAT(&waiters, &s->waiters);
	while ((w = STAILQ_FIRST(&waiters))) {
		STAILQ_REMOVE_HEAD(&waiters, link);
		w->done(w->user, status);
		free(w);
	}
}

int statefile_flush(struct statefile *s)
{
	if (!s)
		return 0;
	timer_cancel(s->loop, &s->commit);
	if (!is_due(s)) {
		end_waiters(s, 0); /* what they waited for is gone, and was never in the file */
		return 0;
	}
	int error = write_all(s);
	if (error)
		roll_back(s);
	else
		clear(s);
	if (s->has_failed && !error)
		log_info("%s: written again", s->path);
	s->has_failed = error != 0;
	if (error)
		arm(s);
	end_waiters(s, error);
	return error;
}

void statefile_on_commit(void *file)
{
	statefile_flush(file);
}

void statefile_wait(struct statefile *s, void (*done)(void *user, int status), void *user)
{
	if (!s || !is_due(s)) {
		done(user, 0);
		return;
	}
	struct statefile_waiter *w = malloc(sizeof(*w));
	if (!w) {
		done(user, -ENOMEM);
		return;
	}
	*w = (struct statefile_waiter){ .done = done, .user = user };
	STAILQ_INSERT_TAIL(&s->waiters, w, link);
	arm(s);
}
