#include "test/shim/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;

static void begin(void)
{
	edge_start("two-pairs", "no");
	ue_open(&ue, 2, 14001, 14002);
}

static const char *verify(const struct ue_sim *u)
{
	static char text[1100];
	snprintf(text, sizeof(text), "Security-Verify: %s\r\n", u->server);
	return text;
}

static bool says_protected(const struct sip *s, const char *value)
{
	char needle[64];
	snprintf(needle, sizeof(needle), "integrity-protected=\"%s\"", value);
	const char *line = sip_header(s, "Authorization", 0);
	return line && strstr(line, needle);
}

TEST(pcscf, c044_c058_c141a_c142_sm2_is_screened_and_says_where_it_came_from)
{
	begin();
	ue_register(
		&ue, ue.clear, port_clear,
		"Digest username=\"u@" REALM "\", nonce=\"\", response=\"\", "
		"Integrity-Protected=\"yes\"",
		"Route: <sip:127.0.0.1;lr>\r\nPath: <sip:evil>\r\nP-Visited-Network-ID: evil\r\n"
		"P-Asserted-Identity: <sip:evil@" REALM ">\r\n");
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(says_protected(s, "no"));
	EXPECT_FALSE(says_protected(s, "yes"));
	EXPECT_TRUE(sip_header(s, "Security-Client", 0) == NULL);
	EXPECT_TRUE(sip_header(s, "Proxy-Require", 0) == NULL);
	EXPECT_STREQ(sip_header(s, "Require", 0), "path");
	EXPECT_TRUE(strstr(sip_header(s, "Path", 0), "127.0.0.1") != NULL);
	EXPECT_TRUE(sip_header(s, "Path", 1) == NULL);
	EXPECT_STREQ(sip_header(s, "P-Visited-Network-ID", 0), "\"visited.example\"");
	EXPECT_TRUE(sip_header(s, "P-Charging-Vector", 0) != NULL);
	EXPECT_TRUE(sip_header(s, "P-Asserted-Identity", 0) == NULL);
	EXPECT_TRUE(sip_route(s, 0) == NULL);
	EXPECT_EQ(sip_header_number(s, "Max-Forwards", 0), 69);
	sip_free(s);
	edge_stop();
}

TEST(pcscf, c044_indicator_may_be_nothing_by_configuration)
{
	edge_start("two-pairs", "nothing");
	ue_open(&ue, 2, 14001, 14002);
	ue_register(&ue, ue.clear, port_clear,
		    "Digest username=\"u@" REALM "\", nonce=\"\", integrity-protected=\"yes\"", "");
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(strstr(sip_header(s, "Authorization", 0), "integrity") == NULL);
	sip_free(s);
	edge_stop();
}

TEST(pcscf, c069_sas_are_there_before_the_401_leaves)
{
	begin();
	dataplane_hold(true);
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	EXPECT_EQ(ue_status(ue.clear), 0);
	dataplane_hold(false);
	edge_turn();
	EXPECT_EQ(asked.n_installs, 1);
	EXPECT_EQ(ue_status(ue.clear), 401);
	edge_stop();
}

TEST(pcscf, c067_c068b_c083a_sa_set_is_that_of_wire_7)
{
	static const uint8_t zeros[12] = { 0 };
	uint8_t ik[16];
	begin();
	ue_challenge(&ue);
	ASSERT_EQ(asked.n_installs, 1);
	const struct api_set *set = &asked.installs[0];
	test_hex(IK, ik, sizeof(ik));
	EXPECT_EQ(set->integrity, API_HMAC_SHA1_96);
	EXPECT_EQ(set->cipher, API_CIPHER_NULL);
	EXPECT_EQ(set->auth_key_bytes, 20);
	EXPECT_MEM(set->auth_key, ik, 16);
	EXPECT_MEM(set->auth_key + 16, zeros, 4);
	EXPECT_EQ(set->cipher_key_bytes, 0);
	EXPECT_EQ(set->mode, API_TRANSPORT);
	EXPECT_EQ(set->lifetime_s, 240);
	uint16_t port_pc = 0;
	unsigned n_in = 0, n_out = 0;
	for (unsigned i = 0; i < API_SET_SAS; i++) {
		const struct api_sa *sa = &set->sa[i];
		bool at_ps = sa->local_port == port_ps;
		n_in += sa->direction == API_IN;
		n_out += sa->direction == API_OUT;
		EXPECT_EQ(sa->peer_port, at_ps ? ue.uc : ue.us);
		if (sa->direction == API_OUT)
			EXPECT_EQ(sa->spi, at_ps ? ue.spi_c : ue.spi_s);
		else
			EXPECT_EQ(sa->spi, 0);
		if (!at_ps)
			port_pc = sa->local_port;
	}
	EXPECT_EQ(n_in, 2);
	EXPECT_EQ(n_out, 2);
	EXPECT_GE(port_pc, port_pc_first);
	char ports[64];
	snprintf(ports, sizeof(ports), "port-c=%u; port-s=%u;", port_pc, port_ps);
	EXPECT_TRUE(strstr(ue.server, ports) != NULL);
	edge_stop();
}

TEST(pcscf, c068b_single_pair_is_one_sa_each_way)
{
	edge_start("single-pair", "no");
	ue_open(&ue, 2, 14001, 14002);
	ue_attach(&ue);
	const struct api_set *set = &asked.installs[0];
	unsigned n = 0;
	for (unsigned i = 0; i < API_SET_SAS; i++) {
		const struct api_sa *sa = &set->sa[i];
		n += sa->direction != 0;
		if (sa->direction == API_IN)
			EXPECT_EQ(sa->local_port, port_ps);
		if (sa->direction == API_OUT)
			EXPECT_EQ(sa->peer_port, ue.us);
	}
	EXPECT_EQ(n, 2);
	edge_stop();
}

TEST(pcscf, c042a_c080_c084_answered_challenge_establishes_the_set)
{
	uint16_t from;
	begin();
	ue_challenge(&ue);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, verify(&ue));
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(says_protected(s, "yes"));
	EXPECT_TRUE(sip_header(s, "Security-Verify", 0) == NULL);
	core_answer(s, 200, ok_headers(&ue, 600));
	s = ue_receive(ue.us_fd, &from);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	EXPECT_GE(from, port_pc_first);
	EXPECT_TRUE(sip_header(s, "Service-Route", 0) != NULL);
	sip_free(s);
	ASSERT_EQ(asked.n_updates, 1);
	EXPECT_EQ(asked.updates[0].registration, asked.installs[0].registration);
	EXPECT_EQ(asked.updates[0].lifetime_s, 630);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("sets_temporary"), 0);
	edge_stop();
}

TEST(pcscf, c056_changed_lists_are_answered_494_with_the_list_that_was_sent)
{
	static const char *const changes[][2] = {
		{ "alg=hmac-sha-1-96", "alg=hmac-sha-1-97" }, /* a value */
		{ "q=0.9", "q=0.7" },
		{ "; ealg=null", "" },                           /* a parameter */
		{ "ipsec-3gpp; q=0.9", "x, ipsec-3gpp; q=0.9" }, /* an entry more */
	};
	begin();
	ue_challenge(&ue);
	for (unsigned i = 0; i < 6; i++) {
		char line[2048];
		const char *at = i < 4 ? strstr(ue.server, changes[i][0]) : NULL;
		test_context("change %u", i);
		if (i < 4)
			snprintf(line, sizeof(line), "Security-Verify: %.*s%s%s\r\n",
				 (int)(at - ue.server), ue.server, changes[i][1],
				 at + strlen(changes[i][0]));
		else if (i == 4) /* the strong entry removed */
			snprintf(line, sizeof(line), "Security-Verify: %s\r\n",
				 strstr(ue.server, ", ") + 2);
		else
			line[0] = '\0';
		ue_register(&ue, ue.uc_fd, port_ps, auth_response, line);
		EXPECT_TRUE(core_receive() == NULL);
		struct sip *s = ue_receive(ue.us_fd, NULL);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), 494);
		EXPECT_STREQ(sip_header(s, "Security-Server", 0), ue.server);
		EXPECT_TRUE(sip_option_has(s, "Require", "sec-agree"));
		sip_free(s);
	}
	test_context("another Security-Client");
	ue.spi_c++;
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, verify(&ue));
	EXPECT_EQ(ue_status(ue.us_fd), 494);
	ue.spi_c--;
	test_context("unchanged");
	ue_answer_challenge(&ue, 600);
	edge_stop();
}

TEST(pcscf, c057a_register_without_agreement_is_told_how)
{
	static const struct {
		const char *headers;
		int status;
	} rows[] = {
		{ "", 421 },
		{ "Supported: sec-agree\r\n", 494 },
		{ "Require: sec-agree\r\nProxy-Require: sec-agree\r\n", 494 },
		{ "Require: sec-agree\r\nSecurity-Client: tls;q=0.1\r\n", 494 },
		{ "Require: sec-agree\r\nSecurity-Client: ipsec-3gpp; spi-c=1000; spi-s=1001; "
		  "port-c=1; port-s=2; alg=hmac-sha-2\r\n",
		  494 }, /* C-059 a */
		{ "Require: sec-agree\r\nSecurity-Client: ipsec-3gpp;;\r\n", 400 },
	};
	begin();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].headers);
		char *text = ue_register_text(&ue, auth_initial, false, rows[i].headers);
		ue_send(&ue, ue.clear, port_clear, text);
		free(text);
		EXPECT_TRUE(core_receive() == NULL);
		struct sip *s = ue_receive(ue.clear, NULL);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), rows[i].status);
		if (rows[i].status != 400) {
			EXPECT_TRUE(sip_header(s, "Security-Server", 0) != NULL);
			EXPECT_TRUE(sip_option_has(s, "Require", "sec-agree"));
		}
		sip_free(s);
	}
	edge_stop();
}

TEST(pcscf, c057b_second_via_is_answered_502)
{
	begin();
	ue_register(&ue, ue.clear, port_clear, auth_initial, "Via: SIP/2.0/UDP 127.0.0.9\r\n");
	EXPECT_EQ(ue_status(ue.clear), 502);
	edge_stop();
}

TEST(pcscf, c053a_via_or_contact_of_another_address_is_refused)
{
	static const char *const fields[] = { "Via: SIP/2.0/UDP 127", "Contact: <sip:127" };
	begin();
	for (unsigned i = 0; i < 2; i++) {
		test_context("%s", fields[i]);
		char *text = ue_register_text(&ue, auth_initial, true, "");
		char *field = strstr(text, fields[i]);
		ASSERT_TRUE(field != NULL);
		field[strlen(fields[i]) - 1] = '6'; /* 126.… */
		ue_send(&ue, ue.clear, port_clear, text);
		free(text);
		EXPECT_TRUE(core_receive() == NULL);
		EXPECT_EQ(edge_stat("register_bad_address"), i + 1);
	}
	EXPECT_EQ(ue_status(ue.clear), 400); /* the answer goes to the source, whatever Via says */
	EXPECT_EQ(ue_status(ue.clear), 400);
	edge_stop();
}

TEST(pcscf, c053b_client_port_of_a_living_set_is_refused)
{
	begin();
	ue_attach(&ue);
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	EXPECT_EQ(ue_status(ue.clear), 400);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("register_port_in_use"), 1);
	edge_stop();
}

TEST(pcscf, c012b_challenge_without_keys_is_no_challenge)
{
	begin();
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401,
		    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", ck=\"" CK "\"\r\n");
	EXPECT_EQ(ue_status(ue.clear), 500);
	EXPECT_EQ(asked.n_installs, 0);
	edge_stop();
}

TEST(pcscf, c043_registers_on_the_wrong_set_are_not_protected)
{
	begin();
	ue_challenge(&ue);
	test_context("row 5: no response on the temporary set");
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, verify(&ue));
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(says_protected(s, "no"));
	sip_free(s);
	test_context("a response to another challenge");
	ue_register(&ue, ue.uc_fd, port_ps,
		    "Digest username=\"u@" REALM "\", nonce=\"other\", response=\"00\"",
		    verify(&ue));
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(says_protected(s, "no"));
	sip_free(s);
	ue_answer_challenge(&ue, 600);
	test_context("row 2: a response on a set that no challenge belongs to any more");
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, verify(&ue));
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(says_protected(s, "no"));
	sip_free(s);
	test_context("row 3: no response on the latest set");
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, verify(&ue));
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(says_protected(s, "yes"));
	sip_free(s);
	edge_stop();
}

TEST(pcscf, success_without_protection_never_reaches_the_ue)
{
	begin();
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.clear), 500);
	EXPECT_EQ(edge_stat("sets_established"), 0);
	edge_stop();
}

TEST(pcscf, c083b_next_challenge_ends_the_temporary_set_and_no_other)
{
	begin();
	ue_attach(&ue);
	ue_renew(&ue, 14003);
	ue_challenge(&ue);
	ue_renew(&ue, 14004);
	ue_challenge(&ue);
	EXPECT_EQ(asked.n_installs, 3);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[1].registration);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	edge_stop();
}

TEST(pcscf, c083b_of_challenges_that_overlap_one_temporary_set_stays)
{
	begin();
	dataplane_hold(true);
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	ue_renew(&ue, 14003);
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	dataplane_hold(false);
	edge_turn();
	ASSERT_EQ(asked.n_installs, 2);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[0].registration);
	edge_stop();
}

TEST(pcscf, c083a_temporary_set_ends_after_240_s)
{
	begin();
	ue_challenge(&ue);
	edge_pass(239000);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	edge_pass(2000);
	EXPECT_EQ(edge_stat("sets_temporary"), 0);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

TEST(pcscf, c085_success_that_began_unprotected_deletes_older_sets)
{
	begin();
	ue_attach(&ue);
	ue_renew(&ue, 14003);
	ue_attach(&ue);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[0].registration);
	EXPECT_EQ(asked.deletes[0].grace_s, 0);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}

/* A re-authentication over the set in use. The socket of the old port_uc is returned. */
static int reauthenticate(struct ue_sim *u)
{
	int old = u->uc_fd;
	char old_verify[1100];
	snprintf(old_verify, sizeof(old_verify), "%s", verify(u));
	ue_renew(u, (uint16_t)(u->uc + 2));
	ue_register(u, old, port_ps, auth_initial, old_verify);
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(u->us_fd, NULL);
	EXPECT_TRUE(s != NULL);
	if (s) {
		EXPECT_EQ(sip_status(s), 401);
		snprintf(u->server, sizeof(u->server), "%s", sip_header(s, "Security-Server", 0));
	}
	sip_free(s);
	return old;
}

TEST(pcscf, c086_c091_old_set_lives_until_the_new_one_is_used)
{
	begin();
	ue_attach(&ue);
	int old = reauthenticate(&ue);
	EXPECT_EQ(asked.installs[1].sa[0].local_port, port_ps);
	EXPECT_NE(asked.installs[1].sa[1].local_port, asked.installs[0].sa[1].local_port);
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(asked.n_deletes, 0);
	test_context("the old set is still accepted, as old: row 4");
	char *text = ue_register_text(&ue, auth_initial, false, "");
	ue_send(&ue, old, port_ps, text);
	free(text);
	EXPECT_EQ(ue_status(ue.us_fd), 494); /* without Security-Verify of that set */
	EXPECT_EQ(asked.n_deletes, 0);
	test_context("first message on the new set");
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, verify(&ue));
	sip_free(core_receive());
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[0].registration);
	EXPECT_EQ(asked.deletes[0].grace_s, 128);
	edge_pass(127000);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	edge_pass(2000);
	EXPECT_EQ(edge_stat("sets_old"), 0);
	edge_stop();
}

/* Whoever comes back with its old ports gets them from the data plane: the same number each time.
 */
TEST(pcscf, sets_of_one_subscriber_are_of_one_subject)
{
	begin();
	ue_attach(&ue);
	reauthenticate(&ue);
	ASSERT_EQ(asked.n_installs, 2);
	EXPECT_NE(asked.installs[0].subject, 0);
	EXPECT_EQ(asked.installs[1].subject, asked.installs[0].subject);
	edge_stop();
}

TEST(pcscf, c087_failure_ends_the_temporary_set_alone_and_is_told_over_the_old_one)
{
	uint16_t from;
	begin();
	ue_attach(&ue);
	reauthenticate(&ue);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, verify(&ue));
	core_answer(core_receive(), 403, "");
	struct sip *s = ue_receive(ue.us_fd, &from);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 403);
	const struct api_set *first = &asked.installs[0];
	EXPECT_EQ(from, first->sa[1].local_port == port_ps ? first->sa[2].local_port
							   : first->sa[1].local_port);
	sip_free(s);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[1].registration);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("authentication_failed"), 1);
	edge_stop();
}

TEST(pcscf, c087a_challenge_instead_of_a_verdict_ends_the_temporary_set)
{
	begin();
	ue_challenge(&ue);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, verify(&ue));
	core_answer(core_receive(), 401, challenge_headers);
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	EXPECT_EQ(edge_stat("sets_temporary"), 0);
	edge_pass(7000);
	EXPECT_EQ(edge_stat("ues"), 0);
	EXPECT_EQ(asked.n_installs, 1);
	edge_stop();
}

TEST(pcscf, c088_c090_refresh_extends_and_the_end_of_the_lifetime_deletes)
{
	begin();
	ue_attach(&ue);
	for (unsigned i = 1; i <= 3; i++) {
		edge_pass(500000);
		ue_register(&ue, ue.uc_fd, port_ps, auth_initial, verify(&ue));
		core_answer(core_receive(), 200, ok_headers(&ue, 600));
		EXPECT_EQ(ue_status(ue.us_fd), 200);
		ASSERT_EQ(asked.n_updates, i + 1);
		EXPECT_EQ(asked.updates[i].lifetime_s, 630);
	}
	EXPECT_EQ(edge_stat("refreshed"), 3);
	edge_pass(629000);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_pass(2000);
	EXPECT_EQ(edge_stat("sets_established"), 0);
	EXPECT_EQ(asked.n_deletes, 1);
	edge_stop();
}

TEST(pcscf, c089_deregistration_keeps_the_sas_for_128_s)
{
	begin();
	ue_attach(&ue);
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, verify(&ue));
	core_answer(core_receive(), 200, "");
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].grace_s, 128);
	EXPECT_EQ(edge_stat("sets_ending"), 1);
	edge_pass(129000);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

TEST(pcscf, c062_stranger_with_the_victims_impi_disturbs_nothing)
{
	struct ue_sim stranger;
	begin();
	ue_attach(&ue);
	ue_open(&stranger, 3, 14001, 14002);
	ue_challenge(&stranger);
	ue_register(&stranger, stranger.uc_fd, port_ps, auth_response, verify(&stranger));
	core_answer(core_receive(), 403, "");
	EXPECT_EQ(ue_status(stranger.us_fd), 403);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	for (unsigned i = 0; i < asked.n_deletes; i++)
		EXPECT_NE(asked.deletes[i].registration, asked.installs[0].registration);
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, verify(&ue));
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(says_protected(s, "yes"));
	sip_free(s);
	edge_stop();
}

TEST(pcscf, c054_sets_of_a_ue_are_bounded)
{
	begin();
	ue_attach(&ue);
	for (unsigned i = 0; i < 5; i++) {
		reauthenticate(&ue);
		ue_answer_challenge(&ue, 600);
		EXPECT_LE(edge_stat("sets_established") + edge_stat("sets_old") +
				  edge_stat("sets_temporary"),
			  3);
	}
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}

TEST(pcscf, data_plane_that_refuses_or_is_gone_means_503_and_later_again)
{
	begin();
	dataplane_answer(-ENOSPC);
	for (unsigned i = 0; i < 2; i++) {
		test_context("%s", i ? "gone" : "full");
		ue_register(&ue, ue.clear, port_clear, auth_initial, "");
		core_answer(core_receive(), 401, challenge_headers);
		struct sip *s = ue_receive(ue.clear, NULL);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), 503);
		EXPECT_TRUE(sip_header(s, "Retry-After", 0) != NULL);
		sip_free(s);
		EXPECT_EQ(edge_stat("ues"), 0);
		dataplane_leave();
	}
	edge_stop();
}

TEST(pcscf, data_plane_that_dies_in_between_means_503)
{
	begin();
	dataplane_hold(true);
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	dataplane_leave();
	EXPECT_EQ(ue_status(ue.clear), 503);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

TEST(pcscf, set_that_the_data_plane_ended_is_forgotten)
{
	begin();
	ue_attach(&ue);
	dataplane_expire(asked.installs[0].registration);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

TEST(pcscf, c093_restart_adopts_the_sets_and_the_next_register_is_challenged_over_them)
{
	begin();
	ue_attach(&ue);
	edge_restart();
	EXPECT_EQ(edge_stat("sets_old"), 1);
	EXPECT_EQ(asked.n_deletes, 0);
	int old = ue.uc_fd;
	ue_renew(&ue, 14003);
	ue_register(&ue, old, port_ps, auth_initial, "");
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(says_protected(s, "no")); /* whose set it is, nobody can tell */
	core_answer(s, 401, challenge_headers);
	s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	test_context("the first message on the new set ends the adopted one");
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, verify(&ue));
	sip_free(core_receive());
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[0].registration);
	edge_stop();
}

TEST(pcscf, c042_sa_set_vouches_for_its_own_impi_alone)
{
	begin();
	ue_attach(&ue);
	ue_register(&ue, ue.uc_fd, port_ps,
		    "Digest username=\"victim@" REALM "\", nonce=\"\", response=\"\"", verify(&ue));
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("register_foreign_impi"), 1);
	edge_stop();
}

/* The UE's REGISTER without an agreement, with parameters of its Contact's URI; sent, and freed. */
static void register_openly(const char *authorization, const char *params)
{
	char *text = ue_register_text(&ue, authorization, false, ""), more[4096];
	char *end = strstr(text, ">;expires=600");
	ASSERT_TRUE(end != NULL);
	snprintf(more, sizeof(more), "%.*s%s%s", (int)(end - text), text, params, end);
	free(text);
	ue_send(&ue, ue.clear, port_clear, more);
}

TEST(pcscf, c145_c057a_emergency_registration_passes_without_agreement_where_the_policy_lets_it)
{
	static const struct {
		const char *policy, *params;
		int status; /* 0: it passes */
	} rows[] = {
		{ "", ";sos", 421 },
		{ "  emergency_registration: protected\n", ";sos", 421 },
		{ "  emergency_registration: unprotected\n", ";sos", 0 },
		{ "  emergency_registration: unprotected\n", ";SOS", 0 },
		{ "  emergency_registration: unprotected\n", ";transport=udp;sos", 0 },
		{ "  emergency_registration: unprotected\n", "", 421 },
		{ "  emergency_registration: unprotected\n", ";sosx", 421 },
		{ "  emergency_registration: unprotected\n", ";x=sos", 421 },
		/* of the header, not of the URI */
		{ "  emergency_registration: unprotected\n", ">;sos;x=<", 421 },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("row %u", i);
		edge_start_with("two-pairs", "no", rows[i].policy);
		ue_open(&ue, 2, 14001, 14002);
		register_openly(auth_initial, rows[i].params);
		struct sip *s = core_receive();
		EXPECT_EQ(s == NULL, rows[i].status != 0);
		if (s)
			EXPECT_TRUE(says_protected(s, "no"));
		else
			EXPECT_EQ(ue_status(ue.clear), rows[i].status);
		sip_free(s);
		EXPECT_EQ(edge_stat("emergency_unprotected"), rows[i].status == 0);
		edge_stop();
	}
}

TEST(pcscf, c145_emergency_registration_in_the_clear_is_challenged_and_registers_nothing_else)
{
	edge_start_with("two-pairs", "no", "  emergency_registration: unprotected\n");
	ue_open(&ue, 2, 14001, 14002);
	register_openly(auth_initial, ";sos");
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(ue.clear, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 401);
	EXPECT_TRUE(strstr(sip_header(s, "WWW-Authenticate", 0), "nonce=\"n1\"") != NULL);
	EXPECT_TRUE(sip_header(s, "Security-Server", 0) == NULL);
	sip_free(s);
	EXPECT_EQ(asked.n_installs, 0);
	register_openly(auth_response, ";sos");
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(says_protected(s, "no")); /* the registrar's policy is its own */
	core_answer(s, 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.clear), 200);
	EXPECT_EQ(edge_stat("ues"), 0);
	test_context("what is no emergency is as ever: no 200 without protection");
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.clear), 500);
	edge_stop();
}

TEST(pcscf, c145_emergency_registration_with_an_agreement_gets_its_sas)
{
	edge_start_with("two-pairs", "no", "  emergency_registration: unprotected\n");
	ue_open(&ue, 2, 14001, 14002);
	char *text = ue_register_text(&ue, auth_initial, true, ""), sos[4096];
	char *end = strstr(text, ">;expires=600");
	ASSERT_TRUE(end != NULL);
	snprintf(sos, sizeof(sos), "%.*s;sos%s", (int)(end - text), text, end);
	free(text);
	ue_send(&ue, ue.clear, port_clear, sos);
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(ue.clear, NULL);
	ASSERT_TRUE(s != NULL);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
	EXPECT_EQ(asked.n_installs, 1);
	EXPECT_EQ(edge_stat("emergency_unprotected"), 0);
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}
