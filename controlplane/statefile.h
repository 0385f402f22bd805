/*
 * What a role keeps over a restart: one SQLite file STATE_DIR/ROLE.db with a row (record.h) for
 * each of its objects. The role has them in memory and works there; the file is only written, and
 * read once, at the start.
 *
 * Objects embed a statefile_item. Who changes one says statefile_touch(); some milliseconds later
 * all that were touched are saved in one transaction. An answer that promises something waits for
 * that: statefile_wait(). So a sent 200 OK is true whenever the process is killed. The file of a
 * dead process is whole up to its last transaction; after a power failure too, but the last
 * transactions may be missing then, unless `sync` was set (statefile_options).
 *
 * No key is kept. The file has one owner at a time: a second process is refused. Everything takes
 * NULL for the file of a role that keeps nothing. On the loop's thread.
 */
#ifndef CONTROLPLANE_STATEFILE_H
#define CONTROLPLANE_STATEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controlplane/record.h"

struct config;
struct loop;
struct statefile;

struct statefile_item {
	TAILQ_ENTRY(statefile_item) link; /* of what is to be saved */
	int64_t id;                       /* of its row; 0: none yet */
	bool is_due;
	uint8_t kind; /* of object, where the file has several: the owner's */
};

struct statefile_options {
	const char *path;
	uint32_t kind;    /* of file: whose it is */
	uint32_t version; /* of its rows */
	bool sync;        /* each transaction reaches the disk before it counts */
	bool forget; /* a file that cannot be read is set aside, a row that cannot be is dropped */
};

struct statefile_user {
	/* A row of the file. Returns 0, -ENOENT (it is over: to be removed), or why it is refused.
	 */
	int (*load)(void *user, int64_t id, struct record *row);
	void (*save)(void *user, const struct statefile_item *item, struct record *row);
	void *user;
};

struct statefile_counters {
	uint64_t commits;
	uint64_t commits_failed;
	uint64_t rows; /* written or removed */
};

/* Opens or makes it. Returns 0, or -errno and one line that names the file in `error`. */
int statefile_open(struct loop *loop, const struct statefile_options *options,
		   struct statefile **out, char *error, size_t error_bytes);
/*
 * The same for a role, as the configuration says; *out is NULL when that keeps nothing. Logs an
 * error.
 */
int statefile_open_role(struct loop *loop, const struct config *config, const char *role,
			uint32_t version, struct statefile **out);
/* Saves what is due, and ends those who wait; what `user` has is no more asked for. */
void statefile_close(struct statefile *s);

/* Gives every row to `user`, and saves to it from now on. Once. Logs an error and how long it took.
 */
int statefile_load(struct statefile *s, struct statefile_user user);

/* Whether it was made by statefile_open(): then nobody knows what there was before. */
bool statefile_is_new(const struct statefile *s);
const struct statefile_counters *statefile_counters(const struct statefile *s);

/*
 * Points in time of the loop, as they are in the file, and back. The file's clock goes on over
 * restarts of the process, whatever happens to the wall clock, and follows that over a reboot.
 */
uint64_t statefile_time(const struct statefile *s, uint64_t loop_ms);
uint64_t statefile_loop_time(const struct statefile *s, uint64_t file_ms);

void statefile_touch(struct statefile *s, struct statefile_item *item);
/* The object is gone; its row goes with the next transaction. */
void statefile_remove(struct statefile *s, struct statefile_item *item);

/*
 * Calls `done` once what was touched and removed so far is in the file, or with -errno when it
 * cannot be; perhaps before this returns.
 */
void statefile_wait(struct statefile *s, void (*done)(void *user, int status), void *user);

/* Saves now what is due. Returns 0 or -errno. */
int statefile_flush(struct statefile *s);

/* --- for tests --- */

/* The clock of a file: what it had (boot "" = nothing) and what is now. Milliseconds. */
struct statefile_clock {
	char boot[40];
	int64_t offset_ms; /* file's time less the loop's */
	int64_t last_ms;   /* the file's time when it was last written */
};
void statefile_clock_set(struct statefile_clock *c, const char *boot, int64_t wall_ms,
			 int64_t loop_ms);

#endif
