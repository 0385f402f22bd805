/* What is asked of the subscriber store and changed in it: a row, and the record that goes with it.
 */
#include "controlplane/store.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "controlplane/database.h"
#include "controlplane/store_impl.h"
#include "crypto/wipe.h"

/* Runs an UPDATE that must have met a row; what is in the cache of it is old then. */
static int run_on_row(struct store *s, enum store_statement which)
{
	int rc = store_run(s, which);

	store_cache_clear(s->cache);
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
	return rc == 0 ? store_records_reserve(s->records, id) : rc;
}

/* --- what is asked --- */

/* The record of a row; who has none yet was never challenged. */
static int get_record(struct store *s, const struct store_row *row, struct store_record *out)
{
	int rc = store_records_get(s->records, row->id, row->stamp, out);

	if (rc == -ENOENT) {
		*out = (struct store_record){ .stamp = row->stamp, .sqn = row->sqn };
		rc = 0;
	}
	return rc;
}

/* Keys that do not open are another's: rows were swapped, or the file is damaged. */
static int unseal_keys(struct store *s, const struct store_row *row, struct store_subscriber *out)
{
	uint8_t keys[STORE_SEAL_TEXT_BYTES];
	int rc = store_unseal(s->seal, row->impi, row->sealed, keys) < 0 ? -EIO : 0;

	if (rc == 0) {
		memcpy(out->k, keys, STORE_KEY_BYTES);
		memcpy(out->opc, keys + STORE_KEY_BYTES, STORE_KEY_BYTES);
	}
	wipe(keys, sizeof(keys));
	return rc;
}

static int give_subscriber(struct store *s, const struct store_row *row, bool with_keys,
			   struct store_subscriber *out)
{
	struct store_record record;
	int rc = get_record(s, row, &record);

	if (rc < 0)
		return rc;
	out->id = row->id;
	out->sqn = record.sqn;
	strcpy(out->impi, row->impi);
	memcpy(out->amf, row->amf, sizeof(out->amf));
	rc = store_name_of(s, record.scscf, out->scscf);
	if (rc == 0 && store_capabilities_read(row->capabilities, &out->capabilities) < 0)
		rc = -EIO;
	return rc == 0 && with_keys ? unseal_keys(s, row, out) : rc;
}

static void give_identity(const struct store_row_identity *i, const struct store_record *record,
			  struct store_identity *out)
{
	out->subscriber = i->row->id;
	out->barred = i->barred;
	out->state = (enum store_state)record->states[i->position];
	out->implicit = i->implicit;
	strcpy(out->impu, i->impu);
}

static int find_by_id(struct store *s, int64_t id, bool with_keys, struct store_subscriber *out)
{
	struct store_row *row;
	int rc = store_row_of_id(s, id, &row);

	return rc == 0 ? give_subscriber(s, row, with_keys, out) : rc;
}

int store_find_subscriber(struct store *s, int64_t id, struct store_subscriber *out)
{
	int rc = store_need(s);

	return rc == 0 ? store_end(s, find_by_id(s, id, true, out)) : rc;
}

int store_find_served(struct store *s, int64_t id, struct store_subscriber *out)
{
	int rc = store_need(s);

	return rc == 0 ? store_end(s, find_by_id(s, id, false, out)) : rc;
}

int store_find_impi(struct store *s, const char *impi, struct store_subscriber *out)
{
	sqlite3_stmt *st = s->statements[STORE_FIND_IMPI];
	int64_t id = 0;
	int step, rc = store_need(s);

	if (rc < 0)
		return rc;
	sqlite3_bind_text(st, 1, impi, -1, SQLITE_STATIC);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW)
		id = sqlite3_column_int64(st, 0);
	else
		rc = step == SQLITE_DONE ? -ENOENT : database_errno(step);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return store_end(s, rc == 0 ? find_by_id(s, id, true, out) : rc);
}

int store_find_impu(struct store *s, const char *impu, struct store_identity *out)
{
	struct store_row_identity *identity;
	struct store_record record;
	struct store_row *row;
	int rc = store_need(s);

	if (rc < 0)
		return rc;
	rc = store_row_of_impu(s, impu, &row, &identity);
	if (rc == 0)
		rc = get_record(s, row, &record);
	if (rc == 0)
		give_identity(identity, &record, out);
	return store_end(s, rc);
}

int store_identities(struct store *s, int64_t subscriber, struct store_identity out[], unsigned *n)
{
	struct store_record record;
	struct store_row *row;
	int rc = store_need(s);

	*n = 0;
	if (rc < 0)
		return rc;
	rc = store_row_of_id(s, subscriber, &row);
	if (rc == 0)
		rc = get_record(s, row, &record);
	for (unsigned i = 0; rc == 0 && i < row->n; i++)
		give_identity(&row->identities[i], &record, &out[(*n)++]);
	return store_end(s, rc == -ENOENT ? 0 : rc);
}

/* --- what is changed: rows --- */

int store_delete(struct store *s, int64_t subscriber)
{
	sqlite3_bind_int64(s->statements[STORE_DELETE], 1, subscriber);
	return run_on_row(s, STORE_DELETE);
}

int store_set_barred(struct store *s, const char *impu, bool barred)
{
	sqlite3_stmt *st = s->statements[STORE_SET_BARRED];

	sqlite3_bind_text(st, 1, impu, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, barred);
	return run_on_row(s, STORE_SET_BARRED);
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

/* --- what is changed: records --- */

/* NULL for `sqn` and `scscf`: as they are. */
static int change_record(struct store *s, int64_t id, const uint64_t *sqn, const char *scscf)
{
	struct store_record record;
	struct store_row *row;
	int rc = store_need(s);

	if (rc < 0)
		return rc;
	rc = store_row_of_id(s, id, &row);
	if (rc == 0)
		rc = get_record(s, row, &record);
	if (rc == 0 && sqn != NULL)
		record.sqn = *sqn;
	if (rc == 0 && scscf != NULL)
		rc = store_number_of(s, scscf, &record.scscf);
	if (rc == 0)
		rc = store_records_put(s->records, id, &record);
	return store_end(s, rc);
}

int store_set_sqn(struct store *s, int64_t subscriber, uint64_t sqn)
{
	return change_record(s, subscriber, &sqn, NULL);
}

int store_set_challenged(struct store *s, int64_t subscriber, uint64_t sqn, const char *scscf)
{
	return change_record(s, subscriber, &sqn, scscf);
}

int store_set_scscf(struct store *s, int64_t subscriber, const char *scscf)
{
	return change_record(s, subscriber, NULL, scscf);
}

/* Of one identity, or else of those in the implicit set, or of all. */
static int change_states(struct store *s, struct store_row *row,
			 const struct store_row_identity *one, const int *implicit,
			 enum store_state state)
{
	struct store_record record;
	unsigned n = 0;
	int rc = get_record(s, row, &record);

	for (unsigned i = 0; rc == 0 && i < row->n; i++) {
		const struct store_row_identity *identity = &row->identities[i];

		if (one != NULL ? identity != one
				: implicit != NULL && identity->implicit != *implicit)
			continue;
		record.states[identity->position] = (uint8_t)state;
		n++;
	}
	if (rc == 0 && n == 0)
		rc = -ENOENT;
	return rc == 0 ? store_records_put(s->records, row->id, &record) : rc;
}

int store_set_state(struct store *s, const char *impu, enum store_state state)
{
	struct store_row_identity *identity;
	struct store_row *row;
	int rc = store_need(s);

	if (rc < 0)
		return rc;
	rc = store_row_of_impu(s, impu, &row, &identity);
	return store_end(s, rc == 0 ? change_states(s, row, identity, NULL, state) : rc);
}

static int set_states(struct store *s, int64_t id, const int *implicit, enum store_state state)
{
	struct store_row *row;
	int rc = store_need(s);

	if (rc < 0)
		return rc;
	rc = store_row_of_id(s, id, &row);
	return store_end(s, rc == 0 ? change_states(s, row, NULL, implicit, state) : rc);
}

int store_set_all_states(struct store *s, int64_t subscriber, enum store_state state)
{
	return set_states(s, subscriber, NULL, state);
}

int store_set_states(struct store *s, int64_t subscriber, int implicit, enum store_state state)
{
	return set_states(s, subscriber, &implicit, state);
}

/* --- who is active --- */

struct listing {
	struct store *store;
	unsigned left;
	int rc;
	void (*each)(void *arg, const struct store_identity *identity,
		     const struct store_subscriber *owner);
	void *arg;
};

static bool is_active(const struct store_record *record)
{
	for (unsigned i = 0; i < STORE_MAX_IMPUS; i++)
		if (record->states[i] != STORE_UNREGISTERED)
			return true;
	return false;
}

/* False: it is enough. A record that is nobody's any more is passed over. */
static bool list_record(void *arg, int64_t id, const struct store_record *record)
{
	struct listing *l = arg;
	struct store_subscriber owner = { .id = id };
	struct store_identity identity;
	struct store_row *row;

	if (!is_active(record))
		return true;
	l->rc = store_row_of_id(l->store, id, &row);
	if (l->rc == -ENOENT || (l->rc == 0 && row->stamp != record->stamp)) {
		l->rc = 0;
		return true;
	}
	if (l->rc == 0)
		l->rc = store_name_of(l->store, record->scscf, owner.scscf);
	if (l->rc < 0)
		return false;
	strcpy(owner.impi, row->impi);
	for (unsigned i = 0; l->left > 0 && i < row->n; i++) {
		give_identity(&row->identities[i], record, &identity);
		if (identity.state == STORE_UNREGISTERED)
			continue;
		l->each(l->arg, &identity, &owner);
		l->left--;
	}
	return l->left > 0;
}

int store_each_active(struct store *s, unsigned max,
		      void (*each)(void *arg, const struct store_identity *identity,
				   const struct store_subscriber *owner),
		      void *arg)
{
	struct listing l = { .store = s, .left = max, .each = each, .arg = arg };
	int rc = store_need(s);

	if (rc < 0)
		return rc;
	rc = store_records_each(s->records, list_record, &l);
	return store_end(s, rc == 0 ? l.rc : rc);
}
