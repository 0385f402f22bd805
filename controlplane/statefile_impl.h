/*
 * Insides of statefile.h, shared by statefile.c (the file, and reading it), statefile_save.c and
 * statefile_clock.c alone.
 */
#ifndef CONTROLPLANE_STATEFILE_IMPL_H
#define CONTROLPLANE_STATEFILE_IMPL_H

#include <sqlite3.h>

#include "controlplane/loop.h"
#include "controlplane/statefile.h"

enum statefile_statement {
	STATEFILE_BEGIN,
	STATEFILE_COMMIT,
	STATEFILE_ROLLBACK,
	STATEFILE_PUT,
	STATEFILE_DELETE,
	STATEFILE_ALL,
	STATEFILE_PUT_CLOCK,
	STATEFILE_N_STATEMENTS,
};

struct statefile_waiter {
	STAILQ_ENTRY(statefile_waiter) link;
	void (*done)(void *user, int status);
	void *user;
};

STAILQ_HEAD(statefile_waiters, statefile_waiter);

struct statefile {
	struct loop *loop;
	struct statefile_options options;
	char path[256]; /* options.path */
	sqlite3 *db;
	sqlite3_stmt *statements[STATEFILE_N_STATEMENTS];
	struct statefile_user user;
	struct statefile_counters counters;
	struct statefile_clock clock;
	bool is_new;
	bool has_failed; /* the last transaction */
	int64_t last_id; /* of a row */
	struct timer commit;
	TAILQ_HEAD(, statefile_item) due;
	int64_t *gone; /* rows to be removed */
	size_t n_gone, max_gone;
	struct statefile_waiters waiters;
	struct record row; /* memory for the one that is written */
};

/* Of this boot of the machine. Returns 0 or -errno. */
int statefile_boot(char boot[static sizeof(((struct statefile_clock *)0)->boot)]);

/* For struct timer: statefile_flush(). */
void statefile_on_commit(void *file);

#endif
