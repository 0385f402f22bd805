#include "tools/ue/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/ue_fixture.h"

static struct ue_fixture x;

/* Of the result of the last run. */
static const char *first_reason(void)
{
	return x.fleet.result.n_reasons ? x.fleet.result.reason[0].text : "";
}

static const char *server(void)
{
	static char text[512];

	snprintf(text, sizeof(text), "Security-Server: " UE_FIXTURE_SERVER "\r\n", x.port_ps);
	return text;
}

static struct ue *begin(enum ue_misbehaviour how)
{
	if (!ue_fixture_open(&x, 2, how))
		return NULL;
	ue_fixture_run(&x, UE_REGISTER);
	return &x.fleet.ues[0];
}

static struct secagree_list client(void)
{
	struct secagree_list list = { 0 };

	EXPECT_EQ(secagree_read(&x.got, "Security-Client", &list), 0);
	return list;
}

/* The value of a parameter of Authorization, quotes and all, equals `expected`. */
static void expect_auth(const char *name, const char *expected)
{
	char text[600];

	snprintf(text, sizeof(text), "%s=%s", name, expected);
	test_context("%s", text);
	EXPECT_TRUE(strstr(x.text, text));
	test_context(NULL);
}

TEST(ue_register, c004_c048_c143_sm1_has_what_a_first_register_has)
{
	struct secagree_list list;

	ASSERT_TRUE(begin(UE_HONEST));
	ASSERT_TRUE(ue_fixture_take(&x, x.clear));
	EXPECT_TRUE(view_is(x.got.uri, "sip:home.test"));
	expect_auth("username", "\"u1@home.test\"");
	expect_auth("realm", "\"home.test\"");
	expect_auth("nonce", "\"\"");
	expect_auth("uri", "\"sip:home.test\"");
	expect_auth("response", "\"\"");
	EXPECT_TRUE(ue_fixture_has(&x, "Contact", "<sip:127.0.1.1:5062>"));
	EXPECT_TRUE(strstr(x.text, "Via: SIP/2.0/UDP 127.0.1.1:5060;"));
	EXPECT_TRUE(ue_fixture_has(&x, "Expires", "600000"));
	EXPECT_TRUE(ue_fixture_has(&x, "Supported", "path"));
	EXPECT_TRUE(ue_fixture_has(&x, "Require", "sec-agree"));
	EXPECT_TRUE(ue_fixture_has(&x, "Proxy-Require", "sec-agree"));
	list = client();
	ASSERT_EQ(list.n, 2);
	EXPECT_EQ(list.mechanism[0].suite, CRYPTO_HMAC_SHA1_NULL);
	EXPECT_EQ(list.mechanism[1].suite, CRYPTO_HMAC_MD5_AES_CBC);
	EXPECT_NE(list.mechanism[0].spi_c, list.mechanism[0].spi_s);
	EXPECT_EQ(list.mechanism[0].port_s, UE_PORT_US);
	ue_fixture_close(&x);
}

static void expect_response(const char *auth)
{
	char response[DIGEST_RESPONSE_SIZE], cnonce[9] = "", nonce[DIGEST_NONCE_SIZE];
	struct digest_input in = {
		.username = "u1@home.test",
		.realm = "home.test",
		.nonce = nonce,
		.method = "REGISTER",
		.uri = "sip:home.test",
		.qop = DIGEST_QOP_AUTH,
		.nc = "00000001",
		.cnonce = cnonce,
	};
	const char *at = strstr(auth, "cnonce=\"");

	ASSERT_TRUE(at);
	memcpy(cnonce, at + 8, 8);
	digest_encode_nonce(x.av.rand, x.av.autn, NULL, 0, nonce);
	EXPECT_EQ(digest_response(&in, x.av.xres, x.av.xres_bytes, response), 0);
	at = strstr(auth, "response=\"");
	ASSERT_TRUE(at);
	EXPECT_MEM(at + 10, response, 32);
}

TEST(ue_register, c055b_sm7_goes_through_the_new_set_with_both_lists_unchanged)
{
	char offer[512], verify[512];
	struct ue *u = begin(UE_HONEST);
	struct view v;

	ASSERT_TRUE(u);
	ASSERT_TRUE(ue_fixture_take(&x, x.clear));
	v = sip_header(&x.got, "Security-Client", 0);
	snprintf(offer, sizeof(offer), "%.*s", (int)v.bytes, v.at);
	ue_fixture_challenge(&x, u, false, server());
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	snprintf(verify, sizeof(verify), UE_FIXTURE_SERVER, x.port_ps);
	EXPECT_TRUE(ue_fixture_has(&x, "Security-Client", offer));
	EXPECT_TRUE(ue_fixture_has(&x, "Security-Verify", verify));
	EXPECT_TRUE(strstr(x.text, "Via: SIP/2.0/UDP 127.0.1.1:5062;")); /* C-143 */
	expect_response(x.text);
	EXPECT_TRUE(sa_find_outbound(x.fleet.bump.sas, 0, u->attempt.offer.port_c, x.port_ps));
	EXPECT_TRUE(sa_find_outbound(x.fleet.bump.sas, 0, UE_PORT_US, 6000));

	ue_fixture_answer(&x, u, false, 200, ""); /* in the clear: nobody's word */
	EXPECT_FALSE(u->current);
	ue_fixture_answer(&x, u, true, 200, "");
	EXPECT_TRUE(u->current);
	ue_fixture_close(&x);
}

/* TS 33.203 Annex M: both modes are offered, and what the P-CSCF lists decides. */
TEST(ue_register, c081_behind_a_nat_esp_goes_in_udp_and_the_ue_calls_itself_as_the_nat_does)
{
	char server_in_udp[512], *mode;
	struct secagree_list list;
	struct ue *u;

	ASSERT_TRUE(ue_fixture_open(&x, 1, UE_HONEST));
	x.fleet.options.nat = true;
	x.fleet.options.offered |= SECAGREE_IN_UDP;
	ue_fixture_run(&x, UE_REGISTER);
	u = &x.fleet.ues[0];
	ASSERT_TRUE(ue_fixture_take(&x, x.clear));
	list = client();
	ASSERT_EQ(list.n, 4);
	for (unsigned i = 0; i < list.n; i++) {
		EXPECT_EQ(list.mechanism[i].in_udp, i % 2);
		EXPECT_EQ(list.mechanism[i].suite, list.mechanism[i - i % 2].suite);
		EXPECT_EQ(list.mechanism[i].spi_c, list.mechanism[0].spi_c);
	}
	EXPECT_TRUE(strstr(x.text, "Via: SIP/2.0/UDP 127.0.1.1:5060;"));
	EXPECT_TRUE(strstr(x.text, ";rport\r\n")); /* RFC 3581 */
	snprintf(server_in_udp, sizeof(server_in_udp), "%s", server());
	mode = strstr(server_in_udp, "mod=trans");
	ASSERT_TRUE(mode);
	memmove(mode + 15, mode + 9, strlen(mode + 9) + 1);
	memcpy(mode, "mod=UDP-enc-tun", 15);
	x.received = "203.0.113.7";
	ue_fixture_challenge(&x, u, false, server_in_udp);
	x.received = NULL;
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	EXPECT_TRUE(sa_set_outbound(u->attempt.made->sas)->in_udp);
	EXPECT_TRUE(strstr(x.text, "Via: SIP/2.0/UDP 203.0.113.7:5062;"));
	EXPECT_FALSE(strstr(x.text, ";rport"));
	EXPECT_TRUE(ue_fixture_has(&x, "Contact", "<sip:203.0.113.7:5062>"));
	ue_fixture_answer(&x, u, true, 200, "");
	EXPECT_TRUE(u->current);
	ue_fixture_close(&x);
}

/* Once: a further challenge says that its answer does not count so. */
TEST(ue_register, c145_in_an_emergency_a_ue_without_agreement_answers_in_the_clear)
{
	static const unsigned status[] = { 200, 401 };

	for (unsigned i = 0; i < sizeof(status) / sizeof(*status); i++) {
		struct ue *u;

		test_context("%u", status[i]);
		ASSERT_TRUE(ue_fixture_open(&x, 1, UE_NO_AGREEMENT));
		x.fleet.options.emergency = true;
		ue_fixture_run(&x, UE_REGISTER);
		u = &x.fleet.ues[0];
		ASSERT_TRUE(ue_fixture_take(&x, x.clear));
		EXPECT_TRUE(ue_fixture_has(&x, "Contact", "<sip:127.0.1.1:5062;sos>"));
		EXPECT_FALSE(sip_header(&x.got, "Security-Client", 0).at);
		EXPECT_FALSE(sip_header(&x.got, "Require", 0).at);
		ue_fixture_challenge(&x, u, false, "");
		ASSERT_TRUE(ue_fixture_take(&x, x.clear));
		expect_response(x.text);
		if (status[i] == 200)
			ue_fixture_answer(&x, u, false, 200, "");
		else
			ue_fixture_challenge(&x, u, false, "");
		EXPECT_FALSE(ue_fixture_take(&x, x.clear));
		EXPECT_EQ(u->task, UE_IDLE);
		EXPECT_EQ(x.fleet.result.n_ok, status[i] == 200);
		EXPECT_STREQ(first_reason(), status[i] == 200 ? "" : "401");
		EXPECT_FALSE(u->current);
		ue_fixture_close(&x);
	}
	test_context(NULL);
}

TEST(ue_register, c055a_without_a_usable_security_server_it_gives_up)
{
	static const struct {
		const char *server, *reason;
	} rows[] = {
		{ "", "no-security-server" },
		{ "Security-Server: ipsec-3gpp; spi-c=1\r\n", "bad-security-server" },
		{ "Security-Server: ipsec-3gpp; q=0.5; spi-c=70000; spi-s=70001; port-c=1; "
		  "port-s=2; alg=hmac-sha-1-96, ipsec-3gpp; q=0.5; spi-c=70000; spi-s=70001; "
		  "port-c=1; port-s=2; alg=hmac-md5-96\r\n",
		  "equal-q" },
		{ "Security-Server: ipsec-3gpp; spi-c=70000; spi-s=70001; port-c=1; port-s=2; "
		  "alg=hmac-md5-96\r\n",
		  "no-common-algorithm" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct ue *u = begin(UE_HONEST);

		test_context("%s", rows[i].reason);
		ASSERT_TRUE(u);
		ASSERT_TRUE(ue_fixture_take(&x, x.clear));
		ue_fixture_challenge(&x, u, false, rows[i].server);
		EXPECT_STREQ(first_reason(), rows[i].reason);
		EXPECT_FALSE(ue_fixture_take(&x, x.protected));
		ue_fixture_close(&x);
	}
}

TEST(ue_register, c027a_a_wrong_mac_is_answered_in_the_clear_without_response_and_auts)
{
	struct ue *u = begin(UE_WRONG_MAC);

	ASSERT_TRUE(u);
	ASSERT_TRUE(ue_fixture_take(&x, x.clear));
	ue_fixture_challenge(&x, u, false, server());
	EXPECT_FALSE(ue_fixture_take(&x, x.protected));
	ASSERT_TRUE(ue_fixture_take(&x, x.clear));
	expect_auth("response", "\"\"");
	EXPECT_FALSE(strstr(x.text, "auts="));
	EXPECT_FALSE(strstr(x.text, "Security-Verify"));
	ue_fixture_answer(&x, u, false, 403, "");
	EXPECT_STREQ(first_reason(), "403");
	ue_fixture_close(&x);
}

TEST(ue_register, c031a_a_number_out_of_range_is_answered_with_auts_that_the_hss_takes)
{
	struct ue *u = begin(UE_OUT_OF_RANGE_SQN);
	const struct milenage_key key = { u->subscriber->k, u->subscriber->opc };
	uint8_t auts[AKA_AUTS_BYTES];
	char text[DIGEST_AUTS_SIZE] = "";
	const char *at;

	ASSERT_TRUE(ue_fixture_take(&x, x.clear));
	ue_fixture_challenge(&x, u, false, server());
	ASSERT_TRUE(ue_fixture_take(&x, x.clear));
	at = strstr(x.text, "auts=\"");
	ASSERT_TRUE(at);
	memcpy(text, at + 6, DIGEST_AUTS_SIZE - 1);
	ASSERT_EQ(digest_decode_auts(text, auts), 0);
	ASSERT_EQ(aka_resync(x.fleet.milenage, &key, x.av.rand, auts, &x.sqn), 0);
	ue_fixture_challenge(&x, u, false, server());
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	expect_response(x.text);
	ue_fixture_close(&x);
}

TEST(ue_register, c001_a_200_without_a_challenge_is_no_registration)
{
	struct ue *u = begin(UE_HONEST);

	ASSERT_TRUE(u);
	ASSERT_TRUE(ue_fixture_take(&x, x.clear));
	ue_fixture_answer(&x, u, false, 200, "");
	EXPECT_STREQ(first_reason(), "unchallenged");
	EXPECT_FALSE(u->current);
	ue_fixture_close(&x);
}

/* Both UEs, one after the other: concurrency is 1. */
static bool register_both(void)
{
	return begin(UE_HONEST) && ue_fixture_register(&x, 0) && ue_fixture_register(&x, 1) &&
	       x.done && x.fleet.result.n_ok == 2;
}

TEST(ue_register, c091_a_new_authentication_keeps_port_us_and_takes_another_port_uc)
{
	struct ue *u;
	struct agreement *old;

	ASSERT_TRUE(register_both());
	u = &x.fleet.ues[0];
	old = u->current;
	ue_fixture_run(&x, UE_REREGISTER);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	expect_auth("nonce", "\"\"");
	EXPECT_EQ(client().mechanism[0].port_s, UE_PORT_US);
	EXPECT_NE(client().mechanism[0].port_c, old->port_uc);
	ue_fixture_challenge(&x, u, true, server());
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	ue_fixture_answer(&x, u, true, 200, "");
	EXPECT_TRUE(u->current != old);
	EXPECT_NE(u->current->port_uc, old->port_uc);
	EXPECT_TRUE(u->retired == old); /* C-086: still there for its last messages */
	ue_fixture_close(&x);
}

TEST(ue_register, c053b_a_port_uc_that_is_still_taken_is_replaced_by_the_next)
{
	struct ue *u = begin(UE_HONEST);
	uint16_t port;

	ASSERT_TRUE(u);
	ASSERT_TRUE(ue_fixture_take(&x, x.clear));
	port = client().mechanism[0].port_c;
	ue_fixture_answer(&x, u, false, 400, "");
	ASSERT_TRUE(ue_fixture_take(&x, x.clear));
	EXPECT_NE(client().mechanism[0].port_c, port);
	for (unsigned i = 0; i < 3; i++) { /* but not for ever */
		EXPECT_FALSE(x.fleet.result.n_failed);
		ue_fixture_answer(&x, u, false, 400, "");
		ue_fixture_take(&x, x.clear);
	}
	EXPECT_STREQ(first_reason(), "400");
	ue_fixture_close(&x);
}

/* The refusal comes over the old set, or in the clear when there is none: C-087 (b). */
TEST(ue_register, c087_after_a_refused_response_the_new_set_is_gone_and_the_old_one_stays)
{
	struct agreement *old;
	uint16_t port_uc;
	struct ue *u;

	ASSERT_TRUE(register_both());
	u = &x.fleet.ues[0];
	old = u->current;
	ue_fixture_run(&x, UE_REREGISTER);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	ue_fixture_challenge(&x, u, true, server());
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	port_uc = u->attempt.offer.port_c;
	EXPECT_NE(port_uc, old->port_uc);
	EXPECT_TRUE(sa_find_outbound(x.fleet.bump.sas, 0, port_uc, x.port_ps));
	test_context("in the clear it is nobody's word: there is an old set");
	ue_fixture_answer(&x, u, false, 403, "");
	EXPECT_TRUE(sa_find_outbound(x.fleet.bump.sas, 0, port_uc, x.port_ps));
	test_context("over the old set");
	ue_fixture_answer(&x, u, true, 403, "");
	EXPECT_FALSE(sa_find_outbound(x.fleet.bump.sas, 0, port_uc, x.port_ps));
	EXPECT_TRUE(u->current == old);
	EXPECT_TRUE(sa_find_outbound(x.fleet.bump.sas, 0, old->port_uc, x.port_ps));
	ue_fixture_close(&x);
}

TEST(ue_register, c088_a_refresh_without_challenge_keeps_the_set_and_wastes_no_spi)
{
	struct ue *u;
	struct agreement *old;

	ASSERT_TRUE(register_both());
	u = &x.fleet.ues[0];
	old = u->current;
	ue_fixture_run(&x, UE_REREGISTER);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	ue_fixture_answer(&x, u, true, 200, "");
	EXPECT_TRUE(u->current == old);
	EXPECT_EQ(u->attempt.offer.spi_c, 0);
	ue_fixture_close(&x);
}

TEST(ue_register, c089_after_deregistration_the_set_waits_for_its_last_messages)
{
	struct ue *u;

	ASSERT_TRUE(register_both());
	u = &x.fleet.ues[0];
	ue_fixture_run(&x, UE_DEREGISTER);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	EXPECT_TRUE(ue_fixture_has(&x, "Expires", "0"));
	ue_fixture_answer(&x, u, true, 200, "");
	EXPECT_FALSE(u->current);
	EXPECT_TRUE(u->retired);
	ue_fixture_close(&x);
}

static void on_end(void *context)
{
	*(bool *)context = true;
}

TEST(ue_fleet, a_run_over_some_ues_ends_when_so_many_were_done)
{
	bool ended = false;

	ASSERT_TRUE(ue_fixture_open(&x, 2, UE_HONEST));
	fleet_run_some(&x.fleet, UE_REGISTER, 1, on_end, &ended);
	ue_fixture_step(&x);
	EXPECT_FALSE(ended);
	ASSERT_TRUE(ue_fixture_register(&x, 0));
	EXPECT_TRUE(ended);
	EXPECT_EQ(fleet_count_registered(&x.fleet), 1u);
	EXPECT_FALSE(ue_fixture_take(&x, x.clear));
	ue_fixture_close(&x);
}

/* Concurrency is 1, and nobody answers the first. */
TEST(ue_fleet, a_storm_waits_for_its_clock_and_for_no_ue)
{
	bool ended = false;

	ASSERT_TRUE(register_both());
	fleet_storm(&x.fleet, 1000, on_end, &ended);
	ue_fixture_step(&x);
	EXPECT_FALSE(ue_fixture_take(&x, x.protected));
	x.fleet.started_us -= UINT64_C(600000000);
	run_tick(-1, 0, &x.fleet);
	EXPECT_TRUE(ue_fixture_take(&x, x.protected));
	EXPECT_FALSE(ue_fixture_take(&x, x.protected));
	x.fleet.started_us -= UINT64_C(600000000);
	run_tick(-1, 0, &x.fleet);
	EXPECT_TRUE(ue_fixture_take(&x, x.protected));
	EXPECT_FALSE(ended);
	ue_fixture_close(&x);
}

/* One request of traffic after the other until both kinds were seen. */
TEST(ue_talk, c141b_requests_carry_the_service_route_and_the_default_identity)
{
	char route[128];

	ASSERT_TRUE(register_both());
	snprintf(route, sizeof(route), "<sip:127.0.0.1:%u;lr>, <sip:scscf.home.test;lr>",
		 x.port_ps);
	x.fleet.task = UE_OPTIONS; /* as in traffic, without its clock */
	x.fleet.n_busy = 1;
	x.fleet.message_bytes = FLEET_MESSAGE_BYTES;
	ue_start(&x.fleet.ues[0], UE_MESSAGE, &x.fleet.ues[1]);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	EXPECT_TRUE(view_is(x.got.uri, "sip:default@home.test"));
	EXPECT_TRUE(ue_fixture_has(&x, "Route", route));
	EXPECT_TRUE(ue_fixture_has(&x, "P-Preferred-Identity", "<sip:default@home.test>"));
	EXPECT_TRUE(sip_header(&x.got, "Security-Verify", 0).at);
	EXPECT_EQ(x.got.body.bytes, FLEET_MESSAGE_BYTES);
	ue_fixture_close(&x);
}

TEST(ue_talk, c060_a_request_in_the_clear_is_not_answered)
{
	static const char message[] =
		"MESSAGE sip:127.0.1.1 SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=a\r\n"
		"From: <sip:b>;tag=1\r\nTo: <sip:c>\r\nCall-ID: 1\r\n"
		"CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n";
	char bytes[sizeof(message)];

	ASSERT_TRUE(register_both());
	memcpy(bytes, message, sizeof(message));
	ue_receive(&x.fleet.ues[0], bytes, sizeof(message) - 1, false, NULL);
	EXPECT_FALSE(ue_fixture_take(&x, x.clear));
	EXPECT_FALSE(ue_fixture_take(&x, x.protected));
	for (unsigned i = 0; i < 2; i++) { /* repeated: answered again, counted once */
		memcpy(bytes, message, sizeof(message));
		ue_receive(&x.fleet.ues[0], bytes, sizeof(message) - 1, true, NULL);
		ASSERT_TRUE(ue_fixture_take(&x, x.protected));
		EXPECT_EQ(x.got.status, 200);
		EXPECT_TRUE(ue_fixture_has(&x, "Via", "SIP/2.0/UDP p;branch=a"));
	}
	EXPECT_EQ(x.fleet.talk.n_messages_received, 1);
	ue_fixture_close(&x);
}
