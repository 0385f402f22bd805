#include "test/shim/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip_route.h"
#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;

static void begin(void)
{
	edge_start("two-pairs", "no");
	ue_open(&ue, 2, 14001, 14002);
}

static const char *request(const char *method, const char *to_tag, const char *headers)
{
	static char text[4096];
	ue.n_sent++;
	snprintf(text, sizeof(text),
		 "%s sip:v@" REALM " SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %s:14002;branch=z9hG4bKr%u\r\n"
		 "From: <sip:u@" REALM ">;tag=1\r\nTo: <sip:v@" REALM ">%s\r\nCall-ID: r\r\n"
		 "CSeq: %u %s\r\nMax-Forwards: 70\r\n%s\r\n",
		 method, ue.host, ue.n_sent, to_tag, ue.n_sent, method, headers);
	return text;
}

static void from_ue(const char *method, const char *to_tag, const char *headers)
{
	ue_send(&ue, ue.uc_fd, port_ps, request(method, to_tag, headers));
}

TEST(pcscf, c060_unprotected_port_takes_nothing_but_register)
{
	static const char *const methods[] = { "MESSAGE", "OPTIONS", "SUBSCRIBE", "BYE" };
	begin();
	ue_attach(&ue);
	for (unsigned i = 0; i < 4; i++) {
		test_context("%s", methods[i]);
		char *text = strdup(request(methods[i], "", ""));
		memcpy(strstr(text, ":14002"), ":15060", 6);
		ue_send(&ue, ue.clear, port_clear, text);
		free(text);
		EXPECT_EQ(ue_status(ue.clear), 403);
		EXPECT_TRUE(core_receive() == NULL);
	}
	edge_stop();
}

TEST(pcscf, c060_clear_cancel_does_not_end_a_protected_call)
{
	char clear[4096];
	begin();
	ue_attach(&ue);
	from_ue("INVITE", "", "");
	EXPECT_EQ(ue_status(ue.us_fd), 100);
	core_answer(core_receive(), 180, "");
	EXPECT_EQ(ue_status(ue.us_fd), 180);
	ue.n_sent--; /* the same branch: RFC 3261 9.1 */
	snprintf(clear, sizeof(clear), "%s", request("CANCEL", "", ""));
	ue_send(&ue, ue.clear, port_clear, clear);
	EXPECT_TRUE(core_receive() == NULL);
	ue_send(&ue, ue.uc_fd, port_ps, clear);
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(sip_is(s, "CANCEL"));
	sip_free(s);
	edge_stop();
}

TEST(pcscf, what_is_refused_in_the_clear_takes_no_memory)
{
	char text[4096];
	begin();
	long long before = edge_stat("txn");
	for (unsigned i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "%s", request(i % 2 ? "MESSAGE" : "INVITE", "", ""));
		memcpy(strstr(text, ":14002"), ":15060", 6);
		ue_send(&ue, ue.clear, port_clear, text);
	}
	char *without_agreement = ue_register_text(&ue, auth_initial, false, "");
	ue_send(&ue, ue.clear, port_clear, without_agreement);
	free(without_agreement);
	ue_register(&ue, ue.clear, port_clear, "Digest", "");
	EXPECT_EQ(edge_stat("txn"), before);
	edge_stop();
}

TEST(pcscf, c092_temporary_set_takes_nothing_but_register)
{
	begin();
	ue_challenge(&ue);
	from_ue("MESSAGE", "", "");
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	EXPECT_TRUE(core_receive() == NULL);
	edge_stop();
}

TEST(pcscf, c047_message_on_a_protected_port_without_a_set_is_not_answered)
{
	struct ue_sim stranger;
	begin();
	ue_attach(&ue);
	ue_open(&stranger, 3, 14001, 14002);
	ue_send(&stranger, stranger.uc_fd, port_ps, request("MESSAGE", "", ""));
	ue_send(&stranger, stranger.us_fd, port_pc_first, request("MESSAGE", "", ""));
	EXPECT_EQ(ue_status(stranger.us_fd), 0);
	EXPECT_EQ(ue_status(stranger.uc_fd), 0);
	EXPECT_EQ(ue_status(ue.us_fd), 0);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("sip_unidentified"), 2);
	edge_stop();
}

TEST(pcscf, c112_c113_c116_identity_is_the_registrations)
{
	static const struct {
		const char *preferred;
		const char *asserted;
	} rows[] = {
		{ "", "<sip:u@" REALM ">" },
		{ "P-Preferred-Identity: <sip:second@" REALM ">\r\n", "<sip:second@" REALM ">" },
		{ "P-Preferred-Identity: <sip:other@" REALM ">, <tel:+1-234>\r\n", "<tel:+1234>" },
		{ "P-Preferred-Identity: <sip:victim@" REALM ">\r\n", "<sip:u@" REALM ">" },
		{ "P-Asserted-Identity: <sip:victim@" REALM ">\r\n", "<sip:u@" REALM ">" },
		{ "P-Preferred-Identity: \"\"\"\r\n", "<sip:u@" REALM ">" },
	};
	begin();
	ue_attach(&ue);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].preferred);
		from_ue("MESSAGE", "", rows[i].preferred);
		struct sip *s = core_receive();
		ASSERT_TRUE(s != NULL);
		EXPECT_STREQ(sip_header(s, "P-Asserted-Identity", 0), rows[i].asserted);
		EXPECT_TRUE(sip_header(s, "P-Asserted-Identity", 1) == NULL);
		EXPECT_TRUE(sip_header(s, "P-Preferred-Identity", 0) == NULL);
		sip_free(s);
	}
	edge_stop();
}

/* RFC 3325 9.2: one value, or a sip or sips and a tel URI; what is not so is no hint. */
TEST(pcscf, c116b_a_hint_of_any_other_number_or_kind_of_values_is_none)
{
	static const struct {
		const char *preferred;
		const char *asserted;
	} rows[] = {
		{ "<sip:second@" REALM ">", "<sip:second@" REALM ">" },
		{ "sip:second@" REALM, "<sip:second@" REALM ">" },
		{ "<tel:+1234>", "<tel:+1234>" },
		{ "<tel:+1234>, <sip:second@" REALM ">", "<tel:+1234>" },
		{ "<sip:second@" REALM ">\r\nP-Preferred-Identity: <tel:+1234>",
		  "<sip:second@" REALM ">" },
		{ "<sips:second@" REALM ">, <tel:+1234>", "<tel:+1234>" },
		{ "<sip:second@" REALM ">, <sip:u@" REALM ">", "<sip:u@" REALM ">" },
		{ "<sip:second@" REALM ">, <sips:second@" REALM ">", "<sip:u@" REALM ">" },
		{ "<tel:+1234>, <tel:+1234>", "<sip:u@" REALM ">" },
		{ "<sip:second@" REALM ">, <tel:+1234>, <tel:+1234>", "<sip:u@" REALM ">" },
		{ "<sip:second@" REALM ">\r\nP-Preferred-Identity: <tel:+1234>, <tel:+1>",
		  "<sip:u@" REALM ">" },
		{ "<sip:second@" REALM ">, <mailto:second@" REALM ">", "<sip:u@" REALM ">" },
		{ "<http://second@" REALM ">", "<sip:u@" REALM ">" },
		{ "<sip:second@" REALM, "<sip:u@" REALM ">" },
	};
	begin();
	ue_attach(&ue);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[512];
		test_context("%s", rows[i].preferred);
		snprintf(line, sizeof(line), "P-Preferred-Identity: %s\r\n", rows[i].preferred);
		from_ue("MESSAGE", "", line);
		struct sip *s = core_receive();
		ASSERT_TRUE(s != NULL);
		EXPECT_STREQ(sip_header(s, "P-Asserted-Identity", 0), rows[i].asserted);
		EXPECT_TRUE(sip_header(s, "P-Asserted-Identity", 1) == NULL);
		EXPECT_TRUE(sip_header(s, "P-Preferred-Identity", 0) == NULL);
		sip_free(s);
	}
	edge_stop();
}

TEST(pcscf, c141b_c058_route_is_the_service_route_whatever_was_asked)
{
	begin();
	ue_attach(&ue);
	from_ue("MESSAGE", "",
		"Route: <sip:127.0.0.66:9;lr>\r\nRequire: sec-agree\r\nProxy-Require: sec-agree\r\n"
		"Security-Verify: x\r\n");
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_route(s, 0)->username, "orig");
	EXPECT_TRUE(sip_route(s, 1) == NULL);
	EXPECT_TRUE(sip_header(s, "Require", 0) == NULL);
	EXPECT_TRUE(sip_header(s, "Security-Verify", 0) == NULL);
	core_answer(s, 200, "P-Charging-Vector: icid-value=1\r\n");
	s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	EXPECT_TRUE(sip_header(s, "P-Charging-Vector", 0) == NULL);
	EXPECT_TRUE(sip_via(s, 1) == NULL);
	sip_free(s);
	edge_stop();
}

TEST(pcscf, c117_next_hop_inside_a_dialog_must_be_known_from_registration)
{
	begin();
	ue_attach(&ue);
	from_ue("BYE", ";tag=2", "Route: <sip:127.0.0.66:9;lr>\r\n");
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	from_ue("BYE", ";tag=2", "");
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	EXPECT_TRUE(core_receive() == NULL);
	edge_stop();
}

/* A request of the core for the UE whose Path the last REGISTER told. */
static void from_core(const char *method, const char *path, const char *headers)
{
	char text[4096];
	ue.n_sent++;
	snprintf(text, sizeof(text),
		 "%s sip:%s:14002 SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKc%u;rport\r\nRoute: %s\r\n"
		 "From: <sip:v@" REALM ">;tag=1\r\nTo: <sip:u@" REALM ">\r\nCall-ID: t\r\n"
		 "CSeq: %u %s\r\nMax-Forwards: 70\r\n%s\r\n",
		 method, ue.host, 1, ue.n_sent, path, ue.n_sent, method, headers);
	core_send(text);
}

/* Attaches, and keeps the Path of SM8. */
static void attach(char *path, size_t path_bytes)
{
	char verify[1100];
	ue_challenge(&ue);
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", ue.server);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, verify);
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	snprintf(path, path_bytes, "%s", sip_header(s, "Path", 0));
	core_answer(s, 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.us_fd), 200);
}

TEST(pcscf, c141a_request_of_the_core_leaves_pc_to_us_and_is_answered_uc_to_ps)
{
	char path[256], text[4096];
	uint16_t from;
	begin();
	attach(path, sizeof(path));
	from_core("MESSAGE", path, "P-Asserted-Identity: <sip:v@x>\r\nP-Charging-Vector: x\r\n");
	struct sip *s = ue_receive(ue.us_fd, &from);
	ASSERT_TRUE(s != NULL);
	EXPECT_GE(from, port_pc_first);
	EXPECT_TRUE(sip_route(s, 0) == NULL);
	EXPECT_TRUE(sip_header(s, "P-Asserted-Identity", 0) != NULL);
	EXPECT_TRUE(sip_header(s, "P-Charging-Vector", 0) == NULL);
	EXPECT_EQ(atoi(sip_via(s, 0)->port), port_ps);
	struct sip *r = sip_response(s, 200, NULL, "ue");
	sip_header_add(r, "P-Asserted-Identity", "<sip:evil@x>");
	char *bytes;
	size_t n;
	ASSERT_EQ(sip_print(r, &bytes, &n), 0);
	snprintf(text, sizeof(text), "%.*s", (int)n, bytes);
	ue_send(&ue, ue.uc_fd, port_ps, text);
	free(bytes);
	sip_free(r);
	sip_free(s);
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	EXPECT_TRUE(sip_header(s, "P-Asserted-Identity", 0) == NULL);
	sip_free(s);
	edge_stop();
}

TEST(pcscf, request_for_a_ue_that_is_not_there_is_answered_480)
{
	static const char *const paths[] = {
		"<sip:000000000000@127.0.0.1:1;lr>",
		"<sip:zz@127.0.0.1:1;lr>",
	};
	char path[256];
	begin();
	attach(path, sizeof(path));
	for (unsigned i = 0; i < 2; i++) {
		from_core("MESSAGE", paths[i], "");
		EXPECT_EQ(edge_stat("core_request_unknown_ue"), i + 1);
	}
	EXPECT_EQ(ue_status(ue.us_fd), 0);
	edge_stop();
}

TEST(pcscf, c086b_requests_go_over_the_old_set_until_the_new_one_is_used)
{
	char path[256], verify[1100];
	uint16_t before, from;
	begin();
	attach(path, sizeof(path));
	from_core("MESSAGE", path, "");
	sip_free(ue_receive(ue.us_fd, &before));
	int old = ue.uc_fd;
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", ue.server);
	ue_renew(&ue, 14003);
	ue_register(&ue, old, port_ps, auth_initial, verify);
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
	ue_answer_challenge(&ue, 600);
	from_core("MESSAGE", path, "");
	sip_free(ue_receive(ue.us_fd, &from));
	EXPECT_EQ(from, before);
	from_ue("MESSAGE", "", "");
	sip_free(core_receive());
	from_core("MESSAGE", path, "");
	sip_free(ue_receive(ue.us_fd, &from));
	EXPECT_NE(from, before);
	edge_stop();
}

TEST(pcscf, c093_restart_still_reaches_the_ue)
{
	char path[256];
	begin();
	attach(path, sizeof(path));
	edge_restart();
	from_core("MESSAGE", path, "");
	struct sip *s = ue_receive(ue.us_fd, NULL);
	EXPECT_TRUE(s && sip_is(s, "MESSAGE"));
	sip_free(s);
	edge_stop();
}

TEST(pcscf, retransmitted_request_goes_to_the_core_once)
{
	begin();
	ue_attach(&ue);
	char *text = strdup(request("MESSAGE", "", ""));
	ue_send(&ue, ue.uc_fd, port_ps, text);
	ue_send(&ue, ue.uc_fd, port_ps, text);
	core_answer(core_receive(), 200, "");
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	ue_send(&ue, ue.uc_fd, port_ps, text);
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	EXPECT_TRUE(core_receive() == NULL);
	free(text);
	edge_stop();
}

TEST(pcscf, request_that_went_too_far_or_round_is_refused)
{
	begin();
	ue_attach(&ue);
	char *text = strdup(request("MESSAGE", "", ""));
	memcpy(strstr(text, "Forwards: 70"), "Forwards: 00", 12);
	ue_send(&ue, ue.uc_fd, port_ps, text);
	free(text);
	EXPECT_EQ(ue_status(ue.us_fd), 483);
	edge_stop();
}
