#include "controlplane/statefile.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controlplane/loop.h"
#include "controlplane/record.h"
#include "test/shim/test.h"

/* --- rows --- */

static const uint64_t numbers[] = { 0, 1, 127, 128, 300, UINT32_MAX, INT64_MAX, UINT64_MAX };
#define N_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static void put_some(struct record *r)
{
	for (unsigned i = 0; i < N_NUMBERS; i++)
		record_put_number(r, numbers[i]);
	record_put_text(r, "sip:a@b");
	record_put_text(r, NULL);
	record_put_text(r, "");
	record_put_bytes(r, "xyz", 3);
}

/* Reads what put_some() wrote. Returns record_end(). */
static int read_some(struct record r)
{
	char bytes[3];
	for (unsigned i = 0; i < N_NUMBERS; i++) {
		uint64_t number = record_number(&r, UINT64_MAX);
		if (!r.error)
			EXPECT_EQ(number, numbers[i]);
	}
	char *text = record_text(&r), *none = record_text(&r), *empty = record_some_text(&r);
	record_bytes(&r, bytes, sizeof(bytes));
	EXPECT_TRUE(none == NULL);
	if (!r.error) {
		EXPECT_STREQ(text, "sip:a@b");
		EXPECT_STREQ(empty, "");
		EXPECT_MEM(bytes, "xyz", 3);
	}
	free(text);
	free(empty);
	return record_end(&r);
}

TEST(record, what_was_written_is_read_and_no_shorter_or_longer_row_is)
{
	struct record r = { 0 };
	put_some(&r);
	ASSERT_EQ(r.error, 0);
	EXPECT_EQ(read_some(record_of(r.bytes, r.n_bytes)), 0);
	for (size_t n = 0; n < r.n_bytes; n++) {
		uint8_t *shorter = malloc(n ? n : 1); /* so that a sanitizer sees its end */
		memcpy(shorter, r.bytes, n);
		EXPECT_EQ(read_some(record_of(shorter, n)), -EBADMSG);
		free(shorter);
	}
	record_put_number(&r, 0);
	EXPECT_EQ(read_some(record_of(r.bytes, r.n_bytes)), -EBADMSG);
	record_clear(&r);
}

TEST(record, numbers_and_texts_that_cannot_be_are_refused)
{
	static const struct {
		const char *what;
		uint8_t bytes[12];
		size_t n;
		bool is_text;
	} claims[] = {
		{ "above its greatest", { 8 }, 1, false },
		{ "without an end",
		  { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1 },
		  11,
		  false },
		{ "longer than the row", { 4, 'a', 'b' }, 3, true },
		{ "a zero inside", { 4, 'a', 0, 'b' }, 4, true },
		{ "none where one must be", { 0 }, 1, true },
	};
	for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct record r = record_of(claims[i].bytes, claims[i].n);
		test_context("%s", claims[i].what);
		if (claims[i].is_text)
			EXPECT_TRUE(record_some_text(&r) == NULL);
		else
			EXPECT_EQ(record_number(&r, 7), 0);
		EXPECT_EQ(record_end(&r), -EBADMSG);
	}
	test_context(NULL);
}

/* --- a file of things --- */

struct thing {
	struct statefile_item kept;
	uint64_t number;
};

#define N_THINGS 8

static struct thing things[N_THINGS]; /* those of this life; read ones are in the order of rows */
static unsigned n_read;
static uint64_t now_ms;
static struct loop *loop;
static struct statefile *file;
static char directory[64], path[96], error[512];
static struct statefile_options options;

static int load(void *user, int64_t id, struct record *row)
{
	uint64_t number = record_number(row, UINT64_MAX);
	if (record_end(row))
		return -EBADMSG;
	if (n_read == N_THINGS)
		return -ENOMEM;
	things[n_read++] = (struct thing){ .kept.id = id, .number = number };
	return 0;
}

static void save(void *user, const struct statefile_item *item, struct record *row)
{
	record_put_number(row, ((const struct thing *)item)->number);
}

static int open_file(void)
{
	n_read = 0;
	memset(things, 0, sizeof(things));
	file = NULL;
	error[0] = '\0';
	loop = loop_new(100, &now_ms);
	int rc = statefile_open(loop, &options, &file, error, sizeof(error));
	if (!rc)
		rc = statefile_load(file, (struct statefile_user){ load, save, NULL });
	return rc;
}

static void close_file(void)
{
	statefile_close(file);
	loop_free(loop);
	file = NULL;
}

static void begin(void)
{
	now_ms = 5000;
	strcpy(directory, "/tmp/statefile-test-XXXXXX");
	ASSERT_TRUE(mkdtemp(directory) != NULL);
	snprintf(path, sizeof(path), "%s/role.db", directory);
	options = (struct statefile_options){ .path = path, .kind = 7, .version = 1 };
}

static void end(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	EXPECT_EQ(system(command), 0);
}

static void touch(unsigned i, uint64_t number)
{
	things[i].number = number;
	statefile_touch(file, &things[i].kept);
}

static unsigned n_done;
static int last_status;

static void on_done(void *user, int status)
{
	n_done++;
	last_status = status;
}

static void pass(uint64_t ms)
{
	now_ms += ms;
	loop_fire(loop);
}

/* Runs `life` in a process that is killed at its end. */
static void live_and_be_killed(void (*life)(void))
{
	int status;
	pid_t child = fork();
	ASSERT_GE(child, 0);
	if (child == 0) {
		if (!open_file())
			life();
		kill(getpid(), SIGKILL);
	}
	ASSERT_EQ(waitpid(child, &status, 0), child);
	EXPECT_TRUE(WIFSIGNALED(status));
}

static void life_of_three(void)
{
	for (unsigned i = 0; i < 3; i++)
		touch(i, 100 + i);
	statefile_wait(file, on_done, NULL);
	pass(10);
	if (n_done != 1)
		_exit(1);
	touch(3, 103); /* nobody was told */
}

static void life_of_changes(void)
{
	if (n_read != 3)
		_exit(1);
	touch(1, 201);
	statefile_remove(file, &things[0].kept);
	touch(4, 204);
	statefile_remove(file, &things[4].kept); /* was never in the file */
	if (statefile_flush(file))
		_exit(1);
}

TEST(statefile, c093_what_was_waited_for_is_there_after_a_kill)
{
	begin();
	n_done = 0;
	live_and_be_killed(life_of_three);
	live_and_be_killed(life_of_changes);
	ASSERT_EQ(open_file(), 0);
	EXPECT_FALSE(statefile_is_new(file));
	ASSERT_EQ(n_read, 2);
	EXPECT_EQ(things[0].number, 201);
	EXPECT_EQ(things[1].number, 102);
	touch(2, 300);
	EXPECT_EQ(statefile_flush(file), 0);
	EXPECT_GT(things[2].kept.id, things[1].kept.id); /* no row is written over another */
	close_file();
	end();
}

TEST(statefile, nobody_is_told_before_the_transaction_that_all_share)
{
	begin();
	ASSERT_EQ(open_file(), 0);
	EXPECT_TRUE(statefile_is_new(file));
	n_done = 0;
	statefile_wait(file, on_done, NULL);
	EXPECT_EQ(n_done, 1); /* nothing is due */
	for (unsigned i = 0; i < N_THINGS; i++) {
		touch(i, i);
		touch(i, i + 1);
		statefile_wait(file, on_done, NULL);
	}
	EXPECT_EQ(n_done, 1);
	pass(10);
	EXPECT_EQ(n_done, 1 + N_THINGS);
	EXPECT_EQ(last_status, 0);
	EXPECT_EQ(statefile_counters(file)->commits, 1);
	EXPECT_EQ(statefile_counters(file)->rows, N_THINGS);
	close_file();
	end();
}

TEST(statefile, what_was_never_written_ends_without_a_transaction)
{
	begin();
	ASSERT_EQ(open_file(), 0);
	statefile_remove(file, &things[0].kept);
	touch(1, 1);
	statefile_wait(file, on_done, NULL);
	n_done = 0;
	statefile_remove(file, &things[1].kept);
	pass(10);
	EXPECT_EQ(n_done, 1);
	EXPECT_EQ(last_status, 0);
	EXPECT_EQ(statefile_counters(file)->commits, 0);
	touch(2, 1);
	pass(10);
	EXPECT_EQ(statefile_counters(file)->commits, 1);
	close_file();
	end();
}

TEST(statefile, what_is_due_at_the_end_is_saved_and_told)
{
	begin();
	ASSERT_EQ(open_file(), 0);
	n_done = 0;
	touch(0, 1);
	statefile_wait(file, on_done, NULL);
	close_file();
	EXPECT_EQ(n_done, 1);
	ASSERT_EQ(open_file(), 0);
	EXPECT_EQ(n_read, 1);
	close_file();
	end();
}

TEST(statefile, a_full_disk_is_an_error_and_what_is_due_is_written_when_there_is_room)
{
	struct rlimit before, none = { .rlim_cur = 0 };
	begin();
	ASSERT_EQ(open_file(), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	none.rlim_max = before.rlim_max;
	n_done = 0;
	touch(0, 1);
	touch(1, 2);
	statefile_wait(file, on_done, NULL);
	setrlimit(RLIMIT_FSIZE, &none);
	pass(10);
	setrlimit(RLIMIT_FSIZE, &before);
	EXPECT_EQ(n_done, 1);
	EXPECT_LT(last_status, 0);
	EXPECT_EQ(statefile_counters(file)->commits_failed, 1);
	pass(2000);
	EXPECT_EQ(statefile_counters(file)->commits, 1);
	close_file();
	ASSERT_EQ(open_file(), 0);
	EXPECT_EQ(n_read, 2);
	close_file();
	end();
}

/* --- files that are not ours --- */

static void write_text(const char *text)
{
	FILE *f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	chmod(path, 0600);
}

static void exec(const char *sql)
{
	sqlite3 *db;
	EXPECT_EQ(sqlite3_open(path, &db), SQLITE_OK);
	EXPECT_EQ(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	chmod(path, 0600);
}

static void make_garbage(void)
{
	write_text("this is not what it should be, and it is long enough to look at it: "
		   "this is not what it should be, and it is long enough to look at it\n");
}

static void make_foreign(void)
{
	exec("CREATE TABLE other (a)");
}

static void make_good(void)
{
	ASSERT_EQ(open_file(), 0);
	touch(0, 1);
	touch(1, 2);
	close_file();
}

static void make_newer(void)
{
	make_good();
	exec("PRAGMA user_version = 2");
}

static void make_another_role(void)
{
	make_good();
	exec("PRAGMA application_id = 8");
}

/* Cells that point anywhere: of the tables' pages, or of that with the rows alone. */
static void tear(long first, long end)
{
	make_good();
	FILE *f = fopen(path, "r+");
	fseek(f, first * 4096, SEEK_SET);
	for (long i = first * 4096; i < end * 4096; i++)
		fputc(0xa5, f);
	fclose(f);
}

static void make_torn(void)
{
	tear(1, 3);
}

static void make_torn_rows(void)
{
	tear(1, 2);
}

static void make_odd_row(void)
{
	make_good();
	exec("UPDATE item SET bytes = x'8080' WHERE id = 1");
}

static const struct {
	const char *what;
	void (*make)(void);
	const char *said;
	unsigned n_left; /* rows, when it is to be forgotten */
} damages[] = {
	{ "garbage", make_garbage, "file is not a database", 0 },
	{ "another's database", make_foreign, "not a state file of this role and version", 0 },
	{ "of a newer version", make_newer, "not a state file of this role and version", 0 },
	{ "of another role", make_another_role, "not a state file of this role and version", 0 },
	{ "torn pages", make_torn, "malformed", 0 },
	{ "torn rows", make_torn_rows, "", 0 },
	{ "a row that cannot be read", make_odd_row, "", 1 },
};

TEST(statefile, damaged_and_foreign_files_are_refused_by_name_or_forgotten_when_that_is_said)
{
	for (unsigned i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		test_context("%s", damages[i].what);
		begin();
		damages[i].make();
		EXPECT_LT(open_file(), 0);
		if (!file) {
			EXPECT_TRUE(strncmp(error, path, strlen(path)) == 0);
			EXPECT_TRUE(strstr(error, damages[i].said) != NULL);
		}
		close_file();
		options.forget = true;
		EXPECT_EQ(open_file(), 0);
		EXPECT_EQ(n_read, damages[i].n_left);
		touch(5, 5);
		EXPECT_EQ(statefile_flush(file), 0);
		close_file();
		options.forget = false;
		EXPECT_EQ(open_file(), 0);
		EXPECT_EQ(n_read, damages[i].n_left + 1);
		close_file();
		end();
	}
	test_context(NULL);
}

TEST(statefile, has_one_owner_at_a_time_and_is_private_to_its_user)
{
	struct statefile *second;
	struct stat st;
	begin();
	ASSERT_EQ(open_file(), 0);
	options.forget = true; /* what another has is no damage */
	EXPECT_EQ(statefile_open(loop, &options, &second, error, sizeof(error)), -EBUSY);
	EXPECT_TRUE(strstr(error, "another process has it") != NULL);
	EXPECT_EQ(stat(path, &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600);
	close_file();
	chmod(path, 0640);
	EXPECT_EQ(open_file(), -EACCES);
	loop_free(loop);
	end();
}

/* --- time --- */

TEST(statefile, time_goes_on_over_restarts_and_never_goes_back)
{
	static const struct {
		const char *what;
		struct statefile_clock had;
		const char *boot;
		int64_t wall_ms, loop_ms;
		int64_t time_ms;
	} claims[] = {
		{ "a new file", { "", 0, 0 }, "a", 1000000, 50, 1000000 },
		{ "the same boot, the wall clock far ahead",
		  { "a", 900, 950 },
		  "a",
		  99000000,
		  100,
		  1000 },
		{ "the same boot, the wall clock at 1970", { "a", 900, 950 }, "a", 3, 100, 1000 },
		{ "a reboot: the machine was down so long",
		  { "a", 900, 5000 },
		  "b",
		  8000,
		  20,
		  8000 },
		{ "a reboot, the wall clock at 1970", { "a", 900, 5000 }, "b", 3, 20, 5000 },
	};
	for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct statefile_clock c = claims[i].had;
		test_context("%s", claims[i].what);
		statefile_clock_set(&c, claims[i].boot, claims[i].wall_ms, claims[i].loop_ms);
		EXPECT_EQ(c.offset_ms + claims[i].loop_ms, claims[i].time_ms);
		EXPECT_STREQ(c.boot, claims[i].boot);
	}
	test_context(NULL);
}

TEST(statefile, points_in_time_are_the_same_in_the_next_life_and_follow_the_wall_after_a_reboot)
{
	begin();
	ASSERT_EQ(open_file(), 0);
	uint64_t kept = statefile_time(file, now_ms + 60000);
	touch(0, 1);
	close_file();
	now_ms += 10000;
	ASSERT_EQ(open_file(), 0);
	EXPECT_EQ(statefile_loop_time(file, kept), now_ms + 50000);
	close_file();
	test_context("another boot, whose clock has begun anew, a minute later on the wall");
	exec("UPDATE clock SET boot = 'another', offset_ms = offset_ms - 60000");
	now_ms = 70;
	ASSERT_EQ(open_file(), 0);
	uint64_t left = statefile_loop_time(file, kept);
	/* The test's clock has passed over 10 s that the wall did not see, so 60 s are left. */
	EXPECT_LE(left, now_ms + 60000);
	EXPECT_GE(left, now_ms + 50000);
	close_file();
	end();
}
