/* Requests that share a message, and the answers to them; the data plane is played. */
#include "controlplane/dpclient.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/loop.h"
#include "test/shim/test.h"

static uint64_t now_ms;
static struct loop *loop;
static struct dpclient *client;
static int listener, dataplane;
static char path[64];

/* The last request. */
static struct {
	struct api_header h;
	char entries[API_MESSAGE_BYTES];
} asked;

static int ignore_sa(void *user, const struct api_sa_info *sa)
{
	return 0;
}

static int ignore_tunnel(void *user, const struct api_tunnel_info *tunnel)
{
	return 0;
}

static void ignore(void *user)
{
}

static int ignore_ready(void *user)
{
	return 0;
}

static bool hear(void)
{
	struct iovec pieces[2] = { { &asked.h, sizeof(asked.h) },
				   { asked.entries, sizeof(asked.entries) } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
	ssize_t n = recvmsg(dataplane, &message, MSG_DONTWAIT);
	if (n > 0)
		EXPECT_EQ(n, asked.h.length_bytes);
	return n > 0;
}

static void reply(unsigned n_entries, const void *entries, size_t entry_bytes, int status)
{
	struct api_header h = asked.h;
	struct iovec pieces[2] = { { &h, sizeof(h) },
				   { (void *)entries, n_entries * entry_bytes } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
	h.n_entries = (uint16_t)n_entries;
	h.status = status;
	h.length_bytes = (uint32_t)(sizeof(h) + n_entries * entry_bytes);
	EXPECT_EQ(sendmsg(dataplane, &message, MSG_NOSIGNAL), h.length_bytes);
}

static void answer(enum api_type type, const void *entry, size_t entry_bytes)
{
	loop_turn(loop);
	ASSERT_TRUE(hear());
	ASSERT_EQ(asked.h.type, type);
	reply(1, entry, entry_bytes, 0);
	loop_turn(loop);
}

static void ready(void)
{
	answer(API_HELLO, &(struct api_hello){ .owner = 1 }, sizeof(struct api_hello));
	answer(API_SA_LIST, &(struct api_cursor){ 0 }, sizeof(struct api_cursor));
	answer(API_TUNNEL_LIST, &(struct api_cursor){ 0 }, sizeof(struct api_cursor));
	ASSERT_TRUE(dpclient_is_ready(client));
}

static void begin(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	snprintf(path, sizeof(path), "/tmp/dpclient-%d.sock", (int)getpid());
	strcpy(name.sun_path, path);
	unlink(path);
	now_ms = 1000000;
	loop = loop_new(16, &now_ms);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	ASSERT_EQ(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	ASSERT_EQ(listen(listener, 1), 0);
	client = dpclient_new(loop, path, "test",
			      (struct dpclient_user){ .on_list = ignore,
						      .on_sa = ignore_sa,
						      .on_tunnel = ignore_tunnel,
						      .on_ready = ignore_ready });
	loop_turn(loop);
	dataplane = accept(listener, NULL, NULL);
	ASSERT_GE(dataplane, 0);
	ready();
}

static void end(void)
{
	dpclient_free(client);
	loop_free(loop);
	close(dataplane);
	close(listener);
	unlink(path);
}

struct seen {
	unsigned n;
	int status;
	uint32_t spi;
};

static void see(void *user, int status, const struct api_set_result *result)
{
	struct seen *seen = user;
	seen->n++;
	seen->status = status;
	seen->spi = result ? result->spi[0] : 0;
}

static struct seen seen[3];

static void install(uint64_t registration, struct seen *who)
{
	struct api_set set = { .registration = registration };
	EXPECT_EQ(dpclient_install(client, &set, see, who), 0);
}

static void install_three(void *user)
{
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < 3; i++)
		install(i + 1, &seen[i]);
}

static void in_turn(void (*work)(void *user))
{
	struct timer timer;
	timer_init(&timer, work, NULL);
	ASSERT_EQ(timer_set(loop, &timer, 0), 0);
	EXPECT_EQ(loop_turn(loop), 1);
}

TEST(dpclient, sets_of_a_turn_share_a_message_and_each_gets_its_result)
{
	struct api_set sets[3];
	struct api_set_result results[3] = { { .registration = 1, .spi = { 101 } },
					     { .registration = 2, .status = -EEXIST },
					     { .registration = 3, .spi = { 103 } } };
	begin();
	in_turn(install_three);
	ASSERT_TRUE(hear());
	EXPECT_EQ(asked.h.n_entries, 3);
	EXPECT_EQ(asked.h.length_bytes, sizeof(asked.h) + sizeof(sets));
	memcpy(sets, asked.entries, sizeof(sets));
	EXPECT_EQ(sets[0].registration, 1);
	EXPECT_EQ(sets[2].registration, 3);
	EXPECT_FALSE(hear());
	reply(3, results, sizeof(results[0]), 0);
	loop_turn(loop);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(seen[i].n, 1);
	EXPECT_EQ(seen[0].spi, 101);
	EXPECT_EQ(seen[1].status, -EEXIST);
	EXPECT_EQ(seen[2].spi, 103);
	EXPECT_EQ(dpclient_counters(client)->installed, 2);
	EXPECT_EQ(dpclient_counters(client)->install_failed, 1);
	end();
}

static void mix(void *user)
{
	install_three(user);
	dpclient_update(client, 1, 600);
	dpclient_update(client, 2, 600);
	dpclient_delete(client, 3, 0);
	install(4, &seen[0]);
}

TEST(dpclient, requests_stay_in_their_order)
{
	static const struct {
		uint16_t type, n;
	} order[] = { { API_SET_INSTALL, 3 },
		      { API_SET_UPDATE, 2 },
		      { API_SET_DELETE, 1 },
		      { API_SET_INSTALL, 1 } };
	struct api_set_result results[3] = { 0 };
	begin();
	in_turn(mix);
	for (unsigned i = 0; i < 4; i++) {
		ASSERT_TRUE(hear());
		EXPECT_EQ(asked.h.type, order[i].type);
		EXPECT_EQ(asked.h.n_entries, order[i].n);
		reply(order[i].n, results, sizeof(results[0]), 0);
	}
	loop_turn(loop);
	EXPECT_EQ(seen[0].n, 2);
	EXPECT_EQ(seen[2].n, 1);
	end();
}

TEST(dpclient, a_message_that_is_refused_fails_all_that_share_it)
{
	begin();
	in_turn(install_three);
	ASSERT_TRUE(hear());
	reply(0, NULL, 0, -EPROTO);
	loop_turn(loop);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(seen[i].n, 1);
		EXPECT_EQ(seen[i].status, -EPROTO);
	}
	EXPECT_TRUE(dpclient_is_ready(client));
	end();
}

/* Who counts otherwise than we do may have anybody's SPIs in it. */
TEST(dpclient, an_answer_with_fewer_results_ends_the_connection)
{
	struct api_set_result results[2] = { 0 };
	begin();
	in_turn(install_three);
	ASSERT_TRUE(hear());
	reply(2, results, sizeof(results[0]), 0);
	loop_turn(loop);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(seen[i].n, 1);
		EXPECT_EQ(seen[i].status, -ECONNRESET);
	}
	EXPECT_FALSE(dpclient_is_ready(client));
	end();
}

static void install_three_and_lose(void *user)
{
	install_three(user);
	close(dataplane);
	dataplane = -1;
}

TEST(dpclient, what_has_not_left_fails_with_the_connection)
{
	begin();
	in_turn(install_three_and_lose);
	EXPECT_EQ(seen[0].n, 0);
	loop_turn(loop);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(seen[i].n, 1);
		EXPECT_EQ(seen[i].status, -ECONNRESET);
	}
	end();
}

/* Sets of one number, until the socket and the message that waits are full: how many. */
static unsigned fill(struct seen *all)
{
	struct api_set set = { .registration = 1 };
	unsigned n = 0;
	int error = 0;
	while (n < 60000 && !(error = dpclient_install(client, &set, see, all)))
		n++;
	EXPECT_EQ(error, -EAGAIN);
	return n;
}

/* The data plane reads and answers installs until so many are answered. */
static void take_installs(const struct seen *all, unsigned n)
{
	static struct api_set_result results[API_MESSAGE_BYTES / sizeof(struct api_set)];
	while (all->n < n && hear()) {
		EXPECT_EQ(asked.h.type, API_SET_INSTALL);
		reply(asked.h.n_entries, results, sizeof(results[0]), 0);
		loop_turn(loop);
	}
	EXPECT_EQ(all->n, n);
	EXPECT_EQ(all->status, 0);
}

/* Nothing is lost of what was accepted, and what is not is refused at once. */
TEST(dpclient, a_data_plane_that_does_not_read_is_waited_for)
{
	struct api_set set = { .registration = 1 };
	struct seen all = { 0 };
	begin();
	take_installs(&all, fill(&all));
	EXPECT_EQ(dpclient_install(client, &set, see, &all), 0);
	end();
}

static void expect_update(uint64_t registration, uint32_t lifetime_s)
{
	struct api_set_update update;
	ASSERT_TRUE(hear());
	ASSERT_EQ(asked.h.type, API_SET_UPDATE);
	ASSERT_EQ(asked.h.n_entries, 1);
	memcpy(&update, asked.entries, sizeof(update));
	EXPECT_EQ(update.registration, registration);
	EXPECT_EQ(update.lifetime_s, lifetime_s);
}

static void expect_deletions(unsigned n, const struct api_set_id *ids)
{
	ASSERT_TRUE(hear());
	ASSERT_EQ(asked.h.type, API_SET_DELETE);
	ASSERT_EQ(asked.h.n_entries, n);
	EXPECT_MEM(asked.entries, ids, n * sizeof(*ids));
}

TEST(dpclient, extension_and_deletion_without_room_are_said_when_there_is)
{
	const struct api_set_id ended[] = { { .registration = 2 },
					    { .registration = 3, .grace_s = 88 } };
	const struct api_set set = { .registration = 4 };
	struct seen all = { 0 };
	begin();
	unsigned n = fill(&all);
	dpclient_update(client, 1, 600);
	dpclient_update(client, 2, 600);
	dpclient_delete(client, 2, 0);
	dpclient_delete(client, 3, 128);
	EXPECT_EQ(dpclient_counters(client)->postponed, 4);
	EXPECT_EQ(dpclient_install(client, &set, see, &all),
		  -EAGAIN); /* it could be in their way */
	now_ms += 40000;
	take_installs(&all, n);
	expect_update(1, 560);
	expect_deletions(2, ended); /* the last word about each */
	EXPECT_FALSE(hear());
	EXPECT_EQ(dpclient_install(client, &set, see, &all), 0);
	end();
}

TEST(dpclient, extension_that_waited_too_long_is_not_one_for_ever)
{
	struct seen all = { 0 };
	begin();
	unsigned n = fill(&all);
	dpclient_update(client, 1, 10);
	now_ms += 10000;
	take_installs(&all, n);
	expect_update(1, 1);
	end();
}

TEST(dpclient, tunnel_without_room_goes_after_its_set)
{
	const struct api_set_id ended = { .registration = 7 };
	const struct api_tunnel_id gone = { .handle = 7 };
	const uint8_t peer[16] = { 10, 0, 0, 1 };
	struct seen all = { 0 };
	begin();
	unsigned n = fill(&all);
	dpclient_point_tunnel(client, 7, peer, 4500);
	dpclient_delete(client, 7, 0);
	dpclient_delete_tunnel(client, 7);
	take_installs(&all, n);
	expect_deletions(1, &ended);
	ASSERT_TRUE(hear());
	EXPECT_EQ(asked.h.type, API_TUNNEL_DELETE);
	EXPECT_EQ(asked.h.n_entries, 1);
	EXPECT_MEM(asked.entries, &gone, sizeof(gone));
	EXPECT_FALSE(hear());
	end();
}

#define REPLY_ENTRIES                                                                              \
	((API_MESSAGE_BYTES - sizeof(struct api_header)) / sizeof(struct api_set_result))

enum { MANY_SETS = 70000 }; /* more than the 65 536 requests that may be under way */

static void delete_many(void *user)
{
	for (unsigned i = 0; i < MANY_SETS; i++)
		dpclient_delete(client, i + 1, 0);
}

/* An entry of a deletion is shorter than its result: the data plane refuses what it cannot answer.
 */
TEST(dpclient, as_many_deletions_as_there_are_come_in_messages_that_can_be_answered)
{
	static struct api_set_result results[REPLY_ENTRIES];
	unsigned n_deleted = 0;
	begin();
	in_turn(delete_many);
	EXPECT_GE(dpclient_counters(client)->postponed, MANY_SETS - 65536);
	for (; hear(); loop_turn(loop)) {
		ASSERT_EQ(asked.h.type, API_SET_DELETE);
		ASSERT_LE(asked.h.n_entries, REPLY_ENTRIES);
		n_deleted += asked.h.n_entries;
		reply(asked.h.n_entries, results, sizeof(results[0]), 0);
	}
	EXPECT_EQ(n_deleted, MANY_SETS);
	end();
}

/* The lists that follow the next connect show what is wrong, and these would be out of date. */
TEST(dpclient, what_has_no_room_is_not_said_on_the_next_connection)
{
	struct seen all = { 0 };
	begin();
	fill(&all);
	dpclient_delete(client, 2, 0);
	close(dataplane);
	loop_turn(loop);
	now_ms += 1000;
	loop_turn(loop);
	dataplane = accept(listener, NULL, NULL);
	ASSERT_GE(dataplane, 0);
	ready();
	EXPECT_FALSE(hear());
	end();
}

static void delete_and_end(void *user)
{
	dpclient_delete(client, 7, 0);
	dpclient_free(client);
	client = NULL;
}

TEST(dpclient, what_waits_is_sent_when_the_client_ends)
{
	begin();
	in_turn(delete_and_end);
	ASSERT_TRUE(hear());
	EXPECT_EQ(asked.h.type, API_SET_DELETE);
	end();
}
