/*
 * No memory, at any one place, for a registration, a call or a connection through a P-CSCF: nothing
 * crashes, nothing stays behind, and the next try succeeds.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/shim/test.h"
#include "test/unit/scarce_edge.h"

static struct ue_sim ue;

/* SM1 … SM6. The UE's ports and the core are the test's own and have memory. */
static bool try_challenge(void)
{
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	struct sip *request = core_receive();
	if (!request)
		return false;
	core_answer(request, 401, challenge_headers);
	struct sip *s = ue_receive(ue.clear, NULL);
	const char *server = s ? sip_header(s, "Security-Server", 0) : NULL;
	bool good = server && sip_status(s) == 401;
	if (good)
		snprintf(ue.server, sizeof(ue.server), "%s", server);
	sip_free(s);
	return good;
}

static bool try_register(void)
{
	char verify[1100];
	if (!try_challenge())
		return false;
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", ue.server);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, verify);
	struct sip *request = core_receive();
	if (!request)
		return false;
	core_answer(request, 200, ok_headers(&ue, 600));
	return ue_status(ue.us_fd) == 200;
}

/* After a while it is as if nothing had been, but for what is registered. */
static void expect_recovery(void)
{
	scarce_rest();
	edge_pass(LONG_MS);
	scarce_edge_forget(&ue);
	EXPECT_EQ(edge_stat("txn"), 0);
	EXPECT_EQ(edge_stat("sets_temporary"), 0);
	EXPECT_EQ(edge_stat("sets_old"), 0);
	EXPECT_EQ(edge_stat("sets_ending"), 0);
	EXPECT_LE(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("ues"), edge_stat("sets_established"));
	EXPECT_EQ(edge_stat("dataplane_ready"), 1);
	ue_renew(&ue, (uint16_t)(ue.uc + 2));
	EXPECT_TRUE(try_register());
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("ues"), 1);
}

TEST(scarce, registration_through_the_pcscf_leaves_nothing_behind)
{
	unsigned n = 1;
	for (; scarce_sweep(n); n++) {
		scarce_edge_start(&ue);
		scarce_begin();
		bool done = try_register();
		EXPECT_TRUE(done || scarce_has_failed());
		expect_recovery();
		edge_stop();
	}
	EXPECT_GT(n, 30);
}

/* Who looks for a peer that speaks no SIP is not to find one that does. */
TEST(scarce, message_that_found_no_memory_is_not_called_malformed)
{
	uint64_t n_counted = 0;
	for (unsigned n = 1; scarce_sweep(n); n++) {
		scarce_edge_start(&ue);
		scarce_begin();
		ue_register(&ue, ue.clear, port_clear, auth_initial, "");
		sip_free(core_receive());
		n_counted += edge_stat("sip_no_memory");
		EXPECT_EQ(edge_stat("sip_malformed"), 0);
		expect_recovery();
		edge_stop();
	}
	EXPECT_GE(n_counted, 1);
}

TEST(scarce, deregistration_and_refresh_leave_nothing_behind)
{
	static const unsigned expires_s[] = { 0, 600 };
	for (unsigned i = 0; i < 2; i++)
		for (unsigned n = 1; scarce_sweep(n); n++) {
			scarce_edge_start(&ue);
			ue_attach(&ue);
			scarce_begin();
			char verify[1100];
			snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", ue.server);
			ue_register(&ue, ue.uc_fd, port_ps, auth_initial, verify);
			struct sip *request = core_receive();
			if (request)
				core_answer(request, 200, ok_headers(&ue, expires_s[i]));
			expect_recovery();
			edge_stop();
		}
}

/* What is not in a list is an orphan or forgotten: one that found no memory is no list. */
TEST(scarce, c093_sets_outlive_a_list_of_the_data_plane_that_found_no_memory)
{
	unsigned n = 1;
	for (; scarce_sweep(n); n++) {
		scarce_edge_start(&ue);
		ue_attach(&ue);
		dataplane_tunnel(7);
		scarce_begin();
		edge_restart();
		scarce_rest();
		edge_pass(2000);
		EXPECT_EQ(edge_stat("dataplane_ready"), 1);
		EXPECT_EQ(edge_stat("sets_old"), 1);
		EXPECT_EQ(dataplane_n_sets(), 1);
		EXPECT_EQ(asked.n_tunnel_deletes, 1); /* an orphan */
		edge_stop();
	}
	EXPECT_GT(n, 3);
}

/* From port_uc, to a user of the core or to the P-CSCF itself. */
static void ask_from(int fd, const char *method, const char *uri)
{
	char text[1024];
	snprintf(text, sizeof(text),
		 "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s:%u;branch=z9hG4bKi\r\n"
		 "From: <sip:u@" REALM ">;tag=1\r\nTo: <sip:b@" REALM ">\r\nCall-ID: i\r\n"
		 "CSeq: 1 %s\r\nMax-Forwards: 70\r\nContact: <sip:%s:%u>\r\n"
		 "Content-Length: 3\r\n\r\nabc",
		 method, uri, ue.host, ue.us, method, ue.host, ue.us);
	ue_send(&ue, fd, port_ps, text);
}

static void ask(const char *method, const char *uri)
{
	ask_from(ue.uc_fd, method, uri);
}

/* What a refresh has to say anew is not forgotten before there is room for it. */
TEST(scarce, c084_registration_and_old_set_outlive_a_success_that_could_not_be_taken)
{
	for (unsigned challenged = 0; challenged < 2; challenged++)
		for (unsigned n = 1; scarce_sweep(n); n++) {
			scarce_edge_start(&ue);
			ue_attach(&ue);
			int fd = ue.uc_fd;
			if (challenged)
				fd = ue_reauthenticate(&ue);
			scarce_begin();
			ue_register(&ue, ue.uc_fd, port_ps,
				    challenged ? auth_response : auth_initial, ue_verify(&ue));
			struct sip *request = core_receive();
			if (request)
				core_answer(request, 200, ok_headers(&ue, 600));
			int status = ue_status(ue.us_fd);
			scarce_rest();
			EXPECT_TRUE(status != 500 || edge_stat("sets_old") == 0);
			ask_from(fd, "MESSAGE", "sip:b@" REALM);
			request = core_receive();
			EXPECT_TRUE(request != NULL);
			sip_free(request);
			edge_stop();
		}
}

TEST(scarce, request_of_a_ue_is_forwarded_or_answered_or_forgotten)
{
	char own[64];
	for (unsigned i = 0; i < 2; i++)
		for (unsigned n = 1; scarce_sweep(n); n++) {
			scarce_edge_start(&ue);
			snprintf(own, sizeof(own), "sip:127.0.0.1:%u", port_ps);
			ue_attach(&ue);
			scarce_begin();
			ask(i ? "OPTIONS" : "INVITE", i ? own : "sip:b@" REALM);
			struct sip *request = core_receive();
			if (request)
				core_answer(request, 486, "");
			expect_recovery();
			edge_stop();
		}
}

/* A connection of the UE, and on it a REGISTER in two halves. */
static int connect_and_register(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *text = ue_register_text(&ue, auth_initial, true, "Content-Length: 0\r\n");
	size_t half = strlen(text) / 2;
	memcpy(strstr(text, "/UDP"), "/TCP", 4);
	inet_pton(AF_INET, ue.host, &name.sin_addr);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	name.sin_port = htons(port_clear);
	inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
	EXPECT_EQ(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	edge_turn();
	send(fd, text, half, MSG_NOSIGNAL);
	edge_turn();
	send(fd, text + half, strlen(text) - half, MSG_NOSIGNAL);
	edge_turn();
	free(text);
	return fd;
}

TEST(scarce, tcp_connection_is_served_or_closed)
{
	for (unsigned n = 1; scarce_sweep(n); n++) {
		scarce_edge_start(&ue);
		scarce_begin();
		int fd = connect_and_register();
		struct sip *request = core_receive();
		if (request)
			core_answer(request, 403, "");
		scarce_rest();
		close(fd);
		edge_turn();
		EXPECT_EQ(edge_stat("tcp_connections"), 0);
		fd = connect_and_register();
		request = core_receive();
		EXPECT_TRUE(request != NULL); /* the next one is served */
		sip_free(request);
		close(fd);
		expect_recovery();
		edge_stop();
	}
}
