/*
 * The inside of the subscriber store, between store.c (file, schema), store_turn.c (transactions),
 * store_cache.c (rows as the database has them), store_rows.c (what is asked and changed) and
 * store_names.c (S-CSCFs). Not for others.
 */
#ifndef CONTROLPLANE_STORE_IMPL_H
#define CONTROLPLANE_STORE_IMPL_H

#include <sqlite3.h>
#include <stdbool.h>

#include "controlplane/store_cache.h"
#include "controlplane/store_records.h"
#include "controlplane/store_seal.h"

enum store_statement {
	STORE_ADD_PROOF,
	STORE_FIND_PROOF,
	STORE_BEGIN,
	STORE_READ,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_ADD_SUBSCRIBER,
	STORE_ADD_IDENTITY,
	STORE_FIND_IMPI,
	STORE_ROW_OF_ID,
	STORE_ROW_OF_IMPU,
	STORE_ROWS_FROM,
	STORE_NEXT_ID,
	STORE_SET_BARRED,
	STORE_SET_IMPLICIT,
	STORE_SET_CAPABILITIES,
	STORE_DELETE,
	STORE_ADD_NAME,
	STORE_FIND_NAME,
	STORE_NAME_OF,
	STORE_DATA_VERSION,
	STORE_N_STATEMENTS,
};

struct store {
	sqlite3 *db;
	struct store_seal *seal;
	struct store_records *records;
	struct store_cache *cache;
	struct store_names *names;
	int data_version;  /* of the database when the cache was last found right */
	int records_error; /* the last one of theirs, -errno */
	bool is_open;      /* a transaction is, of either kind */
	bool is_reading;   /* in it, one of the database that only reads */
	sqlite3_stmt *statements[STORE_N_STATEMENTS];
};

/* Steps a statement that gives no rows, and makes it ready for its next use. */
int store_run(struct store *s, enum store_statement which);

/* --- store_turn.c --- */

/*
 * Around what reads or changes records and stands alone; within a transaction it ends with that.
 * store_end() keeps what was put when `rc` is 0, and returns it or how keeping it failed.
 */
int store_need(struct store *s);
int store_end(struct store *s, int rc);

/* Before rows are read, and before something is written by itself. */
int store_read(struct store *s);
void store_read_no_more(struct store *s);

/* --- store_cache.c, with the records locked --- */

/*
 * A row, from the cache or the database. Valid until the next of these, or the end of the
 * transaction. -ENOENT, or another -errno.
 */
int store_row_of_id(struct store *s, int64_t id, struct store_row **out);
int store_row_of_impu(struct store *s, const char *impu, struct store_row **out,
		      struct store_row_identity **identity);

/* --- store_names.c --- */

/* The number of a name, which is given one when it has none; "" is 0. */
int store_number_of(struct store *s, const char *name, uint32_t *number);
int store_name_of(struct store *s, uint32_t number, char out[STORE_IDENTITY_BYTES]);

/* NULL: out of memory. */
struct store_names *store_names_new(void);
void store_names_free(struct store_names *n);
void store_names_clear(struct store_names *n); /* after a transaction that came to nothing */

#endif
