/* What the subscriber store remembers, and what it refuses. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
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
	EXPECT_EQ(store_open(lab.path, &s, error, sizeof(error)), -EACCES);
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
	EXPECT_EQ(store_open(lab.path, &s, error, sizeof(error)), -EPROTO);
	EXPECT_TRUE(strstr(error, "schema version 7") != NULL);
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
	EXPECT_LT(store_open(path, &s, error, sizeof(error)), 0);
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
	ASSERT_EQ(store_open(lab.path, &lab.store, error, sizeof(error)), 0);
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
