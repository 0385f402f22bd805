/*
 * SIP over TLS: who is let in, and that a connection through it is a connection like any other. The
 * peer is OpenSSL in the hands of the test.
 */
#include "controlplane/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "configs/config.h"
#include "controlplane/loop.h"
#include "controlplane/sip.h"
#include "controlplane/transport.h"
#include "test/shim/test.h"
#include "test/unit/certificates.h"

#define MESSAGE "M sip:a SIP/2.0\r\nVia: x\r\nl: 3\r\n\r\nabc"
#define YEAR_S  (365L * 86400)
#define OWN     "127.0.0.1"
#define NAME    "cscf.example.net"

static uint64_t now_ms;
static struct loop *loop;
static struct transport *transport;
static struct endpoint *core;
static struct config_tls_name named = { (char *)"127.0.0.9", (char *)NAME };

static struct {
	unsigned n, n_closed, n_never_opened;
	struct path path;
	size_t n_bytes;
	char last[64];
} got;

static void receive(void *user, const struct path *from, const char *bytes, size_t n_bytes)
{
	got.n++;
	got.n_bytes += n_bytes;
	got.path = *from;
	snprintf(got.last, sizeof(got.last), "%.*s", (int)n_bytes, bytes);
}

static void closed(void *user, uint64_t connection, bool opened)
{
	got.n_closed++;
	got.n_never_opened += !opened;
}

static const struct {
	const char *name;
	struct certificate certificate;
} made[] = {
	{ "ca", { NULL, NULL, -60, YEAR_S } },
	{ "other-ca", { NULL, NULL, -60, YEAR_S } },
	{ "own", { "ca", "IP:127.0.0.1", -60, YEAR_S } },
	{ "peer", { "ca", "IP:127.0.0.2,DNS:two.example.net", -60, YEAR_S } },
	{ "elsewhere", { "ca", "IP:127.0.0.3", -60, YEAR_S } },
	{ "unnamed", { "ca", NULL, -60, YEAR_S } },
	{ "foreign", { "other-ca", "IP:127.0.0.2", -60, YEAR_S } },
	{ "expired", { "ca", "IP:127.0.0.2", -2 * 86400, -86400 } },
	{ "future", { "ca", "IP:127.0.0.2", 86400, YEAR_S } },
	{ "dns", { "ca", "DNS:" NAME, -60, YEAR_S } },
	{ "uri", { "ca", "URI:sip:CSCF.example.net", -60, YEAR_S } },
	/* RFC 5922 7.1: a SIP URI there makes DNS names mean nothing; 7.2: no wildcards */
	{ "other-uri", { "ca", "URI:sip:other.net,DNS:" NAME, -60, YEAR_S } },
	{ "wildcard", { "ca", "DNS:*.example.net", -60, YEAR_S } },
	{ "user", { "ca", "URI:sip:u@" NAME, -60, YEAR_S } },
	{ "longer", { "ca", "DNS:" NAME ".org", -60, YEAR_S } },
};

static struct config_tls configuration(const char *name)
{
	return (struct config_tls){
		.certificate = certificates_path(name, ".pem"),
		.key = certificates_path(name, ".key"),
		.authorities = certificates_path("ca", ".pem"),
		.names = &named,
		.n_names = 1,
	};
}

static void begin(void)
{
	struct address own;
	struct transport_user user = { .receive = receive, .closed = closed };
	signal(SIGPIPE, SIG_IGN);
	sip_init();
	memset(&got, 0, sizeof(got));
	certificates_begin();
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		ASSERT_TRUE(certificates_make(made[i].name, &made[i].certificate));
	now_ms = 1000000;
	loop = loop_new(100, &now_ms);
	transport = transport_new(loop, user);
	struct config_tls c = configuration("own");
	struct tls *tls = tls_new(&c);
	ASSERT_TRUE(tls != NULL);
	transport_set_tls(transport, tls);
	address_parse(OWN, (uint16_t)(20000 + getpid() % 20000), &own);
	ASSERT_EQ(transport_listen(transport, ENDPOINT_CORE, 0, &own, "", ENDPOINT_TLS, &core), 0);
}

static void end(void)
{
	transport_free(transport);
	loop_free(loop);
	certificates_end();
}

static void turn(void)
{
	for (unsigned i = 0; i < 8; i++)
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

/* --- the peer --- */

struct peer {
	SSL_CTX *context;
	SSL *ssl;
	int fd;
	int result; /* of the last call that failed */
};

static struct sockaddr_in name_of(const char *host, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, host, &name.sin_addr);
	return name;
}

static int connect_from(const char *host)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in from = name_of(host, 0), to = name_of(OWN, core->local.port);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	EXPECT_EQ(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	turn();
	return fd;
}

/* With this certificate, NULL for none, over a socket; `max` 0: any version. */
static struct peer peer_new(int fd, const char *certificate, int max, bool is_server)
{
	struct peer p = { SSL_CTX_new(TLS_method()), NULL, fd, 0 };
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* nobody waits for an ACK */
	if (certificate) {
		EXPECT_EQ(SSL_CTX_use_certificate_file(p.context,
						       certificates_path(certificate, ".pem"),
						       SSL_FILETYPE_PEM),
			  1);
		EXPECT_EQ(SSL_CTX_use_PrivateKey_file(p.context,
						      certificates_path(certificate, ".key"),
						      SSL_FILETYPE_PEM),
			  1);
	}
	if (max && max < TLS1_2_VERSION)
		SSL_CTX_set_security_level(p.context, 0); /* it would offer nothing */
	EXPECT_EQ(SSL_CTX_set_max_proto_version(p.context, max), 1);
	if (is_server) /* asks for ours, and takes any */
		SSL_CTX_load_verify_file(p.context, certificates_path("ca", ".pem"));
	p.ssl = SSL_new(p.context);
	SSL_set_verify(p.ssl, is_server ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_set_fd(p.ssl, fd);
	if (is_server)
		SSL_set_accept_state(p.ssl);
	else
		SSL_set_connect_state(p.ssl);
	return p;
}

static void peer_free(struct peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->context);
	close(p->fd);
	ERR_clear_error();
	turn();
}

static bool would_wait(struct peer *p, int result)
{
	int error = SSL_get_error(p->ssl, result);
	p->result = error;
	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/* Both sides go on until it is decided. */
static bool shake(struct peer *p)
{
	for (unsigned i = 0; i < 50; i++) {
		int result = SSL_do_handshake(p->ssl);
		turn();
		if (result == 1)
			return true;
		if (!would_wait(p, result))
			return false;
	}
	return false;
}

static void say(struct peer *p, const char *text)
{
	EXPECT_EQ(SSL_write(p->ssl, text, (int)strlen(text)), (int)strlen(text));
	turn();
}

/* The bytes; "" nothing yet; "(end)" or "(error)". */
static const char *hear(struct peer *p)
{
	static char text[4096];
	turn();
	int n = SSL_read(p->ssl, text, sizeof(text) - 1);
	if (n <= 0)
		return would_wait(p, n)                     ? ""
		       : p->result == SSL_ERROR_ZERO_RETURN ? "(end)"
							    : "(error)";
	text[n] = '\0';
	return text;
}

static struct peer client(const char *host, const char *certificate, int max)
{
	return peer_new(connect_from(host), certificate, max, false);
}

/* --- complaints: first, for what is said here in ten seconds is bounded, too --- */

TEST(tls, refusal_names_peer_and_reason_once_and_no_flood_of_them_fills_the_log)
{
	begin();
	char *path = certificates_path("log", "");
	int saved = dup(STDERR_FILENO), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(file, STDERR_FILENO);
	for (unsigned i = 0; i < 30; i++) {
		struct peer p = client("127.0.0.2", i % 2 ? "foreign" : "expired", 0);
		if (shake(&p))
			hear(&p);
		peer_free(&p);
	}
	dup2(saved, STDERR_FILENO);
	close(saved);
	char text[4096] = "";
	EXPECT_GT(pread(file, text, sizeof(text) - 1, 0), 0);
	close(file);
	EXPECT_STREQ(text,
		     "imsgate-controlplane: warn: tls: 127.0.0.2: its certificate is no good: "
		     "certificate has expired\n"
		     "imsgate-controlplane: warn: tls: 127.0.0.2: its certificate is no good: "
		     "unable to get local issuer certificate\n");
	end();
}

/* --- who is let in --- */

TEST(tls, peer_is_let_in_by_its_certificate_and_nobody_else)
{
	static const struct {
		const char *host;
		const char *certificate;
		int max;
		bool in;
	} rows[] = {
		{ "127.0.0.2", "peer", 0, true },
		{ "127.0.0.2", "peer", TLS1_2_VERSION, true },
		{ "127.0.0.2", "peer", TLS1_1_VERSION, false },
		{ "127.0.0.2", "peer", TLS1_VERSION, false },
		{ "127.0.0.2", NULL, 0, false },
		{ "127.0.0.2", NULL, TLS1_2_VERSION, false },
		{ "127.0.0.2", "elsewhere", 0, false }, /* somebody else's certificate */
		{ "127.0.0.3", "peer", 0, false },
		{ "127.0.0.2", "unnamed", 0, false },
		{ "127.0.0.2", "foreign", 0, false },
		{ "127.0.0.2", "other-ca", 0, false },
		{ "127.0.0.2", "expired", 0, false },
		{ "127.0.0.2", "expired", TLS1_2_VERSION, false },
		{ "127.0.0.2", "future", 0, false },
		{ "127.0.0.9", "dns", 0, true }, /* the address that has a name */
		{ "127.0.0.9", "uri", 0, true },
		{ "127.0.0.9", "other-uri", 0, false },
		{ "127.0.0.9", "wildcard", 0, false },
		{ "127.0.0.9", "user", 0, false },
		{ "127.0.0.9", "longer", 0, false },
		{ "127.0.0.2", "dns", 0, false }, /* and no other has it */
	};
	begin();
	unsigned n_in = 0, n_out = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s with %s, version %x", rows[i].host,
			     rows[i].certificate ? rows[i].certificate : "nothing", rows[i].max);
		struct peer p = client(rows[i].host, rows[i].certificate, rows[i].max);
		/* A client of TLS 1.3 is done before its certificate has been looked at. */
		bool in = shake(&p);
		if (in) { /* or has been told already */
			SSL_write(p.ssl, MESSAGE, (int)strlen(MESSAGE));
			ERR_clear_error();
		}
		in = in && !hear(&p)[0];
		EXPECT_EQ(in, rows[i].in);
		n_in += rows[i].in;
		n_out += !rows[i].in;
		EXPECT_EQ(got.n, n_in);
		EXPECT_EQ(transport_counters(transport)->tls_opened, n_in);
		EXPECT_EQ(transport_counters(transport)->tls_refused, n_out);
		EXPECT_EQ(transport_connections(transport), rows[i].in);
		peer_free(&p);
		EXPECT_EQ(transport_connections(transport), 0);
	}
	end();
}

TEST(tls, sip_in_the_clear_finds_nobody_on_a_port_of_tls)
{
	begin();
	int fd = connect_from("127.0.0.2");
	EXPECT_EQ(send(fd, MESSAGE, strlen(MESSAGE), MSG_NOSIGNAL), (ssize_t)strlen(MESSAGE));
	turn();
	EXPECT_EQ(got.n, 0);
	EXPECT_EQ(transport_connections(transport), 0);
	EXPECT_EQ(transport_counters(transport)->tls_refused, 1);
	close(fd);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = name_of(OWN, core->local.port);
	EXPECT_EQ(connect(udp, (struct sockaddr *)&to, sizeof(to)), 0);
	EXPECT_EQ(send(udp, MESSAGE, strlen(MESSAGE), 0), (ssize_t)strlen(MESSAGE));
	EXPECT_LT(send(udp, MESSAGE, strlen(MESSAGE), 0), 0); /* port unreachable */
	EXPECT_EQ(errno, ECONNREFUSED);
	close(udp);
	end();
}

/* --- a connection like any other --- */

TEST(tls, messages_of_any_size_pass_in_pieces_and_answers_go_back)
{
	static char large[60000];
	begin();
	struct peer p = client("127.0.0.2", "peer", 0);
	ASSERT_TRUE(shake(&p));
	for (const char *c = MESSAGE; *c; c++)
		EXPECT_EQ(SSL_write(p.ssl, c, 1), 1);
	turn();
	EXPECT_EQ(got.n, 1);
	EXPECT_STREQ(got.last, MESSAGE);
	EXPECT_TRUE(got.path.tcp);
	say(&p, MESSAGE MESSAGE "\r\n\r\n");
	EXPECT_EQ(got.n, 3);
	EXPECT_STREQ(hear(&p), "\r\n");
	memset(large, 'b', sizeof(large) - 1);
	size_t n_head = (size_t)snprintf(large, sizeof(large), "M\r\nl: %d\r\n\r\n", 50000);
	large[n_head] = 'b';
	got.n_bytes = 0;
	/* several records in one piece of the socket, and half of one */
	EXPECT_EQ(SSL_write(p.ssl, large, (int)n_head + 50000), (int)n_head + 50000);
	turn();
	EXPECT_EQ(got.n, 4);
	EXPECT_EQ(got.n_bytes, n_head + 50000);
	EXPECT_EQ(transport_send(&got.path, "yes", 3), 0);
	EXPECT_STREQ(hear(&p), "yes");
	EXPECT_EQ(SSL_shutdown(p.ssl), 0);
	turn();
	EXPECT_EQ(transport_connections(transport), 0);
	peer_free(&p);
	end();
}

TEST(tls, what_a_slow_reader_gets_is_all_that_was_sent_in_order)
{
	static char bytes[40000], heard[65536];
	char next_sent = 0, next_heard = 0;
	size_t n_sent = 0, n_heard = 0;
	begin();
	struct peer p = client("127.0.0.2", "peer", 0);
	ASSERT_TRUE(shake(&p));
	say(&p, MESSAGE);
	while (n_heard < (12u << 20) && !test_has_failed()) {
		char first = next_sent;
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = next_sent++;
		if (transport_send(&got.path, bytes, sizeof(bytes)))
			next_sent = first; /* 4 MB wait: enough */
		else
			n_sent += sizeof(bytes);
		turn();
		int n = SSL_read(p.ssl, heard, 30000);
		for (int i = 0; i < n; i++, n_heard++)
			if (heard[i] != next_heard++)
				TEST_MESSAGE("byte %zu is another", n_heard);
	}
	EXPECT_GE(n_sent, n_heard);
	peer_free(&p);
	end();
}

TEST(tls, renegotiation_is_refused_and_no_session_is_resumed)
{
	begin();
	struct peer p = client("127.0.0.2", "peer", TLS1_2_VERSION);
	ASSERT_TRUE(shake(&p));
	say(&p, MESSAGE);
	SSL_SESSION *session = SSL_get1_session(p.ssl);
	EXPECT_EQ(SSL_renegotiate(p.ssl), 1);
	EXPECT_FALSE(shake(&p)); /* no_renegotiation is a warning that OpenSSL ends by */
	peer_free(&p);
	p = client("127.0.0.2", "peer", TLS1_2_VERSION);
	EXPECT_EQ(SSL_set_session(p.ssl, session), 1);
	ASSERT_TRUE(shake(&p));
	EXPECT_EQ(SSL_session_reused(p.ssl), 0);
	SSL_SESSION_free(session);
	peer_free(&p);
	end();
}

TEST(tls, keys_may_be_changed_by_the_peer)
{
	begin();
	struct peer p = client("127.0.0.2", "peer", 0);
	ASSERT_TRUE(shake(&p));
	for (unsigned i = 1; i < 4; i++) {
		EXPECT_EQ(SSL_key_update(p.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		say(&p, MESSAGE);
		EXPECT_EQ(got.n, i);
		EXPECT_EQ(transport_send(&got.path, "yes", 3), 0);
		EXPECT_STREQ(hear(&p), "yes");
	}
	peer_free(&p);
	end();
}

/* --- floods --- */

TEST(tls, handshakes_have_their_time_and_number_and_peers_that_stand_are_not_touched)
{
	int fd[40];
	begin();
	struct transport_limits limits = *transport_limits(transport);
	limits.n_handshakes = 8;
	limits.n_of_stranger = 4;
	transport_set_limits(transport, &limits);
	struct peer known = client("127.0.0.2", "peer", 0);
	ASSERT_TRUE(shake(&known));
	/* Half of them say something that is no whole handshake, and all wait. */
	for (unsigned i = 0; i < 40; i++) {
		char host[16];
		snprintf(host, sizeof(host), "127.0.1.%u", 1 + i / 10);
		fd[i] = connect_from(host);
		if (i % 2)
			EXPECT_EQ(send(fd[i], "\x16\x03\x01\x02", 4, MSG_NOSIGNAL), 4);
		turn();
		EXPECT_LE(transport_connections(transport), 9);
	}
	EXPECT_EQ(transport_connections(transport), 9);
	struct peer newcomer = client("127.0.0.2", "peer", 0); /* in the middle of it */
	EXPECT_TRUE(shake(&newcomer));
	say(&newcomer, MESSAGE);
	EXPECT_EQ(got.n, 1);
	pass(4000);
	EXPECT_GE(transport_connections(transport), 9);
	pass(2000);
	EXPECT_EQ(transport_connections(transport), 2); /* the two that have shown who they are */
	say(&known, MESSAGE);
	EXPECT_EQ(got.n, 2);
	for (unsigned i = 0; i < 40; i++)
		close(fd[i]);
	peer_free(&known);
	peer_free(&newcomer);
	end();
}

TEST(tls, one_host_does_not_take_the_handshakes_of_all)
{
	int fd[20];
	begin();
	struct transport_limits limits = *transport_limits(transport);
	limits.n_handshakes = 8;
	limits.n_of_stranger = 4;
	transport_set_limits(transport, &limits);
	int slow = connect_from("127.0.0.7");
	for (unsigned i = 0; i < 20; i++)
		fd[i] = connect_from("127.0.1.1");
	EXPECT_EQ(transport_connections(transport), 1 + 4);
	char byte;
	EXPECT_EQ(recv(slow, &byte, 1, 0), -1);
	EXPECT_EQ(errno, EAGAIN); /* still there */
	for (unsigned i = 0; i < 20; i++)
		close(fd[i]);
	close(slow);
	end();
}

/* --- we connect --- */

static int listen_at(const char *host, struct address *a)
{
	struct sockaddr_in name = name_of(host, 0);
	socklen_t n = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&name, n), 0);
	EXPECT_EQ(listen(fd, 8), 0);
	EXPECT_EQ(getsockname(fd, (struct sockaddr *)&name, &n), 0);
	address_parse(host, ntohs(name.sin_port), a);
	return fd;
}

static struct peer accept_at(int listener, const char *certificate, int max)
{
	turn();
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	EXPECT_GE(fd, 0);
	return peer_new(fd, certificate, max, true);
}

TEST(tls, what_we_send_goes_to_the_node_at_that_address_and_no_other)
{
	static const struct {
		const char *certificate;
		int max;
		bool in;
	} rows[] = {
		{ "peer", 0, true },
		{ "peer", TLS1_2_VERSION, true },
		{ "peer", TLS1_1_VERSION, false },
		{ "elsewhere", 0, false },
		{ "unnamed", 0, false },
		{ "foreign", 0, false },
		{ "expired", 0, false },
		{ "dns", 0, false },
	};
	begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s, version %x", rows[i].certificate, rows[i].max);
		struct path path = { .endpoint = core };
		int listener = listen_at("127.0.0.2", &path.peer);
		unsigned n_closed = got.n_closed;
		EXPECT_EQ(transport_send(&path, MESSAGE, strlen(MESSAGE)), 0);
		EXPECT_TRUE(path.tcp); /* whatever the sender thought */
		struct peer p = accept_at(listener, rows[i].certificate, rows[i].max);
		bool in = shake(&p);
		EXPECT_STREQ(in ? hear(&p) : "", rows[i].in ? MESSAGE : in ? "(error)" : "");
		if (rows[i].in) {
			/* and our certificate is asked for, and good */
			EXPECT_TRUE(SSL_get0_peer_certificate(p.ssl) != NULL);
			EXPECT_EQ(SSL_get_verify_result(p.ssl), X509_V_OK);
			EXPECT_EQ(transport_send(&path, "two", 3), 0);
			EXPECT_STREQ(hear(&p), "two");
		} else {
			EXPECT_EQ(got.n_closed,
				  n_closed + 1); /* who waits for an answer hears it */
			EXPECT_EQ(transport_connections(transport), 0);
		}
		peer_free(&p);
		close(listener);
	}
	end();
}

TEST(tls, peer_that_accepts_and_says_nothing_is_given_up_in_time)
{
	begin();
	struct path path = { .endpoint = core };
	int listener = listen_at("127.0.0.2", &path.peer);
	EXPECT_EQ(transport_send(&path, MESSAGE, strlen(MESSAGE)), 0);
	turn();
	pass(4000);
	EXPECT_EQ(got.n_closed, 0);
	pass(2000);
	EXPECT_EQ(got.n_closed, 1);
	EXPECT_EQ(got.n_never_opened, 1);
	close(listener);
	end();
}

/* --- files --- */

TEST(tls, files_that_cannot_be_used_are_refused_by_name)
{
	static const struct {
		const char *certificate, *key, *authorities;
		bool ok;
	} rows[] = {
		{ "own.pem", "own.key", "ca.pem", true },
		{ "none.pem", "own.key", "ca.pem", false },
		{ "own.pem", "none.key", "ca.pem", false },
		{ "own.pem", "own.key", "none.pem", false },
		{ "own.pem", "peer.key", "ca.pem", false }, /* another's */
		{ "own.key", "own.key", "ca.pem", false },
		{ "own.pem", "own.pem", "ca.pem", false },
		{ "own.pem", "own.key", "own.key", false },
		{ "expired.pem", "expired.key", "ca.pem", false },
		{ "future.pem", "future.key", "ca.pem", false },
		{ "own.pem", "open.key", "ca.pem", false }, /* others may read it */
	};
	begin();
	char command[512];
	snprintf(command, sizeof(command), "cp %s %s", certificates_path("own.key", ""),
		 certificates_path("open.key", ""));
	ASSERT_EQ(system(command), 0);
	ASSERT_EQ(chmod(certificates_path("open.key", ""), 0640), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s %s %s", rows[i].certificate, rows[i].key, rows[i].authorities);
		ASSERT_EQ(chmod(certificates_path("own.pem", ""), 0600), 0);
		struct config_tls c = { .certificate = certificates_path(rows[i].certificate, ""),
					.key = certificates_path(rows[i].key, ""),
					.authorities = certificates_path(rows[i].authorities, "") };
		struct tls *t = tls_new(&c);
		EXPECT_EQ(t != NULL, rows[i].ok);
		tls_free(t);
	}
	end();
}
