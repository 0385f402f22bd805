#include "controlplane/store_cache.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/database.h"
#include "controlplane/store_impl.h"

TAILQ_HEAD(row_list, store_row);

struct store_cache {
	struct table *by_id;
	struct table *by_impu;
	struct row_list rows;
	struct store_row *last; /* that was asked for: a request asks for its row many times */
	int64_t ahead_id;       /* rows up to this one were read ahead */
	bool is_ahead;          /* there are no more, or there is no room */
};

struct store_cache *store_cache_new(void)
{
	struct store_cache *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	TAILQ_INIT(&c->rows);
	c->by_id = table_new(STORE_CACHE_ROWS);
	c->by_impu = table_new(STORE_CACHE_ROWS);
	if (c->by_id != NULL && c->by_impu != NULL)
		return c;
	store_cache_free(c);
	return NULL;
}

static void drop(struct store_cache *c, struct store_row *row)
{
	if (c->last == row)
		c->last = NULL;
	TAILQ_REMOVE(&c->rows, row, link);
	table_remove(c->by_id, &row->node);
	for (unsigned i = 0; i < row->n; i++)
		table_remove(c->by_impu, &row->identities[i].node);
	free(row);
}

void store_cache_clear(struct store_cache *c)
{
	struct store_row *row;

	while ((row = TAILQ_FIRST(&c->rows)) != NULL)
		drop(c, row);
	c->ahead_id = 0;
	c->is_ahead = false;
}

void store_cache_free(struct store_cache *c)
{
	if (c == NULL)
		return;
	store_cache_clear(c);
	table_free(c->by_id);
	table_free(c->by_impu);
	free(c);
}

static uint64_t hash_of_id(const struct store_cache *c, int64_t id)
{
	return table_hash(c->by_id, 0, &id, sizeof(id));
}

static uint64_t hash_of_impu(const struct store_cache *c, const char *impu)
{
	return table_hash(c->by_impu, 0, impu, strlen(impu));
}

static struct store_row *use(struct store_cache *c, struct store_row *row)
{
	row->is_used = true;
	c->last = row;
	return row;
}

static struct store_row *find_id(struct store_cache *c, int64_t id)
{
	struct table_node *n;

	if (c->last != NULL && c->last->id == id)
		return c->last;
	n = table_first(c->by_id, hash_of_id(c, id));
	for (; n != NULL; n = table_next(n)) {
		struct store_row *row = table_entry(n, struct store_row, node);

		if (row->id == id)
			return use(c, row);
	}
	return NULL;
}

static struct store_row_identity *find_impu(struct store_cache *c, const char *impu)
{
	struct table_node *n;

	for (unsigned i = 0; c->last != NULL && i < c->last->n; i++)
		if (strcmp(c->last->identities[i].impu, impu) == 0)
			return &c->last->identities[i];
	n = table_first(c->by_impu, hash_of_impu(c, impu));
	for (; n != NULL; n = table_next(n)) {
		struct store_row_identity *i = table_entry(n, struct store_row_identity, node);

		if (strcmp(i->impu, impu) == 0) {
			use(c, i->row);
			return i;
		}
	}
	return NULL;
}

/* The oldest that was not used since it was the oldest last (the clock of Corbato 1968). */
static void drop_one(struct store_cache *c)
{
	struct store_row *row;

	while ((row = TAILQ_LAST(&c->rows, row_list))->is_used) {
		row->is_used = false;
		TAILQ_REMOVE(&c->rows, row, link);
		TAILQ_INSERT_HEAD(&c->rows, row, link);
	}
	drop(c, row);
}

static void add(struct store_cache *c, struct store_row *row)
{
	if (table_count(c->by_id) >= STORE_CACHE_ROWS)
		drop_one(c);
	TAILQ_INSERT_HEAD(&c->rows, row, link);
	c->last = row;
	table_add(c->by_id, &row->node, hash_of_id(c, row->id));
	for (unsigned i = 0; i < row->n; i++) {
		struct store_row_identity *identity = &row->identities[i];

		table_add(c->by_impu, &identity->node, hash_of_impu(c, identity->impu));
	}
}

/* --- from the database --- */

/* What one identity is, while its row is being put together. */
struct read_identity {
	char impu[STORE_IDENTITY_BYTES];
	int position, implicit;
	bool barred;
};

/* A text that does not fit its field was not written by us: the file is damaged. */
static int copy_text(sqlite3_stmt *st, int column, char *out, int out_bytes)
{
	const unsigned char *text = sqlite3_column_text(st, column);
	int bytes = sqlite3_column_bytes(st, column);

	if (text == NULL || bytes >= out_bytes)
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

/* Columns 6 … 9 of each line. */
static int read_identity(sqlite3_stmt *st, struct read_identity *out)
{
	out->position = sqlite3_column_int(st, 7);
	out->barred = sqlite3_column_int(st, 8) != 0;
	out->implicit = sqlite3_column_int(st, 9);
	if (out->position < 0 || out->position >= STORE_MAX_IMPUS)
		return -EIO;
	return copy_text(st, 6, out->impu, sizeof(out->impu));
}

/* Columns 0 … 5, the same in each line. */
static int read_row(sqlite3_stmt *st, struct store_row *row, char impi[STORE_IDENTITY_BYTES],
		    char capabilities[STORE_CAPABILITIES_BYTES])
{
	row->id = sqlite3_column_int64(st, 0);
	row->sqn = (uint64_t)sqlite3_column_int64(st, 4);
	if (copy_text(st, 1, impi, STORE_IDENTITY_BYTES) < 0 ||
	    copy_blob(st, 2, row->sealed, STORE_SEALED_BYTES) < 0 ||
	    copy_blob(st, 3, row->amf, STORE_AMF_BYTES) < 0 ||
	    copy_text(st, 5, capabilities, STORE_CAPABILITIES_BYTES) < 0)
		return -EIO;
	memcpy(&row->stamp, row->sealed, sizeof(row->stamp));
	return 0;
}

static const char *append(char **at, const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *to = memcpy(*at, text, bytes);

	*at += bytes;
	return to;
}

static struct store_row *assemble(const struct store_row *head, const char *impi,
				  const char *capabilities, const struct read_identity all[],
				  unsigned n)
{
	size_t bytes = sizeof(*head) + n * sizeof(head->identities[0]) + strlen(impi) + 1 +
		       strlen(capabilities) + 1;
	struct store_row *row;
	char *text;

	for (unsigned i = 0; i < n; i++)
		bytes += strlen(all[i].impu) + 1;
	row = malloc(bytes);
	if (row == NULL)
		return NULL;
	*row = *head;
	row->n = n;
	text = (char *)&row->identities[n];
	row->impi = append(&text, impi);
	row->capabilities = append(&text, capabilities);
	for (unsigned i = 0; i < n; i++)
		row->identities[i] = (struct store_row_identity){
			.row = row,
			.impu = append(&text, all[i].impu),
			.implicit = all[i].implicit,
			.position = (uint8_t)all[i].position,
			.barred = all[i].barred,
		};
	return row;
}

/* A row whose lines are being read: one for each identity. */
struct reading {
	struct store_row head;
	char impi[STORE_IDENTITY_BYTES];
	char capabilities[STORE_CAPABILITIES_BYTES];
	struct read_identity all[STORE_MAX_IMPUS];
	unsigned n;
};

/* Keeps a row that is whole, unless it is there already. */
static int keep(struct store *s, struct reading *r)
{
	struct store_row *row;

	if (r->n == 0 || find_id(s->cache, r->head.id) != NULL)
		return 0;
	row = assemble(&r->head, r->impi, r->capabilities, r->all, r->n);
	if (row == NULL)
		return -ENOMEM;
	add(s->cache, row);
	return 0;
}

static int read_line(struct store *s, sqlite3_stmt *st, struct reading *r)
{
	int rc = 0;

	if (r->n > 0 && r->head.id != sqlite3_column_int64(st, 0)) {
		rc = keep(s, r);
		r->n = 0;
	}
	if (rc == 0 && r->n == 0)
		rc = read_row(st, &r->head, r->impi, r->capabilities);
	if (rc == 0)
		rc = r->n < STORE_MAX_IMPUS ? read_identity(st, &r->all[r->n++]) : -EIO;
	return rc;
}

/* The statement is bound; its lines come by subscriber. -ENOENT: there are none. */
static int load(struct store *s, sqlite3_stmt *st)
{
	struct reading r; /* not cleared: 5 KB of which a line or two are read */
	int step = SQLITE_DONE, rc = store_read(s);

	r.head = (struct store_row){ 0 };
	r.n = 0;
	while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		rc = read_line(s, st, &r);
	if (rc == 0)
		rc = database_errno(step);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	if (rc == 0 && r.n == 0)
		rc = -ENOENT;
	return rc == 0 ? keep(s, &r) : rc;
}

/* The first id behind `id`, 0 if there is none, or -errno. */
static int64_t next_id(struct store *s, int64_t id)
{
	sqlite3_stmt *st = s->statements[STORE_NEXT_ID];
	int64_t next;
	int step;

	sqlite3_bind_int64(st, 1, id);
	step = sqlite3_step(st);
	next = step == SQLITE_ROW ? sqlite3_column_int64(st, 0) : database_errno(step);
	sqlite3_reset(st);
	return next;
}

bool store_is_ahead(const struct store *s)
{
	return s->cache->is_ahead;
}

int store_read_ahead(struct store *s, unsigned n_ids)
{
	sqlite3_stmt *st = s->statements[STORE_ROWS_FROM];
	struct store_cache *c = s->cache;
	int64_t first = next_id(s, c->ahead_id);
	int rc;

	if (first < 0)
		return (int)first;
	if (first == 0 || table_count(c->by_id) + n_ids > STORE_CACHE_ROWS) {
		c->is_ahead = true;
		return 0;
	}
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, first + n_ids);
	rc = load(s, st);
	if (rc == 0)
		c->ahead_id = first + n_ids - 1;
	return rc;
}

int store_row_of_id(struct store *s, int64_t id, struct store_row **out)
{
	int rc;

	*out = find_id(s->cache, id);
	if (*out != NULL)
		return 0;
	sqlite3_bind_int64(s->statements[STORE_ROW_OF_ID], 1, id);
	rc = load(s, s->statements[STORE_ROW_OF_ID]);
	if (rc == 0)
		*out = find_id(s->cache, id);
	return rc;
}

int store_row_of_impu(struct store *s, const char *impu, struct store_row **out,
		      struct store_row_identity **identity)
{
	int rc;

	*identity = find_impu(s->cache, impu);
	if (*identity == NULL) {
		sqlite3_bind_text(s->statements[STORE_ROW_OF_IMPU], 1, impu, -1, SQLITE_STATIC);
		rc = load(s, s->statements[STORE_ROW_OF_IMPU]);
		if (rc < 0)
			return rc;
		*identity = find_impu(s->cache, impu);
	}
	if (*identity == NULL)
		return -EIO; /* the database compares texts otherwise than we do */
	*out = (*identity)->row;
	return 0;
}
