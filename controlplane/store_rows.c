/* The rows of the subscriber store: what each statement takes and gives. */
#include "controlplane/store.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "controlplane/database.h"
#include "controlplane/store_impl.h"
#include "crypto/wipe.h"

/* Runs an UPDATE that must have met a row. */
static int run_on_row(struct store *s, enum store_statement which)
{
	int rc = store_run(s, which);

	return rc == 0 && sqlite3_changes(s->db) == 0 ? -ENOENT : rc;
}

static int seal_keys(struct store *s, const struct store_subscriber *subscriber,
		     uint8_t sealed[STORE_SEALED_BYTES])
{
	uint8_t keys[STORE_SEAL_TEXT_BYTES];
	int rc;

	memcpy(keys, subscriber->k, STORE_KEY_BYTES);
	memcpy(keys + STORE_KEY_BYTES, subscriber->opc, STORE_KEY_BYTES);
	rc = store_seal(s->seal, subscriber->impi, keys, sealed);
	wipe(keys, sizeof(keys));
	return rc;
}

int store_add(struct store *s, const struct store_subscriber *subscriber, const char *const impus[],
	      unsigned n, int *taken)
{
	sqlite3_stmt *st = s->statements[STORE_ADD_SUBSCRIBER];
	uint8_t sealed[STORE_SEALED_BYTES];
	int64_t id;
	int rc = seal_keys(s, subscriber, sealed);

	*taken = -1;
	if (rc < 0)
		return rc;
	sqlite3_bind_text(st, 1, subscriber->impi, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, sealed, sizeof(sealed), SQLITE_STATIC);
	sqlite3_bind_blob(st, 3, subscriber->amf, STORE_AMF_BYTES, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, (int64_t)subscriber->sqn);
	rc = store_run(s, STORE_ADD_SUBSCRIBER);
	id = sqlite3_last_insert_rowid(s->db);
	st = s->statements[STORE_ADD_IDENTITY];
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		*taken = (int)i;
		sqlite3_bind_text(st, 1, impus[i], -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 2, id);
		sqlite3_bind_int(st, 3, (int)i);
		rc = store_run(s, STORE_ADD_IDENTITY);
	}
	return rc;
}

/* A text or blob that does not fit its field was not written by us: the file is damaged. */
static int copy_text(sqlite3_stmt *st, int column, char out[STORE_IDENTITY_BYTES])
{
	const unsigned char *text = sqlite3_column_text(st, column);
	int bytes = sqlite3_column_bytes(st, column);

	if (text == NULL || bytes >= STORE_IDENTITY_BYTES)
		return -EIO;
	memcpy(out, text, (size_t)bytes);
	out[bytes] = '\0';
	return 0;
}

static int copy_blob(sqlite3_stmt *st, int column, uint8_t *out, int bytes)
{
	const void *blob = sqlite3_column_blob(st, column);

	if (blob == NULL || sqlite3_column_bytes(st, column) != bytes)
		return -EIO;
	memcpy(out, blob, (size_t)bytes);
	return 0;
}

/* Keys that do not open are another's: rows were swapped, or the file is damaged. */
static int unseal_keys(struct store *s, sqlite3_stmt *st, int column, struct store_subscriber *out)
{
	uint8_t sealed[STORE_SEALED_BYTES], keys[STORE_SEAL_TEXT_BYTES];
	int rc = copy_blob(st, column, sealed, sizeof(sealed));

	if (rc == 0 && store_unseal(s->seal, out->impi, sealed, keys) < 0)
		rc = -EIO;
	if (rc == 0) {
		memcpy(out->k, keys, STORE_KEY_BYTES);
		memcpy(out->opc, keys + STORE_KEY_BYTES, STORE_KEY_BYTES);
	}
	wipe(keys, sizeof(keys));
	return rc;
}

static int copy_capabilities(sqlite3_stmt *st, int column, struct store_capabilities *out)
{
	const unsigned char *text = sqlite3_column_text(st, column);

	return text != NULL ? store_capabilities_read((const char *)text, out) : -EIO;
}

static int read_subscriber(struct store *s, enum store_statement which, bool with_keys,
			   struct store_subscriber *out)
{
	sqlite3_stmt *st = s->statements[which];
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW) {
		out->id = sqlite3_column_int64(st, 0);
		out->sqn = (uint64_t)sqlite3_column_int64(st, 5);
		rc = copy_text(st, 1, out->impi) || copy_text(st, 2, out->scscf) ||
				     copy_blob(st, 4, out->amf, STORE_AMF_BYTES) ||
				     copy_capabilities(st, 6, &out->capabilities)
			     ? -EIO
			     : 0;
		if (rc == 0 && with_keys)
			rc = unseal_keys(s, st, 3, out);
	} else {
		rc = rc == SQLITE_DONE ? -ENOENT : database_errno(rc);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

int store_find_impi(struct store *s, const char *impi, struct store_subscriber *out)
{
	sqlite3_bind_text(s->statements[STORE_FIND_IMPI], 1, impi, -1, SQLITE_STATIC);
	return read_subscriber(s, STORE_FIND_IMPI, true, out);
}

int store_find_subscriber(struct store *s, int64_t id, struct store_subscriber *out)
{
	sqlite3_bind_int64(s->statements[STORE_FIND_ID], 1, id);
	return read_subscriber(s, STORE_FIND_ID, true, out);
}

int store_find_served(struct store *s, int64_t id, struct store_subscriber *out)
{
	sqlite3_bind_int64(s->statements[STORE_FIND_ID], 1, id);
	return read_subscriber(s, STORE_FIND_ID, false, out);
}

/* Columns 0 … 4 of a row: impu, subscriber, barred, state, implicit. */
static int read_identity(sqlite3_stmt *st, struct store_identity *out)
{
	out->subscriber = sqlite3_column_int64(st, 1);
	out->barred = sqlite3_column_int(st, 2) != 0;
	out->state = (enum store_state)sqlite3_column_int(st, 3);
	out->implicit = sqlite3_column_int(st, 4);
	return copy_text(st, 0, out->impu);
}

int store_find_impu(struct store *s, const char *impu, struct store_identity *out)
{
	sqlite3_stmt *st = s->statements[STORE_FIND_IMPU];
	int rc;

	sqlite3_bind_text(st, 1, impu, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		rc = read_identity(st, out);
	else
		rc = rc == SQLITE_DONE ? -ENOENT : database_errno(rc);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

int store_identities(struct store *s, int64_t subscriber, struct store_identity out[], unsigned *n)
{
	sqlite3_stmt *st = s->statements[STORE_IDENTITIES];
	int step;
	int rc = 0;

	sqlite3_bind_int64(st, 1, subscriber);
	*n = 0;
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		rc = *n < STORE_MAX_IMPUS ? read_identity(st, &out[(*n)++]) : -EIO;
	if (rc == 0)
		rc = database_errno(step);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

int store_delete(struct store *s, int64_t subscriber)
{
	sqlite3_bind_int64(s->statements[STORE_DELETE], 1, subscriber);
	return run_on_row(s, STORE_DELETE);
}

int store_set_sqn(struct store *s, int64_t subscriber, uint64_t sqn)
{
	sqlite3_stmt *st = s->statements[STORE_SET_SQN];

	sqlite3_bind_int64(st, 1, subscriber);
	sqlite3_bind_int64(st, 2, (int64_t)sqn);
	return run_on_row(s, STORE_SET_SQN);
}

int store_set_challenged(struct store *s, int64_t subscriber, uint64_t sqn, const char *scscf)
{
	sqlite3_stmt *st = s->statements[STORE_SET_CHALLENGED];

	sqlite3_bind_int64(st, 1, subscriber);
	sqlite3_bind_int64(st, 2, (int64_t)sqn);
	sqlite3_bind_text(st, 3, scscf, -1, SQLITE_STATIC);
	return run_on_row(s, STORE_SET_CHALLENGED);
}

int store_set_scscf(struct store *s, int64_t subscriber, const char *scscf)
{
	sqlite3_stmt *st = s->statements[STORE_SET_SCSCF];

	sqlite3_bind_int64(st, 1, subscriber);
	sqlite3_bind_text(st, 2, scscf, -1, SQLITE_STATIC);
	return run_on_row(s, STORE_SET_SCSCF);
}

int store_set_barred(struct store *s, const char *impu, bool barred)
{
	sqlite3_stmt *st = s->statements[STORE_SET_BARRED];

	sqlite3_bind_text(st, 1, impu, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, barred);
	return run_on_row(s, STORE_SET_BARRED);
}

int store_set_state(struct store *s, const char *impu, enum store_state state)
{
	sqlite3_stmt *st = s->statements[STORE_SET_STATE];

	sqlite3_bind_text(st, 1, impu, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, (int)state);
	return run_on_row(s, STORE_SET_STATE);
}

int store_set_all_states(struct store *s, int64_t subscriber, enum store_state state)
{
	sqlite3_stmt *st = s->statements[STORE_SET_ALL_STATES];

	sqlite3_bind_int64(st, 1, subscriber);
	sqlite3_bind_int(st, 2, (int)state);
	return run_on_row(s, STORE_SET_ALL_STATES);
}

int store_set_states(struct store *s, int64_t subscriber, int implicit, enum store_state state)
{
	sqlite3_stmt *st = s->statements[STORE_SET_STATES];

	sqlite3_bind_int64(st, 1, subscriber);
	sqlite3_bind_int(st, 2, (int)state);
	sqlite3_bind_int(st, 3, implicit);
	return run_on_row(s, STORE_SET_STATES);
}

int store_set_implicit(struct store *s, const char *impu, int implicit)
{
	sqlite3_stmt *st = s->statements[STORE_SET_IMPLICIT];

	sqlite3_bind_text(st, 1, impu, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, implicit);
	return run_on_row(s, STORE_SET_IMPLICIT);
}

int store_set_capabilities(struct store *s, int64_t subscriber,
			   const struct store_capabilities *capabilities)
{
	sqlite3_stmt *st = s->statements[STORE_SET_CAPABILITIES];
	char text[STORE_CAPABILITIES_BYTES];

	store_capabilities_print(capabilities, text);
	sqlite3_bind_int64(st, 1, subscriber);
	sqlite3_bind_text(st, 2, text, -1, SQLITE_STATIC);
	return run_on_row(s, STORE_SET_CAPABILITIES);
}

int store_each_active(struct store *s, unsigned max,
		      void (*each)(void *arg, const struct store_identity *identity,
				   const struct store_subscriber *owner),
		      void *arg)
{
	sqlite3_stmt *st = s->statements[STORE_ACTIVE];
	struct store_subscriber owner = { 0 };
	struct store_identity identity;
	int step;
	int rc = 0;

	sqlite3_bind_int64(st, 1, max);
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
		rc = read_identity(st, &identity);
		if (rc == 0)
			rc = copy_text(st, 5, owner.impi);
		if (rc == 0)
			rc = copy_text(st, 6, owner.scscf);
		owner.id = identity.subscriber;
		if (rc == 0)
			each(arg, &identity, &owner);
	}
	if (rc == 0)
		rc = database_errno(step);
	sqlite3_reset(st);
	return rc;
}
