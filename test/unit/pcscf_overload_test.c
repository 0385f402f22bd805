/* More REGISTERs than the core answers. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/backlog.h"
#include "controlplane/pcscf_impl.h"
#include "test/shim/test.h"
#include "test/unit/pcscf_fixture.h"

static struct ue_sim known, crowd;

static void begin(void)
{
	edge_start_with("two-pairs", "no", "  source_registers_per_min: 0\n");
	ue_open(&known, 2, 14001, 14002);
	ue_open(&crowd, 3, 14001, 14002);
}

static void ask(struct ue_sim *u)
{
	ue_register(u, u->clear, port_clear, auth_initial, "");
}

/* As many REGISTERs at the core as may be; the last one, for an answer. */
static struct sip *fill(void)
{
	struct sip *last = NULL;
	for (unsigned i = 0; i < PCSCF_ATTEMPTS; i++) {
		ask(&crowd);
		sip_free(last);
		last = core_receive();
	}
	return last;
}

TEST(pcscf_overload, new_registrations_wait_while_the_core_has_enough_to_answer)
{
	begin();
	ue_challenge(&known);
	struct sip *last = fill();
	ASSERT_TRUE(last != NULL);
	ask(&crowd);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(ue_status(crowd.clear), 0); /* no refusal either */
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	ue_answer_challenge(&known, 600); /* what was begun is ended; and makes room */
	EXPECT_EQ(edge_stat("registered"), 1);
	struct sip *next = core_receive();
	EXPECT_TRUE(next == NULL); /* SM7 had been one more than may be */

	core_answer(last, 403, "");
	EXPECT_EQ(ue_status(crowd.clear), 403);
	next = core_receive();
	EXPECT_TRUE(next != NULL);
	sip_free(next);
	EXPECT_EQ(edge_stat("register_waiting"), 0);
	EXPECT_EQ(edge_stat("register_shed"), 0);
	edge_stop();
}

TEST(pcscf_overload, who_asks_again_meanwhile_waits_once)
{
	begin();
	struct sip *last = fill();
	char *text = ue_register_text(&crowd, auth_initial, true, "");
	for (unsigned i = 0; i < 3; i++)
		ue_send(&crowd, crowd.clear, port_clear, text);
	free(text);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	ask(&crowd);
	EXPECT_EQ(edge_stat("register_waiting"), 2);
	core_answer(last, 403, "");
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	struct sip *next = core_receive();
	ASSERT_TRUE(next != NULL);
	EXPECT_TRUE(core_receive() == NULL); /* the second one waits on */
	sip_free(next);
	edge_stop();
}

TEST(pcscf_overload, a_registered_ue_is_heard_in_all_but_a_new_registration)
{
	begin();
	ue_attach(&known);
	sip_free(fill());
	ue_register(&known, known.uc_fd, port_ps, auth_initial, "");
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	ue_send(&known, known.uc_fd, port_ps,
		"OPTIONS sip:" REALM " SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 127.0.0.2:14002;branch=z9hG4bKoptions\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:u@" REALM ">;tag=1\r\nTo: <sip:" REALM ">\r\n"
		"Call-ID: options\r\nCSeq: 1 OPTIONS\r\n\r\n");
	EXPECT_TRUE(edge_stat("request_rx") > PCSCF_ATTEMPTS + 2);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	edge_stop();
}

TEST(pcscf_overload, c146a_a_register_behind_blank_lines_waits_as_any)
{
	static const char blank[] = "\r\n\r\n";
	begin();
	sip_free(fill());
	char *text = ue_register_text(&crowd, auth_initial, true, "");
	char *after = malloc(strlen(blank) + strlen(text) + 1);
	strcpy(after, blank);
	strcat(after, text);
	ue_send(&crowd, crowd.clear, port_clear, after);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	free(after);
	free(text);
	edge_stop();
}

/* Its own connection to the unprotected port. */
static int connect_clear(const char *host)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port_clear) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, host, &from.sin_addr);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	EXPECT_EQ(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	edge_turn();
	return fd;
}

/* A REGISTER with a body of so many bytes. */
static void ask_over_tcp(struct ue_sim *u, int fd, unsigned n_body)
{
	char length[64];
	snprintf(length, sizeof(length), "Content-Length: %u\r\n", n_body);
	char *text = ue_register_text(u, auth_initial, true, length);
	memcpy(strstr(text, "/UDP"), "/TCP", 4);
	size_t n = strlen(text);
	text = realloc(text, n + n_body);
	memset(text + n, 'x', n_body);
	for (size_t sent = 0; sent < n + n_body;) {
		ssize_t part =
			send(fd, text + sent, n + n_body - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		sent += part > 0 ? (size_t)part : 0;
		edge_turn();
	}
	free(text);
	edge_turn();
}

static int status_over_tcp(int fd)
{
	char bytes[8192];
	struct sip *s = NULL;
	edge_turn();
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n <= 0 || sip_parse(bytes, (size_t)n, &s))
		return 0;
	int status = sip_status(s);
	EXPECT_TRUE(status != 503 || sip_header(s, "Retry-After", 0) != NULL);
	sip_free(s);
	return status;
}

TEST(pcscf_overload, c146a_over_tcp_registrations_wait_likewise_and_are_answered)
{
	begin();
	struct sip *last = fill();
	int fd = connect_clear(known.host);
	ask_over_tcp(&known, fd, 0);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(status_over_tcp(fd), 0);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	core_answer(last, 403, "");
	struct sip *next = core_receive();
	ASSERT_TRUE(next != NULL);
	core_answer(next, 403, "");
	EXPECT_EQ(status_over_tcp(fd), 403);
	close(fd);
	edge_stop();
}

/* A core that is silent: each would be held until timer F, with its copies. */
TEST(pcscf_overload, c146a_long_registers_over_tcp_are_not_held)
{
	enum { N = 20 };
	begin();
	sip_free(fill());
	long long before = edge_stat("txn");
	int fd = connect_clear(crowd.host);
	for (unsigned i = 0; i < N; i++) {
		ask_over_tcp(&crowd, fd, 60000);
		EXPECT_EQ(status_over_tcp(fd), 503);
	}
	EXPECT_EQ(edge_stat("txn"), before);
	EXPECT_EQ(edge_stat("register_waiting"), 0);
	EXPECT_EQ(edge_stat("register_shed"), N);
	int other = connect_clear(known.host); /* who behaves has a place */
	ask_over_tcp(&known, other, 0);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	close(other);
	close(fd);
	edge_stop();
}

TEST(pcscf_overload, who_has_closed_its_connection_meanwhile_costs_no_vector)
{
	begin();
	struct sip *last = fill();
	int fd = connect_clear(known.host);
	ask_over_tcp(&known, fd, 0);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	close(fd);
	edge_turn();
	core_answer(last, 403, "");
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("register_waiting"), 0);
	EXPECT_EQ(edge_stat("register_shed"), 1);
	edge_stop();
}

/* 64·T1 = 128 s after it was sent, or more, its UE does not wait for an answer (timer F). */
TEST(pcscf_overload, who_has_given_up_meanwhile_costs_no_vector)
{
	enum { N = PCSCF_ATTEMPTS };
	begin();
	sip_free(fill());
	for (unsigned i = 0; i < 5 * N; i++)
		ask(&crowd);
	edge_pass(60000); /* the core is silent: its timer F makes room every 32 s */
	ask(&known);
	edge_pass(67000);
	EXPECT_EQ(edge_stat("register_forwarded"), 4 * N);
	EXPECT_EQ(edge_stat("register_shed"), 0);
	EXPECT_EQ(edge_stat("register_waiting"), 2 * N + 1);
	edge_pass(2000);
	EXPECT_EQ(edge_stat("register_shed"), 2 * N);
	EXPECT_EQ(edge_stat("register_forwarded"), 4 * N + 1);
	EXPECT_EQ(edge_stat("register_waiting"), 0);
	edge_stop();
}

/* Also while the core has no time at all, so that who comes now finds room. */
TEST(pcscf_overload, what_has_waited_too_long_makes_room)
{
	const struct path from = { .peer = { .family = 4 } };
	struct backlog *b = backlog_new(2);
	ASSERT_TRUE(b != NULL);
	EXPECT_TRUE(backlog_put(b, &from, "a", 1, 1000));
	EXPECT_TRUE(backlog_put(b, &from, "b", 1, 1500));
	EXPECT_TRUE(backlog_put(b, &from, "a", 1, 2000)); /* it has waited no less for that */
	EXPECT_FALSE(backlog_put(b, &from, "c", 1, 2000));
	EXPECT_EQ(backlog_drop(b, 1999, 1000), 0);
	EXPECT_EQ(backlog_drop(b, 2000, 1000), 1);
	EXPECT_TRUE(backlog_put(b, &from, "c", 1, 2000));
	EXPECT_EQ(backlog_drop(b, 2600, 1000), 1);
	EXPECT_EQ(backlog_count(b), 1);
	backlog_free(b);
}

/* Strangers could have it hold 2 GB of bodies. */
TEST(pcscf_overload, c146a_nothing_waits_that_is_longer_than_a_register)
{
	static const char text[BACKLOG_BYTES + 1];
	const struct path from = { .peer = { .family = 4 } };
	struct backlog *b = backlog_new(2);
	ASSERT_TRUE(b != NULL);
	EXPECT_TRUE(backlog_put(b, &from, text, BACKLOG_BYTES, 0));
	EXPECT_FALSE(backlog_put(b, &from, text, BACKLOG_BYTES + 1, 0));
	EXPECT_EQ(backlog_count(b), 1);
	backlog_free(b);
}
