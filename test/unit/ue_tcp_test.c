#include "tools/ue/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/shim/test.h"
#include "test/unit/ue_fixture.h"

static struct ue_fixture x;
static struct ue *u;
static int clear_listener, ps_listener; /* of the P-CSCF */
static int uc;                          /* connection uc → ps */

static int listen_at(uint16_t port)
{
	struct sockaddr_storage name;
	socklen_t n = address_to_socket(&x.fleet.options.pcscf, port, &name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	EXPECT_EQ(bind(fd, (struct sockaddr *)&name, n), 0);
	EXPECT_EQ(listen(fd, 4), 0);
	return fd;
}

/* The connection that the UE has opened, and its port there; −1: none. */
static int accept_from(int listener, uint16_t *port)
{
	struct sockaddr_storage name;
	struct address from;
	socklen_t n = sizeof(name);
	int fd;

	ue_fixture_step(&x);
	fd = accept4(listener, (struct sockaddr *)&name, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		address_from_socket(&name, &from, port);
	ue_fixture_step(&x);
	return fd;
}

static bool begin(void)
{
	if (!ue_fixture_open(&x, 1, UE_HONEST))
		return false;
	u = &x.fleet.ues[0];
	x.fleet.options.tcp = true;
	clear_listener = listen_at(x.fleet.options.pcscf_port);
	ps_listener = listen_at(x.port_ps);
	ue_fixture_run(&x, UE_REGISTER);
	return true;
}

static void end(void)
{
	ue_fixture_close(&x);
	close(clear_listener);
	close(ps_listener);
}

static bool is_closed(int fd)
{
	char byte;
	ssize_t n;

	ue_fixture_step(&x);
	n = recv(fd, &byte, 1, MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* SM1 and SM7, each over its connection. */
static bool attach(void)
{
	char server[512];
	uint16_t port = 0;
	int clear = accept_from(clear_listener, &port);

	if (clear < 0 || !ue_fixture_take(&x, clear))
		return false;
	snprintf(server, sizeof(server), "Security-Server: " UE_FIXTURE_SERVER "\r\n", x.port_ps);
	x.stream = clear;
	ue_fixture_challenge(&x, u, false, server);
	uc = accept_from(ps_listener, &port);
	if (uc < 0 || !u->attempt.made || port != u->attempt.made->port_uc ||
	    !ue_fixture_take(&x, uc))
		return false;
	x.stream = uc;
	ue_fixture_answer(&x, u, true, 200, "Service-Route: <sip:scscf.home.test;lr>\r\n");
	EXPECT_TRUE(is_closed(clear));
	close(clear);
	return u->current != NULL;
}

TEST(ue_tcp, c143_via_names_no_port_and_contact_the_protected_server_port)
{
	uint16_t port;
	int clear;

	ASSERT_TRUE(begin());
	clear = accept_from(clear_listener, &port);
	ASSERT_TRUE(ue_fixture_take(&x, clear));
	EXPECT_TRUE(strstr(x.text, "Via: SIP/2.0/TCP 127.0.1.1;branch="));
	EXPECT_TRUE(ue_fixture_has(&x, "Contact", "<sip:127.0.1.1:5062;transport=tcp>"));
	EXPECT_FALSE(ue_fixture_take(&x, x.clear));
	close(clear);
	end();
}

TEST(ue_tcp, c068b_registers_in_the_clear_and_then_from_port_uc)
{
	ASSERT_TRUE(begin());
	EXPECT_TRUE(attach());
	EXPECT_TRUE(strstr(x.text, "Via: SIP/2.0/TCP 127.0.1.1;branch="));
	EXPECT_TRUE(x.done);
	EXPECT_EQ(x.fleet.n_repeated, 0);
	close(uc);
	end();
}

TEST(ue_tcp, answers_are_read_out_of_any_pieces)
{
	static const char answer[] = "SIP/2.0 100 Trying\r\nVia: SIP/2.0/TCP p;branch=a\r\n"
				     "From: <sip:b>;tag=1\r\nTo: <sip:c>\r\nCall-ID: 1\r\n"
				     "CSeq: 1 OPTIONS\r\nContent-Length: 2\r\n\r\nab";

	ASSERT_TRUE(begin());
	ASSERT_TRUE(attach());
	for (unsigned i = 0; i < 2 * (sizeof(answer) - 1); i++) { /* two behind each other */
		EXPECT_EQ(send(uc, answer + i % (sizeof(answer) - 1), 1, MSG_NOSIGNAL), 1);
		ue_fixture_step(&x);
	}
	EXPECT_EQ(x.fleet.n_unexpected, 2); /* nobody asked; but both were read */
	EXPECT_EQ(x.fleet.n_not_understood, 0);
	EXPECT_EQ(send(uc, "no SIP\r\n\r\n", 10, MSG_NOSIGNAL), 10);
	EXPECT_TRUE(is_closed(uc));
	EXPECT_EQ(x.fleet.n_not_understood, 1);
	close(uc);
	end();
}

TEST(ue_tcp, c068b_request_on_port_us_is_answered_on_its_connection)
{
	static const char message[] =
		"MESSAGE sip:127.0.1.1 SIP/2.0\r\nVia: SIP/2.0/TCP p;branch=a\r\n"
		"From: <sip:b>;tag=1\r\nTo: <sip:c>\r\nCall-ID: 1\r\n"
		"CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n";
	struct sockaddr_storage name;
	socklen_t n;
	int us;

	ASSERT_TRUE(begin());
	ASSERT_TRUE(attach());
	x.fleet.options.tcp = false; /* whatever it uses itself */
	ASSERT_EQ(stream_listen(&x.fleet), 0);
	us = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	n = address_to_socket(&x.fleet.options.pcscf, 0, &name);
	ASSERT_EQ(bind(us, (struct sockaddr *)&name, n), 0);
	n = address_to_socket(&u->address, UE_PORT_US, &name);
	ASSERT_EQ(connect(us, (struct sockaddr *)&name, n), 0);
	EXPECT_EQ(send(us, message, 40, MSG_NOSIGNAL), 40);
	ue_fixture_step(&x);
	EXPECT_FALSE(ue_fixture_take(&x, us));
	EXPECT_EQ(send(us, message + 40, sizeof(message) - 41, MSG_NOSIGNAL),
		  (ssize_t)sizeof(message) - 41);
	ue_fixture_step(&x);
	ASSERT_TRUE(ue_fixture_take(&x, us));
	EXPECT_EQ(x.got.status, 200);
	EXPECT_FALSE(ue_fixture_take(&x, x.protected));
	EXPECT_EQ(x.fleet.talk.n_messages_received, 1);
	close(us);
	close(uc);
	end();
}

TEST(ue_tcp, lost_connection_ends_the_request_and_the_next_one_opens_another)
{
	uint16_t port = 0;

	ASSERT_TRUE(begin());
	ASSERT_TRUE(attach());
	x.fleet.task = UE_OPTIONS; /* as in traffic, without its clock */
	x.fleet.n_busy = 1;
	ue_start(u, UE_OPTIONS, NULL);
	ue_fixture_step(&x);
	ASSERT_TRUE(ue_fixture_take(&x, uc));
	const struct linger reset = { .l_onoff = 1 }; /* as the P-CSCF closes */

	setsockopt(uc, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(uc);
	ue_fixture_step(&x);
	EXPECT_EQ(u->task, UE_IDLE);
	EXPECT_STREQ(x.fleet.result.reason[0].text, "connection");
	x.fleet.n_busy = 1;
	ue_start(u, UE_OPTIONS, NULL);
	uc = accept_from(ps_listener, &port);
	EXPECT_EQ(port, u->current->port_uc);
	EXPECT_TRUE(ue_fixture_take(&x, uc));
	close(uc);
	end();
}

TEST(ue_tcp, refused_connection_ends_the_registration)
{
	ASSERT_TRUE(ue_fixture_open(&x, 1, UE_HONEST));
	x.fleet.options.tcp = true;
	ue_fixture_run(&x, UE_REGISTER);
	ue_fixture_step(&x);
	EXPECT_TRUE(x.done);
	EXPECT_EQ(x.fleet.result.n_failed, 1);
	EXPECT_STREQ(x.fleet.result.reason[0].text, "connection");
	ue_fixture_close(&x);
}
