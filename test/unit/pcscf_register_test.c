/* A registration through the P-CSCF: what goes on to the core, what comes back, what is refused. */
#include "test/shim/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip_list.h"
#include "controlplane/sip_route.h"
#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;

static void begin(void)
{
	edge_start("two-pairs", "no");
	ue_open(&ue, 2, 14001, 14002);
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
	EXPECT_TRUE(core_hears_protected(s, "no"));
	EXPECT_FALSE(core_hears_protected(s, "yes"));
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
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(core_hears_protected(s, "yes"));
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
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
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
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(core_hears_protected(s, "no"));
	sip_free(s);
	test_context("a response to another challenge");
	ue_register(&ue, ue.uc_fd, port_ps,
		    "Digest username=\"u@" REALM "\", nonce=\"other\", response=\"00\"",
		    ue_verify(&ue));
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(core_hears_protected(s, "no"));
	sip_free(s);
	ue_answer_challenge(&ue, 600);
	test_context("row 2: a response on a set that no challenge belongs to any more");
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(core_hears_protected(s, "no"));
	sip_free(s);
	test_context("row 3: no response on the latest set");
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(core_hears_protected(s, "yes"));
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

TEST(pcscf, c042_sa_set_vouches_for_its_own_impi_alone)
{
	begin();
	ue_attach(&ue);
	ue_register(&ue, ue.uc_fd, port_ps,
		    "Digest username=\"victim@" REALM "\", nonce=\"\", response=\"\"",
		    ue_verify(&ue));
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("register_foreign_impi"), 1);
	edge_stop();
}
