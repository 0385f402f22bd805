/* Connections of SIP over TCP, between a transport and sockets of the test. */
#include "controlplane/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/loop.h"
#include "controlplane/sip.h"
#include "test/shim/test.h"

#define MESSAGE "M sip:a SIP/2.0\r\nVia: x\r\nl: 3\r\n\r\nabc"

#define PORT 16000

static uint64_t now_ms;
static struct loop *loop;
static struct transport *transport;
static char own_host[32];
static struct endpoint *clear, *ps, *pc, *core;

static struct {
	unsigned n, n_refused, n_closed, n_never_opened;
	int status;
	struct path path; /* of the last message */
	char text[256];   /* messages behind each other, what fits */
	size_t n_bytes;   /* of all */
	uint64_t closed;
} got;

static void receive(void *user, const struct path *from, const char *bytes, size_t n_bytes)
{
	got.n++;
	got.n_bytes += n_bytes;
	got.path = *from;
	snprintf(got.text + strlen(got.text), sizeof(got.text) - strlen(got.text), "%.*s",
		 (int)n_bytes, bytes);
}

static void refuse(void *user, const struct path *from, const char *head, size_t n_bytes,
		   int status)
{
	struct path reply = *from;
	got.n_refused++;
	got.status = status;
	EXPECT_EQ(transport_send(&reply, "no", 2), 0);
}

static void closed(void *user, uint64_t connection, bool opened)
{
	got.n_closed++;
	got.n_never_opened += !opened;
	got.closed = connection;
}

static struct endpoint *open_endpoint(enum endpoint_side side, uint16_t port, enum endpoint_tcp tcp)
{
	struct endpoint *e = NULL;
	struct address local;
	address_parse(own_host, port, &local);
	EXPECT_EQ(transport_listen(transport, side, 0, &local, "", tcp, &e), 0);
	return e;
}

static void begin(void)
{
	struct transport_user user = { receive, refuse, closed, NULL };
	memset(&got, 0, sizeof(got));
	now_ms = 1000000;
	loop = loop_new(100, &now_ms);
	transport = transport_new(loop, user);
	snprintf(own_host, sizeof(own_host), "127.%u.%u.1", 1 + (getpid() >> 8) % 250,
		 getpid() & 0xff);
	clear = open_endpoint(ENDPOINT_GM_CLEAR, PORT, ENDPOINT_ACCEPTS);
	ps = open_endpoint(ENDPOINT_GM_PROTECTED, PORT + 1, ENDPOINT_ACCEPTS);
	pc = open_endpoint(ENDPOINT_GM_PROTECTED, PORT + 2, ENDPOINT_CONNECTS);
	core = open_endpoint(ENDPOINT_CORE, PORT + 3, ENDPOINT_TCP_BOTH_WAYS);
}

static void end(void)
{
	transport_free(transport);
	loop_free(loop);
}

static void turn(void)
{
	for (unsigned i = 0; i < 4; i++)
		loop_turn(loop);
}

static void pass(uint64_t ms)
{
	for (; ms; ms -= ms < 1000 ? ms : 1000) {
		now_ms += ms < 1000 ? ms : 1000;
		loop_fire(loop);
	}
	turn();
}

static struct sockaddr_in name_of(const char *host, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, host, &name.sin_addr);
	return name;
}

/* A peer at 127.x.y.NUMBER that connects. */
static int connect_to(const struct endpoint *e, unsigned number)
{
	char host[32];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(host, sizeof(host), "127.%u.%u.%u", 1 + (getpid() >> 8) % 250, getpid() & 0xff,
		 number);
	struct sockaddr_in from = name_of(host, 0), to = name_of(own_host, e->local.port);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	EXPECT_EQ(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	turn();
	return fd;
}

static void say(int fd, const char *text)
{
	EXPECT_EQ(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	turn();
}

/* What the peer gets, and how: "…" the bytes, "" nothing, "(end)" closed, "(reset)". */
static const char *hear(int fd)
{
	static char text[4096];
	turn();
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (n == 0)
		return "(end)";
	if (n < 0)
		return errno == EAGAIN ? "" : "(reset)";
	text[n] = '\0';
	return text;
}

static int listen_at(struct address *a)
{
	struct sockaddr_in name = name_of("127.0.0.1", 0);
	socklen_t n = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&name, n), 0);
	EXPECT_EQ(listen(fd, 8), 0);
	EXPECT_EQ(getsockname(fd, (struct sockaddr *)&name, &n), 0);
	address_parse("127.0.0.1", ntohs(name.sin_port), a);
	return fd;
}

TEST(stream, many_messages_in_one_segment_are_given_in_their_order)
{
	begin();
	int fd = connect_to(ps, 2);
	say(fd, "A\r\nl: 0\r\n\r\nB\r\nl: 1\r\n\r\nbC\r\nl: 0\r\n\r\n");
	EXPECT_EQ(got.n, 3);
	EXPECT_STREQ(got.text, "A\r\nl: 0\r\n\r\nB\r\nl: 1\r\n\r\nbC\r\nl: 0\r\n\r\n");
	EXPECT_TRUE(got.path.tcp);
	EXPECT_TRUE(got.path.endpoint == ps);
	close(fd);
	end();
}

TEST(stream, message_that_comes_byte_by_byte_is_one_message)
{
	begin();
	int fd = connect_to(ps, 2);
	for (unsigned n = 0; n < 2; n++)
		for (const char *c = MESSAGE; *c; c++) {
			EXPECT_EQ(got.n, n);
			EXPECT_EQ(send(fd, c, 1, MSG_NOSIGNAL), 1);
			turn();
		}
	EXPECT_EQ(got.n, 2);
	EXPECT_STREQ(got.text, MESSAGE MESSAGE);
	close(fd);
	end();
}

TEST(stream, longest_message_passes_in_pieces)
{
	static char body[SIP_MESSAGE_BYTES];
	char head[64];
	begin();
	size_t n_head = (size_t)snprintf(head, sizeof(head), "M\r\nl: %d\r\n\r\n", 65520);
	ASSERT_EQ(n_head, 15);
	memset(body, 'b', 65520);
	int fd = connect_to(ps, 2);
	say(fd, head);
	for (size_t sent = 0; sent < 65520; sent += 1000) {
		size_t n = 65520 - sent < 1000 ? 65520 - sent : 1000;
		EXPECT_EQ(send(fd, body + sent, n, MSG_NOSIGNAL), (ssize_t)n);
		turn();
	}
	EXPECT_EQ(got.n, 1);
	EXPECT_EQ(got.n_bytes, SIP_MESSAGE_BYTES);
	close(fd);
	end();
}

TEST(stream, ping_is_answered_with_pong_and_pong_with_nothing)
{
	begin();
	int fd = connect_to(ps, 2);
	say(fd, "\r\n");
	EXPECT_STREQ(hear(fd), "");
	say(fd, "\r\n");
	EXPECT_STREQ(hear(fd), "\r\n");
	say(fd, MESSAGE "\r\n\r\n");
	EXPECT_STREQ(hear(fd), "\r\n");
	EXPECT_EQ(got.n, 1);
	close(fd);
	end();
}

TEST(stream, no_boundary_is_guessed_behind_a_bad_length)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = { { "M\r\n\r\n" MESSAGE, 400 },
		     { "M\r\nl: x\r\n\r\n" MESSAGE, 400 },
		     { "M\r\nl: 1\r\nl: 2\r\n\r\n" MESSAGE, 400 },
		     { "M\r\nl: 70000\r\n\r\n" MESSAGE, 413 } };
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		test_context("%s", rows[i].text);
		int fd = connect_to(clear, 2);
		say(fd, rows[i].text);
		EXPECT_EQ(got.n, 0);
		EXPECT_EQ(got.n_refused, 1);
		EXPECT_EQ(got.status, rows[i].status);
		EXPECT_STREQ(hear(fd), "no");
		EXPECT_STREQ(hear(fd), "(end)");
		EXPECT_EQ(send(fd, MESSAGE, strlen(MESSAGE), MSG_NOSIGNAL), (int)strlen(MESSAGE));
		pass(3000);
		EXPECT_EQ(got.n, 0);
		EXPECT_EQ(transport_connections(transport), 0);
		close(fd);
		end();
	}
}

TEST(stream, giant_head_ends_the_connection_when_the_limit_is_passed)
{
	static char bytes[4096];
	begin();
	int fd = connect_to(clear, 2);
	memset(bytes, 'a', sizeof(bytes) - 1);
	for (unsigned i = 0; i < 5; i++)
		say(fd, bytes);
	pass(3000);
	EXPECT_EQ(got.n_refused, 0); /* nobody to answer to */
	EXPECT_EQ(transport_counters(transport)->tcp_refused, 1);
	EXPECT_EQ(transport_connections(transport), 0);
	close(fd);
	end();
}

TEST(stream, half_a_message_has_ten_seconds_however_it_trickles)
{
	begin();
	int slow = connect_to(ps, 2), quiet = connect_to(ps, 3), busy = connect_to(ps, 4);
	say(slow, "M sip:a");
	say(busy, MESSAGE "M");
	for (unsigned s = 0; s < 9; s++) {
		say(slow, "a");
		pass(1000);
		say(busy, " x\r\nl: 0\r\n\r\nM"); /* always half a message, always another */
	}
	EXPECT_EQ(got.n_closed, 0);
	pass(1000);
	EXPECT_EQ(got.n_closed, 1);
	EXPECT_STREQ(hear(slow), "(reset)");
	EXPECT_STREQ(hear(quiet), "");
	EXPECT_STREQ(hear(busy), "");
	EXPECT_EQ(transport_counters(transport)->tcp_too_slow, 1);
	close(slow);
	close(quiet);
	close(busy);
	end();
}

TEST(stream, stranger_who_says_nothing_goes_after_a_minute)
{
	begin();
	int stranger = connect_to(clear, 2), ue = connect_to(ps, 2);
	pass(63000);
	EXPECT_EQ(got.n_closed, 0);
	pass(2000);
	EXPECT_EQ(got.n_closed, 1);
	EXPECT_STREQ(hear(stranger), "(end)");
	EXPECT_STREQ(hear(ue), "");
	close(stranger);
	close(ue);
	end();
}

TEST(stream, times_are_the_operators)
{
	begin();
	struct transport_limits limits = *transport_limits(transport);
	limits.message_ms = 2000;
	limits.stranger_idle_ms = 40000;
	limits.idle_ms = 50000;
	transport_set_limits(transport, &limits);
	int slow = connect_to(ps, 2), stranger = connect_to(clear, 2), ue = connect_to(ps, 3);
	say(slow, "M");
	pass(2000);
	EXPECT_STREQ(hear(slow), "(reset)");
	pass(37000);
	EXPECT_STREQ(hear(stranger), "");
	pass(2000);
	EXPECT_STREQ(hear(stranger), "(end)");
	EXPECT_STREQ(hear(ue), "");
	pass(9000);
	EXPECT_STREQ(hear(ue), "(reset)");
	close(slow);
	close(stranger);
	close(ue);
	end();
}

TEST(stream, one_address_has_a_bounded_number_of_clear_connections_and_its_newest)
{
	int fd[12], other;
	begin();
	struct transport_limits limits = *transport_limits(transport);
	limits.n_of_stranger = 8;
	transport_set_limits(transport, &limits);
	other = connect_to(clear, 3);
	for (unsigned i = 0; i < 12; i++) {
		now_ms++;
		fd[i] = connect_to(clear, 2);
	}
	EXPECT_EQ(transport_connections(transport), 8 + 1);
	EXPECT_EQ(transport_counters(transport)->tcp_crowded_out, 4);
	for (unsigned i = 0; i < 12; i++)
		EXPECT_STREQ(hear(fd[i]), i < 4 ? "(end)" : "");
	say(fd[11], MESSAGE);
	say(other, MESSAGE);
	EXPECT_EQ(got.n, 2);
	for (unsigned i = 0; i < 12; i++)
		close(fd[i]);
	close(other);
	end();
}

TEST(stream, flood_of_connections_crowds_out_itself_and_a_ue_is_served_in_it)
{
	enum { N = 60 };
	int fd[N], registered;
	begin();
	struct transport_limits limits = *transport_limits(transport);
	limits.n_strangers = 16;
	transport_set_limits(transport, &limits);
	registered = connect_to(ps, 200);
	for (unsigned i = 0; i < N; i++) {
		fd[i] = connect_to(clear, 2 + i);
		if (i % 2)
			say(fd[i], "REGISTER half");
		EXPECT_LE(transport_connections(transport), 17);
		if (i % 10)
			continue;
		int ue = connect_to(clear, 220);
		unsigned before = got.n;
		say(ue, MESSAGE);
		EXPECT_EQ(got.n, before + 1);
		EXPECT_EQ(transport_send(&got.path, "yes", 3), 0);
		EXPECT_STREQ(hear(ue), "yes");
		close(ue);
		turn();
	}
	say(registered, MESSAGE);
	EXPECT_EQ(got.n, N / 10 + 1);
	EXPECT_GE(transport_counters(transport)->tcp_crowded_out, N - 16);
	for (unsigned i = 0; i < N; i++)
		close(fd[i]);
	close(registered);
	end();
}

TEST(stream, half_messages_are_bounded_and_the_oldest_goes)
{
	int fd[6];
	begin();
	struct transport_limits limits = *transport_limits(transport);
	limits.n_halves = 4;
	transport_set_limits(transport, &limits);
	for (unsigned i = 0; i < 6; i++) {
		fd[i] = connect_to(clear, 2 + i);
		say(fd[i], "M");
	}
	EXPECT_EQ(transport_connections(transport), 4);
	EXPECT_STREQ(hear(fd[0]), "(end)");
	EXPECT_STREQ(hear(fd[1]), "(end)");
	for (unsigned i = 2; i < 6; i++)
		say(fd[i], "\r\nl: 0\r\n\r\n");
	EXPECT_EQ(got.n, 4);
	for (unsigned i = 0; i < 6; i++)
		close(fd[i]);
	end();
}

TEST(stream, peer_that_does_not_read_costs_bounded_memory)
{
	static char bytes[65000];
	int error = 0;
	unsigned n = 0;
	begin();
	int fd = connect_to(ps, 2);
	say(fd, MESSAGE);
	while (!error && n++ < 1000)
		error = transport_send(&got.path, bytes, sizeof(bytes));
	EXPECT_EQ(error, -ENOBUFS);
	EXPECT_EQ(transport_counters(transport)->tx_failed, 1);
	close(fd);
	end();
}

TEST(stream, what_a_slow_reader_gets_is_all_that_was_sent_in_order)
{
	static unsigned char bytes[40000], heard[65536];
	unsigned char next_sent = 0, next_heard = 0;
	size_t n_sent = 0, n_heard = 0;
	unsigned n_refused = 0;
	begin();
	int fd = connect_to(ps, 2);
	say(fd, MESSAGE);
	while (n_sent < (20u << 20)) {
		unsigned char first = next_sent;
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = next_sent++;
		if (transport_send(&got.path, (char *)bytes, sizeof(bytes))) {
			next_sent = first;
			n_refused++;
		} else {
			n_sent += sizeof(bytes);
		}
		turn();
		ssize_t n = recv(fd, heard, n_refused % 8 ? 50000 : 30000, MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++, n_heard++)
			if (heard[i] != next_heard++)
				TEST_MESSAGE("byte %zu is another", n_heard);
		if (test_has_failed())
			break;
	}
	EXPECT_GT(n_heard, 10u << 20);
	close(fd);
	end();
}

TEST(stream, clear_endpoint_answers_on_the_connection_and_opens_none)
{
	begin();
	int fd = connect_to(clear, 2);
	say(fd, MESSAGE);
	struct path path = got.path;
	EXPECT_EQ(transport_send(&path, "yes", 3), 0);
	EXPECT_STREQ(hear(fd), "yes");
	close(fd);
	turn();
	EXPECT_EQ(got.n_closed, 1);
	EXPECT_EQ(got.closed, path.connection);
	EXPECT_EQ(transport_send(&path, "yes", 3), -ENOTCONN);
	path = (struct path){ .endpoint = ps, .peer = path.peer, .tcp = true };
	EXPECT_EQ(transport_send(&path, "yes", 3), -ENOTCONN);
	end();
}

TEST(stream, core_opens_a_connection_once_and_uses_it_again)
{
	begin();
	struct path path = { .endpoint = core, .tcp = true };
	int listener = listen_at(&path.peer);
	EXPECT_EQ(transport_send(&path, "one", 3), 0);
	uint64_t first = path.connection;
	turn();
	int fd = accept(listener, NULL, NULL);
	EXPECT_STREQ(hear(fd), "one");
	path.connection = 0;
	EXPECT_EQ(transport_send(&path, "two", 3), 0);
	EXPECT_EQ(path.connection, first);
	EXPECT_STREQ(hear(fd), "two");
	say(fd, MESSAGE);
	EXPECT_EQ(got.path.connection, first);
	close(fd);
	turn();
	EXPECT_EQ(got.closed, first);
	EXPECT_EQ(transport_send(&path, "three", 5), 0);
	EXPECT_NE(path.connection, first);
	turn();
	fd = accept(listener, NULL, NULL);
	EXPECT_STREQ(hear(fd), "three");
	EXPECT_EQ(transport_counters(transport)->tcp_opened, 2);
	close(fd);
	close(listener);
	end();
}

TEST(stream, refused_and_unanswered_connections_are_told_apart_from_lost_ones)
{
	begin();
	struct path path = { .endpoint = core, .tcp = true };
	close(listen_at(&path.peer));
	EXPECT_EQ(transport_send(&path, "one", 3), 0);
	turn();
	EXPECT_EQ(got.n_closed, 1);
	EXPECT_EQ(got.n_never_opened, 1);
	EXPECT_EQ(got.closed, path.connection);
	EXPECT_EQ(transport_counters(transport)->tcp_not_opened, 1);
	end();
}

TEST(stream, c068b_protected_connection_leaves_from_its_own_port_and_ends_with_a_reset)
{
	begin();
	struct path path = { .endpoint = pc, .tcp = true };
	int listener = listen_at(&path.peer);
	for (unsigned i = 0; i < 3; i++) { /* the same tuple again, at once */
		struct sockaddr_in from;
		socklen_t n = sizeof(from);
		EXPECT_EQ(transport_send(&path, "one", 3), 0);
		turn();
		int fd = accept(listener, (struct sockaddr *)&from, &n);
		EXPECT_EQ(ntohs(from.sin_port), pc->local.port);
		EXPECT_STREQ(hear(fd), "one");
		transport_close(pc, &path.peer);
		EXPECT_EQ(got.n_closed, i + 1);
		EXPECT_STREQ(hear(fd), "(reset)");
		close(fd);
	}
	close(listener);
	end();
}

static void receive_and_close(void *user, const struct path *from, const char *bytes,
			      size_t n_bytes)
{
	receive(user, from, bytes, n_bytes);
	transport_close(from->endpoint, &from->peer);
}

TEST(stream, connection_may_be_closed_while_its_message_is_handled)
{
	static const char *const streams[] = { MESSAGE, MESSAGE MESSAGE, MESSAGE "M" };
	for (unsigned i = 0; i < 3; i++) {
		test_context("%s", streams[i]);
		begin();
		transport_free(transport);
		transport = transport_new(loop,
					  (struct transport_user){ .receive = receive_and_close });
		ps = open_endpoint(ENDPOINT_GM_PROTECTED, PORT + 1, ENDPOINT_ACCEPTS);
		int fd = connect_to(ps, 2);
		say(fd, streams[i]);
		EXPECT_EQ(got.n, 1);
		EXPECT_STREQ(hear(fd), "(reset)");
		EXPECT_EQ(transport_connections(transport), 0);
		close(fd);
		end();
	}
}
