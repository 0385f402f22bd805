#include "test/shim/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/pcscf_fixture.h"

#define LENGTH "Content-Length: 0\r\n"

static struct ue_sim ue;
static int us_listener; /* of the UE: port_us */
static char path[256];  /* of the registration, as the core got it */

/* A TCP socket of the UE on this port; 0: any. */
static int open_tcp(const struct ue_sim *u, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	inet_pton(AF_INET, u->host, &name.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	EXPECT_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

/* Connects to the P-CSCF. −1: refused. */
static int connect_from(const struct ue_sim *u, uint16_t from, uint16_t to)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(to) };
	int fd = open_tcp(u, from);
	inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name))) {
		close(fd);
		return -1;
	}
	edge_turn();
	return fd;
}

static void begin(const char *profile)
{
	edge_start(profile, "no");
	ue_open(&ue, 2, 14001, 14002);
	us_listener = open_tcp(&ue, 14002);
	ASSERT_EQ(listen(us_listener, 4), 0);
}

static void end(void)
{
	close(us_listener);
	edge_stop();
}

/* The next message on a connection; NULL: none. */
static struct sip *hear(int fd)
{
	char bytes[8192];
	struct sip *s = NULL;
	edge_turn();
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n <= 0)
		return NULL;
	EXPECT_TRUE(memmem(bytes, (size_t)n, IK, 32) == NULL); /* C-012 */
	EXPECT_EQ(sip_parse(bytes, (size_t)n, &s), 0);
	return s;
}

static int hear_status(int fd)
{
	struct sip *s = hear(fd);
	int status = s ? sip_status(s) : 0;
	sip_free(s);
	return status;
}

static bool is_closed(int fd)
{
	char byte;
	edge_turn();
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN);
}

static void say(int fd, const char *text)
{
	EXPECT_EQ(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	edge_turn();
}

static void say_register(int fd, const char *authorization, const char *more)
{
	char headers[2048];
	snprintf(headers, sizeof(headers), LENGTH "%s", more);
	char *text = ue_register_text(&ue, authorization, true, headers);
	memcpy(strstr(text, "/UDP"), "/TCP", 4);
	say(fd, text);
	free(text);
}

/* SM1 … SM6 in the clear, SM7 … SM12 over uc → ps; returns that connection. */
static int attach(void)
{
	char verify[1100];
	int clear = connect_from(&ue, 0, port_clear);
	say_register(clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = hear(clear);
	EXPECT_TRUE(s && sip_status(s) == 401 && sip_header(s, "Security-Server", 0));
	if (!s)
		return -1;
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n",
		 sip_header(s, "Security-Server", 0));
	sip_free(s);
	close(clear);
	int uc = connect_from(&ue, ue.uc, port_ps);
	say_register(uc, auth_response, verify);
	s = core_receive();
	EXPECT_TRUE(s != NULL);
	snprintf(path, sizeof(path), "%s", sip_header(s, "Path", 0));
	core_answer(s, 200, ok_headers(&ue, 600));
	EXPECT_EQ(hear_status(uc), 200);
	return uc;
}

static const char *request(const char *transport, const char *headers)
{
	static char text[4096];
	ue.n_sent++;
	snprintf(text, sizeof(text),
		 "MESSAGE sip:v@" REALM " SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bKr%u\r\n"
		 "From: <sip:u@" REALM ">;tag=1\r\nTo: <sip:v@" REALM ">\r\nCall-ID: r\r\n"
		 "CSeq: %u MESSAGE\r\nMax-Forwards: 70\r\n%s\r\n",
		 transport, ue.host, ue.n_sent, ue.n_sent, headers);
	return text;
}

static void from_core_with(const char *method, const char *parameter, size_t n_more)
{
	char text[8192], more[4096] = "";
	memset(more, 'x', n_more);
	ue.n_sent++;
	snprintf(text, sizeof(text),
		 "%s sip:%s:14002%s SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bKc%u;rport\r\nRoute: %s\r\n"
		 "From: <sip:v@" REALM ">;tag=1\r\nTo: <sip:u@" REALM ">\r\nCall-ID: t\r\n"
		 "CSeq: %u %s\r\nMax-Forwards: 70\r\nSubject: %s\r\n\r\n",
		 method, ue.host, parameter, ue.n_sent, path, ue.n_sent, method, more);
	core_send(text);
}

static void from_core(const char *parameter, size_t n_more)
{
	from_core_with("MESSAGE", parameter, n_more);
}

/* What the P-CSCF has opened to a socket that listens, and from which port; −1: nothing. */
static int accept_at(int listener, uint16_t *from)
{
	struct sockaddr_in name;
	socklen_t n = sizeof(name);
	struct timeval none = { .tv_usec = 1000 };
	edge_turn();
	setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	int fd = accept(listener, (struct sockaddr *)&name, &n);
	*from = fd >= 0 ? ntohs(name.sin_port) : 0;
	return fd;
}

static int accept_us(uint16_t *from)
{
	return accept_at(us_listener, from);
}

/* The UE's 200 for what it got, as text. */
static char *answer_of(struct sip *s)
{
	char *text = NULL;
	size_t n;
	struct sip *r = sip_response(s, 200, NULL, "ue");
	EXPECT_EQ(sip_print(r, &text, &n), 0);
	text = realloc(text, n + 1);
	text[n] = '\0';
	sip_free(r);
	sip_free(s);
	return text;
}

static int core_status(void)
{
	struct sip *s = core_receive();
	int status = s ? sip_status(s) : 0;
	sip_free(s);
	return status;
}

TEST(pcscf_tcp, c068a_c068b_c080_the_eight_flows_of_wire_7_over_one_sa_set)
{
	uint16_t from;
	begin("two-pairs");
	int uc = attach();
	uint16_t port_pc = asked.installs[0].sa[2].local_port;
	EXPECT_GE(port_pc, port_pc_first);

	/* UDP: uc → ps, answered pc → us */
	ue_send(&ue, ue.uc_fd, port_ps, request("UDP", ""));
	core_answer(core_receive(), 200, "");
	struct sip *s = ue_receive(ue.us_fd, &from);
	EXPECT_TRUE(s && sip_status(s) == 200);
	EXPECT_EQ(from, port_pc);
	sip_free(s);

	/* UDP: pc → us, answered uc → ps */
	from_core("", 0);
	s = ue_receive(ue.us_fd, &from);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(from, port_pc);
	char *answer = answer_of(s);
	ue_send(&ue, ue.uc_fd, port_ps, answer);
	free(answer);
	EXPECT_EQ(core_status(), 200);

	/* TCP: uc → ps on the UE's connection, answered on it */
	say(uc, request("TCP", LENGTH));
	core_answer(core_receive(), 200, "");
	EXPECT_EQ(hear_status(uc), 200);
	EXPECT_EQ(ue_status(ue.us_fd), 0);

	/* TCP: pc → us on a connection of the P-CSCF's, answered on it */
	from_core(";transport=tcp", 0);
	int us = accept_us(&from);
	ASSERT_GE(us, 0);
	EXPECT_EQ(from, port_pc);
	s = hear(us);
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_via(s, 0)->protocol, "TCP");
	EXPECT_EQ(atoi(sip_via(s, 0)->port), port_ps);
	answer = answer_of(s);
	say(us, answer);
	free(answer);
	EXPECT_EQ(core_status(), 200);
	EXPECT_EQ(edge_stat("txn_retransmitted"), 0);

	/* … which serves the next request, too. */
	from_core(";transport=tcp", 0);
	s = hear(us);
	EXPECT_TRUE(s && sip_is(s, "MESSAGE"));
	sip_free(s);
	EXPECT_EQ(edge_stat("tcp_opened"), 1);
	close(us);
	close(uc);
	end();
}

TEST(pcscf_tcp, ue_never_gets_a_connection_in_the_clear_or_to_where_it_listens_otherwise)
{
	uint16_t from;
	begin("two-pairs");
	int clear = connect_from(&ue, 0, port_clear);
	say_register(clear, auth_initial, "");
	struct sip *s = core_receive();
	close(clear);
	edge_turn();
	int other = open_tcp(&ue, UE_PORT_CLEAR); /* what Via says */
	ASSERT_EQ(listen(other, 4), 0);
	core_answer(s, 401, challenge_headers);
	EXPECT_EQ(accept_at(other, &from), -1);
	EXPECT_EQ(ue_status(ue.clear), 0);
	EXPECT_EQ(edge_stat("tcp_opened"), 0);
	close(other);
	end();
}

TEST(pcscf_tcp, nobody_is_listened_to_on_port_pc)
{
	begin("two-pairs");
	int uc = attach();
	EXPECT_EQ(connect_from(&ue, 0, asked.installs[0].sa[2].local_port), -1);
	close(uc);
	end();
}

TEST(pcscf_tcp, c047_connection_without_a_set_is_not_answered)
{
	struct ue_sim stranger;
	begin("two-pairs");
	int uc = attach();
	ue_open(&stranger, 3, 14001, 14002);
	int fd = connect_from(&stranger, 14001, port_ps);
	say(fd, request("TCP", LENGTH));
	say(fd, request("TCP", ""));
	EXPECT_EQ(hear_status(fd), 0);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("sip_unidentified"), 2);
	close(fd);
	close(uc);
	end();
}

TEST(pcscf_tcp, request_on_a_connection_to_port_us_is_no_request)
{
	uint16_t from;
	begin("two-pairs");
	int uc = attach();
	from_core(";transport=tcp", 0);
	int us = accept_us(&from);
	ASSERT_GE(us, 0);
	sip_free(hear(us));
	say(us, request("TCP", LENGTH));
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(hear_status(us), 0);
	close(us);
	close(uc);
	end();
}

TEST(pcscf_tcp, message_without_a_length_is_answered_400_and_the_connection_closed)
{
	begin("two-pairs");
	int uc = attach();
	say(uc, request("TCP", ""));
	EXPECT_EQ(hear_status(uc), 400);
	EXPECT_TRUE(is_closed(uc));
	EXPECT_TRUE(core_receive() == NULL);
	close(uc);
	end();
}

TEST(pcscf_tcp, answer_whose_connection_is_lost_goes_pc_to_us)
{
	uint16_t from;
	begin("two-pairs");
	int uc = attach();
	say(uc, request("TCP", LENGTH));
	struct sip *s = core_receive();
	struct linger reset = { .l_onoff = 1 };
	setsockopt(uc, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(uc);
	edge_turn();
	core_answer(s, 200, "");
	int us = accept_us(&from);
	ASSERT_GE(us, 0);
	EXPECT_EQ(from, asked.installs[0].sa[2].local_port);
	EXPECT_EQ(hear_status(us), 200);
	close(us);
	end();
}

TEST(pcscf_tcp, long_request_takes_tcp_toward_a_udp_ue_and_udp_where_it_refuses)
{
	uint16_t from;
	begin("two-pairs");
	int uc = attach();
	from_core("", 1400);
	int us = accept_us(&from);
	ASSERT_GE(us, 0);
	EXPECT_EQ(from, asked.installs[0].sa[2].local_port);
	struct sip *s = hear(us);
	EXPECT_TRUE(s && sip_is(s, "MESSAGE"));
	sip_free(s);
	EXPECT_EQ(ue_status(ue.us_fd), 0);
	close(us);
	close(us_listener);
	us_listener = -1;
	edge_turn();
	from_core("", 1400);
	edge_turn();
	s = ue_receive(ue.us_fd, &from);
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_via(s, 0)->protocol, "UDP");
	EXPECT_EQ(edge_stat("txn_fell_back"), 1);
	sip_free(s);
	from_core("", 1401); /* the next one is not tried over TCP */
	edge_turn();
	s = ue_receive(ue.us_fd, &from);
	EXPECT_TRUE(s != NULL);
	EXPECT_EQ(edge_stat("txn_fell_back"), 1);
	EXPECT_EQ(edge_stat("txn_known_to_refuse"), 1);
	sip_free(s);
	close(uc);
	end();
}

/* It has no transaction, but is a request as others: RFC 3261 18.1.1. */
TEST(pcscf_tcp, c118a_long_ack_takes_tcp_and_udp_where_the_ue_refuses)
{
	uint16_t from;
	begin("two-pairs");
	int uc = attach();
	from_core_with("ACK", "", 100);
	struct sip *s = ue_receive(ue.us_fd, &from);
	EXPECT_TRUE(s && sip_is(s, "ACK"));
	sip_free(s);
	from_core_with("ACK", "", 1400);
	int us = accept_us(&from);
	ASSERT_GE(us, 0);
	s = hear(us);
	ASSERT_TRUE(s && sip_is(s, "ACK"));
	EXPECT_STREQ(sip_via(s, 0)->protocol, "TCP");
	sip_free(s);
	EXPECT_EQ(ue_status(ue.us_fd), 0);
	close(us);
	close(us_listener);
	us_listener = -1;
	edge_turn();
	for (unsigned i = 0; i < 2; i++) {
		from_core_with("ACK", "", 1400);
		edge_turn();
	}
	s = ue_receive(ue.us_fd, &from);
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_via(s, 0)->protocol, "UDP");
	sip_free(s);
	close(uc);
	end();
}

TEST(pcscf_tcp, single_pair_has_no_tcp)
{
	begin("single-pair");
	EXPECT_EQ(connect_from(&ue, 0, port_clear), -1);
	EXPECT_EQ(connect_from(&ue, ue.uc, port_ps), -1);
	end();
}

TEST(pcscf_tcp, connections_end_with_their_sa_set)
{
	uint16_t from;
	begin("two-pairs");
	int uc = attach();
	from_core(";transport=tcp", 0);
	int us = accept_us(&from);
	ASSERT_GE(us, 0);
	sip_free(hear(us));
	EXPECT_EQ(edge_stat("tcp_connections"), 2);
	dataplane_expire(asked.installs[0].registration);
	EXPECT_TRUE(is_closed(uc));
	EXPECT_TRUE(is_closed(us));
	EXPECT_EQ(edge_stat("tcp_connections"), 0);
	EXPECT_EQ(edge_stat("txn_disconnected"), 1);
	close(us);
	close(uc);
	end();
}

TEST(pcscf_tcp, c087b_failure_is_answered_on_the_connection_of_the_temporary_set)
{
	char verify[1100];
	begin("two-pairs");
	ue_attach(&ue);
	int old = ue.uc_fd;
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", ue.server);
	ue_renew(&ue, 14003);
	ue_register(&ue, old, port_ps, auth_initial, verify);
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n",
		 sip_header(s, "Security-Server", 0));
	sip_free(s);
	int uc = connect_from(&ue, ue.uc, port_ps);
	say_register(uc, auth_response, verify);
	core_answer(core_receive(), 403, "");
	EXPECT_EQ(hear_status(uc), 403);
	edge_pass(7000);
	EXPECT_TRUE(is_closed(uc));
	EXPECT_EQ(edge_stat("sets_established"), 1);
	close(uc);
	end();
}

TEST(pcscf_tcp, half_open_connections_do_not_keep_a_ue_from_registering)
{
	enum { N = 300 };
	int fd[N];
	begin("two-pairs");
	for (unsigned i = 0; i < N; i++) {
		struct ue_sim flood = { 0 };
		snprintf(flood.host, sizeof(flood.host), "127.9.%u.%u", i % 4, 1 + i / 4);
		fd[i] = connect_from(&flood, 0, port_clear);
		if (fd[i] >= 0 && i % 2)
			say(fd[i], "REGISTER sip:half");
	}
	int uc = attach();
	EXPECT_EQ(edge_stat("registered"), 1);
	EXPECT_GE(edge_stat("tcp_connections"), N);
	edge_pass(70000);
	EXPECT_EQ(edge_stat("tcp_connections"), 1); /* the UE's */
	for (unsigned i = 0; i < N; i++)
		close(fd[i]);
	close(uc);
	end();
}
