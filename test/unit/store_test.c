/* What the subscriber store remembers, and what it refuses. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/store.h"
#include "controlplane/store_cache.h"
#include "controlplane/store_records.h"
#include "test/shim/test.h"
#include "test/unit/subscribers.h"

#define ALICE "sip:alice@home.example"

static void add_alice(struct store *s)
{
	const char *const impus[] = { ALICE, "tel:+1", "sip:a@home.example" };
	struct store_subscriber alice = { .impi = "alice@home.example",
					  .sqn = 32,
					  .amf = { 1, 2 } };
	int taken;

	memset(alice.k, 0xaa, sizeof(alice.k));
	memset(alice.opc, 0xbb, sizeof(alice.opc));
	EXPECT_EQ(store_add(s, &alice, impus, 3, &taken), 0);
}

TEST(store, c140_file_is_private_to_its_owner)
{
	struct subscribers lab;
	char records[80];
	struct stat st;

	ASSERT_TRUE(subscribers_open(&lab, 1));
	ASSERT_EQ(stat(lab.path, &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600);
	snprintf(records, sizeof(records), "%s.records", lab.path);
	ASSERT_EQ(stat(records, &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600);
	subscribers_close(&lab);
}

TEST(store, c140_file_that_others_may_read_is_refused)
{
	struct subscribers lab;
	struct store *s;
	char error[256];

	ASSERT_TRUE(subscribers_open(&lab, 1));
	ASSERT_EQ(chmod(lab.path, 0640), 0);
	EXPECT_EQ(store_open(lab.path, NULL, &s, error, sizeof(error)), -EACCES);
	EXPECT_TRUE(strstr(error, "0640") != NULL);
	subscribers_close(&lab);
}

TEST(store, other_schema_version_is_refused)
{
	struct subscribers lab;
	struct store *s;
	sqlite3 *db;
	char error[256];

	ASSERT_TRUE(subscribers_open(&lab, 0));
	ASSERT_EQ(sqlite3_open(lab.path, &db), SQLITE_OK);
	EXPECT_EQ(sqlite3_exec(db, "PRAGMA user_version = 7", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	EXPECT_EQ(store_open(lab.path, NULL, &s, error, sizeof(error)), -EPROTO);
	EXPECT_TRUE(strstr(error, "schema version 7") != NULL);
	subscribers_close(&lab);
}

/* What a database of version 3 had, of which subscriber 2 is registered. */
#define BACK_TO_3                                                                                  \
	"ALTER TABLE subscriber ADD COLUMN scscf TEXT NOT NULL DEFAULT '';"                        \
	"ALTER TABLE identity ADD COLUMN state INTEGER NOT NULL DEFAULT 0"                         \
	" CHECK (state BETWEEN 0 AND 2);"                                                          \
	"CREATE INDEX identity_active ON identity (state) WHERE state <> 0;"                       \
	"DROP TABLE scscf;"                                                                        \
	"UPDATE identity SET state = 2 WHERE subscriber = 2;"                                      \
	"UPDATE subscriber SET scscf = 'sip:s1', sqn = 77 WHERE id = 2;"                           \
	"UPDATE subscriber SET sqn = 55 WHERE id = 1;"                                             \
	"PRAGMA user_version = 3;"

static const struct {
	const char *name;
	const char *back;
} old_versions[] = {
	{ "3", BACK_TO_3 },
	{ "2", BACK_TO_3 "ALTER TABLE subscriber DROP COLUMN capabilities;"
			 "ALTER TABLE identity DROP COLUMN implicit;"
			 "PRAGMA user_version = 2" },
};

static void expect_as_it_was(struct store *s)
{
	struct store_subscriber found;
	struct store_identity identity;

	ASSERT_EQ(store_find_impi(s, "2@" REALM, &found), 0);
	EXPECT_MEM(found.k, subscribers_k, sizeof(found.k));
	EXPECT_EQ(found.capabilities.n_mandatory, 0);
	EXPECT_EQ(found.sqn, 77);
	EXPECT_STREQ(found.scscf, "sip:s1");
	ASSERT_EQ(store_find_impu(s, "sip:2@" REALM, &identity), 0);
	EXPECT_EQ(identity.state, STORE_REGISTERED);
	EXPECT_EQ(identity.implicit, 0);
	ASSERT_EQ(store_find_impi(s, "1@" REALM, &found), 0);
	EXPECT_EQ(found.sqn, 55);
	EXPECT_STREQ(found.scscf, "");
	EXPECT_EQ(store_set_implicit(s, "sip:2@" REALM, 3), 0);
}

/* Keys, identities, numbers and flags stay; what is new has its default. */
TEST(store, database_of_an_older_version_is_brought_up_to_date)
{
	struct subscribers lab;
	char error[256];
	sqlite3 *db;

	for (unsigned i = 0; i < 2; i++) {
		test_context("version %s", old_versions[i].name);
		ASSERT_TRUE(subscribers_open(&lab, 3));
		store_close(lab.store);
		lab.store = NULL;
		ASSERT_EQ(sqlite3_open(lab.path, &db), SQLITE_OK);
		EXPECT_EQ(sqlite3_exec(db, old_versions[i].back, NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
		EXPECT_EQ(store_open(lab.path, NULL, &lab.store, error, sizeof(error)), 0);
		if (lab.store != NULL)
			expect_as_it_was(lab.store);
		subscribers_close(&lab);
	}
	test_context(NULL);
}

TEST(store, implicit_sets_change_their_flags_by_themselves)
{
	static const char *const impus[] = { "sip:p@x", "sip:q@x", "sip:r@x" };
	struct store_subscriber x = { .impi = "p@x" };
	struct store_identity all[STORE_MAX_IMPUS];
	struct subscribers lab;
	unsigned n;
	int taken;

	ASSERT_TRUE(subscribers_open(&lab, 0));
	ASSERT_EQ(store_add(lab.store, &x, impus, 3, &taken), 0);
	ASSERT_EQ(store_set_implicit(lab.store, "sip:q@x", 1), 0);
	ASSERT_EQ(store_find_impi(lab.store, "p@x", &x), 0);
	ASSERT_EQ(store_set_states(lab.store, x.id, 1, STORE_REGISTERED), 0);
	EXPECT_EQ(store_set_states(lab.store, x.id, 2, STORE_REGISTERED), -ENOENT);
	ASSERT_EQ(store_identities(lab.store, x.id, all, &n), 0);
	ASSERT_EQ(n, 3);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(all[i].implicit, i == 1);
		EXPECT_EQ(all[i].state, i == 1 ? STORE_REGISTERED : STORE_UNREGISTERED);
	}
	subscribers_close(&lab);
}

TEST(store, c134_capabilities_are_read_as_they_were_written)
{
	static const char *const texts[] = { "", "1", "1,2", "/7", "1,4294967295/0,8" };
	static const char *const wrong[] = {
		",",          "1,", "a",  "1/2/3",
		"4294967296", "1 ", "-1", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"
	};
	struct store_capabilities c;
	struct store_subscriber found;
	struct subscribers lab;
	char text[STORE_CAPABILITIES_BYTES];

	ASSERT_TRUE(subscribers_open(&lab, 1));
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		test_context("\"%s\"", texts[i]);
		ASSERT_EQ(store_capabilities_read(texts[i], &c), 0);
		ASSERT_EQ(store_set_capabilities(lab.store, 1, &c), 0);
		ASSERT_EQ(store_find_subscriber(lab.store, 1, &found), 0);
		store_capabilities_print(&found.capabilities, text);
		EXPECT_STREQ(text, texts[i]);
	}
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		test_context("\"%s\"", wrong[i]);
		EXPECT_EQ(store_capabilities_read(wrong[i], &c), -EINVAL);
	}
	test_context(NULL);
	subscribers_close(&lab);
}

TEST(store, file_that_is_no_database_is_refused)
{
	char path[] = "/tmp/store_test_XXXXXX";
	struct store *s;
	char error[256];
	int fd = mkstemp(path);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(write(fd, "impi,impu,k,opc,amf,sqn, and so on", 34), 34);
	close(fd);
	EXPECT_LT(store_open(path, NULL, &s, error, sizeof(error)), 0);
	unlink(path);
}

TEST(store, subscriber_is_found_as_it_was_added)
{
	struct subscribers lab;
	struct store_subscriber found;
	struct store_identity set[STORE_MAX_IMPUS];
	struct store_identity one;
	unsigned n;

	ASSERT_TRUE(subscribers_open(&lab, 0));
	add_alice(lab.store);
	ASSERT_EQ(store_find_impi(lab.store, "alice@home.example", &found), 0);
	EXPECT_EQ(found.sqn, 32);
	EXPECT_EQ(found.k[0], 0xaa);
	EXPECT_EQ(found.opc[15], 0xbb);
	EXPECT_EQ(found.amf[1], 2);
	EXPECT_STREQ(found.scscf, "");
	ASSERT_EQ(store_identities(lab.store, found.id, set, &n), 0);
	ASSERT_EQ(n, 3);
	EXPECT_STREQ(set[0].impu, ALICE);
	EXPECT_STREQ(set[1].impu, "tel:+1");
	EXPECT_STREQ(set[2].impu, "sip:a@home.example");
	ASSERT_EQ(store_find_impu(lab.store, "tel:+1", &one), 0);
	EXPECT_EQ(one.subscriber, found.id);
	EXPECT_EQ(one.state, STORE_UNREGISTERED);
	EXPECT_FALSE(one.barred);
	subscribers_close(&lab);
}

TEST(store, what_is_not_there_is_not_found)
{
	struct subscribers lab;
	struct store_subscriber found;
	struct store_identity one;

	ASSERT_TRUE(subscribers_open(&lab, 1));
	EXPECT_EQ(store_find_impi(lab.store, "nobody@home.example", &found), -ENOENT);
	EXPECT_EQ(store_find_impu(lab.store, "sip:nobody@home.example", &one), -ENOENT);
	EXPECT_EQ(store_find_subscriber(lab.store, 99, &found), -ENOENT);
	EXPECT_EQ(store_set_sqn(lab.store, 99, 1), -ENOENT);
	EXPECT_EQ(store_set_state(lab.store, "sip:nobody@home.example", STORE_PENDING), -ENOENT);
	subscribers_close(&lab);
}

TEST(store, identity_belongs_to_one_subscriber)
{
	const char *const impus[] = { "sip:new@home.example", ALICE };
	struct store_subscriber other = { .impi = "other@home.example" };
	struct store_subscriber found;
	struct subscribers lab;
	int taken;

	ASSERT_TRUE(subscribers_open(&lab, 0));
	add_alice(lab.store);
	EXPECT_EQ(store_begin(lab.store), 0);
	EXPECT_EQ(store_add(lab.store, &other, impus, 2, &taken), -EEXIST);
	EXPECT_EQ(taken, 1);
	store_rollback(lab.store);
	EXPECT_EQ(store_find_impi(lab.store, "other@home.example", &found), -ENOENT);
	strcpy(other.impi, "alice@home.example");
	EXPECT_EQ(store_add(lab.store, &other, impus, 1, &taken), -EEXIST);
	EXPECT_EQ(taken, -1);
	subscribers_close(&lab);
}

TEST(store, rollback_leaves_nothing_and_commit_survives_a_reopen)
{
	struct subscribers lab;
	struct store_subscriber found;
	char error[256];

	ASSERT_TRUE(subscribers_open(&lab, 1));
	EXPECT_EQ(store_begin(lab.store), 0);
	EXPECT_EQ(store_set_sqn(lab.store, 1, 64), 0);
	store_rollback(lab.store);
	ASSERT_EQ(store_find_subscriber(lab.store, 1, &found), 0);
	EXPECT_EQ(found.sqn, 0);
	EXPECT_EQ(store_begin(lab.store), 0);
	EXPECT_EQ(store_set_sqn(lab.store, 1, STORE_MAX_SQN), 0);
	EXPECT_EQ(store_set_scscf(lab.store, 1, "sip:192.0.2.1:5090"), 0);
	EXPECT_EQ(store_commit(lab.store), 0);
	store_close(lab.store);
	ASSERT_EQ(store_open(lab.path, NULL, &lab.store, error, sizeof(error)), 0);
	ASSERT_EQ(store_find_subscriber(lab.store, 1, &found), 0);
	EXPECT_EQ(found.sqn, STORE_MAX_SQN);
	EXPECT_STREQ(found.scscf, "sip:192.0.2.1:5090");
	subscribers_close(&lab);
}

static void count(void *arg, const struct store_identity *identity,
		  const struct store_subscriber *owner)
{
	(*(unsigned *)arg)++;
	EXPECT_NE(identity->state, STORE_UNREGISTERED);
	EXPECT_EQ(owner->k[0], 0);
}

TEST(store, active_identities_are_listed_up_to_a_limit)
{
	struct subscribers lab;
	unsigned n = 0;

	ASSERT_TRUE(subscribers_open(&lab, 5));
	for (int64_t id = 1; id <= 4; id++)
		EXPECT_EQ(store_set_all_states(lab.store, id, STORE_REGISTERED), 0);
	EXPECT_EQ(store_set_all_states(lab.store, 2, STORE_UNREGISTERED), 0);
	EXPECT_EQ(store_each_active(lab.store, 10, count, &n), 0);
	EXPECT_EQ(n, 3);
	n = 0;
	EXPECT_EQ(store_each_active(lab.store, 2, count, &n), 0);
	EXPECT_EQ(n, 2);
	subscribers_close(&lab);
}

/* ---- keys at rest ---- */

static bool file_holds(const char *path, const uint8_t *bytes, size_t n_bytes)
{
	static uint8_t content[4 << 20];
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t n = fread(content, 1, sizeof(content), file);
	fclose(file);
	return memmem(content, n, bytes, n_bytes) != NULL;
}

TEST(store, c140_keys_are_neither_in_the_database_nor_in_its_journal)
{
	struct subscribers lab;
	char wal[80], impi[] = "77@home.example";

	ASSERT_TRUE(subscribers_open(&lab, 100));
	snprintf(wal, sizeof(wal), "%s-wal", lab.path);
	EXPECT_TRUE(file_holds(wal, (const uint8_t *)impi, strlen(impi))); /* it would be seen */
	EXPECT_FALSE(file_holds(wal, subscribers_k, sizeof(subscribers_k)));
	EXPECT_FALSE(file_holds(wal, subscribers_opc, sizeof(subscribers_opc)));
	store_close(lab.store); /* the journal goes into the file */
	lab.store = NULL;
	EXPECT_TRUE(file_holds(lab.path, (const uint8_t *)impi, strlen(impi)));
	EXPECT_FALSE(file_holds(lab.path, subscribers_k, sizeof(subscribers_k)));
	EXPECT_FALSE(file_holds(lab.path, subscribers_opc, sizeof(subscribers_opc)));
	subscribers_close(&lab);
}

struct key_file {
	const char *what;
	const char *text; /* NULL: no file */
	mode_t mode;
	int error;
	const char *says;
};

#define OTHER_KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"

TEST(store, c140_no_key_file_but_the_database_s_own_is_taken)
{
	static const struct key_file wrong[] = {
		{ "missing", NULL, 0600, -ENOENT, "is missing" },
		{ "another's", OTHER_KEY, 0600, -EKEYREJECTED, "not the key file of" },
		{ "for all to read", OTHER_KEY, 0644, -EACCES, "0644" },
		{ "short", "0011\n", 0600, -EBADMSG, "64 hexadecimal digits" },
		{ "long", OTHER_KEY "\n", 0600, -EBADMSG, "64 hexadecimal digits" },
		{ "no hex", "x" OTHER_KEY, 0600, -EBADMSG, "64 hexadecimal digits" },
		{ "empty", "", 0600, -EBADMSG, "64 hexadecimal digits" },
	};
	struct subscribers lab;
	struct store *s;
	char key_path[80], error[256];

	ASSERT_TRUE(subscribers_open(&lab, 1));
	snprintf(key_path, sizeof(key_path), "%s.other", lab.path);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		test_context("%s", wrong[i].what);
		if (wrong[i].text) {
			int fd = open(key_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
			ASSERT_GE(fd, 0);
			ASSERT_EQ(write(fd, wrong[i].text, strlen(wrong[i].text)),
				  (ssize_t)strlen(wrong[i].text));
			ASSERT_EQ(fchmod(fd, wrong[i].mode), 0);
			close(fd);
		}
		EXPECT_EQ(store_open(lab.path, key_path, &s, error, sizeof(error)), wrong[i].error);
		EXPECT_TRUE(strstr(error, key_path) != NULL);
		EXPECT_TRUE(strstr(error, wrong[i].says) != NULL);
		unlink(key_path);
	}
	EXPECT_EQ(access(key_path, F_OK), -1); /* and none was made */
	subscribers_close(&lab);
}

TEST(store, c140_keys_of_one_row_do_not_open_in_another)
{
	struct subscribers lab;
	struct store_subscriber found;
	sqlite3 *db;

	ASSERT_TRUE(subscribers_open(&lab, 3));
	ASSERT_EQ(sqlite3_open(lab.path, &db), SQLITE_OK);
	EXPECT_EQ(sqlite3_exec(db,
			       "UPDATE subscriber SET keys ="
			       " (SELECT keys FROM subscriber WHERE id = 1) WHERE id = 2",
			       NULL, NULL, NULL),
		  SQLITE_OK);
	sqlite3_close(db);
	EXPECT_EQ(store_find_subscriber(lab.store, 2, &found), -EIO);
	EXPECT_EQ(store_find_subscriber(lab.store, 1, &found), 0);
	EXPECT_MEM(found.k, subscribers_k, sizeof(found.k));
	subscribers_close(&lab);
}

TEST(store, deleted_subscriber_leaves_no_identity)
{
	struct subscribers lab;
	struct store_subscriber found;
	struct store_identity one;

	ASSERT_TRUE(subscribers_open(&lab, 0));
	add_alice(lab.store);
	ASSERT_EQ(store_find_impi(lab.store, "alice@home.example", &found), 0);
	EXPECT_EQ(store_delete(lab.store, found.id), 0);
	EXPECT_EQ(store_find_impi(lab.store, "alice@home.example", &found), -ENOENT);
	EXPECT_EQ(store_find_impu(lab.store, "tel:+1", &one), -ENOENT);
	EXPECT_EQ(store_delete(lab.store, found.id), -ENOENT);
	add_alice(lab.store); /* the identities are free again */
	subscribers_close(&lab);
}

/* ---- two at one database ---- */

static bool open_second(const struct subscribers *lab, struct store **second)
{
	char error[256];

	EXPECT_EQ(store_open(lab->path, NULL, second, error, sizeof(error)), 0);
	return *second != NULL;
}

TEST(store, what_another_process_has_changed_is_seen)
{
	struct store_subscriber found;
	struct store_identity one;
	struct store *second = NULL;
	struct subscribers lab;

	ASSERT_TRUE(subscribers_open(&lab, 3));
	ASSERT_TRUE(open_second(&lab, &second));
	ASSERT_EQ(store_find_impu(lab.store, "sip:1@" REALM, &one), 0); /* it is in memory now */
	EXPECT_EQ(store_set_barred(second, "sip:1@" REALM, true), 0);
	ASSERT_EQ(store_find_impu(lab.store, "sip:1@" REALM, &one), 0);
	EXPECT_TRUE(one.barred);
	EXPECT_EQ(store_set_state(second, "sip:1@" REALM, STORE_PENDING), 0);
	EXPECT_EQ(store_set_challenged(second, 1, 999, "sip:s2"), 0);
	ASSERT_EQ(store_find_impu(lab.store, "sip:1@" REALM, &one), 0);
	EXPECT_EQ(one.state, STORE_PENDING);
	ASSERT_EQ(store_find_subscriber(lab.store, 1, &found), 0);
	EXPECT_EQ(found.sqn, 999);
	EXPECT_STREQ(found.scscf, "sip:s2");
	EXPECT_EQ(store_delete(second, 1), 0);
	EXPECT_EQ(store_find_impu(lab.store, "sip:1@" REALM, &one), -ENOENT);
	EXPECT_EQ(store_find_subscriber(lab.store, 1, &found), -ENOENT);
	add_alice(second);
	EXPECT_EQ(store_find_impu(lab.store, ALICE, &one), 0);
	store_close(second);
	subscribers_close(&lab);
}

TEST(store, one_waits_for_the_records_that_another_has)
{
	struct store_subscriber found;
	struct store *second = NULL;
	struct subscribers lab;

	ASSERT_TRUE(subscribers_open(&lab, 1));
	ASSERT_TRUE(open_second(&lab, &second));
	ASSERT_EQ(store_enter(second, true), 0);
	EXPECT_EQ(store_set_sqn(second, 1, 7), 0);
	EXPECT_EQ(store_enter(lab.store, true), -EBUSY); /* after STORE_BUSY_MS */
	EXPECT_EQ(store_commit(second), 0);
	ASSERT_EQ(store_find_subscriber(lab.store, 1, &found), 0);
	EXPECT_EQ(found.sqn, 7);
	store_close(second);
	subscribers_close(&lab);
}

TEST(store, who_gets_the_number_of_one_who_is_gone_begins_anew)
{
	struct store_subscriber found = { 0 };
	struct subscribers lab;
	int64_t id;

	ASSERT_TRUE(subscribers_open(&lab, 3));
	EXPECT_EQ(store_set_challenged(lab.store, 3, 999, "sip:s1"), 0);
	EXPECT_EQ(store_set_all_states(lab.store, 3, STORE_REGISTERED), 0);
	EXPECT_EQ(store_delete(lab.store, 3), 0);
	add_alice(lab.store);
	ASSERT_EQ(store_find_impi(lab.store, "alice@home.example", &found), 0);
	id = found.id;
	EXPECT_EQ(id, 3); /* else this shows nothing */
	EXPECT_EQ(found.sqn, 32);
	EXPECT_STREQ(found.scscf, "");
	subscribers_close(&lab);
}

TEST(store, more_subscribers_than_are_kept_in_memory_are_found)
{
	enum { N = STORE_CACHE_ROWS + 1000 };
	struct store_subscriber found;
	struct store_identity one;
	struct subscribers lab;
	char impu[CX_IDENTITY_BYTES];

	ASSERT_TRUE(subscribers_open(&lab, N));
	ASSERT_EQ(store_enter(lab.store, true), 0);
	for (unsigned i = 1; i <= N; i++)
		ASSERT_EQ(store_find_served(lab.store, i, &found), 0);
	for (unsigned i = 1; i <= N; i += 997) {
		subscribers_impu(i, impu);
		ASSERT_EQ(store_find_impu(lab.store, impu, &one), 0);
		EXPECT_EQ(one.subscriber, i);
	}
	EXPECT_EQ(store_commit(lab.store), 0);
	subscribers_close(&lab);
}

/* Of whom another process has deleted, who does not look finds what he has in memory. */
TEST(store, rows_are_read_ahead_over_gaps_and_anew_after_a_change)
{
	struct store_subscriber found;
	struct store *second = NULL;
	struct subscribers lab;
	unsigned n_steps = 0;

	ASSERT_TRUE(subscribers_open(&lab, 200));
	ASSERT_TRUE(open_second(&lab, &second));
	for (int64_t id = 50; id < 150; id++)
		ASSERT_EQ(store_delete(second, id), 0);
	ASSERT_EQ(store_enter(lab.store, true), 0);
	ASSERT_EQ(store_commit(lab.store), 0);
	EXPECT_FALSE(store_is_ahead(lab.store));
	for (; !store_is_ahead(lab.store) && n_steps < 100; n_steps++)
		ASSERT_EQ(store_read_ahead(lab.store, 10), 0);
	EXPECT_EQ(n_steps, 5 + 6 + 1); /* up to 50, 150 … 200 by tens from 150, the end */
	for (int64_t id = 1; id <= 200; id++)
		if (id < 50 || id >= 150)
			ASSERT_EQ(store_delete(second, id), 0);
	ASSERT_EQ(store_enter(lab.store, false), 0);
	for (int64_t id = 1; id <= 200; id++)
		EXPECT_EQ(store_find_served(lab.store, id, &found),
			  id < 50 || id >= 150 ? 0 : -ENOENT);
	EXPECT_EQ(store_commit(lab.store), 0);
	ASSERT_EQ(store_enter(lab.store, true), 0);
	EXPECT_EQ(store_find_served(lab.store, 1, &found), -ENOENT);
	EXPECT_EQ(store_commit(lab.store), 0);
	EXPECT_FALSE(store_is_ahead(lab.store));
	EXPECT_EQ(store_read_ahead(lab.store, 10), 0);
	EXPECT_TRUE(store_is_ahead(lab.store));
	store_close(second);
	subscribers_close(&lab);
}

/* ---- the file of records ---- */

TEST(store, c138_database_without_its_records_is_refused)
{
	struct subscribers lab, other;
	char records[80], others[80], error[256];
	struct store *s;

	ASSERT_TRUE(subscribers_open(&lab, 1));
	ASSERT_TRUE(subscribers_open(&other, 1));
	snprintf(records, sizeof(records), "%s.records", lab.path);
	snprintf(others, sizeof(others), "%s.records", other.path);
	ASSERT_EQ(unlink(records), 0);
	EXPECT_EQ(store_open(lab.path, NULL, &s, error, sizeof(error)), -ENOENT);
	EXPECT_TRUE(strstr(error, records) != NULL);
	EXPECT_EQ(access(records, F_OK), -1); /* and none was made */
	ASSERT_EQ(rename(others, records), 0);
	EXPECT_EQ(store_open(lab.path, NULL, &s, error, sizeof(error)), -EKEYREJECTED);
	EXPECT_TRUE(strstr(error, "not the records of") != NULL);
	subscribers_close(&lab);
	subscribers_close(&other);
}

TEST(store, c138_every_flipped_bit_of_a_record_is_found)
{
	struct store_subscriber found;
	struct subscribers lab;
	uint8_t record[STORE_RECORD_BYTES];
	char records[80];
	int fd;

	ASSERT_TRUE(subscribers_open(&lab, 1));
	EXPECT_EQ(store_set_challenged(lab.store, 1, 999, "sip:s1"), 0);
	snprintf(records, sizeof(records), "%s.records", lab.path);
	fd = open(records, O_RDWR | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(pread(fd, record, sizeof(record), sizeof(record)), (ssize_t)sizeof(record));
	for (unsigned bit = 0; bit < 8 * sizeof(record); bit++) {
		record[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ASSERT_EQ(pwrite(fd, record, sizeof(record), sizeof(record)), STORE_RECORD_BYTES);
		EXPECT_EQ(store_find_subscriber(lab.store, 1, &found), -EBADMSG);
		record[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ASSERT_EQ(pwrite(fd, record, sizeof(record), sizeof(record)), STORE_RECORD_BYTES);
	EXPECT_EQ(store_find_subscriber(lab.store, 1, &found), 0);
	close(fd);
	subscribers_close(&lab);
}

/* A record that is gone would read as "never challenged". */
TEST(store, c138_file_of_records_that_was_cut_off_gives_no_old_number)
{
	enum { N = 200, FIRST_PAGE = 4096 };
	struct store_subscriber found;
	struct subscribers lab;
	char records[80];

	ASSERT_TRUE(subscribers_open(&lab, N));
	EXPECT_EQ(store_set_challenged(lab.store, N, 999, "sip:s1"), 0);
	snprintf(records, sizeof(records), "%s.records", lab.path);
	ASSERT_EQ(store_enter(lab.store, true), 0);
	ASSERT_EQ(truncate(records, FIRST_PAGE), 0); /* by one who does not know of the lock */
	EXPECT_EQ(store_find_served(lab.store, N, &found), -EIO);
	EXPECT_EQ(store_find_served(lab.store, 1, &found), 0);
	store_rollback(lab.store);
	EXPECT_EQ(store_enter(lab.store, true), -EUCLEAN);
	EXPECT_TRUE(strstr(store_error(lab.store), "cut off") != NULL);
	EXPECT_EQ(store_find_served(lab.store, 1, &found), -EUCLEAN);
	subscribers_close(&lab);
}

/* Who has it mapped would be ended by the kernel, were it cut to be made anew. */
TEST(store, c138_new_file_of_records_leaves_the_old_one_to_who_has_it)
{
	static const uint8_t proof[STORE_RECORDS_PROOF] = { 1 };
	const struct store_record record = { .stamp = 1, .sqn = 999 };
	struct store_record found = { 0 };
	struct store_records *old, *new;
	struct subscribers lab;
	char error[256];

	ASSERT_TRUE(subscribers_open(&lab, 1));
	ASSERT_EQ(store_records_open(lab.path, proof, true, &old, error, sizeof(error)), 0);
	ASSERT_EQ(store_records_lock(old), 0);
	EXPECT_EQ(store_records_put(old, 200, &record), 0);
	EXPECT_EQ(store_records_commit(old), 0);
	store_records_unlock(old);
	ASSERT_EQ(store_records_open(lab.path, proof, true, &new, error, sizeof(error)), 0);
	ASSERT_EQ(store_records_lock(old), 0);
	ASSERT_EQ(store_records_lock(new), 0);
	EXPECT_EQ(store_records_get(old, 200, 1, &found), 0);
	EXPECT_EQ(found.sqn, 999);
	EXPECT_EQ(store_records_get(new, 200, 1, &found), -ENOENT);
	store_records_close(old);
	store_records_close(new);
	subscribers_close(&lab);
}
