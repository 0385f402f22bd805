#include "controlplane/txn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/loop.h"
#include "controlplane/sip.h"
#include "controlplane/transport.h"
#include "test/shim/test.h"

/*
 * Transactions on a clock of the test's, between an endpoint of ours and a plain socket: what left
 * is read from the socket, so nothing is assumed about how it was sent.
 */
static uint64_t now_ms;
static struct loop *loop;
static struct transport *transport;
static struct endpoint *endpoint;
static struct txns *txns;
static int peer;
static struct address peer_address;

static void ignore(void *user, const struct path *from, const char *bytes, size_t n_bytes)
{
}

static void begin(enum endpoint_side side, uint32_t max_txns)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(name);
	struct address local;
	sip_init();
	now_ms = 1000000;
	loop = loop_new(1000, &now_ms);
	transport = transport_new(loop, (struct transport_user){ .receive = ignore });
	address_parse("127.0.0.1", 0, &local);
	ASSERT_EQ(transport_listen(transport, side, 0, &local, "", ENDPOINT_NO_TCP, &endpoint), 0);
	txns = txns_new(loop, max_txns);
	peer = socket(AF_INET, SOCK_DGRAM, 0);
	ASSERT_EQ(bind(peer, (struct sockaddr *)&name, sizeof(name)), 0);
	ASSERT_EQ(getsockname(peer, (struct sockaddr *)&name, &n), 0);
	address_parse("127.0.0.1", ntohs(name.sin_port), &peer_address);
}

static void end(void)
{
	txns_free(txns);
	transport_free(transport);
	loop_free(loop);
	close(peer);
}

/* How many datagrams the peer has got since the last call; the last one is in `last`. */
static char last[4096];
static unsigned received(void)
{
	unsigned count = 0;
	ssize_t n;
	while ((n = recv(peer, last, sizeof(last) - 1, MSG_DONTWAIT)) >= 0) {
		last[n] = '\0';
		count++;
	}
	return count;
}

static void pass(uint64_t ms)
{
	uint64_t end_ms = now_ms + ms;
	for (; now_ms < end_ms; now_ms += 100)
		loop_fire(loop);
	loop_fire(loop);
}

static struct sip *request(const char *method, const char *branch)
{
	char text[1024];
	struct sip *s = NULL;
	int n = snprintf(
		text, sizeof(text),
		"%s sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=%s\r\n"
		"From: <sip:u@home>;tag=1\r\nTo: <sip:v@home>\r\nCall-ID: c\r\nCSeq: 1 %s\r\n\r\n",
		method, peer_address.port, branch, method);
	EXPECT_EQ(sip_parse(text, (size_t)n, &s), 0);
	return s;
}

static struct path path(void)
{
	return (struct path){ .endpoint = endpoint, .peer = peer_address };
}

struct answers {
	unsigned provisional, final, none, ended;
	int status;
};

static void on_response(void *user, struct sip *response)
{
	struct answers *a = user;
	a->none += !response;
	if (!response)
		return;
	a->status = sip_status(response);
	a->provisional += a->status < 200;
	a->final += a->status >= 200;
	sip_free(response);
}

static void on_end(void *user)
{
	struct answers *a = user;
	a->ended++;
}

static int ask(const char *method, const char *branch, struct answers *a, struct client_txn **out)
{
	struct path to = path();
	struct sip *s = request(method, branch);
	int error = client_txn_new(txns, s, branch, &to,
				   (struct client_user){ on_response, on_end, a }, out);
	if (error)
		sip_free(s);
	return error;
}

/* An answer comes in from `source`. Returns whether somebody waited for it. */
static bool answer_from(const struct address *source, const char *method, const char *branch,
			int status)
{
	struct sip *s = request(method, branch);
	struct sip *r = sip_response(s, status, NULL, "t");
	sip_free(s);
	bool taken = txns_response(txns, r, source);
	if (!taken)
		sip_free(r);
	return taken;
}

static bool answer(const char *method, const char *branch, int status)
{
	return answer_from(&peer_address, method, branch, status);
}

/* When a request without an answer is sent again, in ms from its start. */
static void expect_times(const char *method, const uint64_t *at_ms, unsigned n, uint64_t end_ms)
{
	struct answers a = { 0 };
	uint64_t start_ms = now_ms;
	ASSERT_EQ(ask(method, "z9hG4bK1", &a, NULL), 0);
	EXPECT_EQ(received(), 1);
	for (unsigned i = 0; i < n; i++) {
		test_context("%s, repetition %u", method, i);
		pass(at_ms[i] - (now_ms - start_ms) - 100);
		EXPECT_EQ(received(), 0);
		pass(100);
		EXPECT_EQ(received(), 1);
	}
	test_context("%s, end", method);
	pass(end_ms - (now_ms - start_ms) - 100);
	EXPECT_EQ(received(), 0);
	EXPECT_EQ(a.none, 0);
	pass(200);
	EXPECT_EQ(a.none, 1);
	EXPECT_EQ(a.ended, 1);
	EXPECT_EQ(txns_count(txns), 0);
	test_context(NULL);
}

TEST(txn, c144_core_requests_repeat_by_t1_500_ms_and_t2_4_s)
{
	static const uint64_t register_ms[] = { 500,   1500,  3500,  7500,  11500,
						15500, 19500, 23500, 27500, 31500 };
	static const uint64_t invite_ms[] = { 500, 1500, 3500, 7500, 15500, 31500 };
	begin(ENDPOINT_CORE, 10);
	expect_times("REGISTER", register_ms, 10, 32000);
	expect_times("INVITE", invite_ms, 6, 32000);
	end();
}

TEST(txn, c144_gm_requests_repeat_by_t1_2_s_and_t2_16_s)
{
	static const uint64_t message_ms[] = { 2000,  6000,  14000, 30000,  46000,
					       62000, 78000, 94000, 110000, 126000 };
	static const uint64_t invite_ms[] = { 2000, 6000, 14000, 30000, 62000, 126000 };
	begin(ENDPOINT_GM_PROTECTED, 10);
	expect_times("MESSAGE", message_ms, 10, 128000);
	expect_times("INVITE", invite_ms, 6, 128000);
	end();
}

TEST(txn, final_answer_ends_the_request_and_is_given_once)
{
	struct answers a = { 0 };
	begin(ENDPOINT_CORE, 10);
	ASSERT_EQ(ask("MESSAGE", "z9hG4bK1", &a, NULL), 0);
	EXPECT_TRUE(answer("MESSAGE", "z9hG4bK1", 100));
	EXPECT_TRUE(answer("MESSAGE", "z9hG4bK1", 200));
	EXPECT_TRUE(answer("MESSAGE", "z9hG4bK1", 200));
	EXPECT_EQ(a.provisional, 1);
	EXPECT_EQ(a.final, 1);
	EXPECT_EQ(a.ended, 1);
	received();
	pass(4900);
	EXPECT_EQ(received(), 0);
	EXPECT_EQ(txns_count(txns), 1); /* timer K = T4 */
	pass(200);
	EXPECT_EQ(txns_count(txns), 0);
	EXPECT_FALSE(answer("MESSAGE", "z9hG4bK1", 200));
	end();
}

/* What is said again within timers K (of a request) and I (of the ACK of an INVITE) is known. */
TEST(txn, c144_gm_transactions_stay_for_t4_17_s_after_their_end)
{
	struct answers a = { 0 };
	begin(ENDPOINT_GM_PROTECTED, 10);
	struct path reply = path();
	ASSERT_EQ(ask("MESSAGE", "z9hG4bK1", &a, NULL), 0);
	EXPECT_TRUE(answer("MESSAGE", "z9hG4bK1", 200));
	struct server_txn *x =
		server_txn_new(txns, request("INVITE", "z9hG4bK2"), &peer_address, &reply);
	ASSERT_TRUE(x != NULL);
	server_txn_answer(x, 486);
	struct sip *ack = request("ACK", "z9hG4bK2");
	EXPECT_TRUE(txns_absorb(txns, ack, &peer_address) == x);
	received();
	pass(16900);
	EXPECT_EQ(received(), 0);
	EXPECT_EQ(a.ended, 1);
	EXPECT_TRUE(answer("MESSAGE", "z9hG4bK1", 200));
	EXPECT_TRUE(txns_absorb(txns, ack, &peer_address) == x);
	EXPECT_EQ(txns_count(txns), 2);
	pass(200);
	EXPECT_FALSE(answer("MESSAGE", "z9hG4bK1", 200));
	EXPECT_TRUE(txns_absorb(txns, ack, &peer_address) == NULL);
	EXPECT_EQ(txns_count(txns), 0);
	EXPECT_EQ(a.final, 1);
	sip_free(ack);
	end();
}

TEST(txn, answer_is_taken_from_the_peer_alone)
{
	struct answers a = { 0 };
	struct address other;
	begin(ENDPOINT_CORE, 10);
	address_parse("127.0.0.9", peer_address.port, &other);
	ASSERT_EQ(ask("MESSAGE", "z9hG4bK1", &a, NULL), 0);
	EXPECT_FALSE(answer_from(&other, "MESSAGE", "z9hG4bK1", 200));
	EXPECT_FALSE(answer("MESSAGE", "z9hG4bK2", 200));
	EXPECT_FALSE(answer("OPTIONS", "z9hG4bK1", 200));
	EXPECT_EQ(a.final, 0);
	EXPECT_EQ(txns_counters(txns)->unmatched, 3);
	end();
}

TEST(txn, refused_invite_is_acknowledged_each_time)
{
	struct answers a = { 0 };
	begin(ENDPOINT_CORE, 10);
	ASSERT_EQ(ask("INVITE", "z9hG4bK1", &a, NULL), 0);
	received();
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 486));
	EXPECT_EQ(received(), 1);
	EXPECT_EQ(strncmp(last, "ACK sip:a@b SIP/2.0\r\n", 21), 0);
	EXPECT_TRUE(strstr(last, "branch=z9hG4bK1\r\n"));
	EXPECT_TRUE(strstr(last, "To: <sip:v@home>;tag=t\r\n"));
	EXPECT_TRUE(strstr(last, "CSeq: 1 ACK\r\n"));
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 486));
	EXPECT_EQ(received(), 1);
	EXPECT_EQ(a.final, 1);
	EXPECT_EQ(a.ended, 1);
	pass(33000);
	EXPECT_EQ(txns_count(txns), 0);
	end();
}

TEST(txn, every_2xx_of_an_invite_is_given)
{
	struct answers a = { 0 };
	begin(ENDPOINT_CORE, 10);
	ASSERT_EQ(ask("INVITE", "z9hG4bK1", &a, NULL), 0);
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 180));
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 200));
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 200));
	EXPECT_EQ(a.final, 2);
	EXPECT_EQ(a.ended, 0);
	pass(33000); /* timer M */
	EXPECT_EQ(a.ended, 1);
	EXPECT_EQ(a.none, 0);
	end();
}

TEST(txn, cancel_waits_for_the_first_provisional_answer)
{
	struct answers a = { 0 };
	struct client_txn *x;
	begin(ENDPOINT_CORE, 10);
	ASSERT_EQ(ask("INVITE", "z9hG4bK1", &a, &x), 0);
	received();
	client_txn_cancel(x, "SIP;cause=200");
	EXPECT_EQ(received(), 0);
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 180));
	EXPECT_EQ(received(), 1);
	EXPECT_EQ(strncmp(last, "CANCEL sip:a@b SIP/2.0\r\n", 24), 0);
	EXPECT_TRUE(strstr(last, "branch=z9hG4bK1\r\n"));
	EXPECT_TRUE(strstr(last, "Reason: SIP;cause=200\r\n"));
	EXPECT_TRUE(answer("CANCEL", "z9hG4bK1", 200));
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 487));
	EXPECT_EQ(a.status, 487);
	end();
}

TEST(txn, cancelled_call_that_nobody_answers_ends_after_64_t1)
{
	struct answers a = { 0 };
	struct client_txn *x;
	begin(ENDPOINT_CORE, 10);
	ASSERT_EQ(ask("INVITE", "z9hG4bK1", &a, &x), 0);
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 180));
	client_txn_cancel(x, NULL);
	EXPECT_TRUE(answer("CANCEL", "z9hG4bK1", 200));
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 183)); /* moves no timer any more */
	pass(31900);
	EXPECT_EQ(a.none, 0);
	pass(200);
	EXPECT_EQ(a.none, 1);
	EXPECT_EQ(a.ended, 1);
	EXPECT_EQ(txns_count(txns), 0);
	end();
}

/* RFC 3261 16.8, and 16.7 step 2: a 100 does not prolong it, any other provisional answer does. */
TEST(txn, timer_c_ends_a_call_that_only_rings)
{
	struct answers a = { 0 };
	begin(ENDPOINT_CORE, 10);
	ASSERT_EQ(ask("INVITE", "z9hG4bK1", &a, NULL), 0);
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 100));
	pass(100000);
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 180));
	pass(100000);
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 100));
	received();
	pass(80900);
	EXPECT_EQ(received(), 0);
	pass(200);
	EXPECT_EQ(received(), 1);
	EXPECT_EQ(strncmp(last, "CANCEL ", 7), 0);
	EXPECT_EQ(a.none, 1);
	EXPECT_EQ(a.ended, 1);
	EXPECT_TRUE(answer("CANCEL", "z9hG4bK1", 200));
	EXPECT_TRUE(answer("INVITE", "z9hG4bK1", 487)); /* late, but it has to be acknowledged */
	EXPECT_EQ(received(), 1);
	EXPECT_EQ(strncmp(last, "ACK ", 4), 0);
	EXPECT_EQ(a.final, 0);
	EXPECT_EQ(txns_counters(txns)->timed_out, 1);
	pass(33000);
	EXPECT_EQ(txns_count(txns), 0);
	end();
}

TEST(txn, retransmitted_request_is_absorbed_and_its_answer_repeated)
{
	struct path reply;
	begin(ENDPOINT_GM_PROTECTED, 10);
	reply = path();
	struct sip *again = request("REGISTER", "z9hG4bK1");
	EXPECT_TRUE(txns_absorb(txns, again, &peer_address) == NULL);
	struct server_txn *x =
		server_txn_new(txns, request("REGISTER", "z9hG4bK1"), &peer_address, &reply);
	ASSERT_TRUE(x != NULL);
	EXPECT_TRUE(txns_absorb(txns, again, &peer_address) == x);
	EXPECT_EQ(received(), 0);
	EXPECT_EQ(server_txn_answer(x, 401), 0);
	EXPECT_EQ(received(), 1);
	EXPECT_TRUE(txns_absorb(txns, again, &peer_address) == x);
	EXPECT_EQ(received(), 1);
	EXPECT_EQ(server_txn_answer(x, 200), -EALREADY);
	pass(127900);
	EXPECT_TRUE(txns_absorb(txns, again, &peer_address) == x);
	pass(200);
	EXPECT_TRUE(txns_absorb(txns, again, &peer_address) == NULL);
	EXPECT_EQ(txns_count(txns), 0);
	sip_free(again);
	end();
}

TEST(txn, c009_another_sender_or_branch_is_another_transaction)
{
	struct path reply;
	struct address other;
	begin(ENDPOINT_CORE, 10);
	reply = path();
	address_parse("127.0.0.9", peer_address.port, &other);
	ASSERT_TRUE(server_txn_new(txns, request("MESSAGE", "z9hG4bK1"), &peer_address, &reply));
	struct sip *same = request("MESSAGE", "z9hG4bK1");
	struct sip *branch = request("MESSAGE", "z9hG4bK2");
	struct sip *method = request("OPTIONS", "z9hG4bK1");
	EXPECT_TRUE(txns_absorb(txns, same, &other) == NULL);
	EXPECT_TRUE(txns_absorb(txns, branch, &peer_address) == NULL);
	EXPECT_TRUE(txns_absorb(txns, method, &peer_address) == NULL);
	EXPECT_TRUE(txns_absorb(txns, same, &peer_address) != NULL);
	sip_free(same);
	sip_free(branch);
	sip_free(method);
	end();
}

TEST(txn, refusal_of_an_invite_repeats_until_its_ack)
{
	struct path reply;
	begin(ENDPOINT_CORE, 10);
	reply = path();
	struct server_txn *x =
		server_txn_new(txns, request("INVITE", "z9hG4bK1"), &peer_address, &reply);
	ASSERT_TRUE(x != NULL);
	EXPECT_EQ(received(), 1); /* 100 */
	server_txn_answer(x, 486);
	received();
	pass(500);
	EXPECT_EQ(received(), 1);
	pass(1000);
	EXPECT_EQ(received(), 1);
	struct sip *ack = request("ACK", "z9hG4bK1");
	EXPECT_TRUE(txns_absorb(txns, ack, &peer_address) == x);
	pass(4900);
	EXPECT_EQ(received(), 0);
	EXPECT_TRUE(txns_absorb(txns, ack, &peer_address) == x);
	pass(200); /* timer I = T4 */
	EXPECT_EQ(txns_count(txns), 0);
	sip_free(ack);
	end();
}

TEST(txn, number_is_bounded)
{
	struct answers a = { 0 };
	struct path reply;
	begin(ENDPOINT_CORE, 2);
	reply = path();
	ASSERT_EQ(ask("MESSAGE", "z9hG4bK1", &a, NULL), 0);
	ASSERT_TRUE(server_txn_new(txns, request("MESSAGE", "z9hG4bK2"), &peer_address, &reply));
	EXPECT_EQ(ask("MESSAGE", "z9hG4bK3", &a, NULL), -ENOSPC);
	struct sip *s = request("MESSAGE", "z9hG4bK4");
	EXPECT_TRUE(server_txn_new(txns, s, &peer_address, &reply) == NULL);
	sip_free(s);
	EXPECT_EQ(txns_counters(txns)->refused, 2);
	end();
}

TEST(txn, strangers_leave_half_of_the_room)
{
	struct answers a = { 0 };
	struct path reply;
	begin(ENDPOINT_GM_CLEAR, 4);
	reply = path();
	struct server_txn *x =
		server_txn_new(txns, request("REGISTER", "z9hG4bK1"), &peer_address, &reply);
	ASSERT_TRUE(x != NULL);
	ASSERT_TRUE(server_txn_new(txns, request("REGISTER", "z9hG4bK2"), &peer_address, &reply));
	struct sip *s = request("REGISTER", "z9hG4bK3");
	EXPECT_TRUE(server_txn_new(txns, s, &peer_address, &reply) == NULL);
	EXPECT_EQ(ask("MESSAGE", "z9hG4bK4", &a, NULL), 0);
	server_txn_free(x);
	EXPECT_TRUE(server_txn_new(txns, s, &peer_address, &reply) != NULL);
	end();
}

/* Timers alone: whatever is set and cancelled, they fire in order and only when due. */
struct row {
	struct timer timer;
	uint64_t at_ms;
	bool fired;
};

static uint64_t fired_ms;

static void on_fire(void *user)
{
	struct row *r = user;
	EXPECT_LE(r->at_ms, now_ms);
	EXPECT_GE(r->at_ms, fired_ms);
	fired_ms = r->at_ms;
	r->fired = true;
}

TEST(loop, timers_fire_in_order_and_cancelled_ones_never)
{
	enum { N = 1000 };
	static struct row rows[N];
	struct test_rng rng = { test_seed() };
	now_ms = 5;
	fired_ms = 0;
	struct loop *l = loop_new(N, &now_ms);
	for (unsigned i = 0; i < N; i++) {
		rows[i].fired = false;
		timer_init(&rows[i].timer, on_fire, &rows[i]);
	}
	for (unsigned i = 0; i < 10 * N; i++) {
		struct row *r = &rows[test_rng_below(&rng, N)];
		uint64_t delay_ms = test_rng_below(&rng, 500);
		if (test_rng_below(&rng, 3) == 0) {
			timer_cancel(l, &r->timer);
		} else {
			r->at_ms = now_ms + delay_ms;
			ASSERT_EQ(timer_set(l, &r->timer, delay_ms), 0);
		}
	}
	unsigned n_set = 0, n_fired = 0;
	for (unsigned i = 0; i < N; i++)
		n_set += timer_is_set(&rows[i].timer);
	for (; now_ms < 600; now_ms += 7)
		n_fired += loop_fire(l);
	EXPECT_EQ(n_fired, n_set);
	for (unsigned i = 0; i < N; i++)
		EXPECT_FALSE(timer_is_set(&rows[i].timer));
	loop_free(l);
}

TEST(loop, room_for_timers_is_bounded)
{
	struct timer timers[3];
	now_ms = 0;
	struct loop *l = loop_new(2, &now_ms);
	for (unsigned i = 0; i < 3; i++) {
		timer_init(&timers[i], on_fire, NULL);
		EXPECT_EQ(timer_set(l, &timers[i], 5), i < 2 ? 0 : -ENOSPC);
	}
	EXPECT_FALSE(timer_is_set(&timers[2]));
	timer_cancel(l, &timers[0]);
	EXPECT_EQ(timer_set(l, &timers[2], 5), 0);
	loop_free(l);
}
