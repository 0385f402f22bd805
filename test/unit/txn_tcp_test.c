#include "controlplane/txn.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/loop.h"
#include "controlplane/sip.h"
#include "controlplane/transport.h"
#include "test/shim/test.h"

/*
 * Transactions over TCP on a clock of the test's: the peer is a socket that listens, and one for
 * datagrams on the same port.
 */
static uint64_t now_ms;
static struct loop *loop;
static struct transport *transport;
static struct endpoint *endpoint;
static struct txns *txns;
static int listener, udp, connection;
static struct address peer_address;

static void take(void *user, const struct path *from, const char *bytes, size_t n_bytes)
{
	struct sip *s;
	ASSERT_EQ(sip_parse(bytes, n_bytes, &s), 0);
	if (sip_is_request(s) || !txns_response(txns, s, &from->peer))
		sip_free(s);
}

static void closed(void *user, uint64_t id, bool opened)
{
	txns_closed(txns, id, opened);
}

/* The peer's two sockets on one port. */
static void open_peer(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(name);
	int one = 1;
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ASSERT_EQ(bind(udp, (struct sockaddr *)&name, n), 0);
	ASSERT_EQ(getsockname(udp, (struct sockaddr *)&name, &n), 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	ASSERT_EQ(bind(listener, (struct sockaddr *)&name, n), 0);
	ASSERT_EQ(listen(listener, 8), 0);
	address_parse("127.0.0.1", ntohs(name.sin_port), &peer_address);
	connection = -1;
}

static void begin(enum endpoint_side side, enum endpoint_tcp tcp)
{
	struct address local;
	sip_init();
	now_ms = 1000000;
	loop = loop_new(1000, &now_ms);
	transport =
		transport_new(loop, (struct transport_user){ .receive = take, .closed = closed });
	struct transport_limits limits = *transport_limits(transport);
	limits.above_bytes = 1300;
	transport_set_limits(transport, &limits);
	address_parse("127.0.0.1", 0, &local);
	ASSERT_EQ(transport_listen(transport, side, 0, &local, "", tcp, &endpoint), 0);
	txns = txns_new(loop, 20);
	open_peer();
}

static void end(void)
{
	txns_free(txns);
	transport_free(transport);
	loop_free(loop);
	close(udp);
	close(listener);
	if (connection >= 0)
		close(connection);
}

static void turn(void)
{
	for (unsigned i = 0; i < 4; i++) {
		loop_turn(loop);
	}
}

static void pass(uint64_t ms)
{
	for (uint64_t end_ms = now_ms + ms; now_ms < end_ms; now_ms += 100)
		loop_fire(loop);
	turn();
}

/* Messages that the peer has got over a socket since the last call; the last bytes in `last`. */
static char last[8192];
static unsigned count(int fd)
{
	unsigned n_messages = 0;
	ssize_t n;
	while (fd >= 0 && (n = recv(fd, last, sizeof(last) - 1, MSG_DONTWAIT)) > 0) {
		last[n] = '\0';
		for (const char *at = last; (at = strstr(at, "Call-ID:")); at++)
			n_messages++;
	}
	return n_messages;
}

static unsigned over_tcp(void)
{
	turn();
	if (connection < 0)
		connection = accept(listener, NULL, NULL);
	return count(connection);
}

static unsigned over_udp(void)
{
	turn();
	return count(udp);
}

static struct sip *request(const char *method, const char *branch, size_t n_more)
{
	char text[8192], more[4096] = "";
	struct sip *s = NULL;
	memset(more, 'x', n_more);
	int n = snprintf(text, sizeof(text),
			 "%s sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=%s\r\n"
			 "From: <sip:u@home>;tag=1\r\nTo: <sip:v@home>\r\nCall-ID: c\r\n"
			 "CSeq: 1 %s\r\nSubject: %s\r\n\r\n",
			 method, branch, method, more);
	EXPECT_EQ(sip_parse(text, (size_t)n, &s), 0);
	return s;
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

static void ask(const char *method, bool tcp, size_t n_more, struct answers *a)
{
	struct path to = { .endpoint = endpoint, .peer = peer_address, .tcp = tcp };
	struct sip *s = request(method, "z9hG4bK1", n_more);
	*a = (struct answers){ 0 };
	sip_via_set_tcp(s, tcp);
	ASSERT_EQ(client_txn_new(txns, s, "z9hG4bK1", &to,
				 (struct client_user){ on_response, on_end, a }, NULL),
		  0);
}

static void answer(const char *method, int status)
{
	char *text;
	size_t n;
	struct sip *s = request(method, "z9hG4bK1", 0);
	struct sip *r = sip_response(s, status, NULL, "t");
	sip_free(s);
	ASSERT_EQ(sip_print(r, &text, &n), 0);
	sip_free(r);
	EXPECT_EQ(send(connection, text, n, MSG_NOSIGNAL), (ssize_t)n);
	free(text);
	turn();
}

TEST(txn_tcp, c144_request_is_sent_once_and_given_up_by_timer_f)
{
	struct answers a;
	begin(ENDPOINT_GM_PROTECTED, ENDPOINT_TCP_BOTH_WAYS);
	ask("MESSAGE", true, 0, &a);
	EXPECT_EQ(over_tcp(), 1);
	pass(127900);
	EXPECT_EQ(a.none, 0);
	EXPECT_EQ(over_tcp(), 0);
	pass(200);
	EXPECT_EQ(a.none, 1);
	EXPECT_EQ(txns_count(txns), 0);
	EXPECT_EQ(txns_counters(txns)->retransmitted, 0);
	end();
}

TEST(txn_tcp, client_ends_with_its_final_answer)
{
	static const struct {
		const char *method;
		int status;
		uint32_t left;
	} rows[] = { { "MESSAGE", 200, 0 },  /* K = 0 */
		     { "INVITE", 486, 0 },   /* D = 0 */
		     { "INVITE", 200, 1 } }; /* M is 64·T1: further 2xx, RFC 6026 */
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct answers a;
		test_context("%s %d", rows[i].method, rows[i].status);
		begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
		ask(rows[i].method, true, 0, &a);
		EXPECT_EQ(over_tcp(), 1);
		answer(rows[i].method, rows[i].status);
		EXPECT_EQ(a.final, 1);
		EXPECT_EQ(txns_count(txns), rows[i].left);
		EXPECT_EQ(over_tcp(), rows[i].status == 486 ? 1 : 0);
		if (rows[i].status == 486)
			EXPECT_TRUE(!strncmp(last, "ACK ", 4));
		end();
	}
}

/* The request came on a connection that the peer opened; answers go back on it. */
static struct server_txn *serve(const char *method, uint64_t id)
{
	struct path reply = { endpoint, peer_address, true, id };
	return server_txn_new(txns, request(method, "z9hG4bK2", 0), &peer_address, &reply);
}

/* Opens one for the server transactions below; returns its number. */
static uint64_t connected(void)
{
	struct path to = { .endpoint = endpoint, .peer = peer_address, .tcp = true };
	EXPECT_EQ(transport_send(&to, "\r\n", 2), 0);
	over_tcp();
	return to.connection;
}

TEST(txn_tcp, server_answers_once_and_ends)
{
	begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
	struct server_txn *x = serve("MESSAGE", connected());
	EXPECT_EQ(server_txn_answer(x, 200), 0);
	EXPECT_EQ(over_tcp(), 1);
	EXPECT_EQ(txns_count(txns), 0); /* J = 0 */
	end();
}

TEST(txn_tcp, server_invite_waits_for_the_ack_without_repeating)
{
	begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
	struct server_txn *x = serve("INVITE", connected());
	EXPECT_EQ(server_txn_answer(x, 486), 0);
	EXPECT_EQ(over_tcp(), 2); /* 100 and 486 */
	pass(20000);
	EXPECT_EQ(over_tcp(), 0); /* no G */
	EXPECT_EQ(txns_count(txns), 1);
	struct sip *ack = request("ACK", "z9hG4bK2", 0);
	EXPECT_TRUE(txns_absorb(txns, ack, &peer_address) == x);
	sip_free(ack);
	turn();
	EXPECT_EQ(txns_count(txns), 0); /* I = 0 */
	end();
}

TEST(txn_tcp, answer_takes_a_new_connection_when_that_of_the_request_is_lost)
{
	begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
	struct server_txn *x = serve("MESSAGE", connected());
	close(connection);
	connection = -1;
	turn();
	EXPECT_EQ(server_txn_answer(x, 200), 0); /* RFC 3261 18.2.2 */
	EXPECT_EQ(over_tcp(), 1);
	end();
}

TEST(txn_tcp, long_request_goes_over_tcp_and_says_so_in_via)
{
	struct answers a;
	begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
	ask("MESSAGE", false, 900, &a);
	EXPECT_EQ(over_udp(), 1);
	ask("MESSAGE", false, 1300, &a);
	EXPECT_EQ(over_udp(), 0);
	EXPECT_EQ(over_tcp(), 1);
	EXPECT_TRUE(strstr(last, "Via: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1") != NULL);
	EXPECT_EQ(txns_counters(txns)->by_size, 1);
	end();
}

TEST(txn_tcp, long_request_goes_over_udp_where_tcp_is_refused)
{
	struct answers a;
	begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
	close(listener);
	listener = -1;
	ask("MESSAGE", false, 1300, &a);
	EXPECT_EQ(over_udp(), 1);
	EXPECT_TRUE(strstr(last, "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1") != NULL);
	pass(600);
	EXPECT_EQ(over_udp(), 1); /* and is repeated there: T1 */
	EXPECT_EQ(a.none, 0);
	EXPECT_EQ(txns_counters(txns)->fell_back, 1);
	end();
}

TEST(txn_tcp, peer_that_has_refused_tcp_gets_udp_at_once_until_its_tuple_ends)
{
	struct answers a;
	begin(ENDPOINT_GM_PROTECTED, ENDPOINT_TCP_BOTH_WAYS);
	close(listener);
	listener = -1;
	for (unsigned i = 0; i < 3; i++) {
		ask("MESSAGE", false, 1300, &a);
		EXPECT_EQ(over_udp(), 1);
		pass(86400000); /* a day; the request is repeated, and given up */
		over_udp();
	}
	EXPECT_EQ(txns_counters(txns)->fell_back, 1);
	EXPECT_EQ(txns_counters(txns)->known_to_refuse, 2);
	transport_close(endpoint, &peer_address); /* as the end of its SA set does */
	ask("MESSAGE", false, 1300, &a);
	EXPECT_EQ(over_udp(), 1);
	EXPECT_EQ(txns_counters(txns)->fell_back, 2);
	end();
}

TEST(txn_tcp, refusal_in_the_core_is_forgotten_after_ten_minutes)
{
	struct answers a;
	begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
	close(listener);
	listener = -1;
	static const unsigned fell_back[] = { 1, 1, 2 };
	for (unsigned i = 0; i < 3; i++) {
		ask("MESSAGE", false, 1300, &a);
		EXPECT_EQ(over_udp(), 1);
		EXPECT_EQ(txns_counters(txns)->fell_back, fell_back[i]);
		pass(400000);
		over_udp();
	}
	end();
}

/* Loopback has room for 65 536 bytes. */
TEST(txn_tcp, long_request_goes_over_udp_where_the_kernel_knows_of_a_large_path_mtu)
{
	struct answers a;
	begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
	struct transport_limits limits = *transport_limits(transport);
	struct path path = { .endpoint = endpoint, .peer = peer_address };
	EXPECT_EQ(transport_udp_bytes(&path), 1300);
	limits.above_bytes = 0;
	transport_set_limits(transport, &limits);
	EXPECT_GT(transport_udp_bytes(&path), 65000);
	ask("MESSAGE", false, 4000, &a);
	EXPECT_EQ(over_udp(), 1);
	EXPECT_EQ(txns_counters(txns)->by_size, 0);
	/* of no route is nothing known */
	address_parse("2001:db8::1", 5060, &path.peer);
	EXPECT_EQ(transport_udp_bytes(&path), 1300);
	end();
}

TEST(txn_tcp, long_request_goes_over_udp_where_tcp_is_not_answered_in_five_seconds)
{
	struct answers a;
	int one[16];
	begin(ENDPOINT_GM_PROTECTED, ENDPOINT_TCP_BOTH_WAYS);
	/* A backlog of none that is full drops SYNs. */
	struct sockaddr_storage name;
	socklen_t n = address_to_sockaddr(&peer_address, &name);
	ASSERT_EQ(listen(listener, 0), 0);
	for (unsigned i = 0; i < 16; i++) {
		one[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(one[i], (struct sockaddr *)&name, n);
	}
	ask("MESSAGE", false, 1300, &a);
	EXPECT_EQ(over_udp(), 0);
	pass(4900);
	EXPECT_EQ(over_udp(), 0);
	pass(1200);
	EXPECT_EQ(over_udp(), 1);
	EXPECT_EQ(txns_counters(txns)->fell_back, 1);
	for (unsigned i = 0; i < 16; i++)
		close(one[i]);
	end();
}

TEST(txn_tcp, long_request_goes_over_udp_from_an_endpoint_without_tcp)
{
	struct answers a;
	begin(ENDPOINT_GM_PROTECTED, ENDPOINT_NO_TCP);
	ask("MESSAGE", false, 1300, &a);
	EXPECT_EQ(over_udp(), 1);
	EXPECT_EQ(txns_counters(txns)->by_size, 0);
	end();
}

TEST(txn_tcp, lost_connection_ends_what_was_not_answered)
{
	struct answers a;
	begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
	ask("MESSAGE", true, 0, &a);
	EXPECT_EQ(over_tcp(), 1);
	close(connection);
	connection = -1;
	turn();
	EXPECT_EQ(a.none, 1);
	EXPECT_EQ(a.ended, 1);
	EXPECT_EQ(txns_count(txns), 0);
	EXPECT_EQ(txns_counters(txns)->disconnected, 1);
	EXPECT_EQ(txns_counters(txns)->timed_out, 0);
	end();
}

static uint16_t free_port(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&name, n), 0);
	EXPECT_EQ(getsockname(fd, (struct sockaddr *)&name, &n), 0);
	close(fd);
	return ntohs(name.sin_port);
}

/* The last answer is on its way out of it, and behind that its end. */
TEST(txn_tcp, c118a_request_takes_a_new_connection_when_the_old_one_is_being_closed)
{
	static const char no_length[] = "OPTIONS sip:a@b SIP/2.0\r\n\r\n";
	struct answers a;
	for (int is_gm = 0; is_gm < 2; is_gm++) {
		test_context("Gm: %d", is_gm);
		if (is_gm)
			begin(ENDPOINT_GM_PROTECTED, ENDPOINT_CONNECTS);
		else
			begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
		if (is_gm) /* as a port_pc has one */
			endpoint->local.port = free_port();
		ask("MESSAGE", true, 0, &a);
		EXPECT_EQ(over_tcp(), 1);
		answer("MESSAGE", 200);
		EXPECT_EQ(a.final, 1);
		int old = connection;
		EXPECT_EQ(send(old, no_length, strlen(no_length), MSG_NOSIGNAL),
			  (ssize_t)strlen(no_length));
		turn();
		connection = -1;
		ask("MESSAGE", true, 0, &a);
		EXPECT_EQ(over_tcp(), 1);
		EXPECT_EQ(a.none, 0);
		answer("MESSAGE", 200);
		EXPECT_EQ(a.final, 1);
		close(old);
		end();
	}
	test_context(NULL);
}

TEST(txn_tcp, refused_connection_ends_a_request_that_had_to_be_tcp)
{
	struct answers a;
	begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
	close(listener);
	listener = -1;
	ask("MESSAGE", true, 0, &a);
	EXPECT_EQ(a.none, 0); /* not before the owner has it */
	EXPECT_EQ(over_udp(), 0);
	EXPECT_EQ(a.none, 1);
	EXPECT_EQ(txns_counters(txns)->disconnected, 1);
	end();
}

TEST(txn_tcp, request_that_rings_outlives_its_connection)
{
	struct answers a;
	begin(ENDPOINT_CORE, ENDPOINT_TCP_BOTH_WAYS);
	ask("INVITE", true, 0, &a);
	EXPECT_EQ(over_tcp(), 1);
	answer("INVITE", 180);
	close(connection);
	connection = -1;
	turn();
	EXPECT_EQ(a.none, 0);
	connected(); /* another one of the same peer */
	answer("INVITE", 200);
	EXPECT_EQ(a.final, 1);
	end();
}
