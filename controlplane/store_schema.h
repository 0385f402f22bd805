/*
 * The schema and the statements of the subscriber store. For store.c alone; who runs a statement
 * names it by store_impl.h.
 */
#ifndef CONTROLPLANE_STORE_SCHEMA_H
#define CONTROLPLANE_STORE_SCHEMA_H

#include "controlplane/store_impl.h"

#define STORE_SCHEMA_VERSION 3

/*
 * `keys` is K ‖ OPc sealed under the key file (store_seal.h); `proof` is a text sealed alike, which
 * tells whether a key file is that of this database. The partial index keeps "who is registered"
 * proportional to the registered, not to the base. Identities of one subscriber with the same
 * `implicit` are one implicit set; `capabilities` is of store_capability.h.
 */
#define STORE_SCHEMA                                                                               \
	"CREATE TABLE subscriber ("                                                                \
	" id INTEGER PRIMARY KEY,"                                                                 \
	" impi TEXT NOT NULL UNIQUE,"                                                              \
	" keys BLOB NOT NULL CHECK (length(keys) = 60),"                                           \
	" amf BLOB NOT NULL CHECK (length(amf) = 2),"                                              \
	" sqn INTEGER NOT NULL CHECK (sqn BETWEEN 0 AND 281474976710655),"                         \
	" scscf TEXT NOT NULL DEFAULT '',"                                                         \
	" capabilities TEXT NOT NULL DEFAULT '');"                                                 \
	"CREATE TABLE proof (sealed BLOB NOT NULL);"                                               \
	"CREATE TABLE identity ("                                                                  \
	" impu TEXT PRIMARY KEY,"                                                                  \
	" subscriber INTEGER NOT NULL REFERENCES subscriber (id) ON DELETE CASCADE,"               \
	" position INTEGER NOT NULL,"                                                              \
	" barred INTEGER NOT NULL DEFAULT 0,"                                                      \
	" state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 2),"                         \
	" implicit INTEGER NOT NULL DEFAULT 0,"                                                    \
	" UNIQUE (subscriber, position)) WITHOUT ROWID;"                                           \
	"CREATE INDEX identity_active ON identity (state) WHERE state <> 0;"

/* What a database of version 2 lacks. */
#define STORE_SCHEMA_FROM_2                                                                        \
	"ALTER TABLE subscriber ADD COLUMN capabilities TEXT NOT NULL DEFAULT '';"                 \
	"ALTER TABLE identity ADD COLUMN implicit INTEGER NOT NULL DEFAULT 0;"

/* Columns are read by position: subscriber(…, keys, amf, sqn, capabilities), identity(impu …
 * implicit). */
static const char *const store_sql[STORE_N_STATEMENTS] = {
	[STORE_ADD_PROOF] = "INSERT INTO proof (sealed) VALUES (?1)",
	[STORE_FIND_PROOF] = "SELECT sealed FROM proof",
	[STORE_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_COMMIT] = "COMMIT",
	[STORE_ROLLBACK] = "ROLLBACK",
	[STORE_ADD_SUBSCRIBER] =
		"INSERT INTO subscriber (impi, keys, amf, sqn) VALUES (?1, ?2, ?3, ?4)",
	[STORE_ADD_IDENTITY] =
		"INSERT INTO identity (impu, subscriber, position) VALUES (?1, ?2, ?3)",
	[STORE_FIND_IMPI] = "SELECT id, impi, scscf, keys, amf, sqn, capabilities FROM subscriber "
			    "WHERE impi = ?1",
	[STORE_FIND_ID] = "SELECT id, impi, scscf, keys, amf, sqn, capabilities FROM subscriber "
			  "WHERE id = ?1",
	[STORE_FIND_IMPU] =
		"SELECT impu, subscriber, barred, state, implicit FROM identity WHERE impu = ?1",
	[STORE_IDENTITIES] = "SELECT impu, subscriber, barred, state, implicit FROM identity"
			     " WHERE subscriber = ?1 ORDER BY position",
	[STORE_SET_SQN] = "UPDATE subscriber SET sqn = ?2 WHERE id = ?1",
	[STORE_SET_CHALLENGED] = "UPDATE subscriber SET sqn = ?2, scscf = ?3 WHERE id = ?1",
	[STORE_SET_SCSCF] = "UPDATE subscriber SET scscf = ?2 WHERE id = ?1",
	[STORE_SET_BARRED] = "UPDATE identity SET barred = ?2 WHERE impu = ?1",
	[STORE_SET_STATE] = "UPDATE identity SET state = ?2 WHERE impu = ?1",
	[STORE_SET_ALL_STATES] = "UPDATE identity SET state = ?2 WHERE subscriber = ?1",
	[STORE_SET_STATES] =
		"UPDATE identity SET state = ?2 WHERE subscriber = ?1 AND implicit = ?3",
	[STORE_SET_IMPLICIT] = "UPDATE identity SET implicit = ?2 WHERE impu = ?1",
	[STORE_SET_CAPABILITIES] = "UPDATE subscriber SET capabilities = ?2 WHERE id = ?1",
	[STORE_DELETE] = "DELETE FROM subscriber WHERE id = ?1",
	[STORE_ACTIVE] =
		"SELECT impu, subscriber, barred, state, implicit, impi, scscf FROM identity"
		" JOIN subscriber ON subscriber.id = identity.subscriber"
		" WHERE state <> 0 LIMIT ?1",
};

#endif
