/*
 * No memory, at any one place, for what a P-CSCF hears by the event package reg, and for what it
 * keeps in its state file: nothing crashes, nothing stays behind, and what was answered is so.
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

/* --- reg event --- */

/* The network ends the registration in the dialog of this SUBSCRIBE. */
static void send_end(const struct sip *subscribe)
{
	char text[4096], document[1024], call_id[64], *route;
	ASSERT_EQ(osip_uri_to_str(sip_contact(subscribe, 0)->url, &route), 0);
	sip_call_id(subscribe, call_id, sizeof(call_id));
	snprintf(document, sizeof(document),
		 "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"0\" state=\"full\">"
		 "<registration aor=\"sip:u@" REALM "\" id=\"1\" state=\"terminated\">"
		 "<contact id=\"2\" state=\"terminated\" event=\"rejected\"><uri>sip:%s:%u</uri>"
		 "</contact></registration></reginfo>",
		 ue.host, ue.us);
	snprintf(text, sizeof(text),
		 "NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKn\r\n"
		 "Max-Forwards: 70\r\nFrom: <sip:u@" REALM ">;tag=core\r\n"
		 "To: <sip:p@x>;tag=%s\r\nCall-ID: %s\r\nCSeq: 1 NOTIFY\r\nEvent: reg\r\n"
		 "Contact: <sip:127.0.0.1:9>\r\nSubscription-State: active;expires=600000\r\n"
		 "Content-Type: application/reginfo+xml\r\nContent-Length: %zu\r\n\r\n%s",
		 route, port_icscf, sip_from_tag(subscribe), call_id, strlen(document), document);
	osip_free(route);
	core_send(text);
}

/* A registration, what the P-CSCF asks for then, and what it hears; the status of its answer. */
static int register_and_hear(void)
{
	int status = 0;
	scarce_begin();
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	struct sip *request = core_receive();
	if (!request)
		return 0;
	core_answer(request, 200, ok_headers(&ue, 600));
	struct sip *subscribe = core_receive();
	if (!subscribe)
		return 0;
	EXPECT_TRUE(sip_is(subscribe, "SUBSCRIBE"));
	send_end(subscribe); /* before its answer, as RFC 6665 4.1.2.4 allows */
	core_answer(subscribe, 200, "Contact: <sip:127.0.0.1:9>\r\nExpires: 600000\r\n");
	struct sip *answer = core_receive();
	if (answer)
		status = sip_status(answer);
	sip_free(answer);
	return status;
}

TEST(scarce, subscription_of_the_pcscf_and_what_it_hears_leave_nothing_behind)
{
	unsigned n = 1;
	edge_watch(true);
	for (; scarce_sweep(n); n++) {
		scarce_edge_start(&ue);
		ue_challenge(&ue);
		int status = register_and_hear();
		EXPECT_TRUE(status == 200 || scarce_has_failed());
		scarce_rest();
		edge_pass(2 * LONG_MS + 60000); /* beyond the registration, whose end may be lost */
		scarce_edge_forget(&ue);
		EXPECT_EQ(edge_stat("txn"), 0);
		EXPECT_EQ(edge_stat("subscription"), 0);
		EXPECT_EQ(edge_stat("ues"), 0);
		ue_renew(&ue, (uint16_t)(ue.uc + 2));
		ue_attach(&ue);
		EXPECT_EQ(edge_stat("sets_established"), 1);
		edge_stop();
	}
	EXPECT_GT(n, 30);
	edge_watch(false);
}

/* Another program is where the tests of this process would be. */
TEST(scarce, edge_goes_out_of_the_way_of_another_program)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	edge_start("two-pairs", "no");
	uint16_t taken = port_ps;
	edge_stop();
	name.sin_port = htons(taken);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	scarce_edge_start(&ue);
	EXPECT_NE(port_ps, taken);
	ue_attach(&ue);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
	close(fd);
}

/* --- the state file --- */

TEST(scarce, c093_registration_that_was_answered_is_in_the_state_file)
{
	unsigned n = 1;
	for (; scarce_sweep(n); n++) {
		edge_keep_state();
		scarce_edge_start(&ue);
		ue_challenge(&ue);
		scarce_begin();
		ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
		struct sip *request = core_receive();
		if (request)
			core_answer(request, 200, ok_headers(&ue, 600));
		edge_pass(2000); /* a transaction that failed is tried again */
		bool registered = ue_status(ue.us_fd) == 200;
		EXPECT_TRUE(registered || scarce_has_failed());
		scarce_rest();
		edge_crash(1000);
		if (registered) {
			EXPECT_EQ(edge_stat("ues"), 1);
			EXPECT_EQ(edge_stat("sets_established"), 1);
		}
		edge_pass(LONG_MS);
		scarce_edge_forget(&ue);
		EXPECT_EQ(edge_stat("sets_temporary"), 0);
		EXPECT_LE(edge_stat("sets_established"), 1);
		EXPECT_EQ(dataplane_n_sets(), edge_stat("sets_established"));
		ue_renew(&ue, (uint16_t)(ue.uc + 2));
		ue_attach(&ue);
		edge_crash(1000);
		EXPECT_EQ(edge_stat("sets_established"), 1);
		edge_stop();
	}
	EXPECT_GT(n, 10);
}
