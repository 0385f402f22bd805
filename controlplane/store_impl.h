/*
 * The inside of the subscriber store, between store.c (file, schema, transactions) and store_rows.c
 * (rows). Not for others.
 */
#ifndef CONTROLPLANE_STORE_IMPL_H
#define CONTROLPLANE_STORE_IMPL_H

#include <sqlite3.h>

#include "controlplane/store_seal.h"

enum store_statement {
	STORE_ADD_PROOF,
	STORE_FIND_PROOF,
	STORE_BEGIN,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_ADD_SUBSCRIBER,
	STORE_ADD_IDENTITY,
	STORE_FIND_IMPI,
	STORE_FIND_ID,
	STORE_FIND_IMPU,
	STORE_IDENTITIES,
	STORE_SET_SQN,
	STORE_SET_CHALLENGED,
	STORE_SET_SCSCF,
	STORE_SET_BARRED,
	STORE_SET_STATE,
	STORE_SET_ALL_STATES,
	STORE_SET_STATES,
	STORE_SET_IMPLICIT,
	STORE_SET_CAPABILITIES,
	STORE_ACTIVE,
	STORE_DELETE,
	STORE_N_STATEMENTS,
};

struct store {
	sqlite3 *db;
	struct store_seal *seal;
	sqlite3_stmt *statements[STORE_N_STATEMENTS];
};

/* Steps a statement that gives no rows, and makes it ready for its next use. */
int store_run(struct store *s, enum store_statement which);

#endif
