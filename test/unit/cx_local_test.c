/* The local Cx socket: questions and answers, and what becomes of them when a peer misbehaves. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/cx_local.h"
#include "controlplane/hss.h"
#include "controlplane/loop.h"
#include "controlplane/store.h"
#include "test/shim/test.h"
#include "test/unit/subscribers.h"

#define S1 "sip:192.0.2.1:5090"

struct local_lab {
	struct hss_lab hss;
	char path[80];
	struct cx_local_server *server;
	struct cx *client;
};

static void run(struct local_lab *lab)
{
	for (int turn = 0; turn < 40; turn++) {
		loop_turn(lab->hss.loop);
	}
}

static void wait_ms(struct local_lab *lab, unsigned ms)
{
	lab->hss.now_ms += ms;
	run(lab);
}

static bool open_lab(struct local_lab *lab)
{
	*lab = (struct local_lab){ 0 };
	if (!hss_lab_open(&lab->hss, 4))
		return false;
	snprintf(lab->path, sizeof(lab->path), "%s.sock", lab->hss.base.path);
	EXPECT_EQ(cx_local_server_new(lab->hss.loop, lab->path, lab->hss.hss, &lab->server), 0);
	lab->client = cx_local_client_new(lab->hss.loop, lab->path);
	EXPECT_TRUE(lab->client != NULL);
	run(lab);
	return !test_has_failed();
}

static void close_lab(struct local_lab *lab)
{
	cx_free(lab->client);
	cx_local_server_free(lab->server);
	hss_lab_close(&lab->hss);
}

struct seen {
	unsigned n;
	struct cx_answer last;
};

static void see(void *user, const struct cx_answer *answer)
{
	struct seen *seen = user;

	seen->n++;
	seen->last = *answer;
}

TEST(cx_local, c132_socket_is_private_to_its_owner)
{
	struct local_lab lab;
	struct stat st;

	ASSERT_TRUE(open_lab(&lab));
	ASSERT_EQ(stat(lab.path, &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600);
	close_lab(&lab);
	EXPECT_NE(stat(lab.path, &st), 0);
}

TEST(cx_local, every_command_is_answered)
{
	const struct cx_request requests[] = {
		hss_lab_uar(1, CX_AUTHORIZE_REGISTRATION),
		hss_lab_mar(1, 3, S1),
		hss_lab_sar(1, CX_REGISTRATION, S1),
		hss_lab_lir(1),
	};
	static const enum cx_result results[] = { CX_FIRST_REGISTRATION, CX_SUCCESS, CX_SUCCESS,
						  CX_SUCCESS };
	struct local_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	for (int i = 0; i < 4; i++) {
		struct seen seen = { 0 };

		EXPECT_EQ(cx_send(lab.client, &requests[i], see, &seen), 0);
		EXPECT_EQ(seen.n, 0);
		run(&lab);
		EXPECT_EQ(seen.n, 1);
		EXPECT_EQ(seen.last.command, requests[i].command);
		EXPECT_EQ(seen.last.result, results[i]);
		if (i == 1)
			EXPECT_EQ(seen.last.maa.n_items, 3);
	}
	close_lab(&lab);
}

static struct cx_answer ask(struct local_lab *lab, const struct cx_request *request)
{
	struct seen seen = { 0 };

	EXPECT_EQ(cx_send(lab->client, request, see, &seen), 0);
	run(lab);
	EXPECT_EQ(seen.n, 1);
	EXPECT_EQ(seen.last.command, request->command);
	return seen.last;
}

static void expect_capabilities(const struct cx_capabilities *c)
{
	ASSERT_EQ(c->n_mandatory, 2);
	EXPECT_EQ(c->mandatory[0], 1);
	EXPECT_EQ(c->mandatory[1], 70000);
	ASSERT_EQ(c->n_optional, 1);
	EXPECT_EQ(c->optional[0], 7);
}

TEST(cx_local, c134_c135_who_is_not_registered_is_located_and_served)
{
	struct cx_request uar = hss_lab_uar(1, CX_AUTHORIZE_REGISTRATION), lir = hss_lab_lir(1);
	struct cx_request sar = hss_lab_sar(1, CX_UNREGISTERED_USER, S1);
	struct store_capabilities needed;
	struct cx_answer answer;
	struct local_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	hss_set_unregistered_services(lab.hss.hss, true);
	ASSERT_EQ(store_capabilities_read("1,70000/7", &needed), 0);
	ASSERT_EQ(store_set_capabilities(lab.hss.base.store, 1, &needed), 0);
	answer = ask(&lab, &lir);
	EXPECT_EQ(answer.result, CX_UNREGISTERED_SERVICE);
	EXPECT_STREQ(answer.lia.server_name, "");
	expect_capabilities(&answer.lia.capabilities);
	answer = ask(&lab, &uar);
	EXPECT_EQ(answer.result, CX_FIRST_REGISTRATION);
	expect_capabilities(&answer.uaa.capabilities);
	sar.sar.impi[0] = '\0';
	answer = ask(&lab, &sar);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	EXPECT_STREQ(answer.saa.impi, "1@" REALM);
	ASSERT_EQ(answer.saa.n_impus, 1);
	EXPECT_STREQ(answer.saa.impus[0].impu, "sip:1@" REALM);
	answer = ask(&lab, &lir);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	EXPECT_STREQ(answer.lia.server_name, S1);
	EXPECT_EQ(answer.lia.capabilities.n_mandatory, 0);
	close_lab(&lab);
}

TEST(cx_local, c135_lost_registration_is_asked_for_by_its_impu)
{
	struct cx_request sar = hss_lab_sar(1, CX_REGISTRATION, S1);
	struct cx_answer answer;
	struct local_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	EXPECT_EQ(ask(&lab, &sar).result, CX_SUCCESS);
	sar.sar.type = CX_RESTORATION;
	sar.sar.impi[0] = '\0';
	EXPECT_EQ(store_set_barred(lab.hss.base.store, sar.sar.impu, true), 0);
	answer = ask(&lab, &sar);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	EXPECT_STREQ(answer.saa.impi, "1@" REALM);
	ASSERT_EQ(answer.saa.n_impus, 1);
	EXPECT_EQ(answer.saa.impus[0].barred, 1);
	sar = hss_lab_sar(2, CX_RESTORATION, S1);
	answer = ask(&lab, &sar);
	EXPECT_EQ(answer.result, CX_ERROR_IN_ASSIGNMENT_TYPE);
	EXPECT_EQ(answer.saa.n_impus, 0);
	/* without an IMPI, what needs one */
	sar.sar.impi[0] = '\0';
	sar.sar.type = CX_REGISTRATION;
	EXPECT_EQ(ask(&lab, &sar).result, CX_MISSING_AVP);
	close_lab(&lab);
}

TEST(cx_local, more_than_the_socket_holds_is_answered_and_more_than_the_bound_refused)
{
	struct cx_request mar = hss_lab_mar(1, 1, S1);
	struct seen seen = { 0 };
	struct local_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	for (int i = 0; i < CX_LOCAL_OUTSTANDING; i++)
		ASSERT_EQ(cx_send(lab.client, &mar, see, &seen), 0);
	EXPECT_EQ(cx_send(lab.client, &mar, see, &seen), -ENOBUFS);
	for (int i = 0; i < 50; i++)
		run(&lab);
	EXPECT_EQ(seen.n, CX_LOCAL_OUTSTANDING);
	EXPECT_EQ(seen.last.result, CX_SUCCESS);
	EXPECT_EQ(subscribers_sqn(&seen.last.maa.items[0]) >> 5, CX_LOCAL_OUTSTANDING);
	EXPECT_EQ(cx_send(lab.client, &mar, see, &seen), 0);
	close_lab(&lab);
}

TEST(cx_local, request_waits_for_an_hss_that_comes_in_time)
{
	struct cx_request lir = hss_lab_lir(1);
	struct seen seen = { 0 };
	struct local_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	cx_local_server_free(lab.server);
	run(&lab);
	EXPECT_EQ(cx_send(lab.client, &lir, see, &seen), 0);
	wait_ms(&lab, 1000);
	EXPECT_EQ(seen.n, 0);
	ASSERT_EQ(cx_local_server_new(lab.hss.loop, lab.path, lab.hss.hss, &lab.server), 0);
	wait_ms(&lab, CX_LOCAL_RECONNECT_MS);
	EXPECT_EQ(seen.n, 1);
	EXPECT_EQ(seen.last.result, CX_IDENTITY_NOT_REGISTERED);
	close_lab(&lab);
}

TEST(cx_local, request_without_an_hss_is_given_up_in_time)
{
	struct cx_request lir = hss_lab_lir(1);
	struct seen seen = { 0 };
	struct local_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	cx_local_server_free(lab.server);
	lab.server = NULL;
	run(&lab);
	EXPECT_EQ(cx_send(lab.client, &lir, see, &seen), 0);
	wait_ms(&lab, CX_LOCAL_TIMEOUT_MS - 1);
	EXPECT_EQ(seen.n, 0);
	wait_ms(&lab, 1);
	EXPECT_EQ(seen.n, 1);
	EXPECT_EQ(seen.last.result, CX_UNABLE_TO_DELIVER);
	close_lab(&lab);
}

TEST(cx_local, requests_are_answered_when_their_owner_ends)
{
	struct cx_request lir = hss_lab_lir(1);
	struct seen seen = { 0 };
	struct local_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	EXPECT_EQ(cx_send(lab.client, &lir, see, &seen), 0);
	EXPECT_EQ(cx_send(lab.client, &lir, see, &seen), 0);
	close_lab(&lab);
	EXPECT_EQ(seen.n, 2);
	EXPECT_EQ(seen.last.result, CX_UNABLE_TO_DELIVER);
}

TEST(cx_local, second_hss_on_the_same_socket_is_refused)
{
	struct cx_local_server *second = NULL;
	struct local_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	EXPECT_EQ(cx_local_server_new(lab.hss.loop, lab.path, lab.hss.hss, &second), -EADDRINUSE);
	close_lab(&lab);
}

/* --- hostile clients --- */

static int connect_raw(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, path);
	EXPECT_EQ(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Sends `n` bytes on a new connection. True: it was taken; false: the connection is gone. */
static bool is_taken(struct local_lab *lab, const uint8_t *m, size_t n)
{
	uint8_t reply[CX_LOCAL_DATAGRAM_BYTES];
	int fd = connect_raw(lab->path);
	ssize_t got;

	run(lab);
	EXPECT_EQ(send(fd, m, n, 0), (ssize_t)n);
	run(lab);
	got = recv(fd, reply, sizeof(reply), 0);
	close(fd);
	run(lab);
	return got > 0;
}

/* Whether it is taken with one byte of it changed. */
static bool is_taken_with(struct local_lab *lab, const uint8_t *m, size_t n, size_t at,
			  uint8_t value)
{
	uint8_t changed[CX_LOCAL_MESSAGE_BYTES];

	memcpy(changed, m, n);
	changed[at] = value;
	return is_taken(lab, changed, n);
}

TEST(cx_local, message_that_breaks_a_rule_costs_the_connection_and_changes_nothing)
{
	struct cx_request mar = hss_lab_mar(2, 1, S1);
	uint8_t good[CX_LOCAL_MESSAGE_BYTES];
	/* what comes behind the texts is as in the struct, and the last of the message */
	size_t from_end = sizeof(struct cx_mar) - offsetof(struct cx_mar, resync);
	struct local_lab lab;
	size_t n;

	ASSERT_TRUE(open_lab(&lab));
	n = cx_local_pack_request(&mar, 7, good);
	memset(good + n, 0, sizeof(good) - n);
	EXPECT_TRUE(is_taken(&lab, good, n));
	EXPECT_EQ(hss_stats(lab.hss.hss)->mar, 1);
	for (size_t cut = 1; cut < n; cut += 13)
		EXPECT_FALSE(is_taken(&lab, good, cut));
	EXPECT_FALSE(is_taken(&lab, good, n + 1));
	EXPECT_FALSE(is_taken_with(&lab, good, n, offsetof(struct cx_local_header, version),
				   CX_LOCAL_VERSION + 1));
	for (uint8_t kind = 1; kind < 3; kind++)
		EXPECT_FALSE(is_taken_with(&lab, good, n,
					   offsetof(struct cx_local_header, is_answer), kind));
	EXPECT_FALSE(
		is_taken_with(&lab, good, n, offsetof(struct cx_local_header, command), 304 & 255));
	EXPECT_FALSE(is_taken_with(&lab, good, n, offsetof(struct cx_local_header, result), 1));
	for (size_t bytes = 0; bytes < 256 && bytes < n; bytes++)
		EXPECT_FALSE(is_taken_with(&lab, good, n,
					   offsetof(struct cx_local_header, length_bytes),
					   (uint8_t)bytes));
	EXPECT_FALSE(is_taken_with(&lab, good, n, n - from_end, 2)); /* resync */
	EXPECT_FALSE(is_taken_with(&lab, good, n, n - 1, 1));        /* reserved */
	EXPECT_EQ(hss_stats(lab.hss.hss)->mar, 1);
	EXPECT_TRUE(is_taken(&lab, good, n));
	close_lab(&lab);
}

/* Text that is longer than its field, or that does not end in the message. */
TEST(cx_local, text_ends_in_its_field)
{
	const struct cx_request lir = hss_lab_lir(1);
	uint8_t m[CX_LOCAL_MESSAGE_BYTES];
	struct cx_local_header header;
	struct cx_request read;
	uint64_t id;
	size_t n = cx_local_pack_request(&lir, 1, m);

	EXPECT_EQ(cx_local_parse_request(m, n, &read, &id), 0);
	EXPECT_MEM(&read.lir, &lir.lir, sizeof(lir.lir));
	m[n - 1] = 'a';
	EXPECT_EQ(cx_local_parse_request(m, n, &read, &id), -EPROTO);
	for (size_t length = CX_IDENTITY_BYTES - 2; length <= CX_IDENTITY_BYTES; length++) {
		memcpy(&header, m, sizeof(header));
		n = sizeof(header) + length + 1;
		header.length_bytes = (uint32_t)n;
		memcpy(m, &header, sizeof(header));
		memset(m + sizeof(header), 'a', length);
		m[n - 1] = '\0';
		EXPECT_EQ(cx_local_parse_request(m, n, &read, &id),
			  length < CX_IDENTITY_BYTES ? 0 : -EPROTO);
	}
}

/* Of 16 vectors in one list, of 17 none. */
TEST(cx_local, list_ends_at_its_bound)
{
	struct cx_answer answer = { .command = CX_MAR, .result = CX_SUCCESS }, read;
	uint8_t m[CX_LOCAL_MESSAGE_BYTES];
	size_t at = sizeof(struct cx_local_header), n;
	uint64_t id;

	answer.maa.n_items = CX_MAX_ITEMS;
	for (int i = 0; i < CX_MAX_ITEMS; i++)
		answer.maa.items[i] =
			(struct cx_item){ .number = (uint32_t)i, .res_bytes = 8, .ck = { 7 } };
	n = cx_local_pack_answer(&answer, 1, m);
	EXPECT_EQ(cx_local_parse_answer(m, n, &read, &id), 0);
	EXPECT_MEM(&read.maa, &answer.maa, sizeof(answer.maa));
	for (uint8_t i = 0; i < 255; i++) {
		m[at] = i;
		EXPECT_EQ(cx_local_parse_answer(m, n, &read, &id), i == CX_MAX_ITEMS ? 0 : -EPROTO);
	}
}

/* Capabilities of either kind, each list as long as it may be, behind a name of any length. */
TEST(cx_local, capabilities_end_at_their_bound)
{
	struct cx_answer answer = { .command = CX_LIR, .result = CX_UNREGISTERED_SERVICE }, read;
	struct cx_capabilities *c = &answer.lia.capabilities;
	uint8_t m[CX_LOCAL_MESSAGE_BYTES];
	size_t n, at;
	uint64_t id;

	memset(answer.lia.server_name, 'a', CX_IDENTITY_BYTES - 1);
	c->n_mandatory = c->n_optional = CX_MAX_CAPABILITIES;
	for (uint32_t i = 0; i < CX_MAX_CAPABILITIES; i++) {
		c->mandatory[i] = i + 1;
		c->optional[i] = UINT32_MAX - i;
	}
	n = cx_local_pack_answer(&answer, 1, m);
	EXPECT_EQ(cx_local_parse_answer(m, n, &read, &id), 0);
	EXPECT_EQ(read.result, CX_UNREGISTERED_SERVICE);
	EXPECT_MEM(&read.lia, &answer.lia, sizeof(answer.lia));
	at = sizeof(struct cx_local_header) + CX_IDENTITY_BYTES;
	EXPECT_EQ(m[at], CX_MAX_CAPABILITIES);
	for (unsigned i = 0; i < 256; i++) {
		m[at] = (uint8_t)i;
		EXPECT_EQ(cx_local_parse_answer(m, n, &read, &id),
			  i == CX_MAX_CAPABILITIES ? 0 : -EPROTO);
	}
}

/* `n` requests in one datagram; returns its bytes. */
static size_t pack_many(const struct cx_request *request, unsigned n,
			uint8_t out[static CX_LOCAL_DATAGRAM_BYTES])
{
	uint8_t message[CX_LOCAL_MESSAGE_BYTES];
	size_t bytes = 0, one;

	for (unsigned i = 0; i < n; i++) {
		one = cx_local_pack_request(request, i, message);
		memcpy(out + bytes, message, one);
		bytes += one;
	}
	return bytes;
}

static int count(void *user, bool is_answer, const uint8_t *message, size_t n_bytes)
{
	struct cx_answer answer;
	unsigned *n = user;
	uint64_t id;

	EXPECT_TRUE(is_answer);
	EXPECT_EQ(cx_local_parse_answer(message, n_bytes, &answer, &id), 0);
	EXPECT_EQ(id, *n);
	(*n)++;
	return 0;
}

TEST(cx_local, requests_of_one_datagram_are_answered_in_one)
{
	const struct cx_request lir = hss_lab_lir(2), mar = hss_lab_mar(2, 1, S1);
	uint8_t datagram[CX_LOCAL_DATAGRAM_BYTES];
	struct local_lab lab;
	unsigned n = 0;
	ssize_t bytes;
	int fd;

	ASSERT_TRUE(open_lab(&lab));
	fd = connect_raw(lab.path);
	bytes = (ssize_t)pack_many(&lir, CX_LOCAL_TOGETHER, datagram);
	EXPECT_EQ(send(fd, datagram, (size_t)bytes, 0), bytes);
	run(&lab);
	EXPECT_EQ(hss_stats(lab.hss.hss)->lir, CX_LOCAL_TOGETHER);
	bytes = recv(fd, datagram, sizeof(datagram), 0);
	ASSERT_GT(bytes, 0);
	EXPECT_EQ(cx_local_take_all(datagram, (size_t)bytes, count, &n), CX_LOCAL_TOGETHER);
	EXPECT_EQ(n, CX_LOCAL_TOGETHER);
	EXPECT_LT(recv(fd, datagram, sizeof(datagram), 0), 0);
	/* One is wrong in its length: the others change nothing either. */
	bytes = (ssize_t)pack_many(&mar, 3, datagram);
	EXPECT_FALSE(is_taken(&lab, datagram, (size_t)bytes - 1));
	EXPECT_EQ(hss_stats(lab.hss.hss)->mar, 0);
	bytes = (ssize_t)pack_many(&lir, CX_LOCAL_TOGETHER + 1, datagram);
	EXPECT_FALSE(is_taken(&lab, datagram, (size_t)bytes));
	EXPECT_EQ(hss_stats(lab.hss.hss)->lir, CX_LOCAL_TOGETHER);
	close(fd);
	close_lab(&lab);
}

/* Vectors of one turn that are more than a datagram holds. */
TEST(cx_local, answers_that_need_more_than_one_datagram_all_arrive)
{
	const struct cx_request mar = hss_lab_mar(2, CX_MAX_ITEMS, S1);
	struct seen seen = { 0 };
	struct local_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	for (int i = 0; i < CX_LOCAL_TOGETHER; i++)
		EXPECT_EQ(cx_send(lab.client, &mar, see, &seen), 0);
	run(&lab);
	EXPECT_EQ(seen.n, CX_LOCAL_TOGETHER);
	EXPECT_EQ(seen.last.maa.n_items, CX_MAX_ITEMS);
	close_lab(&lab);
}

TEST(cx_local, client_that_never_reads_does_not_stop_the_others)
{
	struct cx_request mar = hss_lab_mar(2, CX_MAX_ITEMS, S1);
	uint8_t m[CX_LOCAL_DATAGRAM_BYTES];
	struct seen seen = { 0 };
	struct local_lab lab;
	size_t n = cx_local_pack_request(&mar, 1, m);
	int fd;

	ASSERT_TRUE(open_lab(&lab));
	fd = connect_raw(lab.path);
	for (int i = 0; i < 2000; i++) {
		if (send(fd, m, n, 0) < 0)
			run(&lab);
	}
	EXPECT_LE(hss_stats(lab.hss.hss)->mar, 2000);
	EXPECT_EQ(cx_send(lab.client, &mar, see, &seen), 0);
	run(&lab);
	EXPECT_EQ(seen.n, 1);
	close(fd);
	run(&lab);
	close_lab(&lab);
}

TEST(cx_local, client_that_leaves_before_its_answer_is_forgotten)
{
	struct cx_request mar = hss_lab_mar(2, 1, S1);
	uint8_t m[CX_LOCAL_DATAGRAM_BYTES];
	struct local_lab lab;
	size_t n = cx_local_pack_request(&mar, 1, m);
	int fd;

	ASSERT_TRUE(open_lab(&lab));
	fd = connect_raw(lab.path);
	EXPECT_EQ(send(fd, m, n, 0), (ssize_t)n);
	close(fd);
	run(&lab);
	EXPECT_EQ(hss_stats(lab.hss.hss)->mar, 1);
	close_lab(&lab);
}

/* --- a hostile HSS --- */

TEST(cx_local, answer_that_nobody_asked_for_is_ignored_and_a_malformed_one_disconnects)
{
	struct cx_request lir = hss_lab_lir(1);
	struct cx_answer answer = { .command = CX_LIR, .result = CX_SUCCESS };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct cx_local_header header;
	uint8_t m[CX_LOCAL_DATAGRAM_BYTES];
	struct seen seen = { 0 };
	struct local_lab lab;
	int listener, fd;
	size_t n;

	ASSERT_TRUE(open_lab(&lab));
	cx_local_server_free(lab.server);
	lab.server = NULL;
	run(&lab);
	strcpy(a.sun_path, lab.path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ASSERT_EQ(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ASSERT_EQ(listen(listener, 1), 0);
	wait_ms(&lab, CX_LOCAL_RECONNECT_MS);
	fd = accept(listener, NULL, NULL);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(cx_send(lab.client, &lir, see, &seen), 0);
	run(&lab);
	ASSERT_GT(recv(fd, m, sizeof(m), MSG_DONTWAIT), 0);
	memcpy(&header, m, sizeof(header));
	n = cx_local_pack_answer(&answer, header.id + CX_LOCAL_OUTSTANDING, m);
	EXPECT_EQ(send(fd, m, n, 0), (ssize_t)n);
	run(&lab);
	EXPECT_EQ(seen.n, 0);
	memset(m + sizeof(header), 'a', n - sizeof(header));
	EXPECT_EQ(send(fd, m, n, 0), (ssize_t)n);
	run(&lab);
	EXPECT_EQ(seen.n, 1);
	EXPECT_EQ(seen.last.result, CX_UNABLE_TO_DELIVER);
	close(fd);
	close(listener);
	unlink(lab.path);
	close_lab(&lab);
}

/* --- RTR and PPR --- */

struct heard {
	unsigned n;
	enum cx_result result;
	struct cx_request last;
};

static enum cx_result hear(void *user, const struct cx_request *request)
{
	struct heard *heard = user;

	heard->n++;
	heard->last = *request;
	return heard->result;
}

TEST(cx_local, c137_what_the_hss_sends_reaches_all_and_one_that_agrees_is_enough)
{
	const struct cx_request rtr = { .command = CX_RTR, .rtr = { "1@x", 0, 1, { "sip:1@x" } } };
	struct heard heard = { .result = CX_SUCCESS };
	struct seen seen = { 0 };
	struct local_lab lab;
	struct cx *other;

	ASSERT_TRUE(open_lab(&lab));
	other = cx_local_client_new(lab.hss.loop, lab.path); /* an I-CSCF: it does not listen */
	run(&lab);
	EXPECT_EQ(cx_local_push(lab.server, &rtr, see, &seen), 0);
	run(&lab);
	EXPECT_EQ(seen.n, 1);
	EXPECT_EQ(seen.last.result, CX_UNABLE_TO_COMPLY);
	cx_listen(lab.client, hear, &heard);
	EXPECT_EQ(cx_local_push(lab.server, &rtr, see, &seen), 0);
	run(&lab);
	EXPECT_EQ(seen.n, 2);
	EXPECT_EQ(seen.last.result, CX_SUCCESS);
	EXPECT_EQ(heard.n, 1);
	/* of the list, what is used */
	EXPECT_MEM(&heard.last.rtr, &rtr.rtr, offsetof(struct cx_rtr, impus));
	EXPECT_STREQ(heard.last.rtr.impus[0], rtr.rtr.impus[0]);
	cx_free(other);
	close_lab(&lab);
}

TEST(cx_local, c137_push_is_settled_when_its_clients_go_and_refused_without_one)
{
	const struct cx_request ppr = { .command = CX_PPR, .ppr = { "1@x", { 0 } } };
	struct seen seen = { 0 };
	struct local_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	EXPECT_EQ(cx_local_push(lab.server, &ppr, see, &seen), 0);
	cx_free(lab.client); /* before it reads */
	lab.client = NULL;
	run(&lab);
	EXPECT_EQ(seen.n, 1);
	EXPECT_EQ(seen.last.result, CX_UNABLE_TO_DELIVER);
	EXPECT_EQ(cx_local_push(lab.server, &ppr, see, &seen), -EHOSTUNREACH);
	close_lab(&lab);
}
