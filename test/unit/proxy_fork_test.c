/*
 * A request that goes to several places at once, and what its sender hears: RFC 3261 16.7. A proxy
 * with a role that forks everything stands between sockets of the test, on a clock of the test's.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "controlplane/loop.h"
#include "controlplane/proxy.h"
#include "test/shim/test.h"

#define N_PHONES 3

static uint64_t now_ms;
static struct loop *loop;
static struct proxy *proxy;
static struct endpoint *endpoint;
static int caller, phones[N_PHONES];
static struct address phone_address[N_PHONES], caller_address, own;
static unsigned n_places; /* that the role forks to */
static bool hold;         /* the role waits before it forwards */
static struct server_txn *held;
static bool tries_elsewhere; /* at the last phone, when nobody answers */
static unsigned n_ended;
static struct sip *invites[N_PHONES]; /* as each phone got it */

static int open_socket(struct address *address)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(name);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	EXPECT_EQ(getsockname(fd, (struct sockaddr *)&name, &n), 0);
	address_parse("127.0.0.1", ntohs(name.sin_port), address);
	return fd;
}

static void on_end(void *user)
{
	n_ended++;
}

static bool on_response(void *user, struct server_txn *x, struct sip *response)
{
	if (response || !tries_elsewhere)
		return true;
	struct path path = { .endpoint = endpoint, .peer = phone_address[N_PHONES - 1] };
	proxy_forward(proxy, x, sip_clone(server_txn_request(x)), &path,
		      (struct forward){ .on_end = on_end });
	return false;
}

static void fork_it(struct server_txn *x)
{
	struct branch branches[PROXY_BRANCHES];
	for (unsigned i = 0; i < n_places; i++) {
		branches[i] = (struct branch){ .request = sip_clone(server_txn_request(x)),
					       .path = { .endpoint = endpoint,
							 .peer = phone_address[i] } };
	}
	proxy_fork(proxy, x, branches, n_places,
		   (struct forward){ .on_response = on_response, .on_end = on_end });
}

static void on_request(void *role, const struct source *source, struct server_txn *x)
{
	held = x;
	if (!hold)
		fork_it(x);
}

static void turn(void)
{
	for (unsigned i = 0; i < 6; i++) {
		loop_turn(loop);
	}
}

static void pass(uint64_t ms)
{
	for (uint64_t end_ms = now_ms + ms; now_ms < end_ms; now_ms += 500)
		loop_fire(loop);
	turn();
}

static void begin(unsigned n)
{
	sip_init();
	now_ms = 1000000;
	n_places = n;
	n_ended = 0;
	hold = tries_elsewhere = false;
	loop = loop_new(1000, &now_ms);
	proxy = proxy_new(loop, 100, (struct proxy_user){ .on_request = on_request });
	close(open_socket(&own)); /* a port that is free */
	ASSERT_EQ(transport_listen(proxy_transport(proxy), ENDPOINT_CORE, 0, &own, "",
				   ENDPOINT_NO_TCP, &endpoint),
		  0);
	caller = open_socket(&caller_address);
	for (unsigned i = 0; i < N_PHONES; i++)
		phones[i] = open_socket(&phone_address[i]);
}

static void end(void)
{
	for (unsigned i = 0; i < N_PHONES; i++) {
		sip_free(invites[i]);
		invites[i] = NULL;
		close(phones[i]);
	}
	close(caller);
	proxy_free(proxy);
	loop_free(loop);
}

static void send_from(int fd, const char *text, size_t n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(own.port) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_EQ(sendto(fd, text, n, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)n);
	turn();
}

/* The next message at a socket; NULL: none. */
static struct sip *take(int fd)
{
	static char bytes[65536];
	struct sip *s = NULL;
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n >= 0)
		EXPECT_EQ(sip_parse(bytes, (size_t)n, &s), 0);
	return s;
}

/* What the caller hears next: a status; 0: nothing. */
static int heard(void)
{
	struct sip *s = take(caller);
	int status = s ? sip_status(s) : 0;
	sip_free(s);
	return status;
}

/* Whether a phone gets a request of this method next. */
static bool gets(unsigned phone, const char *method)
{
	struct sip *s = take(phones[phone]);
	bool is = s && sip_is(s, method);
	sip_free(s);
	return is;
}

static void ask(const char *method, const char *headers)
{
	char text[1024];
	int n = snprintf(
		text, sizeof(text),
		"%s sip:b@home SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK1\r\n"
		"From: <sip:a@home>;tag=1\r\nTo: <sip:b@home>\r\nCall-ID: c\r\nCSeq: 1 "
		"%s\r\nMax-Forwards: 9\r\n%s\r\n",
		method, caller_address.port, method, headers);
	send_from(caller, text, (size_t)n);
}

/* An INVITE that has reached all phones. */
static void call(unsigned n)
{
	begin(n);
	ask("INVITE", "");
	EXPECT_EQ(heard(), 100);
	for (unsigned i = 0; i < n; i++) {
		invites[i] = take(phones[i]);
		ASSERT_TRUE(invites[i] && sip_is(invites[i], "INVITE"));
	}
}

/* A phone answers what it got, with a To-tag of its own. */
static void answer_with(unsigned phone, int status, const char *header, const char *value)
{
	char tag[8], *text;
	size_t n;
	snprintf(tag, sizeof(tag), "p%u", phone);
	struct sip *r = sip_response(invites[phone], status, NULL, tag);
	if (header)
		sip_header_add(r, header, value);
	ASSERT_EQ(sip_print(r, &text, &n), 0);
	send_from(phones[phone], text, n);
	free(text);
	sip_free(r);
}

static void answer(unsigned phone, int status)
{
	answer_with(phone, status, NULL, NULL);
}

TEST(proxy_fork, c118a_provisional_answers_of_all_go_on_with_their_tags)
{
	struct sip *s;
	call(2);
	answer(0, 180);
	s = take(caller);
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_to_tag(s), "p0");
	sip_free(s);
	answer(1, 183);
	s = take(caller);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 183);
	EXPECT_STREQ(sip_to_tag(s), "p1");
	sip_free(s);
	answer(1, 100);
	EXPECT_EQ(heard(), 0);
	end();
}

TEST(proxy_fork, c118a_first_2xx_goes_on_and_the_others_are_cancelled)
{
	struct sip *s;
	call(3);
	answer(0, 180);
	EXPECT_EQ(heard(), 180);
	answer(1, 200);
	EXPECT_EQ(heard(), 200);
	s = take(phones[0]);
	ASSERT_TRUE(s && sip_is(s, "CANCEL"));
	EXPECT_STREQ(sip_header(s, "Reason", 0), "SIP;cause=200;text=\"Call completed elsewhere\"");
	sip_free(s);
	EXPECT_FALSE(gets(1, "CANCEL"));
	EXPECT_FALSE(gets(2, "CANCEL")); /* that goes out with its first answer: 9.1 */
	answer(2, 180);
	EXPECT_TRUE(gets(2, "CANCEL"));
	EXPECT_EQ(heard(), 0); /* nobody is to hear it ring any more */
	answer(0, 487);
	answer(2, 487);
	EXPECT_TRUE(gets(0, "ACK"));
	EXPECT_TRUE(gets(2, "ACK"));
	EXPECT_EQ(heard(), 0);
	pass(40000);
	EXPECT_EQ(n_ended, 1);
	end();
}

TEST(proxy_fork, c118a_second_2xx_that_crossed_the_cancel_goes_on_too)
{
	struct sip *s;
	call(2);
	answer(0, 200);
	EXPECT_EQ(heard(), 200);
	answer(1, 200);
	s = take(caller);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	EXPECT_STREQ(sip_to_tag(s), "p1");
	sip_free(s);
	end();
}

/* 16.7 step 6: which of the final answers is the one that goes on; 0: a phone that never answers.
 */
TEST(proxy_fork, c118a_best_final_answer_goes_on_when_all_have_answered)
{
	static const struct {
		int first, second, heard;
	} rows[] = {
		{ 486, 404, 486 }, /* as good as each other: the first */
		{ 404, 486, 404 }, { 486, 503, 486 }, { 503, 486, 486 }, { 500, 302, 302 },
		{ 486, 302, 302 }, { 486, 420, 420 }, { 484, 415, 484 }, { 480, 603, 603 },
		{ 302, 600, 600 }, { 503, 503, 500 }, { 503, 500, 500 }, { 486, 0, 486 },
		{ 500, 0, 408 },   { 0, 0, 408 },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%d and %d", rows[i].first, rows[i].second);
		call(2);
		if (rows[i].first)
			answer(0, rows[i].first);
		EXPECT_EQ(heard(), 0);
		if (rows[i].second)
			answer(1, rows[i].second);
		if (!rows[i].first || !rows[i].second)
			pass(33000); /* timer B */
		EXPECT_EQ(heard(), rows[i].heard);
		end();
	}
}

TEST(proxy_fork, c118a_6xx_cancels_the_others_and_waits_for_them)
{
	call(2);
	answer(0, 180);
	EXPECT_EQ(heard(), 180);
	answer(1, 603);
	EXPECT_TRUE(gets(0, "CANCEL"));
	EXPECT_EQ(heard(), 0);
	answer(0, 487);
	EXPECT_EQ(heard(), 603);
	end();
}

TEST(proxy_fork, c118a_challenges_of_all_are_told)
{
	struct sip *s;
	call(2);
	answer_with(0, 407, "Proxy-Authenticate", "Digest realm=\"a\"");
	answer_with(1, 401, "WWW-Authenticate", "Digest realm=\"b\"");
	s = take(caller);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 407);
	EXPECT_STREQ(sip_header(s, "Proxy-Authenticate", 0), "Digest realm=\"a\"");
	EXPECT_STREQ(sip_header(s, "WWW-Authenticate", 0), "Digest realm=\"b\"");
	sip_free(s);
	end();
}

TEST(proxy_fork, c118a_cancel_goes_to_all_with_its_reason_and_the_call_ends_487)
{
	struct sip *s;
	call(2);
	answer(0, 180);
	answer(1, 486);
	EXPECT_EQ(heard(), 180);
	ask("CANCEL", "Reason: Q.850;cause=16\r\n");
	EXPECT_EQ(heard(), 200);
	s = take(phones[0]);
	ASSERT_TRUE(s && sip_is(s, "CANCEL"));
	EXPECT_STREQ(sip_header(s, "Reason", 0), "Q.850;cause=16");
	sip_free(s);
	answer(0, 487);
	EXPECT_EQ(heard(), 487);
	end();
}

TEST(proxy_fork, c118a_cancelled_call_that_nobody_ends_is_ended_487)
{
	call(1);
	answer(0, 180);
	EXPECT_EQ(heard(), 180);
	ask("CANCEL", "");
	EXPECT_EQ(heard(), 200);
	pass(33000); /* 64·T1 after the CANCEL: 9.1 */
	EXPECT_EQ(heard(), 487);
	end();
}

TEST(proxy_fork, c118a_call_cancelled_before_it_went_on_goes_nowhere)
{
	begin(2);
	hold = true;
	ask("INVITE", "");
	EXPECT_EQ(heard(), 100);
	ask("CANCEL", "");
	EXPECT_EQ(heard(), 200);
	fork_it(held);
	EXPECT_EQ(heard(), 487);
	EXPECT_FALSE(gets(0, "INVITE"));
	EXPECT_FALSE(gets(1, "INVITE"));
	EXPECT_EQ(n_ended, 1);
	end();
}

TEST(proxy_fork, c118a_call_cancelled_before_it_goes_elsewhere_goes_nowhere)
{
	for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
		test_context("cancelled: %d", is_cancelled);
		call(1);
		tries_elsewhere = true;
		if (is_cancelled) {
			ask("CANCEL", "");
			EXPECT_EQ(heard(), 200);
		}
		pass(32500); /* timer B */
		EXPECT_EQ(heard(), is_cancelled ? 487 : 0);
		EXPECT_EQ(gets(N_PHONES - 1, "INVITE"), !is_cancelled);
		EXPECT_EQ(n_ended, is_cancelled ? 2 : 1);
		end();
	}
	test_context(NULL);
}

TEST(proxy_fork, c118a_branch_that_may_not_leave_is_an_answer_of_its_own)
{
	struct sip *s;
	begin(2);
	hold = true;
	ask("INVITE", "");
	EXPECT_EQ(heard(), 100);
	struct branch branches[2];
	for (unsigned i = 0; i < 2; i++) {
		s = sip_clone(server_txn_request(held));
		if (i == 0)
			sip_header_set(s, "Max-Forwards", "0");
		branches[i] =
			(struct branch){ s, { .endpoint = endpoint, .peer = phone_address[i] } };
	}
	EXPECT_EQ(proxy_fork(proxy, held, branches, 2, (struct forward){ 0 }), 0);
	EXPECT_FALSE(gets(0, "INVITE"));
	invites[1] = take(phones[1]);
	ASSERT_TRUE(invites[1] != NULL);
	EXPECT_EQ(heard(), 0);
	answer(1, 500);
	EXPECT_EQ(heard(), 483);
	end();
}

static int64_t spent_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

TEST(proxy_fork, c146a_thousands_of_unknown_options_cost_what_it_takes_to_read_them)
{
	char text[SIP_HEAD_BYTES];
	char *at = text;
	begin(1);
	at += sprintf(at,
		      "MESSAGE sip:b@home SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK1"
		      "\r\nFrom: <sip:a@home>;tag=1\r\nTo: <sip:b@home>\r\nCall-ID: c\r\n"
		      "CSeq: 1 MESSAGE\r\n",
		      caller_address.port);
	for (unsigned i = 0; i < 3; i++) {
		at = stpcpy(at, "Proxy-Require: x");
		for (unsigned j = 0; j < 2000; j++)
			at = stpcpy(at, ",x");
		at = stpcpy(at, "\r\n");
	}
	at = stpcpy(at, "\r\n");
	int64_t before_ms = spent_ms();
	send_from(caller, text, (size_t)(at - text));
	EXPECT_LT(spent_ms() - before_ms, 100); /* each found from the first on: a second */
	struct sip *s = take(caller);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 420);
	EXPECT_STREQ(sip_header(s, "Unsupported", 31), "x");
	EXPECT_TRUE(sip_header(s, "Unsupported", 32) == NULL);
	sip_free(s);
	EXPECT_FALSE(gets(0, "MESSAGE"));
	end();
}
