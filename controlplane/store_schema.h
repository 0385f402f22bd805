/*
 * The schema and the statements of the subscriber store. For store.c alone; who runs a statement
 * names it by store_impl.h.
 */
#ifndef CONTROLPLANE_STORE_SCHEMA_H
#define CONTROLPLANE_STORE_SCHEMA_H

#include "controlplane/store_impl.h"

#define STORE_SCHEMA_VERSION 4

#define STORE_SCHEMA_NAMES "CREATE TABLE scscf (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"

/*
 * `keys` is K ‖ OPc sealed under the key file (store_seal.h); `proof` is a text sealed alike, which
 * tells whether a key file is that of this database. `sqn` is where a subscriber begins; what
 * changes with a registration is in his record (store_records.h), which has the S-CSCF by its
 * number in `scscf`. Identities of one subscriber with the same `implicit` are one implicit set;
 * `capabilities` is of store_capabilities.c.
 */
#define STORE_SCHEMA                                                                               \
	"CREATE TABLE subscriber ("                                                                \
	" id INTEGER PRIMARY KEY,"                                                                 \
	" impi TEXT NOT NULL UNIQUE,"                                                              \
	" keys BLOB NOT NULL CHECK (length(keys) = 60),"                                           \
	" amf BLOB NOT NULL CHECK (length(amf) = 2),"                                              \
	" sqn INTEGER NOT NULL CHECK (sqn BETWEEN 0 AND 281474976710655),"                         \
	" capabilities TEXT NOT NULL DEFAULT '');"                                                 \
	"CREATE TABLE proof (sealed BLOB NOT NULL);"                                               \
	"CREATE TABLE identity ("                                                                  \
	" impu TEXT PRIMARY KEY,"                                                                  \
	" subscriber INTEGER NOT NULL REFERENCES subscriber (id) ON DELETE CASCADE,"               \
	" position INTEGER NOT NULL,"                                                              \
	" barred INTEGER NOT NULL DEFAULT 0,"                                                      \
	" implicit INTEGER NOT NULL DEFAULT 0,"                                                    \
	" UNIQUE (subscriber, position)) WITHOUT ROWID;" STORE_SCHEMA_NAMES

/* What a database of version 2 lacks. */
#define STORE_SCHEMA_FROM_2                                                                        \
	"ALTER TABLE subscriber ADD COLUMN capabilities TEXT NOT NULL DEFAULT '';"                 \
	"ALTER TABLE identity ADD COLUMN implicit INTEGER NOT NULL DEFAULT 0;"

/*
 * What one of version 3 has too much, when it is in records: columns, and an index of one. The
 * lines that become records come by subscriber.
 */
#define STORE_SCHEMA_FROM_3                                                                        \
	"DROP INDEX identity_active;"                                                              \
	"ALTER TABLE identity DROP COLUMN state;"                                                  \
	"ALTER TABLE subscriber DROP COLUMN scscf;"
#define STORE_STATES_OF_3                                                                          \
	"SELECT subscriber.id, keys, sqn, scscf, position, state FROM identity"                    \
	" JOIN subscriber ON subscriber.id = identity.subscriber"                                  \
	" WHERE scscf <> '' OR state <> 0 ORDER BY subscriber.id"

/* Columns are read by position: store_cache.c. */
#define STORE_COLUMNS                                                                              \
	"SELECT subscriber.id, impi, keys, amf, sqn, capabilities,"                                \
	" impu, position, barred, implicit"
#define STORE_ROW                                                                                  \
	STORE_COLUMNS                                                                              \
	" FROM identity"                                                                           \
	" JOIN subscriber ON subscriber.id = identity.subscriber WHERE identity.subscriber = "

static const char *const store_sql[STORE_N_STATEMENTS] = {
	[STORE_ADD_PROOF] = "INSERT INTO proof (sealed) VALUES (?1)",
	[STORE_FIND_PROOF] = "SELECT sealed FROM proof",
	[STORE_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_READ] = "BEGIN",
	[STORE_COMMIT] = "COMMIT",
	[STORE_ROLLBACK] = "ROLLBACK",
	[STORE_ADD_SUBSCRIBER] =
		"INSERT INTO subscriber (impi, keys, amf, sqn) VALUES (?1, ?2, ?3, ?4)",
	[STORE_ADD_IDENTITY] =
		"INSERT INTO identity (impu, subscriber, position) VALUES (?1, ?2, ?3)",
	[STORE_FIND_IMPI] = "SELECT id FROM subscriber WHERE impi = ?1",
	[STORE_ROW_OF_ID] = STORE_ROW "?1 ORDER BY position",
	[STORE_ROW_OF_IMPU] =
		STORE_ROW "(SELECT subscriber FROM identity WHERE impu = ?1) ORDER BY position",
	/* the outer loop is the one that goes through the file in its order */
	[STORE_ROWS_FROM] = STORE_COLUMNS
	" FROM subscriber CROSS JOIN identity ON identity.subscriber = subscriber.id"
	" WHERE subscriber.id >= ?1 AND subscriber.id < ?2 ORDER BY subscriber.id, position",
	[STORE_NEXT_ID] = "SELECT min(id) FROM subscriber WHERE id > ?1",
	[STORE_SET_BARRED] = "UPDATE identity SET barred = ?2 WHERE impu = ?1",
	[STORE_SET_IMPLICIT] = "UPDATE identity SET implicit = ?2 WHERE impu = ?1",
	[STORE_SET_CAPABILITIES] = "UPDATE subscriber SET capabilities = ?2 WHERE id = ?1",
	[STORE_DELETE] = "DELETE FROM subscriber WHERE id = ?1",
	[STORE_ADD_NAME] = "INSERT OR IGNORE INTO scscf (name) VALUES (?1)",
	[STORE_FIND_NAME] = "SELECT id FROM scscf WHERE name = ?1",
	[STORE_NAME_OF] = "SELECT name FROM scscf WHERE id = ?1",
	[STORE_DATA_VERSION] = "PRAGMA data_version",
};

#endif
