/*
 * The configuration file read again while packets flow: all of it is taken over, or nothing.
 *
 * The new file is checked as at the start, then held against the running one key by key. What each
 * key allows stands in one table, reload_rules.c. If a single key asks for what cannot change, the
 * file is refused with each such key named, and nothing has been touched.
 *
 * Control thread. It reads the file as the user that the data plane runs as, without privileges, by
 * the path of the start.
 */
#ifndef DATAPLANE_RELOAD_H
#define DATAPLANE_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "configs/config.h"

struct control;
struct crypto_devices;
struct inline_table;
struct steer;
struct worker;
struct zones;

/* What a file may change. All that is pointed to must last. */
struct reload {
	const char *path;
	struct config *started; /* of the start, the caller's: its texts are in use for ever */
	struct config *config;  /* the running one; `started` until the first reload */
	struct control *control;
	struct zones *zones;
	struct worker *const *worker; /* n_worker_cores */
	struct steer *steer;          /* NULL: one worker alone */
	struct inline_table *inlined;
	struct crypto_devices *devices;
	bool moves; /* UEs are on their way to other workers */
};

enum reload_line {
	RELOAD_CHANGE,
	RELOAD_REFUSAL,
};

/*
 * Reads and judges the file and, if it is good and not just to be checked, takes it over. Tells
 * each change, or each reason for the refusal, in a line. 0, also when there is nothing to change;
 * -ENOTSUP, when something needs a restart; or -errno of config_load().
 */
int reload_file(struct reload *r, bool check_only,
		void (*tell)(void *user, enum reload_line what, const char *text), void *user);
/* The same, told on stderr: for a signal. */
void reload_on_signal(struct reload *r);
/* A line on stderr. */
void reload_log(enum reload_line what, const char *text);

/* UEs go a step further to the workers that shall have them. Each turn of the control thread. */
void reload_turn(struct reload *r);
/* Frees the running configuration, if it is not that of the start. */
void reload_close(struct reload *r);

/* ---- the table ---- */

enum reload_kind {
	RELOAD_RESTART,
	RELOAD_LIVE,
	RELOAD_LIVE_IF, /* may() says which changes are */
	RELOAD_SECTION, /* has no value but its keys */
};

struct reload_rule {
	const char *key; /* as docs/configuration.md names it */
	enum reload_kind kind;
	bool (*may)(const struct reload *r, const struct config_dataplane *next);
	const char *note; /* with a refusal by may(): why; else what a change is good for */
};

/* NULL: there is no such key in the section dataplane. */
const struct reload_rule *reload_rule(const char *key);
/* In no order; NULL behind the last. */
const struct reload_rule *reload_rule_number(size_t i);

#endif
