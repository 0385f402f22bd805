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
	struct stat st;

	ASSERT_TRUE(subscribers_open(&lab, 1));
	ASSERT_EQ(stat(lab.path, &st), 0);
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

/* Keys, identities and flags stay; what is new has its default. */
TEST(store, database_of_version_2_is_brought_up_to_date)
{
	static const char back[] = "ALTER TABLE subscriber DROP COLUMN capabilities;"
				   "ALTER TABLE identity DROP COLUMN implicit;"
				   "PRAGMA user_version = 2";
	struct subscribers lab;
	struct store_subscriber found;
	struct store_identity identity;
	char error[256];
	sqlite3 *db;

	ASSERT_TRUE(subscribers_open(&lab, 2));
	ASSERT_EQ(store_set_state(lab.store, "sip:2@" REALM, STORE_REGISTERED), 0);
	store_close(lab.store);
	ASSERT_EQ(sqlite3_open(lab.path, &db), SQLITE_OK);
	ASSERT_EQ(sqlite3_exec(db, back, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	ASSERT_EQ(store_open(lab.path, NULL, &lab.store, error, sizeof(error)), 0);
	ASSERT_EQ(store_find_impi(lab.store, "2@" REALM, &found), 0);
	EXPECT_MEM(found.k, subscribers_k, sizeof(found.k));
	EXPECT_EQ(found.capabilities.n_mandatory, 0);
	ASSERT_EQ(store_find_impu(lab.store, "sip:2@" REALM, &identity), 0);
	EXPECT_EQ(identity.state, STORE_REGISTERED);
	EXPECT_EQ(identity.implicit, 0);
	EXPECT_EQ(store_set_implicit(lab.store, "sip:2@" REALM, 3), 0);
	subscribers_close(&lab);
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
