/*
 * The client of the data plane's socket against a peer that answers as a data plane would, and as
 * none should: every reply is input.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/shim/test.h"
#include "tools/dataplane.h"

#define PEER_SECONDS 20 /* the peer's life, should its test hang */

/* How a reply differs from a good one; all zero is good. */
struct answer {
	int version_off;
	int type_off;
	int cookie_off;
	int length_off;
	int status;
	unsigned n_entries; /* as the header says */
	unsigned n_infos;   /* SAs that follow the cursor */
	uint32_t next;
	size_t bytes; /* sent, when not all */
	bool event_first;
};

static char directory[64], path[96];
static pid_t peer;

static void send_reply(int fd, const struct api_header *request, const struct answer *a,
		       const void *entries, size_t entries_bytes)
{
	static uint8_t message[API_MESSAGE_BYTES];
	struct api_header header = {
		.version = API_VERSION + a->version_off,
		.type = request->type + a->type_off,
		.n_entries = a->n_entries,
		.status = a->status,
		.length_bytes = sizeof(header) + entries_bytes + a->length_off,
		.cookie = request->cookie + a->cookie_off,
	};

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), entries, entries_bytes);
	send(fd, message, a->bytes ? a->bytes : sizeof(header) + entries_bytes, 0);
}

static void send_event(int fd)
{
	const struct answer good = { .n_entries = 1 };
	const struct api_header event = { .type = API_EVENT_EXPIRED };
	const struct api_set_id id = { .registration = 1 };

	send_reply(fd, &event, &good, &id, sizeof(id));
}

/* A list of as many SAs as asked for; numbered, so that the order can be seen. */
static void answer_list(int fd, const struct api_header *request, const struct answer *a)
{
	static uint8_t entries[API_MESSAGE_BYTES];
	struct api_cursor cursor = { .next = a->next };
	size_t bytes = sizeof(cursor);

	memcpy(entries, &cursor, sizeof(cursor));
	for (unsigned i = 0; i < a->n_infos; i++, bytes += sizeof(struct api_sa_info)) {
		struct api_sa_info info = { .registration = i + 1 };

		memcpy(entries + bytes, &info, sizeof(info));
	}
	if (a->event_first)
		send_event(fd);
	send_reply(fd, request, a, entries, bytes);
}

static void answer_install(int fd, const struct api_header *request, const struct answer *a)
{
	const struct answer good = { .n_entries = 1 };
	struct api_set_result result = { .status = a->status, .spi = { 300, 301 } };

	send_reply(fd, request, &good, &result, sizeof(result));
}

/* Says hello, then gives the answers in their order and closes. */
static void play(int listener, const struct answer *answers, unsigned n)
{
	static uint8_t request[API_MESSAGE_BYTES];
	const struct answer good = { .n_entries = 1 };
	struct api_hello hello = { .owner = 7, .capacity = 1024, .n_free = 1000 };
	int fd = accept(listener, NULL, NULL);
	struct api_header header;

	alarm(PEER_SECONDS);
	for (unsigned i = 0; recv(fd, request, sizeof(request), 0) > 0;) {
		memcpy(&header, request, sizeof(header));
		if (header.type == API_HELLO) {
			send_reply(fd, &header, &good, &hello, sizeof(hello));
			continue;
		}
		if (i == n)
			break;
		if (header.type == API_SA_LIST)
			answer_list(fd, &header, &answers[i++]);
		else
			answer_install(fd, &header, &answers[i++]);
	}
	_exit(0);
}

static void start_peer(const struct answer *answers, unsigned n)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(directory, "/tmp/imsgate-XXXXXX");
	ASSERT_TRUE(mkdtemp(directory) != NULL);
	snprintf(path, sizeof(path), "%s/socket", directory);
	strcpy(address.sun_path, path);
	ASSERT_EQ(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ASSERT_EQ(listen(listener, 1), 0);
	peer = fork();
	ASSERT_GE(peer, 0);
	if (peer == 0)
		play(listener, answers, n);
	close(listener);
}

static void stop_peer(void)
{
	kill(peer, SIGTERM);
	waitpid(peer, NULL, 0);
	unlink(path);
	rmdir(directory);
}

static int count_row(const struct api_sa_info *sa, void *user)
{
	unsigned *n = user;

	EXPECT_EQ(sa->registration, *n % 3 + 1);
	++*n;
	return 0;
}

static int stop_at_second(const struct api_sa_info *sa, void *user)
{
	unsigned *n = user;

	return ++*n == 2 ? -ECANCELED : 0;
}

TEST(tools_dataplane, hello_tells_owner_and_room)
{
	struct dataplane d;

	start_peer(NULL, 0);
	EXPECT_EQ(dataplane_open(&d, path, "test"), 0);
	EXPECT_EQ(d.hello.owner, 7);
	EXPECT_EQ(d.hello.n_free, 1000);
	dataplane_close(&d);
	stop_peer();
}

TEST(tools_dataplane, list_follows_the_cursor_and_skips_events)
{
	static const struct answer answers[] = {
		{ .n_entries = 4, .n_infos = 3, .next = 500 },
		{ .n_entries = 1, .n_infos = 0, .next = 900, .event_first = true },
		{ .n_entries = 4, .n_infos = 3, .next = 0 },
	};
	struct dataplane d;
	unsigned n = 0;

	start_peer(answers, 3);
	EXPECT_EQ(dataplane_open(&d, path, "test"), 0);
	EXPECT_EQ(dataplane_list(&d, 0, count_row, &n), 0);
	EXPECT_EQ(n, 6);
	dataplane_close(&d);
	stop_peer();
}

TEST(tools_dataplane, row_ends_the_list)
{
	static const struct answer answers[] = { { .n_entries = 4, .n_infos = 3, .next = 500 } };
	struct dataplane d;
	unsigned n = 0;

	start_peer(answers, 1);
	EXPECT_EQ(dataplane_open(&d, path, "test"), 0);
	EXPECT_EQ(dataplane_list(&d, 0, stop_at_second, &n), -ECANCELED);
	EXPECT_EQ(n, 2);
	dataplane_close(&d);
	stop_peer();
}

TEST(tools_dataplane, reply_that_is_not_its_request_s_is_refused)
{
	static const struct {
		struct answer answer;
		int rc;
		const char *error;
	} claims[] = {
		{ { .n_entries = 1, .version_off = 1 },
		  -EPROTO,
		  "the data plane speaks version 2 of its interface, this program version 1: "
		  "install both from one release" },
		{ { .n_entries = 1, .type_off = 1 },
		  -EPROTO,
		  "the data plane answered something else" },
		{ { .n_entries = 1, .cookie_off = 1 },
		  -EPROTO,
		  "the data plane answered something else" },
		{ { .n_entries = 1, .length_off = 1 },
		  -EPROTO,
		  "the data plane sent a message of a wrong length" },
		{ { .n_entries = 1, .length_off = -1 },
		  -EPROTO,
		  "the data plane sent a message of a wrong length" },
		{ { .n_entries = 1, .bytes = 5 },
		  -EPROTO,
		  "the data plane sent a message without a header" },
		{ { .n_entries = 0 }, -EPROTO, "the data plane's list has a wrong length" },
		{ { .n_entries = 2 }, -EPROTO, "the data plane's list has a wrong length" },
		{ { .n_entries = 65535, .n_infos = 1 },
		  -EPROTO,
		  "the data plane's list has a wrong length" },
		{ { .n_entries = 1, .n_infos = 1 },
		  -EPROTO,
		  "the data plane's list has a wrong length" },
		{ { .n_entries = 1, .status = 5 },
		  -EPROTO,
		  "the data plane answered with status 5" },
		{ { .n_entries = 1, .status = -EACCES },
		  -EACCES,
		  "the data plane refused the request: Permission denied" },
	};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct dataplane d;
		unsigned n = 0;

		test_context("claim %zu", i);
		start_peer(&claims[i].answer, 1);
		EXPECT_EQ(dataplane_open(&d, path, "test"), 0);
		EXPECT_EQ(dataplane_list(&d, 0, count_row, &n), claims[i].rc);
		EXPECT_STREQ(d.error, claims[i].error);
		EXPECT_EQ(n, 0);
		dataplane_close(&d);
		stop_peer();
	}
}

TEST(tools_dataplane, cursor_that_does_not_advance_is_no_endless_list)
{
	static const struct answer answers[] = {
		{ .n_entries = 1, .next = 500 },
		{ .n_entries = 1, .next = 500 },
	};
	struct dataplane d;
	unsigned n = 0;

	start_peer(answers, 2);
	EXPECT_EQ(dataplane_open(&d, path, "test"), 0);
	EXPECT_EQ(dataplane_list(&d, 0, count_row, &n), -EPROTO);
	EXPECT_STREQ(d.error, "the data plane's list does not advance");
	dataplane_close(&d);
	stop_peer();
}

TEST(tools_dataplane, connection_that_ends_is_told)
{
	struct dataplane d;
	unsigned n = 0;

	start_peer(NULL, 0);
	EXPECT_EQ(dataplane_open(&d, path, "test"), 0);
	EXPECT_EQ(dataplane_list(&d, 0, count_row, &n), -ECONNRESET);
	EXPECT_STREQ(d.error, "the data plane closed the connection");
	dataplane_close(&d);
	stop_peer();
}

TEST(tools_dataplane, install_tells_spis_or_why_not)
{
	static const struct answer answers[] = { { 0 }, { .status = -EADDRINUSE } };
	const struct api_set set = { .registration = 1 };
	struct api_set_result result;
	struct dataplane d;

	start_peer(answers, 2);
	EXPECT_EQ(dataplane_open(&d, path, "test"), 0);
	EXPECT_EQ(dataplane_install(&d, &set, &result), 0);
	EXPECT_EQ(result.spi[1], 301);
	EXPECT_EQ(dataplane_install(&d, &set, &result), -EADDRINUSE);
	EXPECT_STREQ(d.error, "the data plane refused the SA set: the SPI is taken");
	dataplane_close(&d);
	stop_peer();
}

TEST(tools_dataplane, request_leaves_no_key_behind)
{
	static const struct answer answers[] = { { 0 } };
	struct api_set set = { .registration = 1 };
	struct api_set_result result;
	struct dataplane d;

	memset(set.auth_key, 0xa5, sizeof(set.auth_key));
	start_peer(answers, 1);
	EXPECT_EQ(dataplane_open(&d, path, "test"), 0);
	EXPECT_EQ(dataplane_install(&d, &set, &result), 0);
	EXPECT_TRUE(memmem(d.message, API_MESSAGE_BYTES, set.auth_key, sizeof(set.auth_key)) ==
		    NULL);
	dataplane_close(&d);
	stop_peer();
}

TEST(tools_dataplane, absent_data_plane_is_told_with_what_to_do)
{
	struct dataplane d;

	EXPECT_EQ(dataplane_open(&d, "/nonexistent/socket", "test"), -ENOENT);
	EXPECT_STREQ(d.error, "the data plane is not running: no answer at /nonexistent/socket (No "
			      "such file or directory); start it with `imsgate-dataplane --config "
			      "FILE`, or name the file it runs with: --config");
	dataplane_close(&d);
}
